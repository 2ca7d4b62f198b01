"""Logging in: accounts, sessions, forms that another site sends, failed tries, and what every answer carries."""

import json
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssp_pipeline.command_centre.accounts import Accounts
from ssp_pipeline.command_centre.login import safe_path
from ssp_pipeline.command_centre.service import Centre
from tests.support.command_centre import HOME, PASSWORD, Visitor, is_in, options, serving, trail, with_people


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pusat")


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with serving(Centre(with_people(home, recheck_seconds=0.1))) as found:
        yield found


@pytest.fixture
def visitor(address: str) -> Iterator[Visitor]:
    with Visitor(address) as made:
        yield made


# --- the gate


@pytest.mark.parametrize(
    "path",
    ["/", "/harga", "/baris/samsat.upt", "/muatan/samsat.upt/00", "/karantina/samsat", "/peristiwa", "/dagster/"],
)
def test_without_a_login_every_address_leads_to_the_login_page_and_back(visitor: Visitor, path: str) -> None:
    answer = visitor.get(path + "?a=1&b=%2F")
    assert answer.status_code == 303
    login = visitor.get(answer.headers["location"])
    assert f'name="lanjut" value="{path}?a=1&amp;b=%2F"' in login.text


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(st.characters(codec="utf-8", exclude_characters="?#"), max_size=20))
def test_whatever_the_path_nothing_but_what_is_open_answers_without_a_login(visitor: Visitor, path: str) -> None:
    raw = "/" + quote(path, safe="/.%\\:;@&=+$,!~*'()")
    answer = visitor.send(visitor.build_request("GET", visitor.address, extensions={"target": raw.encode()}))
    known = unquote(raw) in ("/masuk", "/sehat") or unquote(raw).startswith(("/aset/", "/masuk/", "/keluar"))
    assert answer.status_code == 303 or known or answer.status_code == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_without_a_login_nothing_is_changed(visitor: Visitor, method: str) -> None:
    assert visitor.request(method, "/harga", headers={"Origin": visitor.address}).status_code == 401


def test_the_way_to_the_login_and_its_files_are_open_and_nothing_else_is(visitor: Visitor) -> None:
    assert visitor.get("/sehat").text == "sehat\n"
    page = visitor.get("/masuk")
    style = re.search(r'href="(/aset/[^"]+\.css)"', page.text)
    assert style
    assert visitor.get(style[1]).headers["cache-control"].endswith("immutable")
    assert visitor.get("/masukan").status_code == 303
    assert visitor.get("/sehat/../harga").status_code == 303


def test_every_answer_forbids_framing_guessing_and_keeping(visitor: Visitor) -> None:
    visitor.log_in("gubernur")
    for path in ("/masuk", HOME, "/sehat", "/karantina/samsat"):
        headers = visitor.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert "server" not in headers


# --- sessions


def test_a_login_begins_a_session_goes_on_and_is_noted(visitor: Visitor, home: Path) -> None:
    answer = visitor.log_in("gubernur", onward="/harga?hari=7")
    assert (answer.status_code, answer.headers["location"]) == (303, "/harga?hari=7")
    (cookie,) = [c for c in answer.headers.get_list("set-cookie") if c.startswith("ssp_sesi=")]
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie
    assert is_in(visitor)
    assert trail(home)[-1] | {"nomor": "", "waktu": ""} == {
        "nomor": "", "waktu": "", "peristiwa": "masuk", "pengguna": "gubernur", "peran": "pimpinan", "instansi": "",
        "objek": "", "rincian": "", "alamat": "127.0.0.1",
    }  # fmt: skip


def test_the_store_has_no_secret_of_a_session_and_the_accounts_no_password(visitor: Visitor, home: Path) -> None:
    visitor.log_in("gubernur")
    secret = visitor.cookies["ssp_sesi"]
    kept = b"".join(path.read_bytes() for path in (home / "masuk").iterdir())
    assert secret.encode() not in kept
    assert PASSWORD.encode() not in kept
    assert kept.count(b"$argon2id$") >= 5
    for path in (home / "masuk").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path.name


def test_a_login_never_takes_over_a_secret_that_the_browser_brought(visitor: Visitor) -> None:
    visitor.cookies.set("ssp_sesi", "dipilih-oleh-penyerang")
    visitor.log_in("gubernur")
    secrets = [cookie.value for cookie in visitor.cookies.jar if cookie.name == "ssp_sesi"]
    assert len([s for s in secrets if s != "dipilih-oleh-penyerang"]) == 1
    with Visitor(visitor.address, cookies={"ssp_sesi": "dipilih-oleh-penyerang"}) as attacker:
        assert not is_in(attacker)


def test_a_second_login_ends_the_first_session_of_the_browser(address: str) -> None:
    with Visitor(address) as first:
        first.log_in("gubernur")
        old, token = first.cookies["ssp_sesi"], first.token(HOME)
        answer = first.send_form("/masuk", {"csrf": token, "nama": "dewi", "sandi": PASSWORD})
        assert answer.status_code == 303
        assert first.cookies["ssp_sesi"] != old
        with Visitor(address, cookies={"ssp_sesi": old}) as thief:
            assert not is_in(thief)


def test_a_log_out_ends_the_session_on_the_server_and_not_in_the_browser_alone(visitor: Visitor) -> None:
    visitor.log_in("gubernur")
    stolen = visitor.cookies["ssp_sesi"]
    assert visitor.get("/keluar").status_code == 405
    assert is_in(visitor), "a link logs nobody out"
    answer = visitor.send_form("/keluar", {"csrf": visitor.token(HOME)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/masuk")
    with Visitor(visitor.address, cookies={"ssp_sesi": stolen}) as thief:
        assert not is_in(thief)


def test_sessions_survive_a_restart_of_the_server(tmp_path: Path) -> None:
    made = with_people(tmp_path, "gubernur")
    with serving(Centre(made)) as address, Visitor(address) as wall:
        wall.log_in("gubernur")
        cookies = dict(wall.cookies)
    with serving(Centre(made)) as address, Visitor(address, cookies=cookies) as wall:
        assert is_in(wall)


def test_behind_tls_the_cookie_is_secure_and_bound_to_the_host(tmp_path: Path) -> None:
    made = replace(with_people(tmp_path, "gubernur"), address="https://pusat.example")
    with serving(Centre(made)) as address, Visitor(address) as visitor:
        page = visitor.get("/masuk")
        assert page.headers["strict-transport-security"]
        token = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
        assert token
        visit = page.headers["set-cookie"].split(";")[0]
        answer = visitor.post(
            "/masuk", data={"csrf": token[1], "nama": "gubernur", "sandi": PASSWORD},
            headers={"Origin": "https://pusat.example", "Cookie": visit},
        )  # fmt: skip
        (cookie,) = [c for c in answer.headers.get_list("set-cookie") if "ssp_sesi" in c]
        assert cookie.startswith("__Host-ssp_sesi=")
        assert "; Secure" in cookie
        plain = {"Cookie": cookie.split(";")[0].removeprefix("__Host-")}
        assert visitor.get(HOME, headers=plain).status_code == 303, "a cookie without the prefix may be a neighbour's"


@pytest.mark.parametrize("change", ["disable", "password", "gone", "role"])
def test_who_is_logged_in_is_out_at_once_when_the_account_changes(visitor: Visitor, home: Path, change: str) -> None:
    name = f"sementara.{change}"
    accounts = Accounts(options(home).accounts_file)
    accounts.add(name, PASSWORD, ["pimpinan"])
    visitor.log_in(name)
    assert is_in(visitor)
    if change == "disable":
        accounts.set_active(name, False)
    elif change == "password":
        accounts.set_password(name, "sandi-yang-lain-sama-sekali")
    else:
        kept = json.loads(accounts.path.read_text())
        for account in kept["akun"]:
            account["peran"] = ["analis"] if account["nama"] == name else account["peran"]
        if change == "gone":
            kept["akun"] = [a for a in kept["akun"] if a["nama"] != name]
        accounts.path.write_text(json.dumps(kept))
    assert not is_in(visitor)
    assert visitor.log_in(name).status_code == (303 if change == "role" else 401)


def test_a_stream_ends_with_its_session(visitor: Visitor, home: Path) -> None:
    accounts = Accounts(options(home).accounts_file)
    accounts.add("layar", PASSWORD, ["pimpinan"])
    visitor.log_in("layar")
    with visitor.stream("GET", "/peristiwa") as events:
        assert events.status_code == 200
        accounts.set_active("layar", False)
        begun = time.monotonic()
        with pytest.raises(httpx.RemoteProtocolError):
            events.read()
        assert time.monotonic() - begun < 20


# --- forms that another site sends


def test_a_form_without_its_token_or_with_another_is_refused(visitor: Visitor, home: Path) -> None:
    visitor.log_in("gubernur")
    good = visitor.token(HOME)
    with Visitor(visitor.address) as other:
        foreign = other.token()
    for wrong in ({}, {"csrf": ""}, {"csrf": foreign}, {"csrf": good[:-1]}, {"csrf": good + "0"}, {"csrf": "é"}):
        assert visitor.send_form("/keluar", wrong).status_code == 403, wrong
    assert is_in(visitor)
    assert trail(home)[-1]["peristiwa"] == "ditolak"
    assert visitor.send_form("/keluar", {}, headers={"X-CSRF-Token": good}).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://penyerang.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1.penyerang.example"},
    ],
)
def test_a_form_from_another_origin_is_refused_even_with_the_token(visitor: Visitor, headers: dict[str, str]) -> None:
    visitor.log_in("gubernur")
    token = visitor.token(HOME)
    assert visitor.send_form("/keluar", {"csrf": token}, headers=headers).status_code == 403
    assert is_in(visitor)


def test_a_login_form_cannot_be_sent_by_another_site(visitor: Visitor) -> None:
    fields = {"nama": "gubernur", "sandi": PASSWORD}
    assert visitor.send_form("/masuk", fields).status_code == 403
    token = visitor.token()
    with Visitor(visitor.address) as victim:
        assert victim.send_form("/masuk", {**fields, "csrf": token}).status_code == 403, "the token of another visit"
    assert visitor.post("/masuk", data={**fields, "csrf": token}).status_code == 403, "no origin"


def test_a_form_that_is_too_long_or_has_too_many_fields_is_not_read(visitor: Visitor) -> None:
    fields = {"csrf": visitor.token(), "nama": "gubernur", "sandi": PASSWORD}
    assert visitor.send_form("/masuk", fields | {"lagi": "x" * 70_000}).status_code == 403
    assert visitor.send_form("/masuk", fields | {f"f{n}": "" for n in range(60)}).status_code == 403


@pytest.mark.parametrize(
    ("given_path", "expected"),
    [
        ("/harga?hari=7&x=a%20b", "/harga?hari=7&x=a%20b"),
        ("//penyerang.example/", "/"),
        ("/\\penyerang.example", "/"),
        ("https://penyerang.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/penyerang.example", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("", "/"),
        ("harga", "/"),
        ("/masuk?lanjut=/masuk", "/"),
        ("/" + "a" * 3000, "/"),
    ],
)
def test_after_a_login_only_paths_of_ours_are_gone_on_to(given_path: str, expected: str) -> None:
    assert safe_path(given_path) == expected


@given(st.text(max_size=40).map(lambda t: t if t.startswith("/") else "/" + t) | st.text(max_size=40))
def test_no_text_leads_to_another_host(text: str) -> None:
    target = httpx.URL("https://pusat.example/masuk").join(safe_path(text))
    assert (target.scheme, target.host) == ("https", "pusat.example")


def test_the_login_page_leads_nowhere_else_either(visitor: Visitor) -> None:
    assert 'name="lanjut" value="/"' in visitor.get("/masuk?lanjut=//penyerang.example").text
    assert visitor.log_in("gubernur", onward="https://penyerang.example/").headers["location"] == "/"


def test_wrong_names_and_passwords_get_the_same_answer(visitor: Visitor) -> None:
    known = visitor.log_in("gubernur", "salah-salah-salah")
    unknown = visitor.log_in("entah-siapa", "salah-salah-salah")
    assert (known.status_code, unknown.status_code) == (401, 401)

    def without(text: str, name: str) -> str:
        return re.sub(r'value="[0-9a-f]{64}"', "", text).replace(name, "")

    assert without(known.text, "gubernur") == without(unknown.text, "entah-siapa")
    assert "ssp_sesi" not in visitor.cookies
