"""Tirtanadi's rows in the warehouse: names find their branch or works, durations and volumes stay exact."""

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import orjson
import polars as pl
import pytest

from connectors.contract import load_contract
from connectors.read.conform import conform
from connectors.sandbox import World
from connectors.tirtanadi.connector import FEEDS
from connectors.tirtanadi.sandbox import gangguan, produksi
from tests.support.reading import make_payload

AGENCY = Path(__file__).resolve().parents[1] / "connectors" / "tirtanadi"
TODAY = date(2026, 11, 20)
WORLD = World(today=TODAY)


def typed(dataset: str, raw: pl.DataFrame) -> pl.DataFrame:
    ours = load_contract(AGENCY / f"{dataset}.odcs.yaml")
    payload = make_payload(asal="tiruan")
    result = conform(raw, ours, payload=payload, regions=None, hash_key=b"k" * 32, today=TODAY)
    assert result.rejected.is_empty()
    return result.rows


def reports() -> pl.DataFrame:
    """Two branches' reports as the inbox reads them, one under its old name."""
    rows = []
    for branch, loss in (("Padang Sidempuan", "28,4"), ("Pemasaran Air Limbah", "-")):
        for group, volume in (("K1", "100"), ("K2", "0")):
            rows.append(
                {
                    "bulan": "Oktober 2026",
                    "cabang": branch,
                    "kehilangan_air": loss,
                    "Kelompok Tarif": group,
                    "Pelanggan / Jumlah": "10",
                    "Pelanggan / Sambungan Rumah (SR)": "9",
                    "Air Terjual (m3)": volume,
                    "Rekening Air / DRD (Rp)": "1000",
                    "Rekening Air / Penerimaan (Rp)": "950",
                    "Tunggakan / Lembar": "1",
                    "Tunggakan / Nilai (Rp)": "50",
                }
            )
    return pl.DataFrame(rows)


@pytest.fixture(scope="module")
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    """The models of the folder on ten days of the stand-in and two reports."""
    days = [TODAY - timedelta(days=n) for n in range(10)]
    frames: dict[str, pl.DataFrame] = {"pelanggan_air_bulanan": typed("pelanggan_air_bulanan", reports())}
    for dataset, make in (("produksi_air", produksi), ("gangguan_air", gangguan)):
        body = orjson.dumps({"status": True, "data": [row for d in days for row in make(WORLD, d)]})
        ours = load_contract(AGENCY / f"{dataset}.odcs.yaml")
        frames[dataset] = typed(dataset, FEEDS[dataset].read(make_payload(body), ours))
    for name in ("cabang", "ipa"):
        with (AGENCY / f"reference/{name}.csv").open() as file:
            frames[name] = typed(name, pl.DataFrame(list(csv.DictReader(file))))
    with duckdb.connect() as con:
        con.execute("CREATE SCHEMA source; CREATE SCHEMA core")
        for name, frame in frames.items():
            con.register("isi", frame.to_arrow())
            con.execute(f"CREATE TABLE source.tirtanadi__{name} AS FROM isi")
        con.execute(
            "CREATE TABLE core.dim_wilayah AS SELECT DISTINCT kode_bps, 'K' || kode_bps AS kode_kemendagri,"
            " nama_wilayah AS nama FROM source.tirtanadi__cabang WHERE kode_bps IS NOT NULL"
        )
        for path in sorted((AGENCY / "models").glob("core.*.sql")):
            con.execute(f"CREATE TABLE {path.name.removesuffix('.sql')} AS {path.read_text().split('--- */')[1]}")
        yield con


def rows(lake: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return lake.execute(sql).fetchall()


def test_an_old_name_finds_its_branch_and_a_missing_loss_stays_missing(lake: duckdb.DuckDBPyConnection) -> None:
    assert rows(
        lake,
        "SELECT DISTINCT nama_cabang, kode_cabang, kode_kemendagri, kehilangan_air_persen, bulan"
        " FROM core.fct_pelanggan_air_bulanan ORDER BY 1",
    ) == [
        ("Pemasaran Air Limbah", "C22", None, None, date(2026, 10, 1)),
        ("Tapanuli Selatan", "C17", "K1203", Decimal("28.40"), date(2026, 10, 1)),
    ]
    assert rows(lake, "SELECT count(*), avg(efisiensi_penagihan) FROM core.fct_pelanggan_air_bulanan") == [(4, 0.95)]


def test_each_works_is_known_and_its_flow_is_its_volume_over_its_hours(lake: duckdb.DuckDBPyConnection) -> None:
    assert rows(lake, "SELECT count(*), count(kode_ipa), count(DISTINCT kode_ipa) FROM core.fct_produksi_air") == [
        (70, 70, 7)
    ]
    wrong = "abs(debit_l_per_detik * 3.6 * jam_operasi - produksi_m3) > 0.001 * produksi_m3"
    assert rows(lake, f"SELECT count(*) FROM core.fct_produksi_air WHERE {wrong}") == [(0,)]


def test_disturbances_keep_one_row_each_with_their_branch_and_places(lake: duckdb.DuckDBPyConnection) -> None:
    whole, of_source, branches = rows(
        lake,
        "SELECT (SELECT count(*) FROM core.fct_gangguan_air), (SELECT count(*) FROM source.tirtanadi__gangguan_air),"
        " (SELECT count(kode_cabang) FROM core.fct_gangguan_air)",
    )[0]
    assert whole == of_source == branches > 20
    assert rows(lake, "SELECT count(*) FROM core.fct_gangguan_air WHERE jumlah_kecamatan NOT BETWEEN 1 AND 3") == [(0,)]
    assert rows(lake, "SELECT count(*) FROM core.fct_gangguan_air WHERE (selesai IS NULL) <> (lama_jam IS NULL)") == [
        (0,)
    ]
    assert rows(lake, "SELECT string_agg(DISTINCT asal_data, ',') FROM core.fct_gangguan_air") == [("tiruan",)]


def test_every_column_of_a_model_is_described_and_no_other(lake: duckdb.DuckDBPyConnection) -> None:
    from warehouse.modelling import load_model

    for path in sorted((AGENCY / "models").glob("core.*.sql")):
        model = load_model(path)
        found = [c[0] for c in lake.execute(f"SELECT * FROM {model.table} LIMIT 0").description or ()]
        assert found == list(model.head.columns), path.name
        assert {c.classification for c in model.head.columns.values()} == {"public"}
