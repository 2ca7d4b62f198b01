"""Rows behind a number: one table of the snapshot, page by page, narrowed by columns that it has.

Belongs here: which table an address means, and its rows. Does not belong here: who may see them (`routes.py`), payloads
and quarantined rows (`doors.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb
import polars as pl
import polars.selectors as cs

from ssp_pipeline.command_centre.pages.blocks import Column, column_of, columns_of, source_table
from ssp_pipeline.command_centre.pages.reader import Version
from warehouse.duck import ident

PAGE = 50
LAST_PAGE = 200
"""Deeper pages are not leafed through: narrow the rows, or ask the snapshot itself."""
FILE_ROWS = 100_000
PARTITION = "partisi"
_SCHEMAS = ("source", "core", "dashboard")


@dataclass(frozen=True)
class Found:
    """A page of rows. `filters` are (column, value) pairs that hold; `total` counts all rows that they leave."""

    table: str
    title: str
    limits: str
    agencies: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    filters: tuple[tuple[str, str], ...]
    total: int
    page: int

    @property
    def pages(self) -> int:
        """How many pages can be leafed through."""
        return _pages(self.total)


def _pages(rows: int) -> int:
    return min(LAST_PAGE, max(1, -(-rows // PAGE)))


class NoSuchRows(LookupError):
    """There is no such table, column or value."""


@dataclass(frozen=True)
class Named:
    """A table that an address names, and the agencies whose rows are in it."""

    table: str
    title: str
    limits: str
    agencies: tuple[str, ...]
    partition: str | None


def named(version: Version, name: str) -> Named:
    """`agency.dataset`, or `core.…` or `dashboard.…` for what was made of datasets. Raises NoSuchRows."""
    schema, _, table = (name if name.startswith(("core.", "dashboard.")) else source_table(name)).partition(".")
    found = version.records(
        "SELECT skema, tabel, judul, batasan, instansi, kolom_partisi FROM cuplikan.info WHERE skema = ? AND tabel = ?",
        [schema, table],
    )
    if not found or schema not in _SCHEMAS:
        raise NoSuchRows(name)
    [row] = found
    agencies = tuple(a for a in (row["instansi"] or "").split(", ") if a)
    return Named(f"{schema}.{table}", row["judul"], row["batasan"] or "", agencies, row["kolom_partisi"])


def find_rows(version: Version, wanted: Named, given: Sequence[tuple[str, str]], page: int) -> Found:
    """A page of rows that agree with `given`. Parameters that are no column are left aside.

    Raises NoSuchRows for a value that its column cannot hold.
    """
    columns = columns_of(version, wanted.table)
    shown = tuple(column_of(name, facts, exact=True) for name, facts in columns.items())
    filters, source, bound, order = _narrowed(wanted, columns, given)
    try:
        [counted] = version.records(f"SELECT count(*) AS n FROM {source}", bound)
        page = min(max(page, 1), _pages(counted["n"]))
        found = version.rows(f"SELECT * FROM {source} {order} LIMIT {PAGE} OFFSET {(page - 1) * PAGE}", bound)
    except (duckdb.ConversionException, duckdb.InvalidInputException) as error:
        raise NoSuchRows(str(filters)) from error
    return Found(
        wanted.table, wanted.title, wanted.limits, wanted.agencies, shown,
        tuple(found.select(list(columns)).rows()), tuple(filters), counted["n"], page,
    )  # fmt: skip


def file_rows(version: Version, wanted: Named, given: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """Rows that agree with `given`, for a file: `FILE_ROWS` at most. Lists become texts. Raises NoSuchRows."""
    columns = columns_of(version, wanted.table)
    filters, source, bound, order = _narrowed(wanted, columns, given)
    names = ", ".join(ident(c) for c in columns)
    try:
        found = version.rows(f"SELECT {names} FROM {source} {order} LIMIT {FILE_ROWS}", bound)
    except (duckdb.ConversionException, duckdb.InvalidInputException) as error:
        raise NoSuchRows(str(filters)) from error
    return found.with_columns(cs.list().cast(pl.List(pl.String)).list.join(", "))


def _narrowed(
    wanted: Named, columns: Mapping[str, Mapping[str, Any]], given: Sequence[tuple[str, str]]
) -> tuple[list[tuple[str, str]], str, list[Any], str]:
    """The filters that hold, the table with its condition, the values bound in it, and the order. Raises NoSuchRows."""
    filters = [(c, v) for c, v in given if v and (c in columns or (c == PARTITION and wanted.partition))]
    terms, bound = [], []
    for name, value in filters:
        column = name if name in columns else str(wanted.partition)
        terms.append(f"{ident(column)} = ?")
        bound.append(_typed(value, str(columns[column]["tipe"])))
    where = f"WHERE {' AND '.join(terms)}" if terms else ""
    schema, _, table = wanted.table.partition(".")
    return filters, f"{ident(schema)}.{ident(table)} {where}", bound, _order(wanted.partition, columns)


def _order(partition: str | None, columns: Iterable[str]) -> str:
    """The newest partition first; in it by all columns, for rows in no order come on two pages or on none."""
    if partition is None:
        return ""
    return ", ".join([f"ORDER BY {ident(partition)} DESC", *(ident(c) for c in columns if c != partition)])


def _typed(value: str, sql_type: str) -> Any:
    """A value of an address as its column's type. Raises NoSuchRows."""
    try:
        if sql_type == "DATE":
            return date.fromisoformat(value)
        if sql_type.startswith("TIMESTAMP"):
            return datetime.fromisoformat(value)
        if sql_type == "BOOLEAN":
            return {"true": True, "false": False}[value.lower()]
    except (ValueError, KeyError):
        raise NoSuchRows(value) from None
    return value
