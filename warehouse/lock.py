"""The one writer's lock of the lake, over threads and processes.

Belongs here: waiting for the lock, and saying who holds it. Does not belong here: what is written under it.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

_POLL = 0.05


class LakeBusy(RuntimeError):
    """Another process or thread writes the lake and did not finish in time."""


class WriterLock:
    """An flock on `path`, reentrant within a thread. A holder that died holds nothing.

    `timeout`: seconds to wait before LakeBusy.
    """

    def __init__(self, path: Path, timeout: float):
        self._path = path
        self._timeout = timeout
        self._mutex = threading.RLock()
        self._depth = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Raises LakeBusy, which names the holder."""
        deadline = time.monotonic() + self._timeout
        if not self._mutex.acquire(timeout=self._timeout):
            raise LakeBusy(self._message("another thread of this process"))
        try:
            if self._depth:
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
                return
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                self._wait(descriptor, deadline)
                self._depth = 1
                yield
            finally:
                self._depth = 0
                os.close(descriptor)
        finally:
            self._mutex.release()

    def _wait(self, descriptor: int, deadline: float) -> None:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
                    raise LakeBusy(self._message(holder or "another process")) from None
                time.sleep(_POLL)
            else:
                # Only for the message above: a full disk must not keep anyone from the lock.
                with suppress(OSError):
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, f"process {os.getpid()}, since {datetime.now(UTC):%H:%M:%S} UTC".encode(), 0)
                return

    def _message(self, holder: str) -> str:
        return (
            f"the lake is being written by {holder}, and the lock {self._path} was not free within "
            f"{self._timeout:g} s; wait for it or end it, then try again"
        )
