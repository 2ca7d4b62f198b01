"""SQL for the public: a few confined processes, a short queue, a clock.

Belongs here: starting, feeding and killing `sqlworker.py`, and what its answers mean over HTTP. Does not belong here:
what may be asked (`sqlguard.py`).
"""

import asyncio
import logging
import re
import struct
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from ssp_pipeline.portal.errors import Problem, invalid
from ssp_pipeline.portal.releases import Edition, Shelf
from warehouse.opendata.manifest import Version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ssp_pipeline.portal.service import Options

log = logging.getLogger(__name__)

_PACKAGE = Path(__file__).resolve().parents[2]
_QUEUE = 32
"""Questions that may wait for each worker; more are told to come again."""

_OLD = re.compile(r"\b([a-z][a-z0-9_]{0,80})@(\d{1,6})\b")
_MOST_OLD = 8
_START_SECONDS = 20.0
_ROUND_TRIP = 0.5
"""Seconds for what is not the query: sending, parsing, opening a database, and the answer's way back."""


@dataclass(frozen=True)
class Rows:
    """A query's result: rows as the text of a JSON list, and the version of every dataset that was read."""

    records: bytes
    fields: list[dict[str, str]]
    truncated: bool
    versions: dict[str, int]


class _Worker:
    """One process and the edition that it knows the tables of."""

    def __init__(self, options: "Options"):
        self._options = options
        self._process: asyncio.subprocess.Process | None = None
        self._edition = -1

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> asyncio.subprocess.Process:
        """The process, begun if there is none, and ready. Raises TimeoutError, asyncio.IncompleteReadError."""
        if self._process is None or not self.alive:
            self._edition = -1
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-s", "-E", "-m", "ssp_pipeline.portal.sqlworker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                cwd=_PACKAGE,
                env={"LANG": "C.UTF-8"},
                start_new_session=True,
            )
            limits = {
                "memory_mb": self._options.sql_memory_mb,
                "seconds": self._options.sql_seconds,
                "root": str(self._options.root.resolve()),
            }
            _stdin(self._process).write(orjson.dumps(limits) + b"\n")
            assert self._process.stdout is not None
            async with asyncio.timeout(_START_SECONDS):
                await self._process.stdout.readexactly(1)
        return self._process

    async def try_start(self) -> None:
        """Begin the process if that is possible now; if not, the next question tries again."""
        try:
            await self.start()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            log.warning("no process for SQL could be started: %s", error)
            await self.end()

    async def ask(self, sql: str, edition: Edition, more: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """One question. Raises TimeoutError, ConnectionError, asyncio.IncompleteReadError; kill it then."""
        process = await self.start()
        message: dict[str, Any] = {"sql": sql, "more": more}
        if self._edition != edition.number:
            message["tables"] = tables_of(edition)
        body = orjson.dumps(message)
        async with asyncio.timeout(self._options.sql_seconds + _ROUND_TRIP):
            _stdin(process).write(struct.pack(">I", len(body)) + body)
            await _stdin(process).drain()
            assert process.stdout is not None
            head, rows = struct.unpack(">II", await process.stdout.readexactly(8))
            facts: dict[str, Any] = orjson.loads(await process.stdout.readexactly(head))
            records = await process.stdout.readexactly(rows)
        self._edition = edition.number
        return facts, records

    async def end(self) -> None:
        """Kill the process and wait until it is gone."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _stdin(process: asyncio.subprocess.Process) -> asyncio.StreamWriter:
    assert process.stdin is not None
    return process.stdin


def _table(version: Version) -> dict[str, Any]:
    return {"paths": [part.path for part in version.bagian], "columns": [c.nama for c in version.kolom]}


def tables_of(edition: Edition) -> dict[str, Any]:
    """What can be named in FROM: datasets, and in quotes their ids and those of their downloads, as CKAN has it."""
    if "sql" not in edition.made:
        named = {name: _table(v) for name, v in edition.versions.items() if v.bagian}
        ids = {i: named[n] for i, n in edition.names_by_id.items() if n in named}
        files = {i: named[v.dataset] for i, (v, _) in edition.resources.items() if v.dataset in named}
        edition.made["sql"] = files | ids | named
    found: dict[str, Any] = edition.made["sql"]
    return found


class SqlBox:
    """The workers. `run` may be called by any number of requests at a time."""

    def __init__(self, options: "Options", shelf: Shelf):
        self._options, self._shelf = options, shelf
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._workers = [_Worker(options) for _ in range(options.sql_workers)]
        for worker in self._workers:
            self._idle.put_nowait(worker)
        self._waiting = 0
        self._reviving: set[asyncio.Task[None]] = set()

    async def warm(self) -> None:
        """Start the processes, so that the first question need not wait for them."""
        for worker in self._workers:
            await worker.try_start()

    async def close(self) -> None:
        """End the processes."""
        for task in self._reviving:
            task.cancel()
        for worker in self._workers:
            await worker.end()

    async def run(self, sql: str, edition: Edition) -> Rows:
        """The rows of one SELECT over the edition's datasets. Raises Problem 400, 408, 410, 503."""
        more: dict[str, Any] = {}
        versions = {name: v.versi for name, v in edition.versions.items()}
        for name, number in list(dict.fromkeys(_OLD.findall(sql)))[:_MOST_OLD]:
            if name in edition.listed:
                more[f"{name}@{number}"] = _table(await self._shelf.version(name, int(number)))
        async with self._worker() as worker:
            facts, records = await self._ask(worker, sql, edition, more)
        if not facts["ok"]:
            raise self._refusal(facts)
        used: dict[str, int] = {}
        for table in facts["tables"]:
            name = edition.names_by_id.get(table, table)
            if table in edition.resources:
                name = edition.resources[table][0].dataset
            used[name] = versions[name] if name in versions else int(name.rpartition("@")[2])
        return Rows(records, facts["fields"], facts["truncated"], used)

    async def _ask(
        self, worker: _Worker, sql: str, edition: Edition, more: dict[str, Any]
    ) -> tuple[dict[str, Any], bytes]:
        try:
            return await worker.ask(sql, edition, more)
        except TimeoutError:
            await worker.end()
            seconds = self._options.sql_seconds
            raise Problem(
                408, "terlalu_lama", f"Kueri dihentikan setelah {seconds:g} detik; persempit dengan WHERE."
            ) from None
        except (ConnectionError, asyncio.IncompleteReadError):
            await worker.end()
            raise Problem(400, "terlalu_berat", "Kueri melampaui batas memori atau waktu.") from None
        except BaseException:
            # The asker is gone; what is still under way must not be taken for the next one's answer.
            await worker.end()
            raise

    @staticmethod
    def _refusal(facts: dict[str, Any]) -> Problem:
        if facts.get("missing"):
            return Problem(503, "sedang_diganti", "Data sedang diganti; coba lagi.", headers={"Retry-After": "2"})
        return invalid("sql", facts["error"])

    @asynccontextmanager
    async def _worker(self) -> "AsyncIterator[_Worker]":
        full = Problem(503, "antrean_penuh", "Antrean SQL penuh; coba lagi.", headers={"Retry-After": "5"})
        if self._waiting >= _QUEUE * len(self._workers):
            raise full
        self._waiting += 1
        try:
            worker = await asyncio.wait_for(self._idle.get(), self._options.sql_wait_seconds)
        except TimeoutError:
            raise full from None
        finally:
            self._waiting -= 1
        try:
            yield worker
        finally:
            if worker.alive:
                self._idle.put_nowait(worker)
            else:
                task = asyncio.create_task(self._revive(worker))
                self._reviving.add(task)
                task.add_done_callback(self._reviving.discard)

    async def _revive(self, worker: _Worker) -> None:
        """Begin a killed process anew before it is given to the next question."""
        try:
            await worker.try_start()
        finally:
            self._idle.put_nowait(worker)
