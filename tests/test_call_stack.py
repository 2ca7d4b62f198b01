"""Deep loops of Python calls do not ask the kernel for memory again and again."""

import resource
from collections.abc import Callable

from connectors.call_stack import with_room


def leaf(*_: int) -> int:
    return 1


def deep(levels: int) -> int:
    """Many calls at this depth of the call stack; each brings a large frame."""
    if levels:
        return deep(levels - 1)
    return sum(leaf(*range(200)) for _ in range(500))


def faults(function: Callable[[], object]) -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    function()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def everywhere() -> int:
    return sum(deep(levels) for levels in range(0, 300, 2))


@with_room
def roomy() -> int:
    return everywhere()


def test_a_function_with_room_gives_what_it_would_give_without() -> None:
    assert roomy() == everywhere() == 500 * 150


def test_calls_at_any_depth_find_their_memory_there() -> None:
    roomy()
    # Without room they are some hundreds: every call at the edge of a piece brings a new page.
    assert faults(roomy) < 100
