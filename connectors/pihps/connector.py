"""How PIHPS is asked: which calls, for which window and places, and which answers are errors.

Does not belong here: reading the answers (`grid.py`), types and ranges (the contracts), the ids of goods (`kode.py`),
the ids of places (`agency.yaml`).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

import orjson

from connectors.api import Feed, Payload, PullContext
from connectors.http_errors import PermanentAnswer, PullError, RetryableAnswer, expect_json
from connectors.pihps.grid import answer_rows, read_pasar, read_ref_pasar, read_ref_wilayah, read_wilayah, text_of
from connectors.pihps.kode import KOMODITAS

API = "/WebSite/TabelHarga"
HARIAN = "1"


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


def _price_type(ctx: PullContext) -> str:
    return str(ctx.params["jenis_harga"]["id"])


def _grid_params(ctx: PullContext, comcat: str, regency_id: object) -> dict[str, str]:
    return {
        "price_type_id": _price_type(ctx),
        "comcat_id": comcat,
        "province_id": str(ctx.params["provinsi"]["id"]),
        "regency_id": str(regency_id),
        "market_id": "",
        "tipe_laporan": HARIAN,
        "start_date": ctx.window.start.isoformat(),
        "end_date": ctx.window.end.isoformat(),
        "_": _cache_buster(ctx),
    }


def expect_rows(body: bytes) -> None:
    """Every call of PIHPS answers an object with a list `data`; anything else inside a 200 is an error."""
    expect_json(body)
    try:
        rows = answer_rows(body)
    except orjson.JSONDecodeError as error:
        raise RetryableAnswer(f"not JSON: {error}", "bukan_json") from None
    if rows is None:
        raise RetryableAnswer("200 without a list 'data'")


def _refuse_silence(ctx: PullContext, payloads: Iterable[Payload]) -> Iterator[Payload]:
    # One grid may be empty (a commodity that a city does not sell). On a weekday even a holiday has its rows, with
    # "-" in each cell: a pull in which every grid is empty says that the service is out of order.
    silent = any(day.weekday() < 5 for day in ctx.window.days())
    for payload in payloads:
        silent = silent and not answer_rows(payload.body)
        yield payload
    if silent:
        window = f"{ctx.window.start} to {ctx.window.end} (its history begins in mid-2017)"
        raise PullError("jawaban_kosong", f"PIHPS gave not a single row for {window}")


def pull_pasar(ctx: PullContext) -> Iterator[Payload]:
    """One request a city and commodity for the whole window: the answer itself names city and markets.

    No grid says of which kind its prices are: before that PIHPS is asked whether the configured id still has its name.
    """
    _confirm_price_type(ctx)
    return _refuse_silence(ctx, _fetch_pasar(ctx))


def _fetch_pasar(ctx: PullContext) -> Iterator[Payload]:
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
                expect=expect_rows,
            )


def pull_wilayah(ctx: PullContext) -> Iterator[Payload]:
    """One request a region for the whole window. The answer does not say which region it is of: `meta` does.

    Before that PIHPS is asked whether the configured ids, also that of the price type, still have their names.
    """
    _confirm_price_type(ctx)
    _confirm_regions(ctx)
    return _refuse_silence(ctx, _fetch_wilayah(ctx))


def _confirm_price_type(ctx: PullContext) -> None:
    _confirm_names(ctx, "GetRefPriceType", {}, [ctx.params["jenis_harga"]], "jenis_harga_berubah")


def _confirm_regions(ctx: PullContext) -> None:
    provinsi = ctx.params["provinsi"]
    regency = {"price_type_id": _price_type(ctx), "ref_prov_id": str(provinsi["id"])}
    _confirm_names(ctx, "GetRefProvince", {}, [provinsi], "wilayah_berubah")
    _confirm_names(ctx, "GetRefRegency", regency, ctx.params["kota"], "wilayah_berubah")


def _confirm_names(
    ctx: PullContext, call: str, params: Mapping[str, str], declared: Iterable[Mapping[str, Any]], code: str
) -> None:
    """Ask a reference list for the declared ids. Raises PullError with the code when one has another name, or none."""

    def expect(body: bytes) -> None:
        expect_rows(body)
        rows = [row for row in answer_rows(body) or () if isinstance(row, dict)]
        named = {text_of(row.get("id")): text_of(row.get("name")).strip() for row in rows}
        for item in declared:
            found = named.get(str(item["id"]))
            if found is None or found.casefold() != str(item["nama"]).casefold():
                reason = f"id {item['id']} is {found!r} in {call} and {item['nama']!r} in agency.yaml"
                raise PermanentAnswer(reason, code)

    ctx.http.request(
        "GET",
        f"{API}/{call}",
        params={**params, "_": _cache_buster(ctx)},
        headers=_headers(ctx, "PasarTradisionalDaerah"),
        expect=expect,
    )


def _fetch_wilayah(ctx: PullContext) -> Iterator[Payload]:
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
            expect=expect_rows,
        )


def _reference(ctx: PullContext, call: str, slot: str, params: Mapping[str, Any], meta: Mapping[str, str]) -> Payload:
    return ctx.fetch(
        "GET",
        f"{API}/{call}",
        slot=slot,
        params={**params, "_": _cache_buster(ctx)},
        headers=_headers(ctx, "PasarTradisionalDaerah"),
        meta=meta,
        expect=expect_rows,
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
        {"price_type_id": _price_type(ctx), "ref_prov_id": str(provinsi["id"])},
        {"tingkat": "kota", "kode_induk": str(provinsi["id"]), "padanan_bps": _declared(ctx.params["kota"])},
    )


def pull_ref_pasar(ctx: PullContext) -> Iterator[Payload]:
    """The markets of each configured city."""
    for kota in ctx.params["kota"]:
        yield _reference(
            ctx,
            "GetRefMarket",
            f"regency={kota['id']}",
            {"ref_regency_id": str(kota["id"]), "price_type_id": _price_type(ctx)},
            {"kode_kota_pihps": str(kota["id"]), "kode_bps": str(kota["kode_bps"]), "kota": str(kota["nama"])},
        )


FEEDS: dict[str, Feed] = {
    "harga_pangan_pasar": Feed(pull=pull_pasar, read=read_pasar),
    "harga_pangan_wilayah": Feed(pull=pull_wilayah, read=read_wilayah),
    "ref_komoditas": Feed(pull=pull_ref_komoditas),
    "ref_pasar": Feed(pull=pull_ref_pasar, read=read_ref_pasar),
    "ref_wilayah": Feed(pull=pull_ref_wilayah, read=read_ref_wilayah),
}
