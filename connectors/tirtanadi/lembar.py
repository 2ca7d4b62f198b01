"""A minimal XLSX writer for the stand-in: one sheet, text and numbers, merged cells, always the same bytes.

openpyxl stamps the time of writing into the file and is several times slower; reading files is not done here.
"""

import io
import zipfile
from collections.abc import Sequence
from xml.sax.saxutils import escape

Sel = str | int | float | None

_ISI_TETAP = {
    "[Content_Types].xml": (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Override PartName="/xl/workbook.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
        '<Override PartName="/xl/worksheets/sheet1.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Target="xl/workbook.xml" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>'
    ),
    "xl/_rels/workbook.xml.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Target="worksheets/sheet1.xml" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"/></Relationships>'
    ),
}
_UTAMA = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_KEPALA = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_SAAT_TETAP = (1980, 1, 1, 0, 0, 0)


def kolom(nomor: int) -> str:
    """Letters of the 0-based column."""
    huruf = ""
    nomor += 1
    while nomor:
        nomor, sisa = divmod(nomor - 1, 26)
        huruf = chr(65 + sisa) + huruf
    return huruf


def _sel(alamat: str, isi: Sel) -> str:
    if isi is None:
        return ""
    if isinstance(isi, str):
        return f'<c r="{alamat}" t="inlineStr"><is><t xml:space="preserve">{escape(isi)}</t></is></c>'
    return f'<c r="{alamat}"><v>{isi}</v></c>'


def tulis_xlsx(nama: str, baris: Sequence[Sequence[Sel]], gabung: Sequence[str] = ()) -> bytes:
    """One sheet of rows; `gabung` lists merged ranges such as "A7:A8". None leaves a cell out."""
    isi = "".join(
        f'<row r="{n}">' + "".join(_sel(f"{kolom(k)}{n}", nilai) for k, nilai in enumerate(sel)) + "</row>"
        for n, sel in enumerate(baris, start=1)
    )
    merge = "".join(f'<mergeCell ref="{rentang}"/>' for rentang in gabung)
    bagian = _ISI_TETAP | {
        "xl/workbook.xml": (
            f'<workbook {_UTAMA} xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
            f'<sheets><sheet name="{escape(nama)}" sheetId="1" r:id="rId1"/></sheets></workbook>'
        ),
        "xl/worksheets/sheet1.xml": (
            f"<worksheet {_UTAMA}><sheetData>{isi}</sheetData>"
            + (f'<mergeCells count="{len(gabung)}">{merge}</mergeCells>' if gabung else "")
            + "</worksheet>"
        ),
    }
    wadah = io.BytesIO()
    with zipfile.ZipFile(wadah, "w") as arsip:
        for jalur, xml in bagian.items():
            keterangan = zipfile.ZipInfo(jalur, _SAAT_TETAP)
            keterangan.compress_type = zipfile.ZIP_DEFLATED
            arsip.writestr(keterangan, _KEPALA + xml)
    return wadah.getvalue()
