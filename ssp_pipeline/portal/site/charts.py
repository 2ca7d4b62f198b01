"""Charts of datasets: which rows one shows, as SQL that readers see, and the words around it.

Does not belong here: how it looks (`marks.py`), drawing (`ssp_pipeline/web/draw.py`).

Several rows that fall on one point are added up, or averaged when their unit is a rate (`Rp/kg`, `%`, `Rp per satuan`);
the caption says which. A sum with a missing term is missing: what a suppressed cell leaves of it would be taken for the
whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from ssp_pipeline.portal.site.marks import DARK, Tile, bars, line, tile_map
from ssp_pipeline.portal.site.rows import Answer, Rows, condition, ident, literal
from ssp_pipeline.portal.site.text import Words
from warehouse.opendata.manifest import Version

MOST_LINES = 6
MOST_BARS = 20
MOST_PERIODS = 180
WHOLE_FROM = 10_000
"""Figures from here on are shown without decimals; their query gives these."""


@dataclass(frozen=True)
class Figure:
    """One number of a chart, with the query that gives it."""

    name: str
    text: str
    sql: str


@dataclass(frozen=True)
class Chart:
    """A chart of one dataset: a specification for each width, the query, words for it, and what its script needs.

    `caption` says how points were made, `summary` what is to be seen. `figures` are all numbers of a map or of bars,
    and the newest ones of lines.
    """

    specs: Mapping[str, dict[str, Any]]
    answer: Answer
    title: str
    caption: str
    summary: str
    figures: Sequence[Figure]
    script: Mapping[str, Any]


def chart_of(version: Version, rows: Rows, tiles: Mapping[str, Tile], words: Words) -> Chart | None:
    """The chart that the dataset's contract asks for; None when it asks for none or there is nothing to draw."""
    wanted = version.grafik
    if not wanted:
        return None
    kind = wanted["jenis"]
    if kind == "garis" and not version.kolom_periode:
        kind = "batang"
    answer = rows.ask(_line_sql(version, rows) if kind == "garis" else _latest_sql(version))
    everything = [_plain(r) for r in answer.records()]
    records = [r for r in everything if r["nilai"] is not None]
    if not records:
        return None
    if kind == "peta" and not any(r["kelompok"] in tiles for r in records):
        kind = "batang"
    unit = _unit(version)
    origin = words.gettext("data tiruan, bukan angka resmi") if version.stand_in else ""
    temporal = isinstance(answer.rows[0][0], date)
    names = {r["kelompok"]: tiles[r["kelompok"]].nama for r in records if r.get("kelompok") in tiles}
    match kind:
        case "garis":
            specs = line(everything, unit, origin, words, temporal=temporal)
        case "peta":
            specs = tile_map(records, unit, origin, words, tiles)
        case _:
            named = [r | {"kelompok": names.get(r["kelompok"], str(r["kelompok"]))} for r in records[:MOST_BARS]]
            specs = bars(named, unit, origin, words)
    point = _point_sql(version, kind)
    newest = records[-1].get("waktu")
    figures = [
        Figure(
            names.get(r.get("kelompok", ""), r.get("kelompok", version.judul)),
            _amount(r, unit, words),
            _filled(point, r, temporal=temporal),
        )
        for r in (records if kind != "batang" else records[:MOST_BARS])
        if r.get("waktu") == newest
    ]
    return Chart(
        specs=specs,
        answer=answer,
        title=wanted["judul"],
        caption=_caption(
            version, _of_groups(version, rows, words) if kind == "garis" else _as_of(version, rows, words), words
        ),
        summary=_when(newest, words) if kind == "garis" else _ends(figures, len(everything) - len(records), words),
        figures=figures,
        script={
            "titik": point,
            "waktu": "date" if temporal else "",
            "kode": {name: code for code, name in names.items()} if kind == "batang" else {},
            "gelap": DARK,
        },
    )


def _line_sql(version: Version, rows: Rows) -> str:
    """Points of the newest periods, of the groups with the most values."""
    chart, table, period = version.grafik or {}, ident(version.dataset), ident(version.kolom_periode or "")
    shown = _where(chart)
    group = chart.get("kelompok")
    terms = [*shown, f"{period} IN (SELECT DISTINCT {period} FROM {table} ORDER BY 1 DESC LIMIT {MOST_PERIODS})"]
    if group:
        name, value = ident(group), ident(chart["nilai"])
        most = rows.ask(
            f"SELECT {name} FROM {table}{_clause(shown)} GROUP BY 1 ORDER BY count({value}) DESC, 1 LIMIT {MOST_LINES}"
        )
        terms.append(f"{name} IN ({', '.join(literal(value) for (value,) in most.rows) or 'NULL'})")
    what = f"{period} AS waktu, {ident(group) + ' AS kelompok, ' if group else ''}{_value(version)} AS nilai"
    return f"SELECT {what}\nFROM {table}{_clause(terms)}\nGROUP BY ALL\nORDER BY ALL"


def _latest_sql(version: Version) -> str:
    """One value a group at the newest period that has one."""
    table = ident(version.dataset)
    terms = _newest(version)
    what = f"{_group(version)} AS kelompok, {_value(version)} AS nilai"
    return f"SELECT {what}\nFROM {table}{_clause(terms)}\nGROUP BY ALL\nORDER BY nilai DESC NULLS LAST, kelompok"


def _point_sql(version: Version, kind: str) -> str:
    """The query of one point, with {waktu} and {kelompok} where the script of the page puts the point's own."""
    chart, table = version.grafik or {}, ident(version.dataset)
    terms = _where(chart) if kind == "garis" else _newest(version)
    if kind == "garis":
        terms.append(f"{ident(version.kolom_periode or '')} = {{waktu}}")
    if kind != "garis" or chart.get("kelompok"):
        terms.append(f"{_group(version)} = {{kelompok}}")
    return f"SELECT {_value(version)} AS nilai\nFROM {table}{_clause(terms)}"


def _newest(version: Version) -> list[str]:
    chart, terms = version.grafik or {}, _where(version.grafik or {})
    if version.kolom_periode:
        period = ident(version.kolom_periode)
        filled = [*terms, f"{ident(chart['nilai'])} IS NOT NULL"]
        inner = " AND ".join(filled)
        terms = [*terms, f"{period} = (SELECT max({period}) FROM {ident(version.dataset)} WHERE {inner})"]
    return terms


def _where(chart: Mapping[str, Any]) -> list[str]:
    return [condition({k: v}) for k, v in (chart.get("saring") or {}).items()]


def _clause(terms: Sequence[str]) -> str:
    return "\nWHERE " + "\n  AND ".join(terms) if terms else ""


def _group(version: Version) -> str:
    return ident((version.grafik or {}).get("kelompok") or version.kolom_wilayah or version.kunci[0])


def _value(version: Version) -> str:
    column = ident((version.grafik or {})["nilai"])
    if _aggregate(version) == "avg":
        return f"avg({column})"
    return f"CASE WHEN count({column}) = count(*) THEN sum({column}) END"


def _unit(version: Version) -> str:
    return next((c.satuan or "" for c in version.kolom if c.nama == (version.grafik or {})["nilai"]), "")


def _aggregate(version: Version) -> str:
    """`sum` or `avg`, also where each point is one row: queries then have one form."""
    unit = f" {_unit(version).lower()} "
    return "avg" if any(mark in unit for mark in ("/", "%", " persen ", " per ")) else "sum"


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as JSON holds it: numbers as floats, times as ISO text."""
    plain: dict[str, Any] = {"nilai": None if record["nilai"] is None else float(record["nilai"])}
    if "waktu" in record:
        when = record["waktu"]
        plain["waktu"] = when.isoformat() if isinstance(when, date) else when
    if "kelompok" in record:
        plain["kelompok"] = str(record["kelompok"])
    return plain


def _of_groups(version: Version, rows: Rows, words: Words) -> str:
    """How many groups there are, where lines show only some of them."""
    chart = version.grafik or {}
    group = chart.get("kelompok")
    if not group:
        return ""
    count = f"SELECT count(DISTINCT {ident(group)}) FROM {ident(version.dataset)}{_clause(_where(chart))}"
    ((groups,),) = rows.ask(count).rows
    if groups <= MOST_LINES:
        return ""
    told = words.gettext("{jumlah} dari {semua} kelompok")
    return told.format(jumlah=MOST_LINES, semua=words.number(groups))


def _as_of(version: Version, rows: Rows, words: Words) -> str:
    """The period that a map or bars show."""
    if not version.kolom_periode:
        return ""
    period, table = ident(version.kolom_periode), ident(version.dataset)
    ((newest,),) = rows.ask(f"SELECT max({period}) FROM {table}{_clause(_newest(version))}").rows
    return words.day(newest) if isinstance(newest, date) else str(newest)


def _caption(version: Version, shown: str, words: Words) -> str:
    """How the points were made, unit, choice and source, in one line."""
    way = words.gettext("Rata-rata") if _aggregate(version) == "avg" else words.gettext("Jumlah")
    chosen = [str(v) for v in ((version.grafik or {}).get("saring") or {}).values()]
    source = words.gettext("Sumber: {nama}").format(nama=version.produsen)
    return " · ".join(part for part in (f"{way}, {_unit(version)}".rstrip(", "), *chosen, shown, source) if part)


def _ends(figures: Sequence[Figure], missing: int, words: Words) -> str:
    high, low = (f"{figure.name} {figure.text}" for figure in (figures[0], figures[-1]))
    told = words.gettext("Tertinggi: {tinggi}. Terendah: {rendah}.").format(tinggi=high, rendah=low)
    if len(figures) == 1:
        told = f"{high}."
    if missing:
        left_out = words.gettext("{jumlah} tidak ditampilkan, karena ada sel yang kosong atau ditekan.")
        told = f"{told} {left_out.format(jumlah=words.number(missing))}"
    return told


def _amount(record: Mapping[str, Any], unit: str, words: Words) -> str:
    whole = abs(record["nilai"]) >= WHOLE_FROM
    shown = words.number(round(record["nilai"], 0 if whole else 2))
    return f"Rp{shown}{unit[2:]}" if unit.startswith("Rp") else f"{shown} {unit}".strip()


def _filled(sql: str, record: Mapping[str, Any], *, temporal: bool) -> str:
    when = record.get("waktu")
    written = literal(date.fromisoformat(str(when)[:10]) if temporal else when)
    return sql.replace("{waktu}", written).replace("{kelompok}", literal(record.get("kelompok")))


def _when(value: Any, words: Words) -> str:
    try:
        shown = words.day(date.fromisoformat(str(value)[:10]))
    except ValueError:
        shown = str(value)
    return words.gettext("Angka terbaru: {waktu}.").format(waktu=shown)
