"""The gate: the rows of an open dataset that may leave, in a temporary table, and everything that holds them back.

Belongs here: selecting by the contract, protection of small cells, the contract's own checks, the scan for personal
data, the audit. Does not belong here: whether a person must approve (`publish.py`), making files of the rows.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb

from warehouse.duck import ident, literal
from warehouse.modelling import render
from warehouse.opendata.contract import ORIGIN_COLUMN, OpenColumn, OpenContract
from warehouse.opendata.query import open_query
from warehouse.privacy.audit import audit
from warehouse.privacy.cells import PrivacyError, Protection, protect
from warehouse.privacy.identifiers import scan

RELATION = "_rilis"
"""Name of the temporary table with what may leave."""


class OpenDataError(RuntimeError):
    """An open dataset's SQL and its contract do not agree."""


def select_rows(con: duckdb.DuckDBPyConnection, contract: OpenContract) -> None:
    """Put the rows of allowed origins into the temporary table, typed by the contract.

    Raises OpenDataError if the SQL does not give the contract's columns, or values that their types cannot hold.
    """
    sql = render(open_query(contract), lambda _: None)
    types = {r[0]: r[1] for r in con.execute(f"DESCRIBE {sql}").fetchall()}
    named = {c.name for c in contract.columns}
    if types.keys() != named:
        raise OpenDataError(
            f"{contract.name}: columns without a description: {', '.join(sorted(types.keys() - named)) or '-'}; "
            f"described but not selected: {', '.join(sorted(named - types.keys())) or '-'}"
        )
    for column in contract.columns:
        if not _fits(types[column.name], column):
            raise OpenDataError(
                f"{contract.name}.{column.name}: the SQL gives {types[column.name]}, which {column.sql_type} does not "
                "hold without loss; cast it in the SQL"
            )
    fields = ", ".join(f"{_typed(c, types[c.name])} AS {ident(c.name)}" for c in contract.columns)
    allowed = ", ".join(literal(o) for o in contract.ext.asal_terbit)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {RELATION} AS SELECT {fields} FROM ({sql}) "
        f"WHERE {ident(ORIGIN_COLUMN)} IN ({allowed})"
    )


def protect_cells(
    con: duckdb.DuckDBPyConnection, contract: OpenContract, earlier: Sequence[Sequence[Path]]
) -> Protection:
    """Suppress small cells in the temporary table, while its closed columns still tell which they are.

    `earlier`: Parquet parts of each version that readers may have, oldest first. A table that cannot be protected as
    its contract says has that for a fault (`salah`).
    """
    try:
        return protect(con, RELATION, contract, earlier)
    except PrivacyError as error:
        return Protection(0, 0, salah=(str(error),))


def derivable(
    con: duckdb.DuckDBPyConnection,
    contract: OpenContract,
    earlier: Sequence[Sequence[Path]],
    protection: Protection,
) -> list[str]:
    """Suppressed cells that could be worked out from the temporary table and earlier versions, in words."""
    return [finding.pesan for finding in audit(con, RELATION, contract, earlier, protection.catatan)]


def close_columns(con: duckdb.DuckDBPyConnection, contract: OpenContract) -> None:
    """Take everything out of the temporary table that may not leave."""
    for column in contract.columns:
        if not column.open:
            con.execute(f"ALTER TABLE {RELATION} DROP COLUMN {ident(column.name)}")


def personal_data(
    con: duckdb.DuckDBPyConnection, contract: OpenContract, waived: Collection[tuple[str, str]]
) -> list[str]:
    """What looks like personal data in the temporary table and is not waived (pairs of column and form)."""
    return [
        f"kolom {hit.kolom} memuat {hit.bentuk} di {hit.jumlah} baris, misalnya {hit.contoh_tersamar}: tutup kolomnya, "
        f"atau walidata menyatakan alasannya (ssp waive {contract.name} {hit.kolom} {hit.bentuk})"
        for hit in scan(con, RELATION, contract.public)
        if (hit.kolom, hit.bentuk) not in waived
    ]


_INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "HUGEINT"})


def _fits(given: str, column: OpenColumn) -> bool:
    """Whether the contract's type holds every value of a type, or fails loudly on one that is too large."""
    if given == column.sql_type:
        return True
    if column.logical_type == "integer":
        return given in _INTEGERS
    if column.logical_type == "number":
        if column.sql_type == "DOUBLE":
            return given in _INTEGERS or given == "FLOAT" or given.startswith("DECIMAL(")
        return given in _INTEGERS or (given.startswith("DECIMAL(") and _scale(given) <= _scale(column.sql_type))
    return False


def _scale(decimal: str) -> int:
    return int(decimal.rstrip(")").rpartition(",")[2])


def _typed(column: OpenColumn, given: str) -> str:
    name = ident(column.name)
    if column.logical_type == "string":
        return f"nullif({name}, '')"
    return name if given == column.sql_type else f"CAST({name} AS {column.sql_type})"


def doubled_keys(con: duckdb.DuckDBPyConnection, contract: OpenContract) -> list[str]:
    """Whether a key names more than one row, in words."""
    key = ", ".join(ident(k) for k in contract.key)
    found = con.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM {RELATION} GROUP BY {key} HAVING count(*) > 1)"
    ).fetchone()
    assert found is not None
    return [f"{found[0]} kunci ({', '.join(contract.key)}) muncul lebih dari sekali"] if found[0] else []
