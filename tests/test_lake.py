"""The lake's commits, with either catalogue: partitions are replaced whole, and what is told of them comes along."""

import dataclasses
import errno
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from connectors.contract import Contract
from tests.support.lake import DAY, commit, config, contents, data_files, days, outcome, price_contract, price_rows
from tests.support.lake_doors import Opener, doors
from tests.support.postgres import create_database
from tests.support.reading import column, make_contract
from warehouse import ops
from warehouse.lake import Lake, LakeSchemaError, LakeWriteError, Transaction

both = pytest.mark.parametrize("opener", ["sqlite", "postgres"], indirect=True)
TABLE = "source.uji__harga"
NOTHING = ops.frame("quarantine.baris", []), ops.frame("ops.pemeriksaan", [])


@pytest.fixture
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    server = request.getfixturevalue("postgres_server") if getattr(request, "param", "") == "postgres" else None
    with doors(tmp_path, server) as door:
        yield door


@pytest.fixture
def lake(opener: Opener) -> Lake:
    return opener()


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    return price_contract(tmp_path)


# --- commits ---------------------------------------------------------------------------------------------------------


@both
def test_a_commit_replaces_its_partitions_and_no_others(lake: Lake, contract: Contract) -> None:
    a, b = days(2)
    commit(lake, contract, {a: [("x", 1), ("y", 2)], b: [("x", 3)]})
    commit(lake, contract, {a: [("x", "9.50")]})
    assert [(d, m, str(h)) for d, m, h in contents(lake, TABLE, "tanggal", "pasar", "harga")] == [
        (a, "x", "9.50"),
        (b, "x", "3.00"),
    ]
    assert {k: o.diterima for k, o in lake.states(contract.id).items()} == {str(a): 1, str(b): 1}
    assert set(lake.states(contract.id, str(b), str(b))) == {str(b)}


@both
def test_rows_quarantine_checks_and_outcome_come_together_or_not_at_all(
    lake: Lake, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(lake, contract, {DAY: [("x", 1)]})
    rows = price_rows(contract, [(DAY, "y", 2)])
    bad = ops.frame("quarantine.baris", [dict.fromkeys(ops.TABLES["quarantine.baris"]) | {"dataset": contract.id}])
    seen = ops.frame("ops.pemeriksaan", [dict.fromkeys(ops.TABLES["ops.pemeriksaan"]) | {"dataset": contract.id}])
    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "sync", _no_space)
        with pytest.raises(LakeWriteError, match=r"version before stays.*No space left.*free space"):
            lake.commit(contract, [outcome(contract, DAY, rows)], rows, bad, seen)
    counts = [len(contents(lake, t)) for t in ("quarantine.baris", "ops.pemeriksaan", "ops.hasil")]
    assert (contents(lake, TABLE, "pasar"), counts) == ([("x",)], [0, 0, 1])
    lake.commit(contract, [outcome(contract, DAY, rows)], rows, bad, seen)
    counts = [len(contents(lake, t)) for t in ("quarantine.baris", "ops.pemeriksaan", "ops.hasil")]
    assert (contents(lake, TABLE, "pasar"), counts) == ([("y",)], [1, 1, 2])


def _no_space(_: Transaction) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_rows_of_a_partition_that_is_not_replaced_are_refused(lake: Lake, contract: Contract) -> None:
    a, b = days(2)
    rows = price_rows(contract, [(a, "x", 1), (b, "x", 1)])
    with pytest.raises(ValueError, match=r"not replaced: \['2026-11-17'\]"):
        lake.commit(
            contract, [outcome(contract, a, rows), outcome(contract, b, rows, status="diblokir")], rows, *NOTHING
        )
    assert lake.states(contract.id) == {}


def test_a_dataset_of_one_partition_is_replaced_whole(lake: Lake, tmp_path: Path) -> None:
    single = make_contract(tmp_path, column("kode", key=True), dataset="acuan")
    for codes in (["a", "b"], ["c"]):
        rows = pl.DataFrame([(c, "p", 0, "resmi") for c in codes], schema=single.schema(), orient="row")
        lake.commit(single, [outcome(single, "semua", rows)], rows, *NOTHING)
    assert contents(lake, "source.uji__acuan", "kode") == [("c",)]


@both
def test_a_failed_transaction_leaves_neither_rows_nor_files(lake: Lake, contract: Contract, tmp_path: Path) -> None:
    commit(lake, contract, {DAY: [("x", 1)]})
    before, version = data_files(tmp_path), lake.snapshot_id()

    def work(tx: Transaction) -> None:
        tx.replace(TABLE, "tanggal", [DAY], price_rows(contract, [(DAY, "y", 2)]))
        raise KeyError("berhenti")

    with pytest.raises(KeyError):
        lake.transaction(work)
    assert (contents(lake, TABLE, "pasar"), lake.snapshot_id()) == ([("x",)], version)
    assert data_files(tmp_path) == before
    commit(lake, contract, {DAY: [("z", 3)]})
    assert contents(lake, TABLE, "pasar") == [("z",)]


@both
def test_a_conflict_is_done_again_and_other_errors_are_not(lake: Lake, contract: Contract) -> None:
    lake.ensure_source(contract)
    tries: list[int] = []

    def work(tx: Transaction) -> str:
        tx.append(TABLE, price_rows(contract, [(DAY, f"percobaan {len(tries)}", 1)]))
        tries.append(1)
        if len(tries) < 3:
            raise duckdb.TransactionException("Transaction conflict - attempting to insert")
        return "jadi"

    assert lake.transaction(work) == "jadi"
    assert contents(lake, TABLE, "pasar") == [("percobaan 2",)]
    with pytest.raises(duckdb.ConversionException):
        lake.transaction(lambda tx: tries.append(1) or tx.con.execute("SELECT 'x'::INTEGER"))  # type: ignore[func-returns-value]
    assert len(tries) == 4


def test_two_writers_without_a_common_lock_lose_nothing_on_postgresql(
    postgres_server: str, contract: Contract, tmp_path: Path
) -> None:
    catalog = "postgres:" + create_database(postgres_server, "dua_penulis")
    doors = [Lake(config(tmp_path, catalog=catalog, lock_path=tmp_path / f"kunci{n}")) for n in range(2)]
    doors[0].ensure_source(contract)
    faults: list[BaseException] = []

    def write(lake: Lake, days_: list[date]) -> None:
        try:
            for day in days_:
                commit(lake, contract, {day: [("x", 1)]})
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=(d, days(16)[n::2])) for n, d in enumerate(doors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert contents(doors[1], TABLE, "tanggal") == [(d,) for d in days(16)]
    assert len(doors[0].states(contract.id)) == 16
    for door in doors:
        door.close()


# --- tables follow contracts -----------------------------------------------------------------------------------------


def changed(folder: Path, *columns: dict[str, Any], **extension: Any) -> Contract:
    day = column("tanggal", "date", key=True, partisi=True)
    return make_contract(folder, day, column("pasar", key=True), *columns, dataset="harga", **extension)


@both
def test_a_new_column_is_added_and_a_removed_one_keeps_its_values(
    lake: Lake, contract: Contract, tmp_path: Path
) -> None:
    a, b = days(2)
    commit(lake, contract, {a: [("x", 7)]})
    newer = changed(tmp_path, column("satuan", satuan="kg"))
    rows = pl.DataFrame([(b, "x", "kg", "p", 0, "resmi")], schema=newer.schema(), orient="row")
    lake.commit(newer, [outcome(newer, b, rows)], rows, *NOTHING)
    found = contents(lake, TABLE, "tanggal", "harga::INT", "satuan")
    assert found == [(a, 7, None), (b, None, "kg")]
    assert lake.shapes()[TABLE].comments["satuan"] == "untuk pengujian [kg]"


def test_what_is_known_of_tables_stays_what_the_catalogue_says(lake: Lake, contract: Contract, tmp_path: Path) -> None:
    assert TABLE not in lake.shapes()
    lake.ensure_source(contract)
    assert lake.shapes() == lake.shapes(fresh=True)
    lake.ensure_source(changed(tmp_path, column("satuan", satuan="kg"), column("waktu", "timestamp")))
    assert lake.shapes() == lake.shapes(fresh=True)


def test_missing_tables_are_made_in_one_version_of_the_lake_and_others_are_left_as_they_are(
    lake: Lake, contract: Contract, tmp_path: Path
) -> None:
    commit(lake, contract, {DAY: [("x", 7)]})
    others = [make_contract(tmp_path / f"{n}", column("pasar", key=True), dataset=f"pasar_{n}") for n in range(3)]
    before = lake.snapshot_id()
    lake.make_sources([changed(tmp_path, column("harga")), *others])
    assert lake.snapshot_id() == before + 1
    assert lake.shapes() == lake.shapes(fresh=True)
    assert {f"source.{c.table}" for c in others} < lake.shapes().keys()
    assert contents(lake, TABLE, "harga::INT") == [(7,)]
    for other in others:
        lake.ensure_source(other)
    lake.make_sources(others)
    assert lake.snapshot_id() == before + 1


def test_a_change_of_type_or_partition_is_refused_with_what_to_do(
    lake: Lake, contract: Contract, tmp_path: Path
) -> None:
    commit(lake, contract, {DAY: [("x", 7)]})
    with pytest.raises(LakeSchemaError, match=r"harga is DECIMAL\(18,2\), contract says VARCHAR.*ssp replay --rebuild"):
        lake.ensure_source(changed(tmp_path, column("harga")))
    single = make_contract(tmp_path, column("pasar", key=True), dataset="harga")
    with pytest.raises(LakeSchemaError, match="partitioned by tanggal, contract says None"):
        lake.ensure_source(single)
    assert contents(lake, TABLE, "pasar") == [("x",)]


def test_comments_follow_the_contract(lake: Lake, tmp_path: Path) -> None:
    first = changed(tmp_path, column("harga", "decimal", satuan="Rp/kg"))
    lake.ensure_source(first)
    assert lake.shapes()[TABLE].comments["harga"] == "untuk pengujian [Rp/kg]"
    second = changed(tmp_path, column("harga", "decimal", satuan="Rp/l"))
    lake.ensure_source(second)
    shape = lake.shapes(fresh=True)[TABLE]
    assert (shape.comments["harga"], shape.partition) == ("untuk pengujian [Rp/l]", "tanggal")
    assert "arsip" in shape.comments["_payload"]
    version = lake.snapshot_id()
    lake.ensure_source(second)
    assert lake.snapshot_id() == version


@both
def test_tables_of_an_older_release_get_their_new_columns(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    old = {t: dict(c) for t, c in ops.TABLES.items()}
    del old["ops.hasil"]["digest_karantina"]
    with monkeypatch.context() as patch:
        patch.setattr(ops, "TABLES", old)
        opener().snapshot_id()
    newer = opener()
    assert newer.shapes()["ops.hasil"].columns == ops.TABLES["ops.hasil"]
    assert newer.shapes()["ops.hasil"].partition == "dataset"


# --- what has been ---------------------------------------------------------------------------------------------------


@both
def test_the_newest_settled_outcome_is_the_state_of_a_partition(lake: Lake, contract: Contract) -> None:
    start = datetime(2026, 11, 20, tzinfo=UTC)
    told = [("diterima", 5), ("kosong", 0), ("diterima", 7), ("tidak_berubah", 7), ("diblokir", 1), ("gagal_tarik", 0)]
    lake.record(
        [
            dataclasses.replace(
                outcome(contract, DAY, waktu=start + timedelta(minutes=n)), status=status, diterima=rows
            )
            for n, (status, rows) in enumerate(told)
        ]
    )
    assert lake.states(contract.id)[str(DAY)].diterima == 7
    newest = lake.newest_outcome(contract.id, str(DAY))
    assert newest is not None
    assert newest.status == "gagal_tarik"
    assert lake.newest_outcome(contract.id, "2020-01-01") is None


def test_the_profile_before_is_that_of_the_last_version_with_rows(lake: Lake, contract: Contract) -> None:
    a, b, c = days(3)
    given = [(a, 5, "diterima"), (b, 0, "kosong"), (c, 9, "diterima")]
    lake.record(
        [
            dataclasses.replace(outcome(contract, d), status=s, diterima=n, profil={"jumlah_baris": n})
            for d, n, s in given
        ]
    )
    assert lake.profile_before(contract.id, str(c)) == {"jumlah_baris": 5}
    assert lake.profile_before(contract.id, str(a)) is None
    assert lake.profile_before("uji.lain", str(c)) is None
