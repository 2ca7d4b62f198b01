"""The manifest of the landing archive: what was asked, what came, and which pulls were completed.

Belongs here: the lines of `manifest/<table>/<YYYY-MM>.jsonl`, their append and their reading. Does not belong
here: the bodies (blobs).

A file is a sequence of blocks. A block is the `muatan` lines of one pull (one a payload) and its `akhir` line,
which holds the block's length and CRC-32; a pull that failed leaves one `akhir_gagal` line. Blocks follow each
other without a gap. Behind the last one there may be the remains of a writer that was killed: they never count,
and the next append cuts them off. Anything else out of place is damage and raises ManifestCorrupt.
"""

import fcntl
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec

from connectors.blobs import ArchiveError
from connectors.durable import append_durably, make_dirs

_END_MARK = b'{"jenis":"akhir'


class ManifestCorrupt(ArchiveError):
    """A manifest holds something that no crash leaves behind; it must be restored from a backup."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="jenis", tag="muatan"):
    """One archived payload, as its manifest line says.

    `sha256` and `size` (bytes) are of the body after redaction, `stored_size` of its file. `key_month` names the
    month of the key that encrypts it, null if it is stored plain. `redaction_version` and `redaction_list` say by
    which rules it was cut, `unknown_fields` what was cut.
    """

    pull_id: str
    table: str
    window_start: date
    window_end: date
    slot: str
    request: dict[str, Any]
    status: int
    headers: dict[str, str]
    fetched_at: datetime
    sha256: str
    size: int
    stored_size: int
    asal: str
    meta: dict[str, str]
    unknown_fields: tuple[str, ...]
    redaction_version: int
    redaction_list: str | None
    key_month: str | None


class Seal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="jenis", tag="akhir"):
    """The line that makes a pull count: `count` payloads in the `length` bytes before it."""

    pull_id: str
    table: str
    window_start: date
    window_end: date
    sealed_at: datetime
    count: int
    length: int
    crc32: int


class FailedPull(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="jenis", tag="akhir_gagal"):
    """A pull that was given up, with its reason; none of its payloads was kept."""

    pull_id: str
    table: str
    window_start: date
    window_end: date
    failed_at: datetime
    reason: str


End = Seal | FailedPull
_ends = msgspec.json.Decoder(End)
_entries = msgspec.json.Decoder(Entry)


def seal_block(lines: Iterable[bytes], end: Callable[[int, int, int], Seal]) -> bytes:
    """The bytes to append for one pull. `end` makes the last line from count, length and CRC-32."""
    listed = list(lines)
    block = b"".join(listed)
    return block + line_of(end(len(listed), len(block), zlib.crc32(block)))


def line_of(item: Entry | Seal | FailedPull) -> bytes:
    """One manifest line with its line end. Raises TypeError for values that JSON cannot hold."""
    return msgspec.json.encode(item) + b"\n"


def entries_of(lines: Iterable[bytes]) -> tuple[Entry, ...]:
    """Payload lines read back."""
    return tuple(_entries.decode_lines(b"".join(lines)))


class ManifestFolder:
    """The manifests of one table, a file for each month (UTC) in which pulls were completed.

    What was read once is remembered as positions only (some hundred bytes a pull), so that memory does not grow
    with the number of payloads, and a file that has grown is read from where it had ended.
    """

    def __init__(self, root: Path, table: str) -> None:
        self._folder = root / "manifest" / table
        self._known: dict[Path, tuple[int, int, list[tuple[int, End]]]] = {}

    def append(self, month: str, block: bytes) -> None:
        """Add a whole block, durably, or nothing. Raises OSError, ManifestCorrupt.

        A clock that was set back must not put a later pull before an earlier one, whose word it overrules: then
        the block goes to the newest month there is.
        """
        make_dirs(self._folder)
        path = max([self._folder / f"{month}.jsonl", *self._folder.glob("*.jsonl")])
        append_durably(path, block, intact=lambda content: _scan(path, content, 0)[1])

    def ends(self) -> Iterator[tuple[Path, int, End]]:
        """All completed and failed pulls in the order they ended: file, position of the end line, line."""
        for path in sorted(self._folder.glob("*.jsonl")):
            for position, end in self._read(path):
                yield path, position, end

    def entries(self, path: Path, position: int, seal: Seal) -> tuple[Entry, ...]:
        """The payload lines of one sealed pull. Raises ManifestCorrupt."""
        with path.open("rb") as file:
            file.seek(position - seal.length)
            block = file.read(seal.length)
        if zlib.crc32(block) != seal.crc32:
            raise ManifestCorrupt(f"{path}: the lines of pull {seal.pull_id} were changed; restore the file")
        return entries_of([block])

    def _read(self, path: Path) -> list[tuple[int, End]]:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)  # not while somebody appends
            stat = os.fstat(file.fileno())
            inode, done, known = self._known.get(path, (stat.st_ino, 0, []))
            if inode != stat.st_ino or stat.st_size < done:
                done, known = 0, []
            if stat.st_size > done:
                file.seek(done)
                more, done = _scan(path, file.read(), done)
                known = known + more
                self._known[path] = (stat.st_ino, done, known)
        return known


def _scan(path: Path, content: bytes, base: int) -> tuple[list[tuple[int, End]], int]:
    """End lines in `content`, which begins at file position `base`, and the position after the last block."""
    found: list[tuple[int, End]] = []
    done = 0
    at = 0 if content.startswith(_END_MARK) else content.find(b"\n" + _END_MARK) + 1 or -1
    while at >= 0:
        stop = content.find(b"\n", at)
        if stop < 0:
            break
        try:
            end = _ends.decode(content[at:stop])
        except msgspec.DecodeError as error:
            raise ManifestCorrupt(f"{path}: byte {base + at}: {error}; restore the file") from None
        if at - (end.length if isinstance(end, Seal) else 0) != done:
            raise ManifestCorrupt(f"{path}: byte {base + done}: lines without an end; restore the file")
        found.append((base + at, end))
        done = stop + 1
        at = content.find(b"\n" + _END_MARK, stop) + 1 or -1
    # Remains of a killed writer are whole payload lines and at most one torn line.
    remains = content[done : content.rfind(b"\n") + 1]
    try:
        _entries.decode_lines(remains)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ManifestCorrupt(f"{path}: after byte {base + done}: {error}; restore the file") from None
    return found, base + done
