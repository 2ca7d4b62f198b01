"""Reference files as typed tables of a lake in memory, for tests of models."""

from pathlib import Path

import duckdb

from connectors.contract import Contract, load_contract

CONNECTORS = Path(__file__).resolve().parents[2] / "connectors"


def memory_lake() -> duckdb.DuckDBPyConnection:
    """A database whose catalogue is named as the lake's, with its schemas for sources and models."""
    con = duckdb.connect()
    con.execute("ATTACH ':memory:' AS lake; USE lake; CREATE SCHEMA source; CREATE SCHEMA core")
    return con


def reference_contracts(agency: str) -> list[Contract]:
    """The contracts of an agency's reference files."""
    found = [load_contract(path) for path in sorted((CONNECTORS / agency).glob("*.odcs.yaml"))]
    return [contract for contract in found if contract.ext.mode == "acuan"]


def load_references(con: duckdb.DuckDBPyConnection, agency: str) -> None:
    """Make the source tables of an agency's reference files, typed by their contracts."""
    for contract in reference_contracts(agency):
        assert contract.ext.berkas is not None
        fields = ", ".join(f'CAST("{c.wire}" AS {c.sql_type}) AS "{c.name}"' for c in contract.columns)
        file = contract.folder / str(contract.ext.berkas.berkas)
        con.execute(
            f"CREATE TABLE source.{contract.table} AS SELECT {fields}, 'resmi' AS _asal "
            f"FROM read_csv('{file}', header = true, all_varchar = true, nullstr = '')"
        )
