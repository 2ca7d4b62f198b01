"""PIHPS in the warehouse: what a month of the stand-in becomes, by the contracts, the models and the open dataset."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import connectors.pihps.sandbox as stand_in
from connectors.api import Window
from connectors.contract import Contract, load_agency, load_contract
from connectors.pihps.connector import FEEDS
from connectors.read.conform import conform_many
from connectors.read.regions import RegionTable
from connectors.sandbox import World, build_app, in_thread
from tests.support.acuan import load_references, memory_lake
from tests.support.asking import Asking
from warehouse.modelling import load_model

ROOT = Path(__file__).resolve().parents[1]
AGENCY = ROOT / "connectors" / "pihps"
TODAY = date(2026, 11, 20)
MARKETS = ["Pasar Sukaramai", "Pasar Aksara", "Pasar Petisah", "Pusat Pasar", "Pasar Brayan"]


def contract(dataset: str) -> Contract:
    return load_contract(AGENCY / f"{dataset}.odcs.yaml")


@pytest.fixture(scope="module")
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """What a month of the stand-in gives: typed tables, without the rows that a row rule refuses, and the models."""
    regions = RegionTable.from_csv(ROOT / "connectors/referensi/reference/wilayah.csv")
    with (
        in_thread(build_app(World(today=TODAY), [("pihps", stand_in)])) as server,
        memory_lake() as con,
    ):
        url = f"{server}/pihps"
        load_references(con, "referensi")
        load_references(con, "komoditas")
        for dataset, feed in FEEDS.items():
            ours = contract(dataset)
            asking = Asking(url, ours, Window(date(2026, 10, 22), TODAY), params=load_agency(AGENCY).params)
            with asking.http:
                parts = [(p, feed.read(p, ours)) for p in feed.pull(asking.context())]
            done = conform_many(parts, ours, regions=regions, hash_key=b"k" * 32, today=TODAY)
            assert done.rejected.is_empty()
            con.register("baris", done.rows.to_arrow())
            rules = [f"coalesce({r.sql}, true)" for r in ours.ext.aturan_baris if r.tingkat == "karantina"]
            con.execute(
                f"CREATE TABLE source.{ours.table} AS SELECT * FROM baris WHERE {' AND '.join(rules) or 'true'}"
            )
            con.execute(f"CREATE TABLE source.semua_{dataset} AS SELECT * FROM baris")
        for path in (
            ROOT / "warehouse/models/core.dim_wilayah.sql",
            ROOT / "warehouse/models/core.dim_komoditas.sql",
            *sorted((AGENCY / "models").glob("*.sql")),
        ):
            con.execute(f"CREATE TABLE {path.stem} AS {load_model(path).sql}")
        yield con


def one(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    row = con.execute(sql).fetchone()
    assert row is not None
    return row


def test_few_prices_are_set_aside_and_none_that_is_right(warehouse: duckdb.DuckDBPyConnection) -> None:
    everything, kept = (
        one(warehouse, f"SELECT count(*) FROM source.{t}harga_pangan_pasar")[0] for t in ("semua_", "pihps__")
    )
    assert 0 < everything - kept < 0.005 * everything
    dearest = one(
        warehouse,
        "SELECT max(x) FROM "
        "(SELECT max(harga) / median(harga) AS x FROM core.fct_harga_pangan_pasar GROUP BY kode_sumber)",
    )
    assert dearest[0] < 3
    assert one(warehouse, "SELECT count(*) FROM source.semua_harga_pangan_wilayah") == one(
        warehouse, "SELECT count(*) FROM source.pihps__harga_pangan_wilayah"
    )


@pytest.mark.parametrize("dataset", ["harga_pangan_pasar", "harga_pangan_wilayah"])
def test_every_day_of_the_stand_in_meets_the_partition_checks(
    warehouse: duckdb.DuckDBPyConnection, dataset: str
) -> None:
    ours = contract(dataset)
    metrics = ", ".join(f"{sql} AS {name}" for name, sql in ours.ext.profil.items())
    days = warehouse.execute(f"SELECT {metrics} FROM source.{ours.table} GROUP BY tanggal ORDER BY tanggal").pl()
    assert days.height == 22
    days = days.with_columns((pl.col(name) / pl.col(name).shift()).alias(f"rasio_{name}") for name in ours.ext.profil)
    for check in (e for e in ours.expectations if e.scope == "partisi"):
        limits = check.kwargs
        values = days[limits["column"]].drop_nulls()
        low, high = limits.get("min_value", float("-inf")), limits.get("max_value", float("inf"))
        assert values.is_between(low, high).all(), check.name


def test_facts_have_one_row_an_observation_with_our_keys(warehouse: duckdb.DuckDBPyConnection) -> None:
    for table, key in (
        ("harga_pangan_pasar", "tanggal, pasar, kode_sumber"),
        ("harga_pangan_wilayah", "tanggal, tingkat, kode_bps, kode_sumber"),
    ):
        rows = one(warehouse, f"SELECT count(*) FROM source.pihps__{table}")
        counted = one(
            warehouse,
            f"SELECT count(*), count(DISTINCT ({key})), count(kode_komoditas), count(kode_kemendagri), "
            f"count(*) FILTER (asal_data = 'tiruan') FROM core.fct_{table}",
        )
        assert counted == rows * 5
    places = "SELECT DISTINCT tingkat, kode_bps, kode_kemendagri FROM core.fct_harga_pangan_wilayah ORDER BY 2"
    assert warehouse.execute(places).fetchall() == [("provinsi", "12", "12"), ("kota", "1275", "12.71")]
    markets = "SELECT nama_pasar, kode_bps, kode_kemendagri, nama_wilayah FROM core.dim_pasar ORDER BY kode_pasar"
    assert warehouse.execute(markets).fetchall() == [(name, "1275", "12.71", "Kota Medan") for name in MARKETS]
    assert one(warehouse, "SELECT count(*) FROM core.fct_harga_pangan_pasar WHERE kode_pasar IS NULL") == (0,)


def test_the_chart_draws_columns_that_its_query_gives(warehouse: duckdb.DuckDBPyConnection) -> None:
    spec_file = AGENCY / "charts" / "harga_cabai_merah.vl.json"
    query = spec_file.with_name(spec_file.name.replace(".vl.json", ".sql")).read_text(encoding="utf-8")
    result = warehouse.execute(query).pl()
    spec = json.loads(spec_file.read_text(encoding="utf-8"))
    assert spec["data"] == {"name": "data"}
    channels = [c for c in spec["layer"][0]["encoding"].values() if isinstance(c, dict)]
    assert {c["field"] for c in channels} <= set(result.columns)
    assert result["pasar"].n_unique() == 5
    assert result.select("tanggal", "pasar").is_unique().all()
