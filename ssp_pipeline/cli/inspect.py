"""Commands that look and change nothing: `status`, `sql`, `verify`, `quarantine`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ssp_pipeline.cli.common import looking, print_blocks, print_json, print_table
from ssp_pipeline.screen import plain

if TYPE_CHECKING:
    from warehouse.verify import Verification

_FORMS = ("table", "csv", "json", "parquet", "xlsx")
_WHY = ("gagal", "alasan", "rincian")
"""What `status` tells of a failure in a line below its table."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(as_json: bool) -> int:
    """Newest state of every dataset: partition, age against its promise, quarantine; what failed, and messages that
    did not arrive."""
    from assets.state import dataset_rows, snapshot_line
    from ssp_pipeline.cli.deliver import attention
    from warehouse.ops import why

    with looking() as (settings, workspace):
        rows = dataset_rows(workspace)
        if as_json:
            print_json(rows)
        else:
            print_table([{k: v for k, v in row.items() if k not in _WHY} for row in rows])
            for row in rows:
                if row["gagal"]:
                    click.echo(plain(f"{row['dataset']} {row['gagal']}: {why(row['alasan'], row['rincian'])}"))
            click.echo(snapshot_line(settings.snapshots))
            for line in attention(settings, workspace):
                click.echo(line)
    return 0


@click.command()
@click.argument("query", required=False)
@click.option("--format", "form", type=click.Choice(_FORMS), help="Default: by the ending of --output, else a table.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write the result to this file.")
@click.option("--version", "version", help="A snapshot other than the newest, for example v000007.")
@click.option("--json", "as_json", is_flag=True, help="Same as --format json.")
@click.option(
    "--export", type=click.Path(dir_okay=False, path_type=Path), help="Copy the whole snapshot to one DuckDB file."
)
def sql(
    query: str | None, form: str | None, output: Path | None, version: str | None, as_json: bool, export: Path | None
) -> int:
    """Run one SELECT on the analysts' snapshot; "-" reads it from standard input.

    The snapshot is read only and has no private column; the query reaches nothing else. Text stays text in every
    format. Exit code 2 when the query cannot be run.
    """
    import sys

    import duckdb

    from ssp_pipeline.settings import load_settings
    from warehouse import snapshot
    from warehouse.snapshot_query import QueryError

    folder = load_settings().snapshots
    path = folder / f"{version}.duckdb" if version else snapshot.latest(folder)
    if path is None or path not in snapshot.versions(folder):
        known = ", ".join(p.stem for p in snapshot.versions(folder)) or "none yet; `ssp run` makes one"
        raise click.ClickException(f"there is no snapshot{f' {version}' if version else ''}; there are: {known}")
    try:
        if export:
            snapshot.export(path, export)
            click.echo(f"{path.stem} -> {export}", err=True)
            return 0
        if not query:
            raise click.UsageError("give a query, or --export FILE")
        text = sys.stdin.read() if query == "-" else query
        form = "json" if as_json else form or (output.suffix.lstrip(".").lower() if output else "table")
        _answer(path, text, form if form in _FORMS else "table", output)
    except (QueryError, FileExistsError, duckdb.Error) as error:
        raise click.ClickException(str(error).splitlines()[0]) from None
    return 0


def _answer(path: Path, query: str, form: str, output: Path | None) -> None:
    """Run the query and show or write its result. Raises QueryError."""
    import shutil
    import sys
    import tempfile

    from warehouse.snapshot_query import opened, save, show

    with opened(path) as con:
        if form == "table" and output:
            raise click.UsageError(f"which format is {output}? Give --format csv, json, parquet or xlsx")
        if form == "table":
            show(con, query)
        elif output:
            save(con, query, form, output)  # type: ignore[arg-type]
        elif form in ("parquet", "xlsx"):
            raise click.UsageError(f"{form} needs --output FILE")
        else:
            # Written elsewhere first: what stands on the standard output is a whole result.
            with tempfile.TemporaryDirectory() as folder:
                target = Path(folder) / "hasil"
                save(con, query, form, target)  # type: ignore[arg-type]
                with target.open("rb") as file:
                    shutil.copyfileobj(file, sys.stdout.buffer)
                sys.stdout.buffer.flush()


@click.command()
@click.option("--dataset", multiple=True, help="Only this dataset (repeatable).")
@click.option("--json", "as_json", is_flag=True, help="Every partition's counts, as JSON.")
def verify(dataset: tuple[str, ...], as_json: bool) -> int:
    """Recount from the archived bytes: payloads → rows = accepted + quarantined → lake → snapshot, and money sums.

    Exit code 4 when anything does not add up.
    """
    from dataclasses import asdict

    from rich.console import Console

    from assets.reread import reread
    from warehouse.verify import verify as recount

    with looking() as (settings, workspace):
        registry = workspace.registry
        chosen = [registry.contract(d) for d in dataset] or list(registry.contracts)
        with Console(stderr=True, quiet=as_json).status("memeriksa") as spinner:
            result = recount(
                workspace.lake, workspace.archive, settings.snapshots, chosen, reread(workspace),
                progress=lambda text: spinner.update(f"memeriksa {text}"),
            )  # fmt: skip
    if as_json:
        print_json(
            {
                "lengkap": result.sound,
                "celah": result.all_gaps(),
                "muatan": result.payloads,
                "dimusnahkan": result.forgotten,
                "berkas": result.files,
                "partisi": [asdict(p) for p in result.partitions],
            }
        )
    else:
        _show_counts(result, [c.id for c in chosen])
    return 0 if result.sound else 4


def _show_counts(result: "Verification", datasets: list[str]) -> None:
    rows = []
    for dataset in datasets:
        own = [p for p in result.partitions if p.dataset == dataset]
        if own:
            shown = [p.cuplikan for p in own if p.cuplikan is not None]
            rows.append(
                {
                    "dataset": dataset,
                    "partisi": len(own),
                    "dibaca": sum(p.dibaca for p in own),
                    "diterima": sum(p.diterima for p in own),
                    "karantina": sum(p.dikarantina for p in own),
                    "diganti": sum(p.diganti for p in own),
                    "lake": sum(p.lake for p in own),
                    "cuplikan": sum(shown) if shown else "-",
                    "dimusnahkan": sum(p.forgotten for p in own),
                    "celah": sum(len(p.gaps) for p in own),
                }
            )
    print_table(rows, "belum ada partisi yang diterima")
    for gap in result.all_gaps():
        click.echo(f"celah: {gap}")
    verdict = "semua cocok" if result.sound else f"{len(result.all_gaps())} celah"
    click.echo(
        f"{result.payloads} muatan di arsip ({result.forgotten} dimusnahkan sesuai retensi), "
        f"{result.files} berkas Parquet diperiksa: {verdict}"
    )


@click.group()
def quarantine() -> None:
    """Rows that were set aside, with their reason and the payload they came from."""


@quarantine.command("list")
@click.option("--dataset", help="Only this dataset.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def quarantine_list(dataset: str | None, as_json: bool) -> int:
    """Count of quarantined rows by dataset, partition and reason, newest partition first."""
    from assets.state import quarantine_counts

    with looking() as (_, workspace):
        rows = quarantine_counts(workspace, dataset)
    print_json(rows) if as_json else print_table(rows, "tidak ada baris di karantina")
    return 0


@quarantine.command("show")
@click.argument("dataset")
@click.option("--partition", help="Only this partition.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def quarantine_show(dataset: str, partition: str | None, limit: int, as_json: bool) -> int:
    """The quarantined rows of a dataset; private columns are masked."""
    from assets.state import quarantined_rows

    with looking() as (_, workspace):
        rows = quarantined_rows(workspace, dataset, partition).head(limit).to_dicts()
    print_json(rows) if as_json else print_blocks(rows, "tidak ada baris di karantina")
    return 0


@quarantine.command("replay")
@click.argument("dataset")
@click.option("--partition", help="Only this partition.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def quarantine_replay(dataset: str, partition: str | None, as_json: bool) -> int:
    """Read the payloads of quarantined rows again, after the parser, the contract or a reference was mended.

    Exit code 3 when some partitions were not accepted; their old versions stay.
    """
    from assets.state import quarantined_rows
    from ssp_pipeline.cli.care import replay_payloads

    with looking() as (_, workspace):
        payloads = sorted(set(quarantined_rows(workspace, dataset, partition)["muatan"]))
    if not payloads:
        print_json([]) if as_json else click.echo("tidak ada baris di karantina")
        return 0
    return replay_payloads(dataset, payloads, as_json)
