"""CSV files of an office that has no API: it is a folder with a contract and no code, and this is one."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.registry import Registry
from connectors.sandbox import CONNECTORS
from tests.support.bad_input import Place, held, keeps
from tests.support.reading import column, make_contract
from warehouse.checks import Checker
from warehouse.ops import Outcome

pytest_plugins = ["tests.support.bad_input_fixtures"]

AGENCY, DATASET = "kantor", "kantor.setoran"
HEADER = "tanggal;kode_bps;nama;barang;nilai_rp;berat_kg;penyetor"
NIK = "1271010101900001"
DAYS = iter(f"{day:02d}/{month:02d}/2026" for month in (9, 10) for day in range(1, 31))


def add_agency(root: Path, name: str, encoding: str) -> None:
    """An agency of payments (amounts as "1.234,56", weights as "1,234.56", who pays) and of another dataset."""
    make_contract(
        root,
        column("tanggal", "date", key=True, partisi=True, required=True, format=["%d/%m/%Y", "tanggal_id_tanpa_tahun"]),
        column("kode_bps", key=True, required=True, sistem_kode="bps", nama_wilayah="nama"),
        column("nama", required=True),
        column("barang", key=True, required=True),
        column("nilai_rp", "decimal", lokal="ribuan_titik", required=True),
        column("berat_kg", "decimal", lokal="ribuan_koma", fisik="DECIMAL(18,3)"),
        column("penyetor", klas="private", acak="hmac"),
        agency=name,
        dataset="setoran",
        mode="berkas",
        ambang_karantina=0.5,
        berkas={
            "pola": "*.csv",
            "pemisah": ";",
            "encoding": encoding,
            "slot": ["kode_bps"],
            "judul": {"cari": "tanggal"},
        },
    )
    make_contract(
        root, column("kode", key=True), agency=name, dataset="titipan", mode="berkas", berkas={"pola": "titip*.txt"}
    )
    (root / name / "agency.yaml").write_text(
        f"kode: {name}\nnama: Kantor\ninstansi: Kantor Contoh\nopd: Dinas Contoh\nurl: ''\n", encoding="utf-8"
    )


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, bad_host: str, bad_checker: Checker) -> Iterator[Place]:
    """An installation with that agency; nobody's name and no NIK shows in it beyond the inbox."""
    root = tmp_path_factory.mktemp("instansi")
    add_agency(root, AGENCY, "utf-8-sig")
    add_agency(root, "kantor_lama", "cp1252")
    home = tmp_path_factory.mktemp("kantor")
    found = Place(home, bad_host, bad_checker, registry=Registry((CONNECTORS, root)))
    yield found
    assert found.verify(DATASET, "kantor_lama.setoran").all_gaps() == []
    shown = found.shows("Budi Contoh", "Siti Contoh", NIK)
    found.close()
    assert shown == []


def rows(day: str) -> list[str]:
    return [
        f"{day};1275;Kota Medan;Beras;1.234,56;1,234.56;Budi Contoh",
        f"{day};1275;Kota Medan;Gula;2.000;12.5;Siti Contoh",
        f"{day};1275;Kota Medan;Garam;500;7;Budi Contoh",
    ]


def table(*lines: str, header: str = HEADER) -> str:
    return "".join(f"{line}\r\n" for line in (header, *lines))


def deliver(office: Place, body: str | bytes, agency: str = AGENCY) -> dict[str, Outcome]:
    """The outcomes, by key, of a pull that finds this file."""
    path = office.drop(agency, "setoran.csv", body if isinstance(body, bytes) else body.encode())
    try:
        return {o.partisi: o for o in office.pull(f"{agency}.setoran")}
    finally:
        path.unlink()


def iso(day: str) -> str:
    return "-".join(reversed(day.split("/")))


@keeps("dua_lokal")
def test_each_column_is_read_in_its_own_locale(office: Place) -> None:
    day = next(DAYS)
    held("dua_lokal", deliver(office, table(*rows(day)))[iso(day)])
    found = office.rows(DATASET).filter(office.rows(DATASET)["tanggal"].cast(str) == iso(day))
    beras = found.filter(found["barang"] == "Beras").row(0, named=True)
    assert (str(beras["nilai_rp"]), str(beras["berat_kg"])) == ("1234.56", "1234.560")
    assert len(beras["penyetor"]) == 32


@keeps("csv_bom", "kolom_balik_urut")
def test_what_means_the_same_is_no_new_version(office: Place) -> None:
    day = next(DAYS)
    deliver(office, table(*rows(day)))
    held("csv_bom", deliver(office, b"\xef\xbb\xbf" + table(*rows(day)).encode())[iso(day)])
    turned = [";".join(reversed(line.split(";"))) for line in (HEADER, *rows(day))]
    held("kolom_balik_urut", deliver(office, table(*turned[1:], header=turned[0]))[iso(day)])


REFUSED: dict[str, Callable[[str], bytes]] = {
    "csv_cp1252": lambda day: table(*rows(day), f"{day};1275;Kota Medan;Kopi – café;500;7;Budi").encode("cp1252"),
    "xlsx_bernama_csv": lambda day: b"PK\x03\x04" + bytes(200),
    "berkas_kosong": lambda day: b"",
    "kolom_hilang": lambda day: table(
        *(";".join(line.split(";")[:5]) for line in rows(day)), header=";".join(HEADER.split(";")[:5])
    ).encode(),
    "kolom_ganti_nama": lambda day: table(*rows(day), header=HEADER.replace("berat_kg", "bobot")).encode(),
}


@keeps(*REFUSED)
@pytest.mark.parametrize("promised", REFUSED)
def test_a_file_that_is_not_as_agreed_is_refused_and_the_old_version_stays(office: Place, promised: str) -> None:
    day = next(DAYS)
    deliver(office, table(*rows(day)))
    before, pulls = office.rows(DATASET), len(office.pulls(DATASET))
    [(key, outcome)] = deliver(office, REFUSED[promised](day)).items()
    held(promised, outcome)
    assert key == "berkas:tiruan/setoran.csv"
    assert ("bobot" in outcome.rincian) == (promised == "kolom_ganti_nama")
    assert office.rows(DATASET).equals(before)
    assert [len(p.entries) for p in office.pulls(DATASET)[pulls:]] == [0], "nothing of it is kept but the file itself"


@keeps("csv_cp1252_dinyatakan")
def test_cp1252_is_read_where_the_contract_says_so(office: Place) -> None:
    day = next(DAYS)
    body = table(*rows(day), f"{day};1275;Kota Medan;Kopi – café;500;7;Budi Contoh").encode("cp1252")
    held("csv_cp1252_dinyatakan", deliver(office, body, "kantor_lama")[iso(day)])
    assert "Kopi – café" in office.rows("kantor_lama.setoran")["barang"].to_list()


@keeps("kolom_baru")
def test_a_column_that_is_new_is_cut_and_named(office: Place) -> None:
    day = next(DAYS)
    outcome = deliver(office, table(*(f"{line};{NIK}" for line in rows(day)), header=f"{HEADER};nik"))[iso(day)]
    held("kolom_baru", outcome)
    assert "nik" in outcome.rincian
    assert NIK.encode() not in office.bodies(DATASET)[0]


ONE_ROW = {
    "lokal_tertukar": ("{day};1275;Kota Medan;Telur;1,234.56;1.234,56;Budi Contoh", "nilai_rp;berat_kg"),
    "kode_kemendagri": ("{day};1271;Kota Medan;Telur;500;7;Budi Contoh", "kode_bps"),
    "kode_bertitik": ("{day};12.71;Kota Medan;Telur;500;7;Budi Contoh", "kode_bps"),
    "kunci_kosong": ("{day};1275;Kota Medan;;500;7;Budi Contoh", "barang"),
    "sel_berlebih": ("{day};1275;Kota Medan;Telur;500;7;Budi Contoh;lebih", ""),
}


@keeps(*ONE_ROW)
@pytest.mark.parametrize("promised", ONE_ROW)
def test_a_row_that_is_wrong_is_set_aside_with_its_reason(office: Place, promised: str) -> None:
    day = next(DAYS)
    line, wrong = ONE_ROW[promised]
    outcome = deliver(office, table(*rows(day), line.format(day=day)))[iso(day)]
    aside = office.aside(outcome)
    held(promised, outcome, aside)
    assert (outcome.diterima, outcome.dikarantina) == (3, 1)
    assert aside["baris"].to_list() == [3]
    assert not wrong or aside["kolom"].to_list() == [wrong]
    held_rows = office.rows(DATASET)
    assert held_rows.filter(held_rows["tanggal"].cast(str) == iso(day)).height == 3


@keeps("tanggal_kosong")
def test_a_row_without_its_date_is_set_aside_and_counted(office: Place) -> None:
    day = next(DAYS)
    outcomes = deliver(office, table(*rows(day), ";1275;Kota Medan;Telur;500;7;Budi Contoh"))
    assert outcomes.pop(iso(day)).diterima == 3
    [(key, outcome)] = outcomes.items()
    held("tanggal_kosong", outcome, office.aside(outcome))
    assert key.startswith("?")


@keeps("tahun_disimpulkan")
def test_a_date_without_a_year_is_the_last_such_day_before_the_file(office: Place) -> None:
    path = office.drop(AGENCY, "setoran.csv", table(*(line.replace("X", "30 Des") for line in rows("X"))).encode())
    of_november = datetime(2026, 11, 10, 3, tzinfo=UTC).timestamp()
    os.utime(path, (of_november, of_november))
    outcome = office.one(DATASET)
    path.unlink()
    held("tahun_disimpulkan", outcome)
    assert outcome.partisi == "2025-12-30"


@keeps("berkas_kembali")
def test_a_file_that_has_its_earlier_bytes_again_is_the_newest_delivery(office: Place) -> None:
    day = next(DAYS)
    first, second = table(*rows(day)), table(*(line.replace("500;7", "900;7") for line in rows(day)))
    assert deliver(office, first)[iso(day)].status == "diterima"
    before = office.rows(DATASET)
    assert deliver(office, second)[iso(day)].status == "diterima"
    assert not office.rows(DATASET).equals(before)
    assert deliver(office, second) == {}, "what lies there unchanged is done with"
    held("berkas_kembali", deliver(office, first)[iso(day)])
    assert office.rows(DATASET).equals(before)
    assert deliver(office, first) == {}


@keeps("tidak_ada_kontrak")
def test_a_file_that_no_contract_takes_is_told_once_an_agency_and_does_not_stop_the_others(office: Place) -> None:
    day = next(DAYS)
    stray = office.drop(AGENCY, "Setoran_2026-10.xlsx", b"PK")
    for outcomes in (deliver(office, table(*rows(day))), {o.partisi: o for o in office.pull(DATASET)}):
        refused = outcomes.pop("berkas:tiruan/Setoran_2026-10.xlsx")
        held("tidak_ada_kontrak", refused)
        assert "kantor.setoran: *.csv, kantor.titipan: titip*.txt" in refused.rincian
        assert {key: o.status for key, o in outcomes.items()} in ({iso(day): "diterima"}, {})
    assert office.pull("kantor.titipan") == []
    assert office.pull("kantor_lama.setoran") == []
    assert stray.read_bytes() == b"PK"
    stray.unlink()
    assert office.pull(DATASET) == []


def test_a_refusal_ends_when_the_file_is_taken_away_or_renamed(office: Place) -> None:
    def told() -> dict[str, tuple[str, str]]:
        office.pull(DATASET)
        found = office.ws.lake.file_outcomes(DATASET)
        return {key: (found[key].status, found[key].alasan) for key in ("berkas:tiruan/a.txt", "berkas:tiruan/b.csv")}

    wrong_name, empty = (
        office.drop(AGENCY, "a.txt", table(*rows(next(DAYS))).encode()),
        office.drop(AGENCY, "b.csv", b""),
    )
    refused = {
        "berkas:tiruan/a.txt": ("gagal_baca", "tidak_ada_kontrak"),
        "berkas:tiruan/b.csv": ("gagal_baca", "berkas_kosong"),
    }
    assert told() == told() == refused
    right_name = wrong_name.rename(wrong_name.with_suffix(".csv"))
    empty.unlink()
    assert told() == told() == dict.fromkeys(refused, ("tidak_berubah", "tidak_lagi_ditolak"))
    right_name.unlink()
