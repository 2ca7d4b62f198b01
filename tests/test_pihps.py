"""PIHPS: the stand-in speaks the documented formats, and its grids are read as documented."""

import csv
import gzip
import json
import statistics
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import orjson
import polars as pl
import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

import connectors.pihps.sandbox as stand_in
from connectors.api import Payload, PayloadError, PullContext, Window
from connectors.contract import Contract, lint, load_agency, load_contract
from connectors.http import HttpClient, PullError
from connectors.pihps.connector import FEEDS
from connectors.sandbox import World, build_app, in_thread
from tests.support.shape import assert_same_shape

ROOT = Path(__file__).resolve().parents[1]
AGENCY = ROOT / "connectors" / "pihps"
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


def contract(dataset: str) -> Contract:
    return load_contract(AGENCY / f"{dataset}.odcs.yaml")


def payload(body: Any, *, unknown: tuple[str, ...] = (), **meta: str) -> Payload:
    return Payload(
        body=json.dumps(body).encode(),
        sha256="0" * 64,
        slot="uji",
        meta=meta,
        request={},
        status=200,
        headers={},
        fetched_at=datetime(2026, 11, 20, tzinfo=UTC),
        asal="tiruan",
        unknown_fields=unknown,
    )


MARKET_META = {"kode_komoditas": "com_14", "kode_bps": "1275"}
REGION_META = {"tingkat": "provinsi", "kode_bps": "12", "nama_wilayah": "Sumatera Utara"}


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


# --- asking ----------------------------------------------------------------------------------------------------------


class Recorder:
    """Stands where the pipeline's context stands: asks over HTTP as it does and keeps what was asked."""

    def __init__(self, url: str, dataset: str, today: date = TODAY, window: Window | None = None) -> None:
        self.contract = contract(dataset)
        self.window = window or Window(date(2026, 11, 12), TODAY)
        self.today = today
        self.params = load_agency(AGENCY).params
        self.http = HttpClient(f"{url}/pihps", user_agent="uji", max_retries=1, backoff_base=0.01)
        self.asked: list[dict[str, Any]] = []

    def fetch(
        self, method: str, path: str, *, slot: str, meta: Mapping[str, str] | None = None, **request: Any
    ) -> Payload:
        self.asked.append({"method": method, "path": path, "slot": slot, **request})
        answer = self.http.request(method, path, **request)
        return payload(orjson.loads(answer.body), **(meta or {}))


def pulled(url: str, dataset: str, **given: Any) -> tuple[list[dict[str, Any]], list[Payload]]:
    recorder = Recorder(url, dataset, **given)
    with recorder.http:
        payloads = list(FEEDS[dataset].pull(cast(PullContext, recorder)))
    return recorder.asked, payloads


@pytest.mark.parametrize(
    ("dataset", "requests_made"),
    [
        ("harga_pangan_pasar", 21),
        ("harga_pangan_wilayah", 2),
        ("ref_komoditas", 1),
        ("ref_wilayah", 2),
        ("ref_pasar", 1),
    ],
)
def test_a_pull_asks_each_thing_once_for_the_whole_window(server: str, dataset: str, requests_made: int) -> None:
    made, _ = pulled(server, dataset)
    assert len(made) == requests_made
    assert len({r["slot"] for r in made}) == requests_made
    assert made == pulled(server, dataset)[0], "the same pull on the same day makes the same requests"
    assert all(r["headers"]["X-Requested-With"] == "XMLHttpRequest" for r in made)
    assert all(r["headers"]["Referer"].startswith(f"{server}/pihps/TabelHarga/") for r in made)
    assert {r["params"]["_"] for r in made} == {"1795107600000"}, "00.00 WIB of the business day, in ms"
    assert made != pulled(server, dataset, today=TODAY - timedelta(days=1))[0]


def test_grid_requests_carry_the_documented_parameters(server: str) -> None:
    market, region = pulled(server, "harga_pangan_pasar")[0][13], pulled(server, "harga_pangan_wilayah")[0][0]
    documented = json.loads((GOLDEN / "harga_pangan_pasar/cabai_keriting_medan/meta.json").read_text())["request"]
    assert market["path"] == documented["url"]
    assert set(market["params"]) - {"_"} == set(documented["params"])
    assert market["params"]["comcat_id"] == "com_14"
    assert (market["params"]["start_date"], market["params"]["end_date"]) == ("2026-11-12", "2026-11-20")
    assert region["params"]["comcat_id"].split(",") == [f"com_{n}" for n in range(1, 22)]
    assert (region["params"]["province_id"], region["params"]["regency_id"]) == ("2", "")


def test_what_is_pulled_covers_markets_regions_and_goods(server: str) -> None:
    frames = {dataset: pl.concat(read(dataset, p) for p in pulled(server, dataset)[1]) for dataset in FEEDS}
    markets, regions = frames["harga_pangan_pasar"], frames["harga_pangan_wilayah"]
    assert set(markets["name"]) == set(MARKETS)
    assert markets["kode_komoditas"].n_unique() == 21
    assert markets["tanggal"].n_unique() == regions["tanggal"].n_unique() == 7
    kinds = regions.group_by("tingkat", "jenis_barang").agg(pl.col("kode_barang").n_unique()).rows()
    assert sorted(kinds) == [
        (tingkat, jenis, count)
        for tingkat in ("kota", "provinsi")
        for jenis, count in (("kategori", 10), ("komoditas", 21))
    ]
    assert frames["ref_wilayah"].filter(pl.col("kode_bps").is_not_null()).select(
        "tingkat", "name", "kode_bps"
    ).rows() == [
        ("provinsi", "Sumatera Utara", "12"),
        ("kota", "Kota Medan", "1275"),
    ]
    assert frames["ref_pasar"]["name"].to_list() == MARKETS
    assert frames["ref_komoditas"].height == 31


def odd_agency(**answers: Any) -> Starlette:
    """PIHPS as it is, but for some calls."""

    def fixed(body: Any) -> Any:
        async def answer(request: Request) -> Response:
            return JSONResponse(body)

        return answer

    base = "/pihps/WebSite/TabelHarga"
    usual = build_app(World(today=TODAY), [("pihps", stand_in)])
    return Starlette(
        routes=[*(Route(f"{base}/{call}", fixed(body)) for call, body in answers.items()), Mount("/", usual)]
    )


def test_an_id_that_names_another_place_stops_the_pull_of_grids_without_names() -> None:
    moved = {"data": [{"id": 4, "name": "Kota Binjai"}, {"id": 9, "name": "Kota Medan"}]}
    with (
        in_thread(odd_agency(GetRefRegency=moved)) as url,
        pytest.raises(PullError, match=r"'Kota Binjai'.*'Kota Medan'") as stopped,
    ):
        pulled(url, "harga_pangan_wilayah")
    assert stopped.value.reason_code == "wilayah_berubah"


def test_silence_is_an_error_on_a_weekday_and_an_error_message_never_a_day_without_prices() -> None:
    saturday = Window(date(2026, 11, 14), date(2026, 11, 15))
    with in_thread(odd_agency(GetGridDataDaerah={"data": []}, GetGridDataKomoditas={"message": "galat"})) as url:
        assert len(pulled(url, "harga_pangan_wilayah", window=saturday)[1]) == 2
        with pytest.raises(PullError, match="not a single row") as silent:
            pulled(url, "harga_pangan_wilayah")
        with pytest.raises(PullError, match="without a list") as refused:
            pulled(url, "harga_pangan_pasar")
    assert (silent.value.reason_code, refused.value.reason_code) == ("jawaban_kosong", "galat_dalam_200")


# --- reading ---------------------------------------------------------------------------------------------------------


def read(dataset: str, given: Payload) -> pl.DataFrame:
    return FEEDS[dataset].read(given, contract(dataset))


def test_the_two_meanings_of_level_are_told_apart() -> None:
    rows = [
        {"no": "I", "name": "Bawang Merah", "level": 1, "20/11/2026": "30,000"},
        {"no": 1, "name": "Bawang Merah Ukuran Sedang", "level": 2, "20/11/2026": "30,000"},
        {"no": "a", "name": "Pusat Pasar", "level": 3, "20/11/2026": "31,000"},
    ]
    markets = read("harga_pangan_pasar", payload({"data": rows}, **MARKET_META))
    assert markets["name"].to_list() == ["Pusat Pasar"]
    regions = read("harga_pangan_wilayah", payload({"data": rows[:2]}, **REGION_META))
    assert regions["jenis_barang"].to_list() == ["kategori", "komoditas"]
    assert regions["kode_barang"].to_list() == ["cat_5", "com_11"]
    with pytest.raises(PayloadError, match="level 3"):
        read("harga_pangan_wilayah", payload({"data": rows}, **REGION_META))


@pytest.mark.parametrize("empty", ["-", "", " - ", None])
def test_a_cell_without_observation_is_no_row(empty: str | None) -> None:
    row = {"no": 1, "name": "Beras", "level": 1, "19/11/2026": "13,250", "20/11/2026": empty}
    assert read("harga_pangan_wilayah", payload({"data": [row]}, **REGION_META))["tanggal"].to_list() == ["19/11/2026"]


def test_an_unknown_good_keeps_its_name_as_its_code_for_the_check_to_refuse() -> None:
    row = {"no": 1, "name": "Beras Analog", "level": 2, "20/11/2026": "13,250"}
    frame = read("harga_pangan_wilayah", payload({"data": [row]}, **REGION_META))
    pattern = next(e for e in contract("harga_pangan_wilayah").expectations if e.name == "barang_dikenal")
    assert frame["kode_barang"].to_list() == ["Beras Analog"]
    assert not frame["kode_barang"].str.contains(pattern.kwargs["regex"]).any()


@pytest.mark.parametrize(
    ("rows", "unknown", "code"),
    [
        ([{"no": 1, "level": 1, "20/11/2026": "1,000"}], ("data.nama",), "bidang_hilang"),
        ([{"no": 1, "name": "Beras", "20/11/2026": "1,000"}], (), "bidang_hilang"),
        ([{"no": 1, "name": "Beras", "level": "satu", "20/11/2026": "1,000"}], (), "tingkat_baris_tidak_dikenal"),
        ([{"no": 1, "name": "Beras", "level": 4, "20/11/2026": "1,000"}], (), "tingkat_baris_tidak_dikenal"),
        ([{"no": 1, "name": "Beras", "level": 1}], ("data.20-11-2026",), "bidang_hilang"),
        ([["Beras", 1]], (), "baris_bukan_objek"),
        ({"message": "galat"}, (), "baris_tidak_ditemukan"),
    ],
)
@pytest.mark.parametrize("dataset", ["harga_pangan_pasar", "harga_pangan_wilayah"])
def test_a_grid_that_changed_is_refused_as_a_whole(
    dataset: str, rows: Any, unknown: tuple[str, ...], code: str
) -> None:
    meta = MARKET_META if dataset == "harga_pangan_pasar" else REGION_META
    with pytest.raises(PayloadError) as refused:
        read(dataset, payload({"data": rows}, unknown=unknown, **meta))
    assert refused.value.code == code


def test_a_market_under_no_city_is_refused() -> None:
    rows = [
        {"no": "I", "name": "Sumatera Utara", "level": 1, "20/11/2026": "30,000"},
        {"no": "a", "name": "Pusat Pasar", "level": 3, "20/11/2026": "31,000"},
    ]
    with pytest.raises(PayloadError, match="Pusat Pasar"):
        read("harga_pangan_pasar", payload({"data": rows}, **MARKET_META))


# --- contracts -------------------------------------------------------------------------------------------------------


def test_contracts_are_without_fault_and_every_feed_has_one() -> None:
    files = sorted(AGENCY.glob("*.odcs.yaml"))
    assert lint(files) == []
    assert {f.name.removesuffix(".odcs.yaml") for f in files} == set(FEEDS)


@pytest.mark.parametrize("dataset", sorted(FEEDS))
def test_partition_checks_look_at_declared_metrics(dataset: str) -> None:
    given = contract(dataset)
    metrics = {"jumlah_baris", *given.ext.profil}
    known = metrics | {f"rasio_{m}" for m in metrics} | {f"{m}_terakhir" for m in metrics} | {"rasio_karantina"}
    assert {e.kwargs["column"] for e in given.expectations if e.scope == "partisi"} <= known


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
