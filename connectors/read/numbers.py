"""Text to number by a declared locale: nothing is guessed, nothing is rounded, nothing overflows in silence.

Belongs here: the grammar of the three locales, and its vectorised and scalar readers.
Does not belong here: missing markers and quarantine (`conform.py`).

The grammar, after outer blanks and one leading "Rp" or "Rp." are taken off (a sign may stand before or
after it):

- `polos`: digits, optionally "." and digits, optionally an exponent (JSON numbers);
- `ribuan_koma`: 1,234.5 — digits with or without grouping, "." before the fraction;
- `ribuan_titik`: 1.234,5 — the mirror image; a closing ",-" ("Rp 12.500,-") says that there are no cents.

Groups are strict: one to three digits without a leading zero, then groups of exactly three. An ungrouped
number of up to three digits with exactly three fraction digits ("16.350" under `ribuan_koma`) is what the
*other* locale writes for a whole number: it is unreadable rather than a guess ("0.350" is no such case).
"""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache

import polars as pl

from connectors.contract.model import Locale

_GROUP = {"polos": "", "ribuan_koma": ",", "ribuan_titik": "."}
_MARK = {"polos": ".", "ribuan_koma": ".", "ribuan_titik": ","}
_MINUS_SIGN = "\u2212"

# The patterns are shared by two regex engines, so blanks are listed instead of left to each one's \s.
_BLANK = "[\t\n\x0b\x0c\r \x85\xa0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]"
_OUTER = f"^{_BLANK}+|{_BLANK}+$"
_CURRENCY = f"^([+-]?){_BLANK}*(?:[Rr][Pp]\\.?)?{_BLANK}*([+-]?){_BLANK}*"
_EXPONENT = r"[+-]?[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]{1,4}"
_LARGEST_EXPONENT = 400


def _fraction(scale: int | None) -> str:
    """Fraction digits that lose nothing at `scale` (None: a float keeps what it can)."""
    if scale is None:
        return "[0-9]+"
    return f"[0-9]{{1,{scale}}}0*" if scale else "0+"


def _fraction_but_three(scale: int | None) -> str:
    """The same, but not of exactly three digits."""
    if scale is None:
        return "(?:[0-9]{1,2}|[0-9]{4,})"
    short = ["0{1,2}", "[0-9]0?", "[0-9]{1,2}"][min(scale, 2)]
    long = f"[0-9]{{4,{scale}}}0*" if scale >= 4 else f"[0-9]{{{scale}}}0{{{4 - scale},}}"
    return f"(?:{short}|{long})"


@cache
def _pattern(locale: Locale, scale: int | None) -> str:
    mark, group = re.escape(_MARK[locale]), re.escape(_GROUP[locale])
    tail = f"(?:{mark}{_fraction(scale)})?"
    if not group:
        return f"[+-]?[0-9]+{tail}"
    grouped = f"(?:[1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+|0[0-9]*|[0-9]{{4,}}){tail}"
    short = f"[1-9][0-9]{{0,2}}(?:{mark}{_fraction_but_three(scale)})?"
    return f"[+-]?(?:{grouped}|{short})"


def parse_number(text: str, locale: Locale) -> Decimal:
    """Value of one number. Raises ValueError when the text is not a number in this locale."""
    rest = re.sub(f"^{_BLANK}+|{_BLANK}+\\Z", "", text.replace(_MINUS_SIGN, "-"))
    rest = re.sub(_CURRENCY, r"\1\2", rest, count=1)
    if locale == "ribuan_titik":
        rest = rest.removesuffix(",-")
    readable = re.fullmatch(_pattern(locale, None), rest)
    if locale == "polos" and not readable:
        readable = re.fullmatch(_EXPONENT, rest)
    if not readable:
        raise ValueError(f"not a number in {locale}: {text!r}")
    if _GROUP[locale]:
        rest = rest.replace(_GROUP[locale], "")
    return Decimal(rest.replace(_MARK[locale], "."))


def format_number(value: Decimal, locale: Locale, *, grouped: bool = True) -> str:
    """The locale's text of a finite number; `parse_number` gives the same value back.

    Raises ValueError for NaN and infinities.
    """
    if not value.is_finite():
        raise ValueError(f"no text for {value}")
    whole, _, fraction = f"{abs(value):f}".partition(".")
    if locale != "polos" and len(whole) <= 3 and len(fraction) == 3:
        fraction += "0"  # three fraction digits would look like a group of the other locale
    if grouped and _GROUP[locale]:
        whole = f"{int(whole):,}".replace(",", _GROUP[locale])
    return ("-" if value < 0 else "") + whole + (_MARK[locale] + fraction if fraction else "")


def _caster(locale: Locale, dtype: pl.DataType) -> Callable[[pl.Series], pl.Series]:
    scale = 0 if dtype.is_integer() else dtype.scale if isinstance(dtype, pl.Decimal) else None
    pattern = f"^{_pattern(locale, scale)}$"

    def cast(text: pl.Series) -> pl.Series:
        # Polars' own cast rounds "1.239" at two digits, so the pattern decides what is readable.
        readable = text.str.contains(pattern)
        if _GROUP[locale]:
            text = text.str.replace_all(_GROUP[locale], "", literal=True)
        if _MARK[locale] == ",":
            text = text.str.replace(",", ".", literal=True)
        if dtype.is_integer() and text.str.contains(".", literal=True).any():
            text = text.str.replace(r"\.0+$", "")
        value = text.cast(dtype, strict=False)
        if dtype.is_float():
            readable = readable & value.is_finite()
        if readable.all(ignore_nulls=True):
            return value
        return value.set(~readable, None)

    return cast


def _exponents(text: pl.Series, dtype: pl.DataType) -> pl.Series:
    """JSON numbers with an exponent, spelled out and read exactly. Rare, so over the distinct texts only."""

    def plain(number: str) -> str | None:
        value = Decimal(number)
        return f"{value:f}" if abs(value.adjusted()) <= _LARGEST_EXPONENT else None

    distinct = text.unique()
    spelled = pl.Series([plain(t) for t in distinct.to_list()], dtype=pl.String)
    values = _caster("polos", dtype)(spelled)
    return text.replace_strict(distinct, values, default=None, return_dtype=dtype)


def parse_numbers(text: pl.Series, locale: Locale, dtype: pl.DataType) -> pl.Series:
    """Read a String series as `dtype` (an integer, Decimal or float type).

    Null where the text is null, is not a number in the locale, has more significant fraction digits than
    `dtype` keeps, or does not fit it: the caller tells the two kinds of null apart by the text. Trailing
    zeros beyond the scale carry no value, so "14000.0" is a whole number.
    """
    cast = _caster(locale, dtype)
    value = cast(text)
    missed = (value.is_null() & text.is_not_null()).arg_true()
    if not len(missed):
        return value
    rest = text.gather(missed).str.replace_all(_MINUS_SIGN, "-", literal=True).str.replace_all(_OUTER, "")
    rest = rest.str.replace(_CURRENCY, "${1}${2}")
    if locale == "ribuan_titik":
        rest = rest.str.replace(r",-$", "")
    second = cast(rest)
    if locale == "polos":
        exponent = rest.str.contains(f"^{_EXPONENT}$").arg_true()
        if len(exponent):
            second = second.scatter(exponent, _exponents(rest.gather(exponent), dtype))
    return value.scatter(missed, second)
