"""Untouched files of real offices through the inbox, read by nothing but the contracts in `tests/contracts/real_files`:
what the lake then holds is held against the files, read by other code."""

import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from assets.ingest import Ingest
from assets.workspace import Workspace
from connectors.inbox import inbox_feed
from ssp_pipeline import app
from ssp_pipeline.settings import load_settings
from tests.support.real_data import PRICE_SHEETS, SAMSAT, needs_real_data, price_sheet, samsat_rows
from warehouse.build import Builder
from warehouse.modelling import load_model
from warehouse.ops import Outcome

pytestmark = needs_real_data

CONTRACTS = Path(__file__).parent / "contracts" / "real_files"
NATIONAL, BY_PROVINCE = "hargapangan.harga_nasional", "hargapangan.harga_beras_provinsi"
VEHICLES = "samsat_jabar.tidak_daftar_ulang"


@dataclass
class Taken:
    """The warehouse after the files were taken, and the outcomes by dataset."""

    workspace: Workspace
    outcomes: dict[str, list[Outcome]]

    def rows(self, dataset: str) -> pl.DataFrame:
        return self.workspace.lake.query(f"SELECT * FROM lake.source.{dataset.replace('.', '__')}")

    def aside(self, dataset: str) -> pl.DataFrame:
        return self.workspace.lake.query("SELECT * FROM lake.quarantine.baris WHERE dataset = ?", [dataset])

    def pull(self, dataset: str) -> list[Outcome]:
        contract = self.workspace.registry.contract(dataset)
        return Ingest(self.workspace).run(contract, [])


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taken]:
    home = tmp_path_factory.mktemp("berkas") / "rumah"
    for agency, files in {
        "hargapangan": [*PRICE_SHEETS.glob("*Tabel Harga*.xlsx")],
        "samsat_jabar": [SAMSAT],
    }.items():
        (home / "inbox" / agency).mkdir(parents=True)
        for path in files:
            shutil.copyfile(path, home / "inbox" / agency / path.name)
    settings = load_settings(
        environment={"SSP_HOME": str(home), "SSP_TODAY": "2026-11-20", "SSP_CONNECTORS": str(CONTRACTS)}
    )
    workspace = app.open_workspace(settings)
    workspace.checker.start()
    with pytest.MonkeyPatch.context() as patch:
        # The files were copied just now; an office's file must otherwise have been left alone for some seconds.
        patch.setitem(inbox_feed.__kwdefaults__, "settle_seconds", 0.0)
        found = Taken(workspace, {})
        for dataset in (NATIONAL, BY_PROVINCE, VEHICLES):
            found.outcomes[dataset] = found.pull(dataset)
        yield found
    workspace.close()


@cache
def national_cells() -> dict[tuple[date, str, str], Decimal]:
    """(day, number, name) → price in the three yearly files."""
    return {
        (day, number, name): price
        for path in sorted(PRICE_SHEETS.glob("nasional_*.xlsx"))
        for number, name, day, price in price_sheet(path)
    }


def test_files_are_taken_by_contracts_alone() -> None:
    assert not [*CONTRACTS.rglob("*.py")]


def test_every_cell_of_the_three_yearly_sheets_is_a_row(taken: Taken) -> None:
    expected = national_cells()
    rows = taken.rows(NATIONAL)
    found = {(d, n, b): h for d, n, b, h in rows.select("tanggal", "nomor", "barang", "harga").iter_rows()}
    assert found == expected
    assert rows.height == len(expected)
    assert taken.aside(NATIONAL).is_empty()
    assert rows["_asal"].unique().to_list() == ["resmi"]
    assert rows["_payload"].n_unique() == 3


def test_each_day_of_the_sheets_is_a_partition_of_its_own(taken: Taken) -> None:
    days = {day.isoformat() for day, _, _ in national_cells()}
    outcomes = taken.outcomes[NATIONAL]
    assert {o.partisi for o in outcomes} == days
    assert {o.status for o in outcomes} == {"diterima"}
    assert len(outcomes) == len(days)


def test_roman_category_rows_are_told_apart_from_the_commodities_below_them(taken: Taken) -> None:
    model = load_model(CONTRACTS / "hargapangan" / "models" / "core.fct_harga_pangan_nasional.sql")
    workspace = taken.workspace
    Builder(workspace.lake, workspace.registry.contracts, "uji").build(model)
    expected = Counter(
        ("komoditas" if number.isdecimal() else "kategori", day.year) for day, number, _ in national_cells()
    )
    found = workspace.lake.query(
        "SELECT jenis_barang, year(tanggal) AS tahun, count(*) AS n "
        "FROM lake.core.fct_harga_pangan_nasional GROUP BY ALL"
    )
    assert {(kind, year): n for kind, year, n in found.iter_rows()} == expected
    names = workspace.lake.query(
        "SELECT DISTINCT barang FROM lake.core.fct_harga_pangan_nasional WHERE jenis_barang = 'kategori'"
    )
    assert sorted(names["barang"]) == sorted({name for _, number, name in national_cells() if not number.isdecimal()})
    assert names.height == 10


def test_a_dash_is_no_observation_and_no_row(taken: Taken) -> None:
    path = next(PRICE_SHEETS.glob("beras_semua_provinsi_*.xlsx"))
    expected = {(day, name): price for _, name, day, price in price_sheet(path)}
    rows = taken.rows(BY_PROVINCE)
    assert {(d, p): h for d, p, h in rows.select("tanggal", "provinsi", "harga").iter_rows()} == expected
    assert rows.height == len(expected)
    assert [(o.partisi, o.status) for o in taken.outcomes[BY_PROVINCE]] == [("2022-01-01", "diterima")]
    assert rows["komoditas"].unique().to_list() == ["Beras"]


def tidied(row: dict[str, str]) -> tuple[tuple[str, ...], int]:
    """The key of a row of the Samsat file without surplus blanks, and its figure."""
    names = ("tahun", "cabang_pelayanan", "jenis_kendaraan", "fungsi_kendaraan")
    return tuple(" ".join(row[name].split()) for name in names), int(row["jumlah_kendaraan"])


def test_rows_whose_keys_collide_after_trimming_go_to_quarantine_and_none_to_the_table(taken: Taken) -> None:
    figures: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for row in samsat_rows():
        key, figure = tidied(row)
        figures[key].append(figure)
    assert sum(len(found) - 1 for found in figures.values()) == 240
    assert sum(len(found) > 1 for found in figures.values()) == 213
    expected = {key: found[0] for key, found in figures.items() if len(set(found)) == 1}
    identical = sum(len(found) - len(set(found)) for found in figures.values())
    conflicting = sum(len(set(found)) for found in figures.values() if len(set(found)) > 1)
    assert identical == 23

    rows = taken.rows(VEHICLES)
    columns = rows.select("tahun", "cabang_pelayanan", "jenis_kendaraan", "fungsi_kendaraan", "jumlah_kendaraan")
    found = {(str(year.year), branch, kind, use): n for year, branch, kind, use, n in columns.iter_rows()}
    assert found == expected
    assert rows.height == len(expected)
    reasons = Counter(taken.aside(VEHICLES)["alasan"].to_list())
    assert reasons.pop("duplikat_identik") == identical
    assert sum(reasons.values()) == conflicting
    assert rows.height + identical + conflicting == len(samsat_rows())
    assert {o.status for o in taken.outcomes[VEHICLES]} == {"diterima"}
    assert len(taken.outcomes[VEHICLES]) == 10


def test_columns_beyond_the_contract_are_not_kept(taken: Taken) -> None:
    archive = taken.workspace.archive
    (pull,) = archive.pulls("samsat_jabar__tidak_daftar_ulang", date.min, date.max)
    header = archive.payload(pull.entries[0]).body.decode().splitlines()[0].split(",")
    assert "id" not in header
    assert "nama_provinsi" not in header
    assert {"tahun", "cabang_pelayanan", "jumlah_kendaraan"} <= set(header)


@pytest.mark.parametrize("dataset", [NATIONAL, BY_PROVINCE, VEHICLES])
def test_the_same_files_again_change_nothing(taken: Taken, dataset: str) -> None:
    before, blobs = taken.rows(dataset), taken.workspace.archive.blob_count()
    assert [o.status for o in taken.pull(dataset)] == ["tidak_berubah"]
    assert taken.rows(dataset).equals(before)
    assert taken.workspace.archive.blob_count() == blobs
