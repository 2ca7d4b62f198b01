"""Reports of data problems: taken from the form alone, bounded, kept for the walidata and never public."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.portal import Served, running

pytest_plugins = ["tests.support.portal_fixtures"]

GOOD = {
    "dataset": "harga_uji",
    "masalah": "Harga cabai tanggal 3 terlalu tinggi.",
    "surel": "warga@example.invalid",
    "situs": "",
}


@pytest.fixture
def open_root(served: Served) -> Path:
    return served.root


@pytest.fixture
def desk(open_root: Path, tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "walidata").mkdir()
    with running(open_root, reports=tmp_path / "walidata" / "laporan") as found:
        yield Served(found.url, open_root, tmp_path / "walidata" / "laporan")


def kept(desk: Served) -> list[dict[str, str]]:
    files = sorted(desk.reports.glob("*.ndjson")) if desk.reports.is_dir() else []
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


@pytest.mark.parametrize("path", ["/lapor/", "/en/lapor/"])
def test_a_report_is_kept_under_a_number_that_the_writer_sees(desk: Served, path: str) -> None:
    answer = desk.post(path, data=GOOD, headers={"Origin": desk.url, "Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 201
    (report,) = kept(desk)
    assert report["nomor"] in answer.text
    assert (report["dataset"], report["masalah"], report["surel"]) == tuple(
        GOOD[n] for n in ("dataset", "masalah", "surel")
    )
    (file,) = desk.reports.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert desk.get(f"/walidata/laporan/{file.name}").status_code == 404
    assert desk.get(f"/laporan/{file.name}").status_code == 404


def test_a_report_with_line_breaks_and_any_letters_stays_one_line(desk: Served) -> None:
    text = 'Baris satu\r\nbaris dua {"a": 1} \u2028 <script>alert(1)</script> ' + "é" * 50
    answer = desk.post("/lapor/", data=GOOD | {"masalah": text, "dataset": "", "surel": ""})
    assert answer.status_code == 201
    assert kept(desk)[0]["masalah"].replace("\r\n", "\n") == text.replace("\r\n", "\n").strip()
    assert "<script>alert" not in desk.post("/lapor/", data=GOOD | {"masalah": text, "surel": "x"}).text


@pytest.mark.parametrize(
    "change",
    [
        {"masalah": ""}, {"masalah": "pendek"}, {"masalah": "x" * 4001}, {"surel": "bukan alamat"},
        {"dataset": "tidak_ada"}, {"situs": "http://spam.invalid"},
    ],
)  # fmt: skip
def test_a_report_that_cannot_be_used_comes_back_with_what_was_written(desk: Served, change: dict[str, str]) -> None:
    answer = desk.post("/lapor/", data=GOOD | change)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert kept(desk) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://lain.invalid"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://127.0.0.1:1"},
    ],
)  # fmt: skip
def test_another_site_cannot_report_in_a_visitors_name(desk: Served, headers: dict[str, str]) -> None:
    answer = desk.post("/lapor/", data=GOOD, headers=headers)
    assert answer.status_code == 403
    assert kept(desk) == []


def test_other_kinds_and_sizes_of_bodies_are_refused(desk: Served) -> None:
    assert desk.post("/lapor/", json=GOOD).status_code == 415
    assert desk.post("/lapor/", data=GOOD | {"masalah": "x" * 100_000}).status_code == 413
    assert desk.post("/lapor/", files={"masalah": b"x" * 20}).status_code == 415
    twice = "masalah=" + "a" * 20 + "&masalah=" + "b" * 20
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert desk.post("/lapor/", data=twice, headers=form).status_code == 400
    assert desk.post("/lapor/", data=b"masalah=%ff%fe", headers=form).status_code == 400
    assert kept(desk) == []


def test_a_portal_without_the_walidatas_folder_says_so(open_root: Path, tmp_path: Path) -> None:
    for folder in (None, tmp_path / "tidak" / "ada" / "laporan"):
        with running(open_root, reports=folder) as desk:
            answer = desk.post("/lapor/", data=GOOD)
            assert answer.status_code == 503
            assert answer.json()["galat"]["kode"] == "laporan_tidak_diterima"
            assert "walidata" in answer.json()["galat"]["pesan"]
    assert not (tmp_path / "tidak").exists()


def test_one_address_cannot_flood_the_walidata(open_root: Path, tmp_path: Path) -> None:
    (tmp_path / "walidata").mkdir()
    with running(open_root, reports=tmp_path / "walidata" / "laporan", reports_per_hour=5) as desk:
        assert {desk.post("/lapor/", data=GOOD | {"masalah": "x"}).status_code for _ in range(8)} == {400}
        assert [desk.post("/lapor/", data=GOOD).status_code for _ in range(7)] == [201] * 5 + [429] * 2
