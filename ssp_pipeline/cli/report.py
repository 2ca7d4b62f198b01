"""`ssp report`: make the reports to the governor, say what is behind a figure, note, hold and release, make again."""

from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ssp_pipeline.cli.common import DATE, looking, print_json, writing

if TYPE_CHECKING:
    from assets.report.governor.desk import Made
    from assets.report.governor.inputs import Kind
    from assets.report.governor.staff import Deed
    from ssp_pipeline.settings import Settings


@click.group()
def report() -> None:
    """The governor's reports: daily, weekly (Monday) and monthly."""


def _maker(kind: "Kind", told: str) -> None:
    @report.command(kind, help=told)
    @click.option("--date", "day", type=DATE, help="A day of the report; today by default.")
    @click.option("--json", "as_json", is_flag=True, help="As JSON.")
    def command(day: Any, as_json: bool) -> int:
        return _make(kind, day.date() if day else None, as_json)


_maker("harian", "Make the daily report, or a revision of it, and queue its mail.")
_maker("mingguan", "Make the weekly report of the week that ended, or a revision of it, and queue its mail.")
_maker("bulanan", "Make the monthly report of the month that closed, or a revision of it, and queue its mail.")


def _make(kind: "Kind", day: date | None, as_json: bool) -> int:
    from assets.report.governor import render
    from assets.report.governor.desk import period_day
    from assets.reports import make_report
    from ssp_pipeline.sending import office

    with writing() as (settings, workspace):
        named = period_day(kind, day or settings.today)
        made = make_report(workspace, office(settings), kind, named)
    path = made.version.folder / render.PDF
    if as_json:
        print_json(
            {
                "laporan": f"{kind}/{named}", "versi": made.version.name, "baru": made.new, "angka": made.figures,
                "surat_diantrekan": made.queued, "ditahan_oleh": made.held_by, "berkas": str(path),
            }
        )  # fmt: skip
        return 0
    state = "dibuat" if made.new else "tidak berubah"
    click.echo(f"{kind}/{named} {made.version.name} {state}: {made.figures} angka, {_mail(made)}")
    click.echo(str(path))
    return 0


@report.command()
@click.argument("name", metavar="REPORT")
@click.argument("ref")
@click.option(
    "--rows", "most", type=click.IntRange(1, 1000), default=20, show_default=True, help="Rows that are shown."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def explain(name: str, ref: str, most: int, as_json: bool) -> int:
    """The rows and archived payloads behind figure REF of REPORT (harian/2026-11-20, or harian/2026-11-20/v1)."""
    from dataclasses import asdict

    from assets.report.governor import explain as behind

    with looking() as (settings, workspace):
        folder = _folder(settings.home, name)
        try:
            found = behind.explain(folder, ref, workspace.lake, workspace.registry.contracts, most=most)
        except behind.UnknownFigure as error:
            raise click.ClickException(str(error)) from None
    if as_json:
        print_json(asdict(found))
        return 0
    figure, origin = found.figure, found.figure["origin"]
    click.echo(f"{figure['ref']} {figure['name']}: {figure['text'] or figure['value']} ({figure['value']})")
    click.echo(
        f"dari {origin['dataset']} {origin['first']} .. {origin['last']}, versi {origin['version']}, per "
        f"{origin['as_of']}; {origin['whole']}; data {origin['origin']}"
    )
    click.echo(f"baris laporan ({figure['table']}.{figure['column']}):")
    _records(found.kept[:most])
    click.echo(
        f"baris {origin['dataset']} di lake: {found.total}" + (f", {most} pertama" if found.total > most else "")
    )
    _records(found.rows)
    click.echo("muatan di arsip:")
    for payload, rows in found.payloads.items():
        click.echo(f"  {payload} ({rows} baris)")
    return 0


def _records(rows: "list[dict[str, Any]]") -> None:
    """Rows one below the other: they have more columns than a screen."""
    for row in rows:
        click.echo("  " + "; ".join(f"{name} {value}" for name, value in row.items() if value is not None))


@report.command()
@click.argument("name", metavar="REPORT")
@click.option("--oleh", required=True, help="Your name.")
@click.option("--teks", required=True, help="The note, as it is to be read.")
def note(name: str, oleh: str, teks: str) -> int:
    """Add a note to REPORT (harian/2026-11-20), until 06.55 WIB of its date."""
    return _say(name, "catatan", oleh, teks)


@report.command()
@click.argument("name", metavar="REPORT")
@click.option("--oleh", required=True, help="Your name.")
@click.option("--alasan", required=True, help="Why it is held.")
def hold(name: str, oleh: str, alasan: str) -> int:
    """Hold REPORT: its mail is taken back and none is queued, until it is released. Until 06.55 WIB of its date."""
    return _say(name, "tahan", oleh, alasan)


@report.command()
@click.argument("name", metavar="REPORT")
@click.option("--oleh", required=True, help="Your name.")
def release(name: str, oleh: str) -> int:
    """Release REPORT that was held: its mail is queued. Also after 06.55 WIB."""
    return _say(name, "lepas", oleh, "")


def _say(name: str, deed: "Deed", who: str, text: str) -> int:
    from assets.report.governor import staff
    from assets.report.governor.desk import folder_of, make_again
    from assets.reports import desk
    from ssp_pipeline.sending import office

    kind, day, _ = _parts(name)
    with writing() as (settings, workspace):
        try:
            staff.say(folder_of(settings.home, kind, day), day, staff.Word(_now(settings), who, deed, text))
        except ValueError as error:
            raise click.ClickException(str(error)) from None
        made = make_again(desk(workspace, office(settings)), kind, day)
    said = {"catatan": "dicatat", "tahan": "ditahan", "lepas": "dilepas"}[deed]
    if made is None:
        click.echo(f"{kind}/{day} {said}; laporannya belum dibuat")
    else:
        click.echo(f"{kind}/{day} {said}: {made.version.name}{' (baru)' if made.new else ''}, {_mail(made)}")
    return 0


def _mail(made: "Made") -> str:
    return f"ditahan oleh {made.held_by}" if made.held_by else f"{made.queued} surat diantrekan"


@report.command()
@click.argument("name", metavar="REPORT")
@click.option("--output", "-o", type=click.Path(file_okay=False, path_type=Path), help="Write the files here.")
def remake(name: str, output: Path | None) -> int:
    """Make REPORT again from its kept inputs alone and compare byte for byte. Exit code 4 when a file differs."""
    from assets.report.governor import desk as reports
    from connectors.registry import Registry
    from ssp_pipeline.settings import load_settings

    settings = load_settings()
    made = reports.remake(_folder(settings.home, name), Registry(settings.roots))
    for file, same in made.same.items():
        click.echo(f"{file}: {'sama' if same else 'BERBEDA'}")
        if output:
            output.mkdir(parents=True, exist_ok=True)
            (output / file).write_bytes(made.files[file])
    return 0 if all(made.same.values()) else 4


def _now(settings: "Settings") -> datetime:
    """This instant; under a date that was set by hand 06.00 WIB of it: the hour of a rehearsal does not matter."""
    from datetime import UTC

    from assets.timeliness import WIB

    return datetime.combine(settings.today, time(6), WIB) if settings.today_fixed else datetime.now(UTC)


def _parts(name: str) -> "tuple[Kind, date, str]":
    """Kind, date and version ("" for the newest) of a report's name. Raises ClickException, also for a date that names
    no report of the kind: what is said of it would hold nothing."""
    from assets.report.governor.desk import period_day
    from assets.report.governor.inputs import KINDS

    given, _, rest = name.partition("/")
    day, _, version = rest.partition("/")
    kind = next((k for k in KINDS if k == given), None)
    try:
        if kind is None:
            raise ValueError
        named = date.fromisoformat(day)
    except ValueError:
        raise click.ClickException(
            f"'{name}' is no report; for example harian/2026-11-20 or harian/2026-11-20/v1"
        ) from None
    if named != period_day(kind, named):
        raise click.ClickException(f"no {kind} report is named {named}; that day's is {kind}/{period_day(kind, named)}")
    return kind, named, version


def _folder(home: Path, name: str) -> Path:
    from assets.report.governor.desk import folder_of
    from warehouse.versioned import newest

    kind, day, version = _parts(name)
    root = folder_of(home, kind, day)
    last = newest(root)
    there = [f"v{n}" for n in range(1, last.number + 1)] if last else []
    if last is None or (version or last.name) not in there:
        said = ", ".join(there) or "none yet"
        raise click.ClickException(f"there is no such version of {kind}/{day}; there are: {said}")
    return root / (version or last.name)
