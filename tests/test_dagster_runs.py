"""Runs through Dagster on an instance as `dagster.yaml` makes it: what is stored, what blocks, what waits, what is
tried again. Against a small office over real HTTP."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import dagster as dg
import pytest

from assets import sources
from assets.workspace import Workspace
from ssp_pipeline.instance import open_instance
from tests.support.dagster_office import ROOT, TODAY, Office, assets, materialize, named, settings, workspace
from tests.support.waiting import until
from warehouse.checks import Checker

ANGKA = dg.AssetKey(["source", "uji__angka"])
_WEEKS = count(1)


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    one = Checker()
    one.start()
    yield one
    one.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", "")
        yield tmp_path_factory.mktemp("dagster") / "rumah"


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with Office().open() as one:
        yield one


@pytest.fixture(scope="module")
def ws(home: Path, office: Office, checker: Checker) -> Iterator[Workspace]:
    made = workspace(home, office.url, checker)
    yield made
    made.__dict__.pop("checker")
    made.close()


@pytest.fixture(scope="module")
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(settings(home)) as one:
        yield one


@pytest.fixture
def monday() -> date:
    """The first day of a week that no other test uses, going back from today."""
    return TODAY - timedelta(days=TODAY.weekday() + 7 * next(_WEEKS))


def days(first: date, number: int) -> list[str]:
    return [(first + timedelta(days=n)).isoformat() for n in range(number)]


def newest_checks(done: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {c.check_name: c for c in done.get_asset_check_evaluations()}


def rows(ws: Workspace, first: date, last: date) -> dict[str, int]:
    """Sum of the values by day in the lake."""
    found = ws.lake.query(
        "SELECT CAST(tanggal AS VARCHAR) AS h, CAST(sum(nilai) AS BIGINT) AS n FROM lake.source.uji__angka "
        "WHERE tanggal BETWEEN ? AND ? GROUP BY 1",
        [first, last],
    )
    return dict(found.iter_rows())


def test_the_instance_is_that_of_dagster_yaml(instance: dg.DagsterInstance, home: Path) -> None:
    assert (home / "dagster" / "dagster.yaml").resolve() == ROOT / "dagster.yaml"
    assert not instance.telemetry_enabled
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] == 60
    assert instance.run_monitoring_max_runtime_seconds > 0
    pools = instance.event_log_storage.get_pool_config()
    assert pools.default_pool_limit == 1
    assert pools.pool_granularity is not None
    assert pools.pool_granularity.value == "op"
    assert instance.run_retries_enabled
    assert instance.freshness_enabled


def test_a_range_is_one_run_that_tells_the_rows_of_each_partition(
    ws: Workspace, instance: dg.DagsterInstance, office: Office, monday: date
) -> None:
    week = days(monday, 5)
    office.values |= {("angka", day): 10 + n for n, day in enumerate(week)}
    done = materialize(ws, instance, [named(assets(ws)["sources"], "uji__angka")], monday, monday + timedelta(days=6))
    assert done.success
    assert set(days(monday, 7)) <= instance.get_materialized_partitions(ANGKA)
    for day, expected in [*((day, 2) for day in week), *((day, 0) for day in days(monday, 7)[5:])]:
        (record,) = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=ANGKA, asset_partitions=[day]), limit=1
        ).records
        found = record.asset_materialization
        assert found is not None
        assert found.partition == day
        assert found.metadata["dagster/partition_row_count"].value == expected, day
        assert found.metadata["asal"].value == "tiruan"
        assert record.run_id == done.run_id
    assert rows(ws, monday, monday + timedelta(days=6)) == {day: 2 * (10 + n) for n, day in enumerate(week)}


def test_a_failed_critical_check_keeps_its_partition_back_and_lets_the_others_through(
    ws: Workspace, instance: dg.DagsterInstance, office: Office, monday: date
) -> None:
    good, bad = days(monday, 3)[::2], days(monday, 3)[1]
    office.values |= {("angka", day): 10 for day in good} | {("angka", bad): 101}
    done = materialize(
        ws, instance, [named(assets(ws, retries=True)["sources"], "uji__angka")], monday, monday + timedelta(days=2)
    )
    assert not done.success
    checks = newest_checks(done)
    assert not checks["mutu_kritis"].passed
    assert checks["mutu_kritis"].severity == dg.AssetCheckSeverity.ERROR
    (reason,) = checks["mutu_kritis"].metadata["diblokir"].value
    assert reason.startswith(f"{bad}: nilai_wajar")
    known = instance.get_materialized_partitions(ANGKA)
    assert set(good) <= known
    assert bad not in known
    assert set(rows(ws, monday, monday + timedelta(days=2))) == set(good)
    # A gate is no fault of the line: the same values would come again.
    assert not [e for e in done.all_events if e.event_type_value == "STEP_UP_FOR_RETRY"]
    stored = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(ANGKA, "mutu_kritis"), limit=1
    )
    assert stored[0].run_id == done.run_id
    assert stored[0].status.value == "FAILED"


def test_models_are_built_from_the_last_good_version_of_a_dataset_that_fails(
    ws: Workspace, instance: dg.DagsterInstance, office: Office, monday: date
) -> None:
    (day,) = days(monday, 1)
    made = assets(ws)
    office.values[("angka", day)] = 20
    assert materialize(ws, instance, [named(made["sources"], "uji__angka")], monday).success
    office.values[("angka", day)] = 102
    assert not materialize(ws, instance, [named(made["sources"], "uji__angka")], monday).success
    done = materialize(ws, instance, made["models"])
    assert done.success
    facts = ws.lake.query("SELECT sum(nilai_dua_kali) AS n FROM lake.core.fct_angka WHERE tanggal = ?", [monday])
    assert facts["n"][0] == 2 * 2 * 20
    (event,) = done.asset_materializations_for_node("core__fct_jumlah_angka")
    total = ws.lake.query("SELECT count(*) AS n FROM lake.core.fct_jumlah_angka")["n"][0]
    assert event.metadata["dagster/row_count"].value == total == 2
    lineage = event.metadata["dagster/column_lineage"].value.deps_by_column
    assert [(d.asset_key.path, d.column_name) for d in lineage["jumlah"]] == [(["core", "fct_angka"], "nilai_dua_kali")]
    # core.fct_angka does not declare `kode`: nothing is made up about it.
    assert lineage["kode"] == []


def test_a_pull_that_fails_is_tried_again_and_a_later_one_mends_it(
    ws: Workspace, instance: dg.DagsterInstance, office: Office, monday: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    (day,) = days(monday, 1)
    office.values[("angka", day)] = 7
    office.broken.add(("angka", day))
    monkeypatch.setattr(sources, "PULL_RETRIES", dg.RetryPolicy(max_retries=2))
    done = materialize(ws, instance, [named(assets(ws, retries=True)["sources"], "uji__angka")], monday)
    assert not done.success
    assert len([e for e in done.all_events if e.event_type_value == "STEP_UP_FOR_RETRY"]) == 2
    # Nothing came, so nothing was checked, and that is not said to have passed.
    assert "mutu_kritis" not in newest_checks(done)
    assert day not in instance.get_materialized_partitions(ANGKA)
    office.broken.clear()
    assert materialize(ws, instance, [named(assets(ws)["sources"], "uji__angka")], monday).success
    assert rows(ws, monday, monday) == {day: 14}


def test_an_error_of_ours_is_not_tried_again(
    ws: Workspace, instance: dg.DagsterInstance, office: Office, monday: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("rusak di dalam")

    monkeypatch.setattr(sources.Ingest, "run", broken)
    done = materialize(ws, instance, [named(assets(ws, retries=True)["sources"], "uji__angka")], monday)
    assert not done.success
    assert not [e for e in done.all_events if e.event_type_value == "STEP_UP_FOR_RETRY"]
    (failure,) = done.get_step_failure_events()
    assert "rusak di dalam" in str(failure.step_failure_data.error)


def test_what_is_only_noted_is_stored_as_a_warning(
    ws: Workspace, instance: dg.DagsterInstance, office: Office, monday: date
) -> None:
    office.values[("angka", monday.isoformat())] = 60
    done = materialize(ws, instance, [named(assets(ws)["sources"], "uji__angka")], monday)
    assert done.success
    warning = newest_checks(done)["mutu_peringatan"]
    assert not warning.passed
    assert warning.severity == dg.AssetCheckSeverity.WARN
    assert list(warning.metadata["dicatat"].value) == ["nilai_biasa"]


def test_the_newest_partition_is_compared_with_the_one_that_was_promised(
    ws: Workspace, instance: dg.DagsterInstance, office: Office
) -> None:
    lain = named(assets(ws)["sources"], "uji__angka_lain")
    wednesday = TODAY - timedelta(days=2)
    office.values |= {("angka_lain", day): 5 for day in days(wednesday, 2)}

    def compared(day: date) -> tuple[bool, str, str]:
        found = newest_checks(materialize(ws, instance, [lain], day))["partisi_terbaru"]
        return found.passed, str(found.metadata["diharapkan"].value), str(found.metadata["terbaru"].value)

    thursday = wednesday + timedelta(days=1)
    assert compared(wednesday) == (False, thursday.isoformat(), wednesday.isoformat())
    assert compared(thursday) == (True, thursday.isoformat(), thursday.isoformat())
    # A back-fill of an old day does not hide that the newest one is there.
    assert compared(wednesday) == (True, thursday.isoformat(), thursday.isoformat())


def test_a_state_of_now_cannot_be_pulled_for_another_day(
    ws: Workspace, instance: dg.DagsterInstance, office: Office
) -> None:
    potret = named(assets(ws, retries=True)["sources"], "uji__potret")
    office.values |= {("potret", TODAY.isoformat()): 1}
    office.asked.clear()
    done = materialize(ws, instance, [potret], TODAY - timedelta(days=1))
    assert not done.success
    assert office.asked == []
    assert materialize(ws, instance, [potret], TODAY).success
    assert instance.get_materialized_partitions(potret.key) == {TODAY.isoformat()}


def test_files_materialise_the_partitions_that_they_fill_and_not_those_asked_for(
    ws: Workspace, instance: dg.DagsterInstance
) -> None:
    folder = ws.inbox / "uji" / "tiruan"
    folder.mkdir(parents=True)
    (folder / "laporan.csv").write_text("bulan,kode,nilai\n2026-08-01,a,1\n2026-09-01,a,2\n2026-09-01,b,3\n")
    laporan = named(assets(ws)["sources"], "uji__laporan")
    assert materialize(ws, instance, [laporan], date(2026, 10, 1)).success
    counted = {
        record.partition_key: record.asset_materialization.metadata["dagster/partition_row_count"].value
        for record in instance.fetch_materializations(laporan.key, limit=10).records
    }
    assert counted == {"2026-08-01": 1, "2026-09-01": 2}
    # The same file again fills nothing.
    done = materialize(ws, instance, [laporan], date(2026, 10, 1))
    assert done.success
    assert not done.get_asset_materialization_events()
    (folder / "laporan_rusak.csv").write_text("bulan,kode\n2026-10-01,a\n")
    assert not materialize(ws, instance, [laporan], date(2026, 10, 1)).success
    assert instance.get_materialized_partitions(laporan.key) == {"2026-08-01", "2026-09-01"}


# --- several processes ------------------------------------------------------------------------------------------------


def process(home: Path, office: Office, dataset: str, day: date) -> "subprocess.Popen[bytes]":
    arguments = [str(home), office.url, dataset, day.isoformat(), day.isoformat()]
    environment = {k: v for k, v in os.environ.items() if k != "DAGSTER_HOME"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.dagster_office", *arguments], cwd=ROOT, env=environment
    )


def test_two_runs_on_one_host_take_turns_and_a_killed_one_does_not_hold_the_line(tmp_path: Path) -> None:
    home = tmp_path / "rumah"
    day = TODAY - timedelta(days=1)
    with Office().open() as office, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", "")
        office.held["angka"] = threading.Event()
        with open_instance(settings(home)) as instance:
            pools = instance.event_log_storage
            first = process(home, office, "angka", day)
            until(lambda: office.asked)
            second = process(home, office, "angka_lain", day)
            until(lambda: pools.get_concurrency_info("instansi_uji").pending_step_count)
            assert [dataset for dataset, _ in office.asked] == ["angka"]
            first.send_signal(signal.SIGKILL)
            first.wait()
            killed = instance.get_runs(limit=2)[-1]
            assert killed.status == dg.DagsterRunStatus.STARTED
            assert second.poll() is None
            # Any process that opens the instance frees what the dead one held.
            with open_instance(settings(home)):
                pass
            assert instance.get_run_by_id(killed.run_id).status == dg.DagsterRunStatus.FAILURE
            assert second.wait(60) == 0
            assert [dataset for dataset, _ in office.asked] == ["angka", "angka_lain"]
            assert pools.get_concurrency_info("instansi_uji").active_slot_count == 0
