"""The frozen DuckLake catalogue of a release: every open dataset as a table, every standing version by time travel.

Belongs here: making `katalog.ducklake` out of the last one. Does not belong here: the Parquet parts it points at, which
`publish.py` wrote, and when there is a release (`release.py`).

DuckLake itself makes tables and registers parts, in one transaction a release, which is one snapshot. What it has no
statement for is written into its catalogue tables afterwards, as the specification of its catalogue has them
(https://ducklake.select/docs/stable/specification/tables/overview): paths relative to the data path, the end of a
part that a later version has replaced, and the taking out of a withdrawn version. The data path is the public
address, so a plain ATTACH works; a mirror gives its own with DATA_PATH and OVERRIDE_DATA_PATH.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from connectors.durable import fsync_path
from warehouse.duck import bare, ident, literal
from warehouse.opendata.manifest import Column, Version

_CATALOGUE = "katalog"
_BLOCK = 16384
"""Bytes of a block, the smallest that DuckDB has: a reader fetches whole blocks, and most tables are short."""
_TIMED = ("ducklake_table", "ducklake_column", "ducklake_data_file")


class CatalogueError(RuntimeError):
    """The catalogue does not hold what was published; the release is not made."""


@dataclass(frozen=True)
class Step:
    """A version that comes into the catalogue, and the standing one that it follows, if any."""

    version: Version
    before: Version | None


@dataclass(frozen=True)
class Removal:
    """A withdrawn version: the snapshot that brought it, and the one of the standing version after it, if any."""

    dataset: str
    snapshot: int
    after: int | None


def build_catalogue(
    target: Path,
    last: Path | None,
    root: Path,
    base_url: str,
    steps: Sequence[Step],
    removals: Sequence[Removal],
) -> int:
    """Make the catalogue `target` from `last` (None: the first one); gives the number of its newest snapshot.

    Raises CatalogueError if a table does not have its version's rows afterwards.
    """
    work = target.with_name(f"{target.name}.baru")
    if last is not None:
        shutil.copyfile(last, work)
        work.chmod(0o644)
    _remove(work, removals)
    with closing(bare({"threads": 2}, extensions=["ducklake"])) as con:
        _add(con, work, root, steps)
        snapshot = _mend(work, base_url, steps)
        _compact(work, target)
        work.unlink()
        _verify(con, target, root, steps)
    return snapshot


@contextmanager
def _attached(con: duckdb.DuckDBPyConnection, path: Path, root: Path, *options: str) -> Iterator[None]:
    """Attach the catalogue, over the parts where they lie now. After an error the connection is of no more use."""
    given = ", ".join([f"DATA_PATH {literal(f'{root}/')}", "OVERRIDE_DATA_PATH true", *options])
    con.execute(f"ATTACH {literal(f'ducklake:{path}')} AS {_CATALOGUE} ({given})")
    yield
    con.execute(f"DETACH {_CATALOGUE}")


def _add(con: duckdb.DuckDBPyConnection, path: Path, root: Path, steps: Sequence[Step]) -> None:
    """Tables, columns and new parts of the versions, in one transaction."""
    if not steps and path.exists():
        return
    with _attached(con, path, root, "DATA_INLINING_ROW_LIMIT 0"):
        if not steps:
            return
        con.execute("BEGIN")
        for step in steps:
            _shape(con, step)
            for part in _new_parts(step):
                con.execute(
                    f"CALL ducklake_add_data_files({literal(_CATALOGUE)}, {literal(step.version.dataset)}, "
                    f"{literal(str(root / part))})"
                )
        con.execute("COMMIT")


def _new_parts(step: Step) -> list[str]:
    """Paths of the parts that the table does not have yet."""
    before = {p.path for p in step.before.bagian} if step.before and not _made_anew(step) else set()
    return [p.path for p in step.version.bagian if p.path not in before]


def _made_anew(step: Step) -> bool:
    """Whether a column has another type, so that the table is dropped and made again."""
    before = {c.nama: c.sql for c in step.before.kolom} if step.before else {}
    return any(before.get(c.nama, c.sql) != c.sql for c in step.version.kolom)


def _shape(con: duckdb.DuckDBPyConnection, step: Step) -> None:
    """Give the table the version's columns and comments."""
    version = step.version
    table = f"{_CATALOGUE}.{ident(version.dataset)}"
    before = {c.nama: c for c in step.before.kolom} if step.before else {}
    if before and _made_anew(step):
        con.execute(f"DROP TABLE {table}")
        before = {}
    if not before:
        con.execute(f"CREATE TABLE {table} ({', '.join(f'{ident(c.nama)} {c.sql}' for c in version.kolom)})")
    else:
        for gone in before.keys() - {c.nama for c in version.kolom}:
            con.execute(f"ALTER TABLE {table} DROP COLUMN {ident(gone)}")
        for column in version.kolom:
            if column.nama not in before:
                con.execute(f"ALTER TABLE {table} ADD COLUMN {ident(column.nama)} {column.sql}")
    said = _table_comment(version)
    if not before or step.before is None or _table_comment(step.before) != said:
        con.execute(f"COMMENT ON TABLE {table} IS {literal(said)}")
    for column in version.kolom:
        if _comment(before.get(column.nama)) != _comment(column):
            con.execute(f"COMMENT ON COLUMN {table}.{ident(column.nama)} IS {literal(_comment(column))}")


def _table_comment(version: Version) -> str:
    return " ".join((*version.peringatan, f"{version.judul}. {version.keterangan}"))


def _comment(column: Column | None) -> str:
    if column is None:
        return ""
    return f"{column.keterangan} Satuan: {column.satuan}." if column.satuan else column.keterangan


def _mend(path: Path, base_url: str, steps: Sequence[Step]) -> int:
    """Write what DuckLake has no statement for; gives the newest snapshot."""
    con = bare(database=str(path))
    try:
        con.execute("BEGIN")
        row = con.execute("SELECT max(snapshot_id) FROM ducklake_snapshot").fetchone()
        assert row is not None
        snapshot = int(row[0])
        # Values are written out: bound ones make DuckDB import pandas, which takes longer than all of this.
        address = literal(f"{base_url.rstrip('/')}/")
        con.execute(f"UPDATE ducklake_metadata SET value = {address} WHERE key = 'data_path'")
        con.execute("UPDATE ducklake_schema SET path = '', path_is_relative = true")
        con.execute("UPDATE ducklake_table SET path = '', path_is_relative = true")
        con.execute(
            "UPDATE ducklake_data_file SET path = regexp_extract(path, '(bagian/[^/]+/[^/]+)$', 1), "
            "path_is_relative = true WHERE NOT path_is_relative"
        )
        for step in steps:
            kept = ", ".join(literal(p.path) for p in step.version.bagian)
            con.execute(
                f"UPDATE ducklake_data_file SET end_snapshot = {snapshot} WHERE end_snapshot IS NULL "
                f"AND path NOT IN ({kept}) AND table_id IN (SELECT table_id FROM ducklake_table "
                f"WHERE table_name = {literal(step.version.dataset)} AND end_snapshot IS NULL)"
            )
        con.execute(
            "UPDATE ducklake_table_stats SET record_count = n, file_size_bytes = b FROM ("
            "SELECT table_id AS t, CAST(sum(record_count) AS BIGINT) AS n, CAST(sum(file_size_bytes) AS BIGINT) AS b "
            "FROM ducklake_data_file WHERE end_snapshot IS NULL GROUP BY 1) WHERE table_id = t"
        )
        con.execute("COMMIT")
    finally:
        con.close()
    return snapshot


def _remove(path: Path, removals: Sequence[Removal]) -> None:
    """Take withdrawn versions out, as if the standing version before each had lasted until the one after it."""
    if not removals:
        return
    con = bare(database=str(path))
    try:
        con.execute("BEGIN")
        for one in removals:
            own = "table_id IN (SELECT table_id FROM ducklake_table WHERE table_name = ?)"
            tables = [
                t for (t,) in con.execute(f"SELECT table_id FROM ducklake_table WHERE {own}", [one.dataset]).fetchall()
            ]
            for timed in _TIMED:
                where = "list_contains(?, table_id)"
                con.execute(
                    f"UPDATE {timed} SET end_snapshot = ? WHERE end_snapshot = ? AND {where}",
                    [one.after, one.snapshot, tables],
                )
                con.execute(
                    f"DELETE FROM {timed} WHERE begin_snapshot = ? AND (? IS NULL OR end_snapshot = ?) AND {where}",
                    [one.snapshot, one.after, one.after, tables],
                )
                if one.after is not None:
                    con.execute(
                        f"UPDATE {timed} SET begin_snapshot = ? WHERE begin_snapshot = ? AND {where}",
                        [one.after, one.snapshot, tables],
                    )
            # The bounds over all versions may be values of the withdrawn one alone.
            con.execute(
                "UPDATE ducklake_table_column_stats SET min_value = NULL, max_value = NULL, extra_stats = NULL "
                "WHERE list_contains(?, table_id)",
                [tables],
            )
        con.execute(
            "DELETE FROM ducklake_file_column_stats "
            "WHERE data_file_id NOT IN (SELECT data_file_id FROM ducklake_data_file)"
        )
        for orphaned in ("ducklake_table_stats", "ducklake_table_column_stats"):
            con.execute(f"DELETE FROM {orphaned} WHERE table_id NOT IN (SELECT table_id FROM ducklake_table)")
        con.execute("COMMIT")
    finally:
        con.close()


def _compact(work: Path, target: Path) -> None:
    """Copy into small blocks: nothing of what was taken out stays in the file, and a reader fetches less."""
    con = bare()
    try:
        con.execute(f"ATTACH {literal(str(work))} AS lama (READ_ONLY)")
        con.execute(f"ATTACH {literal(str(target))} AS baru (BLOCK_SIZE {_BLOCK})")
        con.execute("COPY FROM DATABASE lama TO baru")
        con.execute("DETACH baru")
    finally:
        con.close()
    fsync_path(target)


def _verify(con: duckdb.DuckDBPyConnection, path: Path, root: Path, steps: Sequence[Step]) -> None:
    with _attached(con, path, root, "READ_ONLY"):
        for version in (s.version for s in steps):
            row = con.execute(f"SELECT count(*) FROM {_CATALOGUE}.{ident(version.dataset)}").fetchone()
            if row is None or row[0] != version.baris:
                found = row[0] if row else 0
                raise CatalogueError(
                    f"{version.dataset}: the catalogue has {found} rows, v{version.versi} has {version.baris}"
                )
