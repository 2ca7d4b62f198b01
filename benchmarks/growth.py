"""What one more day costs with 30 days of history and with five years of it: time and bytes written."""

import shutil
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from benchmarks.load import ROOT, server
from benchmarks.measure import Figures, run

FIRST = date(2025, 1, 1)


def main(rows_a_day: int = 5_000, days: int = 1_826, repeats: int = 5) -> dict[str, object]:
    """Load a short and a long history, then add days one by one and compare the medians."""
    ssp = str(Path(sys.executable).parent / "ssp")
    result: dict[str, object] = {}
    base = Path(tempfile.mkdtemp(prefix="ssp-growth-"))
    extra = repeats + 1
    try:
        for name, history in (("30_days", 30), ("5_years", days)):
            total = history + extra
            with server(0, rows_a_day=rows_a_day) as url:
                home = base / name
                home.mkdir()
                config = home / "ssp.toml"
                per_window = 366
                config.write_text("[instansi.beban.params]\nper_hari = true\n")
                environment = {
                    "SSP_HOME": str(home),
                    "SSP_CONFIG": str(config),
                    "SSP_CONNECTORS": str(ROOT / "benchmarks" / "agencies"),
                    "SSP_SANDBOX_URL": url,
                    "SSP_TODAY": (FIRST + timedelta(days=total + 1)).isoformat(),
                }
                for start in range(0, history, per_window):
                    end = min(history, start + per_window) - 1
                    _pull(ssp, environment, start, end)
                run([ssp, "maintain"], environment)
                runs = [_pull(ssp, environment, day, day) for day in range(history, total)][1:]
                result[name] = {
                    "wall_s": round(median(r.wall for r in runs), 2),
                    "cpu_s": round(median(r.cpu for r in runs), 2),
                    "written_mib": round(median(r.written for r in runs), 1),
                    "peak_mib": round(max(r.peak for r in runs)),
                }
    finally:
        shutil.rmtree(base, ignore_errors=True)
    short, long = result["30_days"], result["5_years"]
    assert isinstance(short, dict)
    assert isinstance(long, dict)
    result["time_ratio"] = round(long["wall_s"] / short["wall_s"], 2)
    result["cpu_ratio"] = round(long["cpu_s"] / short["cpu_s"], 2)
    result["written_ratio"] = round(long["written_mib"] / max(short["written_mib"], 0.1), 2)
    return result


def _pull(ssp: str, environment: dict[str, str], start: int, end: int) -> Figures:
    window = [(FIRST + timedelta(days=d)).isoformat() for d in (start, end)]
    command = [ssp, "run", "--dataset", "beban.harga", "--from", window[0], "--to", window[1], "--json"]
    figures = run(command, environment)
    if figures.code != 0:
        raise SystemExit(figures.output)
    return figures
