"""What a reader chose of a view: values of its filters and a range of dates, taken from the address.

The parameters of a view are named `<view>.<column>`, `<view>.dari` and `<view>.sampai`, so that several views of one
page keep their own. A filter that the specification leaves open means all rows for a text, and the latest for a date or
a year, as the specification itself says.

Belongs here: which choices there are and which one holds. Does not belong here: the rows (`blocks.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from ssp_pipeline.command_centre.pages.reader import Version
from ssp_pipeline.command_centre.pages.views import View
from warehouse.duck import ident

ALL = ""
"""Value of a select box that chooses all rows."""
MOST_OPTIONS = 400
RANGE_DAYS = 366
"""Days of a long series that are shown when no dates were chosen."""
_NAMED_BY = {
    "kode_sumber": ("barang",),
    "kode_bps": ("wilayah", "kabkota", "cabang", "upt"),
    "kode_opd": ("opd",),
    "kode_upt": ("upt",),
    "kode_cabang": ("cabang",),
    "id_kamera": ("kamera",),
}
"""Columns that say in words what a code means, where a view has them."""

_LABELS = {
    "opd": "OPD",
    "upt": "UPT",
    "ipa": "IPA",
    "drd": "DRD",
    "id_kamera": "No. kamera",
    "id_usulan": "No. usulan",
    "kode_bps": "Wilayah",
    "kode_sumber": "Barang",
    "dari": "Pembanding",
    "nama_dari": "Arti pembanding",
    "kekeruhan_ntu": "Kekeruhan",
    "produksi_m3": "Produksi",
    "air_baku_m3": "Air baku",
    "air_terjual_m3": "Air terjual",
    "uptime": "Ketersediaan",
    "uptime_7_hari": "Ketersediaan 7 hari",
    "uptime_persen": "Ketersediaan",
}
"""Labels of columns whose name alone would not say it."""


@dataclass(frozen=True)
class Option:
    """A value of a select box as the address has it, and what it is in words (a date stays one)."""

    value: str
    label: str | date
    chosen: bool


@dataclass(frozen=True)
class Field:
    """A select box: the parameter's name, the column, and what can be chosen. `open`: all rows can be chosen too."""

    name: str
    column: str
    options: tuple[Option, ...]
    open: bool

    @property
    def label(self) -> str:
        return label_of(self.column)


@dataclass(frozen=True)
class Span:
    """Two boxes for dates: the column, what is shown, and the first and last date that there are."""

    column: str
    first: date
    last: date
    earliest: date
    latest: date


@dataclass(frozen=True)
class Choice:
    """What holds: values by column (None: all rows), dates, and the boxes that say so."""

    values: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[Field, ...] = ()
    span: Span | None = None

    @property
    def condition(self) -> tuple[str, list[Any]]:
        """`WHERE …` with its values; empty when all rows are wanted."""
        terms = [(f"{ident(c)} = ?", v) for c, v in self.values.items() if v is not None]
        if self.span:
            terms += [(f"{ident(self.span.column)} >= ?", self.span.first)]
            terms += [(f"{ident(self.span.column)} <= ?", self.span.last)]
        where = " AND ".join(t for t, _ in terms)
        return (f"WHERE {where}" if where else "", [v for _, v in terms])


def label_of(column: str) -> str:
    """A column's name as people read it."""
    return _LABELS.get(column) or column.lstrip("_").replace("_", " ").capitalize()


def choose(version: Version, view: View, given: Mapping[str, str]) -> Choice:
    """What the address says, held to what there is. A value that does not exist is taken as not chosen."""
    values: dict[str, Any] = {}
    fields: list[Field] = []
    if not version.records("SELECT 1 FROM cuplikan.info WHERE skema || '.' || tabel = ?", [view.model.table]):
        return Choice()  # a view that is newer than this version of the snapshot
    for column, default in (view.chart.filters if view.chart else {}).items():
        boxed, values[column] = _field(version, view, column, default, values, given.get(f"{view.name}.{column}"))
        fields.append(boxed)
    return Choice(values, tuple(fields), _span(version, view, values, given))


def table_of(view: View) -> str:
    """The view's quoted name in the snapshot."""
    schema, _, name = view.model.table.partition(".")
    return f"{ident(schema)}.{ident(name)}"


def _field(
    version: Version, view: View, column: str, default: Any, before: Mapping[str, Any], said: str | None
) -> tuple[Field, Any]:
    where, bound = Choice(before).condition
    name = next((n for n in _NAMED_BY.get(column, ()) if n in view.head.columns), column)
    found = version.records(
        f"SELECT {ident(column)} AS nilai, any_value({ident(name)}) AS nama FROM {table_of(view)} {where} "
        f"GROUP BY ALL HAVING nilai IS NOT NULL ORDER BY nama, nilai LIMIT {MOST_OPTIONS}",
        bound,
    )
    by_text = {str(r["nilai"]): r["nilai"] for r in found}
    is_text = all(isinstance(v, str) for v in by_text.values())
    if default is None and is_text:
        fallback = None
    elif default is None:
        fallback = max(by_text.values(), default=None)
    else:
        fallback = by_text.get(str(default), next(iter(by_text.values()), default))
    chosen = by_text.get(said or "", fallback)
    is_open = default is None and is_text
    options = tuple(
        Option(text, r["nama"] if isinstance(r["nama"], date) else str(r["nama"]), r["nilai"] == chosen)
        for text, r in zip(by_text, found, strict=True)
    )
    return Field(f"{view.name}.{column}", column, options, is_open), chosen


def _span(version: Version, view: View, values: Mapping[str, Any], given: Mapping[str, str]) -> Span | None:
    """The dates of a series that is kept day by day; None for other views."""
    column = view.head.partition
    if column is None or view.head.partition_grain != "harian" or column in values:
        return None
    where, bound = Choice(values).condition
    [ends] = version.records(
        f"SELECT min({ident(column)}) AS awal, max({ident(column)}) AS akhir FROM {table_of(view)} {where}", bound
    )
    if ends["awal"] is None:
        return None
    last = _date(given.get(f"{view.name}.sampai")) or ends["akhir"]
    # Of a date long gone no year can be taken off.
    since = last - timedelta(days=RANGE_DAYS - 1) if last > ends["awal"] else last
    first = _date(given.get(f"{view.name}.dari")) or max(ends["awal"], since)
    return Span(column, first, last, ends["awal"], ends["akhir"])


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
