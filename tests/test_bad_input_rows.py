"""Fields and values that are not as the contract says: a row set aside, a payload refused, a partition blocked."""

import csv
from typing import Any

import pytest

from connectors.fault_rows import NIK_LIKE
from connectors.sandbox import CONNECTORS
from tests.support.bad_input import Place, PutFault, answer_of, end_faults, held, keeps
from warehouse.ops import Outcome

pytest_plugins = ["tests.support.bad_input_fixtures"]

DATASET = "tirtanadi.produksi_air"
ASKED = "/tirtanadi/api/produksi"
WORKS = 7
WILAYAH = CONNECTORS / "referensi" / "reference" / "wilayah.csv"
Fault = tuple[str, dict[str, Any]]

REFUSED: dict[str, Fault] = {
    "bidang_hilang": ("bidang_hilang", {"bidang": "ph"}),
    "bidang_ganti_nama": ("bidang_ganti_nama", {"bidang": "ph", "nilai": "keasaman"}),
}
BLOCKED: dict[str, Fault] = {
    "tipe_objek_semua": ("tipe_balik", {"bidang": "jam_operasi", "ke": "objek", "baris": "semua"}),
}
SAME: dict[str, Fault] = {
    "bidang_balik_urut": ("bidang_balik_urut", {}),
    "tipe_balik": ("tipe_balik", {"bidang": "jam_operasi", "baris": "semua"}),
}
ONE_ROW: dict[str, Fault] = {
    "bidang_hilang_sebaris": ("bidang_hilang", {"bidang": "ph", "baris": 0}),
    "tipe_objek": ("tipe_balik", {"bidang": "jam_operasi", "ke": "objek"}),
    "kunci_null": ("kunci_null", {"bidang": "ipa"}),
}
UNPLACED: dict[str, Fault] = {
    "tanggal_null": ("kunci_null", {"bidang": "tanggal"}),
    "tanggal_depan": ("tanggal_depan", {"bidang": "tanggal"}),
    "tanggal_luar_jendela": ("tanggal_depan", {"bidang": "tanggal", "hari": -400}),
    "tanggal_tanpa_tahun": ("tanggal_tanpa_tahun", {"bidang": "tanggal"}),
}
CUT: dict[str, Fault] = {
    "bidang_baru": ("bidang_baru", {"bidang": "tekanan", "nilai": "isi baru"}),
    "bidang_baru_bersarang": ("bidang_baru_bersarang", {}),
}


def by_partition(outcomes: list[Outcome]) -> tuple[Outcome, Outcome]:
    """The outcome of the day, and that of the rows whose day is not known."""
    [day] = [o for o in outcomes if o.is_partition]
    [unplaced] = [o for o in outcomes if not o.is_partition]
    return day, unplaced


@keeps(*REFUSED, *BLOCKED)
@pytest.mark.parametrize("promised", [*REFUSED, *BLOCKED])
def test_what_all_rows_have_wrong_keeps_the_old_version_and_the_bytes(
    place: Place, fault: PutFault, promised: str
) -> None:
    day = next(place.days)
    assert place.one(DATASET, day).status == "diterima"
    before, pulls = place.rows(DATASET, day), len(place.pulls(DATASET))
    name, arg = (REFUSED | BLOCKED)[promised]
    fault(name, ASKED, arg=arg)
    outcome = place.one(DATASET, day)
    aside = place.aside(outcome)
    held(promised, outcome, aside)
    assert aside.height == (WORKS if promised in BLOCKED else 0)
    assert place.rows(DATASET, day).equals(before)
    assert len(place.pulls(DATASET)) == pulls + 1, "what came is archived, so that it can be read again"
    assert b'"ipa":"Sunggal"' in place.bodies(DATASET)[0]
    if promised == "bidang_ganti_nama":
        assert "hilang: ph" in outcome.rincian
        assert "keasaman" in outcome.rincian
    assert place.one(DATASET, day).status == "tidak_berubah"


@keeps(*SAME)
@pytest.mark.parametrize("promised", SAME)
def test_other_bytes_of_the_same_rows_are_no_new_version(place: Place, fault: PutFault, promised: str) -> None:
    day = next(place.days)
    assert place.one(DATASET, day).status == "diterima"
    before, [first] = place.rows(DATASET, day), place.bodies(DATASET)
    name, arg = SAME[promised]
    fault(name, ASKED, arg=arg)
    held(promised, place.one(DATASET, day))
    assert place.rows(DATASET, day).equals(before)
    assert place.bodies(DATASET) != [first], "the fault is in the archived bytes"


@keeps(*ONE_ROW)
@pytest.mark.parametrize("promised", ONE_ROW)
def test_a_row_that_is_wrong_is_set_aside_with_its_reason(place: Place, fault: PutFault, promised: str) -> None:
    day = next(place.days)
    name, arg = ONE_ROW[promised]
    fault(name, ASKED, arg=arg)
    outcome = place.one(DATASET, day)
    aside = place.aside(outcome)
    held(promised, outcome, aside)
    assert (outcome.ditarik, outcome.diterima, outcome.dikarantina) == (WORKS, WORKS - 1, 1)
    assert place.rows(DATASET, day).height == WORKS - 1
    row = aside.row(0, named=True)
    entry = place.pulls(DATASET)[-1].entries[0]
    assert (row["muatan"], row["baris"], row["partisi"]) == (entry.sha256, 0, day.isoformat())
    assert arg["bidang"] in row["kolom"]
    # A pull without the fault brings the row that was missing.
    assert place.one(DATASET, day).diterima == WORKS
    assert place.rows(DATASET, day).height == WORKS


@keeps(*UNPLACED)
@pytest.mark.parametrize("promised", UNPLACED)
def test_a_row_whose_day_is_not_known_is_set_aside_and_counted(place: Place, fault: PutFault, promised: str) -> None:
    day = next(place.days)
    name, arg = UNPLACED[promised]
    fault(name, ASKED, arg=arg)
    known, unplaced = by_partition(place.pull(DATASET, day))
    aside = place.aside(known)
    held(promised, unplaced, aside)
    assert unplaced.partisi == f"?{day}"
    assert (known.status, known.diterima, unplaced.dikarantina) == ("diterima", WORKS - 1, 1)
    assert aside.select("partisi", "kolom", "baris").rows() == [(f"?{day}", "tanggal", 0)]
    assert place.rows(DATASET, day).height == WORKS - 1


@keeps("tanggal_null_semua")
@pytest.mark.parametrize("first", [True, False], ids=["baru", "sudah_ada"])
@pytest.mark.parametrize("dataset", [DATASET, "tirtanadi.gangguan_air"])
def test_a_day_of_which_no_date_can_be_read_is_not_an_empty_day(
    place: Place, fault: PutFault, dataset: str, first: bool
) -> None:
    day = next(place.days)
    if not first:
        assert place.one(dataset, day).status == "diterima"
    before = 0 if first else place.rows(dataset, day).height
    path = "produksi" if dataset == DATASET else "gangguan"
    fault("kunci_null", f"/tirtanadi/api/{path}", arg={"bidang": "tanggal", "baris": "semua"})
    known, unplaced = by_partition(place.pull(dataset, day))
    assert (known.status, known.diterima) == ("diblokir", 0)
    aside = place.aside(known)
    held("tanggal_null_semua", known, aside)
    assert aside.height == unplaced.dikarantina > 0
    assert (place.rows(dataset, day).height if before else 0) == before


def test_an_empty_day_beside_rows_without_a_date_is_not_called_empty(place: Place, fault: PutFault) -> None:
    dataset, days = "tirtanadi.gangguan_air", [next(place.days) for _ in range(5)][::-1]
    fault("kunci_null", f"/tirtanadi/api/gangguan.tanggal={days[0]}", arg={"bidang": "tanggal", "baris": "semua"})
    outcomes = {o.partisi: o for o in place.pull(dataset, *days)}
    held("tanggal_null_semua", outcomes[str(days[0])], place.aside(outcomes[str(days[0])]))
    assert outcomes[f"?{days[0]}"].status == "dikarantina"
    assert all(outcomes[str(day)].status == "diterima" for day in days[1:])


@keeps(*CUT)
@pytest.mark.parametrize("promised", CUT)
def test_a_field_that_is_new_is_cut_and_named(place: Place, fault: PutFault, promised: str) -> None:
    day = next(place.days)
    name, arg = CUT[promised]
    fault(name, ASKED, arg=arg)
    outcome = place.one(DATASET, day)
    held(promised, outcome)
    assert arg.get("bidang", "petugas") in outcome.rincian
    assert outcome.diterima == WORKS
    assert place.shows("isi baru", NIK_LIKE) == []


@keeps("bidang_baru_lama")
def test_a_field_that_is_new_is_named_on_a_day_that_is_there(place: Place, fault: PutFault) -> None:
    day = next(place.days)
    assert place.one(DATASET, day).status == "diterima"
    fault("bidang_baru", ASKED, arg={"bidang": "tekanan"})
    outcome = place.one(DATASET, day)
    held("bidang_baru_lama", outcome)
    assert "tekanan" in outcome.rincian


@keeps("angka_lokal_lain")
def test_a_number_in_the_other_locale_is_not_guessed(place: Place, fault: PutFault) -> None:
    dataset, day = "samsat.pembayaran_pkb", next(place.days)
    clean = place.one(dataset, day)
    own = set(place.aside(clean)["alasan"])
    other = next(place.days)
    fault("angka_lokal_lain", "/samsat/api/pembayaran", arg={"bidang": "pkb.pokok", "di": "data.rincian"})
    outcome = place.one(dataset, other)
    aside = place.aside(outcome)
    held("angka_lokal_lain", outcome, aside.filter(~aside["alasan"].is_in(list(own))))
    [row] = aside.filter(aside["alasan"] == "angka_tidak_terbaca").iter_rows(named=True)
    body = answer_of(
        place.host, f"/samsat/api/pembayaran?tanggal={other}&limit=1", headers={"X-API-KEY": "kunci-tiruan"}
    )
    sent = body["data"]["rincian"][0]
    assert row["rincian"] == f"'{sent['pkb']['pokok'].translate(str.maketrans('.,', ',.'))}'"
    assert not any(sent[name].strip() in row["isi"] for name in ("nopol", "no_rangka", "no_mesin", "nm_pemilik"))


@keeps("kode_sistem_lain")
def test_codes_of_the_other_system_are_found_by_the_names_beside_them(place: Place, fault: PutFault) -> None:
    dataset, asked = "sp2kp.harga_pangan_kabkota", "/sp2kp/master/api/wilayah/kab-kota/12"
    day = next(d for d in place.days if d.weekday() < 5)
    assert place.one(dataset, day).status == "diterima"
    before = place.rows(dataset, day)
    # 1271 is Medan for the Ministry of Home Affairs and Sibolga for the statistics office, and so on.
    regions = answer_of(place.host, asked)
    with WILAYAH.open(encoding="utf-8") as file:
        other = {row["kode_bps"]: row["kode_kemendagri"].replace(".", "") for row in csv.DictReader(file)}
    for row in regions["data"]:
        row["kode_kab_kota"] = type(row["kode_kab_kota"])(other[str(row["kode_kab_kota"])])
    fault("galat_200", asked, arg={"isi": regions})
    outcome = place.one(dataset, day)
    aside = place.aside(outcome)
    own = "harga_dalam_rentang_komoditas"  # a row that the stand-in has wrong by itself
    held("kode_sistem_lain", outcome, aside.filter(aside["alasan"] != own))
    assert aside.filter(aside["alasan"] != own)["rincian"].n_unique() == 20, "the other 13 have one code in both"
    [medan] = {row["rincian"] for row in aside.iter_rows(named=True) if "Medan" in row["rincian"]}
    assert medan == "'1271' (Kota Medan)"
    assert place.rows(dataset, day).equals(before)


@keeps("kode_ganda")
def test_prices_under_a_code_that_two_regions_are_given_are_set_aside(place: Place, fault: PutFault) -> None:
    dataset, asked = "sp2kp.harga_pangan_kabkota", "/sp2kp/master/api/wilayah/kab-kota/12"
    day = next(d for d in place.days if d.weekday() < 5)
    fault("kode_sistem_lain", asked, arg={"bidang": "kode_kab_kota", "nilai": 1271, "baris": -1})
    outcome = place.one(dataset, day)
    aside = place.aside(outcome)
    own = "selisih_sesuai"  # a row that the stand-in has wrong by itself
    held("kode_ganda", outcome, aside.filter(aside["alasan"] != own))
    [both] = set(aside.filter(aside["alasan"] != own)["rincian"])
    assert both.startswith("'1271' (Kota Gunungsitoli / ")
    assert place.rows(dataset, day).is_empty()


@keeps("komoditas_asing", "komoditas_nama_lain")
def test_a_commodity_that_no_list_knows_or_under_anothers_number_is_set_aside(place: Place, fault: PutFault) -> None:
    dataset, asked = "panel_harga.harga_pangan_kabkota", "/panel_harga/front/harga-pangan-informasi"
    clean = answer_of(place.host, f"{asked}?province_id=2&city_id=24&level_harga_id=3")
    known = {(str(row["id"]), row["name"]) for row in clean["data"]}
    fault("komoditas_asing", asked, arg={"bidang": "id", "nilai": 999})
    fault("komoditas_asing", asked, arg={"bidang": "name", "nilai": "Kacang Koro Ungu Impor"})
    outcome = place.one(dataset)
    aside = place.aside(outcome)
    unknown = aside.filter(aside["isi"].str.contains('"kode_komoditas":"999"'))
    renamed = aside.filter(aside["isi"].str.contains("Kacang Koro Ungu Impor"))
    held("komoditas_asing", outcome, unknown)
    held("komoditas_nama_lain", outcome, renamed)
    assert (unknown.height, renamed.height) == (1, 1)
    assert set(place.rows(dataset).select("kode_komoditas", "nama_komoditas").iter_rows()) <= known
    end_faults(place.host)
