"""The landing archive: every payload as it came (after redaction), content-addressed, never edited.

Belongs here: the order in which a pull becomes durable, and reading it back. Does not belong here: the form of
the files (blobs) and of the manifest lines (manifest), keys (keys), what may be kept (redaction).

Layout under the root: `blob/<sha[:2]>/<sha>.zst` (or `<sha>.<table>.<month>.zst.aes`), named by the sha256 of the
redacted body; `manifest/<table>/<YYYY-MM>.jsonl`; `tmp/` for pulls under way. All files are mode 0600.

A pull is sealed in this order, and can be killed anywhere in it: temp files are synced, renamed into place, their
folders synced, and then one append to the manifest makes all of it count. Bodies in place that no manifest names
are left over from a kill; they do no harm, the next pull of the same bytes uses them, `verify` counts them.
"""

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from connectors.api import Payload, Window
from connectors.archive_pull import Pull, SealedPull
from connectors.blobs import (
    ArchiveError,
    ArchiveFull,
    BlobCorrupt,
    BlobMissing,
    BlobStore,
    PayloadForgotten,
    blob_name,
    room_needed,
)
from connectors.keys import KeyDestroyed, KeyStore, KeyStoreError
from connectors.manifest import (
    Entry,
    FailedPull,
    ManifestCorrupt,
    ManifestFolder,
    Seal,
)

__all__ = [
    "Archive",
    "ArchiveError",
    "ArchiveFull",
    "BlobCorrupt",
    "BlobMissing",
    "Entry",
    "FailedPull",
    "Gap",
    "ManifestCorrupt",
    "PayloadForgotten",
    "Pull",
    "SealedPull",
    "VerifyReport",
]

_TABLE = re.compile(r"[a-z0-9][a-z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Gap:
    """A payload that cannot be read back, and why."""

    table: str
    pull_id: str
    slot: str
    sha256: str
    reason: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Outcome of reading everything back. `payloads` counts manifest lines; ok + gaps + forgotten add up to it.

    `forgotten` is gone on purpose. `orphans` are file names of bodies that no sealed pull names.
    """

    payloads: int
    ok: int
    missing: tuple[Gap, ...]
    corrupt: tuple[Gap, ...]
    forgotten: tuple[Gap, ...]
    orphans: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """True if everything that should be readable is."""
        return not self.missing and not self.corrupt


class Archive:
    """The landing archive under `root`. Safe for several processes and threads at once.

    `clock` gives the time of sealing (and with it the manifest's month); tests fix it.
    """

    def __init__(
        self, root: Path, keys: KeyStore, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.root = root
        self._keys = keys
        self._clock = clock
        self._blobs = BlobStore(root)
        self._manifests: dict[str, ManifestFolder] = {}
        self.new_blobs = 0
        """Bodies that the pulls sealed through this object brought and the archive did not hold yet."""

    def begin(
        self,
        table: str,
        pull_id: str,
        window_start: date,
        window_end: date,
        encrypted: bool = False,
        key_month: str | None = None,
    ) -> Pull:
        """Start a pull of one table's window; use it in a `with`. `pull_id` is unique for each attempt.

        `encrypted`: bodies are encrypted with the key of (table, `key_month`), "YYYY-MM".
        Raises PayloadForgotten before anything is fetched if that month's keeping period is over, ArchiveFull, and
        ArchiveError if the key cannot be opened.
        """
        manifest = self._manifest(table)
        if encrypted and key_month is None:
            raise ValueError(f"{table}: an encrypted pull needs the month of its key")
        with room_needed(self.root):
            try:
                key = self._keys.get_or_create(table, key_month) if encrypted and key_month else None
            except KeyDestroyed as error:
                raise PayloadForgotten(
                    f"{table}: {error}. That was done on purpose: data of that time is not taken in again, and nothing "
                    "is to be done"
                ) from None
            except KeyStoreError as error:
                raise ArchiveError(f"{table}: {error}") from None
            head = {
                "pull_id": pull_id,
                "table": table,
                "window_start": window_start,
                "window_end": window_end,
            }
            return Pull(self._blobs, manifest, self._clock, head, key, key_month if encrypted else None, self._count)

    def _count(self, pull: Pull) -> None:
        self.new_blobs += pull.new_blobs

    def tables(self) -> list[str]:
        """Tables of which something was pulled, in order."""
        return sorted(p.name for p in (self.root / "manifest").glob("*") if p.is_dir())

    def pulls(self, table: str, start: date | None = None, end: date | None = None) -> list[SealedPull]:
        """Sealed pulls in the order they were sealed; with `start`/`end` those whose window touches these days.

        Only the lines of the pulls that are given back are parsed. Raises ManifestCorrupt.
        """
        return list(self.iter_pulls(table, start, end))

    def iter_pulls(self, table: str, start: date | None = None, end: date | None = None) -> Iterator[SealedPull]:
        """Like `pulls`, one at a time: for walks over the whole history in constant memory."""
        manifest = self._manifest(table)
        for path, position, seal in manifest.ends():
            if (
                isinstance(seal, Seal)
                and (start is None or seal.window_end >= start)
                and (end is None or seal.window_start <= end)
            ):
                yield SealedPull(
                    pull_id=seal.pull_id,
                    table=seal.table,
                    window=Window(seal.window_start, seal.window_end),
                    sealed_at=seal.sealed_at,
                    entries=manifest.entries(path, position, seal),
                )

    def failed_pulls(self, table: str) -> list[FailedPull]:
        """Pulls that were given up with a reason, in the order they failed."""
        return [end for _, _, end in self._manifest(table).ends() if isinstance(end, FailedPull)]

    def read(self, entry: Entry) -> bytes:
        """The archived body, checked against its sha256.

        Raises BlobMissing, BlobCorrupt, PayloadForgotten.
        """
        key = None
        if entry.key_month is not None:
            try:
                key = self._keys.get(entry.table, entry.key_month)
            except KeyDestroyed as error:
                raise PayloadForgotten(f"{entry.table} {entry.slot}: {error}") from None
            except KeyStoreError as error:
                raise BlobCorrupt(f"{entry.table} {entry.slot}: {error}") from None
        name = blob_name(entry.sha256, entry.table, entry.key_month)
        return self._blobs.read(name, entry.sha256, entry.size, key)

    def payload(self, entry: Entry) -> Payload:
        """The archived payload as `read` functions take it. Raises like `read`."""
        return Payload(
            body=self.read(entry),
            sha256=entry.sha256,
            slot=entry.slot,
            meta=entry.meta,
            request=entry.request,
            status=entry.status,
            headers=entry.headers,
            fetched_at=entry.fetched_at,
            asal=entry.asal,
            unknown_fields=entry.unknown_fields,
        )

    def known(self, sha: str) -> bool:
        """True if a body with this sha256 is stored, plain or encrypted."""
        return self._blobs.known(sha)

    def blob_count(self) -> int:
        """Number of stored bodies."""
        return len(self._blobs.names())

    def sweep_temps(self) -> int:
        """Remove temp files of dead processes and strays older than a day; gives the number of files.

        Pulls under way, of any process and any age, are left alone.
        """
        return self._blobs.sweep_temps()

    def verify(self, progress: Callable[[int, int], None] | None = None) -> VerifyReport:
        """Read every payload of every sealed pull back. `progress` is told (payloads done, of all).

        Each body is read once, however many pulls name it. Raises ManifestCorrupt.
        """
        stored = self._blobs.names()
        tables = self.tables()
        total = sum(end.count for t in tables for *_, end in self._manifest(t).ends() if isinstance(end, Seal))
        found: dict[type[ArchiveError], list[Gap]] = {BlobMissing: [], BlobCorrupt: [], PayloadForgotten: []}
        verdicts: dict[str, ArchiveError | None] = {}
        done = 0
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for table in tables:
                for pull in self.iter_pulls(table):
                    fresh = {blob_name(e.sha256, e.table, e.key_month): e for e in pull.entries}
                    fresh = {name: e for name, e in fresh.items() if name not in verdicts}
                    verdicts.update(zip(fresh, pool.map(self._verdict, fresh.values()), strict=True))
                    for entry in pull.entries:
                        verdict = verdicts[blob_name(entry.sha256, entry.table, entry.key_month)]
                        if verdict is not None:
                            gap = Gap(entry.table, entry.pull_id, entry.slot, entry.sha256, str(verdict))
                            found[type(verdict)].append(gap)
                    done += len(pull.entries)
                    if progress is not None:
                        progress(done, total)
        return VerifyReport(
            payloads=done,
            ok=done - sum(map(len, found.values())),
            missing=tuple(found[BlobMissing]),
            corrupt=tuple(found[BlobCorrupt]),
            forgotten=tuple(found[PayloadForgotten]),
            orphans=tuple(sorted(stored - verdicts.keys())),
        )

    def _verdict(self, entry: Entry) -> ArchiveError | None:
        try:
            self.read(entry)
        except (BlobMissing, BlobCorrupt, PayloadForgotten) as error:
            return error
        return None

    def _manifest(self, table: str) -> ManifestFolder:
        if not _TABLE.fullmatch(table):
            raise ValueError(f"not a table name: {table!r}")
        return self._manifests.setdefault(table, ManifestFolder(self.root, table))
