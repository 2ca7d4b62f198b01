"""One published version as a table in memory, made for many small questions.

Every column is dictionary-encoded over its sorted distinct values, so its codes serve three purposes: they compare as
the values do (sorting), they lead to the rows of a value (filtering), and they lead to the value's text, which is
encoded once and then only joined (answering). Nothing is changed after loading; what is derived is made when first
asked for.

Belongs here: columns, their indexes and texts. Does not belong here: questions (`select.py`), forms of answers
(`encode.py`), which tables are kept (`releases.py`).
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from warehouse.opendata.manifest import Column as Described
from warehouse.opendata.manifest import Version

Codes = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]

_DICT_SIZE = 65_536
_KEPT_ANSWERS = 16
_TEXT_OVERHEAD = 41
"""Bytes that a short `bytes` object and its place in a list cost beside its content."""


class Column:
    """One column: `values` are its sorted distinct values, `codes[row]` the place of the row's value in them.

    A row without a value has the code `len(values)`, so that it sorts last, as in PostgreSQL.
    """

    def __init__(self, described: Described, data: pa.ChunkedArray):
        self.name, self.type, self.sql = described.nama, described.tipe, described.sql
        encoded = pc.dictionary_encode(data.combine_chunks())
        order = pc.sort_indices(encoded.dictionary)
        self.values: pa.Array = encoded.dictionary.take(order)
        rank = np.empty(len(order), dtype=_smallest(len(order)))
        rank[order.to_numpy()] = np.arange(len(order), dtype=rank.dtype)
        found: npt.NDArray[Any] = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
        self.codes: Codes = rank[found] if len(rank) else np.zeros(len(data), dtype=rank.dtype)
        if data.null_count:
            self.codes[data.is_null().to_numpy()] = len(order)

    @property
    def null_code(self) -> int:
        return len(self.values)

    @cached_property
    def json(self) -> list[bytes]:
        """The JSON text of each code."""
        return [*_json_texts(self.values), b"null"]

    @cached_property
    def text(self) -> list[str]:
        """The plain text of each code, as it stands in a CSV file; empty for no value."""
        if self.type == "string":
            return [*self.values.to_pylist(), ""]
        return ["" if t == b"null" else t.decode().strip('"') for t in self.json]

    @cached_property
    def _rows_by_code(self) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
        order = np.argsort(self.codes, kind="stable").astype(np.uint32)
        starts = np.zeros(len(self.values) + 2, dtype=np.int64)
        np.cumsum(np.bincount(self.codes, minlength=len(self.values) + 1), out=starts[1:])
        return order, starts

    @property
    def indexed(self) -> bool:
        """Whether the rows of a value can be told at once."""
        return "_rows_by_code" in self.__dict__

    def rows_of(self, code: int) -> npt.NDArray[np.uint32]:
        """Rows with this code, ascending."""
        order, starts = self._rows_by_code
        return order[starts[code] : starts[code + 1]]

    def count_of(self, code: int) -> int:
        """Number of rows with this code."""
        _, starts = self._rows_by_code
        return int(starts[code + 1] - starts[code])

    @cached_property
    def _code_by_value(self) -> dict[Any, int] | None:
        if len(self.values) > _DICT_SIZE:
            return None
        return {value: code for code, value in enumerate(self.values.to_pylist())}

    def code_of(self, value: Any) -> int | None:
        """Code of a value as JSON or a query string gives it, None if no row has it. Raises ValueError."""
        if value is None:
            return self.null_code
        wanted = self._typed(value)
        if self._code_by_value is not None:
            return self._code_by_value.get(wanted)
        found = pc.index(self.values, pa.scalar(wanted, type=self.values.type)).as_py()
        return None if found < 0 else int(found)

    def _typed(self, value: Any) -> Any:
        """The value in the column's own type. Raises ValueError."""
        if isinstance(value, bool) != (self.type == "boolean") and not isinstance(value, str):
            raise ValueError(f"{value!r} is no {self.type}")
        try:
            match self.type:
                case "string":
                    return value if isinstance(value, str) else str(value)
                case "integer":
                    return int(value) if isinstance(value, str) else int(Decimal(str(value)))
                case "number":
                    return Decimal(str(value)) if pa.types.is_decimal(self.values.type) else float(value)
                case "date":
                    return date.fromisoformat(value)
                case "datetime":
                    return self._instant(datetime.fromisoformat(value))
                case _:
                    return {"true": True, "false": False}[str(value).lower()]
        except (TypeError, KeyError, ValueError, InvalidOperation):
            raise ValueError(f"{value!r} is no {self.type}") from None

    def _instant(self, value: datetime) -> datetime:
        """The instant as the column has it: with a zone or without; without one UTC is meant."""
        if self.values.type.tz is None:
            return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return value if value.tzinfo else value.replace(tzinfo=UTC)

    @property
    def size(self) -> int:
        """Bytes that the column holds in memory now, estimated."""
        size = int(self.codes.nbytes) + int(self.values.nbytes)
        if "json" in self.__dict__:
            size += int(self.values.nbytes) + _TEXT_OVERHEAD * len(self.values)
        if "text" in self.__dict__:
            size += int(self.values.nbytes) + (_TEXT_OVERHEAD + 16) * len(self.values)
        if self.indexed:
            size += 4 * len(self.codes) + 8 * len(self.values)
        return size


class Table:
    """A version's rows in their published order. Row n has the `_id` n + 1, in this version for ever."""

    def __init__(self, name: str, version: int, columns: Sequence[Column], rows: int):
        self.name, self.version, self.rows = name, version, rows
        self.columns = {c.name: c for c in columns}
        self._answers: OrderedDict[Any, Ids] = OrderedDict()
        self._lock = threading.Lock()

    def kept(self, question: Any) -> Ids | None:
        """Row numbers of a costly question that was asked lately."""
        return self._answers.get(question)

    def keep(self, question: Any, ids: Ids) -> None:
        """Remember an answer: the next page of the same question is asked for soon. From any thread."""
        with self._lock:
            self._answers[question] = ids
            while len(self._answers) > _KEPT_ANSWERS:
                self._answers.popitem(last=False)

    @property
    def size(self) -> int:
        """Bytes in memory now, estimated."""
        with self._lock:
            answers = sum(ids.nbytes for ids in self._answers.values())
        return sum(c.size for c in self.columns.values()) + answers


def load(root: Path, version: Version) -> Table:
    """Read a version's parts. Raises FileNotFoundError when it was withdrawn meanwhile."""
    names = [c.nama for c in version.kolom]
    parts = [pq.read_table(root / part.path, columns=names) for part in version.bagian]
    whole = pa.concat_tables(parts) if parts else pa.table({n: pa.array([], pa.string()) for n in names})
    columns = [Column(described, whole.column(described.nama)) for described in version.kolom]
    table = Table(version.dataset, version.versi, columns, whole.num_rows)
    del whole, parts
    pa.default_memory_pool().release_unused()
    return table


def _smallest(count: int) -> Any:
    """The smallest unsigned type that holds the codes 0..count."""
    return np.uint8 if count < 1 << 8 else np.uint16 if count < 1 << 16 else np.uint32


def _json_texts(values: pa.Array) -> list[bytes]:
    """The JSON text of each value, in order."""
    if not len(values):
        return []
    if pa.types.is_decimal(values.type):
        # Exact: a detour by float would give 0.30000000000000004.
        return [text.encode() for text in pc.cast(values, pa.string()).to_pylist()]
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return [encode_basestring(text).encode() for text in values.to_pylist()]
    # Texts of numbers, dates and truth values hold no comma. One by one, orjson would leave a hole of some kilobytes
    # in memory for each of them.
    return orjson.dumps(values.to_pylist())[1:-1].split(b",")
