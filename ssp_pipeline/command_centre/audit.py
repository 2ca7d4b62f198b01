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
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import orjson

from connectors.durable import fsync_path, locked, write_all

Event = Literal["masuk", "gagal_masuk", "terkunci", "keluar", "ditolak", "muatan", "karantina", "dagster", "akun"]


class Audit:
    """The trail below `folder`. Safe for several threads and processes."""

    def __init__(self, folder: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)):
        self.folder = folder
        self._clock = clock
        self._mutex = threading.Lock()

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

        `agency` is the one whose data were asked for, `what` names them, `client` is the address that asked.
        """
        now = self._clock()
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
