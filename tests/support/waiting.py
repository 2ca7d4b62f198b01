"""Waiting for what happens in another process or thread, and a port for it.

Bounds are wide, for a machine may be busy: they only end what would never end.
"""

import socket
import time
from collections.abc import Callable


def until(holds: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something that happens soon. Fails the test when it does not."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"it does not happen in {seconds:.0f} s"
        time.sleep(0.02)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
