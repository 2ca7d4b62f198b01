"""Figures of the dashboard against sums that other code makes straight from the source tables of a small warehouse."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from statistics import median
from typing import Any

import pytest

from tests.support.workspace import Small
from warehouse.lake import Lake

LAST, BEFORE = date(2026, 11, 19), date(2026, 11, 18)


@pytest.fixture(scope="module")
def lake(small_warehouse: Small) -> Iterator[Lake]:
    with small_warehouse.open() as workspace:
        yield workspace.lake


def rows(lake: Lake, table: str) -> list[dict[str, Any]]:
    return lake.query(f"SELECT * FROM lake.{table}").to_dicts()


def percent(part: Decimal, whole: Decimal) -> Decimal:
    return (100 * part / whole).quantize(Decimal("0.01"))


def close(found: Decimal | float | None, expected: Decimal | float) -> bool:
    return found is not None and abs(Decimal(str(found)) - Decimal(str(expected))) <= Decimal("0.01")


def test_price_changes_are_those_between_the_two_last_dates_of_the_source(lake: Lake) -> None:
    prices: dict[tuple[str, str], dict[date, Decimal]] = defaultdict(dict)
    for row in rows(lake, "source.sp2kp__harga_pangan_kabkota"):
        if row["harga"] is not None:
            prices[row["kode_kabupaten_kota"], row["kode_varian"]][row["tanggal"]] = row["harga"]
    found = [r for r in rows(lake, "dashboard.harga_perubahan") if r["sumber"] == "sp2kp"]
    assert len(found) == len({(r["kode_bps"], r["kode_sumber"]) for r in found}) == 33 * 17
    changed = 0
    for row in found:
        own = prices[row["kode_bps"], row["kode_sumber"]]
        assert (row["per_tanggal"], row["tanggal_harian"]) == (LAST, BEFORE)
        assert (row["harga"], row["harga_harian"]) == (own.get(LAST), own.get(BEFORE))
        if LAST in own and BEFORE in own:
            assert close(row["ubah_harian"], percent(own[LAST] - own[BEFORE], own[BEFORE]))
            changed += own[LAST] != own[BEFORE]
        else:
            assert row["ubah_harian"] is None
        assert (row["harga_mingguan"], row["ubah_bulanan"]) == (None, None), "three days have no week before"
    assert changed > 50


def test_each_source_and_level_has_its_own_rows_and_dates(lake: Lake) -> None:
    counted = Counter((r["sumber"], r["tingkat"], r["dataset"]) for r in rows(lake, "dashboard.harga_perubahan"))
    assert {key[:2] for key in counted} == {
        ("pihps", "pasar"), ("pihps", "kota"), ("pihps", "provinsi"), ("sp2kp", "kabkota"), ("panel_harga", "kabkota"),
        ("panel_harga", "provinsi"),
    }  # fmt: skip
    assert counted["pihps", "pasar", "pihps.harga_pangan_pasar"] == 5 * 21
    assert counted["pihps", "provinsi", "pihps.harga_pangan_wilayah"] == 31


def test_the_gap_between_regions_is_that_of_the_reporting_regions(lake: Lake) -> None:
    prices: dict[str, list[tuple[Decimal, str]]] = defaultdict(list)
    for row in rows(lake, "source.sp2kp__harga_pangan_kabkota"):
        if row["tanggal"] == LAST and row["harga"] is not None:
            prices[row["kode_varian"]].append((row["harga"], row["nama_kabupaten_kota"]))
    found = [r for r in rows(lake, "dashboard.harga_kesenjangan") if r["sumber"] == "sp2kp"]
    assert len(found) == 17
    for row in found:
        own = [price for price, _ in prices[row["kode_sumber"]]]
        assert (row["termurah"], row["termahal"], row["melapor"]) == (min(own), max(own), len(own))
        assert close(row["median"], median(own))
        assert close(row["kesenjangan"], percent(max(own) - min(own), min(own)))


def test_every_region_has_a_tile_for_every_good_and_none_shows_a_zero(lake: Lake) -> None:
    found = rows(lake, "dashboard.harga_peta")
    regions = {r["kode_bps"] for r in rows(lake, "source.referensi__wilayah") if r["jenis"] != "provinsi"}
    tiles = {(r["petak_kolom"], r["petak_baris"]) for r in found}
    assert len(tiles) == len(regions) == 33
    by_good = Counter((r["sumber"], r["kode_sumber"]) for r in found)
    assert set(by_good.values()) == {33}
    assert all(r["harga"] is None or r["harga"] > 0 for r in found)


PARTS = {"PKB": ("pkb_pokok", "pkb_denda"), "BBNKB": ("bbnkb_pokok", "bbnkb_denda"),
         "OPSEN_PKB": ("opsen_pkb_pokok", "opsen_pkb_denda"), "OPSEN_BBNKB": ("opsen_bbnkb_pokok", "opsen_bbnkb_denda"),
         "SWDKLLJ": ("swdkllj_pokok", "swdkllj_denda"), "PNBP": ("pnbp_stnk", "pnbp_tnkb")}  # fmt: skip


def payments(lake: Lake) -> dict[tuple[date, str, str], Decimal]:
    """(date, UPT, kind) → rupiah, added up payment by payment."""
    sums: dict[tuple[date, str, str], Decimal] = defaultdict(Decimal)
    for row in rows(lake, "source.samsat__pembayaran_pkb"):
        for kind, parts in PARTS.items():
            sums[row["tanggal"], row["kode_upt"], kind] += sum((row[p] or Decimal(0) for p in parts), Decimal(0))
    return sums


def test_only_the_provinces_own_revenue_counts_towards_its_target(lake: Lake) -> None:
    paid = payments(lake)
    targets = {r["kode_pajak"]: r["target"] for r in rows(lake, "source.samsat__target_tahunan")}
    found = {r["jenis_pajak"]: r for r in rows(lake, "dashboard.pendapatan_ringkas")}
    assert found.keys() == {*PARTS, "PAD"}
    for kind in PARTS:
        own = found[kind]
        assert own["nilai_hari"] == sum(v for (day, _, k), v in paid.items() if (day, k) == (LAST, kind))
        assert own["nilai_hari_sebelum"] == sum(v for (day, _, k), v in paid.items() if (day, k) == (BEFORE, kind))
        assert own["nilai_tahun"] == own["nilai_bulan"] == sum(v for (_, _, k), v in paid.items() if k == kind)
        assert own["masuk_pad_provinsi"] == (kind in ("PKB", "BBNKB")) == (own["target"] is not None)
        assert (own["mulai_data"], own["hari_berdata"], own["hari_berjalan"]) == (date(2026, 11, 17), 3, 323)
        assert own["capaian_target"] is None, "three days are no year"
    pad = found["PAD"]
    assert pad["nilai_tahun"] == found["PKB"]["nilai_tahun"] + found["BBNKB"]["nilai_tahun"]
    assert pad["target"] == targets["PKB"] + targets["BBNKB"]
    prorata = pad["target"] * 3 / 365
    assert close(pad["target_prorata"], prorata)
    assert close(pad["capaian_prorata"], 100 * pad["nilai_tahun"] / prorata)


def test_revenue_by_receiver_and_by_day_adds_up_to_every_rupiah_paid(lake: Lake) -> None:
    paid = payments(lake)
    by_receiver = rows(lake, "dashboard.pendapatan_penerima")
    assert {(r["bulan"], r["sampai"], r["hari_berdata"]) for r in by_receiver} == {(date(2026, 11, 1), LAST, 3)}
    assert {r["penerima"] for r in by_receiver} == {"provinsi", "kabupaten_kota", "jasa_raharja", "negara"}
    assert sum(r["nilai"] for r in by_receiver) == sum(paid.values())
    running = {(r["tanggal"], r["jenis_pajak"]): r for r in rows(lake, "dashboard.pendapatan_kumulatif")}
    for kind in ("PKB", "BBNKB"):
        total = Decimal(0)
        for day in (date(2026, 11, 17), BEFORE, LAST):
            total += sum(v for (d, _, k), v in paid.items() if (d, k) == (day, kind))
            assert running[day, kind]["kumulatif"] == total
    assert len(running) == 6


def test_revenue_by_office_names_every_office_and_counts_its_own(lake: Lake) -> None:
    paid = payments(lake)
    found = {r["kode_upt"]: r for r in rows(lake, "dashboard.pendapatan_upt")}
    assert len(found) == 34
    for code, row in found.items():
        own = {d: v for (d, upt, k), v in paid.items() if upt == code and k in ("PKB", "BBNKB")}
        total = sum(v for (_, upt, k), v in paid.items() if upt == code and k in ("PKB", "BBNKB"))
        assert (row["nilai_7_hari"] or 0) == total
        assert (row["nilai_7_hari"] is None) == (not own)
        assert row["nilai_7_hari_setahun_lalu"] is None, "there is no year before"


def test_branches_have_the_sums_of_their_tariff_groups_and_a_silent_one_has_none(lake: Lake) -> None:
    reports = rows(lake, "source.tirtanadi__pelanggan_air_bulanan")
    month = max(r["bulan"] for r in reports)
    renamed = {r["nama_lama"]: r["nama_cabang"] for r in rows(lake, "source.tirtanadi__cabang") if r["nama_lama"]}
    owed: dict[str, Decimal] = defaultdict(Decimal)
    for row in reports:
        if row["bulan"] == month:
            owed[renamed.get(row["cabang"], row["cabang"])] += row["tunggakan_rp"]
    found = {r["cabang"]: r for r in rows(lake, "dashboard.air_cabang")}
    assert len(found) == 22
    assert {name: r["tunggakan"] for name, r in found.items() if r["melapor"]} == dict(owed)
    silent = [r for r in found.values() if not r["melapor"]]
    assert silent
    assert all(r["tunggakan"] is None and r["kehilangan_air"] is None for r in silent)


def test_disturbances_shown_are_those_without_an_end(lake: Lake) -> None:
    expected = {
        r["nomor"] for r in rows(lake, "source.tirtanadi__gangguan_air")
        if r["selesai"] is None and r["status"] not in ("Selesai", "Ditolak")
    }  # fmt: skip
    assert {r["nomor"] for r in rows(lake, "dashboard.air_gangguan")} == expected


def stage(row: dict[str, Any]) -> int:
    """How far a proposal came, read off its own fields."""
    if row["id_sub_bl"] is not None:
        return 6
    passed = [
        n for n, who in enumerate(("setwan", "mitra", "skpd", "tapd"), 2) if (row[f"rekom_{who}_anggaran"] or 0) > 0
    ]
    return max(passed, default=1)


def test_the_funnel_counts_a_proposal_at_every_stage_it_passed(lake: Lake) -> None:
    reached = [stage(r) for r in rows(lake, "source.epokir__usulan_pokir")]
    found: Counter[int] = Counter()
    for row in rows(lake, "dashboard.pokir_corong"):
        found[row["urutan_tahap"]] += row["jumlah"]
    assert found == {n: sum(r >= n for r in reached) for n in range(1, 7)}


def test_each_breakdown_of_the_proposals_holds_all_of_them_and_those_under_way_are_the_waiting_ones(lake: Lake) -> None:
    proposals = rows(lake, "source.epokir__usulan_pokir")
    under_way = {r["id_usulan"] for r in proposals if stage(r) < 6 and not r["is_tolak"] and not r["is_batal"]}
    sums: Counter[str] = Counter()
    for row in rows(lake, "dashboard.pokir_sebaran"):
        sums[row["menurut"]] += row["jumlah"]
    assert sums == dict.fromkeys(("dapil", "fraksi", "opd"), len(proposals))
    waiting = rows(lake, "dashboard.pokir_tertahan")
    assert {r["id_usulan"] for r in waiting} == under_way
    assert all(r["hari_diam"] >= 0 for r in waiting)
    assert all(r["paling_sedikit"] for r in waiting if r["urutan_tahap"] > 1), "one snapshot shows no change"


def test_cameras_count_slots_as_the_log_has_them(lake: Lake) -> None:
    log = [r for r in rows(lake, "source.cctv__ketersediaan_cctv") if r["id_kamera"] > 0]
    up = Counter(r["tanggal"] for r in log if r["status"] == "up")
    valid = Counter(r["tanggal"] for r in log)
    days = defaultdict(dict)
    for row in rows(lake, "dashboard.cctv_harian"):
        days[row["tanggal"]][row["hasil"]] = row["slot"]
    assert days.keys() == valid.keys()
    for day, slots in days.items():
        assert slots["siaran"] == up[day]
        assert slots["gagal"] == valid[day] - up[day]
        assert sum(slots.values()) == 75 * 288


def test_the_score_card_counts_rows_accepted_and_set_aside(lake: Lake) -> None:
    accepted = dict(
        lake.query(
            "SELECT dataset, sum(diterima) FROM lake.ops.hasil WHERE status = 'diterima' GROUP BY dataset"
        ).iter_rows()
    )
    aside = Counter(r["dataset"] for r in rows(lake, "quarantine.baris"))
    found = {r["dataset"]: r for r in rows(lake, "dashboard.kualitas_dataset")}
    assert len(found) == 37
    for dataset, row in found.items():
        assert row["diterima"] == accepted[dataset], dataset
        assert row["dikarantina"] == aside[dataset], dataset
        assert close(row["sah"], percent(Decimal(accepted[dataset]), Decimal(accepted[dataset] + aside[dataset])))
        assert (row["lengkap"], row["terlambat"], row["bermasalah"]) == (100, False, 0), dataset
    reasons: Counter[str] = Counter()
    for row in rows(lake, "dashboard.kualitas_karantina"):
        reasons[row["dataset"]] += row["jumlah"]
    assert reasons == aside
    offices = {r["instansi"]: r for r in rows(lake, "dashboard.kualitas_instansi")}
    assert offices["samsat"]["dikarantina"] == sum(n for d, n in aside.items() if d.startswith("samsat."))
    assert offices["samsat"]["opd"] == "Badan Pendapatan Daerah"


def test_the_overview_repeats_the_figures_of_its_pages_with_the_opd_whose_task_they_are(lake: Lake) -> None:
    found = {r["indikator"]: r for r in rows(lake, "dashboard.ikhtisar")}
    (pad,) = [r for r in rows(lake, "dashboard.pendapatan_ringkas") if r["jenis_pajak"] == "PAD"]
    assert (found["pad_hari"]["nilai"], found["pad_prorata"]["nilai"]) == (pad["nilai_hari"], pad["capaian_prorata"])
    assert found["gangguan"]["nilai"] == len(rows(lake, "dashboard.air_gangguan"))
    assert found["tunggakan"]["nilai"] == sum(r["tunggakan"] or 0 for r in rows(lake, "dashboard.air_cabang"))
    down = [r for r in rows(lake, "dashboard.cctv_keadaan") if r["keadaan"] == "mati"]
    assert (found["mati"]["nilai"], found["mati"]["dari"]) == (len(down), 75)
    assert all(r["opd"] and r["per_tanggal"] and r["asal_data"] == "tiruan" for r in found.values())
    assert {r["keadaan"] for r in found.values()} <= {"perhatian", "biasa"}


def test_the_alerts_that_hold_are_shown_with_their_task_and_the_rows_behind_them(lake: Lake) -> None:
    shown = rows(lake, "dashboard.peringatan")
    kept = rows(lake, "ops.peringatan")
    assert {r["nomor"] for r in shown} == {r["nomor"] for r in kept}
    rice = [r for r in shown if r["aturan"] == "harga_di_atas_acuan"]
    dear = [r for r in rows(lake, "dashboard.harga_acuan") if r["selisih_acuan"] > 0 and r["tingkat"] == "kabkota"]
    assert len(rice) == len(dear) > 0
    assert all(r["status"] == "berlangsung" and r["opd"] and r["dataset"] and r["partisi"] for r in rice)
