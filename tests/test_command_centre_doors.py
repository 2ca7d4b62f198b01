"""The doors to archived payloads and quarantined rows: what is covered, that the trail comes first, and that the lake
takes each of its lines in once."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.audit_trail import Taken, take_in
from assets.state import quarantined_rows
from connectors.archive import PayloadForgotten
from connectors.manifest import Entry
from connectors.read.columns import SHAPE_MARK
from connectors.registry import Registry
from ssp_pipeline.command_access import reading
from ssp_pipeline.command_centre.audit import Audit
from ssp_pipeline.command_centre.masking import COVER, csv_of, masked_content, masked_rows
from ssp_pipeline.command_centre.service import Centre
from ssp_pipeline.settings import ROOT, load_settings
from tests.support.command_centre import Visitor, serving, trail, with_people
from tests.support.lake import open_lake
from tests.support.workspace import Small

PKB = "samsat.pembayaran_pkb"
POKIR = "epokir.usulan_pokir"
WATER = "tirtanadi.produksi_air"
PAYMENTS = Registry().contract(PKB)


class Place:
    """A command centre over the small warehouse, with people and a trail of its own."""

    def __init__(self, warehouse: Small, home: Path):
        self.home = home
        self.warehouse = warehouse
        self.centre = Centre(with_people(home, snapshots=warehouse.snapshots), lambda: reading(warehouse.settings))
        self.people: dict[str, Visitor] = {}

    def entry(self, dataset: str) -> Entry:
        """The newest archived payload of a dataset."""
        with self.warehouse.open() as workspace:
            pulls = workspace.archive.pulls(workspace.registry.contract(dataset).table)
            return pulls[-1].entries[-1]

    def raw(self, dataset: str) -> pl.DataFrame:
        """Its rows as they came, nothing covered."""
        with self.warehouse.open() as workspace:
            contract = workspace.registry.contract(dataset)
            entry = workspace.archive.pulls(contract.table)[-1].entries[-1]
            return workspace.registry.feed(contract).read(workspace.archive.payload(entry), contract)


@pytest.fixture(scope="module")
def place(small_warehouse: Small, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(small_warehouse, tmp_path_factory.mktemp("pusat"))
    with serving(made.centre) as address:
        for name in ("budi", "sari", "tono"):
            made.people[name] = Visitor(address)
            assert made.people[name].log_in(name).status_code == 303
        yield made
        for visitor in made.people.values():
            visitor.close()


def rows_of(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"].startswith("attachment;")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


# --- archived payloads


def test_a_payload_of_private_data_shows_its_rows_and_covers_every_private_column(place: Place) -> None:
    raw, entry = place.raw(PKB), place.entry(PKB)
    path = f"/muatan/{PKB}/{entry.sha256}"
    rows = rows_of(place.people["sari"].get(f"{path}/baris.csv"))
    assert len(rows) == raw.height > 10
    private = ["nopol", "no_rangka", "no_mesin", "nm_pemilik"]
    assert {row[name] for row in rows for name in private} <= {COVER, ""}
    public = next(c.wire for c in Registry().contract(PKB).columns if c.classification != "private" and c.required)
    assert [row[public] for row in rows] == raw[public].to_list()

    page = place.people["sari"].get(path)
    assert page.status_code == 200
    assert entry.sha256 in page.text
    assert COVER in page.text
    for name in private:
        for value in raw[name].drop_nulls().unique():
            assert value not in page.text, name


def test_what_the_page_does_not_say_is_covered_too(place: Place) -> None:
    entry = place.entry(PKB)
    assert place.people["budi"].get(f"/muatan/{PKB}/{entry.sha256}/asli").status_code == 404
    assert "/asli" not in place.people["budi"].get(f"/muatan/{PKB}/{entry.sha256}").text


def test_a_payload_without_private_columns_is_given_as_it_was_archived(place: Place) -> None:
    entry = place.entry(WATER)
    answer = place.people["tono"].get(f"/muatan/{WATER}/{entry.sha256}/asli")
    with place.warehouse.open() as workspace:
        assert answer.content == workspace.archive.read(entry)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-security-policy"] == "sandbox"
    rows = rows_of(place.people["tono"].get(f"/muatan/{WATER}/{entry.sha256}/baris.csv"))
    assert len(rows) == place.raw(WATER).height


@pytest.mark.parametrize("sha", ["0" * 64, "x", "..%2f..%2fkeys%2fhash.key", "%00", "0" * 63])
def test_a_payload_that_is_none_is_not_found(place: Place, sha: str) -> None:
    assert place.people["budi"].get(f"/muatan/{WATER}/{sha}").status_code == 404


def test_a_payload_is_not_shown_under_another_dataset(place: Place) -> None:
    sha = place.entry(PKB).sha256
    before = len(trail(place.home))
    assert place.people["tono"].get(f"/muatan/{WATER}/{sha}").status_code == 404
    assert place.people["tono"].get(f"/muatan/{WATER}/{sha}/asli").status_code == 404
    assert len(trail(place.home)) == before, "nothing was shown, so nothing is noted"


def test_before_the_first_run_the_doors_say_that_there_is_nothing_and_make_nothing(tmp_path: Path) -> None:
    settings = load_settings(environment={"SSP_HOME": str(tmp_path / "kosong")})
    centre = Centre(with_people(tmp_path, "budi"), lambda: reading(settings))
    with serving(centre) as address, Visitor(address) as visitor:
        visitor.log_in("budi")
        assert visitor.get(f"/karantina/{WATER}").status_code == 503
        assert visitor.get("/karantina/tirtanadi").status_code == 503
        assert visitor.get(f"/muatan/{WATER}/{'0' * 64}").status_code == 404
    assert not (tmp_path / "kosong").exists()


def test_a_payload_whose_keeping_period_is_over_is_said_to_be_gone(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgotten(*_: Any) -> bytes:
        raise PayloadForgotten("kunci dimusnahkan")

    monkeypatch.setattr("connectors.archive.Archive.read", forgotten)
    answer = place.people["sari"].get(f"/muatan/{PKB}/{place.entry(PKB).sha256}")
    assert answer.status_code == 410
    assert "Masa simpan muatan ini sudah habis" in answer.text


# --- quarantined rows


def test_an_office_gets_its_quarantined_rows_as_a_file(place: Place) -> None:
    with place.warehouse.open() as workspace:
        expected = quarantined_rows(workspace, PKB, None)
    rows = rows_of(place.people["sari"].get(f"/karantina/{PKB}/baris.csv"))
    assert len(rows) == expected.height > 0
    assert [row["alasan"] for row in rows] == expected["alasan"].to_list()
    shown = json.loads(rows[0]["isi"].removeprefix("'"))
    private = {c.name for c in Registry().contract(PKB).columns if c.classification == "private"}
    assert all(shown.get(name) in (None, COVER) for name in private)
    one = expected["partisi"][0]
    part = rows_of(place.people["sari"].get(f"/karantina/{PKB}/baris.csv", params={"partisi": one}))
    assert {row["partisi"] for row in part} == {one}


def test_quarantined_rows_of_unreadable_private_data_are_covered(place: Place) -> None:
    private = {c.wire for c in Registry().contract(POKIR).columns if c.classification == "private"}
    rows = rows_of(place.people["budi"].get(f"/karantina/{POKIR}/baris.csv"))
    contents = [json.loads(row["isi"].removeprefix("'")) for row in rows]
    assert any(private & content.keys() for content in contents)
    assert {content.get(name) for content in contents for name in private} <= {None, COVER}


def test_the_pages_of_the_quarantine_lead_to_rows_file_and_payload(place: Place) -> None:
    of_agency = place.people["sari"].get("/karantina/samsat")
    assert of_agency.status_code == 200
    link = re.search(r'href="(/karantina/samsat\.pembayaran_pkb\?partisi=[^"]+)"', of_agency.text)
    assert link
    of_dataset = place.people["sari"].get(link[1])
    file = re.search(r'href="(/karantina/samsat\.pembayaran_pkb/baris\.csv\?partisi=[^"]+)"', of_dataset.text)
    payload = re.search(r'href="(/muatan/samsat\.pembayaran_pkb/[0-9a-f]{64})"', of_dataset.text)
    assert file
    assert payload
    assert len(rows_of(place.people["sari"].get(file[1]))) > 0
    assert place.people["sari"].get(payload[1]).status_code == 200


# --- what is covered


def test_a_row_whose_cells_have_slipped_shows_nothing_of_itself() -> None:
    contract = Registry().contract(PKB)
    public = next(c.wire for c in contract.columns if c.classification != "private" and not c.ext.turunan)
    raw = pl.DataFrame({public: ["Si Polan", "10"], "nopol": ["BK 1 AB", None], SHAPE_MARK: ["geser", None]})
    shown = masked_rows(contract, raw)
    assert shown[public].to_list() == [COVER, "10"]
    assert shown["nopol"].to_list() == [COVER, None]
    assert SHAPE_MARK not in shown.columns


@given(st.dictionaries(st.text(max_size=8), st.text(min_size=1, max_size=8)))
def test_of_private_datasets_only_declared_names_that_are_not_private_are_shown(content: dict[str, str]) -> None:
    shown = {n for c in PAYMENTS.columns if c.classification != "private" for n in (c.name, c.wire)}
    covered = json.loads(masked_content(PAYMENTS, json.dumps(content)) or "{}")
    assert covered == {k: v if k in shown else COVER for k, v in content.items()}


@pytest.mark.parametrize("content", ["Si Polan;BK 1 AB", '["Si Polan"]', '"Si Polan"', '{"nopol": '])
def test_content_that_is_no_object_is_covered_whole(content: str) -> None:
    assert masked_content(PAYMENTS, content) == COVER


@given(st.lists(st.one_of(st.none(), st.text(max_size=12)), min_size=1, max_size=5))
def test_no_cell_of_a_file_begins_like_a_formula_and_nothing_is_lost(values: list[str | None]) -> None:
    values = [v.replace("\x00", "") if v else v for v in values]
    text = csv_of(pl.DataFrame({"isi": values}, schema={"isi": pl.String})).decode("utf-8-sig")
    cells = [row[0] if row else "" for row in csv.reader(io.StringIO(text, newline=""))][1:]
    for cell, value in zip(cells, values, strict=True):
        assert not cell.lstrip().startswith(("=", "+", "-", "@", "\t", "\r"))
        assert cell in (value or "", f"'{value}")


# --- the trail


def test_each_access_is_a_line_that_says_who_what_and_how(place: Place) -> None:
    entry = place.entry(WATER)
    before = len(trail(place.home))
    visitor = place.people["tono"]
    visitor.get(f"/muatan/{WATER}/{entry.sha256}")
    visitor.get(f"/muatan/{WATER}/{entry.sha256}/baris.csv")
    visitor.get(f"/muatan/{WATER}/{entry.sha256}/asli")
    visitor.get(f"/karantina/{WATER}?partisi=2026-11-19")
    visitor.get(f"/karantina/{WATER}/baris.csv")
    visitor.get("/karantina/tirtanadi")
    new = trail(place.home)[before:]
    assert [(line["peristiwa"], line["objek"], line["rincian"]) for line in new] == [
        ("muatan", f"{WATER} {entry.sha256}", "dilihat"),
        ("muatan", f"{WATER} {entry.sha256}", "diunduh sebagai CSV"),
        ("muatan", f"{WATER} {entry.sha256}", "diunduh utuh"),
        ("karantina", WATER, "dilihat, partisi 2026-11-19"),
        ("karantina", WATER, "diunduh sebagai CSV"),
        ("karantina", "tirtanadi", "ringkasan dilihat"),
    ]
    assert {(line["pengguna"], line["peran"], line["instansi"]) for line in new} == {("tono", "instansi", "tirtanadi")}


@pytest.mark.parametrize("kind", ["muatan", "karantina"])
def test_nothing_is_read_and_nothing_is_shown_when_the_line_cannot_be_written(
    place: Place, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    read: list[str] = []

    def refuse(*_: Any, **__: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(place.centre.audit, "write", refuse)
    monkeypatch.setattr("connectors.archive.Archive.read", lambda *_: read.append("muatan"))
    monkeypatch.setattr("assets.state.quarantined_rows", lambda *_: read.append("karantina"))
    sha = place.entry(WATER).sha256
    path = f"/muatan/{WATER}/{sha}" if kind == "muatan" else f"/karantina/{WATER}"
    answer = place.people["tono"].get(path)
    assert answer.status_code == 500
    assert answer.headers["connection"] == "close"
    assert read == []


def test_a_line_is_on_disk_before_the_content_is_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from connectors.archive import Archive

    synced: list[int] = []
    seen: list[tuple[int, int]] = []
    real_sync, real_read = os.fsync, Archive.read
    before = len(trail(place.home))

    def sync(fd: int) -> None:
        real_sync(fd)
        synced.append(fd)

    def read(self: Archive, entry: Entry) -> bytes:
        seen.append((len(trail(place.home)) - before, len(synced)))
        return real_read(self, entry)

    sha = place.entry(WATER).sha256
    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Archive, "read", read)
    assert place.people["tono"].get(f"/muatan/{WATER}/{sha}/asli").status_code == 200
    assert seen == [(1, 1)]


def test_lines_of_several_writers_stay_whole_and_one_torn_by_a_kill_takes_no_other_with_it(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from ssp_pipeline.command_centre.audit import Audit\n"
        "a = Audit(Path(sys.argv[1]))\n"
        "for n in range(20): a.write('akun', user=sys.argv[2], what=str(n))"
    )
    folder = tmp_path / "jejak_audit"
    writers = [subprocess.Popen([sys.executable, "-c", script, str(folder), name], cwd=ROOT) for name in "abc"]
    assert [w.wait(60) for w in writers] == [0, 0, 0]
    found = trail(tmp_path)
    for name in "abc":
        assert [line["objek"] for line in found if line["pengguna"] == name] == [str(n) for n in range(20)]
    (path,) = folder.glob("*.jsonl")
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open("ab") as file:
        file.write(b'{"nomor":"terpoto')
    Audit(folder).write("akun", user="d")
    lines = path.read_bytes().splitlines()
    assert len(lines) == 62
    assert json.loads(lines[-1])["pengguna"] == "d"


def workspace(home: Path, run_id: str = "uji") -> Any:
    return cast(Any, SimpleNamespace(home=home, lake=open_lake(home / "lake"), run_id=run_id))


def in_lake(ws: Any) -> list[tuple[Any, ...]]:
    found = ws.lake.query("SELECT nomor, pengguna, waktu, run_id FROM lake.ops.jejak_audit ORDER BY berkas, posisi")
    return list(found.iter_rows())


def test_the_lake_takes_each_line_in_once_however_often_it_is_asked(tmp_path: Path) -> None:
    ws, audit = workspace(tmp_path), Audit(tmp_path / "jejak_audit")
    assert take_in(ws) == Taken(0, 0)
    first = [audit.write("masuk", user="gubernur") for _ in range(3)]
    assert take_in(ws) == Taken(3, 0)
    assert take_in(ws) == Taken(0, 0)
    (path,) = (tmp_path / "jejak_audit").glob("*.jsonl")
    with path.open("ab") as file:
        file.write(b'{"nomor":"terpoto')
    assert take_in(ws) == Taken(0, 0), "a line that is not whole may still be written"
    second = audit.write("keluar", user="gubernur")
    assert take_in(ws) == Taken(1, 1)
    assert [row[0] for row in in_lake(ws)] == [*first, second]
    written = {line["nomor"]: line["waktu"] for line in map(json.loads, path.read_bytes().splitlines()[:3])}
    assert all(row[2].isoformat() == written[row[0]] for row in in_lake(ws)[:3])
    ws.lake.close()


@pytest.mark.parametrize("step", ["lake.before_commit", "lake.after_commit"])
def test_a_kill_while_lines_are_taken_in_loses_none_and_doubles_none(tmp_path: Path, step: str) -> None:
    audit = Audit(tmp_path / "jejak_audit")
    ws = workspace(tmp_path)
    numbers = [audit.write("masuk", user="gubernur")]
    take_in(ws)
    ws.lake.close()
    numbers += [audit.write("muatan", user="budi") for _ in range(4)]
    script = (
        "import sys; from pathlib import Path; from assets.audit_trail import take_in\n"
        "from tests.test_command_centre_doors import workspace\n"
        "take_in(workspace(Path(sys.argv[1]), 'terbunuh'))"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, env=os.environ | {"SSP_CRASH_AT": step}, check=False
    )
    assert killed.returncode == -9
    ws = workspace(tmp_path)
    taken = take_in(ws)
    assert taken.new == (4 if step == "lake.before_commit" else 0)
    assert [row[0] for row in in_lake(ws)] == numbers
    ws.lake.close()
