"""The stand-in of PIHPS: the wide grids and reference lists of Sumatera Utara, made up by seed or replayed.

Made-up prices move smoothly (a level by commodity, a season, weekly knots of noise) around what the markets of Medan
had in 2024–2025; a city is the mean of its markets, a category the mean of its commodities. About one cell in a
hundred is `-`, and about one day in four carries one price with a digit too many, for the checks to find. Only
weekdays have a column; on public holidays of a fixed date every cell is `-`.

`replay.py` serves the real series in the same formats. The market ids and the cities beside Kota Medan (id 4) are
made up: no public source names them. Only regular prices of traditional markets by day are served (`price_type_id=1`,
`tipe_laporan=1`) and only for Sumatera Utara (id 2); any other question is answered `{"data": []}`.
"""

import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, partial
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.pihps.kode import KATEGORI, KOMODITAS, ROMAN, Barang
from connectors.pihps.replay import ReplayedPrices
from connectors.sandbox import LABEL, World

PROVINSI, MEDAN = "2", "4"
PASAR: tuple[tuple[int, str], ...] = (
    (11, "Pasar Sukaramai"),
    (12, "Pasar Aksara"),
    (13, "Pasar Petisah"),
    (14, "Pusat Pasar"),
    (15, "Pasar Brayan"),
)
KOTA = ((4, "Kota Medan"), (5, "Kota Pematangsiantar"), (6, "Kota Sibolga"), (7, "Kota Padangsidimpuan"))
DAFTAR_PROVINSI = (
    (1, "Aceh"),
    (2, "Sumatera Utara"),
    (3, "Sumatera Barat"),
    (4, "Riau"),
    (5, "Kepulauan Riau"),
    (6, "Jambi"),
    (7, "Bengkulu"),
    (8, "Sumatera Selatan"),
    (10, "Lampung"),
    (12, "Jawa Barat"),
    (13, "DKI Jakarta"),
    (14, "Jawa Tengah"),
    (15, "DI Yogyakarta"),
    (16, "Jawa Timur"),
)
JENIS_HARGA = ((1, "Pasar Tradisional"), (2, "Pasar Modern"), (3, "Pedagang Besar"), (4, "Produsen"))

Query = Mapping[str, str]
Rows = Iterator[dict[str, Any]]
Endpoint = Callable[[Request], Awaitable[Response]]


class Prices(Protocol):
    """What a grid is filled from: Rp/kg, None where nothing was observed. `regency` is "" for the province."""

    label: str

    def tercatat(self, kode: str, place: int, day: date) -> int | None: ...

    def wilayah(self, kode: str, regency: str, day: date) -> int | None: ...

    def kategori(self, kode: str, regency: str, day: date) -> int | None: ...


@dataclass(frozen=True)
class Sifat:
    """How a commodity's price moves: level in Rp/kg, weekly noise, yearly season and growth as shares of it."""

    harga: int
    gejolak: float
    musim: float = 0.02
    naik: float = 0.03


SIFAT: dict[str, Sifat] = {
    "com_1": Sifat(13_000, 0.01),
    "com_2": Sifat(12_800, 0.01),
    "com_3": Sifat(14_000, 0.01),
    "com_4": Sifat(13_800, 0.01),
    "com_5": Sifat(15_500, 0.01),
    "com_6": Sifat(15_200, 0.01),
    "com_7": Sifat(36_000, 0.05, 0.04),
    "com_8": Sifat(134_000, 0.01),
    "com_9": Sifat(126_000, 0.01),
    "com_10": Sifat(28_500, 0.03),
    "com_11": Sifat(36_000, 0.12, 0.10),
    "com_12": Sifat(38_000, 0.06, 0.05),
    "com_13": Sifat(41_000, 0.22, 0.20),
    "com_14": Sifat(43_000, 0.25, 0.22),
    "com_15": Sifat(38_000, 0.18, 0.15),
    "com_16": Sifat(47_000, 0.22, 0.20),
    "com_17": Sifat(17_500, 0.02),
    "com_18": Sifat(21_500, 0.01),
    "com_19": Sifat(20_500, 0.01),
    "com_20": Sifat(19_000, 0.01),
    "com_21": Sifat(17_500, 0.015),
}
_EPOCH = date(2024, 1, 1)


def _round(value: float, step: int) -> int:
    """To the nearest `step`: markets quote whole 500 rupiah, the agency rounds averages to 50."""
    return int(value / step + 0.5) * step


class MadeUpPrices:
    """Prices by seed, for any date. What is asked in which order makes no difference."""

    label = "tiruan"

    def __init__(self, world: World) -> None:
        self._world = world
        self._holidays = {date.fromisoformat(r["tanggal"]) for r in world.reference("referensi", "hari_libur")}
        self._knot = cache(lambda kode, week: world.rng("pihps", "simpul", kode, week).gauss(0, 1))
        self._phase = cache(lambda kode: world.rng("pihps", "musim", kode).random())
        self._factor = cache(lambda kode: 0.97 + 0.02 * world.rng("pihps", "provinsi", kode).random())
        self._day = cache(self._draw_day)
        self._slip = cache(self._draw_slip)

    def _level(self, kode: str, day: date) -> float:
        sifat, days = SIFAT[kode], (day - _EPOCH).days
        week, share = divmod(days, 7)
        noise = self._knot(kode, week) * (1 - share / 7) + self._knot(kode, week + 1) * share / 7
        season = sifat.musim * math.sin(2 * math.pi * (days / 365.25 + self._phase(kode)))
        # exp keeps the price of a commodity that moves wildly positive
        shift = math.exp(season + 0.5 * sifat.gejolak * noise + math.log1p(sifat.naik) * days / 365.25)
        return sifat.harga * shift

    def _draw_day(self, day: date) -> dict[str, tuple[int | None, ...]]:
        """Commodity → price in each market of PASAR. Empty on a day without data."""
        if day in self._holidays:
            return {}
        rng = self._world.rng("pihps", "hari", day.isoformat())
        prices: dict[str, tuple[int | None, ...]] = {}
        for barang in KOMODITAS:
            level = self._level(barang.kode, day)
            prices[barang.kode] = tuple(
                None if rng.random() < 0.01 else _round(level * (0.985 + 0.0075 * place + rng.gauss(0, 0.008)), 500)
                for place in range(len(PASAR))
            )
        return prices

    def _draw_slip(self, day: date) -> tuple[str, int] | None:
        """Commodity and market whose price was typed with a zero too many; on about one day in four."""
        rng = self._world.rng("pihps", "salah_ketik", day.isoformat())
        return (rng.choice(KOMODITAS).kode, rng.randrange(len(PASAR))) if rng.random() < 0.25 else None

    def tercatat(self, kode: str, place: int, day: date) -> int | None:
        """The price as typed at the market."""
        prices = self._day(day).get(kode)
        price = prices[place] if prices else None
        return price * 10 if price is not None and self._slip(day) == (kode, place) else price

    def wilayah(self, kode: str, regency: str, day: date) -> int | None:
        """Average of a commodity in the city, or in the province, whose other cities pay a little less."""
        known = [price for price in self._day(day).get(kode, ()) if price is not None]
        if not known:
            return None
        return _round((1.0 if regency else self._factor(kode)) * sum(known) / len(known), 50)

    def kategori(self, kode: str, regency: str, day: date) -> int | None:
        """Average of the category's commodities."""
        known = [
            price
            for barang in KOMODITAS
            if barang.induk == kode and (price := self.wilayah(barang.kode, regency, day)) is not None
        ]
        return _round(sum(known) / len(known), 50) if known else None


def _cell(price: int | None) -> str:
    return "-" if price is None else f"{price:,}"


def _row(
    no: str | int, name: str, level: int, days: list[date], column: Callable[[date], int | None]
) -> dict[str, Any]:
    return {"no": no, "name": name, "level": level, **{d.strftime("%d/%m/%Y"): _cell(column(d)) for d in days}}


def _wire_name(barang: Barang) -> str:
    return f"{barang.nama} " if barang.kode == "com_14" else barang.nama


def _daerah(prices: Prices, query: Query, days: list[date]) -> Rows:
    """Categories (level 1) with their commodities (level 2) of the province or of a city."""
    regency = query.get("regency_id", "")
    if regency not in ("", MEDAN) or query.get("market_id"):
        return
    asked = set(filter(None, query.get("comcat_id", "").split(",")))
    for roman, kategori in zip(ROMAN, KATEGORI, strict=True):
        members = [b for b in KOMODITAS if b.induk == kategori.kode and (not asked or b.kode in asked)]
        if members or kategori.kode in asked:
            yield _row(roman, kategori.nama, 1, days, partial(prices.kategori, kategori.kode, regency))
        for number, barang in enumerate(members, 1):
            yield _row(number, _wire_name(barang), 2, days, partial(prices.wilayah, barang.kode, regency))


def _komoditas(prices: Prices, query: Query, days: list[date]) -> Rows:
    """One commodity: the province (level 1), its city (2) and that city's markets (3)."""
    kode, regency = query.get("comcat_id", ""), query.get("regency_id", "")
    if kode not in SIFAT or regency not in ("", MEDAN):
        return
    yield _row("I", "Sumatera Utara", 1, days, partial(prices.wilayah, kode, ""))
    if query.get("showKota") == "true":
        yield _row(1, "Kota Medan", 2, days, partial(prices.wilayah, kode, MEDAN))
    if query.get("showPasar") == "true":
        for place, (_, name) in enumerate(PASAR):
            yield _row("abcde"[place], name, 3, days, partial(prices.tercatat, kode, place))


def _goods() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for sort, kategori in enumerate(KATEGORI, 1):
        rows.append(_good(kategori, sort))
        members = [b for b in KOMODITAS if b.induk == kategori.kode]
        rows += [_good(barang, number) for number, barang in enumerate(members, 1)]
    return rows


def _good(barang: Barang, sort: int) -> dict[str, Any]:
    return {
        "id": barang.kode,
        "cat_id": barang.induk,
        "name": _wire_name(barang),
        "denomination": "kg",
        "sort": sort,
    }


def _pairs(rows: tuple[tuple[int, str], ...]) -> list[dict[str, Any]]:
    return [{"id": number, "name": name} for number, name in rows]


def _weekdays(start: date, end: date) -> list[date]:
    days = (start + timedelta(days=n) for n in range((end - start).days + 1))
    return [d for d in days if d.weekday() < 5]


def routes(world: World) -> list[Route]:
    """The calls of PIHPS that the feeds use, at their own paths."""
    prices: Prices = MadeUpPrices(world) if world.replay is None else ReplayedPrices(world.replay)

    def grid(make: Callable[[Prices, Query, list[date]], Rows]) -> Endpoint:
        async def answer(request: Request) -> Response:
            query = dict(request.query_params)
            try:
                start, end = (date.fromisoformat(query[name]) for name in ("start_date", "end_date"))
            except (KeyError, ValueError):
                return JSONResponse({"message": "start_date dan end_date harus YYYY-MM-DD"}, status_code=400)
            asked = tuple(query.get(name) for name in ("price_type_id", "tipe_laporan", "province_id"))
            days = _weekdays(start, min(end, world.today))
            rows = list(make(prices, query, days)) if asked == ("1", "1", PROVINSI) else []
            return JSONResponse({"data": rows}, headers={LABEL: prices.label})

        return answer

    def listing(make: Callable[[Query], list[dict[str, Any]]]) -> Endpoint:
        async def answer(request: Request) -> Response:
            return JSONResponse({"data": make(dict(request.query_params))})

        return answer

    base = "/WebSite/TabelHarga"
    lists: dict[str, Callable[[Query], list[dict[str, Any]]]] = {
        "GetRefPriceType": lambda query: _pairs(JENIS_HARGA),
        "GetRefProvince": lambda query: _pairs(DAFTAR_PROVINSI),
        "GetRefRegency": lambda query: _pairs(KOTA if query.get("ref_prov_id") == PROVINSI else ()),
        "GetRefMarket": lambda query: _pairs(PASAR if query.get("ref_regency_id") == MEDAN else ()),
        "GetRefCommodityAndCategory": lambda query: _goods(),
    }
    return [
        *(Route(f"{base}/{call}", listing(make)) for call, make in lists.items()),
        Route(f"{base}/GetGridDataDaerah", grid(_daerah)),
        Route(f"{base}/GetGridDataKomoditas", grid(_komoditas)),
    ]
