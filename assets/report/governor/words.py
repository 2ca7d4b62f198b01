"""Numbers as a report writes them: short sums of money, shares that are given in percent, points in time.

Belongs here: forms that `warehouse/figures.py` does not have. Does not belong here: computing numbers.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from babel.dates import format_date
from babel.numbers import format_decimal

from assets.timeliness import WIB
from warehouse import figures as f

_SCALES = (
    (Decimal(10) ** 12, "triliun", Decimal(5_000_000)),
    (Decimal(10) ** 9, "miliar", Decimal(5_000)),
    (Decimal(10) ** 6, "juta", Decimal("0.5")),
)
"""Each with half a step of the form below it: what is nearer to the size than that would be written as 1.000 there."""


def money(value: Decimal) -> str:
    """Rp5,28 miliar; below a million in whole rupiah."""
    for size, name, near in _SCALES:
        if abs(value) >= size - near:
            return f"{'-' if value < 0 else ''}Rp{_decimal(abs(value) / size, 2)} {name}"
    return f.rupiah(value)


def share(percent: Decimal | float) -> str:
    """A number that is given in percent, with one decimal: 44.63 → 44,6%."""
    return f"{_decimal(Decimal(str(percent)), 1)}%"


def change(percent: Decimal | float) -> str:
    """A change in percent with its sign: +4,2%."""
    return f.signed_percent(Decimal(str(percent)) / 100)


def volume(cubic: Decimal | float) -> str:
    """628.020 m³."""
    return f"{f.number(Decimal(str(cubic)))} m³"


def day(value: date) -> str:
    """Kamis, 19 Nov 2026."""
    return format_date(value, "EEEE, d MMM y", locale=f.LOCALE)


def span(first: date, last: date) -> str:
    """21 Okt – 19 Nov 2026; one day as 19 Nov 2026."""
    if first == last:
        return f.short_date(last)
    start = format_date(first, "d MMM" if first.year == last.year else "d MMM y", locale=f.LOCALE)
    return f"{start} – {f.short_date(last)}"


def moment(value: datetime) -> str:
    """20 Nov 2026 pukul 06.31 WIB."""
    local = value.astimezone(WIB)
    return f"{f.short_date(local.date())} pukul {local:%H.%M} WIB"


def several(names: Sequence[str], most: int) -> str:
    """A, B dan C; of more than `most` only these and how many others."""
    if len(names) <= most:
        return f.joined(list(names))
    return f"{', '.join(names[:most])} dan {len(names) - most} lainnya"


def _decimal(value: Decimal, places: int) -> str:
    rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return format_decimal(rounded, format=f"#,##0.{'0' * places}", locale=f.LOCALE)
