"""What is promised of keys: kept wrapped, destroyed for good and on record, never lost or renewed in silence."""

import hashlib
import hmac
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.keys import (
    KeyDestroyed,
    KeyMissing,
    KeyStore,
    UnsafeKeyFile,
    WrongMaster,
    hash_key,
    keyed_hash,
    load_or_create_master,
)

MASTER = bytes(range(32))
TABLE = "samsat__pembayaran_pkb"


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys", MASTER)


def files(root: Path) -> list[Path]:
    return [p for p in root.rglob("*") if p.is_file()]


def test_a_key_is_made_once_and_found_again(store: KeyStore, tmp_path: Path) -> None:
    key = store.get_or_create(TABLE, "2026-10")
    assert len(key) == 32
    assert store.get_or_create(TABLE, "2026-10") == key
    assert KeyStore(tmp_path / "keys", MASTER).get(TABLE, "2026-10") == key
    others = {store.get_or_create(TABLE, "2026-11"), store.get_or_create("epokir__usulan_pokir", "2026-10")}
    assert len({key, *others}) == 3


def test_no_key_is_on_the_disk_in_the_clear_or_open_to_others(store: KeyStore, tmp_path: Path) -> None:
    key = store.get_or_create(TABLE, "2026-10")
    for path in files(tmp_path):
        assert key not in path.read_bytes()
        assert key.hex().encode() not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0, path


def test_many_at_once_get_the_same_key(tmp_path: Path) -> None:
    stores = [KeyStore(tmp_path / "keys", MASTER) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda s: s.get_or_create(TABLE, "2026-10"), stores))) == 1


def test_another_master_is_refused_before_it_does_harm(store: KeyStore, tmp_path: Path) -> None:
    store.get_or_create(TABLE, "2026-10")
    with pytest.raises(WrongMaster, match="master"):
        KeyStore(tmp_path / "keys", bytes(32))


def test_a_damaged_or_exchanged_key_file_is_an_error(store: KeyStore, tmp_path: Path) -> None:
    store.get_or_create(TABLE, "2026-10")
    store.get_or_create(TABLE, "2026-11")
    folder = tmp_path / "keys" / TABLE
    (folder / "2026-10.key").write_bytes((folder / "2026-11.key").read_bytes())
    (folder / "2026-11.key").write_bytes(b"")
    fresh = KeyStore(tmp_path / "keys", MASTER)
    for month in ("2026-10", "2026-11"):
        with pytest.raises(WrongMaster, match=month):
            fresh.get(TABLE, month)


def test_a_month_without_a_key_is_missing_not_destroyed(store: KeyStore) -> None:
    with pytest.raises(KeyMissing, match="2026-10"):
        store.get(TABLE, "2026-10")


def test_a_forgotten_key_is_gone_on_record_and_never_renewed(store: KeyStore, tmp_path: Path) -> None:
    other_process = KeyStore(tmp_path / "keys", MASTER)
    store.get_or_create(TABLE, "2020-01")
    path = tmp_path / "keys" / TABLE / "2020-01.key"
    wrapped = path.read_bytes()
    hidden_copy = tmp_path / "inode"
    hidden_copy.hardlink_to(path)
    other_process.get(TABLE, "2020-01")
    store.forget(TABLE, "2019-12", "masa simpan 60 bulan habis")
    assert other_process.get(TABLE, "2020-01") == store.get(TABLE, "2020-01")

    assert store.forget(TABLE, "2020-01", "masa simpan 60 bulan habis") is True
    for keys in (store, other_process, KeyStore(tmp_path / "keys", MASTER)):
        with pytest.raises(KeyDestroyed, match="masa simpan") as gone:
            keys.get(TABLE, "2020-01")
        assert (gone.value.dataset, gone.value.month) == (TABLE, "2020-01")
        assert gone.value.when.tzinfo is not None
        with pytest.raises(KeyDestroyed):
            keys.get_or_create(TABLE, "2020-01")
    assert hidden_copy.read_bytes() != wrapped, "the bytes on the disk are overwritten before the name goes"
    assert all(wrapped not in p.read_bytes() for p in files(tmp_path))
    assert store.months(TABLE) == []

    assert store.forget(TABLE, "2020-01", "sekali lagi") is False
    assert [k.month for k in store.destroyed()] == ["2019-12", "2020-01"]
    assert {k.reason for k in store.destroyed()} == {"masa simpan 60 bulan habis"}


def test_a_torn_record_is_not_a_destruction(store: KeyStore, tmp_path: Path) -> None:
    key = store.get_or_create(TABLE, "2020-01")
    record = tmp_path / "keys" / "musnah.jsonl"
    record.write_bytes(b'{"dataset":"samsat__pem')
    fresh = KeyStore(tmp_path / "keys", MASTER)
    assert fresh.get(TABLE, "2020-01") == key
    fresh.forget(TABLE, "2020-01", "habis")
    assert [k.month for k in KeyStore(tmp_path / "keys", MASTER).destroyed()] == ["2020-01"]


STEPS = ["durable.temp_written", "keys.created", "durable.appended", "keys.tombstone_written", "keys.overwritten"]
MAKE_AND_FORGET = """
import sys
from pathlib import Path
from connectors.keys import KeyStore
store = KeyStore(Path(sys.argv[1]), bytes(range(32)))
store.get_or_create("samsat__pembayaran_pkb", "2020-02")
store.forget("samsat__pembayaran_pkb", "2020-01", "habis")
"""


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_a_key_is_whole_or_destroyed_on_record(step: str, store: KeyStore, tmp_path: Path) -> None:
    key = store.get_or_create(TABLE, "2020-01")
    command = [sys.executable, "-c", MAKE_AND_FORGET, str(tmp_path / "keys")]
    killed = subprocess.run(command, env={**os.environ, "SSP_CRASH_AT": step}, check=False)
    assert killed.returncode == -9

    after = KeyStore(tmp_path / "keys", MASTER)
    if list(after.destroyed()):
        with pytest.raises(KeyDestroyed):
            after.get(TABLE, "2020-01")
    else:
        assert after.get(TABLE, "2020-01") == key
    if "2020-02" in after.months(TABLE):
        assert len(after.get(TABLE, "2020-02")) == 32

    assert subprocess.run(command, check=False).returncode == 0
    last = KeyStore(tmp_path / "keys", MASTER)
    assert last.months(TABLE) == ["2020-02"]
    assert [(k.month, k.reason) for k in last.destroyed()] == [("2020-01", "habis")]


def test_a_key_is_due_when_its_whole_month_is_older_than_the_keeping_period(store: KeyStore) -> None:
    for month in ("2019-12", "2020-01", "2020-02", "2024-12"):
        store.get_or_create(TABLE, month)
    assert store.expired(TABLE, 60, date(2025, 1, 31)) == ["2019-12"]
    assert store.expired(TABLE, 60, date(2025, 2, 1)) == ["2019-12", "2020-01"]
    assert store.expired("epokir__usulan_pokir", 60, date(2025, 2, 1)) == []
    with pytest.raises(ValueError, match="0 months"):
        store.expired(TABLE, 0, date(2025, 2, 1))


@pytest.mark.parametrize(
    ("dataset", "month"), [("../x", "2020-01"), ("a/b", "2020-01"), ("", "2020-01"), ("a", "2020-13"), ("a", "2020-1")]
)
def test_names_cannot_leave_the_folder(store: KeyStore, dataset: str, month: str) -> None:
    with pytest.raises(ValueError, match="YYYY-MM"):
        store.get_or_create(dataset, month)


def test_the_master_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "rahasia" / "master.key"
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: load_or_create_master(path), range(8)))
    assert len(made) == 1
    assert len(made.pop()) == 32
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_master_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    load_or_create_master(path)
    path.chmod(mode)
    with pytest.raises(UnsafeKeyFile, match="chmod 600"):
        load_or_create_master(path)


@pytest.mark.parametrize("content", [b"", b"zz", b"ab" * 16, b"\xff\xfe"])
def test_what_is_not_a_master_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(UnsafeKeyFile, match="hex digits"):
        load_or_create_master(path)


def test_a_master_of_another_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeKeyFile, match="31 bytes"):
        KeyStore(tmp_path / "keys", bytes(31))


def test_a_lost_or_changed_hash_secret_is_an_error_not_a_new_one(tmp_path: Path) -> None:
    secret = hash_key(tmp_path)
    assert hash_key(tmp_path) == secret
    kept = (tmp_path / "hash.key").read_bytes()
    (tmp_path / "hash.key").unlink()
    with pytest.raises(KeyMissing, match="lost"):
        hash_key(tmp_path)
    (tmp_path / "hash.key").write_text("00" * 32)
    (tmp_path / "hash.key").chmod(0o600)
    with pytest.raises(KeyMissing, match="not the secret"):
        hash_key(tmp_path)
    (tmp_path / "hash.key").write_bytes(kept)
    assert hash_key(tmp_path) == secret


@given(st.lists(st.none() | st.text(max_size=8), max_size=30))
def test_a_keyed_hash_is_hmac_sha256_of_each_text(texts: list[str | None]) -> None:
    given_ = pl.Series("nopol", texts, dtype=pl.String)
    hashed = keyed_hash(MASTER, given_)
    assert hashed.name == "nopol"
    assert hashed.dtype == pl.String
    assert hashed.to_list() == [
        None if t is None else hmac.new(MASTER, t.encode(), hashlib.sha256).hexdigest()[:32] for t in texts
    ]


def test_hashes_differ_by_key_and_only_text_is_hashed() -> None:
    plates = pl.Series("nopol", ["BK1234AB"])
    assert keyed_hash(MASTER, plates).to_list() != keyed_hash(bytes(32), plates).to_list()
    with pytest.raises(TypeError, match="nopol"):
        keyed_hash(MASTER, pl.Series("nopol", [1275]))
