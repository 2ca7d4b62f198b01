"""The state of open data: what is published, what is due, and how good its description is."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from assets.report.governor import words
from assets.report.governor.book import Book, Origin, Section, Text
from warehouse import figures as f
from warehouse.opendata.manifest import current, read_release, read_version

LETTER = "T"
TABLE = "terbuka"

_SCHEMA = {
    "dataset": pl.String(), "judul": pl.String(), "produsen": pl.String(), "versi": pl.Int64(), "terbit": pl.Date(),
    "sampai": pl.Date(), "jatuh_tempo": pl.Date(), "mutu": pl.Float64(), "asal_data": pl.String(), "rilis": pl.Int64(),
}  # fmt: skip


def published(root: Path) -> pl.DataFrame:
    """The datasets of the newest release below the public root; without rows before the first release."""
    number = current(root)
    rows = []
    for listed in read_release(root, number).dataset if number is not None else ():
        if listed.versi is None:
            continue
        version = read_version(root, listed.dataset, listed.versi)
        rows.append(
            {
                "dataset": listed.dataset, "judul": version.judul, "produsen": version.produsen, "versi": listed.versi,
                "terbit": version.terbit.date(), "sampai": version.sampai, "jatuh_tempo": version.jatuh_tempo,
                "mutu": version.mutu.nilai, "asal_data": max(version.asal_data, default="resmi"), "rilis": number,
            }
        )  # fmt: skip
    return pl.DataFrame(rows, schema=_SCHEMA).sort("dataset")


def section(book: Book) -> Section:
    """How many datasets are published, which are late, and how well they are described."""
    made = Section(LETTER, "Data terbuka", opd="Walidata")
    rows = book.inputs.rows(TABLE)
    if not rows:
        made.missing("Data terbuka: belum ada rilis.")
        return made
    day = book.inputs.day
    newest = max(r["terbit"] for r in rows)
    made.as_of = f"Rilis {rows[0]['rilis']}; versi terbaru terbit {words.day(newest)}."
    late = [r for r in rows if r["jatuh_tempo"] is not None and r["jatuh_tempo"] < day]
    whole = Origin.on("terbuka", newest, f"rilis {rows[0]['rilis']}", max(r["asal_data"] for r in rows))
    quality = 100 * sum(r["mutu"] for r in rows) / len(rows)
    made.sentence(
        book.figure(LETTER, "Dataset terbit", len(rows), f.number, TABLE, {}, "dataset", whole),
        " dataset terbit, ",
        book.figure(LETTER, "Dataset lewat jatuh tempo", len(late), f.number, TABLE, {}, "jatuh_tempo", whole),
        " lewat jatuh tempo; mutu metadata rata-rata ",
        book.figure(LETTER, "Mutu metadata", quality, words.share, TABLE, {}, "mutu", whole),
        ".",
    )
    lines: list[Sequence[Text]] = []
    for row in sorted(rows, key=lambda r: (r["mutu"], r["judul"]))[:8]:
        key, name = {"dataset": row["dataset"]}, f"Mutu {row['judul']}"
        own = Origin.on(f"terbuka.{row['dataset']}", row["terbit"], f"v{row['versi']}", row["asal_data"])
        grade = book.figure(LETTER, name, row["mutu"], lambda n: words.share(100 * n), TABLE, key, "mutu", own)
        until = f.short_date(row["sampai"]) if row["sampai"] else "–"
        lines.append([[row["judul"]], [row["produsen"]], [until], [grade]])
    made.table(["Dataset", "Produsen", "Data sampai", "Mutu"], lines, left=2, title="Mutu metadata terendah")
    if late:
        made.sentence(f"Lewat jatuh tempo: {words.several([r['judul'] for r in late], 5)}.")
    return made
