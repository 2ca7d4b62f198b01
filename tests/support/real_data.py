"""The real files beside the project, read by other code than the project's: what the warehouse is held against.

Only the standard library and openpyxl read here. The files are no part of the project; where they are absent, tests
that need them skip with that reason (`needs_real_data`).
"""

import csv
import gzip
import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
needs_real_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="the folder ../shared/data with the real files is not there"
)

SUMATERA_UTARA = "2"
PRICE_SHEETS = DATA / "harga"
SAMSAT = DATA / "samsat" / "bapenda-od_15832_jml_kndrn_tidak_daftar_ulang__jenis_kndrn_fungsi_kndrn_data.csv"


def category_prices() -> dict[tuple[str, date], Decimal]:
    """(category id `cat_N`, weekday) → Rp/kg in Sumatera Utara, 2022–2024."""
    found: dict[tuple[str, date], Decimal] = {}
    for path in sorted(PRICE_SHEETS.glob("pihps_provinsi_harian_*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                day = date.fromisoformat(row["Date_Param"])
                if row["Province_ID"] == SUMATERA_UTARA and day.weekday() < 5:
                    key = (f"cat_{row['Commodity_ID']}", day)
                    assert key not in found, f"{path.name} says {key} twice"
                    found[key] = Decimal(row["Price"])
    return found


def chilli_prices() -> dict[str, dict[date, Decimal]]:
    """Red chilli 2024–2025: place (a province, Kota Medan, its markets) → day → Rp/kg. A `-` is no observation."""
    path = PRICE_SHEETS / "cabai_merah_medan_per_pasar_2024_2025.semicolon.csv"
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, delimiter=";")
    return {
        row[1]: {
            spaced_date(day): Decimal(text.replace(",", ""))
            for day, text in zip(header[2:], row[2:], strict=True)
            if text != "-"
        }
        for row in rows
    }


def spaced_date(text: str) -> date:
    """`03/ 01/ 2022` is the 3rd of January."""
    day, month, year = (int(part) for part in text.split("/"))
    return date(year, month, day)


def cameras() -> dict[str, tuple[str, float, float]]:
    """Camera number → name, latitude, longitude, without the doubtful numbers from 77 on."""
    items: list[dict[str, Any]] = json.loads((DATA / "cctv" / "cctv_medan_atcs.json").read_text(encoding="utf-8"))
    return {str(i["id"]): (" ".join(i["name"].split()), i["lat"], i["lon"]) for i in items if i["id"] < 77}


def price_sheet(path: Path) -> Iterator[tuple[str, str, date, Decimal]]:
    """(number, name, day, Rp/kg) of every filled cell of an untouched hargapangan XLSX file."""
    sheet = openpyxl.load_workbook(path).worksheets[0]
    header, *rows = sheet.iter_rows(values_only=True)
    days = [spaced_date(str(text)) for text in header[2:]]
    for number, name, *cells in rows:
        for day, cell in zip(days, cells, strict=True):
            if cell not in (None, "-"):
                yield str(number), " ".join(str(name).split()), day, Decimal(str(cell).replace(",", ""))


def samsat_rows() -> list[dict[str, str]]:
    """Rows of the Jabar Samsat file as they are, blanks included."""
    with SAMSAT.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
