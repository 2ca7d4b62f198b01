"""Water of Tirtanadi: production, disturbances that last, losses and arrears by branch."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from assets.report.governor import words
from assets.report.governor.book import Book, Run, Section, Text
from warehouse import figures as f

LETTER = "A"
PRODUCTION = "tirtanadi.produksi_air"
DISTURBED = "tirtanadi.gangguan_air"
BRANCHES = "tirtanadi.pelanggan_air_bulanan"

Row = Mapping[str, Any]


def daily(book: Book) -> Section:
    """Production beside the day before, and disturbances that are not ended; the branches' last month in short."""
    section = _begin(book)
    _production(book, section)
    _disturbed(book, section)
    _month(book, section)
    _branches(book, section, most=7, chart="air_produksi")
    return section


def longer(book: Book, days: int) -> Section:
    """Mean production of the last days, disturbances, and the branches one by one."""
    section = _begin(book)
    _mean(book, section, days)
    _disturbed(book, section)
    _month(book, section)
    _branches(book, section)
    return section


def _begin(book: Book) -> Section:
    return book.section(LETTER, "Air (Tirtanadi)", PRODUCTION, DISTURBED, BRANCHES)


def _days(book: Book) -> dict[date, list[dict[str, Any]]]:
    found: dict[date, list[dict[str, Any]]] = {}
    for row in book.inputs.rows("produksi"):
        if row["produksi_m3"] is not None:
            found.setdefault(row["tanggal"], []).append(row)
    return found


def _sum(rows: Sequence[Row]) -> Decimal:
    return sum((Decimal(str(r["produksi_m3"])) for r in rows), Decimal(0))


def _total(book: Book, day: date, rows: Sequence[Row]) -> Run:
    total = _sum(rows)
    return book.figure(
        LETTER,
        f"Produksi air {f.short_date(day)}",
        total,
        words.volume,
        "produksi",
        {"tanggal": day},
        "produksi_m3",
        book.origin(rows[0]),
    )


def _production(book: Book, section: Section) -> None:
    days = _days(book)
    if not days:
        section.missing("Produksi air: belum ada data.")
        return
    newest = max(days)
    section.as_of = f"Produksi per {words.day(newest)}, tanggal tutup terakhir."
    runs: Text = ["Produksi ", _total(book, newest, days[newest]), " dari "]
    origin, many = book.origin(days[newest][0]), len(days[newest])
    runs += [
        book.figure(
            LETTER, "Instalasi yang melapor", many, f.number, "produksi", {"tanggal": newest}, "produksi_m3", origin
        )
    ]
    runs += [" instalasi"]
    before = max((d for d in days if d < newest), default=None)
    if before is not None:
        # A plant that is silent on one of the dates moves nothing.
        both = {r["ipa"] for r in days[newest]} & {r["ipa"] for r in days[before]}
        now, then = (_sum([r for r in days[d] if r["ipa"] in both]) for d in (newest, before))
        if then:
            origin = book.origin(days[newest][0], first=before)
            percent = (now - then) / then * 100
            move = book.move(
                LETTER,
                "Perubahan produksi air",
                percent,
                "produksi",
                {"tanggal": newest},
                "produksi_m3",
                origin,
                good=None,
            )
            runs += [", ", move, f" terhadap {f.short_date(before)} pada instalasi yang melapor di kedua tanggal"]
    section.sentence(*runs, ".")


def _mean(book: Book, section: Section, most: int) -> None:
    days = _days(book)
    chosen = sorted(days)[-most:]
    if not chosen:
        section.missing("Produksi air: belum ada data.")
        return
    section.as_of = f"Produksi sampai {words.day(chosen[-1])}, tanggal tutup terakhir."
    mean = sum((_sum(days[d]) for d in chosen), Decimal(0)) / len(chosen)
    origin = book.origin(days[chosen[-1]][0], first=chosen[0])
    key = {"dari": chosen[0], "sampai": chosen[-1]}
    value = book.figure(
        LETTER, "Rata-rata produksi air sehari", mean, words.volume, "produksi", key, "produksi_m3", origin
    )
    count = book.figure(
        LETTER, "Hari produksi yang ada datanya", len(chosen), f.number, "produksi", key, "tanggal", origin
    )
    section.sentence(
        "Rata-rata produksi sehari ",
        value,
        " dalam ",
        count,
        f" hari yang ada datanya ({words.span(chosen[0], chosen[-1])}).",
    )


def _disturbed(book: Book, section: Section) -> None:
    source = next((r for r in book.inputs.rows("dataset", dataset=DISTURBED) if r["terbaru"]), None)
    if source is None:
        section.missing("Gangguan layanan: belum ada data.")
        return
    last = date.fromisoformat(source["terbaru"])
    rows = book.inputs.rows("gangguan")
    origin = book.origin(rows[0] if rows else {"dataset": DISTURBED, "partisi": source["terbaru"], "per_tanggal": last})
    count = book.figure(LETTER, "Gangguan yang belum selesai", len(rows), f.number, "gangguan", {}, "nomor", origin)
    runs: Text = [f"Gangguan yang belum selesai per {words.day(last)}: ", count]
    for number, row in enumerate(rows[:3]):
        runs += [
            "; " if number else ": ",
            f"{row['jenis']} di {row['kecamatan'] or row['cabang']} (cabang {row['cabang']}, {row['status']}",
        ]
        if row["pelanggan_terdampak"] is not None:
            many = row["pelanggan_terdampak"]
            hit = book.figure(
                LETTER,
                f"Pelanggan terdampak {row['nomor']}",
                many,
                f.number,
                "gangguan",
                {"nomor": row["nomor"]},
                "pelanggan_terdampak",
                origin,
                rows={"nomor": row["nomor"]},
            )
            runs += [", perkiraan ", hit, " pelanggan"]
        runs.append(")")
    section.sentence(*runs, f"; dan {len(rows) - 3} lainnya." if len(rows) > 3 else ".")


def _month(book: Book, section: Section) -> None:
    rows = book.inputs.rows("cabang")
    told = [r for r in rows if r["melapor"]]
    if not told:
        section.missing("Laporan bulanan cabang: belum ada data.")
        return
    month = told[0]["bulan"]
    origin = book.origin(told[0], as_of=month)
    runs: Text = [f"Laporan cabang {f.month(month)}: "]
    for name, many, key, then in (
        ("Cabang yang melapor", len(told), {"melapor": True}, " dari "),
        ("Cabang", len(rows), {}, " cabang melapor"),
    ):
        runs += [book.figure(LETTER, name, many, f.number, "cabang", key, "kode_cabang", origin), then]
    silent = [r["cabang"] for r in rows if not r["melapor"]]
    runs += [f" (belum: {words.several(silent, 4)})"] if silent else []
    arrears = [r["tunggakan"] for r in told if r["tunggakan"] is not None]
    if arrears:
        total = sum(arrears, Decimal(0))
        runs += [
            "; tunggakan ",
            book.figure(
                LETTER, "Tunggakan rekening air", total, words.money, "cabang", {"melapor": True}, "tunggakan", origin
            ),
        ]
    section.sentence(*runs, ".")


def _branches(book: Book, section: Section, *, most: int | None = None, chart: str = "") -> None:
    """The branches one by one, those with the largest losses first and those without a report last."""
    rows = sorted(
        book.inputs.rows("cabang"), key=lambda r: (not r["melapor"], -(r["kehilangan_air"] or 0), r["cabang"])
    )
    columns: list[tuple[str, str, Callable[[Any], str]]] = [
        ("pelanggan", "Pelanggan", f.number), ("kehilangan_air", "Kehilangan air", words.share),
        ("penerimaan", "Penerimaan", words.money), ("tunggakan", "Tunggakan", words.money),
    ]  # fmt: skip
    if most is not None:
        columns = columns[1::2]
    lines: list[Sequence[Text]] = []
    for row in rows[:most]:
        key, own = {"kode_cabang": row["kode_cabang"]}, {"cabang": row["cabang"]}
        origin = book.origin(row, as_of=row["bulan"])
        cells: list[Text] = [[row["cabang"]]]
        for column, name, form in columns:
            value = row[column] if row["melapor"] else None
            cells.append(
                [book.figure(LETTER, f"{name} {row['cabang']}", value, form, "cabang", key, column, origin, rows=own)]
            )
        lines.append(cells)
    if rows or book.inputs.rows("produksi"):
        month = f" ({f.month(rows[0]['bulan'])})" if rows else ""
        title = f"Cabang dengan kehilangan air tertinggi{month}" if most else f"Cabang satu per satu{month}"
        section.table(["Cabang", *(name for _, name, _ in columns)], lines, title=title, chart=chart)
