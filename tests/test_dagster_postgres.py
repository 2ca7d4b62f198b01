"""The same `dagster.yaml` with PostgreSQL: only the environment says so."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from ssp_pipeline.instance import open_instance
from tests.support.check_process import __file__ as check_process
from tests.support.dagster_office import ROOT, TODAY, Office, assets, materialize, named, settings, workspace
from tests.support.postgres import create_database
from warehouse.checks import Checker

ANGKA = dg.AssetKey(["source", "uji__angka"])


@pytest.fixture(scope="module")
def url(postgres_server: str) -> str:
    """Address of an empty database, as an operator would write it."""
    parts = dict(part.split("=") for part in create_database(postgres_server, "dagster_uji").split())
    return "postgresql://{user}:{password}@{host}:{port}/{dbname}".format(**parts)


@pytest.fixture
def home(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    secret = tmp_path / "dagster.url"
    secret.write_text(f"{url}\n")
    monkeypatch.setenv("SSP_DAGSTER_POSTGRES_URL_FILE", str(secret))
    monkeypatch.setenv("DAGSTER_HOME", "")
    return tmp_path / "rumah"


def test_a_range_a_gate_and_another_process_are_kept_in_postgresql(home: Path) -> None:
    monday = TODAY - timedelta(days=TODAY.weekday())
    days = [(monday + timedelta(days=n)).isoformat() for n in range(4)]
    checker = Checker(command=[sys.executable, check_process, "passes", "-"])
    with Office().open() as office, open_instance(settings(home)) as instance:
        office.values |= {("angka", day): 10 for day in days[:2]}
        office.broken.add(("angka", days[2]))
        ws = workspace(home, office.url, checker)
        asset = named(assets(ws)["sources"], "uji__angka")
        done = materialize(ws, instance, [asset], monday, monday + timedelta(days=2))
        assert not done.success
        assert instance.get_materialized_partitions(ANGKA) == set(days[:2])
        office.broken.clear()
        assert materialize(ws, instance, [asset], monday, monday + timedelta(days=2)).success
        assert instance.get_materialized_partitions(ANGKA) == set(days[:3])
        for day, rows in zip(days, (None, None, 0), strict=False):
            (record,) = instance.fetch_materializations(
                dg.AssetRecordsFilter(asset_key=ANGKA, asset_partitions=[day]), limit=1
            ).records
            metadata = record.asset_materialization.metadata
            # The first two brought the same payload again, which is not counted anew.
            assert metadata.get("dagster/partition_row_count") == (None if rows is None else dg.MetadataValue.int(rows))
        assert instance.event_log_storage.get_pool_config().default_pool_limit == 1
        ws.__dict__.pop("checker").close()
        ws.close()
        subprocess.run(
            [sys.executable, "-m", "tests.support.dagster_office", str(home), office.url, "angka", days[3], days[3]],
            cwd=ROOT, env={k: v for k, v in os.environ.items() if k != "DAGSTER_HOME"}, timeout=120, check=True,
        )  # fmt: skip
        assert instance.get_runs_count() == 3
        assert instance.get_materialized_partitions(ANGKA) == set(days)
        assert instance.event_log_storage.get_concurrency_info("instansi_uji").active_slot_count == 0
    assert not [*(home / "dagster").rglob("*.db")]


def test_the_address_and_its_password_stay_out_of_the_home(home: Path, url: str) -> None:
    with open_instance(settings(home)):
        pass
    kept = [p.read_text(errors="replace") for p in (home / "dagster").rglob("*") if p.is_file()]
    assert kept
    assert not [text for text in kept if "rahasia-uji" in text or url in text]
