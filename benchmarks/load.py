"""Two million rows, 1,000 a page, from a local server: our asset, a bare script and dlt by turns."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import permutations
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


def _contestants(url: str, rows: int, folder: Path, dlt_python: str | None) -> dict[str, Callable[[], Figures]]:
    """Each contestant's run into a folder of its own."""
    pages = str(rows // 1000)

    def ssp() -> Figures:
        result = ours(url, int(pages), folder / "ssp")
        accepted = json.loads(result.output)["dataset"][0]["diterima"]
        if accepted != rows:
            raise SystemExit(f"ssp accepted {accepted} of {rows} rows: {result.output}")
        return result

    def bare() -> Figures:
        script = [sys.executable, "-m", "benchmarks.bare_script", url, str(folder / "bare"), "--pages", pages]
        return run(script, {"PYTHONPATH": str(ROOT)})

    def dlt() -> Figures:
        script = [str(dlt_python), str(ROOT / "benchmarks" / "dlt_pipeline.py"), url, str(folder / "dlt.duckdb")]
        environment = {"DLT_DATA_DIR": str(folder / "dlt"), "RUNTIME__DLTHUB_TELEMETRY": "false"}
        return run([*script, "--pages", pages], environment)

    return {"ssp": ssp, "bare": bare} | ({"dlt": dlt} if dlt_python else {})


def main(rows: int, rounds: int, dlt_python: str | None) -> dict[str, object]:
    """Run the contestants by turns and give medians and ratios. Six rounds have each order once."""
    found: dict[str, list[Figures]] = {}
    # Nothing is removed before the end: where thousands of files have just been removed, making files is slow for a
    # while, and a later round would pay for an earlier one.
    with server(rows) as url, tempfile.TemporaryDirectory(prefix="ssp-bench-") as base:
        for number in range(rounds):
            folder = Path(base, str(number))
            folder.mkdir()
            runs = _contestants(url, rows, folder, dlt_python)
            # One who always comes after the same would always find the memory and caches that this one left.
            orders = list(permutations(runs))
            for name in orders[number % len(orders)]:
                found.setdefault(name, []).append(runs[name]())
    walls = {name: median(f.wall for f in runs) for name, runs in found.items()}
    summary: dict[str, object] = {
        name: {
            "wall_s": round(walls[name], 1),
            "cpu_s": round(median(f.cpu for f in runs), 1),
            "peak_mib": round(max(f.peak for f in runs)),
            "runs": len(runs),
        }
        for name, runs in found.items()
    }
    summary["ssp_over_bare"] = round(walls["ssp"] / walls["bare"], 2)
    if "dlt" in walls:
        summary["dlt_over_ssp"] = round(walls["dlt"] / walls["ssp"], 2)
    summary["cores"] = os.cpu_count()
    return summary
