"""Tirtanadi: the stand-in speaks the golden formats, litres become m3 exactly, branch reports look like an office's."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import orjson
import polars as pl
import pytest
import requests
import yaml
from hypothesis import given
from hypothesis import strategies as st

import connectors.tirtanadi.sandbox as stand_in
from connectors.api import Payload, Window
from connectors.contract import Contract, load_contract
from connectors.faults import FaultBook
from connectors.http_errors import PullError
from connectors.inbox import inbox_feed
from connectors.read.conform import Conformed, conform_many
from connectors.read.regions import RegionTable
from connectors.sandbox import World, build_app, in_thread, write_inbox
from connectors.tirtanadi.connector import FEEDS, to_m3
from connectors.tirtanadi.laporan_tiruan import PELANGGAN
from tests.support.asking import Asking
from tests.support.reading import make_payload
from tests.support.shape import assert_same_shape
from warehouse.lint import lint

ROOT = Path(__file__).resolve().parents[1]
AGENCY = ROOT / "connectors" / "tirtanadi"
GOLDEN = ROOT / "tests" / "golden" / "tirtanadi"
TODAY = date(2026, 11, 20)
START = TODAY - timedelta(days=29)
WORLD = World(today=TODAY)
OKTOBER = date(2026, 10, 1)
JSON_SETS = ("produksi", "gangguan")


def contract(dataset: str) -> Contract:
    return load_contract(AGENCY / f"{dataset}.odcs.yaml")


def reference(name: str) -> list[dict[str, str]]:
    with (AGENCY / f"reference/{name}.csv").open() as file:
        return list(csv.DictReader(file))


@contextmanager
def served(*rules: dict[str, Any], **world: Any) -> Iterator[str]:
    book = FaultBook()
    for rule in rules:
        book.add(rule)
    with in_thread(build_app(World(**{"today": TODAY, **world}), [("tirtanadi", stand_in)], faults=book)) as url:
        yield f"{url}/tirtanadi"


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with served() as url:
        yield url


def ask(base: str, kind: str, day: date) -> requests.Response:
    answer = requests.get(f"{base}/api/{kind}", params={"tanggal": day.isoformat()}, timeout=20)
    assert (answer.status_code, answer.headers["X-SSP-Asal"]) == (200, "tiruan")
    return answer


# --- the daily answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", JSON_SETS)
def test_daily_answers_have_the_shape_of_the_golden_ones(base: str, kind: str) -> None:
    golden = (GOLDEN / f"{kind}_air/satu_hari/payload.json").read_bytes()
    for back in range(30):
        answer = ask(base, kind, TODAY - timedelta(days=back))
        if answer.json()["data"]:
            assert_same_shape(golden, answer.content)


@pytest.mark.parametrize("kind", JSON_SETS)
def test_same_seed_gives_the_same_bytes_and_a_day_to_come_is_empty(base: str, kind: str) -> None:
    days = [date(2026, 11, 3), date(2026, 11, 9)]
    first = [ask(base, kind, d).content for d in days]
    with served() as other:
        assert [ask(other, kind, d).content for d in reversed(days)] == first[::-1]
    with served(seed=7) as other:
        assert ask(other, kind, days[0]).content != first[0]
    assert ask(base, kind, TODAY + timedelta(days=1)).json()["data"] == []


@pytest.mark.parametrize("kind", JSON_SETS)
def test_a_wrong_date_is_an_error_inside_200(base: str, kind: str) -> None:
    answer = requests.get(f"{base}/api/{kind}", params={"tanggal": "20-11-2026"}, timeout=20)
    assert (answer.status_code, answer.json()["status"]) == (200, False)


def test_all_works_together_produce_about_what_is_known_of_the_province() -> None:
    for back in range(20):
        rows = stand_in.produksi(WORLD, TODAY - timedelta(days=back))
        assert [r["ipa"] for r in rows] == [i["nama_ipa"] for i in reference("ipa")]
        assert all(re.fullmatch(r"0\d{9}", str(r["produksi"])) for r in rows), "litres, padded with zeros"
        litres_a_second = sum(int(str(r["produksi"])) for r in rows) / 86_400
        assert 5800 < litres_a_second < 8000


def test_a_disturbance_that_lasts_into_today_has_no_end_until_a_later_pull() -> None:
    days = [TODAY - timedelta(days=n) for n in range(3)]
    now = [g for d in days for g in stand_in.gangguan(WORLD, d)]
    open_ones = [g for g in now if g["selesai"] is None]
    assert 0 < len(open_ones) < len(now)
    assert {g["status"] for g in open_ones} == {"Sedang Dikerjakan"}
    later = [g for d in days for g in stand_in.gangguan(World(today=TODAY + timedelta(days=5)), d)]
    assert [g["nomor"] for g in later] == [g["nomor"] for g in now]
    assert all(g["selesai"] for g in later)


# --- asking and reading ----------------------------------------------------------------------------------------------


def pulled(url: str, dataset: str, window: Window) -> list[Payload]:
    return list(FEEDS[dataset].pull(Asking(url, contract(dataset), window).context()))


def conformed(payloads: list[Payload], dataset: str) -> Conformed:
    regions = RegionTable.from_csv(ROOT / "connectors/referensi/reference/wilayah.csv")
    ours = contract(dataset)
    parts = [(p, FEEDS[dataset].read(p, ours)) for p in payloads]
    return conform_many(parts, ours, regions=regions, hash_key=b"k" * 32, today=TODAY)


@pytest.mark.parametrize("dataset", ["produksi_air", "gangguan_air"])
def test_each_day_of_the_window_is_asked_once_and_reads_without_loss(base: str, dataset: str) -> None:
    payloads = pulled(base, dataset, Window(START, TODAY))
    assert [p.slot for p in payloads] == [f"tanggal={d}" for d in Window(START, TODAY).days()]
    result = conformed(payloads, dataset)
    assert result.rejected.is_empty()
    assert result.rows.height == sum(len(orjson.loads(p.body)["data"]) for p in payloads)
    assert not any(p.unknown_fields for p in payloads)


@pytest.mark.parametrize("dataset", ["produksi_air", "gangguan_air"])
def test_an_error_inside_200_is_asked_again_and_then_an_error(dataset: str) -> None:
    window = Window(TODAY, TODAY)
    with served({"gangguan": "galat_200", "kali": 1}) as url:
        assert pulled(url, dataset, window)
    with served({"gangguan": "galat_200", "kali": 0}) as url, pytest.raises(PullError, match="galat_dalam_200"):
        pulled(url, dataset, window)


def test_personal_fields_of_a_reporter_are_cut_before_anything_is_kept() -> None:
    reporter = {"nama_pelapor": "Contoh", "no_hp": "080000000000"}
    rule = {"gangguan": "bidang_baru_bersarang", "arg": {"bidang": "pelapor", "nilai": reporter}}
    day = next(d for d in Window(START, TODAY).days() if stand_in.gangguan(WORLD, d))
    with served(rule) as url:
        payload = pulled(url, "gangguan_air", Window(day, day))[0]
    assert payload.unknown_fields == ("data.pelapor",)
    assert b"080000000000" not in payload.body


@pytest.mark.parametrize(
    ("volume", "unit", "m3"),
    [
        ("0000013780", "liter", "13.78"),
        ("0000013780", "Liter ", "13.78"),
        ("13780", "L", "13.78"),
        ("1", "liter", "0.001"),
        ("108000.5", "m3", "108000.5"),
        (None, "liter", None),
        ("-", "liter", "-"),
        ("12", "galon", "12 galon"),
        ("12", None, "12 tanpa satuan"),
        ("NaN", "liter", "NaN"),
    ],
)
def test_volumes_become_m3_by_their_own_unit_and_never_by_a_guess(
    volume: str | None, unit: str | None, m3: str | None
) -> None:
    assert to_m3(volume, unit) == m3


@given(st.integers(0, 10**15))
def test_litres_become_m3_without_losing_one(litres: int) -> None:
    text = to_m3(f"{litres:010d}", "liter")
    assert text is not None
    assert Decimal(text) * 1000 == litres


# --- the branch reports ----------------------------------------------------------------------------------------------


def worksheet(body: bytes) -> Any:
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(body))
    [name] = book.sheetnames
    return book[name]


def sheet(body: bytes) -> list[list[Any]]:
    return [list(row) for row in worksheet(body).iter_rows(values_only=True)]


@pytest.fixture(scope="module")
def inbox() -> dict[str, bytes]:
    return dict(stand_in.files(WORLD, START, TODAY))


def test_reports_of_two_months_lie_in_the_inbox_and_one_branch_is_late(inbox: dict[str, bytes]) -> None:
    by_month = {m: sorted(n for n in inbox if n.endswith(f"{m}.xlsx")) for m in ("2026-09", "2026-10")}
    assert {m: len(names) for m, names in by_month.items()} == {"2026-09": 22, "2026-10": 21}
    late = stand_in.cabang_terlambat(WORLD, OKTOBER)
    assert f"Laporan_{late.replace(' ', '_')}_2026-10.xlsx" not in inbox
    after = dict(stand_in.files(World(today=date(2026, 12, 31)), date(2026, 12, 2), date(2026, 12, 31)))
    assert f"Laporan_{late.replace(' ', '_')}_2026-10.xlsx" not in after, "the window asks for later months"
    arrived = dict(stand_in.files(World(today=date(2026, 12, 31)), date(2026, 10, 22), date(2026, 12, 31)))
    assert set(inbox) <= set(arrived)
    assert f"Laporan_{late.replace(' ', '_')}_2026-10.xlsx" in arrived


def test_the_same_seed_writes_the_same_files(inbox: dict[str, bytes]) -> None:
    assert dict(stand_in.files(World(today=TODAY), START, TODAY)) == inbox
    assert dict(stand_in.files(World(today=TODAY, seed=2), START, TODAY)) != inbox
    with zipfile.ZipFile(io.BytesIO(next(iter(inbox.values())))) as archive:
        assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_report_has_titles_a_merged_header_a_totals_row_and_a_signature_below(inbox: dict[str, bytes]) -> None:
    rows = sheet(inbox["Laporan_Berastagi_2026-10.xlsx"])
    assert rows[2][0] == "Cabang : Berastagi"
    assert rows[3][0] == "Bulan : Oktober 2026"
    assert re.fullmatch(r"Kehilangan Air \(NRW\) : \d+,\d\d %", rows[4][0])
    header = next(n for n, row in enumerate(rows) if row[0] == "No")
    merged = {str(r) for r in worksheet(inbox["Laporan_Berastagi_2026-10.xlsx"]).merged_cells.ranges}
    assert {f"B{header + 1}:B{header + 2}", f"C{header + 1}:D{header + 1}"} <= merged
    body, total = rows[header + 2 : header + 5], rows[header + 5]
    assert [row[1] for row in body] == ["K1", "K2", "K3"]
    assert total[0] == "Jumlah"
    assert total[2:] == [sum(column) for column in zip(*(row[2:] for row in body), strict=True)]
    below = [cell for row in rows[header + 6 :] for cell in row if cell]
    assert below[0].startswith("Medan, ")
    assert re.fullmatch(r"NIP\. 19000101 190001 1 \d{3}", below[-1]), "nobody's number"


def test_one_branch_types_its_header_in_another_way_within_the_same_layout(inbox: dict[str, bytes]) -> None:
    odd = {name: rows for name, body in inbox.items() if (rows := sheet(body))[6][0] is None}
    assert len(odd) == 2, "one a month"
    assert f"Laporan_{stand_in.cabang_varian(WORLD, OKTOBER).replace(' ', '_')}_2026-10.xlsx" in odd
    for rows in odd.values():
        assert rows[7][1] == "Kelompok  Tarif"
        assert rows[7][4] == "Air Terjual\n(m3)"


def test_the_branch_without_drinking_water_reports_no_loss(inbox: dict[str, bytes]) -> None:
    rows = sheet(inbox["Laporan_Pemasaran_Air_Limbah_2026-09.xlsx"])
    assert rows[4][0] == "Kehilangan Air (NRW) : -"


def taken(inbox: Path) -> tuple[Conformed, list[tuple[str, str]]]:
    """What the inbox feed of the contract makes of a folder, and what it refuses."""
    ours = contract("pelanggan_air_bulanan")
    feed = inbox_feed(ours, settle_seconds=0)
    asking = Asking("http://127.0.0.1:1", ours, Window(START, TODAY), inbox=inbox)
    parts = [(p, feed.read(p, ours)) for p in feed.pull(asking.context())]
    return conform_many(parts, ours, regions=None, hash_key=b"k" * 32, today=TODAY), asking.refused


def test_the_golden_report_reads_by_its_contract_alone(tmp_path: Path) -> None:
    from openpyxl import Workbook

    folder = GOLDEN / "pelanggan_air_bulanan/laporan_cabang"
    wanted = yaml.safe_load((folder / "payload.yaml").read_text())
    book = Workbook()
    page = cast(Any, book.active)
    for row in wanted["baris"]:
        page.append(row)
    for area in wanted["gabung"]:
        page.merge_cells(area)
    (tmp_path / "tirtanadi").mkdir()
    book.save(tmp_path / "tirtanadi/Laporan_Padang_Bulan_2026-10.xlsx")
    result, refused = taken(tmp_path)
    assert refused == []
    expected = orjson.loads((folder / "expected.json").read_bytes())["rows"]
    found = [
        {k: str(v) if isinstance(v, Decimal | date) else v for k, v in row.items() if not k.startswith("_")}
        for row in result.rows.to_dicts()
    ]
    assert found == expected


def test_every_delivered_report_is_read_whole_and_nothing_of_the_signature_is_kept(
    tmp_path: Path, inbox: dict[str, bytes]
) -> None:
    write_inbox(WORLD, [ROOT / "connectors"], tmp_path, START, TODAY)
    result, refused = taken(tmp_path)
    assert refused == []
    assert result.rejected.is_empty()
    assert result.rows.height == 3 * len(inbox)
    assert set(result.rows["_asal"]) == {"tiruan"}
    by_month = dict(result.rows.group_by("bulan").agg(pl.col("cabang").n_unique()).iter_rows())
    assert by_month == {date(2026, 9, 1): 22, date(2026, 10, 1): 21}
    unlikely = (result.rows["sambungan_rumah"] > result.rows["pelanggan"]).sum()
    assert 0 < unlikely < 5, "some rows are to be set aside"
    ours = contract("pelanggan_air_bulanan")
    asking = Asking("http://127.0.0.1:1", ours, Window(START, TODAY), inbox=tmp_path)
    for payload in inbox_feed(ours).pull(asking.context()):
        text = " ".join(str(cell) for row in sheet(payload.body) for cell in row)
        assert "NIP" not in text
        assert "Kepala Cabang" not in text


# --- contracts and references ----------------------------------------------------------------------------------------


def test_contracts_are_without_fault_and_each_pulled_one_has_a_feed() -> None:
    paths = sorted(AGENCY.glob("*.odcs.yaml"))
    assert lint(paths) == []
    pulled_here = {c.dataset for c in map(load_contract, paths) if c.ext.mode == "jendela"}
    assert set(FEEDS) == pulled_here


def test_known_branches_of_the_contracts_are_those_of_the_reference() -> None:
    rows = reference("cabang")
    assert len(rows) == 22
    names = {r["nama_cabang"] for r in rows} | {r["nama_lama"] for r in rows} - {""}
    assert names >= set(PELANGGAN)
    for dataset in ("pelanggan_air_bulanan", "gangguan_air"):
        known = next(e for e in contract(dataset).expectations if e.name == "cabang_dikenal")
        assert set(known.kwargs["value_set"]) == names - {""}


def test_regions_of_branches_carry_their_right_name_and_zone() -> None:
    with (ROOT / "connectors/referensi/reference/wilayah.csv").open() as file:
        regions = {w["kode_bps"]: w["nama"] for w in csv.DictReader(file)}
    for row in reference("cabang"):
        if row["kode_bps"]:
            assert row["nama_wilayah"] == regions[row["kode_bps"]]
            assert row["zona"] == ("1" if row["kode_bps"] == "1275" else "2")
        else:
            assert row["dasar"] == "asumsi"


def test_golden_production_is_litres_in_and_m3_out() -> None:
    body = (GOLDEN / "produksi_air/satu_hari/payload.json").read_bytes()
    result = conformed([make_payload(body)], "produksi_air")
    assert result.rows["produksi_m3"].to_list() == [Decimal("216345.678"), Decimal("13.780"), Decimal("108000.500")]
    assert result.rejected["_baris"].to_list() == [3, 4]
