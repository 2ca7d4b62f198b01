"""The rules that come with the agencies: on which rows they fire, on which they do not, and what they say."""

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.tables import Tables
from warehouse.alert_rules import Rule, find_rules

ROOT = Path(__file__).resolve().parents[1]
DAY = date(2026, 11, 20)


@cache
def rules() -> dict[str, Rule]:
    return {r.nama: r for r in find_rules([ROOT / "connectors"], ROOT / "warehouse" / "models")}


def fires(tables: Tables, name: str, day: date = DAY) -> dict[str, str]:
    """Key → sentence of what the rule says."""
    rows = tables.rows(rules()[name].query(day))
    return {row["kunci"]: rules()[name].sentence(row) for row in rows}


@pytest.fixture
def tables() -> Tables:
    return Tables()


def test_the_rules_that_early_warning_promises_are_there() -> None:
    assert set(rules()) == {
        "lonjakan_harga", "harga_di_atas_acuan", "grup_kamera_mati", "cabang_belum_lapor",
        "pendapatan_di_bawah_prorata", "tarikan_terlambat", "tarikan_gagal",
        "langkah_gagal", "pengiriman_gagal",
    }  # fmt: skip
    assert all(rule.opd for rule in rules().values())


def prices(*series: float, name: str = "cat_7") -> list[dict[str, Any]]:
    """A category's weekday series of the province that ends on DAY."""
    days = [d for n in range(400, -1, -1) if (d := DAY - timedelta(days=n)).weekday() < 5][-len(series) :]
    return [
        {"tanggal": day, "tingkat": "provinsi", "kode_bps": "12", "nama_wilayah": "Sumatera Utara", "kode_sumber": name,
         "jenis_barang": "kategori", "nama_barang": "Cabai Merah", "harga": Decimal(round(price)), "asal_data": "resmi"}
        for day, price in zip(days, series, strict=True)
    ]  # fmt: skip


def calm(count: int) -> list[float]:
    """A price that swings by a few percent, as prices do."""
    return [40000 * (1 + 0.03 * math.sin(n / 3)) for n in range(count)]


def test_a_jump_beyond_twice_the_usual_change_fires_and_a_usual_one_does_not(tables: Tables) -> None:
    tables.put("core.fct_harga_pangan_wilayah", *prices(*calm(130)))
    assert fires(tables, "lonjakan_harga") == {}
    tables.put("core.fct_harga_pangan_wilayah", *prices(*calm(129), 56000))
    said = fires(tables, "lonjakan_harga")
    assert said.keys() == {"12/cat_7"}
    assert "Cabai Merah di Sumatera Utara naik" in said["12/cat_7"]
    assert "menjadi Rp56.000 per kg pada Jumat, 20 November 2026" in said["12/cat_7"]
    rows = tables.rows(rules()["lonjakan_harga"].query(DAY))
    assert rows[0]["tingkat"] == "kritis"
    tables.put("core.fct_harga_pangan_wilayah", *prices(*calm(129), 28000))
    (fall,) = tables.rows(rules()["lonjakan_harga"].query(DAY))
    assert (fall["tingkat"], fall["arah"]) == ("info", "turun")


def test_a_jump_in_a_wildly_swinging_price_or_of_a_few_percent_or_without_history_does_not_fire(tables: Tables) -> None:
    wild = [40000 * (1 + 0.35 * math.sin(n / 2)) for n in range(129)]
    tables.put("core.fct_harga_pangan_wilayah", *prices(*wild, 50000))
    assert fires(tables, "lonjakan_harga") == {}
    tables.put("core.fct_harga_pangan_wilayah", *prices(*[40000.0] * 128, 40001, 43900))
    assert fires(tables, "lonjakan_harga") == {}
    tables.put("core.fct_harga_pangan_wilayah", *prices(*calm(30), 80000))
    assert fires(tables, "lonjakan_harga") == {}


def test_a_past_day_is_judged_by_what_was_there_until_then(tables: Tables) -> None:
    tables.put("core.fct_harga_pangan_wilayah", *prices(*calm(120), 60000, *calm(9)))
    jump = prices(*calm(120), 60000, *calm(9))[120]["tanggal"]
    assert fires(tables, "lonjakan_harga", jump).keys() == {"12/cat_7"}
    assert fires(tables, "lonjakan_harga", jump - timedelta(days=1)) == {}


def reference(**change: Any) -> dict[str, Any]:
    return {
        "kode_komoditas": "beras_medium", "nama_komoditas": "Beras Medium", "jenis": "HET", "zona": "2",
        "provinsi_zona": ["12"], "harga_atas": Decimal(14000), "satuan": "kg", "berlaku_dari": date(2025, 8, 22),
        "berlaku_sampai": None, "keputusan": "Kepbadan 299/2025", "dapat_dipakai": True,
    } | change  # fmt: skip


def rice(price: int | None, **change: Any) -> dict[str, Any]:
    return {
        "tanggal": DAY, "sumber": "sp2kp", "kode_bps": "1275", "nama_wilayah": "Kota Medan", "level_harga": "eceran",
        "kode_komoditas": "beras_medium", "satuan": "kg", "harga": None if price is None else Decimal(price),
        "asal_data": "resmi",
    } | change  # fmt: skip


@pytest.mark.parametrize(
    ("price", "limit", "level"),
    [
        (rice(14000), reference(), None),
        (rice(14100), reference(), "waspada"),
        (rice(15500), reference(), "kritis"),
        (rice(None), reference(), None),
        (rice(15500, level_harga="grosir"), reference(), None),
        (rice(15500, satuan="liter"), reference(), None),
        (rice(15500, kode_bps="3273"), reference(), None),
        (rice(15500, kode_bps="3273"), reference(zona="tanpa zona", provinsi_zona=None), "kritis"),
        (rice(15500), reference(dapat_dipakai=False), None),
        (rice(15500), reference(berlaku_sampai=date(2026, 11, 19)), None),
        (rice(15500), reference(berlaku_dari=date(2026, 11, 21)), None),
    ],
)
def test_only_a_retail_price_over_a_dated_limit_of_its_own_place_and_unit_fires(
    tables: Tables, price: dict[str, Any], limit: dict[str, Any], level: str | None
) -> None:
    tables.put("core.fct_harga_pangan_kabkota", price, types={"harga": "DECIMAL(18,2)"})
    tables.put("core.dim_harga_acuan", limit, types={"berlaku_sampai": "DATE", "provinsi_zona": "VARCHAR[]"})
    rows = tables.rows(rules()["harga_di_atas_acuan"].query(DAY))
    assert [row["tingkat"] for row in rows] == ([level] if level else [])


def test_sources_are_judged_each_at_its_own_last_date(tables: Tables) -> None:
    before = DAY - timedelta(days=1)
    tables.put(
        "core.fct_harga_pangan_kabkota",
        rice(15000, sumber="panel_harga"), rice(13000), rice(15000, tanggal=before), rice(15000, sumber="lama",
        tanggal=before),
    )  # fmt: skip
    tables.put("core.dim_harga_acuan", reference(), types={"berlaku_sampai": "DATE"})
    assert {key.split("/")[0] for key in fires(tables, "harga_di_atas_acuan")} == {"panel_harga", "lama"}
    assert {key.split("/")[0] for key in fires(tables, "harga_di_atas_acuan", before)} == {"sp2kp", "lama"}


def cameras(tables: Tables, *rows: tuple[int, str, int, int, int]) -> None:
    """(camera, name, hour, up, valid) of DAY."""
    tables.put("core.dim_kamera", *({"id_kamera": i, "nama_kamera": name, "nama_lokal": f"K{i}"}
                                    for i, name in {r[0]: r[1] for r in rows}.items()))  # fmt: skip
    tables.put(
        "core.fct_ketersediaan_cctv",
        *({"tanggal": DAY, "jam": hour, "id_kamera": i, "up": up, "probe_sah": valid, "asal_data": "resmi"}
          for i, _, hour, up, valid in rows),
    )  # fmt: skip


def test_a_corridor_is_down_when_all_its_probed_cameras_are_whatever_way_its_name_is_spelled(tables: Tables) -> None:
    cameras(
        tables,
        (1, "MT.HARYONO - SUTOMO", 7, 0, 12),
        (2, "MT HARYONO - THAMRIN", 7, 0, 12),
        (3, "KESAWAN - A", 7, 0, 12),
    )
    assert fires(tables, "grup_kamera_mati") == {
        "MT HARYONO": "Semua 2 kamera koridor MT HARYONO yang diperiksa mati pada Jumat, 20 November 2026 jam 07.00 "
        "WIB: K1, K2."
    }


def test_an_outage_of_the_prober_silences_no_corridor(tables: Tables) -> None:
    cameras(tables, (1, "A - B", 7, 0, 0), (2, "A - C", 7, 0, 0), (1, "A - B", 6, 12, 12), (2, "A - C", 6, 12, 12))
    assert fires(tables, "grup_kamera_mati") == {}
    cameras(tables, (1, "A - B", 7, 0, 12), (2, "A - C", 7, 0, 0))
    assert fires(tables, "grup_kamera_mati") == {}, "one probed camera is no group"


def branches(tables: Tables, *reported: tuple[str, date]) -> None:
    tables.put("core.dim_cabang", *({"kode_cabang": c, "nama_cabang": f"Cabang {c}"} for c in "ABC"))
    tables.put("core.fct_pelanggan_air_bulanan",
               *({"kode_cabang": c, "bulan": month, "asal_data": "resmi"} for c, month in reported))  # fmt: skip


SEP, OCT = date(2026, 9, 1), date(2026, 10, 1)


def test_a_branch_is_silent_15_days_after_the_month_once_half_of_the_others_reported(tables: Tables) -> None:
    branches(tables, *((c, SEP) for c in "ABC"), ("A", OCT), ("B", OCT))
    assert fires(tables, "cabang_belum_lapor") == {
        "C": "Cabang Cabang C belum mengirim laporan Oktober 2026; laporan terakhirnya September 2026."
    }
    assert fires(tables, "cabang_belum_lapor", date(2026, 11, 14)) == {}
    branches(tables, *((c, SEP) for c in "ABC"), ("A", OCT))
    assert fires(tables, "cabang_belum_lapor") == {}, "most are silent: the dataset is late, not a branch"
    branches(tables, ("A", OCT), ("B", OCT))
    assert fires(tables, "cabang_belum_lapor")["C"].endswith("laporan terakhirnya –.")


def revenue(tables: Tables, per_day: int, days: int) -> None:
    """The province's own PKB, the same every day until DAY, and as much again that is not the province's."""
    tables.put(
        "core.fct_penerimaan_pkb",
        *({"tanggal": DAY - timedelta(days=n), "jenis_pajak": tax, "masuk_pad_provinsi": own, "nilai": Decimal(per_day),
           "asal_data": "resmi"}
          for n in range(days) for tax, own in (("PKB", True), ("OPSEN_PKB", False))),
    )  # fmt: skip
    target = {"tahun": date(2026, 1, 1), "kode_pajak": "PKB", "target": Decimal(365_000), "jumlah_hari": 365}
    tables.put("core.fct_target_pajak", target)


@pytest.mark.parametrize(("per_day", "level"), [(900, None), (899, "waspada"), (750, "waspada"), (749, "kritis")])
def test_own_revenue_is_held_against_the_target_of_the_days_that_have_data(
    tables: Tables, per_day: int, level: str | None
) -> None:
    revenue(tables, per_day, 30)
    rows = tables.rows(rules()["pendapatan_di_bawah_prorata"].query(DAY))
    assert [row["tingkat"] for row in rows] == ([level] if level else [])
    assert [(row["prorata"], row["realisasi"]) for row in rows] == ([(30_000, 30 * per_day)] if level else [])


def test_a_few_days_of_revenue_are_no_reason_to_warn(tables: Tables) -> None:
    revenue(tables, 100, 27)
    assert fires(tables, "pendapatan_di_bawah_prorata") == {}


def promise(dataset: str, newest: str | None, on_time: bool, day: date = DAY, hour: int = 1) -> dict[str, Any]:
    return {
        "partisi": day.isoformat(), "dataset": dataset, "judul": "Harga", "instansi": "a", "nama": "Kantor A",
        "opd": "Biro A", "diharapkan": "2026-11-19", "terbaru": newest, "tepat": on_time,
        "waktu": datetime(2026, 11, 20, hour, tzinfo=UTC),
    }  # fmt: skip


def test_a_late_feed_is_the_task_of_its_own_office_and_what_came_since_counts(tables: Tables) -> None:
    tables.put(
        "ops.harapan",
        promise("a.satu", "2026-11-17", False), promise("a.dua", "2026-11-17", False),
        promise("a.dua", "2026-11-19", True, hour=2), promise("a.tiga", None, False),
    )  # fmt: skip
    rows = {r["kunci"]: r for r in tables.rows(rules()["tarikan_terlambat"].query(DAY))}
    assert {k: (r["nilai"], r["opd"]) for k, r in rows.items()} == {"a.satu": (2, "Biro A"), "a.tiga": (None, "Biro A")}
    assert fires(tables, "tarikan_terlambat")["a.tiga"] == (
        "Harga (Kantor A) terlambat: yang dijanjikan 2026-11-19 belum ada, belum ada satu pun."
    )


def test_a_failed_pull_warns_until_a_later_one_settles_the_partition(tables: Tables) -> None:
    def outcome(partition: str, status: str, hour: int) -> dict[str, Any]:
        return {"dataset": "a.satu", "partisi": partition, "status": status, "alasan": "tenggat", "asal": "resmi",
                "selesai": datetime(2026, 11, 20, hour, tzinfo=UTC), "run_id": "r"}  # fmt: skip

    tables.put("ops.harapan", promise("a.satu", "2026-11-19", True))
    failed = [outcome("2026-11-18", "gagal_tarik", 1), outcome("2026-11-19", "diblokir", 2)]
    tables.put("ops.hasil", *failed)
    assert fires(tables, "tarikan_gagal")["a.satu"].startswith(
        "Harga (Kantor A): upaya terakhir untuk 2 partisi tidak berhasil, terbaru 2026-11-19 (diblokir: tenggat)"
    )
    tables.put("ops.hasil", *failed, outcome("2026-11-18", "diterima", 3), outcome("2026-11-19", "kosong", 3))
    assert fires(tables, "tarikan_gagal") == {}
