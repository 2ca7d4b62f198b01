"""What of the last runs failed besides pulls, read from Dagster's own records: models, snapshot, releases, reports.

A pull's failures are outcomes in `ops.hasil` and lateness in `ops.harapan`. Whatever else fails would be seen by nobody
who does not look into Dagster. Belongs here: reading runs, and the asset. Does not belong here: the record
(`warehouse/steps.py`), the rule (`warehouse/models/aturan.yaml`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from assets.models import POOL, asset_key
from assets.sources import OpenWorkspace
from assets.triggers import KIND
from warehouse import steps
from warehouse.lake import Lake
from warehouse.steps import Step

STEPS = "ops.langkah"
WHOLE_RUN = "jalan:"
"""Begins the name of a job whose run failed without a failed step: it was killed, or could not start. Runs of `ssp run`
are no jobs: whoever starts them sees how they end."""

_SOURCE = "source__"
_BACK = timedelta(days=7)
_MOST = 200


def note_steps(lake: Lake, instance: dg.DagsterInstance, run_id: str, now: datetime) -> int:
    """Write down which steps fail now and which work again; gives the number of rows written.

    Failures of the last seven days are looked for; one that is noted stays until the step works.
    """
    failing = {name for name, step in steps.newest(lake).items() if step.hasil == "gagal"}
    failed = _runs(instance, [dg.DagsterRunStatus.FAILURE], now - _BACK)
    found = [step for record in failed for step in _failed_steps(instance, record)]
    names = failing | {step.langkah for step in found}
    newest = {step.langkah: step for step in sorted(found, key=lambda s: s.waktu)}
    if names:
        ended = _runs(instance, [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE], now - _BACK)
        for record in ended:
            for step in _worked(instance, record, names):
                if step.langkah not in newest or newest[step.langkah].waktu < step.waktu:
                    newest[step.langkah] = step
    return steps.note(lake, newest.values(), run_id)


def _runs(instance: dg.DagsterInstance, statuses: list[dg.DagsterRunStatus], since: datetime) -> list[dg.RunRecord]:
    """Ended runs, the oldest first."""
    found = instance.get_run_records(dg.RunsFilter(statuses=statuses, updated_after=since), limit=_MOST)
    return [r for r in reversed(found) if r.dagster_run.tags.get(KIND) != "tarik"]


def _ended(record: dg.RunRecord) -> datetime:
    if record.end_time is not None:
        return datetime.fromtimestamp(record.end_time, UTC)
    return record.update_timestamp.replace(tzinfo=record.update_timestamp.tzinfo or UTC)


def _failed_steps(instance: dg.DagsterInstance, record: dg.RunRecord) -> Iterator[Step]:
    run = record.dagster_run
    logs = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    named = False
    for log in logs:
        event = log.dagster_event
        if event is None or event.step_key is None:
            continue
        named = True
        if not event.step_key.startswith(_SOURCE):
            error = event.step_failure_data.error
            cause = (error.cause or error) if error else None
            kind = cause.cls_name if cause and cause.cls_name else "galat"
            yield Step(event.step_key, "gagal", kind, run.run_id, datetime.fromtimestamp(log.timestamp, UTC))
    if not named and KIND in run.tags:
        yield Step(f"{WHOLE_RUN}{run.job_name}", "gagal", "terputus atau tidak dapat mulai", run.run_id, _ended(record))


def _worked(instance: dg.DagsterInstance, record: dg.RunRecord, names: set[str]) -> Iterator[Step]:
    run = record.dagster_run
    whole = f"{WHOLE_RUN}{run.job_name}"
    if whole in names and run.status == dg.DagsterRunStatus.SUCCESS:
        yield Step(whole, "berhasil", "", run.run_id, _ended(record))
    asked = sorted(name for name in names if not name.startswith(WHOLE_RUN))
    if not asked:
        return
    for stats in instance.get_run_step_stats(run.run_id, step_keys=asked):
        if stats.status is not None and stats.status.value == "SUCCESS" and stats.end_time is not None:
            yield Step(stats.step_key, "berhasil", "", run.run_id, datetime.fromtimestamp(stats.end_time, UTC))


def steps_asset(open_workspace: OpenWorkspace) -> dg.AssetsDefinition:
    """Which steps of the runs that ended failed, for the rule that warns of them."""

    @dg.asset(
        key=asset_key(STEPS),
        pool=POOL,
        group_name="ops",
        description="Langkah jalan (model, cuplikan, rilis, laporan) yang gagal, dan kapan berhasil lagi.",
        owners=["team:walidata"],
    )
    def langkah(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        workspace = open_workspace()
        noted = note_steps(workspace.lake, context.instance, workspace.run_id, datetime.now(UTC))
        return dg.MaterializeResult(metadata={"catatan_baru": noted})

    return langkah
