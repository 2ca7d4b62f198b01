"""Reading PIHPS: from a wide grid to one row an observation, and the reference lists.

A grid has one column a date (`DD/MM/YYYY`) and prices as text with comma thousands. `level` means two things:
in `GetGridDataDaerah` 1 is a category and 2 a commodity; in `GetGridDataKomoditas` 1 is the province, 2 a city and
3 a market (0, where it occurs, the whole country). A cell of `-` or nothing is the grid's way to say that there is
no observation: it becomes no row. Does not belong here: asking (`connector.py`), types and ranges (the contracts).
"""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import polars as pl

from connectors.api import Payload, PayloadError
from connectors.contract import Contract
from connectors.pihps.kode import KODE_MENURUT_NAMA
from connectors.read.columns import MISSING_FIELD, refuse_missing
from connectors.read.json_rows import NO_ROWS, NOT_A_ROW, NOT_JSON, read_json_rows

UNKNOWN_LEVEL = "tingkat_baris_tidak_dikenal"
_BOM = b"\xef\xbb\xbf"
_JENIS_BARANG = {1: "kategori", 2: "komoditas"}

Row = dict[str, Any]


def answer_rows(body: bytes) -> list[Any] | None:
    """The list at `data`, or None when there is none. Raises orjson.JSONDecodeError."""
    answer = orjson.loads(body.removeprefix(_BOM))
    rows = answer.get("data") if isinstance(answer, dict) else None
    return rows if isinstance(rows, list) else None


def _rows(payload: Payload) -> list[Row]:
    try:
        rows = answer_rows(payload.body)
    except orjson.JSONDecodeError as error:
        raise PayloadError(f"{payload.slot}: not JSON: {error}", NOT_JSON) from None
    if rows is None:
        raise PayloadError(f"{payload.slot}: no list of rows at 'data'", NO_ROWS)
    if not all(isinstance(row, dict) for row in rows):
        raise PayloadError(f"{payload.slot}: a row is no object", NOT_A_ROW)
    return rows


def _need(row: Row, key: str, payload: Payload) -> Any:
    if key not in row:
        refuse_missing([key], payload.unknown_fields, payload.slot)
    return row[key]


def text_of(value: Any) -> str:
    """A JSON scalar as text; null as the empty text."""
    return "" if value is None else str(value)


def _level(row: Row, payload: Payload) -> int:
    level = _need(row, "level", payload)
    if isinstance(level, bool) or not str(level).strip().isdigit():
        raise PayloadError(f"{payload.slot}: level '{level}' is no whole number", UNKNOWN_LEVEL)
    return int(level)


def _name(row: Row, payload: Payload) -> str:
    return text_of(_need(row, "name", payload))


def _cells(row: Row, missing: frozenset[str]) -> Iterator[tuple[str, str]]:
    """(date key, price text) of a grid row, without the cells that hold no observation."""
    for key, value in row.items():
        if key.count("/") == 2 and value is not None and str(value).strip() not in missing:
            yield key, str(value)


def _missing_marks(contract: Contract) -> frozenset[str]:
    return frozenset(contract.column("harga").ext.kosong)


def _refuse_lost_dates(rows: list[Row], payload: Payload) -> None:
    # A weekend has rows without dates. Dates under another spelling look the same once the allow-list has cut them.
    if payload.unknown_fields and rows and not any(key.count("/") == 2 for row in rows for key in row):
        unknown = ", ".join(payload.unknown_fields)
        raise PayloadError(f"{payload.slot}: no column has a date DD/MM/YYYY (bidang baru: {unknown})", MISSING_FIELD)


def _frame(columns: tuple[str, ...], records: Sequence[tuple[str, ...]]) -> pl.DataFrame:
    return pl.DataFrame(records, schema=dict.fromkeys(columns, pl.String()), orient="row")


def read_pasar(payload: Payload, contract: Contract) -> pl.DataFrame:
    """Level-3 rows of `GetGridDataKomoditas`, one row a market and date.

    Columns: tanggal (DD/MM/YYYY), kode_bps, kota (the level-2 row above), name (the market), kode_komoditas, harga.
    Raises PayloadError when a market stands under no city, or the grid is not one.
    """
    rows, missing = _rows(payload), _missing_marks(contract)
    _refuse_lost_dates(rows, payload)
    kode_bps, komoditas = payload.meta["kode_bps"], payload.meta["kode_komoditas"]
    records: list[tuple[str, ...]] = []
    kota = ""
    for row in rows:
        level, name = _level(row, payload), _name(row, payload)
        if level == 2:
            kota = name
        elif level == 3:
            if not kota.strip():
                raise PayloadError(f"{payload.slot}: market '{name}' stands under no city", "induk_hilang")
            records.extend((tanggal, kode_bps, kota, name, komoditas, harga) for tanggal, harga in _cells(row, missing))
        elif level in (0, 1):
            kota = ""
        else:
            raise PayloadError(f"{payload.slot}: GetGridDataKomoditas has no level {level}", UNKNOWN_LEVEL)
    return _frame(("tanggal", "kode_bps", "kota", "name", "kode_komoditas", "harga"), records)


def read_wilayah(payload: Payload, contract: Contract) -> pl.DataFrame:
    """Rows of `GetGridDataDaerah`, one row a category or commodity and date.

    Columns: tanggal (DD/MM/YYYY), tingkat, kode_bps, nama_wilayah, jenis_barang, kode_barang, name, harga. The id of a
    name that PIHPS has not had so far is the name itself: the contract's check sends such rows to quarantine.
    """
    rows, missing = _rows(payload), _missing_marks(contract)
    _refuse_lost_dates(rows, payload)
    place = (payload.meta["tingkat"], payload.meta["kode_bps"], payload.meta["nama_wilayah"])
    records: list[tuple[str, ...]] = []
    for row in rows:
        level, name = _level(row, payload), _name(row, payload)
        if level not in _JENIS_BARANG:
            raise PayloadError(f"{payload.slot}: GetGridDataDaerah has no level {level}", UNKNOWN_LEVEL)
        jenis = _JENIS_BARANG[level]
        kode = KODE_MENURUT_NAMA.get((jenis, name.strip()), name)
        records.extend((tanggal, *place, jenis, kode, name, harga) for tanggal, harga in _cells(row, missing))
    columns = ("tanggal", "tingkat", "kode_bps", "nama_wilayah", "jenis_barang", "kode_barang", "name", "harga")
    return _frame(columns, records)


def read_ref_wilayah(payload: Payload, contract: Contract) -> pl.DataFrame:
    """Regions with the BPS code that the configuration declares for their id; others have none."""
    declared: dict[str, str] = orjson.loads(payload.meta["padanan_bps"])
    return read_json_rows(payload, contract).with_columns(
        tingkat=pl.lit(payload.meta["tingkat"]),
        kode_induk_pihps=pl.lit(payload.meta["kode_induk"]),
        kode_bps=pl.col("id").str.strip_chars().replace_strict(declared, default=None, return_dtype=pl.String),
    )


def read_ref_pasar(payload: Payload, contract: Contract) -> pl.DataFrame:
    """Markets of one city; its ids, name and BPS code stand in `meta`."""
    names = ("kode_kota_pihps", "kota", "kode_bps")
    return read_json_rows(payload, contract).with_columns(pl.lit(payload.meta[name]).alias(name) for name in names)
