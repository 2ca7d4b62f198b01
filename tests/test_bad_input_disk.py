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

from assets.ingest import Ingest
from connectors import blobs
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


@keeps("parquet_rusak")
@pytest.mark.parametrize("damage", [zeroed, cut_off])
def test_a_damaged_parquet_file_is_named_not_spread_and_healed_from_the_archive(
    home: Place, fault: PutFault, damage: Callable[[bytes], bytes]
) -> None:
    day, other, next_day = date(2026, 11, 18), date(2026, 10, 20), date(2026, 10, 21)
    for each in (day, other):
        assert home.one(DATASET, each).status == "diterima"
    untouched = home.rows(DATASET, other)
    file = file_with(home, day)
    damaged = damage(file.read_bytes())
    file.write_bytes(damaged)
    found = home.verify(DATASET).all_gaps()
    assert any(file.name in gap for gap in found), found
    # Care of the lake neither rewrites the damage into another file nor removes the only trace of it.
    maintain(home.ws.lake, home.home / "snapshots", keep_days=90, orphan_age=timedelta(0))
    assert file.read_bytes() == damaged
    assert home.rows(DATASET, other).equals(untouched)
    assert any(file.name in gap for gap in home.verify(DATASET).all_gaps())
    # Replacing rows reads the file that holds them, so a new version has to wait; the others do not.
    fault("kode_sistem_lain", ASKED, arg={"bidang": "kekeruhan", "nilai": 1.11})
    held("parquet_rusak", home.one(DATASET, day))
    assert home.one(DATASET, next_day).status == "diterima"
    # The lake is made anew from the archive, which has the newer payload too.
    home.ws.lake.close()
    shutil.rmtree(home.home / "lake")
    for pull in home.pulls(DATASET):
        assert all(o.ok for o in Ingest(home.ws).replay(home.contract(DATASET), pull))
    assert home.verify(DATASET).all_gaps() == []
    assert home.rows(DATASET).height == 3 * 7
    assert home.rows(DATASET, other).equals(untouched)
    assert "1.110" in home.rows(DATASET, day)["kekeruhan_ntu"].cast(str).to_list()


def test_a_lost_parquet_file_is_called_damage_and_not_a_full_disk(home: Place, fault: PutFault) -> None:
    day = next(home.days)
    assert home.one(DATASET, day).status == "diterima"
    file_with(home, day).unlink()
    fault("kode_sistem_lain", ASKED, arg={"bidang": "kekeruhan", "nilai": 1.11})
    held("parquet_rusak", home.one(DATASET, day))
