"""One Dagster asset for each model, and those for the analysts' snapshot and for maintenance.

Belongs here: dependencies and metadata for Dagster. Does not belong here: building (`warehouse/build.py`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import dagster as dg

from assets.sources import OpenWorkspace
from assets.workspace import Workspace
from connectors.contract import Contract
from connectors.contract.model import LINEAGE_COLUMNS
from warehouse.build import Builder, Built
from warehouse.duck import qualified
from warehouse.modelling import Model, column_lineage

POOL = "lake_penulis"
"""One writer of the lake at a time."""


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
    inputs = [t for t in sorted(model.inputs) if t in models or t in contracts]
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
    found = column_lineage(model, schema)
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key=asset_key(t), column_name=c) for t, c in origins]
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
