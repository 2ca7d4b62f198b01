"""Logging in at a provider of OpenID Connect, and through a web server that names people in headers."""

import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from ssp_pipeline.command_centre.oidc import LoginFailed
from ssp_pipeline.command_centre.oidc import Provider as OidcProvider
from ssp_pipeline.command_centre.service import Centre, OidcOptions, ProxyOptions
from tests.support.command_centre import HOME, Visitor, options, serving, trail
from tests.support.oidc_provider import CLIENT, SECRET, Provider, provider, shared_key
from tests.support.waiting import free_port

ROLES: dict[str, Any] = {"sekretariat": "pimpinan", "walidata": "operator", "opd": "instansi"}


@dataclass
class Office:
    """A command centre and the provider that people log in at."""

    home: Path
    address: str
    provider: Provider

    def visitor(self) -> Visitor:
        return Visitor(self.address)

    def way_back(self, visitor: Visitor, onward: str = "/harga") -> str:
        """Go to the provider and log in there; gives the address to which it sends the browser."""
        there = visitor.get("/masuk/oidc", params={"lanjut": onward})
        assert there.status_code == 303, there.text
        with httpx.Client(trust_env=False) as browser:
            return browser.get(there.headers["location"]).headers["location"]

    def log_in(self, visitor: Visitor, onward: str = "/harga") -> httpx.Response:
        return visitor.get(self.way_back(visitor, onward))


@pytest.fixture(scope="module")
def running_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    home, port = tmp_path_factory.mktemp("pusat"), free_port()
    address = f"http://127.0.0.1:{port}"
    with provider(f"{address}/masuk/kembali") as idp:
        oidc = OidcOptions(issuer=idp.address, client_id=CLIENT, client_secret=SECRET, roles=ROLES)
        with serving(Centre(options(home, oidc=oidc, address=address)), port) as served:
            assert served == address
            yield Office(home, address, idp)


@pytest.fixture
def office(running_office: Office) -> Office:
    idp = running_office.provider
    idp.claims = {"preferred_username": "gubernur", "name": "Gubernur", "groups": ["sekretariat", "lain"]}
    idp.twist, idp.userinfo = {}, {}
    return running_office


def test_a_login_at_the_provider_begins_a_session_with_the_roles_of_its_groups(office: Office) -> None:
    with office.visitor() as visitor:
        first = visitor.get("/harga?hari=7")
        page = visitor.get(first.headers["location"])
        assert 'href="/masuk/oidc?lanjut=%2Fharga%3Fhari%3D7"' in page.text
        answer = office.log_in(visitor, "/harga?hari=7")
        assert (answer.status_code, answer.headers["location"]) == (303, "/harga?hari=7")
        assert visitor.get(HOME).status_code == 404
        assert "Gubernur" in visitor.get(HOME).text
        assert visitor.get("/karantina/samsat").status_code == 403
        assert trail(office.home)[-2] | {"nomor": "", "waktu": "", "alamat": ""} == {
            "nomor": "", "waktu": "", "peristiwa": "masuk", "pengguna": "gubernur", "peran": "pimpinan",
            "instansi": "", "objek": "", "rincian": "", "alamat": "",
        }  # fmt: skip
        assert "ssp_oidc" not in visitor.cookies
        visitor.send_form("/keluar", {"csrf": visitor.token(HOME)})
        assert visitor.get(HOME).status_code == 303


def test_the_request_carries_state_nonce_and_a_challenge_and_never_the_secret(office: Office) -> None:
    with office.visitor() as visitor:
        there = visitor.get("/masuk/oidc").headers["location"]
        asked = {k: v[0] for k, v in parse_qs(urlsplit(there).query).items()}
        assert asked["code_challenge_method"] == "S256"
        assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
        assert min(len(asked[k]) for k in ("state", "nonce", "code_challenge")) >= 43
        assert asked["scope"] == "openid profile"
        assert SECRET not in there
        again = visitor.get("/masuk/oidc").headers["location"]
        assert asked["state"] not in again
    kept = b"".join(path.read_bytes() for path in (office.home / "masuk").iterdir())
    assert asked["state"].encode() not in kept


def test_an_office_gets_its_own_agencies_and_no_word_that_is_none(office: Office) -> None:
    office.provider.claims |= {"preferred_username": "upt", "groups": ["opd"], "instansi": ["samsat", "lain"]}
    with office.visitor() as visitor:
        assert office.log_in(visitor).status_code == 303
        assert visitor.get("/karantina/samsat").status_code == 404, "may, but there is no lake"
        assert visitor.get("/karantina/tirtanadi").status_code == 403
        assert visitor.get("/karantina/lain").status_code == 403


def test_groups_may_come_from_userinfo_of_the_same_person_only(office: Office) -> None:
    office.provider.claims = {"preferred_username": "budi"}
    office.provider.userinfo = {"sub": "1", "groups": "walidata lain"}
    with office.visitor() as visitor:
        assert office.log_in(visitor).status_code == 303
        assert visitor.get("/karantina/samsat").status_code == 404
    office.provider.userinfo = {"sub": "2", "groups": ["walidata"]}
    with office.visitor() as visitor:
        assert office.log_in(visitor).status_code == 403


def test_a_way_back_is_good_once_and_in_the_browser_that_went(office: Office) -> None:
    with office.visitor() as visitor, office.visitor() as other:
        back = office.way_back(visitor)
        assert other.get(back).status_code == 403, "another browser"
        assert visitor.get(back).status_code == 403, "the other one has used it up"
        back = office.way_back(visitor)
        assert visitor.get(back).status_code == 303
        assert visitor.get(back).status_code == 403, "a second time"
        assert visitor.get("/masuk/kembali?code=x&state=y").status_code == 403
        assert visitor.get("/masuk/kembali").status_code == 403
    assert trail(office.home)[-1]["peristiwa"] == "gagal_masuk"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://penyerang.example"}, {"iss": None}, {"code": "x"}, {"code": None}, {"state": "x"},
        {"error": "access_denied"},
    ],
)  # fmt: skip
def test_a_way_back_that_was_changed_leads_nowhere(office: Office, change: dict[str, str | None]) -> None:
    with office.visitor() as visitor:
        back = httpx.URL(office.way_back(visitor))
        params = {k: v for k, v in (dict(back.params) | change).items() if v is not None}
        assert visitor.get(back.copy_with(params=params)).status_code == 403
        assert visitor.get(HOME).status_code == 303


@pytest.mark.parametrize(
    "twist",
    [
        {"nonce": "lain"},
        {"nonce": None},
        {"aud": "klien-lain"},
        {"aud": [CLIENT, "klien-lain"]},
        {"azp": "klien-lain"},
        {"iss": "https://penyerang.example"},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"sub": None},
        {"preferred_username": None},
        {"preferred_username": ""},
        {"preferred_username": 7},
        {"groups": []},
        {"groups": ["lain"]},
        {"groups": "pimpinan"},
    ],
    ids=str,
)
def test_a_token_that_does_not_fit_or_speaks_of_nobody_of_ours_is_refused(
    office: Office, twist: dict[str, Any]
) -> None:
    office.provider.twist = twist
    with office.visitor() as visitor:
        answer = office.log_in(visitor)
        assert answer.status_code == 403
        assert "belum diberi peran" in answer.text
        assert visitor.get(HOME).status_code == 303


def test_a_token_that_the_provider_did_not_sign_is_refused(office: Office) -> None:
    idp = office.provider
    real_key, real_header = idp.key, idp.header
    try:
        for key, header in (
            (RSAKey.generate_key(2048, parameters={"kid": "satu"}), {"alg": "RS256", "kid": "satu"}),
            (RSAKey.generate_key(2048, parameters={"kid": "dua"}), {"alg": "RS256", "kid": "dua"}),
            (shared_key(), {"alg": "HS256"}),
        ):
            idp.key, idp.header = key, header
            with office.visitor() as visitor:
                assert office.log_in(visitor).status_code == 403
    finally:
        idp.key, idp.header = real_key, real_header


def test_a_new_key_of_the_provider_is_asked_for_but_not_more_often_than_once_a_minute(office: Office) -> None:
    idp, now = office.provider, [0.0]
    known = OidcProvider(OidcOptions(idp.address, CLIENT, SECRET, roles=ROLES), clock=lambda: now[0])
    known.facts()
    newer = RSAKey.generate_key(2048, parameters={"kid": "tiga"})
    claims = {"iss": idp.address, "aud": CLIENT, "sub": "1", "iat": 1, "exp": 1 << 33, "nonce": "n"} | idp.claims
    token = {"id_token": jwt.encode({"alg": "RS256", "kid": "tiga"}, claims, newer)}
    old, idp.published = idp.published, newer
    try:
        now[0] = 59.0
        with pytest.raises(LoginFailed, match="ID token"):
            known.claims(token, "n")
        now[0] = 61.0
        assert known.claims(token, "n")["preferred_username"] == "gubernur"
    finally:
        idp.published = old


def test_a_provider_that_does_not_answer_or_calls_itself_otherwise_lets_nobody_in(tmp_path: Path) -> None:
    with provider("http://127.0.0.1:1/masuk/kembali") as idp:
        idp.issuer = "https://penyerang.example"
        for issuer in (idp.address, "http://127.0.0.1:9"):
            oidc = OidcOptions(issuer=issuer, client_id=CLIENT, client_secret=SECRET, roles=ROLES)
            made = options(tmp_path, oidc=oidc, address="http://127.0.0.1:1")
            with serving(Centre(made)) as address, Visitor(address) as visitor:
                assert visitor.get("/masuk/oidc").status_code == 403


class Torn(BaseHTTPRequestHandler):
    """Hangs up in the midst of every answer."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b'{"issuer"')


def test_a_provider_that_hangs_up_in_the_midst_of_an_answer_lets_nobody_in() -> None:
    with HTTPServer(("127.0.0.1", 0), Torn) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        made = OidcOptions(f"http://127.0.0.1:{server.server_port}", CLIENT, SECRET, roles=ROLES)
        with pytest.raises(LoginFailed, match="tidak menjawab"):
            OidcProvider(made).facts()


def test_a_provider_that_is_silent_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    with socket.socket() as silent, ThreadPoolExecutor(24) as crowd:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        oidc = OidcOptions(f"http://127.0.0.1:{silent.getsockname()[1]}", CLIENT, SECRET, roles=ROLES)
        with serving(Centre(options(tmp_path, oidc=oidc, address="http://127.0.0.1:1"))) as address:

            def stranger(_: int) -> int:
                with Visitor(address) as visitor:
                    return visitor.get("/masuk/oidc").status_code

            asking = [crowd.submit(stranger, n) for n in range(24)]
            asked, _ = silent.accept()
            assert next(as_completed(asking)).result() == 403, "too many wait already"
            with Visitor(address) as visitor:
                style = re.search(r'href="(/aset/[^"]+\.css)"', visitor.get("/masuk").text)
                assert style
                assert visitor.get(style[1]).status_code == 200
            assert not all(one.done() for one in asking)
            asked.close()
            silent.close()
            assert {one.result() for one in asking} == {403}


def test_with_a_provider_no_local_account_gets_in(office: Office) -> None:
    with office.visitor() as visitor:
        assert visitor.post("/masuk", data={"nama": "x"}, headers={"Origin": office.address}).status_code == 403
        assert 'name="sandi"' not in visitor.get("/masuk").text


# --- headers of a web server


def said(name: str = "budi", groups: str = "walidata", **more: str) -> dict[str, str]:
    return {"X-Forwarded-User": name, "X-Forwarded-Groups": groups} | more


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    home = tmp_path_factory.mktemp("pusat")
    proxy = ProxyOptions(peers=("127.0.0.1", "10.0.0.0/8"), roles=ROLES)
    with serving(Centre(options(home, proxy=proxy))) as address:
        yield Office(home, address, None)  # type: ignore[arg-type]


def test_the_trusted_server_says_who_asks_with_each_request(behind: Office) -> None:
    with behind.visitor() as visitor:
        assert visitor.get("/karantina/samsat", headers=said()).status_code == 404
        assert visitor.get("/karantina/samsat", headers=said(groups="sekretariat")).status_code == 403
        own = said("upt", "opd", **{"X-Forwarded-Instansi": "samsat, lain"})
        assert visitor.get("/karantina/samsat", headers=own).status_code == 404
        assert visitor.get("/karantina/tirtanadi", headers=own).status_code == 403
        assert visitor.get("/masuk?lanjut=/harga", headers=own).headers["location"] == "/harga"


@pytest.mark.parametrize("headers", [{}, said(""), said("budi", ""), said("budi", "lain"), said("a b", "walidata")])
def test_without_a_name_or_a_role_nobody_gets_in(behind: Office, headers: dict[str, str]) -> None:
    with behind.visitor() as visitor:
        for path in ("/", HOME, "/masuk", "/dagster/"):
            assert visitor.get(path, headers=headers).status_code == 403
        assert visitor.get("/sehat", headers=headers).status_code == 200


def test_a_header_that_comes_twice_is_refused(behind: Office) -> None:
    with behind.visitor() as visitor:
        doubled = [("X-Forwarded-User", "gubernur"), ("X-Forwarded-User", "budi"), ("X-Forwarded-Groups", "walidata")]
        assert visitor.get(HOME, headers=doubled).status_code == 403


def test_headers_from_any_other_peer_are_refused_whatever_address_they_claim(tmp_path: Path) -> None:
    made = options(tmp_path, proxy=ProxyOptions(peers=("10.0.0.5",), roles=ROLES))
    with serving(Centre(made)) as address, Visitor(address) as visitor:
        for more in ({}, {"X-Forwarded-For": "10.0.0.5"}, {"Forwarded": "for=10.0.0.5"}, {"X-Real-IP": "10.0.0.5"}):
            assert visitor.get(HOME, headers=said() | more).status_code == 403
    assert {line["rincian"] for line in trail(tmp_path)} == {"permintaan tidak datang dari proksi tepercaya"}


def test_the_client_in_the_trail_is_the_one_that_the_trusted_server_names(behind: Office) -> None:
    with behind.visitor() as visitor:
        headers = said("gubernur", "sekretariat", **{"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})
        visitor.get("/karantina/samsat", headers=headers)
    assert trail(behind.home)[-1]["alamat"] == "203.0.113.9"


def test_forms_need_their_token_here_too_and_there_is_no_session_to_end(behind: Office) -> None:
    with behind.visitor() as visitor:
        page = visitor.get(HOME, headers=said())
        token = page.text.partition('name="csrf" value="')[2].partition('"')[0]
        assert visitor.send_form("/keluar", {"csrf": "x"}, headers=said()).status_code == 403
        answer = visitor.send_form("/keluar", {"csrf": token}, headers=said())
        assert "Keluarlah di sana" in answer.text
        assert "ssp_sesi" not in visitor.cookies
