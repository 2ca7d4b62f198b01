"""Logging in: accounts, sessions, forms that another site sends, failed tries, and what every answer carries."""

import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssp_pipeline.command_centre.accounts import Accounts, AccountsError
from ssp_pipeline.command_centre.audit import Audit
from ssp_pipeline.command_centre.lockout import Bucket, Lockout, network
from ssp_pipeline.command_centre.login import safe_path
from ssp_pipeline.command_centre.roles import User
from ssp_pipeline.command_centre.service import Centre
from ssp_pipeline.command_centre.sessions import Sessions
from ssp_pipeline.command_centre.store import Store
from ssp_pipeline.settings import ROOT
from tests.support.command_centre import PASSWORD, Visitor, options, serving, trail, with_people

HOME = "/kualitas/tidak-ada"
"""An address behind the login that reads no data."""


def is_in(visitor: Visitor) -> bool:
    """Whether an address behind the login is reached (it does not exist, which only who is in can learn)."""
    return visitor.get(HOME).status_code == 404


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


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


GUBERNUR = User("gubernur", frozenset({"pimpinan"}))


def sessions_in(folder: Path, clock: Clock, stamps: dict[str, str]) -> Sessions:
    store = Store(folder / "sesi.sqlite")
    return Sessions(store, lambda user: stamps.get(user.name), idle=600, absolute=3600, clock=clock)


def test_a_session_ends_after_a_time_without_a_request_and_at_last_in_any_case(tmp_path: Path) -> None:
    clock = Clock()
    sessions = sessions_in(tmp_path, clock, {"gubernur": "a"})
    idle, busy = sessions.begin(GUBERNUR), sessions.begin(GUBERNUR)
    for _ in range(6):
        clock.now += 599
        assert sessions.find(busy) == GUBERNUR
    assert sessions.find(idle) is None
    clock.now += 7
    assert sessions.find(busy) is None, "the longest time is over"
    clock.now -= 500
    assert sessions.find(busy) is None, "what has ended stays so, whatever the clock says"


def test_an_open_stream_is_no_sign_of_life(tmp_path: Path) -> None:
    clock = Clock()
    sessions = sessions_in(tmp_path, clock, {"gubernur": "a"})
    secret = sessions.begin(GUBERNUR)
    clock.now += 500
    assert sessions.find(secret, active=False)
    clock.now += 200
    assert sessions.find(secret, active=False) is None


def test_sessions_end_when_the_account_changes_and_none_begins_for_nobody(tmp_path: Path) -> None:
    stamps = {"gubernur": "a"}
    sessions = sessions_in(tmp_path, Clock(), stamps)
    secret = sessions.begin(GUBERNUR)
    stamps["gubernur"] = "b"
    assert sessions.find(secret) is None
    with pytest.raises(LookupError):
        sessions.begin(User("entah", frozenset({"pimpinan"})))


def test_one_person_has_a_bounded_number_of_sessions(tmp_path: Path) -> None:
    clock = Clock()
    sessions = sessions_in(tmp_path, clock, {"gubernur": "a", "dewi": "a"})
    other = sessions.begin(User("dewi", frozenset({"analis"})))
    made = []
    for _ in range(25):
        clock.now += 1
        made.append(sessions.begin(GUBERNUR))
    assert [sessions.find(s) is not None for s in made] == [False] * 5 + [True] * 20
    assert sessions.find(other)


def test_a_damaged_store_costs_a_login_and_nothing_more(tmp_path: Path) -> None:
    (tmp_path / "sesi.sqlite").write_bytes(b"bukan basis data" * 100)
    sessions = sessions_in(tmp_path, Clock(), {"gubernur": "a"})
    assert sessions.find(sessions.begin(GUBERNUR)) == GUBERNUR


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
        assert time.monotonic() - begun < 5


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


def test_a_form_that_is_too_long_is_not_read(visitor: Visitor) -> None:
    fields = {"csrf": visitor.token(), "nama": "gubernur", "sandi": PASSWORD, "lagi": "x" * 70_000}
    assert visitor.send_form("/masuk", fields).status_code == 403


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


# --- failed tries


def test_wrong_names_and_passwords_get_the_same_answer(visitor: Visitor) -> None:
    known = visitor.log_in("gubernur", "salah-salah-salah")
    unknown = visitor.log_in("entah-siapa", "salah-salah-salah")
    assert (known.status_code, unknown.status_code) == (401, 401)

    def without(text: str, name: str) -> str:
        return re.sub(r'value="[0-9a-f]{64}"', "", text).replace(name, "")

    assert without(known.text, "gubernur") == without(unknown.text, "entah-siapa")
    assert "ssp_sesi" not in visitor.cookies


def test_a_name_that_is_none_takes_as_long_as_one_that_is(tmp_path: Path) -> None:
    accounts = Accounts(with_people(tmp_path, "gubernur").accounts_file)
    accounts.check("entah", "x")

    def quickest(name: str) -> float:
        found = []
        for _ in range(4):
            begun = time.process_time()
            assert accounts.check(name, "sandi-yang-salah") is None
            found.append(time.process_time() - begun)
        return min(found)

    known, unknown = quickest("gubernur"), quickest("entah")
    assert unknown > known / 2 > 0.005


def test_after_some_failed_tries_even_the_right_password_is_not_looked_at_and_a_restart_changes_nothing(
    tmp_path: Path,
) -> None:
    made = with_people(tmp_path, "gubernur", "dewi")
    with serving(Centre(made)) as address, Visitor(address) as visitor:
        codes = [visitor.log_in("gubernur", "salah-salah-salah").status_code for _ in range(6)]
        assert codes == [401] * 5 + [429]
    with serving(Centre(made)) as address, Visitor(address) as visitor:
        locked = visitor.log_in("GUBERNUR ")
        assert locked.status_code == 429
        assert 0 < int(locked.headers["retry-after"]) <= 180
        assert "Coba lagi dalam 3 menit" in locked.text
        assert visitor.log_in("dewi").status_code == 303, "another account is not locked"
    events = [(line["peristiwa"], line["pengguna"]) for line in trail(tmp_path)]
    assert events == [("gagal_masuk", "gubernur")] * 4 + [("terkunci", "gubernur"), ("masuk", "dewi")]


def test_one_client_cannot_try_one_password_on_many_accounts(tmp_path: Path) -> None:
    clock = Clock()
    lockout = Lockout(Store(tmp_path / "sesi.sqlite"), clock=clock)
    tried = sum(lockout.take(f"akun{n}", "203.0.113.7") == 0 for n in range(100))
    assert tried == 20
    assert lockout.take("akun1", "203.0.113.8") == 0, "another client is not locked"
    clock.now += 60
    assert [lockout.take(f"lain{n}", "203.0.113.7") == 0 for n in range(2)] == [True, False]


def test_time_heals_and_a_good_try_heals_the_account(tmp_path: Path) -> None:
    clock = Clock()
    lockout = Lockout(Store(tmp_path / "sesi.sqlite"), clock=clock)
    assert [lockout.take("gubernur", "::1") == 0 for _ in range(6)] == [True] * 5 + [False]
    clock.now += 180
    assert lockout.take("gubernur", "::1") == 0
    assert lockout.take("gubernur", "::1") > 0
    clock.now += 180
    assert lockout.take("gubernur", "::1") == 0
    lockout.succeeded("gubernur", "::1")
    assert [lockout.take("gubernur", "::1") == 0 for _ in range(6)] == [True] * 5 + [False]


def test_one_ipv6_connection_is_one_client_whatever_address_it_takes() -> None:
    assert network("2001:db8:1:2:3::1") == network("2001:db8:1:2:ffff::9") != network("2001:db8:1:3::1")
    assert network("::ffff:203.0.113.7") == network("203.0.113.7")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 400), min_size=1, max_size=40), st.integers(1, 6), st.floats(1, 300))
def test_within_any_time_no_more_tries_are_let_through_than_the_bucket_says(
    tmp_path_factory: pytest.TempPathFactory, pauses: list[float], limit: int, heal: float
) -> None:
    clock = Clock()
    bucket = Bucket(limit, heal)
    lockout = Lockout(
        Store(tmp_path_factory.mktemp("kunci") / "sesi.sqlite"), account=bucket, client=Bucket(10**6, 1), clock=clock
    )
    let = []
    for pause in pauses:
        clock.now += pause
        wait = lockout.take("gubernur", "::1")
        if wait == 0:
            let.append(clock.now)
        else:
            clock.now += wait + 1e-3
            assert lockout.take("gubernur", "::1") == 0, "who waits as long as told is let through"
            let.append(clock.now)
    for i, first in enumerate(let):
        for j in range(i, len(let)):
            assert j - i + 1 <= limit + (let[j] - first) / heal + 1e-6


def test_strangers_cannot_fill_the_disk_with_lines_or_the_store_with_names(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "jejak_audit")
    for _ in range(200):
        audit.write("ditolak", what="/masuk")
    audit.write("masuk", user="gubernur")
    events = [line["peristiwa"] for line in trail(tmp_path)]
    assert len(events) == 61
    assert events[-1] == "masuk"


# --- accounts


def ssp(home: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith("SSP_")}
    return subprocess.run(
        [sys.executable, "-c", "from ssp_pipeline.cli import main; main()", *arguments], input=given, text=True,
        env=own | {"SSP_HOME": str(home)}, cwd=ROOT, capture_output=True, timeout=60, check=False,
    )  # fmt: skip


def test_accounts_are_made_listed_disabled_and_given_another_password_from_the_command_line(tmp_path: Path) -> None:
    assert "belum ada akun" in ssp(tmp_path, "user", "list").stdout
    assert not (tmp_path / "masuk").exists(), "no account is there by itself"
    done = ssp(tmp_path, "user", "add", "sari", "--role", "instansi", "--agency", "samsat", given=PASSWORD + "\n")
    assert done.returncode == 0, done.stderr
    assert ssp(tmp_path, "user", "disable", "sari").returncode == 0
    assert json.loads(ssp(tmp_path, "user", "list", "--json").stdout)[0] | {"dibuat": ""} == {
        "nama": "sari", "tampil": "", "peran": "instansi", "instansi": "samsat", "aktif": "tidak", "dibuat": "",
    }  # fmt: skip
    accounts = Accounts(tmp_path / "masuk" / "akun.json")
    assert accounts.check("sari", PASSWORD) is None
    assert ssp(tmp_path, "user", "enable", "sari").returncode == 0
    assert ssp(tmp_path, "user", "password", "sari", given="kata-sandi-lainnya\n").returncode == 0
    assert accounts.check("sari", PASSWORD) is None
    assert accounts.check("sari", "kata-sandi-lainnya")
    assert [line["objek"] for line in trail(tmp_path)] == [
        "dibuat",
        "dinonaktifkan",
        "diaktifkan",
        "kata sandi diganti",
    ]
    for path in (tmp_path / "masuk").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    wrong = ssp(tmp_path, "user", "add", "x", "--role", "instansi", "--agency", "tidak_ada", given=PASSWORD)
    assert wrong.returncode == 2
    assert "unknown agency" in wrong.stderr
    assert ssp(tmp_path, "user", "disable", "entah").returncode == 2


@pytest.mark.parametrize(
    ("name", "password", "roles", "agencies"),
    [
        ("Gubernur", PASSWORD, ["pimpinan"], []),
        ("../x", PASSWORD, ["pimpinan"], []),
        ("gubernur", "pendek", ["pimpinan"], []),
        ("gubernur", "x" * 300, ["pimpinan"], []),
        ("gubernur", "saya-gubernur-1", ["pimpinan"], []),
        ("gubernur", PASSWORD, [], []),
        ("gubernur", PASSWORD, ["raja"], []),
        ("gubernur", PASSWORD, ["instansi"], []),
        ("gubernur", PASSWORD, ["pimpinan"], ["samsat"]),
    ],
)
def test_accounts_that_make_no_sense_are_not_made(
    tmp_path: Path, name: str, password: str, roles: list[Any], agencies: list[str]
) -> None:
    accounts = Accounts(tmp_path / "akun.json")
    with pytest.raises(AccountsError):
        accounts.add(name, password, roles, agencies)
    assert not (tmp_path / "akun.json").exists()


def test_an_account_is_not_made_twice(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path / "akun.json")
    accounts.add("gubernur", PASSWORD, ["pimpinan"])
    with pytest.raises(AccountsError, match="already"):
        accounts.add("gubernur", PASSWORD, ["operator"])


def test_a_file_of_accounts_that_others_may_read_or_that_is_none_lets_nobody_in(tmp_path: Path) -> None:
    made = with_people(tmp_path, "gubernur")
    with serving(Centre(made)) as address, Visitor(address) as visitor:
        visitor.log_in("gubernur")
        made.accounts_file.chmod(0o644)
        assert not is_in(visitor)
        assert visitor.log_in("gubernur").status_code == 401
        made.accounts_file.chmod(0o600)
        made.accounts_file.write_text("{")
        assert not is_in(visitor)
    with pytest.raises(AccountsError, match="cannot be read"), serving(Centre(made)):
        pass
    started = ssp(tmp_path, "dashboard", "--port", "0")
    assert started.returncode == 2
    assert "akun.json cannot be read" in started.stderr


def test_settings_that_lack_something_for_the_way_in_are_refused(tmp_path: Path) -> None:
    (tmp_path / "ssp.toml").write_text('[pusat]\ncara = "oidc"\nalamat = "https://pusat.example"\n')
    own = os.environ | {"SSP_HOME": str(tmp_path), "SSP_CONFIG": str(tmp_path / "ssp.toml")}
    command = [sys.executable, "-c", "from ssp_pipeline.cli import main; main()", "dashboard", "--port", "0"]
    done = subprocess.run(command, env=own, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "pusat.oidc.penerbit is needed" in done.stderr


def test_with_no_account_nobody_gets_in(tmp_path: Path) -> None:
    with serving(Centre(options(tmp_path))) as address, Visitor(address) as visitor:
        assert visitor.log_in("admin", "admin").status_code == 401
