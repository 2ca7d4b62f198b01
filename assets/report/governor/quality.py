"""How complete and how old the data are: first each source, then what offices are to mend."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from assets.report.governor import words
from assets.report.governor.book import Book, Origin, Section, Text
from assets.report.governor.inputs import SOURCES
from warehouse import figures as f

LETTER = "D"


def section(book: Book) -> Section:
    """The sources whose numbers are printed: newest closed date, age, completeness, rows set aside."""
    made = Section(LETTER, "Kelengkapan dan usia data")
    known = {r["dataset"]: r for r in book.inputs.rows("dataset")}
    if not known:
        made.missing("Rapor data: belum ada data.")
        return made
    made.as_of = f"Dinilai per {words.day(book.inputs.day)} pukul 06.45 WIB terhadap janji setiap kontrak data."
    lines: list[Sequence[Text]] = []
    for dataset in SOURCES:
        row = known.get(dataset)
        if row is not None:
            lines.append(_line(book, row))
    made.table(
        ["Sumber", "Tutup terakhir", "Usia", "Terisi", "Baris sah", "Dikarantina"],
        lines,
        left=2,
        widths=(1, 0, 0, 0, 0, 0),
    )
    for name, reason in sorted(book.inputs.missing.items()):
        made.missing(f"Bagian {name} tidak dapat dibaca: {reason}")
    agencies = [r for r in book.inputs.rows("instansi") if r["terlambat"] or r["bermasalah"]]
    for row in agencies:
        origin = Origin.on("ops.hasil", book.inputs.day, "ringkasan", "resmi")
        key = {"instansi": row["instansi"]}
        late = book.figure(
            LETTER, f"Dataset terlambat {row['nama']}", row["terlambat"], f.number, "instansi", key, "terlambat", origin
        )
        bad = book.figure(
            LETTER,
            f"Partisi bermasalah {row['nama']}",
            row["bermasalah"],
            f.number,
            "instansi",
            key,
            "bermasalah",
            origin,
        )
        made.sentence(
            f"{row['nama']} ({row['opd']}): ",
            late,
            " dataset terlambat, ",
            bad,
            " partisi yang upaya terakhirnya tidak berhasil.",
        )
    return made


def _line(book: Book, row: dict[str, Any]) -> list[Text]:
    title, key = row["judul"], {"dataset": row["dataset"]}
    newest = row["terbaru"]
    if newest is None:
        return [[title], ["belum ada data"], ["–"], ["–"], ["–"], ["–"]]
    origin = book.origin({**row, "per_tanggal": _day(newest) or book.inputs.day})
    day = _day(newest)
    monthly = bool(day) and row["dataset"] == "tirtanadi.pelanggan_air_bulanan"
    yearly = row["dataset"] == "samsat.target_tahunan"
    shown = newest if day is None else str(day.year) if yearly else f.month(day) if monthly else f.short_date(day)
    age: Text = ["–"]
    if day is not None and not monthly and not yearly:
        days = (book.inputs.day - day).days
        age = [
            book.figure(
                LETTER, f"Usia {title}", days, lambda n: f"{f.number(n)} hari", "dataset", key, "terbaru", origin
            )
        ]
    if row["terlambat"]:
        age += [" – terlambat"]
    filled = book.figure(LETTER, f"Partisi terisi {title}", row["terisi"], f.number, "dataset", key, "terisi", origin)
    promised = book.figure(
        LETTER, f"Partisi dijanjikan {title}", row["dijanjikan"], f.number, "dataset", key, "dijanjikan", origin
    )
    return [
        [title],
        [shown],
        age,
        [filled, " dari ", promised],
        [book.figure(LETTER, f"Baris sah {title}", row["sah"], words.share, "dataset", key, "sah", origin)],
        [
            book.figure(
                LETTER,
                f"Baris dikarantina {title}",
                row["dikarantina"],
                f.number,
                "dataset",
                key,
                "dikarantina",
                origin,
            )
        ],
    ]


def _day(key: str) -> date | None:
    try:
        return date.fromisoformat(key)
    except ValueError:
        return None
