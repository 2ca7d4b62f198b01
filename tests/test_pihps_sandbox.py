"""The stand-in of PIHPS: the documented formats, made up by seed or filled with the real series."""

import csv
import gzip
import statistics
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

import connectors.pihps.sandbox as stand_in
from connectors.sandbox import World, build_app, in_thread
from tests.support.shape import assert_same_shape

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden" / "pihps"
REAL = ROOT.parent / "shared" / "data"
TODAY = date(2026, 11, 20)
DATE_KEY = (r"\d{2}/\d{2}/\d{4}",)
GRID = {
    "price_type_id": "1",
    "province_id": "2",
    "regency_id": "4",
    "market_id": "",
    "tipe_laporan": "1",
    "start_date": "2026-10-01",
    "end_date": "2026-11-20",
}
MARKETS = ["Pasar Sukaramai", "Pasar Aksara", "Pasar Petisah", "Pusat Pasar", "Pasar Brayan"]

needs_real_series = pytest.mark.skipif(
    not (REAL / "harga").is_dir(),
    reason="the real series are not on this machine: ../shared/data/harga is absent (CI always has it)",
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with in_thread(build_app(World(today=TODAY), [("pihps", stand_in)])) as url:
        yield url


@pytest.fixture(scope="module")
def base(server: str) -> str:
    return f"{server}/pihps/WebSite/TabelHarga"


@pytest.fixture(scope="module")
def replayed() -> Iterator[str]:
    with in_thread(build_app(World(today=TODAY, replay=REAL), [("pihps", stand_in)])) as url:
        yield f"{url}/pihps/WebSite/TabelHarga"


def ask(base: str, call: str, **params: str) -> requests.Response:
    answer = requests.get(f"{base}/{call}", params=params, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer


def grid(base: str, call: str, **params: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = ask(base, call, **{**GRID, **params}).json()["data"]
    return rows


def prices(row: Mapping[str, Any]) -> dict[date, int]:
    """Dates and prices of a grid row, read here without the project's reader."""
    cells = {k: v for k, v in row.items() if k.count("/") == 2 and v not in ("-", "")}
    return {
        datetime.strptime(k, "%d/%m/%Y").replace(tzinfo=UTC).date(): int(v.replace(",", "")) for k, v in cells.items()
    }


# --- the stand-in against the documented format ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "call", "params"),
    [
        ("harga_pangan_pasar/cabai_keriting_medan", "GetGridDataKomoditas",
         {**GRID, "comcat_id": "com_14", "showKota": "true", "showPasar": "true"}),
        ("harga_pangan_wilayah/provinsi", "GetGridDataDaerah", {**GRID, "comcat_id": "com_1,com_2", "regency_id": ""}),
        ("harga_pangan_wilayah/kota_medan", "GetGridDataDaerah", {**GRID, "comcat_id": "com_11"}),
        ("ref_komoditas/daftar", "GetRefCommodityAndCategory", {}),
        ("ref_wilayah/provinsi", "GetRefProvince", {}),
        ("ref_wilayah/kota", "GetRefRegency", {"price_type_id": "1", "ref_prov_id": "2"}),
        ("ref_pasar/medan", "GetRefMarket", {"price_type_id": "1", "ref_regency_id": "4"}),
    ],
)  # fmt: skip
def test_stand_in_answers_have_the_shape_of_the_golden_payloads(
    base: str, case: str, call: str, params: dict[str, str]
) -> None:
    golden = (GOLDEN / case / "payload.json").read_bytes()
    assert_same_shape(golden, ask(base, call, **params).content, key_patterns=DATE_KEY)


def test_price_types_are_the_documented_ones(base: str) -> None:
    kinds = ["Pasar Tradisional", "Pasar Modern", "Pedagang Besar", "Produsen"]
    wanted = [{"id": number, "name": name} for number, name in enumerate(kinds, 1)]
    assert ask(base, "GetRefPriceType").json() == {"data": wanted}


def test_same_seed_gives_the_same_bytes_whatever_was_asked_before(base: str) -> None:
    wide = {**GRID, "comcat_id": "com_7,com_14", "start_date": "2026-01-01"}
    first = ask(base, "GetGridDataDaerah", **wide).content
    with in_thread(build_app(World(today=TODAY), [("pihps", stand_in)])) as url:
        other = f"{url}/pihps/WebSite/TabelHarga"
        ask(other, "GetGridDataKomoditas", **{**GRID, "comcat_id": "com_14", "showPasar": "true"})
        assert ask(other, "GetGridDataDaerah", **wide).content == first
    with in_thread(build_app(World(today=TODAY, seed=2), [("pihps", stand_in)])) as url:
        assert ask(f"{url}/pihps/WebSite/TabelHarga", "GetGridDataDaerah", **wide).content != first


def test_grids_have_a_column_for_each_weekday_up_to_today_and_for_no_other_day(base: str) -> None:
    row = grid(base, "GetGridDataDaerah", comcat_id="com_10", start_date="2026-11-12", end_date="2026-11-30")[0]
    days = [k for k in row if k.count("/") == 2]
    assert days == ["12/11/2026", "13/11/2026", *(f"{d}/11/2026" for d in range(16, 21))]
    weekend = grid(base, "GetGridDataDaerah", comcat_id="com_10", start_date="2026-11-14", end_date="2026-11-15")
    assert [set(r) for r in weekend] == [{"no", "name", "level"}] * 2


def test_holidays_of_a_fixed_date_are_a_column_of_dashes(base: str) -> None:
    rows = grid(
        base,
        "GetGridDataKomoditas",
        comcat_id="com_3",
        showPasar="true",
        start_date="2026-08-17",
        end_date="2026-08-17",
    )
    assert {row["17/08/2026"] for row in rows} == {"-"}


def test_cities_are_means_of_markets_and_categories_means_of_commodities(base: str) -> None:
    one_day = {"start_date": "2026-11-18", "end_date": "2026-11-18"}
    markets = grid(base, "GetGridDataKomoditas", comcat_id="com_1", showKota="true", showPasar="true", **one_day)
    city = grid(base, "GetGridDataDaerah", comcat_id="com_1,com_2,com_3,com_4,com_5,com_6", **one_day)
    values = [list(prices(row).values()) for row in markets]
    assert [row["level"] for row in markets] == [1, 2, 3, 3, 3, 3, 3]
    assert [row["name"] for row in markets[2:]] == MARKETS
    assert prices(markets[1]) == prices(city[1])
    assert values[1][0] == pytest.approx(statistics.mean(v[0] for v in values[2:] if v), abs=25)
    members = [next(iter(prices(row).values())) for row in city[1:]]
    assert next(iter(prices(city[0]).values())) == pytest.approx(statistics.mean(members), abs=25)


def test_few_cells_are_missing_and_few_prices_are_wrong(base: str) -> None:
    cells, dashes, wrong = 0, 0, 0
    for number in range(1, 22):
        rows = grid(base, "GetGridDataKomoditas", comcat_id=f"com_{number}", showPasar="true", start_date="2026-08-01")
        for row in rows[1:]:
            found = [v for k, v in row.items() if k.count("/") == 2]
            cells, dashes = cells + len(found), dashes + found.count("-")
            usual = statistics.median(prices(row).values())
            wrong += sum(v > 5 * usual for v in prices(row).values())
    assert 0.005 < dashes / cells < 0.03
    assert 0.0005 < wrong / cells < 0.005


def test_what_the_stand_in_does_not_know_is_an_empty_grid_and_a_bad_date_an_error(base: str) -> None:
    assert grid(base, "GetGridDataDaerah", comcat_id="com_1", province_id="9") == []
    assert grid(base, "GetGridDataKomoditas", comcat_id="com_99") == []
    answer = requests.get(f"{base}/GetGridDataDaerah", params={**GRID, "start_date": "01/11/2026"}, timeout=20)
    assert answer.status_code == 400


def test_every_answer_is_labelled_as_made_up(base: str) -> None:
    assert ask(base, "GetRefProvince").headers["X-SSP-Asal"] == "tiruan"
    assert ask(base, "GetGridDataDaerah", **GRID, comcat_id="com_1").headers["X-SSP-Asal"] == "tiruan"


# --- the real series -------------------------------------------------------------------------------------------------


@needs_real_series
def test_replay_serves_the_red_chilli_means_of_sumatera_utara(replayed: str) -> None:
    rows = grid(
        replayed,
        "GetGridDataDaerah",
        comcat_id="com_13,com_14",
        regency_id="",
        start_date="2024-01-01",
        end_date="2024-12-31",
    )
    assert [row["name"] for row in rows] == ["Cabai Merah", "Cabai Merah Besar", "Cabai Merah Keriting "]
    for month, mean in ((3, 59_862), (11, 26_876)):
        of_month = [price for day, price in prices(rows[0]).items() if day.month == month]
        assert round(statistics.mean(of_month)) == mean


@needs_real_series
@pytest.mark.parametrize(("kode", "file"), [(1, "beras"), (3, "daging_sapi"), (8, "cabai_rawit"), (10, "gula_pasir")])
def test_replay_serves_every_weekday_of_the_province_series_and_no_weekend(replayed: str, kode: int, file: str) -> None:
    with gzip.open(REAL / "harga" / f"pihps_provinsi_harian_{file}_2022_2024.csv.gz", "rt") as source:
        rows = [r for r in csv.DictReader(source) if r["Province_Name"] == "Sumatera Utara"]
    wanted = {date.fromisoformat(r["Date_Param"]): int(float(r["Price"])) for r in rows}
    wanted = {day: price for day, price in wanted.items() if day.isoweekday() <= 5}
    served = grid(
        replayed,
        "GetGridDataDaerah",
        comcat_id=f"cat_{kode}",
        regency_id="",
        start_date="2022-01-01",
        end_date="2024-12-31",
    )
    assert prices(served[0]) == wanted


@needs_real_series
def test_replay_serves_the_five_markets_of_medan(replayed: str) -> None:
    (path,) = (REAL / "harga").glob("cabai_merah_*.semicolon.csv")
    lines = [line.split(";") for line in path.read_text(encoding="utf-8-sig").splitlines()]
    wanted = {line[1]: [c.strip() for c in line[2:]] for line in lines[1:]}
    served = grid(
        replayed,
        "GetGridDataKomoditas",
        comcat_id="com_14",
        showKota="true",
        showPasar="true",
        start_date="2024-01-01",
        end_date="2025-10-24",
    )
    assert [row["name"] for row in served] == ["Sumatera Utara", "Kota Medan", *MARKETS]
    for row in served:
        assert [v for k, v in row.items() if k.count("/") == 2] == wanted[row["name"]]


@needs_real_series
def test_replay_says_so_and_has_no_price_that_the_files_do_not_have(replayed: str) -> None:
    answer = ask(replayed, "GetGridDataKomoditas", **{**GRID, "comcat_id": "com_1", "showPasar": "true"})
    assert answer.headers["X-SSP-Asal"] == "ulangan"
    assert all(prices(row) == {} for row in answer.json()["data"])
    assert ask(replayed, "GetRefMarket", ref_regency_id="4").headers["X-SSP-Asal"] == "tiruan"


def test_a_replay_folder_without_series_is_an_error_that_names_them(tmp_path: Path) -> None:
    from connectors.pihps.replay import ReplayedPrices

    with pytest.raises(FileNotFoundError, match="pihps_provinsi_harian"):
        ReplayedPrices(tmp_path).kategori("cat_1", "", TODAY)
