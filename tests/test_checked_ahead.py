"""Rows are checked while the rest of their pull is on its way, and that changes nothing but the time."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets import checked_ahead, settle
from assets.checked_ahead import CheckedAhead, grouped, verdict_on
from connectors.api import Payload
from connectors.contract import Contract
from connectors.read import staging as reading
from connectors.read.regions import RegionTable
from connectors.read.staging import Staging
from tests.support.bad_input import Place
from tests.support.lake import DAY, days, expect, price_contract, rejected_rows, shared_checker, with_checks
from tests.support.reading import make_payload
from warehouse.stage import Staged

pytest_plugins = ["tests.support.bad_input_fixtures"]

WATER = "tirtanadi.produksi_air"
KEYS = [day.isoformat() for day in days(6)]


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    wajar = expect("harga_wajar", "column_values_to_be_between", column="harga", max_value=100)
    return with_checks(price_contract(tmp_path), wajar)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four rows are many."""
    monkeypatch.setattr(checked_ahead, "CHUNK_ROWS", 4)
    monkeypatch.setattr(reading, "_FLUSH_ROWS", 1)


class Under:
    """A pull of prices under way."""

    def __init__(self, contract: Contract) -> None:
        columns = ["kode_bps", "kode_kemendagri", "nama", "alias"]
        regions = RegionTable.from_frame(pl.DataFrame(schema=dict.fromkeys(columns, pl.String)))
        self.contract = contract
        self.staging = Staging(contract, regions=regions, hash_key=b"x" * 32, today=DAY + timedelta(days=30))
        self.ahead = CheckedAhead(contract, shared_checker(), KEYS)
        self.number = 0

    def brings(self, day: date, *prices: int) -> None:
        self.number += 1
        payload: Payload = make_payload(str(self.number).encode())
        raw = pl.DataFrame(
            {
                "tanggal": [day.isoformat()] * len(prices),
                "pasar": [f"P{p}" for p in prices],
                "harga": [str(p) for p in prices],
            }
        )
        self.staging.add(payload, raw)
        self.ahead.look(self.staging)

    def staged(self, keys: Sequence[str]) -> Staged:
        """Some partitions as they are when the pull has ended."""
        rows, _ = self.staging.finish(KEYS)
        return Staged(tuple(keys), rows.filter(pl.col("_partisi").is_in(keys)), rejected_rows())


def test_partitions_that_a_pull_has_come_past_have_their_verdict_at_its_end(contract: Contract) -> None:
    pull = Under(contract)
    for number, day in enumerate(days(6)):
        pull.brings(day, number + 1, 500 if number == 1 else 50)
    verdicts = pull.ahead.verdicts(pull.staging)
    assert list(verdicts) == [(KEYS[0], KEYS[1]), (KEYS[2], KEYS[3])]
    staged = pull.staged(KEYS[:2])
    known = verdict_on(staged, verdicts)
    assert known is not None
    assert (known.rows.height, known.failed["_partisi"].to_list()) == (3, [KEYS[1]])
    assert known.measured.keys() == {KEYS[0], KEYS[1]}


def test_a_verdict_is_void_when_more_rows_come_after_all(contract: Contract) -> None:
    pull = Under(contract)
    for day in days(6):
        pull.brings(day, 1, 2)
    assert list(pull.ahead.verdicts(pull.staging)) == [(KEYS[0], KEYS[1]), (KEYS[2], KEYS[3])]
    pull.brings(DAY, 3)
    assert list(pull.ahead.verdicts(pull.staging)) == [(KEYS[2], KEYS[3])]


def test_a_verdict_is_void_when_rows_came_twice(contract: Contract) -> None:
    pull = Under(contract)
    pull.brings(DAY, 1)
    for day in days(6):
        pull.brings(day, 1)
    pull.brings(days(6)[-1], 2, 3)
    verdicts = pull.ahead.verdicts(pull.staging)
    [keys] = verdicts
    assert verdict_on(pull.staged(keys), verdicts) is None


def test_a_pull_that_gives_its_dates_backwards_is_checked_at_its_end(contract: Contract) -> None:
    pull = Under(contract)
    for day in reversed(days(6)):
        pull.brings(day, 1, 2)
    assert pull.ahead.verdicts(pull.staging) == {}


def test_partitions_are_checked_together_up_to_the_bound_and_a_large_one_alone() -> None:
    heights = {"a": 1, "b": 3, "d": 9, "e": 2, "f": 2, "g": 1}
    assert list(grouped("abcdefg", heights)) == [("a", "b", "c"), ("d",), ("e", "f"), ("g",)]


def test_what_a_whole_pull_leaves_is_the_same_with_and_without(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = sorted(next(place.days) for _ in range(5))
    at_once: list[int] = []
    late: list[int] = []

    def note(where: list[int], sift: Any) -> Any:
        def noted(contract: Contract, rows: pl.DataFrame, checker: Any) -> Any:
            where.append(rows.height)
            return sift(contract, rows, checker)

        return noted

    monkeypatch.setattr(checked_ahead, "sift", note(at_once, checked_ahead.sift))
    monkeypatch.setattr(settle, "sift", note(late, settle.sift))
    began = datetime.now(UTC)
    outcomes = place.pull(WATER, *wanted)
    assert [o.status for o in outcomes] == ["diterima"] * 5
    assert min(len(at_once), len(late)) > 0
    assert sum(at_once) + sum(late) == sum(o.ditarik for o in outcomes)
    ahead = place.rows(WATER)
    checks = place.ws.lake.query(
        "SELECT partisi, pemeriksaan, hasil FROM lake.ops.pemeriksaan WHERE waktu >= ? ORDER BY ALL", [began]
    )
    other = Place(place.home / "lain", place.host, place.ws.checker)
    try:
        monkeypatch.setattr(checked_ahead, "CHUNK_ROWS", 1 << 20)
        at_once.clear()
        again = other.pull(WATER, *wanted)
        assert at_once == []
        assert [(o.partisi, o.digest_isi, o.diterima, o.profil) for o in again] == [
            (o.partisi, o.digest_isi, o.diterima, o.profil) for o in outcomes
        ]
        assert other.rows(WATER).equals(ahead)
        assert other.ws.lake.query("SELECT partisi, pemeriksaan, hasil FROM lake.ops.pemeriksaan ORDER BY ALL").equals(
            checks
        )
    finally:
        other.close()
