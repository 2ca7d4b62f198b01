"""How Panel Harga is asked and read: today's prices by kab/kota, and the province map of past days.

Does not belong here: typing of values (the contracts), colours (the source's own status, or dated reference prices).
"""

import csv
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from connectors.api import Feed, MissingSecret, Payload, PullContext
from connectors.contract import Contract
from connectors.http_errors import PullError, RetryableAnswer, StatusError, UnusableAnswer, decoded_json
from connectors.read.json_rows import read_json_rows

API_KEY = "SSP_PANEL_HARGA_API_KEY"
"""Name of the optional secret that is sent as `x-api-key`."""

_META = ("tanggal", "kode_kota", "level_harga_id")


def _expect_rows(body: bytes) -> None:
    """Refuse a 200 that is no list of rows: the agency reports errors of its own in the envelope."""
    answer = decoded_json(body)
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
        raise RetryableAnswer("the answer has no list of rows under data")
    if answer.get("status") not in (None, "success"):
        raise RetryableAnswer("the answer's status is not success")


def _headers(ctx: PullContext) -> dict[str, str]:
    """The key is asked for in some months only, so it is sent when it is set."""
    try:
        key = ctx.secret(API_KEY)
    except MissingSecret:
        return {}
    ctx.http.hide(key)
    return {"x-api-key": key}


def _fetch(ctx: PullContext, path: str, headers: Mapping[str, str], **request: Any) -> Payload:
    try:
        return ctx.fetch("GET", path, headers=headers, expect=_expect_rows, **request)
    except StatusError as error:
        if error.status not in (401, 403):
            raise
        have = "refuses the key in" if headers else "asks for a key: set"
        raise StatusError(
            error.reason_code,
            f"Panel Harga {have} {API_KEY} (or {API_KEY}_FILE); Badan Pangan Nasional gives it out",
            request=error.request,
            status=error.status,
            attempts=error.attempts,
        ) from None


def _cities(contract: Contract, province: str) -> list[dict[str, str]]:
    """The province's rows of `reference/ref_kota.csv`. Raises PullError when there is none."""
    path = contract.folder / "reference" / "ref_kota.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        cities = [row for row in csv.DictReader(file) if row["kode_provinsi_panel"] == province]
    if not cities:
        raise PullError(
            "acuan_kosong", f"reference/ref_kota.csv has no city of province_id {province}: add them, or mend params"
        )
    return cities


def pull_kabkota(ctx: PullContext) -> Iterator[Payload]:
    """Ask for each city once; the answer is of today, whatever the window.

    Raises UnusableAnswer when the agency itself answers for a city whose number is only assumed: the rows do not
    name their region, so a wrong number would put one region's prices under another's name.
    """
    headers = _headers(ctx)
    province, level = str(ctx.params["province_id"]), str(ctx.params["level_harga_id"])
    for city in _cities(ctx.contract, province):
        number = city["kode_kota"]
        payload = _fetch(
            ctx,
            "/front/harga-pangan-informasi",
            headers,
            slot=f"kota={number}/level={level}",
            params={"province_id": province, "city_id": number, "level_harga_id": level},
            meta={"tanggal": ctx.today.isoformat(), "kode_kota": number, "level_harga_id": level},
        )
        if payload.asal == "resmi" and city["kepastian"] != "terverifikasi":
            raise UnusableAnswer(
                "nomor_belum_terverifikasi",
                f"city_id {number} is only assumed to be {city['nama_kabupaten_kota']}: compare the numbers with the "
                "agency's site, mend reference/ref_kota.csv and set kepastian to terverifikasi",
            )
        yield payload


def pull_peta(ctx: PullContext) -> Iterator[Payload]:
    """Ask the province map for each day of the window and each commodity that has a reference price."""
    headers = _headers(ctx)
    province, level = str(ctx.params["province_id"]), str(ctx.params["level_harga_id"])
    for day in ctx.window.days():
        for commodity in map(str, ctx.params["komoditas_peta"]):
            yield _fetch(
                ctx,
                "/front/harga-peta-provinsi",
                headers,
                slot=f"tanggal={day}/komoditas={commodity}/level={level}",
                params={
                    "level_harga_id": level,
                    "komoditas_id": commodity,
                    "period_date": f"{day:%d/%m/%Y} - {day:%d/%m/%Y}",
                    "multi_status_map[0]": "",
                    "multi_province_id[0]": province,
                },
                meta={"tanggal": day.isoformat(), "level_harga_id": level},
            )


def read_rows(payload: Payload, contract: Contract) -> pl.DataFrame:
    """The rows as delivered, and what only the request knew: date, city and level, by their column names."""
    rows = read_json_rows(payload, contract)
    return rows.with_columns(
        pl.lit(payload.meta[name], pl.String).alias(name) for name in _META if name in payload.meta
    )


FEEDS = {
    "harga_pangan_kabkota": Feed(pull_kabkota, read_rows),
    "harga_pangan_provinsi_peta": Feed(pull_peta, read_rows),
}
