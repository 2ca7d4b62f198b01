"""How the tax office's API is asked and read: pages of payments by day, and yearly targets.

Belongs here: the key, the pages, and the way from nested objects (`pkb.pokok`) to columns. Does not belong here:
types and rules (the contracts), the formulas that check amounts (`rumus.py`).
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec
import polars as pl

from connectors.api import Feed, Payload, PayloadError, PullContext
from connectors.contract import Contract
from connectors.http_errors import RetryableAnswer, expect_json
from connectors.paging import PageGuard
from connectors.read.columns import wire_names
from connectors.read.json_rows import NO_ROWS, NOT_A_ROW, NOT_JSON, read_json_rows

_BOM = b"\xef\xbb\xbf"

KUNCI = "SSP_SAMSAT_API_KEY"
"""Name of the secret that is sent as X-API-KEY."""


class _Status(msgspec.Struct):
    status: bool


class _Kunci(msgspec.Struct):
    """What tells a payment from others; anything else of a row is left to the reader."""

    kd_lokasi: Any = None
    no_urut_trn: Any = None
    tg_bayar: Any = None


class _Isi(msgspec.Struct):
    rincian: list[msgspec.Raw]
    total: int


class _Halaman(msgspec.Struct):
    data: _Isi


class _IsiMentah(msgspec.Struct):
    rincian: list[Any]


class _HalamanMentah(msgspec.Struct):
    data: _IsiMentah


_STATUS = msgspec.json.Decoder(_Status)
_HALAMAN = msgspec.json.Decoder(_Halaman)
_KUNCI = msgspec.json.Decoder(_Kunci)
# Numbers keep the digits that they were sent with.
_MENTAH = msgspec.json.Decoder(_HalamanMentah, float_hook=str)


def _expect_success(body: bytes) -> None:
    """Refuse the error envelope that comes with 200, and what is no envelope at all."""
    expect_json(body)
    try:
        berhasil = _STATUS.decode(body.removeprefix(_BOM)).status
    except msgspec.ValidationError:
        raise RetryableAnswer("the answer is not the envelope {status, message, data}") from None
    except msgspec.DecodeError:
        raise RetryableAnswer("the body is not valid JSON", "bukan_json") from None
    if not berhasil:
        raise RetryableAnswer("the API reports an error: status false")


def _expect_page(body: bytes) -> None:
    _expect_success(body)
    try:
        _HALAMAN.decode(body.removeprefix(_BOM))
    except msgspec.ValidationError:
        raise RetryableAnswer("the page has no total or no list of rows under data") from None


def _headers(ctx: PullContext) -> dict[str, str]:
    kunci = ctx.secret(KUNCI)
    ctx.http.hide(kunci)
    return {"X-API-KEY": kunci}


def _pages(ctx: PullContext, tanggal: date, kode_upt: str) -> Iterator[Payload]:
    """All pages of one day's list. Raises PagingRestart when they do not fit together."""
    guard = PageGuard(f"samsat {tanggal} UPT {kode_upt or 'semua'}")
    limit = int(ctx.params["limit"])
    while True:
        nomor = guard.pages + 1
        payload = ctx.fetch(
            "GET",
            "/api/pembayaran",
            slot=f"tanggal={tanggal}/upt={kode_upt or 'semua'}/page={nomor}",
            params={"tanggal": tanggal.isoformat(), "kode_upt": kode_upt, "page": nomor, "limit": limit},
            headers=_headers(ctx),
            expect=_expect_page,
        )
        isi = _HALAMAN.decode(payload.body).data
        guard.see(isi.rincian, total=isi.total, keys=_keys(isi.rincian))
        yield payload
        if guard.complete or not isi.rincian:
            guard.finish()
            return


def _keys(rows: list[msgspec.Raw]) -> list[tuple[str, ...]]:
    """Keys of the rows that have a whole one; the reader sees to the others."""
    keys: list[tuple[str, ...]] = []
    for row in rows:
        try:
            k = _KUNCI.decode(row)
        except msgspec.ValidationError:
            continue
        if None not in (k.kd_lokasi, k.no_urut_trn, k.tg_bayar):
            keys.append((str(k.kd_lokasi), str(k.no_urut_trn), str(k.tg_bayar)))
    return keys


def pull_pembayaran(ctx: PullContext) -> Iterator[Payload]:
    """The payments of each day: one list of all UPT, or one for each UPT named in the settings."""
    for tanggal in ctx.window.days():
        for kode_upt in ctx.params["upt"] or ("",):
            yield from _pages(ctx, tanggal, str(kode_upt))


@lru_cache(maxsize=8)
def _page_type(names: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """Decoder of a page whose rows have all of the names, a dotted one as an object with the part behind the dot."""
    scalars = [(f"f{n}", Any) for n, name in enumerate(names) if "." not in name]
    rename = {f"f{n}": name for n, name in enumerate(names) if "." not in name}
    parents: dict[str, list[tuple[str, str]]] = {}
    for n, name in enumerate(names):
        if "." in name:
            parent, _, leaf = name.partition(".")
            parents.setdefault(parent, []).append((f"f{n}", leaf))
    nested = []
    for parent, leaves in parents.items():
        inner = msgspec.defstruct("Bagian", [(f, Any) for f, _ in leaves], rename=dict(leaves), gc=False)
        nested.append((parent, inner))
    row = msgspec.defstruct("Baris", [*scalars, *nested], rename=rename, gc=False)
    page = msgspec.defstruct("Isi", [("rincian", list[row])])  # type: ignore[valid-type]
    return msgspec.json.Decoder(msgspec.defstruct("Halaman", [("data", page)]), float_hook=str)


def _whole_rows(body: bytes, names: tuple[str, ...]) -> pl.DataFrame | None:
    """The frame of a page whose rows are all as declared; None sends it to the way that marks what is not."""
    try:
        rows = _page_type(names).decode(body).data.rincian
    except (msgspec.DecodeError, RecursionError):
        return None
    columns = []
    for n, name in enumerate(names):
        parent, dot, _ = name.partition(".")
        values = list(map(attrgetter(f"{parent}.f{n}" if dot else f"f{n}"), rows))
        kinds = set(map(type, values))
        if not kinds.isdisjoint((dict, list)):
            return None
        if not kinds <= {str, type(None)}:
            values = [None if v is None else str(v).lower() if isinstance(v, bool) else str(v) for v in values]
        columns.append(pl.Series(name, values, dtype=pl.String))
    return pl.DataFrame(columns)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its nested objects as dotted keys, one level deep: {"pkb": {"pokok": x}} → {"pkb.pokok": x}."""
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if type(value) is dict:
            for inner, part in value.items():
                flat[f"{key}.{inner}"] = part
        else:
            flat[key] = value
    return flat


def read_pembayaran(payload: Payload, contract: Contract) -> pl.DataFrame:
    """Payments of a page, one a row, as texts; columns such as `pkb.pokok` come from nested objects.

    Raises PayloadError when the body is not JSON, has no list of rows, or a required field is in no row.
    """
    body = payload.body.removeprefix(_BOM)
    whole = _whole_rows(body, wire_names(contract))
    if whole is not None:
        return whole
    try:
        rows = _MENTAH.decode(body).data.rincian
    except msgspec.ValidationError as error:
        raise PayloadError(f"{payload.slot}: no list of rows at 'data.rincian': {error}", NO_ROWS) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise PayloadError(f"{payload.slot}: not JSON: {error}", NOT_JSON) from None
    if not all(type(row) is dict for row in rows):
        raise PayloadError(f"{payload.slot}: a row is no object", NOT_A_ROW)
    flat = msgspec.json.encode({"data": {"rincian": [_flat(row) for row in rows]}})
    return read_json_rows(replace(payload, body=flat), contract)


def pull_target(ctx: PullContext) -> Iterator[Payload]:
    """The targets of each year that the window touches."""
    for tahun in range(ctx.window.start.year, ctx.window.end.year + 1):
        yield ctx.fetch(
            "GET",
            "/api/target",
            slot=f"tahun={tahun}",
            params={"tahun": tahun},
            headers=_headers(ctx),
            expect=_expect_success,
        )


def read_target(payload: Payload, contract: Contract) -> pl.DataFrame:
    """Targets, one a row; the year is written as its first day. Raises PayloadError as `read_json_rows` does."""
    return read_json_rows(payload, contract).with_columns(pl.concat_str(pl.col("tahun"), pl.lit("-01-01")))


FEEDS = {
    "pembayaran_pkb": Feed(pull_pembayaran, read_pembayaran),
    "target_tahunan": Feed(pull_target, read_target),
}
