"""The availability log on disk: one NDJSON.gz file an UTC hour, written so that a kill loses one round at most.

    <out>/2026/11/20/03.ndjson.gz.part    the open hour: one whole gzip member a round, fsynced
    <out>/2026/11/20/02.ndjson.gz         a closed hour, renamed into place; it never changes again

Belongs here: names, appending, closing, repair after a kill, reading a file back within limits. Does not belong
here: what the lines say (`prober.py`).
"""

import contextlib
import fcntl
import os
import zlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import orjson

from connectors.durable import append_durably, fsync_path

OPEN = ".part"
SUFFIX = ".ndjson.gz"
MAX_BYTES = 64 * 1024 * 1024
MAX_RATIO = 200
_GZIP = 16 + zlib.MAX_WBITS
_RATIO_FROM = 1024 * 1024
_MAX_MEMBERS = 4096


class GzipFault(ValueError):
    """A gzip file cannot be unpacked. `code` is gzip_terpotong, gzip_rusak or bom_dekompresi."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class LogbookBusy(RuntimeError):
    """Another process writes to the same directory."""


def gunzip(data: bytes, *, max_bytes: int = MAX_BYTES, max_ratio: int = MAX_RATIO) -> bytes:
    """Unpack all members of a gzip file.

    Nothing beyond `max_bytes`, or beyond `max_ratio` times the packed size (from 1 MiB on), is ever unpacked.
    Raises GzipFault.
    """
    limit = min(max_bytes, max(_RATIO_FROM, max_ratio * len(data)))
    parts: list[bytes] = []
    total = 0
    rest = data
    while rest:
        if len(parts) == _MAX_MEMBERS:
            raise GzipFault("bom_dekompresi", f"gzip file of more than {_MAX_MEMBERS} members")
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(rest, limit - total + 1)
        except zlib.error as error:
            raise GzipFault("gzip_rusak", f"damaged gzip file: {error}") from None
        total += len(part)
        if total > limit:
            raise GzipFault("bom_dekompresi", f"unpacks to more than {limit} bytes ({len(data)} packed)")
        if not member.eof:
            raise GzipFault("gzip_terpotong", f"gzip file is cut short after {total} unpacked bytes")
        parts.append(part)
        rest = member.unused_data
    if not parts:
        raise GzipFault("gzip_terpotong", "gzip file is empty (0 bytes)")
    return b"".join(parts)


def intact_length(data: bytes) -> int:
    """Length of the leading whole gzip members; what follows is the torn tail of a killed writer."""
    intact = 0
    while intact < len(data):
        member = zlib.decompressobj(_GZIP)
        try:
            member.decompress(data[intact:])
        except zlib.error:
            break
        if not member.eof:
            break
        intact = len(data) - len(member.unused_data)
    return intact


def pack(lines: Sequence[bytes]) -> bytes:
    """One gzip member of the lines; the same lines give the same bytes."""
    packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
    return packer.compress(b"".join(line + b"\n" for line in lines)) + packer.flush()


def hour_of(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


class Logbook:
    """The only writer of one directory. Opening it repairs what a kill left and closes the hours that are over.

    Raises LogbookBusy when another process has it open.
    """

    def __init__(self, root: Path, now: datetime):
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self._lock = os.open(root / ".kunci", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise LogbookBusy(f"{root}: another prober writes here") from None
        self._open = set(root.glob(f"*/*/*/*{SUFFIX}{OPEN}"))
        self.repaired = sum([self._repair(part) for part in sorted(self._open)])
        self.close_before(now)

    def close(self) -> None:
        """Let another process write. The open hour stays open."""
        os.close(self._lock)

    def path(self, hour: datetime) -> Path:
        """Final path of an hour's file."""
        return self.root / f"{hour:%Y/%m/%d/%H}{SUFFIX}"

    def append(self, slot: datetime, lines: Sequence[bytes]) -> None:
        """Write one round. All of it is on disk afterwards, or none of it. Raises OSError (disk full)."""
        part = self._part(hour_of(slot))
        if not part.parent.is_dir():
            part.parent.mkdir(parents=True)
            for folder in (part.parent, *part.parent.parents[:3]):
                fsync_path(folder)
        self._open.add(part)
        append_durably(part, pack(lines), intact=intact_length)

    def close_before(self, now: datetime) -> list[Path]:
        """Give the files of all hours before that of `now` their final name. Returns them."""
        closed = []
        for part in sorted(self._open):
            final = part.with_name(part.name.removesuffix(OPEN))
            if _hour(final) >= hour_of(now):
                continue
            self._open.discard(part)
            if final.exists():
                # A closed hour never changes. Only foreign hands can cause this; nothing is thrown away.
                part.rename(part.with_name(f"{part.name}.bentrok-{os.getpid()}"))
                continue
            part.chmod(0o644)
            fsync_path(part)
            part.rename(final)
            fsync_path(final.parent)
            closed.append(final)
        return closed

    def last_slot(self) -> datetime | None:
        """The newest slot that is in the log; a slot is never written twice."""
        files = [*self.root.glob(f"*/*/*/*{SUFFIX}"), *self.root.glob(f"*/*/*/*{SUFFIX}{OPEN}")]
        for path in sorted(files, reverse=True):
            with contextlib.suppress(GzipFault, orjson.JSONDecodeError, IndexError, KeyError):
                return datetime.fromisoformat(orjson.loads(gunzip(path.read_bytes()).splitlines()[-1])["t"])
        return None

    def _part(self, hour: datetime) -> Path:
        final = self.path(hour)
        return final.with_name(final.name + OPEN)

    def _repair(self, part: Path) -> int:
        """Cut a torn tail; 1 if there was one."""
        data = part.read_bytes()
        keep = intact_length(data)
        if keep == 0:
            part.unlink()
            self._open.discard(part)
        elif keep < len(data):
            os.truncate(part, keep)
            fsync_path(part)
        return int(keep < len(data))


def _hour(final: Path) -> datetime:
    year, month, day = final.parts[-4:-1]
    return datetime(int(year), int(month), int(day), int(final.name[:2]), tzinfo=UTC)


def utc_hours_of(day: date) -> list[datetime]:
    """The 24 UTC hours of a business day in WIB (UTC+7): from 17:00 of the day before to 16:00."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=7)
    return [start + timedelta(hours=n) for n in range(24)]
