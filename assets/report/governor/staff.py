"""What staff say about a report before it goes out: notes, holding it, releasing it. Kept beside the report.

One fsynced line of `keputusan.jsonl` for each, with name and time. Belongs here: this record and its deadline. Does not
belong here: what follows from it (`desk.py`).
"""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Literal

import orjson

from assets.report.governor import words
from assets.timeliness import WIB
from connectors.durable import append_durably

Deed = Literal["catatan", "tahan", "lepas"]

UNTIL = time(6, 55)
"""WIB, on the report's date: after this the report goes out, and nothing is noted or held any more."""

MOST_LETTERS = 1000
"""Of a note or a reason: it is printed before everything else."""

_FILE = "keputusan.jsonl"


class TooLate(ValueError):
    """The report's time for notes and holding is over."""


@dataclass(frozen=True)
class Word:
    """One thing that somebody of the staff said."""

    waktu: datetime
    oleh: str
    tindakan: Deed
    teks: str


def goes_out(day: date) -> datetime:
    """The earliest instant of delivery of a report of `day` (UTC)."""
    return datetime.combine(day, UNTIL, WIB).astimezone(UTC)


def say(folder: Path, day: date, word: Word) -> None:
    """Keep what somebody said about the report in `folder`.

    Raises TooLate (not for a release), and ValueError without a name or words or with too many.
    """
    if word.tindakan != "lepas" and word.waktu >= goes_out(day):
        raise TooLate(f"the report of {day} went out at {UNTIL:%H.%M} WIB: nothing can be noted or held any more")
    if not word.oleh.strip() or (word.tindakan != "lepas" and not word.teks.strip()):
        raise ValueError("a note or a hold needs a name and words")
    if max(len(word.oleh), len(word.teks)) > MOST_LETTERS:
        raise ValueError(f"a name and a note have at most {MOST_LETTERS} letters")
    line = orjson.dumps(asdict(word), option=orjson.OPT_APPEND_NEWLINE)
    append_durably(folder / _FILE, line, intact=lambda data: data.rfind(b"\n") + 1)


def said(folder: Path) -> list[Word]:
    """Everything that was said, the oldest first."""
    path = folder / _FILE
    data = path.read_bytes() if path.exists() else b""
    lines = data[: data.rfind(b"\n") + 1].splitlines()
    return [Word(**{**(row := orjson.loads(line)), "waktu": datetime.fromisoformat(row["waktu"])}) for line in lines]


def holder(words_said: list[Word]) -> Word | None:
    """Who holds the report now, None when nobody does."""
    last = next((w for w in reversed(words_said) if w.tindakan != "catatan"), None)
    return last if last is not None and last.tindakan == "tahan" else None


def notes(words_said: list[Word]) -> list[dict[str, str]]:
    """The notes as the report prints them."""
    return [
        {"oleh": w.oleh, "waktu": words.moment(w.waktu), "teks": w.teks} for w in words_said if w.tindakan == "catatan"
    ]
