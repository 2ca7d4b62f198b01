"""XLSX and CSV files of offices as a raw frame of texts, by the contract's `berkas` layout.

Belongs here: the rows of a located table, unpivoting, the comparison with the totals row. Does not belong here:
finding the table (`layout.py`), file formats (`grid.py`), types and quarantine (`conform.py`).
"""

from collections.abc import Iterable
from decimal import Decimal

import polars as pl

from connectors.api import Payload, PayloadError
from connectors.contract import Column, Contract
from connectors.read.cells import cell_text
from connectors.read.columns import SHAPE_MARK
from connectors.read.grid import Grid, read_grid
from connectors.read.layout import Table, column_called, layout_of, locate, tidy, wire_called
from connectors.read.numbers import parse_number

TOTALS_DISAGREE = "jumlah_total_tidak_cocok"
TOTALS_UNREADABLE = "baris_total_tidak_terbaca"

_NUMBER, _ORDER = "_nomor", "_urutan"
_SHARES = {"%", "persen", "persentase"}


def read_table(payload: Payload, contract: Contract) -> pl.DataFrame:
    """Rows of the file as a frame with the contract's wire names, all String; the rest of the file is left.

    Texts stay as they are; typed numbers and dates are written in the form that the contract declares for the
    column. With `lebur` each filled cell of a matching column gives a row (a blank cell, or a declared missing
    marker, is no observation and gives none), in the order of the file. Rows of a CSV with more or fewer cells
    than the header are marked in SHAPE_MARK.

    Raises PayloadError when the file has another format, encoding or layout than declared, cannot be opened
    safely, or when its totals row disagrees with its rows.
    """
    layout = layout_of(contract)
    grid = read_grid(payload.body, layout, payload.slot)
    table = locate(grid, contract, payload.slot)
    compare_totals(grid, table, contract, payload.slot)
    frame = _rows(grid, table, contract)
    if layout.lebur:
        frame = _unpivoted(frame, grid, table, contract)
    return frame.with_columns(pl.lit(text).alias(wire) for wire, text in table.values.items())


def _texts(grid: Grid, rows: Iterable[int], number: int, column: Column | None) -> pl.Series:
    return pl.Series([cell_text(grid.cell(row, number), column) for row in rows], dtype=pl.String)


def _rows(grid: Grid, table: Table, contract: Contract) -> pl.DataFrame:
    """One row a row of the table, with its wide columns left out."""
    by_wire = {c.wire: c for c in contract.columns}
    columns = [_texts(grid, table.rows, n, by_wire[wire]).alias(wire) for wire, n in table.columns.items()]
    frame = pl.DataFrame([*columns, pl.Series(_NUMBER, table.rows, dtype=pl.Int64)])
    if table.misfits:
        marks = [table.misfits.get(row) for row in table.rows]
        frame = frame.with_columns(pl.Series(SHAPE_MARK, marks, dtype=pl.String))
    return frame if layout_of(contract).lebur else frame.drop(_NUMBER)


def _unpivoted(frame: pl.DataFrame, grid: Grid, table: Table, contract: Contract) -> pl.DataFrame:
    unpivot = layout_of(contract).lebur
    assert unpivot is not None
    name, value = wire_called(contract, unpivot.kolom_nama), wire_called(contract, unpivot.kolom_nilai)
    column = column_called(contract, unpivot.kolom_nilai)
    missing = {"", *(tidy(marker) for marker in column.ext.kosong)} if column else {""}
    pieces = []
    for order, (number, header) in enumerate(table.unpivoted.items()):
        texts = _texts(grid, table.rows, number, column)
        filled = pl.Series([text is not None and tidy(text) not in missing for text in texts])
        pieces.append(
            frame.with_columns(
                pl.lit(header).alias(name), texts.alias(value), pl.lit(order, pl.Int32).alias(_ORDER)
            ).filter(filled)
        )
    return pl.concat(pieces).sort(_NUMBER, _ORDER).drop(_NUMBER, _ORDER)


def _summed(contract: Contract, table: Table) -> Iterable[tuple[Column, int]]:
    """Columns of which a sum makes sense: exact numbers that are no shares."""
    exact = [c for c in contract.columns if c.sql_type.startswith(("DECIMAL", "BIGINT"))]
    unpivot = layout_of(contract).lebur
    for column in exact:
        if (column.ext.satuan or "").lower() in _SHARES:
            continue
        if column.wire in table.columns:
            yield column, table.columns[column.wire]
        elif unpivot and unpivot.kolom_nilai in (column.name, column.wire):
            yield from ((column, number) for number in table.unpivoted)


def _number(text: str | None, column: Column) -> Decimal | None:
    """Value of a cell, 0 where it is missing, None where it cannot be read."""
    plain = tidy(text)
    if not plain or plain in {tidy(marker) for marker in column.ext.kosong}:
        return Decimal(0)
    try:
        return parse_number(plain, column.ext.lokal)
    except ValueError:
        return None


def compare_totals(grid: Grid, table: Table, contract: Contract, where: str) -> None:
    """Raise PayloadError when a filled cell of the totals row is not the sum of its column.

    Whole and decimal columns are compared, shares (`satuan` %) are not. A column in which a row cannot be read is
    left to quarantine, which that row will reach.
    """
    if table.totals is None:
        return
    for column, number in _summed(contract, table):
        cell = grid.cell(table.totals, number)
        if cell is None or (table.totals, number) in table.labels:
            continue
        stated = _number(cell_text(cell, column), column)
        if stated is None:
            raise PayloadError(f"{where}: the totals row has no number for '{column.wire}'", code=TOTALS_UNREADABLE)
        if not stated and tidy(cell_text(cell, column)) in {tidy(m) for m in column.ext.kosong}:
            continue
        numbers = [_number(cell_text(grid.cell(row, number), column), column) for row in table.rows]
        if None in numbers:
            continue
        total = sum((n for n in numbers if n is not None), Decimal(0))
        if total != stated:
            raise PayloadError(
                f"{where}: column '{column.wire}': the totals row says {stated:,f}, its rows sum to {total:,f}",
                code=TOTALS_DISAGREE,
            )
