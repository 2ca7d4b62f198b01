"""The rule of one folder: the agencies of docs/adding-an-agency.md flow from wire to chart, nothing else edited."""

import importlib.util
import json
import time
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import frictionless
import polars as pl
import pytest
import zstandard

from assets.report.charts import chart_rows, find_charts
from connectors.registry import import_part
from connectors.sandbox import World
from ssp_pipeline.app import lake_config
from ssp_pipeline.settings import load_settings
from tests.support.documents import ROOT, commands, files, runnable, shell
from warehouse.duck import attach
from warehouse.opendata.manifest import current, read_release, read_version

DOCUMENT = ROOT / "docs" / "adding-an-agency.md"
DAYS = [date(2026, 11, day) for day in range(8, 13)]


class Place:
    """The folders of the document in a temporary place, after its commands were run."""

    def __init__(self, place: Path):
        self.home = place / "var"
        self.connectors = place / "lain"
        for name, text in files(DOCUMENT).items():
            path = (self.home if name.startswith("inbox/") else self.connectors) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="cp1252" if name.endswith(".csv") else "utf-8")
        self.output: dict[str, str] = {}
        self.settled = time.time() + 10.5
        self.environment = {
            "SSP_HOME": str(self.home),
            "SSP_CONNECTORS": str(self.connectors),
            "SSP_TODAY": "2026-11-20",
        }

    def run(self, command: str) -> str:
        done = shell(command, self.environment)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def printed(self, start: str) -> str:
        """What the one command of the document printed that begins so."""
        (text,) = (text for command, text in self.output.items() if command.startswith(start))
        return text

    def sql(self, query: str) -> list[dict[str, Any]]:
        con = duckdb.connect(str(self.home / "snapshots" / "latest.duckdb"), read_only=True)
        try:
            return con.sql(query).to_arrow_table().to_pylist()
        finally:
            con.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("satu-folder"))
    with_api, without_api = runnable(DOCUMENT)
    for command in commands(with_api):
        place.output[command] = place.run(command)
    while time.time() < place.settled:
        time.sleep(0.25)
    for command in commands(without_api):
        place.output[command] = place.run(command)
    return place


@pytest.fixture(scope="module")
def stand_in(place: Place) -> ModuleType:
    assert importlib.util.find_spec("connectors.kebersihan") is None
    return import_part(place.connectors / "kebersihan", "sandbox")


def test_the_rows_of_the_new_agency_reach_the_snapshot_with_exact_amounts(place: Place, stand_in: ModuleType) -> None:
    world = World(today=date(2026, 11, 20))
    expected = {
        (day, tpa): f"{stand_in.berat(world, day, tpa):.2f}"
        for day in DAYS
        for tpa in ("Terjun", "Namo Bintang")
        if (day.day, tpa) != (10, "Namo Bintang")
    }
    found = place.sql("SELECT * FROM core.fct_sampah_harian")
    assert {(row["tanggal"], row["tpa"]): str(row["berat_ton"]) for row in found} == expected
    assert {(row["tpa"], row["wilayah"], row["kode_kemendagri"]) for row in found} == {
        ("Terjun", "Kota Medan", "12.71"),
        ("Namo Bintang", "Kabupaten Deli Serdang", "12.07"),
    }
    assert {row["asal_data"] for row in found} == {"tiruan"}
    assert "Terjun" in place.printed('ssp sql "SELECT tpa')


def test_the_wrong_row_stands_in_quarantine_with_its_reason(place: Place) -> None:
    listed = json.loads(place.run("ssp quarantine list --dataset kebersihan.sampah_harian --json"))
    assert [(row["partisi"], row["baris"]) for row in listed] == [("2026-11-10", 1)]
    assert "berat_wajar" in listed[0]["alasan"]
    assert "2026-11-10" in place.printed("ssp quarantine list")


def test_what_the_contract_does_not_name_is_nowhere_on_the_disk(place: Place) -> None:
    blobs = list((place.home / "archive" / "blob").rglob("*.zst"))
    bodies = [zstandard.ZstdDecompressor().decompressobj().decompress(blob.read_bytes()) for blob in blobs]
    assert sum(b'"netto"' in body for body in bodies) == len(DAYS)
    assert not any(b"PETUGAS" in body for body in bodies)
    assert not any(b"Kepala Dinas" in body for body in bodies)
    others = [p for p in place.home.rglob("*") if p.is_file() and p.suffix != ".zst" and "inbox" not in p.parts]
    assert not any(b"PETUGAS" in path.read_bytes() for path in others)


def test_verify_recounts_the_new_dataset(place: Place) -> None:
    assert "semua cocok" in place.printed("ssp verify")


def test_the_chart_is_found_and_draws_the_committed_rows(place: Place) -> None:
    settings = load_settings(environment=place.environment)
    (chart,) = find_charts([place.connectors])
    assert (chart.agency, chart.title) == ("kebersihan", "Sampah yang masuk TPA")
    con = attach(lake_config(settings), read_only=True)
    try:
        rows = chart_rows(con, chart)
    finally:
        con.close()
    fields = {encoding["field"] for encoding in chart.spec["encoding"].values()}
    assert fields <= set(rows.columns)
    assert rows.height == 2 * len(DAYS) - 1


def test_the_open_dataset_is_published_with_what_its_contract_opens_and_nothing_else(place: Place) -> None:
    release = read_release(place.home / "terbuka", current(place.home / "terbuka") or 0)
    assert "sampah_tpa_harian" in [one.dataset for one in release.dataset]
    version = read_version(place.home / "terbuka", "sampah_tpa_harian", 1)
    assert (version.produsen, version.asal_data) == ("Dinas Kebersihan (tiruan)", ("tiruan",))
    assert "truk" not in [c.nama for c in version.kolom]
    rows = pl.read_parquet([place.home / "terbuka" / part.path for part in version.bagian])
    assert rows.columns == [c.nama for c in version.kolom]
    assert rows.height == 2 * len(DAYS) - 1
    assert set(rows["nama_kabupaten_kota"]) == {"KOTA MEDAN", "KABUPATEN DELI SERDANG"}
    package = place.home / "terbuka" / "dataset" / "sampah_tpa_harian" / "v1" / "datapackage.json"
    assert frictionless.validate(str(package)).valid


def test_the_early_warning_of_the_folder_says_what_its_rows_show(place: Place) -> None:
    assert place.printed("ssp alerts") == (
        "waspada Dinas Lingkungan Hidup dan Kehutanan: TPA Namo Bintang melapor 4 dari 5 hari terakhir sampai "
        "Kamis, 12 November 2026.\n"
    )
    shown = place.sql("SELECT aturan, kunci, status, opd FROM dashboard.peringatan WHERE aturan = 'tpa_bolong'")
    assert [tuple(row.values()) for row in shown] == [
        ("tpa_bolong", "Namo Bintang", "berlangsung", "Dinas Lingkungan Hidup dan Kehutanan")
    ]


def test_a_file_in_the_inbox_needs_no_code(place: Place) -> None:
    assert not list((place.connectors / "wisata").glob("*.py"))
    found = place.sql("SELECT bulan, objek_wisata, nusantara, mancanegara, _asal FROM source.wisata__kunjungan_bulanan")
    assert sorted(tuple(row.values()) for row in found) == [
        (date(2026, 10, 1), "Pantai Parbaba", 12400, 310, "resmi"),
        (date(2026, 10, 1), "Taman Simalem", 8250, None, "resmi"),
    ]
