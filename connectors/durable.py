"""Writing files so that a kill or a power cut at any instant leaves the old or the new content.

Belongs here: the few file-system steps that the landing archive and the key store share. Does not belong here:
what the bytes mean. Errors are plain OSError; the callers say what to do about them.
"""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from connectors.crashpoint import crashpoint

PRIVATE_FILE = 0o600
PRIVATE_DIR = 0o700
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


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
