"""One vocabulary over three price sources: every good is mapped once, only like is compared with like."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import connectors.panel_harga.sandbox as panel_stand_in
import connectors.sp2kp.sandbox as sp2kp_stand_in
from connectors.api import Payload, Window
from connectors.archive import Archive
from connectors.contract import Contract, load_agency, load_contract
from connectors.http import HttpClient
from connectors.keys import KeyStore
from connectors.komoditas.tiruan import HargaTiruan
from connectors.panel_harga.connector import FEEDS as PANEL
from connectors.pull import LivePull
from connectors.read.conform import Conformed, conform_many
from connectors.read.regions import RegionTable
from connectors.sandbox import World, build_app, in_thread
from connectors.sp2kp.connector import FEEDS as SP2KP
from warehouse.checks import Checker
from warehouse.lint import lint
from warehouse.modelling import Model, load_model
from warehouse.stage import Staged, judge, with_partition

ROOT = Path(__file__).resolve().parents[1]
CONNECTORS = ROOT / "connectors"
AGENCY = CONNECTORS / "komoditas"
TODAY = date(2026, 11, 20)
REGIONS = RegionTable.from_csv(CONNECTORS / "referensi/reference/wilayah.csv")
FEEDS = {"panel_harga": PANEL, "sp2kp": SP2KP}


def contract(agency: str, dataset: str) -> Contract:
    return load_contract(CONNECTORS / agency / f"{dataset}.odcs.yaml")


def payload(slot: str) -> Payload:
    return Payload(
        body=b"", sha256="0" * 64, slot=slot, meta={}, request={}, status=0, headers={},
        fetched_at=datetime(2026, 11, 20, tzinfo=UTC), asal="resmi",
    )  # fmt: skip


def conformed(given: Contract, parts: list[tuple[Payload, pl.DataFrame]]) -> Conformed:
    return conform_many(parts, given, regions=REGIONS, hash_key=b"k" * 32, today=TODAY)


def reference(agency: str, dataset: str) -> pl.DataFrame:
    """A reference file as its contract types it."""
    given = contract(agency, dataset)
    assert given.ext.berkas is not None
    raw = pl.read_csv(CONNECTORS / agency / str(given.ext.berkas.berkas), infer_schema=False)
    found = conformed(given, [(payload(dataset), raw)])
    assert found.rejected.is_empty(), found.rejected.to_dicts()
    return found.rows


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Conformed]:
    """Two days of both sources, pulled over HTTP through the archive and conformed."""
    home = tmp_path_factory.mktemp("tarikan")
    archive = Archive(home / "archive", KeyStore(home / "keys", b"k" * 32))
    window = Window(TODAY - timedelta(days=1), TODAY)
    found: dict[str, Conformed] = {}
    stand_ins = [("panel_harga", panel_stand_in), ("sp2kp", sp2kp_stand_in)]
    with in_thread(build_app(World(today=TODAY), stand_ins)) as url:
        for agency, feeds in FEEDS.items():
            with HttpClient(f"{url}/{agency}", user_agent="uji", max_retries=0) as http:
                for dataset, feed in feeds.items():
                    given = contract(agency, dataset)
                    with archive.begin(
                        given.table, f"uji-{given.table}", window.start, window.end, encrypted=False, key_month=None
                    ) as part:
                        context = LivePull(
                            contract=given, window=window, today=TODAY, params=load_agency(CONNECTORS / agency).params,
                            inbox=home, open_http=lambda http=http: http, archive=part, secrets=lambda _: None,
                        )  # fmt: skip
                        payloads = list(feed.pull(context))
                        part.seal()
                    found[given.id] = conformed(given, [(p, feed.read(p, given)) for p in payloads])
    return found


# --- the vocabulary --------------------------------------------------------------------------------------------------


def test_contracts_are_without_fault() -> None:
    assert lint(sorted(AGENCY.glob("*.odcs.yaml"))) == []


def test_every_mapping_leads_to_a_good_of_the_vocabulary_and_every_good_has_a_source() -> None:
    goods, mappings = reference("komoditas", "komoditas"), reference("komoditas", "padanan")
    assert set(mappings["kode_komoditas"]) == set(goods["kode_komoditas"])
    exact = mappings.filter(pl.col("kesepadanan") == "exact")
    assert exact.select("sumber", "kode_sumber").is_unique().all(), "a source's good is exactly one good"
    assert exact.select("sumber", "kode_komoditas").is_unique().all(), "or two rows of one source would collide"
    assert set(exact["kode_komoditas"]) == set(goods["kode_komoditas"])


def test_all_documented_goods_of_the_three_sources_are_mapped() -> None:
    mappings = reference("komoditas", "padanan").filter(pl.col("kesepadanan") == "exact")
    codes = {s: set(mappings.filter(pl.col("sumber") == s)["kode_sumber"]) for s in mappings["sumber"].unique()}
    assert codes["pihps"] == {f"com_{n}" for n in range(1, 22)} | {f"cat_{n}" for n in range(1, 11)}
    known = next(
        e for e in contract("panel_harga", "harga_pangan_kabkota").expectations if e.name == "komoditas_dikenal"
    )
    assert codes["panel_harga"] == set(known.kwargs["value_set"])
    served = {row["nama"] for row in sp2kp_stand_in.Sp2kpTiruan(World(today=TODAY)).varian()}
    assert len(served) == 17
    assert served <= codes["sp2kp"]


def test_goods_sold_by_the_litre_and_by_the_kilogram_are_never_the_same_good() -> None:
    units = dict(reference("komoditas", "komoditas").select("kode_komoditas", "satuan").iter_rows())
    exact = reference("komoditas", "padanan").filter(pl.col("kesepadanan") == "exact")
    by_source = {
        source: {units[good] for good in exact.filter(pl.col("sumber") == source)["kode_komoditas"]}
        for source in ("pihps", "panel_harga", "sp2kp")
    }
    assert by_source == {"pihps": {"kg"}, "panel_harga": {"kg", "liter"}, "sp2kp": {"kg", "liter"}}


# --- made-up prices --------------------------------------------------------------------------------------------------


def test_made_up_prices_depend_on_seed_and_key_alone_and_move_slowly() -> None:
    one, two = HargaTiruan(World(today=TODAY)), HargaTiruan(World(today=date(2025, 1, 1)))
    days = [TODAY - timedelta(days=n) for n in range(90)]
    path = [one.harga("sp2kp", "cabai_merah_keriting", "1275", day) for day in days]
    assert [two.harga("sp2kp", "cabai_merah_keriting", "1275", day) for day in reversed(days)] == path[::-1]
    assert max(abs(a / b - 1) for a, b in pairwise(path)) < 0.1
    assert 15_000 < min(path) < max(path) < 150_000
    other = HargaTiruan(World(today=TODAY, seed=2))
    assert [other.harga("sp2kp", "cabai_merah_keriting", "1275", day) for day in days] != path


# --- what the checks say of a day ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    with Checker() as running:
        yield running


def judged(checker: Checker, pulled: dict[str, Conformed], name: str) -> Any:
    given = contract(*name.split("."))
    rows = with_partition(given, pulled[name].rows)
    keys = sorted(rows["_partisi"].unique())
    return judge(given, Staged(keys, rows, pulled[name].rejected.with_columns(_partisi=pl.lit(keys[0]))), {}, checker)


@pytest.mark.parametrize(
    ("name", "rows", "set_aside"),
    [
        ("panel_harga.harga_pangan_kabkota", 33 * 25, 2),
        ("panel_harga.harga_pangan_provinsi_peta", 2 * 12, 0),
        ("sp2kp.harga_pangan_kabkota", 2 * 33 * 17, 2),
        ("sp2kp.ref_varian", 17, 0),
        ("sp2kp.ref_kab_kota", 33, 0),
    ],
)
def test_a_day_of_the_stand_in_passes_and_its_wrong_rows_are_set_aside(
    checker: Checker, pulled: dict[str, Conformed], name: str, rows: int, set_aside: int
) -> None:
    assert pulled[name].rejected.is_empty()
    verdict = judged(checker, pulled, name)
    assert verdict.blocked == {}
    assert (verdict.rows.height, verdict.rejected.height) == (rows - set_aside, set_aside)
    assert {c["pemeriksaan"] for c in verdict.checks if c["hasil"] == "galat"} == set()
    noted = {c["pemeriksaan"] for c in verdict.checks if c["hasil"] == "gagal" and c["beratnya"] == "catat"}
    assert noted <= {"persen_sesuai", "arah_sesuai", "tujuh_belas_komoditas"}
    if set_aside:
        reasons = set(verdict.rejected["alasan"])
        assert any("selisih_sesuai" in reason for reason in reasons)


@pytest.mark.parametrize("name", ["panel_harga.harga_pangan_kabkota", "sp2kp.harga_pangan_kabkota"])
def test_a_day_with_too_little_in_it_is_blocked(checker: Checker, pulled: dict[str, Conformed], name: str) -> None:
    rows, region = pulled[name].rows, {"panel_harga": "kode_kota", "sp2kp": "kode_kabupaten_kota"}[name.split(".")[0]]
    day = rows.filter(pl.col("tanggal") == TODAY)
    cases = {
        "kota_lengkap|kabkota_lengkap": day.filter(pl.col(region) != day[region][0]),
        "komoditas_lengkap": day.filter(pl.col("harga").is_null() | (pl.int_range(pl.len()) % 8 != 0)),
        "terlapor_minimum": day.with_columns(pl.lit(None).cast(day.schema["harga"]).alias("harga")),
    }
    for check, frame in cases.items():
        found = judged(checker, {name: replace(pulled[name], rows=frame)}, name)
        reasons = list(found.blocked.values())
        assert any(reason.startswith(tuple(check.split("|"))) for reason in reasons), (check, reasons)


# --- models ----------------------------------------------------------------------------------------------------------

MODELS = (
    "core.dim_komoditas",
    "core.dim_harga_acuan",
    "core.fct_harga_pangan_kabkota_panel",
    "core.fct_harga_pangan_provinsi_panel",
    "core.fct_harga_pangan_kabkota_sp2kp",
    "core.fct_harga_pangan_kabkota",
)
MODEL_FOLDERS = (ROOT / "warehouse/models", CONNECTORS / "panel_harga/models", CONNECTORS / "sp2kp/models")


def model(table: str) -> Model:
    return load_model(next(path for root in MODEL_FOLDERS for path in root.glob(f"{table}.sql")))


@pytest.fixture(scope="module")
def lake(pulled: dict[str, Conformed]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Source tables as the contracts type them, and this vocabulary's models built on them."""
    tables = {name.replace(".", "__"): found.rows for name, found in pulled.items()}
    for agency, dataset in (
        ("komoditas", "komoditas"), ("komoditas", "padanan"), ("panel_harga", "ref_kota"),
        ("panel_harga", "harga_acuan"), ("panel_harga", "zona_het"), ("referensi", "wilayah"), ("referensi", "dapil"),
    ):  # fmt: skip
        tables[f"{agency}__{dataset}"] = reference(agency, dataset)
    with duckdb.connect() as con:
        con.execute("CREATE SCHEMA source; CREATE SCHEMA core")
        for name, frame in tables.items():
            con.register("_frame", frame.to_arrow())
            con.execute(f'CREATE TABLE source."{name}" AS SELECT * FROM _frame')
            con.unregister("_frame")
        for table in ("core.dim_wilayah", *MODELS):
            con.execute(f"CREATE TABLE {table} AS {model(table).sql}")
        yield con


def rows_of(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return con.execute(sql).fetchall()


@pytest.mark.parametrize("table", MODELS)
def test_models_describe_every_column_they_give(lake: duckdb.DuckDBPyConnection, table: str) -> None:
    columns = [row[0] for row in rows_of(lake, f"DESCRIBE {table}")]
    assert columns == list(model(table).head.columns)
    assert "asal_data" in columns


def test_facts_keep_every_row_of_their_source_once(lake: duckdb.DuckDBPyConnection) -> None:
    for table, source in (
        ("fct_harga_pangan_kabkota_panel", "panel_harga__harga_pangan_kabkota"),
        ("fct_harga_pangan_provinsi_panel", "panel_harga__harga_pangan_provinsi_peta"),
        ("fct_harga_pangan_kabkota_sp2kp", "sp2kp__harga_pangan_kabkota"),
    ):
        delivered = rows_of(lake, f"SELECT count(*) FROM source.{source}")
        assert rows_of(lake, f"SELECT count(*) FROM core.{table}") == delivered
    by_source = "SELECT sumber, count(*), count(DISTINCT kode_bps), min(asal_data) FROM core.fct_harga_pangan_kabkota"
    assert rows_of(lake, f"{by_source} GROUP BY 1 ORDER BY 1") == [
        ("panel_harga", 825, 33, "tiruan"),
        ("sp2kp", 1122, 33, "tiruan"),
    ]


def test_facts_carry_both_code_systems_and_no_zero_price(lake: duckdb.DuckDBPyConnection) -> None:
    fact = "core.fct_harga_pangan_kabkota"
    assert rows_of(lake, f"SELECT DISTINCT kode_kemendagri, nama_wilayah FROM {fact} WHERE kode_bps = '1275'") == [
        ("12.71", "Kota Medan")
    ]
    for bad in ("kode_bps IS NULL", "kode_kemendagri IS NULL", "satuan IS NULL", "harga <= 0"):
        assert rows_of(lake, f"SELECT count(*) FROM {fact} WHERE {bad}") == [(0,)], bad
    assert rows_of(lake, f"SELECT count(*) FROM {fact} WHERE dilaporkan <> (harga IS NOT NULL)") == [(0,)]


def test_only_like_goods_in_like_units_share_a_code(lake: duckdb.DuckDBPyConnection) -> None:
    shared = rows_of(
        lake,
        "SELECT kode_komoditas, count(DISTINCT satuan) FROM core.fct_harga_pangan_kabkota "
        "GROUP BY 1 HAVING count(DISTINCT sumber) = 2 ORDER BY 1",
    )
    assert [code for code, _ in shared] == [
        "bawang_merah", "beras_medium", "beras_premium", "beras_sphp", "cabai_merah_besar", "cabai_merah_keriting",
        "cabai_rawit_merah", "daging_ayam_ras", "ikan_kembung", "minyak_goreng_curah", "minyakita", "telur_ayam_ras",
    ]  # fmt: skip
    assert {units for _, units in shared} == {1}
    comparable = rows_of(lake, "SELECT kode_komoditas FROM core.dim_komoditas WHERE dapat_dibandingkan")
    assert {(code,) for code, _ in shared} <= set(comparable)
    gap = rows_of(
        lake,
        "SELECT max(abs(a.harga / b.harga - 1)) FROM core.fct_harga_pangan_kabkota a "
        "JOIN core.fct_harga_pangan_kabkota b USING (tanggal, kode_bps, kode_komoditas) "
        "WHERE a.sumber = 'panel_harga' AND b.sumber = 'sp2kp' AND a.harga > 1000",
    )
    assert gap[0][0] < 0.1, "two sources of one made-up market lie close together"


def test_a_good_without_an_exact_mapping_keeps_its_name_and_has_no_code(lake: duckdb.DuckDBPyConnection) -> None:
    table = "source.sp2kp__harga_pangan_kabkota"
    sql = model("core.fct_harga_pangan_kabkota_sp2kp").sql
    lake.execute("BEGIN")
    try:
        lake.execute(f"UPDATE {table} SET nama_varian = 'Beras Analog' WHERE kode_varian = '52'")
        found = rows_of(lake, f"SELECT DISTINCT kode_komoditas FROM ({sql}) WHERE nama_sumber = 'Beras Analog'")
    finally:
        lake.execute("ROLLBACK")
    assert found == [(None,)]


def test_the_status_of_the_map_is_the_sources_own(lake: duckdb.DuckDBPyConnection) -> None:
    rows = rows_of(
        lake,
        "SELECT DISTINCT f.kode_bps, f.status = s.status_peta FROM core.fct_harga_pangan_provinsi_panel f "
        "JOIN source.panel_harga__harga_pangan_provinsi_peta s "
        "ON s.tanggal = f.tanggal AND s.kode_komoditas = f.kode_sumber",
    )
    assert rows == [("12", True)]


def test_only_a_dated_decree_may_colour_a_price(lake: duckdb.DuckDBPyConnection) -> None:
    usable = rows_of(
        lake,
        "SELECT kode_komoditas, zona, provinsi_zona, harga_atas, satuan, berlaku_dari, keputusan "
        "FROM core.dim_harga_acuan WHERE dapat_dipakai",
    )
    assert [(r[0], r[1], r[2], int(r[3]), r[4], r[5], r[6]) for r in usable] == [
        ("beras_medium", "2", ["12"], 14000, "kg", date(2025, 8, 22), "Kepbadan 299/2025")
    ]
    assert rows_of(lake, "SELECT count(*) FROM core.dim_harga_acuan WHERE kode_komoditas IS NULL") == [(0,)]
