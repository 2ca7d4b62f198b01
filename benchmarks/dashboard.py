"""What the command centre's pages cost with five years of the whole province: each query, and each page to its sight.

Method. One month of all agencies is pulled from the stand-ins by `ssp run` (or taken from a given folder of snapshots).
Each table of its snapshot that has a partition column is then laid down again for 61 spans of 30 days, with dates moved
back, as parts of their own: five years of source rows, models and series in the sizes of a real day, in as many files
as real months would be. Tables without a partition column are as large as they ever get and stay. Over these parts the
pages ask what they ask: for every view its filters, figures, table and chart, with each value of its filters and with
ranges of a year and of all five; and rows behind a number, of one day and of all. Rows that were read are not kept
between two measurements; the first round, which also opens the files, does not count. A query's figures are in
milliseconds over all its calls: wall time, and CPU time of the process, which other work on the machine changes less.

A page's figures are those of a request over HTTP in this process (server) and of the first picture in Chromium
(browser), with what was read kept, as it is between two snapshots, and for the first who comes, without.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from benchmarks.load import ROOT
from connectors.registry import Registry
from ssp_pipeline.command_centre.pages.blocks import chart_spec, make_block
from ssp_pipeline.command_centre.pages.choices import choose
from ssp_pipeline.command_centre.pages.engine import assets
from ssp_pipeline.command_centre.pages.reader import Version
from ssp_pipeline.command_centre.pages.routes import NAMES, Dashboards
from ssp_pipeline.command_centre.pages.rows import find_rows, named
from ssp_pipeline.command_centre.pages.views import View, find_views
from ssp_pipeline.command_centre.roles import User
from ssp_pipeline.command_centre.service import Centre, Options
from ssp_pipeline.web.files import VEGA
from warehouse.duck import ident, literal
from warehouse.snapshot import latest

SPANS = 61
SPAN_DAYS = 30
LIMIT_MS = 100.0


class Timed(Version):
    """A version that keeps nothing, and notes how long each query took."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.took: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.about = ""

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Any:
        self._kept.clear()
        began, worked = time.perf_counter(), time.process_time()
        found = super().rows(sql, values)
        took = 1000 * (time.perf_counter() - began), 1000 * (time.process_time() - worked)
        self.took[self.about].append(took)
        return found


def main(rounds: int = 20, month: Path | None = None) -> dict[str, object]:
    """Measure everything. `month`: a folder of snapshots with a month of data, instead of making one."""
    folder = Path(tempfile.mkdtemp(prefix="ssp-ruang-"))
    try:
        source = month or _one_month(folder / "rumah")
        path = _five_years(source, folder / "snapshots")
        queries = _queries(path, rounds)
        worst = max(q["p95_ms"] for q in queries.values())
        return {
            "rows": _counted(path),
            "load_average": os.getloadavg()[0],
            "queries": queries,
            "worst_p95_ms": worst,
            "worst_cpu_p95_ms": max(q["cpu_p95_ms"] for q in queries.values()),
            "within_limit": worst < LIMIT_MS,
            "pages": _pages(path.parent),
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _one_month(home: Path) -> Path:
    environment = {**os.environ, "SSP_HOME": str(home)}
    subprocess.run([Path(sys.executable).parent / "ssp", "run"], env=environment, cwd=ROOT, check=True)
    return home / "snapshots"


def _five_years(source: Path, folder: Path) -> Path:
    """A version whose partitioned tables have five years of rows."""
    newest = latest(source)
    assert newest is not None, "no snapshot"
    folder.mkdir(parents=True)
    path = folder / newest.name
    shutil.copyfile(newest, path)
    path.chmod(0o644)
    con = duckdb.connect(str(path))
    tables = con.execute("SELECT skema, tabel, kolom_partisi FROM cuplikan.info").fetchall()
    for schema, name, column in tables:
        view = f"{ident(schema)}.{ident(name)}"
        columns = [r[0] for r in con.execute(f"DESCRIBE {view}").fetchall()]
        parts = folder / "parts" / schema / name
        parts.mkdir(parents=True)
        for number in range(SPANS if column else 1):
            select = f"SELECT * FROM {view}"
            if column and number:
                moved = [f"CAST({ident(column)} - {number * SPAN_DAYS} AS DATE) AS {ident(column)}"]
                if "partisi" in columns:
                    moved.append(f"CAST({ident(column)} - {number * SPAN_DAYS} AS VARCHAR) AS partisi")
                select = f"SELECT * REPLACE ({', '.join(moved)}) FROM {view}"
            target = literal(str(parts / f"{number:03d}.parquet"))
            con.execute(f"COPY ({select}) TO {target} (FORMAT parquet, COMPRESSION zstd)")
    for schema, name, _ in tables:
        files = literal(str(folder / "parts" / schema / name / "*.parquet"))
        view = f"{ident(schema)}.{ident(name)}"
        con.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT * FROM read_parquet({files}, hive_partitioning = false)")
    con.close()
    (folder / "latest.duckdb").symlink_to(path.name)
    return path


def _counted(path: Path) -> dict[str, int]:
    """Rows of the largest tables."""
    with duckdb.connect(str(path), read_only=True) as con:
        tables = con.execute("SELECT skema, tabel FROM cuplikan.info WHERE kolom_partisi IS NOT NULL").fetchall()
        counts = {f"{s}.{t}": con.execute(f"SELECT count(*) FROM {s}.{t}").fetchall()[0][0] for s, t in tables}
    return dict(sorted(counts.items(), key=lambda pair: -pair[1])[:8])


def _queries(path: Path, rounds: int) -> dict[str, dict[str, float]]:
    version = Timed(path)
    registry = Registry()
    views = find_views(registry.roots, registry.contracts)
    for number in range(rounds + 1):
        if number == 1:
            version.took.clear()
        for view in views.values():
            for given in _choices(version, view):
                version.about = f"filter {view.name}"
                choice = choose(version, view, given)
                version.about = f"tabel {view.name}"
                make_block(version, view, choice, lambda _: True)
                if view.chart:
                    version.about = f"bagan {view.name}"
                    chart_spec(version, view, choice)
        for dataset, day in (
            ("cctv.ketersediaan_cctv", "2026-11-10"), ("samsat.pembayaran_pkb", "2024-05-10"),
            ("sp2kp.harga_pangan_kabkota", "2026-11-10"),
        ):  # fmt: skip
            version.about = f"baris {dataset}"
            find_rows(version, named(version, dataset), [("partisi", day)], 1)
            version.about = f"semua baris {dataset}"
            find_rows(version, named(version, dataset), [], 1)
    return {about: _figures(took) for about, took in version.took.items() if about}


def _choices(version: Timed, view: View) -> Iterator[dict[str, str]]:
    """The view as it opens, each of its filters with some other values, and the whole of a long series."""
    yield {}
    version.about = ""
    for field in choose(version, view, {}).fields:
        for option in field.options[:: max(1, len(field.options) // 3)][:4]:
            yield {field.name: option.value}
    if view.head.partition:
        yield {f"{view.name}.dari": "2021-01-01", f"{view.name}.sampai": "2026-12-31"}


def _figures(took: Sequence[tuple[float, float]]) -> dict[str, float]:
    wall, work = (sorted(times) for times in zip(*took, strict=True))
    at = min(len(took) - 1, int(0.95 * len(took)))
    middle = len(took) // 2
    return {
        "calls": len(took),
        "median_ms": round(wall[middle], 1),
        "p95_ms": round(wall[at], 1),
        "cpu_p95_ms": round(work[at], 1),
    }


class _Somebody:
    """Lets everybody in as an operator: what a login costs is no matter of the pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["user"] = User("ukur", frozenset({"operator"}))
        await self._app(scope, receive, send)


@contextmanager
def _served(snapshots: Path) -> Iterator[str]:
    options = Options(
        home=snapshots.parent, snapshots=snapshots, roots=Registry().roots, accounts_file=snapshots / "akun.json"
    )
    pages = Dashboards(Centre(options))
    app = Starlette(routes=pages.routes())
    app.state.menu = pages.menu
    server = uvicorn.Server(uvicorn.Config(_Somebody(app), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


def _pages(snapshots: Path) -> dict[str, dict[str, float]]:
    """First and later answers of each page, and its first picture in a browser, in milliseconds."""
    found: dict[str, dict[str, float]] = {}
    with _served(snapshots) as address, httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        client.get(assets()[VEGA]).raise_for_status()  # made once a process, before the first who asks
        for page in NAMES:
            path = "/" if page == "ikhtisar" else f"/{page}"
            times = []
            for _ in range(8):
                began = time.perf_counter()
                client.get(path).raise_for_status()
                times.append(1000 * (time.perf_counter() - began))
            found[page] = {"first_ms": round(times[0], 1), "later_ms": round(sorted(times[1:])[3], 1)}
        for page, shown in asyncio.run(_seen(address)).items():
            found[page] |= shown
    return found


async def _seen(address: str) -> dict[str, dict[str, float]]:
    from playwright.async_api import async_playwright

    from tests.support.browser import find_browser

    found = {}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        for page in NAMES:
            tab = await browser.new_page(viewport={"width": 1920, "height": 1080})
            await tab.goto(f"{address}/" if page == "ikhtisar" else f"{address}/{page}", wait_until="networkidle")
            paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
            drawn = "Math.max(0, ...performance.getEntriesByType('resource').map((one) => one.responseEnd))"
            found[page] = {
                "first_paint_ms": round(await tab.evaluate(paint), 1),
                "all_loaded_ms": round(await tab.evaluate(drawn), 1),
            }
            await tab.close()
        await browser.close()
    return found
