"""A daily report: how long one takes from the opened lake to its files, and whether its memory is given back.

Thirty days of all agencies from the stand-ins. Each round makes another day's report in the same process, as the
daemon's runs do; the first pays for imports. What is timed is the whole making: views as of the date, rows frozen,
charts, PDF, card, mail, fsync, and the outbox.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from benchmarks.load import ROOT
from benchmarks.measure import memory_of, run

TODAY = date(2026, 11, 20)


def main(rounds: int = 7, home: Path | None = None) -> dict[str, object]:
    """Seconds of the first and of the other reports, the process's memory after each, and the largest with children.

    `home`: a folder of data to take; without one, thirty days are pulled from the stand-ins first.
    """
    base = Path(tempfile.mkdtemp(prefix="ssp-laporan-"))
    try:
        environment = {"SSP_TODAY": TODAY.isoformat(), "SSP_HOME": str(home or base / "rumah"), "PYTHONPATH": str(ROOT)}
        if home is None:
            pulled = run([str(Path(sys.executable).with_name("ssp")), "run"], environment)
            if pulled.code:
                raise RuntimeError(f"ssp run ended with code {pulled.code}")
        done = run([sys.executable, "-m", "benchmarks.report", str(rounds), str(base)], environment)
        if done.code:
            raise RuntimeError(f"making reports ended with code {done.code}")
    finally:
        shutil.rmtree(base, ignore_errors=True)
    figures: dict[str, list[float]] = json.loads(done.output)
    seconds, memory = figures["seconds"], figures["memory"]
    return {
        "first_s": seconds[0],
        "median_s": round(median(seconds[1:]), 2),
        "longest_s": max(seconds[1:]),
        "memory_mib_after_each": memory,
        "peak_mib_with_child": round(done.peak),
    }


def _measure(rounds: int, out: Path) -> dict[str, list[float]]:
    from dataclasses import replace

    from assets.report.governor.desk import make
    from assets.reports import desk
    from ssp_pipeline import app
    from ssp_pipeline.sending import office
    from ssp_pipeline.settings import load_settings

    settings = load_settings()
    workspace = app.open_workspace(settings)
    whole = desk(workspace, office(settings))
    # Reports and mails go beside the data, so that a folder that is there stays as it is but for the outbox's rows.
    whole = replace(whole, home=out / "laporan", postal=replace(whole.postal, folder=out / "kotak_keluar"))
    _ = workspace.lake.con
    seconds, memory = [], []
    try:
        for n in range(rounds):
            started = time.monotonic()
            make(whole, "harian", TODAY - timedelta(days=n))
            seconds.append(round(time.monotonic() - started, 2))
            memory.append(memory_of(os.getpid()))
    finally:
        workspace.close()
    return {"seconds": seconds, "memory": memory}


if __name__ == "__main__":
    print(json.dumps(_measure(int(sys.argv[1]), Path(sys.argv[2]))))
