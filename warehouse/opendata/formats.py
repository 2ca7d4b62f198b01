"""The files of a version in each format, written from its Parquet parts.

Belongs here: Parquet, both CSVs, JSON and GeoJSON, and what keeps a spreadsheet from running a text as a formula.
Does not belong here: XLSX (`formats_xlsx.py`), where files lie (`store.py`), which are due (`publish.py`).

Every writer streams: memory does not grow with the table. All formats hold the same rows in the same order. An empty
text is a missing value in all of them, since a CSV cannot tell the two apart.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from warehouse.duck import ident, literal
from warehouse.opendata.contract import OpenColumn
from warehouse.opendata.manifest import Format

MEDIATYPES: dict[Format, str] = {
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv",
    "csv-excel": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
    "geojson": "application/geo+json",
}
EXTENSIONS: dict[Format, str] = {
    "parquet": "parquet",
    "csv": "csv",
    "csv-excel": "csv",
    "xlsx": "xlsx",
    "json": "json",
    "geojson": "geojson",
}

FORMULA = r"^['\s\x{00A0}\x{FEFF}]*[=+\-@＝＋－＠|]|^['\s]*[\t\r\n]"
"""Text that a spreadsheet may run: `= + - @` (also full width) or `|` at its start, whatever blanks or quotes precede,
and text that starts with a tab or a line break. Such a value gets one apostrophe in front; taking one apostrophe off
every value that matches gives the original back, because a value that already starts with apostrophes gets one too."""

_BATCH = 20_000
_SLICE = 122_880
"""Rows of a CSV that are made at once: a row group of a part."""


def read_parts(paths: Sequence[Path]) -> str:
    """SQL for the rows of a version in their order."""
    files = ", ".join(literal(str(p)) for p in paths)
    return f"read_parquet([{files}])"


def write_parquet(con: duckdb.DuckDBPyConnection, select: str, path: Path) -> int:
    """Write rows as Parquet; gives their number."""
    return _count(con.execute(f"COPY ({select}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"))


def write_csv(
    con: duckdb.DuckDBPyConnection,
    parts: Sequence[Path],
    columns: Sequence[OpenColumn],
    path: Path,
    *,
    excel: bool = False,
) -> None:
    """UTF-8, comma, point decimals, ISO dates, instants in UTC, no live formula, empty where a value is missing.

    `excel`: as a spreadsheet set to Indonesian reads it: semicolon, decimal comma, byte order mark, CRLF.
    """
    # Polars writes CSV faster than DuckDB does, and knows decimal commas, marks and line ends. Left to stream by itself
    # it reads ahead as far as the file goes.
    live = _live_columns(con, parts, columns)
    values = [_csv_value(c, live=c.name in live, excel=excel) for c in columns]
    with path.open("wb") as file:
        for rows in _slices(parts):
            rows.select(values).collect().write_csv(
                file,
                include_header=not file.tell(),
                separator=";" if excel else ",",
                include_bom=excel and not file.tell(),
                line_terminator="\r\n" if excel else "\n",
                decimal_comma=excel,
                null_value="",
            )


def _slices(parts: Sequence[Path]) -> Iterator[pl.LazyFrame]:
    """All rows in their order, some at a time."""
    for part in parts:
        rows = pl.scan_parquet(part, cache=False)
        for first in range(0, rows.select(pl.len()).collect().item(), _SLICE):
            yield rows.slice(first, _SLICE)


def _csv_value(column: OpenColumn, *, live: bool, excel: bool) -> pl.Expr:
    value = pl.col(column.name)
    if column.logical_type == "timestamp":
        form = "%Y-%m-%d %H:%M:%S%.f" if excel else "%Y-%m-%dT%H:%M:%S%.6fZ"
        return value.dt.convert_time_zone("UTC").dt.to_string(form)
    if live:
        neutral = pl.concat_str(pl.lit("'"), value)
        return pl.when(value.str.contains(FORMULA)).then(neutral).otherwise(value).alias(column.name)
    return value


def _live_columns(
    con: duckdb.DuckDBPyConnection, parts: Sequence[Path], columns: Sequence[OpenColumn]
) -> frozenset[str]:
    """Text columns with a value that a spreadsheet may run. Only distinct values are looked at."""
    return frozenset(
        c.name
        for c in columns
        if c.logical_type == "string"
        and any(
            pl.Series(batch.column(0)).str.contains(FORMULA).any()
            for batch in con.execute(f"SELECT DISTINCT {ident(c.name)} FROM {read_parts(parts)}").to_arrow_reader()
        )
    )


def write_json(con: duckdb.DuckDBPyConnection, rows: str, columns: Sequence[OpenColumn], path: Path) -> int:
    """One array of records with all keys; instants as ISO texts in UTC."""
    values = ", ".join(f"{_json_value(c)} AS {ident(c.name)}" for c in columns)
    return _count(con.execute(f"COPY (SELECT {values} FROM {rows}) TO {literal(str(path))} (FORMAT json, ARRAY true)"))


def write_geojson(
    con: duckdb.DuckDBPyConnection,
    rows: str,
    columns: Sequence[OpenColumn],
    path: Path,
    longitude: str,
    latitude: str,
) -> int:
    """A FeatureCollection (RFC 7946): a point a row, no geometry where a coordinate is missing."""
    lon, lat = ident(longitude), ident(latitude)
    pairs = ", ".join(f"{literal(c.name)}, {_json_value(c)}" for c in columns)
    found = con.execute(
        "SELECT CAST(json_object('type', 'Feature', 'geometry', "
        f"CASE WHEN {lon} IS NULL OR {lat} IS NULL THEN NULL ELSE "
        f"json_object('type', 'Point', 'coordinates', json_array({lon}, {lat})) END, "
        f"'properties', json_object({pairs})) AS VARCHAR) FROM {rows}"
    )
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"type":"FeatureCollection","features":[')
        while batch := found.fetchmany(_BATCH):
            file.write(",\n" if count else "\n")
            file.write(",\n".join(row[0] for row in batch))
            count += len(batch)
        file.write("\n]}\n")
    return count


def instant(name: str) -> str:
    """SQL that gives an instant as ISO text in UTC."""
    return f"strftime({name} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')"


def _json_value(column: OpenColumn) -> str:
    name = ident(column.name)
    if column.logical_type == "timestamp":
        return instant(name)
    # A double that is no number has no form in JSON.
    return f"CASE WHEN isfinite({name}) THEN {name} END" if column.sql_type == "DOUBLE" else name


def _count(result: Any) -> int:
    row = result.fetchone()
    assert row is not None
    return int(row[0])
