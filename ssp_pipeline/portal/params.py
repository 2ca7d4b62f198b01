"""Parameters of an action as clients send them: a query string, a form or JSON; texts where JSON has types.

Belongs here: reading one parameter with its type and bounds. Does not belong here: what it means.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

_TRUE = {"true", "1", "yes", "on", "t", "y"}
_FALSE = {"false", "0", "no", "off", "f", "n", ""}
BODY_LIMIT = 256 * 1024


class BadParameter(ValueError):
    """A parameter that cannot be used: `field` and what is wrong with it."""

    def __init__(self, field: str, message: str):
        super().__init__(message)
        self.field, self.message = field, message


class Params(dict[str, Any]):
    """Parameters by name. Every reader raises BadParameter."""

    def text(self, name: str, default: str = "") -> str:
        value = self.get(name)
        if value is None:
            return default
        if isinstance(value, str):
            return value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
        raise BadParameter(name, "harus teks")

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise BadParameter(name, "Missing value")
        return value

    def integer(self, name: str, default: int, *, most: int = 2**31 - 1, least: int = 0) -> int:
        """A whole number; above `most` it is `most`, as CKAN has it."""
        value = self.get(name)
        if value is None or value == "":
            return default
        try:
            number = int(value) if isinstance(value, str) else value
        except ValueError:
            number = None
        if not isinstance(number, int) or isinstance(number, bool) or number < least:
            raise BadParameter(name, f"harus bilangan bulat, paling sedikit {least}")
        return min(number, most)

    def flag(self, name: str, default: bool) -> bool:
        value = self.get(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        text = str(value).strip().lower()
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
        raise BadParameter(name, "harus true atau false")

    def json(self, name: str) -> Any:
        """A value that a query string carries as JSON; a text that is no JSON stays a text."""
        value = self.get(name)
        if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
            try:
                return orjson.loads(value)
            except orjson.JSONDecodeError as error:
                raise BadParameter(name, f"bukan JSON: {error}") from None
        return value

    def names(self, name: str) -> list[str]:
        """A list, a JSON list or a text with commas."""
        value = self.json(name)
        if value is None or value == "":
            return []
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            return value
        raise BadParameter(name, "harus daftar teks")

    def mapping(self, name: str) -> Mapping[str, Any]:
        value = self.json(name)
        if value is None or value == "":
            return {}
        if isinstance(value, dict):
            return value
        raise BadParameter(name, "harus objek JSON")


def from_query(query: bytes) -> Params:
    """Parameters of a query string. A name that is given more than once becomes a list. Raises BadParameter."""
    found = Params()
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=200)
    except ValueError:
        raise BadParameter("query", "bukan UTF-8, atau terlalu banyak") from None
    for name, value in pairs:
        if "\x00" in value:
            raise BadParameter(name, "memuat karakter nol")
        if name in found:
            kept = found[name]
            found[name] = [*kept, value] if isinstance(kept, list) else [kept, value]
        else:
            found[name] = value
    return found


def from_body(body: bytes, content_type: str) -> Params:
    """Parameters of a POST: JSON (also without a content type, as many clients send it) or a form."""
    if content_type.startswith("application/x-www-form-urlencoded") and body.lstrip()[:1] != b"{":
        return from_query(body.strip())
    if not body.strip():
        return Params()
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadParameter("body", f"JSON Error: {error}") from None
    if not isinstance(value, dict):
        raise BadParameter("body", "Bad request - JSON Error: harus objek JSON")
    return Params(value)
