"""One archived body as a file: its name, compression, encryption and checks.

Belongs here: the files under `blob/` and `tmp/` of the landing archive, and the archive's errors. Does not belong
here: which pull a body came from (manifest), the order of a seal (archive).
"""

import errno
import fcntl
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connectors.durable import PRIVATE_DIR, PRIVATE_FILE, is_disk_full, locked, make_dirs, write_all

_LEVEL = 3
_NONCE_BYTES = 12
_STRAY_SECONDS = 24 * 3600
_local = threading.local()


class ArchiveError(Exception):
    """Base of the landing archive's errors; each says what to do."""


class ArchiveFull(ArchiveError):
    """The disk or quota is full. Nothing of the pull counts; every sealed pull is as it was."""


class BlobMissing(ArchiveError):
    """A sealed pull names a body whose file is not there."""


class BlobCorrupt(ArchiveError):
    """A body's file cannot be read back to the bytes that were archived."""


class PayloadForgotten(ArchiveError):
    """The body's key was destroyed on purpose, at the end of its keeping period."""


@contextmanager
def room_needed(root: Path) -> Iterator[None]:
    """Turn a full disk into ArchiveFull; other errors pass."""
    try:
        yield
    except OSError as error:
        if not is_disk_full(error):
            raise
        free = shutil.disk_usage(root).free
        raise ArchiveFull(
            f"no room to write under {root} ({free / 1e6:.1f} MB free): nothing of this pull was kept and nothing "
            "archived before was touched. Free space or enlarge the disk or quota, then run again."
        ) from error


def blob_name(sha: str, table: str, key_month: str | None) -> str:
    """File name of a body. An encrypted one carries its key's name: the same bytes (an empty page, say) archived
    under two keys are two files, or the end of one key would take the other's data along."""
    return f"{sha}.zst" if key_month is None else f"{sha}.{table}.{key_month}.zst.aes"


def pack(body: bytes, sha: str, key: bytes | None) -> bytes:
    """Bytes to store: zstd level 3; with a key a random 96-bit nonce and AES-256-GCM bound to `sha`."""
    compressor: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=_LEVEL)
    stored = compressor.compress(body)
    if key is None:
        return stored
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, stored, sha.encode())


def unpack(stored: bytes, sha: str, size: int, key: bytes | None) -> bytes:
    """The body again, checked against its size and sha256. Raises ValueError with what is wrong."""
    if key is not None:
        try:
            stored = AESGCM(key).decrypt(stored[:_NONCE_BYTES], stored[_NONCE_BYTES:], sha.encode())
        except InvalidTag:
            raise ValueError("its encryption seal is broken") from None
    decompressor: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if decompressor is None:
        decompressor = _local.decompressor = zstandard.ZstdDecompressor()
    try:
        # A damaged header may claim any size; ask before memory is set aside for it.
        if zstandard.frame_content_size(stored) != size:
            raise ValueError(f"its size is not the {size} bytes of the manifest")
        body = decompressor.decompress(stored, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise ValueError(f"it does not decompress ({error})") from None
    if hashlib.sha256(body).hexdigest() != sha:
        raise ValueError("its sha256 is another")
    return body


class BlobStore:
    """The files under `<root>/blob/<first two hex>/`, and the temp folders they are written in first."""

    def __init__(self, root: Path) -> None:
        self.root = root / "blob"
        self._temps = root / "tmp"
        make_dirs(self.root)
        make_dirs(self._temps)

    def path(self, name: str) -> Path:
        return self.root.joinpath(name[:2], name)

    def read(self, name: str, sha: str, size: int, key: bytes | None) -> bytes:
        """The checked body. Raises BlobMissing, BlobCorrupt."""
        path = self.path(name)
        try:
            stored = path.read_bytes()
        except FileNotFoundError:
            raise BlobMissing(f"{path} is gone: restore it from a backup, or pull its window again") from None
        try:
            return unpack(stored, sha, size, key)
        except ValueError as error:
            raise BlobCorrupt(
                f"{path}: {error}. Restore it from a backup, or pull its window again: the same bytes replace it"
            ) from None

    def stored_size(self, name: str, body: bytes, sha: str, key: bytes | None) -> int | None:
        """Size of the stored file if it is there and sound; None if it has to be written (anew).

        Reading it back costs less than compressing again, and it mends a damaged file while the right bytes are
        at hand.
        """
        try:
            stored = self.path(name).read_bytes()
            unpack(stored, sha, len(body), key)
        except (FileNotFoundError, ValueError):
            return None
        return len(stored)

    def names(self) -> set[str]:
        """Names of all stored bodies."""
        return {path.name for path in self.root.glob("*/*")}

    def known(self, sha: str) -> bool:
        """True if the body with this sha256 is stored, plain or under any key."""
        plain = self.path(f"{sha}.zst")
        return plain.exists() or any(plain.parent.glob(f"{sha}.*"))

    def open_temps(self) -> "TempFolder":
        with locked(self._temps / ".lock", shared=True):
            return TempFolder(self._temps / uuid4().hex)

    def sweep_temps(self) -> int:
        """Remove temp files whose process is dead, and strays older than a day; gives the number of files.

        A living pull holds the lock of its folder, however long it takes: it is never swept.
        """
        removed = 0
        with locked(self._temps / ".lock"):
            for item in self._temps.iterdir():
                if item.name == ".lock" or not _abandoned(item):
                    continue
                if item.is_dir():
                    removed += sum(1 for f in item.iterdir() if f.name != TempFolder.LOCK)
                    shutil.rmtree(item)
                else:
                    removed += 1
                    item.unlink()
        return removed


class TempFolder:
    """The temp files of one pull, in a folder that is locked as long as its process lives."""

    LOCK = "owner.lock"

    def __init__(self, path: Path) -> None:
        self._path = path
        path.mkdir(mode=PRIVATE_DIR)
        self.fd = os.open(path / self.LOCK, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        """A file beside the temp files, open as long as they are here."""
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def write(self, name: str, data: bytes) -> Path:
        path = self._path / name
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        try:
            write_all(fd, data)
        finally:
            os.close(fd)
        return path

    def close(self) -> None:
        """Remove what is left in the folder, and the folder."""
        shutil.rmtree(self._path, ignore_errors=True)
        os.close(self.fd)


def _abandoned(item: Path) -> bool:
    try:
        fd = os.open(item / TempFolder.LOCK, os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError):
        return time.time() - item.stat().st_mtime > _STRAY_SECONDS
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        return False
    finally:
        os.close(fd)
    return True
