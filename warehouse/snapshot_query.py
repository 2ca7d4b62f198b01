"""Asking an analysts' snapshot: a connection that can do nothing but read it, and results as files.

Belongs here: what a query may reach, and how its result is written. Does not belong here: making snapshots
(`snapshot.py`), printing (the command).
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from warehouse.duck import bare, literal
from warehouse.snapshot import PARTS

if TYPE_CHECKING:
    import pyarrow as pa

Form = Literal["csv", "json", "parquet", "xlsx"]

_COPY_OPTIONS = {
    "csv": "FORMAT csv, HEADER true",
    "json": "FORMAT json, ARRAY true",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}
_BATCH = 10_000
XLSX_ROWS = 1_048_575
"""Rows that a worksheet holds below its heading."""


class QueryError(ValueError):
    """A query cannot be run or its result not be written; one line says why."""


@contextmanager
def opened(path: Path, *, memory: str = "") -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a version that reads the version's parts and no other file, loads no extension, sees no
    variable of this process, and whose settings cannot be changed. `memory` limits what queries take, as `512MB`."""
    path = path.resolve()
    config: dict[str, Any] = {"access_mode": "READ_ONLY", "python_enable_replacements": False}
    if memory:
        config["memory_limit"] = memory
    with closing(bare(config, str(path))) as con:
        con.execute(f"SET allowed_directories = [{literal(str(path.parent / PARTS))}]")
        # Parts never change: what was read of a file once stays true.
        con.execute("SET parquet_metadata_cache = true")
        con.execute("SET validate_external_file_cache = 'NO_VALIDATION'")
        con.execute("SET enable_external_access = false")
        con.execute("SET lock_configuration = true")
        yield con


def _statement(con: duckdb.DuckDBPyConnection, query: str) -> duckdb.Statement:
    """The query as one SELECT (also WITH, FROM, VALUES, DESCRIBE, SUMMARIZE, SHOW). Raises QueryError.

    Other statements are refused, whatever else would stop them: COPY could write over the parts.
    """
    statements = con.extract_statements(query)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryError("give one SELECT; nothing can be written here")
    return statements[0]


def run(con: duckdb.DuckDBPyConnection, query: str) -> duckdb.DuckDBPyConnection:
    """Execute one SELECT; rows are fetched from what is given back. Raises QueryError."""
    try:
        return con.execute(_statement(con, query))
    except duckdb.Error as error:
        raise QueryError(_one_line(error)) from None


def show(con: duckdb.DuckDBPyConnection, query: str, *, rows: int = 200, width: int = 200) -> None:
    """Print the result of one SELECT as a table, the first and last rows of a long one. Raises QueryError."""
    try:
        con.sql(_statement(con, query)).show(max_rows=rows, max_width=width)
    except duckdb.Error as error:
        raise QueryError(_one_line(error)) from None


def save(con: duckdb.DuckDBPyConnection, query: str, form: Form, target: Path) -> None:
    """Write a query's result to a file, whole or not at all. Raises QueryError.

    Text stays text in every form. NaN and infinity, for which JSON and a worksheet have no number, are empty there.
    """
    result = run(con, query)
    temp = target.with_name(f".{target.name}.sementara")
    try:
        if form == "xlsx":
            _write_xlsx(result, temp)
        else:
            # A connection of its own: the one that asks can write nothing.
            with closing(bare()) as out:
                reader = result.to_arrow_reader(_BATCH)
                out.register("hasil", _finite(reader) if form == "json" else reader)
                out.execute(f"COPY hasil TO {literal(str(temp))} ({_COPY_OPTIONS[form]})")
        temp.replace(target)
    except duckdb.Error as error:
        raise QueryError(_one_line(error)) from None
    except OSError as error:
        raise QueryError(f"{target}: {error.strerror or error}") from None
    finally:
        temp.unlink(missing_ok=True)


def _finite(reader: "pa.RecordBatchReader") -> "pa.RecordBatchReader":
    """The same rows with nulls for floating-point values that are no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            columns = (
                pc.if_else(pc.is_finite(column), column, None) if pa.types.is_floating(column.type) else column
                for column in batch.columns
            )
            yield pa.RecordBatch.from_arrays(list(columns), schema=reader.schema)

    return pa.RecordBatchReader.from_batches(reader.schema, batches())


def _one_line(error: duckdb.Error) -> str:
    """The message without the picture of the query that DuckDB draws below it."""
    said = str(error).split("\n\n")[0]
    return " ".join(line.strip() for line in said.splitlines() if not line.startswith("LINE ") and line.strip(" ^"))


def _write_xlsx(result: duckdb.DuckDBPyConnection, path: Path) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = Workbook(write_only=True)
    sheet = book.create_sheet("hasil")
    sheet.freeze_panes = "A2"

    def cell(value: Any) -> Any:
        if isinstance(value, float):
            return value if isfinite(value) else None
        if value is None or isinstance(value, bool | int | Decimal):
            return value
        if isinstance(value, datetime):
            return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        if hasattr(value, "isoformat"):
            return value
        made = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", str(value)))
        made.data_type = "s"  # a text that begins with = is no formula
        return made

    sheet.append([cell(d[0]) for d in result.description or ()])
    rows = 0
    while batch := result.fetchmany(_BATCH):
        rows += len(batch)
        if rows > XLSX_ROWS:
            raise QueryError(f"a worksheet holds {XLSX_ROWS} rows: narrow the query, or write csv or parquet")
        for row in batch:
            sheet.append([cell(value) for value in row])
    book.save(path)
