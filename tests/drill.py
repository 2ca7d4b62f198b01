"""`python -m tests.drill [--days N]`: delete all but the archive, rebuild from it, compare table by table.

The main job runs on two days in a row, so that there are days that were pulled again. Then catalogue, Parquet files,
analysts' snapshots, Dagster's storage and the inbox are deleted, with the stand-ins gone and no agency's address set:
what comes back comes from the landing archive and its keys. Released open data are immutable and stay where they are;
that a rebuilt warehouse makes no new release shows that it is the same.

Exit code 0 when every table, outcome and snapshot is as before and `ssp verify` passes, 1 otherwise.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from tests.support.crash import Home, differences

TODAY = date(2026, 11, 20)
DELETED = ("lake", "snapshots", "dagster", "inbox", "docs")
NOWHERE = "http://127.0.0.1:9"
"""The discard port: whoever asks an agency during the rebuild is refused."""


@dataclass
class Drilled:
    """What a drill found: tables of the lake and their rows, payloads, seconds by step, and what is not as it was."""

    tables: int = 0
    rows: int = 0
    payloads: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def drill(folder: Path, *, days: int, say: Callable[[str], None] = print) -> Drilled:
    """Run the job in a home below `folder`, delete all but the archive, rebuild and compare."""
    home, result = Home(folder / "rumah"), Drilled()
    for today in (TODAY - timedelta(days=1), TODAY):
        window = ["--from", f"{today - timedelta(days=days)}", "--to", f"{today - timedelta(days=1)}"]
        # 3: some partition brought less than before and did not win; so it should be after the rebuild, too.
        _step(home, result, "load", "run", "--json", "--today", f"{today}", *window, good=(0, 3), say=say)
    rebuild(home, result, say=say)
    return result


def rebuild(home: Home, result: Drilled, *, say: Callable[[str], None] = print) -> None:
    """Delete what can be rebuilt of a home, rebuild it, and note in `result` what is not as it was."""
    before = home.contents()
    for name in DELETED:
        shutil.rmtree(home.path / name, ignore_errors=True)
    say(f"deleted: {', '.join(DELETED)}; kept: archive, keys, released open data")

    _step(home, result, "rebuild", "replay", "--rebuild", "--yes", url=NOWHERE, say=say)
    _step(home, result, "rebuild", "run", "--models-only", "--json", url=NOWHERE, say=say)

    result.faults += differences(before, home.contents())
    lake = {name: parts for name, parts in before.items() if name.startswith(("source.", "core.", "dashboard."))}
    result.tables, result.rows = len(lake), sum(rows for parts in lake.values() for rows, _ in parts.values())
    result.payloads = sum(1 for _ in (home.path / "archive" / "blob").glob("*/*"))
    _step(home, result, "verify", "verify", say=say)


def _step(
    home: Home,
    result: Drilled,
    name: str,
    *arguments: str,
    say: Callable[[str], None],
    good: Sequence[int] = (0,),
    url: str = "",
) -> None:
    variables = {"SSP_TODAY": TODAY.isoformat()} | ({"SSP_SANDBOX_URL": url} if url else {})
    end = home.ssp(*arguments, timeout=1800, variables=variables)
    result.seconds[name] = result.seconds.get(name, 0.0) + end.seconds
    say(f"{end.seconds:6.1f} s  ssp {' '.join(arguments)}")
    if end.code not in good:
        result.faults.append(f"ssp {' '.join(arguments)}: exit {end.code}\n{(end.err or end.out)[-3000:]}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=30, help="business dates to load (default 30)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ssp-drill-") as folder:
        result = drill(Path(folder), days=given.days, say=lambda text: print(text, flush=True))
    for fault in result.faults[:50]:
        print(f"FAULT  {fault}")
    print(
        f"{result.payloads} payloads → {result.tables} tables, {result.rows} rows, and a snapshot: rebuilt in "
        f"{result.seconds['rebuild']:.1f} s without the network (loaded in {result.seconds['load']:.1f} s); "
        + ("all as before" if not result.faults else f"{len(result.faults)} faults")
    )
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main())
