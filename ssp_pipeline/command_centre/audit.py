"""The audit trail: one line a deed, on disk before the deed is done.

Lines lie in `<folder>/<YYYY-MM>.jsonl` (month in UTC, files 0600), are appended under a lock and fsynced, and are
never changed. Several processes may write. A kill can leave an unfinished line; the next writer ends it, so that no
line after it is lost. The lake takes the lines over later (`assets/audit_trail.py`): a request never waits for the
lake's writer.

Belongs here: writing lines. Does not belong here: who may do what.
"""

import os
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import orjson

from connectors.durable import fsync_path, locked, write_all

Event = Literal["masuk", "gagal_masuk", "terkunci", "keluar", "ditolak", "muatan", "karantina", "dagster", "akun"]

_STRANGERS = 60


class Audit:
    """The trail below `folder`. Safe for several threads and processes."""

    def __init__(self, folder: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)):
        self.folder = folder
        self._clock = clock
        self._mutex = threading.Lock()
        self._strangers = (datetime.min.replace(tzinfo=UTC), 0)

    def write(
        self,
        event: Event,
        *,
        user: str = "",
        roles: str = "",
        agency: str = "",
        what: str = "",
        detail: str = "",
        client: str = "",
    ) -> str:
        """Append one line and sync it; gives its number. Raises OSError: then the deed must not be done.

        `agency` is the one whose data were asked for, `what` names them, `client` is the address that asked. Of
        strangers, of whom not even a name is known, some lines a minute are written: they must not fill the disk.
        """
        now = self._clock()
        if not user and not self._room_for_stranger(now):
            return ""
        number = uuid.uuid4().hex
        line = orjson.dumps(
            {
                "nomor": number,
                "waktu": now.isoformat(),
                "peristiwa": event,
                "pengguna": user[:200],
                "peran": roles[:200],
                "instansi": agency[:100],
                "objek": what[:500],
                "rincian": detail[:500],
                "alamat": client[:100],
            }
        )
        path = self.folder / f"{now.astimezone(UTC):%Y-%m}.jsonl"
        with self._mutex:
            _append(path, line + b"\n")
        return number

    def _room_for_stranger(self, now: datetime) -> bool:
        with self._mutex:
            since, count = self._strangers
            if abs(now - since) >= timedelta(minutes=1):
                since, count = now, 0
            self._strangers = since, count + 1
            return count < _STRANGERS


def _append(path: Path, line: bytes) -> None:
    with locked(path) as file:
        size = os.fstat(file).st_size
        torn = size and os.pread(file, 1, size - 1) != b"\n"
        os.lseek(file, size, os.SEEK_SET)
        try:
            write_all(file, b"\n" + line if torn else line)
            os.fsync(file)
        except BaseException:
            # A line whose deed is not done is no line.
            with suppress(OSError):
                os.ftruncate(file, size)
            raise
    if not size:
        fsync_path(path.parent)
