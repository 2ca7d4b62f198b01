"""How long a session lasts, and how many failed tries are let through: the rules, with a clock that tests move."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssp_pipeline.command_centre.accounts import Accounts
from ssp_pipeline.command_centre.audit import Audit
from ssp_pipeline.command_centre.lockout import Bucket, Lockout
from ssp_pipeline.command_centre.roles import User
from ssp_pipeline.command_centre.service import Centre
from ssp_pipeline.command_centre.sessions import Sessions
from ssp_pipeline.command_centre.store import Store
from ssp_pipeline.web.address import one_client
from tests.support.command_centre import Clock, Visitor, serving, trail, with_people

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


# --- failed tries


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
    assert one_client("2001:db8:1:2:3::1") == one_client("2001:db8:1:2:ffff::9") != one_client("2001:db8:1:3::1")
    assert one_client("::ffff:203.0.113.7") == one_client("203.0.113.7")


@settings(max_examples=40)
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


def test_names_that_are_none_cannot_fill_the_store_nor_push_out_an_account_that_is_locked(tmp_path: Path) -> None:
    store = Store(tmp_path / "sesi.sqlite")
    lockout = Lockout(store, client=Bucket(10**6, 1), keep=20, clock=Clock())
    for _ in range(5):
        assert lockout.take("gubernur", "::1") == 0
    for n in range(100):
        lockout.take(f"entah{n}", "::1")
    assert store.ask("SELECT count(*) FROM gagal") == [(20,)]
    assert lockout.take("gubernur", "::1") > 0


def test_strangers_cannot_fill_the_disk_with_lines(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "jejak_audit")
    for _ in range(200):
        audit.write("ditolak", what="/masuk")
    audit.write("masuk", user="gubernur")
    events = [line["peristiwa"] for line in trail(tmp_path)]
    assert len(events) == 61
    assert events[-1] == "masuk"
