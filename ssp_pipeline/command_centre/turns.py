"""Work in threads, a few at a time: what strangers may ask for takes no thread from those who are logged in.

Does not belong here: the work.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Turns:
    """`at_once` works at the same time and, with those that wait, `most` altogether."""

    def __init__(self, at_once: int, most: int):
        self._free = asyncio.Semaphore(at_once)
        self._most = most
        self._here = 0

    @property
    def full(self) -> bool:
        """Whether one more would be too many: who asks is to be told to come again, and `do` not to be called."""
        return self._here >= self._most

    async def do(self, work: Callable[[], T]) -> T:
        """Do a work in a thread when its turn comes. Raises what the work raises."""
        self._here += 1
        try:
            async with self._free:
                return await asyncio.to_thread(work)
        finally:
            self._here -= 1
