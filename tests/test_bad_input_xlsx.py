"""Workbooks in the inbox that are not what was agreed: taken, set aside or refused, without stopping the others."""

import io
import os
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from connectors.inbox import inbox_feed
from connectors.sandbox import World
from connectors.tirtanadi.laporan_tiruan import lembar
from tests.support.bad_input import TODAY, Place, held, keeps

pytest_plugins = ["tests.support.bad_input_fixtures"]

AGENCY, DATASET = "tirtanadi", "tirtanadi.pelanggan_air_bulanan"
BRANCH = "Medan Kota"
MONTHS: Iterator[date] = (date(2026 - n // 12, 12 - n % 12, 1) for n in range(2, 60))
NIK = "1271010101900001"


def report(month: date, branch: str = BRANCH, **options: Any) -> bytes:
    """A branch's report as the stand-in drops it."""
    return lembar(World(today=TODAY), branch, month, date(2026, 11, 3), **options)


def edited(body: bytes, change: Callable[[Any], None]) -> bytes:
    """The same workbook after somebody has typed in it."""
    book = openpyxl.load_workbook(io.BytesIO(body))
    change(book.active)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def cell(reference: str, value: object) -> Callable[[Any], None]:
    def change(sheet: Any) -> None:
        sheet[reference] = value

    return change


def retitled(sheet: Any) -> None:
    for row in sheet.iter_rows():
        for found in row:
            if found.value == "Air Terjual (m3)":
                found.value = "Volume Terjual"


def with_a_nik(sheet: Any) -> None:
    sheet["J7"], sheet["J9"], sheet["J10"] = "NIK Petugas", NIK, NIK


def bomb(body: bytes) -> bytes:
    """The same workbook with a picture of zeros that inflates a thousand times."""
    out = io.BytesIO(body)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/media/nol.png", bytes(64 << 20))
    return out.getvalue()


REFUSED: dict[str, Callable[[bytes], bytes]] = {
    "xlsx_bom": bomb,
    "xlsx_terpotong": lambda body: body[: len(body) // 2],
    "csv_bernama_xlsx": lambda body: b"Kelompok Tarif;Pelanggan\nK1;12\n",
    "jumlah_tidak_cocok": lambda body: edited(body, cell("C9", 5)),
    "bidang_ganti_nama": lambda body: edited(body, retitled),
}


@keeps("xlsx_bom", "xlsx_terpotong", "csv_bernama_xlsx", "jumlah_tidak_cocok")
@pytest.mark.parametrize("promised", REFUSED)
def test_a_workbook_that_cannot_be_read_is_refused_and_does_not_stop_the_others(place: Place, promised: str) -> None:
    month, other = next(MONTHS), next(MONTHS)
    good = place.drop(AGENCY, "a.xlsx", report(month))
    assert place.one(DATASET).status == "diterima"
    before = place.rows(DATASET, month)
    body = REFUSED[promised](report(month))
    bad = place.drop(AGENCY, "b.xlsx", body)
    good.write_bytes(report(other))
    outcomes = {o.partisi: o for o in place.pull(DATASET)}
    assert outcomes.pop(other.isoformat()).status == "diterima"
    refused = outcomes.pop("berkas:tiruan/b.xlsx")
    held(promised, refused)
    assert not outcomes
    assert "b.xlsx" in refused.rincian
    assert place.rows(DATASET, month).equals(before)
    assert bad.read_bytes() == body, "a file is never moved or changed"
    good.unlink()
    bad.unlink()


@keeps("judul_gabung", "tanda_tangan")
def test_merged_headers_are_read_and_signatures_never_kept(place: Place) -> None:
    month = next(MONTHS)
    path = place.drop(AGENCY, "a.xlsx", report(month))
    outcome = place.one(DATASET)
    held("tanda_tangan", outcome)
    assert place.rows(DATASET, month)["kelompok_tarif"].to_list() == ["K1", "K2", "K3"]
    place.drop(AGENCY, "a.xlsx", report(month, varian=True))
    held("judul_gabung", place.one(DATASET))
    path.unlink()
    assert place.shows("NIP.", "Kepala Cabang") == []


def test_a_column_that_is_new_in_a_workbook_is_cut_and_named(place: Place) -> None:
    month = next(MONTHS)
    path = place.drop(AGENCY, "a.xlsx", edited(report(month), with_a_nik))
    outcome = place.one(DATASET)
    held("kolom_baru", outcome)
    assert "NIK Petugas" in outcome.rincian
    path.unlink()
    assert place.shows(NIK) == []


@keeps("unit_asing")
def test_rows_of_a_branch_that_no_list_knows_are_set_aside(place: Place) -> None:
    month = next(MONTHS)
    path = place.drop(AGENCY, "a.xlsx", report(month))
    assert place.one(DATASET).status == "diterima"
    before = place.rows(DATASET, month)
    other = place.drop(AGENCY, "b.xlsx", edited(report(month), cell("A3", "Cabang : Medan Kotta")))
    outcome = place.one(DATASET)
    held("unit_asing", outcome, place.aside(outcome))
    assert place.aside(outcome).height == 3
    assert place.rows(DATASET, month).equals(before)
    path.unlink()
    other.unlink()


@keeps("tautan_simbolik", "berkas_sementara")
def test_a_link_and_a_temporary_file_are_not_taken(place: Place, tmp_path: Path) -> None:
    month = next(MONTHS)
    elsewhere = tmp_path / "rahasia.xlsx"
    elsewhere.write_bytes(report(month))
    link = place.ws.inbox / AGENCY / "tiruan" / "a.xlsx"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere)
    temporary = place.drop(AGENCY, "~$a.xlsx", b"terkunci")
    outcomes = {o.partisi: o for o in place.pull(DATASET)}
    held("tautan_simbolik", outcomes["berkas:tiruan/a.xlsx"])
    held("berkas_sementara", outcomes["berkas:tiruan/~$a.xlsx"])
    assert place.rows(DATASET, month).is_empty()
    temporary.unlink()
    link.unlink()


@keeps("masih_ditulis")
def test_a_file_that_is_being_written_waits_for_the_next_pull(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    month = next(MONTHS)
    body = report(month)
    # In the office's own folder a file must have been left alone for a while; a stand-in renames whole files there.
    path = place.ws.inbox / AGENCY / "a.xlsx"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as writer:
        writer.write(body[:1000])
        writer.flush()
        [young] = [o for o in place.pull(DATASET) if o.partisi == "berkas:a.xlsx"]
        held("masih_ditulis", young)
        # Also when it looks old, because a copy program has set its time.
        os.utime(path, (1_600_000_000, 1_600_000_000))
        monkeypatch.setitem(inbox_feed.__kwdefaults__ or {}, "settle_seconds", 0.0)
        [open_still] = [o for o in place.pull(DATASET) if o.partisi == "berkas:a.xlsx"]
        assert not open_still.ok
        assert place.rows(DATASET, month).is_empty()
        writer.write(body[1000:])
    outcome = place.one(DATASET)
    assert (outcome.partisi, outcome.status) == (month.isoformat(), "diterima")
    path.unlink()


def test_a_month_that_the_office_and_its_stand_in_fill_together_says_so(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(inbox_feed.__kwdefaults__ or {}, "settle_seconds", 0.0)
    month = next(MONTHS)

    def deliver(path: Path, branch: str) -> tuple[str, dict[str, str]]:
        path.write_bytes(report(month, branch, varian=path.parent == folder))
        outcome = place.one(DATASET)
        assert (outcome.partisi, outcome.status) == (month.isoformat(), "diterima")
        return outcome.asal, dict(place.rows(DATASET, month).select("cabang", "_asal").unique().iter_rows())

    folder = place.ws.inbox / AGENCY
    made_up, other, own = folder / "tiruan" / "a.xlsx", folder / "b.xlsx", folder / "a.xlsx"
    made_up.parent.mkdir(parents=True, exist_ok=True)
    assert deliver(made_up, BRANCH) == ("tiruan", {BRANCH: "tiruan"})
    assert deliver(other, "Medan Denai") == ("resmi,tiruan", {BRANCH: "tiruan", "Medan Denai": "resmi"})
    assert deliver(own, BRANCH) == ("resmi", {BRANCH: "resmi", "Medan Denai": "resmi"})
    for path in (made_up, other, own):
        path.unlink()
