"""Versions of open data: when there is a new one, what it costs, what it says of the last one, what never changes."""

import hashlib
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contract import ContractError
from tests.support.open_release import TODAY, Office, add_prices, drop_column, office_in, set_column
from warehouse.duck import bare
from warehouse.opendata import formats
from warehouse.opendata.diff import compare
from warehouse.opendata.manifest import Column, Version, read_release
from warehouse.opendata.moment import day_of


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_in(tmp_path) as office:
        yield office


def two_years(office: Office) -> None:
    """Thirty prices of last year, thirty of this."""
    office.con.execute("UPDATE core.harga SET tanggal = tanggal - INTERVAL 1 YEAR WHERE kode_kabupaten_kota < '1273'")


def test_the_same_content_makes_no_new_version_on_any_day(office: Office) -> None:
    assert office.publish().status == "terbit"
    before = {name: (office.root / name).stat().st_mtime_ns for name in office.tree()}
    # The order of the rows in the lake is no content.
    office.con.execute("CREATE TABLE lain AS SELECT * FROM core.harga ORDER BY harga DESC; DELETE FROM core.harga")
    office.con.execute("INSERT INTO core.harga SELECT * FROM lain")
    done = office.publish(today=TODAY + timedelta(days=400))
    assert (done.status, done.versi) == ("tidak_berubah", 1)
    assert {name: (office.root / name).stat().st_mtime_ns for name in office.tree()} == before


def test_what_is_published_never_changes_and_a_closed_year_is_stored_once(office: Office) -> None:
    two_years(office)
    office.publish()
    first = office.version(1)
    before = {name: (office.root / name).read_bytes() for name in office.tree()}
    old = next(p for p in first.bagian if p.rentang == "2025")
    written = (office.root / old.path).stat()

    office.con.execute("UPDATE core.harga SET harga = harga + 1 WHERE tanggal = ?", [TODAY])
    assert office.publish().versi == 2
    second = office.version(2)
    assert [p.rentang for p in second.bagian] == ["2025", "2026"]
    assert second.bagian[0] == old
    assert second.bagian[1].sha256 != first.bagian[1].sha256
    now = (office.root / old.path).stat()
    assert (now.st_ino, now.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    assert {name: (office.root / name).read_bytes() for name in before} == before


def test_a_version_tells_its_number_day_reason_and_what_changed(office: Office) -> None:
    two_years(office)
    office.publish()
    office.con.execute("DELETE FROM core.harga WHERE tanggal = ? AND kode_kabupaten_kota = '1273'", [TODAY])
    office.con.execute(
        "UPDATE core.harga SET harga = harga + 1 WHERE tanggal = ? AND kode_kabupaten_kota = '1275'", [TODAY]
    )
    tomorrow = TODAY + timedelta(days=1)
    add_prices(office.con, 4, newest=tomorrow)
    done = office.publish(today=tomorrow)
    assert (done.versi, done.alasan) == (2, "4 baris ditambah; 5 baris dihapus; 5 baris diubah.")
    version = office.version(2)
    assert day_of(version.terbit) == tomorrow
    assert version.jatuh_tempo == tomorrow + timedelta(days=1)
    assert (version.mulai, version.sampai) == (date(2025, 11, 19), tomorrow)
    change = version.perubahan
    assert change is not None
    assert change.model_dump() == {
        "dari": 1, "kolom_baru": (), "kolom_hilang": (), "kolom_berubah": (),
        "baris_sebelum": 60, "baris_sesudah": 59, "baris_ditambah": 4, "baris_dihapus": 5, "baris_diubah": 5,
        "rentang_berubah": ("2026",),
    }  # fmt: skip
    assert office.version(1).perubahan is None
    assert json.loads((office.root / "dataset/harga_uji/v2/manifest.json").read_bytes())["perubahan"]["dari"] == 1


def test_a_year_that_is_gone_is_removed_rows(office: Office) -> None:
    two_years(office)
    office.publish()
    office.con.execute("DELETE FROM core.harga WHERE tanggal < '2026-01-01'")
    office.publish()
    change = office.version(2).perubahan
    assert change is not None
    assert (change.baris_dihapus, change.baris_diubah, change.rentang_berubah) == (30, 0, ("2025",))
    assert [p.rentang for p in office.version(2).bagian] == ["2026"]


def test_better_words_are_a_version_of_their_own_over_the_same_files(office: Office) -> None:
    office.publish()
    done = office.publish(edit=set_column("harga", description="Harga eceran di pasar rakyat."))
    assert (done.versi, done.alasan) == (2, "Keterangan diperbarui.")
    assert office.version(2).bagian == office.version(1).bagian
    change = office.version(2).perubahan
    assert change is not None
    assert (change.baris_ditambah, change.baris_dihapus, change.baris_diubah) == (0, 0, 0)


def test_another_digest_of_the_same_rows_makes_no_version(office: Office) -> None:
    """As a later engine might hash rows otherwise."""
    office.publish()
    path = office.root / "dataset" / "harga_uji" / "v1" / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["bagian"][0]["isi"] = "0" * 32
    path.chmod(0o644)
    path.write_text(json.dumps(manifest))
    before = office.tree()
    assert office.publish().status == "tidak_berubah"
    assert office.tree() == before


def test_files_in_one_piece_follow_the_contracts_cadence_and_parts_are_always_current(office: Office) -> None:
    two_years(office)
    office.publish(irama="bulanan")
    made = {f.format: f for f in office.version(1).berkas}
    assert set(made) == {"parquet", "csv", "csv-excel", "xlsx", "json"}

    office.con.execute("UPDATE core.harga SET harga = harga + 1 WHERE tanggal = ?", [TODAY])
    office.publish(irama="bulanan", today=TODAY + timedelta(days=1))
    second = office.version(2)
    assert {f.format: f for f in second.berkas} == made
    assert {f.versi for f in second.berkas} == {1}
    assert second.bagian[1] != office.version(1).bagian[1]

    office.con.execute("UPDATE core.harga SET harga = harga + 1 WHERE tanggal = ?", [TODAY])
    office.publish(irama="bulanan", today=TODAY + timedelta(days=15))
    third = office.version(3)
    assert {f.versi for f in third.berkas} == {3}
    assert {f.id for f in third.berkas} == {f.id for f in made.values()}


def test_a_new_column_is_in_every_file_at_once_whatever_the_cadence(office: Office) -> None:
    office.publish(irama="tahunan")
    office.con.execute("ALTER TABLE core.harga ADD COLUMN mutu VARCHAR DEFAULT 'A'")
    asked = {"edit": set_column("mutu", logicalType="string"), "irama": "tahunan"}
    assert office.publish(**asked).menunggu == ("kolom dibuka: mutu VARCHAR",)
    office.decisions.approve("harga_uji", 1, ["kolom dibuka: mutu VARCHAR"], by="Ibu Uji", why="diminta")
    done = office.publish(**asked)
    assert (done.versi, done.alasan) == (2, "Kolom baru: mutu.")
    assert {f.versi for f in office.version(2).berkas} == {2}
    assert b"mutu" in office.file(2, "csv").read_bytes().splitlines()[0]


def test_a_column_goes_only_after_a_version_that_announced_it(office: Office) -> None:
    office.publish()
    gone = drop_column("satuan")
    done = office.publish(edit=gone)
    assert done.status == "ditahan"
    assert "kolom satuan hilang tanpa diumumkan" in done.alasan

    announced = [{"kolom": "satuan", "keterangan": "Satuan ada di kamus."}]
    assert office.publish(umumkan=announced).versi == 2
    assert office.version(2).umumkan == ({"kolom": "satuan", "keterangan": "Satuan ada di kamus."},)
    done = office.publish(edit=gone)
    assert (done.status, done.menunggu) == ("menunggu_persetujuan", ("kolom hilang: satuan",))
    office.decisions.approve("harga_uji", 2, done.menunggu, by="Ibu Uji", why="diumumkan")
    done = office.publish(edit=gone)
    assert (done.versi, done.alasan) == (3, "Kolom hilang: satuan.")


def test_another_type_or_key_needs_an_approval_and_is_told(office: Office) -> None:
    office.publish()
    wider: dict[str, Any] = {"edit": set_column("harga", physicalType="DECIMAL(18,3)")}
    done = office.publish(**wider)
    assert done.menunggu == ("tipe berubah: harga DECIMAL(18,2) → DECIMAL(18,3)",)
    office.decisions.approve("harga_uji", 1, done.menunggu, by="Ibu Uji", why="lebih teliti")
    assert office.publish(**wider).alasan == "Tipe kolom berubah: harga."
    change = office.version(2).perubahan
    assert change is not None
    assert (change.kolom_berubah, change.baris_ditambah, change.baris_dihapus) == (("harga",), 0, 0)


def test_another_key_orders_every_part_anew(office: Office) -> None:
    two_years(office)
    office.publish()

    def edit(table: dict[str, Any]) -> None:
        for entry in table["properties"]:
            if entry.get("primaryKey"):
                entry["primaryKeyPosition"] = 4 - entry["primaryKeyPosition"]

    office.decisions.approve("harga_uji", 1, office.publish(edit=edit).menunggu, by="Ibu Uji", why="lebih mudah dicari")
    assert office.publish(edit=edit).versi == 2
    version = office.version(2)
    assert version.kunci == ("komoditas", "kode_kabupaten_kota", "tanggal")
    for part in version.bagian:
        rows = office.con.execute(f"SELECT {', '.join(version.kunci)} FROM '{office.root / part.path}'").fetchall()
        assert rows == sorted(rows)


def test_parts_are_divided_by_a_column_of_the_key(office: Office) -> None:
    with pytest.raises(ContractError, match="'tanggal' must be in the key"):
        office.publish(edit=set_column("tanggal", primaryKey=False))


def test_the_history_of_a_release_lists_every_version(office: Office) -> None:
    for number in range(3):
        office.con.execute("UPDATE core.harga SET harga = harga + 1 WHERE tanggal = ?", [TODAY])
        office.publish(today=TODAY + timedelta(days=number))
        assert office.release(today=TODAY + timedelta(days=number)) == number + 1
    (listed,) = read_release(office.root, 3).dataset
    assert [(v.versi, v.status, v.snapshot) for v in listed.riwayat] == [
        (1, "terbit", 1), (2, "terbit", 2), (3, "terbit", 3),
    ]  # fmt: skip
    assert listed.riwayat[:2] == read_release(office.root, 2).dataset[0].riwayat


COLUMNS = tuple(
    Column(nama=n, judul=n, keterangan=n, tipe="integer", sql="BIGINT", wajib=n == "k", kunci=n == "k") for n in "kab"
)
TABLES = st.dictionaries(
    st.integers(0, 12), st.tuples(st.none() | st.integers(0, 2), st.none() | st.integers(0, 2)), max_size=12
)


@given(before=TABLES, after=TABLES)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_diff_counts_what_was_added_removed_and_changed_by_key(
    version_one: Version, tmp_path: Path, before: dict[int, Any], after: dict[int, Any]
) -> None:
    con = bare()
    paths: list[list[Path]] = []
    try:
        for name, table in (("lama", before), ("baru", after)):
            con.execute(f"CREATE TABLE {name} (k BIGINT, a BIGINT, b BIGINT)")
            if table:
                con.executemany(f"INSERT INTO {name} VALUES (?, ?, ?)", [(k, *v) for k, v in table.items()])
                formats.write_parquet(con, f"SELECT * FROM {name}", tmp_path / name)
            paths.append([tmp_path / name] if table else [])
        last = version_one.model_copy(update={"kolom": COLUMNS, "kunci": ("k",), "baris": len(before)})
        change = compare(con, last, COLUMNS, ["k"], old=paths[0], new=paths[1], spans=["semua"], rows=len(after))
    finally:
        con.close()
    both = before.keys() & after.keys()
    assert change.baris_ditambah == len(after.keys() - before.keys())
    assert change.baris_dihapus == len(before.keys() - after.keys())
    assert change.baris_diubah == sum(before[k] != after[k] for k in both)
    assert change.baris_sebelum + change.baris_ditambah - change.baris_dihapus == change.baris_sesudah


@pytest.fixture(scope="module")
def version_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Version]:
    with office_in(tmp_path_factory.mktemp("satu")) as office:
        office.publish()
        yield office.version(1)


def test_a_version_of_the_same_content_has_the_same_digest_and_bytes_anywhere(tmp_path: Path) -> None:
    found = []
    for name in ("satu", "dua"):
        (tmp_path / name).mkdir()
        with office_in(tmp_path / name) as office:
            office.publish()
            version = office.version(1)
            plain = {f.format: f.sha256 for f in version.berkas if f.format != "xlsx"}
            found.append((version.digest, [p.isi for p in version.bagian], plain))
            assert plain["csv"] == hashlib.sha256(office.file(1, "csv").read_bytes()).hexdigest()
    assert found[0] == found[1]
