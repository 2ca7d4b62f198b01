"""How SP2KP is asked and read: daily prices by kab/kota, and its lists of variants and regions.

`average-price-public` is not asked, ever: it carries the personal data of enumerators.
Does not belong here: typing of values (the contracts), the mapping of variants (`connectors/komoditas`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, TypeVar

import orjson
import polars as pl

from connectors.api import Feed, Payload, PullContext
from connectors.contract import Contract
from connectors.http_errors import PermanentAnswer, RetryableAnswer, StatusError, decoded_json
from connectors.read.json_rows import read_json_rows

TOKEN = "SSP_SP2KP_TOKEN"  # noqa: S105
"""Name of the secret that is sent as a bearer token once the service asks for one."""

_T = TypeVar("_T")
_META = ("tanggal", "tanggal_pembanding", "kode_kabupaten_kota", "nama_kabupaten_kota")
_PRICES = "/report/api/average-price/generate-perbandingan-harga"


def _answer(body: bytes) -> Any:
    answer = decoded_json(body)
    if isinstance(answer, dict) and answer.get("status") not in (None, "success"):
        raise RetryableAnswer("the answer's status is not success")
    return answer


def _expect_rows(body: bytes) -> None:
    answer = _answer(body)
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
        raise RetryableAnswer("the answer has no list of rows under data")


def _latest(body: bytes) -> date:
    """The newest day with prices; the answer is seen bare and below `data`."""
    answer = _answer(body)
    inner = answer.get("data", answer) if isinstance(answer, dict) else None
    try:
        return date.fromisoformat(inner["tanggal"])  # type: ignore[index]
    except (TypeError, KeyError, ValueError):
        raise PermanentAnswer("the answer has no date under tanggal") from None


def _expect_latest(body: bytes) -> None:
    _latest(body)


class _Asker:
    """Asks without a token until the service wants one: which paths want it changes from month to month."""

    def __init__(self, ctx: PullContext) -> None:
        self._ctx = ctx
        self._headers: dict[str, str] = {}

    def ask(self, request: Callable[[Mapping[str, str]], _T]) -> _T:
        """Run a request with the headers so far. Raises StatusError, or MissingSecret when a token is needed."""
        try:
            return request(self._headers)
        except StatusError as error:
            if error.status not in (401, 403):
                raise
            if self._headers:
                raise StatusError(
                    error.reason_code,
                    f"SP2KP refuses the token in {TOKEN}: ask Kementerian Perdagangan for a new one",
                    request=error.request,
                    status=error.status,
                    attempts=error.attempts,
                ) from None
        token = self._ctx.secret(TOKEN)
        self._ctx.http.hide(token)
        self._headers = {"Authorization": f"Bearer {token}"}
        return self.ask(request)


def _weekday_before(day: date) -> date:
    """The last Monday-to-Friday before a day; public holidays are not left out."""
    return day - timedelta(days={0: 3, 6: 2}.get(day.weekday(), 1))


def _regions(ctx: PullContext, asker: _Asker) -> list[tuple[str, str]]:
    """BPS code and name of the province's kab/kota. Raises PullError for a list that cannot be used."""
    path = f"/master/api/wilayah/kab-kota/{ctx.params['kode_provinsi']}"
    answer = asker.ask(lambda headers: ctx.http.request("GET", path, headers=headers, expect=_expect_regions))
    return _region_rows(answer.body)


def _region_rows(body: bytes) -> list[tuple[str, str]]:
    """Each code once. Which of several names under one code is meant is not guessed: with all of them beside it, no
    region fits, so that its prices are set aside with that reason."""
    names: dict[str, set[str]] = {}
    for row in _answer(body)["data"]:
        names.setdefault(str(row["kode_kab_kota"]), set()).add(str(row["nama_kab_kota"]))
    return [(code, " / ".join(sorted(names[code]))) for code in sorted(names)]


def _expect_regions(body: bytes) -> None:
    _expect_rows(body)
    try:
        rows = _region_rows(body)
    except (KeyError, TypeError):
        raise PermanentAnswer("the list of kab/kota lacks kode_kab_kota or nama_kab_kota") from None
    if not rows:
        raise RetryableAnswer("the list of kab/kota is empty", "jawaban_kosong")


def pull_harga(ctx: PullContext) -> Iterator[Payload]:
    """Ask for each kab/kota on each weekday of the window that the source says it has prices of.

    A day is compared with the weekday before it, also the newest: a later pull of the same day then asks the same.
    """
    days = [day for day in ctx.window.days() if day.weekday() < 5]
    if not days:
        return
    asker = _Asker(ctx)
    latest = asker.ask(
        lambda headers: ctx.http.request(
            "GET",
            "/report/api/latest-price-dates",
            params={"tipe_komoditas_id": ctx.params["tipe_komoditas_id"]},
            headers=headers,
            expect=_expect_latest,
        )
    )
    newest = _latest(latest.body)
    days = [day for day in days if day <= newest]
    for code, name in _regions(ctx, asker) if days else []:
        for day in days:
            yield _prices(ctx, asker, day, code, name)


def _prices(ctx: PullContext, asker: _Asker, day: date, code: str, name: str) -> Payload:
    dates = {"tanggal": day.isoformat(), "tanggal_pembanding": _weekday_before(day).isoformat()}
    return asker.ask(
        lambda headers: ctx.fetch(
            "POST",
            _PRICES,
            slot=f"tanggal={day}/kab_kota={code}",
            form={**dates, "kode_provinsi": ctx.params["kode_provinsi"], "kode_kab_kota": code},
            headers=headers,
            meta={**dates, "kode_kabupaten_kota": code, "nama_kabupaten_kota": name},
            expect=_expect_rows,
        )
    )


def pull_varian(ctx: PullContext) -> Iterator[Payload]:
    """Ask once for all active variants of the basic goods."""
    tipe = ctx.params["tipe_komoditas_id"]
    yield _Asker(ctx).ask(
        lambda headers: ctx.fetch(
            "GET",
            "/master/api/variant",
            slot=f"tipe_komoditas={tipe}",
            params={"take": 99999, "tipe_komoditas_id": tipe, "is_active": "true"},
            headers=headers,
            expect=_expect_rows,
        )
    )


def pull_kab_kota(ctx: PullContext) -> Iterator[Payload]:
    """Ask once for the province's kab/kota."""
    province = ctx.params["kode_provinsi"]
    yield _Asker(ctx).ask(
        lambda headers: ctx.fetch(
            "GET",
            f"/master/api/wilayah/kab-kota/{province}",
            slot=f"provinsi={province}",
            headers=headers,
            expect=_expect_regions,
        )
    )


def read_harga(payload: Payload, contract: Contract) -> pl.DataFrame:
    """The rows as delivered, and what only the request knew: dates and region, by their column names."""
    rows = read_json_rows(payload, contract)
    return rows.with_columns(pl.lit(payload.meta[name], pl.String).alias(name) for name in _META)


def read_varian(payload: Payload, contract: Contract) -> pl.DataFrame:
    """The rows as delivered, with nested objects as dotted columns: `komoditas.nama`, `satuan.display`.

    Raises PayloadError as `read_json_rows` does; a body of another form is left for it to refuse.
    """
    try:
        rows = orjson.loads(payload.body)["data"]
        body = orjson.dumps({"data": [_flat(row) for row in rows]})
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        body = payload.body
    return read_json_rows(replace(payload, body=body), contract)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": item for inner, item in value.items()}
        else:
            flat[key] = value
    return flat


FEEDS = {
    "harga_pangan_kabkota": Feed(pull_harga, read_harga),
    "ref_varian": Feed(pull_varian, read_varian),
    "ref_kab_kota": Feed(pull_kab_kota),
}
