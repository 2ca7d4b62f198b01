"""The inbox: how any office without an API delivers. A folder of its own and a contract, no code.

Belongs here: which files are taken, taking them safely, and the feeds of the modes `berkas` and `acuan`. Does not
belong here: what is in a file (`read/tables.py`), what of it may be archived (`read/redact_tables.py`).

Files lie in `<inbox>/<agency>/`; what a stand-in drops lies in its subfolder `tiruan/` and is marked so. Other
subfolders are the office's own business. The folder is written by people and copy programs while we read: nothing
is followed, nothing half-written is taken, and what is not taken is reported with its reason and tried again by the
next pull. Files are never moved, changed or deleted here.
"""

import errno
import fcntl
import os
import signal
import stat
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from connectors.api import Feed, Payload, PayloadError, PullContext
from connectors.contract import Contract
from connectors.read.layout import layout_of
from connectors.read.redact_tables import redact_file
from connectors.read.tables import read_table

STAND_IN_FOLDER = "tiruan"
MAX_BYTES = 50 * 2**20
"""Largest file that is taken. Monthly reports have some hundred kilobytes."""
SETTLE_SECONDS = 10.0
"""How long an office's file must have been left alone. Stand-ins rename finished files into place."""

SYMLINK = "tautan_simbolik"
BEING_WRITTEN = "masih_ditulis"
TEMPORARY = "berkas_sementara"
TOO_LARGE = "berkas_terlalu_besar"
UNREADABLE = "berkas_tidak_dapat_dibaca"
NOT_A_FILE = "bukan_berkas_biasa"
UNCLAIMED = "tidak_ada_kontrak"

_TEMPORARY_ENDS = (".part", ".partial", ".tmp", ".crdownload", ".filepart", "~")
_TEMPORARY_STARTS = ("~$", ".~", ".")
_OF_THE_SYSTEM = ("thumbs.db", "desktop.ini")
"""What Windows puts into a shared folder by itself and hides from its users."""
_CHUNK = 2**20


class InboxError(Exception):
    """A file is not taken; `reason` is a stable code."""

    def __init__(self, slot: str, reason: str) -> None:
        super().__init__(f"{slot}: {reason}")
        self.slot, self.reason = slot, reason


@dataclass(frozen=True)
class InboxRefusal:
    """A file (or folder) of the inbox that is not taken now, and why: "code" or "code: detail"."""

    slot: str
    reason: str


@dataclass(frozen=True)
class InboxFile:
    """A file that may be read. `slot` is its path below the agency's folder; `asal` is "resmi" or "tiruan"."""

    folder: Path
    name: str
    slot: str
    asal: str
    size: int
    changed_at: datetime
    identity: tuple[int, ...]

    def read(self, *, max_bytes: int = MAX_BYTES) -> bytes:
        """The bytes, if the file is still the one that `scan` saw, and stays so while it is read.

        Raises InboxError.
        """
        try:
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                # Without O_NONBLOCK a pipe put in the file's place would hold the pull for ever.
                handle = os.open(self.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise InboxError(self.slot, SYMLINK if error.errno == errno.ELOOP else UNREADABLE) from None
        with os.fdopen(handle, "rb", buffering=0) as file:
            self._must_be_same(os.fstat(handle))
            if _has_writer(handle):
                raise InboxError(self.slot, BEING_WRITTEN)
            chunks, taken = [], 0
            try:
                while chunk := file.read(_CHUNK):
                    taken += len(chunk)
                    if taken > max_bytes:
                        raise InboxError(self.slot, TOO_LARGE)
                    chunks.append(chunk)
            except OSError:
                raise InboxError(self.slot, UNREADABLE) from None
            self._must_be_same(os.fstat(handle))
        body = b"".join(chunks)
        if len(body) != self.size:
            raise InboxError(self.slot, BEING_WRITTEN)
        return body

    def _must_be_same(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise InboxError(self.slot, NOT_A_FILE)
        if _identity(found) != self.identity:
            raise InboxError(self.slot, BEING_WRITTEN)


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _has_writer(handle: int) -> bool:
    """Whether some process has the file open for writing, where the system can say so.

    A read lease is only given on a file that nobody has open for writing. Systems and file systems without leases
    refuse for other reasons; there the settling time must do.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        # Whoever opens the file for writing while we hold the lease has a signal sent to us; this one does nothing.
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _matches(name: str, pattern: str) -> bool:
    """Case does not count: an office sends report.XLSX one month."""
    return fnmatchcase(name.casefold(), pattern.casefold())


def _is_temporary(name: str, pattern: str) -> bool:
    """A file that a program keeps beside the one that it writes, such as "~$x.xlsx" or "x.xlsx.part"."""
    bare = name
    for end in _TEMPORARY_ENDS:
        bare = bare.removesuffix(end)
    for start in _TEMPORARY_STARTS:
        bare = bare.removeprefix(start)
    return bare != name and (_matches(bare, pattern) or _matches(name, pattern))


def _judge(
    entry: os.DirEntry[str], folder: Path, prefix: str, asal: str, settle_seconds: float, max_bytes: int, now: float
) -> InboxFile | InboxRefusal:
    slot = prefix + entry.name
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError:
        return InboxRefusal(slot, UNREADABLE)
    if stat.S_ISLNK(found.st_mode):
        return InboxRefusal(slot, SYMLINK)
    if not stat.S_ISREG(found.st_mode):
        return InboxRefusal(slot, NOT_A_FILE)
    # Copying keeps the old time of change of the content, so the inode's own time counts too.
    if now - max(found.st_mtime, found.st_ctime) < settle_seconds:
        return InboxRefusal(slot, BEING_WRITTEN)
    if found.st_size > max_bytes:
        return InboxRefusal(slot, TOO_LARGE)
    changed = datetime.fromtimestamp(found.st_mtime, UTC)
    return InboxFile(folder, entry.name, slot, asal, found.st_size, changed, _identity(found))


def _folders(inbox: Path, agency: str) -> Iterator[tuple[Path, str, str]]:
    """Folder, prefix of its slots, and where its files come from."""
    yield inbox / agency, "", "resmi"
    yield inbox / agency / STAND_IN_FOLDER, f"{STAND_IN_FOLDER}/", "tiruan"


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        return sorted(found, key=lambda entry: entry.name)


def scan(
    inbox: Path,
    contract: Contract,
    *,
    settle_seconds: float = SETTLE_SECONDS,
    max_bytes: int = MAX_BYTES,
    now: float | None = None,
) -> list[InboxFile | InboxRefusal]:
    """Files of a contract's agency whose names match its `pola`, in the order of their names; none if it has no folder.

    Refused are symbolic links, what is no regular file, files that are too large, temporary files of office and copy
    programs, and files changed within `settle_seconds` (those of a stand-in need not settle). `now` is in seconds
    since the epoch, for tests.
    """
    pattern = layout_of(contract).pola or "*"
    now = time.time() if now is None else now
    found: list[InboxFile | InboxRefusal] = []
    for folder, prefix, asal in _folders(inbox, contract.agency):
        if folder.is_symlink():
            found.append(InboxRefusal(prefix or f"{contract.agency}/", SYMLINK))
            break
        try:
            entries = _entries(folder)
        except FileNotFoundError:
            continue
        except OSError:
            found.append(InboxRefusal(prefix or f"{contract.agency}/", UNREADABLE))
            continue
        for entry in entries:
            if _is_temporary(entry.name, pattern):
                found.append(InboxRefusal(prefix + entry.name, TEMPORARY))
            elif _matches(entry.name, pattern):
                settle = 0.0 if asal == "tiruan" else settle_seconds
                found.append(_judge(entry, folder, prefix, asal, settle, max_bytes, now))
    return found


def unclaimed(
    inbox: Path,
    agency: str,
    contracts: Iterable[Contract],
    *,
    settle_seconds: float = SETTLE_SECONDS,
    now: float | None = None,
) -> list[InboxRefusal]:
    """An agency's files that no contract's `pola` matches: sent by the office, and taken by nobody.

    What programs keep for themselves is nobody's delivery, whatever it is called, and a file that is not settled may
    still get its name. A folder that cannot be looked into is told by `scan`.
    """
    wanted = {c.id: layout_of(c).pola or "*" for c in contracts if c.agency == agency and c.ext.mode == "berkas"}
    reason = f"{UNCLAIMED}: no contract takes this name; " + ", ".join(f"{i}: {p}" for i, p in sorted(wanted.items()))
    now = time.time() if now is None else now
    found = []
    for folder, prefix, asal in _folders(inbox, agency):
        if folder.is_symlink():
            break
        try:
            entries = _entries(folder)
        except OSError:
            continue
        settle = 0.0 if asal == "tiruan" else settle_seconds
        for entry in entries:
            if any(_matches(entry.name, pattern) for pattern in wanted.values()) or _is_temporary(entry.name, "*"):
                continue
            if entry.name.casefold() in _OF_THE_SYSTEM or entry.is_dir(follow_symlinks=False):
                continue
            judged = _judge(entry, folder, prefix, asal, settle, MAX_BYTES, now)
            if isinstance(judged, InboxFile) or judged.reason not in (BEING_WRITTEN, UNREADABLE):
                found.append(InboxRefusal(judged.slot, reason))
    return found


def unclaimed_names(inbox: Path, taken: Collection[str]) -> list[str]:
    """Names in the inbox itself that are none of the folders in `taken`: a misspelt folder, or a file beside them."""
    try:
        entries = _entries(inbox)
    except FileNotFoundError:
        return []
    names = [entry.name for entry in entries if entry.name not in taken and not entry.name.startswith(".")]
    return [name for name in names if name.casefold() not in _OF_THE_SYSTEM]


def _archived(ctx: PullContext, slot: str, body: bytes, asal: str, changed_at: datetime) -> Payload:
    """The file, cut to the contract, in the archive. Raises PayloadError when it cannot be cut safely."""
    cut = redact_file(body, ctx.contract, slot)
    meta = {"kolom_dibuang": "; ".join(cut.dropped)} if cut.dropped else {}
    return ctx.archive_file(cut.body, slot=slot, meta=meta, asal=asal, fetched_at=changed_at)


def inbox_feed(contract: Contract, *, settle_seconds: float = SETTLE_SECONDS) -> Feed:
    """The feed of a dataset that comes as files (mode `berkas`).

    A pull gives a payload for each file that can be taken, as it lies there now: the archive knows which of them it
    has, by their bytes. A file that is refused, or whose table cannot be told from what stands around it — so that
    nothing of it may be archived — is reported through `ctx.refuse` as "code" or "code: detail", and does not stop
    the others.
    """
    layout_of(contract)

    def pull(ctx: PullContext) -> Iterator[Payload]:
        for found in scan(ctx.inbox, ctx.contract, settle_seconds=settle_seconds):
            if isinstance(found, InboxRefusal):
                ctx.refuse(found.slot, found.reason)
                continue
            try:
                payload = _archived(ctx, found.slot, found.read(), found.asal, found.changed_at)
            except InboxError as error:
                ctx.refuse(error.slot, error.reason)
            except PayloadError as error:
                ctx.refuse(found.slot, f"{error.code}: {error}")
            else:
                yield payload

    return Feed(pull, read_table)


def reference_feed(contract: Contract, folder: Path) -> Feed:
    """The feed of a reference list (mode `acuan`): the one file that the layout names, in the agency's folder.

    Raises ValueError when the layout names none, or one outside the folder. A pull raises PayloadError when the file
    is missing or cannot be read: a list that the project itself carries is never partly there.
    """
    name = layout_of(contract).berkas
    if not name or not (folder / name).resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{contract.id}: berkas.berkas must name a file in the agency's folder")

    def pull(ctx: PullContext) -> Sequence[Payload]:
        path = folder / name
        try:
            body, changed = path.read_bytes(), path.stat().st_mtime
        except OSError as error:
            raise PayloadError(f"{name}: {error.strerror}", code=UNREADABLE) from None
        return [_archived(ctx, name, body, "resmi", datetime.fromtimestamp(changed, UTC))]

    return Feed(pull, read_table)
