"""What is published now, and the tables of it: taken up without a restart and without disturbing a request under way.

An `Edition` is one release and never changes. A request takes the current one when it begins and keeps it. When the
pointer names another release, a whole new edition is made and then put in place of the old one, whose memory goes with
the last request that uses it.

Belongs here: watching the pointer, versions and tables by name, the bound on memory. Does not belong here: questions.
"""

import asyncio
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from ssp_pipeline.portal.errors import Problem, not_found, withdrawn
from ssp_pipeline.portal.paging import LONGEST
from ssp_pipeline.portal.table import Table, load
from warehouse.opendata.manifest import (
    File,
    Listed,
    Release,
    Version,
    current,
    dataset_id,
    read_release,
    read_version,
    read_withdrawn,
)

log = logging.getLogger(__name__)

_KEPT_VERSIONS = 512


@dataclass(frozen=True)
class Edition:
    """One release with the newest standing version of each of its datasets. Number 0: nothing is published yet."""

    number: int = 0
    release: Release | None = None
    versions: Mapping[str, Version] = field(default_factory=dict)
    listed: Mapping[str, Listed] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict, compare=False)
    """What others derive of this edition once and keep with it."""

    @cached_property
    def resources(self) -> Mapping[str, tuple[Version, File]]:
        """Version and file by permanent id of the resource."""
        return {f.id: (v, f) for v in self.versions.values() for f in v.berkas}

    @cached_property
    def names_by_id(self) -> Mapping[str, str]:
        """Dataset by permanent id; datasets whose versions are all withdrawn are among them."""
        return {dataset_id(name): name for name in self.listed}

    @cached_property
    def files(self) -> Mapping[str, File]:
        """Download by its path below the public root."""
        return {f.path: f for v in self.versions.values() for f in v.berkas}

    def dataset(self, given: str) -> Version:
        """The newest standing version by name or id. Raises Problem 404 or 410."""
        name = self.names_by_id.get(given, given)
        found = self.versions.get(name)
        if found is not None:
            return found
        raise self.absent(name)

    def absent(self, name: str) -> Problem:
        """Why a dataset has no standing version."""
        listed = self.listed.get(name)
        if listed is None:
            return not_found(f"dataset {name}")
        last = max(listed.riwayat, key=lambda line: line.versi, default=None)
        return withdrawn(f"Dataset {name}", last.alasan if last else "")


class Shelf:
    """The public root as requests see it. All methods but `refresh` are for the event loop's thread."""

    def __init__(self, root: Path, *, memory: int):
        self.root, self._memory = root, memory
        self.current = Edition()
        self.replaced: dict[tuple[str, int], float] = {}
        """When (monotonic) this process saw a newer version take a version's place."""
        self._refreshing = threading.Lock()
        self._versions: OrderedDict[tuple[str, int], Version] = OrderedDict()
        self._tables: OrderedDict[tuple[str, int], asyncio.Future[Table]] = OrderedDict()

    def refresh(self) -> bool:
        """Take up the release that the pointer names, if it is another one. May run in a thread.

        Raises OSError, ValueError when the release cannot be read whole; the current one then stays.
        """
        with self._refreshing:
            return self._refresh()

    def _refresh(self) -> bool:
        number = current(self.root)
        if number is None or number == self.current.number:
            return False
        release = read_release(self.root, number)
        before = self.current
        versions = {}
        for listed in release.dataset:
            if listed.versi is not None:
                kept = before.versions.get(listed.dataset)
                same = kept is not None and kept.versi == listed.versi
                versions[listed.dataset] = (
                    kept if kept and same else read_version(self.root, listed.dataset, listed.versi)
                )
        listing = {listed.dataset: listed for listed in release.dataset}
        now = time.monotonic()
        for name, old in before.versions.items():
            if name not in versions or versions[name].versi != old.versi:
                self.replaced[name, old.versi] = now
        for key in [k for k, when in self.replaced.items() if now - when > LONGEST]:
            del self.replaced[key]
        self.current = Edition(number, release, MappingProxyType(versions), MappingProxyType(listing))
        return True

    async def watch(self, every: float) -> None:
        """Look at the pointer until cancelled."""
        seen, said = self.current.number, ""
        while True:
            await asyncio.sleep(every)
            try:
                await asyncio.to_thread(self.refresh)
            except (OSError, ValueError) as error:
                if str(error) != said:
                    said = str(error)
                    log.warning("the newest release cannot be taken up, the current one stays: %s", said)
            if self.current.number != seen:
                seen = self.current.number
                self._forget_withdrawn()
            self._shrink()

    def _forget_withdrawn(self) -> None:
        for listed in self.current.listed.values():
            for line in listed.riwayat:
                if line.status == "ditarik":
                    self._versions.pop((listed.dataset, line.versi), None)
                    self._tables.pop((listed.dataset, line.versi), None)

    async def version(self, name: str, number: int) -> Version:
        """A version by number, also an old one. Raises Problem 404 or 410."""
        newest = self.current.versions.get(name)
        if newest is not None and newest.versi == number:
            return newest
        listed = self.current.listed.get(name)
        line = next((x for x in listed.riwayat if x.versi == number), None) if listed else None
        if line is None:
            raise not_found(f"versi {number} dari {name}")
        if line.status == "ditarik":
            raise withdrawn(f"Versi {number} dari {name}", line.alasan)
        key = (name, number)
        if key not in self._versions:
            try:
                self._versions[key] = await asyncio.to_thread(read_version, self.root, name, number)
            except (FileNotFoundError, ValidationError) as error:
                raise await self._gone(name, number) from error
            while len(self._versions) > _KEPT_VERSIONS:
                self._versions.popitem(last=False)
        return self._versions[key]

    async def _gone(self, name: str, number: int) -> Problem:
        """Why the files of a listed version are not there: it was withdrawn after the current edition was read."""
        left = await asyncio.to_thread(read_withdrawn, self.root, name, number)
        if left is not None:
            return withdrawn(f"Versi {number} dari {name}", left.alasan)
        return Problem(503, "sedang_diganti", "Data sedang diganti; coba lagi.", headers={"Retry-After": "2"})

    def table_now(self, version: Version) -> Table | None:
        """The version's table if it is in memory."""
        held = self._tables.get((version.dataset, version.versi))
        if held is None or not held.done() or held.exception() is not None:
            return None
        self._tables.move_to_end((version.dataset, version.versi))
        return held.result()

    async def table(self, version: Version) -> Table:
        """The version's table; the first who asks has it loaded, others wait with him. Raises Problem 410, 503."""
        key = (version.dataset, version.versi)
        held = self._tables.get(key)
        if held is None:
            held = self._tables[key] = asyncio.ensure_future(asyncio.to_thread(load, self.root, version))
        try:
            table = await asyncio.shield(held)
        except FileNotFoundError as error:
            self._tables.pop(key, None)
            raise await self._gone(*key) from error
        except Exception:
            self._tables.pop(key, None)
            raise
        if key in self._tables:
            self._tables.move_to_end(key)
        self._shrink()
        return table

    def _shrink(self) -> None:
        """Let go of the tables that were not used for longest, down to the bound; requests keep what they hold.

        The one used last stays, however large. Tables grow with use, so this is looked at again and again.
        """
        done = [(k, f.result()) for k, f in self._tables.items() if f.done() and not f.exception()]
        size = sum(table.size for _, table in done)
        for key, table in done[:-1]:
            if size <= self._memory:
                return
            size -= table.size
            self._tables.pop(key, None)

    def in_memory(self) -> dict[str, int]:
        """Bytes by table, for the status page."""
        done = ((k, f.result()) for k, f in self._tables.items() if f.done() and not f.exception())
        return {f"{name}@{version}": table.size for (name, version), table in done}
