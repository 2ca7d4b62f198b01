"""Recounting from the bytes: what the archive holds against what the lake and the snapshot show.

Nothing here trusts a counter that a run wrote down: payloads are read again, rows are compared one by one, Parquet
files are opened. Everything is read as of one version of the lake, so a writer beside it does no harm.
Belongs here: which payloads each partition was made from, and the counts. Does not belong here: reading a payload
(given as an object), comparing rows (`verify_rows.py`), files (`verify_files.py`), snapshots (`verify_snapshot.py`).
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import duckdb
import polars as pl

from connectors.api import PayloadError, Window
from connectors.archive import Archive, ArchiveError, PayloadForgotten, SealedPull
from connectors.contract import Contract
from connectors.contract.model import SINGLE_PARTITION
from connectors.manifest import Entry
from warehouse import attempts, ops, snapshot
from warehouse.duck import ident, qualified
from warehouse.lake import Lake
from warehouse.origins import pulls_behind
from warehouse.verify_files import check_files
from warehouse.verify_rows import compare, marked
from warehouse.verify_snapshot import check_snapshot

UNSETTLED = timedelta(hours=1)
"""A sealed pull may be without an outcome for this long: it is being settled, or waits for the next run."""

_BATCH_ROWS = 250_000


class Reread(Protocol):
    """Reads archived payloads again."""

    def keys(self, contract: Contract, window: Window) -> Sequence[str]:
        """Partitions that a pull of this window covers."""
        ...

    def read(
        self, contract: Contract, entries: Sequence[Entry], keys: Sequence[str], shared: Collection[str]
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Typed rows and rejected rows, both with `_partisi`; rejected rows of no known partition have `?` there.

        With `keys` they are those of one pull, and rows of other partitions are rejected, as they were then;
        without they are one file. `shared`: hashes of payloads that will be asked for again.
        Raises ArchiveError, PayloadError.
        """
        ...


@dataclass
class PartitionCount:
    """One partition, counted at every station.

    `dibaca` rows in the payloads = `diterima` (in the lake) + `dikarantina` + `diganti` (by a newer file).
    `cuplikan`: None where the snapshot does not show the table. `uang`: sums in the lake by money column.
    `forgotten`: its bytes, or some of them, are gone on purpose.
    """

    dataset: str
    partisi: str
    dibaca: int = 0
    diterima: int = 0
    dikarantina: int = 0
    diganti: int = 0
    lake: int = 0
    cuplikan: int | None = None
    uang: dict[str, str] = field(default_factory=dict)
    forgotten: bool = False
    gaps: list[str] = field(default_factory=list)


@dataclass
class Verification:
    """All partitions, all Parquet files, all payloads, and every gap that was found."""

    partitions: list[PartitionCount] = field(default_factory=list)
    files: int = 0
    payloads: int = 0
    forgotten: int = 0
    gaps: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not self.gaps and not any(p.gaps for p in self.partitions)

    def all_gaps(self) -> list[str]:
        return self.gaps + [f"{p.dataset} {p.partisi}: {g}" for p in self.partitions for g in p.gaps]


def verify(
    lake: Lake,
    archive: Archive,
    snapshots: Path,
    contracts: Sequence[Contract],
    reread: Reread,
    *,
    progress: Callable[[str], None] = lambda _: None,
    now: datetime | None = None,
) -> Verification:
    """Recount every committed partition of the datasets; check every Parquet file, payload and snapshot table."""
    result = Verification()
    version = lake.snapshot_id()
    progress("arsip")
    try:
        report = archive.verify()
        result.payloads, result.forgotten = report.payloads, len(report.forgotten)
        lost = (f"arsip {g.table} {g.slot}: {g.reason}" for g in (*report.missing, *report.corrupt))
        result.gaps += dict.fromkeys(lost)  # several pulls may have brought the same bytes
    except ArchiveError as error:
        result.gaps.append(f"arsip: {error}")
    progress("berkas Parquet")
    result.files, faults = check_files(lake, version)
    result.gaps += faults
    progress("cuplikan")
    newest = snapshot.latest(snapshots) if snapshots.is_dir() else None
    shown, faults = check_snapshot(lake, version, newest)
    result.gaps += faults
    names = [c.id for c in contracts]
    history = _History(
        attempts.settled(lake, names, version),
        attempts.last_ends(lake, names, version),
        attempts.set_aside(lake, names, version),
    )
    for contract in contracts:
        progress(contract.id)
        own = history.of(contract)
        check = _Dataset(lake, archive, version, contract, own, shown.get(f"source.{contract.table}"), reread)
        try:
            check.run(now or datetime.now(UTC))
        except ArchiveError as error:  # a manifest is damaged
            result.gaps.append(f"{contract.id}: {error}")
        except duckdb.Error as error:  # a file of the table is damaged, and named among the files above
            result.gaps.append(f"{contract.id}: tidak terbaca: {str(error).splitlines()[0][:200]}")
        result.gaps += check.gaps
        result.partitions += check.counts.values()
    return result


@dataclass(frozen=True)
class _History:
    """What `warehouse.attempts` tells of some datasets."""

    settled: pl.DataFrame
    ends: pl.DataFrame
    aside: pl.DataFrame

    def of(self, contract: Contract) -> "_History":
        own = pl.col("dataset") == contract.id
        return _History(self.settled.filter(own), self.ends.filter(own), self.aside.filter(own))


@dataclass
class _Job:
    """Partitions that were made from one pull, which covered `window_keys` (of files: from all of them)."""

    entries: Sequence[Entry]
    window_keys: Sequence[str]
    keys: list[str]


class _Dataset:
    """The recount of one dataset."""

    def __init__(
        self,
        lake: Lake,
        archive: Archive,
        version: int,
        contract: Contract,
        history: _History,
        shown: dict[str, int] | None,
        reread: Reread,
    ):
        self._lake, self._archive, self._contract, self._history = lake, archive, contract, history
        self._version, self._shown, self._reread = version, shown, reread
        self._table = f"{qualified(f'source.{contract.table}')} AT (VERSION => {version:d})"
        column = contract.partition_column
        self._key = f"CAST({ident(column)} AS VARCHAR)" if column else f"'{SINGLE_PARTITION}'"
        self._files = contract.ext.mode == "berkas"
        self.counts: dict[str, PartitionCount] = {}
        self.gaps: list[str] = []

    def run(self, now: datetime) -> None:
        contract = self._contract
        states = {row["partisi"]: row for row in self._history.settled.iter_rows(named=True)}
        if f"source.{contract.table}" not in self._lake.shapes():
            if states:
                self.gaps.append(f"{contract.id}: tabelnya tidak ada di lake")
            return
        totals = self._totals()
        for key in sorted(totals.keys() - states.keys()):
            self.gaps.append(f"{contract.id} {key}: {totals[key]['baris']} baris di lake tanpa hasil yang tercatat")
        for key in sorted(states):
            count = self.counts[key] = PartitionCount(contract.id, key)
            found = dict(totals.get(key, {"baris": 0}))
            count.lake = found.pop("baris")
            count.uang = {name: str(value or 0) for name, value in found.items()}
            count.cuplikan = self._shown.get(key, 0) if self._shown is not None else None
        aside = self._history.aside
        undated = aside.filter(pl.col("partisi").str.starts_with(ops.UNPLACED))
        aside = aside.filter(pl.col("status") == "diterima" if self._files else pl.col("settles"))
        aside = aside.select(_partisi="partisi", _payload="muatan", _baris="baris")
        jobs = self._jobs(states)
        times = Counter(sha for job in jobs for sha in {e.sha256 for e in job.entries})
        shared = {sha for sha, n in times.items() if n > 1}
        for batch in self._batches(jobs):
            held = self._held([key for job in batch for key in job.keys])
            for job in batch:
                here = pl.col("_partisi").is_in(job.keys)
                self._check(job, shared, held.filter(here), aside.filter(here), undated)
        self._check_unsettled(now)

    def _totals(self) -> dict[str, dict[str, Any]]:
        """Rows and money sums of each partition in the lake, added up by DuckDB."""
        money = [ident(c.name) for c in self._contract.columns if c.dtype.is_decimal()]
        sums = "".join(f", sum({c}) AS {c}" for c in money)
        rows = self._lake.query(
            f"SELECT {self._key} AS _partisi, count(*) AS baris{sums} FROM {self._table} GROUP BY 1"
        )
        return {row.pop("_partisi"): row for row in rows.to_dicts()}

    def _jobs(self, states: dict[str, dict[str, Any]]) -> list[_Job]:
        """What is to be read again. Partitions whose payloads the archive does not name get their gap here."""
        wanted = {key: frozenset(state["muatan"]) for key, state in states.items()}
        if self._files:
            return self._file_jobs(wanted)
        found, lost = pulls_behind(
            self._archive,
            self._contract.table,
            {key: (shas, states[key]["selesai"]) for key, shas in wanted.items()},
            lambda window: self._reread.keys(self._contract, window),
        )
        for key in lost:
            self.counts[key].gaps.append(f"tarikan dengan {len(wanted[key])} muatannya tidak ada di arsip")
        jobs = [_Job(origin.pull.entries, origin.covered, origin.keys) for origin in found]
        return sorted(jobs, key=lambda job: min(job.keys))

    def _file_jobs(self, wanted: dict[str, frozenset[str]]) -> list[_Job]:
        entries: dict[str, Entry] = {}
        for pull in self._archive.iter_pulls(self._contract.table):
            for entry in pull.entries:
                entries.setdefault(entry.sha256, entry)
        for key, shas in wanted.items():
            lost = sorted(shas - entries.keys())
            if lost:
                self.counts[key].gaps.append(f"muatan tidak ada di arsip: {', '.join(s[:12] for s in lost)}")
        named = {sha for shas in wanted.values() for sha in shas}
        return [_Job([e for sha, e in entries.items() if sha in named], (), sorted(wanted))] if wanted else []

    def _batches(self, jobs: Sequence[_Job]) -> Iterator[list[_Job]]:
        """Jobs whose rows are fetched from the lake together."""
        batch: list[_Job] = []
        size = 0
        for job in jobs:
            rows = sum(self.counts[key].lake for key in job.keys)
            if batch and size + rows > _BATCH_ROWS:
                yield batch
                batch, size = [], 0
            batch.append(job)
            size += rows
        if batch:
            yield batch

    def _held(self, keys: Sequence[str]) -> pl.DataFrame:
        """Marked rows of the lake, with `_partisi`."""
        columns = ", ".join(ident(name) for name in self._contract.schema())
        sql, params = f"SELECT {columns}, {self._key} AS _partisi FROM {self._table}", []
        if self._contract.partition_column:
            column = ident(self._contract.partition_column)
            sql += f" WHERE {column} BETWEEN ?::DATE AND ?::DATE AND list_contains(?, {self._key})"
            params = [min(keys), max(keys), list(keys)]
        return marked(self._contract, self._lake.query(sql, params))

    def _read(self, job: _Job, shared: Collection[str]) -> tuple[pl.DataFrame, pl.DataFrame, set[str]] | None:
        """Rows, rejected rows, and hashes of payloads that are gone on purpose; None when all are.

        Raises ArchiveError, PayloadError.
        """
        if not self._files:
            try:
                return *self._reread.read(self._contract, job.entries, job.window_keys, shared), set()
            except PayloadForgotten:
                return None
        # Each file was settled by itself; read together, rows that two files share would count as repeated.
        parts, gone = [], set()
        for entry in job.entries:
            try:
                parts.append(self._reread.read(self._contract, [entry], (), shared))
            except PayloadForgotten:
                gone.add(entry.sha256)
        if not parts:
            return None
        rows, rejected = zip(*parts, strict=True)
        return pl.concat(rows), pl.concat(rejected, how="diagonal_relaxed"), gone

    def _check(
        self, job: _Job, shared: Collection[str], held: pl.DataFrame, aside: pl.DataFrame, undated: pl.DataFrame
    ) -> None:
        """Compare the partitions of one job row by row."""
        try:
            read = self._read(job, shared)
        except (ArchiveError, PayloadError) as error:
            for key in job.keys:
                self.counts[key].gaps.append(f"muatan tidak dapat dibaca lagi: {error}")
            return
        for key in job.keys:
            self.counts[key].forgotten = read is None or bool(read[2])
        if read is None:
            return
        rows, rejected, gone = read
        self._check_undated(job, rejected.filter(pl.col("_partisi") == ops.UNPLACED), undated)
        for key, found in compare(self._contract, job.keys, rows, rejected, held, aside, gone).items():
            count = self.counts[key]
            count.dibaca, count.diterima = found.read, found.accepted
            count.dikarantina, count.diganti = found.quarantined, found.replaced
            count.gaps += found.gaps

    def _check_undated(self, job: _Job, read: pl.DataFrame, kept: pl.DataFrame) -> None:
        """Rows of no known partition are set aside once; the same ones again are not written again."""
        said = ["kolom", "alasan", "isi"]
        kept = kept.select("muatan", "baris", *said)
        lost = read.join(kept, left_on=["_payload", "_baris"], right_on=["muatan", "baris"], how="anti")
        lost = lost.join(kept, on=said, how="anti", nulls_equal=True)
        if lost.height:
            self.gaps.append(
                f"{self._contract.id} {min(job.keys)}: {lost.height} baris tanpa partisi yang dikenal tidak ada di "
                "karantina"
            )

    def _check_unsettled(self, now: datetime) -> None:
        """The newest pull of every partition has an outcome: what was archived was also settled."""
        newest: dict[str, SealedPull] = {}
        for pull in self._archive.iter_pulls(self._contract.table):
            for key in self._reread.keys(self._contract, pull.window) or ("",):
                newest[key] = pull
        ends = dict(self._history.ends.select("partisi", "selesai").iter_rows())
        ends[""] = max(ends.values(), default=datetime.min.replace(tzinfo=UTC))
        late = {
            pull.pull_id: pull
            for key, pull in newest.items()
            if (key not in ends or ends[key] < pull.sealed_at) and now - pull.sealed_at > UNSETTLED
        }
        for pull in late.values():
            self.gaps.append(
                f"{self._contract.id} {pull.window.start}..{pull.window.end}: tarikan {pull.pull_id} diarsip, tetapi "
                "tidak ada hasil yang tercatat; jalankan `ssp run` atau `ssp replay`"
            )
