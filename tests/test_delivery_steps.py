"""A step of a run that fails is an early warning until it works again, whatever else of the run worked."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.run_notes import note_steps
from assets.triggers import KIND
from tests.support.delivery import small_lake
from tests.support.tables import Tables
from tests.test_alert_rules import fires
from warehouse import steps
from warehouse.lake import Lake

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Runs:
    """Runs of two assets, of which each fails as a test says, and what is noted of them."""

    def __init__(self, lake: Lake, instance: dg.DagsterInstance) -> None:
        self.lake, self.instance = lake, instance
        self.broken: set[str] = set()

    def asset(self, key: list[str]) -> Any:
        @dg.asset(key=key)
        def made() -> None:
            if key[-1] in self.broken:
                raise ValueError("nilai rahasia 1271")

        return made

    def run(self, *broken: str, tags: dict[str, str] | None = None) -> None:
        self.broken = set(broken)
        dg.materialize(
            [self.asset(["core", "satu"]), self.asset(["core", "dua"]), self.asset(["source", "tiga"])],
            instance=self.instance, raise_on_error=False, run_config=QUIET, tags=tags,
        )  # fmt: skip

    def note(self) -> int:
        return note_steps(self.lake, self.instance, "uji", datetime.now(UTC))

    def failing(self) -> set[str]:
        return {name for name, step in steps.newest(self.lake).items() if step.hasil == "gagal"}


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    with closing(small_lake(tmp_path)) as lake, dg.DagsterInstance.ephemeral() as instance:
        yield Runs(lake, instance)


def test_a_failed_step_is_noted_once_until_it_works_again(runs: Runs) -> None:
    runs.run()
    assert runs.note() == 0
    runs.run("satu")
    assert runs.note() == 1
    assert runs.failing() == {"core__satu"}
    runs.run("satu")
    assert runs.note() == 0
    runs.run("dua")
    assert runs.note() == 2
    assert runs.failing() == {"core__dua"}
    runs.run()
    assert runs.note() == 1
    assert runs.failing() == set()
    assert runs.note() == 0


def test_why_it_failed_is_told_by_the_kind_of_error_alone(runs: Runs) -> None:
    runs.run("satu")
    runs.note()
    assert steps.newest(runs.lake)["core__satu"].alasan == "ValueError"
    rows = runs.lake.query("SELECT * FROM lake.ops.langkah").rows()
    assert "rahasia" not in str(rows)


def test_pulls_are_told_by_their_outcomes_and_not_here(runs: Runs) -> None:
    runs.run("tiga")
    runs.run("satu", tags={KIND: "tarik"})
    assert runs.note() == 0


def test_a_job_that_was_killed_or_never_started_is_noted_as_a_whole(runs: Runs) -> None:
    graph = dg.Definitions([runs.asset(["core", "satu"])]).resolve_asset_graph()
    for name, tags in {"bangun": {KIND: "model"}, "oleh_orang": {}}.items():
        run = runs.instance.create_run_for_job(dg.define_asset_job(name).resolve(asset_graph=graph), tags=tags)
        runs.instance.report_run_failed(run, "terbunuh")
    assert runs.note() == 1
    assert runs.failing() == {"jalan:bangun"}


def test_the_rule_warns_of_steps_that_fail_now() -> None:
    def step(name: str, result: str, hour: int) -> dict[str, Any]:
        return {"run_id": "r", "langkah": name, "hasil": result, "alasan": "ModelError", "jalan": "x",
                "waktu": datetime(2026, 11, 20, hour, tzinfo=UTC)}  # fmt: skip

    tables = Tables()
    tables.put("ops.langkah", step("core__a", "gagal", 1), step("core__b", "gagal", 1), step("core__b", "berhasil", 2))
    assert fires(tables, "langkah_gagal") == {
        "core__a": "Langkah core.a gagal pada 20-11-2026 08.00 WIB (ModelError); hasil sebelumnya tetap dipakai."
    }


def test_the_rule_warns_of_recipients_who_get_nothing() -> None:
    def event(recipient: str, what: str, number: int, day: int = 19) -> dict[str, Any]:
        return {"penerima": recipient, "kunci": "harian/2026-11-19/v1", "jenis": "laporan", "peristiwa": what,
                "urutan": number, "waktu": datetime(2026, 11, day, tzinfo=UTC)}  # fmt: skip

    tables = Tables()
    tables.put("ops.kotak_keluar", event("a@b.id", "ditunda", 2), event("a@b.id", "ditolak", 3),
               event("c@d.id", "terkirim", 2), event("lama@b.id", "gagal", 2, day=1))  # fmt: skip
    assert fires(tables, "pengiriman_gagal") == {
        "a@b.id": "1 pesan tidak sampai kepada a@b.id, terakhir laporan harian/2026-11-19/v1; lihat `ssp status`."
    }
