"""What a report says, as plain values: sections of sentences and tables, whose every figure has a reference.

A text is a list of runs: a string, or `{"t": text, "r": reference, "w": mark}`; the mark "naik" is drawn as bad news,
"turun" as good, "kosong" as nothing there. Templates print runs and nothing else, so PDF, mail and card cannot differ
in a number. Belongs here: these forms and the numbering. Does not belong here: what is said (the sections).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from assets.report.governor import words
from assets.report.governor.inputs import Inputs

Run = str | dict[str, str]
Text = list[Run]

NO_DATA: Run = {"t": "belum ada data", "w": "kosong"}
"""Stands where there is no value; it is never shown as 0."""


@dataclass(frozen=True)
class Origin:
    """Where figures come from: a dataset, its partitions from `first` to `last`, and the version of these.

    `whole`: how complete the dataset is; `origin`: resmi, tiruan or ulangan, or several with commas between;
    `as_of`: the date that is printed.
    """

    dataset: str
    first: str
    last: str
    version: str
    as_of: str
    whole: str
    origin: str

    @classmethod
    def on(cls, dataset: str, day: date, version: str, origin: str) -> "Origin":
        """Of a table that is no agency's dataset, as it stood on a day."""
        at = day.isoformat()
        return cls(dataset, at, at, version, at, "", origin)


@dataclass(frozen=True)
class Figure:
    """One printed number. `value` is what was rounded to `text`; it is column `column` of the rows of `table` that have
    the values `key`, or follows from them. `rows` narrows the dataset's own rows."""

    ref: str
    name: str
    value: str
    text: str
    table: str
    key: Mapping[str, Any]
    column: str
    origin: Origin
    rows: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Section:
    """A part of a report under one letter. `as_of`: the line under its heading; `blocks` as the templates read them."""

    letter: str
    title: str
    as_of: str = ""
    late: str = ""
    opd: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)

    def dated(self, rows: Sequence[Mapping[str, Any]], source: str, per: str) -> None:
        """Say of which date a source's rows are (`per` with the date in the place of {}), or that there are none."""
        if rows:
            self.as_of = per.format(words.day(rows[0]["per_tanggal"]))
        else:
            self.missing(f"{source}: belum ada data.")

    def sentence(self, *runs: Run) -> None:
        self.blocks.append({"jenis": "kalimat", "isi": list(runs)})

    def missing(self, text: str) -> None:
        self.blocks.append({"jenis": "belum", "isi": [text]})

    def table(
        self,
        heads: Sequence[str],
        rows: Sequence[Sequence[Text]],
        *,
        title: str = "",
        left: int = 1,
        widths: Sequence[float] = (),
        note: str = "",
        chart: str = "",
    ) -> None:
        """A table; its first `left` columns are words, the others numbers.

        `widths`: shares of the free width by column, 0 for one as wide as what it holds; by default the first column
        takes all. `chart`: the specification that is drawn beside it, also when there are no rows.
        """
        if rows or chart:
            shares = list(widths) or [1, *(0 for _ in heads[1:])]
            self.blocks.append(
                {
                    "jenis": "tabel", "judul": title, "kolom": list(heads), "kiri": left, "lebar": shares,
                    "baris": [list(r) for r in rows], "catatan": note, "grafik": chart,
                }
            )  # fmt: skip


class Book:
    """Numbers the figures of one report and knows where each comes from."""

    def __init__(self, inputs: Inputs):
        self.inputs = inputs
        self.figures: list[Figure] = []
        self._counts: dict[str, int] = {}
        self._datasets = {r["dataset"]: r for r in inputs.rows("dataset")}
        self._versions: dict[str, list[tuple[str, str, str]]] = {}
        for row in inputs.rows("versi"):
            self._versions.setdefault(row["dataset"], []).append((row["partisi"], row["digest"], row["asal_data"]))

    def section(self, letter: str, title: str, *datasets: str) -> Section:
        """A part that tells of datasets: what of them is late, and the office whose task the first is."""
        return Section(letter, title, late=self.late(*datasets), opd=self.opd(datasets[0]))

    def origin(self, row: Mapping[str, Any], *, first: date | str | None = None, as_of: date | None = None) -> Origin:
        """The origin of a view's row: its dataset and partition, or those from `first` on."""
        dataset, last = row["dataset"], str(row["partisi"])
        start = str(first or last)
        inside = [v for v in self._versions.get(dataset, ()) if start <= v[0] <= last]
        lines = "\n".join(f"{key} {digest}" for key, digest, _ in inside)
        version = hashlib.sha256(lines.encode()).hexdigest()[:12] if inside else "tanpa versi"
        shown = as_of or row.get("per_tanggal") or row.get("tanggal") or row.get("bulan")
        return Origin(
            dataset, start, last, version, shown.isoformat() if isinstance(shown, date) else last, self._whole(dataset),
            row.get("asal_data") or max((v[2] or "" for v in inside), default="") or "resmi",
        )  # fmt: skip

    def figure(
        self,
        letter: str,
        name: str,
        value: Decimal | int | float | None,
        form: Callable[[Any], str],
        table: str,
        key: Mapping[str, Any],
        column: str,
        origin: Origin,
        *,
        mark: str = "",
        rows: Mapping[str, Any] | None = None,
    ) -> Run:
        """Number a figure, printed in a form; gives its run, or `NO_DATA` where there is no value."""
        if value is None:
            return NO_DATA
        text = form(value)
        self._counts[letter] = number = self._counts.get(letter, 0) + 1
        ref = f"{letter}{number}"
        plain = {k: v.isoformat() if isinstance(v, date) else v for k, v in key.items()}
        self.figures.append(Figure(ref, name, str(value), text, table, plain, column, origin, rows or {}))
        return {"t": text, "r": ref} | ({"w": mark} if mark else {})

    def move(self, letter: str, name: str, percent: Any, *where: Any, good: bool | None = False, **more: Any) -> Run:
        """A change in percent with its sign. `good`: whether a rise is good news, None when it is neither."""
        if percent is None:
            return {"t": "–", "w": "kosong"}
        text = words.change(percent)
        mark = "" if text == "0,0%" or good is None else "turun" if (percent > 0) == good else "naik"
        return self.figure(letter, name, percent, words.change, *where, mark=mark, **more)

    def late(self, *datasets: str) -> str:
        """What is missing of these datasets by the report's date; "" when all promised is there."""
        said = []
        for name in datasets:
            row = self._datasets.get(name)
            if row is None or not row["terlambat"]:
                continue
            have = _key(row["terbaru"]) if row["terbaru"] else "belum ada satu pun"
            said.append(
                f"{row['judul']}: yang dijanjikan {_key(row['diharapkan'])} belum ada; data basi, terbaru {have}."
            )
        return " ".join(said)

    def opd(self, dataset: str) -> str:
        """The office whose task a dataset is."""
        row = self._datasets.get(dataset)
        return row["opd"] if row else ""

    def title(self, dataset: str) -> str:
        row = self._datasets.get(dataset)
        return row["judul"] if row else dataset

    def references(self) -> list[dict[str, Any]]:
        """Figures grouped by their origin, in the order in which they were numbered."""
        groups: dict[Origin, list[str]] = {}
        for one in self.figures:
            groups.setdefault(one.origin, []).append(one.ref)
        return [
            {
                "angka": _ranges(refs), **asdict(o), "rentang": _span(o), "tanggal": _key(o.as_of),
                "judul": self.title(o.dataset),
            }
            for o, refs in groups.items()
        ]  # fmt: skip

    def _whole(self, dataset: str) -> str:
        row = self._datasets.get(dataset)
        if row is None:
            return "kelengkapan tidak diketahui"
        valid = f", {words.share(row['sah'])} baris sah" if row["sah"] is not None else ""
        return f"{row['terisi']} dari {row['dijanjikan']} partisi{valid}"


def _key(key: str) -> str:
    """A partition's key for readers."""
    try:
        return words.span(date.fromisoformat(key), date.fromisoformat(key))
    except ValueError:
        return key


def _span(origin: Origin) -> str:
    try:
        return words.span(date.fromisoformat(origin.first), date.fromisoformat(origin.last))
    except ValueError:
        return origin.last


def _ranges(refs: Sequence[str]) -> str:
    """H1–H4, H7: references that follow each other are drawn together."""
    parts: list[list[str]] = []
    for ref in refs:
        if parts and ref[0] == parts[-1][-1][0] and int(ref[1:]) == int(parts[-1][-1][1:]) + 1:
            parts[-1].append(ref)
        else:
            parts.append([ref])
    return ", ".join(p[0] if len(p) == 1 else f"{p[0]}–{p[-1]}" for p in parts)
