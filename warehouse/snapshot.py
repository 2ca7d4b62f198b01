"""The analysts' snapshot: an immutable, versioned DuckDB file of views over content-addressed Parquet parts.

A part is one table and one month; only parts whose rows changed are written, so a new version costs what changed.
Private columns are in no part. Versions have names of their own; `latest.duckdb` is a link moved when all is on disk.
Belongs here: which parts a version has, the order in which they become durable, pruning. Does not belong here: what
the database says about them (`snapshot_db.py`), the open-data release, which has its own gate.

Everything that writes or removes here runs under the lake's writer lock, so whatever lies in `.sementara` when a
publish begins was left by one that was killed.
"""

import fcntl
import hashlib
import os
import shutil
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
from warehouse.build import Builder, has_rows
from warehouse.duck import bare, ident, literal, qualified
from warehouse.lake import Lake
from warehouse.modelling import Model
from warehouse.snapshot_db import Facts, Table, find_tables, write_database

LATEST = "latest.duckdb"
PARTS = "parts"
_TEMP = ".sementara"
_READ_ONLY = 0o444


@dataclass(frozen=True)
class Made:
    """What `publish` did: the version that is now the newest, whether it is new, and the parts it had to write."""

    version: str
    created: bool
    new_parts: int


def publish(lake: Lake, folder: Path, contracts: Sequence[Contract], models: Sequence[Model]) -> Made:
    """Make a new version if anything changed since the newest one. Raises LakeBusy."""
    folder = folder.absolute()
    (folder / PARTS).mkdir(parents=True, exist_ok=True)
    with lake.writer_lock(), _temp_folder(folder) as temp:
        newest = latest(folder)
        tables = find_tables(lake, Builder(lake, contracts, "cuplikan"), contracts, models)
        parts, written = _parts(lake, folder, temp, tables, newest)
        crashpoint("snapshot.parts_written")
        # The views name their parts by absolute path: a folder that was moved needs a version of its own.
        wanted = [str(folder), {t: list(own) for t, own in parts.items()}, [t.shape() for t in tables]]
        digest = hashlib.sha256(orjson.dumps(wanted)).hexdigest()[:24]
        if newest is not None and _digest_of(newest) == digest:
            return Made(newest.stem, False, written)
        last = max(versions(folder), default=None)
        if last is not None and _digest_of(last) == digest:
            version = last.stem  # complete, but its publish was killed before the link moved
        else:
            version = f"v{int(last.stem[1:]) + 1 if last else 1:06d}"
            facts = {
                "versi": version,
                "digest": digest,
                "dibuat": datetime.now(UTC).isoformat(timespec="seconds"),
                "lake": lake.snapshot_id(),
                "bagian": parts,
            }
            _write_version(folder, temp, tables, facts)
        _point(folder, temp, version)
        crashpoint("snapshot.linked")
    return Made(version, True, written)


@contextmanager
def _temp_folder(folder: Path) -> Iterator[Path]:
    """An empty folder on the same disk, gone afterwards. What a killed publish left in it goes first."""
    temp = folder / _TEMP
    shutil.rmtree(temp, ignore_errors=True)
    temp.mkdir()
    try:
        yield temp
    finally:
        shutil.rmtree(temp)


def _parts(
    lake: Lake, folder: Path, temp: Path, tables: Sequence[Table], newest: Path | None
) -> tuple[dict[str, dict[str, Facts]], int]:
    """Parts of every table with their facts, those that were not there yet written durably, and how many those are."""
    known = _known_parts(newest)
    parts: dict[str, dict[str, Facts]] = {}
    fresh: set[Path] = set()
    written = 0
    for table in tables:
        own = parts[table.name] = {}
        for month in sorted(table.months) or [SINGLE_PARTITION]:
            name = _part_name(table, month)
            path = folder / PARTS / name
            if not path.exists():
                _write_part(lake, table, month, temp / "bagian.parquet", path)
                written += 1
                crashpoint("snapshot.part_written")
            if name not in known:
                fresh.add(path)  # also one that a killed publish left: its name may not be on the disk yet
            own[name] = known.get(name) or table.facts_of(lake, path)
    for directory in {parent for path in fresh for parent in path.relative_to(folder).parents}:
        fsync_path(folder / directory)
    return parts, written


def _part_name(table: Table, month: str) -> str:
    """Path of a part below `parts/`: it changes whenever the part's rows, columns or types do."""
    digests = [(key, table.digests[key]) for key in sorted(table.months.get(month, []))]
    content = repr((table.name, [(c.name, c.sql_type) for c in table.columns], digests))
    schema, _, name = table.name.partition(".")
    return f"{schema}/{name}/{month}-{hashlib.sha256(content.encode()).hexdigest()[:16]}.parquet"


def _write_part(lake: Lake, table: Table, month: str, temp: Path, path: Path) -> None:
    where = order = ""
    if not has_rows(table.digests):
        where = "WHERE FALSE"  # of a table without a row DuckLake asks its catalogue for statistics once a column
    elif table.partition:
        column = ident(table.partition)
        order = f"ORDER BY {column}"
        if month != SINGLE_PARTITION:
            first = f"DATE {literal(f'{month}-01')}"
            where = f"WHERE {column} BETWEEN {first} AND last_day({first})"
    columns = ", ".join(ident(c.name) for c in table.columns)
    select = f"SELECT {columns} FROM {qualified(table.name)} {where} {order}"
    lake.con.execute(f"COPY ({select}) TO {literal(str(temp))} (FORMAT parquet, COMPRESSION zstd)")
    path.parent.mkdir(parents=True, exist_ok=True)
    _place(temp, path)


def _place(temp: Path, path: Path) -> None:
    """Give a finished file its name. Files here never change again, so they are read-only for all."""
    temp.chmod(_READ_ONLY)
    fsync_path(temp)
    temp.replace(path)


def _write_version(folder: Path, temp: Path, tables: Sequence[Table], manifest: dict[str, Any]) -> None:
    version = manifest["versi"]
    database, side = temp / f"{version}.duckdb", temp / f"{version}.json"
    write_database(database, folder / PARTS, tables, manifest)
    side.write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    _place(side, folder / side.name)
    crashpoint("snapshot.manifest_written")
    _place(database, folder / database.name)
    fsync_path(folder)
    crashpoint("snapshot.database_written")


def _point(folder: Path, temp: Path, version: str) -> None:
    link = temp / LATEST
    link.symlink_to(f"{version}.duckdb")
    link.replace(folder / LATEST)
    fsync_path(folder)


def latest(folder: Path) -> Path | None:
    """The newest version's file under its own name, or None before the first one."""
    link = folder / LATEST
    return folder / link.readlink() if link.is_symlink() else None


def manifest(path: Path) -> dict[str, Any]:
    """Facts of a version: `versi`, `digest`, `dibuat`, `lake` (number of the lake's snapshot it was made from) and
    `bagian` (table → part → facts). Raises FileNotFoundError."""
    facts: dict[str, Any] = orjson.loads(path.with_suffix(".json").read_bytes())
    return facts


def versions(folder: Path) -> list[Path]:
    """All versions, oldest first."""
    return sorted(folder.glob("v[0-9]*.duckdb"))


def _digest_of(path: Path) -> str:
    try:
        return str(manifest(path)["digest"]) if path.exists() else ""
    except (OSError, ValueError, KeyError):
        return ""  # without a readable manifest a version cannot be shown to be what is wanted: make another


def _known_parts(newest: Path | None) -> dict[str, Facts]:
    """Facts of the newest version's parts, so that only new parts are looked into."""
    if newest is None or not _digest_of(newest):
        return {}
    return {name: facts for parts in manifest(newest)["bagian"].values() for name, facts in parts.items()}


def prune(lake: Lake, folder: Path, *, keep: int, keep_days: int) -> list[str]:
    """Remove versions beyond the newest `keep` and older than `keep_days` days that no process has open, then the
    parts that no version has. Gives the removed versions. Raises LakeBusy.
    """
    removed: list[str] = []
    if not folder.is_dir():
        return removed
    with lake.writer_lock():
        newest = latest(folder)
        cutoff = time.time() - keep_days * 86400
        for path in versions(folder)[:-keep]:
            if path != newest and path.stat().st_mtime <= cutoff and _removed_unless_open(path):
                removed.append(path.stem)
        kept = versions(folder)
        for side in folder.glob("v[0-9]*.json"):
            if side.with_suffix(".duckdb") not in kept:
                side.unlink()
        needed = {folder / PARTS / name for v in kept for parts in manifest(v)["bagian"].values() for name in parts}
        for path in (folder / PARTS).rglob("*.parquet"):
            if path not in needed:
                path.unlink()
    return removed


def _removed_unless_open(path: Path) -> bool:
    """Remove a version if nobody reads it. DuckDB holds a record lock on every database file that it has open.

    Such locks do not tell two openings of one process apart, and closing any of them ends all: a file that this
    process has open is therefore found by its descriptors and left alone.
    """
    wanted = path.stat()
    for entry in Path("/dev/fd").iterdir():
        try:
            found = os.fstat(int(entry.name))
        except OSError:
            continue
        if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
            return False
    path.chmod(0o644)
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except OSError:
        path.chmod(_READ_ONLY)
        return False
    finally:
        os.close(descriptor)
    return True


def export(path: Path, target: Path) -> None:
    """Copy a version to one file that needs no other: tables with their rows and comments instead of views.

    Raises FileExistsError when the target is there, and duckdb.Error.
    """
    if target.exists():
        raise FileExistsError(f"{target} exists; give another name")
    temp = target.with_name(f".{target.name}.{os.getpid()}")
    con = bare({"access_mode": "READ_ONLY"}, str(path))
    try:
        con.execute(f"ATTACH {literal(str(temp))} AS salinan (READ_WRITE)")
        con.execute("BEGIN")
        views = con.execute(
            "SELECT schema_name, view_name, comment FROM duckdb_views() WHERE NOT internal ORDER BY ALL"
        ).fetchall()
        columns = con.execute(
            "SELECT schema_name, table_name, column_name, comment FROM duckdb_columns() "
            "WHERE NOT internal AND comment IS NOT NULL AND database_name <> 'salinan'"
        ).fetchall()
        for schema in sorted({v[0] for v in views} | {"cuplikan"}):
            con.execute(f"CREATE SCHEMA salinan.{ident(schema)}")
        own = con.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'cuplikan'").fetchall()
        for schema, name, comment in [*views, *(("cuplikan", n, None) for (n,) in own)]:
            table = f"{ident(schema)}.{ident(name)}"
            con.execute(f"CREATE TABLE salinan.{table} AS SELECT * FROM {table}")
            if comment:
                con.execute(f"COMMENT ON TABLE salinan.{table} IS {literal(comment)}")
        for schema, name, column, comment in columns:
            con.execute(
                f"COMMENT ON COLUMN salinan.{ident(schema)}.{ident(name)}.{ident(column)} IS {literal(comment)}"
            )
        con.execute("COMMIT")
        con.execute("DETACH salinan")
        fsync_path(temp)
        os.link(temp, target)
    finally:
        con.close()
        temp.unlink(missing_ok=True)
