"""The data dictionary of a dataset: its columns as rows for a page, a sheet of a workbook, or a workbook of its own.

Belongs here: what the dictionary says, and the workbook. Does not belong here: the page (the portal).
"""

import io
from collections.abc import Sequence
from typing import NamedTuple

from warehouse.opendata.manifest import Column, Version

TYPES = {
    "string": "teks",
    "integer": "bilangan bulat",
    "number": "bilangan desimal",
    "date": "tanggal",
    "datetime": "waktu (UTC)",
    "boolean": "benar/salah",
}
"""Names of the field types for people."""


class Entry(NamedTuple):
    """One column. All are texts; an empty one says that there is none."""

    kolom: str
    judul: str
    tipe: str
    satuan: str
    wajib: str
    kunci: str
    keterangan: str


HEADER = ("Kolom", "Judul", "Tipe", "Satuan", "Selalu terisi", "Kunci", "Keterangan")
WIDTHS = (26, 26, 16, 14, 13, 8, 80)


def entries(columns: Sequence[Column]) -> list[Entry]:
    """One entry a column, in the order of the files."""
    return [
        Entry(
            kolom=c.nama,
            judul=c.judul,
            tipe=TYPES[c.tipe],
            satuan=c.satuan or "",
            wajib="ya" if c.wajib or c.kunci else "tidak",
            kunci="ya" if c.kunci else "",
            keterangan=c.keterangan,
        )
        for c in columns
    ]


def facts(version: Version) -> list[tuple[str, str]]:
    """What a reader of a file needs to know beside its columns, as (name, text)."""
    period = f"{version.mulai} sampai {version.sampai}" if version.mulai and version.sampai else ""
    told = [
        ("Judul", version.judul),
        ("Title", version.judul_en),
        ("Peringatan", " ".join(version.peringatan)),
        ("Keterangan", version.keterangan),
        ("Satu baris adalah", version.butiran),
        ("Cakupan waktu", period),
        ("Jumlah baris", str(version.baris)),
        ("Metode", version.metode),
        ("Batasan", version.batasan),
        ("Catatan", version.catatan),
        ("Produsen data", version.produsen),
        ("Walidata", version.walidata),
        ("Lisensi", f"{version.lisensi.judul} ({version.lisensi.id}), {version.lisensi.url}"),
        ("Dasar publikasi", version.dasar_publikasi),
        ("Versi", f"v{version.versi}, {version.terbit:%Y-%m-%d}"),
    ]
    return [(name, text) for name, text in told if text]


def workbook(version: Version) -> bytes:
    """An XLSX with the columns on one sheet and the facts of the dataset on the other."""
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font
    from openpyxl.worksheet.worksheet import Worksheet

    book = Workbook()
    book.properties.title = f"Kamus data: {version.judul}"
    book.properties.creator = version.walidata
    sheets: list[tuple[str, Sequence[Sequence[str]], Sequence[int]]] = [
        ("Kamus", [HEADER, *entries(version.kolom)], WIDTHS),
        ("Tentang", [("Hal", "Isi"), *facts(version)], (22, 100)),
    ]
    first = book.active
    assert isinstance(first, Worksheet)
    for title, rows, widths in sheets:
        sheet = first if title == "Kamus" else book.create_sheet()
        sheet.title = title
        for row, values in enumerate(rows, 1):
            for column, text in enumerate(values, 1):
                cell = sheet.cell(row, column, text)
                # Never a formula, whatever the text starts with.
                cell.data_type = "s"
                cell.alignment = Alignment(wrap_text=True, vertical="top")
                if row == 1:
                    cell.font = Font(bold=True)
        for number, width in enumerate(widths):
            sheet.column_dimensions["ABCDEFG"[number]].width = width
        sheet.freeze_panes = "A2"
    body = io.BytesIO()
    book.save(body)
    return body.getvalue()
