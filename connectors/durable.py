"""Writing files so that a kill or a power cut at any instant leaves the old or the new content.

Belongs here: the few file-system steps that the landing archive and the key store share. Does not belong here:
what the bytes mean. Errors are plain OSError; the callers say what to do about them.
"""

import ctypes
import errno
import fcntl
import os
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from connectors.crashpoint import crashpoint

PRIVATE_FILE = 0o600
PRIVATE_DIR = 0o700
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_MANY = 100
_SYNC_THREADS = 16
"""Waiting for the disk, not computing: more threads than cores let the file system join many syncs in one."""


def is_disk_full(error: OSError) -> bool:
    """True if the error says that the file system or the quota has no room left."""
    return error.errno in _FULL


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`: near a full disk one write call may take only a part without an error."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def fsync_path(path: Path) -> None:
    """Flush a file's content, or a directory's entries, to the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_paths(paths: Collection[Path], fd: int) -> None:
    """Flush files and folders of one file system to the disk.

    Many are flushed by one call, with all else that waits for the same disk: that costs less than 1 % of flushing one
    after the other, for each of which the file system writes its journal. `fd` is a file of that file system, opened
    before they were written: it is an error what the kernel could not write since.
    """
    call = _syncfs() if len(paths) >= _MANY else None
    if call is None:
        with ThreadPoolExecutor(_SYNC_THREADS) as pool:
            list(pool.map(fsync_path, paths))
    elif call(fd):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@cache
def _syncfs() -> Callable[[int], int] | None:
    """The system's call of that name, if there is one."""
    return getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)


def make_dirs(path: Path) -> None:
    """Create a private directory and its parents, each durably entered in its parent."""
    if path.is_dir():
        return
    make_dirs(path.parent)
    with suppress(FileExistsError):
        path.mkdir(mode=PRIVATE_DIR)
    fsync_path(path.parent)


def write_file(path: Path, data: bytes) -> None:
    """Write `path` whole or not at all, mode 0600. The caller holds the lock under which `path` is written.

    The temp file has one fixed name, so that one left by a killed writer is overwritten by the next.
    """
    temp = path.with_name(f".{path.name}.tmp")
    fd = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    try:
        try:
            write_all(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise
    crashpoint("durable.temp_written")
    temp.rename(path)
    fsync_path(path.parent)


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[int]:
    """Hold an flock on `path` (created if absent); gives the open descriptor. A dead holder's lock is free."""
    make_dirs(path.parent)
    fd = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)


def append_durably(path: Path, data: bytes, *, intact: Callable[[bytes], int]) -> None:
    """Append `data` in one write, fsynced, under the file's own lock; all of it stays or none.

    `intact` gets the present content and returns the length that is worth keeping: what follows is the torn
    tail of a writer that was killed (nobody else writes while we hold the lock) and is cut off first. If this
    append fails, the file is cut back to that length.
    """
    with locked(path) as fd:
        size = os.fstat(fd).st_size
        keep = intact(os.pread(fd, size, 0)) if size else 0
        if keep < size:
            os.ftruncate(fd, keep)
        os.lseek(fd, keep, os.SEEK_SET)
        try:
            write_all(fd, data)
            crashpoint("durable.appended")
            os.fsync(fd)
        except BaseException:
            with suppress(OSError):
                os.ftruncate(fd, keep)
            raise
        if not keep:
            fsync_path(path.parent)
