"""One column's texts to its typed values, by what the contract says of the column.

Belongs here: cleaning of text, missing markers, the normal forms that a contract can ask for, and which texts
could not be read. Does not belong here: rules that need a second column or the whole row (`conform.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from connectors.contract import Column
from connectors.read.dates import WITHOUT_YEAR, parse_dates, parse_timestamps
from connectors.read.numbers import parse_numbers

UNREADABLE_NUMBER = "angka_tidak_terbaca"
UNREADABLE_DATE = "tanggal_tidak_terbaca"
UNREADABLE_BOOLEAN = "boolean_tidak_terbaca"
BAD_PLATE = "nopol_tidak_sah"

_UNTIDY = r"^\s|\s$|\s\s|[^\S ]|[\x{200b}\x{feff}]"
_BLANKS = r"[\s\x{200b}\x{feff}]+"
_BOOLEANS = {"true": True, "1": True, "ya": True, "false": False, "0": False, "tidak": False}
_WORTH_RUNS = 8
"""Rows for each run of equal texts from which reading the runs costs less than reading the rows."""

_SAMPLE_ROWS = 1_000
"""Rows at the start that tell whether looking for runs is worth its cost."""

_PLATE = r"^[A-Z]{1,2}[0-9]{1,4}[A-Z]{1,3}$"


@dataclass(frozen=True)
class Read:
    """Typed values of a column, and what was wrong: `bad` is true where the text could not be read, for the reason
    `code`. The cleaned texts they came from are asked for: few are ever shown."""

    value: pl.Series
    distinct: pl.Series
    place: pl.Series | None = None
    """Place of each row's text in `distinct`; None where that holds the text of each row."""

    bad: pl.Series | None = None
    code: str = ""

    def texts(self, rows: pl.Series | None = None) -> pl.Series:
        """Cleaned texts, null where missing, of all rows or of those with the given numbers."""
        if self.place is not None:
            rows = self.place if rows is None else self.place.gather(rows)
        return self.distinct if rows is None else self.distinct.gather(rows)


def clean(text: pl.Series) -> pl.Series:
    """Texts without outer blanks (CR, NBSP and byte order marks are such); inner runs become one blank."""
    untidy = text.str.contains(_UNTIDY).arg_true()
    if not len(untidy):
        return text
    tidied = text.gather(untidy).str.replace_all(_BLANKS, " ").str.strip_chars(" ")
    return text.scatter(untidy, tidied)


def present(text: pl.Series, column: Column) -> pl.Series:
    """Cleaned texts with the column's missing markers, and blank texts of a string column, turned to null."""
    cleaned = clean(text)
    markers = [" ".join(marker.split()) for marker in column.ext.kosong]
    if column.logical_type == "string":
        markers.append("")
        if column.ext.nol_kosong:
            markers.append("0")
    if not markers:
        return cleaned
    missing = cleaned.is_in(pl.Series(markers).unique().implode())
    return cleaned.set(missing, None) if missing.any() else cleaned


def normal_form(text: pl.Series, column: Column) -> pl.Series:
    """Cleaned texts in the form that the column asks for (`huruf`, `baku`)."""
    if column.ext.baku == "nopol":
        return text.str.to_uppercase().str.replace_all(r"[\s-]", "")
    match column.ext.huruf:
        case "besar":
            return text.str.to_uppercase()
        case "kecil":
            return text.str.to_lowercase()
    return text


def _booleans(text: pl.Series) -> pl.Series:
    return text.str.to_lowercase().replace_strict(_BOOLEANS, default=None, return_dtype=pl.Boolean)


def read_column(text: pl.Series, column: Column, reference: pl.Series | None = None) -> Read:
    """Type a String series by its column. `reference` holds each row's date for formats without a year.

    String columns come back in their normal form, before any keyed hash.
    """
    runs = None if WITHOUT_YEAR in column.ext.format else _runs(text)
    if runs is None:
        return _read_texts(text, column, reference)
    # Dates, units and names often stay the same from row to row, and then they are read once.
    read = _read_texts(runs["value"], column, None)
    place = runs.select(pl.int_range(pl.len(), dtype=pl.UInt32).repeat_by("len").explode()).to_series()
    bad = None if read.bad is None else read.bad.gather(place)
    return Read(read.value.gather(place), read.distinct, place, bad, read.code)


def _runs(text: pl.Series) -> pl.DataFrame | None:
    """Length and value of the runs of equal texts, if there are few."""
    for part in (text.head(_SAMPLE_ROWS), text):
        runs = part.rle().struct.unnest()
        if runs.height * _WORTH_RUNS > len(part):
            return None
    return runs


def _read_texts(text: pl.Series, column: Column, reference: pl.Series | None) -> Read:
    text = present(text, column)
    if column.logical_type == "string":
        value = normal_form(text, column)
        bad = ~value.str.contains(_PLATE) if column.ext.baku == "nopol" else None
        return Read(value, text, bad=bad, code=BAD_PLATE)
    reader: Callable[[pl.Series], pl.Series]
    formats = column.ext.format or ("iso",)
    match column.logical_type:
        case "date":
            reader, code = lambda t: parse_dates(t, formats, reference=reference), UNREADABLE_DATE
        case "timestamp":
            reader, code = lambda t: parse_timestamps(t, formats, reference=reference), UNREADABLE_DATE
        case "boolean":
            reader, code = _booleans, UNREADABLE_BOOLEAN
        case _:
            reader, code = lambda t: parse_numbers(t, column.ext.lokal, column.dtype), UNREADABLE_NUMBER
    value = reader(text)
    bad = value.is_null() & text.is_not_null() if value.null_count() > text.null_count() else None
    if column.ext.nol_kosong and code == UNREADABLE_NUMBER:
        zero = value == 0
        value = value.set(zero, None) if zero.any() else value
    return Read(value, text, bad=bad, code=code)
