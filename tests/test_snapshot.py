"""The analysts' snapshot: what it holds, what a change costs, and that readers only ever see a whole version."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from connectors.durable import fsync_path
from tests.support.tiny_lake import TinyLake
from tests.support.waiting import until
from tests.support.workspace import ROOT, Small
from warehouse import snapshot
from warehouse.lake import plain_type

FIRST = date(2026, 9, 29)
DAYS = [FIRST + timedelta(days=n) for n in range(4)]
STEPS = ["part_written", "parts_written", "manifest_written", "database_written", "linked"]


def read(path: Path, sql: str) -> list[tuple[object, ...]]:
    """Rows out of a copy of the file: DuckDB refuses a file that another test of this process holds open otherwise."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(shutil.copy(path, folder), read_only=True) as con:
        return con.execute(sql).fetchall()


def parts_of(folder: Path) -> set[str]:
    return {str(p.relative_to(folder / "parts")) for p in (folder / "parts").rglob("*") if p.is_file()}


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[TinyLake]:
    tiny = TinyLake(tmp_path)
    tiny.put(tiny.harga, DAYS, 1000)
    tiny.put(tiny.stok, DAYS, 1000, rows=1)
    yield tiny
    tiny.lake.close()


@contextmanager
def reader(path: Path, script: str) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that has run `script` with `con`, a connection to the file, and says so."""
    code = (
        "import duckdb, sys, time\n"
        f"con = duckdb.connect({str(path)!r}, read_only=True)\n{script}\nprint('siap', flush=True)\nsys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline() == "siap\n"
        yield process
    finally:
        process.stdin.close()
        assert process.wait(timeout=20) == 0, process.stderr.read() if process.stderr else ""


def test_a_version_shows_every_table_with_titles_units_and_origin(small_warehouse: Small) -> None:
    path = small_warehouse.snapshots / snapshot.LATEST
    tables = read(path, "SELECT schema_name || '.' || view_name, comment FROM duckdb_views() WHERE NOT internal")
    assert {"source.pihps__harga_pangan_pasar", "core.fct_harga_pangan_pasar", "core.dim_wilayah"} <= {
        t for t, _ in tables
    }
    assert all(comment for _, comment in tables)
    columns = read(
        path,
        "SELECT schema_name || '.' || table_name, column_name, comment FROM duckdb_columns() "
        "WHERE schema_name IN ('source', 'core', 'dashboard', 'open_data')",
    )
    assert [c for c in columns if not c[2]] == []
    [unit] = [c[2] for c in columns if c[:2] == ("core.fct_harga_pangan_pasar", "harga")]
    assert str(unit).endswith("[Rp/kg]")
    origins = {t for t, c, _ in columns if c in ("_asal", "asal_data")}
    assert origins == {t for t, _ in tables}
    for table in origins:
        name = "_asal" if str(table).startswith("source") else "asal_data"
        assert set(read(path, f"SELECT DISTINCT {name} FROM {table}")) <= {("tiruan",), ("resmi",)}


def test_its_own_tables_tell_what_the_views_hold(small_warehouse: Small) -> None:
    path = small_warehouse.snapshots / snapshot.LATEST
    shown = read(path, "SELECT skema || '.' || tabel, kolom_partisi, baris, partisi_terbaru, asal FROM cuplikan.info")
    assert len(shown) > 40
    for table, partition, rows, newest, origins in shown:
        origin = "_asal" if str(table).startswith("source") else "asal_data"
        span = f"max({partition})" if partition else "NULL"
        found = read(path, f"SELECT count(*), {span}, list(DISTINCT {origin} ORDER BY {origin}) FROM {table}")
        assert found == [(rows, newest, origins)], table
    [(agency, inputs)] = read(
        path, "SELECT instansi, masukan FROM cuplikan.info WHERE tabel = 'fct_harga_pangan_kabkota'"
    )
    assert agency == "komoditas, panel_harga, referensi, sp2kp"
    assert "core.fct_harga_pangan_kabkota_sp2kp" in inputs  # type: ignore[operator]
    described = read(path, "SELECT skema, tabel, kolom, tipe FROM cuplikan.kolom ORDER BY skema, tabel, urutan")
    physical = read(
        path,
        "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE schema_name NOT IN ('cuplikan', 'main', 'pg_catalog', 'information_schema') "
        "ORDER BY schema_name, table_name, column_index",
    )
    assert described == [(s, t, c, plain_type(str(d))) for s, t, c, d in physical]
    assert read(path, "SELECT versi FROM cuplikan.versi") == [(snapshot.latest(path.parent).stem,)]  # type: ignore[union-attr]


def test_no_part_and_no_view_has_a_private_column(small_warehouse: Small) -> None:
    with small_warehouse.open() as workspace:
        contracts = workspace.registry.contracts
    private = {(c.table, p.name) for c in contracts for p in c.columns if p.classification == "private"}
    assert any(table == "samsat__pembayaran_pkb" for table, _ in private)
    seen = set()
    for part in (small_warehouse.snapshots / "parts").rglob("*.parquet"):
        for (name,) in duckdb.sql(f"SELECT name FROM parquet_schema('{part}')").fetchall():
            seen.add((part.parent.name, name))
    assert {t for t, _ in seen} >= {t for t, _ in private}
    assert private & seen == set()
    assert {c for _, c in seen} & {"_payload", "_baris"} == set()
    shown = read(small_warehouse.snapshots / snapshot.LATEST, "SELECT klasifikasi FROM cuplikan.kolom")
    assert set(shown) == {("public",), ("internal",)}


def test_a_model_column_is_private_until_it_is_opened(tiny: TinyLake) -> None:
    tiny.publish()
    newest = snapshot.latest(tiny.snapshots)
    assert newest is not None
    names = [r[0] for r in read(newest, "DESCRIBE core.fct_jumlah")]
    assert names == ["tanggal", "jumlah", "asal_data"]
    assert [r[0] for r in read(newest, "DESCRIBE source.uji__harga")] == ["tanggal", "kode", "harga", "_asal"]
    assert read(newest, "SELECT kode FROM source.uji__harga LIMIT 1") == [("12.10",)]


def test_the_same_content_makes_no_version_and_a_changed_day_one_part_a_table(tiny: TinyLake) -> None:
    first = tiny.publish()
    assert (first.version, first.created) == ("v000001", True)
    before = parts_of(tiny.snapshots)
    assert len(before) == 6  # three tables of two months
    again = tiny.publish()
    assert (again.version, again.created, again.new_parts) == ("v000001", False, 0)
    assert [p.stem for p in snapshot.versions(tiny.snapshots)] == ["v000001"]
    tiny.put(tiny.harga, DAYS[-1:], 2000)
    changed = tiny.publish()
    assert (changed.version, changed.created, changed.new_parts) == ("v000002", True, 2)
    fresh = parts_of(tiny.snapshots) - before
    assert {name.rsplit("-", 1)[0] for name in fresh} == {"source/uji__harga/2026-10", "core/fct_jumlah/2026-10"}
    assert read(tiny.snapshots / "v000001.duckdb", "SELECT sum(jumlah) FROM core.fct_jumlah") == [(8000,)]
    assert read(tiny.snapshots / "v000002.duckdb", "SELECT sum(jumlah) FROM core.fct_jumlah") == [(10000,)]
    assert read(tiny.snapshots / "latest.duckdb", "SELECT versi FROM cuplikan.versi") == [("v000002",)]


def test_files_of_a_version_are_never_writable(tiny: TinyLake) -> None:
    tiny.publish()
    files = [p for p in tiny.snapshots.rglob("*") if p.is_file() and not p.is_symlink()]
    assert {oct(p.stat().st_mode & 0o777) for p in files} == {"0o444"}


def test_a_folder_that_was_moved_gets_a_version_that_finds_its_parts(tiny: TinyLake, tmp_path: Path) -> None:
    tiny.publish()
    tiny.snapshots.rename(tmp_path / "pindah")
    made = snapshot.publish(tiny.lake, tmp_path / "pindah", tiny.contracts, tiny.models)
    assert (made.version, made.created, made.new_parts) == ("v000002", True, 0)
    assert read(tmp_path / "pindah" / "latest.duckdb", "SELECT sum(jumlah) FROM core.fct_jumlah") == [(8000,)]


def test_an_exported_version_needs_no_other_file(tiny: TinyLake, tmp_path: Path) -> None:
    tiny.publish()
    target = tmp_path / "bawa.duckdb"
    snapshot.export(tiny.snapshots / "latest.duckdb", target)
    shutil.rmtree(tiny.snapshots)
    assert read(target, "SELECT count(*), sum(harga) FROM source.uji__harga") == [(8, 8000)]
    assert read(target, "SELECT comment FROM duckdb_columns() WHERE column_name = 'jumlah'") == [("Jumlah harga [Rp]",)]
    assert read(target, "SELECT versi FROM cuplikan.versi") == [("v000001",)]
    with pytest.raises(FileExistsError):
        snapshot.export(target, target)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_leaves_the_old_or_the_new_version_whole(
    tiny: TinyLake, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.publish()
    before = parts_of(tiny.snapshots)
    tiny.put(tiny.harga, DAYS[-1:], 2000)
    tiny.lake.close()

    killed = subprocess.run(
        [sys.executable, "-m", "tests.support.tiny_lake", str(tiny.home)],
        env=os.environ | {"SSP_CRASH_AT": f"snapshot.{step}"}, cwd=ROOT, check=False,
    )  # fmt: skip
    assert killed.returncode == -9
    seen = read(tiny.snapshots / "latest.duckdb", "SELECT sum(jumlah) FROM core.fct_jumlah")
    assert seen == ([(10000,)] if step == "linked" else [(8000,)])
    synced: set[Path] = set()

    def sync(path: Path) -> None:
        synced.add(path)
        fsync_path(path)

    monkeypatch.setattr(snapshot, "fsync_path", sync)
    assert tiny.publish().version == "v000002"
    if step != "linked":
        left = {(tiny.snapshots / "parts" / name).parent for name in parts_of(tiny.snapshots) - before}
        assert left
        assert left <= synced, "what the killed publish left is only used once its name is on the disk"
    newest = snapshot.latest(tiny.snapshots)
    assert newest == tiny.snapshots / "v000002.duckdb"
    assert read(newest, "SELECT sum(jumlah) FROM core.fct_jumlah") == [(10000,)]
    assert sorted(p.name for p in tiny.snapshots.iterdir()) == [
        "latest.duckdb", "parts", "v000001.duckdb", "v000001.json", "v000002.duckdb", "v000002.json",
    ]  # fmt: skip
    held = {
        part for v in snapshot.versions(tiny.snapshots) for t in snapshot.manifest(v)["bagian"].values() for part in t
    }
    assert parts_of(tiny.snapshots) == held


def test_without_room_no_part_and_no_version_stays_and_the_next_publish_is_whole(tiny: TinyLake) -> None:
    """A limit on the size of files in a process of its own fails its writes as a full disk does."""
    tiny.publish()
    before = parts_of(tiny.snapshots)
    tiny.put(tiny.harga, DAYS[-1:], 2000)
    tiny.lake.close()
    code = f"""
import resource
from pathlib import Path
import duckdb
from connectors.durable import fsync_path
from tests.support.tiny_lake import TinyLake
from warehouse import snapshot
from warehouse.build import Builder
tiny = TinyLake(Path({str(tiny.home)!r}))
Builder(tiny.lake, tiny.contracts, "uji").build(tiny.model)
resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))
try:
    snapshot.publish(tiny.lake, tiny.snapshots, tiny.contracts, tiny.models)
except (duckdb.Error, OSError) as error:
    print("ditolak")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "ditolak\n"
    assert parts_of(tiny.snapshots) == before
    assert [v.stem for v in snapshot.versions(tiny.snapshots)] == ["v000001"]
    assert read(tiny.snapshots / "latest.duckdb", "SELECT sum(jumlah) FROM core.fct_jumlah") == [(8000,)]
    assert tiny.publish().version == "v000002"
    assert read(tiny.snapshots / "latest.duckdb", "SELECT sum(jumlah) FROM core.fct_jumlah") == [(10000,)]


def test_a_reader_of_latest_sees_whole_versions_during_twenty_publishes(tiny: TinyLake) -> None:
    tiny.publish()
    wrong: list[str] = []
    seen: set[int] = set()
    stop = threading.Event()

    def poll() -> None:
        code = (
            "import duckdb, time\n"
            "while True:\n"
            "    time.sleep(0.02)\n"
            f"    con = duckdb.connect({str(tiny.snapshots / 'latest.duckdb')!r}, read_only=True)\n"
            "    a = con.execute('SELECT max(harga), min(harga), count(*) FROM source.uji__harga').fetchone()\n"
            "    b = con.execute('SELECT max(harga), min(harga), count(*) FROM source.uji__stok').fetchone()\n"
            "    c = con.execute('SELECT max(jumlah) / 2, min(jumlah) / 2, count(*) FROM core.fct_jumlah').fetchone()\n"
            "    con.close()\n"
            "    print(*map(int, a + b + c), flush=True)\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            values = [int(v) for v in line.split()]
            low_high = set(values[0:2] + values[3:5] + values[6:8])
            if len(low_high) != 1 or values[2::3] != [8, 4, 4]:
                wrong.append(line)
            seen.update(low_high)
            if stop.is_set():
                break
        process.kill()
        wrong.extend(process.stderr.read().splitlines())

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        for price in range(1, 21):
            tiny.put(tiny.harga, DAYS, price)
            tiny.put(tiny.stok, DAYS, price, rows=1)
            assert tiny.publish().created
            if price % 5 == 0:
                until(lambda price=price: price in seen)  # the reader keeps up, however slow the machine
                snapshot.prune(tiny.lake, tiny.snapshots, keep=3, keep_days=0)
    finally:
        stop.set()  # else a failure above would leave the reader polling, and the tests waiting for it, for ever
        thread.join(timeout=20)
    assert wrong == []
    assert len(seen) > 3


def make_versions(tiny: TinyLake, count: int) -> None:
    for price in range(1, count + 1):
        tiny.put(tiny.harga, DAYS[:1], price)
        assert tiny.publish().created


def test_pruning_keeps_the_newest_the_young_and_what_they_need(tiny: TinyLake) -> None:
    make_versions(tiny, 5)
    assert snapshot.prune(tiny.lake, tiny.snapshots, keep=2, keep_days=1) == []
    for path in snapshot.versions(tiny.snapshots):
        os.utime(path, (0, 0))
    assert snapshot.prune(tiny.lake, tiny.snapshots, keep=2, keep_days=1) == ["v000001", "v000002", "v000003"]
    kept = snapshot.versions(tiny.snapshots)
    assert [p.stem for p in kept] == ["v000004", "v000005"]
    for number, path in zip((4, 5), kept, strict=True):
        assert read(path, "SELECT sum(harga) FROM source.uji__harga") == [(6000 + 2 * number,)]
    held = {part for v in kept for t in snapshot.manifest(v)["bagian"].values() for part in t}
    assert parts_of(tiny.snapshots) == held
    assert snapshot.prune(tiny.lake, tiny.snapshots, keep=1, keep_days=0) == ["v000004"]
    assert read(kept[1], "SELECT sum(harga) FROM source.uji__harga") == [(6010,)]


def test_pruning_never_takes_a_version_from_under_a_reader(tiny: TinyLake) -> None:
    make_versions(tiny, 3)
    script = "con.execute('SELECT 1')"
    ask = "import atexit; atexit.register(lambda: con.execute('SELECT sum(harga) FROM source.uji__harga').fetchall())"
    with reader(tiny.snapshots / "v000001.duckdb", f"{script}\n{ask}"):
        assert snapshot.prune(tiny.lake, tiny.snapshots, keep=1, keep_days=0) == ["v000002"]
        # In this process too, where DuckDB's lock does not show.
        own = duckdb.connect(str(tiny.snapshots / "v000001.duckdb"), read_only=True)
        assert snapshot.prune(tiny.lake, tiny.snapshots, keep=1, keep_days=0) == []
        assert own.execute("SELECT sum(harga) FROM source.uji__harga").fetchall() == [(6002,)]
        own.close()
        assert snapshot.prune(tiny.lake, tiny.snapshots, keep=1, keep_days=0) == []
    assert snapshot.prune(tiny.lake, tiny.snapshots, keep=1, keep_days=0) == ["v000001"]
