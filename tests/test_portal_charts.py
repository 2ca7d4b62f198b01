"""Charts and numbers of the portal's pages: what they show is what their queries give."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ssp_pipeline.portal.site import marks
from ssp_pipeline.portal.site.charts import MOST_LINES, WHOLE_FROM, Chart, chart_of
from ssp_pipeline.portal.site.marks import DARK, Tile, tiles_of
from ssp_pipeline.portal.site.rows import Rows, cell_sql, constants, ident, literal, preview_sql
from ssp_pipeline.portal.site.text import Words, words
from tests.support.open_release import make_release
from warehouse.opendata.manifest import Version, read_version

REGIONS = Path("connectors/referensi/reference/wilayah.csv")
DATASETS = ("harga_uji", "kamera_uji", "penerimaan_uji")
PRICES = {"nilai": "harga", "saring": {"komoditas": "Cabai Merah Keriting"}, "judul": "Harga"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release without pages: charts need its rows alone."""
    folder = tmp_path_factory.mktemp("grafik") / "terbuka"
    folder.mkdir()
    make_release(folder, rows=300)
    return folder


@pytest.fixture(scope="module")
def tiles() -> dict[str, Tile]:
    return tiles_of("12", REGIONS)


def drawn(root: Path, name: str, tiles: dict[str, Tile], **changes: Any) -> tuple[Version, Chart]:
    """The chart of a dataset whose contract asks for another one."""
    version = read_version(root, name, 1)
    version = version.model_copy(update={**changes, "grafik": {**(version.grafik or {}), **changes.get("grafik", {})}})
    with Rows(root, version) as rows:
        chart = chart_of(version, rows, tiles, words("id"))
    assert chart is not None
    return version, chart


def written(number: Any, unit: str, w: Words) -> str:
    shown = w.number(round(float(number), 0 if abs(number) >= WHOLE_FROM else 2))
    return f"Rp{shown}{unit[2:]}" if unit.startswith("Rp") else f"{shown} {unit}".strip()


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("kind", ["garis", "peta", "batang"])
def test_the_query_of_every_number_in_a_chart_gives_that_number(
    root: Path, tiles: dict[str, Tile], name: str, kind: str
) -> None:
    version, chart = drawn(root, name, tiles, grafik={"jenis": kind})
    unit = next(c.satuan or "" for c in version.kolom if c.nama == (version.grafik or {})["nilai"])
    assert chart.figures
    with Rows(root, version) as rows:
        for figure in chart.figures:
            ((value,),) = rows.ask(figure.sql).rows
            assert figure.text == written(value, unit, words("id"))
        assert rows.ask(chart.answer.sql).rows == chart.answer.rows


@pytest.mark.parametrize("name", DATASETS)
def test_the_query_of_every_number_in_a_preview_gives_that_number(root: Path, name: str) -> None:
    version = read_version(root, name, 1)
    numbers = [c.nama for c in version.kolom if c.tipe in ("integer", "number")]
    with Rows(root, version) as rows:
        preview = rows.ask(preview_sql(version, [c.nama for c in version.kolom])).records()
        assert len(preview) == 10
        for row in preview:
            for column in numbers:
                assert rows.ask(cell_sql(version, column, row)).rows == ((row[column],),)


def test_what_all_rows_share_is_said_once(root: Path) -> None:
    version = read_version(root, "harga_uji", 1)
    with Rows(root, version) as rows:
        shared = {"kode_provinsi": "12", "nama_provinsi": "SUMATERA UTARA", "satuan": "Rp/kg", "asal_data": "tiruan"}
        assert constants(rows, version) == shared


def test_a_sum_of_which_a_part_is_suppressed_is_not_shown(root: Path, tiles: dict[str, Tile]) -> None:
    version, chart = drawn(root, "penerimaan_uji", tiles)
    with Rows(root, version) as rows:
        newest = "bulan = (SELECT max(bulan) FROM penerimaan_uji WHERE penerimaan IS NOT NULL)"
        partial = {r[0] for r in rows.ask(f"SELECT upt FROM penerimaan_uji WHERE penerimaan IS NULL AND {newest}").rows}
    assert partial
    assert not partial & {figure.name for figure in chart.figures}
    assert f"{len(partial)} tidak ditampilkan" in chart.summary


def test_a_line_shows_at_most_as_many_groups_as_can_be_told_apart(root: Path, tiles: dict[str, Tile]) -> None:
    grouped = {"jenis": "garis", "kelompok": "kode_kabupaten_kota"}
    _, chart = drawn(root, "harga_uji", tiles, grafik=grouped)
    assert len({r[1] for r in chart.answer.rows}) <= MOST_LINES
    many = {"jenis": "garis", "nilai": "bujur", "kelompok": "kode_kamera"}
    _, chart = drawn(root, "kamera_uji", tiles, grafik=many, kolom_periode="diperiksa")
    assert len({r[1] for r in chart.answer.rows}) == MOST_LINES
    assert f"{MOST_LINES} dari 24 kelompok" in chart.caption


def test_rates_are_averaged_and_amounts_added_and_the_caption_says_so(root: Path, tiles: dict[str, Tile]) -> None:
    assert drawn(root, "harga_uji", tiles)[1].caption.startswith("Rata-rata, Rp/kg")
    assert drawn(root, "penerimaan_uji", tiles)[1].caption.startswith("Jumlah, Rp · 1 Oktober 2026")


def test_stand_in_data_is_marked_inside_the_picture_and_official_data_is_not(
    root: Path, tiles: dict[str, Tile]
) -> None:
    marked = "data tiruan, bukan angka resmi"
    for kind in ("garis", "peta", "batang"):
        wanted = {**PRICES, "jenis": kind, "kelompok": "kode_kabupaten_kota"}
        for spec in drawn(root, "harga_uji", tiles, grafik=wanted)[1].specs.values():
            assert spec["title"] == marked
        official = drawn(root, "harga_uji", tiles, grafik=wanted, asal_data=("resmi",))[1]
        assert marked not in json.dumps(official.specs, ensure_ascii=False)


def test_each_region_of_the_province_has_one_tile_and_no_two_share_a_place(tiles: dict[str, Tile]) -> None:
    assert len(tiles) == 33
    assert len({(t.kolom, t.baris) for t in tiles.values()}) == len(tiles)
    assert len({t.singkat for t in tiles.values()}) == len(tiles)


def test_changes_in_both_directions_have_colours_on_both_sides_of_zero(tiles: dict[str, Tile]) -> None:
    records = [{"kelompok": code, "nilai": float(n - 16)} for n, code in enumerate(tiles)]
    spec = marks.tile_map(records, "%", "", words("id"), tiles)["lebar"]
    fill = spec["layer"][0]["encoding"]["color"]["scale"]["range"]
    assert fill == [*marks.FALLING, marks.LEVEL, *marks.RISING]


def test_another_province_brings_its_layout_as_a_file_and_without_one_gets_bars(root: Path, tmp_path: Path) -> None:
    layout = tmp_path / "wilayah.csv"
    head = "kode_bps,nama,petak_kolom,petak_baris,singkat"
    layout.write_text(
        f"{head}\n12,Provinsi Lain,,,\n1275,Kota Lain,0,0,Ktl\n9901,Kota Jauh,0,1,Ktj\n", encoding="utf-8"
    )
    wanted = {**PRICES, "jenis": "peta", "kelompok": "kode_kabupaten_kota"}
    chart = drawn(root, "harga_uji", tiles_of("12", layout), grafik=wanted)[1]
    assert [t["singkat"] for t in chart.specs["lebar"]["data"]["values"]] == ["Ktl"]
    assert "Kota Lain" in {figure.name for figure in chart.figures}
    assert tiles_of("12", None) == {}
    bars = drawn(root, "harga_uji", {}, grafik=wanted)[1]
    assert bars.specs["lebar"]["layer"][0]["mark"]["type"] == "bar"


def test_an_empty_chart_is_left_out(root: Path, tiles: dict[str, Tile]) -> None:
    version = read_version(root, "harga_uji", 1)
    wanted = {**(version.grafik or {}), "saring": {"komoditas": "tidak ada"}}
    version = version.model_copy(update={"grafik": wanted})
    with Rows(root, version) as rows:
        assert chart_of(version, rows, tiles, words("id")) is None


def test_names_and_values_are_quoted_as_sql_wants_them() -> None:
    assert [ident(n) for n in ("harga", "order", "a b", 'x"y')] == ["harga", '"order"', '"a b"', '"x""y"']
    assert [literal(v) for v in ("Toba's", True, 3)] == ["'Toba''s'", "TRUE", "3"]


def colours() -> Iterator[tuple[str, str, float]]:
    """Colours of marks and letters, the ground they stand on, and the contrast that WCAG AA asks of them."""
    paper, night = "#ffffff", "#121b21"
    for light in (*marks.LINES, marks.BAR):
        yield light, paper, 3.0
        yield DARK[light], night, 3.0
    for text in (marks.INK, marks.QUIET, marks.MARKED):
        yield text, paper, 4.5
        yield DARK[text], night, 4.5
    for n, ground in enumerate(marks.CLASSES):
        yield (marks.ON_DARK if n >= 3 else marks.ON_LIGHT), ground, 4.5
    for ground in (marks.FALLING[0], marks.RISING[1]):
        yield marks.ON_DARK, ground, 4.5
    for ground in (marks.FALLING[1], marks.LEVEL, marks.RISING[0]):
        yield marks.ON_LIGHT, ground, 4.5
    yield marks.ON_LIGHT, DARK[marks.NO_DATA], 4.5


@pytest.mark.parametrize(("front", "ground", "least"), list(colours()))
def test_colours_of_charts_stand_out_in_both_themes(front: str, ground: str, least: float) -> None:
    light, dark = sorted((_luminance(front), _luminance(ground)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= least


def _luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
