"""The definitions, all made from contracts and SQL.

Loading them needs no secret, no network and no heavy import; the workspace is opened when something runs. Does not
belong here: what an asset does (`sources.py`, `models.py`, `give_out.py`,
`open_data.py`), what starts it (`triggers.py`).
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import dagster as dg

from assets.alerts import ALERTS, alerts_asset, promises_asset
from assets.audit_trail import audit_asset
from assets.deliver import (
    EVERY_FIVE_MINUTES,
    TWICE_AN_HOUR,
    OpenPostal,
    deliver_asset,
    deliver_job,
    judge_job,
    schedule,
)
from assets.give_out import give_out_assets
from assets.models import NOTED, Keep, asset_key, maintenance_asset, model_asset, snapshot_asset, views_asset
from assets.open_data import Outcome as OpenOutcome
from assets.open_data import Publishing, open_data_assets
from assets.reports import Office, report_assets, report_jobs, report_schedule
from assets.run_notes import STEPS, steps_asset
from assets.sources import OpenWorkspace, source_asset
from assets.triggers import care_job, care_schedule, model_job, models_after_pulls, pull_job, pull_schedule
from assets.workspace import Workspace
from connectors.registry import Registry
from warehouse.alert_rules import find_rules
from warehouse.build import Builder, Built
from warehouse.modelling import Model, ViewHead, find_models

__all__ = ["build_assets", "build_definitions", "model_assets", "models_of"]


def models_of(registry: Registry, shared: Path) -> tuple[Model, ...]:
    """Models of all agencies and the shared ones, in build order."""
    return find_models(registry.roots, shared)


def model_assets(
    registry: Registry,
    shared_models: Path,
    open_workspace: OpenWorkspace,
    *,
    publishing: Publishing,
    on_built: Callable[[Built], None] | None = None,
    on_published: Callable[[OpenOutcome], None] | None = None,
) -> dict[str, list[dg.AssetsDefinition]]:
    """The assets of what is made from the datasets: `models`, `give_out` and `open_data`."""
    models = models_of(registry, shared_models)
    by_table = {m.table: m for m in models}
    contracts = {f"source.{c.table}": c for c in registry.contracts}

    @cache
    def builder_of_run(run_id: str) -> Builder:
        return Builder(open_workspace().lake, registry.contracts, run_id[:12])

    def builder(_workspace: Workspace, run_id: str) -> Builder:
        return builder_of_run(run_id)

    # The views that tell of alerts come after them, all others before.
    views = [m for m in models if isinstance(m.head, ViewHead) and ALERTS not in m.inputs]
    others = [m for m in models if m not in views]
    return {
        "models": [
            promises_asset(registry.contracts, open_workspace),
            steps_asset(open_workspace),
            audit_asset(open_workspace),
            *(model_asset(m, by_table, contracts, open_workspace, builder, on_built) for m in others),
            views_asset(views, by_table, contracts, open_workspace, builder, on_built),
            alerts_asset(find_rules(registry.roots, shared_models), [*by_table, *contracts, *NOTED], open_workspace),
        ],
        "give_out": [
            snapshot_asset(models, registry.contracts, open_workspace),
            *give_out_assets(registry, models, open_workspace),
        ],
        "open_data": open_data_assets(registry, by_table, contracts, open_workspace, publishing, on_published),
    }


def build_assets(
    registry: Registry,
    shared_models: Path,
    open_workspace: OpenWorkspace,
    *,
    retries: bool,
    keep: Keep | None = None,
    publishing: Publishing | None = None,
    open_postal: OpenPostal | None = None,
    open_office: Callable[[], Office] | None = None,
) -> dict[str, list[dg.AssetsDefinition]]:
    """All assets, by what they are: `sources`, `models`, `give_out`, `open_data`, `reports`, `deliver`, `ops`.

    Without `open_postal` nothing is delivered; without `open_office` no report is made.
    """
    models = models_of(registry, shared_models)
    reports = report_assets(models, open_workspace, open_office) if open_office else []
    told = [asset_key(ALERTS), *(a.key for a in reports)]
    agencies = registry.agencies
    return {
        "sources": [source_asset(c, agencies[c.agency], open_workspace, retries=retries) for c in registry.contracts],
        **model_assets(registry, shared_models, open_workspace, publishing=publishing or Publishing()),
        "reports": reports,
        "deliver": [deliver_asset(told, open_workspace, open_postal)] if open_postal else [],
        "ops": [maintenance_asset(open_workspace, keep or Keep())],
    }


def build_definitions(
    registry: Registry,
    shared_models: Path,
    open_workspace: OpenWorkspace,
    *,
    keep: Keep,
    publishing: Publishing,
    open_postal: OpenPostal,
    open_office: Callable[[], Office],
) -> dg.Definitions:
    """What Dagster's web server and daemon load."""
    assets = build_assets(
        registry,
        shared_models,
        open_workspace,
        retries=True,
        keep=keep,
        publishing=publishing,
        open_postal=open_postal,
        open_office=open_office,
    )
    pulls = {c: pull_job(c) for c in registry.contracts}
    made = [assets[group] for group in ("models", "give_out", "open_data", "deliver")]
    after = model_job([k for group in made for a in group for k in a.keys])
    reports = report_jobs(assets["reports"])
    deliver, judge = deliver_job(), judge_job([STEPS, ALERTS])
    care = care_job([a.key for a in assets["ops"]])
    return dg.Definitions(
        assets=[a for group in assets.values() for a in group],
        jobs=[*pulls.values(), after, care, *reports.values(), deliver, judge],
        schedules=[
            *(pull_schedule(c, job) for c, job in pulls.items()),
            care_schedule(care),
            *(report_schedule(kind, job) for kind, job in reports.items()),
            schedule(deliver, EVERY_FIVE_MINUTES),
            schedule(judge, TWICE_AN_HOUR),
        ],
        sensors=[models_after_pulls(after)],
        executor=dg.in_process_executor,
    )
