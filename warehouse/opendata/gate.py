"""The gate: the rows of an open dataset that may leave, and everything that holds them back.

Belongs here: selecting by the contract, protection of small cells, the contract's own checks, the scan for personal
data, the audit. Does not belong here: whether a person must approve (`publish.py`), making files of the rows.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb

from warehouse.duck import ident, literal
from warehouse.modelling import render
from warehouse.opendata.contract import ORIGIN_COLUMN, OpenColumn, OpenContract
from warehouse.opendata.formats import read_parts
from warehouse.opendata.query import open_query
from warehouse.privacy import Versions
from warehouse.privacy.audit import audit
from warehouse.privacy.cells import PrivacyError, Protection, protect
from warehouse.privacy.identifiers import scan

RELATION = "_rilis"
"""Name of the temporary view of what may leave."""

_PROTECTED = "_rilis_sel"
"""Temporary table in which small cells are suppressed."""


class OpenDataError(RuntimeError):
    """An open dataset's SQL and its contract do not agree."""


def select_rows(con: duckdb.DuckDBPyConnection, contract: OpenContract) -> None:
    """Make the relation: the rows of allowed origins, typed by the contract, with closed columns.

    Raises OpenDataError if the SQL does not give the contract's columns, or types that theirs cannot hold.
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
        f"CREATE OR REPLACE TEMP VIEW {RELATION} AS SELECT {fields} FROM ({sql}) "
        f"WHERE {ident(ORIGIN_COLUMN)} IN ({allowed})"
    )


def protect_cells(con: duckdb.DuckDBPyConnection, contract: OpenContract, earlier: Versions) -> Protection:
    """Suppress small cells in the relation, while its closed columns still tell which they are.

    `earlier`: Parquet parts of each version that readers may have, oldest first. A table that cannot be protected as
    its contract says has that for a fault (`salah`).
    """
    if not contract.ext.sel_kecil:
        return Protection(0, 0)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {_PROTECTED} AS FROM {RELATION}")
    con.execute(f"CREATE OR REPLACE TEMP VIEW {RELATION} AS FROM {_PROTECTED}")
    try:
        return protect(con, _PROTECTED, contract, earlier)
    except PrivacyError as error:
        return Protection(0, 0, salah=(str(error),))


def derivable(
    con: duckdb.DuckDBPyConnection,
    contract: OpenContract,
    earlier: Versions,
    protection: Protection,
) -> list[str]:
    """Suppressed cells that could be worked out from the relation and earlier versions, in words."""
    return [finding.pesan for finding in audit(con, RELATION, contract, earlier, protection.catatan)]


def close_columns(con: duckdb.DuckDBPyConnection, contract: OpenContract, path: Path) -> None:
    """Write what may leave to a private file, from which alone everything is made and checked from here on.

    Columns of repeated texts are numbered in it, so that looking through all of them costs little, and no more memory
    for more rows.
    """
    columns = ", ".join(ident(c.name) for c in contract.public)
    con.execute(
        f"COPY (SELECT {columns} FROM {RELATION}) TO {literal(str(path))} "
        "(FORMAT parquet, COMPRESSION snappy, WRITE_BLOOM_FILTER false)"
    )
    con.execute(f"CREATE OR REPLACE TEMP VIEW {RELATION} AS FROM read_parquet({literal(str(path))})")
    con.execute(f"DROP TABLE IF EXISTS {_PROTECTED}")


def personal_data(
    con: duckdb.DuckDBPyConnection, contract: OpenContract, waived: Collection[tuple[str, str]]
) -> list[str]:
    """What looks like personal data in the relation and is not waived (pairs of column and form)."""
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


def doubled_keys(con: duckdb.DuckDBPyConnection, contract: OpenContract, paths: Sequence[Path]) -> list[str]:
    """Whether a key names more than one row of files that are each in the order of the key, in words.

    So a row that doubles another follows it. No key is in two files: parts are divided by a column of the key.
    """
    if not paths:
        return []
    key = ", ".join(ident(k) for k in contract.key)
    again = " AND ".join(f"{ident(k)} = lag({ident(k)}) OVER ()" for k in contract.key)
    found = con.execute(
        f"SELECT count(DISTINCT ({key})) FROM (SELECT {key}, {again} AS _lagi FROM {read_parts(paths)}) WHERE _lagi"
    ).fetchone()
    assert found is not None
    return [f"{found[0]} kunci ({', '.join(contract.key)}) muncul lebih dari sekali"] if found[0] else []
