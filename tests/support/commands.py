"""What a command said, and whether it is an answer or a refusal."""

from collections.abc import Callable
from typing import Any

import orjson

Said = tuple[int, str, str]
Ssp = Callable[..., Said]


def answered(said: Said) -> Any:
    code, out, err = said
    assert code == 0, err
    return orjson.loads(out)


def refused(said: Said, text: str, code: int = 2) -> None:
    """One clear line on standard error, and nothing on standard output."""
    assert said[0] == code, said
    assert said[1] == ""
    lines = [line for line in said[2].splitlines() if line and not line.startswith(("Usage:", "Try "))]
    assert len(lines) == 1, lines
    assert text in lines[0], lines
