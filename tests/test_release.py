"""Open data: what leaves, under which conditions, in which files, and what never changes once it has left."""

import csv
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import yaml

from connectors.contract import Agency
from tests.support.acuan import memory_lake
from warehouse.datapackage import FORMULA, PackageError, check_folder
from warehouse.modelling import ModelError
from warehouse.open_data import OpenDataset, find_open_data
from warehouse.release import Released, ReleaseError, release

ROOT = Path(__file__).resolve().parents[1]
AGENCY = Agency(kode="uji", nama="Kantor Uji", instansi="Dinas Uji", url="https://uji.example.invalid")

HEAD: dict[str, Any] = {
    "judul": "Harga uji",
    "description": "Harga menurut kode.",
    "grain": "Satu baris per tanggal dan kode",
    "partition": "tanggal",
    "kunci": ["tanggal", "kode"],
    "wajib": ["harga"],
    "lisensi": "CC-BY-4.0",
    "dasar_publikasi": "Keputusan uji",
    "asal_terbit": ["tiruan"],
    "topik": ["uji"],
    "columns": {
        "kode": {"description": "Kode wilayah.", "classification": "public"},
        "nama": {"description": "Nama.", "classification": "public"},
        "harga": {"description": "Harga.", "satuan": "Rp/kg", "classification": "public"},
        "jumlah": {"description": "Jumlah.", "classification": "public"},
        "benar": {"description": "Benar.", "classification": "public"},
        "waktu": {"description": "Waktu (UTC).", "classification": "public"},
        "rahasia": {"description": "Tidak terbit.", "classification": "internal"},
        "tanggal": {"description": "Tanggal (WIB).", "classification": "public"},
        "asal_data": {"description": "Asal data.", "classification": "public"},
    },
}
ROWS = [
    # Out of order on purpose: files follow the key.
    ("12.71", "Kota", "48250.50", 7, True, "2026-11-19 08:00:00+00", "RAHASIA", "2026-11-19", "tiruan"),
    ("12.10", 'Kabupaten, "Baru"', "-1000.00", -5, False, None, "RAHASIA", "2026-11-19", "tiruan"),
    ("12.10", None, "900.10", None, None, "2026-11-18 23:30:00.5+00", "RAHASIA", "2026-11-18", "tiruan"),
    ("12.10", "Resmi", "1.00", 1, True, None, "RAHASIA", "2026-11-17", "resmi"),
    ("12.10", "Ulangan", "2.00", 1, True, None, "RAHASIA", "2026-11-16", "ulangan"),
]
SELECT = "SELECT kode, nama, harga, jumlah, benar, waktu, rahasia, tanggal, asal_data FROM core.harga"


class Office:
    """One open dataset over one table in a lake in memory."""

    def __init__(self, folder: Path, con: duckdb.DuckDBPyConnection) -> None:
        self.con, self.folder, self.releases = con, folder, folder / "releases"
        con.execute(
            "CREATE TABLE core.harga (kode VARCHAR, nama VARCHAR, harga DECIMAL(18,2), jumlah INTEGER, benar BOOLEAN, "
            "waktu TIMESTAMPTZ, rahasia VARCHAR, tanggal DATE, asal_data VARCHAR)"
        )
        con.executemany(f"INSERT INTO core.harga VALUES ({', '.join('?' * 9)})", ROWS)

    def dataset(self, select: str = SELECT, **changes: Any) -> OpenDataset:
        path = self.folder / "akar" / "uji" / "open_data" / "harga_uji.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        head = {k: v for k, v in (HEAD | changes).items() if v is not None}
        front = yaml.safe_dump(head, allow_unicode=True, sort_keys=False)
        path.write_text(f"/* ---\n{front}\n--- */\n{select}\n", encoding="utf-8")
        (found,) = find_open_data([self.folder / "akar"])
        return found

    def release(self, **changes: Any) -> Released:
        return release(self.con, self.dataset(**changes), AGENCY, self.releases)

    @property
    def latest(self) -> Path:
        return self.releases / "harga_uji" / "latest"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with memory_lake() as con:
        yield Office(tmp_path, con)


def read_csv(folder: Path) -> list[dict[str, str]]:
    with (folder / "harga_uji.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def test_a_release_holds_csv_parquet_and_a_descriptor_that_agree(office: Office) -> None:
    done = office.release()
    assert (done.status, done.version, done.rows, done.origins) == ("terbit", "v1", 3, ("tiruan",))
    assert sorted(hashes(office.latest)) == ["datapackage.json", "harga_uji.csv", "harga_uji.parquet", "versi.json"]
    assert (office.latest / "harga_uji.csv").read_bytes().decode("utf-8").splitlines() == [
        "kode,nama,harga,jumlah,benar,waktu,tanggal,asal_data",
        "12.10,,900.10,,,2026-11-18T23:30:00.500000Z,2026-11-18,tiruan",
        '12.10,"Kabupaten, ""Baru""",-1000.00,-5,false,,2026-11-19,tiruan',
        "12.71,Kota,48250.50,7,true,2026-11-19T08:00:00.000000Z,2026-11-19,tiruan",
    ]
    frame = pl.read_parquet(office.latest / "harga_uji.parquet")
    assert frame["kode"].to_list() == ["12.10", "12.10", "12.71"]
    assert frame.schema["harga"] == pl.Decimal(18, 2)
    assert frame.schema["tanggal"] == pl.Date
    assert [str(v) for v in frame["harga"]] == ["900.10", "-1000.00", "48250.50"]

    package = json.loads((office.latest / "datapackage.json").read_bytes())
    assert package["licenses"][0]["name"] == "CC-BY-4.0"
    assert package["dasar_publikasi"] == "Keputusan uji"
    assert package["periode"] == {"mulai": "2026-11-18", "sampai": "2026-11-19"}
    for resource in package["resources"]:
        body = (office.latest / resource["path"]).read_bytes()
        assert resource["bytes"] == len(body)
        assert resource["hash"] == f"sha256:{hashlib.sha256(body).hexdigest()}"
        assert resource["jumlah_baris"] == 3
        assert resource["schema"]["primaryKey"] == ["tanggal", "kode"]
        assert [(f["name"], f["type"]) for f in resource["schema"]["fields"]] == [
            ("kode", "string"),
            ("nama", "string"),
            ("harga", "number"),
            ("jumlah", "integer"),
            ("benar", "boolean"),
            ("waktu", "datetime"),
            ("tanggal", "date"),
            ("asal_data", "string"),
        ]
        required = {f["name"] for f in resource["schema"]["fields"] if f["constraints"]["required"]}
        assert required == {"tanggal", "kode", "harga", "asal_data"}


@pytest.mark.parametrize("lacking", ["lisensi", "dasar_publikasi", "asal_terbit"])
def test_nothing_is_public_by_default(office: Office, lacking: str) -> None:
    done = office.release(**{lacking: None})
    assert (done.status, done.reason) == ("internal", f"belum ada {lacking}")
    assert not office.releases.exists()


def test_only_rows_of_opened_origins_and_public_columns_leave(office: Office) -> None:
    office.release()
    everything = b"".join(p.read_bytes() for p in office.latest.iterdir())
    for closed in (b"RAHASIA", b"rahasia", b"Resmi", b"Ulangan", b"2026-11-17"):
        assert closed not in everything
    assert pl.read_parquet(office.latest / "harga_uji.parquet")["asal_data"].unique().to_list() == ["tiruan"]


def test_a_dataset_whose_rows_all_stay_inside_gives_no_version(office: Office) -> None:
    office.con.execute("UPDATE core.harga SET asal_data = 'resmi'")
    done = office.release()
    assert (done.status, done.version) == ("kosong", "")
    assert not office.releases.exists()


def test_stand_in_rows_are_marked_in_every_file_and_no_agency_is_named_as_their_source(office: Office) -> None:
    office.release()
    package = json.loads((office.latest / "datapackage.json").read_bytes())
    assert package["title"] == "Harga uji (data tiruan)"
    assert "data tiruan" in package["description"]
    assert package["asal_data"] == ["tiruan"]
    assert package["sources"] == [{"title": "Kantor Uji – tiruan"}]
    assert {row["asal_data"] for row in read_csv(office.latest)} == {"tiruan"}
    told = office.con.execute(
        f"SELECT decode(key), decode(value) FROM parquet_kv_metadata('{office.latest / 'harga_uji.parquet'}')"
    ).fetchall()
    assert ("asal_data", "tiruan") in told
    assert ("judul", "Harga uji (data tiruan)") in told

    office.release(asal_terbit=["tiruan", "resmi"])
    mixed = json.loads((office.latest / "datapackage.json").read_bytes())
    assert mixed["title"] == "Harga uji (data tiruan)"
    assert mixed["asal_data"] == ["resmi", "tiruan"]
    assert mixed["sources"] == [{"title": "Kantor Uji", "path": "https://uji.example.invalid"}]


LIVE = [
    "=1+1",
    "+62",
    "-5",
    "@SUM(A1)",
    " =1",
    "\u00a0=1",
    "'=1",
    "''=1",
    "|cmd",
    "\t1",
    "\r=1",
    "＝1",
    '=HYPERLINK("x")',
]
HARMLESS = ["Beras", "O'Neil", "'lama", "a=b", "1-2", "12.10", "(=1)"]


def test_formulas_are_neutralised_in_the_csv_only_and_can_be_restored(office: Office) -> None:
    office.con.execute("DELETE FROM core.harga")
    for number, value in enumerate(LIVE + HARMLESS):
        office.con.execute(
            "INSERT INTO core.harga (kode, nama, harga, tanggal, asal_data) VALUES (?, ?, 1, '2026-11-19', 'tiruan')",
            [f"{number:02}", value],
        )
    office.release()
    written = [row["nama"] for row in read_csv(office.latest)]
    assert written == ["'" + v for v in LIVE] + HARMLESS
    live = re.compile(FORMULA.replace(r"\x{00A0}", "\u00a0").replace(r"\x{FEFF}", "\ufeff"))
    assert [v[1:] if live.match(v) else v for v in written] == LIVE + HARMLESS
    assert pl.read_parquet(office.latest / "harga_uji.parquet")["nama"].to_list() == LIVE + HARMLESS


def test_a_new_version_appears_only_when_content_changed_and_old_ones_never_change(office: Office) -> None:
    office.release()
    first = hashes(office.latest)
    again = office.release()
    assert (again.status, again.version) == ("tidak_berubah", "v1")
    assert hashes(office.latest) == first

    office.con.execute("UPDATE core.harga SET harga = 50000 WHERE kode = '12.71'")
    assert office.release().version == "v2"
    assert office.release(description="Keterangan lain.").version == "v3"
    office.con.execute("UPDATE core.harga SET rahasia = 'lain', nama = 'Lain' WHERE asal_data = 'resmi'")
    assert office.release(description="Keterangan lain.").status == "tidak_berubah"

    folder = office.releases / "harga_uji"
    assert hashes(folder / "v1") == first
    assert str((folder / "latest").readlink()) == "v3"
    assert json.loads((folder / "v3" / "datapackage.json").read_bytes())["version"] == "3.0.0"
    assert not [p for p in (folder / "v1").iterdir() if p.stat().st_mode & 0o222]
    assert sorted(p.name for p in folder.iterdir()) == [".kunci", "latest", "v1", "v2", "v3"]


@pytest.mark.parametrize(
    ("breaking", "reason"),
    [
        ("UPDATE core.harga SET harga = NULL WHERE kode = '12.71'", "harga kosong di 1 baris"),
        ("UPDATE core.harga SET kode = '12.71'", "1 kunci (tanggal, kode) muncul lebih dari sekali"),
    ],
)
def test_rows_that_break_the_datasets_promises_are_held_and_the_old_version_stays(
    office: Office, breaking: str, reason: str
) -> None:
    office.release()
    before = hashes(office.latest)
    office.con.execute(breaking)
    done = office.release()
    assert (done.status, done.version, done.reason) == ("ditahan", "v1", reason)
    assert hashes(office.latest) == before


@pytest.mark.parametrize(
    ("select", "message"),
    [
        (SELECT.replace("nama, ", ""), "described but not selected: nama"),
        (SELECT.replace("nama,", "nama, nama AS nik,"), "columns without a description: nik"),
        (SELECT.replace("jumlah,", "sum(jumlah) OVER () AS jumlah,"), "type HUGEINT is not for open files"),
    ],
)
def test_sql_that_differs_from_its_front_matter_is_refused(office: Office, select: str, message: str) -> None:
    with pytest.raises(ReleaseError, match=re.escape(message)):
        release(office.con, office.dataset(select), AGENCY, office.releases)
    assert not office.releases.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lisensi": "bebas"}, "lisensi 'bebas' is unknown"),
        ({"kunci": ["rahasia"]}, "not among the public columns: rahasia"),
        ({"columns": {"kode": {"classification": "public"}}}, "not among the public columns"),
        ({"asal_terbit": ["semua"]}, "asal_terbit"),
        ({"licence": "CC0-1.0"}, "licence"),
    ],
)
def test_a_faulty_front_matter_is_refused_with_its_file(office: Office, changes: Any, message: str) -> None:
    with pytest.raises(ModelError, match=re.escape("uji/open_data/harga_uji.sql")) as caught:
        office.dataset(**changes)
    assert message in str(caught.value)


def tampered(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "datapackage.json"
        package = json.loads(path.read_bytes())
        change(package)
        path.write_text(json.dumps(package))

    return apply


def rewritten_csv(folder: Path) -> None:
    """Another number in the CSV, with size and hash made to fit."""
    path = folder / "harga_uji.csv"
    path.write_bytes(path.read_bytes().replace(b"900.10", b"900.20"))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    tampered(lambda p: p["resources"][0].update(hash=f"sha256:{sha256}"))(folder)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda f: (f / "harga_uji.csv").write_bytes((f / "harga_uji.csv").read_bytes()[:-1]), "bytes, descriptor"),
        (lambda f: (f / "harga_uji.parquet").unlink(), "harga_uji.parquet: missing"),
        (lambda f: (f / "datapackage.json").unlink(), "datapackage.json"),
        (rewritten_csv, "do not hold the same rows"),
        (tampered(lambda p: [r.update(jumlah_baris=4) for r in p["resources"]]), "3 rows, descriptor says 4"),
        (tampered(lambda p: p["resources"][0].update(hash="sha256:00")), "resources.0.hash"),
        (tampered(lambda p: p["resources"][0].update(path="../x.csv")), "resources.0.path"),
        (tampered(lambda p: p["resources"][0].pop("bytes")), "resources.0.bytes"),
        (tampered(lambda p: p["resources"][0]["schema"]["fields"].reverse()), "columns are kode"),
        (tampered(lambda p: p["resources"][1]["schema"]["fields"][0].update(type="integer")), "another type"),
        (tampered(lambda p: p["resources"][0]["schema"].update(primaryKey=["nama"])), "primaryKey names no required"),
        (tampered(lambda p: p.update(title="Harga uji")), "the title does not say that rows are 'tiruan'"),
        (tampered(lambda p: p.update(created="2026-11-20")), "created has no time zone"),
        (tampered(lambda p: p.update(licenses=[])), "licenses"),
        (tampered(lambda p: p.update(tambahan=1)), "tambahan"),
    ],
)
def test_a_folder_that_is_not_what_its_descriptor_says_is_refused(
    office: Office, harm: Callable[[Path], Any], message: str
) -> None:
    office.release()
    folder = office.latest.resolve()
    for path in folder.iterdir():
        path.chmod(0o644)
    assert check_folder(folder).name == "harga_uji"
    harm(folder)
    with pytest.raises(PackageError, match=re.escape(message)):
        check_folder(folder)


KILLED = """
import sys
from pathlib import Path
from warehouse.versioned import publish
root, content = Path(sys.argv[1]), sys.argv[2]
publish(root, lambda folder: content, lambda folder, number: (folder / "isi").write_text(content))
"""


@pytest.mark.parametrize("step", ["versioned.files_written", "versioned.renamed"])
def test_a_kill_leaves_the_old_or_the_new_version_and_the_next_run_finishes(tmp_path: Path, step: str) -> None:
    def run(content: str, crash: str = "") -> int:
        command = [sys.executable, "-c", KILLED, str(tmp_path / "rilis"), content]
        return subprocess.run(command, cwd=ROOT, env=os.environ | {"SSP_CRASH_AT": crash}, check=False).returncode

    latest = tmp_path / "rilis" / "latest"
    assert run("satu") == 0
    assert run("dua", step) == -signal.SIGKILL
    assert (latest / "isi").read_text() == "satu"
    assert run("dua") == 0
    assert (latest / "isi").read_text() == "dua"
    assert str(latest.readlink()) == "v2"
    assert sorted(p.name for p in latest.parent.iterdir()) == [".kunci", "latest", "v1", "v2"]


def test_a_version_that_cannot_be_finished_leaves_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.release()

    def refuse(folder: Path) -> None:
        raise PackageError("tidak sesuai")

    monkeypatch.setattr("warehouse.datapackage.check_folder", refuse)
    with pytest.raises(PackageError):
        office.release(judul="Lain")
    assert sorted(p.name for p in (office.releases / "harga_uji").iterdir()) == [".kunci", "latest", "v1"]


def test_price_rows_of_the_real_source_stay_internal() -> None:
    (dataset,) = [d for d in find_open_data([ROOT / "connectors"]) if d.name == "harga_pangan_harian_pasar"]
    assert dataset.held == ""
    assert dataset.head.asal_terbit == ("tiruan",)
