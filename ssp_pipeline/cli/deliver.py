"""Commands about telling people: `deliver` sends what is due, `watch` is the dead-man's switch."""

from typing import TYPE_CHECKING, Any

import click

from ssp_pipeline.cli.common import looking, print_json, writing

if TYPE_CHECKING:
    from assets.workspace import Workspace
    from ssp_pipeline.settings import Settings

SHOWN_DAYS = 7
"""Days for which `ssp status` shows who did not get a message."""


@click.command()
@click.option("--list", "listing", is_flag=True, help="Send nothing; show each message, its recipients and states.")
@click.option("--again", metavar="KEY", help="Send this message again to those who did not get it.")
@click.option("--send-only", is_flag=True, help="Judge no early warnings; only send what is queued.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def deliver(listing: bool, again: str | None, send_only: bool, as_json: bool) -> int:
    """Judge early warnings, tell what is new of them, and send reports and warnings that are due.

    Safe beside `ssp up`, which does the same every five minutes: nobody gets a message twice. Exit code 3 when one
    was put off, refused or given up.
    """
    if listing:
        with looking() as (settings, workspace):
            rows = states(settings, workspace)
        if as_json:
            print_json(rows)
            return 0
        for row in rows:
            click.echo(
                f"{row['waktu']} {row['keadaan']:8} {row['pesan']} -> {row['penerima']} {row['alasan']}".rstrip()
            )
        if not rows:
            click.echo("tidak ada pesan")
        return 0
    return _deliver(again, send_only, as_json)


def _deliver(again: str | None, send_only: bool, as_json: bool) -> int:
    from assets.deliver import tell_and_deliver
    from ssp_pipeline.sending import postal
    from warehouse import outbox

    with writing() as (settings, workspace):
        options = postal(settings)
        if again and not outbox.again(workspace.lake, options.folder, again, workspace.run_id):
            raise click.ClickException(f"nobody is without message {again}; `ssp deliver --list` shows all")
        unjudged = "" if send_only else _judge(settings, workspace)
        done = tell_and_deliver(workspace, options)
    counts = dict(done.sent.counts)
    problems = [p for p in (unjudged, done.untold) if p]
    if as_json:
        print_json({"pesan_peringatan": done.told, "peristiwa": counts, "masalah": problems})
    else:
        click.echo(f"{done.told} pesan peringatan baru; " + (_counted(counts) or "tidak ada yang perlu dikirim"))
        for problem in problems:
            click.echo(f"masalah: {problem}", err=True)
    return 0 if done.ok and not problems else 3


def _judge(settings: "Settings", workspace: "Workspace") -> str:
    """Note failed steps and judge the rules; gives why it could not be done, empty if it was."""
    from datetime import UTC, datetime

    from assets.alerts import judge_alerts
    from assets.run_notes import note_steps
    from ssp_pipeline.instance import open_instance
    from warehouse.alert_rules import RuleError
    from warehouse.lock import LakeBusy

    try:
        with open_instance(settings) as instance:
            note_steps(workspace.lake, instance, workspace.run_id, datetime.now(UTC))
        judge_alerts(workspace)
    except (LakeBusy, RuleError) as error:
        return str(error)
    return ""


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {what}" for what, n in sorted(counts.items()))


def states(settings: "Settings", workspace: "Workspace") -> list[dict[str, Any]]:
    """The newest state of each message and recipient, the newest first; none in a lake from before there were any."""
    from warehouse import outbox

    if "ops.kotak_keluar" not in workspace.lake.shapes():
        return []
    rows = outbox.states(workspace.lake, settings.outbox).sort("waktu", "kunci", "penerima", descending=True)
    return [
        {
            "pesan": row["kunci"],
            "penerima": row["penerima"],
            "keadaan": row["peristiwa"],
            "percobaan": row["percobaan"],
            "berikutnya": row["berikutnya"].isoformat(timespec="minutes") if row["berikutnya"] else "",
            "alasan": row["alasan"],
            "waktu": row["waktu"].isoformat(timespec="seconds"),
        }
        for row in rows.iter_rows(named=True)
    ]


def attention(settings: "Settings", workspace: "Workspace") -> list[str]:
    """Lines of `ssp status` about messages that are late or did not arrive."""
    from datetime import UTC, datetime, timedelta

    since = (datetime.now(UTC) - timedelta(days=SHOWN_DAYS)).isoformat()
    lines = []
    for row in states(settings, workspace):
        if row["keadaan"] in ("ditolak", "gagal") and row["waktu"] > since:
            lines.append(f"tidak sampai: {row['pesan']} kepada {row['penerima']} ({row['keadaan']}: {row['alasan']})")
        elif row["keadaan"] == "ditunda":
            lines.append(
                f"ditunda: {row['pesan']} kepada {row['penerima']}, percobaan {row['percobaan']}, lagi "
                f"{row['berikutnya']} ({row['alasan']})"
            )
    return lines


@click.command()
@click.option("--verbose", "-v", is_flag=True, help="Also say what is well, and what was told before.")
def watch(verbose: bool) -> int:
    """Dead-man's switch, for cron or a systemd timer: tells by mail and webhook when nothing runs any more.

    Needs neither Dagster nor the lake. Each trouble is told once when it begins and once when it is over; then nothing
    is printed. Exit code 0: all is well; 3: something is wrong, and was told; 1: somebody could not be told.
    """
    from datetime import UTC, datetime

    from ssp_pipeline.sending import postal
    from ssp_pipeline.settings import load_settings
    from ssp_pipeline.watch import look
    from ssp_pipeline.watch_bell import ring

    settings, now = load_settings(), datetime.now(UTC)
    rung = ring(settings.home / "jaga", look(settings, now), postal(settings), now)
    if rung is None:
        return 0
    for line in rung.began:
        click.echo(f"mulai: {line}")
    for line in rung.ended:
        click.echo(f"selesai: {line}")
    if verbose:
        for line in rung.open:
            click.echo(f"berlangsung: {line}")
        if not rung.open:
            click.echo("semua baik")
    for line in rung.waiting:
        click.echo(f"belum sampai: {line}", err=True)
    if not rung.kept:
        click.echo("keadaan penjaga tidak dapat disimpan; yang sama akan disampaikan lagi", err=True)
    return 1 if rung.waiting else 3 if rung.open else 0
