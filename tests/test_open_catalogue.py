"""One ATTACH: a plain DuckDB opens every open dataset over HTTP, with every published version by time travel."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support import open_release
from tests.support.open_release import TODAY, Office, office_in, set_column
from tests.support.range_server import Served, serve
from warehouse.duck import literal, load_extension
from warehouse.opendata.manifest import read_release
from warehouse.opendata.withdraw import withdraw


@contextmanager
def plain(url: str, options: str = "") -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB of its own with the catalogue at this address attached, as any reader would."""
    con = duckdb.connect()
    try:
        for extension in ("httpfs", "ducklake"):
            load_extension(con, extension)
        con.execute(f"ATTACH {literal(f'ducklake:{url}')} AS katalog {options}")
        yield con
    finally:
        con.close()


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Office, Served]]:
    """An office whose public folder is served at the address that its catalogue names."""
    with office_in(tmp_path) as office, serve(office.root) as served:
        monkeypatch.setattr(open_release, "PUBLISHER", replace(open_release.PUBLISHER, base_url=served.url))
        yield office, served


def sums(con: duckdb.DuckDBPyConnection, at: str = "") -> Any:
    return con.execute(f"SELECT count(*), sum(harga) FROM katalog.harga_uji {at}").fetchone()


def change(office: Office, number: int) -> None:
    office.con.execute("UPDATE core.harga SET harga = harga + 1 WHERE tanggal = ?", [TODAY])
    office.publish(today=TODAY + timedelta(days=number))


def test_a_plain_duckdb_reads_todays_and_an_earlier_version_by_range(office: tuple[Office, Served]) -> None:
    own, served = office
    own.publish()
    own.publish("kamera_uji")
    own.release()
    change(own, 1)
    own.release(today=TODAY + timedelta(days=1))
    before = own.con.execute("SELECT sum(harga) FROM core.harga").fetchone()
    assert before is not None

    with plain(f"{served.url}/rilis/2/katalog.ducklake") as con:
        assert sums(con) == (60, before[0])
        assert sums(con, "AT (VERSION => 1)") == (60, before[0] - 30)
        assert con.execute("SELECT count(*) FROM katalog.kamera_uji AT (VERSION => 1)").fetchone() == (24,)
        assert con.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'katalog'").fetchall() == [
            ("harga_uji",), ("kamera_uji",),
        ]  # fmt: skip
        columns = con.execute("DESCRIBE katalog.harga_uji").fetchall()
        assert [(c[0], c[1]) for c in columns] == [(c.nama, c.sql) for c in own.version(2).kolom]
        comments = con.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 'harga_uji'").fetchone()
        assert comments is not None
        assert "data tiruan" in comments[0]
    assert all(wanted.startswith("bytes=") for _, wanted, size in served.asked if size)
    assert {path for path, _, _ in served.asked if path.endswith(".csv")} == set()


def test_a_query_reads_only_the_bytes_that_it_needs(office: tuple[Office, Served]) -> None:
    own, served = office
    own.con.execute(
        "INSERT INTO core.harga SELECT '12', 'SUMATERA UTARA', CAST(2000 + i % 150 AS VARCHAR), sha256('' || i), "
        "'Beras', i, 'Rp/kg', DATE '2025-12-31' - CAST(i // 150 AS INTEGER), 'tiruan' FROM range(50000) AS r(i)"
    )
    own.publish()
    own.release()
    whole = sum(p.bytes for p in own.version(1).bagian)
    with plain(f"{served.url}/rilis/1/katalog.ducklake") as con:
        served.asked.clear()
        assert con.execute("SELECT count(*) FROM katalog.harga_uji WHERE tanggal >= '2026-01-01'").fetchone() == (60,)
        assert served.bytes_of(".parquet") < 20_000
        served.asked.clear()
        con.execute("SELECT sum(harga) FROM katalog.harga_uji").fetchone()
        assert served.bytes_of(".parquet") < whole / 4


def test_a_mirror_and_a_local_copy_open_the_same_catalogue_with_their_own_data_path(tmp_path: Path) -> None:
    with office_in(tmp_path) as own:
        own.publish()
        own.release()
        path = own.root / "rilis" / "1" / "katalog.ducklake"
        copy = tmp_path / "cermin"
        own.root.rename(copy)
        at = f"(DATA_PATH {literal(f'{copy}/')}, OVERRIDE_DATA_PATH true, READ_ONLY)"
        with plain(str(copy / path.relative_to(own.root)), at) as con:
            assert sums(con)[0] == 60


def test_columns_that_come_and_types_that_change_are_read_as_each_version_had_them(
    office: tuple[Office, Served],
) -> None:
    own, served = office
    own.publish()
    own.release()
    own.con.execute("ALTER TABLE core.harga ADD COLUMN mutu VARCHAR DEFAULT 'A'")
    new = set_column("mutu", logicalType="string")
    own.decisions.approve("harga_uji", 1, own.publish(edit=new).menunggu, by="Ibu Uji", why="uji")
    assert own.publish(edit=new).versi == 2
    own.release()

    def both(table: dict[str, Any]) -> None:
        new(table)
        set_column("harga", physicalType="DOUBLE")(table)

    own.con.execute("ALTER TABLE core.harga ALTER harga TYPE DOUBLE")
    own.decisions.approve("harga_uji", 2, own.publish(edit=both).menunggu, by="Ibu Uji", why="uji")
    assert own.publish(edit=both).versi == 3
    own.release()

    with plain(f"{served.url}/rilis/3/katalog.ducklake") as con:
        shapes = []
        for number in (1, 2, 3):
            found = con.execute(f"DESCRIBE SELECT * FROM katalog.harga_uji AT (VERSION => {number})").fetchall()
            shapes.append({c[0]: c[1] for c in found})
            assert sums(con, f"AT (VERSION => {number})")[0] == 60
        assert ["mutu" in s for s in shapes] == [False, True, True]
        assert [s["harga"] for s in shapes] == ["DECIMAL(18,2)", "DECIMAL(18,2)", "DOUBLE"]


def test_parts_that_do_not_change_are_registered_once_and_those_that_do_are_ended(
    office: tuple[Office, Served],
) -> None:
    own, _ = office
    own.con.execute("UPDATE core.harga SET tanggal = tanggal - INTERVAL 1 YEAR WHERE kode_kabupaten_kota < '1273'")
    own.publish()
    own.release()
    for number in (1, 2):
        change(own, number)
        own.release(today=TODAY + timedelta(days=number))
    with duckdb.connect(str(own.root / "rilis" / "3" / "katalog.ducklake"), read_only=True) as con:
        rows = con.execute(
            "SELECT path, begin_snapshot, end_snapshot FROM ducklake_data_file ORDER BY begin_snapshot, path"
        ).fetchall()
    spans = {p.path: p.rentang for n in (1, 2, 3) for p in own.version(n).bagian}
    assert sorted((spans[path], begin, end) for path, begin, end in rows) == [
        ("2025", 1, None), ("2026", 1, 2), ("2026", 2, 3), ("2026", 3, None),
    ]  # fmt: skip


def test_a_withdrawn_version_is_in_no_snapshot_and_not_in_the_file(office: tuple[Office, Served]) -> None:
    own, served = office
    own.publish()
    own.release()
    own.con.execute("UPDATE core.harga SET satuan = 'RAHASIABENAR' WHERE tanggal = ?", [TODAY])
    own.publish(today=TODAY + timedelta(days=1))
    own.release(today=TODAY + timedelta(days=1))
    own.con.execute("UPDATE core.harga SET satuan = 'Rp/kg', harga = harga + 7 WHERE tanggal = ?", [TODAY])
    own.publish(today=TODAY + timedelta(days=2))
    own.release(today=TODAY + timedelta(days=2))
    with plain(f"{served.url}/rilis/3/katalog.ducklake") as con:
        shown = [sums(con, f"AT (VERSION => {n})") for n in (1, 2, 3)]
        assert con.execute(
            "SELECT count(*) FROM katalog.harga_uji AT (VERSION => 2) WHERE satuan = 'RAHASIABENAR'"
        ).fetchone() == (30,)

    withdraw(own.store, own.decisions, "harga_uji", 2, by="Ibu Uji", why="memuat rahasia")
    assert own.release(today=TODAY + timedelta(days=3)) == 4
    assert read_release(own.root, 4).snapshot == 3
    with plain(f"{served.url}/rilis/4/katalog.ducklake") as con:
        assert [sums(con, f"AT (VERSION => {n})") for n in (1, 2, 3)] == [shown[0], shown[0], shown[2]]
        assert sums(con) == shown[2]
    for name in own.tree():
        assert b"RAHASIABENAR" not in (own.root / name).read_bytes(), name
    change(own, 4)
    assert own.release(today=TODAY + timedelta(days=4)) == 5
    with plain(f"{served.url}/rilis/5/katalog.ducklake") as con:
        assert sums(con, "AT (VERSION => 3)") == shown[2]
        assert sums(con)[1] == shown[2][1] + 30
