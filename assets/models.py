"""One Dagster asset for each model, and those for the analysts' snapshot and for maintenance.

Belongs here: dependencies and metadata for Dagster. Does not belong here: building (`warehouse/build.py`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import dagster as dg
import duckdb

from assets.sources import OpenWorkspace
from assets.workspace import Workspace
from connectors.contract import Contract
from connectors.contract.model import LINEAGE_COLUMNS
from warehouse import ops
from warehouse.build import Builder, Built
from warehouse.duck import qualified
from warehouse.modelling import Model, ModelError, column_lineage

POOL = "lake_penulis"
"""One writer of the lake at a time."""

NOTED = ("ops.harapan", "ops.langkah", "ops.peringatan")
"""Tables of `ops` that have an asset of their own: whatever reads them comes after it."""


@dataclass(frozen=True)
class Keep:
    """What maintenance keeps: days of the lake's history, and analysts' snapshots by number and by days."""

    days: int = 90
    snapshots: int = 5
    snapshot_days: int = 7


def asset_key(table: str) -> dg.AssetKey:
    """Asset key of `schema.table`."""
    return dg.AssetKey(table.split("."))


def model_asset(
    model: Model,
    models: Mapping[str, Model],
    contracts: Mapping[str, Contract],
    open_workspace: OpenWorkspace,
    builder: Callable[[Workspace, str], Builder],
    on_built: Callable[[Built], None] | None = None,
) -> dg.AssetsDefinition:
    """The asset of a model. Its dependencies are those that its SQL reads."""
    inputs = [t for t in sorted(model.inputs) if t in models or t in contracts or t in NOTED]
    # Worked out when first built, not when definitions load: all models together take some tenths of a second.
    lineage = cache(lambda: column_deps(model, models, contracts))

    @dg.asset(
        key=asset_key(model.table),
        deps=[asset_key(t) for t in inputs],
        pool=POOL,
        group_name=model.table.split(".")[0],
        description=f"{model.head.description}\n\nButiran: {model.head.grain}",
        kinds={"duckdb", "sql"},
        owners=["team:walidata"],
        code_version=model.digest,
        metadata=_metadata(model),
    )
    def build(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        workspace = open_workspace()
        built = builder(workspace, context.run.run_id).build(model)
        if on_built:
            on_built(built)
        total = workspace.lake.query(f"SELECT count(*) AS n FROM {qualified(model.table)}")["n"][0]
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": int(total),
                "dagster/column_lineage": lineage(),
                "partisi_dibangun": built.rebuilt,
                "partisi_berubah": built.changed,
                "baris_ditulis": built.rows,
            }
        )

    return build


def views_asset(
    views: Sequence[Model],
    models: Mapping[str, Model],
    contracts: Mapping[str, Contract],
    open_workspace: OpenWorkspace,
    builder: Callable[[Workspace, str], Builder],
    on_built: Callable[[Built], None] | None = None,
) -> dg.AssetsDefinition:
    """The assets of dashboard views, each with its dependencies, made in one step and one transaction.

    A view that cannot be built leaves the others as they would be without it; the step then fails and names it.
    """
    by_key = {asset_key(v.table): v for v in views}
    specs = [
        dg.AssetSpec(
            key,
            deps=[asset_key(t) for t in sorted(v.inputs) if t in models or t in contracts or t in NOTED],
            group_name="dashboard",
            description=f"{v.head.description}\n\nButiran: {v.head.grain}",
            kinds={"duckdb", "sql"},
            owners=["team:walidata"],
            code_version=v.digest,
            metadata=_metadata(v),
            skippable=True,
        )
        for key, v in by_key.items()
    ]
    lineage = cache(lambda table: column_deps(models[table], models, contracts))

    @dg.multi_asset(specs=specs, name="dashboard", can_subset=True, pool=POOL)
    def build(context: dg.AssetExecutionContext) -> Iterator[Any]:
        workspace = open_workspace()
        chosen = [v for key, v in by_key.items() if key in context.op_execution_context.selected_asset_keys]
        built, faults = _build_views(builder(workspace, context.run.run_id), chosen)
        for one in built:
            if on_built:
                on_built(one)
            yield dg.MaterializeResult(
                asset_key=asset_key(one.model),
                metadata={
                    "dagster/column_lineage": lineage(one.model),
                    "partisi_dibangun": one.rebuilt,
                    "partisi_berubah": one.changed,
                    "baris_ditulis": one.rows,
                },
            )
        if faults:
            raise dg.Failure("; ".join(faults), allow_retries=False)

    return build


def _build_views(builder: Builder, views: Sequence[Model]) -> tuple[list[Built], list[str]]:
    """What was built, and what is wrong with those views that could not be."""
    try:
        return builder.build_together(views), []
    except (ModelError, duckdb.Error):
        # One at a time, to keep what can be made and to name what cannot.
        built, faults = [], []
        for view in views:
            try:
                built.append(builder.build(view))
            except (ModelError, duckdb.Error) as error:
                faults.append(f"{view.table}: {str(error).strip()}")
        return built, faults


def _metadata(model: Model) -> dict[str, Any]:
    columns = [
        dg.TableColumn(n, description=c.description, tags={"klasifikasi": c.classification})
        for n, c in model.head.columns.items()
    ]
    return {
        "dagster/column_schema": dg.TableSchema(columns),
        "dagster/table_name": model.table,
        "partisi": model.head.partition or "tunggal",
    }


def column_deps(model: Model, models: Mapping[str, Model], contracts: Mapping[str, Contract]) -> dg.TableColumnLineage:
    """Which input columns each column of a model is made from, read out of its SQL.

    Columns of models that declare none in their front matter are not known here and stay out.
    """
    schema: dict[str, dict[str, str]] = {}
    for table in model.inputs:
        if table in contracts:
            own = {c.name: c.sql_type for c in contracts[table].columns}
            schema[table] = own | dict.fromkeys(LINEAGE_COLUMNS, "VARCHAR")
        elif table in models:
            schema[table] = dict.fromkeys(models[table].head.columns, "VARCHAR")
        elif table in ops.TABLES:
            schema[table] = ops.TABLES[table]
    found = column_lineage(model, schema)
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(asset_key=asset_key(t), column_name=c)
                for t, c in origins
                if t not in ops.TABLES or t in NOTED
            ]
            for column, origins in found.items()
        }
    )


def snapshot_asset(
    models: Sequence[Model], contracts: Sequence[Contract], open_workspace: OpenWorkspace
) -> dg.AssetsDefinition:
    """The analysts' snapshot, made after all models."""

    @dg.asset(
        key=dg.AssetKey(["give_out", "cuplikan_analis"]),
        deps=[asset_key(m.table) for m in models] + [asset_key(f"source.{c.table}") for c in contracts],
        pool=POOL,
        group_name="give_out",
        description="Cuplikan berversi untuk analis: tabel tanpa kolom pribadi, dengan penunjuk `latest`.",
        kinds={"duckdb"},
        owners=["team:walidata"],
    )
    def cuplikan_analis(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        from warehouse.snapshot import publish

        workspace = open_workspace()
        made = publish(workspace.lake, workspace.home / "snapshots", contracts, models)
        return dg.MaterializeResult(
            metadata={"versi": made.version, "baru": made.created, "bagian_baru": made.new_parts}
        )

    return cuplikan_analis


def maintenance_asset(open_workspace: OpenWorkspace, keep: Keep) -> dg.AssetsDefinition:
    """Merging small files, expiring lake snapshots and removing orphans, under the writer's lock."""

    @dg.asset(
        key=dg.AssetKey(["ops", "pemeliharaan"]),
        pool=POOL,
        group_name="ops",
        description="Merawat lake: menggabung berkas kecil, mengakhiri riwayat lama, membuang berkas yatim.",
        owners=["team:walidata"],
    )
    def pemeliharaan(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from warehouse.maintain import maintain

        workspace = open_workspace()
        report = maintain(
            workspace.lake,
            workspace.home / "snapshots",
            keep_days=keep.days,
            keep_snapshots=keep.snapshots,
            keep_snapshot_days=keep.snapshot_days,
        )
        workspace.archive.sweep_temps()
        yield dg.MaterializeResult(metadata=report.metadata())

    return pemeliharaan
