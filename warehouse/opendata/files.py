"""The downloads of a version: which formats are due, written from its parts and taken into the store.

Belongs here: cadence, names, splitting of what is too long for one sheet. Does not belong here: how a format is
written (`formats.py`, `formats_xlsx.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from warehouse.opendata import formats
from warehouse.opendata.contract import OpenContract
from warehouse.opendata.describe import same_period
from warehouse.opendata.formats_xlsx import MAX_ROWS, too_wide, write_xlsx
from warehouse.opendata.manifest import File, Format, Missing, Part, Version, resource_id
from warehouse.opendata.moment import day_of
from warehouse.opendata.store import Store, Stored

_SUFFIX: dict[Format, str] = {"csv-excel": "_excel"}


@dataclass(frozen=True)
class Making:
    """A version in the making: `number`, its `parts`, when (`moment`, and `today` as the business date),
    and the `notes` that stand above the dictionary of a workbook."""

    con: duckdb.DuckDBPyConnection
    store: Store
    contract: OpenContract
    number: int
    parts: tuple[Part, ...]
    today: date
    moment: datetime
    notes: tuple[str, ...]

    @property
    def rows(self) -> int:
        return sum(p.baris for p in self.parts)


def make_files(making: Making, last: Version | None) -> tuple[tuple[File, ...], tuple[Missing, ...]]:
    """All downloads. A file in one piece of `last` is kept until the contract's next period; None: all are made.

    Parquet of a table with a single part is that part.
    """
    files: list[File] = []
    missing: list[Missing] = []
    for format in ("parquet", "csv", "csv-excel", "xlsx", "json", "geojson"):
        kept = _kept(making, last, format)
        if kept:
            files += kept
            continue
        reason = _reason_without(making, format)
        if reason:
            missing.append(Missing(format=format, alasan=reason))
        else:
            files += _made(making, format)
    return tuple(files), tuple(missing)


def _kept(making: Making, last: Version | None, format: Format) -> list[File]:
    irama = making.contract.ext.irama
    if last is None or irama == "harian" or (format == "parquet" and len(making.parts) == 1):
        return []
    found = [f for f in last.berkas if f.format == format]
    return found if all(same_period(day_of(f.per), making.today, irama) for f in found) else []


def _reason_without(making: Making, format: Format) -> str:
    if format not in making.contract.ext.format:
        return "Format ini tidak disediakan untuk kumpulan data ini."
    if format == "geojson" and making.contract.ext.lintang is None:
        return "Kumpulan data ini tidak memuat koordinat."
    if format == "xlsx":
        return _reason_without_xlsx(making)
    return ""


def _reason_without_xlsx(making: Making) -> str:
    long = [p for p in making.parts if p.baris > MAX_ROWS]
    if long:
        return (
            f"Terlalu panjang untuk satu lembar kerja ({MAX_ROWS} baris): "
            f"{', '.join(f'{p.rentang} punya {p.baris} baris' for p in long)}. Pakai CSV atau Parquet."
        )
    rows = formats.read_parts([making.store.root / p.path for p in making.parts])
    wide = too_wide(making.con, rows, making.contract.public)
    return f"Teks di kolom {', '.join(wide)} terlalu panjang untuk satu sel. Pakai CSV atau Parquet." if wide else ""


def _made(making: Making, format: Format) -> Iterator[File]:
    if format == "parquet" and len(making.parts) == 1:
        only = making.parts[0]
        yield _file(making, format, Stored(only.path, only.sha256, only.bytes), only.baris)
        return
    extension = formats.EXTENSIONS[format]
    temp = making.store.temp(f"utuh.{extension}")
    for span, parts in _pieces(making, format):
        _write(making, format, parts, temp)
        yield _file(making, format, making.store.add(temp, extension), sum(p.baris for p in parts), span)


def _pieces(making: Making, format: Format) -> Iterator[tuple[str | None, tuple[Part, ...]]]:
    """One piece of all parts; a table that is too long for one sheet goes by its parts."""
    if format != "xlsx" or making.rows <= MAX_ROWS:
        yield None, making.parts
    else:
        yield from ((p.rentang, (p,)) for p in making.parts)


def _write(making: Making, format: Format, parts: tuple[Part, ...], temp: Path) -> None:
    con, contract = making.con, making.contract
    paths = [making.store.root / p.path for p in parts]
    rows = formats.read_parts(paths)
    if format == "parquet":
        formats.write_parquet(con, f"SELECT * FROM {rows}", temp)
    elif format in ("csv", "csv-excel"):
        formats.write_csv(con, paths, contract.public, temp, excel=format == "csv-excel")
    elif format == "xlsx":
        write_xlsx(con, rows, contract, making.notes, temp, making.moment)
    elif format == "json":
        formats.write_json(con, rows, contract.public, temp)
    else:
        assert contract.ext.lintang is not None
        assert contract.ext.bujur is not None
        formats.write_geojson(con, rows, contract.public, temp, contract.ext.bujur, contract.ext.lintang)


def _file(making: Making, format: Format, stored: Stored, rows: int, part: str | None = None) -> File:
    name = making.contract.name
    suffix = _SUFFIX.get(format, "") + (f"_{part}" if part else "")
    return File(
        id=resource_id(name, format, part),
        format=format,
        nama=f"{name}_v{making.number}{suffix}.{formats.EXTENSIONS[format]}",
        path=stored.path,
        mediatype=formats.MEDIATYPES[format],
        sha256=stored.sha256,
        bytes=stored.bytes,
        baris=rows,
        bagian=part,
        per=making.moment,
        versi=making.number,
    )
