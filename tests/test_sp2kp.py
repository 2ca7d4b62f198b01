"""SP2KP: the stand-in speaks the documented format, the leaking address is never asked, the token only when wanted."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import connectors.sp2kp.sandbox as stand_in
from connectors.api import MissingSecret, Payload, PayloadError, PullContext, Window
from connectors.archive import Archive
from connectors.contract import Contract, load_agency, load_contract
from connectors.http import HttpClient
from connectors.http_errors import PullError
from connectors.keys import KeyStore
from connectors.pull import LivePull
from connectors.redaction import allow_list
from connectors.sandbox import World, build_app, in_thread
from connectors.sp2kp.connector import FEEDS
from tests.support.shape import assert_same_shape
from warehouse.lint import lint

ROOT = Path(__file__).resolve().parents[1]
AGENCY = ROOT / "connectors" / "sp2kp"
GOLDEN = ROOT / "tests" / "golden" / "sp2kp"
TODAY = date(2026, 11, 20)
PRICES = "/report/api/average-price/generate-perbandingan-harga"
FORM = {"tanggal": "2026-11-20", "tanggal_pembanding": "2026-11-19", "kode_provinsi": "12", "kode_kab_kota": "1275"}


def served(**world: Any) -> Any:
    return in_thread(build_app(World(**{"today": TODAY, **world}), [("sp2kp", stand_in)]))


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with served() as url:
        yield f"{url}/sp2kp"


def prices(base: str, **form: str) -> list[dict[str, Any]]:
    answer = requests.post(f"{base}{PRICES}", data=FORM | form, timeout=20)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


def contract(dataset: str) -> Contract:
    return load_contract(AGENCY / f"{dataset}.odcs.yaml")


def pull(
    url: str,
    tmp_path: Path,
    dataset: str = "harga_pangan_kabkota",
    window: Window = Window(TODAY, TODAY),  # noqa: B008
    secrets: Mapping[str, str] | None = None,
) -> list[Payload]:
    """Pull through the real client into a real archive."""
    given = contract(dataset)
    archive = Archive(tmp_path / "archive", KeyStore(tmp_path / "keys", b"k" * 32))
    with (
        HttpClient(url, user_agent="uji", max_retries=0) as http,
        archive.begin(given.table, f"uji-{dataset}", window.start, window.end, encrypted=False, key_month=None) as part,
    ):
        context: PullContext = LivePull(
            contract=given, window=window, today=TODAY, params=load_agency(AGENCY).params, inbox=tmp_path / "inbox",
            open_http=lambda http=http: http, archive=part, secrets=(secrets or {}).get,
        )  # fmt: skip
        payloads = list(FEEDS[dataset].pull(context))
        part.seal()
    return payloads


def payload(body: Any, **meta: str) -> Payload:
    return Payload(
        body=json.dumps(body).encode(), sha256="0" * 64, slot="uji", meta=meta, request={}, status=200, headers={},
        fetched_at=datetime(2026, 11, 20, tzinfo=UTC), asal="tiruan",
    )  # fmt: skip


# --- the stand-in against the documented format ----------------------------------------------------------------------


def test_prices_have_the_shape_of_the_golden_payload(base: str) -> None:
    golden = (GOLDEN / "harga_pangan_kabkota/dasar/payload.json").read_bytes()
    for code in ("1201", "1275", "1278"):
        answer = requests.post(f"{base}{PRICES}", data={**FORM, "kode_kab_kota": code}, timeout=20)
        assert_same_shape(golden, answer.content)


@pytest.mark.parametrize(
    ("case", "path"),
    [
        ("ref_varian/dasar", "/master/api/variant?take=99999&tipe_komoditas_id=1&is_active=true"),
        ("ref_kab_kota/dasar", "/master/api/wilayah/kab-kota/12"),
    ],
)
def test_reference_lists_have_the_shape_of_the_golden_payloads(base: str, case: str, path: str) -> None:
    answer = requests.get(base + path, timeout=20)
    assert_same_shape((GOLDEN / case / "payload.json").read_bytes(), answer.content)


def test_a_form_may_be_urlencoded_or_multipart(base: str) -> None:
    urlencoded = requests.post(f"{base}{PRICES}", data=FORM, timeout=20)
    multipart = requests.post(f"{base}{PRICES}", files={k: (None, v) for k, v in FORM.items()}, timeout=20)
    assert urlencoded.content == multipart.content


def test_each_of_the_33_regions_has_17_goods_and_the_same_seed_the_same_bytes(base: str) -> None:
    regions = requests.get(f"{base}/master/api/wilayah/kab-kota/12", timeout=20).json()["data"]
    codes = [row["kode_kab_kota"] for row in regions]
    assert len(set(codes)) == 33
    rows = {code: prices(base, kode_kab_kota=code) for code in codes}
    assert {len(found) for found in rows.values()} == {17}
    with served() as url:
        again = {code: prices(f"{url}/sp2kp", kode_kab_kota=code) for code in reversed(codes)}
    assert again == rows
    with served(seed=3) as url:
        assert prices(f"{url}/sp2kp") != rows["1275"]


def test_few_prices_are_not_reported_and_one_delta_a_day_does_not_follow_from_its_prices(base: str) -> None:
    regions = requests.get(f"{base}/master/api/wilayah/kab-kota/12", timeout=20).json()["data"]
    rows = [row for code in (r["kode_kab_kota"] for r in regions) for row in prices(base, kode_kab_kota=code)]
    missing = [row for row in rows if row["harga"] == 0]
    assert 0.005 < len(missing) / len(rows) < 0.05
    assert all(row["delta_harga"] in (0, 700) for row in missing)
    complete = [row for row in rows if row["harga"] and row["harga_pembanding"]]
    wrong = [row for row in complete if row["harga"] - row["harga_pembanding"] != row["delta_harga"]]
    assert len(wrong) <= 1


def test_weekends_and_days_to_come_have_no_prices(base: str) -> None:
    for day in ("2026-11-14", "2026-11-23"):
        assert {row["harga"] for row in prices(base, tanggal=day)} == {0}
    latest = requests.get(f"{base}/report/api/latest-price-dates?tipe_komoditas_id=1", timeout=20).json()
    assert latest == {"tanggal": "2026-11-20", "tanggal_pembanding": "2026-11-19"}
    with served(today=date(2026, 11, 22)) as url:
        sunday = requests.get(f"{url}/sp2kp/report/api/latest-price-dates", timeout=20).json()
    assert sunday == latest


def test_neighbouring_days_and_regions_have_neighbouring_prices(base: str) -> None:
    medan = {r["variant_nama"]: r for r in prices(base)}
    binjai = {r["variant_nama"]: r for r in prices(base, kode_kab_kota="1276")}
    for name, row in medan.items():
        if row["harga"] and row["harga_pembanding"]:
            assert abs(row["harga"] / row["harga_pembanding"] - 1) < 0.08, name
        if row["harga"] and binjai[name]["harga"]:
            assert abs(row["harga"] / binjai[name]["harga"] - 1) < 0.3, name


# --- asking ----------------------------------------------------------------------------------------------------------


def test_a_pull_asks_once_for_each_region_and_weekday_that_has_prices(tmp_path: Path) -> None:
    with served(today=date(2026, 11, 17)) as url:
        payloads = pull(f"{url}/sp2kp", tmp_path, window=Window(date(2026, 11, 13), TODAY))
    days = {p.meta["tanggal"]: p.meta["tanggal_pembanding"] for p in payloads}
    assert days == {"2026-11-13": "2026-11-12", "2026-11-16": "2026-11-13", "2026-11-17": "2026-11-16"}
    assert len(payloads) == 33 * 3
    form = next(p for p in payloads if p.slot == "tanggal=2026-11-16/kab_kota=1275").request["form"]
    documented = json.loads((GOLDEN / "harga_pangan_kabkota/dasar/meta.json").read_text())["request"]["form"]
    assert set(form) == set(documented)
    assert (form["kode_provinsi"], form["kode_kab_kota"]) == ("12", "1275")


def test_no_feed_ever_asks_the_address_that_leaks_personal_data(tmp_path: Path) -> None:
    with served() as url:
        for dataset in FEEDS:
            pull(f"{url}/sp2kp", tmp_path / dataset, dataset)
        counted = requests.get(f"{url}/sp2kp/_tiruan/panggilan", timeout=20).json()
        assert counted["average-price-public"] == 0
        assert counted["generate-perbandingan-harga"] == 33
        leak = requests.get(f"{url}/sp2kp/report/api/average-price-public", timeout=20)
        assert requests.get(f"{url}/sp2kp/_tiruan/panggilan", timeout=20).json()["average-price-public"] == 1
    niks = [row["petugas"]["nik"] for row in leak.json()["data"]]
    assert all(re.fullmatch(r"129999\d{10}", nik) for nik in niks), "made up: 12.99.99 is no region"
    kept = [p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()]
    assert kept
    assert not any(nik.encode() in body for nik in niks for body in kept)


def test_the_allow_list_would_cut_personal_data_before_it_is_written() -> None:
    row = {"variant_id": 1, "variant_nama": "Beras", "harga": 1, "petugas": {"nik": "1299990101700001"}, "nik": "1"}
    cut = allow_list(contract("harga_pangan_kabkota")).cut(json.dumps({"data": [row]}).encode())
    assert b"nik" not in cut.body
    assert cut.unknown_fields == ("data.nik", "data.petugas")


def test_a_token_is_sent_only_when_it_is_asked_for(tmp_path: Path) -> None:
    with served(seed=2) as url:
        with pytest.raises(MissingSecret, match="SSP_SP2KP_TOKEN"):
            pull(f"{url}/sp2kp", tmp_path / "tanpa")
        with pytest.raises(PullError, match=r"SSP_SP2KP_TOKEN.*Kementerian Perdagangan") as refused:
            pull(f"{url}/sp2kp", tmp_path / "salah", secrets={"SSP_SP2KP_TOKEN": "basi"})
        assert "basi" not in str(refused.value)
        payloads = pull(f"{url}/sp2kp", tmp_path / "ada", secrets=stand_in.DEMO_SECRETS)
    assert len(payloads) == 33
    assert stand_in.DEMO_SECRETS["SSP_SP2KP_TOKEN"] not in repr([p.request for p in payloads])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"data": None}, "galat_dalam_200"),
        ({"message": "galat"}, "galat_dalam_200"),
        ([], "galat_dalam_200"),
        ({"status": "error", "data": []}, "galat_dalam_200"),
        (None, "bukan_json"),
    ],
)
def test_an_answer_without_rows_is_an_error_and_not_an_empty_day(tmp_path: Path, body: Any, code: str) -> None:
    async def broken(_: Request) -> Response:
        return Response(b"{rusak}" if body is None else json.dumps(body).encode(), media_type="application/json")

    kept = [route for route in stand_in.routes(World(today=TODAY)) if route.path != PRICES]
    with (
        in_thread(Starlette(routes=[*kept, Route(PRICES, broken, methods=["POST"])])) as url,
        pytest.raises(PullError) as failed,
    ):
        pull(url, tmp_path)
    assert failed.value.reason_code == code


# --- reading ---------------------------------------------------------------------------------------------------------


def test_nested_names_of_variants_become_columns() -> None:
    body = json.loads((GOLDEN / "ref_varian/dasar/payload.json").read_bytes())
    frame = FEEDS["ref_varian"].read(payload(body), contract("ref_varian"))
    assert frame["komoditas.nama"].to_list() == ["Beras", "Minyak Goreng", "Ikan"]
    assert frame["satuan.display"].to_list() == ["kg", "lt", "kg"]
    assert frame["order_public"].to_list() == ["1", "7", None]
    for row in body["data"]:
        del row["komoditas"]
    with pytest.raises(PayloadError, match=r"komoditas\.nama"):
        FEEDS["ref_varian"].read(payload(body), contract("ref_varian"))


def test_a_renamed_price_is_refused_as_a_whole() -> None:
    row = {"variant_id": 1, "variant_nama": "Beras Medium", "satuan_display": "kg", "harga_rata": 14000}
    meta = json.loads((GOLDEN / "harga_pangan_kabkota/dasar/meta.json").read_text())["meta"]
    with pytest.raises(PayloadError) as refused:
        FEEDS["harga_pangan_kabkota"].read(payload({"data": [row]}, **meta), contract("harga_pangan_kabkota"))
    assert refused.value.code == "bidang_hilang"


# --- contracts -------------------------------------------------------------------------------------------------------


def test_contracts_are_without_fault_and_every_feed_has_one() -> None:
    files = sorted(AGENCY.glob("*.odcs.yaml"))
    assert lint(files) == []
    assert {f.name.removesuffix(".odcs.yaml") for f in files} == set(FEEDS)


def test_nothing_of_a_source_without_a_licence_is_public() -> None:
    assert {c.classification for d in FEEDS for c in contract(d).columns} == {"internal"}
