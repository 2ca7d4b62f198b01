"""Panel Harga: the stand-in speaks the documented format, 0 is not a price, colours are the source's own."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest
import requests

import connectors.panel_harga.sandbox as stand_in
from connectors.api import MissingSecret, Payload, PullContext, Window
from connectors.contract import Contract, load_agency, load_contract
from connectors.http_errors import PullError, StatusError, UnusableAnswer
from connectors.panel_harga.connector import API_KEY, FEEDS
from connectors.sandbox import World, build_app, in_thread
from tests.support.shape import assert_same_shape
from warehouse.lint import lint

ROOT = Path(__file__).resolve().parents[1]
AGENCY = ROOT / "connectors" / "panel_harga"
GOLDEN = ROOT / "tests" / "golden" / "panel_harga"
TODAY = date(2026, 11, 20)
CITIES = [str(n) for n in range(24, 57)]
MAP = {"level_harga_id": "3", "komoditas_id": "27", "multi_status_map[0]": "", "multi_province_id[0]": ""}


def served(**world: Any) -> Any:
    return in_thread(build_app(World(**{"today": TODAY, **world}), [("panel_harga", stand_in)]))


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with served() as url:
        yield f"{url}/panel_harga/front"


def ask(base: str, call: str, **params: str) -> requests.Response:
    answer = requests.get(f"{base}/{call}", params=params, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer


def today(base: str, city: str) -> list[dict[str, Any]]:
    answer = ask(base, "harga-pangan-informasi", province_id="2", city_id=city, level_harga_id="3")
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


def on_map(base: str, day: str, **params: str) -> list[dict[str, Any]]:
    answer = ask(base, "harga-peta-provinsi", **{**MAP, "period_date": f"{day} - {day}", **params})
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


def contract(dataset: str) -> Contract:
    return load_contract(AGENCY / f"{dataset}.odcs.yaml")


def reference(name: str) -> pl.DataFrame:
    return pl.read_csv(AGENCY / "reference" / f"{name}.csv", infer_schema=False)


# --- the stand-in against the documented format ----------------------------------------------------------------------


def test_today_has_the_shape_of_the_golden_payload(base: str) -> None:
    golden = (GOLDEN / "harga_pangan_kabkota/dasar/payload.json").read_bytes()
    for city in ("24", "53", "56"):
        answer = ask(base, "harga-pangan-informasi", province_id="2", city_id=city, level_harga_id="3")
        assert_same_shape(golden, answer.content)


def test_the_map_has_the_shape_of_the_golden_payload(base: str) -> None:
    golden = (GOLDEN / "harga_pangan_provinsi_peta/dasar/payload.json").read_bytes()
    for day in ("01/11/2026", "19/11/2026", "20/11/2026"):
        answer = ask(base, "harga-peta-provinsi", **{**MAP, "period_date": f"{day} - {day}"})
        assert_same_shape(golden, answer.content)


def test_same_seed_gives_the_same_bytes_whatever_was_asked_before(base: str) -> None:
    rows = {city: today(base, city) for city in CITIES}
    with served() as url:
        other = f"{url}/panel_harga/front"
        assert on_map(other, "01/11/2026") == on_map(base, "01/11/2026")
        assert {city: today(other, city) for city in reversed(CITIES)} == rows
    with served(seed=2) as url:
        assert today(f"{url}/panel_harga/front", "53") != rows["53"]


def test_each_city_has_every_good_and_few_rows_are_missing_or_wrong(base: str) -> None:
    rows = [row for city in CITIES for row in today(base, city)]
    assert len(rows) == 33 * 25
    assert {row["satuan"] for row in rows} == {"Rp./Kg", "Rp/kg", "Rp/Kg", "Rp./Liter", "Rp/Liter"}
    assert {row["yesterday_date"] for row in rows} == {"19-11-2026"}
    assert 0.05 < sum(row["today"] == 0 for row in rows) / len(rows) < 0.2
    complete = [row for row in rows if row["today"] and row["yesterday"]]
    wrong = [row for row in complete if row["today"] - row["yesterday"] != row["gap"] or row["today"] < 1000]
    assert 1 <= len(wrong) <= 2


def test_the_date_before_is_written_without_padding() -> None:
    with served(today=date(2026, 9, 3)) as url:
        assert today(f"{url}/panel_harga/front", "53")[0]["yesterday_date"] == "2-9-2026"


def test_the_type_of_the_average_flips_and_the_map_filters(base: str) -> None:
    rows = [row for day in range(1, 21) for row in on_map(base, f"{day:02d}/11/2026")]
    assert {type(row["rata_rata_geometrik"]) for row in rows} == {str, float}
    assert on_map(base, "20/11/2026", **{"multi_province_id[0]": "3"}) == []
    assert len(on_map(base, "20/11/2026", **{"multi_province_id[0]": "2"})) == 1
    assert on_map(base, "21/11/2026") == [], "a day to come"


# --- asking ----------------------------------------------------------------------------------------------------------


class Recorder:
    """Stands where the pipeline's context stands and keeps what a feed asks for."""

    def __init__(self, dataset: str, asal: str = "tiruan", secrets: Mapping[str, str] | None = None) -> None:
        self.contract = contract(dataset)
        self.window = Window(date(2026, 11, 18), TODAY)
        self.today = TODAY
        self.params = load_agency(AGENCY).params
        self.hidden: list[str] = []
        self.http = SimpleNamespace(hide=self.hidden.append)
        self.asal = asal
        self.secrets = secrets or {}
        self.asked: list[dict[str, Any]] = []
        self.refusal: int | None = None

    def secret(self, name: str) -> str:
        if name not in self.secrets:
            raise MissingSecret(name)
        return self.secrets[name]

    def fetch(self, method: str, path: str, **request: Any) -> Payload:
        if self.refusal:
            raise StatusError("http_4xx", "status", status=self.refusal, attempts=1)
        self.asked.append({"method": method, "path": path, **request})
        return Payload(
            body=b'{"data":[]}', sha256="0" * 64, slot=request["slot"], meta=request["meta"], request={}, status=200,
            headers={}, fetched_at=datetime(2026, 11, 20, tzinfo=UTC), asal=self.asal,
        )  # fmt: skip

    def pull(self) -> list[Payload]:
        return list(FEEDS[self.contract.dataset].pull(cast(PullContext, self)))


def test_today_is_asked_once_for_each_city_whatever_the_window() -> None:
    recorder = Recorder("harga_pangan_kabkota")
    payloads = recorder.pull()
    assert [p.meta["kode_kota"] for p in payloads] == CITIES
    assert {p.meta["tanggal"] for p in payloads} == {"2026-11-20"}
    documented = json.loads((GOLDEN / "harga_pangan_kabkota/dasar/meta.json").read_text())["request"]
    assert {r["path"] for r in recorder.asked} == {documented["path"]}
    assert {tuple(r["params"]) for r in recorder.asked} == {tuple(documented["params"])}
    assert {tuple(r["headers"]) for r in recorder.asked} == {()}


def test_the_map_is_asked_day_by_day_for_goods_with_a_reference_price() -> None:
    recorder = Recorder("harga_pangan_provinsi_peta")
    payloads = recorder.pull()
    goods = reference("harga_acuan")["kode_komoditas"].unique().to_list()
    assert len(payloads) == 3 * len(goods)
    assert {r["params"]["komoditas_id"] for r in recorder.asked} == set(goods)
    documented = json.loads((GOLDEN / "harga_pangan_provinsi_peta/dasar/meta.json").read_text())["request"]["params"]
    assert set(recorder.asked[0]["params"]) == set(documented)
    assert recorder.asked[0]["params"]["period_date"] == "18/11/2026 - 18/11/2026"
    assert len({p.slot for p in payloads}) == len(payloads)


def test_numbers_of_cities_that_are_only_assumed_are_not_trusted_with_the_agency_itself() -> None:
    recorder = Recorder("harga_pangan_kabkota", asal="resmi")
    with pytest.raises(UnusableAnswer, match=r"reference/ref_kota\.csv.*terverifikasi"):
        recorder.pull()
    assert len(recorder.asked) == 1


def test_the_key_is_sent_when_it_is_set_and_named_when_it_is_wanted() -> None:
    recorder = Recorder("harga_pangan_kabkota", secrets={API_KEY: "rahasia"})
    recorder.pull()
    assert {tuple(r["headers"].items()) for r in recorder.asked} == {(("x-api-key", "rahasia"),)}
    assert recorder.hidden == ["rahasia"]
    for secrets, message in (({}, f"asks for a key: set {API_KEY}"), ({API_KEY: "x"}, f"refuses the key in {API_KEY}")):
        refusing = Recorder("harga_pangan_kabkota", secrets=secrets)
        refusing.refusal = 401
        with pytest.raises(PullError, match=message):
            refusing.pull()


def test_a_province_without_cities_is_an_error_that_says_where_to_add_them() -> None:
    recorder = Recorder("harga_pangan_kabkota")
    recorder.params = {**recorder.params, "province_id": 3}
    with pytest.raises(PullError, match=r"ref_kota\.csv has no city of province_id 3"):
        recorder.pull()


# --- reference prices ------------------------------------------------------------------------------------------------


def test_reference_prices_are_dated_by_decree_or_marked_as_unknown() -> None:
    rows = reference("harga_acuan")
    unknown = rows.filter(pl.col("keputusan") == "belum diketahui")
    known = rows.filter(pl.col("keputusan") != "belum diketahui")
    assert known.select("kode_komoditas", "zona", "harga_atas", "berlaku_dari", "keputusan").rows() == [
        ("28", "2", "14000", "2025-08-22", "Kepbadan 299/2025")
    ]
    assert set(unknown["ketelitian_berlaku"]) == {"tahun", "tidak diketahui"}
    assert (
        unknown.filter(pl.col("ketelitian_berlaku") == "tidak diketahui")["berlaku_dari"].null_count()
        == (unknown["ketelitian_berlaku"] == "tidak diketahui").sum()
    )


def test_validity_of_one_good_and_zone_never_overlaps() -> None:
    rows = reference("harga_acuan").filter(pl.col("berlaku_dari").is_not_null()).sort("berlaku_dari")
    for part in rows.partition_by("kode_komoditas", "jenis", "zona"):
        ends, starts = part["berlaku_sampai"].to_list()[:-1], part["berlaku_dari"].to_list()[1:]
        assert all(end is not None and end < start for end, start in zip(ends, starts, strict=True))


# --- contracts -------------------------------------------------------------------------------------------------------


def test_contracts_are_without_fault_and_every_feed_has_one() -> None:
    files = sorted(AGENCY.glob("*.odcs.yaml"))
    assert lint(files) == []
    names = {f.name.removesuffix(".odcs.yaml") for f in files}
    assert {n for n in names if contract(n).ext.mode != "acuan"} == set(FEEDS)


def test_nothing_of_a_source_without_a_licence_is_public() -> None:
    assert {c.classification for d in FEEDS for c in contract(d).columns} == {"internal"}


def test_every_city_number_names_one_region_of_the_province() -> None:
    cities = reference("ref_kota")
    regions = pl.read_csv(ROOT / "connectors/referensi/reference/wilayah.csv", infer_schema=False)
    joined = cities.join(regions, left_on="kode_kabupaten_kota", right_on="kode_bps")
    assert cities["kode_kota"].n_unique() == joined.height == 33
    assert joined["nama_kabupaten_kota"].to_list() == joined["nama"].to_list()
