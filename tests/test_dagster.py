"""What Dagster is told of datasets and models, when it runs them, and what it then knows of their partitions."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import create_run_for_test, freeze_time

from assets.build import build_definitions
from assets.models import POOL, Keep, column_deps
from assets.open_data import Publishing
from assets.timeliness import expected_newest, freshness_window
from assets.triggers import KIND, MODEL_JOB
from assets.workspace import Workspace
from connectors.contract import Contract
from connectors.registry import Registry
from ssp_pipeline.settings import ROOT
from warehouse.modelling import find_models

WIB = ZoneInfo("Asia/Jakarta")
ANGKA = dg.AssetKey(["source", "uji__angka"])


def never_opened() -> Workspace:
    raise AssertionError("the workspace was opened")


@cache
def registry() -> Registry:
    return Registry()


@cache
def definitions() -> dg.Definitions:
    return build_definitions(
        registry(),
        ROOT / "warehouse" / "models",
        never_opened,
        keep=Keep(),
        publishing=Publishing(),
        open_postal=never_opened,
        open_office=never_opened,
    )


@cache
def graph() -> Any:
    return definitions().resolve_asset_graph()


def key_of(contract: Contract) -> dg.AssetKey:
    return dg.AssetKey(["source", contract.table])


def models() -> tuple[Any, ...]:
    return find_models(registry().roots, ROOT / "warehouse" / "models")


# --- what is declared -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process knows that has loaded the definitions yesterday."""
    code = (
        "import json, os, sys, ssp_pipeline.definitions as d; d.defs.get_repository_def(); "
        "heavy = ('great_expectations', 'pandas', 'openpyxl', 'typst', 'vl_convert'); "
        "found = [m for m in heavy if m in sys.modules]; os.environ['SSP_TODAY'] = '2026-11-21'; "
        "print(json.dumps({'heavy': found, 'today': d._workspace().today.isoformat()}))"
    )
    environment = os.environ | {"SSP_TODAY": "2026-11-20", "SSP_HOME": str(tmp_path_factory.mktemp("rumah"))}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_definitions_load_without_heavy_imports(loaded: dict[str, Any]) -> None:
    assert loaded["heavy"] == []


def test_a_run_works_on_the_day_it_runs_on_however_old_the_definitions_are(loaded: dict[str, Any]) -> None:
    assert loaded["today"] == "2026-11-21"


def test_there_is_one_asset_for_each_dataset_and_each_model() -> None:
    keys = {node.key.path[0]: set() for node in graph().asset_nodes}  # type: dict[str, set[str]]
    for node in graph().asset_nodes:
        keys[node.key.path[0]].add(node.key.path[-1])
    assert keys["source"] == {c.table for c in registry().contracts}
    for schema in ("core", "dashboard"):
        assert keys.get(schema, set()) == {m.table.split(".")[1] for m in models() if m.table.startswith(schema)}


def test_a_dataset_says_whose_it_is_what_it_holds_and_when_it_is_stale() -> None:
    for contract in registry().contracts:
        node = graph().get(key_of(contract))
        agency = registry().agencies[contract.agency]
        assert node.owners
        assert node.owners[0].startswith("team:"), agency.opd
        assert node.kinds == {"duckdb", "parquet"}
        assert node.group_name == contract.agency
        assert node.pools == {f"instansi_{contract.agency}"}
        schema = node.metadata["dagster/column_schema"]
        columns = {c.name: c for c in (schema.schema if hasattr(schema, "schema") else schema).columns}
        assert list(columns) == [c.name for c in contract.columns]
        assert {c.name: columns[c.name].tags["klasifikasi"] for c in contract.columns} == {
            c.name: c.classification for c in contract.columns
        }
        assert node.freshness_policy is not None
        assert freshness_window(contract) > contract.latency
        assert {k.name for k in node.check_keys} == {"mutu_kritis", "mutu_peringatan", "partisi_terbaru"}


def test_only_pulls_are_tried_again() -> None:
    for node in definitions().resolve_all_asset_specs():
        found = definitions().resolve_assets_def(node.key)
        expected = node.key.path[0] == "source"
        assert (found.op.retry_policy is not None) == expected, node.key


def test_models_write_the_lake_one_at_a_time_and_read_what_their_sql_reads() -> None:
    known = {key.to_user_string() for key in graph().get_all_asset_keys()}
    for model in models():
        node = graph().get(dg.AssetKey(model.table.split(".")))
        assert node.pools == {POOL}
        assert node.kinds == {"duckdb", "sql"}
        read = {"/".join(t.split(".")) for t in model.inputs}
        assert {k.to_user_string() for k in node.parent_keys} == read & known


def test_column_lineage_follows_every_model_to_the_columns_it_reads() -> None:
    by_table = {m.table: m for m in models()}
    contracts = {f"source.{c.table}": c for c in registry().contracts}
    for model in models():
        found = column_deps(model, by_table, contracts).deps_by_column
        assert set(model.head.columns) <= set(found), model.table
    deps = column_deps(by_table["core.fct_harga_pangan_pasar"], by_table, contracts).deps_by_column
    assert [(d.asset_key.path, d.column_name) for d in deps["harga"]] == [
        (["source", "pihps__harga_pangan_pasar"], "harga")
    ]
    assert {d.column_name for d in deps["asal_data"]} == {"_asal"}


# --- partitions and schedules -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "newest"),
    [
        (datetime(2026, 11, 20, 16, 59, tzinfo=UTC), ("2026-11-20", "2026-11-01", "2026-01-01")),
        (datetime(2026, 11, 20, 17, 1, tzinfo=UTC), ("2026-11-21", "2026-11-01", "2026-01-01")),
        (datetime(2026, 11, 30, 17, 1, tzinfo=UTC), ("2026-12-01", "2026-12-01", "2026-01-01")),
        (datetime(2026, 12, 31, 17, 1, tzinfo=UTC), ("2027-01-01", "2027-01-01", "2027-01-01")),
    ],
)
def test_partitions_reach_to_today_in_wib(instant: datetime, newest: tuple[str, str, str]) -> None:
    by_grain = {c.ext.partisi: graph().get(key_of(c)).partitions_def for c in registry().contracts}
    assert by_grain["tunggal"] is None
    with freeze_time(instant):
        for grain, expected in zip(("harian", "bulanan", "tahunan"), newest, strict=True):
            assert by_grain[grain].get_last_partition_key() == expected
            assert by_grain[grain].timezone == "Asia/Jakarta"


def test_a_range_of_partitions_is_one_run() -> None:
    for contract in registry().contracts:
        policy = graph().get(key_of(contract)).backfill_policy
        if contract.ext.partisi != "tunggal":
            assert policy == dg.BackfillPolicy.single_run()


def ask(table: str, when: datetime) -> dg.RunRequest:
    """What the schedule of a dataset asks for at a tick."""
    schedule = definitions().resolve_schedule_def(f"tarik_{table}")
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=when, repository_def=definitions().get_repository_def()
        )
        found = schedule.evaluate_tick(context)
    (request,) = found.run_requests or ()
    return request


def asked_range(request: dg.RunRequest) -> tuple[str, str]:
    tags = request.tags
    return tags["dagster/asset_partition_range_start"], tags["dagster/asset_partition_range_end"]


def test_every_dataset_has_a_schedule_in_wib_that_asks_for_partitions_that_exist() -> None:
    when = datetime(2026, 11, 20, 18, 30, tzinfo=WIB)
    for contract in registry().contracts:
        schedule = definitions().resolve_schedule_def(f"tarik_{contract.table}")
        assert schedule.execution_timezone == "Asia/Jakarta"
        assert schedule.cron_schedule == contract.ext.jadwal
        request = ask(contract.table, when)
        if contract.ext.partisi == "tunggal":
            assert request.partition_key is None
            assert "dagster/asset_partition_range_start" not in request.tags
            continue
        wanted = [request.partition_key] if request.partition_key else [*asked_range(request)]
        partitions = graph().get(key_of(contract)).partitions_def
        with freeze_time(when):
            assert all(partitions.has_partition_key(key) for key in wanted), contract.id
        assert wanted[-1] >= (expected_newest(contract, when) or ""), contract.id


@pytest.mark.parametrize(
    ("table", "when", "first", "last"),
    [
        # Seven days before the last closed one, which on a Friday is Thursday.
        ("pihps__harga_pangan_pasar", datetime(2026, 11, 20, 14, 15, tzinfo=WIB), "2026-11-12", "2026-11-19"),
        # Twenty minutes past midnight in WIB is still the day before in UTC.
        ("cctv__ketersediaan_cctv", datetime(2026, 11, 21, 0, 20, tzinfo=WIB), "2026-11-19", "2026-11-20"),
        ("cctv__ketersediaan_cctv", datetime(2026, 11, 20, 17, 20, tzinfo=UTC), "2026-11-19", "2026-11-20"),
        ("samsat__pembayaran_pkb", datetime(2026, 3, 1, 2, 30, tzinfo=WIB), "2026-02-26", "2026-02-28"),
        ("samsat__target_tahunan", datetime(2027, 1, 4, 3, 0, tzinfo=WIB), "2027-01-01", "2027-01-01"),
    ],
)
def test_a_schedule_pulls_the_closed_day_and_those_before_it(table: str, when: datetime, first: str, last: str) -> None:
    assert asked_range(ask(table, when)) == (first, last)


def test_a_state_of_now_is_scheduled_for_the_day_of_its_tick() -> None:
    assert ask("cctv__kamera", datetime(2026, 11, 20, 22, 10, tzinfo=UTC)).partition_key == "2026-11-21"


# --- the sensor -------------------------------------------------------------------------------------------------------


def look(instance: dg.DagsterInstance, cursor: str | None) -> tuple[list[str | None], str | None]:
    """Run keys that the sensor asks for, and its next cursor."""
    sensor = definitions().resolve_sensor_def("model_setelah_tarikan")
    repository = definitions().get_repository_def()
    context = dg.build_sensor_context(instance=instance, cursor=cursor, repository_def=repository)
    found = sensor.evaluate_tick(context)
    return [r.run_key for r in found.run_requests or ()], found.cursor


def ended(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, kind: str = "tarik") -> str:
    return create_run_for_test(instance, job_name="tarik_x", status=status, tags={KIND: kind}).run_id


def test_models_follow_pulls_once_for_all_that_ended_since_the_last_look() -> None:
    status = dg.DagsterRunStatus
    with dg.DagsterInstance.ephemeral() as instance:
        keys, cursor = look(instance, None)
        assert keys == []
        ended(instance, status.SUCCESS)
        ended(instance, status.SUCCESS)
        ended(instance, status.STARTED)
        keys, cursor = look(instance, cursor)
        assert len(keys) == 1
        again, cursor = look(instance, cursor)
        assert again == []
        # A pull that failed may have brought some of its partitions.
        failed = ended(instance, status.FAILURE)
        assert look(instance, cursor)[0] == [failed]
        ended(instance, status.SUCCESS, kind="model")
        keys, cursor = look(instance, cursor)
        assert look(instance, cursor)[0] == []


def test_a_build_of_models_that_waits_serves_later_pulls_too() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        place = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("uji"), "uji")
        waiting = create_run_for_test(
            instance,
            job_name=MODEL_JOB,
            status=dg.DagsterRunStatus.QUEUED,
            remote_job_origin=RemoteJobOrigin(place, MODEL_JOB),
        )
        ended(instance, dg.DagsterRunStatus.SUCCESS)
        keys, cursor = look(instance, None)
        assert keys == []
        instance.delete_run(waiting.run_id)
        assert look(instance, cursor)[0] == []
        ended(instance, dg.DagsterRunStatus.SUCCESS)
        assert len(look(instance, cursor)[0]) == 1
