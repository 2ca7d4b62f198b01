"""Commands that keep something running, and `doctor`."""

from typing import Any

import click

from ssp_pipeline.cli.common import DATE


@click.command()
@click.option("--port", default=8800, show_default=True, help="Port on 127.0.0.1; 0 takes a free one.")
@click.option("--seed", type=int, help="Same seed, same bytes (default: SSP_SEED or 1).")
@click.option("--today", type=DATE, help="Business date they take for now.")
@click.option("--replay", type=click.Path(exists=True, file_okay=False), help="Serve the real series in DIR.")
@click.option("--faults", type=int, help="Serve faults that a retry heals, by this seed.")
@click.option("--every-fault", is_flag=True, help="With --faults: any fault, also such as stay or change rows.")
@click.option("--inbox/--no-inbox", default=False, help="Also drop the offices' files into the inbox.")
def sandbox(
    port: int, seed: int | None, today: Any, replay: str | None, faults: int | None, every_fault: bool, inbox: bool
) -> int:
    """Run the stand-in agencies in the foreground. The first line on stdout is their address."""
    from dataclasses import replace as changed
    from datetime import timedelta
    from pathlib import Path

    from connectors.sandbox import World, main, write_inbox
    from ssp_pipeline.settings import load_settings
    from ssp_pipeline.up import INBOX_DAYS

    settings = load_settings(today=today.date() if today else None)
    if seed is not None:
        settings = changed(settings, seed=seed)
    if replay:
        settings = changed(settings, replay=Path(replay).resolve())
    if inbox:
        world = World(today=settings.today, seed=settings.seed, replay=settings.replay)
        start = settings.today - timedelta(days=INBOX_DAYS)
        write_inbox(world, settings.roots, settings.inbox, start, settings.today)
    arguments = ["--seed", str(settings.seed), "--today", settings.today.isoformat(), "--port", str(port)]
    for root in settings.roots:
        arguments += ["--root", str(root)]
    if settings.replay:
        arguments += ["--replay", str(settings.replay)]
    if faults is not None:
        arguments += ["--faults", str(faults)]
    if every_fault:
        if faults is None:
            raise click.UsageError("--every-fault needs --faults SEED")
        arguments.append("--every-fault")
    try:
        main(arguments)
    except OSError as error:  # the port is taken
        raise click.ClickException(str(error)) from None
    return 0


@click.command()
@click.option("--port", default=8500, show_default=True, help="Port of the command centre on 127.0.0.1.")
@click.option("--portal-port", default=8600, show_default=True, help="Port of the open-data portal on 127.0.0.1.")
def up(port: int, portal_port: int) -> int:
    """Run Dagster with schedules on, the command centre before it, the portal and the stand-ins.

    Ctrl-C or SIGTERM ends it. Dagster's pages are at /dagster/ of the command centre, for operators.

    Exit code 1 when the server or the daemon ended by itself; a service manager starts all of it again.
    """
    from ssp_pipeline.settings import load_settings
    from ssp_pipeline.up import keep_up

    return keep_up(load_settings(), port, portal_port, click.echo)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def doctor(as_json: bool) -> int:
    """Check versions, folders, keys, contracts and agencies; each line says what to do. Exit code 2 on a problem."""
    from ssp_pipeline.doctor import examine
    from ssp_pipeline.settings import load_settings

    findings = examine(load_settings())
    if as_json:
        import orjson

        print(orjson.dumps([vars(f) for f in findings], option=orjson.OPT_INDENT_2).decode())
    else:
        for finding in findings:
            click.echo(f"{'baik ' if finding.ok else 'PERLU'}  {finding.subject}: {finding.text}")
    return 0 if all(f.ok for f in findings) else 2
