"""Commands that look and change nothing: `status`, `sql`, `verify`, `quarantine list|show`."""

import sys
from pathlib import Path
from typing import Any

import click


def _print_json(rows: Any) -> None:
    import orjson

    print(orjson.dumps(rows, default=str, option=orjson.OPT_INDENT_2).decode())


def _table(rows: list[dict[str, Any]], title: str = "") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not rows:
        console.print(f"{title}: tidak ada" if title else "tidak ada")
        return
    table = Table(title=title or None, header_style="bold", pad_edge=False)
    for name in rows[0]:
        table.add_column(name)
    for row in rows:
        table.add_row(*("" if v is None else str(v) for v in row.values()))
    console.print(table)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(as_json: bool) -> int:
    """Newest state of every dataset: partition, age against its promise, quarantine, last failure."""
    from assets.timeliness import expected_newest
    from ssp_pipeline import app
    from ssp_pipeline.settings import load_settings

    settings = load_settings()
    workspace = app.open_workspace(settings)
    found = workspace.lake.query(
        "SELECT dataset, max(partisi) FILTER (status IN ('diterima', 'kosong')) AS terbaru, "
        "max(selesai) FILTER (status IN ('diterima', 'kosong', 'tidak_berubah')) AS berhasil, "
        "arg_max(status, selesai) AS status, arg_max(alasan, selesai) AS alasan, "
        "arg_max(asal, selesai) FILTER (asal <> '') AS asal FROM lake.ops.hasil GROUP BY 1"
    )
    states = {row["dataset"]: row for row in found.iter_rows(named=True)}
    rows = []
    for contract in workspace.registry.contracts:
        state = states.get(contract.id, {})
        expected = expected_newest(contract, settings.today)
        newest = state.get("terbaru")
        late = newest is None or (expected is not None and newest < expected)
        done = state.get("berhasil")
        rows.append(
            {
                "dataset": contract.id,
                "terbaru": newest or "belum ada",
                "diharapkan": expected or "",
                "ketepatan": "terlambat" if late else "tepat",
                "status": state.get("status", "belum dijalankan"),
                "asal": state.get("asal") or "",
                "terakhir_berhasil": done.isoformat(timespec="minutes") if done else "",
                "alasan": (state.get("alasan") or "")[:80],
            }
        )
    workspace.close()
    if as_json:
        _print_json(rows)
    else:
        _table(rows)
    return 0


@click.command()
@click.argument("query")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json", "parquet"]), default="table")
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="File to write (needed for Parquet).")
@click.option("--version", "version", help="A snapshot other than the newest, for example v000007.")
@click.option("--json", "as_json", is_flag=True, help="Same as --format json.")
def sql(query: str, form: str, output: str | None, version: str | None, as_json: bool) -> int:
    """Run one SELECT on the analysts' snapshot. The snapshot is read only and has no private column."""
    import duckdb

    from ssp_pipeline.settings import load_settings
    from warehouse.duck import bare
    from warehouse.snapshot import latest

    folder = load_settings().snapshots
    path = folder / f"{version}.duckdb" if version else latest(folder)
    if path is None or not path.is_file():
        raise click.ClickException("there is no such snapshot yet; `ssp run` makes one")
    con = bare({"access_mode": "READ_ONLY"}, str(path))
    try:
        relation = con.sql(query)
        if relation is None:
            raise click.ClickException("give one query that returns rows")
        _write(relation, "json" if as_json else form, output)
    except duckdb.Error as error:
        raise click.ClickException(str(error)) from None
    finally:
        con.close()
    return 0


def _write(relation: Any, form: str, output: str | None) -> None:
    import polars as pl

    if form == "table" and not output:
        relation.show(max_rows=200, max_width=200)
        return
    frame = pl.from_arrow(relation.to_arrow_table())
    assert isinstance(frame, pl.DataFrame)
    if form == "parquet":
        if not output:
            raise click.ClickException("Parquet needs --output FILE")
        frame.write_parquet(output)
    elif form == "json":
        import orjson

        text = orjson.dumps(frame.to_dicts(), default=str, option=orjson.OPT_INDENT_2) + b"\n"
        Path(output).write_bytes(text) if output else sys.stdout.buffer.write(text)
    else:
        frame.write_csv(output or sys.stdout.buffer)


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
    from ssp_pipeline import app
    from ssp_pipeline.settings import load_settings
    from warehouse.verify import verify as recount

    settings = load_settings()
    workspace = app.open_workspace(settings)
    registry = workspace.registry
    chosen = [registry.contract(d) for d in dataset] or list(registry.contracts)
    console = Console(stderr=True, quiet=as_json)
    with console.status("memeriksa") as spinner:
        result = recount(
            workspace.lake, workspace.archive, settings.snapshots, chosen, reread(workspace),
            progress=lambda text: spinner.update(f"memeriksa {text}"),
        )  # fmt: skip
    workspace.close()
    if as_json:
        _print_json(
            {"lengkap": result.sound, "celah": result.all_gaps(), "partisi": [asdict(p) for p in result.partitions]}
        )
        return 0 if result.sound else 4
    rows = []
    for contract in chosen:
        own = [p for p in result.partitions if p.dataset == contract.id]
        if own:
            rows.append(
                {
                    "dataset": contract.id,
                    "partisi": len(own),
                    "dibaca": sum(p.dibaca for p in own),
                    "diterima": sum(p.diterima for p in own),
                    "karantina": sum(p.dikarantina for p in own),
                    "lake": sum(p.lake for p in own),
                    "cuplikan": sum(p.cuplikan or 0 for p in own) if any(p.cuplikan is not None for p in own) else "-",
                    "dimusnahkan": sum(p.forgotten for p in own),
                    "celah": sum(len(p.gaps) for p in own),
                }
            )
    _table(rows)
    for gap in result.all_gaps():
        click.echo(f"celah: {gap}")
    verdict = "semua cocok" if result.sound else f"{len(result.all_gaps())} celah"
    click.echo(
        f"{result.payloads} muatan di arsip ({result.forgotten} dimusnahkan sesuai retensi), "
        f"{result.files} berkas Parquet diperiksa: {verdict}"
    )
    return 0 if result.sound else 4


@click.group()
def quarantine() -> None:
    """Rows that were set aside, with their reason and the payload they came from."""


@quarantine.command("list")
@click.option("--dataset", help="Only this dataset.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def quarantine_list(dataset: str | None, as_json: bool) -> int:
    """Count of quarantined rows by dataset, partition and reason, newest partition first."""
    rows = _quarantine(
        "SELECT dataset, partisi, alasan, count(*) AS baris, any_value(muatan)[:12] AS contoh_muatan "
        "FROM q WHERE (? IS NULL OR dataset = ?) GROUP BY ALL ORDER BY partisi DESC, dataset, alasan",
        [dataset, dataset],
    )
    _print_json(rows) if as_json else _table(rows)
    return 0


@quarantine.command("show")
@click.argument("dataset")
@click.option("--partition", help="Only this partition.")
@click.option("--limit", default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def quarantine_show(dataset: str, partition: str | None, limit: int, as_json: bool) -> int:
    """The quarantined rows of a dataset; private columns are masked."""
    rows = _quarantine(
        "SELECT partisi, alasan, kolom, rincian, isi, muatan, baris, waktu FROM q "
        "WHERE dataset = ? AND (? IS NULL OR partisi = ?) ORDER BY partisi DESC, muatan, baris LIMIT ?",
        [dataset, partition, partition, limit],
    )
    _print_json(rows) if as_json else _table(rows)
    return 0


@quarantine.command("replay")
@click.argument("dataset")
@click.option("--partition", help="Only this partition.")
def quarantine_replay(dataset: str, partition: str | None) -> int:
    """Read the payloads of quarantined rows again, after the parser, the contract or a reference was mended."""
    from ssp_pipeline.cli.care import replay_partitions

    found = _quarantine(
        "SELECT DISTINCT partisi FROM q WHERE dataset = ? AND (? IS NULL OR partisi = ?)",
        [dataset, partition, partition],
    )
    keys = sorted(row["partisi"] for row in found)
    if not keys:
        click.echo("tidak ada baris di karantina")
        return 0
    return replay_partitions(dataset, keys)


def _quarantine(query: str, params: list[Any]) -> list[dict[str, Any]]:
    """Rows of the current quarantine: those set aside by the newest outcome of each partition."""
    from ssp_pipeline import app
    from ssp_pipeline.settings import load_settings

    workspace = app.open_workspace(load_settings())
    current = (
        "WITH newest AS (SELECT dataset, partisi, run_id FROM lake.ops.hasil WHERE dikarantina > 0 OR "
        "status = 'diterima' QUALIFY row_number() OVER (PARTITION BY dataset, partisi "
        "ORDER BY (status <> 'tidak_berubah') DESC, selesai DESC) = 1), "
        "q AS (SELECT b.* FROM lake.quarantine.baris b JOIN newest USING (dataset, partisi, run_id)) "
    )
    rows = workspace.lake.query(current + query, params).to_dicts()
    workspace.close()
    return rows
