"""Numbers, money and dates as Indonesian readers write them, through Babel.

Does not belong here: computing them.
"""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

LOCALE = "id"
NONE = "–"
"""Shown where there is no value; it is never shown as 0."""


def rupiah(value: Decimal) -> str:
    """Whole rupiah: Rp48.250."""
    return format_currency(_round(value, "1"), "IDR", format="¤#,##0", locale=LOCALE, currency_digits=False)


def number(value: Decimal | int) -> str:
    """Whole number: 48.250."""
    return format_decimal(_round(Decimal(value), "1"), format="#,##0", locale=LOCALE)


def percent(share: Decimal) -> str:
    """A share as percent with one decimal, without the sign: 0.0423 → 4,2."""
    return format_decimal(_round(share * 100, "0.1"), format="#,##0.0", locale=LOCALE)


def signed_percent(share: Decimal) -> str:
    """A change as percent with its sign: +4,2%; no change, also after rounding, is 0,0%."""
    rounded = _round(share * 100, "0.1")
    if not rounded:
        return "0,0%"
    return format_decimal(rounded, format="+#,##0.0;-#,##0.0", locale=LOCALE) + "%"


def long_date(day: date) -> str:
    """Kamis, 19 November 2026."""
    return format_date(day, "EEEE, d MMMM y", locale=LOCALE)


def short_date(day: date) -> str:
    """19 Nov 2026."""
    return format_date(day, "d MMM y", locale=LOCALE)


def month(day: date) -> str:
    """November 2026."""
    return format_date(day, "MMMM y", locale=LOCALE)


def joined(names: list[str]) -> str:
    """A, B dan C."""
    return " dan ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _round(value: Decimal, step: str) -> Decimal:
    return value.quantize(Decimal(step), ROUND_HALF_UP)
