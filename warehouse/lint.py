"""Every fault of the contracts at once, for `ssp contract lint` and `ssp doctor`.

Belongs here: what can be told without data. Does not belong here: what a contract says and means
(`connectors/contract`), how its SQL is evaluated (`stage.py`, `profile.py`), open datasets (`opendata/lint.py`).
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl

from connectors.contract import Contract
from connectors.contract.load import Problem, examine
from warehouse.duck import bare
from warehouse.profile import measured
from warehouse.stage import rule_results, with_partition


def lint(paths: Iterable[Path]) -> list[Problem]:
    """Every fault of every contract file, also what a run does without and people need."""
    problems: list[Problem] = []
    with closing(bare({"threads": 1}, closed=True)) as con:
        for path in paths:
            contract, found = examine(path)
            problems += found
            # SQL over a column whose type is not known yet would be called wrong for that alone.
            if contract and contract.columns and all(c.sql_type for c in contract.columns):
                problems += _sql_faults(con, contract)
    return problems


def _sql_faults(con: duckdb.DuckDBPyConnection, contract: Contract) -> Iterator[Problem]:
    """Row rules and metrics that DuckDB refuses, each evaluated as a run does over one row without values."""
    file = f"{contract.agency}/{contract.path.name}"
    schema = contract.schema()
    row = with_partition(contract, pl.DataFrame({name: [None] for name in schema}, schema=schema))
    for number, rule in enumerate(contract.ext.aturan_baris):
        key = f"customProperties.aturan_baris.{number}.sql"
        try:
            kind = rule_results(con, row, [rule]).dtypes[0]
        except duckdb.Error as error:
            yield Problem(file, key, _said(error))
        else:
            if kind != pl.Boolean():
                yield Problem(file, key, f"gives {kind}, not true or false")
    for name, sql in contract.ext.profil.items():
        try:
            measured(con, contract, row, {name: sql})
        except duckdb.Error as error:
            yield Problem(file, f"customProperties.profil.{name}", _said(error))


def _said(error: duckdb.Error) -> str:
    """DuckDB's message without the statement around the expression and its list of functions. It quotes values, but
    here there are none but the contract's."""
    return " ".join(str(error).split("\n\nLINE")[0].split("\n\tCandidate functions")[0].split())
