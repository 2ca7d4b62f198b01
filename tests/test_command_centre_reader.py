"""How the command centre reads snapshots: the first, each newer one, many threads at once, and what is kept of it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import polars as pl
import pytest

from ssp_pipeline.command_centre.pages import reader
from ssp_pipeline.command_centre.pages.events import Watch
from ssp_pipeline.command_centre.pages.reader import NothingYet, Snapshots, Version
from ssp_pipeline.command_centre.service import Centre
from tests.support.command_centre import Visitor, serving, with_people
from tests.support.workspace import Small


@pytest.fixture(scope="module")
def version(small_warehouse: Small) -> Version:
    return Snapshots(small_warehouse.snapshots).refresh()


def test_without_a_snapshot_pages_say_so_and_the_first_one_is_taken_up(small_warehouse: Small, tmp_path: Path) -> None:
    folder = tmp_path / "cuplikan"
    with pytest.raises(NothingYet):
        Snapshots(folder).refresh()
    made = with_people(tmp_path / "rumah", "gubernur", snapshots=folder, watch_seconds=0.05)
    with serving(Centre(made)) as address, Visitor(address) as visitor:
        visitor.log_in("gubernur")
        assert visitor.get("/").status_code == 503
        folder.symlink_to(small_warehouse.snapshots)
        assert visitor.get("/").status_code == 200


class Shaky:
    """Snapshots whose first look fails."""

    name = ""

    def __init__(self) -> None:
        self._looks = iter((ValueError("damaged"), None))

    def refresh(self) -> None:
        fault = next(self._looks, None)
        if fault:
            raise fault
        self.name = "cuplikan-2"


def test_a_fault_of_one_look_does_not_end_the_looking() -> None:
    async def told() -> bytes:
        watch = Watch(cast(Any, Shaky()), 0.01)
        looking = asyncio.create_task(watch.run())
        async with asyncio.timeout(10):
            async for event in watch.stream():
                if b"id: " in event:
                    break
        looking.cancel()
        return event

    assert b"cuplikan-2" in asyncio.run(told())


def test_what_was_read_is_kept_within_bounds_and_threads_may_ask_at_once(
    version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(8) as pool:
        sql = "SELECT count(*) AS n FROM source.sp2kp__harga_pangan_kabkota WHERE kode_varian = ?"
        got = list(pool.map(lambda n: version.records(sql, [str(n % 20)])[0]["n"], range(80)))
    assert got[:20] == got[20:40] == got[40:60]
    assert isinstance(version.rows("SELECT 1 AS x"), pl.DataFrame)
    assert version.rows("SELECT 1 AS x") is version.rows("SELECT 1 AS x")
    monkeypatch.setattr(reader, "KEPT_BYTES", 50_000)
    for number in range(100):
        version.rows("SELECT ? AS x", [number])
    assert 0 < len(version._kept) < 50, "small answers take room, too"
    monkeypatch.setattr(reader, "KEPT_BYTES", 1)
    version.rows("SELECT 2 AS x")
    assert version._kept == {}
