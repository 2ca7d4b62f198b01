"""Guards for pulls of many pages, whatever the protocol: pages must fit together, or the pull begins again.

Belongs here: seeing that pages repeat, never end, overlap or change their announced total. Does not belong here:
how a page is asked for and where its rows and total stand (an agency's `connector.py`).
"""

import hashlib
import logging
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from connectors.http_errors import UnusableAnswer

log = logging.getLogger("ssp.paging")

T = TypeVar("T")

MAX_PAGES = 10_000
MAX_ROWS = 5_000_000


class PagingRestart(Exception):
    """The pages do not fit together; paging must begin again at the first page. The text says why."""


class PageGuard:
    """Watches one run over the pages, from the first to the last. `what` names the pull in messages.

    Call `see` for every page in order and `finish` after the last (`restartable` does the latter).
    """

    def __init__(self, what: str = "pages", *, max_pages: int = MAX_PAGES, max_rows: int = MAX_ROWS) -> None:
        self.what = what
        self.pages = 0
        self.rows = 0
        self.total: int | None = None
        self._max_pages = max_pages
        self._max_rows = max_rows
        self._pages_seen: dict[bytes, int] = {}
        self._keys_seen: set[Hashable] = set()

    @property
    def complete(self) -> bool:
        """Whether as many rows have been seen as the total announces (False while no total is known)."""
        return self.total is not None and self.rows >= self.total

    def see(self, rows: Sequence[Any], *, total: int | None = None, keys: Iterable[Hashable] | None = None) -> None:
        """Take in one page: its rows (JSON values, in order), the total that it announces, the keys of its rows.

        Raises PagingRestart when the same rows came before, a key came before, the total is another than before,
        more rows came than announced, or there are more pages or rows than can be.
        """
        self.pages += 1
        self.rows += len(rows)
        if total is not None:
            if total < 0:
                raise PagingRestart(f"{self.what}: page {self.pages} announces a total of {total}")
            if self.total is not None and total != self.total:
                way = "shrank" if total < self.total else "grew"
                raise PagingRestart(f"{self.what}: the total {way} from {self.total} to {total} on page {self.pages}")
            self.total = total
        if rows:
            digest = hashlib.sha256(msgspec.json.encode(rows)).digest()
            before = self._pages_seen.setdefault(digest, self.pages)
            if before != self.pages:
                raise PagingRestart(f"{self.what}: page {self.pages} has the same rows as page {before}")
        for key in keys or ():
            if key in self._keys_seen:
                raise PagingRestart(f"{self.what}: a row of page {self.pages} came before")
            self._keys_seen.add(key)
        if self.total is not None and self.rows > self.total:
            raise PagingRestart(f"{self.what}: {self.rows} rows after page {self.pages}, {self.total} were announced")
        if self.pages > self._max_pages or self.rows > self._max_rows:
            raise PagingRestart(
                f"{self.what}: no end after {self.pages} pages and {self.rows} rows"
                f" (limits {self._max_pages} and {self._max_rows})"
            )

    def finish(self) -> None:
        """The last page has been seen. Raises PagingRestart when rows are missing from the announced total."""
        if self.total is not None and self.rows != self.total:
            raise PagingRestart(f"{self.what}: {self.rows} rows came, {self.total} were announced")


def restartable(
    pull_pages: Callable[[PageGuard], Iterable[T]],
    attempts: int = 3,
    *,
    what: str = "pages",
    max_pages: int = MAX_PAGES,
    max_rows: int = MAX_ROWS,
) -> list[T]:
    """Everything that one undisturbed run over the pages gives; a disturbed run is thrown away and begun again.

    `pull_pages` gets a new guard each time, shows it each page and yields what the caller wants of the pages.
    Raises PullError (halaman_berubah) with the last reason when no run of `attempts` was undisturbed.
    """
    reason = ""
    for attempt in range(1, attempts + 1):
        guard = PageGuard(what, max_pages=max_pages, max_rows=max_rows)
        try:
            pages = list(pull_pages(guard))
            guard.finish()
        except PagingRestart as restart:
            reason = str(restart)
            log.warning("%s; run %d of %d over the pages is thrown away", reason, attempt, attempts)
        else:
            return pages
    raise UnusableAnswer("halaman_berubah", f"{reason}; {attempts} runs over the pages were all disturbed")
