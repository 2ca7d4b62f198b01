"""Faults of the transport, and answers with status 200 that are none: healed by asking again, or a failed pull.

Does not belong here: errors of the agencies' own with status 200 (`test_bad_input_envelope.py`).
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.fault_rows import NIK_LIKE
from tests.support.bad_input import LIMITS, Place, PutFault, end_faults, held, keeps
from warehouse.checks import Checker

pytest_plugins = ["tests.support.bad_input_fixtures"]

DATASET = "tirtanadi.produksi_air"
ASKED = "/tirtanadi/api/produksi"
PASSING = {
    "429_detik": {"detik": 1},
    "429_tanggal": {"detik": 1},
    "5xx": {},
    "putus": {},
    "gzip_terpotong": {},
    "panjang_salah": {},
    "halaman_login": {},
    "xml": {},
    "kosong_200": {},
}
LASTING: dict[str, tuple[str, dict[str, Any]]] = {
    "429_tetap": ("429_detik", {"detik": 0}),
    "5xx_tetap": ("5xx", {"kode": 500}),
    "putus_tetap": ("putus", {"cara": "reset"}),
    "gzip_terpotong_tetap": ("gzip_terpotong", {}),
    "panjang_salah_tetap": ("panjang_salah", {}),
    "panjang_kurang_tetap": ("panjang_salah", {"arah": "lebih"}),
    "halaman_login_tetap": ("halaman_login", {}),
    "xml_tetap": ("xml", {}),
    "kosong_200_tetap": ("kosong_200", {}),
    "cp1252": ("cp1252", {"bidang": "ipa"}),
}
ENDED_AT_ONCE: dict[str, tuple[str, dict[str, Any]]] = {
    "429_terlalu_lama": ("429_detik", {"detik": 3600}),
    "bom_gzip": ("bom_gzip", {}),
    "terlalu_besar": ("terlalu_besar", {"mb": 16}),
    "alih_host": ("alih_host", {"ke": "http://lain.invalid/masuk"}),
}


@keeps(*PASSING)
@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_passes_is_healed_by_asking_again(place: Place, fault: PutFault, name: str) -> None:
    day = next(place.days)
    fault(name, ASKED, arg=PASSING[name])
    began = time.monotonic()
    outcome = place.one(DATASET, day)
    waited = time.monotonic() - began
    held(name, outcome)
    assert (outcome.ditarik, outcome.diterima, place.rows(DATASET, day).height) == (7, 7, 7)
    assert name != "429_detik" or waited >= 1
    # What is archived is what an undisturbed pull brings.
    [body] = place.bodies(DATASET)
    again = place.one(DATASET, day)
    assert (again.status, again.alasan) == ("tidak_berubah", "muatan_sama")
    assert place.bodies(DATASET) == [body]


def keeps_the_old_version(place: Place, fault: PutFault, promised: str, name: str, arg: dict[str, Any]) -> None:
    day = next(place.days)
    assert place.one(DATASET, day).status == "diterima"
    before, pulls = place.rows(DATASET, day), len(place.pulls(DATASET))
    fault(name, ASKED, kali=0, arg=arg)
    outcome = place.one(DATASET, day)
    held(promised, outcome)
    assert (outcome.ditarik, outcome.diterima, outcome.dikarantina) == (0, 0, 0)
    assert outcome.rincian.startswith(f"[{outcome.alasan}] GET "), "the row says what was asked"
    assert place.rows(DATASET, day).equals(before)
    assert len(place.pulls(DATASET)) == pulls, "a pull that failed does not count"
    end_faults(place.host)
    assert place.one(DATASET, day).status == "tidak_berubah", "the next pull is undisturbed"


@keeps(*LASTING)
@pytest.mark.parametrize("promised", LASTING)
def test_a_fault_that_stays_ends_the_pull_and_keeps_the_old_version(
    place: Place, fault: PutFault, promised: str
) -> None:
    keeps_the_old_version(place, fault, promised, *LASTING[promised])


@keeps(*ENDED_AT_ONCE)
@pytest.mark.parametrize("promised", ENDED_AT_ONCE)
def test_what_asking_again_cannot_heal_is_asked_once(place: Place, fault: PutFault, promised: str) -> None:
    began = time.monotonic()
    keeps_the_old_version(place, fault, promised, *ENDED_AT_ONCE[promised])
    last = place.ws.lake.query("SELECT rincian FROM lake.ops.hasil WHERE status = 'gagal_tarik' ORDER BY selesai")
    assert "; 1 attempt, " in last["rincian"][-1] or "the next attempt in 3600" in last["rincian"][-1]
    assert time.monotonic() - began < 60


@keeps("tetes")
def test_a_body_that_drips_is_ended_at_the_deadline(
    tmp_path: Path, bad_host: str, bad_checker: Checker, fault: PutFault
) -> None:
    place = Place(tmp_path, bad_host, bad_checker, limits=replace(LIMITS, total=0.6))
    fault("tetes", ASKED, kali=0, arg={"jeda": 0.05})
    held("tetes", place.one(DATASET, next(place.days)))
    place.close()


@keeps("bom_depan")
def test_a_byte_order_mark_changes_nothing(place: Place, fault: PutFault) -> None:
    day = next(place.days)
    assert place.one(DATASET, day).status == "diterima"
    before = place.rows(DATASET, day)
    fault("bom_depan", ASKED)
    held("bom_depan", place.one(DATASET, day))
    assert place.rows(DATASET, day).equals(before)


@pytest.mark.parametrize("dataset", ["cctv.kamera", "pihps.ref_wilayah", "sp2kp.ref_kab_kota"])
def test_a_byte_order_mark_is_passed_over_for_every_agency(place: Place, fault: PutFault, dataset: str) -> None:
    fault("bom_depan", f"/{dataset.split('.')[0]}/", kali=0)
    assert place.one(dataset).status == "diterima"
    assert not place.bodies(dataset)[0].startswith(b"\xef\xbb\xbf")


@keeps("cp1252_log")
def test_a_log_with_a_line_that_is_no_json_is_not_kept(place: Place, fault: PutFault) -> None:
    fault("cp1252", r"\.ndjson\.gz", arg={"bidang": "t", "nilai": "kopi café"})
    held("cp1252_log", place.one("cctv.ketersediaan_cctv", next(place.days)))
    assert place.pulls("cctv.ketersediaan_cctv") == []
    assert place.shows("kopi caf") == []


def test_a_key_is_not_shown_by_any_failure(place: Place, fault: PutFault) -> None:
    day = next(place.days)
    for name in ("5xx", "halaman_login", "putus", "alih_host"):
        fault(name, "/samsat/", kali=0)
        assert place.one("samsat.pembayaran_pkb", day).status == "gagal_tarik"
        end_faults(place.host)
    assert place.shows("kunci-tiruan", NIK_LIKE) == []
