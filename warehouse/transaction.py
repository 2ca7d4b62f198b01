"""One transaction of the lake: replacing and adding rows, making tables, and making new files durable.

Belongs here: what is done between BEGIN and COMMIT. Does not belong here: when a transaction is begun, retried or
given up (`lake.py`).
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from connectors.durable import fsync_path
from warehouse.duck import LakeConfig, arrow, ident, literal, qualified

_CLOCK_SLACK_NS = 1_000_000_000


@dataclass
class Shape:
    """What a table looks like in the catalogue: its columns (name → SQL type), comments and partition column."""

    columns: dict[str, str] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    comment: str = ""
    partition: str | None = None


Shapes = dict[str, Shape]


def plain_type(sql: str) -> str:
    """A type as contracts write it; DuckDB's own name of TIMESTAMPTZ is longer."""
    return sql.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")


class Transaction:
    """New Parquet files of the tables it wrote are made durable before COMMIT: DuckLake fsyncs only its catalogue."""

    def __init__(self, con: duckdb.DuckDBPyConnection, config: LakeConfig):
        self.con = con
        self._data = config.local_data
        # File times come from the kernel's coarse clock, and a clock may be set back a little while we write; a
        # file too many that is fsynced costs nothing.
        self._since = time.time_ns() - _CLOCK_SLACK_NS
        self._written: dict[str, None] = {}
        self.reshaped: list[Callable[[Shapes], None]] = []
        """What this transaction changed of tables, to be noted when it is committed."""

    def append(self, table: str, rows: pl.DataFrame) -> None:
        """Insert a frame by column name."""
        if rows.is_empty():
            return
        self.con.register("_rows", arrow(rows))
        try:
            self.insert(table, "SELECT * FROM _rows")
        finally:
            self.con.unregister("_rows")

    def replace(self, table: str, column: str | None, keys: Sequence[Any], select: str | pl.DataFrame) -> None:
        """Replace the partitions `keys` of `column` (all rows when None) by a frame or a SELECT."""
        if column is None:
            self.con.execute(f"DELETE FROM {qualified(table)}")
        else:
            self.delete(table, column, keys)
        if isinstance(select, pl.DataFrame):
            self.append(table, select)
        else:
            self.insert(table, select)

    def delete(self, table: str, column: str, keys: Sequence[Any]) -> None:
        """Delete the partitions `keys` of `column`."""
        if keys:
            marks = ", ".join("?" for _ in keys)
            self.con.execute(f"DELETE FROM {qualified(table)} WHERE {ident(column)} IN ({marks})", list(keys))

    def insert(self, table: str, select: str) -> None:
        """Insert what a SELECT gives, by column name."""
        self.con.execute(f"INSERT INTO {qualified(table)} BY NAME {select}")
        self._written[table] = None

    def create_table(self, table: str, columns: Mapping[str, str], partition: str | None) -> None:
        """Make a table with columns (name → SQL type), dropping the one that is there.

        Files of a table partitioned by a date lie by month: DuckLake reads the statistics of all files of the lake
        for each query with a condition, so a file a day in every table would make each day dearer than the last.
        """
        fields = ", ".join(f"{ident(name)} {sql}" for name, sql in columns.items())
        self.con.execute(f"DROP TABLE IF EXISTS {qualified(table)}")
        self.con.execute(f"CREATE TABLE {qualified(table)} ({fields})")
        if partition:
            name = ident(partition)
            by = f"year({name}), month({name})" if columns[partition] == "DATE" else name
            self.con.execute(f"ALTER TABLE {qualified(table)} SET PARTITIONED BY ({by})")

        def note(shapes: Shapes) -> None:
            types = {name: plain_type(sql) for name, sql in columns.items()}
            shapes[table] = Shape(types, dict.fromkeys(types, ""), partition=partition)

        self.reshaped.append(note)

    def add_columns(self, table: str, columns: Mapping[str, str]) -> None:
        """Add columns; rows that are there get NULL in them."""
        for name, sql in columns.items():
            self.con.execute(f"ALTER TABLE {qualified(table)} ADD COLUMN {ident(name)} {sql}")
        self.reshaped.append(
            lambda shapes: shapes[table].columns.update({n: plain_type(sql) for n, sql in columns.items()})
        )

    def comment(self, table: str, text: str | None, columns: Mapping[str, str]) -> None:
        """Set the comment of a table (unless None) and of the given columns."""
        if text is not None:
            self.con.execute(f"COMMENT ON TABLE {qualified(table)} IS {literal(text)}")
        for name, note in columns.items():
            self.con.execute(f"COMMENT ON COLUMN {qualified(table)}.{ident(name)} IS {literal(note)}")

        def keep(shapes: Shapes) -> None:
            shape = shapes[table]
            shape.comment = shape.comment if text is None else text
            shape.comments.update(columns)

        self.reshaped.append(keep)

    def sync(self) -> None:
        """fsync every file that this transaction wrote, and every folder that got a new entry by it."""
        if self._data is None or not self._written:
            return
        for table in self._written:
            schema, _, name = table.partition(".")
            folder = self._data / schema / name
            for path in self._fresh(folder):
                fsync_path(path)
            # A table's first file makes its folders; each is an entry of the one above it.
            for parent in (folder, folder.parent, self._data):
                if self._is_fresh(parent.stat()):
                    fsync_path(parent)

    def _fresh(self, folder: Path) -> Iterator[Path]:
        """Files and folders below a folder that are new or have new entries."""
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    yield from self._fresh(Path(entry))
                if self._is_fresh(entry.stat()):
                    yield Path(entry)

    def _is_fresh(self, status: os.stat_result) -> bool:
        return status.st_mtime_ns >= self._since
