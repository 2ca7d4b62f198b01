"""A table file as a grid of cells, from XLSX or CSV bytes, and back to bytes that depend on the cells alone.

Belongs here: file formats, encodings, recognising a file by its bytes. Does not belong here: where the table
stands in the grid (`layout.py`).

Written XLSX files hold one sheet of values and merged ranges: no author, no comments, no formulas, no hidden
sheets, no time of writing.
"""

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from xml.sax.saxutils import escape, quoteattr

from connectors.api import PayloadError
from connectors.contract.model import FileLayout
from connectors.read.zip_guard import DAMAGED, LIMITS, Limits, check_areas, hidden_cells, inspect_zip

Cell = str | float | bool | date | datetime | None
Area = tuple[tuple[int, int], tuple[int, int]]
"""First and last cell of a merged range, both (row, column) from 0."""

WRONG_FORMAT = "format_tidak_sesuai"
WRONG_ENCODING = "enkode_tidak_sesuai"
EMPTY_FILE = "berkas_kosong"
NO_SHEET = "lembar_tidak_ada"

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0"
_UTF8_BOM = b"\xef\xbb\xbf"
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - Excel counts local days from here
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass
class Grid:
    """Rows of cells from A1 on, each as long as it was delivered; blank cells are None. XLSX numbers are floats."""

    rows: list[list[Cell]]
    merged: list[Area] = field(default_factory=list)
    newline: str = "\r\n"

    def cell(self, row: int, column: int) -> Cell:
        """None beyond the delivered cells."""
        return self.rows[row][column] if row < len(self.rows) and column < len(self.rows[row]) else None


def read_grid(body: bytes, layout: FileLayout, where: str, limits: Limits = LIMITS) -> Grid:
    """The cells of a file in its declared format. Raises PayloadError for a file that is not in it."""
    if not body.strip():
        raise PayloadError(f"{where}: the file is empty", code=EMPTY_FILE)
    zipped = body.startswith(_ZIP)
    if zipped != (layout.format == "xlsx") or body.startswith(_OLE):
        found = (
            "a zip archive such as XLSX"
            if zipped
            else "an old XLS or encrypted file"
            if body.startswith(_OLE)
            else "text"
        )
        raise PayloadError(f"{where}: the contract says {layout.format}, the bytes are {found}", code=WRONG_FORMAT)
    return _from_xlsx(body, layout, where, limits) if zipped else _from_csv(body, layout, where)


def _plain(value: object) -> Cell:
    """A cell of calamine's as one of ours."""
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, bool | float | date):
        return value
    return float(value) if isinstance(value, int) else None if value is None else _clock(value)


def _clock(value: object) -> str:
    return f"{value.total_seconds() / 86400:.15g}" if isinstance(value, timedelta) else str(value)


def _from_xlsx(body: bytes, layout: FileLayout, where: str, limits: Limits) -> Grid:
    from python_calamine import CalamineError, CalamineWorkbook

    entries = inspect_zip(body, where, limits)
    check_areas(entries, where, limits)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(body))
        names = workbook.sheet_names
        wanted = layout.lembar
        if (isinstance(wanted, str) and wanted not in names) or (isinstance(wanted, int) and wanted >= len(names)):
            raise PayloadError(f"{where}: no sheet {wanted!r}; there are: {', '.join(names)}", code=NO_SHEET)
        name = wanted if isinstance(wanted, str) else names[wanted]
        sheet = workbook.get_sheet_by_name(name)
        rows = [[_plain(value) for value in row] for row in sheet.to_python(skip_empty_area=False)]
        merged = list(sheet.merged_cell_ranges or [])
        hidden = hidden_cells(entries, name)
    except (CalamineError, ValueError, OSError) as error:
        raise PayloadError(f"{where}: the XLSX cannot be read: {error}", code=DAMAGED) from None
    for (row, column), text in hidden.items():
        while len(rows) <= row:
            rows.append([])
        rows[row] += [None] * (column + 1 - len(rows[row]))
        rows[row][column] = text
    return Grid(rows, merged)


def _is_unicode(encoding: str) -> bool:
    return encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig")


def _decoded(body: bytes, encoding: str, where: str) -> str:
    unicode = _is_unicode(encoding)
    if b"\x00" in body:
        raise PayloadError(f"{where}: not {encoding}: it holds NUL bytes, as UTF-16 does", code=WRONG_ENCODING)
    try:
        text = body.decode("utf-8-sig" if unicode else encoding)
    except UnicodeDecodeError as error:
        raise PayloadError(f"{where}: not {encoding}: byte {error.start} does not fit", code=WRONG_ENCODING) from None
    if not unicode and not body.isascii() and _is_utf8(body):
        # Single-byte encodings take any bytes; text that is valid UTF-8 beyond ASCII is UTF-8 all the same.
        raise PayloadError(f"{where}: declared {encoding}, but the bytes are UTF-8", code=WRONG_ENCODING)
    return text


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _from_csv(body: bytes, layout: FileLayout, where: str) -> Grid:
    text = _decoded(body, layout.encoding, where)
    try:
        rows = [
            [value if value.strip() else None for value in row]
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=layout.pemisah, strict=True)
        ]
    except csv.Error as error:
        raise PayloadError(f"{where}: the CSV cannot be read: {error}", code=DAMAGED) from None
    return Grid([list[Cell](row) for row in rows], newline="\r\n" if "\r\n" in text else "\n")


def write_csv(grid: Grid, layout: FileLayout) -> bytes:
    """CSV bytes of a grid that was read from CSV, in its encoding and separator."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=layout.pemisah, lineterminator=grid.newline)
    writer.writerows([["" if value is None else value for value in row] for row in grid.rows])
    return out.getvalue().encode("utf-8" if _is_unicode(layout.encoding) else layout.encoding)


def column_letters(number: int) -> str:
    """Letters of a column counted from 0."""
    letters = ""
    while number >= 0:
        number, rest = divmod(number, 26)
        letters, number = chr(65 + rest) + letters, number - 1
    return letters


def _xml_text(text: str) -> str:
    """Text as XLSX writes it: characters that XML cannot hold, and what looks like their escapes, are escaped."""
    text = re.sub(r"_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", text)
    text = re.sub(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]", lambda m: f"_x{ord(m[0]):04X}_", text)
    return escape(text)


def _xml_cell(reference: str, value: Cell) -> str:
    match value:
        case None:
            return ""
        case bool():
            return f'<c r="{reference}" t="b"><v>{int(value)}</v></c>'
        case float():
            return f'<c r="{reference}"><v>{value!r}</v></c>'
        case str():
            return f'<c r="{reference}" t="inlineStr"><is><t xml:space="preserve">{_xml_text(value)}</t></is></c>'
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001
    days = (moment - _EPOCH) / timedelta(days=1)
    return f'<c r="{reference}" s="{2 if isinstance(value, datetime) else 1}"><v>{days!r}</v></c>'


_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_STYLES = (
    f'<styleSheet {_MAIN}><fonts count="1"><font/></fonts>'
    '<fills count="1"><fill><patternFill patternType="none"/></fill></fills><borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf numFmtId="0"/>'
    '<xf numFmtId="14" applyNumberFormat="1"/><xf numFmtId="22" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
"""Style 1 shows a number as a date, 2 as a date and time."""


def _sheet_xml(rows: Sequence[Sequence[Cell]], merged: Sequence[Area]) -> str:
    lines = []
    for number, row in enumerate(rows, 1):
        cells = "".join(_xml_cell(f"{column_letters(c)}{number}", value) for c, value in enumerate(row))
        if cells:
            lines.append(f'<row r="{number}">{cells}</row>')
    areas = "".join(
        f'<mergeCell ref="{column_letters(c1)}{r1 + 1}:{column_letters(c2)}{r2 + 1}"/>' for (r1, c1), (r2, c2) in merged
    )
    ranges = f'<mergeCells count="{len(merged)}">{areas}</mergeCells>' if merged else ""
    return f"<worksheet {_MAIN}><sheetData>{''.join(lines)}</sheetData>{ranges}</worksheet>"


def write_xlsx(grid: Grid, layout: FileLayout) -> bytes:
    """XLSX bytes of a grid whose sheet the layout finds again; the same cells give the same bytes."""
    names = [layout.lembar] if isinstance(layout.lembar, str) else [f"Lembar{n + 1}" for n in range(layout.lembar + 1)]
    numbers = range(1, len(names) + 1)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        f'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
        + "".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPE}.worksheet+xml"/>' for n in numbers
        )
        + "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_DOCUMENT}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {_MAIN} xmlns:r="{_DOCUMENT}"><sheets>'
        + "".join(
            f'<sheet name={quoteattr(a)} sheetId="{n}" r:id="rId{n}"/>' for n, a in zip(numbers, names, strict=True)
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        + "".join(
            f'<Relationship Id="rId{n}" Type="{_DOCUMENT}/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n in numbers
        )
        + f'<Relationship Id="rId0" Type="{_DOCUMENT}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": _STYLES,
    }
    for n in numbers:
        last = n == len(names)
        parts[f"xl/worksheets/sheet{n}.xml"] = _sheet_xml(grid.rows if last else [], grid.merged if last else [])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, xml in parts.items():
            # Stored, not deflated: compressors differ between machines, and the archive compresses anyway.
            info = zipfile.ZipInfo(path, _FIXED_TIME)
            info.create_system = 3
            archive.writestr(info, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{xml}')
    return out.getvalue()
