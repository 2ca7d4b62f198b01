"""`python -m benchmarks [load|growth|all]`: figures as JSON, with the method beside them in docs/benchmarks.md."""

import argparse
import json

from benchmarks import growth, load


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("what", choices=["load", "growth", "all"], default="all", nargs="?")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dlt", metavar="PYTHON", help="Python of an environment with dlt[duckdb] installed")
    given = parser.parse_args()
    figures: dict[str, object] = {}
    if given.what in ("load", "all"):
        figures["load"] = load.main(given.rows, given.rounds, given.dlt)
    if given.what in ("growth", "all"):
        figures["growth"] = growth.main()
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
