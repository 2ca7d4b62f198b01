"""XLSX: typed cells, codes as text, and a sheet with the dictionary.

Belongs here: cells and sheets. Does not belong here: splitting what is too long (`files.py`), other formats
(`formats.py`). The workbook is written row by row: memory does not grow with the table.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from warehouse.duck import ident
from warehouse.opendata.contract import OpenColumn, OpenContract
from warehouse.opendata.describe import columns_of
from warehouse.opendata.manifest import Column
from warehouse.opendata.metadata.dictionary import HEADER, WIDTHS, entries

MAX_ROWS = 1_048_576 - 1
"""Rows of one sheet below its header."""
MAX_TEXT = 32_767
"""Characters of one cell."""

_DATE = "yyyy-mm-dd"
_INSTANT = "yyyy-mm-dd hh:mm:ss"
_EXACT = 10**15
"""A spreadsheet keeps 15 digits; a longer number is written as text rather than changed."""
_LARGEST = 1e307
"""A workbook keeps 16 digits of a number with a fraction: rounded up, the very largest would be no number any more."""
_BATCH = 5_000
_WRITE = Callable[[int, int, Any], Any]


def write_xlsx(
    con: duckdb.DuckDBPyConnection, rows: str, contract: OpenContract, notes: Sequence[str], path: Path, made: datetime
) -> int:
    """Write the rows as sheet `data` and the columns as sheet `kamus`; `notes` stand above the dictionary."""
    import xlsxwriter

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "default_date_format": _DATE,
    }
    columns = contract.public
    with xlsxwriter.Workbook(str(path), options) as book:
        # The time of making is the version's, so that the same rows give the same bytes.
        book.set_properties({"title": contract.title, "created": made.astimezone(UTC).replace(tzinfo=None)})
        bold = book.add_format({"bold": True})
        instant = book.add_format({"num_format": _INSTANT})
        sheet = book.add_worksheet("data")
        sheet.freeze_panes(1, 0)
        for number, column in enumerate(columns):
            sheet.set_column(number, number, max(12, min(40, len(column.name) + 2)))
            sheet.write_string(0, number, column.name, bold)
        write = [_writer(sheet, c, instant) for c in columns]
        names = ", ".join(_naive(c) for c in columns)
        found = con.execute(f"SELECT {names} FROM {rows}")
        count = 0
        while batch := found.fetchmany(_BATCH):
            for row in batch:
                count += 1
                for number, value in enumerate(row):
                    if value is not None:
                        write[number](count, number, value)
        _dictionary(book.add_worksheet("kamus"), columns_of(contract), notes, bold)
    return count


def too_wide(con: duckdb.DuckDBPyConnection, rows: str, columns: Sequence[OpenColumn]) -> list[str]:
    """Columns with a text that is too long for a cell."""
    texts = [c.name for c in columns if c.logical_type == "string"]
    if not texts:
        return []
    longest = con.execute(f"SELECT {', '.join(f'max(length({ident(n)}))' for n in texts)} FROM {rows}").fetchone()
    assert longest is not None
    return [name for name, size in zip(texts, longest, strict=True) if (size or 0) > MAX_TEXT]


def _naive(column: OpenColumn) -> str:
    """Instants as UTC without a zone, which a spreadsheet does not know."""
    name = ident(column.name)
    return f"{name} AT TIME ZONE 'UTC' AS {name}" if column.logical_type == "timestamp" else name


def _writer(sheet: Any, column: OpenColumn, instant: Any) -> _WRITE:
    text: _WRITE = sheet.write_string
    if column.logical_type == "string":
        return text
    if column.logical_type == "boolean":
        return sheet.write_boolean  # type: ignore[no-any-return]
    if column.logical_type == "timestamp":
        return lambda row, number, value: sheet.write_datetime(row, number, value, instant)
    if column.logical_type == "date":
        return sheet.write_datetime  # type: ignore[no-any-return]
    number_of: _WRITE = sheet.write_number
    return lambda row, number, value: (number_of if _exact(value) else text)(
        row, number, value if _exact(value) else str(value)
    )


def _exact(value: float | Decimal) -> bool:
    """Whether a cell holds the number without changing it."""
    if isinstance(value, Decimal):
        return abs(int(value.scaleb(-int(value.as_tuple().exponent)))) < _EXACT
    if isinstance(value, int):
        return abs(value) < _EXACT
    return abs(value) < _LARGEST


def _dictionary(sheet: Any, columns: Sequence[Column], notes: Sequence[str], bold: Any) -> None:
    for row, note in enumerate(notes):
        sheet.write_string(row, 0, note)
    start = len(notes) + 1
    for row, texts in enumerate([HEADER, *entries(columns)], start):
        for number, text in enumerate(texts):
            sheet.write_string(row, number, text, *([bold] if row == start else []))
    for number, width in enumerate(WIDTHS):
        sheet.set_column(number, number, width)
