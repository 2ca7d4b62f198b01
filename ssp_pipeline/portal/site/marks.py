"""How charts look: Vega-Lite specifications of lines, tiles and bars in the portal's colours.

Belongs here: marks, scales, sizes, the layout of tiles. Does not belong here: which rows are shown (`charts.py`).

A chart is drawn wide and narrow, light and dark. The dark drawing is the light one with its colours exchanged, so
`DARK` names every colour that must differ; tiles keep theirs, with the letters on them.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from babel.dates import get_day_names, get_month_names

from ssp_pipeline.portal.site.text import Words

WIDTHS = {"lebar": 640, "sempit": 330}

INK, QUIET, GRID = "#17232b", "#4b5b66", "#d5dde2"
LINES = ("#0069a8", "#b3470a", "#00785a", "#a0428a", "#6f5b00", "#4a4a9c")
BAR = "#0e6a80"
CLASSES = ("#dcedf2", "#a9d2dd", "#6bb0c1", "#2a7a90", "#0b5568")
FALLING, LEVEL, RISING = ("#1b5e8c", "#9cc4dd"), "#f1ead9", ("#f2b98a", "#a8480f")
"""Classes of values on both sides of zero, from the lowest up."""
NO_DATA = "#e9edef"
MARKED = "#b00020"
ON_LIGHT, ON_DARK = "#10222a", "#fdffff"
DARK = {
    INK: "#e7eef2",
    QUIET: "#a9b8c2",
    GRID: "#33424c",
    NO_DATA: "#8d9aa3",
    BAR: "#58b4c9",
    MARKED: "#ff9aa8",
    **dict(zip(LINES, ("#5cb3f0", "#f09557", "#4cc9a4", "#e294cf", "#d9c04b", "#a5a8f0"), strict=True)),
}
_FIT = {"autosize": {"type": "fit-x", "contains": "padding"}}
"""Axes and legends are within the width."""
_SCALES = ((1_000_000_000, "miliar"), (1_000_000, "juta"), (1, ""))
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
_LOCALE = {
    "number": {"decimal": ",", "thousands": ".", "grouping": [3], "currency": ["Rp", ""]},
    "time": {
        "dateTime": "%A, %e %B %Y %X",
        "date": "%d/%m/%Y",
        "time": "%H.%M.%S",
        "periods": ["AM", "PM"],
        "days": [get_day_names("wide", locale="id")[d] for d in (6, 0, 1, 2, 3, 4, 5)],
        "shortDays": [get_day_names("abbreviated", locale="id")[d] for d in (6, 0, 1, 2, 3, 4, 5)],
        "months": list(get_month_names("wide", locale="id").values()),
        "shortMonths": list(get_month_names("abbreviated", locale="id").values()),
    },
}

Records = Sequence[Mapping[str, Any]]
Specs = dict[str, dict[str, Any]]


class Tile(NamedTuple):
    """A region's tile: where it stands, counted from the upper left, and the letters on it."""

    nama: str
    kolom: int
    baris: int
    singkat: str


def tiles_of(province: str, path: Path | None) -> dict[str, Tile]:
    """Tiles of a province's kab/kota by BPS code, from a CSV of regions with the columns kode_bps, nama, petak_kolom,
    petak_baris and singkat. Empty without a file; a region without a place has no tile."""
    if path is None:
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row["kode_bps"]: Tile(row["nama"], int(row["petak_kolom"]), int(row["petak_baris"]), row["singkat"])
            for row in csv.DictReader(file)
            if row["kode_bps"].startswith(province) and row["petak_kolom"]
        }


def darkened(svg: str) -> str:
    """The same drawing in the colours of the dark theme."""
    for light, dark in DARK.items():
        svg = svg.replace(light, dark)
    return svg


def line(records: Records, unit: str, origin: str, words: Words, *, temporal: bool) -> Specs:
    """Lines over time, one a group. Columns: waktu (ISO date, or a number), kelompok (may be absent), nilai."""
    periods, grouped = {r["waktu"] for r in records}, "kelompok" in records[0]
    longest = max(len(r.get("kelompok", "")) for r in records)
    x: dict[str, Any] = {"field": "waktu", "type": "ordinal", "title": None}
    if temporal:
        x |= {"type": "temporal", "scale": {"type": "utc"}}
    tooltip = [{**x, "title": words.gettext("Waktu"), **({"format": "%-d %B %Y"} if temporal else {})}]
    color: dict[str, Any] = {"value": LINES[0]}
    if grouped:
        color = {"field": "kelompok", "type": "nominal", "title": None, "scale": {"range": list(LINES)}}
        tooltip.append({"field": "kelompok", "type": "nominal", "title": words.gettext("Kelompok")})
    tooltip.append(_value_tip(unit, words))
    specs: Specs = {}
    for name, width in WIDTHS.items():
        axis: dict[str, Any] = {
            "grid": False,
            "labelAngle": 0,
            "labelFlush": True,
            "labelOverlap": "greedy",
            "labelSeparation": 14,
        }
        if temporal:
            axis |= {"format": "%-d %b %Y" if len(periods) < 32 else "%b %Y", "tickCount": 6 if width > 400 else 3}
        fitting = (width - 60) // (8 * longest + 40)
        legend = {"orient": "bottom", "columns": max(1, min(3, fitting)), "symbolType": "stroke"}
        encoding = {
            "x": {**x, "axis": axis},
            "y": _value_axis(records, unit, words),
            "color": {**color, "legend": legend} if grouped else color,
            "tooltip": tooltip,
        }
        point = {"filled": True, "size": 24} if len(periods) <= 45 else False
        layer: dict[str, Any] = {"mark": {"type": "line", "strokeWidth": 2, "point": point}, "encoding": encoding}
        if grouped and point:
            encoding["shape"] = {
                "field": "kelompok",
                "type": "nominal",
                "legend": None,
                "scale": {"range": list(_SHAPES)},
            }
        specs[name] = _framed({**layer, **_FIT}, records, width, 300, origin, words)
    return specs


def bars(records: Records, unit: str, origin: str, words: Words) -> Specs:
    """Bars with their figures, in the order of the records. Columns: kelompok, nilai."""
    order = [r["kelompok"] for r in records]
    least, most = min(0, *(r["nilai"] for r in records)), max(0, *(r["nilai"] for r in records))
    tooltip = [{"field": "kelompok", "type": "nominal", "title": words.gettext("Kelompok")}, _value_tip(unit, words)]
    specs: Specs = {}
    for name, width in WIDTHS.items():
        # Room for the figures at the ends of the bars.
        reach = [least, most + (most - least) * (0.2 if width > 400 else 0.6)]
        shared = {
            "y": {
                "field": "kelompok",
                "type": "nominal",
                "sort": order,
                "title": None,
                "axis": {"labelLimit": 200 if width > 400 else 120, "domain": False, "ticks": False},
            },
            "x": {"field": "nilai", "type": "quantitative", "axis": None, "scale": {"domain": reach, "nice": False}},
            "tooltip": tooltip,
        }
        figure = {"field": "nilai", "type": "quantitative", "format": ",.2~f" if _small(records) else ",.0f"}
        layers = [
            {"mark": {"type": "bar", "color": BAR, "height": {"band": 0.7}}, "encoding": shared},
            {
                "mark": {"type": "text", "align": "left", "dx": 4, "color": INK, "fontSize": 12},
                "encoding": {**shared, "text": figure},
            },
        ]
        specs[name] = _framed({"layer": layers, **_FIT}, records, width, 26 * len(records), origin, words)
    return specs


def tile_map(records: Records, unit: str, origin: str, words: Words, tiles: Mapping[str, Tile]) -> Specs:
    """One square a region, coloured by fifths of the values. Columns: kelompok (the region's BPS code), nilai."""
    values = {r["kelompok"]: r["nilai"] for r in records}
    bounds = _bounds(sorted(values[k] for k in tiles if k in values))
    labels = [f"{words.number(round(low, 2))}–{words.number(round(high, 2))}" for low, high in bounds]
    colours = _colours(bounds)
    none = words.gettext("tidak ada data")
    rows = []
    for code, tile in tiles.items():
        value = values.get(code)
        label, paper = none, NO_DATA
        if value is not None:
            at = next(n for n, (_, high) in enumerate(bounds) if value <= high or n == len(bounds) - 1)
            label, paper = labels[at], colours[at]
        on = ON_DARK if paper in (*CLASSES[3:], FALLING[0], RISING[1]) else ON_LIGHT
        rows.append({**tile._asdict(), "kelompok": code, "nilai": value, "kelas": label, "huruf": on})
    classes, present = [*labels, none], {r["kelas"] for r in rows}
    place = {
        "x": {"field": "kolom", "type": "ordinal", "axis": None, "scale": {"paddingInner": 0.06}},
        "y": {"field": "baris", "type": "ordinal", "axis": None, "scale": {"paddingInner": 0.06}},
        "tooltip": [{"field": "nama", "type": "nominal", "title": words.gettext("Wilayah")}, _value_tip(unit, words)],
    }
    scale = {"domain": [c for c in classes if c in present]}
    scale["range"] = [dict(zip(classes, [*colours, NO_DATA], strict=True))[c] for c in scale["domain"]]
    specs: Specs = {}
    for name, width in WIDTHS.items():
        side = min(width, 480) - 10
        across, down = max(t.kolom for t in tiles.values()) + 1, max(t.baris for t in tiles.values()) + 1
        legend = {"orient": "bottom", "columns": 3 if width > 400 else 1, "title": unit or None, "symbolType": "square"}
        fill = {"field": "kelas", "type": "nominal", "scale": scale, "legend": legend}
        layers = [
            {"mark": {"type": "rect", "cornerRadius": 3}, "encoding": {**place, "color": fill}},
            {
                "mark": {"type": "text", "fontSize": 13 if width > 400 else 11, "fontWeight": 600},
                "encoding": {
                    **place,
                    "text": {"field": "singkat", "type": "nominal"},
                    "color": {"field": "huruf", "type": "nominal", "scale": None},
                },
            },
        ]
        spec = {"layer": layers, "resolve": {"scale": {"color": "independent"}}}
        specs[name] = _framed(spec, rows, side, round(side * down / across), origin, words)
    return specs


def _bounds(values: Sequence[float]) -> list[tuple[float, float]]:
    """Lowest and highest value of each fifth; fewer where values are few or alike."""
    count = min(len(CLASSES), len(set(values)))
    cuts = sorted({values[round(len(values) * (n + 1) / count) - 1] for n in range(count)})
    bounds, low = [], values[0]
    for high in cuts:
        bounds.append((low, high))
        low = next((v for v in values if v > high), high)
    return bounds


def _colours(bounds: Sequence[tuple[float, float]]) -> list[str]:
    """A colour for each class: from light to dark, or away from zero where values lie on both sides of it."""
    if not bounds[0][0] < 0 < bounds[-1][1]:
        return list(CLASSES[-len(bounds) :])
    falling = [FALLING[min(n, 1)] for n, (_, high) in enumerate(bounds) if high < 0]
    rising = [RISING[max(0, n + 2 - len(bounds))] for n, (low, _) in enumerate(bounds) if low > 0]
    return [*falling, *[LEVEL] * (len(bounds) - len(falling) - len(rising)), *rising]


def _value_axis(records: Records, unit: str, words: Words) -> dict[str, Any]:
    """The upright axis of values; large ones are counted in millions or billions, which its title says."""
    most = max((abs(r["nilai"]) for r in records if r["nilai"] is not None), default=0)
    divisor, scale = next((d, name) for d, name in _SCALES if most >= d or d == 1)
    title = f"{words.gettext(scale)} {unit}".strip() if scale else unit
    axis: dict[str, Any] = {"tickCount": 5, "domain": False, "ticks": False}
    axis |= {"titleAngle": 0, "titleAlign": "left", "titleAnchor": "end", "titleY": -10, "titleX": 0}
    if scale:
        axis["labelExpr"] = f"format(datum.value / {divisor}, ',~g')"
    shape = {"zero": False, "nice": True}
    return {"field": "nilai", "type": "quantitative", "title": title or None, "scale": shape, "axis": axis}


def _value_tip(unit: str, words: Words) -> dict[str, Any]:
    return {"field": "nilai", "type": "quantitative", "title": unit or words.gettext("Nilai"), "format": ",.2~f"}


def _small(records: Records) -> bool:
    return bool(max(abs(r["nilai"]) for r in records) < 1000)


def _framed(
    spec: Mapping[str, Any], rows: Records, width: int, height: int, origin: str, words: Words
) -> dict[str, Any]:
    """The specification with its rows, size and look, and the mark of rows that no agency gave inside the picture."""
    config: dict[str, Any] = {
        "background": "transparent",
        "font": "Liberation Sans, Arial, Helvetica, sans-serif",
        "padding": 8,
        "view": {"stroke": None},
        "axis": {
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "labelColor": QUIET,
            "titleColor": QUIET,
            "domainColor": QUIET,
            "tickColor": QUIET,
            "gridColor": GRID,
        },
        "legend": {
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "labelColor": INK,
            "titleColor": QUIET,
            "labelLimit": 280,
            "columnPadding": 20,
            "symbolStrokeWidth": 3,
        },
        "title": {"anchor": "end", "color": MARKED, "fontSize": 12, "fontWeight": 600, "offset": 14},
    }
    if words.language == "id":
        config["locale"] = _LOCALE
    framed = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": width,
        "height": height,
        "data": {"values": [dict(r) for r in rows]},
        **spec,
        "config": config,
    }
    if origin:
        framed["title"] = origin
    return framed
