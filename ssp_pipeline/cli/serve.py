"""Commands that keep something running, and `doctor`."""

from typing import Any

import click

DATE = click.DateTime(formats=["%Y-%m-%d"])


@click.command()
@click.option("--port", default=8800, show_default=True, help="Port on 127.0.0.1; 0 takes a free one.")
@click.option("--seed", default=1, show_default=True, help="Same seed, same bytes.")
@click.option("--today", type=DATE, help="Business date they take for now.")
@click.option("--replay", type=click.Path(exists=True, file_okay=False), help="Serve the real series found in DIR.")
@click.option("--faults", type=int, help="Serve faults that a retry heals, by this seed.")
@click.option("--inbox/--no-inbox", default=False, help="Also drop the offices' files into the inbox.")
def sandbox(port: int, seed: int, today: Any, replay: str | None, faults: int | None, inbox: bool) -> int:
    """Run the stand-in agencies in the foreground. The first line on stdout is their address."""
    from datetime import timedelta
    from pathlib import Path

    from connectors.sandbox import World, main, write_inbox
    from ssp_pipeline.settings import load_settings

    settings = load_settings(today=today.date() if today else None)
    if inbox:
        world = World(today=settings.today, seed=seed, replay=Path(replay) if replay else None)
        write_inbox(world, settings.roots, settings.inbox, settings.today - timedelta(days=62), settings.today)
    arguments = ["--seed", str(seed), "--today", settings.today.isoformat(), "--port", str(port)]
    for root in settings.roots:
        arguments += ["--root", str(root)]
    if replay:
        arguments += ["--replay", replay]
    if faults is not None:
        arguments += ["--faults", str(faults)]
    main(arguments)
    return 0


@click.command()
@click.option("--port", default=3000, show_default=True, help="Port of Dagster's web server on 127.0.0.1.")
def up(port: int) -> int:
    """Run Dagster's web server and daemon with schedules on, and the stand-ins. Ends with Ctrl-C."""
    import os
    import signal
    import subprocess
    import sys
    from contextlib import ExitStack

    from ssp_pipeline import app
    from ssp_pipeline.instance import prepare_home
    from ssp_pipeline.settings import ROOT, load_settings

    settings = load_settings()
    environment = dict(os.environ) | {"DAGSTER_HOME": str(prepare_home(settings)), "SSP_HOME": str(settings.home)}
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    with ExitStack() as stack:
        if app.needs_stand_ins(settings):
            url = stack.enter_context(app.stand_ins(settings, days=62))
            environment["SSP_SANDBOX_URL"] = url
            click.echo(f"instansi tiruan: {url}")
        commands = [
            [sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port)],
            [sys.executable, "-m", "dagster._daemon", "run"],
        ]
        processes = [
            subprocess.Popen([*c, "-m", "ssp_pipeline.definitions"], env=environment, cwd=ROOT) for c in commands
        ]
        click.echo(f"Dagster: http://127.0.0.1:{port} (Ctrl-C mengakhiri)")
        try:
            while all(p.poll() is None for p in processes):
                try:
                    processes[0].wait(timeout=1)
                except subprocess.TimeoutExpired:
                    continue
        except KeyboardInterrupt:
            return 0
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    process.kill()
        return 1


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
