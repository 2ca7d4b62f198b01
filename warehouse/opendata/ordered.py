"""Rows in the order of their key as one Parquet file, without ever holding all of them: `Ordering`.

Belongs here: cutting rows into pieces that are sorted one by one, and writing them one behind the other. Does not
belong here: which rows these are (`gate.py`), which of them make a part (`parts.py`).

DuckDB sorts, for two pieces lie one behind the other if the first column of the key divides them, and while one is
sorted the one before is written. Text that repeats itself is sorted as the number of its value, and goes as such into
Parquet's dictionary: most columns of open data are names of a few regions, goods and units.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.duck import ident, literal
from warehouse.opendata.contract import OpenColumn

_PIECE = 1 << 18
"""Rows that are sorted at once, about."""
_SAMPLE = 4_000
_FEW = 1_000
"""A column of more values stays text, for its dictionary stands in every row group."""
_GROUP = 122_880
"""Rows of a row group, as DuckDB has them: it reads and skips by these."""
_DICTIONARY = 1 << 16
"""Bytes that a dictionary may have in the file; beyond, a value is written out wherever it stands."""


class Ordering:
    """The order of a relation's rows, which must not change while it is used."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[OpenColumn], key: Sequence[str]
    ) -> None:
        self._con = con
        self._relation = ident(relation)
        self._first = next(c for c in columns if c.name == key[0])
        self._order = ", ".join(ident(k) for k in key)
        self._columns = ", ".join(self._coded(c) for c in columns)

    def write(self, condition: str, rows: int, path: Path) -> int:
        """Write the rows that fulfil an SQL condition, of which there are about `rows`; gives how many there were."""
        tables = _row_groups(self._sorted(self._pieces(condition, rows)))
        first = next(tables)
        with pq.ParquetWriter(
            path,
            first.schema,
            compression="zstd",
            dictionary_pagesize_limit=_DICTIONARY,
            store_decimal_as_integer=True,
            store_schema=False,  # A reader shall see plain text, not that it was numbered here.
        ) as file:
            written = 0
            for table in chain([first], tables):
                file.write_table(table, row_group_size=_GROUP)
                written += table.num_rows
        return written

    def _coded(self, column: OpenColumn) -> str:
        """SQL of a column: of a text with few values the number among these, which are in the order of texts."""
        name = ident(column.name)
        if column.logical_type != "string":
            return name
        found = self._con.execute(
            f"SELECT DISTINCT {name} AS v FROM {self._relation} WHERE v IS NOT NULL LIMIT {_FEW + 1}"
        ).fetchall()
        values = sorted(v for (v,) in found)
        size = sum(map(len, values))
        if not 0 < len(values) <= _FEW or size > _DICTIONARY or any("\0" in v for v in values):
            return name
        return f"CAST({name} AS ENUM({', '.join(map(literal, values))})) AS {name}"

    def _pieces(self, condition: str, rows: int) -> list[str]:
        """Conditions that divide the rows by the first column of the key, in its order."""
        if rows <= _PIECE:
            return [condition]
        name = ident(self._first.name)
        sample = self._con.execute(
            f"SELECT CAST(v AS VARCHAR) FROM (SELECT {name} AS v FROM {self._relation} WHERE {condition} "
            f"USING SAMPLE reservoir({_SAMPLE} ROWS) REPEATABLE (1)) ORDER BY v"
        ).fetchall()
        pieces = -(-rows // _PIECE)
        found = dict.fromkeys(sample[n * len(sample) // pieces][0] for n in range(1, pieces))
        bounds = [f"CAST({literal(b)} AS {self._first.sql_type})" for b in found if "\0" not in b]
        from_ = ["", *(f" AND {name} >= {b}" for b in bounds)]
        to = [*(f" AND {name} < {b}" for b in bounds), ""]
        return [f"{condition}{low}{high}" for low, high in zip(from_, to, strict=True)]

    def _sorted(self, pieces: Sequence[str]) -> Iterator[pa.Table]:
        """The pieces, each sorted; while one is used, the next is in the making."""

        def piece(condition: str) -> pa.Table:
            return self._con.execute(
                f"SELECT {self._columns} FROM {self._relation} WHERE {condition} ORDER BY {self._order}"
            ).to_arrow_table(_GROUP)

        with ThreadPoolExecutor(1) as ahead:
            waiting = ahead.submit(piece, pieces[0])
            for condition in pieces[1:]:
                table, waiting = waiting.result(), ahead.submit(piece, condition)
                yield table
            yield waiting.result()


def _row_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of whole row groups, so that no byte of the file tells where the pieces ended."""
    rest = None
    for table in tables:
        rest = table if rest is None else pa.concat_tables([rest, table])
        whole = rest.num_rows - rest.num_rows % _GROUP
        if whole:
            yield rest.slice(0, whole)
        rest = rest.slice(whole)
    if rest is not None:
        yield rest
