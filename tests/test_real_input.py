"""Real series through the whole job: `ssp run --replay` of nearly four years of PIHPS and the cameras of Medan.

What it loads is held against figures that other code computes straight from the files.
"""

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ssp_pipeline import app
from ssp_pipeline.settings import load_settings
from tests.support.real_data import DATA, ROOT, cameras, category_prices, chilli_prices, needs_real_data
from warehouse.lake import Lake

pytestmark = needs_real_data

SSP = str(Path(sys.executable).with_name("ssp"))
MARKETS = ("Pasar Sukaramai", "Pasar Aksara", "Pasar Petisah", "Pusat Pasar", "Pasar Brayan")
FIRST, LAST = date(2022, 1, 1), date(2025, 10, 31)


@dataclass
class Loaded:
    """The warehouse after the run, and what the run said."""

    lake: Lake
    summary: dict[str, Any]
    environment: dict[str, str]

    def snapshot(self, query: str) -> list[dict[str, Any]]:
        """Rows of the analysts' snapshot, by the command that analysts use."""
        done = subprocess.run(
            [SSP, "sql", query, "--json"], env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=60,
            check=True,
        )  # fmt: skip
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return rows


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    """`ssp run` as a user gives it, on an empty home."""
    home = tmp_path_factory.mktemp("nyata") / "rumah"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SSP_")}
    environment |= {"SSP_HOME": str(home), "SSP_TODAY": "2026-11-20"}
    window = ["--from", FIRST.isoformat(), "--to", LAST.isoformat()]
    done = subprocess.run(
        [SSP, "run", "--replay", str(DATA), "--agency", "pihps", "--dataset", "cctv.kamera", *window, "--json"],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    lake = Lake(app.lake_config(load_settings(environment=environment)), read_only=True)
    yield Loaded(lake, json.loads(done.stdout), environment)
    lake.close()


def test_every_dataset_of_the_run_passes_and_nothing_real_is_set_aside(loaded: Loaded) -> None:
    rows = {d["dataset"]: d for d in loaded.summary["dataset"]}
    assert {d["putusan"] for d in rows.values()} == {"lulus"}
    assert rows["pihps.harga_pangan_wilayah"]["partisi"] == (LAST - FIRST).days + 1
    assert rows["pihps.harga_pangan_wilayah"]["dikarantina"] == 0
    assert rows["pihps.harga_pangan_pasar"]["dikarantina"] == 0
    assert rows["cctv.kamera"]["dikarantina"] == 0
    assert loaded.summary["galat_model"] == []


def test_every_category_price_of_sumatera_utara_is_in_the_lake_as_the_files_have_it(loaded: Loaded) -> None:
    expected = category_prices()
    found = loaded.lake.query(
        "SELECT kode_barang, tanggal, harga FROM lake.source.pihps__harga_pangan_wilayah "
        "WHERE jenis_barang = 'kategori' AND tingkat = 'provinsi' AND kode_bps = '12'"
    )
    assert {(code, day): price for code, day, price in found.iter_rows()} == expected
    assert found.height == len(expected)


def test_row_counts_of_each_category_and_year_are_those_of_the_files(loaded: Loaded) -> None:
    expected = Counter((code, day.year) for code, day in category_prices())
    assert len(expected) == 10 * 3
    found = loaded.lake.query(
        "SELECT kode_barang, year(tanggal) AS tahun, count(*) AS n FROM lake.source.pihps__harga_pangan_wilayah "
        "WHERE jenis_barang = 'kategori' GROUP BY ALL"
    )
    assert {(code, year): n for code, year, n in found.iter_rows()} == dict(expected)


@pytest.mark.parametrize(("month", "mean"), [(3, 59_862), (11, 26_876)])
def test_red_chilli_of_sumatera_utara_has_the_known_weekday_mean(loaded: Loaded, month: int, mean: int) -> None:
    rows = loaded.snapshot(
        "SELECT count(*) AS n, sum(harga) AS jumlah FROM core.fct_harga_pangan_wilayah "
        f"WHERE kode_sumber = 'cat_7' AND tingkat = 'provinsi' AND tanggal BETWEEN DATE '2024-{month:02}-01' "
        f"AND last_day(DATE '2024-{month:02}-01')"
    )
    prices = [p for (c, d), p in category_prices().items() if c == "cat_7" and (d.year, d.month) == (2024, month)]
    assert rows[0]["n"] == len(prices)
    assert round(Decimal(rows[0]["jumlah"]) / rows[0]["n"]) == round(sum(prices) / len(prices)) == mean


def test_red_chilli_of_each_medan_market_sums_to_the_files_figures(loaded: Loaded) -> None:
    files = chilli_prices()
    expected = {
        (market, year): (len(own), sum(own))
        for market in MARKETS
        for year in (2024, 2025)
        if (own := [price for day, price in files[market].items() if day.year == year])
    }
    found = loaded.lake.query(
        "SELECT pasar, year(tanggal) AS tahun, count(*) AS n, sum(harga) AS jumlah "
        "FROM lake.source.pihps__harga_pangan_pasar WHERE kode_komoditas = 'com_14' GROUP BY ALL"
    )
    assert {(m, year): (n, total) for m, year, n, total in found.iter_rows()} == expected
    assert len(expected) == 10
    everything = loaded.lake.query("SELECT count(*) AS n FROM lake.source.pihps__harga_pangan_pasar")["n"][0]
    assert everything == sum(n for n, _ in expected.values())


def test_red_chilli_of_province_and_city_are_kept_apart_as_levels(loaded: Loaded) -> None:
    files = chilli_prices()
    found: dict[str, dict[date, Decimal]] = defaultdict(dict)
    rows = loaded.lake.query(
        "SELECT tingkat, tanggal, harga FROM lake.source.pihps__harga_pangan_wilayah WHERE kode_barang = 'com_14'"
    )
    for level, day, price in rows.iter_rows():
        found[level][day] = price
    assert found["provinsi"] == files["Sumatera Utara"]
    assert found["kota"] == files["Kota Medan"]


def test_a_day_without_a_price_in_the_files_has_no_row_and_is_no_error(loaded: Loaded) -> None:
    days = {day for _, day in category_prices()} | set(chilli_prices()["Sumatera Utara"])
    empty = loaded.lake.query(
        "SELECT partisi FROM lake.ops.hasil WHERE dataset = 'pihps.harga_pangan_wilayah' AND status = 'kosong'"
    )
    known = {date.fromisoformat(text) for text in empty["partisi"]}
    assert not known & days
    assert len(known) + len(days) == (LAST - FIRST).days + 1


def test_the_real_cameras_stand_where_the_file_says(loaded: Loaded) -> None:
    expected = cameras()
    found = loaded.lake.query("SELECT id_kamera, nama_kamera, lintang, bujur FROM lake.source.cctv__kamera")
    rows = {str(number): (name, lat, lon) for number, name, lat, lon in found.iter_rows()}
    assert rows == expected
    shown = loaded.snapshot("SELECT id_kamera, nama_kamera, lintang, bujur FROM core.dim_kamera")
    assert {str(r["id_kamera"]): (r["nama_kamera"], r["lintang"], r["bujur"]) for r in shown} == expected


CHILLI_ALERTS = [
    ("2024-01-09", "2024-01-17", "info"),
    ("2024-02-15", "2024-02-24", "waspada"),
    ("2024-03-13", "2024-03-17", "kritis"),
    ("2024-03-20", "2024-03-27", "info"),
    ("2024-04-16", "2024-04-20", "info"),
    ("2024-10-21", "2024-10-25", "kritis"),
    ("2024-10-29", "2024-11-06", "info"),
]
"""First day, last day and level at the start of the early warnings about red chilli in 2024: the fall after New Year,
the rise to Ramadan and its peak, the falls before and after Lebaran, the spike of October and its end."""


def test_the_early_warnings_about_red_chilli_in_2024_are_those_of_the_known_swings(loaded: Loaded) -> None:
    year = ["--from", "2024-01-01", "--to", "2024-12-31"]
    done = subprocess.run(
        [SSP, "alerts", *year, "--rule", "lonjakan_harga", "--key", "cat_7", "--json"],
        env=loaded.environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    events = json.loads(done.stdout)
    starts = [e for e in events if e["peristiwa"] == "mulai"]
    ends = [e for e in events if e["peristiwa"] == "selesai"]
    assert [(a["hari"], b["hari"], a["tingkat"]) for a, b in zip(starts, ends, strict=True)] == CHILLI_ALERTS
    prices = {day: price for (code, day), price in category_prices().items() if code == "cat_7"}
    days = sorted(prices)
    for start in starts:
        day = date.fromisoformat(start["hari"])
        old, new = prices[days[days.index(day) - 5]], prices[day]
        assert start["nilai"] == round(float(100 * (new / old - 1)), 1)
        assert f"{new:,.0f}".replace(",", ".") in start["kalimat"]
    (peak,) = [s for s in starts if s["hari"] == "2024-03-13"]
    assert peak["kalimat"] == (
        "Cabai Merah di Sumatera Utara naik 43,0 persen dalam lima tanggal harga, dari Rp60.100 menjadi Rp85.950 per "
        "kg pada Rabu, 13 Maret 2024, melebihi dua kali perubahan yang lazim."
    )


def test_the_price_page_draws_the_same_series(loaded: Loaded) -> None:
    shown = loaded.snapshot(
        "SELECT month(tanggal) AS bulan, round(avg(harga)) AS rerata FROM dashboard.harga_tren "
        "WHERE tingkat = 'provinsi' AND kode_sumber = 'cat_7' AND year(tanggal) = 2024 GROUP BY ALL"
    )
    means = {row["bulan"]: int(row["rerata"]) for row in shown}
    assert (means[3], means[11]) == (59_862, 26_876)


REPLAYED = {
    "source.pihps__harga_pangan_wilayah": "_asal",
    "source.pihps__harga_pangan_pasar": "_asal",
    "source.cctv__kamera": "_asal",
    "core.fct_harga_pangan_wilayah": "asal_data",
    "core.fct_harga_pangan_pasar": "asal_data",
    "core.dim_kamera": "asal_data",
}


def test_every_replayed_row_says_so_in_the_lake_and_in_the_snapshot(loaded: Loaded) -> None:
    query = " UNION ALL ".join(
        f"SELECT '{table}' AS tabel, {column} AS asal, count(*) AS n FROM {{}}{table} GROUP BY ALL"
        for table, column in REPLAYED.items()
    )
    in_lake = loaded.lake.query(query.replace("{}", "lake.")).sort("tabel")
    assert in_lake["asal"].unique().to_list() == ["ulangan"]
    assert in_lake.height == len(REPLAYED)
    in_snapshot = pl.DataFrame(loaded.snapshot(query.replace("{}", "")), schema=in_lake.schema).sort("tabel")
    assert in_snapshot.rows() == in_lake.rows()
