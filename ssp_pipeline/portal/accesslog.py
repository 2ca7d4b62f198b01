"""The access log: one JSON line a request, addresses cut to their network, kept 30 days.

A line has no query string, no body, no user agent and no full address, so it tells how much is asked for, and of whom
only the network. A day is a file; files older than `KEEP_DAYS` are removed when a new day begins and at the start.

Belongs here: writing and removing. Does not belong here: counting for limits (`limits.py`).
"""

import contextlib
import logging
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

KEEP_DAYS = 30
_FLUSH_AT = 200
_MOST_PATH = 200

log = logging.getLogger(__name__)


class AccessLog:
    """Lines wait in memory and are written together, by `flush` or when there are many. None keeps no log."""

    def __init__(self, folder: Path | None):
        self._folder = folder
        self._lines: list[bytes] = []
        self._writing = threading.Lock()
        self._day = ""
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def add(self, *, network: str, key: str, method: str, path: str, status: int, size: int, seconds: float) -> bool:
        """Note a request; true when it is time to flush."""
        if self._folder is None:
            return False
        line = {
            "waktu": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "jaringan": network,
            "kunci": key,
            "metode": method,
            "jalur": path[:_MOST_PATH],
            "status": status,
            "bita": size,
            "milidetik": round(seconds * 1000, 1),
        }
        self._lines.append(orjson.dumps(line) + b"\n")
        return len(self._lines) >= _FLUSH_AT

    def flush(self) -> None:
        """Write what waits. A full disk stops no request; it is said once a day in the program's log."""
        if self._folder is None:
            return
        with self._writing:
            lines, self._lines = self._lines, []
            today = datetime.now(UTC).date().isoformat()
            try:
                if today != self._day:
                    self._prune()
                if lines:
                    with (self._folder / f"akses-{today}.ndjson").open("ab") as file:
                        file.write(b"".join(lines))
            except OSError as error:
                if today != self._day:
                    log.warning("access log cannot be written: %s", error)
            self._day = today

    def _prune(self) -> None:
        oldest = (datetime.now(UTC).date() - timedelta(days=KEEP_DAYS)).isoformat()
        for path in (self._folder or Path()).glob("akses-*.ndjson"):
            if path.stem.removeprefix("akses-") < oldest:
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
