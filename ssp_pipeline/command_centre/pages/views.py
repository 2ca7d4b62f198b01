"""The views that pages show, found in the agencies' folders and beside the shared models.

A new agency's view appears on the page that its head names, with nothing else to be edited. Belongs here: which views
there are, of whom, and their order. Does not belong here: their rows (`blocks.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.report.charts import SHARED_VIEWS, Chart, find_charts
from connectors.contract import Contract
from warehouse.modelling import Model, ViewHead, agencies_of, find_models

FIRST_PAGE = "ikhtisar"
QUALITY_PAGE = "kualitas"


@dataclass(frozen=True)
class View:
    """A view with its head and, if it has one, its chart.

    `agencies` are those whose data it is made from; lists to look things up in are nobody's page.
    """

    model: Model
    head: ViewHead
    chart: Chart | None
    agencies: frozenset[str]

    @property
    def name(self) -> str:
        return self.model.table.removeprefix("dashboard.")

    @property
    def title(self) -> str:
        return self.chart.title if self.chart else self.head.judul

    @property
    def subtitle(self) -> str:
        """What the specification says under its title."""
        said = self.chart.spec["title"].get("subtitle", "") if self.chart else ""
        return said if isinstance(said, str) else " ".join(said)


def find_views(roots: Sequence[Path], contracts: Sequence[Contract]) -> dict[str, View]:
    """All views that a page shows, by name, in the order of their pages. Raises ModelError."""
    models = {m.table: m for m in find_models(roots, SHARED_VIEWS.parent)}
    charts = {c.name: c for c in find_charts(roots, SHARED_VIEWS)}
    agency = {f"source.{c.table}": c.agency for c in contracts if c.ext.mode != "acuan"}
    found = [
        View(m, m.head, charts.get(m.table.removeprefix("dashboard.")), agencies_of(m, models, agency))
        for m in models.values()
        if isinstance(m.head, ViewHead) and m.head.halaman
    ]
    return {v.name: v for v in sorted(found, key=lambda v: (v.head.urutan, v.name))}


def pages_of(views: Mapping[str, View]) -> dict[str, list[View]]:
    """Views by page."""
    pages: dict[str, list[View]] = {}
    for view in views.values():
        pages.setdefault(str(view.head.halaman), []).append(view)
    return pages
