"""Care of the lake: fewer files, less history, and not a row or a pinned version lost."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.support.tiny_lake import TinyLake
from tests.support.workspace import ROOT
from warehouse import snapshot
from warehouse.lake import Lake, LakeBusy
from warehouse.maintain import Report, maintain, pin, pins, unpin

DAYS = [date(2026, 11, 1) + timedelta(days=n) for n in range(3)]
LATER = datetime.now(UTC) + timedelta(days=40)
"""As seen from here, everything that was just written is old."""


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[TinyLake]:
    tiny = TinyLake(tmp_path)
    yield tiny
    tiny.lake.close()


def history(tiny: TinyLake, commits: int) -> None:
    for price in range(1, commits + 1):
        tiny.put(tiny.harga, DAYS, price)


def files(tiny: TinyLake, table: str = "") -> list[Path]:
    return sorted((tiny.home / "lake" / "data" / table).rglob("*.parquet"))


def contents(tiny: TinyLake) -> list[tuple[object, ...]]:
    """Every row of every table, in an order of its own."""
    found: list[tuple[object, ...]] = []
    for schema in ("source", "core", "ops", "quarantine"):
        for table in tiny.lake.tables(schema):
            rows = tiny.lake.query(f"SELECT count(*) AS n, sum(hash(t))::VARCHAR AS h FROM lake.{schema}.{table} t")
            found.append((schema, table, *rows.row(0)))
    return found


def care(tiny: TinyLake, *, now: datetime = LATER, keep_days: int = 30, **more: object) -> Report:
    return maintain(tiny.lake, tiny.snapshots, keep_days=keep_days, now=now, **more)  # type: ignore[arg-type]


def prices(tiny: TinyLake, version: int | None = None) -> list[tuple[int, ...]]:
    at = "" if version is None else f" AT (VERSION => {version})"
    sql = f"SELECT max(harga)::INT AS harga, count(*) AS n FROM lake.source.uji__harga{at}"
    return tiny.lake.query(sql).rows()


def test_a_damaged_file_keeps_its_own_partition_from_being_merged_and_no_other(tiny: TinyLake) -> None:
    for number in range(10):
        day = DAYS[0] + timedelta(days=number)
        tiny.put(tiny.harga, [day], number)
        tiny.put(tiny.stok, [day], number, rows=1)
    listed = "SELECT data_file FROM ducklake_list_files('lake', ?, schema => 'source')"
    held = tiny.lake.query(listed, [tiny.harga.table])["data_file"].to_list()
    Path(held[3]).write_bytes(b"rusak")
    done = care(tiny)
    assert done.damaged == 1
    assert done.merged >= 10
    assert tiny.lake.query(listed, [tiny.stok.table]).height == 1
    assert sorted(tiny.lake.query(listed, [tiny.harga.table])["data_file"]) == sorted(held)
    assert Path(held[3]).read_bytes() == b"rusak", "what is left of it stays for whoever looks"


def test_hundreds_of_small_files_become_few_and_every_row_stays(tiny: TinyLake) -> None:
    history(tiny, 40)
    before, rows = len(files(tiny)), contents(tiny)
    assert len(files(tiny, "ops/hasil")) == 40
    first = care(tiny)
    assert first.merged >= 40
    assert contents(tiny) == rows
    assert len(files(tiny, "ops/hasil")) == 1
    assert len(files(tiny)) < 12 < before
    assert care(tiny).merged == 0
    assert contents(tiny) == rows
    assert prices(tiny) == [(40, 6)]


def test_days_of_a_month_come_together_and_replaced_days_leave_no_delete_files(tiny: TinyLake) -> None:
    days = [date(2026, 10, 20) + timedelta(days=n) for n in range(20)]  # twelve days of October, eight of November
    for number, day in enumerate(days, 1):
        tiny.put(tiny.harga, [day], number)
    count = "SELECT count(*) AS n FROM __ducklake_metadata_lake.ducklake_{}_file WHERE end_snapshot IS NULL"
    price = "SELECT tanggal, max(harga)::INT AS h, count(*) AS n FROM lake.source.uji__harga GROUP BY 1 ORDER BY 1"
    wanted = [(day, number, 2) for number, day in enumerate(days, 1)]
    assert care(tiny).merged >= 20
    assert tiny.lake.query(price).rows() == wanted
    for number, day in enumerate(days[:9], 1):
        tiny.put(tiny.harga, [day], 99)
        tiny.put(tiny.harga, [day], number)
    assert tiny.lake.query(count.format("delete"))["n"][0] > 0
    assert care(tiny).merged > 8
    assert tiny.lake.query(count.format("delete"))["n"][0] == 0
    assert len(files(tiny, "source/uji__harga")) == 2
    assert tiny.lake.query(price).rows() == wanted


def test_nothing_is_removed_before_its_day(tiny: TinyLake) -> None:
    history(tiny, 5)
    before = files(tiny)
    report = maintain(tiny.lake, tiny.snapshots, keep_days=30)
    assert (report.expired, report.cleaned, report.orphans) == (0, 0, 0)
    assert set(before) <= set(files(tiny))
    assert prices(tiny, tiny.lake.snapshot_id() - 1) == [(4, 6)]


def test_a_commit_before_and_one_after_keep_their_rows(tiny: TinyLake) -> None:
    history(tiny, 3)
    for price in range(10, 14):
        tiny.put(tiny.harga, DAYS[:1], price)
        care(tiny, now=LATER + timedelta(days=price))
        tiny.put(tiny.stok, DAYS, price, rows=1)
        found = tiny.lake.query(
            "SELECT tanggal, max(harga)::INT AS h, count(*) AS n FROM lake.source.uji__harga GROUP BY 1"
        )
        assert sorted(found.rows()) == [(DAYS[0], price, 2), (DAYS[1], 3, 2), (DAYS[2], 3, 2)]
        assert tiny.lake.query("SELECT sum(harga)::INT FROM lake.source.uji__stok").rows() == [(3 * price,)]


def test_versions_that_a_snapshot_or_a_pin_names_outlive_expiry(tiny: TinyLake) -> None:
    history(tiny, 2)
    tiny.publish()
    newest = snapshot.latest(tiny.snapshots)
    assert newest is not None
    shown = snapshot.manifest(newest)["lake"]
    history(tiny, 3)
    released = tiny.lake.snapshot_id()
    pin(tiny.lake, "rilis-2026-11", released, "rilis data terbuka November 2026")
    history(tiny, 5)
    report = care(tiny)
    assert report.pinned == 2
    assert report.expired > 5
    assert pins(tiny.lake) == {"rilis-2026-11": released}
    for day in (1, 2):
        care(tiny, now=LATER + timedelta(days=day))
    assert prices(tiny, shown) == [(2, 6)]
    assert prices(tiny, released) == [(3, 6)]
    assert prices(tiny) == [(5, 6)]
    with pytest.raises(duckdb.Error):
        prices(tiny, released - 1)
    unpin(tiny.lake, "rilis-2026-11")
    assert care(tiny).expired == 1
    with pytest.raises(duckdb.Error):
        prices(tiny, released)


def test_a_pin_names_a_version_that_is_there(tiny: TinyLake) -> None:
    history(tiny, 1)
    with pytest.raises(ValueError, match="no version 999"):
        pin(tiny.lake, "laporan", 999, "laporan bulanan")
    with pytest.raises(ValueError, match="name for a pin"):
        pin(tiny.lake, "../laporan", tiny.lake.snapshot_id(), "laporan bulanan")


def test_orphans_go_after_a_day_and_named_files_never(tiny: TinyLake) -> None:
    history(tiny, 2)
    folder = files(tiny, "source/uji__harga")[0].parent
    old, young = folder / "tinggalan.parquet", folder / "baru.parquet"
    for path in (old, young):
        path.write_bytes(files(tiny, "source/uji__harga")[0].read_bytes())
    yesterday = time.time() - 2 * 86400
    for path in [old, *(f for f in files(tiny) if f not in (old, young))]:
        os.utime(path, (yesterday, yesterday))
    report = maintain(tiny.lake, tiny.snapshots, keep_days=30)
    assert report.orphans == 1
    assert not old.exists()
    assert young.exists()
    assert prices(tiny) == [(2, 6)]


def test_maintenance_waits_for_an_open_write(tiny: TinyLake) -> None:
    """A file of an open transaction is in no version yet; without the lock it would be taken for an orphan."""
    history(tiny, 1)
    written, go_on = threading.Event(), threading.Event()

    def write() -> None:
        def work(tx: object) -> None:
            tiny.lake.con.execute(
                "INSERT INTO lake.source.uji__harga SELECT * REPLACE (77 AS harga) FROM lake.source.uji__harga"
            )
            for path in files(tiny):
                os.utime(path, (0, 0))
            written.set()
            assert go_on.wait(20)

        tiny.lake.transaction(work)

    writer = threading.Thread(target=write)
    writer.start()
    assert written.wait(20)
    other = Lake(tiny.lake.config, lock_timeout=0.2)
    other._lock = type(other._lock)(tiny.lake.config.lock_path, 0.2)
    with pytest.raises(LakeBusy):
        maintain(other, tiny.snapshots, keep_days=1, orphan_age=timedelta(0))
    go_on.set()
    writer.join(20)
    report = care(tiny, orphan_age=timedelta(0))
    assert report.orphans == 0
    assert prices(tiny) == [(77, 12)]
    other.close()


@pytest.mark.parametrize("step", ["merged", "expired", "cleaned"])
def test_a_kill_between_its_steps_loses_nothing(tiny: TinyLake, step: str) -> None:
    history(tiny, 6)
    tiny.publish()
    rows = contents(tiny)
    tiny.lake.close()
    code = (
        "import sys\nfrom datetime import UTC, datetime, timedelta\nfrom pathlib import Path\n"
        "from tests.support.tiny_lake import TinyLake\nfrom warehouse.maintain import maintain\n"
        "tiny = TinyLake(Path(sys.argv[1]))\n"
        "maintain(tiny.lake, tiny.snapshots, keep_days=1, now=datetime.now(UTC) + timedelta(days=40))\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code, str(tiny.home)],
        env=os.environ | {"SSP_CRASH_AT": f"maintain.{step}"}, cwd=ROOT, check=False,
    )  # fmt: skip
    assert killed.returncode == -9
    assert contents(tiny) == rows
    care(tiny)
    care(tiny, now=LATER + timedelta(days=2))
    assert contents(tiny) == rows


def test_readers_beside_it_see_every_row(tiny: TinyLake) -> None:
    history(tiny, 10)
    stop = threading.Event()
    seen: set[tuple[int, int]] = set()
    commits = [10]

    def read() -> None:
        lake = Lake(tiny.lake.config, read_only=True)
        while not stop.is_set():
            before = commits[0]
            outcomes = lake.query("SELECT count(*) AS n FROM lake.ops.hasil")["n"][0]
            rows = lake.query("SELECT count(*) AS n FROM lake.source.uji__harga")["n"][0]
            seen.add((rows, 3 * before <= outcomes <= 3 * (commits[0] + 1)))
            time.sleep(0.002)
        lake.close()

    reader = threading.Thread(target=read)
    reader.start()
    for price in range(11, 31):
        tiny.put(tiny.harga, DAYS, price)
        commits[0] = price
        if price % 8 == 0:
            assert maintain(tiny.lake, tiny.snapshots, keep_days=30).merged
    stop.set()
    reader.join(20)
    assert seen == {(6, True)}
