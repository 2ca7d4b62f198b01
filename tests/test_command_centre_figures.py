"""How the command centre writes figures and instants: short on tiles, in line in tables, exact behind them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ssp_pipeline.command_centre.pages.engine import compact, words
from ssp_pipeline.command_centre.pages.reader import Snapshots, Version
from ssp_pipeline.command_centre.service import Centre
from tests.support.command_centre import Visitor, serving, with_people
from tests.support.workspace import Small


@pytest.fixture(scope="module")
def version(small_warehouse: Small) -> Version:
    return Snapshots(small_warehouse.snapshots).refresh()


@pytest.fixture(scope="module")
def reader(small_warehouse: Small, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    people = with_people(tmp_path_factory.mktemp("pusat"), "gubernur", snapshots=small_warehouse.snapshots)
    with serving(Centre(people)) as address, Visitor(address) as visitor:
        visitor.log_in("gubernur")
        yield visitor


def figures(page: str, column: int) -> list[str]:
    """The text of a column of the page's tables, counted from the right."""
    rows = re.findall(r"<tr>(.*?)</tr>", page.partition("<tbody>")[2].partition("</tbody>")[0], re.S)
    return [re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)[column] for row in rows]


def test_figures_of_a_column_have_the_same_decimals_so_that_they_stand_in_line(reader: Visitor) -> None:
    view = reader.get("/air").text.partition('id="air_produksi"')[2]
    for column in (-4, -3, -2):
        shown = figures(view, column)
        assert len(shown) == 10
        assert {len(figure.partition(",")[2]) for figure in shown if figure != "–"} == {2}


@pytest.mark.parametrize(
    ("dataset", "column", "decimals"),
    [("samsat.pembayaran_pkb", "pkb_pokok", 2), ("samsat.tarif", "tarif_pkb", 6), ("tirtanadi.produksi_air", "ph", 2)],
)
def test_rows_behind_a_figure_are_shown_with_all_their_decimals(
    reader: Visitor, version: Version, dataset: str, column: str, decimals: int
) -> None:
    agency, _, name = dataset.partition(".")
    page = reader.get(f"/baris/{dataset}").text
    place = version.records(
        "SELECT urutan - max(urutan) OVER () - 1 AS n FROM cuplikan.kolom WHERE skema = 'source' AND tabel = ? "
        "QUALIFY kolom = ?",
        [f"{agency}__{name}", column],
    )[0]["n"]
    shown = [value for value in figures(page, place) if value != "–"]
    assert {len(value.partition(",")[2]) for value in shown} == {decimals}
    held = {r["v"] for r in version.records(f"SELECT DISTINCT {column} AS v FROM source.{agency}__{name}")}
    assert {Decimal(value.replace(".", "").replace(",", ".")) for value in shown} <= held


@pytest.mark.parametrize(
    ("value", "unit", "indonesian", "english"),
    [
        (Decimal(12_345_000_000), "Rp", "Rp12,35 miliar", "Rp12.35 billion"),
        (Decimal(-5_200_000_000), "Rp", "-Rp5,2 miliar", "-Rp5.2 billion"),
        (999_995_000, "Rp", "Rp1 miliar", "Rp1 billion"),
        (Decimal("-12.5"), "Rp", "-Rp12,5", "-Rp12.5"),
        (628_020, "m3", "628.020", "628,020"),
        (None, "Rp", "–", "–"),
    ],
)
def test_figures_on_tiles_are_short_and_in_the_form_of_the_language(
    value: Decimal | float | None, unit: str, indonesian: str, english: str
) -> None:
    assert (compact(words("id"), value, unit), compact(words("en"), value, unit)) == (indonesian, english)


def test_an_instant_is_shown_in_the_provinces_time_and_one_without_a_zone_is_in_it_already() -> None:
    said = words("id")
    assert said.time(datetime(2026, 11, 19, 22, 30, tzinfo=UTC)) == "20 November 2026 05.30 WIB"
    assert said.time(datetime(2026, 11, 19, 22, 30)) == "19 November 2026 22.30 WIB"  # noqa: DTZ001
    assert said.day(datetime(2026, 11, 19, 22, 30, tzinfo=UTC)) == "20 November 2026"
    assert said.day(datetime(2026, 11, 19, 22, 30)) == "19 November 2026"  # noqa: DTZ001
