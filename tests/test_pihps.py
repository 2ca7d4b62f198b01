"""PIHPS: what is asked, which answers are refused, and how its wide grids are read."""

import json
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

import connectors.pihps.sandbox as stand_in
from connectors.api import Payload, PayloadError, Window
from connectors.contract import Contract, load_agency, load_contract
from connectors.http import PullError
from connectors.pihps.connector import FEEDS
from connectors.sandbox import World, build_app, in_thread
from tests.support.asking import Asking
from tests.support.reading import make_payload
from warehouse.lint import lint

ROOT = Path(__file__).resolve().parents[1]
AGENCY = ROOT / "connectors" / "pihps"
GOLDEN = ROOT / "tests" / "golden" / "pihps"
TODAY = date(2026, 11, 20)
MARKETS = ["Pasar Sukaramai", "Pasar Aksara", "Pasar Petisah", "Pusat Pasar", "Pasar Brayan"]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with in_thread(build_app(World(today=TODAY), [("pihps", stand_in)])) as url:
        yield url


def contract(dataset: str) -> Contract:
    return load_contract(AGENCY / f"{dataset}.odcs.yaml")


def payload(body: Any, meta: Mapping[str, str], unknown: tuple[str, ...] = ()) -> Payload:
    return make_payload(json.dumps(body), meta=meta, unknown_fields=unknown)


MARKET_META = {"kode_komoditas": "com_14", "kode_bps": "1275"}
REGION_META = {"tingkat": "provinsi", "kode_bps": "12", "nama_wilayah": "Sumatera Utara"}


# --- asking ----------------------------------------------------------------------------------------------------------


class Recorder(Asking):
    """Asks the stand-in as the pipeline does and keeps what was asked."""

    def __init__(self, url: str, dataset: str, today: date = TODAY, window: Window | None = None) -> None:
        window = window or Window(date(2026, 11, 12), TODAY)
        super().__init__(f"{url}/pihps", contract(dataset), window, params=load_agency(AGENCY).params)
        self.today = today
        self.asked: list[dict[str, Any]] = []

    def fetch(
        self, method: str, path: str, *, slot: str, meta: Mapping[str, str] | None = None, **request: Any
    ) -> Payload:
        self.asked.append({"method": method, "path": path, "slot": slot, **request})
        return super().fetch(method, path, slot=slot, meta=meta, **request)


def pulled(url: str, dataset: str, **given: Any) -> tuple[list[dict[str, Any]], list[Payload]]:
    recorder = Recorder(url, dataset, **given)
    with recorder.http:
        payloads = list(FEEDS[dataset].pull(recorder.context()))
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


@pytest.mark.parametrize("dataset", ["harga_pangan_pasar", "harga_pangan_wilayah"])
@pytest.mark.parametrize("kinds", [[{"id": 1, "name": "Pasar Modern"}], [{"id": 5, "name": "Pasar Tradisional"}]])
def test_prices_of_another_kind_than_those_of_traditional_markets_are_not_pulled(
    dataset: str, kinds: list[dict[str, Any]]
) -> None:
    with (
        in_thread(odd_agency(GetRefPriceType={"data": kinds})) as url,
        pytest.raises(PullError, match=r"id 1 is .* in GetRefPriceType and 'Pasar Tradisional'") as stopped,
    ):
        pulled(url, dataset)
    assert stopped.value.reason_code == "jenis_harga_berubah"


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
    markets = read("harga_pangan_pasar", payload({"data": rows}, MARKET_META))
    assert markets["name"].to_list() == ["Pusat Pasar"]
    regions = read("harga_pangan_wilayah", payload({"data": rows[:2]}, REGION_META))
    assert regions["jenis_barang"].to_list() == ["kategori", "komoditas"]
    assert regions["kode_barang"].to_list() == ["cat_5", "com_11"]
    with pytest.raises(PayloadError, match="level 3"):
        read("harga_pangan_wilayah", payload({"data": rows}, REGION_META))


@pytest.mark.parametrize("empty", ["-", "", " - ", None])
def test_a_cell_without_observation_is_no_row(empty: str | None) -> None:
    row = {"no": 1, "name": "Beras", "level": 1, "19/11/2026": "13,250", "20/11/2026": empty}
    assert read("harga_pangan_wilayah", payload({"data": [row]}, REGION_META))["tanggal"].to_list() == ["19/11/2026"]


def test_an_unknown_good_keeps_its_name_as_its_code_for_the_check_to_refuse() -> None:
    row = {"no": 1, "name": "Beras Analog", "level": 2, "20/11/2026": "13,250"}
    frame = read("harga_pangan_wilayah", payload({"data": [row]}, REGION_META))
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
        read(dataset, payload({"data": rows}, meta, unknown))
    assert refused.value.code == code


def test_a_market_under_no_city_is_refused() -> None:
    rows = [
        {"no": "I", "name": "Sumatera Utara", "level": 1, "20/11/2026": "30,000"},
        {"no": "a", "name": "Pusat Pasar", "level": 3, "20/11/2026": "31,000"},
    ]
    with pytest.raises(PayloadError, match="Pusat Pasar"):
        read("harga_pangan_pasar", payload({"data": rows}, MARKET_META))


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
