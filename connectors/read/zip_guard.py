"""What an XLSX would become when opened, found out before any library opens it.

Belongs here: limits on zip archives and on the area of their sheets, and what the sheet reader hides (error
cells, formulas without a value). Does not belong here: cell values (`grid.py`).

A sheet whose one cell is XFD1048576 makes a reader allocate seventeen thousand million cells, and an entry may
claim a small size and inflate to gigabytes: so each is inflated once under a limit and held to its claim.
"""

import html
import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from connectors.api import PayloadError

BOMB = "berkas_bom"
DAMAGED = "berkas_rusak"

_LOCAL_HEADER = 30
_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*[^/>])>(.*?)</(?:\w+:)?c>", re.DOTALL)
_REFERENCE = re.compile(rb"""\br=["']([A-Za-z]{0,9})([0-9]{1,18})["']""")
_ERROR = re.compile(rb"""\bt=["']e["']""")
_FORMULA = re.compile(rb"<(?:\w+:)?f\b")
_TEXT_RESULT = re.compile(rb"""\bt=["']str["']""")
_VALUE = re.compile(rb"<(?:\w+:)?(?:v|is)(?:\s[^>]*)?>(.*?)</", re.DOTALL)
_SHEET = re.compile(rb"<(?:\w+:)?sheet\b([^>]*)>")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\b([^>]*)>")
NO_VALUE = "#TANPA_NILAI"
"""Stands in a cell whose formula was saved without its result."""


@dataclass(frozen=True)
class Limits:
    """Largest archive that is opened: entries, bytes in all, inflated/stored of one large entry, cells of a sheet."""

    entries: int = 2_000
    total: int = 128 * 2**20
    ratio: int = 300
    cells: int = 2_000_000


LIMITS = Limits()
_RATIO_FROM = 2**20


def _bomb(where: str, what: str) -> NoReturn:
    raise PayloadError(f"{where}: {what}; the file is not opened", code=BOMB)


def _inflate(body: bytes, info: zipfile.ZipInfo, where: str) -> bytes:
    start = info.header_offset + _LOCAL_HEADER
    header = body[info.header_offset : start]
    if len(header) < _LOCAL_HEADER or not header.startswith(b"PK\x03\x04"):
        raise PayloadError(f"{where}: the zip archive is damaged at {info.filename!r}", code=DAMAGED)
    start += int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    stored = body[start : start + info.compress_size]
    if info.compress_type == zipfile.ZIP_STORED:
        data = stored
    else:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = inflater.decompress(stored, info.file_size + 1)
        except zlib.error:
            raise PayloadError(f"{where}: the zip archive is damaged at {info.filename!r}", code=DAMAGED) from None
    if len(data) > info.file_size:
        _bomb(where, f"{info.filename!r} inflates to more than it claims")
    if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
        raise PayloadError(f"{where}: the zip archive is damaged at {info.filename!r}", code=DAMAGED)
    return data


def inspect_zip(body: bytes, where: str, limits: Limits = LIMITS) -> dict[str, bytes]:
    """Entries of a zip archive by name, none of them larger than claimed. Raises PayloadError."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):  # the third: a zip version of the future
        raise PayloadError(f"{where}: the zip archive is damaged or cut off", code=DAMAGED) from None
    if len(infos) > limits.entries:
        _bomb(where, f"{len(infos)} entries in the zip archive, at most {limits.entries}")
    total = sum(info.file_size for info in infos)
    if total > limits.total:
        _bomb(where, f"the file would inflate to {total:,} bytes, at most {limits.total:,}")
    if len({info.filename for info in infos}) != len(infos):
        _bomb(where, "two entries of the zip archive have one name")
    for info in infos:
        if info.flag_bits & 0x1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise PayloadError(
                f"{where}: {info.filename!r} is encrypted or packed in a way Excel does not use", code=DAMAGED
            )
        if info.file_size > _RATIO_FROM and info.file_size > limits.ratio * max(info.compress_size, 1):
            _bomb(where, f"{info.filename!r} inflates {info.file_size // max(info.compress_size, 1)} times")
    return {info.filename: _inflate(body, info, where) for info in infos}


def _attribute(attributes: bytes, name: str) -> str | None:
    found = re.search(rb"""(?:^|\s)(?:\w+:)?%s=["']([^"']*)["']""" % name.encode(), attributes)
    return html.unescape(found[1].decode("utf-8", "replace")) if found else None


def _sheet_paths(entries: Mapping[str, bytes]) -> dict[str, str]:
    """Sheet name → entry, by the workbook's relationships."""
    targets = {
        _attribute(r, "Id"): _attribute(r, "Target") or ""
        for r in _RELATION.findall(entries.get("xl/_rels/workbook.xml.rels", b""))
    }
    paths = {}
    for attributes in _SHEET.findall(entries.get("xl/workbook.xml", b"")):
        name, target = _attribute(attributes, "name"), targets.get(_attribute(attributes, "id"))
        if name is not None and target:
            paths[name] = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    return paths


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def check_areas(entries: Mapping[str, bytes], where: str, limits: Limits = LIMITS) -> None:
    """Raise PayloadError when the area of a sheet, from A1 to its farthest cell, is beyond the limit."""
    for path, xml in entries.items():
        if path.startswith("xl/worksheets/"):
            rows = columns = 1
            for found in _REFERENCE.finditer(xml):
                rows, columns = max(rows, int(found[2])), max(columns, _column_number(found[1]))
                if rows * columns > limits.cells:
                    _bomb(where, f"a sheet of {rows:,} rows and {columns:,} columns, at most {limits.cells:,} cells")


def hidden_cells(entries: Mapping[str, bytes], sheet: str) -> dict[tuple[int, int], str]:
    """Cells of a sheet that hold an error, or a formula without a value: (row, column) from 0 → text.

    For a sheet that a reader has found well-formed. Raises ValueError when such a cell has no position.
    """
    return _hidden(entries.get(_sheet_paths(entries).get(sheet, ""), b""))


def _hidden(xml: bytes) -> dict[tuple[int, int], str]:
    if not _ERROR.search(xml) and not _FORMULA.search(xml):
        return {}
    found = {}
    for cell in _CELL.finditer(xml):
        attributes, inner = cell.groups()
        error = _ERROR.search(attributes)
        if not error and (not _FORMULA.search(inner) or _TEXT_RESULT.search(attributes)):
            continue  # a plain value, or a formula whose text may well be empty
        value = _VALUE.search(inner)
        text = html.unescape(value[1].decode("utf-8", "replace")) if value else ""
        reference = _REFERENCE.search(attributes)
        if text and not error:
            continue
        if reference is None:
            raise ValueError("a cell with an error, or a formula without its value, does not say where it stands")
        found[int(reference[2]) - 1, _column_number(reference[1]) - 1] = text or NO_VALUE
    return found
