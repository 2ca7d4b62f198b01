"""Keys: one data key for each dataset and month, the master key that wraps them, the secret of keyed hashes.

Belongs here: making, keeping and destroying keys, and hashing personal values with one. Does not belong here:
what is encrypted with them (the archive), retention periods (contracts).

Destroying a data key is how a keeping period ends: the archive is never edited, yet what only that key opens is
gone. Copies of the key folder and of the master key must follow the same periods.
"""

import hashlib
import hmac
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import polars as pl
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connectors.crashpoint import crashpoint
from connectors.durable import append_durably, fsync_path, locked, make_dirs, write_all, write_file

_KEY_BYTES = 32
_NONCE_BYTES = 12
_DATASET = re.compile(r"[a-z0-9][a-z0-9_]*(\.[a-z0-9][a-z0-9_]*)*", re.ASCII)
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)
_CHECK_TEXT = b"ssp key store"


class KeyStoreError(Exception):
    """Base of this module's errors; each says what to do."""


class KeyDestroyed(KeyStoreError):
    """The key was destroyed on purpose; what it encrypted cannot be read again, by anyone."""

    def __init__(self, dataset: str, month: str, when: datetime, reason: str) -> None:
        super().__init__(f"the key of {dataset} {month} was destroyed on {when:%Y-%m-%d}: {reason}")
        self.dataset, self.month, self.when, self.reason = dataset, month, when, reason


class KeyMissing(KeyStoreError):
    """No key was ever made for this dataset and month, or its file is lost without a record of destruction."""


class WrongMaster(KeyStoreError):
    """The master key is not the one that wrapped the keys in this folder, or a key file is damaged."""


class UnsafeKeyFile(KeyStoreError):
    """A secret's file is readable by others, or is not a key."""


class _Tombstone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dataset: str
    bulan: str
    kapan: datetime
    alasan: str


class KeyStore:
    """Data keys under `root`, each wrapped with `master` in a file `<dataset>/<YYYY-MM>.key` (mode 0600).

    Destroyed keys are recorded in `musnah.jsonl`, one line each. Safe for several processes at once.
    Raises WrongMaster at once if the folder was begun with another master key: new keys under a second master
    would make half of the archive unreadable, and nobody would see it until it is read.
    """

    def __init__(self, root: Path, master: bytes) -> None:
        if len(master) != _KEY_BYTES:
            raise UnsafeKeyFile(f"the master key has {len(master)} bytes, not {_KEY_BYTES}")
        self._root = root
        self._wrapping = AESGCM(master)
        self._keys: dict[tuple[str, str], bytes] = {}
        self._stones: dict[tuple[str, str], _Tombstone] = {}
        self._stones_seen: tuple[int, int] | None = None
        check = root / "master.check"
        with self._lock():
            if check.exists():
                self._unwrap(check, b"master.check")
            else:
                write_file(check, self._wrap(_CHECK_TEXT, b"master.check"))

    def get_or_create(self, dataset: str, month: str) -> bytes:
        """The 32-byte key of a dataset and month ("YYYY-MM"), made on first use. Raises KeyDestroyed, WrongMaster.

        A destroyed month never gets a new key: data older than its keeping period must not come back in.
        """
        try:
            return self.get(dataset, month)
        except KeyMissing:
            pass
        with self._lock():
            try:
                return self.get(dataset, month)
            except KeyMissing:
                pass
            path = self._path(dataset, month)
            make_dirs(path.parent)
            write_file(path, self._wrap(AESGCM.generate_key(_KEY_BYTES * 8), _name(dataset, month)))
            crashpoint("keys.created")
            return self.get(dataset, month)

    def get(self, dataset: str, month: str) -> bytes:
        """The key of a dataset and month. Raises KeyDestroyed, KeyMissing, WrongMaster."""
        path = self._path(dataset, month)
        stone = self._tombstones().get((dataset, month))
        if stone is not None:
            self._keys.pop((dataset, month), None)
            raise KeyDestroyed(dataset, month, stone.kapan, stone.alasan)
        known = self._keys.get((dataset, month))
        if known is None:
            try:
                known = self._unwrap(path, _name(dataset, month))
            except FileNotFoundError:
                raise KeyMissing(
                    f"no key for {dataset} {month}; if there was one, restore the folder {self._root} from its backup"
                ) from None
            self._keys[dataset, month] = known
        return known

    def forget(self, dataset: str, month: str, reason: str) -> bool:
        """Destroy a key for good; False if it was already destroyed (then `reason` is not recorded again).

        The record is on the disk before the key is touched: a key that is gone always says why. A destruction
        that was killed half-way is finished by calling this again; until then the key is already refused.
        Months without a key are recorded too, so that none is made later.
        """
        path = self._path(dataset, month)
        with self._lock():
            new = (dataset, month) not in self._tombstones()
            if new:
                stone = _Tombstone(dataset=dataset, bulan=month, kapan=datetime.now(UTC), alasan=reason)
                append_durably(
                    self._root / "musnah.jsonl",
                    msgspec.json.encode(stone) + b"\n",
                    intact=lambda content: content.rfind(b"\n") + 1,
                )
            crashpoint("keys.tombstone_written")
            self._keys.pop((dataset, month), None)
            if path.exists():
                _overwrite(path)
                crashpoint("keys.overwritten")
                path.unlink()
                fsync_path(path.parent)
        return new

    def expired(self, dataset: str, retention_months: int, today: date) -> list[str]:
        """Months whose key is due for `forget`: those that ended more than `retention_months` whole months ago.

        With 60 months the key of 2020-01 is due from 2025-02-01 on. A destruction that was begun and not
        finished is listed too.
        """
        if retention_months < 1:
            raise ValueError(f"a keeping period of {retention_months} months")
        this_month = today.year * 12 + today.month
        due = set()
        for month in self.months(dataset):
            year, number = map(int, month.split("-"))
            stale = this_month - (year * 12 + number) > retention_months
            if stale or (dataset, month) in self._tombstones():
                due.add(month)
        return sorted(due)

    def months(self, dataset: str) -> list[str]:
        """Months for which a key file is there, in order."""
        folder = self._path(dataset, "2000-01").parent
        return sorted(p.stem for p in folder.glob("*.key") if _MONTH.fullmatch(p.stem))

    def destroyed(self) -> Iterator[KeyDestroyed]:
        """The record of all destroyed keys, in the order of their destruction."""
        for stone in self._tombstones().values():
            yield KeyDestroyed(stone.dataset, stone.bulan, stone.kapan, stone.alasan)

    def _lock(self) -> AbstractContextManager[int]:
        return locked(self._root / ".lock")

    def _path(self, dataset: str, month: str) -> Path:
        if not _DATASET.fullmatch(dataset) or not _MONTH.fullmatch(month):
            raise ValueError(f"not a dataset and a month (YYYY-MM): {dataset!r}, {month!r}")
        return self._root / dataset / f"{month}.key"

    def _wrap(self, secret: bytes, name: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._wrapping.encrypt(nonce, secret, name)

    def _unwrap(self, path: Path, name: bytes) -> bytes:
        data = path.read_bytes()
        try:
            return self._wrapping.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], name)
        except (InvalidTag, ValueError):
            raise WrongMaster(
                f"{path} does not open with this master key: give the master key that was in use when the folder "
                "was begun, or restore the file from its backup"
            ) from None

    def _tombstones(self) -> dict[tuple[str, str], _Tombstone]:
        """The record, read again only when it has grown: another process may have destroyed a key just now."""
        path = self._root / "musnah.jsonl"
        try:
            stat = path.stat()
        except FileNotFoundError:
            return self._stones
        seen = (stat.st_mtime_ns, stat.st_size)
        if seen != self._stones_seen:
            whole = path.read_bytes()
            lines = whole[: whole.rfind(b"\n") + 1]  # a torn last line: its key was not touched yet
            stones = msgspec.json.Decoder(_Tombstone).decode_lines(lines)
            self._stones = {(s.dataset, s.bulan): s for s in stones}
            self._stones_seen = seen
        return self._stones


def load_or_create_master(path: Path) -> bytes:
    """The 32-byte secret in `path` (64 hex digits), made there with mode 0600 if there is none.

    Raises UnsafeKeyFile if group or others may read it, or if it is not such a secret. Keep a copy of it in
    another place than the archive: without it nothing encrypted can be read.
    """
    make_dirs(path.parent)
    with locked(path.with_name(f".{path.name}.lock")):
        if not path.exists():
            write_file(path, os.urandom(_KEY_BYTES).hex().encode() + b"\n")
    mode = path.stat().st_mode
    if mode & 0o077:
        raise UnsafeKeyFile(f"{path} is readable by others (mode {mode & 0o777:03o}): chmod 600 it")
    try:
        secret = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError:
        secret = b""
    if len(secret) != _KEY_BYTES:
        raise UnsafeKeyFile(f"{path} does not hold {_KEY_BYTES * 2} hex digits: restore it from its backup")
    return secret


def hash_key(root: Path) -> bytes:
    """The secret of keyed hashes, `hash.key` under `root`, made on first use. Raises UnsafeKeyFile, KeyMissing.

    With another secret every vehicle and owner would become a new one and no join over time would hold. So a
    fingerprint is kept beside it (`hash.check`), and a secret that is lost or changed is an error, never renewed.
    """
    path, check = root / "hash.key", root / "hash.check"
    make_dirs(root)
    with locked(root / ".hash.lock"):
        if check.exists() and not path.exists():
            raise KeyMissing(f"{path} is lost: restore it from its backup, hashes of another secret match nothing")
        secret = load_or_create_master(path)
        fingerprint = hashlib.sha256(secret).hexdigest().encode()
        if not check.exists():
            write_file(check, fingerprint)
        elif check.read_bytes() != fingerprint:
            raise KeyMissing(f"{path} is not the secret that was in use before: restore it from its backup")
    return secret


def keyed_hash(key: bytes, values: pl.Series) -> pl.Series:
    """Each text as the first 32 hex digits of its HMAC-SHA256 (RFC 2104) under `key`; null stays null.

    Takes and gives a String series of the same name and length. Text is hashed as it stands (UTF-8): bring it to
    its normal form first. Raises TypeError for another dtype, so that 1275 and "1275" never become two hashes.
    """
    if values.dtype != pl.String:
        raise TypeError(f"column {values.name!r} is {values.dtype}, only text is hashed")
    distinct = values.drop_nulls().unique()
    begun = hmac.new(key, digestmod="sha256")
    hashed = []
    for text in distinct:
        mac = begun.copy()
        mac.update(text.encode())
        hashed.append(mac.hexdigest()[:32])
    return values.replace_strict(distinct, pl.Series(hashed, dtype=pl.String), default=None, return_dtype=pl.String)


def _name(dataset: str, month: str) -> bytes:
    """What a wrapped key is bound to, so that one file cannot stand in for another."""
    return f"{dataset}/{month}".encode()


def _overwrite(path: Path) -> None:
    """Replace the bytes in place. On a copy-on-write disk old blocks may live on; they are wrapped all the same."""
    fd = os.open(path, os.O_WRONLY)
    try:
        write_all(fd, os.urandom(os.fstat(fd).st_size))
        os.fsync(fd)
    finally:
        os.close(fd)
