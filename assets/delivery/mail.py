"""Mails as bytes: the same key, texts and files give the same bytes, so that a second copy is seen to be one.

Belongs here: the form of a mail. Does not belong here: its words, sending it.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

_POLICY = SMTP.clone(cte_type="7bit")


def message_id(key: str, sender: str) -> str:
    """The Message-ID of a message, of the sender's domain."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{sender.rpartition('@')[2]}>"


def build_mail(
    *,
    key: str,
    subject: str,
    sender: str,
    text: str,
    html: str | None = None,
    attachments: Sequence[tuple[str, bytes, str]] = (),
    inline: Sequence[tuple[str, bytes, str]] = (),
    made: datetime,
    sender_name: str = "",
) -> bytes:
    """A whole message without recipients, in 7-bit ASCII with CRLF.

    `key` names it once and for all; Message-ID and part boundaries are made from it. `attachments`: (file name, bytes,
    MIME type); `inline`: (Content-ID without brackets, bytes, MIME type), for `cid:` links of `html`. `made`: the Date
    header, with a time zone. Raises ValueError for a header with a line break and for a sender that is no address.
    """
    if made.tzinfo is None:
        raise ValueError("the date of a mail needs a time zone")
    mail = EmailMessage(_POLICY)
    mail["Message-ID"] = message_id(key, sender)
    mail["Date"] = format_datetime(made)
    mail["From"] = Address(sender_name, addr_spec=sender)
    mail["Subject"] = subject
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text, cte="quoted-printable")
    if html is not None:
        mail.add_alternative(html, subtype="html", cte="quoted-printable")
        page = mail.get_payload()[1]  # type: ignore[index]
        assert isinstance(page, EmailMessage)
        for name, data, kind in inline:
            main, _, sub = kind.partition("/")
            page.add_related(data, main, sub, cid=f"<{name}>", disposition="inline")
    for name, data, kind in attachments:
        main, _, sub = kind.partition("/")
        mail.add_attachment(data, main, sub, filename=name)
    _fix_boundaries(mail, key)
    return mail.as_bytes()


def _fix_boundaries(mail: EmailMessage, key: str) -> None:
    """Boundaries of the key's digest instead of random ones; "=_" is in no quoted-printable or base64 line."""
    digest = hashlib.sha256(f"boundary {key}".encode()).hexdigest()[:32]
    for number, part in enumerate(mail.walk()):
        if part.is_multipart():
            part.set_boundary(f"=_{digest}_{number}")
