# ruff: noqa: DTZ001 - local times without an offset are the subject here
"""Dates are read by their declared formats; impossible days and foreign shapes are refused."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.read.dates import (
    NAMED_FORMATS,
    WITHOUT_YEAR,
    format_date,
    parse_date,
    parse_dates,
    parse_timestamps,
)

REFERENCE = date(2026, 11, 21)


def day(text: str | None, *formats: str) -> date | None:
    value: date | None = parse_dates(pl.Series([text], dtype=pl.String), formats, reference=REFERENCE)[0]
    return value


def instant(text: str, *formats: str) -> datetime | None:
    value: datetime | None = parse_timestamps(pl.Series([text]), formats, reference=REFERENCE)[0]
    return value


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("27/02/2023", "%d/%m/%Y", date(2023, 2, 27)),
        ("03/ 01/ 2022", "%d/ %m/ %Y", date(2022, 1, 3)),
        ("26-09-2023", "%d-%m-%Y", date(2023, 9, 26)),
        ("2026-08-08", "iso", date(2026, 8, 8)),
        ("12-9-2025", "d-m-yyyy", date(2025, 9, 12)),
        ("20 Jul 20", "tanggal_id", date(2020, 7, 20)),
        ("8 Agustus 2026", "tanggal_id", date(2026, 8, 8)),
        ("11 Sep 2023", "tanggal_id", date(2023, 9, 11)),
        ("1 Agt 2020", "tanggal_id", date(2020, 8, 1)),
        ("1 Ags 2020", "tanggal_id", date(2020, 8, 1)),
        ("1 Agu. 2020", "tanggal_id", date(2020, 8, 1)),
        ("1 Mei 2020", "tanggal_id", date(2020, 5, 1)),
        ("1 OKT 2020", "tanggal_id", date(2020, 10, 1)),
        ("1 Nopember 2020", "tanggal_id", date(2020, 11, 1)),
        ("1 Nop 2020", "tanggal_id", date(2020, 11, 1)),
        ("15 DES 2014", "tanggal_id", date(2014, 12, 15)),
        ("Oktober 2026", "bulan_id", date(2026, 10, 1)),
        ("Peb 2026", "bulan_id", date(2026, 2, 1)),
        ("201412", "yyyymm", date(2014, 12, 1)),
        ("20180803171834", "yyyymmddHHMMSS", date(2018, 8, 3)),
        ("8 Agu, 08:45", WITHOUT_YEAR, date(2026, 8, 8)),
    ],
)
def test_formats_of_the_agencies_are_read(text: str, form: str, expected: date) -> None:
    assert day(text, form) == expected


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("30/02/2024", "%d/%m/%Y"),
        ("01/02/24", "%d/%m/%Y"),
        ("01/13/2024", "%d/%m/%Y"),
        ("27/02/2023 x", "%d/%m/%Y"),
        ("29 Feb 2023", "tanggal_id"),
        ("31 Nop 2020", "tanggal_id"),
        ("1-15 DES 2014", "tanggal_id"),
        ("8 Foo 2026", "tanggal_id"),
        ("Okt 26", "bulan_id"),
        ("201413", "yyyymm"),
        ("201803,201804", "yyyymm"),
        ("20180803171860", "yyyymmddHHMMSS"),
        ("20180803241834", "yyyymmddHHMMSS"),
        ("2024-01-01 00:00:60", "%Y-%m-%d %H:%M:%S"),
        ("29 Feb, 08:45", WITHOUT_YEAR),
        ("0000-00-00", "iso"),
        ("", "iso"),
        ("-", "%d/%m/%Y"),
    ],
)
def test_impossible_days_and_other_shapes_are_refused(text: str, form: str) -> None:
    assert day(text, form) is None
    with pytest.raises(ValueError, match="not a date"):
        parse_date(text, [form], reference=REFERENCE)


def test_formats_are_tried_in_their_order() -> None:
    text = pl.Series(["01/02/2024", "2024-02-01", None, "1 Feb 2024", "x"])
    expected = [date(2024, 2, 1), date(2024, 2, 1), None, date(2024, 2, 1), None]
    assert parse_dates(text, ["%d/%m/%Y", "iso", "tanggal_id"]).to_list() == expected
    assert day("01/02/2024", "%m/%d/%Y", "%d/%m/%Y") == date(2024, 1, 2)


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("2026-08-08 08:45", "%Y-%m-%d %H:%M", datetime(2026, 8, 8, 1, 45, tzinfo=UTC)),
        ("2026-08-08T08:45:00Z", "iso", datetime(2026, 8, 8, 8, 45, tzinfo=UTC)),
        ("2026-08-08T08:45:00+07:00", "iso", datetime(2026, 8, 8, 1, 45, tzinfo=UTC)),
        ("2026-08-08T08:45:00.125-0300", "iso", datetime(2026, 8, 8, 11, 45, 0, 125000, tzinfo=UTC)),
        ("2026-08-08T08:45:00Z", "%Y-%m-%dT%H:%M:%S%z", datetime(2026, 8, 8, 8, 45, tzinfo=UTC)),
        ("20180803171834", "yyyymmddHHMMSS", datetime(2018, 8, 3, 10, 18, 34, tzinfo=UTC)),
        ("8 Agu, 08:45", WITHOUT_YEAR, datetime(2026, 8, 8, 1, 45, tzinfo=UTC)),
        ("8 Agustus 2026 08.45 WIB", "tanggal_id", datetime(2026, 8, 8, 1, 45, tzinfo=UTC)),
        ("2026-08-08", "iso", datetime(2026, 8, 7, 17, 0, tzinfo=UTC)),
    ],
)
def test_times_are_wib_unless_an_offset_is_given(text: str, form: str, expected: datetime) -> None:
    assert instant(text, form) == expected


def test_the_business_date_of_an_instant_is_that_of_wib() -> None:
    assert day("2026-08-08T23:45:00Z", "iso") == date(2026, 8, 9)


@pytest.mark.parametrize(
    ("text", "reference", "expected"),
    [
        ("21 Nov", date(2026, 11, 21), date(2026, 11, 21)),
        ("22 Nov", date(2026, 11, 21), date(2025, 11, 22)),
        ("31 Des", date(2026, 1, 1), date(2025, 12, 31)),
        ("29 Feb", date(2025, 1, 10), date(2024, 2, 29)),
    ],
)
def test_a_date_without_a_year_that_lies_ahead_is_last_years(text: str, reference: date, expected: date) -> None:
    assert parse_date(text, [WITHOUT_YEAR], reference=reference) == expected


def test_each_row_may_have_its_own_reference() -> None:
    text, reference = pl.Series(["5 Jan"] * 2), pl.Series([date(2025, 1, 9), date(2026, 1, 1)])
    assert parse_dates(text, [WITHOUT_YEAR], reference=reference).to_list() == [date(2025, 1, 5)] * 2


def test_a_date_without_a_year_and_without_a_reference_is_an_error() -> None:
    with pytest.raises(ValueError, match="reference date"):
        parse_dates(pl.Series(["5 Jan"]), [WITHOUT_YEAR])
    with pytest.raises(ValueError, match="no date format"):
        parse_dates(pl.Series(["5 Jan"]), [])


def test_long_columns_read_as_short_ones_do() -> None:
    few = ["1 Agustus 2026", "31 Juni 2026", None, "2026-08-02", "3-8-2026"] * 2000
    formats = ["tanggal_id", "iso", "d-m-yyyy"]
    short = parse_dates(pl.Series(few[:5]), formats).to_list()
    assert parse_dates(pl.Series(few), formats).to_list() == short * 2000


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)), st.sampled_from(sorted(NAMED_FORMATS | {"%d/%m/%Y"})))
def test_what_is_formatted_is_read_back(value: date, form: str) -> None:
    if form in ("bulan_id", "yyyymm"):
        value = value.replace(day=1)
    if form == WITHOUT_YEAR and (value.month, value.day) == (2, 29):
        value -= timedelta(days=1)
    assert parse_date(format_date(value, form), [form], reference=value) == value


@given(
    st.datetimes(datetime(1900, 1, 2), datetime(2199, 12, 30)).map(lambda v: v.replace(microsecond=0)),
    st.sampled_from(["iso", "tanggal_id", "yyyymmddHHMMSS", "%d/%m/%Y %H:%M:%S"]),
)
def test_local_times_are_formatted_and_read_back(value: datetime, form: str) -> None:
    assert instant(format_date(value, form), form) == (value - timedelta(hours=7)).replace(tzinfo=UTC)


def test_a_format_that_cannot_hold_the_day_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        format_date(date(2026, 8, 2), "bulan_id")
    with pytest.raises(ValueError, match="cannot hold"):
        format_date(datetime(2026, 8, 2, 8, 45), "%d/%m/%Y")
