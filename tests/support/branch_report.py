"""A branch's monthly report as an XLSX file, its contract, and what reading such a file refuses."""

import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from connectors.api import PayloadError
from connectors.contract import Contract
from connectors.read.redact_tables import redact_file
from connectors.read.tables import read_table
from tests.support.reading import column, make_contract, make_payload

NIP = "19000101 190001 1 001"

BRANCH_LAYOUT: dict[str, Any] = {
    "pola": "*.xlsx",
    "format": "xlsx",
    "judul": {"cari": "Kelompok", "tinggi": 2},
    "total": "^Jumlah",
    "berhenti": ["^Mengetahui", "^NIP"],
    "isi_dari": {"cabang": {"sel": "A2", "regex": "Cabang *: *(.+)"}, "bulan": {"sel": "A3", "regex": ": *(.+)"}},
    "isi_tetap": {"sumber": "laporan"},
}


def branch_contract(folder: Path) -> Contract:
    """The contract of such reports."""
    return make_contract(
        folder,
        column("bulan", "date", key=True, partisi=True, turunan=True, format=["bulan_id"]),
        column("cabang", key=True, turunan=True),
        column("sumber", turunan=True),
        column("kelompok", key=True, wire="Kelompok"),
        column("pelanggan", "integer", wire="Pelanggan / Jumlah", required=True, lokal="ribuan_titik"),
        column("drd", "decimal", wire="Rekening / DRD (Rp)", lokal="ribuan_titik", kosong=["-"]),
        column("porsi", "decimal", wire="Porsi", satuan="%", lokal="ribuan_titik"),
        mode="berkas",
        partisi="bulanan",
        berkas=BRANCH_LAYOUT,
    )


def branch_sheet() -> openpyxl.Workbook:
    """A report as branches send it: titles, a header of two merged rows, totals, signature."""
    book = openpyxl.Workbook()
    book.properties.creator = "Nama Pembuat"
    sheet = book.worksheets[0]
    table: list[list[Any]] = [
        ["LAPORAN", None, None, None, None, None, None],
        ["Cabang : Medan Kota "],
        ["Bulan : Oktober 2026"],
        [],
        ["No", "Kelompok", "Pelanggan", None, "Rekening\n(Rp)", "Porsi", "Petugas"],
        [None, None, "Jumlah", "Aktif", "x", None, None],
        [1, "K1", 1200, 1100, 1234567.5, 10.5, "Budi Petugas"],
        [2, "K2", "12.500", 12000, "Rp 1.234,50", 89.5, "Siti Petugas"],
        [3, "K3", 7, 7, "-", 0, "Tono Petugas"],
        ["Jumlah", None, 13707, 13107, 1235802, 33.3, None],
        [],
        [None, None, None, None, "Medan, 5 November 2026"],
        [None, None, None, None, "Mengetahui"],
        [None, None, None, None, "Nama Kepala"],
        [None, None, None, None, f"NIP. {NIP}"],
    ]
    for row in table:
        sheet.append(row)
    sheet["E5"], sheet["E6"] = "Rekening", " DRD  (Rp)"
    for area in ("A5:A6", "B5:B6", "C5:D5", "F5:F6", "G5:G6", "A10:B10"):
        sheet.merge_cells(area)
    return book


def saved(book: openpyxl.Workbook) -> bytes:
    """The workbook as a file."""
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def changed(**cells: Any) -> bytes:
    """A branch's report with other values in some cells."""
    book = branch_sheet()
    for reference, value in cells.items():
        book.worksheets[0][reference] = value
    return saved(book)


def refusal(body: bytes, contract: Contract) -> PayloadError:
    """The error that reading raises. Cutting the file for the archive fails for the same reason, unless the
    file is sound and only its totals are not: that is archived, so that it can be looked into."""
    with pytest.raises(PayloadError) as reading:
        read_table(make_payload(body), contract)
    if reading.value.code in ("jumlah_total_tidak_cocok", "baris_total_tidak_terbaca"):
        redact_file(body, contract, "uji")
    else:
        with pytest.raises(PayloadError) as archiving:
            redact_file(body, contract, "uji")
        assert archiving.value.code == reading.value.code
    return reading.value
