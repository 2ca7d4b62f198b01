"""The shipped open datasets over a real, small warehouse, selected and published by the real engine.

Belongs here: more days of some datasets, so that closed weeks and months are there, and reading what was published.
Does not belong here: assertions.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from assets.workspace import Workspace
from connectors.registry import Registry
from ssp_pipeline import app
from tests.support.workspace import TODAY, Small, pull
from warehouse.build import Builder
from warehouse.modelling import Model, column_lineage, find_models
from warehouse.opendata.contract import OpenContract, find_open_contracts
from warehouse.opendata.decisions import Decisions
from warehouse.opendata.describe import Publisher
from warehouse.opendata.manifest import Version, read_version
from warehouse.opendata.publish import Published, publish_dataset
from warehouse.opendata.query import open_query

MORE = {
    "samsat.pembayaran_pkb": (date(2026, 10, 31), date(2026, 10, 31)),
    "pihps.harga_pangan_wilayah": (date(2026, 11, 5), date(2026, 11, 13)),
    "sp2kp.harga_pangan_kabkota": (date(2026, 11, 5), date(2026, 11, 13)),
}
"""Days beyond those of the small warehouse: the end of a month that is closed, and parts of two closed weeks."""

Leaves = Mapping[str, frozenset[tuple[str, str]]]


class Opened:
    """A workspace with the shipped open datasets published from it, under demonstration's approvals."""

    def __init__(self, workspace: Workspace, root: Path):
        self.workspace, self.root = workspace, root
        self.contracts = {c.name: c for c in find_open_contracts(workspace.registry.roots)}
        self._known: dict[str, Leaves] = {}
        self.decisions = Decisions(root.parent / "walidata")
        self.done: dict[str, Published] = {name: self.publish(name) for name in self.contracts}

    @property
    def con(self) -> duckdb.DuckDBPyConnection:
        return self.workspace.lake.con

    def publish(self, name: str) -> Published:
        contract = self.contracts[name]
        agency = self.workspace.registry.agencies[contract.agency]
        publisher = Publisher(demo=True)
        return publish_dataset(self.con, contract, agency, self.root, self.decisions, TODAY, publisher)

    def version(self, name: str) -> Version:
        """The newest version that was published first."""
        return read_version(self.root, name, self.done[name].versi or 0)

    def rows(self, name: str) -> pl.DataFrame:
        """What readers get of a dataset."""
        return pl.read_parquet([self.root / part.path for part in self.version(name).bagian])

    def value(self, sql: str) -> Any:
        """One value out of the lake; tables are named without the catalogue."""
        row = self.con.execute(sql).fetchone()
        assert row is not None
        return row[0]

    @cached_property
    def _shapes(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for schema, table, column, kind in self.con.execute(
            "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = 'lake'"
        ).fetchall():
            found.setdefault(f"{schema}.{table}", {})[column] = kind
        return found

    @cached_property
    def _models(self) -> dict[str, Model]:
        return {m.table: m for m in find_models(self.workspace.registry.roots, self.workspace.shared_models)}

    def leaves(self, contract: OpenContract) -> Leaves:
        """Column of an open dataset → the source columns that it is made from, through all models between."""
        return self._followed(open_query(contract))

    def _followed(self, model: Model) -> Leaves:
        if model.table not in self._known:
            read = column_lineage(model, {t: self._shapes[t] for t in model.inputs})
            self._known[model.table] = {
                column: frozenset().union(
                    *(self._followed(self._models[t])[c] if t in self._models else {(t, c)} for t, c in found)
                )
                for column, found in read.items()
            }
        return self._known[model.table]


@contextmanager
def opened(small: Small, folder: Path) -> Iterator[Opened]:
    """A copy of the small warehouse with more days, and its open datasets published below `folder`."""
    copy = small.copy(folder / "rumah")
    with app.stand_ins(copy.settings, days=35) as url, copy.open(sandbox_url=url) as workspace:
        registry: Registry = workspace.registry
        outcomes = [o for d, days in MORE.items() for o in pull(workspace, [registry.contract(d)], *days)]
        bad = [(o.dataset, o.partisi, o.status, o.rincian) for o in outcomes if not o.ok]
        assert not bad, bad
        builder = Builder(workspace.lake, registry.contracts, workspace.run_id)
        for model in find_models(registry.roots, workspace.shared_models):
            builder.build(model)
        workspace.lake.con.execute("USE lake")
        yield Opened(workspace, folder / "terbuka")
