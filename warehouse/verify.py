"""Recounting from the bytes: what the archive holds against what the lake and the snapshot show.

Nothing here trusts a counter that a run wrote down: payloads are read again, Parquet files are opened.
Belongs here: the comparison. Does not belong here: how a payload is read (given as a function).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from connectors.archive import Archive, ArchiveError, PayloadForgotten
from connectors.contract import Contract
from connectors.manifest import Entry
from warehouse import ops, snapshot
from warehouse.duck import LAKE, bare, ident, qualified
from warehouse.lake import Lake

Reread = Callable[[Contract, Sequence[Entry], Sequence[str]], tuple[pl.DataFrame, pl.DataFrame]]
"""Read archived payloads again: (typed rows, rejected rows), both with `_partisi`. Keys bound the partitions."""


@dataclass
class PartitionCount:
    """One partition, counted at every station. `forgotten`: its bytes are gone on purpose."""

    dataset: str
    partisi: str
    dibaca: int = 0
    diterima: int = 0
    dikarantina: int = 0
    lake: int = 0
    cuplikan: int | None = None
    uang: dict[str, str] = field(default_factory=dict)
    forgotten: bool = False
    gaps: list[str] = field(default_factory=list)


@dataclass
class Verification:
    """All partitions, all Parquet files, and every gap that was found."""

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
) -> Verification:
    """Recount every committed partition of the datasets, check every Parquet file and every archived payload."""
    result = Verification()
    progress("arsip")
    report = archive.verify()
    result.payloads, result.forgotten = report.payloads, len(report.forgotten)
    result.gaps += [f"arsip {g.table} {g.slot}: {g.reason}" for g in (*report.missing, *report.corrupt)]
    progress("berkas Parquet")
    _check_files(lake, result)
    newest = snapshot.latest(snapshots) if snapshots.is_dir() else None
    for contract in contracts:
        progress(contract.id)
        _check_dataset(lake, archive, contract, reread, newest, result)
    return result


def _check_dataset(
    lake: Lake, archive: Archive, contract: Contract, reread: Reread, newest: Path | None, result: Verification
) -> None:
    states = lake.states(contract.id)
    if not states:
        return
    in_lake = _counts(lake.con, contract, qualified(f"source.{contract.table}"))
    in_snapshot = _snapshot_counts(contract, newest)
    aside = _quarantined(lake, contract, states)
    entries: dict[str, Entry] = {}
    for pull in archive.pulls(contract.table):
        for entry in pull.entries:
            entries[entry.sha256] = entry
    groups: dict[tuple[str, ...], list[str]] = {}
    for key, state in states.items():
        groups.setdefault(state.muatan, []).append(key)
    for shas, keys in groups.items():
        lost = [sha for sha in shas if sha not in entries]
        rows: pl.DataFrame | None = None
        rejected = pl.DataFrame()
        forgotten, fault = False, f"muatan tidak ada di arsip: {', '.join(s[:12] for s in lost)}" if lost else ""
        if not fault:
            try:
                rows, rejected = reread(contract, [entries[s] for s in shas], sorted(keys))
            except PayloadForgotten:
                forgotten = True
            except ArchiveError as error:
                fault = str(error)
        for key in keys:
            count = PartitionCount(contract.id, key, forgotten=forgotten)
            count.lake = in_lake.get(key, (0, {}))[0]
            count.uang = {n: str(v) for n, v in in_lake.get(key, (0, {}))[1].items()}
            count.cuplikan = in_snapshot.get(key, 0) if in_snapshot is not None else None
            if fault:
                count.gaps.append(fault)
            if rows is not None:
                _compare(contract, key, rows, rejected, aside.get(key), in_lake.get(key), count)
            if count.cuplikan is not None and count.cuplikan != count.lake:
                count.gaps.append(f"cuplikan {count.cuplikan} baris, lake {count.lake}")
            result.partitions.append(count)
    for key in in_lake.keys() - states.keys():
        result.gaps.append(f"{contract.id} {key}: {in_lake[key][0]} baris di lake tanpa hasil yang tercatat")


def _compare(
    contract: Contract,
    key: str,
    rows: pl.DataFrame,
    rejected: pl.DataFrame,
    aside: pl.DataFrame | None,
    in_lake: tuple[int, Mapping[str, Any]] | None,
    count: PartitionCount,
) -> None:
    """Parsed rows = accepted + quarantined; accepted rows and their money = those in the lake."""
    own = rows.filter(pl.col("_partisi") == key)
    unread = rejected.filter(pl.col("_partisi") == key).height if rejected.height else 0
    good = own
    if aside is not None and aside.height:
        good = own.join(aside.select(pl.col("muatan").alias("_payload"), pl.col("baris").alias("_baris")),
                        on=["_payload", "_baris"], how="anti")  # fmt: skip
    count.dibaca = own.height + unread
    count.diterima = good.height
    count.dikarantina = aside.height if aside is not None else 0
    if count.dibaca != count.diterima + count.dikarantina:
        count.gaps.append(f"dibaca {count.dibaca} ≠ diterima {count.diterima} + dikarantina {count.dikarantina}")
    if count.diterima != count.lake:
        count.gaps.append(f"diterima {count.diterima} baris, lake {count.lake}")
    sums = in_lake[1] if in_lake else {}
    for column in contract.columns:
        if column.dtype.is_decimal():
            expected = good[column.name].sum() if good.height else 0
            found = sums.get(column.name) or 0
            if expected != found:
                count.gaps.append(f"jumlah {column.name}: dari muatan {expected}, lake {found}")


def _counts(con: duckdb.DuckDBPyConnection, contract: Contract, table: str) -> dict[str, tuple[int, dict[str, Any]]]:
    money = [c.name for c in contract.columns if c.dtype.is_decimal()]
    key = f"CAST({ident(contract.partition_column)} AS VARCHAR)" if contract.partition_column else "'semua'"
    sums = "".join(f", sum({ident(m)})" for m in money)
    found = con.execute(f"SELECT {key}, count(*){sums} FROM {table} GROUP BY 1").fetchall()
    return {row[0]: (row[1], dict(zip(money, row[2:], strict=True))) for row in found}


def _snapshot_counts(contract: Contract, newest: Path | None) -> dict[str, int] | None:
    if newest is None or f"source.{contract.table}" not in snapshot.manifest(newest)["bagian"]:
        return None
    con = bare({"access_mode": "READ_ONLY"}, str(newest))
    try:
        key = f"CAST({ident(contract.partition_column)} AS VARCHAR)" if contract.partition_column else "'semua'"
        found = con.execute(f"SELECT {key}, count(*) FROM source.{ident(contract.table)} GROUP BY 1").fetchall()
    except duckdb.BinderException:  # the partition column itself is private
        return None
    finally:
        con.close()
    return dict(found)


def _quarantined(lake: Lake, contract: Contract, states: Mapping[str, ops.Outcome]) -> dict[str, pl.DataFrame]:
    """Quarantined rows of the committed version of each partition."""
    rows = lake.query(
        f"SELECT run_id, partisi, muatan, baris FROM {LAKE}.quarantine.baris WHERE dataset = ?", [contract.id]
    )
    found: dict[str, pl.DataFrame] = {}
    for (key,), part in rows.partition_by("partisi", as_dict=True).items() if rows.height else ():
        state = states.get(str(key))
        if state is None:
            continue
        own = part.filter(pl.col("muatan").is_in(list(state.muatan)))
        if contract.ext.mode != "berkas":
            own = own.filter(pl.col("run_id") == state.run_id)
        found[str(key)] = own.unique(["muatan", "baris"])
    return found


def _check_files(lake: Lake, result: Verification) -> None:
    """Every data file of the catalogue: there, of the recorded size, readable, and with the recorded row count."""
    root = lake.config.local_data
    if root is None:
        return
    con = bare()
    try:
        for schema in ("source", "core", "dashboard", "open_data", "ops", "quarantine"):
            for table in lake.tables(schema):
                for path, size in _files_of(lake, schema, table):
                    result.files += 1
                    fault = _file_fault(con, path, size)
                    if fault:
                        result.gaps.append(f"{schema}.{table}: {path.name}: {fault}")
    finally:
        con.close()


def _files_of(lake: Lake, schema: str, table: str) -> list[tuple[Path, int]]:
    rows = lake.query(
        "SELECT data_file, data_file_size_bytes FROM ducklake_list_files(?, ?, schema => ?)", [LAKE, table, schema]
    )
    return [(Path(path), int(size)) for path, size in rows.iter_rows()]


def _file_fault(con: duckdb.DuckDBPyConnection, path: Path, size: int) -> str:
    if not path.is_file():
        return "tidak ada"
    if path.stat().st_size != size:
        return f"{path.stat().st_size} byte, katalog mencatat {size}"
    try:
        # Reading every column decompresses every page, so a flipped bit is found.
        con.execute("SELECT sum(hash(t)::HUGEINT) FROM read_parquet(?) t", [str(path)]).fetchone()
    except duckdb.Error as error:
        return f"tidak terbaca: {str(error).splitlines()[0][:200]}"
    return ""
