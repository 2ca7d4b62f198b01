"""Parquet files in an object store, with either catalogue: the same promises as in a folder."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.contract import Contract
from tests.support.lake import DAY, commit, contents, days, outcome, price_contract, price_rows
from tests.support.lake_doors import Opener, doors
from tests.support.object_store import BUCKET, ObjectStore, object_store
from warehouse import ops
from warehouse.damage import find_damage
from warehouse.lake import Lake, LakeWriteError
from warehouse.maintain import maintain
from warehouse.verify_files import check_files

TABLE = "source.uji__harga"
NOTHING = ops.frame("quarantine.baris", []), ops.frame("ops.pemeriksaan", [])


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    with object_store() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgres"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    with doors(tmp_path, request.getfixturevalue("postgres_server") if request.param == "postgres" else None) as door:
        yield door


@pytest.fixture
def lake(opener: Opener, store: ObjectStore) -> Lake:
    return opener(data_path=f"s3://{BUCKET}/data", secret_sql=store.secret)


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    return price_contract(tmp_path)


def gaps(lake: Lake) -> list[str]:
    return check_files(lake, lake.snapshot_id())[1]


def test_versions_are_committed_replaced_merged_and_checked(
    lake: Lake, contract: Contract, store: ObjectStore, tmp_path: Path, opener: Opener
) -> None:
    for price in range(10):
        commit(lake, contract, {DAY: [("x", price)], DAY + timedelta(days=1): [("y", 1)]})
    assert contents(lake, TABLE, "pasar") == [("x",), ("y",)]
    files, found = check_files(lake, lake.snapshot_id())
    assert found == []
    assert files >= 20
    assert all(key.startswith("data/") for key in store.objects)
    assert not (tmp_path / "data").exists(), "nothing of it lies in a folder"
    before = len(store.objects)
    soon = datetime.now(UTC) + timedelta(minutes=1)
    report = maintain(lake, tmp_path / "cuplikan", keep_days=0, orphan_age=timedelta(0), now=soon)
    assert report.merged
    assert report.cleaned
    assert len(store.objects) < before
    assert gaps(lake) == []
    reader = opener(read_only=True, data_path=lake.config.data_path, secret_sql=store.secret)
    assert contents(reader, TABLE, "pasar") == [("x",), ("y",)]


@pytest.mark.parametrize("cut", [True, False], ids=["cut", "lost"])
def test_a_lost_or_damaged_object_is_named_and_replaced_by_all_that_it_held(
    lake: Lake, contract: Contract, store: ObjectStore, cut: bool
) -> None:
    other = DAY - timedelta(days=40)
    commit(lake, contract, {day: [("lama", 1)] for day in days(2)})
    commit(lake, contract, {other: [("jauh", 1)]})
    [key] = [k for k in store.objects if "uji__harga" in k and f"month={DAY.month}/" in k]
    if cut:
        store.objects[key] = store.objects[key][:-40]
    else:
        del store.objects[key]
    [gap] = gaps(lake)
    assert Path(key).name in gap
    damage = find_damage(lake, contract)
    assert damage is not None
    assert damage.files == (Path(key).name,)
    assert damage.keys == tuple(day.isoformat() for day in days(2))
    assert damage.others([DAY.isoformat()]) == [days(2)[1].isoformat()]
    rows = price_rows(contract, [(day, "baru", 2) for day in days(2)])
    lake.commit(contract, [outcome(contract, day, rows) for day in days(2)], rows, *NOTHING, damage.leave_out)
    assert contents(lake, TABLE, "pasar") == [("baru",), ("baru",), ("jauh",)]
    assert gaps(lake) == []
    assert find_damage(lake, contract) is None


def test_a_store_that_does_not_answer_is_no_damage_and_changes_nothing(
    lake: Lake, contract: Contract, store: ObjectStore
) -> None:
    commit(lake, contract, {DAY: [("lama", 1)]})
    store.away = True
    with pytest.raises(LakeWriteError, match="the version before stays"):
        commit(lake, contract, {DAY: [("baru", 1)]})
    with pytest.raises(LakeWriteError, match="does not answer"):
        find_damage(lake, contract)
    store.away = False
    assert contents(lake, TABLE, "pasar") == [("lama",)]
    commit(lake, contract, {DAY: [("baru", 1)]})
    assert contents(lake, TABLE, "pasar") == [("baru",)]
    assert gaps(lake) == []
