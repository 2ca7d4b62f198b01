"""Gathering what a pull brought: raw frames of many payloads to one set of typed rows and one of rejected ones.

Belongs here: joining payloads, repeated rows, and rows of dates that were not asked for. Does not belong here:
the rules of a row (`conform.py`).
"""

import dataclasses
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date
from itertools import accumulate

import polars as pl

from connectors.api import Payload
from connectors.contract import Contract
from connectors.contract.model import SINGLE_PARTITION
from connectors.read.conform import REJECTED_SCHEMA, conform_many, drop_identical
from connectors.read.regions import RegionTable

READER_VERSION = 1
"""Raised when reading changes its results for the same bytes; partitions are then read again."""

OUTSIDE = "di_luar_jendela"
_FLUSH_ROWS = 100_000


class Staging:
    """Collects payloads' raw frames and conforms them some at a time, so that memory holds typed rows only."""

    def __init__(self, contract: Contract, *, regions: RegionTable, hash_key: bytes, today: date):
        self._contract = contract
        # The region list itself is read without checking its codes against itself.
        self._regions = None if contract.agency == "referensi" else regions
        self._hash_key = hash_key
        self._today = today
        self._buffer: list[tuple[Payload, pl.DataFrame]] = []
        self._buffered = 0
        self._rows: list[pl.DataFrame] = []
        self._rejected: list[pl.DataFrame] = []
        self._empty = pl.DataFrame(schema=contract.schema() | {"_partisi": pl.String()})
        self._newest = ""
        self.rows = 0
        self.typed: Counter[str] = Counter()
        """Typed rows so far by partition."""

    def add(self, payload: Payload, raw: pl.DataFrame) -> None:
        """Take one payload's raw frame. Raises PayloadError when it lacks a declared column."""
        self._buffer.append((dataclasses.replace(payload, body=b""), raw))
        self._buffered += raw.height
        self.rows += raw.height
        if self._buffered >= _FLUSH_ROWS:
            self._flush()

    def _flush(self) -> None:
        if not self._buffer:
            return
        done = conform_many(
            self._buffer, self._contract, regions=self._regions, hash_key=self._hash_key, today=self._today
        )
        self._buffer, self._buffered = [], 0
        rows, heights = _with_key(self._contract, done.rows)
        self._rows.append(rows)
        self.typed.update(heights)
        self._newest = min(heights, default=self._newest)
        key = pl.Series("_partisi", [SINGLE_PARTITION] * done.rejected.height, dtype=pl.String)
        if self._contract.partition_column is not None:
            key = done.rejected_partition.cast(pl.String).fill_null("?").alias("_partisi")
        self._rejected.append(done.rejected.with_columns(key))

    def has_passed(self, key: str) -> bool:
        """Whether all rows that came last are of later partitions: one that gives its dates in order brings no more of
        this one."""
        return key < self._newest

    def typed_rows(self, keys: Collection[str]) -> pl.DataFrame:
        """The typed rows of some partitions as far as they came, repeated ones too."""
        return pl.concat([self._empty, *(p for rows in self._rows for k, p in by_partition(rows).items() if k in keys)])

    def finish(self, keys: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """All rows and all rejected rows, each with `_partisi`. With `keys`, rows of other partitions are rejected."""
        self._flush()
        contract = self._contract
        # Not in one piece: that would copy all of them once more.
        rows = pl.concat([self._empty, *self._rows])
        self._rows.clear()
        rows, repeated = drop_identical(rows, contract)
        rejected = [pl.DataFrame(schema=REJECTED_SCHEMA | {"_partisi": pl.String()}), *self._rejected]
        if repeated.height:
            rejected.append(self._dated(repeated))
        if keys:
            outside = rows.filter(~pl.col("_partisi").is_in(list(keys)))
            if outside.height:
                rows = rows.filter(pl.col("_partisi").is_in(list(keys)))
                rejected.append(_outside(contract, outside))
        return rows, pl.concat(rejected, how="diagonal")

    def _dated(self, repeated: pl.DataFrame) -> pl.DataFrame:
        """Repeated rows with the partition that their content names."""
        column = self._contract.partition_column
        if column is None:
            return repeated.with_columns(pl.lit(SINGLE_PARTITION).alias("_partisi"))
        return repeated.with_columns(pl.col("isi").str.json_path_match(f"$.{column}").alias("_partisi"))


def by_partition(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Rows by partition key. Where those of a partition follow each other, as agencies send them, nothing is copied."""
    runs = rows["_partisi"].rle().struct.unnest()
    keys, lengths = runs["value"].to_list(), runs["len"].to_list()
    if len(set(keys)) < len(keys):
        parts = rows.partition_by("_partisi", as_dict=True, maintain_order=True)
        return {str(key[0]): part for key, part in parts.items()}
    starts = accumulate(lengths, initial=0)
    return {key: rows.slice(start, length) for key, start, length in zip(keys, starts, lengths, strict=False)}


def _with_key(contract: Contract, rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Rows with their partition key, and how many there are of each."""
    if contract.partition_column is None:
        return rows.with_columns(pl.lit(SINGLE_PARTITION).alias("_partisi")), {SINGLE_PARTITION: rows.height}
    days = rows[contract.partition_column]
    heights = dict(days.value_counts().iter_rows())
    names = {day: day.isoformat() for day in heights}
    key = days.replace_strict(names, return_dtype=pl.String) if names else days.cast(pl.String)
    return rows.with_columns(key.alias("_partisi")), {names[day]: height for day, height in heights.items()}


def _outside(contract: Contract, rows: pl.DataFrame) -> pl.DataFrame:
    shown = [c.name for c in contract.columns if c.classification != "private"]
    return rows.select(
        "_payload",
        "_baris",
        pl.lit(contract.partition_column or "").alias("kolom"),
        pl.lit(OUTSIDE).alias("alasan"),
        pl.col("_partisi").alias("rincian"),
        pl.struct(pl.col(shown).cast(pl.String)).struct.json_encode().alias("isi"),
        pl.lit("?").alias("_partisi"),
    )
