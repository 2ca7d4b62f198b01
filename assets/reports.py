"""Assets of the reports to the governor, with their partitions and schedules, and making one for the command line.

Belongs here: what Dagster needs, and the note of a report that could not be made. Does not belong here: how a report
is made (`assets/report/governor/`), sending it (`deliver.py`).
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.alerts import ALERTS
from assets.models import POOL, asset_key
from assets.partitions import TIMEZONE
from assets.sources import OpenWorkspace
from assets.timeliness import WIB
from assets.triggers import KIND
from assets.workspace import Workspace
from warehouse import steps
from warehouse.lake import LakeWriteError
from warehouse.lock import LakeBusy
from warehouse.modelling import Model, ViewHead

if TYPE_CHECKING:
    from assets.delivery.post import Postal
    from assets.report.governor.desk import Desk, Made
    from assets.report.governor.inputs import Kind

GROUP = "reports"
_STARTS: "dict[Kind, tuple[str, str, str]]" = {
    "harian": ("2024-01-01", "0 0 * * *", "45 6 * * *"),
    "mingguan": ("2024-01-01", "0 0 * * 1", "45 6 * * 1"),
    "bulanan": ("2024-01-01", "0 0 1 * *", "45 6 1 * *"),
}
"""First partition, the cron of partitions, and when the report is made (WIB)."""

_TITLES: "dict[Kind, str]" = {
    "harian": "Laporan harian kepada Gubernur: setiap sumber pada tanggal tutup terakhirnya.",
    "mingguan": "Laporan mingguan kepada Gubernur: tujuh hari sampai Minggu.",
    "bulanan": "Laporan bulanan kepada Gubernur: bulan yang telah tutup.",
}
_REVISED: "dict[Kind, int]" = {"harian": 3, "mingguan": 1, "bulanan": 1}
"""Partitions before the newest that are looked at again: what was corrected in them makes a revision."""


@dataclass(frozen=True)
class Office:
    """What belongs to making reports beyond the workspace: the province's name, the root of open data, and how
    mails are queued."""

    province: str
    public: Path
    open_postal: "Callable[[], Postal]"


def desk(workspace: Workspace, office: Office) -> "Desk":
    """The desk that makes reports of this workspace."""
    from assets.report.governor.desk import Desk

    return Desk(
        lake=workspace.lake,
        registry=workspace.registry,
        shared_models=workspace.shared_models,
        home=workspace.home,
        public=office.public,
        province=office.province,
        today=workspace.today,
        exact=workspace.clock is not None,
        postal=office.open_postal(),
        run_id=workspace.run_id,
    )


def make_report(workspace: Workspace, office: Office, kind: "Kind", day: date) -> "Made":
    """Make a report outside Dagster; that it could not be made, and that it can be again, is noted as a step.

    Raises what making raises.
    """
    from assets.report.governor.desk import make

    def note(result: Any, reason: str = "") -> None:
        step = steps.Step(f"{GROUP}__laporan_{kind}", result, reason, workspace.run_id, datetime.now(UTC))
        steps.note(workspace.lake, [step], workspace.run_id)

    try:
        made = make(desk(workspace, office), kind, day)
    except Exception as error:
        with suppress(LakeBusy, LakeWriteError):  # why there is no report is told, not that this cannot be noted too
            note("gagal", type(error).__name__)
        raise
    note("berhasil")
    return made


@cache
def partitions(kind: "Kind") -> dg.TimeWindowPartitionsDefinition:
    """Dates that name the reports of a kind: each day, each Monday, the first of each month."""
    start, cron, _ = _STARTS[kind]
    return dg.TimeWindowPartitionsDefinition(
        cron_schedule=cron, start=start, fmt="%Y-%m-%d", timezone=TIMEZONE, end_offset=1
    )


def report_assets(
    models: Sequence[Model], open_workspace: OpenWorkspace, open_office: Callable[[], Office]
) -> list[dg.AssetsDefinition]:
    """The three reports, after the dashboard views and the early warnings."""
    views = [asset_key(m.table) for m in models if isinstance(m.head, ViewHead)]
    return [_report_asset(kind, [*views, asset_key(ALERTS)], open_workspace, open_office) for kind in _STARTS]


def _report_asset(
    kind: "Kind", after: Sequence[dg.AssetKey], open_workspace: OpenWorkspace, open_office: Callable[[], Office]
) -> dg.AssetsDefinition:
    @dg.asset(
        key=dg.AssetKey([GROUP, f"laporan_{kind}"]),
        deps=list(after),
        partitions_def=partitions(kind),
        pool=POOL,
        group_name=GROUP,
        description=f"{_TITLES[kind]} Perbaikan kemudian menjadi revisi yang mengatakan apa yang berubah.",
        kinds={"typst", "vegalite"},
        owners=["team:walidata"],
    )
    def laporan(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        from assets.report.governor.desk import make
        from assets.report.governor.render import PDF

        made = make(desk(open_workspace(), open_office()), kind, date.fromisoformat(context.partition_key))
        return dg.MaterializeResult(
            metadata={
                "status": "dibuat" if made.new else "tidak berubah",
                "versi": made.version.name,
                "angka": made.figures,
                "surat_diantrekan": made.queued,
                "ditahan_oleh": made.held_by,
                "berkas": dg.MetadataValue.path(str(made.version.folder / PDF)),
            }
        )

    return laporan


def report_jobs(assets: Sequence[dg.AssetsDefinition]) -> "dict[Kind, Any]":
    """A job for each report."""
    return {
        kind: dg.define_asset_job(
            asset.key.path[-1], selection=dg.AssetSelection.assets(asset.key), tags={KIND: "laporan"}
        )
        for kind, asset in zip(_STARTS, assets, strict=True)
    }


def report_schedule(kind: "Kind", job: Any) -> dg.ScheduleDefinition:
    """At 06.45 WIB, after the morning's pulls: the new report, and those before it, whose rows may have been mended."""

    @dg.schedule(
        name=job.name,
        job=job,
        cron_schedule=_STARTS[kind][2],
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
        when = context.scheduled_execution_time.astimezone(WIB)
        days = _days(kind, when.date())
        return [dg.RunRequest(run_key=f"{when.isoformat()}/{day}", partition_key=day.isoformat()) for day in days]

    return schedule


def _days(kind: "Kind", newest: date) -> list[date]:
    """The newest date of a kind and those before it that are made again."""
    days = [newest]
    for _ in range(_REVISED[kind]):
        last = days[-1]
        step = {"harian": timedelta(days=1), "mingguan": timedelta(days=7)}.get(kind)
        days.append(last - step if step else (last - timedelta(days=1)).replace(day=1))
    return days
