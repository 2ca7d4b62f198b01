"""All that a run works with, opened once a process: archive, keys, lake, checks, agencies and their addresses.

Belongs here: opening and closing. Does not belong here: reading the environment (the application does), pulling.
"""

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.timeliness import WIB
from connectors.archive import Archive
from connectors.contract import Contract
from connectors.keys import KeyStore, hash_key, load_or_create_master
from connectors.registry import Registry
from warehouse.checks import Checker
from warehouse.duck import LakeConfig
from warehouse.lake import Lake

if TYPE_CHECKING:
    from connectors.http import HttpClient
    from connectors.read.regions import RegionTable

_OPENING_SECONDS = 5.0
"""Longer than a lake takes to open that no other process is writing."""


@dataclass(frozen=True)
class Endpoint:
    """Where an agency answers in this run, and with which values of the province."""

    url: str
    params: Mapping[str, Any]
    rate: float | None


@dataclass(frozen=True)
class HttpLimits:
    """Bounds of one exchange with an agency, in seconds and bytes. `backoff` is the first pause before a retry, each
    further one may be twice as long, none longer than `backoff_cap`."""

    connect: float = 10.0
    read: float = 30.0
    total: float = 120.0
    attempts: int = 5
    backoff: float = 0.5
    backoff_cap: float = 30.0
    max_bytes: int = 64 * 1024 * 1024


@dataclass
class Workspace:
    """Everything opened late: definitions load without it, and a read-only command opens only what it needs."""

    home: Path
    registry: Registry
    lake_config: LakeConfig
    endpoint: Callable[[str], Endpoint]
    secret: Callable[[str], str | None]
    today: date
    wilayah: Path
    master_key: bytes | None = None
    limits: HttpLimits = HttpLimits()
    version: str = "0"
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    shared_models: Path = Path(__file__).resolve().parents[1] / "warehouse" / "models"
    clock: Callable[[], datetime] | None = None
    started_checker: Checker | None = None
    """A check process that was started before; it is closed with the rest."""
    _opening: Future[None] | None = field(default=None, init=False, repr=False)

    @property
    def now(self) -> datetime:
        """The instant by which something may be late: with a fixed `today` (no `clock`), the end of that day."""
        return self.clock() if self.clock else datetime.combine(self.today, time.max, WIB)

    def open_lake_ahead(self, contracts: Sequence[Contract]) -> None:
        """Begin to open the lake and to make these datasets' tables, and return; `check_lake` tells what went wrong."""
        lake, opening = self.lake, Future[None]()

        def open_it() -> None:
            try:
                lake.make_sources(contracts)
                opening.set_result(None)
            except BaseException as error:
                opening.set_exception(error)

        self._opening = opening
        threading.Thread(target=open_it, name="open-lake", daemon=True).start()

    def check_lake(self) -> None:
        """Raise what hindered the lake from being opened ahead; that another process writes it is no hindrance."""
        if self._opening is not None and wait([self._opening], timeout=_OPENING_SECONDS).done:
            self._opening.result()

    @property
    def inbox(self) -> Path:
        return self.home / "inbox"

    @cached_property
    def keys(self) -> KeyStore:
        master = self.master_key or load_or_create_master(self.home / "keys" / "induk.key")
        return KeyStore(self.home / "keys", master)

    @cached_property
    def hash_key(self) -> bytes:
        return hash_key(self.home / "keys")

    @cached_property
    def archive(self) -> Archive:
        return Archive(self.home / "archive", self.keys)

    @cached_property
    def lake(self) -> Lake:
        return Lake(self.lake_config)

    @cached_property
    def checker(self) -> Checker:
        checker = self.started_checker or Checker()
        checker.start()
        return checker

    def build_check_pages(self) -> None:
        """Write the pages about what was checked."""
        self.checker.build_docs(self.home / "docs" / "pemeriksaan")

    @cached_property
    def regions(self) -> "RegionTable":
        from connectors.read.regions import RegionTable

        return RegionTable.from_csv(self.wilayah)

    def http(self, contract: Contract) -> "HttpClient":
        """An HTTP client bound to the agency's address."""
        from connectors.http import HttpClient, user_agent

        agency = self.registry.agencies[contract.agency]
        endpoint = self.endpoint(contract.agency)
        known = [value for name in agency.secrets if (value := self.secret(name))]
        return HttpClient(
            endpoint.url,
            user_agent=user_agent(self.version),
            connect_timeout=self.limits.connect,
            read_timeout=self.limits.read,
            total_deadline=self.limits.total,
            max_retries=self.limits.attempts - 1,
            backoff_base=self.limits.backoff,
            backoff_cap=self.limits.backoff_cap,
            max_response_bytes=self.limits.max_bytes,
            rate=endpoint.rate,
            secrets=known,
        )

    def close(self) -> None:
        """Close what was opened."""
        if self._opening is not None:
            # Somebody who ends a run that waits for another one's lock is not to wait for it too.
            wait([self._opening], timeout=_OPENING_SECONDS)
        for name in ("checker", "lake"):
            opened = self.__dict__.pop(name, None)
            if opened is not None:
                opened.close()
