"""The HTTP client against real servers on loopback: what a retry heals, how long it waits, what it says then."""

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.fault_seed import PASSING
from connectors.http import HttpClient, PermanentAnswer, PullError, RetryableAnswer, expect_json
from connectors.http_errors import (
    REASONS,
    DeadlineExceeded,
    NoConnection,
    StatusError,
    UnusableAnswer,
)
from tests.support.faulty_server import answer, own_certificate, raw_server
from tests.support.http_office import ROWS, end_faults, make, office_running, put_fault


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with office_running() as url:
        yield url


@pytest.fixture
def fault(host: str) -> Iterator[Callable[..., None]]:
    yield partial(put_fault, host)
    end_faults(host)


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(host: str, pauses: list[float]) -> Iterator[HttpClient]:
    with make(host, sleep=pauses.append) as made:
        yield made


def refuse_failed(body: bytes) -> None:
    expect_json(body)
    said = orjson.loads(body)
    if said.get("status") is False:
        raise RetryableAnswer(said["message"])


# --- what a retry heals -----------------------------------------------------------------------------------------------

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
    assert {name for name, _ in PASSING} <= {name for name, *_ in HEALED}


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


# --- pauses -----------------------------------------------------------------------------------------------------------


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


# --- deadlines --------------------------------------------------------------------------------------------------------


def test_a_body_that_drips_ends_at_the_deadline(host: str, fault: Callable[..., None]) -> None:
    fault("tetes", kali=0, arg={"jeda": 0.5})
    start = time.monotonic()
    with make(host, total_deadline=0.4) as client, pytest.raises(DeadlineExceeded, match="deadline") as caught:
        client.request("GET", "/baris")
    assert time.monotonic() - start < 20
    assert caught.value.reason_code == "batas_waktu"


def test_a_drip_that_passes_costs_one_attempt(host: str, fault: Callable[..., None]) -> None:
    fault("tetes", arg={"jeda": 0.02})
    with make(host, attempt_deadline=0.2) as client:
        assert client.request("GET", "/baris").attempts == 2


def test_a_head_that_drips_ends_at_the_deadline() -> None:
    def drip(connection: socket.socket, head: bytes) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Panjang: " + b"a" * 3000:
            connection.sendall(bytes((byte,)))
            time.sleep(0.02)

    start = time.monotonic()
    with raw_server(drip) as url, make(url, total_deadline=0.3) as client, pytest.raises(DeadlineExceeded):
        client.request("GET", "/x")
    assert time.monotonic() - start < 20


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


# --- hosts that cannot be reached or trusted --------------------------------------------------------------------------


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
        connection.sendall(answer(b"{", "Content-Length: 9000"))
        for _ in range(3000):
            time.sleep(0.02)
            connection.sendall(b" ")

    start = time.monotonic()
    with (
        raw_server(drip, tls=context) as url,
        make(url, ca_bundle=str(pem), total_deadline=0.4) as client,
        pytest.raises(DeadlineExceeded),
    ):
        client.request("GET", "/x")
    assert time.monotonic() - start < 20
