"""Charts draw what their views hold: every specification on real rows of the lake, and the drawn marks against SQL."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import orjson
import polars as pl
import pytest
import vl_convert

from assets.report.charts import SHARED_VIEWS, Chart, chart_rows, find_charts, plain_rows, style, with_data
from assets.report.render import SCREEN_FONT
from tests.support.workspace import Small
from warehouse.lake import Lake
from warehouse.modelling import ModelError, ViewHead, find_models, load_model

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT / "warehouse" / "models"
CHARTS = find_charts([ROOT / "connectors"], SHARED_VIEWS)
NAMES = [c.name for c in CHARTS]
SVG = "{http://www.w3.org/2000/svg}"


@dataclass
class Drawn:
    """The charts as they are drawn from a warehouse."""

    lake: Lake
    _svg: dict[Any, str] = field(default_factory=dict)

    def chart(self, name: str) -> Chart:
        return CHARTS[NAMES.index(name)]

    def rows(self, name: str) -> pl.DataFrame:
        return chart_rows(self.lake.con, self.chart(name))

    def svg(self, name: str, **choice: Any) -> str:
        key = (name, *sorted(choice.items()))
        if key not in self._svg:
            spec = with_data(self.chart(name), self.rows(name), choice)
            self._svg[key] = draw(spec)
        return self._svg[key]

    def texts(self, name: str, **choice: Any) -> list[str]:
        """Every line of text of the drawing, in its order."""
        return texts_of(self.svg(name, **choice))

    def marks(self, name: str, kind: str, **choice: Any) -> int:
        """How many marks of a kind were drawn, as the drawing tells a screen reader."""
        return len(re.findall(rf'aria-roledescription="{kind}"', self.svg(name, **choice)))

    def query(self, sql: str) -> list[dict[str, Any]]:
        return self.lake.query(sql).to_dicts()


def draw(spec: dict[str, Any]) -> str:
    return str(vl_convert.vegalite_to_svg(spec, config={"font": SCREEN_FONT}, allowed_base_urls=[]))


def texts_of(svg: str) -> list[str]:
    found = []
    for text in ElementTree.fromstring(svg).iter(f"{SVG}text"):
        found += ["".join(line.itertext()) for line in text.iter(f"{SVG}tspan")] or ["".join(text.itertext())]
    return found


@pytest.fixture(scope="module")
def drawn(small_warehouse: Small) -> Iterator[Drawn]:
    with small_warehouse.open() as workspace:
        yield Drawn(workspace.lake)


@cache
def view_heads() -> dict[str, ViewHead]:
    models = find_models([ROOT / "connectors"], SHARED)
    return {m.table: m.head for m in models if isinstance(m.head, ViewHead)}


def test_every_view_says_where_its_rows_come_from_and_as_of_when_and_none_is_private() -> None:
    for table, head in view_heads().items():
        assert "asal_data" in head.columns, table
        assert head.per in head.columns, table
        assert head.halaman in {"ikhtisar", "harga", "pendapatan", "air", "pokir", "cctv", "kualitas"}, table
        assert {c.classification for c in head.columns.values()} <= {"public", "internal"}, table
        if not table.startswith("dashboard.kualitas"):
            assert {"dataset", "partisi"} <= head.columns.keys(), table


def test_every_view_that_has_no_chart_has_a_heading() -> None:
    charted = {c.model.table for c in CHARTS}
    assert [t for t, head in view_heads().items() if t not in charted and not head.judul] == []


def test_every_chart_view_of_prices_stays_inside() -> None:
    """Prices have no licence to be published, so whatever is made from them is internal."""
    for table, head in view_heads().items():
        if head.halaman == "harga":
            assert {c.classification for c in head.columns.values()} == {"internal"}, table


@pytest.mark.parametrize("name", NAMES)
def test_a_chart_is_drawn_from_the_lake_with_its_title_and_says_that_rows_are_made_up(drawn: Drawn, name: str) -> None:
    assert drawn.rows(name).height, "the small warehouse has rows for every chart"
    texts = drawn.texts(name)
    assert drawn.chart(name).title in texts
    assert "Data tiruan: bukan ambilan langsung dari sumber" in texts
    assert not [t for t in texts if t in ("null", "undefined", "NaN") or "undefined" in t]


@pytest.mark.parametrize("name", NAMES)
def test_the_drawn_data_are_the_rows_of_the_view(drawn: Drawn, name: str) -> None:
    rows = drawn.rows(name)
    given = with_data(drawn.chart(name), rows)["data"]["values"]
    assert given == plain_rows(drawn.lake.query(f"SELECT * FROM lake.dashboard.{name}"))
    assert orjson.loads(orjson.dumps(given)) == given


@pytest.mark.parametrize("name", NAMES)
def test_every_field_of_a_chart_is_a_column_or_made_by_the_chart(name: str) -> None:
    chart = CHARTS[NAMES.index(name)]
    made: set[str] = set(chart.head.columns)
    for transform in walk(chart.spec, "transform"):
        for one in transform:
            names = one.get("as", [])
            made |= {names} if isinstance(names, str) else set(names)
            made |= {e["as"] for key in ("aggregate", "joinaggregate", "window") for e in one.get(key, ())}
    used = {f for f in walk(chart.spec, "field") if isinstance(f, str)}
    used |= {f for text in walk(chart.spec, "filter", "calculate", "test", "expr") if isinstance(text, str)
             for f in re.findall(r"datum\.(\w+)", text)}  # fmt: skip
    assert used - made == set()


def walk(node: Any, *keys: str) -> Iterator[Any]:
    """Every value of some keys, at any depth."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in keys:
                yield value
            yield from walk(value, *keys)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from walk(value, *keys)


def test_the_fifteen_largest_moves_are_those_of_one_source_and_one_level(drawn: Drawn) -> None:
    for source, level in (("sp2kp", "kabkota"), ("pihps", "pasar")):
        expected = drawn.query(
            "SELECT barang || ' · ' || tempat AS seri, ubah_harian FROM lake.dashboard.harga_perubahan "
            f"WHERE sumber = '{source}' AND tingkat = '{level}' AND ubah_harian <> 0 "
            "ORDER BY abs(ubah_harian) DESC, barang, tempat LIMIT 15"
        )
        texts = drawn.texts("harga_perubahan", sumber=source, tingkat=level)
        for row in expected:
            assert signed(row["ubah_harian"]) in texts
        assert drawn.marks("harga_perubahan", "bar", sumber=source, tingkat=level) == len(expected) == 15


def signed(value: Decimal) -> str:
    """As the charts write a change: comma, a sign, a true minus."""
    text = f"{float(value):+.1f}".replace(".", ",")
    return text.replace("-", "−")


def test_the_tile_map_has_a_tile_for_every_region_and_no_price_where_none_was_reported(drawn: Drawn) -> None:
    rows = drawn.query(
        "SELECT singkat, harga FROM lake.dashboard.harga_peta "
        "WHERE sumber = 'sp2kp' AND barang = 'Cabai Merah Keriting'"
    )
    assert len(rows) == 33
    texts = drawn.texts("harga_peta")
    assert {row["singkat"] for row in rows} <= set(texts)
    prices = [f"{float(r['harga']) / 1000:,.1f}".replace(".", ",") if r["harga"] is not None else "–" for r in rows]
    assert sorted(t for t in texts if re.fullmatch(r"\d+,\d|–", t)) == sorted(prices)


def test_a_region_without_data_is_a_grey_tile_with_a_dash(drawn: Drawn) -> None:
    chart = drawn.chart("harga_peta")
    rows = drawn.rows("harga_peta").with_columns(
        pl.when(pl.col("kode_bps") == "1275").then(None).otherwise(pl.col(c)).alias(c)
        for c in ("harga", "selisih_median")
    )
    drawing = draw(with_data(chart, rows))
    assert drawing.count('fill="#d9d9d9"') == 1
    assert ">–<" in drawing


def test_the_funnel_counts_the_proposals_that_reached_each_stage(drawn: Drawn) -> None:
    expected = drawn.query(
        "SELECT tahap, sum(jumlah) AS n, sum(nilai) AS rp FROM lake.dashboard.pokir_corong "
        "WHERE tahun_anggaran = (SELECT max(tahun_anggaran) FROM lake.dashboard.pokir_corong) GROUP BY tahap"
    )
    texts = drawn.texts("pokir_corong")
    for row in expected:
        count = f"{row['n']:,}".replace(",", ".")
        assert any(t.startswith(f"{count} usulan · Rp") for t in texts)
    party = drawn.rows("pokir_corong")["fraksi"][0]
    own = drawn.rows("pokir_corong").filter(pl.col("fraksi") == party, pl.col("tahap") == "usulan")["jumlah"].sum()
    assert any(t.startswith(f"{own} usulan") for t in drawn.texts("pokir_corong", fraksi=party))


def test_the_camera_heat_map_has_a_cell_for_every_camera_and_hour_of_one_date(drawn: Drawn) -> None:
    assert drawn.marks("cctv_jam", "rect mark") == 75 * 24
    first = drawn.rows("cctv_jam")["tanggal"].min()
    assert isinstance(first, date)
    assert drawn.marks("cctv_jam", "rect mark", tanggal=first.isoformat()) == 75 * 24


def test_the_camera_map_has_a_point_for_every_camera_that_has_a_place(drawn: Drawn) -> None:
    placed = drawn.rows("cctv_keadaan").drop_nulls(["lintang", "bujur"]).height
    assert drawn.marks("cctv_keadaan", "circle") == placed


def test_both_panels_of_the_branches_name_each_branch_in_the_same_order(drawn: Drawn) -> None:
    names = drawn.rows("air_cabang").sort("kode_cabang")["cabang"].to_list()
    texts = [t for t in drawn.texts("air_cabang") if t in names]
    assert texts == names * 2


def test_a_silent_branch_is_named_and_has_no_bar(drawn: Drawn) -> None:
    chart = drawn.chart("air_cabang")
    silent = pl.col("cabang") == "Medan Kota"
    figures = ("kehilangan_air", "tunggakan", "pelanggan", "air_terjual_m3", "drd", "penerimaan", "lembar_tunggakan")
    rows = drawn.rows("air_cabang").with_columns(
        *(pl.when(silent).then(None).otherwise(pl.col(c)).alias(c) for c in figures),
        pl.when(silent).then(False).otherwise(pl.col("melapor")).alias("melapor"),
    )
    said = texts_of(draw(with_data(chart, rows))).count("belum ada data")
    assert said == drawn.texts("air_cabang").count("belum ada data") + 2


def test_the_opsen_break_is_marked_where_the_data_cross_it_and_nowhere_else(drawn: Drawn) -> None:
    assert not [t for t in drawn.texts("pendapatan_penerima") if "Opsen mulai" in t]
    rows = drawn.rows("pendapatan_penerima")
    crossing = pl.concat(
        rows.with_columns(pl.lit(month).alias("bulan"), pl.lit(era).alias("masa"))
        for month, era in ((date(2024, 12, 1), "sebelum opsen"), (date(2025, 1, 1), "peralihan"))
    )
    assert "Opsen mulai 5 Jan 2025: tidak sebanding" in draw(with_data(drawn.chart("pendapatan_penerima"), crossing))


def test_days_in_which_the_prober_was_dead_are_drawn_as_unknown(drawn: Drawn) -> None:
    assert "tidak diketahui: pemeriksa mati" in drawn.texts("cctv_harian")
    assert drawn.marks("cctv_harian", "bar") == drawn.rows("cctv_harian").height


def test_months_and_numbers_are_written_in_indonesian(drawn: Drawn) -> None:
    assert style()["locale"]["time"]["shortMonths"][9] == "Okt"
    texts = drawn.texts("harga_tren")
    assert any(re.fullmatch(r"\d{1,2} Nov 2026", t) for t in texts)
    assert any(re.fullmatch(r"\d{2}\.\d{3}", t) for t in texts)


def test_charts_have_one_style_and_colours_that_colour_blind_readers_tell_apart() -> None:
    assert [c.name for c in CHARTS if "config" in c.spec] == []
    okabe_ito = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"}
    assert okabe_ito <= set(style()["range"]["category"])
    for chart in CHARTS:
        for scale in walk(chart.spec, "scale"):
            assert scale.get("scheme") is None, chart.name
            shown = scale.get("range", [])
            assert len(shown) == len(set(shown)), chart.name


def test_a_choice_that_a_chart_does_not_offer_is_refused(drawn: Drawn) -> None:
    with pytest.raises(KeyError, match="harga_tren has no filter pasar"):
        with_data(drawn.chart("harga_tren"), drawn.rows("harga_tren"), {"pasar": "x"})
    assert drawn.chart("harga_perubahan").filters == {"sumber": "sp2kp", "tingkat": "kabkota"}


def test_a_chart_on_official_rows_carries_no_mark(drawn: Drawn) -> None:
    rows = drawn.rows("pokir_sebaran").with_columns(pl.lit("resmi").alias("asal_data"))
    assert "bukan ambilan" not in draw(with_data(drawn.chart("pokir_sebaran"), rows))


def test_a_view_file_with_a_wrong_name_or_an_unknown_key_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "uji" / "charts"
    folder.mkdir(parents=True)
    (folder / "Salah-Nama.sql").write_text("/* ---\ndescription: a\ngrain: b\n--- */\nSELECT 1 AS n")
    with pytest.raises(ModelError, match=r"uji/charts/Salah-Nama\.sql: a view's file is named"):
        load_model(folder / "Salah-Nama.sql")
    (folder / "baik.sql").write_text("/* ---\ndescription: a\ngrain: b\nwarna: c\n--- */\nSELECT 1 AS n")
    with pytest.raises(ModelError, match="warna"):
        load_model(folder / "baik.sql")
    (folder / "baik.sql").write_text("/* ---\ndescription: a\ngrain: b\nhalaman: uji\n--- */\nSELECT 1 AS n")
    assert load_model(folder / "baik.sql").table == "dashboard.baik"
