"""What a way of sending is: one message to one recipient, and an answer that says whether to try again.

Belongs here: the seam between sending and what is made of it, and the embedded default that writes files. Does not
belong here: SMTP (`smtp.py`), webhooks (`webhook.py`), when a failed try is made again (`post.py`).
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from connectors.durable import locked, write_file


class Unreachable(Exception):
    """The way is closed for now, for every recipient: no connection, no encryption, or the credentials are refused."""


class Broken(Exception):
    """The connection broke or nothing more came in the middle of a message: whether it was taken is not known."""


@dataclass(frozen=True)
class Answer:
    """`diterima`: the recipient's side has it; `ditolak`: it refused this recipient or message; `sementara`: not now.

    `text` is what the other side said, without secrets. `after`: seconds for which it asked to be left alone.
    """

    kind: Literal["diterima", "ditolak", "sementara"]
    text: str = ""
    after: float | None = None


class Channel(Protocol):
    """Sends to recipients of one kind. Raises Unreachable and Broken."""

    def send(self, key: str, recipient: str, body: bytes) -> Answer: ...

    def close(self) -> None: ...


def with_recipient(body: bytes, recipient: str) -> bytes:
    """The message as this recipient gets it: nobody is shown the others."""
    return f"To: {recipient}\r\n".encode("ascii") + body


class Files:
    """Writes each mail as an `.eml` file, which any mail program opens. The same message makes the same file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, key: str, recipient: str, body: bytes) -> Answer:
        digest = hashlib.sha256(f"{key}\n{recipient}".encode()).hexdigest()[:8]
        name = re.sub(r"[^A-Za-z0-9._@-]+", "-", f"{key}-{recipient}")[:150].strip("-.")
        with locked(self._folder / ".lock"):
            write_file(self._folder / f"{name}-{digest}.eml", with_recipient(body, recipient))
        return Answer("diterima", "berkas .eml")

    def close(self) -> None:
        """Nothing is open."""
