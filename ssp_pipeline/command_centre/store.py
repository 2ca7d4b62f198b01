"""The small durable store of the door: sessions, failed tries, and logins under way at a provider.

One SQLite file, used by the one process that serves. What it holds is nothing but convenience and counting: a damaged
file is put aside and begun anew, and everybody logs in again.

Belongs here: the file. Does not belong here: what the tables mean (`sessions.py`, `lockout.py`, `oidc.py`).
"""

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from connectors.durable import PRIVATE_FILE, make_dirs

_TABLES = """
CREATE TABLE IF NOT EXISTS sesi (sidik BLOB PRIMARY KEY, nama TEXT NOT NULL, isi TEXT NOT NULL, cap TEXT NOT NULL,
    mulai REAL NOT NULL, terlihat REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sesi_nama ON sesi (nama, mulai);
CREATE TABLE IF NOT EXISTS gagal (kunci BLOB PRIMARY KEY, tingkat REAL NOT NULL, pada REAL NOT NULL,
    pulih REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS masuk_oidc (keadaan BLOB PRIMARY KEY, isi TEXT NOT NULL, pada REAL NOT NULL) WITHOUT ROWID;
"""


class Store:
    """The open file. Safe for several threads."""

    def __init__(self, path: Path):
        make_dirs(path.parent)
        self._mutex = threading.Lock()
        try:
            self._con = _open(path)
        except sqlite3.DatabaseError:
            path.replace(path.with_name(path.name + ".rusak"))
            self._con = _open(path)

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of one statement; what it changes is on disk when this returns."""
        with self._mutex:
            return self._con.execute(sql, parameters).fetchall()

    def close(self) -> None:
        """Let go of the file; nothing can be asked any more."""
        with self._mutex:
            self._con.close()


def _open(path: Path) -> sqlite3.Connection:
    path.touch(PRIVATE_FILE)
    con = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        con.execute("PRAGMA journal_mode = WAL")
        # Losing the last seconds at a power cut costs a login and nothing else.
        con.execute("PRAGMA synchronous = NORMAL")
        con.executescript(_TABLES)
    except BaseException:
        with suppress(sqlite3.Error):
            con.close()
        raise
    return con
