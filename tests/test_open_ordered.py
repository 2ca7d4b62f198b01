"""Ordering rows into one Parquet file piece by piece: the file is the same as if all had been sorted at once."""

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.support.open_release import CONTRACTS, write_contracts
from warehouse.duck import bare
from warehouse.opendata import ordered
from warehouse.opendata.contract import OpenContract
from warehouse.opendata.ordered import Ordering

ROWS = 1_000


@pytest.fixture
def contract(tmp_path: Path) -> OpenContract:
    return write_contracts(tmp_path / "kontrak", CONTRACTS)["harga_uji"]


def relation(con: duckdb.DuckDBPyConnection, komoditas: str = "'Barang ' || i % 7") -> None:
    """`r`: ROWS rows in no order with awkward texts, a column of one value and one that is empty."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE r AS SELECT '12' AS kode_provinsi, CAST(NULL AS VARCHAR) AS nama_provinsi, "
        "CAST(1201 + i % 33 AS VARCHAR) AS kode_kabupaten_kota, "
        "['e', 'é', 'Z', 'z', 'o''x', '', '日本', NULL][i % 8 + 1] AS nama_kabupaten_kota, "
        f"{komoditas} AS komoditas, CAST(i / 7 AS DECIMAL(18,2)) AS harga, "
        "CASE WHEN i % 3 > 0 THEN 'Rp/kg' END AS satuan, DATE '2026-01-01' + CAST(i % 90 AS INTEGER) AS tanggal, "
        f"'tiruan' AS asal_data FROM (SELECT i FROM range({ROWS}) AS x(i) ORDER BY hash(i))"
    )


def ordering(con: duckdb.DuckDBPyConnection, contract: OpenContract, *key: str) -> Ordering:
    return Ordering(con, "r", contract.public, key or contract.key)


@pytest.mark.parametrize("piece", [1, 70, 333, ROWS])
@pytest.mark.parametrize("key", [("tanggal", "komoditas", "harga"), ("nama_kabupaten_kota", "harga"), ("harga",)])
def test_the_file_does_not_tell_in_how_many_pieces_it_was_sorted(
    contract: OpenContract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: tuple[str, ...], piece: int
) -> None:
    monkeypatch.setattr(ordered, "_GROUP", 100)
    with bare() as con:
        relation(con)
        con.execute("DELETE FROM r WHERE nama_kabupaten_kota IS NULL")
        (rows,) = con.execute("SELECT count(*) FROM r").fetchall()[0]
        assert ordering(con, contract, *key).write("true", rows, tmp_path / "whole.parquet") == rows
        monkeypatch.setattr(ordered, "_PIECE", piece)
        assert ordering(con, contract, *key).write("true", rows, tmp_path / "pieces.parquet") == rows
        columns = ", ".join(c.name for c in contract.public)
        wanted = con.execute(f"SELECT {columns} FROM r ORDER BY {', '.join(key)}").fetchall()
        assert con.execute(f"SELECT {columns} FROM '{tmp_path}/pieces.parquet'").fetchall() == wanted
    assert (tmp_path / "pieces.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


@pytest.mark.parametrize(
    "komoditas",
    [
        "'Barang ' || i",
        "repeat(chr(65 + CAST(i % 3 AS INTEGER)), 30_000)",
        "CASE WHEN i = 5 THEN 'a' || chr(0) || 'b' ELSE 'a' END || i % 4",
        "CAST(NULL AS VARCHAR)",
    ],
    ids=["many values", "long values", "a sign that no SQL text holds", "empty"],
)
def test_a_text_whose_values_cannot_be_numbered_is_written_as_it_is(
    contract: OpenContract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, komoditas: str
) -> None:
    monkeypatch.setattr(ordered, "_FEW", 20)
    monkeypatch.setattr(ordered, "_PIECE", 300)
    with bare() as con:
        relation(con, komoditas)
        assert ordering(con, contract, "harga").write("harga >= 1", ROWS, tmp_path / "p.parquet") == ROWS - 7
        found = con.execute(f"SELECT komoditas FROM '{tmp_path}/p.parquet'").fetchall()
        assert found == con.execute("SELECT komoditas FROM r WHERE harga >= 1 ORDER BY harga").fetchall()


def test_readers_see_the_contracts_types_and_no_trace_of_the_numbering(contract: OpenContract, tmp_path: Path) -> None:
    with bare() as con:
        relation(con)
        ordering(con, contract).write("true", ROWS, tmp_path / "p.parquet")
        types = {r[0]: r[1] for r in con.execute(f"DESCRIBE FROM '{tmp_path}/p.parquet'").fetchall()}
    assert types == {c.name: c.sql_type for c in contract.public}
    schema = pq.read_schema(tmp_path / "p.parquet")
    assert {str(schema.field(c.name).type) for c in contract.public if c.logical_type == "string"} == {"string"}
