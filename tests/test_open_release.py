"""Open data: what may leave the lake, what holds it back, and what is on disk once it has left."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from tests.support.open_release import TODAY, Office, make_release, office_in, set_column
from warehouse.opendata.gate import OpenDataError
from warehouse.opendata.manifest import current, read_release, read_version
from warehouse.opendata.metadata import datapackage

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_in(tmp_path) as office:
        yield office


@pytest.mark.parametrize("lacking", ["lisensi", "dasar_publikasi", "asal_terbit"])
def test_nothing_is_public_by_default(office: Office, lacking: str) -> None:
    done = office.publish(**{lacking: None})
    assert (done.status, done.versi, done.alasan) == ("internal", None, f"belum ada {lacking}")
    assert office.release() is None
    assert office.tree() == set()


def test_only_rows_of_opened_origins_leave(office: Office) -> None:
    office.con.execute("UPDATE core.harga SET asal_data = 'resmi', harga = 1 WHERE kode_kabupaten_kota = '1271'")
    office.con.execute("UPDATE core.harga SET asal_data = 'ulangan', harga = 1 WHERE kode_kabupaten_kota = '1272'")
    assert office.publish().baris == 40
    parquet = office.file(1, "parquet")
    found = duckdb.sql(f"SELECT DISTINCT asal_data, harga = 1 FROM '{parquet}'").fetchall()
    assert found == [("tiruan", False)]
    for file in office.version(1).berkas:
        assert b"SIBOLGA" not in (office.root / file.path).read_bytes(), file.format


def test_a_dataset_without_an_opened_row_is_not_published(office: Office) -> None:
    done = office.publish(asal_terbit=["resmi"])
    assert (done.status, done.alasan) == ("kosong", "tidak ada baris yang boleh terbit (asal dibuka: resmi)")
    assert office.tree() == set()


@pytest.mark.parametrize("values", [{"classification": "internal"}, {"classification": "private"}, {}])
def test_a_column_that_is_not_opened_is_in_no_file(office: Office, values: dict[str, str]) -> None:
    office.con.execute("ALTER TABLE core.harga ADD COLUMN catatan VARCHAR DEFAULT 'RAHASIABENAR'")

    def edit(table: dict[str, list[dict[str, str]]]) -> None:
        table["properties"].append({"name": "catatan", "logicalType": "string", "description": "Catatan.", **values})

    assert office.publish(edit=edit).status == "terbit"
    office.release()
    assert "catatan" not in [c.nama for c in office.version(1).kolom]
    for name in office.tree():
        body = (office.root / name).read_bytes()
        assert b"RAHASIABENAR" not in body, name
        assert b"catatan VARCHAR" not in body, name


def test_free_text_stays_closed_whatever_its_class_says(office: Office) -> None:
    free = [{"property": "teks_bebas", "value": True}]
    done = office.publish(edit=set_column("satuan", customProperties=free))
    assert done.status == "terbit"
    assert "satuan" not in [c.nama for c in office.version(1).kolom]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("UPDATE core.harga SET komoditas = NULL WHERE kode_kabupaten_kota = '1271'", "komoditas kosong di 10 baris"),
        ("UPDATE core.harga SET komoditas = '' WHERE kode_kabupaten_kota = '1271'", "komoditas kosong di 10 baris"),
        ("INSERT INTO core.harga SELECT * FROM core.harga LIMIT 3", "muncul lebih dari sekali"),
    ],
)
def test_rows_that_break_the_contract_hold_the_version_back_and_the_last_one_stays(
    office: Office, sql: str, reason: str
) -> None:
    assert office.publish().versi == 1
    before = office.tree()
    office.con.execute(sql)
    done = office.publish()
    assert (done.status, done.versi) == ("ditahan", 1)
    assert reason in done.alasan
    assert office.tree() == before


@pytest.mark.parametrize(
    ("form", "value"), [("nik", "1271014507900003"), ("telepon", "0812-6001-2345"), ("surel", "budi@medan.go.id")]
)
def test_planted_personal_data_block_until_a_walidata_says_why_they_are_none(
    office: Office, form: str, value: str
) -> None:
    office.con.execute("UPDATE core.harga SET satuan = ? WHERE komoditas = 'Beras Medium'", [f"Rp/kg ({value})"])
    done = office.publish()
    assert (done.status, done.versi) == ("ditahan", None)
    assert f"kolom satuan memuat {form} di 12 baris" in done.alasan
    assert value not in done.alasan
    assert office.tree() == set()

    office.decisions.waive("harga_uji", "nama_provinsi", form, by="Ibu Uji", why="kolom lain")
    assert office.publish().status == "ditahan"
    office.decisions.waive("harga_uji", "satuan", form, by="Ibu Uji", why="contoh dari panduan")
    assert office.publish().status == "terbit"


def test_sql_and_contract_must_agree_on_the_columns(office: Office) -> None:
    contract = office.contract()
    path = contract.sql_path
    path.write_text(path.read_text().replace("harga,", "harga, 1 AS lebih,"))
    written = path.read_text()
    with pytest.raises(OpenDataError, match="columns without a description: lebih; described but not selected: -"):
        _publish_as_written(office, written)


@pytest.mark.parametrize(
    ("cast", "given"),
    [("CAST(harga AS DOUBLE)", "DOUBLE"), ("CAST(harga AS DECIMAL(18,4))", "DECIMAL"), ("'1'", "VARCHAR")],
)
def test_a_value_that_the_contracts_type_would_change_is_refused(office: Office, cast: str, given: str) -> None:
    text = office.contract().sql_path.read_text().replace("harga,", f"{cast} AS harga,", 1)
    with pytest.raises(OpenDataError, match=rf"harga_uji.harga: the SQL gives {given}.*without loss"):
        _publish_as_written(office, text)


def _publish_as_written(office: Office, sql: str) -> None:
    """Publish with this SQL in the dataset's file."""
    from tests.support.open_release import AGENCIES, PUBLISHER
    from warehouse.opendata.publish import publish_dataset

    contract = office.contract()
    contract.sql_path.write_text(sql)
    publish_dataset(office.con, contract, AGENCIES[contract.agency], office.root, office.decisions, TODAY, PUBLISHER)


def test_what_the_manifest_says_is_on_disk_complete_read_only_and_valid(office: Office) -> None:
    office.publish()
    office.publish("kamera_uji")
    assert office.release() == 1
    release = read_release(office.root, 1)
    assert current(office.root) == 1
    listed = {
        "terkini.json",
        *(f"rilis/1/{n}" for n in ("rilis.json", "katalog.ducklake", "katalog.jsonld", "katalog.ttl")),
    }
    for dataset in release.dataset:
        assert dataset.versi == 1
        version = read_version(office.root, dataset.dataset, 1)
        folder = f"dataset/{dataset.dataset}/v1"
        beside = ("manifest.json", "datapackage.json", "kamus.xlsx", *(f.nama for f in version.berkas))
        listed |= {f"{folder}/{n}" for n in beside}
        listed |= {f.path for f in version.berkas} | {p.path for p in version.bagian}
        for file in version.berkas:
            body = (office.root / file.path).read_bytes()
            assert (len(body), hashlib.sha256(body).hexdigest()) == (file.bytes, file.sha256)
            assert file.sha256 in file.path
        home = office.root / folder
        package = (home / "datapackage.json").read_bytes()
        datapackage.check(package, version, lambda f, home=home: home / f.nama, deep=True)
    assert office.tree() == listed
    modes = {(office.root / name).stat().st_mode & 0o777 for name in listed}
    assert modes == {0o444}


def test_data_of_stand_ins_are_marked_and_no_agency_is_named_as_their_source(office: Office) -> None:
    office.publish()
    version = office.version(1)
    assert version.asal_data == ("tiruan",)
    assert "data tiruan" in version.peringatan[0]
    assert version.produsen.endswith("(tiruan)")
    assert version.sumber[0].url is None


def test_a_release_without_anything_new_is_none(office: Office) -> None:
    office.publish()
    assert office.release() == 1
    before = office.tree()
    assert office.publish(today=TODAY + timedelta(days=1)).status == "tidak_berubah"
    assert office.release(today=TODAY + timedelta(days=1)) is None
    assert office.tree() == before


def test_a_dataset_whose_contract_is_gone_keeps_what_it_published(office: Office) -> None:
    office.publish()
    office.publish("kamera_uji")
    office.release()
    office.con.execute("UPDATE core.kamera SET nama_kamera = nama_kamera || ' baru'")
    for path in (office.folder / "kontrak" / "pangan_uji" / "open_data").iterdir():
        path.unlink()
    office._kept.pop("harga_uji")
    office.publish("kamera_uji")
    assert office.release() == 2
    assert [(d.dataset, d.versi) for d in read_release(office.root, 2).dataset] == [("harga_uji", 1), ("kamera_uji", 2)]


def test_pages_see_the_finished_files_and_come_with_the_release(office: Office) -> None:
    office.publish()

    def site(root: Path, folder: Path, release: object) -> None:
        manifest = read_version(root, "harga_uji", 1)
        (folder / "situs").mkdir()
        (folder / "situs" / "index.html").write_text(f"<h1>{manifest.judul}</h1>")
        assert current(root) is None

    office.release(site=site)
    assert (office.root / "rilis" / "1" / "situs" / "index.html").read_text().startswith("<h1>Harga")


KILLED = """
import sys
from pathlib import Path
from tests.support.open_release import make_release
make_release(Path(sys.argv[1]), rows=30, versions=int(sys.argv[2]))
"""
STEPS = ["store.file_added", "store.file_added:9", "store.version_added", "store.version_added:3",
         "store.release_added", "store.pointer_moved"]  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_leaves_the_old_or_the_new_release_and_the_next_run_goes_on(
    tmp_path: Path, step: str
) -> None:
    root = tmp_path / "terbuka"
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(root), "1"],
        cwd=ROOT,
        env={**os.environ, "SSP_CRASH_AT": step},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    number = current(root)
    assert number == (1 if step == "store.pointer_moved" else None)
    if number is not None:
        _all_there(root, number)

    make_release(root, rows=30)
    number = current(root)
    assert number is not None
    _all_there(root, number)
    assert {d.versi for d in read_release(root, number).dataset} == {1}
    # Nothing half-made is served: only whole JSON, and files under the name of their content.
    for path in root.rglob("*"):
        if path.suffix == ".json" and path.parent.parent.name != "bagian":
            json.loads(path.read_bytes())
        if path.is_file() and path.parent.parent.name == "bagian":
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem


def _all_there(root: Path, number: int) -> None:
    for dataset in read_release(root, number).dataset:
        assert dataset.versi is not None
        for file in read_version(root, dataset.dataset, dataset.versi).berkas:
            assert (root / file.path).stat().st_size == file.bytes
