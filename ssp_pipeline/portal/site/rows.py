"""Numbers that pages show, asked of a version's own files, each with the query that gives it.

Belongs here: SQL over the Parquet parts of one version. Does not belong here: how rows are shown. The SQL is the text
that readers see and may run on the SQL page: the dataset's name is its table there too.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from warehouse.opendata.manifest import Version

PREVIEW_ROWS = 10


@dataclass(frozen=True)
class Answer:
    """A query and what it gave: names of the columns, and rows as tuples in their order."""

    sql: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def records(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Rows:
    """The rows of one version, as a table with the dataset's name. Use as a context manager."""

    def __init__(self, root: Path, version: Version) -> None:
        self._con = duckdb.connect(config={"threads": 1})
        self._con.execute("SET TimeZone = 'Asia/Jakarta'")
        parts = ", ".join(literal(str(root / part.path)) for part in version.bagian)
        if parts:
            self._con.execute(f"CREATE VIEW {ident(version.dataset)} AS FROM read_parquet([{parts}])")
        else:
            columns = ", ".join(f"{ident(c.nama)} {c.sql}" for c in version.kolom)
            self._con.execute(f"CREATE TABLE {ident(version.dataset)} ({columns})")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._con.close()

    def ask(self, sql: str) -> Answer:
        """Run one query."""
        done = self._con.execute(sql)
        return Answer(sql, tuple(d[0] for d in done.description or ()), tuple(map(tuple, done.fetchall())))


def constants(rows: Rows, version: Version) -> dict[str, Any]:
    """Columns with the same value in every row, and that value: said once, they need no place in a table."""
    if not version.kolom:
        return {}
    same = ", ".join(
        f"CASE WHEN min({n}) = max({n}) AND count({n}) = count(*) THEN min({n}) END AS {n}"
        for n in (ident(c.nama) for c in version.kolom)
    )
    (found,) = rows.ask(f"SELECT {same} FROM {ident(version.dataset)}").records()
    return {name: value for name, value in found.items() if value is not None}


def preview_sql(version: Version, columns: Sequence[str]) -> str:
    """The newest rows: by period downwards, then in the order of the key."""
    order = [f"{ident(version.kolom_periode)} DESC"] if version.kolom_periode else []
    order += [ident(k) for k in version.kunci if k != version.kolom_periode]
    by = f"\nORDER BY {', '.join(order)}" if order else ""
    return f"SELECT {', '.join(map(ident, columns))}\nFROM {ident(version.dataset)}{by}\nLIMIT {PREVIEW_ROWS}"


def cell_sql(version: Version, column: str, row: Mapping[str, Any]) -> str:
    """The query that gives one number of one row, found by the row's key."""
    return (
        f"SELECT {ident(column)}\nFROM {ident(version.dataset)}\nWHERE {condition({k: row[k] for k in version.kunci})}"
    )


def condition(values: Mapping[str, Any]) -> str:
    """`a = 'x' AND b = DATE '2026-11-20'`; TRUE for nothing."""
    terms = [f"{ident(k)} = {literal(v)}" if v is not None else f"{ident(k)} IS NULL" for k, v in values.items()]
    return "\n  AND ".join(terms) or "TRUE"


def literal(value: object) -> str:
    """A value as DuckDB reads it."""
    match value:
        case bool():
            return str(value).upper()
        case int() | float() | Decimal():
            return str(value)
        case datetime():
            return f"TIMESTAMPTZ '{value.isoformat(sep=' ')}'"
        case date():
            return f"DATE '{value.isoformat()}'"
        case _:
            return "'" + str(value).replace("'", "''") + "'"


def ident(name: str) -> str:
    """A name as it stands in SQL: bare where that is allowed, for people read it."""
    return '"' + name.replace('"', '""') + '"' if name in _reserved() or not name.isidentifier() else name


@functools.cache
def _reserved() -> frozenset[str]:
    with duckdb.connect() as con:
        rows = con.execute(
            "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category != 'unreserved'"
        ).fetchall()
    return frozenset(str(name) for (name,) in rows)
