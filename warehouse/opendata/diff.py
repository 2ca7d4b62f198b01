"""What changed between two versions: columns, and rows by their key, counted in DuckDB between parts that differ.

Belongs here: the comparison. Does not belong here: what follows from it (`publish.py`).
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from warehouse.duck import ident, literal
from warehouse.opendata.manifest import Column, Diff, Version


def compare(
    con: duckdb.DuckDBPyConnection,
    last: Version,
    columns: Sequence[Column],
    key: Sequence[str],
    *,
    old: Sequence[Path],
    new: Sequence[Path],
    spans: Sequence[str],
    rows: int,
) -> Diff:
    """The change from `last` to a version with these columns, key and number of rows.

    `old` and `new` are the Parquet parts of the spans that differ; the others hold the same rows. A row is changed
    when a column that both versions have differs. With another key every row is a removed and an added one.
    """
    before = {c.nama: c.sql for c in last.kolom}
    after = {c.nama: c.sql for c in columns}
    if tuple(key) == last.kunci:
        common = [n for n in after if n in before and n not in key]
        added, removed, changed = _rows(con, old, new, key, common, _casts(before, after))
    else:
        added, removed, changed = rows, last.baris, 0
    return Diff(
        dari=last.versi,
        kolom_baru=tuple(n for n in after if n not in before),
        kolom_hilang=tuple(n for n in before if n not in after),
        kolom_berubah=tuple(n for n in after if n in before and before[n] != after[n]),
        baris_sebelum=last.baris,
        baris_sesudah=rows,
        baris_ditambah=added,
        baris_dihapus=removed,
        baris_diubah=changed,
        rentang_berubah=tuple(spans),
    )


def _casts(before: dict[str, str], after: dict[str, str]) -> frozenset[str]:
    """Columns whose types differ in kind; their values are compared as texts. Numbers are compared as numbers."""
    return frozenset(n for n in after if n in before and _kind(before[n]) != _kind(after[n]))


def _kind(sql_type: str) -> str:
    return "number" if sql_type in ("BIGINT", "DOUBLE") or sql_type.startswith("DECIMAL") else sql_type


def _rows(
    con: duckdb.DuckDBPyConnection,
    old: Sequence[Path],
    new: Sequence[Path],
    key: Sequence[str],
    common: Sequence[str],
    as_text: frozenset[str],
) -> tuple[int, int, int]:
    if not old or not new:
        return _count(con, new), _count(con, old), 0

    def value(side: str, name: str) -> str:
        column = f"{side}.{ident(name)}"
        return f"CAST({column} AS VARCHAR)" if name in as_text else column

    same_key = " AND ".join(f"{value('n', k)} = {value('o', k)}" for k in key)
    differs = " OR ".join(f"{value('n', c)} IS DISTINCT FROM {value('o', c)}" for c in common) or "false"
    row = con.execute(
        "SELECT count(*) FILTER (o._ada IS NULL), count(*) FILTER (n._ada IS NULL), "
        f"count(*) FILTER (o._ada AND n._ada AND ({differs})) "
        f"FROM (SELECT *, true AS _ada FROM {_read(new)}) AS n "
        f"FULL JOIN (SELECT *, true AS _ada FROM {_read(old)}) AS o ON {same_key}"
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2])


def _count(con: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> int:
    if not paths:
        return 0
    row = con.execute(f"SELECT count(*) FROM {_read(paths)}").fetchone()
    assert row is not None
    return int(row[0])


def _read(paths: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(literal(str(p)) for p in paths)}])"
