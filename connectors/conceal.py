"""Keeping secret values out of every text that leaves a client: log lines, errors, archived requests.

Belongs here: the process's list of secret values and their replacement. Does not belong here: where secrets
come from, and which fields of an answer are kept (`redaction.py`).
"""

import json
import logging
import re
import threading
from collections.abc import Iterable

MASK = "***"

_SECRET_PARAMETER = re.compile(
    r"(?i)([?&;](?:[a-z_\-]*(?:api[_\-]?key|token|password|passwd|secret|sandi)|key|pwd)=)[^&;#\s\"']*"
)

_lock = threading.Lock()
_known: frozenset[str] = frozenset()
_pattern: re.Pattern[str] | None = None


def _any_form(secret: str) -> str:
    """Regex for the secret with each character as it is, percent-encoded (in any choice) or as JSON writes it."""
    parts = []
    for character in secret:
        percent = "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
        forms = [re.escape(character), f"(?i:{percent})", re.escape(json.dumps(character)[1:-1])]
        if character == " ":
            forms.append(r"\+")
        parts.append(f"(?:{'|'.join(dict.fromkeys(forms))})")
    return "".join(parts)


def remember_secrets(values: Iterable[str]) -> None:
    """From now on hide these values, as they are and as they look in a URL or in JSON. Blank ones are ignored."""
    global _known, _pattern
    with _lock:
        new = {value for value in values if value.strip()} - _known
        if new:
            _known |= new
            # The longest first, so that a secret that begins with another one is hidden whole.
            longest_first = sorted(_known, key=lambda value: (-len(value), value))
            _pattern = re.compile("|".join(map(_any_form, longest_first)))


def conceal(text: str) -> str:
    """The text with every known secret, and every query value whose name says that it is one, replaced."""
    if _pattern is not None:
        text = _pattern.sub(MASK, text)
    return _SECRET_PARAMETER.sub(rf"\g<1>{MASK}", text) if "=" in text else text


def brief(text: str | None, length: int = 500) -> str:
    """A text for people who look at many of them: without secrets, on one line, at most `length` long."""
    shown = " ".join(conceal(text or "").split())
    return shown if len(shown) <= length else f"{shown[: length - 1]}…"


class _ConcealingFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = conceal(record.getMessage()), ()
        if record.exc_info:
            # A traceback can quote the URL; its text has been put into the message by then or is not needed.
            record.exc_info, record.exc_text = None, None
        return True


_filter = _ConcealingFilter()
for _name in ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry"):
    # urllib3 writes whole request targets at DEBUG and in some warnings.
    logging.getLogger(_name).addFilter(_filter)
