"""The HTTP client against real servers on loopback: what heals, what fails at once, and what it says then."""

import contextlib
import gzip
import logging
import random
import socket
import threading
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest
import requests
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connectors.faults import SEEDED
from connectors.http import HttpClient, PermanentAnswer, PullError, RetryableAnswer, conceal, expect_json, user_agent
from connectors.http_errors import (
    REASONS,
    AnswerTooLarge,
    DeadlineExceeded,
    NoConnection,
    RedirectRefused,
    RequestRefused,
    StatusError,
    UnusableAnswer,
)
from connectors.sandbox import World, build_app, form_of, in_thread
from tests.support.faulty_server import answer, own_certificate, raw_server

ROWS = orjson.dumps({"status": True, "total": 3, "data": [{"id": n, "nama": "Cabai Merah"} for n in range(3)]})
ASKED: Counter[str] = Counter()
CALLERS: set[Any] = set()


async def rows(request: Request) -> Response:
    ASKED["baris"] += 1
    CALLERS.add(request.client)
    return Response(ROWS, media_type="application/json", headers={"ETag": '"v1"', "X-Lain": "tidak dicatat"})


async def echo(request: Request) -> Response:
    said = {
        "method": request.method,
        "query": request.url.query,
        "form": await form_of(request),
        "body": (await request.body()).decode(),
        "headers": dict(request.headers),
    }
    return Response(orjson.dumps(said), media_type="application/json")


async def status(request: Request) -> Response:
    ASKED["status"] += 1
    return Response(b"rahasia di badan", status_code=int(request.path_params["code"]))


async def redirect(request: Request) -> Response:
    return RedirectResponse(request.query_params["ke"], status_code=int(request.query_params.get("kode", "302")))


async def circle(request: Request) -> Response:
    return RedirectResponse("/uji/putar")


async def packed(request: Request) -> Response:
    body = bytes(range(256)) * 4000
    bare = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    made = {
        "gzip": gzip.compress(body),
        "gzip-dua": gzip.compress(body[:5000]) + gzip.compress(body[5000:]),
        "deflate": zlib.compress(body),
        "deflate-polos": bare.compress(body) + bare.flush(),
        "gzip-rusak": gzip.compress(body)[:-8] + bytes(8),
        "br": b"bukan apa-apa",
    }[request.path_params["how"]]
    encoding = request.path_params["how"].split("-")[0]
    return Response(made, headers={"Content-Encoding": encoding})


def office() -> ModuleType:
    module = ModuleType("uji")
    module.routes = lambda world: [  # type: ignore[attr-defined]
        Route("/baris", rows, methods=["GET", "POST"]),
        Route("/gema", echo, methods=["GET", "POST"]),
        Route("/status/{code}", status),
        Route("/alih", redirect, methods=["GET", "POST"]),
        Route("/putar", circle),
        Route("/kemas/{how}", packed),
    ]
    return module


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with in_thread(build_app(World(today=date(2026, 11, 20)), [("uji", office())])) as url:
        yield url


@pytest.fixture
def fault(host: str) -> Iterator[Callable[..., None]]:
    def put(name: str, match: str = "/baris", **spec: Any) -> None:
        reply = requests.post(f"{host}/_gangguan", json={"cocok": match, "gangguan": name, **spec}, timeout=5)
        assert reply.status_code == 200, reply.text

    yield put
    requests.delete(f"{host}/_gangguan", timeout=5)


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(host: str, pauses: list[float]) -> Iterator[HttpClient]:
    with make(host, sleep=pauses.append) as made:
        yield made


def make(host: str, **options: Any) -> HttpClient:
    return HttpClient(f"{host}/uji", **{"user_agent": user_agent("9.9"), "sleep": lambda seconds: None, **options})


def refuse_failed(body: bytes) -> None:
    expect_json(body)
    said = orjson.loads(body)
    if said.get("status") is False:
        raise RetryableAnswer(said["message"])


# --- a good answer ---------------------------------------------------------------------------------------------


def test_a_good_answer_comes_whole_with_its_label_and_noted_headers(client: HttpClient, host: str) -> None:
    got = client.request("GET", "/baris", params={"hal": 1}, expect=expect_json)
    assert (got.status, got.body, got.attempts, got.asal) == (200, ROWS, 1, "tiruan")
    assert got.url == f"{host}/uji/baris?hal=1"
    assert (datetime.now(UTC) - got.fetched_at).total_seconds() < 5
    noted = got.noted_headers()
    assert noted["ETag"] == '"v1"'
    assert noted["Content-Length"] == str(len(ROWS))
    assert noted["X-SSP-Asal"] == "tiruan"
    assert set(noted) == {"Date", "ETag", "Content-Type", "Content-Length", "X-SSP-Asal"}


def test_we_name_ourselves_and_send_parameters_as_given(client: HttpClient) -> None:
    params = {"kosong": "", "tiada": None, "banyak": ["a", "b"], "jarak": "01/09/2025 - 02/09/2025", "angka": 3}
    said = orjson.loads(client.request("GET", "gema", params=params, headers={"X-Tambah": "ya"}).body)
    assert said["headers"]["user-agent"] == "SumutSmartProvince/9.9 (+data pipeline)"
    assert said["headers"]["x-tambah"] == "ya"
    assert said["query"] == "kosong=&banyak=a&banyak=b&jarak=01/09/2025%20-%2002/09/2025&angka=3"


def test_form_json_and_multipart_reach_the_host(client: HttpClient) -> None:
    form = orjson.loads(client.request("POST", "/gema", form={"kode": "1275", "nama": "Kota Medan"}).body)
    assert form["form"] == {"kode": "1275", "nama": "Kota Medan"}
    assert orjson.loads(client.request("POST", "/gema", json={"a": [1, None]}).body)["body"] == '{"a":[1,null]}'
    parts = orjson.loads(client.request("POST", "/gema", multipart={"draw": "1", "search[value]": "é"}).body)
    assert parts["form"] == {"draw": "1", "search[value]": "é"}
    with pytest.raises(ValueError, match="one of"):
        client.request("POST", "/gema", form={}, json={})


def test_one_connection_serves_many_requests(host: str) -> None:
    CALLERS.clear()
    with make(host) as client:
        for _ in range(20):
            client.request("GET", "/baris")
    assert len(CALLERS) == 1


@pytest.mark.parametrize("how", ["gzip", "gzip-dua", "deflate", "deflate-polos"])
def test_compressed_bodies_are_opened(client: HttpClient, how: str) -> None:
    assert client.request("GET", f"/kemas/{how}").body == bytes(range(256)) * 4000


def test_proxies_of_the_environment_are_not_used(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with make(host) as client:
        assert client.request("GET", "/baris").body == ROWS


def test_threads_share_one_client(host: str) -> None:
    got: list[bytes] = []
    with make(host) as client:
        work = [
            threading.Thread(target=lambda: got.extend(client.request("GET", "/baris").body for _ in range(20)))
            for _ in range(6)
        ]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
    assert got == [ROWS] * 120


# --- what a retry heals ----------------------------------------------------------------------------------------

HEALED = [
    ("5xx", {}, "http_5xx", StatusError),
    ("429_detik", {"detik": 1}, "http_429", StatusError),
    ("429_tanggal", {"detik": 1}, "http_429", StatusError),
    ("putus", {}, "koneksi_putus", NoConnection),
    ("putus", {"cara": "reset"}, "koneksi_putus", NoConnection),
    ("gzip_terpotong", {}, "gzip_terpotong", UnusableAnswer),
    ("panjang_salah", {}, "panjang_tidak_cocok", UnusableAnswer),
    ("panjang_salah", {"arah": "lebih"}, "koneksi_putus", NoConnection),
    ("halaman_login", {}, "halaman_login", UnusableAnswer),
    ("xml", {}, "xml_bukan_json", UnusableAnswer),
    ("kosong_200", {}, "jawaban_kosong", UnusableAnswer),
    ("galat_200", {}, "galat_dalam_200", UnusableAnswer),
]


@pytest.mark.parametrize(("name", "arg", "code", "kind"), HEALED)
def test_a_fault_that_passes_is_healed_by_a_retry(
    client: HttpClient, fault: Callable[..., None], name: str, arg: dict[str, Any], code: str, kind: type
) -> None:
    fault(name, kali=2, arg=arg)
    got = client.request("GET", "/baris", expect=refuse_failed)
    assert (got.body, got.attempts) == (ROWS, 3)


@pytest.mark.parametrize(("name", "arg", "code", "kind"), HEALED)
def test_a_fault_that_stays_ends_in_its_own_error(
    host: str, fault: Callable[..., None], name: str, arg: dict[str, Any], code: str, kind: type[PullError]
) -> None:
    fault(name, kali=0, arg=arg)
    with make(host, max_retries=2) as client, pytest.raises(kind) as caught:
        client.request("GET", "/baris", params={"hal": 7}, expect=refuse_failed)
    error = caught.value
    assert (error.reason_code, error.attempts) == (code, 3)
    text = str(error)
    assert f"[{code}] GET {host}/uji/baris?hal=7" in text
    assert "3 attempts" in text
    assert text.endswith("."), "the text ends with what to do"
    assert error.__cause__ is None
    assert error.__context__ is None


def test_every_seeded_fault_is_among_those_that_heal() -> None:
    assert {name for name, _ in SEEDED} <= {name for name, *_ in HEALED}


def test_every_reason_code_has_an_error_of_the_family() -> None:
    assert all(issubclass(kind, PullError) and kind is not PullError for kind in REASONS.values())


def test_broken_compression_is_retried_then_refused(client: HttpClient) -> None:
    with pytest.raises(UnusableAnswer) as caught:
        client.request("GET", "/kemas/gzip-rusak")
    assert (caught.value.reason_code, caught.value.attempts) == ("gzip_rusak", 5)


def test_json_without_its_end_and_plain_text_are_refused() -> None:
    for body, code in [
        (b'{"data":[{"a":1', "json_terpotong"),
        (b"Tagihan tidak ditemukan", "bukan_json"),
        (b" " * 600 + b"{}", "bukan_json"),
        (b"<html><body>Pemeliharaan</body></html>", "halaman_html"),
        (b"  \r\n ", "jawaban_kosong"),
        (b"\xef\xbb\xbf", "jawaban_kosong"),
    ]:
        with pytest.raises(RetryableAnswer) as caught:
            expect_json(body)
        assert caught.value.code == code
    for body in (b"[]", b'\xef\xbb\xbf{"a":1}\r\n', b'{"a":1}\n{"a":2}\n', b"null", b"12.5", b'"teks"'):
        expect_json(body)


def test_a_permanent_answer_is_not_asked_for_again(client: HttpClient) -> None:
    def refuse(body: bytes) -> None:
        raise PermanentAnswer("nomor tidak dikenal", "tidak_ditemukan")

    with pytest.raises(UnusableAnswer, match="nomor tidak dikenal") as caught:
        client.request("GET", "/baris", expect=refuse)
    assert (caught.value.reason_code, caught.value.attempts, caught.value.status) == ("tidak_ditemukan", 1, 200)


# --- pauses ----------------------------------------------------------------------------------------------------


def test_pauses_are_jittered_and_grow_to_their_cap(host: str, fault: Callable[..., None]) -> None:
    class Highest(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    fault("5xx", kali=0)
    pauses: list[float] = []
    with (
        make(host, max_retries=5, backoff_base=0.5, backoff_cap=3, sleep=pauses.append, rng=Highest()) as client,
        pytest.raises(StatusError),
    ):
        client.request("GET", "/baris")
    assert pauses == [0.5, 1, 2, 3, 3]
    jittered: list[float] = []
    with make(host, max_retries=5, sleep=jittered.append, rng=random.Random(1)) as client, pytest.raises(StatusError):
        client.request("GET", "/baris")
    assert len(set(jittered)) == 5
    assert all(0 <= pause <= 16 for pause in jittered)


@pytest.mark.parametrize(("name", "low", "high"), [("429_detik", 7, 7.5), ("429_tanggal", 5.9, 8.6)])
def test_retry_after_is_kept_in_both_forms(
    client: HttpClient, pauses: list[float], fault: Callable[..., None], name: str, low: float, high: float
) -> None:
    fault(name, arg={"detik": 7})
    assert client.request("GET", "/baris").attempts == 2
    assert len(pauses) == 1
    assert low <= pauses[0] <= high


def test_retry_after_beyond_the_deadline_fails_at_once(
    client: HttpClient, pauses: list[float], fault: Callable[..., None]
) -> None:
    fault("429_detik", kali=0, arg={"detik": 3600})
    with pytest.raises(StatusError, match="after the deadline") as caught:
        client.request("GET", "/baris")
    assert (caught.value.reason_code, caught.value.attempts, pauses) == ("http_429", 1, [])


@pytest.mark.parametrize("value", ["nanti", "-5", "Fri, 31 Foo 2026", ""])
def test_a_retry_after_that_says_nothing_is_passed_over(value: str) -> None:
    replies = iter([answer(b"", f"Retry-After: {value}", "Content-Length: 0", status="503 Sibuk"), None])

    def reply(connection: socket.socket, head: bytes) -> None:
        connection.sendall(next(replies) or answer(b"{}", "Content-Length: 2"))

    with raw_server(reply) as url, make(url) as client:
        assert client.request("GET", "/x").attempts == 2


def test_a_date_in_the_past_means_now() -> None:
    lines = ("Date: Fri, 20 Nov 2026 00:00:05 GMT", "Retry-After: Fri, 20 Nov 2026 00:00:00 GMT", "Content-Length: 0")
    replies = iter([answer(b"", *lines, status="429 Pelan"), answer(b"{}", "Content-Length: 2")])
    pauses: list[float] = []
    with (
        raw_server(lambda connection, head: connection.sendall(next(replies))) as url,
        make(url, sleep=pauses.append, backoff_base=0) as client,
    ):
        assert client.request("GET", "/x").attempts == 2
    assert pauses == [0]


def test_the_rate_limit_of_a_host_is_shared_by_clients_and_threads(host: str) -> None:
    # A host of its own name, so that the limit does not stay on the one that the other tests ask.
    named = host.replace("127.0.0.1", "localhost")
    done: list[float] = []

    def ask() -> None:
        with HttpClient(f"{named}/uji", user_agent="uji", rate=50) as client:
            for _ in range(3):
                client.request("GET", "/baris")
                done.append(time.monotonic())

    start = time.monotonic()
    work = [threading.Thread(target=ask) for _ in range(4)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert len(done) == 12
    assert max(done) - start >= 11 / 50 - 0.01


# --- deadlines -------------------------------------------------------------------------------------------------


def test_a_body_that_drips_ends_at_the_deadline(host: str, fault: Callable[..., None]) -> None:
    fault("tetes", kali=0, arg={"jeda": 0.02})
    start = time.monotonic()
    with make(host, total_deadline=0.4) as client, pytest.raises(DeadlineExceeded, match="deadline") as caught:
        client.request("GET", "/baris")
    assert time.monotonic() - start < 1
    assert caught.value.reason_code == "batas_waktu"


def test_a_drip_that_passes_costs_one_attempt(host: str, fault: Callable[..., None]) -> None:
    fault("tetes", arg={"jeda": 0.02})
    with make(host, attempt_deadline=0.2) as client:
        assert client.request("GET", "/baris").attempts == 2


def test_a_head_that_drips_ends_at_the_deadline() -> None:
    def drip(connection: socket.socket, head: bytes) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Panjang: " + b"a" * 500:
            connection.sendall(bytes((byte,)))
            time.sleep(0.02)

    start = time.monotonic()
    with raw_server(drip) as url, make(url, total_deadline=0.3) as client, pytest.raises(DeadlineExceeded):
        client.request("GET", "/x")
    assert time.monotonic() - start < 1


def test_silence_is_bounded_by_the_read_timeout() -> None:
    def silent(connection: socket.socket, head: bytes) -> None:
        connection.recv(1)

    with (
        raw_server(silent) as url,
        make(url, read_timeout=0.1, max_retries=1) as client,
        pytest.raises(DeadlineExceeded, match=r"nothing came for 0\.1 s") as caught,
    ):
        client.request("GET", "/x")
    assert (caught.value.attempts, caught.value.status) == (2, None)


# --- hosts that cannot be reached or trusted -------------------------------------------------------------------


def test_a_closed_port_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with make(f"http://127.0.0.1:{port}", max_retries=1) as client, pytest.raises(NoConnection) as caught:
        client.request("GET", "/x")
    assert caught.value.reason_code == "tidak_tersambung"


def test_a_name_that_does_not_resolve_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with make("http://tiada.invalid", max_retries=0) as client, pytest.raises(NoConnection, match="name is not known"):
        client.request("GET", "/x")


def test_something_that_speaks_no_http_says_so() -> None:
    with (
        raw_server(lambda connection, head: connection.sendall(b"SSH-2.0-lain\r\n")) as url,
        make(url, max_retries=0) as client,
        pytest.raises(NoConnection) as caught,
    ):
        client.request("GET", "/x")
    assert caught.value.reason_code == "koneksi_putus"


def test_an_untrusted_certificate_is_refused_at_once_and_a_given_bundle_is_trusted(tmp_path: Path) -> None:
    context, pem = own_certificate(tmp_path)

    def reply(connection: socket.socket, head: bytes) -> None:
        connection.sendall(answer(ROWS, f"Content-Length: {len(ROWS)}"))

    with raw_server(reply, tls=context) as url:
        with make(url) as client, pytest.raises(NoConnection) as caught:
            client.request("GET", "/x")
        assert (caught.value.reason_code, caught.value.attempts) == ("tls_gagal", 1)
        with make(url, ca_bundle=str(pem)) as client:
            assert client.request("GET", "/x").body == ROWS


def test_the_deadline_holds_under_tls(tmp_path: Path) -> None:
    context, pem = own_certificate(tmp_path)

    def drip(connection: socket.socket, head: bytes) -> None:
        connection.sendall(answer(b"{", "Content-Length: 900"))
        for _ in range(100):
            time.sleep(0.02)
            connection.sendall(b" ")

    start = time.monotonic()
    with (
        raw_server(drip, tls=context) as url,
        make(url, ca_bundle=str(pem), total_deadline=0.4) as client,
        pytest.raises(DeadlineExceeded),
    ):
        client.request("GET", "/x")
    assert time.monotonic() - start < 1.2


# --- refused at once -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410])
def test_a_4xx_fails_at_once_and_shows_nothing_of_the_body(client: HttpClient, code: int) -> None:
    before = ASKED["status"]
    with pytest.raises(StatusError) as caught:
        client.request("GET", f"/status/{code}")
    assert (caught.value.reason_code, caught.value.status, caught.value.attempts) == ("http_4xx", code, 1)
    assert ASKED["status"] == before + 1
    assert "rahasia" not in str(caught.value)


def test_a_redirect_on_the_same_host_is_followed(client: HttpClient, host: str) -> None:
    assert client.request("GET", "/alih", params={"ke": "/uji/baris"}).body == ROWS
    assert client.request("GET", "/alih", params={"ke": f"{host}/uji/baris", "kode": 307}).body == ROWS
    kept = client.request("POST", "/alih", params={"ke": "/uji/gema", "kode": 308}, form={"a": "1"})
    assert orjson.loads(kept.body)["form"] == {"a": "1"}
    turned = orjson.loads(
        client.request("POST", "/alih", params={"ke": "/uji/gema", "kode": 303}, form={"a": "1"}).body
    )
    assert (turned["method"], turned["form"], "content-type" in turned["headers"]) == ("GET", {}, False)


def test_a_redirect_to_another_host_port_or_scheme_is_refused_and_sends_nothing(
    client: HttpClient, host: str, fault: Callable[..., None]
) -> None:
    reached: list[bytes] = []

    def note(connection: socket.socket, head: bytes) -> None:
        reached.append(head)
        connection.sendall(answer(b"{}", "Content-Length: 2"))

    with raw_server(note) as other:
        targets = [other, host.replace("http:", "https:"), host.replace("127.0.0.1", "localhost"), "//lain.invalid/x"]
        targets += ["javascript:alert(1)", "http://127.0.0.1:99999/", f"{host.replace('127.0.0.1', '127.0.0.1@lain')}/"]
        for target in targets:
            with pytest.raises(RedirectRefused) as caught:
                client.request("GET", "/alih", params={"ke": target}, headers={"X-API-KEY": "kunci-tiruan"})
            assert (caught.value.reason_code, caught.value.attempts) == ("pengalihan_ditolak", 1)
        fault("alih_host", arg={"ke": other})
        with pytest.raises(RedirectRefused):
            client.request("GET", "/baris")
    assert reached == []


def test_redirects_in_a_circle_or_without_a_target_are_refused(client: HttpClient) -> None:
    with pytest.raises(RedirectRefused, match="more than 5 redirects"):
        client.request("GET", "/putar")
    with pytest.raises(RedirectRefused, match="without a Location"):
        client.request("GET", "/status/301")


def test_another_host_is_never_asked(client: HttpClient, host: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        client.request("GET", "http://lain.invalid/baris")
    assert (caught.value.reason_code, caught.value.attempts) == ("alamat_ditolak", 0)
    assert client.request("GET", f"{host}/uji/baris").body == ROWS
    for wrong in ("/tanpa/host", "ftp://lain/", "http://"):
        with pytest.raises(ValueError, match="base_url"):
            HttpClient(wrong, user_agent="uji")


def test_an_encoding_that_was_not_asked_for_is_refused(client: HttpClient) -> None:
    with pytest.raises(UnusableAnswer) as caught:
        client.request("GET", "/kemas/br")
    assert (caught.value.reason_code, caught.value.attempts) == ("sandi_tak_dikenal", 1)


# --- size ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", [{"max_ratio": 100}, {"max_ratio": 1e9, "max_decompressed_bytes": 8 << 20}])
def test_a_gzip_bomb_is_stopped_early(host: str, fault: Callable[..., None], limits: dict[str, Any]) -> None:
    fault("bom_gzip", arg={"mb": 4096})
    start = time.monotonic()
    with make(host, **limits) as client, pytest.raises(AnswerTooLarge) as caught:
        client.request("GET", "/baris")
    assert (caught.value.reason_code, caught.value.attempts) == ("bom_dekompresi", 1)
    assert time.monotonic() - start < 3, "4 GiB were not decompressed"


@pytest.mark.parametrize("announced", [True, False])
def test_an_answer_that_is_too_large_is_stopped(host: str, fault: Callable[..., None], announced: bool) -> None:
    fault("terlalu_besar", arg={"mb": 512, "panjang": announced})
    with make(host, max_response_bytes=1 << 20) as client:
        with pytest.raises(AnswerTooLarge, match="announced" if announced else "goes on") as caught:
            client.request("GET", "/baris")
        assert caught.value.reason_code == "terlalu_besar"
        assert client.request("GET", "/baris").body == ROWS, "the connection is not used again"


def test_a_request_can_have_a_limit_of_its_own(client: HttpClient) -> None:
    with pytest.raises(AnswerTooLarge):
        client.request("GET", "/baris", max_response_bytes=10)
    assert client.request("GET", "/baris", max_response_bytes=len(ROWS)).body == ROWS


def test_a_chunked_body_that_breaks_off_is_seen() -> None:
    whole = b"5\r\n[1,2]\r\n0\r\n\r\n"
    replies = iter([whole[:6], b"zz\r\n", whole])

    def reply(connection: socket.socket, head: bytes) -> None:
        connection.sendall(answer(next(replies), "Transfer-Encoding: chunked"))

    with raw_server(reply) as url, make(url) as client:
        got = client.request("GET", "/x")
        assert (got.body, got.attempts) == (b"[1,2]", 3)


# --- secrets ---------------------------------------------------------------------------------------------------


def test_no_secret_is_in_a_log_an_error_or_an_answer(
    host: str, fault: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    key, word, token = "kunci/rahasia+1", 'sandi "dua" é', "eyJhbGciOi.JIUzI1NiJ9"
    logging.getLogger().setLevel(logging.DEBUG)
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []
    with make(host, secrets=[key, word, ""], headers={"X-API-KEY": key}, max_retries=1) as client:
        client.hide(token)
        asked = {"k": key, "w": word, "t": token, "api_key": "tak-terdaftar", "hal": 2}
        got = client.request("GET", "/baris", params=asked)
        texts.append(got.url)
        for name in ("5xx", "putus", "alih_host", "bom_gzip"):
            fault(name, kali=0, arg={"ke": f"http://lain.invalid/?k={key}"})
            with pytest.raises(PullError) as caught:
                client.request("GET", "/baris", params=asked)
            texts += [str(caught.value), repr(caught.value), "".join(traceback.format_exception(caught.value))]
            requests.delete(f"{host}/_gangguan", timeout=5)
        with pytest.raises(PullError) as caught:
            client.request("GET", f"/status/404/{token}")
        texts += [str(caught.value), repr(caught.value)]
    with contextlib.suppress(PullError), make("http://127.0.0.1:9", max_retries=1) as client:
        client.request("GET", f"/{token}", params=asked)
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("asyncio", "uvicorn"))]
    assert any("baris" in text for text in ours), "something was logged"
    assert "hal=2" in got.url
    for secret in (key, word, token, "rahasia", "dua", "JIUzI1NiJ9", "tak-terdaftar"):
        for text in (*texts, *ours):
            # The test's own source lines stand in a traceback.
            lines = [line for line in text.splitlines() if "client.request(" not in line]
            assert secret not in "\n".join(lines)


def test_concealing_covers_the_forms_a_secret_takes() -> None:
    assert conceal("http://h/?a=1&Access_Token=abc&monkey=2") == "http://h/?a=1&Access_Token=***&monkey=2"
    HttpClient("http://h", user_agent="uji", secrets=["p q/r"]).close()
    assert conceal("p q/r p%20q%2Fr p+q%2Fr") == "*** *** ***"
