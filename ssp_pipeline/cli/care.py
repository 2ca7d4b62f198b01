"""Commands that look after what is there: `replay`, `forget`, `maintain`, `contract`."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click

DATE = click.DateTime(formats=["%Y-%m-%d"])


@click.command()
@click.option("--from", "start", type=DATE, help="First business date.")
@click.option("--to", "end", type=DATE, help="Last business date.")
@click.option("--dataset", multiple=True, help="Only this dataset (repeatable).")
@click.option("--rebuild", is_flag=True, help="Drop the lake's catalogue and files first; needs --yes.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def replay(start: Any, end: Any, dataset: Sequence[str], rebuild: bool, yes: bool) -> int:
    """Read archived payloads again, in the order they came, without network."""
    import shutil

    from ssp_pipeline import app
    from ssp_pipeline.settings import load_settings

    settings = load_settings()
    workspace = app.open_workspace(settings)
    if rebuild:
        if not (yes or click.confirm("Hapus katalog dan berkas lake, lalu bangun ulang dari arsip?")):
            return 2
        with workspace.lake.writer_lock():
            workspace.lake.close()
            for path in (settings.home / "lake").iterdir():
                if path.name != "penulis.lock":
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
    chosen = [workspace.registry.contract(d) for d in dataset] or list(workspace.registry.contracts)
    window = (start.date() if start else date.min, end.date() if end else date.max)
    bad = _replay(workspace, chosen, window)
    workspace.close()
    return 3 if bad else 0


def replay_partitions(dataset: str, keys: Sequence[str]) -> int:
    """Replay the pulls that cover some partitions of one dataset."""
    from ssp_pipeline import app
    from ssp_pipeline.settings import load_settings

    workspace = app.open_workspace(load_settings())
    contract = workspace.registry.contract(dataset)
    days = [date.fromisoformat(k) for k in keys if k[:4].isdigit()]
    window = (min(days), max(days)) if days else (date.min, date.max)
    bad = _replay(workspace, [contract], window)
    workspace.close()
    return 3 if bad else 0


def _replay(workspace: Any, contracts: Sequence[Any], window: tuple[date, date]) -> int:
    from assets.ingest import Ingest
    from connectors.archive import PayloadForgotten

    ingest = Ingest(workspace)
    bad = 0
    for contract in contracts:
        counts: dict[str, int] = {}
        for pull in workspace.archive.pulls(contract.table, *window):
            try:
                outcomes = ingest.replay(contract, pull)
            except PayloadForgotten:
                counts["dimusnahkan"] = counts.get("dimusnahkan", 0) + 1
                continue
            for outcome in outcomes:
                counts[outcome.status] = counts.get(outcome.status, 0) + 1
                bad += not outcome.ok and outcome.status != "cakupan_kurang"
        if counts:
            click.echo(f"{contract.id}: " + ", ".join(f"{n} {s}" for s, n in sorted(counts.items())))
    return bad


@click.command()
@click.option("--dataset", help="Only this dataset.")
@click.option("--month", help="This month (YYYY-MM) now, before its keeping period ends; needs --reason.")
@click.option("--reason", help="Why it is destroyed early.")
@click.option("--today", type=DATE, help="Take this date for today.")
def forget(dataset: str | None, month: str | None, reason: str | None, today: Any) -> int:
    """Destroy the keys of payloads whose keeping period is over. What only these keys open is gone for good."""
    from ssp_pipeline import app
    from ssp_pipeline.settings import load_settings

    settings = load_settings(today=today.date() if today else None)
    workspace = app.open_workspace(settings)
    private = [c for c in workspace.registry.contracts if c.has_private and (not dataset or dataset in (c.id, c.table))]
    if dataset and not private:
        raise click.ClickException(f"{dataset} has no private column, so its payloads have no keys")
    if month and not reason:
        raise click.ClickException("destroying a key early needs --reason")
    for contract in private:
        months = (
            [month]
            if month
            else workspace.keys.expired(contract.table, contract.ext.retensi_bulan or 0, settings.today)
        )
        for one in months:
            why = reason or f"masa simpan {contract.ext.retensi_bulan} bulan berakhir"
            done = workspace.keys.forget(contract.table, one, why)
            click.echo(f"{contract.id} {one}: {'kunci dimusnahkan' if done else 'tidak ada kunci'}")
    workspace.close()
    return 0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def maintain(as_json: bool) -> int:
    """Merge small files, expire old lake snapshots, remove orphans, prune analysts' snapshots, under the lock."""
    from ssp_pipeline import app
    from ssp_pipeline.settings import load_settings
    from warehouse.maintain import maintain as care

    settings = load_settings()
    workspace = app.open_workspace(settings)
    kept = settings.config.cuplikan
    report = care(
        workspace.lake, settings.snapshots, keep_days=settings.config.pemeliharaan.riwayat_lake_hari,
        keep_snapshots=kept.simpan_jumlah, keep_snapshot_days=kept.simpan_hari,
    )  # fmt: skip
    swept = workspace.archive.sweep_temps()
    workspace.close()
    facts = report.metadata() | {"temps_swept": swept}
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
    """Check every contract and model file; all faults are shown at once. Exit code 2 when there is one."""
    from dataclasses import asdict

    from connectors.contract.load import contract_files, lint
    from ssp_pipeline.settings import ROOT, load_settings
    from warehouse.modelling import ModelError, find_models

    roots = load_settings().roots
    files = contract_files(roots)
    problems = lint(files)
    faults = [str(p) for p in problems]
    try:
        find_models(roots, ROOT / "warehouse" / "models")
    except ModelError as error:
        faults.append(str(error))
    if as_json:
        import orjson

        print(orjson.dumps({"berkas": len(files), "kesalahan": [asdict(p) for p in problems]}).decode())
    else:
        for fault in faults:
            click.echo(fault)
        click.echo(f"{len(files)} kontrak diperiksa, {len(faults)} kesalahan")
    return 2 if faults else 0


@contract.command("schema")
@click.argument("folder", type=click.Path(file_okay=False), default="docs")
def contract_schema(folder: str) -> int:
    """Write the JSON Schemas of our customProperties, for editors."""
    import json

    from connectors.contract.model import ColumnExtension, DatasetExtension

    Path(folder).mkdir(exist_ok=True)
    for model, name in ((DatasetExtension, "contract-dataset"), (ColumnExtension, "contract-column")):
        path = Path(folder) / f"{name}.schema.json"
        path.write_text(json.dumps(model.model_json_schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        click.echo(str(path))
    return 0
