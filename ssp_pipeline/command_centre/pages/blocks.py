"""One view as a part of a page: its figures as a table, where they come from, and the data of its chart.

Belongs here: what is read of the snapshot for a view. Does not belong here: filters (`choices.py`), HTML
(`templates/`), rows of datasets (`rows.py`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

import orjson

from assets.report.charts import Chart, with_data
from ssp_pipeline.command_centre.pages.choices import Choice, label_of, table_of
from ssp_pipeline.command_centre.pages.reader import Version
from ssp_pipeline.command_centre.pages.views import View
from warehouse.duck import ident

SHOWN_ROWS = 10
MOST_POINTS = 20_000
"""Rows that a chart draws at most."""
_UNSHOWN = ("dataset", "partisi", "asal_data")
_NUMBERS = ("DECIMAL", "BIGINT", "INTEGER", "DOUBLE", "FLOAT", "HUGEINT", "SMALLINT", "TINYINT", "UBIGINT")
_SCALE = re.compile(r"DECIMAL\(\d+,\s*(\d+)\)")
_SHORT_UNITS = {"persen": "%", "Rp per satuan": "Rp", "derajat": "°", "m3": "m³"}

MayRead = Callable[[str], bool]
"""Whether the reader may see rows of a dataset."""


@dataclass(frozen=True)
class Column:
    """A column of a table: label and unit as people read them, its description, and whether it holds figures.

    `decimals` is how many each figure is given, so that they stand in line; None: as many as each has.
    """

    name: str
    label: str
    unit: str
    description: str
    numeric: bool
    decimals: int | None


@dataclass(frozen=True)
class Row:
    """A row of a table. `behind` leads to the rows behind it, "" where there are none to be seen."""

    cells: tuple[Any, ...]
    behind: str


@dataclass(frozen=True)
class Source:
    """A dataset that a view shows: `per` is the as-of date of what is shown, `late` whether newer data was promised.

    `complete` is the share of promised partitions that are there, in percent; None where nothing was promised yet.
    """

    dataset: str
    title: str
    agency: str
    per: date | None
    complete: float | None
    late: bool
    promised: str
    newest: str
    origins: tuple[str, ...]
    behind: str


@dataclass(frozen=True)
class Block:
    """A view on a page."""

    view: View
    choice: Choice
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    total: int
    sources: tuple[Source, ...]
    chart: str
    everything: str
    others: tuple[tuple[str, str], ...] = ()
    """What the address says of other views, which a changed filter keeps."""

    @property
    def linked(self) -> bool:
        """Whether a row leads to the rows behind it."""
        return any(r.behind for r in self.rows)

    @property
    def broad(self) -> bool:
        """Whether it needs the whole width of a large screen."""
        if self.view.chart is None:
            return True
        spec = self.view.chart.spec
        return not {"facet", "hconcat"}.isdisjoint(spec) or isinstance(spec.get("width"), dict)

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins of rows that no agency's system gave."""
        return tuple(sorted({o for s in self.sources for o in s.origins} - {"resmi"}))

    @property
    def per(self) -> date | None:
        """The newest as-of date of what is shown."""
        return max((s.per for s in self.sources if s.per), default=None)


def make_block(
    version: Version,
    view: View,
    choice: Choice,
    may_read: MayRead,
    *,
    most: int = SHOWN_ROWS,
    given: Mapping[str, str] | None = None,
) -> Block:
    """Read what a page shows of a view. `given` are the parameters of the page. Raises duckdb.Error."""
    if not columns_of(version, view.model.table):
        return Block(view, Choice(), (), (), 0, (), "", "")
    where, bound = choice.condition
    table = table_of(view)
    [counted] = version.records(f"SELECT count(*) AS n FROM {table} {where}", bound)
    columns = _columns(version, view, choice)
    found = version.records(f"SELECT * FROM {table} {where} {_order(view)} LIMIT {most}", bound)
    rows = tuple(Row(tuple(r[c.name] for c in columns), behind_row(version, view, r, may_read)) for r in found)
    query = urlencode(address_of(view, choice))
    return Block(
        view, choice, columns, rows, counted["n"], _sources(version, view, where, bound, may_read),
        f"/bagan/{view.name}.json?{query}" if view.chart else "",
        f"/baris/{view.model.table}?{urlencode(_columns_chosen(choice))}",
        tuple((k, v) for k, v in (given or {}).items() if "." in k and not k.startswith(f"{view.name}.")),
    )  # fmt: skip


@dataclass(frozen=True)
class Placed:
    """A block in its place: over the whole width or beside another one, its table open or folded."""

    block: Block
    wide: bool
    first: bool


def placed(blocks: Sequence[Block]) -> list[Placed]:
    """Blocks in order, the first chart with its figures, two narrow ones that follow each other side by side."""
    found: list[Placed] = []
    waiting = False
    for number, block in enumerate(blocks):
        follower = blocks[number + 1] if number + 1 < len(blocks) else None
        paired = waiting or (follower is not None and not follower.broad)
        wide = block.broad or number == 0 or not paired
        waiting = not wide and not waiting
        found.append(Placed(block, wide, number == 0))
    return found


def address_of(view: View, choice: Choice) -> list[tuple[str, str]]:
    """The choice as parameters of an address."""
    pairs = [(f"{view.name}.{c}", str(v)) for c, v in choice.values.items() if v is not None]
    if choice.span:
        pairs += [(f"{view.name}.dari", str(choice.span.first)), (f"{view.name}.sampai", str(choice.span.last))]
    return pairs


def _columns_chosen(choice: Choice) -> list[tuple[str, str]]:
    return [(c, str(v)) for c, v in choice.values.items() if v is not None]


def chart_spec(version: Version, view: View, choice: Choice) -> dict[str, Any]:
    """The specification of a view's chart with the rows that were chosen. Raises LookupError for a view without one.

    The print draws the same specification over all rows; here rows that its filters leave out and columns that it
    does not name stay at home.
    """
    if view.chart is None:
        raise LookupError(f"{view.name} has no chart")
    where, bound = choice.condition
    names = ", ".join(ident(c) for c in drawn_columns(view.chart))
    rows = version.rows(f"SELECT {names} FROM {table_of(view)} {where} LIMIT {MOST_POINTS}", bound)
    return with_data(view.chart, rows, {c: _json(v) for c, v in choice.values.items()})


def drawn_columns(chart: Chart) -> list[str]:
    """Columns that a specification names, and the origin."""
    words = set(re.findall(r"\w+", orjson.dumps(chart.spec).decode()))
    return [c for c in chart.head.columns if c in words or c == "asal_data"]


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def behind_row(version: Version, view: View, row: Mapping[str, Any], may_read: MayRead) -> str:
    """Address of the rows of the dataset that a row was made from."""
    dataset, partition = row.get("dataset"), row.get("partisi")
    if not dataset or not may_read(dataset):
        return ""
    there = columns_of(version, source_table(dataset))
    agreed = [(c, row[own]) for c, own in view.head.baris.items() if c in there and row[own] is not None]
    return behind(dataset, partition, [(c, str(v)) for c, v in agreed])


def behind(dataset: str, partition: str | None, agreed: Sequence[tuple[str, str]] = ()) -> str:
    """Address of rows of a dataset: of one partition, and such that agree in some columns."""
    query = [("partisi", partition)] if partition else []
    return f"/baris/{dataset}?{urlencode([*query, *agreed])}"


def source_table(dataset: str) -> str:
    """Name of a dataset's table in the snapshot."""
    agency, _, name = dataset.partition(".")
    return f"source.{agency}__{name}"


def columns_of(version: Version, table: str) -> dict[str, dict[str, Any]]:
    """Columns of a table that are given out, with `tipe`, `satuan` and `keterangan`; empty for an unknown table."""
    schema, _, name = table.partition(".")
    found = version.records(
        "SELECT kolom, tipe, satuan, keterangan FROM cuplikan.kolom WHERE skema = ? AND tabel = ? ORDER BY urutan",
        [schema, name],
    )
    return {r["kolom"]: r for r in found}


def column_of(name: str, facts: Mapping[str, Any], *, exact: bool = False) -> Column:
    """How a column is shown, from what the snapshot says of it. `exact`: with all decimals of its type."""
    unit = str(facts["satuan"] or "")
    sql_type = str(facts["tipe"])
    numeric = sql_type.startswith(_NUMBERS) and not name.startswith(("id_", "tahun", "no_"))
    found = _SCALE.fullmatch(sql_type)
    scale = int(found[1]) if found else None
    decimals = scale if exact else _few(scale, unit)
    return Column(name, label_of(name), _SHORT_UNITS.get(unit, unit), str(facts["keterangan"] or ""), numeric, decimals)


def _few(scale: int | None, unit: str) -> int:
    """Decimals of figures that are to be taken in at a glance. `scale` is how many their type keeps, None: any."""
    if unit.startswith("Rp"):
        return 0
    if unit == "persen":
        return 1
    return 2 if scale is None else min(scale, 2)


def _columns(version: Version, view: View, choice: Choice) -> tuple[Column, ...]:
    there = columns_of(version, view.model.table)
    names = view.head.tampil or tuple(c for c in there if c not in _UNSHOWN and c != view.head.per)
    settled = {c for c, v in choice.values.items() if v is not None and len(names) > 2}
    return tuple(column_of(n, there[n]) for n in names if n in there and n not in settled)


def _order(view: View) -> str:
    terms = []
    for name in view.head.susun:
        column = ident(name.lstrip("-~"))
        terms.append(f"abs({column}) DESC" if name[0] == "~" else f"{column} {'DESC' if name[0] == '-' else 'ASC'}")
    if not terms and view.head.per:
        terms = [f"{ident(view.head.per)} DESC"]
    return f"ORDER BY {', '.join(f'{t} NULLS LAST' for t in terms)}" if terms else ""


def _sources(version: Version, view: View, where: str, bound: Sequence[Any], may_read: MayRead) -> tuple[Source, ...]:
    if "dataset" not in view.head.columns or view.head.per is None:
        return ()
    partition = "max(partisi)" if "partisi" in view.head.columns else "NULL"
    found = version.records(
        f"SELECT dataset, max({ident(view.head.per)}) AS per, {partition} AS partisi, "
        f"list(DISTINCT asal_data) AS asal FROM {table_of(view)} {where} GROUP BY dataset ORDER BY dataset",
        bound,
    )
    known = quality(version)
    return tuple(
        source_of(known, r["dataset"], r["per"], r["partisi"], r["asal"], may_read) for r in found if r["dataset"]
    )


def source_of(
    known: Mapping[str, Mapping[str, Any]],
    dataset: str,
    per: date | None,
    partition: str | None,
    origins: Sequence[str | None],
    may_read: MayRead,
) -> Source:
    """What is to be said of a dataset beside a figure. `known` comes from `quality`."""
    said = known.get(dataset, {})
    complete = said.get("lengkap")
    return Source(
        dataset, str(said.get("judul") or dataset), str(said.get("nama") or dataset.partition(".")[0]), per,
        None if complete is None else float(complete), bool(said.get("terlambat")), str(said.get("diharapkan") or ""),
        str(said.get("terbaru") or ""), tuple(sorted(o for o in origins if o)),
        behind(dataset, partition) if may_read(dataset) else "",
    )  # fmt: skip


def quality(version: Version) -> dict[str, dict[str, Any]]:
    """The report card of each dataset; empty in a snapshot that has none."""
    if not columns_of(version, "dashboard.kualitas_dataset"):
        return {}
    return {r["dataset"]: r for r in version.records("SELECT * FROM dashboard.kualitas_dataset")}
