"""Pokir: the funnel from proposal to RKPD, and what stands still at which OPD."""

from collections.abc import Mapping, Sequence
from typing import Any

from assets.report.governor import words
from assets.report.governor.book import Book, Section, Text
from warehouse import figures as f

LETTER = "K"
PROPOSALS = "epokir.usulan_pokir"
_STAGES = {
    "usulan": "Usulan",
    "setwan": "Setwan",
    "mitra": "Mitra/Bappeda",
    "skpd": "OPD",
    "tapd": "TAPD",
    "rkpd": "RKPD",
}
_BY = {"dapil": "Dapil", "fraksi": "Fraksi", "opd": "OPD"}


def daily(book: Book) -> Section:
    """The newest budget year's funnel and what stands still for 30 days or more."""
    section = _begin(book)
    _funnel(book, section)
    _standing(book, section)
    return section


def longer(book: Book) -> Section:
    """As `daily`, with the proposals by dapil, fraction and OPD."""
    section = daily(book)
    for by in _BY:
        _spread(book, section, by)
    return section


def _begin(book: Book) -> Section:
    section = book.section(LETTER, "Pokok pikiran DPRD", PROPOSALS)
    section.dated(book.inputs.rows("pokir"), "E-Pokir", "Potret E-Pokir (SIPD) per {}.")
    return section


def _funnel(book: Book, section: Section) -> None:
    rows = book.inputs.rows("pokir")
    if not rows:
        return
    year = max(r["tahun_anggaran"] for r in rows)
    chosen = sorted((r for r in rows if r["tahun_anggaran"] == year), key=lambda r: r["urutan_tahap"])
    first = chosen[0]["jumlah"]
    counts: list[Text] = [["Usulan"]]
    values: list[Text] = [["Nilai"]]
    shares: list[Text] = [["Terhadap usulan"]]
    for row in chosen:
        key, origin = {"tahun_anggaran": year, "tahap": row["tahap"]}, book.origin(row)
        stage = _STAGES[row["tahap"]]
        counts.append(
            [book.figure(LETTER, f"Usulan sampai {stage}", row["jumlah"], f.number, "pokir", key, "jumlah", origin)]
        )
        values.append(
            [book.figure(LETTER, f"Nilai sampai {stage}", row["nilai"], words.money, "pokir", key, "nilai", origin)]
        )
        part = 100 * row["jumlah"] / first if first else None
        shares.append(
            [book.figure(LETTER, f"Bagian sampai {stage}", part, words.share, "pokir", key, "jumlah", origin)]
        )
    section.table(
        ["Sampai tahap", *(_STAGES[r["tahap"]] for r in chosen)],
        [counts, values, shares],
        title=f"Corong usulan tahun anggaran {year}",
        note="Satu usulan dihitung pada semua tahap yang dilewatinya; nilai RKPD adalah rekomendasi TAPD.",
    )


def _standing(book: Book, section: Section) -> None:
    rows = book.inputs.rows("pokir_opd")
    if not rows:
        return
    origin = book.origin(rows[0])
    still, running = sum(r["diam"] for r in rows), sum(r["berjalan"] for r in rows)
    runs: Text = [
        "Dari ",
        book.figure(LETTER, "Usulan yang masih berjalan", running, f.number, "pokir_opd", {}, "berjalan", origin),
    ]
    runs += [
        " usulan yang masih berjalan, ",
        book.figure(LETTER, "Usulan diam 30 hari", still, f.number, "pokir_opd", {}, "diam", origin),
    ]
    runs += [" diam 30 hari atau lebih"]
    worst = [r for r in rows if r["diam"]][:3] or sorted(rows, key=lambda r: (-r["berjalan"], r["opd"]))[:3]
    column = "diam" if worst[0]["diam"] else "berjalan"
    for number, row in enumerate(worst):
        many = book.figure(
            LETTER,
            f"Usulan {column} di {row['opd']}",
            row[column],
            f.number,
            "pokir_opd",
            {"opd": row["opd"]},
            column,
            origin,
        )
        runs += [
            ", " if number else "; terbanyak " + ("" if column == "diam" else "berjalan ") + "di ",
            f"{row['opd']} (",
            many,
            ")",
        ]
    section.sentence(*runs, ".")
    if any(r["paling_sedikit"] for r in rows):
        section.sentence("Perubahan tahap sebelum potret pertama tidak terlihat, maka lama diam adalah batas bawah.")


def _spread(book: Book, section: Section, by: str) -> None:
    found = book.inputs.rows("pokir_sebaran", menurut=by)
    if not found:
        return
    year = max(r["tahun_anggaran"] for r in found)
    groups: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in found:
        if row["tahun_anggaran"] == year:
            groups.setdefault(row["kelompok"], {})[row["keadaan"]] = row
    order = sorted(groups, key=lambda g: (-sum(r["jumlah"] for r in groups[g].values()), g))[:14]
    states = ("rkpd", "berjalan", "ditolak", "dibatalkan")
    lines: list[Sequence[Text]] = []
    for name in order:
        cells: list[Text] = [[name]]
        for state in states:
            one = groups[name].get(state)
            if one is None:
                cells.append(["–"])
                continue
            key = {"tahun_anggaran": year, "menurut": by, "kelompok": name, "keadaan": state}
            label = f"Usulan {state} {name}"
            cells.append(
                [book.figure(LETTER, label, one["jumlah"], f.number, "pokir_sebaran", key, "jumlah", book.origin(one))]
            )
        lines.append(cells)
    section.table(
        [_BY[by], "RKPD", "Berjalan", "Ditolak", "Dibatalkan"],
        lines,
        title=f"Usulan menurut {_BY[by]}, tahun anggaran {year}",
        note="" if len(groups) <= 14 else f"Empat belas terbesar dari {len(groups)}.",
    )
