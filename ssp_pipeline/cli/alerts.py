"""`ssp alerts`: the early warnings of the lake, and a rehearsal of the rules on past days. Nothing is changed."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import click

from ssp_pipeline.cli.common import DATE, looking, print_json

if TYPE_CHECKING:
    from warehouse.alerts import Event


@click.command()
@click.option("--from", "start", type=DATE, help="Rehearse the rules that can be asked of past days, from this day on.")
@click.option("--to", "end", type=DATE, help="Last day of the rehearsal; today by default.")
@click.option("--rule", "names", multiple=True, help="Only this rule (repeatable).")
@click.option("--key", help="Only alerts whose key contains this text.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def alerts(start: Any, end: Any, names: tuple[str, ...], key: str | None, as_json: bool) -> int:
    """Early warnings that hold now, gravest first. With --from: what the rules would have said, by the lake of today.

    A rehearsal lists the events of each day (start, change, pause, end) and keeps none of them.
    """
    from assets.alerts import rules_of
    from connectors.registry import UnknownName
    from warehouse.alerts import current, rehearse

    if end and not start:
        raise click.UsageError("--to needs --from")
    with looking() as (settings, workspace):
        rules = rules_of(workspace)
        unknown = set(names) - {r.nama for r in rules}
        if unknown:
            known = ", ".join(r.nama for r in rules)
            raise UnknownName(f"unknown rule: {', '.join(sorted(unknown))}; there are: {known}")
        if start:
            chosen = [r for r in rules if not names or r.nama in names]
            events = rehearse(workspace.lake, chosen, _days(start.date(), end.date() if end else settings.today))
        else:
            events = [e for e in current(workspace.lake) if not names or e.aturan in names]
    rows = [_row(e) for e in events if not key or key in e.kunci]
    if as_json:
        print_json(rows)
    else:
        for row in rows:
            when = f"{row['hari']} {row['peristiwa']:7} " if start else ""
            click.echo(f"{when}{row['tingkat']:7} {row['opd']}: {row['kalimat']}")
        if not rows:
            click.echo("tidak ada peringatan")
    return 0


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _row(event: "Event") -> dict[str, Any]:
    return {
        "nomor": event.nomor,
        "peristiwa": event.peristiwa,
        "status": "reda" if event.peristiwa == "reda" else "selesai" if not event.open else "berlangsung",
        "aturan": event.aturan,
        "kunci": event.kunci,
        "tingkat": event.tingkat,
        "judul": event.judul,
        "kalimat": event.kalimat,
        "opd": event.opd,
        "sebab": event.sebab,
        "nilai": event.nilai,
        "ambang": event.ambang,
        "hari": event.partisi,
        "dataset": event.dataset,
        "partisi": event.partisi_data,
        "asal_data": event.asal_data,
    }
