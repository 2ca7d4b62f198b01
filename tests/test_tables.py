# ruff: noqa: DTZ001 - cells of spreadsheets hold local times
"""Office files are read by their layout; what is no table is refused with its reason."""

import io
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.api import PayloadError
from connectors.contract import Contract
from connectors.contract.model import FileLayout
from connectors.read.columns import SHAPE_MARK
from connectors.read.conform import conform
from connectors.read.grid import Cell, Grid, read_grid, write_xlsx
from connectors.read.redact_tables import redact_file
from connectors.read.tables import read_table
from tests.support.branch_report import NIP, branch_contract, branch_sheet, changed, refusal, saved
from tests.support.reading import column, csv_contract, make_contract, make_payload


@pytest.fixture(scope="module")
def branch(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return branch_contract(tmp_path_factory.mktemp("kontrak"))


def read(body: bytes | str, contract: Contract) -> pl.DataFrame:
    return read_table(make_payload(body), contract)


def test_a_branch_report_is_read_with_its_merged_header_and_file_values(branch: Contract) -> None:
    frame = read(saved(branch_sheet()), branch)
    assert frame.columns == [
        "Kelompok", "Pelanggan / Jumlah", "Rekening / DRD (Rp)", "Porsi", "cabang", "bulan", "sumber"
    ]  # fmt: skip
    assert frame.rows() == [
        ("K1", "1200", "1234567,5", "10,5", "Medan Kota", "Oktober 2026", "laporan"),
        ("K2", "12.500", "Rp 1.234,50", "89,5", "Medan Kota", "Oktober 2026", "laporan"),
        ("K3", "7", "-", "0", "Medan Kota", "Oktober 2026", "laporan"),
    ]


def test_typed_and_written_numbers_of_one_column_become_the_same_amounts(branch: Contract) -> None:
    payload = make_payload(saved(branch_sheet()))
    result = conform(
        read_table(payload, branch), branch, payload=payload, regions=None, hash_key=b"", today=date(2026, 11, 21)
    )
    assert result.rejected.is_empty()
    assert result.rows["drd"].to_list() == [Decimal("1234567.50"), Decimal("1234.50"), None]
    assert result.rows["pelanggan"].to_list() == [1200, 12500, 7]
    assert result.rows["bulan"].to_list() == [date(2026, 10, 1)] * 3


def test_a_typed_number_that_looks_like_a_group_is_not_mistaken_for_one(tmp_path: Path) -> None:
    contract = make_contract(
        tmp_path,
        column("kode", key=True),
        column("nilai", "decimal", fisik="DECIMAL(12,3)", lokal="ribuan_titik"),
        column("rasio", "number", lokal="ribuan_koma"),
        mode="berkas",
        berkas={"format": "xlsx", "pola": "*"},
    )
    book = openpyxl.Workbook()
    lines: list[list[Any]] = [["kode", "nilai", "rasio"], ["a", 16.345, 0.1 + 0.2], ["b", 16345, 16.345]]
    for line in lines:
        book.worksheets[0].append(line)
    payload = make_payload(saved(book))
    raw = read_table(payload, contract)
    rows = conform(raw, contract, payload=payload, regions=None, hash_key=b"", today=date.max).rows
    assert rows["nilai"].to_list() == [Decimal("16.345"), Decimal("16345.000")]
    assert rows["rasio"].to_list() == [0.3, 16.345]


def test_typed_dates_are_written_in_the_declared_format(tmp_path: Path) -> None:
    contract = make_contract(
        tmp_path,
        column("hari", "date", key=True, format=["%d/%m/%Y"]),
        column("waktu", "timestamp", format=["%Y-%m-%d %H:%M"]),
        column("bulan", "date", format=["bulan_id"]),
        column("teks"),
        mode="berkas",
        berkas={"format": "xlsx", "pola": "*"},
    )
    book = openpyxl.Workbook()
    moment, day = datetime(2026, 8, 1, 8, 45), date(2026, 8, 1)
    lines: list[list[Any]] = [
        ["hari", "waktu", "bulan", "teks"],
        [day, moment, day, day],
        ["02/08/2026", None, date(2026, 8, 2), 12.1],
    ]
    for line in lines:
        book.worksheets[0].append(line)
    assert read(saved(book), contract).rows() == [
        ("01/08/2026", "2026-08-01 08:45", "Agustus 2026", "2026-08-01"),
        ("02/08/2026", None, "2026-08-02", "12.1"),
    ]


def test_the_signature_block_enters_no_frame_and_no_archive(branch: Contract) -> None:
    body = saved(branch_sheet())
    assert "Kepala" not in read(body, branch).write_csv()
    cut = redact_file(body, branch, "uji")
    assert cut.dropped == ("No", "Pelanggan / Aktif", "Petugas")
    inside = b"".join(
        zipfile.ZipFile(io.BytesIO(cut.body)).read(n) for n in zipfile.ZipFile(io.BytesIO(cut.body)).namelist()
    )
    for secret in (b"NIP", b"Kepala", b"Petugas", b"Pembuat", b"November", b"LAPORAN", b"13107"):
        assert secret not in inside
    assert read(cut.body, branch).equals(read(body, branch))


def test_the_archived_file_depends_on_the_cells_alone(branch: Contract) -> None:
    first = redact_file(saved(branch_sheet()), branch, "uji").body
    later = branch_sheet()
    later.properties.creator = "Orang Lain"
    later.create_sheet("Rahasia")["A1"] = "catatan"
    assert redact_file(saved(later), branch, "uji").body == first
    assert redact_file(first, branch, "uji").body == first
    assert openpyxl.load_workbook(io.BytesIO(first)).worksheets[0]["B7"].value == "K1"


def test_totals_that_disagree_block_the_file_with_both_numbers(branch: Contract) -> None:
    error = refusal(changed(C10=13708), branch)
    assert error.code == "jumlah_total_tidak_cocok"
    assert "13,708" in str(error)
    assert "13,707" in str(error)
    assert refusal(changed(E10="Rp 1.235.802,01"), branch).code == "jumlah_total_tidak_cocok"
    assert refusal(changed(C10="banyak"), branch).code == "baris_total_tidak_terbaca"


def test_a_file_without_its_totals_row_may_be_cut_off(branch: Contract) -> None:
    assert refusal(changed(A10=None), branch).code == "baris_total_tidak_ada"


def test_an_unreadable_cell_is_left_to_quarantine_and_not_to_the_totals(branch: Contract) -> None:
    assert read(changed(C7="seribu"), branch)["Pelanggan / Jumlah"].to_list() == ["seribu", "12.500", "7"]


def test_a_signature_inside_the_table_blocks_the_file(branch: Contract) -> None:
    assert refusal(changed(B8=f"NIP. {NIP}"), branch).code == "blok_tanda_tangan"
    assert refusal(changed(B8="190001011900011001"), branch).code == "blok_tanda_tangan"
    assert refusal(changed(A2=f"Cabang : {NIP}"), branch).code == "blok_tanda_tangan"


def test_an_end_that_only_the_nip_tells_comes_too_late(tmp_path: Path) -> None:
    contract = csv_contract(tmp_path, berhenti=["^NIP"])
    error = refusal(f"kode,nilai\na,1\nNama Kepala,\nNIP. {NIP},\n".encode(), contract)
    assert error.code == "blok_tanda_tangan"
    assert "berhenti" in str(error)


def test_rows_below_the_end_are_not_lost_in_silence(branch: Contract) -> None:
    assert refusal(changed(B12="K4", C12=5), branch).code == "baris_setelah_akhir"


@pytest.mark.parametrize(
    ("cells", "code", "words"),
    [
        ({"B5": "Golongan"}, "judul_tidak_ditemukan", "Kelompok"),
        ({"F5": "Bagian"}, "bidang_hilang", "bidang hilang: Porsi (bidang baru: Bagian, No"),
        ({"G5": "Porsi"}, "judul_ganda", "Porsi"),
        ({"A2": "Kantor : Medan"}, "isi_berkas_tidak_ditemukan", "A2"),
        ({"A3": None}, "isi_berkas_tidak_ditemukan", "A3"),
    ],
)
def test_a_changed_layout_is_named(branch: Contract, cells: dict[str, Any], code: str, words: str) -> None:
    error = refusal(changed(**cells), branch)
    assert error.code == code
    assert words in str(error)


def test_columns_may_come_in_another_order(branch: Contract) -> None:
    book = branch_sheet()
    book.worksheets[0].move_range("F5:F10", cols=3)
    assert read(saved(book), branch)["Porsi"].to_list() == ["10,5", "89,5", "0"]


def test_error_cells_and_formulas_without_a_value_are_no_blanks(branch: Contract) -> None:
    frame = read(changed(F7="#DIV/0!", F8="=A1/0"), branch)
    assert frame["Porsi"].to_list() == ["#DIV/0!", "#TANPA_NILAI", "0"]


def test_a_column_outside_the_contract_that_hides_an_end_is_refused(tmp_path: Path) -> None:
    contract = csv_contract(tmp_path, berhenti=["^Total"])
    body = b"no,kode,nilai\n1,Total Persada,5\n2,b,6\n"
    assert read(body, contract).height == 2
    with pytest.raises(PayloadError) as caught:
        redact_file(body, contract, "uji")
    assert caught.value.code == "tata_letak_taksa"


def test_csv_fields_stay_text(tmp_path: Path) -> None:
    contract = csv_contract(tmp_path)
    frame = read('\ufeffkode,nilai\r\n12.10,"1,5\nbaris"\r\n007, \r\n', contract)
    assert frame.rows() == [("12.10", "1,5\nbaris"), ("007", None)]


def test_encodings_are_declared_and_checked(tmp_path: Path) -> None:
    text = "kode;nilai\na;Café\n"
    old = csv_contract(tmp_path / "1", encoding="cp1252", pemisah=";")
    new = csv_contract(tmp_path / "2", pemisah=";")
    assert read(text.encode("cp1252"), old)["nilai"].to_list() == ["Café"]
    assert read(text.encode("utf-8-sig"), new)["nilai"].to_list() == ["Café"]
    for body, contract in [
        (text.encode("cp1252"), new),
        (text.encode("utf-8"), old),
        (text.encode("utf-8-sig"), old),
        (text.encode("utf-16"), new),
        (text.encode("utf-16"), old),
    ]:
        assert refusal(body, contract).code == "enkode_tidak_sesuai"


def test_files_under_a_wrong_name_are_recognised_by_their_bytes(tmp_path: Path, branch: Contract) -> None:
    contract = csv_contract(tmp_path)
    assert refusal(saved(branch_sheet()), contract).code == "format_tidak_sesuai"
    assert refusal(b"kode,nilai\na,1\n", branch).code == "format_tidak_sesuai"
    assert refusal(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old", branch).code == "format_tidak_sesuai"
    assert refusal(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old", contract).code == "format_tidak_sesuai"
    assert refusal(b" \n", contract).code == "berkas_kosong"


def test_csv_rows_with_other_cells_than_the_header_are_marked(tmp_path: Path) -> None:
    contract = csv_contract(tmp_path)
    frame = read("kode,nilai\na,1,\nb\nc,3,lebih\n\nd,4\n", contract)
    assert frame["kode"].to_list() == ["a", "b", "c", "d"]
    assert frame[SHAPE_MARK].to_list() == [None, "1 sel, judul 2", "3 sel, judul 2", None]


def test_a_csv_is_cut_to_the_contract_and_slipped_rows_are_hidden(tmp_path: Path) -> None:
    contract = csv_contract(tmp_path)
    body = b"kode,pemilik,nilai\na,Budi,1\nb,Siti,Rahasia,2\n"
    cut = redact_file(body, contract, "uji")
    assert cut.dropped == ("pemilik",)
    assert cut.body == b"kode,,nilai\na,,1\n***,***,***,***\n"
    assert read(cut.body, contract)[SHAPE_MARK].to_list() == [None, "4 sel, judul 3"]
    clean = b"kode,nilai\r\n'a',1\r\n"
    assert redact_file(clean, contract, "uji").body == clean


def test_a_broken_csv_is_refused(tmp_path: Path) -> None:
    assert refusal(b'kode,nilai\na,"1\n', csv_contract(tmp_path)).code == "berkas_rusak"


def test_upper_headers_of_a_csv_reach_over_the_blanks_to_their_right(tmp_path: Path) -> None:
    contract = csv_contract(
        tmp_path, column("kode", key=True), column("isi", wire="Air / Isi"), judul={"baris": 2, "tinggi": 2}
    )
    frame = read("judul\nkode,Air,,Lain\n,Jumlah,Isi,\na,1,2,3\n", contract)
    assert frame.rows() == [("a", "2")]


def test_wide_columns_become_rows_and_blank_cells_no_observation(tmp_path: Path) -> None:
    contract = csv_contract(
        tmp_path,
        column("nama", key=True),
        column("tanggal", "date", key=True, partisi=True, turunan=True, format=["%d/%m/%Y"]),
        column("harga", "decimal", turunan=True, kosong=["-"], lokal="ribuan_koma"),
        lebur={"kolom_nama": "tanggal", "kolom_nilai": "harga", "pola": r"^\d\d/\d\d/\d{4}$"},
    )
    frame = read('nama,01/08/2026,02/08/2026,Catatan\nBeras,"1,000",-,x\nGula,,"2,000",y\n', contract)
    assert frame.rows() == [("Beras", "01/08/2026", "1,000"), ("Gula", "02/08/2026", "2,000")]
    assert refusal(b"nama,Catatan\nBeras,x\n", contract).code == "judul_tidak_ditemukan"


def test_sheets_are_found_by_number_and_by_name(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.create_sheet("Isi").append(["kode"])
    book["Isi"].append(["a"])
    for lembar in (1, "Isi"):
        contract = make_contract(
            tmp_path / str(lembar), column("kode", key=True), mode="berkas",
            berkas={"format": "xlsx", "pola": "*", "lembar": lembar},
        )  # fmt: skip
        assert read(saved(book), contract).rows() == [("a",)]
        assert read(redact_file(saved(book), contract, "uji").body, contract).rows() == [("a",)]
    missing = make_contract(
        tmp_path, column("kode", key=True), mode="berkas", berkas={"format": "xlsx", "pola": "*", "lembar": "Data"}
    )
    assert refusal(saved(book), missing).code == "lembar_tidak_ada"


cells: st.SearchStrategy[Cell] = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12).map(lambda x: x or 0.0),
    st.dates(date(1901, 1, 1), date(2199, 12, 31)),
    st.datetimes(datetime(1901, 1, 1), datetime(2199, 1, 1)).map(lambda v: v.replace(microsecond=0, second=7)),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10).filter(lambda t: t.strip() != ""),
    st.sampled_from(["_x0041_", "a\rb", "<&>\"'", " x ", "\x01"]),
)


@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=6))
def test_cells_survive_being_written_and_read(rows: list[list[Cell]]) -> None:
    layout = FileLayout(format="xlsx")
    rows = [["awal"] * 3, *rows, ["akhir"] * 3]
    body = write_xlsx(Grid(rows), layout)
    assert write_xlsx(Grid(rows), layout) == body
    assert read_grid(body, layout, "uji").rows == rows
