"""Revenue of Samsat: by tax and recipient, against the target, by UPT. Years on both sides of opsen are never like."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from assets.report.governor import words
from assets.report.governor.book import NO_DATA, Book, Origin, Run, Section, Text
from warehouse import figures as f

LETTER = "P"
PAYMENTS = "samsat.pembayaran_pkb"
OPSEN = date(2025, 1, 5)
"""First day of opsen: PKB before and after it are not the same quantity (UU 1/2022)."""

_NAMES = {
    "PAD": "PAD provinsi dari Samsat",
    "OPSEN_PKB": "Opsen PKB",
    "OPSEN_BBNKB": "Opsen BBNKB",
    "PNBP": "PNBP STNK/TNKB",
}
_WHO = {"provinsi": "Provinsi", "kabupaten_kota": "Kabupaten/kota", "jasa_raharja": "Jasa Raharja", "negara": "Negara"}

Row = Mapping[str, Any]


def daily(book: Book) -> Section:
    """The last closed day, the month and the year against the target; the strongest and the silent UPT."""
    section = _begin(book)
    _totals(book, section, "hari")
    _offices(book, section)
    return section


def weekly(book: Book) -> Section:
    """The year so far, and each UPT's week beside the same week of the year before."""
    section = _begin(book)
    _totals(book, section, "hari")
    _weeks(book, section)
    return section


def monthly(book: Book) -> Section:
    """The month that closed, by recipient, beside the month before and the same month of the year before."""
    section = _begin(book)
    _totals(book, section, "bulan")
    _months(book, section)
    return section


def _begin(book: Book) -> Section:
    section = book.section(LETTER, "Pendapatan (Samsat)", PAYMENTS)
    section.dated(book.inputs.rows("pendapatan"), "E-Samsat", "E-Samsat per {}, tanggal tutup terakhir.")
    return section


def _figure(book: Book, row: Row, column: str, name: str, origin: Origin, *, percent: bool = False) -> Run:
    form = words.share if percent else words.money
    key = {"jenis_pajak": row["jenis_pajak"], "penerima": row["penerima"]}
    return book.figure(LETTER, f"{name} {row['jenis_pajak']}", row[column], form, "pendapatan", key, column, origin)


def _totals(book: Book, section: Section, step: str) -> None:
    """What the province received in a sentence, then every tax and recipient; by day or by month."""
    rows = book.inputs.rows("pendapatan")
    total = next((r for r in rows if r["jenis_pajak"] == "PAD"), None)
    if total is None:
        return
    last, start = total["per_tanggal"], f.short_date(total["mulai_data"])
    day, year = book.origin(total), book.origin(total, first=total["mulai_data"])
    month = book.origin(total, first=max(total["mulai_data"], last.replace(day=1)))
    if step == "hari":
        pair = book.origin(total, first=last - timedelta(days=1))
        runs: Text = [
            "Penerimaan milik provinsi ",
            _figure(book, total, "nilai_hari", "Penerimaan sehari", day),
            " (hari berdata sebelumnya ",
            _figure(book, total, "nilai_hari_sebelum", "Penerimaan hari sebelumnya", pair),
            "). ",
        ]
    else:
        runs = [
            "Penerimaan milik provinsi bulan itu ",
            _figure(book, total, "nilai_bulan", "Penerimaan sebulan", month),
            ". ",
        ]
    days, pad = total["hari_berdata"], {"jenis_pajak": "PAD"}
    runs += [
        f"Sejak {start} terkumpul ",
        _figure(book, total, "nilai_tahun", "Penerimaan kumulatif", year),
        ", ",
        _figure(book, total, "capaian_prorata", "Capaian pro rata", year, percent=True),
        " dari target pro rata ",
        _figure(book, total, "target_prorata", "Target pro rata", year),
        " untuk ",
        book.figure(LETTER, "Hari yang ada datanya", days, f.number, "pendapatan", pad, "hari_berdata", year),
        " hari yang ada datanya.",
    ]
    if total["capaian_target"] is None:
        runs += [f" Data tahun ini mulai {start}, maka capaian target setahun belum dapat dihitung."]
    else:
        whole = _figure(book, total, "capaian_target", "Capaian target setahun", year, percent=True)
        runs += [" Capaian target setahun ", whole, "."]
    section.sentence(*runs)
    columns = [("nilai_tahun", "Penerimaan tahun berjalan", f"Sejak {start}", year)]
    if step == "hari":
        columns.insert(0, ("nilai_hari", "Penerimaan hari", "Sehari", day))
        columns.insert(1, ("nilai_bulan", "Penerimaan bulan berjalan", "Bulan berjalan", month))
    else:
        columns.insert(0, ("nilai_bulan", "Penerimaan bulan", f.month(last), month))
    _taxes(book, section, columns, year)


def _taxes(book: Book, section: Section, columns: Sequence[tuple[str, str, str, Origin]], year: Origin) -> None:
    """A line a tax and recipient. `columns`: column of the rows, name of the figure, head and origin."""
    rows = book.inputs.rows("pendapatan")
    lines: list[Sequence[Text]] = []
    for row in sorted(rows, key=lambda r: (r["penerima"] != "provinsi", r["jenis_pajak"] == "PAD", r["jenis_pajak"])):
        kind, who = row["jenis_pajak"], row["penerima"]
        cells: list[Text] = [[_NAMES.get(kind, kind)], [_WHO.get(who, who)]]
        cells += [[_figure(book, row, column, name, origin)] for column, name, _, origin in columns]
        goal = row["target"] is not None
        reached = (
            _figure(book, row, "capaian_prorata", "Capaian pro rata", year, percent=True) if goal else "tanpa target"
        )
        lines.append([*cells, [reached]])
    section.table(
        ["Jenis", "Penerima", *(head for _, _, head, _ in columns), "Pro rata"],
        lines,
        title="Penerimaan menurut jenis dan penerima",
        left=2,
        widths=(1.2, 1, *(0 for _ in columns), 0),
        note="Baris PAD menjumlahkan yang milik provinsi; selebihnya bukan PAD provinsi.",
    )


def _offices(book: Book, section: Section) -> None:
    """The strongest UPT of the last closed date, beside the year's line against the target; UPT without data."""
    rows = book.inputs.rows("upt")
    given = sorted((r for r in rows if r["nilai_hari"] is not None), key=lambda r: (-r["nilai_hari"], r["upt"]))
    lines: list[Sequence[Text]] = []
    for row in given[:8]:
        key = {"kode_upt": row["kode_upt"]}
        cells: list[Text] = [[row["upt"]]]
        for column, name, first in (
            ("nilai_hari", "sehari", None),
            ("nilai_bulan", "bulan berjalan", row["per_tanggal"].replace(day=1)),
        ):
            title, origin = f"Penerimaan {name} UPT {row['upt']}", book.origin(row, first=first)
            cells.append([book.figure(LETTER, title, row[column], words.money, "upt", key, column, origin, rows=key)])
        lines.append(cells)
    if rows:
        section.table(
            ["UPT", "Sehari", "Bulan berjalan"],
            lines,
            title="UPT dengan penerimaan provinsi terbesar",
            chart="pendapatan_kumulatif",
        )
    silent = [r["upt"] for r in rows if r["nilai_hari"] is None]
    if silent:
        count = book.figure(
            LETTER, "UPT tanpa data", len(silent), f.number, "upt", {}, "nilai_hari", book.origin(rows[0])
        )
        section.sentence("UPT yang belum ada datanya pada tanggal itu: ", count, f" ({words.several(silent, 5)}).")


def _weeks(book: Book, section: Section) -> None:
    rows = sorted(book.inputs.rows("upt"), key=lambda r: (-(r["nilai_7_hari"] or 0), r["upt"]))
    if not rows:
        return
    last = rows[0]["per_tanggal"]
    lines: list[Sequence[Text]] = []
    for row in rows:
        now, then = row["nilai_7_hari"], row["nilai_7_hari_setahun_lalu"]
        key = {"kode_upt": row["kode_upt"]}
        origin = book.origin(row, first=last - timedelta(days=6))
        longer = book.origin(row, first=last - timedelta(days=370))

        def cell(column: str, name: str, of: Origin, row: Row = row, key: Row = key) -> Text:
            title = f"{name} UPT {row['upt']}"
            return [book.figure(LETTER, title, row[column], words.money, "upt", key, column, of, rows=key)]

        growth: Text = [NO_DATA] if then is None else ["–"]
        if now is not None and then:
            percent = (now - then) / then * 100
            growth = [
                book.move(
                    LETTER,
                    f"Perubahan setahun UPT {row['upt']}",
                    percent,
                    "upt",
                    key,
                    "nilai_7_hari",
                    longer,
                    good=True,
                    rows=key,
                )
            ]
        lines.append(
            [
                [row["upt"]],
                cell("nilai_7_hari", "Penerimaan tujuh hari", origin),
                cell("nilai_7_hari_setahun_lalu", "Penerimaan setahun lalu", longer),
                growth,
            ]
        )
    section.table(
        ["UPT", "7 hari", "Setahun lalu", "Perubahan"], lines,
        title=f"Penerimaan provinsi per UPT, {words.span(last - timedelta(days=6), last)}",
        note=opsen_note(last) or "Dibandingkan dengan tujuh hari yang sama 364 hari sebelumnya.",
    )  # fmt: skip


def opsen_note(last: date) -> str:
    """What is to be said when the week or month of the year before lies before opsen; "" when it does not."""
    if last - timedelta(days=370) >= OPSEN:
        return ""
    return (
        f"Opsen berlaku sejak {f.short_date(OPSEN)}: PKB sebelum dan sesudahnya bukan besaran yang sama, "
        "maka tahun sebelumnya tidak dibandingkan."
    )


def _months(book: Book, section: Section) -> None:
    """The newest month with data, the one before it and the same month of the year before, by recipient and tax."""
    rows = book.inputs.rows("penerima")
    if not rows:
        return
    month = max(r["bulan"] for r in rows)
    before = (month - timedelta(days=1)).replace(day=1)
    year = month.replace(year=month.year - 1)
    like = {r["masa"] for r in rows if r["bulan"] in (month, year)} == {"dengan opsen"}
    lines: list[Sequence[Text]] = []
    for who, kind in sorted({(r["penerima"], r["jenis_pajak"]) for r in rows if r["bulan"] == month}):
        cells: list[Text] = [[_NAMES.get(kind, kind)], [_WHO.get(who, who)]]
        for one in (month, before, year):
            own = [r for r in rows if (r["bulan"], r["penerima"], r["jenis_pajak"]) == (one, who, kind)]
            value = sum((r["nilai"] for r in own), Decimal(0)) if own and (one != year or like) else None
            key = {"bulan": one, "penerima": who, "jenis_pajak": kind}
            of = book.origin({**own[0], "per_tanggal": own[0]["sampai"]}, first=one) if own else book.origin(rows[-1])
            name = f"Penerimaan {kind} {who} {f.month(one)}"
            cells.append([book.figure(LETTER, name, value, words.money, "penerima", key, "nilai", of)])
        lines.append(cells)
    newest = [r for r in rows if r["bulan"] == month]
    days = max(r["hari_berdata"] for r in newest)
    section.table(
        ["Jenis", "Penerima", f.month(month), f.month(before), f.month(year)],
        lines,
        left=2,
        widths=(1.2, 1, 0, 0, 0),
        title="Penerimaan menurut bulan",
        note=f"{f.month(month)}: {days} hari ada datanya. {opsen_note(month)}".strip(),
    )
