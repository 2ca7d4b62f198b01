"""Untouched files of real offices, read by their layout alone and held against other readers of the same bytes."""

import csv
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from connectors.contract import Contract
from connectors.read.conform import conform, drop_identical
from connectors.read.redact_tables import redact_file
from connectors.read.tables import read_table
from tests.support.reading import column, csv_contract, make_contract, make_payload
from tests.support.real_data import PRICE_SHEETS, SAMSAT, needs_real_data

pytestmark = needs_real_data


@pytest.fixture(scope="module")
def hargapangan(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return make_contract(
        tmp_path_factory.mktemp("kontrak"),
        column("komoditas", key=True, wire="Komoditas (Rp)"),
        column("tanggal", "date", key=True, partisi=True, turunan=True, format=["%d/ %m/ %Y"]),
        column("harga", "decimal", turunan=True, lokal="ribuan_koma", kosong=["-"]),
        mode="berkas",
        berkas={
            "pola": "*.xlsx",
            "format": "xlsx",
            "lebur": {"kolom_nama": "tanggal", "kolom_nilai": "harga", "pola": r"^\d{2}/ ?\d{2}/ ?\d{4}$"},
        },
    )


def test_untouched_hargapangan_files_are_read_cell_by_cell(hargapangan: Contract) -> None:
    for path in sorted(PRICE_SHEETS.glob("*.xlsx")):
        sheet = openpyxl.load_workbook(path).worksheets[0]
        header, *lines = [list(row) for row in sheet.iter_rows(values_only=True)]
        expected = {}
        for line in lines:
            for day, price in zip(header[2:], line[2:], strict=True):
                if price not in ("-", None):
                    parts = [int(p) for p in str(day).split("/")]
                    expected[str(line[1]).strip(), date(parts[2], parts[1], parts[0])] = Decimal(
                        str(price).replace(",", "")
                    )
        cut = redact_file(path.read_bytes(), hargapangan, path.name)
        payload = make_payload(cut.body)
        result = conform(
            read_table(payload, hargapangan), hargapangan, payload=payload, regions=None, hash_key=b"", today=date.max
        )
        assert result.rejected.is_empty()
        found = {(r["komoditas"], r["tanggal"]): r["harga"] for r in result.rows.to_dicts()}
        assert found == expected
        assert len(found) > 7000


def test_the_jabar_samsat_file_loses_no_row_and_its_repetitions_show_after_trimming(tmp_path: Path) -> None:
    key = ["kode_kabupaten_kota", "cabang_pelayanan", "jenis_kendaraan", "fungsi_kendaraan", "tahun"]
    contract = csv_contract(tmp_path, *(column(name, key=True) for name in key), column("jumlah_kendaraan", "integer"))
    with SAMSAT.open(encoding="utf-8-sig", newline="") as file:
        lines = [
            (*(" ".join(row[name].split()) for name in key), int(row["jumlah_kendaraan"]))
            for row in csv.DictReader(file)
        ]
    payload = make_payload(redact_file(SAMSAT.read_bytes(), contract, SAMSAT.name).body)
    result = conform(
        read_table(payload, contract), contract, payload=payload, regions=None, hash_key=b"", today=date.max
    )
    assert result.rejected.is_empty()
    assert Counter(result.rows.select(*key, "jumlah_kendaraan").rows()) == Counter(lines)
    surplus = len(lines) - len({line[:-1] for line in lines})
    assert surplus == 240
    rows, repeated = drop_identical(result.rows, contract)
    assert repeated.height == len(lines) - len(set(lines))
    assert rows.height + repeated.height == len(lines)
    assert rows.height - rows.select(key).n_unique() == surplus - repeated.height
