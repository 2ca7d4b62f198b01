"""The rate limit of a host, shared by all clients and threads of this process.

Belongs here: who may ask when. Does not belong here: pauses after a failure (`http.py`).
"""

import threading
import time


class RateLimit:
    """A token bucket of one token: spaces the requests of all threads to one host evenly."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._lock = threading.Lock()
        self._next = 0.0

    def reserve(self) -> float:
        """Take the next free place; gives the seconds to wait for it."""
        with self._lock:
            now = time.monotonic()
            at = max(now, self._next)
            self._next = at + 1 / self.rate
            return at - now


_limits: dict[str, RateLimit] = {}
_limits_lock = threading.Lock()


def rate_limit_of(origin: str, rate: float) -> RateLimit:
    """The limit that all clients of this process share for a host; the lowest rate asked for holds."""
    with _limits_lock:
        limit = _limits.setdefault(origin, RateLimit(rate))
        limit.rate = min(limit.rate, rate)
        return limit
