"""A cell of a table file as text, in the form that the contract declares for its column.

Belongs here: typed numbers and dates of spreadsheets. Does not belong here: reading that text (`values.py`).

One column of an office's sheet holds typed numbers and typed-in texts side by side: 1234.5 and "1.234,5". The
text stays as it is; the number is written the way the contract says the column is written, so that both read alike.
"""

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from connectors.contract import Column
from connectors.read.dates import format_date
from connectors.read.grid import Cell
from connectors.read.numbers import format_number

_DIGITS = 15
"""Significant digits that spreadsheets calculate with; what is stored beyond them is binary noise."""


def cell_decimal(value: float) -> Decimal:
    """A typed number as the spreadsheet shows it: 0.30000000000000004 is 0.3."""
    return Decimal(f"{value:.{_DIGITS}g}")


@lru_cache(maxsize=65536)
def _date_text(value: date | datetime, formats: tuple[str, ...]) -> str:
    for form in formats:
        try:
            return format_date(value, form)
        except ValueError:
            continue
    return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()


def cell_text(value: Cell, column: Column | None = None) -> str | None:
    """Text of a cell: in the column's locale or date format where one is declared, else plain or ISO."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            number = cell_decimal(value)
            if column and column.logical_type in ("number", "integer"):
                return format_number(number, column.ext.lokal, grouped=False)
            return format_number(number, "polos")
    return _date_text(value, column.ext.format if column else ())
