"""The asset `pengiriman`: what is new of early warnings is queued, and what is due is sent.

Belongs here: the asset, its job and schedule, and the order of telling and sending. Does not belong here: how
(`assets/delivery/`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from assets.delivery.post import Pass, Postal, deliver
from assets.delivery.recipients import RecipientsError
from assets.delivery.telling import tell
from assets.models import asset_key
from assets.partitions import TIMEZONE
from assets.sources import OpenWorkspace
from assets.triggers import KIND
from assets.workspace import Workspace
from warehouse.lake import LakeWriteError
from warehouse.lock import LakeBusy

OUTBOX = "ops.kotak_keluar"
DELIVER_JOB = "kirim"
JUDGE_JOB = "nilai_peringatan"

_POOL = "pengirim"
"""One pass at a time. Not that of the lake's writers: a mail server may take minutes, a row of the outbox does not."""

EVERY_FIVE_MINUTES = "*/5 * * * *"
"""Also at 06.55, when the daily report may go out."""
TWICE_AN_HOUR = "3,33 * * * *"

OpenPostal = Callable[[], Postal]


@dataclass(frozen=True)
class Delivered:
    """What a pass did. `told`: new messages about alerts; `untold`: why alerts could not be told, if so."""

    told: int
    untold: str
    sent: Pass

    @property
    def ok(self) -> bool:
        return self.sent.ok and not self.untold


def tell_and_deliver(workspace: Workspace, postal: Postal) -> Delivered:
    """Queue what is new of alerts, then send all that is due. Alerts that cannot be told stop no report."""
    told, untold = 0, ""
    try:
        told = tell(workspace.lake, postal, workspace.run_id, datetime.now(UTC))
    except (RecipientsError, LakeBusy, LakeWriteError) as error:
        untold = str(error)
    return Delivered(told, untold, deliver(workspace.lake, postal, workspace.run_id))


def deliver_asset(
    after: Sequence[dg.AssetKey], open_workspace: OpenWorkspace, open_postal: OpenPostal
) -> dg.AssetsDefinition:
    """Delivery, after the assets `after`. Fails when alerts cannot be told; failures of single messages are events of
    the outbox and tried again."""

    @dg.asset(
        key=asset_key(OUTBOX),
        deps=list(after),
        pool=_POOL,
        group_name="ops",
        description="Laporan dan peringatan dini dikirim sekali kepada setiap penerima: surel, berkas .eml, webhook.",
        owners=["team:walidata"],
    )
    def pengiriman() -> dg.MaterializeResult[Any]:
        done = tell_and_deliver(open_workspace(), open_postal())
        if done.untold:
            raise dg.Failure(done.untold, allow_retries=False)
        return dg.MaterializeResult(metadata={"pesan_peringatan": done.told, "peristiwa": dict(done.sent.counts)})

    return pengiriman


def deliver_job() -> Any:
    """Telling and sending alone."""
    return dg.define_asset_job(DELIVER_JOB, selection=dg.AssetSelection.assets(asset_key(OUTBOX)), tags={KIND: "kirim"})


def judge_job(tables: Sequence[str]) -> Any:
    """Early warnings judged between builds of the models, so that a build that fails is told too."""
    selection = dg.AssetSelection.assets(*(asset_key(t) for t in tables))
    return dg.define_asset_job(JUDGE_JOB, selection=selection, tags={KIND: "nilai"})


def schedule(job: Any, cron: str) -> dg.ScheduleDefinition:
    """Runs a job by a cron line in WIB."""
    return dg.ScheduleDefinition(
        name=job.name,
        job=job,
        cron_schedule=cron,
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
