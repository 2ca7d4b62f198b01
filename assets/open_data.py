"""One Dagster asset for each open dataset, and `rilis`, which makes a release of all that is published.

Belongs here: dependencies, columns, lineage and outcomes for Dagster. Does not belong here: what may leave and what a
version is (`warehouse/opendata/`), pages of a release, which come as a callable.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

from assets.models import NOTED, asset_key, column_deps
from assets.sources import OpenWorkspace
from assets.workspace import Workspace
from connectors.contract import Contract
from connectors.registry import Registry
from warehouse.modelling import Model
from warehouse.opendata.contract import OpenContract, find_open_contracts
from warehouse.opendata.decisions import Decisions
from warehouse.opendata.describe import Publisher
from warehouse.opendata.query import open_query

GROUP = "terbuka"
CHECK = "layak_terbit"
PUBLIC, PRIVATE = "terbuka", "walidata"
"""Folders below the home: what any web server may serve, and decisions, which name people."""

RELEASE = "rilis"
"""Name of the asset that makes a release, and of its outcome."""

Site = Callable[..., None]
"""Writes the pages of a release, see `warehouse.opendata.release.Site`."""


@dataclass(frozen=True)
class Publishing:
    """How this installation publishes. `site`: makes the pages of a release; None: there are none."""

    publisher: Publisher = field(default_factory=Publisher)
    site: Site | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of one dataset; `rilis` is the number of a new release, in the outcome of `rilis` alone."""

    dataset: str
    status: str
    versi: int | None = None
    baris: int = 0
    alasan: str = ""
    asal: tuple[str, ...] = ()
    menunggu: tuple[str, ...] = ()
    rilis: int | None = None

    def row(self) -> dict[str, Any]:
        """As a line of a table."""
        named = ("dataset", "status", "versi", "baris", "alasan", "asal", "menunggu")
        return {name: getattr(self, name) for name in named}

    @property
    def ok(self) -> bool:
        """False when rows broke a promise or publishing failed; what waits for a person or stays closed is no fault."""
        return self.status not in ("ditahan", "gagal")


def publish(workspace: Workspace, contract: OpenContract, publishing: Publishing) -> Outcome:
    """Publish one dataset. A fault of it is an outcome, so that the others are released all the same."""
    import duckdb

    from warehouse.opendata.gate import OpenDataError
    from warehouse.opendata.metadata.datapackage import PackageError
    from warehouse.opendata.publish import publish_dataset

    inputs = open_query(contract).inputs
    for source in workspace.registry.contracts:
        if f"source.{source.table}" in inputs:
            workspace.lake.ensure_source(source)
    try:
        done = publish_dataset(
            workspace.lake.con,
            contract,
            workspace.registry.agencies[contract.agency],
            workspace.home / PUBLIC,
            Decisions(workspace.home / PRIVATE),
            workspace.today,
            publishing.publisher,
        )
    except (duckdb.Error, OpenDataError, PackageError) as error:
        return Outcome(contract.name, "gagal", alasan=" ".join(str(error).split()))
    return Outcome(done.dataset, done.status, done.versi, done.baris, done.alasan, done.asal, done.menunggu)


def release(workspace: Workspace, contracts: Sequence[OpenContract], publishing: Publishing) -> Outcome:
    """Make a release of all standing versions if there is something new, and carry out withdrawals."""
    from warehouse.opendata.release import publish_release

    number = publish_release(
        workspace.home / PUBLIC,
        contracts,
        workspace.registry.agencies,
        Decisions(workspace.home / PRIVATE),
        publishing.publisher,
        workspace.today,
        publishing.site,
    )
    return Outcome(RELEASE, "terbit" if number else "tidak_berubah", rilis=number)


def open_data_assets(
    registry: Registry,
    models: Mapping[str, Model],
    contracts: Mapping[str, Contract],
    open_workspace: OpenWorkspace,
    publishing: Publishing,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> list[dg.AssetsDefinition]:
    """Assets of all open datasets and of the release. `models` and `contracts` are keyed by table."""
    found = find_open_contracts(registry.roots)
    if not found:
        return []
    made = [_dataset_asset(c, models, contracts, open_workspace, publishing, on_outcome) for c in found]
    return [*made, _release_asset(found, open_workspace, publishing, on_outcome)]


def _dataset_asset(
    contract: OpenContract,
    models: Mapping[str, Model],
    contracts: Mapping[str, Contract],
    open_workspace: OpenWorkspace,
    publishing: Publishing,
    on_outcome: Callable[[Outcome], None] | None,
) -> dg.AssetsDefinition:
    query = open_query(contract)
    key = dg.AssetKey([GROUP, contract.name])
    inputs = [t for t in sorted(query.inputs) if t in models or t in contracts or t in NOTED]
    lineage = cache(lambda: column_deps(query, models, contracts))

    @dg.asset(
        key=key,
        deps=[asset_key(t) for t in inputs],
        group_name=GROUP,
        description=f"{contract.title}. {contract.description}\n\nButiran: {contract.granularity}",
        kinds={"parquet", "csv"},
        owners=["team:walidata"],
        code_version=query.digest,
        metadata=_metadata(contract),
        check_specs=[
            dg.AssetCheckSpec(
                CHECK, asset=key, description="Baris memenuhi kontraknya dan tidak memuat data pribadi atau sel kecil"
            )
        ],
    )
    def terbuka(context: dg.AssetExecutionContext) -> Iterator[Any]:
        done = publish(open_workspace(), contract, publishing)
        if on_outcome:
            on_outcome(done)
        if done.alasan and done.status != "terbit":
            context.log.warning("%s: %s: %s", done.dataset, done.status, done.alasan)
        waiting = done.status == "menunggu_persetujuan"
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=CHECK,
            passed=done.ok and not waiting,
            severity=dg.AssetCheckSeverity.WARN if waiting else dg.AssetCheckSeverity.ERROR,
            metadata={"status": done.status, "alasan": done.alasan},
        )
        yield dg.MaterializeResult(
            metadata={
                "status": done.status,
                "versi": done.versi or "belum ada",
                "baru": done.status == "terbit",
                "dagster/row_count": done.baris,
                "dagster/column_lineage": lineage(),
                "asal": ", ".join(done.asal),
                "alasan": done.alasan,
            }
        )

    return terbuka


def _metadata(contract: OpenContract) -> dict[str, Any]:
    columns = [
        dg.TableColumn(c.name, c.sql_type, description=c.description, tags={"satuan": c.ext.satuan or ""})
        for c in contract.public
    ]
    return {
        "dagster/column_schema": dg.TableSchema(columns),
        "lisensi": contract.ext.lisensi or "belum ada",
        "dasar_publikasi": contract.ext.dasar_publikasi or "belum ada",
        "asal_terbit": ", ".join(contract.ext.asal_terbit) or "belum ada",
        "irama": contract.ext.irama,
    }


def _release_asset(
    contracts: Sequence[OpenContract],
    open_workspace: OpenWorkspace,
    publishing: Publishing,
    on_outcome: Callable[[Outcome], None] | None,
) -> dg.AssetsDefinition:
    @dg.asset(
        key=dg.AssetKey([GROUP, RELEASE]),
        deps=[dg.AssetKey([GROUP, c.name]) for c in contracts],
        group_name=GROUP,
        description="Rilis semua data terbuka: daftar, katalog DuckLake, metadata dan halaman, lalu penunjuknya.",
        kinds={"duckdb", "html"},
        owners=["team:walidata"],
    )
    def rilis(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        workspace = open_workspace()
        done = release(workspace, contracts, publishing)
        if on_outcome:
            on_outcome(done)
        return dg.MaterializeResult(
            metadata={
                "rilis": done.rilis or "tidak ada yang baru",
                "baru": done.rilis is not None,
                "folder": dg.MetadataValue.path(str(_root(workspace))),
            }
        )

    return rilis


def _root(workspace: Workspace) -> Path:
    return workspace.home / PUBLIC
