"""The analysts' snapshot: an immutable, versioned DuckDB file of views over content-addressed Parquet parts.

A part is one table and one month; only parts whose rows changed are written, so a new version costs what changed.
Private columns are in no part. Versions have names of their own; `latest.duckdb` is a link moved when all is on disk.
Does not belong here: the open-data release, which has its own gate.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from connectors.contract import Contract
from connectors.contract.model import SINGLE_PARTITION
from connectors.crashpoint import crashpoint
from connectors.durable import fsync_path
from warehouse.build import Builder
from warehouse.duck import bare, ident, literal, qualified
from warehouse.lake import Lake
from warehouse.modelling import Model

LATEST = "latest.duckdb"


@dataclass(frozen=True)
class Made:
    """What `publish` did: the version that is now the newest, whether it is new, and the parts it had to write."""

    version: str
    created: bool
    new_parts: int


@dataclass(frozen=True)
class _Table:
    """A table to give out: its columns with comments, and its partitions by month."""

    name: str
    columns: dict[str, str]
    comment: str
    partition: str | None
    months: dict[str, list[str]]
    digests: dict[str, str]


def publish(lake: Lake, folder: Path, contracts: Sequence[Contract], models: Sequence[Model]) -> Made:
    """Make a new version if anything changed since the newest one."""
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    with lake.writer_lock():
        builder = Builder(lake, contracts, "cuplikan")
        tables = [*_source_tables(builder, contracts), *_model_tables(builder, models)]
        present = {f"{s}.{t}" for s in ("source", "core", "dashboard", "open_data") for t in lake.tables(s)}
        tables = [t for t in tables if t.name in present]
        parts: dict[str, list[str]] = {}
        written = 0
        for table in tables:
            parts[table.name] = []
            for month in sorted(table.months) or [SINGLE_PARTITION]:
                name, fresh = _part(lake, folder, table, month)
                parts[table.name].append(name)
                written += fresh
        shape = [(t.name, sorted(t.columns.items()), t.comment) for t in tables]
        digest = hashlib.sha256(orjson.dumps([parts, shape])).hexdigest()[:24]
        newest = latest(folder)
        if newest is not None and manifest(newest)["digest"] == digest:
            return Made(newest.stem, False, written)
        crashpoint("snapshot.parts_written")
        version = f"v{_number(newest) + 1:06d}"
        facts = {
            "versi": version,
            "digest": digest,
            "dibuat": datetime.now(UTC).isoformat(timespec="seconds"),
            "lake": lake.snapshot_id(),
            "bagian": parts,
        }
        _write_database(folder, version, tables, parts, facts)
        crashpoint("snapshot.database_written")
        _point(folder, version)
    return Made(version, True, written)


def _source_tables(builder: Builder, contracts: Sequence[Contract]) -> Iterator[_Table]:
    for contract in contracts:
        columns = {c.name: c.description for c in contract.columns if c.classification != "private"}
        columns["_asal"] = "Asal data: resmi, tiruan atau ulangan"
        name = f"source.{contract.table}"
        comment = f"{contract.title}. {contract.granularity}"
        yield _table(name, columns, comment, contract.partition_column, builder.versions(name))


def _model_tables(builder: Builder, models: Sequence[Model]) -> Iterator[_Table]:
    for model in models:
        columns = {n: c.description for n, c in model.head.columns.items() if c.classification != "private"}
        if columns:
            comment = f"{model.head.description} {model.head.grain}"
            yield _table(model.table, columns, comment, model.head.partition, builder.versions(model.table))


def _table(name: str, columns: dict[str, str], comment: str, partition: str | None, versions: dict[str, str]) -> _Table:
    months: dict[str, list[str]] = {}
    for key in versions:
        months.setdefault(key if key == SINGLE_PARTITION else key[:7], []).append(key)
    return _Table(name, columns, comment, partition, months, versions)


def _part(lake: Lake, folder: Path, table: _Table, month: str) -> tuple[str, bool]:
    """Name of the part that holds a month of a table, written if it is not there yet."""
    keys = sorted(table.months.get(month, []))
    content = repr((table.name, sorted(table.columns), [(k, table.digests[k]) for k in keys]))
    name = f"{table.name}/{month}-{hashlib.sha256(content.encode()).hexdigest()[:16]}.parquet"
    path = folder / "parts" / name
    if path.exists():
        return name, False
    path.parent.mkdir(exist_ok=True)
    where = ""
    if table.partition and month != SINGLE_PARTITION:
        where = f"WHERE strftime({ident(table.partition)}, '%Y-%m') = {literal(month)}"
        first = literal(f"{month}-01")
        where += f" AND {ident(table.partition)} BETWEEN DATE {first} AND last_day(DATE {first})"
    columns = ", ".join(ident(c) for c in table.columns)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    lake.con.execute(
        f"COPY (SELECT {columns} FROM {qualified(table.name)} {where}) TO {literal(str(temporary))} "
        "(FORMAT parquet, COMPRESSION zstd)"
    )
    _durable_rename(temporary, path)
    return name, True


def _durable_rename(temporary: Path, path: Path) -> None:
    fsync_path(temporary)
    temporary.replace(path)
    fsync_path(path.parent)


def _write_database(
    folder: Path, version: str, tables: Sequence[_Table], parts: dict[str, list[str]], facts: dict[str, Any]
) -> None:
    temporary = folder / f".{version}.{os.getpid()}.duckdb"
    temporary.unlink(missing_ok=True)
    con = bare(database=str(temporary))
    try:
        con.execute("BEGIN")
        for schema in sorted({t.name.partition(".")[0] for t in tables} | {"cuplikan"}):
            con.execute(f"CREATE SCHEMA {ident(schema)}")
        for table in tables:
            schema, _, name = table.name.partition(".")
            view = f"{ident(schema)}.{ident(name)}"
            files = ", ".join(literal(str(folder / "parts" / p)) for p in parts[table.name])
            columns = ", ".join(ident(c) for c in table.columns)
            con.execute(f"CREATE VIEW {view} AS SELECT {columns} FROM read_parquet([{files}])")
            con.execute(f"COMMENT ON VIEW {view} IS {literal(table.comment)}")
            for column, comment in table.columns.items():
                con.execute(f"COMMENT ON COLUMN {view}.{ident(column)} IS {literal(comment)}")
        con.execute("CREATE TABLE cuplikan.info (versi VARCHAR, dibuat TIMESTAMPTZ, lake BIGINT, digest VARCHAR)")
        con.execute(
            "INSERT INTO cuplikan.info VALUES (?, ?, ?, ?)",
            [facts["versi"], facts["dibuat"], facts["lake"], facts["digest"]],
        )
        con.execute("COMMIT")
        con.execute("CHECKPOINT")
    finally:
        con.close()
    side = folder / f".{version}.{os.getpid()}.json"
    side.write_bytes(orjson.dumps(facts, option=orjson.OPT_INDENT_2))
    _durable_rename(side, folder / f"{version}.json")
    _durable_rename(temporary, folder / f"{version}.duckdb")


def _point(folder: Path, version: str) -> None:
    link = folder / f".{LATEST}.{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(f"{version}.duckdb")
    link.replace(folder / LATEST)
    fsync_path(folder)


def latest(folder: Path) -> Path | None:
    """The newest version's file under its own name, or None before the first one."""
    link = folder / LATEST
    if not link.is_symlink():
        return None
    return folder / link.readlink()


def manifest(path: Path) -> dict[str, Any]:
    """Facts of a version: its number, digest, time, lake snapshot and parts."""
    facts: dict[str, Any] = orjson.loads(path.with_suffix(".json").read_bytes())
    return facts


def versions(folder: Path) -> list[Path]:
    """All versions, oldest first."""
    return sorted(folder.glob("v[0-9]*.duckdb"))


def _number(path: Path | None) -> int:
    return int(path.stem[1:]) if path else 0


@contextmanager
def _unread(path: Path) -> Iterator[bool]:
    """Whether no process has the file open through DuckDB, which holds a lock on what it reads."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def prune(folder: Path, *, keep: int, keep_days: int) -> list[str]:
    """Remove versions beyond the newest `keep` and older than `keep_days` that no reader has open, and lost parts."""
    removed = []
    newest = latest(folder)
    cutoff = time.time() - keep_days * 86400
    for path in versions(folder)[:-keep]:
        if path == newest or path.stat().st_mtime > cutoff:
            continue
        with _unread(path) as free:
            if free:
                path.unlink()
                path.with_suffix(".json").unlink(missing_ok=True)
                removed.append(path.stem)
    needed = {p for v in versions(folder) for files in manifest(v)["bagian"].values() for p in files}
    for path in (folder / "parts").rglob("*"):
        if path.is_file() and str(path.relative_to(folder / "parts")) not in needed:
            path.unlink()
    return removed
