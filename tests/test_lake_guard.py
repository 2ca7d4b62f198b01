"""What guards the lake: its lock, durable files, readers beside a writer, a full disk, names that are no SQL."""

import ast
import dataclasses
import importlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

import warehouse.lake
import warehouse.transaction
from connectors.contract import Contract
from tests.support.lake import (
    DAY,
    commit,
    config,
    contents,
    data_files,
    days,
    open_lake,
    outcome,
    price_contract,
    price_rows,
)
from tests.support.lake_doors import Opener, doors
from warehouse import duck, ops
from warehouse.duck import LakeConfig, LakeUnreachable, attach, bare, ident, literal, qualified
from warehouse.lake import Lake, LakeBusy

ROOT = Path(__file__).resolve().parents[1]
TABLE = "source.uji__harga"
NOTHING = ops.frame("quarantine.baris", []), ops.frame("ops.pemeriksaan", [])


@pytest.fixture
def opener(tmp_path: Path) -> Iterator[Opener]:
    with doors(tmp_path) as door:
        yield door


@pytest.fixture
def lake(opener: Opener) -> Lake:
    return opener()


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    return price_contract(tmp_path)


# --- durability ------------------------------------------------------------------------------------------------------


def test_every_new_file_and_folder_is_durable_before_the_commit(
    lake: Lake, contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[Path] = set()
    at_commit: list[set[Path]] = []
    real = warehouse.transaction.fsync_path
    monkeypatch.setattr(warehouse.transaction, "fsync_path", lambda path: (synced.add(Path(path)), real(path)))
    monkeypatch.setattr(
        warehouse.lake,
        "crashpoint",
        lambda name: at_commit.append(set(synced)) if name == "lake.before_commit" else None,
    )
    lake.ensure_source(contract)
    for day in days(2):
        before, folders = data_files(tmp_path), _folders(tmp_path)
        synced.clear()
        rows = price_rows(contract, [(day, "x", 1)])
        bad = ops.frame("quarantine.baris", [dict.fromkeys(ops.TABLES["quarantine.baris"]) | {"dataset": contract.id}])
        lake.commit(contract, [outcome(contract, day, rows)], rows, bad, NOTHING[1])
        new = data_files(tmp_path) - before
        assert {p.relative_to(tmp_path / "data").parts[0] for p in new} == {"source", "ops", "quarantine"}
        assert new <= at_commit[-1]
        assert {p.parent for p in new} <= at_commit[-1]
        assert {f.parent for f in _folders(tmp_path) - folders} <= at_commit[-1]
    assert len(synced) < 20


def _folders(home: Path) -> set[Path]:
    return {p for p in (home / "data").rglob("*") if p.is_dir()}


def test_what_did_not_change_is_not_synced_again(
    lake: Lake, contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in days(8):
        commit(lake, contract, {day: [("x", 1)]})
    for path in tmp_path.joinpath("data").rglob("*"):
        os.utime(path, (time.time() - 60, time.time() - 60))
    before = data_files(tmp_path)
    synced: list[Path] = []
    monkeypatch.setattr(warehouse.transaction, "fsync_path", synced.append)
    commit(lake, contract, {DAY: [("y", 1)]})
    assert {p for p in synced if p.suffix == ".parquet"} == data_files(tmp_path) - before


@pytest.mark.parametrize(("limit", "rows"), [(40_000, 1), (220_000, 12_000)], ids=["katalog", "berkas"])
def test_a_full_disk_keeps_the_old_version_and_heals(tmp_path: Path, limit: int, rows: int) -> None:
    """A limit on the size of files in a process of its own fails its writes as a full disk does."""
    code = f"""
import hashlib, resource
from pathlib import Path
from tests.support.lake import *
from warehouse.lake import LakeWriteError
home = Path({str(tmp_path)!r})
lake, contract = open_lake(home), price_contract(home)
commit(lake, contract, {{DAY: [("lama", 1)]}})
lake.shapes()
many = [(hashlib.sha256(str(n).encode()).hexdigest(), n) for n in range({rows})]
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))
try:
    commit(lake, contract, {{DAY: many}})
except LakeWriteError as error:
    print("ditolak")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(contents(lake, "source.uji__harga", "pasar"), len(contents(lake, "ops.hasil")))
commit(lake, contract, {{DAY: [("baru", 2)]}})
print(contents(lake, "source.uji__harga", "pasar"), len(contents(lake, "ops.hasil")))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["ditolak", "[('lama',)] 1", "[('baru',)] 2"]


# --- the writer's lock, and readers beside it ------------------------------------------------------------------------


def test_a_second_writer_waits_and_then_says_who_writes(opener: Opener, contract: Contract) -> None:
    first, second = opener(), opener(lock_timeout=0.2)
    commit(first, contract, {DAY: [("x", 1)]})
    with first.writer_lock(), pytest.raises(LakeBusy, match=rf"written by process {os.getpid()}, since .*0\.2 s"):
        commit(second, contract, {DAY: [("y", 1)]})
    commit(second, contract, {DAY: [("y", 1)]})
    assert contents(first, TABLE, "pasar") == [("y",)]


def test_threads_of_one_process_take_turns(opener: Opener) -> None:
    lake = opener(lock_timeout=0.2)
    refused: list[str] = []

    def other() -> None:
        try:
            with lake.writer_lock():
                refused.append("got in")
        except LakeBusy as error:
            refused.append(str(error))

    assert lake.snapshot_id() > 0
    with lake.writer_lock(), lake.writer_lock():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert "another thread of this process" in refused[0]
    other()
    assert refused[1] == "got in"


def test_the_lock_of_a_killed_process_is_free(opener: Opener, contract: Contract, tmp_path: Path) -> None:
    lake = opener(lock_timeout=0.3)
    commit(lake, contract, {DAY: [("x", 1)]})
    code = (
        "import time; from pathlib import Path; from warehouse.lock import WriterLock\n"
        f"with WriterLock(Path({str(tmp_path / 'penulis.lock')!r}), 5).held():\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(LakeBusy, match=f"process {holder.pid}"):
        commit(lake, contract, {DAY: [("y", 1)]})
    holder.kill()
    holder.communicate()
    commit(lake, contract, {DAY: [("y", 1)]})


@pytest.mark.parametrize("catalogue", ["sqlite", "postgres"])
def test_a_reader_in_another_process_never_sees_part_of_a_replace(
    request: pytest.FixtureRequest, contract: Contract, tmp_path: Path, catalogue: str
) -> None:
    """Every version has 24 rows of one price; a torn one would show other counts or several prices."""
    with doors(tmp_path, request.getfixturevalue("postgres_server") if catalogue == "postgres" else None) as door:
        lake = door()
        version = [(f"Pasar {n}", 0) for n in range(12)]
        commit(lake, contract, dict.fromkeys(days(2), version))
        code = f"""
import time
from pathlib import Path
from warehouse.duck import LakeConfig
from warehouse.lake import Lake
lake = Lake(LakeConfig({lake.config.catalog!r}, {lake.config.data_path!r}, Path("x")), read_only=True)
while not Path({str(tmp_path / "selesai")!r}).exists():
    print(lake.query("SELECT count(*), min(harga)::INT, max(harga)::INT FROM lake.{TABLE}").row(0), flush=True)
    time.sleep(0.01)
"""
        reader = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert reader.stdout is not None
        polls = [ast.literal_eval(reader.stdout.readline())]
        for number in range(1, 51):
            commit(lake, contract, {day: [(name, number) for name, _ in version] for day in days(2)})
            while number % 4 == 0 and polls[-1][1] < number:  # the reader keeps up, however slow the machine
                polls.append(ast.literal_eval(reader.stdout.readline()))
        (tmp_path / "selesai").touch()
        rest, _ = reader.communicate(timeout=60)
        polls += map(ast.literal_eval, rest.splitlines())
    assert [p for p in polls if p[0] != 24 or p[1] != p[2]] == []
    seen = [p[1] for p in polls]
    assert seen == sorted(seen)
    assert len(set(seen)) > 10


# --- names, texts and secrets ----------------------------------------------------------------------------------------

ATTACK = 'x"); DROP TABLE lake.source.uji__harga; --'


def test_names_that_are_not_plain_never_reach_sql(lake: Lake, contract: Contract) -> None:
    commit(lake, contract, {DAY: [("x", 1)]})
    evil = dataclasses.replace(contract.columns[1], name=ATTACK)
    for bad in (
        dataclasses.replace(contract, dataset=ATTACK),
        dataclasses.replace(contract, columns=(*contract.columns, evil)),
        dataclasses.replace(contract, columns=contract.columns, partition_column=ATTACK, dataset="lain"),
    ):
        with pytest.raises(ValueError, match="not a plain SQL name"):
            lake.ensure_source(bad)
    for name in (ATTACK, "a b", "", "a\n", "1a", 'a"', "ä"):
        with pytest.raises(ValueError, match="not a plain SQL name"):
            ident(name)
    with pytest.raises(ValueError, match="not a plain SQL name"):
        qualified("source.a.b")
    assert contents(lake, TABLE, "pasar") == [("x",)]


def test_texts_are_data_and_never_sql(lake: Lake, contract: Contract, tmp_path: Path) -> None:
    told = dataclasses.replace(contract, title="Harga 'x'); DROP TABLE lake.ops.hasil; --")
    rows = price_rows(told, [(DAY, ATTACK, 1)])
    attempt = outcome(told, DAY, rows, alasan="'); DROP TABLE lake.ops.hasil; --")
    lake.commit(told, [attempt], rows, *NOTHING)
    assert contents(lake, TABLE, "pasar") == [(ATTACK,)]
    assert lake.shapes()[TABLE].comment.startswith("Harga 'x'); DROP")
    assert contents(lake, "ops.hasil", "alasan") == [("'); DROP TABLE lake.ops.hasil; --",)]
    assert bare().execute(f"SELECT {literal(ATTACK + chr(39))}").fetchone() == (ATTACK + "'",)
    with pytest.raises(ValueError, match="NUL"):
        literal("a\x00b")


def test_a_statement_that_takes_long_draws_nothing_where_commands_write_their_answers() -> None:
    assert bare(closed=True).execute("SELECT current_setting('enable_progress_bar')").fetchone() == (False,)


def test_no_password_is_shown_when_the_lake_cannot_be_opened(tmp_path: Path) -> None:
    for catalog in (
        "postgres:host=127.0.0.1 port=1 user=x password=sangat-rahasia dbname=a",
        "postgres:host=127.0.0.1 port=1 user=x password='sangat-rahasia sekali' dbname=a",
        "postgres:postgresql://x:sangat-rahasia@127.0.0.1:1/a",
    ):
        hidden = config(tmp_path, catalog=catalog)
        assert "sangat-rahasia" not in repr(hidden)
        with pytest.raises(LakeUnreachable) as caught:
            attach(hidden, read_only=True)
        assert "sangat-rahasia" not in str(caught.value)
        assert "cannot be opened" in str(caught.value)


def test_a_lake_that_is_not_there_or_of_another_kind_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(LakeUnreachable, match="cannot be opened"):
        open_lake(tmp_path, read_only=True).snapshot_id()
    with pytest.raises(ValueError, match=r"sqlite:<path> or postgres:<libpq string>, not 'mysql:"):
        LakeConfig("mysql:x", str(tmp_path), tmp_path / "kunci")


def test_a_lake_that_was_copied_elsewhere_says_what_to_do(tmp_path: Path) -> None:
    with closing(open_lake(tmp_path / "lama")) as lake:
        lake.snapshot_id()
    shutil.copytree(tmp_path / "lama", tmp_path / "baru")
    with pytest.raises(LakeUnreachable, match=r"existing data path .* \(ssp replay --rebuild\)"):
        open_lake(tmp_path / "baru").snapshot_id()


def test_object_storage_says_which_package_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        if name == "duckdb_extension_httpfs":
            raise ModuleNotFoundError(name)
        return real(name)

    real = importlib.import_module
    duck._extension.cache_clear()
    monkeypatch.setattr(importlib, "import_module", absent)
    remote = config(tmp_path, data_path="s3://ember/lake", secret_sql="CREATE SECRET (TYPE s3, SECRET 'rahasia')")
    assert "rahasia" not in repr(remote)
    with pytest.raises(RuntimeError, match=rf"duckdb-extension-httpfs=={duckdb.__version__}"):
        attach(remote, read_only=True)
