"""The price sheet: what one page says about food prices on the last closed business date, by rules from the numbers.

Belongs here: the rules and their sentences. Does not belong here: the layout (`lembar_harga.typ`), where rows come from
(`lembar_harga.sql`). A change is measured over the markets that reported on both dates, so that a market that is silent
moves no price; a price is the mean of the markets that reported.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import orjson
import polars as pl

from assets.report.charts import plain_rows
from warehouse import figures as f

DAYS = 40
"""Days of rows, up to the closed date, that a sheet looks at."""

_STILL = Decimal("0.0005")
"""A change that would be printed as 0,0 percent is none."""

_Prices = Mapping[date, Mapping[str, Mapping[str, Decimal]]]
"""Date → commodity code → market → price."""


@dataclass(frozen=True)
class Move:
    """A commodity's change between two dates.

    `share`: change of the mean; `markets`: change in rupiah of each market that reported on both dates; `price`: mean
    of the `reporting` markets on the newer date.
    """

    code: str
    name: str
    share: Decimal
    markets: Mapping[str, Decimal]
    price: Decimal
    reporting: int


@dataclass(frozen=True)
class Sheet:
    """A sheet: its date, what the template prints, and the rows that it was made from."""

    as_of: date
    content: dict[str, Any]
    rows: pl.DataFrame

    @property
    def inputs(self) -> list[dict[str, Any]]:
        return plain_rows(self.rows)


def build_sheet(
    rows: pl.DataFrame, closed: date, quarantined: Callable[[date], int], source: str, opd: str
) -> Sheet | None:
    """Make the sheet for the newest date with prices that is not after `closed`; None when there is no row.

    `rows` as `lembar_harga.sql` gives them; `quarantined` gives the number of rows set aside on a date; `source` and
    `opd` are the office that gives the prices and the one whose task they are.
    """
    rows = rows.filter(pl.col("tanggal") <= closed).sort("tanggal", "urutan", "kode", "kota", "pasar")
    if rows.is_empty():
        return None
    prices = _by_date(rows)
    days = sorted(prices)
    as_of = days[-1]
    before = days[-2] if len(days) > 1 else None
    week = _week_before(days, as_of)
    names = {r["kode"]: r["komoditas"] for r in rows.sort("urutan", "kode", "tanggal").iter_rows(named=True)}
    origins = sorted(set(rows["asal_data"].to_list()))
    content = {
        "judul": f"Harga pangan di pasar {f.joined(_distinct(rows, 'kota'))}",
        "tanggal": f.long_date(as_of),
        "pembanding": f.long_date(before) if before else "",
        "pembanding_mingguan": f.short_date(week) if week else "",
        "terlambat": _late(closed, as_of),
        "opd": opd,
        "asal": _origin_notes(origins),
        "gerak": _sentences(_moves(prices, names, as_of, before)) if before else [],
        "tabel": [_line(prices, code, name, as_of, before, week) for code, name in names.items()],
        "kelengkapan": _completeness(rows, prices, as_of, quarantined(as_of)),
        "sumber": f"{source} – tiruan" if origins == ["tiruan"] else source,
        "sidik": _fingerprint(rows),
    }
    return Sheet(as_of, content, rows)


def _by_date(rows: pl.DataFrame) -> _Prices:
    found: dict[date, dict[str, dict[str, Decimal]]] = {}
    several = len(_distinct(rows, "kota")) > 1
    for row in rows.iter_rows(named=True):
        market = f"{row['pasar']} ({row['kota']})" if several else row["pasar"]
        found.setdefault(row["tanggal"], {}).setdefault(row["kode"], {})[market] = row["harga"]
    return found


def _distinct(rows: pl.DataFrame, column: str) -> list[str]:
    return sorted(rows[column].drop_nulls().unique().to_list())


def _week_before(days: Iterable[date], as_of: date) -> date | None:
    """The newest date with prices that is 7 to 13 days old."""
    near = [d for d in days if 7 <= (as_of - d).days <= 13]
    return max(near) if near else None


def _mean(values: Iterable[Decimal]) -> Decimal:
    numbers = list(values)
    return sum(numbers, Decimal(0)) / len(numbers)


def _change(now: Mapping[str, Decimal], then: Mapping[str, Decimal]) -> Decimal | None:
    """Change of the mean over the markets in both, as a share; None when there is no such market."""
    both = sorted(now.keys() & then.keys())
    if not both:
        return None
    old = _mean(then[m] for m in both)
    return (_mean(now[m] for m in both) - old) / old


def _moves(prices: _Prices, names: Mapping[str, str], as_of: date, before: date) -> list[Move]:
    """Commodities whose price changed, the largest change first."""
    found = []
    for code, now in prices[as_of].items():
        then = prices[before].get(code, {})
        share = _change(now, then)
        if share is not None and abs(share) >= _STILL:
            own = {m: now[m] - then[m] for m in sorted(now.keys() & then.keys())}
            found.append(Move(code, names[code], share, own, _mean(now.values()), len(now)))
    return sorted(found, key=lambda m: (-abs(m.share), m.name))


def _sentences(moves: list[Move]) -> list[dict[str, str]]:
    """The three largest moves, each as a sentence with its direction and figure."""
    said = []
    for move in moves[:3]:
        up = move.share > 0
        verb, noun = ("naik", "kenaikan") if up else ("turun", "penurunan")
        text = (
            f"{move.name} {verb} {f.percent(abs(move.share))} persen menjadi rata-rata {f.rupiah(move.price)}/kg "
            f"di {move.reporting} pasar; {noun} {_where(move, up)}."
        )
        said.append({"arah": verb, "angka": f.signed_percent(move.share), "kalimat": text})
    return said


def _where(move: Move, up: bool) -> str:
    sizes = {m: change if up else -change for m, change in move.markets.items()}
    largest = max(sizes.values())
    at = [m for m, size in sizes.items() if size == largest]
    if len(at) == len(sizes):
        return f"sama besar di semua pasar, {f.rupiah(largest)}" if len(at) > 1 else f"di {at[0]}, {f.rupiah(largest)}"
    place = f.joined(at) if len(at) <= 2 else f"{len(at)} pasar"
    return f"terbesar di {place}, {f.rupiah(largest)}"


def _line(prices: _Prices, code: str, name: str, as_of: date, before: date | None, week: date | None) -> dict[str, Any]:
    now = prices[as_of].get(code, {})
    return {
        "komoditas": name,
        "harga": f.number(_mean(now.values())) if now else "belum ada data",
        "harian": _cell(now, prices[before].get(code, {}) if before else {}),
        "mingguan": _cell(now, prices[week].get(code, {}) if week else {}),
    }


def _cell(now: Mapping[str, Decimal], then: Mapping[str, Decimal]) -> dict[str, str]:
    share = _change(now, then)
    if share is None:
        return {"arah": "kosong", "teks": f.NONE}
    arah = "tetap" if abs(share) < _STILL else "naik" if share > 0 else "turun"
    return {"arah": arah, "teks": f.signed_percent(share)}


def _completeness(rows: pl.DataFrame, prices: _Prices, as_of: date, quarantined: int) -> list[str]:
    """What was reported on the date against what the references expect, and on how many working days of the last 30."""
    markets = {m for by_market in prices[as_of].values() for m in by_market}
    n_prices = sum(len(by_market) for by_market in prices[as_of].values())
    expected_markets, expected_goods = (int(rows[c][-1]) for c in ("pasar_rujukan", "komoditas_rujukan"))
    expected = expected_markets * expected_goods
    share = f" ({f.percent(Decimal(n_prices) / expected)} persen)" if expected else ""
    span = [as_of - timedelta(days=n) for n in range(30)]
    working = [d for d in span if d.weekday() < 5]
    aside = (
        f"{f.number(quarantined)} baris dikarantina dan tidak dipakai" if quarantined else "tidak ada yang dikarantina"
    )
    goods = len(prices[as_of])
    return [
        f"{len(markets)} dari {expected_markets} pasar dan {goods} dari {expected_goods} komoditas melapor.",
        f"{f.number(n_prices)} dari {f.number(expected)} harga terisi{share}; {aside}.",
        f"{sum(d in prices for d in working)} dari {len(working)} hari kerja (Senin–Jumat) dalam 30 hari ada datanya.",
    ]


def _late(closed: date, as_of: date) -> str:
    if as_of >= closed:
        return ""
    return f"Data tanggal {f.long_date(closed)} seharusnya sudah ada; lembar ini memakai data terakhir yang masuk."


def _origin_notes(origins: list[str]) -> list[dict[str, str]]:
    notes = {
        "tiruan": "angka dibuat sistem untuk peragaan, bukan harga sebenarnya.",
        "ulangan": "deret nyata yang diputar ulang, bukan ambilan langsung dari sumber.",
    }
    return [{"tanda": f"Data {o}", "arti": notes[o]} for o in origins if o != "resmi"]


def _fingerprint(rows: pl.DataFrame) -> str:
    """First 12 hex digits of the sha256 of the rows, in their order: names the data on the page."""
    return hashlib.sha256(orjson.dumps(plain_rows(rows))).hexdigest()[:12]
