"""Paged pulls over HTTP: pages that do not fit together begin again, and in the end fail loudly."""

from collections.abc import Callable, Iterator
from datetime import date
from types import ModuleType
from typing import Any

import orjson
import pytest
import requests
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.http import HttpClient, PullError
from connectors.paging import PageGuard, PagingRestart, restartable
from connectors.sandbox import World, build_app, in_thread

SIZE, TOTAL = 4, 10


async def page(request: Request) -> Response:
    """A paged list as DataTables has it; without `draw` no total is announced and an empty page is the end."""
    start = int(request.query_params["start"])
    rows = [{"id": n, "nama": f"Baris {n}"} for n in range(start, min(start + SIZE, TOTAL))]
    data: dict[str, Any] = {"data": rows}
    if "draw" in request.query_params:
        data = {"recordsTotal": TOTAL, "recordsFiltered": TOTAL, **data}
    return Response(orjson.dumps({"status": "success", "data": data}), media_type="application/json")


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    module = ModuleType("uji")
    module.routes = lambda world: [Route("/daftar", page)]  # type: ignore[attr-defined]
    with in_thread(build_app(World(today=date(2026, 11, 20)), [("uji", module)])) as url:
        yield url


@pytest.fixture
def fault(host: str) -> Iterator[Callable[..., None]]:
    def put(name: str, **spec: Any) -> None:
        spec = {"cocok": "/daftar", "gangguan": name, **spec}
        assert requests.post(f"{host}/_gangguan", json=spec, timeout=5).status_code == 200

    yield put
    requests.delete(f"{host}/_gangguan", timeout=5)


@pytest.fixture
def client(host: str) -> Iterator[HttpClient]:
    with HttpClient(f"{host}/uji", user_agent="uji") as made:
        yield made


def pull_with_total(client: HttpClient, runs: list[int]) -> Callable[[PageGuard], Iterator[int]]:
    def pull(guard: PageGuard) -> Iterator[int]:
        runs.append(0)
        while not guard.complete:
            answer = client.request("GET", "/daftar", params={"draw": 1, "start": guard.rows})
            data = orjson.loads(answer.body)["data"]
            guard.see(data["data"], total=data["recordsTotal"], keys=[row["id"] for row in data["data"]])
            if not data["data"]:
                return
            yield from (row["id"] for row in data["data"])

    return pull


def pull_to_empty_page(client: HttpClient) -> Callable[[PageGuard], Iterator[int]]:
    def pull(guard: PageGuard) -> Iterator[int]:
        while True:
            rows = orjson.loads(client.request("GET", "/daftar", params={"start": guard.rows}).body)["data"]["data"]
            guard.see(rows)
            if not rows:
                return
            yield from (row["id"] for row in rows)

    return pull


def test_undisturbed_pages_give_every_row_once(client: HttpClient) -> None:
    runs: list[int] = []
    assert restartable(pull_with_total(client, runs)) == list(range(TOTAL))
    assert len(runs) == 1
    assert restartable(pull_to_empty_page(client)) == list(range(TOTAL))


DISTURBED = [
    ("halaman_kembar", {"kali": 1}, "same rows as page 1"),
    ("total_menyusut", {"kali": 1, "mulai": 2}, "total shrank from 10 to 9"),
    ("halaman_tak_berakhir", {"kali": 2, "arg": {"bidang": "id"}}, "total shrank from 1000000000 to 10"),
]


@pytest.mark.parametrize(("name", "spec", "reason"), DISTURBED)
def test_a_disturbance_that_passes_is_healed_by_beginning_again(
    client: HttpClient, fault: Callable[..., None], caplog: pytest.LogCaptureFixture, name: str, spec: dict[str, Any],
    reason: str,
) -> None:  # fmt: skip
    fault(name, **spec)
    runs: list[int] = []
    assert restartable(pull_with_total(client, runs), what="usulan") == list(range(TOTAL)), "no row twice, none lost"
    assert len(runs) == 2
    assert reason in caplog.text


@pytest.mark.parametrize(
    ("name", "arg", "reason"),
    [
        ("halaman_kembar", {}, "same rows as page 1"),
        ("total_menyusut", {}, "total shrank"),
        ("halaman_tak_berakhir", {"bidang": "id"}, "no end after 21 pages"),
        ("halaman_tak_berakhir", {}, "same rows as page 1"),
    ],
)
def test_a_disturbance_that_stays_fails_loudly(
    client: HttpClient, fault: Callable[..., None], name: str, arg: dict[str, Any], reason: str
) -> None:
    fault(name, kali=0, arg=arg)
    with pytest.raises(PullError, match=reason) as caught:
        restartable(pull_with_total(client, []), what="usulan", max_pages=20)
    assert caught.value.reason_code == "halaman_berubah"
    assert "usulan" in str(caught.value)
    assert "3 runs" in str(caught.value)


def test_a_list_without_a_total_that_never_ends_is_seen(client: HttpClient, fault: Callable[..., None]) -> None:
    fault("halaman_tak_berakhir", arg={"bidang": "id"})
    with pytest.raises(PullError, match="no end after 12 pages and 48 rows") as caught:
        restartable(pull_to_empty_page(client), attempts=1, max_rows=45)
    assert caught.value.reason_code == "halaman_berubah"


def test_the_number_of_runs_is_bounded(client: HttpClient, fault: Callable[..., None]) -> None:
    fault("total_menyusut", kali=0)
    runs: list[int] = []
    with pytest.raises(PullError):
        restartable(pull_with_total(client, runs), attempts=2)
    assert len(runs) == 2


def test_other_errors_end_the_pull_at_once(client: HttpClient, fault: Callable[..., None]) -> None:
    fault("alih_host", mulai=2)
    runs: list[int] = []
    with pytest.raises(PullError, match="pengalihan_ditolak"):
        restartable(pull_with_total(client, runs))
    assert len(runs) == 1


def test_missing_rows_rows_too_many_and_rows_twice_are_seen() -> None:
    guard = PageGuard()
    guard.see([{"id": 1}, {"id": 2}], total=3)
    assert not guard.complete
    with pytest.raises(PagingRestart, match="2 rows came, 3 were announced"):
        guard.finish()
    with pytest.raises(PagingRestart, match="4 rows after page 2, 3 were announced"):
        guard.see([{"id": 3}, {"id": 4}], total=3)
    guard = PageGuard()
    guard.see([{"id": 1, "nilai": 1}], keys=[1])
    with pytest.raises(PagingRestart, match="a row of page 2 came before"):
        guard.see([{"id": 1, "nilai": 2}], keys=[1])
    guard = PageGuard()
    guard.see([], total=5)
    with pytest.raises(PagingRestart, match="grew from 5 to 6"):
        guard.see([], total=6)
    with pytest.raises(PagingRestart, match="total of -1"):
        PageGuard().see([], total=-1)


def test_empty_pages_are_no_repetition_and_an_empty_list_is_complete() -> None:
    guard = PageGuard()
    guard.see([])
    guard.see([])
    guard.finish()
    empty = PageGuard()
    empty.see([], total=0)
    assert empty.complete
    empty.finish()
