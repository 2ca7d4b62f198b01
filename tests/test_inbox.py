"""The inbox takes whole, settled, regular files and nothing else, and says why of the rest."""

import fcntl
import io
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import openpyxl
import pytest

from connectors.api import Payload, PayloadError, PullContext
from connectors.contract import Contract
from connectors.inbox import InboxError, InboxFile, InboxRefusal, inbox_feed, reference_feed, scan, unclaimed
from tests.support.reading import column, make_contract, make_payload

BODY = b"kode,nilai\na,1\n"


@dataclass
class Context:
    """What a feed sees of a pull; keeps what it is given."""

    contract: Contract
    inbox: Path
    refused: dict[str, str] = field(default_factory=dict)

    def archive_file(self, body: bytes, *, slot: str, meta: dict[str, str], asal: str, fetched_at: datetime) -> Payload:
        return make_payload(body, slot=slot, meta=meta, asal=asal, fetched_at=fetched_at)

    def refuse(self, slot: str, reason: str) -> None:
        self.refused[slot] = reason


def pull(contract: Contract, inbox: Path) -> tuple[dict[str, Payload], dict[str, str]]:
    context = Context(contract, inbox)
    feed = inbox_feed(contract, settle_seconds=0)
    return {p.slot: p for p in feed.pull(cast(PullContext, context))}, context.refused


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    return make_contract(
        tmp_path / "kontrak", column("kode", key=True), column("nilai"), mode="berkas", berkas={"pola": "lap*.csv"}
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "inbox" / "uji"
    path.mkdir(parents=True)
    return path


def look(contract: Contract, folder: Path, **options: Any) -> dict[str, str]:
    """Slot → "ok" or the reason."""
    found = scan(folder.parent, contract, **({"settle_seconds": 0} | options))
    return {item.slot: item.reason if isinstance(item, InboxRefusal) else "ok" for item in found}


def the_file(contract: Contract, folder: Path) -> InboxFile:
    (file,) = scan(folder.parent, contract, settle_seconds=0)
    assert isinstance(file, InboxFile)
    return file


def test_files_are_matched_by_the_contract_whatever_their_case(contract: Contract, folder: Path) -> None:
    for name in ("laporan.csv", "LAP2.CSV", "lain.csv", "laporan.xlsx"):
        (folder / name).write_bytes(BODY)
    assert look(contract, folder) == {"LAP2.CSV": "ok", "laporan.csv": "ok"}


def test_files_of_a_stand_in_are_marked_and_need_not_settle(contract: Contract, folder: Path) -> None:
    (folder / "tiruan").mkdir()
    for path in (folder / "lap.csv", folder / "tiruan" / "lap.csv"):
        path.write_bytes(BODY)
    assert look(contract, folder, settle_seconds=60) == {"lap.csv": "masih_ditulis", "tiruan/lap.csv": "ok"}
    payloads, refused = pull(contract, folder.parent)
    assert {slot: p.asal for slot, p in payloads.items()} == {"lap.csv": "resmi", "tiruan/lap.csv": "tiruan"}
    assert refused == {}


def test_an_office_without_a_folder_has_delivered_nothing(contract: Contract, tmp_path: Path) -> None:
    assert scan(tmp_path / "tidak_ada", contract) == []


def test_a_file_is_left_until_it_has_settled(contract: Contract, folder: Path) -> None:
    path = folder / "lap.csv"
    path.write_bytes(BODY)
    os.utime(path, (0, 0))  # as a copy program does that keeps the old time
    assert look(contract, folder, settle_seconds=10) == {"lap.csv": "masih_ditulis"}
    assert look(contract, folder, settle_seconds=10, now=time.time() + 11) == {"lap.csv": "ok"}


def test_links_folders_pipes_and_large_files_are_refused(contract: Contract, folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "rahasia.csv"
    secret.write_bytes(BODY)
    (folder / "lap_link.csv").symlink_to(secret)
    (folder / "lap_folder.csv").mkdir()
    os.mkfifo(folder / "lap_pipe.csv")
    (folder / "lap_besar.csv").write_bytes(b"x" * 101)
    (folder / "lap_pas.csv").write_bytes(b"x" * 100)
    assert look(contract, folder, max_bytes=100) == {
        "lap_besar.csv": "berkas_terlalu_besar",
        "lap_folder.csv": "bukan_berkas_biasa",
        "lap_link.csv": "tautan_simbolik",
        "lap_pas.csv": "ok",
        "lap_pipe.csv": "bukan_berkas_biasa",
    }


def test_a_folder_that_is_a_link_is_not_followed(contract: Contract, tmp_path: Path) -> None:
    outside = tmp_path / "luar"
    outside.mkdir()
    (outside / "lap.csv").write_bytes(BODY)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "uji").symlink_to(outside)
    assert look(contract, inbox / "uji") == {"uji/": "tautan_simbolik"}


@pytest.mark.parametrize(
    "name", ["~$lap.csv", "lap.csv.part", ".~lap.csv", "lap.csv.crdownload", ".lap.csv.tmp", "lap.csv~"]
)
def test_files_of_programs_at_work_are_refused(contract: Contract, folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"x")
    assert look(contract, folder) == {name: "berkas_sementara"}


@pytest.mark.skipif(not hasattr(fcntl, "F_SETLEASE"), reason="this system cannot tell who has a file open")
def test_a_file_that_is_open_for_writing_is_not_read(contract: Contract, folder: Path) -> None:
    path = folder / "lap.csv"
    path.write_bytes(BODY)
    file = the_file(contract, folder)
    with path.open("ab"), pytest.raises(InboxError, match="masih_ditulis"):
        file.read()
    assert file.read() == BODY


def test_a_file_that_changes_between_looking_and_reading_is_not_read(contract: Contract, folder: Path) -> None:
    path = folder / "lap.csv"
    path.write_bytes(BODY)
    file = the_file(contract, folder)
    path.write_bytes(BODY + b"b,2\n")
    with pytest.raises(InboxError, match="masih_ditulis"):
        file.read()
    replacement = folder / "baru"
    replacement.write_bytes(BODY)
    replacement.replace(path)
    with pytest.raises(InboxError, match="masih_ditulis"):
        file.read()


def test_a_link_or_pipe_put_in_the_place_of_a_file_is_not_followed(
    contract: Contract, folder: Path, tmp_path: Path
) -> None:
    path, secret = folder / "lap.csv", tmp_path / "rahasia.csv"
    path.write_bytes(BODY)
    secret.write_bytes(BODY)
    file = the_file(contract, folder)
    path.unlink()
    with pytest.raises(InboxError, match="berkas_tidak_dapat_dibaca"):
        file.read()
    path.symlink_to(secret)
    with pytest.raises(InboxError, match="tautan_simbolik"):
        file.read()
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InboxError, match="bukan_berkas_biasa"):
        file.read()


def test_a_pull_gives_each_file_cut_to_the_contract_and_reads_it(contract: Contract, folder: Path) -> None:
    (folder / "lap1.csv").write_bytes(b"kode,pemilik,nilai\na,Budi,1\n")
    (folder / "lap2.csv").write_bytes(BODY)
    os.utime(folder / "lap2.csv", (1_700_000_000, 1_700_000_000))
    payloads, refused = pull(contract, folder.parent)
    assert refused == {}
    assert b"Budi" not in payloads["lap1.csv"].body
    assert payloads["lap1.csv"].meta == {"kolom_dibuang": "pemilik"}
    assert payloads["lap2.csv"].body == BODY
    assert payloads["lap2.csv"].fetched_at == datetime.fromtimestamp(1_700_000_000, UTC)
    frame = inbox_feed(contract).read(payloads["lap1.csv"], contract)
    assert frame.rows() == [("a", "1")]


def test_a_file_that_cannot_be_cut_is_refused_and_the_others_are_taken(contract: Contract, folder: Path) -> None:
    book = io.BytesIO()
    openpyxl.Workbook().save(book)
    (folder / "lap1.csv").write_bytes(book.getvalue())
    (folder / "lap2.csv").write_bytes(b"kode,jumlah\na,1\n")
    (folder / "lap3.csv").write_bytes(b"kode,nilai\na,\xff\n")
    (folder / "lap4.csv").symlink_to(folder / "lap5.csv")
    (folder / "lap5.csv").write_bytes(BODY)
    payloads, refused = pull(contract, folder.parent)
    assert list(payloads) == ["lap5.csv"]
    assert {slot: reason.partition(":")[0] for slot, reason in refused.items()} == {
        "lap1.csv": "format_tidak_sesuai",
        "lap2.csv": "bidang_hilang",
        "lap3.csv": "enkode_tidak_sesuai",
        "lap4.csv": "tautan_simbolik",
    }
    assert "bidang baru: jumlah" in refused["lap2.csv"]


def test_files_that_no_contract_takes_are_found(contract: Contract, folder: Path, tmp_path: Path) -> None:
    other = make_contract(
        tmp_path / "kontrak", column("kode", key=True), dataset="lain", mode="berkas", berkas={"pola": "*.txt"}
    )
    (folder / "tiruan").mkdir()
    (folder / "arsip.pdf").mkdir()
    of_programs = ("lap.csv.part", "~$surat.pdf", "surat.pdf.crdownload", ".DS_Store", "Thumbs.db", "desktop.ini")
    for name in ("lap.csv", "catatan.TXT", "surat.pdf", "tiruan/rekap.xlsx", *of_programs):
        (folder / name).write_bytes(BODY)
    found = unclaimed(folder.parent, "uji", [contract, other], settle_seconds=0)
    assert [one.slot for one in found] == ["surat.pdf", "tiruan/rekap.xlsx"]
    assert found[0].reason == "tidak_ada_kontrak: no contract takes this name; uji.data: lap*.csv, uji.lain: *.txt"


def test_a_file_that_no_contract_takes_is_told_of_when_it_has_settled(contract: Contract, folder: Path) -> None:
    (folder / "surat.pdf").write_bytes(BODY)
    assert unclaimed(folder.parent, "uji", [contract], settle_seconds=10) == []
    later = unclaimed(folder.parent, "uji", [contract], settle_seconds=10, now=time.time() + 11)
    assert [one.slot for one in later] == ["surat.pdf"]


def test_nothing_is_looked_for_behind_a_link(contract: Contract, tmp_path: Path) -> None:
    outside = tmp_path / "luar"
    (outside / "tiruan").mkdir(parents=True)
    (outside / "tiruan" / "surat.pdf").write_bytes(BODY)
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "uji").symlink_to(outside)
    assert unclaimed(tmp_path / "inbox", "uji", [contract], settle_seconds=0) == []


def reference(folder: Path, name: str) -> Contract:
    return make_contract(folder, column("kode", key=True), column("nilai"), mode="acuan", berkas={"berkas": name})


def test_a_reference_list_is_the_one_file_in_the_agencys_folder(tmp_path: Path) -> None:
    contract = reference(tmp_path, "reference/daftar.csv")
    path = contract.folder / "reference" / "daftar.csv"
    context = cast(PullContext, Context(contract, tmp_path))
    feed = reference_feed(contract, contract.folder)
    with pytest.raises(PayloadError, match=r"reference/daftar\.csv"):
        list(feed.pull(context))
    path.parent.mkdir()
    path.write_bytes(BODY)
    (payload,) = feed.pull(context)
    assert (payload.slot, payload.asal, payload.body) == ("reference/daftar.csv", "resmi", BODY)
    assert feed.read(payload, contract).rows() == [("a", "1")]


def test_a_reference_list_outside_its_folder_is_refused(tmp_path: Path) -> None:
    for name in ("../lain.csv", "/etc/hosts"):
        contract = reference(tmp_path, name)
        with pytest.raises(ValueError, match="in the agency's folder"):
            reference_feed(contract, contract.folder)


def test_a_monthly_report_goes_from_the_inbox_to_rows(tmp_path: Path) -> None:
    contract = make_contract(
        tmp_path / "kontrak",
        column("bulan", "date", key=True, partisi=True, turunan=True, format=["bulan_id"]),
        column("golongan", key=True, wire="Golongan"),
        column("pelanggan", "integer", wire="Pelanggan"),
        mode="berkas",
        partisi="bulanan",
        berkas={
            "pola": "*.xlsx",
            "format": "xlsx",
            "judul": {"cari": "Golongan"},
            "total": "^Jumlah",
            "isi_dari": {"bulan": {"sel": "A1", "regex": "Bulan: (.+)"}},
        },
    )
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    lines: list[list[Any]] = [
        ["Bulan: Mei 2026"],
        ["Golongan", "Pelanggan"],
        ["K1", 5],
        ["Jumlah", 5],
        [None, "NIP. 1"],
    ]
    for line in lines:
        sheet.append(line)
    inbox = tmp_path / "inbox"
    (inbox / "uji").mkdir(parents=True)
    book.save(inbox / "uji" / "mei.xlsx")
    payloads, refused = pull(contract, inbox)
    assert refused == {}
    assert b"NIP" not in payloads["mei.xlsx"].body
    frame = inbox_feed(contract).read(payloads["mei.xlsx"], contract)
    assert frame.rows() == [("K1", "5", "Mei 2026")]
