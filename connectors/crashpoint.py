"""Named steps at which a test may kill the process.

Belongs here: `crashpoint`, one call placed after each step that leaves something on disk, in every room that
writes. Does not belong here: any other test hook. Reading this one environment variable is the documented
exception to the rule that only the application room reads the environment: a crash test must reach the real
job in a process of its own, whatever starts it.

Names are "<module>.<step>", for example "archive.temp_written"; `grep -rn 'crashpoint("'` lists them all.
"""

import itertools
import os
import signal

CRASH_VARIABLE = "SSP_CRASH_AT"

_passed = itertools.count(1)


def crashpoint(name: str) -> None:
    """End this process with SIGKILL if SSP_CRASH_AT is `name`; otherwise do nothing.

    "name:3" lets it pass the step twice and ends it the third time. SIGKILL runs no handler, no `finally` and no
    flush, as a power cut or the out-of-memory killer would not.
    """
    wanted, _, turn = os.environ.get(CRASH_VARIABLE, "").partition(":")
    if wanted == name and next(_passed) == int(turn or 1):
        os.kill(os.getpid(), signal.SIGKILL)
