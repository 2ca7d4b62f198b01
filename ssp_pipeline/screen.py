"""Text for a terminal of any width, a pipe or a mail of cron: nothing is ever cut off.

Belongs here: how long a line may be, and tables and blocks that keep to it. Does not belong here: what they say.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_GAP = "  "


def columns() -> int | None:
    """Longest line that standard output shows well: that of its terminal, or COLUMNS. None: of any length, no terminal.

    Whoever reads a pipe or a mail looks for whole lines in it.
    """
    if os.environ.get("COLUMNS") or sys.stdout.isatty():
        return max(shutil.get_terminal_size().columns, 20)
    return None


def plain(value: Any) -> str:
    """A value as text of one line; what a terminal would obey instead of show is spelt out."""
    text = "" if value is None else str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def fold(text: str, width: int) -> list[str]:
    """The text in pieces of at most `width`, which end at a space or a comma where there is one. None is left out."""
    pieces = []
    while len(text) > width:
        end = max(text.rfind(" ", 0, width), text.rfind(",", 0, width)) + 1 or width
        pieces.append(text[:end])
        text = text[end:]
    return [*pieces, text]


def table(rows: Sequence[Mapping[str, Any]], width: int | None) -> tuple[list[str], list[str]]:
    """Lines of headings and lines of rows, which all have the same keys.

    Where that is wider than `width` the columns that find no room stand below the first, indented, in each row. Only a
    cell that is longer than a whole line is folded.
    """
    names = list(rows[0])
    cells = [[plain(row[name]) for name in names] for row in rows]
    right = [all(isinstance(row[name], int | float) or row[name] in (None, "-") for row in rows) for name in names]
    widths = [max(len(name), *(len(row[number]) for row in cells)) for number, name in enumerate(names)]
    storeys = _storeys(widths, width)

    def lines(line: Sequence[str]) -> Iterator[str]:
        for storey in storeys:
            first, indent = storey[0], _GAP if storey[0] else ""
            parts = (line[n].rjust(widths[n]) if right[n] else line[n].ljust(widths[n]) for n in storey)
            text = _GAP.join(parts).rstrip()
            if text or not first:
                yield from (
                    indent + piece.rstrip() for piece in fold(text, width - len(indent) if width else len(text))
                )

    return list(lines(names)), [text for row in cells for text in lines(row)]


def _storeys(widths: Sequence[int], width: int | None) -> list[list[int]]:
    """Which columns stand beside each other, for lines of at most `width`."""
    storeys: list[list[int]] = []
    used = 0
    for number, wide in enumerate(widths):
        if storeys and (width is None or used + len(_GAP) + wide <= width):
            storeys[-1].append(number)
            used += len(_GAP) + wide
        else:
            used = wide + (len(_GAP) if storeys else 0)
            storeys.append([number])
    return storeys


def blocks(rows: Sequence[Mapping[str, Any]], width: int | None) -> Iterator[str]:
    """A block of lines for each row, a line for each value that there is, and an empty line between blocks."""
    for number, row in enumerate(rows):
        if number:
            yield ""
        beside = max(map(len, row)) + len(_GAP)
        for name, value in row.items():
            text = plain(value)
            pieces = fold(text, max(width - beside, 20)) if width else [text]
            if text:
                yield from (f"{name if not n else '':<{beside}}{piece}".rstrip() for n, piece in enumerate(pieces))
