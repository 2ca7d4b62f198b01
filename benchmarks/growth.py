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
_WINDOW = 366
"""Days that are pulled at once."""


def main(rows_a_day: int = 5_000, days: int = 1_826, repeats: int = 5) -> dict[str, object]:
    """Load a short and a long history, then add a day to each by turns, and compare the medians."""
    ssp = str(Path(sys.executable).parent / "ssp")
    histories = {"30_days": 30, "5_years": days}
    base = Path(tempfile.mkdtemp(prefix="ssp-growth-"))
    runs: dict[str, list[Figures]] = {name: [] for name in histories}
    try:
        with server(0, rows_a_day=rows_a_day) as url:
            environments = {name: _home(base / name, url, history + repeats + 2) for name, history in histories.items()}
            for name, history in histories.items():
                for start in range(0, history, _WINDOW):
                    _pull(ssp, environments[name], start, min(history, start + _WINDOW) - 1)
                run([ssp, "maintain"], environments[name])
            # By turns: a machine that drifts between two series would be taken for growth.
            for number in range(repeats + 1):
                for name, history in histories.items():
                    runs[name].append(_pull(ssp, environments[name], history + number, history + number))
    finally:
        shutil.rmtree(base, ignore_errors=True)
    result: dict[str, object] = {}
    for name, all_runs in runs.items():
        counted = all_runs[1:]
        result[name] = {
            "wall_s": round(median(r.wall for r in counted), 2),
            "cpu_s": round(median(r.cpu for r in counted), 2),
            "written_mib": round(median(r.written for r in counted), 1),
            "peak_mib": round(max(r.peak for r in counted)),
        }
    short, long = result["30_days"], result["5_years"]
    assert isinstance(short, dict)
    assert isinstance(long, dict)
    result["time_ratio"] = round(long["wall_s"] / short["wall_s"], 2)
    result["cpu_ratio"] = round(long["cpu_s"] / short["cpu_s"], 2)
    result["written_ratio"] = round(long["written_mib"] / max(short["written_mib"], 0.1), 2)
    return result


def _home(home: Path, url: str, days: int) -> dict[str, str]:
    """An empty installation whose today is `days` after the first day; gives its environment."""
    home.mkdir()
    config = home / "ssp.toml"
    config.write_text("[instansi.beban.params]\nper_hari = true\n")
    return {
        "SSP_HOME": str(home),
        "SSP_CONFIG": str(config),
        "SSP_CONNECTORS": str(ROOT / "benchmarks" / "agencies"),
        "SSP_SANDBOX_URL": url,
        "SSP_TODAY": (FIRST + timedelta(days=days)).isoformat(),
    }


def _pull(ssp: str, environment: dict[str, str], start: int, end: int) -> Figures:
    window = [(FIRST + timedelta(days=d)).isoformat() for d in (start, end)]
    command = [ssp, "run", "--dataset", "beban.harga", "--from", window[0], "--to", window[1], "--json"]
    figures = run(command, environment)
    if figures.code != 0:
        raise SystemExit(figures.output)
    return figures
