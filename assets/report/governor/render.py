"""The files of a report from its content: PDF, HTML and plain text of the mail, and the card for messaging apps.

Drawing and setting happen in a child process (`assets/report/render.py`), so their memory is given back. Does not
belong here: words and numbers (`content.py`).
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import orjson
import polars as pl

from assets.report.charts import Chart, with_data
from assets.report.governor.content import Content
from assets.report.governor.inputs import Inputs
from assets.report.render import Page, set_pages

PDF, CARD, HTML, TEXT = "laporan.pdf", "kartu.png", "surat.html", "surat.txt"

_HERE = Path(__file__).parent
_PAGES = (Page(_HERE / "laporan.typ", PDF), Page(_HERE / "kartu.typ", CARD, "png", 192.0))


@dataclass(frozen=True)
class Drawn:
    """How a chart is drawn in reports: the table of the inputs that it draws, the choice of its filters, its plot's
    width and height (for bars the step from one to the next) in CSS pixels, and the columns of its legend."""

    table: str
    choice: Mapping[str, Any]
    width: int
    height: int
    legend: int = 0


DRAWN: Mapping[str, Drawn] = {
    "harga_perubahan": Drawn("harga", {"sumber": "pihps", "tingkat": "provinsi"}, 175, 15),
    "pendapatan_kumulatif": Drawn("kumulatif", {}, 330, 165),
    "air_produksi": Drawn("produksi", {}, 370, 155, 4),
    "cctv_harian": Drawn("cctv_harian", {}, 370, 120, 2),
}

_LETTERS = 58
"""Letters of a subtitle in a line of half a page."""
_TITLE = {"frame": "bounds", "fontSize": 15, "subtitleFontSize": 12, "offset": 10}


def chart_specs(inputs: Inputs, names: Sequence[str], charts: Sequence[Chart]) -> dict[str, dict[str, Any]]:
    """Specifications of the charts with the frozen rows inside, sized for paper."""
    known = {c.name: c for c in charts}
    made = {}
    for name in names:
        how = DRAWN[name]
        made[name] = _sized(with_data(known[name], inputs.tables.get(how.table, pl.DataFrame()), how.choice), how)
    return made


def _sized(spec: dict[str, Any], how: Drawn) -> dict[str, Any]:
    """The specification at the size of half a page: the same marks and data, less paper."""
    said = spec["title"].get("subtitle", [])
    lines = [line for text in ([said] if isinstance(said, str) else said) for line in textwrap.wrap(text, _LETTERS)]
    spec = {**spec, "title": {**spec["title"], **_TITLE, "subtitle": lines}}
    if isinstance(spec.get("spec"), dict):
        return {**spec, "spec": {**spec["spec"], "width": how.width // 2, "height": how.height}}
    if how.legend:
        colour = spec["encoding"]["color"]
        legend = {**colour["legend"], "columns": how.legend}
        spec["encoding"] = {**spec["encoding"], "color": {**colour, "legend": legend}}
    steps = isinstance(spec.get("height"), dict)
    return {**spec, "width": how.width, "height": {"step": how.height} if steps else how.height}


def render(inputs: Inputs, content: Content, version: str, charts: Sequence[Chart]) -> dict[str, bytes]:
    """All files of the report by name. Raises RenderError.

    The same inputs, version and templates give the same bytes.
    """
    values = {**content.values, "versi": version}
    specs = chart_specs(inputs, content.charts, charts)
    made = datetime(inputs.day.year, inputs.day.month, inputs.day.day, tzinfo=UTC)
    return set_pages(_PAGES, specs, {"data.json": orjson.dumps(values)}, made) | texts(content, version)


def texts(content: Content, version: str) -> dict[str, bytes]:
    """The two texts of the mail, HTML and plain, by file name."""
    values = {**content.values, "versi": version}
    return {name: _templates().get_template(f"{name}.j2").render(values).encode() for name in (HTML, TEXT)}


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
    )
