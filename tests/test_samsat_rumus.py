"""The vehicle tax's formulas hold to the cent, for both regimes, by dated rates that leave no gap."""

import csv
import itertools
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.samsat import rumus

FOLDER = Path(__file__).resolve().parents[1] / "connectors" / "samsat" / "reference"
TARIF = rumus.baca_tarif((FOLDER / "tarif.csv").read_text().splitlines())
OPSEN_MULAI = date(2025, 1, 6)


def opsen_tarif(provinsi: str = "15") -> rumus.Tarif:
    return rumus.tarif_pada(TARIF, provinsi, "1", OPSEN_MULAI)


@pytest.mark.parametrize("provinsi", ["15", "12"])
def test_the_worked_example_holds_exactly(provinsi: str) -> None:
    periode = rumus.hitung_periode(Decimal(150_000_000), Decimal("1.05"), date(2026, 7, 20), 4, opsen_tarif(provinsi))
    assert periode.pkb == Decimal("1423800")
    assert periode.opsen == Decimal("939708")
    assert periode.denda_pkb == Decimal("128142")
    assert periode.denda_opsen == Decimal("46985.40")
    assert periode.total == Decimal("2538635.40")
    tagihan = rumus.hitung_tagihan(
        Decimal(150_000_000), Decimal("1.05"), date(2026, 7, 20), date(2026, 11, 20), TARIF, provinsi
    )
    assert tagihan.total == Decimal("2538635.40")


@pytest.mark.parametrize(
    ("jatuh_tempo", "dibayar", "bulan"),
    [
        (date(2026, 7, 20), date(2026, 7, 20), 0),
        (date(2026, 7, 20), date(2026, 8, 4), 0),  # 15 days
        (date(2026, 7, 20), date(2026, 8, 5), 1),  # 16 days
        (date(2026, 7, 20), date(2026, 10, 30), 3),  # 3 months 10 days
        (date(2026, 7, 20), date(2026, 11, 6), 4),  # 3 months 17 days
        (date(2026, 1, 31), date(2026, 3, 1), 1),  # -30 days are made up from the 28 of February
        (date(2020, 1, 1), date(2026, 1, 1), 24),
    ],
)
def test_more_than_15_days_late_count_as_a_month_and_24_is_the_most(
    jatuh_tempo: date, dibayar: date, bulan: int
) -> None:
    assert rumus.bulan_telat(jatuh_tempo, dibayar) == bulan


days = st.dates(date(2012, 1, 1), date(2027, 12, 31))


@settings(max_examples=150)
@given(akhir=days, lewat=st.integers(-120, 3500), njkb=st.integers(10, 20_000), bobot=st.sampled_from(["1", "1.05"]))
def test_a_bill_is_the_sum_of_its_periods_each_by_the_rates_of_its_own_due_date(
    akhir: date, lewat: int, njkb: int, bobot: str
) -> None:
    dibayar = akhir + timedelta(days=lewat)
    tagihan = rumus.hitung_tagihan(Decimal(njkb) * 100_000, Decimal(bobot), akhir, dibayar, TARIF, "12")
    assert len(tagihan.periode) <= 6
    assert tagihan.total == tagihan.pkb + tagihan.opsen + tagihan.denda_pkb + tagihan.denda_opsen
    for p in tagihan.periode:
        assert p.is_opsen == (p.jatuh_tempo >= OPSEN_MULAI)
        assert p.opsen == (Decimal("0.66") * p.pkb if p.is_opsen else 0)
        assert rumus.mulai_ditagih(p.jatuh_tempo) <= dibayar
        assert 0 <= p.bulan_telat <= 24
        assert (p.denda_pkb > 0) == (p.bulan_telat > 0)
    assert [p.jatuh_tempo for p in tagihan.periode] == sorted(p.jatuh_tempo for p in tagihan.periode)


@settings(max_examples=150)
@given(jatuh_tempo=days, lewat=st.integers(0, 1500))
def test_a_later_payment_is_never_less_late(jatuh_tempo: date, lewat: int) -> None:
    dibayar = jatuh_tempo + timedelta(days=lewat)
    # A month's length can give one day back (31 January to 1 March), so a week is looked at.
    assert rumus.bulan_telat(jatuh_tempo, dibayar + timedelta(days=7)) >= rumus.bulan_telat(jatuh_tempo, dibayar)


def test_one_bill_mixes_both_regimes_and_a_period_is_billed_from_three_months_before() -> None:
    tagihan = rumus.hitung_tagihan(Decimal(11_000_000), Decimal(1), date(2024, 1, 8), date(2025, 1, 10), TARIF, "12")
    assert [(p.is_opsen, int(p.pkb), p.bulan_telat) for p in tagihan.periode] == [
        (False, 165_000, 12),
        (True, 99_440, 0),
    ]
    early = rumus.hitung_tagihan(Decimal(11_000_000), Decimal(1), date(2027, 1, 15), date(2026, 10, 14), TARIF, "12")
    assert early.periode == ()
    due = rumus.hitung_tagihan(Decimal(11_000_000), Decimal(1), date(2027, 1, 15), date(2026, 10, 15), TARIF, "12")
    assert [p.jatuh_tempo for p in due.periode] == [date(2027, 1, 15)]


def test_a_due_date_of_29_february_falls_on_the_28th_in_other_years() -> None:
    tagihan = rumus.hitung_tagihan(Decimal(10**7), Decimal(1), date(2024, 2, 29), date(2026, 3, 5), TARIF, "12")
    assert [p.jatuh_tempo for p in tagihan.periode] == [date(2024, 2, 29), date(2025, 2, 28), date(2026, 2, 28)]


def test_no_rate_is_guessed_where_none_or_two_are_known() -> None:
    with pytest.raises(LookupError, match="0 tarif"):
        rumus.tarif_pada(TARIF, "12", "2", OPSEN_MULAI)
    with pytest.raises(LookupError, match="2 tarif"):
        rumus.tarif_pada((*TARIF, *TARIF), "12", "1", OPSEN_MULAI)


def test_rates_follow_each_other_without_gap_or_overlap() -> None:
    for key in {(t.kode_provinsi, t.kode_plat) for t in TARIF}:
        ours = sorted((t for t in TARIF if (t.kode_provinsi, t.kode_plat) == key), key=lambda t: t.berlaku_mulai)
        assert ours[-1].berlaku_sampai is None
        for earlier, later in itertools.pairwise(ours):
            assert earlier.berlaku_sampai == later.berlaku_mulai - timedelta(days=1)
    with (FOLDER / "tarif.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {r["dasar"] for r in rows if r["kode_provinsi"] == "12"} == {"asumsi"}
