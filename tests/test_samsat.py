"""Samsat: the stand-in speaks the golden format, a day is pulled page by page, personal fields become hashes."""

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
import requests

import connectors.samsat.sandbox as stand_in
from connectors.api import MissingSecret, Payload, Window
from connectors.contract import Contract, load_agency, load_contract
from connectors.faults import FaultBook
from connectors.http_errors import PullError
from connectors.paging import PagingRestart
from connectors.read.conform import Conformed, conform_many
from connectors.read.regions import RegionTable
from connectors.samsat.connector import FEEDS, KUNCI
from connectors.sandbox import World, build_app, in_thread
from tests.support.asking import Asking
from tests.support.reading import make_payload
from tests.support.shape import assert_same_shape

ROOT = Path(__file__).resolve().parents[1]
AGENCY = ROOT / "connectors" / "samsat"
GOLDEN = ROOT / "tests" / "golden" / "samsat"
TODAY = date(2026, 11, 20)
FRIDAY, SUNDAY = date(2026, 11, 20), date(2026, 11, 15)
KEY = {"X-API-KEY": stand_in.KUNCI}


def contract(dataset: str) -> Contract:
    return load_contract(AGENCY / f"{dataset}.odcs.yaml")


def reference(name: str) -> list[dict[str, str]]:
    with (AGENCY / f"reference/{name}.csv").open() as file:
        return list(csv.DictReader(file))


# --- the stand-in ----------------------------------------------------------------------------------------------------


@contextmanager
def served(*rules: dict[str, Any], **world: Any) -> Iterator[str]:
    book = FaultBook()
    for rule in rules:
        book.add(rule)
    with in_thread(build_app(World(**{"today": TODAY, **world}), [("samsat", stand_in)], faults=book)) as url:
        yield f"{url}/samsat"


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with served() as url:
        yield url


def ask(base: str, path: str = "/api/pembayaran", **params: str) -> Any:
    answer = requests.get(f"{base}{path}", params=params, headers=KEY, timeout=20)
    assert answer.status_code == 200, answer.text
    assert answer.headers["X-SSP-Asal"] == "tiruan"
    return answer.json()


@pytest.fixture(scope="module")
def friday() -> list[dict[str, Any]]:
    return [orjson.loads(body) for _, body in stand_in.pembayaran(World(today=TODAY), FRIDAY)]


def test_payments_have_the_shape_of_the_golden_page(base: str) -> None:
    golden = (GOLDEN / "pembayaran_pkb/satu_halaman/payload.json").read_bytes()
    for page in ("1", "3", "7"):
        params = {"tanggal": "2026-11-20", "limit": "500", "page": page}
        answer = requests.get(f"{base}/api/pembayaran", params=params, headers=KEY, timeout=20)
        assert_same_shape(golden, answer.content)


def test_targets_have_the_shape_of_the_golden_answer(base: str) -> None:
    golden = orjson.loads((GOLDEN / "target_tahunan/tahun_2025/payload.json").read_bytes())
    answer = ask(base, "/api/target", tahun="2025")
    assert_same_shape(orjson.dumps(golden), orjson.dumps(answer))
    assert [golden["data"][0], golden["data"][1]] == answer["data"][:2]
    assert {r["keterangan"] for r in ask(base, "/api/target", tahun="2026")["data"]} == {"Angka tiruan"}


def test_same_seed_gives_the_same_bytes_whatever_was_asked_before() -> None:
    def page(url: str, day: str) -> bytes:
        params = {"tanggal": day, "limit": "500", "page": "2"}
        return requests.get(f"{url}/api/pembayaran", params=params, headers=KEY, timeout=20).content

    with served() as url:
        first = [page(url, d) for d in ("2026-11-18", "2026-11-19")]
    stand_in.pembayaran.cache_clear()
    stand_in._pemilik.cache_clear()
    with served() as url:
        again = [page(url, d) for d in ("2026-11-19", "2026-11-18")]
    assert first == again[::-1]
    with served(seed=2) as url:
        assert page(url, "2026-11-18") != first[0]


def test_without_the_key_nothing_is_given_and_a_wrong_question_is_an_error_inside_200(base: str) -> None:
    for headers in ({}, {"X-API-KEY": "salah"}):
        for path in ("/api/pembayaran?tanggal=2026-11-20", "/api/target?tahun=2026"):
            answer = requests.get(base + path, headers=headers, timeout=20)
            assert (answer.status_code, answer.json()["status"]) == (401, False)
    for query in ("tanggal=20-11-2026", "tanggal=2026-11-20&page=0", "tanggal=2026-11-20&limit=x"):
        answer = requests.get(f"{base}/api/pembayaran?{query}", headers=KEY, timeout=20)
        assert (answer.status_code, answer.json()["status"]) == (200, False)


def test_pages_make_the_whole_list_and_a_upt_gets_its_own(base: str) -> None:
    first = ask(base, tanggal="2026-11-15", limit="200")["data"]
    assert (first["page"], first["limit"], len(first["rincian"])) == (1, 200, 200)
    rows = [
        r for n in range(1, 5) for r in ask(base, tanggal="2026-11-15", limit="200", page=str(n))["data"]["rincian"]
    ]
    assert len(rows) == first["total"]
    one = ask(base, tanggal="2026-11-15", kode_upt="02", limit="9999")["data"]
    assert one["limit"] == 500
    assert one["rincian"] == [r for r in rows if r["kd_lokasi"] == "02"]
    assert ask(base, tanggal="2026-11-21")["data"]["total"] == 0, "a day to come"


def test_a_working_day_has_about_4000_payments_of_all_upt_and_a_sunday_far_fewer(
    friday: list[dict[str, Any]],
) -> None:
    assert 3200 < len(friday) < 4800
    assert {r["kd_lokasi"] for r in friday} == {u["kode_upt"] for u in reference("upt")}
    assert 200 < len(stand_in.pembayaran(World(today=TODAY), SUNDAY)) < 1000


def test_plates_follow_the_rules_of_region_and_kind(friday: list[dict[str, Any]]) -> None:
    upt = {u["kode_upt"]: u["kode_bps"] for u in reference("upt")}
    ranges = {"SEPEDA MOTOR": (2000, 6999), "BUS": (7000, 7999), "TRUK": (8000, 9999), "PICK UP": (8000, 9999)}
    for row in friday:
        plate = re.fullmatch(r"(BK|BB)(\d{1,4})([A-Z]{2})", re.sub(r"[\s-]", "", row["nopol"]).upper())
        assert plate, row["nopol"]
        low, high = ranges.get(row["nm_jenis_kb"], (1, 1999))
        assert low <= int(plate[2]) <= high
        region = upt[row["kd_lokasi"]]
        assert (plate[1] == "BK") == (region in {"1207", "1208", "1209", "1211", "1212", "1213", "1218", "1219", "1222",
                                                 "1223", "1272", "1273", "1274", "1275", "1276"})  # fmt: skip
        if region == "1271":
            assert plate[3][0] in "ALM"
    assert len({r["nopol"] for r in friday if re.search(r"[a-z-]|^\S+$", r["nopol"])}) > 5, "typed in other ways too"


# --- asking and reading ----------------------------------------------------------------------------------------------


def pulled(
    url: str, dataset: str, window: Window, secrets: dict[str, str] | None = None, **params: Any
) -> list[Payload]:
    known = {KUNCI: stand_in.KUNCI} if secrets is None else secrets
    asking = Asking(url, contract(dataset), window, params=load_agency(AGENCY).params | params, secrets=known)
    return list(FEEDS[dataset].pull(asking.context()))


def conformed(payloads: list[Payload], dataset: str) -> Conformed:
    regions = RegionTable.from_csv(ROOT / "connectors/referensi/reference/wilayah.csv")
    ours = contract(dataset)
    parts = [(p, FEEDS[dataset].read(p, ours)) for p in payloads]
    return conform_many(parts, ours, regions=regions, hash_key=b"k" * 32, today=TODAY)


@pytest.fixture(scope="module")
def typed(base: str) -> pl.DataFrame:
    result = conformed(pulled(base, "pembayaran_pkb", Window(FRIDAY, FRIDAY)), "pembayaran_pkb")
    assert result.rejected.is_empty()
    return result.rows


def test_a_day_is_pulled_page_by_page_with_the_key_and_nothing_unknown_in_it(base: str) -> None:
    payloads = pulled(base, "pembayaran_pkb", Window(FRIDAY, FRIDAY))
    assert [p.slot for p in payloads[:2]] == [f"tanggal=2026-11-20/upt=semua/page={n}" for n in (1, 2)]
    assert len({p.slot for p in payloads}) == len(payloads) >= 7
    for p in payloads:
        assert stand_in.KUNCI not in repr((p.request, p.meta, p.headers))
        assert not p.unknown_fields


def test_named_upt_are_pulled_one_by_one_and_give_the_same_rows(base: str) -> None:
    sunday = Window(SUNDAY, SUNDAY)
    codes = [u["kode_upt"] for u in reference("upt")]
    by_upt = conformed(pulled(base, "pembayaran_pkb", sunday, upt=codes), "pembayaran_pkb").rows
    whole = conformed(pulled(base, "pembayaran_pkb", sunday, limit=37), "pembayaran_pkb").rows
    lineage = ["_payload", "_baris"]
    assert by_upt.drop(lineage).equals(whole.drop(lineage))


def test_without_the_secret_the_pull_says_which_one_is_missing(base: str) -> None:
    with pytest.raises(MissingSecret, match=KUNCI):
        pulled(base, "pembayaran_pkb", Window(FRIDAY, FRIDAY), secrets={})


def test_a_refused_key_fails_the_pull_and_is_not_in_the_message(base: str) -> None:
    with pytest.raises(PullError, match="http_4xx") as failure:
        pulled(base, "pembayaran_pkb", Window(FRIDAY, FRIDAY), secrets={KUNCI: "kunci-yang-salah-9876"})
    assert "9876" not in str(failure.value)


@pytest.mark.parametrize("dataset", ["pembayaran_pkb", "target_tahunan"])
def test_an_error_inside_200_is_asked_again_and_then_an_error(dataset: str) -> None:
    window = Window(FRIDAY, FRIDAY)
    with served({"gangguan": "galat_200", "kali": 1}) as url:
        assert pulled(url, dataset, window)
    with served({"gangguan": "galat_200", "kali": 0}) as url, pytest.raises(PullError, match="galat_dalam_200"):
        pulled(url, dataset, window)


@pytest.mark.parametrize(
    "rule",
    [
        {"gangguan": "halaman_kembar", "kali": 1},
        {"gangguan": "total_menyusut", "mulai": 2},
        {"gangguan": "halaman_tak_berakhir"},
    ],
)
def test_pages_that_do_not_fit_together_are_thrown_away_whole(rule: dict[str, Any]) -> None:
    with served(rule) as url, pytest.raises(PagingRestart):
        pulled(url, "pembayaran_pkb", Window(SUNDAY, SUNDAY), limit=100)


def test_a_row_that_lacks_a_nested_field_is_set_aside_and_a_page_without_it_is_refused() -> None:
    page = orjson.loads((GOLDEN / "pembayaran_pkb/satu_halaman/payload.json").read_bytes())
    del page["data"]["rincian"][1]["opsen"]
    result = conformed([make_payload(orjson.dumps(page))], "pembayaran_pkb")
    assert result.rows.height == 2
    assert result.rejected["kolom"].to_list() == ["opsen.pokok, opsen.denda"]
    for row in page["data"]["rincian"]:
        row.pop("opsen", None)
    with pytest.raises(Exception, match=r"opsen\.pokok"):
        conformed([make_payload(orjson.dumps(page))], "pembayaran_pkb")


def test_whole_rows_read_the_same_beside_a_faulty_one() -> None:
    page = orjson.loads((GOLDEN / "pembayaran_pkb/satu_halaman/payload.json").read_bytes())
    ours, read = contract("pembayaran_pkb"), FEEDS["pembayaran_pkb"].read
    alone = read(make_payload(orjson.dumps(page)), ours)
    page["data"]["rincian"].append({**page["data"]["rincian"][0], "pkb": None})
    beside = read(make_payload(orjson.dumps(page)), ours)
    assert beside.height == 4
    assert beside.head(3).select(alone.columns).equals(alone)
    assert alone.row(1, named=True)["njkb.bobot"] == "1.05"
    assert alone["is_opsen"].to_list() == ["true"] * 3


def test_personal_fields_are_hashes_and_one_plate_has_one_hash_however_it_is_typed(typed: pl.DataFrame) -> None:
    private = [c.name for c in contract("pembayaran_pkb").columns if c.classification == "private"]
    assert private == ["nopol_acak", "rangka_acak", "mesin_acak", "pemilik_acak"]
    for name in private:
        assert typed[name].drop_nulls().str.contains(r"^[0-9a-f]{32}$").all()
    page = orjson.loads((GOLDEN / "pembayaran_pkb/satu_halaman/payload.json").read_bytes())
    rows = page["data"]["rincian"]
    for row, plate in zip(rows, ("BK 1234 AB", "bk1234ab ", "BK-1234-AB"), strict=True):
        row["nopol"] = plate
    assert conformed([make_payload(orjson.dumps(page))], "pembayaran_pkb").rows["nopol_acak"].n_unique() == 1


def test_targets_of_every_year_of_the_window_are_pulled(base: str) -> None:
    payloads = pulled(base, "target_tahunan", Window(date(2025, 1, 1), date(2026, 12, 31)))
    rows = conformed(payloads, "target_tahunan").rows
    assert [p.slot for p in payloads] == ["tahun=2025", "tahun=2026"]
    pkb = rows.filter(pl.col("kode_pajak") == "PKB").sort("tahun")
    assert pkb["tahun"].to_list() == [date(2025, 1, 1), date(2026, 1, 1)]
    assert pkb["target"][0] == Decimal("1741000000000")
    assert sum(rows.filter(pl.col("tahun") == date(2025, 1, 1))["target"]) == Decimal("6354970000000")
