"""`python -m benchmarks [what]`: figures as JSON; docs/benchmarks.md has the method."""

import argparse
import json
from pathlib import Path

from benchmarks import api, dashboard, growth, load, release, report

WHAT = ("load", "growth", "release", "api", "report", "dashboard")


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("what", choices=[*WHAT, "all"], default="all", nargs="?")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dlt", metavar="PYTHON", help="Python of the environment with benchmarks/requirements.txt")
    parser.add_argument("--seconds", type=float, default=15, help="how long each contestant of api is asked")
    parser.add_argument("--snapshots", type=Path, help="folder of snapshots with a month of data, for dashboard")
    given = parser.parse_args()
    figures: dict[str, object] = {}
    if given.what in ("load", "all"):
        figures["load"] = load.main(given.rows, given.rounds, given.dlt)
    if given.what in ("growth", "all"):
        figures["growth"] = growth.main()
    if given.what in ("release", "all"):
        figures["release"] = release.main(given.rows, given.rounds)
    if given.what in ("api", "all"):
        beside = Path(given.dlt).parent if given.dlt else None
        figures["api"] = api.main(500_000, given.seconds, beside)
    if given.what in ("report", "all"):
        figures["report"] = report.main()
    if given.what in ("dashboard", "all"):
        figures["dashboard"] = dashboard.main(month=given.snapshots)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
