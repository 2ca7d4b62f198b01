"""What may be done at the same time while a dataset is pulled, and what may not."""

import time
from typing import Any

import pytest

from assets.ingest import Ingest
from connectors.api import PayloadError
from connectors.archive import ArchiveError, Pull
from connectors.read.staging import Staging
from tests.support.bad_input import Place
from warehouse.lake import Lake

pytest_plugins = ["tests.support.bad_input_fixtures"]

WATER = "tirtanadi.produksi_air"


def test_nothing_is_committed_of_a_pull_before_it_is_sealed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed: list[int] = []
    commit, seal = Lake.commit, Pull.seal

    def slow(self: Pull) -> Any:
        time.sleep(0.3)
        return seal(self)

    def noted(self: Lake, *args: Any) -> None:
        sealed.append(len(place.pulls(WATER)))
        commit(self, *args)

    monkeypatch.setattr(Pull, "seal", slow)
    monkeypatch.setattr(Lake, "commit", noted)
    assert place.one(WATER, next(place.days)).status == "diterima"
    assert sealed == [1]


def test_a_pull_that_cannot_be_sealed_is_reported_as_that_whatever_is_wrong_with_its_rows(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(self: Staging, keys: Any) -> Any:
        raise PayloadError("no rows", code="uji")

    def full(self: Pull) -> Any:
        raise ArchiveError("no room")

    monkeypatch.setattr(Staging, "finish", unreadable)
    monkeypatch.setattr(Pull, "seal", full)
    outcome = place.one(WATER, next(place.days))
    assert (outcome.status, outcome.alasan) == ("gagal_tarik", "arsip_tidak_dapat_ditulis")


def test_it_is_told_once_that_all_rows_have_their_verdict_and_never_when_none_was_needed(place: Place) -> None:
    told: list[str] = []
    ingest = Ingest(place.ws, on_checked=lambda: told.append("diperiksa"))
    day = next(place.days)
    for expected in ("diterima", "tidak_berubah"):
        outcomes = ingest.run(place.contract(WATER), [day])
        assert [o.status for o in outcomes] == [expected]
        assert told == ["diperiksa"]
