"""CCTV: the camera list and the logs are pulled and read as documented, gaps stay gaps, the stand-in speaks both."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import orjson
import polars as pl
import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

import connectors.cctv.sandbox as stand_in
from connectors.api import PayloadError, PullContext, Window
from connectors.cctv.connector import FEEDS, index_names
from connectors.cctv.log_tiruan import LogTiruan
from connectors.cctv.logbook import Logbook, gunzip, pack, utc_hours_of
from connectors.contract import Contract, load_agency, load_contract
from connectors.http import HttpClient
from connectors.http_errors import AnswerTooLarge, StatusError, UnusableAnswer
from connectors.pull import LivePull
from connectors.read.conform import conform
from connectors.sandbox import World, build_app, in_thread
from tests.support.reading import make_payload
from tests.support.shape import assert_same_shape
from warehouse.checks import Checker
from warehouse.lint import lint
from warehouse.stage import Judged, Staged, judge, with_partition

ROOT = Path(__file__).resolve().parents[1]
AGENCY = ROOT / "connectors" / "cctv"
GOLDEN = ROOT / "tests" / "golden" / "cctv"
REAL = ROOT.parent / "shared" / "data"
TODAY = date(2026, 11, 20)
DAY = TODAY - timedelta(days=1)
STATUSES = {"up", "frozen", "playlist_only", "http_error", "timeout", "dns", "heartbeat"}


@pytest.fixture(scope="module", autouse=True)
def checker() -> Iterator[Checker]:
    """Started first: it is ready when the last tests need it."""
    with Checker() as running:
        running.start()
        yield running


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with in_thread(build_app(World(today=TODAY), [("cctv", stand_in)])) as url:
        yield f"{url}/cctv"


@dataclass
class Found:
    """Rows and rejected rows of one pull."""

    rows: pl.DataFrame
    rejected: pl.DataFrame


def contract(dataset: str) -> Contract:
    return load_contract(AGENCY / f"{dataset}.odcs.yaml")


def context(base: str, dataset: str, day: date = DAY, params: Mapping[str, Any] | None = None) -> PullContext:
    """The pipeline's own context, with an archive that keeps nothing."""
    archive = SimpleNamespace(add=lambda body, **facts: "0" * 64)
    given = load_agency(AGENCY).params | dict(params or {})
    http = HttpClient(base, user_agent="uji", max_retries=2, sleep=lambda seconds: None)
    pull = LivePull(
        contract=contract(dataset), window=Window(day, day), today=TODAY, params=given, inbox=ROOT,
        open_http=lambda: http, archive=cast(Any, archive), secrets=lambda name: None,
    )  # fmt: skip
    return cast(PullContext, pull)


def pulled(ctx: PullContext) -> Found:
    feed, given = FEEDS[ctx.contract.dataset], ctx.contract
    parts = [
        conform(feed.read(p, given), given, payload=p, regions=None, hash_key=bytes(32), today=TODAY)
        for p in feed.pull(ctx)
    ]
    return Found(pl.concat([p.rows for p in parts]), pl.concat([p.rejected for p in parts]))


def golden_rows(dataset: str) -> bytes:
    """All golden records of a dataset as one array."""
    rows: list[Any] = []
    for path in sorted((GOLDEN / dataset).glob("*/payload.*")):
        text = path.read_text()
        rows += json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]
    return orjson.dumps(rows)


def log_files(world: World, day: date) -> dict[int, bytes]:
    tree = stand_in._LogTree(world)
    names = [name for name, _, _ in tree.index(f"{day:%Y/%m/%d}".split("/")) or []]
    hours = [n[:2] for n in names if n.endswith(".gz")]
    return {int(h): tree.file([*f"{day:%Y/%m/%d}".split("/"), f"{h}.ndjson.gz"]) or b"" for h in hours}


# --- contracts and references ----------------------------------------------------------------------------------------


def test_contracts_are_without_fault_and_every_pulled_dataset_has_a_feed() -> None:
    paths = sorted(AGENCY.glob("*.odcs.yaml"))
    assert lint(paths) == []
    assert {c.dataset for c in map(load_contract, paths) if c.ext.mode != "acuan"} == set(FEEDS)


def test_the_reference_lists_hold_the_same_75_cameras_inside_medan() -> None:
    cameras = pl.read_csv(AGENCY / "reference/kamera_tiruan.csv")
    streams = pl.read_csv(AGENCY / "reference/aliran_kamera.csv")
    assert cameras["id_kamera"].to_list() == [n for n in range(1, 77) if n != 28]
    assert set(streams["id_kamera"]) == set(cameras["id_kamera"])
    assert streams.select("id_kamera", "urutan").is_unique().all()
    assert cameras["lintang"].is_between(3.4, 3.85).all()
    assert cameras["bujur"].is_between(98.5, 98.8).all()


# --- the stand-in ----------------------------------------------------------------------------------------------------


def test_the_camera_list_has_the_shape_of_the_golden_one_and_says_that_it_is_made_up(base: str) -> None:
    answer = requests.get(f"{base}/welcome/getDataLokasi", params={"idk": "1", "idl": ""}, timeout=10)
    assert answer.headers["X-SSP-Asal"] == "tiruan"
    assert_same_shape(golden_rows("kamera"), answer.content)
    rows = answer.json()
    assert len(rows) == 75
    assert any(row["nama_lokasi"] != row["nama_lokasi"].strip() for row in rows)


def test_names_and_positions_drift_from_day_to_day_but_ids_do_not() -> None:
    names: dict[str, set[str]] = {}
    places: dict[str, set[str]] = {}
    tests = 0
    for n in range(90):
        body, _ = stand_in.camera_list(World(today=TODAY + timedelta(days=n)))
        for row in json.loads(body):
            tests += row["id_lokasi"] == ""
            names.setdefault(row["id_lokasi"], set()).add(row["nama_lokasi"].strip())
            places.setdefault(row["id_lokasi"], set()).add(row["lat_lokasi"])
    assert set(names) - {""} == {str(n) for n in range(1, 77) if n != 28}
    assert {i for i, seen in names.items() if len(seen) > 1} >= {"5", "22"}
    assert {i for i, seen in places.items() if len(seen) > 1} <= {"23", "65"}
    assert 0 < tests < 90, "a row without a number comes now and then"


def test_log_lines_have_the_shape_of_the_golden_ones_and_every_state_occurs() -> None:
    seen: set[str] = set()
    for n in range(6):
        rows = [orjson.loads(x) for f in log_files(World(today=TODAY), DAY - timedelta(days=n)).values()
                for x in gunzip(f).splitlines()]  # fmt: skip
        assert 15_000 < len(rows) <= 76 * 288
        seen |= {row["status"] for row in rows}
    assert_same_shape(golden_rows("ketersediaan_cctv"), orjson.dumps(rows))
    assert seen == STATUSES


def test_same_seed_gives_the_same_bytes_whatever_was_asked_before() -> None:
    days = [DAY - timedelta(days=n) for n in range(3)]
    first = {day: log_files(World(today=TODAY), day) for day in days}
    assert {day: log_files(World(today=TODAY), day) for day in reversed(days)} == first
    later = World(today=TODAY + timedelta(days=40))
    assert log_files(later, DAY) == first[DAY], "a past hour does not depend on today"
    assert log_files(World(today=TODAY, seed=2), DAY) != first[DAY]
    lists = [stand_in.camera_list(World(today=TODAY, seed=seed))[0] for seed in (1, 1, 2)]
    assert lists[0] == lists[1] != lists[2]


def test_replay_serves_the_real_cameras_without_the_doubtful_ones() -> None:
    if not (REAL / "cctv").is_dir():
        pytest.skip("the real list is not on this machine: ../shared/data/cctv is absent (CI always has it)")
    real = {str(c["id"]): c for c in json.loads((REAL / "cctv/cctv_medan_atcs.json").read_text())}
    with in_thread(build_app(World(today=TODAY, replay=REAL), [("cctv", stand_in)])) as url:
        answer = requests.get(f"{url}/cctv/welcome/getDataLokasi?idk=1&idl=", timeout=10)
        rows = pulled(context(f"{url}/cctv", "kamera")).rows
    assert answer.headers["X-SSP-Asal"] == "ulangan"
    assert_same_shape(golden_rows("kamera"), answer.content)
    assert set(rows["id_kamera"]) == {int(i) for i in real if int(i) < 77}
    assert rows["_asal"].unique().to_list() == ["ulangan"]
    for number, name, lat, lon in rows.select("id_kamera", "nama_kamera", "lintang", "bujur").iter_rows():
        source = real[str(number)]
        assert (name, lat, lon) == (" ".join(source["name"].split()), source["lat"], source["lon"])


# --- pulling ---------------------------------------------------------------------------------------------------------


def test_the_list_is_dated_by_the_day_of_the_pull(base: str) -> None:
    found = pulled(context(base, "kamera", TODAY))
    assert found.rows["tanggal_potret"].unique().to_list() == [TODAY]
    assert found.rows.height == 75
    assert all(name == " ".join(name.split()) for name in found.rows["nama_kamera"])


def test_a_business_day_is_made_of_24_utc_hours_of_two_utc_days(base: str) -> None:
    payloads = list(FEEDS["ketersediaan_cctv"].pull(context(base, "ketersediaan_cctv")))
    assert [p.slot for p in payloads] == [f"{h:%Y-%m-%dT%H}" for h in utc_hours_of(DAY)]
    assert payloads[0].slot == "2026-11-18T17"
    assert payloads[-1].slot == "2026-11-19T16"
    rows = pulled(context(base, "ketersediaan_cctv")).rows
    assert rows["tanggal"].unique().to_list() == [DAY]
    assert rows["waktu"].min() == datetime(2026, 11, 18, 17, tzinfo=UTC)
    assert rows["waktu"].max() == datetime(2026, 11, 19, 16, 55, tzinfo=UTC)
    assert rows.height == 76 * 288
    assert {p.asal for p in payloads} == {"tiruan"}
    assert all(p.body.startswith(b'{"t":') for p in payloads), "archived as lines, not as gzip"


def test_an_hour_without_a_file_is_a_gap_and_no_row_is_made_up(base: str) -> None:
    log = LogTiruan(World(today=TODAY), [int(c.id) for c in stand_in._cameras(World(today=TODAY))[0]], {})
    day = next(d for d in (DAY - timedelta(days=n) for n in range(200)) if len(log.hours(d)) < 24)
    gaps = [h for h in utc_hours_of(day) if h.hour not in log.hours(h.date())]
    if not gaps:
        day += timedelta(days=1)
        gaps = [h for h in utc_hours_of(day) if h.hour not in log.hours(h.date())]
    slots = {p.slot for p in FEEDS["ketersediaan_cctv"].pull(context(base, "ketersediaan_cctv", day))}
    assert slots == {f"{h:%Y-%m-%dT%H}" for h in utc_hours_of(day) if h not in gaps}


def test_an_hour_that_is_still_being_written_is_not_pulled(base: str) -> None:
    index = requests.get(f"{base}/log/2026/11/20/", timeout=10).text
    assert "07.ndjson.gz.part" in index
    slots = [p.slot for p in FEEDS["ketersediaan_cctv"].pull(context(base, "ketersediaan_cctv", TODAY))]
    assert slots[-1] == "2026-11-20T06"
    assert len(slots) == 14


class Office:
    """A log server of the test's making: path → body, anything else is 404."""

    def __init__(self, pages: Mapping[str, bytes | str] | None = None):
        self.pages = pages or {}
        self.asked: list[str] = []

    def app(self) -> Starlette:
        async def page(request: Request) -> Response:
            path = request.path_params["jalur"]
            self.asked.append(path)
            body = self.pages.get(path)
            if body is None:
                return Response("404", 404)
            return HTMLResponse(body) if isinstance(body, str) else Response(body, media_type="application/gzip")

        return Starlette(routes=[Route("/log/{jalur:path}", page)])


def index(*names: str) -> str:
    return stand_in.autoindex(
        "/log/", [(n.rstrip("/"), datetime.now(UTC), None if n.endswith("/") else 9) for n in names]
    )


def pull_from(office: Office) -> list[str]:
    with in_thread(office.app()) as url:
        return [p.slot for p in FEEDS["ketersediaan_cctv"].pull(context(url, "ketersediaan_cctv"))]


LINE = b'{"t":"2026-11-18T17:00:00Z","id":"1","status":"up","latency_ms":9,"http":200,"seq":1}'
BOTH: dict[str, bytes | str] = {"2026/11/18/": index("17.ndjson.gz"), "2026/11/19/": index()}


def test_a_day_that_its_parent_does_not_list_is_empty_and_a_missing_log_is_an_error() -> None:
    assert pull_from(Office({"2026/11/": index("17/")})) == []
    assert pull_from(Office({"": index("2025/")})) == []
    with pytest.raises(StatusError, match="does not exist"):
        pull_from(Office())
    with pytest.raises(StatusError, match="cannot be opened"):
        pull_from(Office({"2026/11/": index("18/", "19/")}))


def test_a_login_page_in_place_of_the_index_is_never_an_empty_day() -> None:
    with pytest.raises(UnusableAnswer, match="no directory index"):
        pull_from(Office({"2026/11/18/": "<html><title>Masuk</title><form></form></html>"}))


@pytest.mark.parametrize(
    ("body", "code", "asked"),
    [
        (pack([LINE])[:-5], "gzip_terpotong", 3),
        (pack([LINE])[:-8] + bytes(8), "gzip_rusak", 3),
        (pack([bytes(40_000_000)]), "bom_dekompresi", 1),
        (b"<html><title>Pemeliharaan</title></html>", "halaman_html", 3),
    ],
    ids=["cut", "damaged", "bomb", "page"],
)
def test_a_file_that_does_not_unpack_fails_the_pull_after_retries(body: bytes, code: str, asked: int) -> None:
    office = Office({**BOTH, "2026/11/18/17.ndjson.gz": body})
    with pytest.raises((UnusableAnswer, AnswerTooLarge)) as caught:
        pull_from(office)
    assert caught.value.reason_code == code
    assert office.asked.count("2026/11/18/17.ndjson.gz") == asked


def test_a_log_that_the_server_unpacked_itself_is_taken_too() -> None:
    assert pull_from(Office({**BOTH, "2026/11/18/17.ndjson.gz": LINE})) == ["2026-11-18T17"]


@pytest.mark.parametrize(
    "page",
    [
        '<html><head><title>Index of /log/</title></head><a href="../">../</a><a href="03.ndjson.gz">03</a></html>',
        '<!DOCTYPE HTML><title>Directory listing for /log/</title><li><a href="03.ndjson.gz">03.ndjson.gz</a></li>',
        '<h1>Index of /log</h1><a href="?C=N;O=D">Name</a><a href="/log/03.ndjson.gz">03.ndjson.gz</a>',
    ],
)
def test_indexes_of_common_servers_are_read(page: str) -> None:
    names = index_names(page.encode())
    assert names is not None
    assert "03.ndjson.gz" in names


def test_logs_of_a_real_prober_are_pulled_over_http_and_from_its_directory(tmp_path: Path) -> None:
    hours = [utc_hours_of(DAY)[0], utc_hours_of(DAY)[5]]
    for hour in hours:
        book = Logbook(tmp_path, hour)
        book.append(hour, [LINE.replace(b"2026-11-18T17", f"{hour:%Y-%m-%dT%H}".encode())])
        book.append(hour + timedelta(minutes=5), [LINE.replace(b"2026-11-18T17:00", f"{hour:%Y-%m-%dT%H}:05".encode())])
        book.close_before(hour + timedelta(hours=1))
        book.close()
    with in_thread(Starlette(routes=[Mount("/", routes=stand_in.prober_routes(tmp_path))])) as url:
        served = list(FEEDS["ketersediaan_cctv"].pull(context(url, "ketersediaan_cctv")))
        for path in ("../", "..%2f", ".kunci", "2026/11/18"):
            assert requests.get(f"{url}/log/{path}", timeout=5).status_code == 404
    local = context(url, "ketersediaan_cctv", params={"folder_log": str(tmp_path)})
    read = list(FEEDS["ketersediaan_cctv"].pull(local))
    assert [p.slot for p in served] == [p.slot for p in read] == [f"{h:%Y-%m-%dT%H}" for h in hours]
    assert [p.body for p in served] == [p.body for p in read]
    missing = context(url, "ketersediaan_cctv", params={"folder_log": str(tmp_path / "tak_ada")})
    with pytest.raises(UnusableAnswer, match="does not exist"):
        list(FEEDS["ketersediaan_cctv"].pull(missing))


def test_a_log_that_ends_inside_a_line_is_refused_whole() -> None:
    payload = make_payload(LINE + b"\n" + LINE[:30], meta={"tanggal": "2026-11-19"})
    with pytest.raises(PayloadError):
        FEEDS["ketersediaan_cctv"].read(payload, contract("ketersediaan_cctv"))


# --- checks ----------------------------------------------------------------------------------------------------------


Judge = Callable[[str, Found, date], Judged]


@pytest.fixture
def verdict(checker: Checker) -> Judge:
    def run(dataset: str, found: Found, day: date) -> Judged:
        given = contract(dataset)
        rejected = found.rejected.with_columns(_partisi=pl.lit(day.isoformat()))
        staged = Staged([day.isoformat()], with_partition(given, found.rows), rejected)
        return judge(given, staged, {}, checker)

    return run


def test_a_day_of_logs_passes_and_rows_from_a_clock_step_are_set_aside(base: str, verdict: Judge) -> None:
    found = verdict("ketersediaan_cctv", pulled(context(base, "ketersediaan_cctv")), DAY)
    assert found.blocked == {}
    assert {c["pemeriksaan"] for c in found.checks if c["hasil"] == "galat"} == set()
    assert set(found.rejected["alasan"]) == {"latensi_wajar"}
    assert 0.001 < found.rejected.height / (76 * 288) < 0.005


def test_rows_against_the_rules_of_the_log_are_set_aside_by_name(base: str, verdict: Judge) -> None:
    day = pulled(context(base, "ketersediaan_cctv"))
    up = day.rows.filter((pl.col("status") == "up") & (pl.col("latensi_ms") >= 0)).head(60)
    rules = {
        "waktu_dalam_hari_wib": {"waktu": pl.col("waktu") + pl.duration(hours=24)},
        "waktu_tepat_slot": {"waktu": pl.col("waktu") + pl.duration(seconds=7)},
        "denyut_bernomor_nol": {"id_kamera": pl.lit(0, pl.Int64)},
        "up_berbukti": {"kode_http": pl.lit(None, pl.Int64)},
        "status_dikenal": {"status": pl.lit("unknown")},
    }
    for n, (rule, change) in enumerate(rules.items()):
        bent = up.slice(n, 1).with_columns(**change)
        rest = day.rows.join(up.slice(n, 1), on=["waktu", "id_kamera"], how="anti")
        found = verdict("ketersediaan_cctv", Found(pl.concat([rest, bent]), day.rejected), DAY)
        assert any(rule in reason for reason in found.rejected["alasan"]), rule


def test_a_list_that_lost_cameras_is_blocked_and_one_outside_medan_loses_that_row(base: str, verdict: Judge) -> None:
    found = pulled(context(base, "kamera", TODAY))
    assert verdict("kamera", found, TODAY).blocked == {}
    short = verdict("kamera", Found(found.rows.head(59), found.rejected), TODAY)
    assert short.blocked[TODAY.isoformat()].startswith("cakupan_kamera")
    swapped = found.rows.with_columns(
        lintang=pl.when(pl.col("id_kamera") == 9).then(pl.col("bujur")).otherwise(pl.col("lintang"))
    )
    kept = verdict("kamera", Found(swapped, found.rejected), TODAY)
    assert kept.rejected["alasan"].to_list() == ["lintang_di_medan"]
    assert kept.rows.height == 74
