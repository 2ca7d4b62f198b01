"""Numbers are read by their declared locale, exactly, or not at all."""

from decimal import Decimal
from typing import get_args

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.contract.model import Locale
from connectors.read.numbers import format_number, parse_number, parse_numbers

LOCALES: tuple[Locale, ...] = get_args(Locale)
MONEY = pl.Decimal(18, 2)

amounts = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**14), max_value=10**14, places=4)
texts = st.text(alphabet="0123456789.,-+ eERrp\u00a0\u2212(x", max_size=14)


def read(text: str | None, locale: Locale, dtype: pl.DataType = MONEY) -> object:
    return parse_numbers(pl.Series([text], dtype=pl.String), locale, dtype)[0]


@pytest.mark.parametrize(
    ("text", "locale", "value"),
    [
        ("16,350", "ribuan_koma", "16350"),
        ("1,234.5", "ribuan_koma", "1234.5"),
        ("11750", "ribuan_koma", "11750"),
        ("0.35", "ribuan_koma", "0.35"),
        ("Rp 72.193,44", "ribuan_titik", "72193.44"),
        ("Rp. 1.234.000", "ribuan_titik", "1234000"),
        ("Rp 12.500", "ribuan_titik", "12500"),
        ("Rp 12.500,-", "ribuan_titik", "12500"),
        ("Rp750", "ribuan_titik", "750"),
        ("-Rp100", "ribuan_titik", "-100"),
        ("Rp -100", "ribuan_titik", "-100"),
        ("\u2212100", "ribuan_titik", "-100"),
        ("\u00a0 1.234,56\r\n", "ribuan_titik", "1234.56"),
        ("0000013780", "polos", "13780"),
        ("14000.5", "polos", "14000.5"),
        ("1e5", "polos", "100000"),
        ("1.5E-1", "polos", "0.15"),
        ("12.3400", "polos", "12.34"),
    ],
)
def test_formats_of_the_agencies_are_read_exactly(text: str, locale: Locale, value: str) -> None:
    assert read(text, locale) == Decimal(value)
    assert parse_number(text, locale) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "locale"),
    [
        ("16.350", "ribuan_koma"),
        ("16,350", "ribuan_titik"),
        ("16,350", "polos"),
        ("1,23,456", "ribuan_koma"),
        ("1,2345", "ribuan_koma"),
        ("012,345", "ribuan_koma"),
        ("1.234.56", "ribuan_titik"),
        ("1.234,56", "ribuan_koma"),
        ("1,234.56", "ribuan_titik"),
        ("(1.234)", "ribuan_titik"),
        ("1 234", "polos"),
        ("--5", "polos"),
        ("-Rp-5", "polos"),
        ("5.", "polos"),
        ("nan", "polos"),
        ("inf", "polos"),
        ("0x1F", "polos"),
        ("١٢٣", "polos"),
        ("1e5", "ribuan_koma"),
        ("Rp", "ribuan_titik"),
        ("-", "ribuan_koma"),
        ("", "polos"),
        ("12500 /kg", "polos"),
    ],
)
def test_what_another_locale_would_write_is_never_guessed(text: str, locale: Locale) -> None:
    assert read(text, locale) is None
    with pytest.raises(ValueError, match="not a number"):
        parse_number(text, locale)


def test_more_digits_than_the_column_keeps_are_refused_and_not_rounded() -> None:
    assert read("1.239", "polos") is None
    assert read("1.230", "polos") == Decimal("1.23")
    assert read("14000.5", "polos", pl.Int64()) is None
    assert read("14000.0", "polos", pl.Int64()) == 14000
    assert read("1e-3", "polos") is None


def test_overflow_is_refused() -> None:
    assert read("9999999999999999.99", "polos") == Decimal("9999999999999999.99")
    assert read("10000000000000000", "polos") is None
    assert read("1e16", "polos") is None
    assert read("9223372036854775808", "polos", pl.Int64()) is None
    assert read("32768", "polos", pl.Int16()) is None
    assert read("1e400", "polos", pl.Float64()) is None
    assert read("1e9999", "polos", pl.Float64()) is None


def test_integers_beyond_float_precision_survive() -> None:
    assert read("9007199254740993", "polos", pl.Int64()) == 9007199254740993
    assert read("9007199254740993.01", "polos") == Decimal("9007199254740993.01")


def test_nulls_stay_null_and_rows_keep_their_places() -> None:
    text = pl.Series(["1,000", None, "x", "Rp 2,000", "3,000"])
    assert parse_numbers(text, "ribuan_koma", pl.Int64()).to_list() == [1000, None, None, 2000, 3000]


def test_empty_and_all_null_series_are_read() -> None:
    assert parse_numbers(pl.Series([], dtype=pl.String), "polos", MONEY).to_list() == []
    assert parse_numbers(pl.Series([None, None], dtype=pl.String), "polos", MONEY).to_list() == [None, None]


@given(amounts, st.sampled_from(LOCALES), st.booleans())
@example(Decimal("16.350"), "ribuan_koma", True)
@example(Decimal("-0.00"), "ribuan_titik", True)
def test_what_is_formatted_is_read_back(value: Decimal, locale: Locale, grouped: bool) -> None:
    text = format_number(value, locale, grouped=grouped)
    assert parse_number(text, locale) == value
    assert read(text, locale, pl.Decimal(20, 4)) == value


@given(st.lists(texts, min_size=1, max_size=30), st.sampled_from(LOCALES), st.integers(0, 6))
@example(["16.350", "16.3500", "1.234", "12,345.670", "1e5", "0.350", "+-5", "- 5"], "ribuan_koma", 2)
def test_the_scalar_and_the_vectorised_reader_agree(batch: list[str], locale: Locale, scale: int) -> None:
    dtype = pl.Decimal(20, scale)
    for text, value in zip(batch, parse_numbers(pl.Series(batch), locale, dtype), strict=True):
        try:
            expected = parse_number(text, locale)
        except ValueError:
            assert value is None, text
            continue
        fits = abs(expected) < Decimal(10) ** (20 - scale) and round(expected, scale) == expected
        assert value == (expected if fits else None), text
