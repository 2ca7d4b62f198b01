"""Assets that give out what the models hold: charts and the price sheet.

Belongs here: dependencies, files and metadata for Dagster. Does not belong here: open data (`open_data.py`), drawing
and rules (`assets/report/`).
"""

import hashlib
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import orjson
import polars as pl

from assets.models import asset_key
from assets.report.charts import SHARED_VIEWS, Chart, chart_rows, find_charts, plain_rows, with_data
from assets.report.price_sheet import DAYS, Sheet, build_sheet
from assets.report.render import PRINT_FONT, draw_chart, set_page
from assets.sources import OpenWorkspace
from assets.timeliness import promised
from assets.workspace import Workspace
from connectors.contract import Contract
from connectors.registry import Registry
from warehouse.modelling import FrontMatter, Model, render
from warehouse.select_file import load_select
from warehouse.versioned import publish

GROUP = "give_out"

SHEET = "lembar_harga"
SHEET_DATASET = "pihps.harga_pangan_pasar"
SHEET_CHART = "harga_cabai_merah"
_REPORT = Path(__file__).with_name("report")
_TEMPLATE = _REPORT / "lembar_harga.typ"


def give_out_assets(
    registry: Registry, models: Sequence[Model], open_workspace: OpenWorkspace
) -> list[dg.AssetsDefinition]:
    """Charts that are drawn by every run, and the price sheet where the agency it tells of is known."""
    tables = {m.table for m in models} | {f"source.{c.table}" for c in registry.contracts}
    charts = find_charts(registry.roots, SHARED_VIEWS)
    made = [chart_asset(c, open_workspace) for c in charts if c.head.gambar]
    contract = next((c for c in registry.contracts if c.id == SHEET_DATASET), None)
    chart = next((c for c in charts if c.name == SHEET_CHART), None)
    if contract and chart:
        made.append(price_sheet_asset(contract, chart, tables, open_workspace))
    return made


def _deps(models: Sequence[Model], tables: Collection[str]) -> list[dg.AssetKey]:
    return [asset_key(t) for t in sorted({t for m in models for t in m.inputs}) if t in tables]


def _open(open_workspace: OpenWorkspace, *models: Model) -> Workspace:
    """The workspace, with an empty table for each dataset that the SELECTs read and that was never pulled."""
    workspace = open_workspace()
    for contract in workspace.registry.contracts:
        if any(f"source.{contract.table}" in m.inputs for m in models):
            workspace.lake.ensure_source(contract)
    return workspace


def chart_asset(chart: Chart, open_workspace: OpenWorkspace) -> dg.AssetsDefinition:
    """One chart as SVG and PNG, a new version below `charts/<name>/` if its rows or its specification changed."""

    @dg.asset(
        key=dg.AssetKey([GROUP, f"bagan_{chart.name}"]),
        deps=[asset_key(chart.model.table)],
        group_name=GROUP,
        description=f"{chart.title}. {chart.model.head.description}",
        kinds={"vegalite"},
        owners=["team:walidata"],
        code_version=chart.model.digest,
    )
    def bagan(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        workspace = open_workspace()
        rows = chart_rows(workspace.lake.con, chart)
        if rows.is_empty():
            return dg.MaterializeResult(metadata={"status": "belum ada data", "baru": False})
        spec = with_data(chart, rows)

        def finish(folder: Path, _number: int) -> None:
            drawn = draw_chart(spec, ["svg", "png"])
            (folder / f"{chart.name}.svg").write_bytes(drawn["svg"])
            (folder / f"{chart.name}.png").write_bytes(drawn["png"])

        version, created = publish(workspace.home / "charts" / chart.name, lambda _: _digest(spec), finish)
        return dg.MaterializeResult(
            metadata={
                "status": "digambar" if created else "tidak berubah",
                "versi": version.name,
                "baru": created,
                "dagster/row_count": rows.height,
                "berkas": dg.MetadataValue.path(str(version.folder / f"{chart.name}.png")),
            }
        )

    return bagan


def price_sheet_asset(
    contract: Contract, chart: Chart, tables: Collection[str], open_workspace: OpenWorkspace
) -> dg.AssetsDefinition:
    """The one-page PDF of the last closed business date, below `reports/lembar_harga/<date>/`, with its input rows."""
    _, model = load_select(_REPORT / "lembar_harga.sql", f"laporan.{SHEET}", FrontMatter)

    @dg.asset(
        key=dg.AssetKey([GROUP, SHEET]),
        deps=[*_deps([model], tables), asset_key(chart.model.table)],
        group_name=GROUP,
        description="Lembar harga satu halaman (PDF) tanggal tutup terakhir. Perbaikan kemudian menjadi versi baru.",
        kinds={"typst"},
        owners=["team:walidata"],
        code_version=_digest([model.digest, _TEMPLATE.read_text(encoding="utf-8")])[:16],
    )
    def lembar_harga(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        workspace = _open(open_workspace, model)
        sheet = _sheet(workspace, contract, model)
        if sheet is None:
            return dg.MaterializeResult(metadata={"status": "belum ada data", "baru": False})
        drawn = chart_rows(workspace.lake.con, chart).filter(pl.col("tanggal") <= sheet.as_of)
        spec = with_data(chart, drawn)
        template = _TEMPLATE.read_text(encoding="utf-8")

        def finish(folder: Path, _number: int) -> None:
            svg = draw_chart(spec, ["svg"], font=PRINT_FONT)["svg"]
            files = {"data.json": orjson.dumps(sheet.content), "grafik.svg": svg}
            made = datetime(sheet.as_of.year, sheet.as_of.month, sheet.as_of.day, tzinfo=UTC)
            (folder / f"{SHEET}.pdf").write_bytes(set_page(_TEMPLATE, files, made))
            kept = {"isi": sheet.content, "baris": sheet.inputs, "grafik": plain_rows(drawn)}
            (folder / "masukan.json").write_bytes(orjson.dumps(kept, option=orjson.OPT_INDENT_2))

        root = workspace.home / "reports" / SHEET / sheet.as_of.isoformat()
        version, created = publish(root, lambda _: _digest([sheet.content, sheet.inputs, spec, template]), finish)
        return dg.MaterializeResult(
            metadata={
                "status": "dibuat" if created else "tidak berubah",
                "tanggal": sheet.as_of.isoformat(),
                "versi": version.name,
                "baru": created,
                "sidik": sheet.content["sidik"],
                "berkas": dg.MetadataValue.path(str(version.folder / f"{SHEET}.pdf")),
            }
        )

    return lembar_harga


def _sheet(workspace: Workspace, contract: Contract, model: Model) -> Sheet | None:
    closed = date.fromisoformat(promised(contract, workspace.today) or workspace.today.isoformat())
    rows = workspace.lake.query(
        f"SELECT * FROM ({render(model, lambda _: None)}) WHERE tanggal BETWEEN ? AND ?",
        [closed - timedelta(days=DAYS), closed],
    )
    agency = workspace.registry.agencies[contract.agency]

    def quarantined(day: date) -> int:
        state = workspace.lake.states(contract.id, day.isoformat(), day.isoformat()).get(day.isoformat())
        return state.dikarantina if state else 0

    return build_sheet(rows, closed, quarantined, agency.nama, agency.opd or agency.instansi)


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value)).hexdigest()
