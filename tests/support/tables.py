"""Tables of the lake in memory, from rows written in a test: for SQL files that are to be held without a pipeline."""

from collections.abc import Mapping
from typing import Any

import duckdb
import polars as pl

from warehouse.duck import LAKE
from warehouse.modelling import Model, render


class Tables:
    """A database in memory that stands in the lake's place. Columns of a table are those of its first row; `types`
    names the type of those whose values do not tell it (dates and decimals do)."""

    def __init__(self) -> None:
        self.con = duckdb.connect()
        self.con.execute(f"ATTACH ':memory:' AS {LAKE}")
        for schema in ("source", "core", "dashboard", "ops", "quarantine"):
            self.con.execute(f"CREATE SCHEMA {LAKE}.{schema}")

    def put(self, table: str, *rows: Mapping[str, Any], types: Mapping[str, str] | None = None) -> None:
        """Make a table, or make it anew."""
        frame = pl.DataFrame(list(rows), infer_schema_length=None)
        columns = ", ".join(
            f'CAST("{n}" AS {types[n]}) AS "{n}"' if types and n in types else f'"{n}"' for n in frame.columns
        )
        self.con.register("_rows", frame.to_arrow())
        self.con.execute(f"CREATE OR REPLACE TABLE {LAKE}.{table} AS SELECT {columns} FROM _rows")
        self.con.unregister("_rows")

    def make(self, table: str, columns: Mapping[str, str]) -> None:
        """Make a table without rows."""
        fields = ", ".join(f'"{name}" {sql}' for name, sql in columns.items())
        self.con.execute(f"CREATE TABLE {LAKE}.{table} ({fields})")

    def empty(self, table: str) -> None:
        """Take all rows out."""
        self.con.execute(f"DELETE FROM {LAKE}.{table}")

    def build(self, model: Model) -> list[dict[str, Any]]:
        """Make the table of a model or view from what is there; gives its rows."""
        self.con.execute(f"CREATE OR REPLACE TABLE {LAKE}.{model.table} AS {render(model, lambda _: None)}")
        return self.rows(f"SELECT * FROM {LAKE}.{model.table}")

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """What a query gives."""
        return self.con.execute(sql).pl().to_dicts()
