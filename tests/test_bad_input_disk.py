"""A full disk and a damaged file of the lake: nothing half-written counts, damage is named and can be healed."""

import contextlib
import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from assets.replay import replay
from connectors import blobs
from connectors.registry import import_part
from connectors.sandbox import CONNECTORS, World
from tests.support.bad_input import Place, PutFault, held, keeps
from warehouse.checks import Checker
from warehouse.lake import LakeWriteError
from warehouse.maintain import maintain

pytest_plugins = ["tests.support.bad_input_fixtures"]

DATASET = "tirtanadi.produksi_air"
ASKED = "/tirtanadi/api/produksi"


@pytest.fixture
def home(tmp_path: Path, bad_host: str, bad_checker: Checker) -> Iterator[Place]:
    """An installation for one test."""
    found = Place(tmp_path / "rumah", bad_host, bad_checker)
    yield found
    found.close()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """A file system of 1 MiB at `folder` with what lies there; None where this process may not mount one."""
    kept = folder.with_name(f"{folder.name}-isi")
    folder.rename(kept)
    folder.mkdir()
    mounted = (
        shutil.which("mount") is not None
        and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
        ).returncode
        == 0
    )
    if not mounted:
        folder.rmdir()
        kept.rename(folder)
        yield None
        return
    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        yield folder
    finally:
        shutil.rmtree(kept)
        shutil.copytree(folder, kept)
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()
        kept.rename(folder)


def fill(folder: Path, *, leave: int) -> Path:
    """Take all room but `leave` bytes."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    os.truncate(ballast, max(0, ballast.stat().st_size - leave))
    return ballast


@keeps("arsip_penuh")
def test_without_room_for_the_archive_nothing_counts(
    home: Place, fault: PutFault, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = next(home.days)
    assert home.one(DATASET, day).status == "diterima"
    before, pulls = home.rows(DATASET, day), len(home.pulls(DATASET))
    fault("kode_sistem_lain", ASKED, kali=0, arg={"bidang": "kekeruhan", "nilai": 1.11})
    with small_disk(home.home / "archive") as disk:
        if disk is not None:
            ballast = fill(disk, leave=0)
        else:

            def full(fd: int, data: bytes) -> None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            monkeypatch.setattr(blobs, "write_all", full)
        outcome = home.one(DATASET, day)
        held("arsip_penuh", outcome)
        assert "no room to write" in outcome.rincian
        assert home.rows(DATASET, day).equals(before)
        assert len(home.pulls(DATASET)) == pulls
        monkeypatch.undo()
        if disk is not None:
            ballast.unlink()
        assert home.one(DATASET, day).status == "diterima", "with room again, the next pull is whole"
    assert home.verify(DATASET).all_gaps() == []


@keeps("kunci_bulan_rusak")
def test_without_the_months_key_nothing_counts_and_its_file_is_named(home: Place, bad_checker: Checker) -> None:
    dataset, day = "samsat.pembayaran_pkb", next(home.days)
    assert home.one(dataset, day).status == "diterima"
    key = home.home / "keys" / home.contract(dataset).table / f"{day:%Y-%m}.key"
    whole = key.read_bytes()
    key.write_bytes(zeroed(whole))
    # Another process: this one still has the key in memory.
    later = Place(home.home, home.host, bad_checker)
    outcome = later.one(dataset, day)
    held("kunci_bulan_rusak", outcome)
    assert str(key) in outcome.rincian
    assert "from its backup" in outcome.rincian
    assert len(later.pulls(dataset)) == 1
    key.write_bytes(whole)
    assert later.one(dataset, day).ok, "with the file restored, the next pull is whole"
    later.close()


@keeps("lake_penuh")
def test_without_room_for_a_table_the_transaction_is_undone_and_the_row_says_so(home: Place) -> None:
    dataset = "cctv.ketersediaan_cctv"
    first, second = next(home.days), next(home.days)
    assert home.one(dataset, first).status == "diterima"
    before = home.rows(dataset)
    folder = home.home / "lake" / "data" / "source" / "cctv__ketersediaan_cctv"
    with small_disk(folder) as disk:
        # No folder can be made where a file is, so without a disk of its own the write fails in the same place.
        obstacle = fill(disk, leave=16 * 1024) if disk is not None else folder
        if disk is None:
            aside = folder.rename(folder.with_name("tabel-lama"))
            obstacle.write_bytes(b"")
        outcome = home.one(dataset, second)
        held("lake_penuh", outcome)
        assert disk is None or "No space left" in outcome.rincian
        obstacle.unlink()
        if disk is None:
            aside.rename(folder)
        assert home.rows(dataset).equals(before)
        assert len(home.pulls(dataset)) == 2, "the payload is archived, so nothing is lost"
        assert home.one(dataset, second).status == "diterima", "with room again, it is committed"
        assert home.rows(dataset).height > before.height
        assert home.verify(dataset).all_gaps() == []


def test_without_room_for_the_row_either_the_run_itself_says_so(home: Place) -> None:
    first, second = next(home.days), next(home.days)
    assert home.one(DATASET, first).status == "diterima"
    before = home.rows(DATASET)
    data = home.home / "lake" / "data"
    with small_disk(data) as disk:
        obstacle = fill(disk, leave=0) if disk is not None else data / "ops" / "hasil"
        if disk is None:
            aside = obstacle.rename(data / "hasil-lama")
            obstacle.write_bytes(b"")
        with pytest.raises(LakeWriteError, match="the version before stays"):
            home.pull(DATASET, second)
        obstacle.unlink()
        if disk is None:
            aside.rename(obstacle)
        assert home.rows(DATASET).equals(before)
        assert home.one(DATASET, second).status == "diterima"
        assert home.verify(DATASET).all_gaps() == []


def zeroed(data: bytes) -> bytes:
    """A stretch of the file that a bad disk gives back as zeros."""
    return data[:4] + bytes(len(data) * 2 // 3) + data[4 + len(data) * 2 // 3 :]


def cut_off(data: bytes) -> bytes:
    """A file that lost its end."""
    return data[: len(data) // 2]


def file_with(home: Place, day: date) -> Path:
    """The Parquet file of the lake that holds a day's rows."""
    table = home.contract(DATASET).table
    files = home.ws.lake.query("SELECT data_file FROM ducklake_list_files('lake', ?, schema => 'source')", [table])
    [found] = [f for f in files["data_file"] if day in pl.read_parquet(f, hive_partitioning=False)["tanggal"].to_list()]
    return Path(found)


def lost(_: bytes) -> None:
    """A file that is gone."""


def harm(file: Path, damage: Callable[[bytes], bytes | None]) -> None:
    """Leave of a file what the damage leaves of it."""
    left = damage(file.read_bytes())
    file.unlink()
    if left is not None:
        file.write_bytes(left)


@keeps("parquet_rusak_sendiri")
@pytest.mark.parametrize("damage", [zeroed, cut_off, lost])
def test_a_new_version_of_all_that_a_damaged_file_held_replaces_it(
    home: Place, fault: PutFault, damage: Callable[[bytes], bytes | None]
) -> None:
    day, other = date(2026, 11, 18), date(2026, 10, 20)
    for each in (day, other):
        assert home.one(DATASET, each).status == "diterima"
    untouched = home.rows(DATASET, other)
    file = file_with(home, day)
    harm(file, damage)
    assert any(file.name in gap for gap in home.verify(DATASET).all_gaps())
    # Care of the lake neither rewrites the damage into another file nor removes the only trace of it.
    maintain(home.ws.lake, home.home / "snapshots", keep_days=90, orphan_age=timedelta(0))
    assert home.rows(DATASET, other).equals(untouched)
    assert any(file.name in gap for gap in home.verify(DATASET).all_gaps())
    fault("kode_sistem_lain", ASKED, arg={"bidang": "kekeruhan", "nilai": 1.11})
    outcome = home.one(DATASET, day)
    held("parquet_rusak_sendiri", outcome)
    assert file.name in outcome.rincian
    assert home.verify(DATASET).all_gaps() == []
    assert home.rows(DATASET, other).equals(untouched)
    assert "1.110" in home.rows(DATASET, day)["kekeruhan_ntu"].cast(str).to_list()
    assert home.one(DATASET, day - timedelta(days=1)).status == "diterima", "the table goes on as before"


@keeps("parquet_rusak_bersama")
@pytest.mark.parametrize("damage", [zeroed, lost])
def test_a_damaged_file_of_many_partitions_is_brought_back_from_the_archive_by_one_command(
    home: Place, fault: PutFault, damage: Callable[[bytes], bytes | None]
) -> None:
    day, last, other = date(2026, 11, 16), date(2026, 11, 18), date(2026, 10, 20)
    days = [day + timedelta(days=n) for n in range(3)]
    assert {o.status for o in home.pull(DATASET, *days)} == {"diterima"}
    assert home.one(DATASET, other).status == "diterima"
    before = home.rows(DATASET)
    file = file_with(home, day)
    harm(file, damage)
    fault("kode_sistem_lain", ASKED, arg={"bidang": "kekeruhan", "nilai": 1.11})
    outcome = home.one(DATASET, day)
    held("parquet_rusak_bersama", outcome)
    assert "2026-11-17, 2026-11-18;" in outcome.rincian
    assert f"ssp replay --dataset {DATASET} --from {day} --to {last}" in outcome.rincian
    [elsewhere] = replay(home.ws, [home.contract(DATASET)], other, other)
    assert not elsewhere.bad, "other dates have nothing to do with it"
    # A window that lacks some of it changes nothing and says what is missing.
    [short] = replay(home.ws, [home.contract(DATASET)], day, day)
    assert "which may also hold 2026-11-17, 2026-11-18;" in short.bad["berkas_lake_rusak"]
    assert any(file.name in gap for gap in home.verify(DATASET).all_gaps())
    [whole] = replay(home.ws, [home.contract(DATASET)], day, last)
    assert whole.counts["dipulihkan_dari_arsip"] == 3
    assert not whole.bad
    assert home.verify(DATASET).all_gaps() == []
    after = home.rows(DATASET)
    assert after.filter(pl.col("tanggal") != day).equals(before.filter(pl.col("tanggal") != day))
    assert "1.110" in home.rows(DATASET, day)["kekeruhan_ntu"].cast(str).to_list(), "the newer answer was read too"


def test_nothing_is_left_out_that_the_archive_cannot_give_back(home: Place) -> None:
    day = date(2026, 11, 18)
    assert home.one(DATASET, day).status == "diterima"
    file = file_with(home, day)
    harm(file, cut_off)
    [entry] = home.pulls(DATASET)[0].entries
    [blob] = (home.home / "archive" / "blob").rglob(f"{entry.sha256}*")
    blob.unlink()
    version = home.ws.lake.snapshot_id()
    [found] = replay(home.ws, [home.contract(DATASET)])
    assert "cannot give back all that the damaged file held" in found.bad["berkas_lake_rusak"]
    assert home.ws.lake.snapshot_id() == version


def test_what_a_damaged_file_held_of_offices_files_comes_back_with_every_unit(home: Place) -> None:
    """Two files fill one partition; a third has replaced what the first said of its unit."""
    dataset = "tirtanadi.pelanggan_air_bulanan"
    world = World(today=home.ws.today)
    drops = dict(import_part(CONNECTORS / "tirtanadi", "sandbox").files(world, date(2026, 9, 1), home.ws.today))
    for name, body in list(drops.items())[:6]:
        home.drop("tirtanadi", name, body)
    assert "diterima" in {o.status for o in home.pull(dataset)}
    before = home.rows(dataset)
    assert before.height > 6
    table = home.contract(dataset).table
    for file in (home.home / "lake" / "data" / "source" / table).rglob("*.parquet"):
        harm(file, cut_off)
    name, body = list(drops.items())[6]
    home.drop("tirtanadi", name, body)
    assert {o.alasan for o in home.pull(dataset) if o.status == "gagal_simpan"} == {"berkas_lake_rusak"}
    [found] = replay(home.ws, [home.contract(dataset)])
    assert found.counts["dipulihkan_dari_arsip"]
    assert not found.bad
    assert home.rows(dataset).filter(pl.col("_payload").is_in(before["_payload"].implode())).equals(before)
    assert home.verify(dataset).all_gaps() == []
