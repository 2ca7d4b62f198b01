"""What the dashboard says where something is missing: silence, outages and breaks are shown as such and never as 0."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.contract.model import LINEAGE_COLUMNS
from connectors.registry import Registry
from tests.support.lake import open_lake
from tests.support.tables import Tables
from warehouse import ops
from warehouse.build import Builder
from warehouse.modelling import Model, ModelError, ViewHead, find_models, load_model

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT / "warehouse" / "models"
LAST = date(2026, 11, 19)
PRICE = {"harga": "DECIMAL(18,2)", "kode_komoditas": "VARCHAR", "asal_data": "VARCHAR"}


def view(name: str, agency: str = "") -> Model:
    folder = ROOT / "connectors" / agency / "charts" if agency else SHARED / "dashboard"
    return load_model(folder / f"{name}.sql")


@pytest.fixture
def tables() -> Tables:
    return Tables()


def ago(days: int) -> date:
    return LAST - timedelta(days=days)


def put_prices(tables: Tables, *prices: tuple[str, int, int | None]) -> None:
    """Market prices of PIHPS: (market, days before LAST, price); nothing of other sources."""
    tables.put(
        "core.fct_harga_pangan_pasar",
        *({"tanggal": ago(days), "pasar": market, "kode_bps": "1275", "kode_sumber": "com_14",
           "kode_komoditas": "cabai", "harga": price, "asal_data": "resmi"} for market, days, price in prices),
        types=PRICE,
    )  # fmt: skip
    nothing = {"tanggal": LAST, "kode_bps": "", "kode_sumber": "", "kode_komoditas": "", "harga": 1, "asal_data": ""}
    tables.put("core.fct_harga_pangan_wilayah", nothing | {"tingkat": "", "jenis_barang": "", "nama_wilayah": "",
               "nama_barang": ""}, types=PRICE)  # fmt: skip
    tables.put("core.fct_harga_pangan_kabkota", nothing | {"sumber": "", "nama_wilayah": "", "nama_sumber": "",
               "satuan": "", "level_harga": ""}, types=PRICE)  # fmt: skip
    tables.put("core.fct_harga_pangan_provinsi_panel", nothing | {"nama_provinsi": "", "status": "",
               "level_harga": ""}, types=PRICE)  # fmt: skip
    for table in ("wilayah", "kabkota", "provinsi_panel"):
        tables.empty(f"core.fct_harga_pangan_{table}")
    tables.put("core.dim_komoditas", {"kode_komoditas": "cabai", "nama_komoditas": "Cabai", "satuan": "kg"})
    tables.put("source.pihps__ref_komoditas", {"kode_barang": "com_14", "nama_barang": "Cabai"})
    tables.put("core.dim_harga_acuan", {"kode_komoditas": "cabai", "satuan": "kg", "zona": "tanpa zona", "jenis": "HAP",
               "provinsi_zona": ["12"], "harga_atas": Decimal(50000), "keputusan": "uji", "dapat_dipakai": True,
               "berlaku_dari": date(2026, 1, 1), "berlaku_sampai": None}, types={"berlaku_sampai": "DATE"})  # fmt: skip


def test_a_price_is_compared_with_the_newest_date_that_is_a_week_and_a_month_old(tables: Tables) -> None:
    put_prices(tables, ("A", 0, 55000), ("A", 3, 50000), ("A", 6, 1), ("A", 8, 44000), ("A", 13, 2), ("A", 33, 40000))
    (row,) = tables.build(view("harga_perubahan"))
    assert (row["tanggal_harian"], row["tanggal_mingguan"], row["tanggal_bulanan"]) == (ago(3), ago(8), ago(33))
    assert (row["ubah_harian"], row["ubah_mingguan"], row["ubah_bulanan"]) == (10, 25, Decimal("37.50"))
    assert (row["jenis_acuan"], row["selisih_acuan"]) == ("HAP", 10)


def test_a_market_that_is_silent_keeps_its_row_without_a_price_and_without_a_change(tables: Tables) -> None:
    put_prices(tables, ("A", 0, 55000), ("A", 1, 50000), ("B", 1, 50000), ("C", 0, 52000))
    found = {r["tempat"]: r for r in tables.build(view("harga_perubahan"))}
    assert [(found[m]["harga"], found[m]["ubah_harian"]) for m in "ABC"] == [(55000, 10), (None, None), (52000, None)]
    markets = {r["pasar"]: r["harga"] for r in tables.build(view("harga_pasar", "pihps"))}
    assert markets == {"A": 55000, "B": None, "C": 52000}
    assert {r["tempat"] for r in tables.build(view("harga_acuan"))} == {"A", "C"}


Hour = tuple[int, int, int, int, int]


def put_cameras(tables: Tables, *hours: Hour, registered: tuple[int, ...] = (1, 2)) -> dict[int, dict[str, Any]]:
    """(camera, days before LAST, hour, up, valid); gives the states by camera."""
    tables.put("core.dim_kamera", *({"id_kamera": i, "nama_kamera": f"Jl. {i} - X", "nama_lokal": None,
               "lintang": 3.5, "bujur": 98.6, "terdaftar": True, "asal_data": "resmi"} for i in registered),
               types={"nama_lokal": "VARCHAR"})  # fmt: skip
    tables.put("core.fct_ketersediaan_cctv", *(
        {"tanggal": ago(days), "jam": hour, "id_kamera": i, "up": up, "probe_sah": valid,
         "unknown_pemeriksa_mati": 12 - valid, "uptime_persen": 100.0 * up / valid if valid else None,
         "asal_data": "resmi"} for i, days, hour, up, valid in hours), types={"uptime_persen": "DOUBLE"})  # fmt: skip
    tables.put(
        "core.fct_ketersediaan_cctv_harian",
        *({"tanggal": ago(days), "id_kamera": i, "up": up, "probe_sah": valid} for i, days, _, up, valid in hours),
    )
    tables.build(view("cctv_jam", "cctv"))
    return {r["id_kamera"]: r for r in tables.build(view("cctv_keadaan", "cctv"))}


def test_a_camera_is_down_since_the_hour_after_it_was_last_seen_also_across_an_outage_of_the_prober(
    tables: Tables,
) -> None:
    found = put_cameras(
        tables, (1, 1, 22, 12, 12), (1, 1, 23, 0, 12), (1, 0, 0, 0, 0), (1, 0, 1, 0, 12), (2, 0, 1, 12, 12)
    )
    hours = tables.rows("SELECT keadaan FROM lake.dashboard.cctv_jam ORDER BY id_kamera, tanggal, jam")
    assert [r["keadaan"] for r in hours] == ["siaran", "mati", "tidak diketahui", "mati", "siaran"]
    assert (found[1]["keadaan"], found[1]["mati_sejak"], found[1]["jam_mati"]) == (
        "mati",
        datetime(2026, 11, 18, 23),  # noqa: DTZ001 a time of WIB
        3,
    )
    assert found[1]["paling_sedikit"] is False
    assert (found[2]["keadaan"], found[2]["mati_sejak"], found[2]["jam_mati"]) == ("siaran", None, None)


def test_a_camera_without_a_valid_probe_in_the_last_hour_is_unknown_and_not_down(tables: Tables) -> None:
    found = put_cameras(tables, (1, 0, 6, 0, 12), (1, 0, 7, 0, 0), (2, 0, 7, 12, 12), registered=(1, 2, 3))
    assert {i: r["keadaan"] for i, r in found.items()} == {1: "tidak diketahui", 2: "siaran", 3: "tidak diketahui"}
    assert found[3]["uptime_7_hari"] is None


def test_the_state_is_of_the_last_hour_in_which_the_prober_worked(tables: Tables) -> None:
    found = put_cameras(tables, (1, 0, 5, 12, 12), (2, 0, 5, 2, 12), (1, 0, 6, 0, 0), (2, 0, 6, 0, 0))
    assert {i: (r["keadaan"], r["per_jam"]) for i, r in found.items()} == {1: ("siaran", 5), 2: ("terganggu", 5)}


def test_a_camera_that_was_never_up_in_the_window_is_down_for_at_least_that_long(tables: Tables) -> None:
    found = put_cameras(tables, *((1, 0, hour, 0, 12) for hour in range(5)), (2, 0, 4, 12, 12))
    assert (found[1]["jam_mati"], found[1]["paling_sedikit"]) == (5, True)


def put_revenue(tables: Tables, last: date, *days: int) -> dict[str, Any]:
    """Rp1,000 of PKB on each day before `last`, in one office; gives its row."""
    tables.put("core.dim_upt", {"kode_upt": "01", "nama_upt": "Medan", "kode_bps": "1275"})
    tables.put("core.fct_penerimaan_pkb", *(
        {"tanggal": last - timedelta(days=n), "kode_upt": "01", "jenis_pajak": "PKB", "komponen": "pkb_pokok",
         "masuk_pad_provinsi": True, "nilai": Decimal(1000), "jumlah_pembayaran": 1, "asal_data": "resmi"}
        for n in days))  # fmt: skip
    (row,) = tables.build(view("pendapatan_upt", "samsat"))
    return row


def test_years_on_both_sides_of_the_opsen_break_are_not_compared(tables: Tables) -> None:
    week, year_ago = range(7), range(364, 371)
    assert put_revenue(tables, date(2026, 11, 19), *week, *year_ago)["nilai_7_hari_setahun_lalu"] == 7000
    across = put_revenue(tables, date(2025, 11, 19), *week, *year_ago)
    assert (across["nilai_7_hari"], across["nilai_7_hari_setahun_lalu"]) == (7000, None)
    assert put_revenue(tables, date(2026, 11, 19), *week)["nilai_7_hari_setahun_lalu"] is None


def promise(dataset: str, expected: str | None, grain: str, newest: str | None, on_time: bool) -> dict[str, Any]:
    return {"dataset": dataset, "partisi": "2026-11-20", "judul": dataset, "instansi": "a", "nama": "Kantor A",
            "opd": "Biro A", "butiran": grain, "hari_kerja": dataset == "a.kerja", "diharapkan": expected,
            "terbaru": newest, "tepat": on_time, "waktu": datetime(2026, 11, 20, 1, tzinfo=UTC)}  # fmt: skip


def outcome(dataset: str, partition: str, status: str = "diterima", **change: Any) -> dict[str, Any]:
    return {"dataset": dataset, "partisi": partition, "status": status, "alasan": "", "asal": "resmi", "run_id": "r1",
            "diterima": 90, "dikarantina": 10, "mulai": datetime(2026, 11, 1, tzinfo=UTC),
            "selesai": datetime(2026, 11, 18, 2, tzinfo=UTC), "jatuh_tempo": None} | change  # fmt: skip


def test_a_partition_that_was_promised_and_never_came_makes_the_dataset_incomplete_and_late(tables: Tables) -> None:
    tables.put("ops.harapan", promise("a.kerja", "2026-11-19", "harian", "2026-11-18", False),
               promise("a.acuan", None, "tunggal", "semua", True),
               promise("a.bulan", "2026-10-01", "bulanan", "2026-09-01", False))  # fmt: skip
    due = date(2026, 11, 18)
    tables.put(
        "ops.hasil",
        outcome("a.kerja", "2026-11-13", jatuh_tempo=date(2026, 11, 14)),  # Friday, came late
        outcome("a.kerja", "2026-11-16", jatuh_tempo=due),
        outcome("a.kerja", "2026-11-17", "kosong", diterima=0, dikarantina=0, jatuh_tempo=due),
        outcome("a.kerja", "2026-11-18", jatuh_tempo=date(2026, 11, 19)),
        outcome("a.kerja", "2026-11-19", "gagal_tarik"),
        outcome("a.acuan", "semua"),
        outcome("a.bulan", "2026-08-01"), outcome("a.bulan", "2026-09-01"),
        types={"jatuh_tempo": "DATE"},
    )  # fmt: skip
    tables.build(view("kualitas_partisi"))
    found = {r["dataset"]: r for r in tables.build(view("kualitas_dataset"))}
    work = found["a.kerja"]
    assert (work["dijanjikan"], work["terisi"], work["lengkap"]) == (5, 4, 80), "a weekend is not promised"
    assert (work["terlambat"], work["bermasalah"], work["diharapkan"], work["terbaru"]) == (
        True, 1, "2026-11-19", "2026-11-18")  # fmt: skip
    assert (work["terukur"], work["tepat"]) == (4, 75)
    assert (work["diterima"], work["dikarantina"], work["sah"]) == (270, 30, 90)
    assert (found["a.bulan"]["dijanjikan"], found["a.bulan"]["terisi"], found["a.bulan"]["terlambat"]) == (3, 2, True)
    assert (found["a.acuan"]["lengkap"], found["a.acuan"]["tepat"]) == (100, None)
    trend = {r["tanggal"]: r for r in tables.build(view("kualitas_tren"))}
    assert (trend[date(2026, 11, 19)]["lengkap"], trend[date(2026, 11, 19)]["sah"]) == (0, None)


def test_what_was_pulled_for_the_past_is_no_measure_of_punctuality(tables: Tables) -> None:
    tables.put("ops.harapan", promise("a.satu", "2026-11-19", "harian", "2026-11-19", True))
    began = datetime(2026, 11, 20, tzinfo=UTC)
    tables.put("ops.hasil", outcome("a.satu", "2026-11-19", mulai=began, selesai=began, jatuh_tempo=date(2026, 11, 20)),
               outcome("a.satu", "2026-11-18", mulai=began, selesai=began, jatuh_tempo=date(2026, 11, 19)))  # fmt: skip
    found = {r["partisi"]: r["tepat"] for r in tables.build(view("kualitas_partisi"))}
    assert found == {"2026-11-18": None, "2026-11-19": True}


def test_what_came_before_it_was_promised_counts_like_the_rest(tables: Tables) -> None:
    tables.put("ops.harapan", promise("a.bulan", "2026-09-01", "bulanan", "2026-10-01", True))
    tables.put("ops.hasil", outcome("a.bulan", "2026-09-01"), outcome("a.bulan", "2026-10-01"),
               types={"jatuh_tempo": "DATE"})  # fmt: skip
    assert sorted(r["partisi"] for r in tables.build(view("kualitas_partisi"))) == ["2026-09-01", "2026-10-01"]


@pytest.fixture(scope="module")
def nothing() -> Tables:
    """All models and views over a lake in which nothing was ever pulled."""
    tables = Tables()
    for contract in Registry().contracts:
        columns = {c.name: c.sql_type for c in contract.columns} | dict.fromkeys(LINEAGE_COLUMNS, "VARCHAR")
        tables.make(f"source.{contract.table}", columns)
    for table, columns in ops.TABLES.items():
        tables.make(table, columns)
    for model in find_models(Registry().roots, SHARED):
        tables.build(model)
    return tables


def views() -> list[Model]:
    return [m for m in find_models(Registry().roots, SHARED) if isinstance(m.head, ViewHead)]


def test_where_nothing_was_pulled_yet_no_view_has_a_row_so_nothing_is_shown_as_zero(nothing: Tables) -> None:
    assert {m.table: nothing.rows(f"SELECT * FROM lake.{m.table}") for m in views()} == {m.table: [] for m in views()}


def test_views_have_exactly_the_columns_that_they_describe_and_no_type_that_overflows_a_reader(nothing: Tables) -> None:
    for model in views():
        found = {r["column_name"]: r["column_type"] for r in nothing.rows(f"DESCRIBE lake.{model.table}")}
        assert list(found) == list(model.head.columns), model.table
        assert "HUGEINT" not in found.values(), model.table
        assert isinstance(model.head, ViewHead)
        assert found[str(model.head.per)] == "DATE", model.table


def test_views_built_together_are_those_built_one_by_one_and_a_faulty_one_leaves_none(tmp_path: Path) -> None:
    folder = tmp_path / "uji" / "charts"
    folder.mkdir(parents=True)
    text = "/* ---\ndescription: a\ngrain: b\ncolumns:\n  n: {description: n, classification: public}\n--- */\nSELECT "
    (folder / "baik.sql").write_text(text + "1 AS n")
    (folder / "turunan.sql").write_text(text + "n + 1 AS n FROM dashboard.baik")
    (folder / "rusak.sql").write_text(text + "tidak_ada AS n FROM dashboard.baik")
    good, derived, bad = (load_model(folder / f"{name}.sql") for name in ("baik", "turunan", "rusak"))
    lake = open_lake(tmp_path / "lake")
    builder = Builder(lake, [], "uji")
    with pytest.raises(ModelError, match=r"dashboard\.rusak"):
        builder.build_together([good, derived, bad])
    assert lake.tables("dashboard") == []
    assert [b.rows for b in builder.build_together([good, derived])] == [1, 1]
    assert [(b.rebuilt, b.changed) for b in builder.build_together([good, derived])] == [(0, 0)] * 2
    assert [(b.rebuilt, b.changed) for b in (builder.build(good), builder.build(derived))] == [(0, 0)] * 2
    assert lake.query("SELECT n FROM lake.dashboard.turunan")["n"].to_list() == [2]
    assert Builder(lake, [], "lain").build(derived).rebuilt == 0, "the versions that were written say the same"
    lake.close()
