"""Real PIHPS series from a folder of published files, for the stand-in's replay mode.

Two kinds of files are read, when first asked for and once: `harga/pihps_provinsi_harian_*.csv.gz` (category averages
by province; their weekend rows repeat Friday and are left out) and
`harga/cabai_merah_*_per_pasar_*.semicolon.csv` (an export of the market grid for red chilli, `com_14`, with the rows
of the province, the city and its markets). What they do not hold is answered `-`. Does not belong here: the wire
formats (`sandbox.py`).
"""

import csv
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path

import polars as pl

CABAI = "com_14"
_PROVINSI_PIHPS = 2
_CITY_ROW, _PROVINCE_ROW = "Kota Medan", "Sumatera Utara"


class ReplayedPrices:
    """Answers the same questions as made-up prices, from the files. Raises FileNotFoundError that names what lacks."""

    label = "ulangan"

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "harga"

    def tercatat(self, kode: str, place: int, day: date) -> int | None:
        """Price of a commodity in the nth market."""
        return self._markets[place].get(day) if kode == CABAI else None

    def wilayah(self, kode: str, regency: str, day: date) -> int | None:
        """Average of a commodity in the city, or in the province."""
        return self._chilli[_CITY_ROW if regency else _PROVINCE_ROW].get(day) if kode == CABAI else None

    def kategori(self, kode: str, regency: str, day: date) -> int | None:
        """Average of a category in the province; the files have none for the city."""
        return None if regency else self._categories.get(kode, {}).get(day)

    def _files(self, pattern: str) -> list[Path]:
        found = sorted(self._folder.glob(pattern))
        if not found:
            raise FileNotFoundError(f"replay: no {self._folder / pattern}")
        return found

    @cached_property
    def _categories(self) -> Mapping[str, Mapping[date, int]]:
        series: dict[str, dict[date, int]] = {}
        for path in self._files("pihps_provinsi_harian_*.csv.gz"):
            rows = (
                pl.read_csv(path, columns=["Date_Param", "Commodity_ID", "Province_ID", "Price"])
                .filter(pl.col("Province_ID") == _PROVINSI_PIHPS)
                .with_columns(pl.col("Date_Param").str.to_date("%Y-%m-%d"))
                .filter(pl.col("Date_Param").dt.weekday() <= 5)
            )
            for day, number, price in rows.select("Date_Param", "Commodity_ID", "Price").iter_rows():
                series.setdefault(f"cat_{number}", {})[day] = round(price)
        return series

    @cached_property
    def _chilli(self) -> Mapping[str, Mapping[date, int]]:
        (path,) = self._files("cabai_merah_*_per_pasar_*.semicolon.csv")
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = csv.reader(file, delimiter=";")
        days = [date.fromisoformat("-".join(reversed(text.replace(" ", "").split("/")))) for text in header[2:]]
        return {
            row[1].strip(): {
                day: int(text.replace(",", ""))
                for day, text in zip(days, row[2:], strict=True)
                if text.strip() not in ("", "-") and day.weekday() < 5
            }
            for row in rows
        }

    @cached_property
    def _markets(self) -> tuple[Mapping[date, int], ...]:
        names = list(self._chilli)
        return tuple(self._chilli[name] for name in names[names.index(_CITY_ROW) + 1 :])
