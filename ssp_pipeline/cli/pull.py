"""`ssp run`: the main job in one process, through the same Dagster assets that the schedules use."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from importlib.abc import MetaPathFinder
from typing import Any

import click

from ssp_pipeline.cli.common import DATE, print_json

_ONE_POLARS_THREAD = ("POLARS_MAX_THREADS", "1")
"""Several threads pull, archive, read and commit side by side here. Those of Polars find little to do beside them, and
look for it by yielding their core again and again: a tenth of a run."""


class _WithoutPandas(MetaPathFinder):
    """Lets pandas seem not to be installed.

    DuckDB imports it for the first parameter of a statement, only to see whether that is a value of pandas'. It takes
    a quarter of a second, and nothing in this process has such values: the checks have a process of their own.
    """

    def find_spec(self, fullname: str, _path: Any, _target: Any = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def _last_date(start: Any, end: Any, today: date) -> date:
    """Where the window ends. Raises UsageError for one that ends before it starts, or after today."""
    last = end.date() if end else today - timedelta(days=1)
    if start and start.date() > last:
        raise click.UsageError(f"--from {start:%Y-%m-%d} is after the last date, {last}: give the earlier date first")
    if last > today:
        raise click.UsageError(f"--to {last} is after today ({today}): no agency has that yet")
    return last


@click.command()
@click.option("--from", "start", type=DATE, help="First business date (default: 30 closed days back).")
@click.option("--to", "end", type=DATE, help="Last business date (default: the last closed one).")
@click.option("--agency", multiple=True, help="Only this agency (repeatable).")
@click.option("--dataset", multiple=True, help="Only this dataset, as agency.dataset (repeatable).")
@click.option("--today", type=DATE, help="Take this date for today.")
@click.option(
    "--replay", type=click.Path(exists=True, file_okay=False), help="Stand-ins replay the real series in DIR."
)
@click.option("--json", "as_json", is_flag=True, help="The closing table as JSON.")
@click.option("--no-models", is_flag=True, help="Stop after the source tables.")
@click.option("--models-only", is_flag=True, help="Pull nothing: models and snapshot from what the lake holds.")
def run(
    start: Any,
    end: Any,
    agency: Sequence[str],
    dataset: Sequence[str],
    today: Any,
    replay: str | None,
    as_json: bool,
    no_models: bool,
    models_only: bool,
) -> int:
    """Pull, archive, check and commit; then build the models and the analysts' snapshot.

    Exit code 3 when some partitions were not accepted; their old versions stay.
    """
    import gc
    import os
    import sys

    from warehouse.checks.client import ONE_BLAS_THREAD, Checker

    if models_only and (no_models or agency or dataset or start or end):
        raise click.UsageError("--models-only takes no window, no dataset and no --no-models")
    sys.meta_path.insert(0, _WithoutPandas())
    # For the import of Dagster, which makes no garbage; what follows it makes frames, which are none of its business.
    gc.set_threshold(1_000_000, 50, 100)
    os.environ.setdefault(*ONE_BLAS_THREAD)
    os.environ.setdefault(*_ONE_POLARS_THREAD)
    with ExitStack() as stack:
        checker = Checker()
        if not models_only:
            # First of all: it imports for a second, and so does this process.
            checker.start()
            stack.callback(checker.close)
        from dataclasses import replace as changed
        from pathlib import Path

        from ssp_pipeline import app
        from ssp_pipeline.settings import load_settings

        settings = load_settings(today=today.date() if today else None)
        if replay:
            settings = changed(settings, replay=Path(replay).resolve())
        last = _last_date(start, end, settings.today)
        first = start.date() if start else (date.min if end is None and start is None else last - timedelta(days=29))
        days = 30 if first == date.min else (settings.today - first).days + 1
        url = ""
        if not models_only and app.needs_stand_ins(settings):
            url = stack.enter_context(app.stand_ins(settings, days=max(days, 30)))
        workspace = app.open_workspace(settings, sandbox_url=url, checker=checker)
        stack.callback(workspace.close)
        chosen = [] if models_only else workspace.registry.select(agency, dataset)
        # Importing Dagster takes its time, in which the lake gets ready.
        workspace.open_lake_ahead(chosen)
        from ssp_pipeline.runner import Runner

        workspace.check_lake()
        runner = Runner(settings, workspace, quiet=as_json)
        window = None if first == date.min else (first, last)
        result = runner.run(chosen, window, models=not no_models)
    if as_json:
        print_json(result.summary())
    else:
        from ssp_pipeline.closing import report

        report(result)
    return 0 if result.ok else 3
