"""What a walidata decides of open data: approving, waiving, withdrawing, and a record that nobody changes unseen."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from tests.support.open_release import TODAY, Office, office_in, set_column
from warehouse.opendata.decisions import FILE, Decisions, DecisionsDamaged
from warehouse.opendata.manifest import current, read_release, read_version, read_withdrawn
from warehouse.opendata.withdraw import WithdrawalError, withdraw

ROOT = Path(__file__).resolve().parents[1]
SSP = str(Path(sys.executable).with_name("ssp"))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_in(tmp_path) as office:
        yield office


def again(office: Office, number: int) -> None:
    """Another version, and its release."""
    office.con.execute("UPDATE core.harga SET harga = harga + 1 WHERE tanggal = ?", [TODAY])
    office.publish(today=TODAY + timedelta(days=number))
    office.release(today=TODAY + timedelta(days=number))


def test_the_first_release_waits_for_a_named_walidata_and_routine_ones_pass(office: Office) -> None:
    done = office.publish(demo=False)
    assert (done.status, done.versi) == ("menunggu_persetujuan", None)
    assert done.menunggu[:2] == ("terbit pertama", "asal dibuka: tiruan")
    assert "kolom dibuka: harga DECIMAL(18,2)" in done.menunggu
    assert office.tree() == set()

    office.decisions.approve("harga_uji", 0, done.menunggu, by="Ibu Uji", why="sudah ditelaah")
    assert office.publish(demo=False).versi == 1
    office.con.execute("UPDATE core.harga SET harga = harga + 1 WHERE tanggal = ?", [TODAY])
    assert office.publish(demo=False).versi == 2
    (kept,) = office.decisions.read()
    assert (kept.oleh, kept.alasan, kept.bawaan) == ("Ibu Uji", "sudah ditelaah", False)


def test_an_approval_covers_what_was_asked_and_nothing_more(office: Office) -> None:
    asked = office.publish(demo=False).menunggu
    office.con.execute("ALTER TABLE core.harga ADD COLUMN mutu VARCHAR DEFAULT 'A'")
    office.decisions.approve("harga_uji", 0, asked, by="Ibu Uji", why="tanpa mutu")
    done = office.publish(demo=False, edit=set_column("mutu", logicalType="string"))
    assert done.menunggu == ("kolom dibuka: mutu VARCHAR",)


def test_origins_that_are_opened_later_need_an_approval_of_their_own(office: Office) -> None:
    office.publish()
    office.con.execute("UPDATE core.harga SET asal_data = 'resmi' WHERE kode_kabupaten_kota = '1271'")
    done = office.publish(asal_terbit=["tiruan", "resmi"])
    assert (done.status, done.menunggu) == ("menunggu_persetujuan", ("asal dibuka: resmi",))


def test_approvals_of_stand_ins_are_seeded_marked_and_worth_nothing_once_an_agency_is_live(office: Office) -> None:
    assert office.publish(demo=True).status == "terbit"
    (kept,) = office.decisions.read()
    assert (kept.oleh, kept.bawaan) == ("bawaan", True)
    assert "peragaan" in kept.alasan

    office.con.execute("UPDATE core.harga SET harga = harga + 1 WHERE tanggal = ?", [TODAY])
    done = office.publish(demo=False)
    assert done.status == "menunggu_persetujuan"
    assert "walidata bernama" in done.alasan
    office.decisions.approve("harga_uji", 1, done.menunggu, by="Ibu Uji", why="kini langsung")
    assert office.publish(demo=False).versi == 2


def test_a_changed_or_missing_line_is_noticed(tmp_path: Path) -> None:
    decisions = Decisions(tmp_path)
    for number in range(3):
        decisions.approve("a", number, ["terbit pertama"], by="Ibu Uji", why="uji")
    path = tmp_path / FILE
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(decisions.read()) == 3
    assert path.stat().st_mode & 0o077 == 0

    for damaged in ([lines[0], lines[2]], [lines[0].replace(b"Ibu", b"Pak"), *lines[1:]], [b"{}\n", *lines[1:]]):
        path.write_bytes(b"".join(damaged))
        with pytest.raises(DecisionsDamaged, match=r"line [12]"):
            decisions.read()
        with pytest.raises(DecisionsDamaged):
            decisions.approve("a", 9, ["x"], by="Ibu Uji", why="uji")
    path.write_bytes(b"".join(lines))
    assert len(decisions.read()) == 3


def test_a_line_that_was_being_written_when_its_writer_was_killed_is_no_decision(tmp_path: Path) -> None:
    decisions = Decisions(tmp_path)
    decisions.approve("a", 0, ["terbit pertama"], by="Ibu Uji", why="uji")
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"jenis":"setuju","dataset":"b"')
    assert [d.dataset for d in decisions.read()] == ["a"]
    decisions.approve("c", 0, ["terbit pertama"], by="Ibu Uji", why="uji")
    assert [d.dataset for d in decisions.read()] == ["a", "c"]


def test_a_withdrawn_version_leaves_a_word_and_nothing_else(office: Office) -> None:
    office.con.execute("UPDATE core.harga SET tanggal = tanggal - INTERVAL 1 YEAR WHERE kode_kabupaten_kota < '1273'")
    office.publish()
    office.release()
    again(office, 1)
    shared = office.version(1).bagian[0]
    assert shared in office.version(2).bagian
    own = {f.path for f in office.version(2).berkas} - {f.path for f in office.version(1).berkas}
    kept = {f.path for f in office.version(1).berkas} | {p.path for p in office.version(1).bagian}

    assert withdraw(office.store, office.decisions, "harga_uji", 2, by="Ibu Uji", why="angka keliru") == (2,)
    assert office.release(today=TODAY + timedelta(days=2)) == 3
    tree = office.tree()
    assert not own & tree
    assert kept <= tree
    assert {n for n in tree if n.startswith("dataset/harga_uji/v2/")} == {"dataset/harga_uji/v2/ditarik.json"}
    assert not any(n.startswith("rilis/2/") for n in tree)
    word = read_withdrawn(office.root, "harga_uji", 2)
    assert word is not None
    assert (word.alasan, word.versi) == ("angka keliru", 2)
    assert "Ibu Uji" not in (office.root / "dataset/harga_uji/v2/ditarik.json").read_text()
    with pytest.raises(FileNotFoundError):
        read_version(office.root, "harga_uji", 2)
    (listed,) = read_release(office.root, 3).dataset
    assert listed.versi == 1
    assert [(v.versi, v.status, v.alasan) for v in listed.riwayat][1] == (2, "ditarik", "angka keliru")


def test_what_was_withdrawn_does_not_come_back_without_an_approval(office: Office) -> None:
    office.publish()
    withdraw(office.store, office.decisions, "harga_uji", 1, by="Ibu Uji", why="keliru")
    office.release()
    assert current(office.root) == 1
    assert read_release(office.root, 1).dataset[0].versi is None

    done = office.publish(demo=True)
    assert (done.status, done.versi) == ("menunggu_persetujuan", None)
    assert done.menunggu == ("terbit lagi setelah versi ditarik",)
    office.decisions.approve("harga_uji", 1, done.menunggu, by="Ibu Uji", why="sudah diperbaiki")
    assert office.publish(demo=True).versi == 2


def test_a_later_version_goes_too_when_its_files_still_hold_the_withdrawn_rows(office: Office) -> None:
    office.publish(irama="bulanan")
    office.con.execute("UPDATE core.harga SET harga = harga + 1 WHERE tanggal = ?", [TODAY])
    office.publish(irama="bulanan", today=TODAY + timedelta(days=1))
    assert {f.versi for f in office.version(2).berkas if f.format == "csv"} == {1}
    assert withdraw(office.store, office.decisions, "harga_uji", 1, by="Ibu Uji", why="keliru") == (1, 2)
    office.release()
    assert not [n for n in office.tree() if n.startswith("bagian/")]


def test_a_cell_that_a_standing_version_gives_away_is_told_with_the_number_of_that_version(office: Office) -> None:
    office.publish("penerimaan_uji", irama="harian")
    office.con.execute("UPDATE core.penerimaan SET penerimaan = penerimaan + 1")
    office.publish("penerimaan_uji", irama="harian")
    withdraw(office.store, office.decisions, "penerimaan_uji", 1, by="Ibu Uji", why="keliru")
    office.release()
    office.con.execute("UPDATE core.penerimaan SET jumlah_pembayar = 2 WHERE upt = 'UPT E' AND jenis = 'PKB'")
    done = office.publish("penerimaan_uji", irama="harian")
    assert done.status == "ditahan"
    assert "lewat versi 2 yang sudah terbit" in done.alasan


@pytest.mark.parametrize("number", [0, 2])
def test_only_a_version_that_stands_can_be_withdrawn(office: Office, number: int) -> None:
    office.publish()
    with pytest.raises(WithdrawalError, match=rf"harga_uji v{number} tidak terbit; yang terbit: v1"):
        withdraw(office.store, office.decisions, "harga_uji", number, by="Ibu Uji", why="keliru")


WITHDRAWN = """
import sys
from pathlib import Path
from tests.support.open_release import AGENCIES, PUBLISHER, TODAY
from warehouse.opendata.decisions import Decisions
from warehouse.opendata.release import publish_release
root = Path(sys.argv[1])
publish_release(root, [], AGENCIES, Decisions(root.parent / "walidata"), PUBLISHER, TODAY)
"""


def test_a_withdrawal_that_was_killed_at_any_step_is_carried_out_by_the_next_release(office: Office) -> None:
    office.publish()
    office.release()
    again(office, 1)
    own = {f.path for f in office.version(2).berkas}
    withdraw(office.store, office.decisions, "harga_uji", 2, by="Ibu Uji", why="keliru")
    for step in ("withdraw.marked", "store.release_added", "withdraw.release_removed", "withdraw.file_removed"):
        ended = run([sys.executable, "-c", WITHDRAWN, str(office.root)], {"SSP_CRASH_AT": step})
        assert ended.returncode == -signal.SIGKILL, (step, ended.stderr)
        number = current(office.root)
        assert number is not None
        for dataset in read_release(office.root, number).dataset:
            assert dataset.versi is not None
            for file in read_version(office.root, dataset.dataset, dataset.versi).berkas:
                assert (office.root / file.path).stat().st_size == file.bytes, step
    ended = run([sys.executable, "-c", WITHDRAWN, str(office.root)], {})
    assert ended.returncode == 0, ended.stderr
    assert not own & office.tree()
    assert {n for n in office.tree() if n.startswith("dataset/harga_uji/v2/")} == {"dataset/harga_uji/v2/ditarik.json"}
    assert sorted(p.name for p in (office.root / "rilis").iterdir())[0] == "1"


def run(command: Sequence[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith("SSP_")}
    return subprocess.run(command, cwd=ROOT, env={**own, **variables}, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an empty lake, an agency folder with one open dataset, and two published versions of it."""
    folder = tmp_path_factory.mktemp("perintah")
    with office_in(folder) as office:
        office.publish()
        office.release()
        again(office, 1)
        office.con.execute("ALTER TABLE core.harga ADD COLUMN mutu VARCHAR DEFAULT 'A'")
        office.contract(edit=set_column("mutu", logicalType="string"))
    agency = folder / "kontrak" / "pangan_uji" / "agency.yaml"
    agency.write_text("kode: pangan_uji\nnama: Kantor Pangan Uji\ninstansi: Dinas Pangan Uji\n")
    return folder


def ssp(home: Path, *arguments: str) -> tuple[int, str, str]:
    variables = {"SSP_HOME": str(home), "SSP_CONNECTORS": str(home / "kontrak"), "SSP_TODAY": "2026-11-22"}
    ended = run([SSP, *arguments], variables)
    return ended.returncode, ended.stdout, ended.stderr


WHO = ("--oleh", "Ibu Uji", "--alasan", "uji perintah")


def test_the_commands_record_decisions_and_tell_by_their_exit_code(home: Path) -> None:
    code, out, err = ssp(home, "approve", "harga_uji", *WHO, "--json")
    assert code == 0, err
    assert json.loads(out) == {
        "dataset": "harga_uji",
        "versi": 3,
        "disetujui": [
            "persetujuan walidata bernama (yang ada berasal dari pemasangan peragaan)",
            "kolom dibuka: mutu VARCHAR",
        ],
    }
    assert ssp(home, "approve", "harga_uji", *WHO)[:2] == (3, "harga_uji: tidak ada yang menunggu persetujuan\n")
    code, out, _ = ssp(home, "waive", "harga_uji", "satuan", "nik", *WHO)
    assert (code, out) == (0, "harga_uji.satuan: temuan nik dikecualikan oleh Ibu Uji\n")
    kinds = [(d.jenis, d.oleh) for d in Decisions(home / "walidata").read()]
    assert kinds == [("setuju", "bawaan"), ("setuju", "Ibu Uji"), ("kecualikan", "Ibu Uji")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("approve", "tidak_ada", *WHO), "no open dataset tidak_ada"),
        (("approve", "harga_uji", "--oleh", " ", "--alasan", "x"), "Invalid value for '--oleh': is empty"),
        (("approve", "harga_uji", "--oleh", "Ibu Uji"), "Missing option '--alasan'"),
        (("waive", "harga_uji", "rahasia", "nik", *WHO), "no open column 'rahasia'"),
        (("waive", "harga_uji", "satuan", "ktp", *WHO), "no form 'ktp'; there are: nik, nip"),
        (("withdraw", "harga_uji", "tiga", *WHO), "a version is written v3"),
        (("withdraw", "harga_uji", "v9", *WHO), "harga_uji v9 tidak terbit; yang terbit: v1, v2"),
        (("release", "--dataset", "tidak_ada"), "no open dataset tidak_ada"),
    ],
)
def test_a_wrong_use_of_the_commands_says_what_there_is(home: Path, arguments: Sequence[str], message: str) -> None:
    code, _, err = ssp(home, *arguments)
    assert code == 2
    assert message in err


def test_withdrawing_by_command_makes_the_release_without_the_version(home: Path) -> None:
    code, out, err = ssp(home, "withdraw", "harga_uji", "v2", *WHO, "--json")
    assert code == 0, err
    assert json.loads(out) == {"dataset": "harga_uji", "ditarik": [2], "rilis": 3}
    root = home / "terbuka"
    assert current(root) == 3
    assert read_withdrawn(root, "harga_uji", 2) is not None
    part = read_version(root, "harga_uji", 1).bagian[0]
    assert duckdb.sql(f"SELECT count(*) FROM '{root / part.path}'").fetchone() == (60,)
