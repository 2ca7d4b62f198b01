"""What needs a decision, and the early warnings that hold: chosen and said by rules from the numbers.

The words of what is asked for are in `keputusan.yaml`. Belongs here: ranking and rolling up. Does not belong here:
when a warning starts (`aturan.yaml` of the agencies).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from assets.report.governor import words
from assets.report.governor.book import Book, Origin, Run, Section, Text
from assets.timeliness import WIB
from warehouse import figures as f

LETTER = "W"
MOST = 3

_WORDS = Path(__file__).with_name("keputusan.yaml")
_FORMS: Mapping[str, Callable[[Any], str]] = {"Rp": words.money, "persen": words.share}
"""How indicators of a unit are printed; all others are numbers before their unit."""
_LEVELS = {"kritis": "Kritis", "waspada": "Waspada", "info": "Info"}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Decision:
    """One thing that needs a decision: sentences about it, what is asked for, and the office whose task it is."""

    level: str
    text: Text
    asked: str
    opd: str


@cache
def _words() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(_WORDS.read_text(encoding="utf-8"))
    return found


def decisions(book: Book) -> list[Decision]:
    """The three gravest things: warnings by rule and office, then indicators that need attention."""
    groups = _groups(book.inputs.rows("peringatan"), "aturan", "opd")
    found = [_warned(book, group) for group in groups[:MOST]]
    told = {d.asked for d in found}
    for row in book.inputs.rows("ikhtisar"):
        asked = _asked(_words()["indikator"].get(row["indikator"], _words()["lainnya"]["minta"]), row["opd"])
        if len(found) < MOST and asked not in told:
            told.add(asked)
            found.append(_indicated(book, row, asked))
    return found


def section(book: Book) -> Section:
    """All warnings that hold, rolled up by cause."""
    made = Section(LETTER, "Peringatan dini")
    groups = _groups(book.inputs.rows("peringatan"), "sebab")
    if not groups:
        made.sentence("Tidak ada peringatan yang berlangsung sampai pukul 06.55 WIB.")
        return made
    lines: list[Sequence[Text]] = []
    for group in groups:
        worst = group[0]
        many = _count(book, group)
        # Under a date that was set by hand, an alert may have been written down after the day that it speaks of.
        since = min(min(r["mulai"].astimezone(WIB).date(), r["per_tanggal"]) for r in group)
        lines.append(
            [
                [_LEVELS[worst["tingkat"]]],
                [worst["kalimat"], _value(book, worst)],
                [worst["opd"]],
                [f.short_date(since)],
                [many],
            ]
        )
    made.table(
        ["Tingkat", "Peringatan terberat menurut sebabnya", "OPD", "Sejak", "Banyaknya"],
        lines,
        left=4,
        widths=(0, 2.2, 1, 0, 0),
    )
    return made


def _groups(rows: Sequence[Row], *columns: str) -> list[list[Row]]:
    """Rows with the same values, the gravest group first; in a group the row farthest from its threshold first."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[c] for c in columns), []).append(row)
    for group in found.values():
        group.sort(key=lambda r: (r["urutan_tingkat"], -_distance(r), r["kunci"]))
    return sorted(found.values(), key=lambda g: (g[0]["urutan_tingkat"], -_distance(g[0]), -len(g), g[0]["aturan"]))


def _distance(row: Row) -> float:
    """How far a value is from its threshold, as a share of it; 0 where one of them is none."""
    value, limit = row["nilai"], row["ambang"]
    return abs(value - limit) / abs(limit) if value is not None and limit else 0.0


def _warned(book: Book, group: Sequence[Row]) -> Decision:
    worst = group[0]
    said = _words()["aturan"].get(worst["aturan"], _words()["lainnya"])
    text: Text = []
    if len(group) > 1:
        before, _, after = said["gabung"].partition("{jumlah}")
        text = [before, _count(book, group), f"{after} Terberat: "]
    text += [worst["kalimat"], _value(book, worst)]
    return Decision(worst["tingkat"], text, _asked(said["minta"], worst["opd"]), worst["opd"])


def _indicated(book: Book, row: Row, asked: str) -> Decision:
    key, origin = {"indikator": row["indikator"]}, book.origin(row)
    form = _FORMS.get(row["satuan"], f.number)
    unit = "" if row["satuan"] in _FORMS else f" {row['satuan']}"
    text: Text = [
        f"{row['nama']}: ",
        book.figure(LETTER, row["nama"], row["nilai"], form, "ikhtisar", key, "nilai", origin),
        f"{unit} per {f.short_date(row['per_tanggal'])}.",
    ]
    return Decision("waspada", text, asked, row["opd"] or "")


def _asked(text: str, opd: str | None) -> str:
    return text.replace("{opd}", opd or "OPD yang bertugas")


def _count(book: Book, group: Sequence[Row]) -> Run:
    key = {"aturan": group[0]["aturan"], "sebab": group[0]["sebab"]}
    if len({r["sebab"] for r in group}) > 1:
        del key["sebab"]
    many = len(group)
    return book.figure(
        LETTER,
        f"Banyaknya peringatan {group[0]['judul']}",
        many,
        f.number,
        "peringatan",
        key,
        "nomor",
        _origin(book, group[0]),
    )


def _value(book: Book, row: Row) -> Run:
    """The reference of a sentence: the number that was compared is in its words."""
    if row["nilai"] is None:
        return ""
    return book.figure(
        LETTER,
        row["judul"],
        row["nilai"],
        lambda _: "",
        "peringatan",
        {"nomor": row["nomor"]},
        "nilai",
        _origin(book, row),
    )


def _origin(book: Book, row: Row) -> Origin:
    if row["dataset"] and row["partisi"]:
        return book.origin(row)
    return Origin.on("ops.peringatan", row["per_tanggal"], "tanpa versi", row["asal_data"] or "resmi")
