"""How far a run is, as a bar on standard error, where somebody looks at a terminal.

Does not belong here: what a step is (`runner.py`).
"""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress


class ProgressBar:
    """A bar between `with` and its end; shows nothing when `quiet`, or when standard error is no terminal."""

    def __init__(self, *, quiet: bool):
        self._bar = None if quiet or not sys.stderr.isatty() else _drawn()
        self._task: Any = self._bar.add_task("", what="") if self._bar else None

    def __enter__(self) -> "ProgressBar":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def begin(self, description: str, total: int) -> None:
        """Another part of the run, of so many steps."""
        if self._bar:
            self._bar.reset(self._task, total=total, description=description, what="")

    def advance(self) -> None:
        """A step is done."""
        if self._bar:
            self._bar.advance(self._task)

    def say(self, what: str) -> None:
        """What is going on, behind the bar."""
        if self._bar:
            self._bar.update(self._task, what=what)


def _drawn() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[what]}"), console=Console(stderr=True), transient=True,
    )  # fmt: skip
