"""Commands that look after what is there: `replay`, `forget`, `maintain`, `contract`."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ssp_pipeline.cli.common import DATE, MONTH, explained

if TYPE_CHECKING:
    from assets.replay import Replayed
    from assets.workspace import Workspace
    from ssp_pipeline.settings import Settings


@click.command()
@click.option("--from", "start", type=DATE, help="First business date.")
@click.option("--to", "end", type=DATE, help="Last business date.")
@click.option("--dataset", multiple=True, help="Only this dataset (repeatable).")
@click.option("--rebuild", is_flag=True, help="Drop the lake's catalogue and files first.")
@click.option("--yes", is_flag=True, help="Do not ask before dropping them.")
@click.option("--lose-unreadable", is_flag=True, help="Rebuild although some payloads cannot be read any more.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def replay(
    start: Any, end: Any, dataset: Sequence[str], rebuild: bool, yes: bool, lose_unreadable: bool, as_json: bool
) -> int:
    """Read archived payloads again, in the order they came, without network.

    With --rebuild the lake is made anew from the archive alone; `ssp run --models-only` then makes models and
    snapshot. Exit code 3 when some partitions were not accepted; their old versions stay.
    """
    from assets.replay import replay as read_again
    from ssp_pipeline import app
    from ssp_pipeline.settings import load_settings

    if start and end and start > end:
        raise click.UsageError(f"--from {start:%Y-%m-%d} is after --to {end:%Y-%m-%d}: give the earlier date first")
    settings = load_settings()
    workspace = app.open_workspace(settings)
    try:
        chosen = [workspace.registry.contract(d) for d in dataset] or list(workspace.registry.contracts)
        if rebuild:
            if start or end or dataset:
                raise click.UsageError("--rebuild makes the whole lake anew: give no --from, --to or --dataset")
            _drop_lake(settings, workspace, yes, lose_unreadable)
        window = (start.date() if start else date.min, end.date() if end else date.max)
        with explained():
            found = read_again(workspace, chosen, *window, told=lambda one: None if as_json else _tell(one))
    finally:
        workspace.close()
    return _end(found, as_json)


def _drop_lake(settings: "Settings", workspace: "Workspace", yes: bool, lose_unreadable: bool) -> None:
    """Remove catalogue and files, if the archive can make them again. Raises ClickException."""
    import shutil

    from warehouse.maintain import pin_folder

    catalog, data = settings.catalog.removeprefix("sqlite:"), workspace.lake_config.local_data
    if not settings.catalog.startswith("sqlite:") or data is None:
        raise click.ClickException(
            "only a lake in local files is dropped here: give a new catalogue and data path (SSP_CATALOG, "
            "SSP_DATA_PATH), then run `ssp replay`"
        )
    if Path(catalog).exists() and not lose_unreadable:
        report = workspace.archive.verify()
        lost = len(report.missing) + len(report.corrupt) + len(report.forgotten)
        if lost:
            raise click.ClickException(
                f"{lost} of {report.payloads} payloads cannot be read any more ({len(report.missing)} missing, "
                f"{len(report.corrupt)} damaged, {len(report.forgotten)} forgotten on purpose), so their rows would "
                "not come back: restore them, or give --lose-unreadable"
            )
    if not yes and not click.confirm("Hapus katalog dan berkas lake, lalu bangun ulang dari arsip?"):
        raise click.Abort
    with workspace.lake.writer_lock():
        workspace.lake.close()
        for folder in (data, pin_folder(workspace.lake)):
            if folder.exists():
                shutil.rmtree(folder)
        for name in (catalog, f"{catalog}-wal", f"{catalog}-shm"):
            Path(name).unlink(missing_ok=True)


def _tell(one: "Replayed") -> None:
    click.echo(f"{one.dataset}: " + ", ".join(f"{n} {status}" for status, n in sorted(one.counts.items())))
    for what, why in one.bad.items():
        click.echo(f"  {what}: {why}")


def _end(found: "Sequence[Replayed]", as_json: bool) -> int:
    if as_json:
        import orjson

        rows = [{"dataset": r.dataset, "hasil": dict(r.counts), "bermasalah": r.bad} for r in found]
        print(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
    elif not any(r.counts for r in found):
        click.echo("tidak ada yang dibaca ulang")
    return 3 if any(r.bad for r in found) else 0


def replay_payloads(dataset: str, payloads: Sequence[str], as_json: bool) -> int:
    """Replay the pulls of a dataset that brought some payloads."""
    from assets.replay import replay as read_again
    from ssp_pipeline import app
    from ssp_pipeline.settings import load_settings

    workspace = app.open_workspace(load_settings())
    try:
        chosen = [workspace.registry.contract(dataset)]
        found = read_again(workspace, chosen, only=payloads, told=lambda one: None if as_json else _tell(one))
    finally:
        workspace.close()
    return _end(found, as_json)


@click.command()
@click.option("--dataset", help="Only this dataset.")
@click.option(
    "--month",
    type=MONTH,
    help="This month (YYYY-MM) now, before its keeping period ends; needs --dataset and --reason.",
)
@click.option("--reason", help="Why it is destroyed early.")
@click.option("--today", type=DATE, help="Take this date for today.")
@click.option("--dry-run", is_flag=True, help="Only say which keys are due.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def forget(dataset: str | None, month: Any, reason: str | None, today: Any, dry_run: bool, as_json: bool) -> int:
    """Destroy the keys of payloads whose keeping period is over. What only these keys open is gone for good."""
    from ssp_pipeline import app
    from ssp_pipeline.settings import load_settings

    if month and not (reason and dataset):
        raise click.UsageError("destroying a key early needs --dataset and --reason")
    settings = load_settings(today=today.date() if today else None)
    workspace = app.open_workspace(settings)
    try:
        chosen = [workspace.registry.contract(dataset)] if dataset else list(workspace.registry.contracts)
        private = [c for c in chosen if c.has_private]
        if dataset and not private:
            raise click.ClickException(f"{dataset} has no private column, so its payloads have no keys")
        done = []
        for contract in private:
            keep = contract.ext.retensi_bulan or 0
            months = [f"{month:%Y-%m}"] if month else workspace.keys.expired(contract.table, keep, settings.today)
            for one in months:
                why = reason or f"masa simpan {keep} bulan berakhir"
                had = one in workspace.keys.months(contract.table)
                if dry_run:
                    result = "akan dimusnahkan" if had else "tidak ada kunci"
                elif not workspace.keys.forget(contract.table, one, why):
                    result = "sudah dimusnahkan"
                else:
                    result = "kunci dimusnahkan" if had else "tidak ada kunci, dan tidak akan dibuat lagi"
                done.append({"dataset": contract.id, "bulan": one, "hasil": result, "alasan": why})
    finally:
        workspace.close()
    if as_json:
        import orjson

        print(orjson.dumps(done, option=orjson.OPT_INDENT_2).decode())
    else:
        for row in done:
            click.echo(f"{row['dataset']} {row['bulan']}: {row['hasil']} ({row['alasan']})")
        if not done:
            click.echo("tidak ada kunci yang jatuh tempo")
    return 0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def maintain(as_json: bool) -> int:
    """Merge small files, expire old lake versions, remove orphans, prune analysts' snapshots, under the lock."""
    from ssp_pipeline import app
    from ssp_pipeline.settings import load_settings
    from warehouse.maintain import maintain as care

    settings = load_settings()
    workspace = app.open_workspace(settings)
    kept = settings.config.cuplikan
    try:
        report = care(
            workspace.lake, settings.snapshots, keep_days=settings.config.pemeliharaan.riwayat_lake_hari,
            keep_snapshots=kept.simpan_jumlah, keep_snapshot_days=kept.simpan_hari,
        )  # fmt: skip
        facts = report.metadata() | {"temps_swept": workspace.archive.sweep_temps()}
    finally:
        workspace.close()
    if as_json:
        import orjson

        print(orjson.dumps(facts).decode())
    else:
        click.echo(", ".join(f"{k.replace('_', ' ')}: {v}" for k, v in facts.items()))
    return 0


@click.group()
def contract() -> None:
    """Contracts: one file a dataset."""


@contract.command("lint")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def contract_lint(as_json: bool) -> int:
    """Check every contract, model, chart, alert rule and open dataset; all faults are shown at once.

    Exit code 2 when there is one.
    """
    from dataclasses import asdict

    from assets.report.charts import find_charts
    from connectors.contract.load import contract_files
    from ssp_pipeline.settings import ROOT, load_settings
    from warehouse.alert_rules import RuleError, find_rules
    from warehouse.lint import lint
    from warehouse.modelling import ModelError, find_models
    from warehouse.opendata.lint import lint_open

    roots = load_settings().roots
    shared = ROOT / "warehouse" / "models"
    files = contract_files(roots)
    opened, open_problems = lint_open(roots)
    problems = [*lint(files), *open_problems]
    faults = [str(p) for p in problems]
    for find in (find_models, find_charts, find_rules):
        folder = shared / "dashboard" if find is find_charts else shared
        try:
            find(roots, folder)
        except (ModelError, RuleError) as error:
            faults += [line for line in str(error).splitlines() if line not in faults]
    if as_json:
        import orjson

        others = faults[len(problems) :]
        facts = {"berkas": len(files), "terbuka": opened, "kesalahan": [asdict(p) for p in problems], "lain": others}
        print(orjson.dumps(facts).decode())
    else:
        for fault in faults:
            click.echo(fault)
        click.echo(f"{len(files)} kontrak dan {opened} data terbuka diperiksa, {len(faults)} kesalahan")
    return 2 if faults else 0


@contract.command("schema")
@click.argument("folder", type=click.Path(file_okay=False), default="docs")
def contract_schema(folder: str) -> int:
    """Write the JSON Schemas of our customProperties, for editors."""
    import json

    from pydantic import BaseModel

    from connectors.contract.model import ColumnExtension, DatasetExtension
    from warehouse.opendata.contract import OpenColumnExtension, OpenExtension

    models: dict[str, type[BaseModel]] = {
        "contract-dataset": DatasetExtension,
        "contract-column": ColumnExtension,
        "open-dataset": OpenExtension,
        "open-column": OpenColumnExtension,
    }
    Path(folder).mkdir(exist_ok=True)
    for name, model in models.items():
        path = Path(folder) / f"{name}.schema.json"
        path.write_text(json.dumps(model.model_json_schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        click.echo(str(path))
    return 0
