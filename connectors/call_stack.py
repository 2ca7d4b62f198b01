"""Room for the interpreter's call stack. Nothing else belongs here.

CPython takes the frames of Python calls from pieces of 16 KiB, and gives a piece back to the kernel as soon as it is
empty. Where a loop's calls cross the edge of a piece, every call asks the kernel for memory: one start of Great
Expectations and its first checks did so 50,000 times, which took half a second.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_SLOTS = 1 << 17
"""Values that fit beside each other: a megabyte, of which only what is used becomes memory."""


def with_room(function: Callable[P, T]) -> Callable[P, T]:
    """The function, with a frame so large that it gets a piece of its own, in which all that it calls has its place."""
    function.__code__ = function.__code__.replace(co_stacksize=_SLOTS)
    return function
