"""Rows as text: JSON objects and lists, CSV, TSV, XML, and Arrow for Parquet.

Belongs here: from row numbers to bytes, by joining texts that the columns hold already. Does not belong here: which
rows (`select.py`), HTTP.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa

from ssp_pipeline.portal.select import ID
from ssp_pipeline.portal.table import Column, Ids, Table

Form = Literal["objects", "lists", "csv", "tsv"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BLOCK = 5_000

_CKAN_TYPES = {
    "string": "text",
    "integer": "int8",
    "date": "date",
    "datetime": "timestamp",
    "boolean": "bool",
}


def ckan_type(column: Column) -> str:
    """PostgreSQL's name of the column's type, as CKAN gives it."""
    if column.type == "number":
        return "float8" if column.sql == "DOUBLE" else "numeric"
    return _CKAN_TYPES[column.type]


def _template(names: Sequence[str], form: Form) -> bytes:
    marks = [b"%d" if name == ID else b"%b" for name in names]
    if form == "lists":
        return b"[" + b",".join(marks) + b"]"
    pairs = (b'"' + n.replace("%", "%%").encode() + b'":' + m for n, m in zip(names, marks, strict=True))
    return b"{" + b",".join(pairs) + b"}"


def _taken(table: Table, ids: Any, names: Sequence[str], texts: str) -> list[Iterable[Any]]:
    """For each column the texts of the rows."""
    found: list[Iterable[Any]] = []
    for name in names:
        if name == ID:
            numbers = [i + 1 for i in (ids if isinstance(ids, range) else ids.tolist())]
            found.append(numbers if texts == "json" else map(str, numbers))
            continue
        column = table.columns[name]
        held = getattr(column, texts)
        codes = column.codes[ids.start : ids.stop] if isinstance(ids, range) else column.codes[ids]
        found.append([held[code] for code in codes.tolist()])
    return found


def json_rows(table: Table, ids: Ids | range, names: Sequence[str], form: Form = "objects") -> bytes:
    """The rows as the inside of a JSON list: objects by column name, or lists in the order of `names`."""
    template = _template(names, form)
    return b",".join([template % row for row in zip(*_taken(table, ids, names, "json"), strict=True)])


def delimited(table: Table, ids: Ids | range, names: Sequence[str], separator: str, *, head: bool = False) -> str:
    """The rows as CSV or TSV. Text that a spreadsheet would run as a formula gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\r\n" if head else "\n")
    if head:
        writer.writerow(names)
    texts = _taken(table, ids, names, "text")
    for place, name in enumerate(names):
        if name != ID and table.columns[name].type == "string":
            texts[place] = ["'" + t if t.startswith(_FORMULA) else t for t in texts[place]]
    writer.writerows(zip(*texts, strict=True))
    return out.getvalue()


def blocks(ids: Ids | range) -> Iterator[Any]:
    """The rows in pieces that are encoded in some milliseconds each."""
    for start in range(0, len(ids), _BLOCK):
        yield ids[start : start + _BLOCK]


def stream_delimited(
    table: Table, ids: Ids | range, names: Sequence[str], separator: str, *, bom: bool
) -> Iterator[bytes]:
    """A whole CSV or TSV file, piece by piece."""
    yield ("\ufeff" if bom else "").encode() + delimited(table, range(0), names, separator, head=True).encode()
    for piece in blocks(ids):
        yield delimited(table, piece, names, separator).replace("\n", "\r\n").encode()


def stream_json(table: Table, ids: Ids | range, names: Sequence[str]) -> Iterator[bytes]:
    """`{"fields": [...], "records": [[...], ...]}`, as CKAN's dump has it."""
    fields = b",".join(b'{"id":"%b","type":"%b"}' % (n.encode(), field_type(table, n).encode()) for n in names)
    yield b'{"fields":[' + fields + b'],"records":['
    for number, piece in enumerate(blocks(ids)):
        yield (b"," if number else b"") + json_rows(table, piece, names, "lists")
    yield b"]}\n"


def stream_xml(table: Table, ids: Ids | range, names: Sequence[str]) -> Iterator[bytes]:
    """`<data><row _id="1"><name>text</name>…</row></data>`, as CKAN's dump has it."""
    yield b'<?xml version="1.0" encoding="utf-8"?>\n<data>\n'
    shown = [n for n in names if n != ID]
    for piece in blocks(ids):
        lines = []
        columns = _taken(table, piece, [ID, *shown], "text")
        for number, *texts in zip(*columns, strict=True):
            cells = "".join(f"<{n}>{escape(t)}</{n}>" for n, t in zip(shown, texts, strict=True))
            lines.append(f'<row _id="{number}">{cells}</row>\n')
        yield "".join(lines).encode("utf-8", "replace")
    yield b"</data>\n"


def arrow(table: Table, ids: Ids | range, names: Sequence[str]) -> pa.Table:
    """The rows with their own types."""
    taken: dict[str, pa.Array] = {}
    for name in names:
        if name == ID:
            taken[name] = _arrow_numbers(np.asarray(ids, dtype=np.int64) + 1)
            continue
        column = table.columns[name]
        codes = column.codes[ids.start : ids.stop] if isinstance(ids, range) else column.codes[ids]
        values = pa.concat_arrays([column.values, pa.nulls(1, column.values.type)])
        taken[name] = values.take(_arrow_numbers(codes.astype(np.int64)))
    return pa.table(taken)


def _arrow_numbers(numbers: Ids) -> pa.Array:
    """The numbers as they lie in memory; `pa.array` would import pandas to look whether they are its own."""
    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers))])


def field_type(table: Table, name: str) -> str:
    """CKAN's type of a column of an answer."""
    return "int" if name == ID else ckan_type(table.columns[name])
