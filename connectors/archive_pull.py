"""One pull on its way into the landing archive.

Belongs here: the order in which a pull's payloads become durable, and what is left if it fails. Does not belong
here: reading the archive (archive), the form of files (blobs) and of manifest lines (manifest).
"""

import hashlib
import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from connectors.api import Window
from connectors.blobs import ArchiveError, BlobStore, blob_name, pack, room_needed
from connectors.crashpoint import crashpoint
from connectors.durable import PRIVATE_DIR, sync_paths
from connectors.manifest import Entry, FailedPull, ManifestFolder, Seal, entries_of, line_of, seal_block


@dataclass(frozen=True, slots=True)
class SealedPull:
    """A completed pull. `entries` are its payloads in the order in which they were added."""

    pull_id: str
    table: str
    window: Window
    sealed_at: datetime
    entries: tuple[Entry, ...]


class Pull:
    """One pull under way. Nothing of it counts until `seal`; leaving the `with` without it removes its files."""

    def __init__(
        self,
        blobs: BlobStore,
        manifest: ManifestFolder,
        clock: Callable[[], datetime],
        head: dict[str, Any],
        key: bytes | None,
        key_month: str | None,
        sealed: Callable[["Pull"], None],
    ) -> None:
        self._blobs, self._manifest, self._clock, self._sealed = blobs, manifest, clock, sealed
        self._head, self._key, self._key_month = head, key, key_month
        self._lines: list[bytes] = []
        self._slots: set[str] = set()
        self._sizes: dict[str, int] = {}
        self._moves: dict[Path, Path] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._temps = blobs.open_temps()
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            self._close()

    @property
    def new_blobs(self) -> int:
        """How many bodies of this pull the archive did not hold yet (or held damaged)."""
        return len(self._moves)

    def add(
        self,
        body: bytes,
        *,
        slot: str,
        request: Mapping[str, Any],
        status: int,
        headers: Mapping[str, str],
        fetched_at: datetime,
        asal: str,
        meta: Mapping[str, str],
        unknown_fields: tuple[str, ...] = (),
        redaction_version: int,
        redaction_list: str | None = None,
    ) -> str:
        """Write one redacted body to a temp file, unless it is archived already; gives its sha256.

        The caller leaves secrets out of `request` and `headers`: they are stored in plain text. `redaction_list`
        is the allow-list's fingerprint. Threads may add at the same time.
        Raises ValueError for a slot used twice in one pull or a `fetched_at` without time zone; ArchiveFull.
        """
        if fetched_at.tzinfo is None:
            raise ValueError(f"{slot}: fetched_at has no time zone")
        sha = hashlib.sha256(body).hexdigest()
        name = blob_name(sha, self._head["table"], self._key_month)
        with self._lock:
            self._must_be_open()
            if slot in self._slots:
                raise ValueError(f"{self._head['table']}: slot {slot!r} is used twice in one pull")
            self._slots.add(slot)
        with room_needed(self._blobs.root):
            stored_size = self._store(name, body, sha)
        crashpoint("archive.temp_written")
        entry = Entry(
            **self._head,
            slot=slot,
            request=dict(request),
            status=status,
            headers=dict(headers),
            fetched_at=fetched_at.astimezone(UTC),
            sha256=sha,
            size=len(body),
            stored_size=stored_size,
            asal=asal,
            meta=dict(meta),
            unknown_fields=unknown_fields,
            redaction_version=redaction_version,
            redaction_list=redaction_list,
            key_month=self._key_month,
        )
        line = line_of(entry)
        with self._lock:
            self._must_be_open()
            self._lines.append(line)
        return sha

    def seal(self) -> SealedPull:
        """Make the pull count, all of it at once and durably. Raises ArchiveFull; then nothing of it counts."""
        with self._lock, room_needed(self._blobs.root):
            self._must_be_open()
            try:
                self._place_blobs()
                now = self._clock().astimezone(UTC)

                def end(count: int, length: int, crc32: int) -> Seal:
                    return Seal(**self._head, sealed_at=now, count=count, length=length, crc32=crc32)

                self._manifest.append(f"{now:%Y-%m}", seal_block(self._lines, end))
            finally:
                self._close()
        crashpoint("archive.sealed")
        self._sealed(self)
        return SealedPull(
            pull_id=self._head["pull_id"],
            table=self._head["table"],
            window=Window(self._head["window_start"], self._head["window_end"]),
            sealed_at=now,
            entries=entries_of(self._lines),
        )

    def fail(self, reason: str) -> None:
        """Give the pull up: remove its files and leave a line with the reason in the manifest. Raises ArchiveFull."""
        with self._lock:
            self._must_be_open()
            self._close()
        now = self._clock().astimezone(UTC)
        with room_needed(self._blobs.root):
            self._manifest.append(f"{now:%Y-%m}", line_of(FailedPull(**self._head, failed_at=now, reason=reason)))

    def _store(self, name: str, body: bytes, sha: str) -> int:
        """Size of the file that holds the body: one of this pull, one archived before, or a new temp file."""
        size = self._sizes.get(name)
        if size is None:
            size = self._blobs.stored_size(name, body, sha, self._key)
            if size is None:
                stored = pack(body, sha, self._key)
                self._moves[self._blobs.path(name)] = self._temps.write(str(next(self._numbers)), stored)
                size = len(stored)
            self._sizes[name] = size
        return size

    def _place_blobs(self) -> None:
        """Temp files to the disk, then under their names, then the names to the disk.

        Folders of bodies that were there before are synced as well: whoever put them there may not have got so far.
        """
        folders = {self._blobs.path(name).parent for name in self._sizes}
        sync_paths(self._moves.values(), self._temps.fd)
        crashpoint("archive.temps_synced")
        for folder in folders:
            folder.mkdir(mode=PRIVATE_DIR, exist_ok=True)
        for final, temp in self._moves.items():
            temp.rename(final)
            crashpoint("archive.blob_renamed")
        sync_paths([*folders, self._blobs.root], self._temps.fd)
        crashpoint("archive.folders_synced")

    def _must_be_open(self) -> None:
        if not self._open:
            raise ArchiveError(f"pull {self._head['pull_id']} of {self._head['table']} is already ended")

    def _close(self) -> None:
        self._open = False
        self._temps.close()
