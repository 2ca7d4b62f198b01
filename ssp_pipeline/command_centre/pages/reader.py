"""Reading the analysts' snapshot: the newest version, held open, and the rows that were asked of it lately.

A version never changes, so what was read of it stays true; a newer one is taken up between requests. A version that is
open here is not pruned (`warehouse/snapshot.py`); should its files be gone all the same, it is opened anew or the next
one is taken. Belongs here: opening, asking, keeping. Does not belong here: what is asked.
"""

import contextlib
import io
import logging
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import polars as pl

from warehouse.snapshot import latest
from warehouse.snapshot_query import opened

log = logging.getLogger(__name__)

KEPT_BYTES = 48 * 1024 * 1024
"""Rows kept of one version."""
_KEPT_ANSWER = KEPT_BYTES // 8
_COLUMN_BYTES = 1024
"""What a kept column takes beside its values."""
_MEMORY = "512MB"
T = TypeVar("T")


class NothingYet(LookupError):
    """There is no snapshot that could be read."""


class Version:
    """One version of the snapshot, open for reading. Threads may ask it at the same time."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._files = contextlib.ExitStack()
        self._con = self._files.enter_context(opened(path, memory=_MEMORY))
        self._close = weakref.finalize(self, self._files.close)
        self._kept: OrderedDict[tuple[Any, ...], pl.DataFrame] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()
        [(made,)] = self._con.execute("SELECT dibuat FROM cuplikan.versi").fetchall()
        self.made: datetime = made
        """When the version was made."""

    def rows(self, sql: str, values: Sequence[Any] = ()) -> pl.DataFrame:
        """Rows of one SELECT with bound values, kept for the next who asks the same. Raises duckdb.Error."""
        key = (sql, *values)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        with contextlib.closing(self._con.cursor()) as cursor:
            frame = pl.from_arrow(cursor.execute(sql, list(values)).to_arrow_table())
        assert isinstance(frame, pl.DataFrame)
        return self._keep(key, frame)

    def records(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """The rows as dictionaries."""
        return self.rows(sql, values).to_dicts()

    def _keep(self, key: tuple[Any, ...], frame: pl.DataFrame) -> pl.DataFrame:
        """Keep the rows unless they are too many; gives them as they are kept."""
        if _size(frame) > _KEPT_ANSWER:
            return frame
        frame = _compact(frame)
        with self._lock:
            if key in self._kept:
                return self._kept[key]
            self._kept[key] = frame
            self._size += _size(frame)
            while self._size > KEPT_BYTES:
                _, old = self._kept.popitem(last=False)
                self._size -= _size(old)
        return frame


def _size(frame: pl.DataFrame) -> int:
    return int(frame.estimated_size()) + _COLUMN_BYTES * frame.width


def _compact(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows in no more memory than they need: DuckDB gives each column room for a whole vector of values."""
    packed = io.BytesIO()
    frame.write_ipc_stream(packed)
    return pl.read_ipc_stream(packed.getvalue())


_open: weakref.WeakValueDictionary[tuple[int, int], Version] = weakref.WeakValueDictionary()
_opening = threading.Lock()


def _opened_once(path: Path) -> Version:
    """A version of this process. A file that is in use is not opened twice: closing one would end the lock of both."""
    with _opening:
        found = path.stat()
        key = (found.st_dev, found.st_ino)
        version = _open.get(key)
        if version is None:
            version = _open[key] = Version(path)
        return version


class Snapshots:
    """The folder of versions, and the newest of them that could be opened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._version: Version | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Name of the version in use, "" before the first."""
        return self._version.name if self._version else ""

    def refresh(self, *, anew: bool = False) -> Version:
        """Take up the newest version; with `anew`, look at its file again although its name is the one in use.

        A version that cannot be opened leaves the one in use as it is. Raises NothingYet.
        """
        with self._lock:
            newest = latest(self._folder)
            if newest is None and self._version is None:
                raise NothingYet("there is no snapshot yet")
            if newest is not None and (anew or self._version is None or newest.stem != self._version.name):
                try:
                    self._version = _opened_once(newest)
                except (duckdb.Error, OSError) as error:
                    log.warning("snapshot %s cannot be opened: %s", newest.name, error)
                    if self._version is None:
                        raise NothingYet(f"{newest.name} cannot be opened") from error
            assert self._version is not None
            return self._version

    def read(self, work: Callable[[Version], T]) -> T:
        """Do something with the version in use, once more with a fresh one if its files went missing.

        Raises NothingYet, and duckdb.Error if the second try fails as well.
        """
        version = self._version or self.refresh()
        try:
            return work(version)
        except (duckdb.IOException, duckdb.InternalException, duckdb.FatalException) as error:
            log.warning("snapshot %s: %s", version.name, error)
        return work(self.refresh(anew=True))
