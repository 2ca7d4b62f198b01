"""What is late, told from the contract alone: its schedule in WIB, its latency, and the days that bring data."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.timeliness import GRACE, WIB, due, expected_newest, promised
from tests.support.bad_input import built_in

PRICES = "pihps.harga_pangan_pasar"  # 14:15 from Monday to Friday, of the day before

DATASETS = [c.id for c in built_in().contracts if c.ext.partisi != "tunggal"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=WIB)


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        ("2026-11-20T00:00", "2026-11-18"),  # Friday: since midnight nothing was to be pulled
        ("2026-11-20T14:14", "2026-11-18"),
        ("2026-11-20T14:15", "2026-11-19"),
        ("2026-11-21T23:00", "2026-11-19"),  # Saturday and Sunday have no pull
        ("2026-11-22T12:00", "2026-11-19"),
        ("2026-11-23T14:14", "2026-11-19"),
        ("2026-11-23T14:15", "2026-11-20"),  # Monday asks for Sunday, whose newest day with data is Friday
    ],
)
def test_nothing_is_expected_before_the_hour_at_which_it_is_asked_for(now: str, newest: str) -> None:
    contract = built_in().contract(PRICES)
    assert expected_newest(contract, at(now)) == newest
    assert expected_newest(contract, at(now).astimezone(UTC)) == newest, "an instant, in whatever zone"


@pytest.mark.parametrize(
    ("dataset", "now", "newest"),
    [
        ("cctv.kamera", "2026-11-20T05:09", "2026-11-19"),  # a picture of the day, at 5:10
        ("cctv.kamera", "2026-11-20T05:10", "2026-11-20"),
        ("tirtanadi.gangguan_air", "2026-11-20T18:39", "2026-11-19"),  # twice a day
        ("samsat.target_tahunan", "2027-01-03T12:00", "2026-01-01"),  # asked for on Mondays
        ("samsat.target_tahunan", "2027-01-04T03:00", "2027-01-01"),
    ],
)
def test_every_grain_follows_its_own_schedule(dataset: str, now: str, newest: str) -> None:
    assert expected_newest(built_in().contract(dataset), at(now)) == newest


def test_a_dataset_of_one_partition_is_never_behind() -> None:
    assert expected_newest(built_in().contract("pihps.ref_pasar"), at("2026-11-20T12:00")) is None


@given(
    dataset=st.sampled_from(DATASETS),
    day=st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    hour=st.timedeltas(timedelta(0), timedelta(days=1)),
    later=st.timedeltas(timedelta(0), timedelta(days=40)),
)
def test_expectation_never_falls_and_is_never_ahead_of_a_pull_that_could_have_brought_it(
    dataset: str, day: date, hour: timedelta, later: timedelta
) -> None:
    contract = built_in().contract(dataset)
    instant = datetime.combine(day, datetime.min.time(), WIB) + hour
    expected = expected_newest(contract, instant)
    assert expected is not None
    assert expected <= (expected_newest(contract, instant + later) or "")
    assert expected <= (promised(contract, instant.date()) or ""), "not what only a later day brings"
    if contract.ext.hari_kerja:
        assert date.fromisoformat(expected).weekday() < 5


@given(
    dataset=st.sampled_from(DATASETS),
    day=st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    share=st.floats(0, 1, exclude_max=True),
)
def test_whoever_pulls_on_schedule_is_never_late(dataset: str, day: date, share: float) -> None:
    """The newest partition after a week of pulls on schedule, each done within the grace, is the expected one."""
    contract = built_in().contract(dataset)
    instant = datetime.combine(day, datetime.min.time(), WIB) + timedelta(days=share)
    minute, hours, _, _, weekdays = contract.ext.jadwal.split()
    starts = [
        datetime(d.year, d.month, d.day, int(hour), int(minute), tzinfo=WIB)
        for d in (day - timedelta(days=n) for n in range(9))
        if d.weekday() in {"*": range(7), "1-5": range(5), "1": range(1)}[weekdays]
        for hour in hours.split(",")
    ]
    done = [start for start in starts if start <= instant - GRACE]
    newest = max(promised(contract, start.date()) or "" for start in done)
    assert expected_newest(contract, instant - GRACE) == newest


@pytest.mark.parametrize(
    ("dataset", "key", "expected"),
    [
        (PRICES, "2026-11-19", date(2026, 11, 20)),
        (PRICES, "2026-11-20", date(2026, 11, 23)),  # Friday's prices are asked for on Monday
        (PRICES, "2026-11-21", None),  # Saturdays bring nothing
        ("cctv.kamera", "2026-11-20", date(2026, 11, 20)),
        ("samsat.target_tahunan", "2027-01-01", date(2027, 1, 4)),
        ("pihps.ref_pasar", "semua", None),
        (PRICES, "?2026-11-19", None),
        ("tirtanadi.gangguan_air", "berkas:laporan.xlsx", None),
    ],
)
def test_an_outcome_says_by_which_day_its_partition_was_promised(dataset: str, key: str, expected: date | None) -> None:
    assert due(built_in().contract(dataset), key) == expected


@given(dataset=st.sampled_from(DATASETS), day=st.dates(date(2020, 1, 1), date(2030, 12, 31)))
def test_on_its_due_day_a_partition_is_promised_and_at_no_pull_before(dataset: str, day: date) -> None:
    contract = built_in().contract(dataset)
    grain = {"harian": day, "bulanan": day.replace(day=1), "tahunan": date(day.year, 1, 1)}[contract.ext.partisi]
    when = due(contract, grain.isoformat())
    if when is None:
        assert contract.ext.hari_kerja
        assert grain.weekday() >= 5
        return
    # With the minutes of that day, before whose first pull the one before it is the last.
    before = expected_newest(contract, datetime(when.year, when.month, when.day, tzinfo=WIB) - timedelta(minutes=1))
    assert (promised(contract, when) or "") >= grain.isoformat()
    assert before is None or before < grain.isoformat()
