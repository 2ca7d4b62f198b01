"""The few types that an agency's `connector.py` and the pipeline share.

Belongs here: what a pull is given and what it gives back. Does not belong here: how HTTP, the archive or
reading work.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import polars as pl

from connectors.contract import Contract

if TYPE_CHECKING:
    from connectors.http import HttpClient

Asal = Literal["resmi", "tiruan", "ulangan"]
"""Where data came from: the agency itself, a stand-in, or a stand-in replaying a real series."""


@dataclass(frozen=True)
class Window:
    """Business dates in WIB, both ends included."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.start > self.end:
            raise ValueError(f"window starts after its end: {self.start} > {self.end}")

    def days(self) -> list[date]:
        return [self.start + timedelta(days=n) for n in range((self.end - self.start).days + 1)]


@dataclass(frozen=True)
class Payload:
    """One archived answer: its bytes after redaction, and what is needed to read it without the network.

    `slot` names the request within its pull; `meta` holds what `read` needs and the body lacks. `plain`: the cut
    found that each row has every allowed key, with a text, a whole number or null; False where it was not looked at.
    """

    body: bytes
    sha256: str
    slot: str
    meta: Mapping[str, str]
    request: Mapping[str, Any]
    status: int
    headers: Mapping[str, str]
    fetched_at: datetime
    asal: str
    unknown_fields: tuple[str, ...] = ()
    plain: bool = False


class PayloadError(Exception):
    """A payload as a whole cannot be read; its partition is blocked and the old version stays.

    `code` is a stable snake_case reason, kept in the outcome row.
    """

    def __init__(self, message: str, code: str = "muatan_tidak_terbaca"):
        super().__init__(message)
        self.code = code


class MissingSecret(Exception):
    """A secret that a feed needs is not set; the message names the variable and never a value."""


class PullContext(Protocol):
    """What a feed's pull function is given."""

    contract: Contract
    window: Window
    today: date
    params: Mapping[str, Any]
    inbox: Path

    @property
    def http(self) -> "HttpClient":
        """The client bound to the agency's address; for log-ins and listings, which are not archived."""
        ...

    def fetch(
        self,
        method: str,
        path: str,
        *,
        slot: str,
        params: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        json: Any = None,
        multipart: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        meta: Mapping[str, str] | None = None,
        kind: Literal["json", "ndjson", "binary"] = "json",
        expect: Callable[[bytes], None] | None = None,
        decode: Callable[[bytes], bytes] | None = None,
    ) -> Payload:
        """Ask, cut what the contract does not allow, archive, and give the payload.

        `decode` turns the answer's bytes into those that are cut and archived (a served .gz file).
        Raises PullError when retries end.
        """
        ...

    def archive_file(
        self, body: bytes, *, slot: str, meta: Mapping[str, str], asal: str, fetched_at: datetime
    ) -> Payload:
        """Archive a file that came by another way than HTTP."""
        ...

    def refuse(self, slot: str, reason: str) -> None:
        """Report a file that was not taken, with its reason; it becomes part of the outcome."""
        ...

    def secret(self, name: str) -> str:
        """Value of a secret. Raises MissingSecret."""
        ...


def _read_json_rows(payload: Payload, contract: Contract) -> pl.DataFrame:
    from connectors.read.json_rows import read_json_rows

    return read_json_rows(payload, contract)


@dataclass(frozen=True)
class Feed:
    """How a dataset is pulled and read. `read` may use nothing but the payload and the contract."""

    pull: Callable[[PullContext], Iterable[Payload]]
    read: Callable[[Payload, Contract], pl.DataFrame] = field(default=_read_json_rows)

    def read_all(self, payloads: Iterable[Payload], contract: Contract) -> Iterator[pl.DataFrame]:
        """What `read` gives for each payload, in order. Raises PayloadError when it comes to one that it refuses."""
        if self.read is _read_json_rows:
            from connectors.read.json_rows import read_json_pages

            return read_json_pages(payloads, contract)
        return (self.read(payload, contract) for payload in payloads)
