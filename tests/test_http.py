"""The HTTP client against real servers on loopback: good answers, what it refuses at once, and what it never tells."""

import contextlib
import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
import pytest
import requests

from connectors.http import HttpClient, PullError, conceal, expect_json
from connectors.http_errors import (
    AnswerTooLarge,
    RedirectRefused,
    RequestRefused,
    StatusError,
    UnusableAnswer,
)
from tests.support.faulty_server import answer, raw_server
from tests.support.http_office import ASKED, CALLERS, ROWS, end_faults, make, office_running, put_fault


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


# --- a good answer ----------------------------------------------------------------------------------------------------


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


def test_cookies_of_an_answer_and_of_a_redirect_go_with_the_requests_after_it() -> None:
    sent: list[bytes] = []

    def handle(connection: socket.socket, head: bytes) -> None:
        sent.append(next((line for line in head.split(b"\r\n") if line.lower().startswith(b"cookie:")), b""))
        if len(sent) == 1:
            connection.sendall(
                answer(b"", "Set-Cookie: a=1; Path=/", "Location: /lagi", "Content-Length: 0", status="302 Found")
            )
        else:
            connection.sendall(answer(b"{}", "Set-Cookie: b=2; Path=/", "Content-Length: 2"))

    with raw_server(handle) as url, make(url) as client:
        client.request("GET", "/")
        client.request("GET", "/")
    assert sent == [b"", b"Cookie: a=1", b"Cookie: a=1; b=2"]


def test_a_proxy_that_is_given_is_asked_for_the_whole_address() -> None:
    asked: list[bytes] = []

    def handle(connection: socket.socket, head: bytes) -> None:
        asked.append(head.split(b"\r\n")[0])
        connection.sendall(answer(ROWS, f"Content-Length: {len(ROWS)}"))

    with raw_server(handle) as proxy, make("http://instansi.test:81", proxies={"http": proxy}) as client:
        assert client.request("GET", "/baris", params={"hal": 1}).body == ROWS
    assert [line.replace(b"/uji", b"") for line in asked] == [b"GET http://instansi.test:81/baris?hal=1 HTTP/1.1"]


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


# --- refused at once --------------------------------------------------------------------------------------------------


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
        targets += ["http://[::1/", "javascript:alert(1)"]
        targets += ["http://127.0.0.1:99999/", f"{host.replace('127.0.0.1', '127.0.0.1@lain')}/"]
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


def test_an_answer_of_two_lengths_is_the_agencys_fault_and_asked_for_again() -> None:
    heads = iter(["Content-Length: 2\r\nContent-Length: 3", "Content-Length: 2"])

    def reply(connection: socket.socket, _: bytes) -> None:
        connection.sendall(answer(b"{}", next(heads)))

    with raw_server(reply) as url, make(url) as client:
        got = client.request("GET", "/x")
        assert (got.body, got.attempts) == (b"{}", 2)


def test_an_encoding_that_was_not_asked_for_is_refused(client: HttpClient) -> None:
    with pytest.raises(UnusableAnswer) as caught:
        client.request("GET", "/kemas/br")
    assert (caught.value.reason_code, caught.value.attempts) == ("sandi_tak_dikenal", 1)


# --- size -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", [{"max_ratio": 100}, {"max_ratio": 1e9, "max_decompressed_bytes": 8 << 20}])
def test_a_gzip_bomb_is_stopped_early(host: str, fault: Callable[..., None], limits: dict[str, Any]) -> None:
    fault("bom_gzip", arg={"mb": 65536})
    start = time.monotonic()
    with make(host, **limits) as client, pytest.raises(AnswerTooLarge) as caught:
        client.request("GET", "/baris")
    assert (caught.value.reason_code, caught.value.attempts) == ("bom_dekompresi", 1)
    assert time.monotonic() - start < 20, "64 GiB were not decompressed"


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


# --- secrets ----------------------------------------------------------------------------------------------------------


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
