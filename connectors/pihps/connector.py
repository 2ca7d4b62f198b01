"""How PIHPS is asked and how its wide grids become rows.

A grid has one column a date (`DD/MM/YYYY`) and prices as text with comma thousands. `level` means two things:
in `GetGridDataDaerah` 1 is a category and 2 a commodity; in `GetGridDataKomoditas` 1 is the province, 2 a city and
3 a market (0, where it occurs, the whole country). A cell of `-` or nothing is the grid's way to say that there is
no observation: it becomes no row. Does not belong here: types and ranges (the contracts), the ids of goods (`kode.py`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

import orjson
import polars as pl

from connectors.api import Feed, Payload, PayloadError, PullContext
from connectors.contract import Contract
from connectors.pihps.kode import KODE_MENURUT_NAMA, KOMODITAS

API = "/WebSite/TabelHarga"
HARIAN = "1"
_JENIS_BARANG = {1: "kategori", 2: "komoditas"}

Row = dict[str, Any]


def _headers(ctx: PullContext, page: str) -> dict[str, str]:
    # What the site's own pages send. The User-Agent stays ours: we do not pose as a browser.
    return {
        "Accept": "application/json, text/javascript, */*; q=0.01",
        "X-Requested-With": "XMLHttpRequest",
        "Referer": f"{ctx.http.base_url.rstrip('/')}/TabelHarga/{page}",
    }


def _cache_buster(ctx: PullContext) -> str:
    # The site appends the clock (epoch ms) as `_`. A clock would make each request differ from the last although
    # nothing else does, and the recorded requests of two equal pulls with it. The start of the business day (WIB)
    # busts a cache from one day to the next and keeps the request of a pull a function of its inputs alone.
    midnight = datetime.combine(ctx.today, time(), tzinfo=UTC) - timedelta(hours=7)
    return str(int(midnight.timestamp() * 1000))


def _grid_params(ctx: PullContext, comcat: str, regency_id: object) -> dict[str, str]:
    return {
        "price_type_id": str(ctx.params["price_type_id"]),
        "comcat_id": comcat,
        "province_id": str(ctx.params["provinsi"]["id"]),
        "regency_id": str(regency_id),
        "market_id": "",
        "tipe_laporan": HARIAN,
        "start_date": ctx.window.start.isoformat(),
        "end_date": ctx.window.end.isoformat(),
        "_": _cache_buster(ctx),
    }


def pull_pasar(ctx: PullContext) -> Iterator[Payload]:
    """One request a city and commodity for the whole window: the answer itself names city and markets."""
    for kota in ctx.params["kota"]:
        for barang in KOMODITAS:
            params = _grid_params(ctx, barang.kode, kota["id"])
            yield ctx.fetch(
                "GET",
                f"{API}/GetGridDataKomoditas",
                slot=f"regency={kota['id']}/comcat={barang.kode}",
                params={**params, "showKota": "true", "showPasar": "true"},
                headers=_headers(ctx, "PasarTradisionalKomoditas"),
                meta={"kode_komoditas": barang.kode, "kode_bps": str(kota["kode_bps"])},
            )


def pull_wilayah(ctx: PullContext) -> Iterator[Payload]:
    """One request a region for the whole window. The answer does not say which region it is of: `meta` does."""
    comcat = ",".join(barang.kode for barang in KOMODITAS)
    provinsi = ctx.params["provinsi"]
    regions = [("provinsi", "", provinsi), *(("kota", kota["id"], kota) for kota in ctx.params["kota"])]
    for tingkat, regency_id, place in regions:
        yield ctx.fetch(
            "GET",
            f"{API}/GetGridDataDaerah",
            slot=f"province={provinsi['id']}/regency={regency_id}",
            params=_grid_params(ctx, comcat, regency_id),
            headers=_headers(ctx, "PasarTradisionalDaerah"),
            meta={"tingkat": tingkat, "kode_bps": str(place["kode_bps"]), "nama_wilayah": str(place["nama"])},
        )


def _reference(ctx: PullContext, call: str, slot: str, params: Mapping[str, Any], meta: Mapping[str, str]) -> Payload:
    return ctx.fetch(
        "GET",
        f"{API}/{call}",
        slot=slot,
        params={**params, "_": _cache_buster(ctx)},
        headers=_headers(ctx, "PasarTradisionalDaerah"),
        meta=meta,
    )


def pull_ref_komoditas(ctx: PullContext) -> Iterator[Payload]:
    """Categories and commodities."""
    yield _reference(ctx, "GetRefCommodityAndCategory", "semua", {}, {})


def _declared(places: Iterable[Mapping[str, Any]]) -> str:
    return orjson.dumps({str(p["id"]): str(p["kode_bps"]) for p in places}).decode()


def pull_ref_wilayah(ctx: PullContext) -> Iterator[Payload]:
    """All provinces, and the cities of the configured province, with the declared BPS codes in `meta`."""
    provinsi = ctx.params["provinsi"]
    yield _reference(
        ctx,
        "GetRefProvince",
        "provinsi",
        {},
        {"tingkat": "provinsi", "kode_induk": "", "padanan_bps": _declared([provinsi])},
    )
    yield _reference(
        ctx,
        "GetRefRegency",
        f"kota/province={provinsi['id']}",
        {"price_type_id": str(ctx.params["price_type_id"]), "ref_prov_id": str(provinsi["id"])},
        {"tingkat": "kota", "kode_induk": str(provinsi["id"]), "padanan_bps": _declared(ctx.params["kota"])},
    )


def pull_ref_pasar(ctx: PullContext) -> Iterator[Payload]:
    """The markets of each configured city."""
    for kota in ctx.params["kota"]:
        yield _reference(
            ctx,
            "GetRefMarket",
            f"regency={kota['id']}",
            {"ref_regency_id": str(kota["id"]), "price_type_id": str(ctx.params["price_type_id"])},
            {"kode_kota_pihps": str(kota["id"]), "kode_bps": str(kota["kode_bps"]), "kota": str(kota["nama"])},
        )


def _rows(payload: Payload) -> list[Row]:
    try:
        body = orjson.loads(payload.body)
    except orjson.JSONDecodeError as error:
        raise PayloadError(f"jawaban bukan JSON: {error}", "bukan_json") from None
    rows = body.get("data") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PayloadError("jawaban tidak memuat daftar 'data'", "amplop_berubah")
    return rows


def _need(row: Row, key: str, payload: Payload) -> Any:
    if key not in row:
        unknown = f"; kunci yang tidak dikenal: {', '.join(payload.unknown_fields)}" if payload.unknown_fields else ""
        raise PayloadError(f"kunci '{key}' tidak ada pada baris tabel{unknown}", "kolom_hilang")
    return row[key]


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _level(row: Row, payload: Payload) -> int:
    level = _need(row, "level", payload)
    if isinstance(level, bool) or not str(level).strip().isdigit():
        raise PayloadError(f"level '{level}' bukan bilangan bulat", "level_tak_dikenal")
    return int(level)


def _name(row: Row, payload: Payload) -> str:
    return _text(_need(row, "name", payload))


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
        raise PayloadError(f"tidak ada kolom tanggal DD/MM/YYYY; kunci yang tidak dikenal: {unknown}", "kolom_hilang")


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
                raise PayloadError(f"pasar '{name}' tidak berada di bawah satu kota pun", "induk_hilang")
            records.extend((tanggal, kode_bps, kota, name, komoditas, harga) for tanggal, harga in _cells(row, missing))
        elif level in (0, 1):
            kota = ""
        else:
            raise PayloadError(f"level {level} tidak dikenal pada GetGridDataKomoditas", "level_tak_dikenal")
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
            raise PayloadError(f"level {level} tidak dikenal pada GetGridDataDaerah", "level_tak_dikenal")
        jenis = _JENIS_BARANG[level]
        kode = KODE_MENURUT_NAMA.get((jenis, name.strip()), name)
        records.extend((tanggal, *place, jenis, kode, name, harga) for tanggal, harga in _cells(row, missing))
    columns = ("tanggal", "tingkat", "kode_bps", "nama_wilayah", "jenis_barang", "kode_barang", "name", "harga")
    return _frame(columns, records)


def read_ref_wilayah(payload: Payload, contract: Contract) -> pl.DataFrame:
    """Regions with the BPS code that the configuration declares for their id; others have none."""
    declared: dict[str, str] = orjson.loads(payload.meta["padanan_bps"])
    tingkat, induk = payload.meta["tingkat"], payload.meta["kode_induk"]
    records = []
    for row in _rows(payload):
        kode = _text(_need(row, "id", payload)).strip()
        records.append((tingkat, kode, _name(row, payload), induk, declared.get(kode, "")))
    return _frame(("tingkat", "id", "name", "kode_induk_pihps", "kode_bps"), records)


def read_ref_pasar(payload: Payload, contract: Contract) -> pl.DataFrame:
    """Markets of one city."""
    place = (payload.meta["kode_kota_pihps"], payload.meta["kota"], payload.meta["kode_bps"])
    records = [(_text(_need(row, "id", payload)), _name(row, payload), *place) for row in _rows(payload)]
    return _frame(("id", "name", "kode_kota_pihps", "kota", "kode_bps"), records)


FEEDS: dict[str, Feed] = {
    "harga_pangan_pasar": Feed(pull=pull_pasar, read=read_pasar),
    "harga_pangan_wilayah": Feed(pull=pull_wilayah, read=read_wilayah),
    "ref_komoditas": Feed(pull=pull_ref_komoditas),
    "ref_pasar": Feed(pull=pull_ref_pasar, read=read_ref_pasar),
    "ref_wilayah": Feed(pull=pull_ref_wilayah, read=read_ref_wilayah),
}
