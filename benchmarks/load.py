"""Two million rows, 1,000 a page, from a local server: our asset, a bare script and dlt, in one run in turn."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.measure import Figures, run

ROOT = Path(__file__).resolve().parents[1]
DAYS = 30


@contextmanager
def server(rows: int, days: int = DAYS, *, rows_a_day: int = 0) -> Iterator[str]:
    """The page server in a process of its own; gives its address."""
    command = [sys.executable, "-m", "benchmarks.server", "--rows", str(rows), "--days", str(days)]
    command += ["--rows-a-day", str(rows_a_day)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(10)


def ours(url: str, pages: int, home: Path) -> Figures:
    """`ssp run` of the load dataset: archive, checks, lake, outcomes; the whole command."""
    config = home / "ssp.toml"
    home.mkdir(parents=True, exist_ok=True)
    config.write_text(f"[instansi.beban.params]\nhalaman = {pages}\n")
    environment = {
        "SSP_HOME": str(home),
        "SSP_CONFIG": str(config),
        "SSP_CONNECTORS": str(ROOT / "benchmarks" / "agencies"),
        "SSP_SANDBOX_URL": url,
        "SSP_TODAY": "2026-01-05",
    }
    ssp = str(Path(sys.executable).parent / "ssp")
    if not (home / "dagster").exists():
        # An office's installation is there before the load: make its empty databases first.
        run([ssp, "run", "--dataset", "referensi.wilayah", "--no-models", "--json"], environment)
    window = ["--from", "2025-01-01", "--to", f"2025-01-{DAYS:02d}"]
    return run([ssp, "run", "--dataset", "beban.harga", *window, "--no-models", "--json"], environment)


def main(rows: int, rounds: int, dlt_python: str | None) -> dict[str, object]:
    """Run the contestants in turn and give medians and ratios."""
    pages = rows // 1000
    found: dict[str, list[Figures]] = {"ssp": [], "bare": [], "dlt": []}
    # Nothing is removed before the end: where thousands of files have just been removed, making files is slow for a
    # while, and a later round would pay for an earlier one.
    with server(rows) as url, tempfile.TemporaryDirectory(prefix="ssp-bench-") as base:
        for number in range(rounds):
            folder = Path(base, str(number))
            result = ours(url, pages, folder / "ssp")
            accepted = json.loads(result.output)["dataset"][0]["diterima"]
            if accepted != rows:
                raise SystemExit(f"ssp accepted {accepted} of {rows} rows: {result.output}")
            found["ssp"].append(result)
            bare = [sys.executable, "-m", "benchmarks.bare_script", url, str(folder / "bare"), "--pages", str(pages)]
            found["bare"].append(run(bare, {"PYTHONPATH": str(ROOT)}))
            if dlt_python:
                script = str(ROOT / "benchmarks" / "dlt_pipeline.py")
                environment = {"DLT_DATA_DIR": str(folder / "dlt"), "RUNTIME__DLTHUB_TELEMETRY": "false"}
                command = [dlt_python, script, url, str(folder / "dlt.duckdb"), "--pages", str(pages)]
                found["dlt"].append(run(command, environment))
    walls = {name: median(f.wall for f in runs) for name, runs in found.items() if runs}
    summary: dict[str, object] = {
        name: {
            "wall_s": round(walls[name], 1),
            "cpu_s": round(median(f.cpu for f in runs), 1),
            "peak_mib": round(max(f.peak for f in runs)),
            "runs": len(runs),
        }
        for name, runs in found.items()
        if runs
    }
    summary["ssp_over_bare"] = round(walls["ssp"] / walls["bare"], 2)
    if "dlt" in walls:
        summary["dlt_over_ssp"] = round(walls["dlt"] / walls["ssp"], 2)
    summary["cores"] = os.cpu_count()
    return summary
