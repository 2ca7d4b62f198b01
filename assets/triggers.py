"""What starts runs: jobs, schedules in WIB, and the sensor that lets models follow pulls.

Belongs here: when something runs, and for which partitions. Does not belong here: what an asset does. Schedules and
the sensor are evaluated in a process that lives for weeks: they know no day but that of their own tick.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import orjson

from assets.partitions import TIMEZONE
from assets.sources import source_key
from assets.timeliness import repull_window
from assets.windows import partition_dates
from connectors.contract import Contract

MODEL_JOB = "bangun_model"
CARE_JOB = "rawat_lake"

KIND = "ssp/pekerjaan"
"""Tag that says what a run does; `dagster.yaml` lets one build of models run at a time by it."""

_ZONE = ZoneInfo(TIMEZONE)
_OVERLAP = timedelta(minutes=1)
"""Runs are looked for again this far back: one may become visible after another that ended later."""
_MOST = 500


def pull_job(contract: Contract) -> Any:
    """The job of one dataset."""
    return dg.define_asset_job(
        f"tarik_{contract.table}",
        selection=dg.AssetSelection.assets(source_key(contract)),
        description=f"Menarik {contract.title}",
        tags={"instansi": contract.agency, KIND: "tarik"},
    )


def model_job(keys: Sequence[dg.AssetKey]) -> Any:
    """One build of all models and of what is given out."""
    return dg.define_asset_job(MODEL_JOB, selection=dg.AssetSelection.assets(*keys), tags={KIND: "model"})


def care_job(keys: Sequence[dg.AssetKey]) -> Any:
    """Maintenance of the lake."""
    return dg.define_asset_job(CARE_JOB, selection=dg.AssetSelection.assets(*keys), tags={KIND: "rawat"})


def pull_schedule(contract: Contract, job: Any) -> dg.ScheduleDefinition:
    """Pulls the newest closed date and the days that the contract pulls again, as one run."""

    @dg.schedule(
        name=f"tarik_{contract.table}",
        job=job,
        cron_schedule=contract.ext.jadwal,
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        when = context.scheduled_execution_time.astimezone(_ZONE)
        if contract.ext.partisi == "tunggal":
            return dg.RunRequest(run_key=when.isoformat())
        if contract.ext.mode == "potret":
            return dg.RunRequest(run_key=when.isoformat(), partition_key=when.date().isoformat())
        days = partition_dates(contract, *repull_window(contract, when.date()))
        return dg.RunRequest(run_key=when.isoformat(), tags=range_tags(days[0].isoformat(), days[-1].isoformat()))

    return schedule


def care_schedule(job: Any) -> dg.ScheduleDefinition:
    """Every night."""
    return dg.ScheduleDefinition(
        name=CARE_JOB,
        job=job,
        cron_schedule="30 2 * * *",
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


def range_tags(first: str, last: str) -> dict[str, str]:
    """Tags that make one run of a range of partitions."""
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}


def models_after_pulls(job: Any) -> dg.SensorDefinition:
    """Requests one build of the models for all pulls that ended since the last look, at most once a minute.

    Also after pulls that failed: some of their partitions may have been accepted.
    """

    @dg.sensor(
        name="model_setelah_tarikan",
        job=job,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=60,
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        since, known = _cursor(context.cursor)
        status = dg.DagsterRunStatus
        records = context.instance.get_run_records(
            dg.RunsFilter(
                tags={KIND: "tarik"},
                statuses=[status.SUCCESS, status.FAILURE, status.CANCELED],
                updated_after=since - _OVERLAP if since else None,
            ),
            limit=_MOST,
            order_by="update_timestamp",
        )
        fresh = [r for r in records if r.dagster_run.run_id not in known]
        if not fresh:
            return dg.SkipReason("Tidak ada tarikan yang selesai sejak pembangunan model yang lalu")
        newest = max(r.update_timestamp for r in records)
        recent = [r.dagster_run.run_id for r in records if r.update_timestamp >= newest - _OVERLAP]
        context.update_cursor(orjson.dumps([newest.isoformat(), recent]).decode())
        waiting = dg.RunsFilter(job_name=MODEL_JOB, statuses=[status.QUEUED])
        if context.instance.get_runs_count(waiting):
            return dg.SkipReason("Pembangunan model yang sudah mengantre akan melihat tarikan ini juga")
        return dg.RunRequest(run_key=fresh[0].dagster_run.run_id)

    return sensor


def _cursor(text: str | None) -> tuple[datetime | None, frozenset[str]]:
    """Time of the newest pull seen, and the runs of about that time."""
    if not text:
        return None, frozenset()
    when, runs = orjson.loads(text)
    return datetime.fromisoformat(when), frozenset(runs)
