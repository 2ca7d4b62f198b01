"""`python -m tests.crash [--kills N] [--seed N] [--minutes N]`: kill the real job, run it again, compare.

Exit code 0 when every kill was made and nothing was lost, 1 otherwise. Everything lies in a temporary folder that
goes with the process; all processes that are started are ended by their number.
"""

import argparse
import os
import sys
import time

from tests.crash.campaign import VERIFY_EVERY, Campaign
from tests.crash.stage import stage


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="how many (default 100)")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 10_000, help="same seed, same choice of kills")
    parser.add_argument("--minutes", type=float, default=80, help="no new round begins after this time (default 80)")
    given = parser.parse_args()
    began = time.monotonic()
    with stage() as ready:
        print(f"seed {given.seed}; undisturbed runs of {len(ready.rounds)} days first", flush=True)
        ready.rehearse()
        print("  " + ", ".join(f"{s:.1f} s" for s in ready.seconds), flush=True)
        campaign = Campaign(
            ready, given.kills, given.seed, began + 60 * given.minutes, say=lambda text: print(text, flush=True)
        )
        good = campaign.run()
    reader = campaign.reader
    print(f"\n{'kills':>6}  step")
    for name, count in sorted(campaign.kills.items()):
        print(f"{count:6d}  {name}")
    print(
        f"{campaign.made:6d}  in all, {campaign.recoveries} recoveries, the longest {max(campaign.recovery):.1f} s "
        f"(undisturbed: {campaign.usual:.1f} s)\n"
        f"verify ran {campaign.verified} times (every {VERIFY_EVERY} recoveries, after each chain of days and at "
        f"the end); the reader looked {reader.looks} times at partitions and {reader.snapshots} times at a whole "
        f"snapshot, {len(reader.faults)} faults\n"
        f"{(time.monotonic() - began) / 60:.1f} minutes on {os.cpu_count()} cores"
    )
    for fault in campaign.faults:
        print(f"FAULT  {fault}")
    print("nothing was lost" if good else f"{len(campaign.faults)} faults")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
