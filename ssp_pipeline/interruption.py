"""Ending when Ctrl-C or SIGTERM asks for it, whatever became of the exception that said so.

Dagster makes a failed step of it and DuckDB a failed query, and both go on. Belongs here: noticing the signal. Does not
belong here: what is tidied up.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_ENDING = frozenset({signal.SIGINT, signal.SIGTERM})


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Gives a function that raises KeyboardInterrupt once SIGINT or SIGTERM has come; SIGTERM itself raises it too.

    Python tells signals to its main thread alone: in another one nothing is noticed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    came = False
    told, tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def end_if_asked() -> None:
        nonlocal came
        with suppress(BlockingIOError):
            came = came or not _ENDING.isdisjoint(os.read(told, 4096))
        if came:
            raise KeyboardInterrupt

    before = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield end_if_asked
    finally:
        signal.signal(signal.SIGTERM, handler)
        signal.set_wakeup_fd(before)
        os.close(told)
        os.close(tell)
