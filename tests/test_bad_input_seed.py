"""Faults of every kind by seed, through the whole door: each pull ends as `docs/bad-input.md` says, and all heals."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from connectors.fault_seed import SeededFaults
from connectors.faults import FaultBook
from connectors.sandbox import CONNECTORS, World, build_app, discover, in_thread
from tests.support.bad_input import LIMITS, TODAY, Place
from warehouse.checks import Checker

pytest_plugins = ["tests.support.bad_input_fixtures"]

DATASETS = ("tirtanadi.produksi_air", "tirtanadi.gangguan_air", "samsat.pembayaran_pkb", "cctv.ketersediaan_cctv")
COUNTS = {"diterima", "tidak_berubah", "kosong", "dikarantina"}
"""Outcomes after which the newest pull counts."""
KEEPS = {"gagal_tarik", "gagal_baca", "diblokir", "cakupan_kurang"}
"""Outcomes that leave the version before in place."""


@pytest.fixture(scope="module")
def book() -> FaultBook:
    return FaultBook()


@pytest.fixture(scope="module")
def faulty_host(book: FaultBook) -> Iterator[str]:
    with in_thread(build_app(World(today=TODAY), discover((CONNECTORS,)), faults=book)) as url:
        yield url


def content(place: Place, dataset: str, days: list[date]) -> list[list[tuple[object, ...]]]:
    """The rows of each day by the columns of the contract, without what tells of the pull."""
    own = [column.name for column in place.contract(dataset).columns]
    return [place.rows(dataset, day).select(own).sort(own).rows() for day in days]


@pytest.mark.parametrize("seed", range(1, 3))
def test_under_faults_of_a_seed_old_versions_stay_reasons_are_told_and_the_next_pull_heals(
    book: FaultBook, faulty_host: str, bad_checker: Checker, tmp_path: Path, seed: int
) -> None:
    place = Place(tmp_path / "rumah", faulty_host, bad_checker, limits=replace(LIMITS, total=3))
    days = [next(place.days), next(place.days)]
    assert {o.status for d in DATASETS for o in place.pull(d, *days)} == {"diterima"}
    undisturbed = {d: content(place, d, days) for d in DATASETS}
    ended: Counter[str] = Counter()
    for turn in range(3):
        book.seeded = SeededFaults(10 * seed + turn, rate=0.5, every=True)
        for dataset in DATASETS:
            before = {day.isoformat(): place.rows(dataset, day) for day in days}
            for outcome in place.pull(dataset, *days):
                ended[outcome.status] += 1
                if outcome.status in COUNTS:
                    continue
                assert outcome.status in KEEPS, outcome
                assert outcome.alasan, outcome
                for day in days:
                    if day.isoformat() in outcome.partisi:
                        assert place.rows(dataset, day).equals(before[day.isoformat()]), outcome
    book.seeded = None
    book.clear()
    assert ended.keys() & KEEPS, f"no fault did harm: {ended}"
    healed = [o for d in DATASETS for o in place.pull(d, *days)]
    assert {o.status for o in healed} <= {"diterima", "tidak_berubah", "cakupan_kurang"}
    # A fault that made a version seem fuller than it is leaves it in place: that rule knows no better.
    fuller = {o.dataset for o in healed if o.status == "cakupan_kurang"}
    assert len(fuller) < len(DATASETS) / 2
    assert {d: content(place, d, days) for d in DATASETS if d not in fuller} == {
        d: rows for d, rows in undisturbed.items() if d not in fuller
    }
    gaps = place.verify(*DATASETS).all_gaps()
    place.close()
    assert gaps == []
