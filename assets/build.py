"""The definitions: assets, jobs, schedules and sensors, all made from contracts and SQL.

Loading them needs no secret, no network and no heavy import; the workspace is opened when something runs.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

from assets.give_out import give_out_assets
from assets.models import maintenance_asset, model_asset, snapshot_asset
from assets.partitions import TIMEZONE
from assets.settle import Progress
from assets.sources import OpenWorkspace, source_asset, source_key
from assets.timeliness import repull_window
from assets.windows import partition_dates
from assets.workspace import Workspace
from connectors.contract import Contract
from connectors.registry import Registry
from warehouse.build import Builder, Built
from warehouse.modelling import Model, find_models
from warehouse.ops import Outcome

# Beta and preview parameters are used on purpose and pinned by the lock; their warnings would drown real ones.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

MODEL_JOB = "bangun_model"


def models_of(registry: Registry, shared: Path) -> tuple[Model, ...]:
    """Models of all agencies and the shared ones, in build order."""
    return find_models(registry.roots, shared)


def build_assets(
    registry: Registry,
    shared_models: Path,
    open_workspace: OpenWorkspace,
    *,
    retries: bool,
    keep_days: int = 90,
    on_outcomes: Callable[[Contract, Sequence[Outcome]], None] | None = None,
    on_built: Callable[[Built], None] | None = None,
    progress: Progress | None = None,
) -> dict[str, list[dg.AssetsDefinition]]:
    """All assets, by what they are: `sources`, `models`, `give_out`, `ops`."""
    models = models_of(registry, shared_models)
    by_table = {m.table: m for m in models}
    contracts = {f"source.{c.table}": c for c in registry.contracts}

    @cache
    def builder_of_run(run_id: str) -> Builder:
        return Builder(open_workspace().lake, registry.contracts, run_id[:12])

    def builder(_workspace: Workspace, run_id: str) -> Builder:
        return builder_of_run(run_id)

    return {
        "sources": [
            source_asset(
                c,
                registry.agencies[c.agency],
                open_workspace,
                retries=retries,
                on_outcomes=on_outcomes,
                progress=progress,
            )
            for c in registry.contracts
        ],
        "models": [model_asset(m, by_table, contracts, open_workspace, builder, on_built) for m in models],
        "give_out": [
            snapshot_asset(models, registry.contracts, open_workspace),
            *give_out_assets(registry, models, open_workspace),
        ],
        "ops": [maintenance_asset(open_workspace, keep_days)],
    }


def build_definitions(
    registry: Registry, shared_models: Path, open_workspace: OpenWorkspace, *, keep_days: int
) -> dg.Definitions:
    """What Dagster's web server and daemon load."""
    assets = build_assets(registry, shared_models, open_workspace, retries=True, keep_days=keep_days)
    pulls = [_pull_job(c) for c in registry.contracts]
    after = dg.define_asset_job(
        MODEL_JOB, selection=dg.AssetSelection.assets(*(a.key for a in assets["models"] + assets["give_out"]))
    )
    care = dg.define_asset_job("rawat_lake", selection=dg.AssetSelection.assets(*(a.key for a in assets["ops"])))
    return dg.Definitions(
        assets=[a for group in assets.values() for a in group],
        jobs=[*pulls, after, care],
        schedules=[
            *(_pull_schedule(c, job, open_workspace) for c, job in zip(registry.contracts, pulls, strict=True)),
            dg.ScheduleDefinition(
                name="rawat_lake",
                job=care,
                cron_schedule="30 2 * * *",
                execution_timezone=TIMEZONE,
                default_status=dg.DefaultScheduleStatus.RUNNING,
            ),
        ],
        sensors=[_models_after_pulls(pulls, after)],
        executor=dg.in_process_executor,
    )


def _pull_job(contract: Contract) -> Any:
    return dg.define_asset_job(
        f"tarik_{contract.table}",
        selection=dg.AssetSelection.assets(source_key(contract)),
        description=f"Menarik {contract.title}",
        tags={"instansi": contract.agency},
    )


def _pull_schedule(contract: Contract, job: Any, open_workspace: OpenWorkspace) -> dg.ScheduleDefinition:
    """Pulls the newest closed date and the days that the contract pulls again, as one run."""

    @dg.schedule(
        name=f"tarik_{contract.table}",
        job=job,
        cron_schedule=contract.ext.jadwal,
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        when = context.scheduled_execution_time
        if contract.ext.partisi == "tunggal":
            return dg.RunRequest(run_key=when.isoformat())
        if contract.ext.mode == "potret":
            return dg.RunRequest(run_key=when.isoformat(), partition_key=when.date().isoformat())
        days = partition_dates(contract, *repull_window(contract, when.date()))
        return dg.RunRequest(run_key=when.isoformat(), tags=range_tags(days[0].isoformat(), days[-1].isoformat()))

    return schedule


def range_tags(first: str, last: str) -> dict[str, str]:
    """Tags that make one run of a range of partitions."""
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}


def _models_after_pulls(pulls: Sequence[Any], after: Any) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        name="model_setelah_tarikan",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=list(pulls),
        request_job=after,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=60,
    )
    def sensor(context: dg.RunStatusSensorContext) -> dg.RunRequest:
        # One build for the pulls of one minute: a build looks at all that changed.
        return dg.RunRequest(run_key=f"model-{int(time.time() // 60)}")

    return sensor
