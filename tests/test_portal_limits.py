"""Who asks how often: the limit of an address, keys with quotas, and a log that tells nobody's address."""

import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import requests

from ssp_pipeline.portal.accesslog import KEEP_DAYS, AccessLog
from ssp_pipeline.portal.errors import Problem
from ssp_pipeline.portal.limits import KeysError, Limits, new_key, read_keys, truncated
from tests.support.portal import Hand, running


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def keys_file(folder: Path, **entries: str) -> Path:
    path = folder / "kunci.toml"
    path.write_text("\n".join(f'[kunci."{name}"]\n{text}\n' for name, text in entries.items()))
    return path


def sha(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def taken(limits: Limits, address: str, key: str = "", times: int = 1000) -> int:
    """Requests that pass before one is refused."""
    asker = limits.asker(address, key)
    for done in range(times):
        try:
            limits.count(asker, "api")
        except Problem:
            return done
    return times


def test_an_address_may_ask_a_quarter_of_its_minute_at_once_and_then_evenly() -> None:
    clock = Clock()
    limits = Limits({"api": 60, "sql": 1, "lapor": 1}, clock=clock)
    assert taken(limits, "192.0.2.1") == 15
    assert taken(limits, "192.0.2.2") == 15
    clock.now += 3
    assert taken(limits, "192.0.2.1") == 3
    clock.now += 3600
    assert taken(limits, "192.0.2.1") == 15


def test_an_ipv6_connection_is_one_asker_whatever_address_of_it_is_used() -> None:
    limits = Limits({"api": 60, "sql": 1, "lapor": 1}, clock=Clock())
    assert taken(limits, "2001:db8:1:2::1") == 15
    assert taken(limits, "2001:db8:1:2:ffff::9") == 0
    assert taken(limits, "2001:db8:1:3::1") == 15
    assert taken(limits, "::ffff:192.0.2.9") == 15
    assert taken(limits, "192.0.2.9") == 0


def test_a_key_has_its_own_quota_by_minute_and_by_day(tmp_path: Path) -> None:
    clock = Clock()
    file = keys_file(
        tmp_path,
        cepat=f'sha256 = "{sha("a")}"\nper_menit = 400',
        hemat=f'sha256 = "{sha("b")}"\nper_menit = 4000\nper_hari = 30',
    )
    limits = Limits({"api": 4, "sql": 1, "lapor": 1}, file, clock)
    assert taken(limits, "192.0.2.1") == 1
    assert taken(limits, "192.0.2.1", "a") == 100
    assert taken(limits, "192.0.2.1", "Bearer b") == 30
    clock.now += 60
    assert taken(limits, "192.0.2.1", "b") == 0
    assert limits.asker("192.0.2.1", "a").name == "cepat"
    with pytest.raises(Problem, match="tidak dikenal"):
        limits.asker("192.0.2.1", "salah")


def test_a_changed_keys_file_is_taken_up_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    clock = Clock()
    file = keys_file(tmp_path, a=f'sha256 = "{sha("a")}"')
    limits = Limits({"api": 4, "sql": 1, "lapor": 1}, file, clock)
    file.write_text("[kunci")
    clock.now += 60
    assert limits.asker("192.0.2.1", "a").name == "a"
    keys_file(tmp_path, baru=f'sha256 = "{sha("bb")}"')
    clock.now += 60
    assert limits.asker("192.0.2.1", "bb").name == "baru"


@pytest.mark.parametrize(
    "text",
    ['[kunci.a]\nsha256 = "pendek"', '[kunci.a]\nsha25 = "x"', "[kunci", "[lain]\na = 1", "[kunci.a]\nper_menit = 0"],
)
def test_a_keys_file_with_a_mistake_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kunci.toml"
    path.write_text(text)
    with pytest.raises(KeysError, match=r"kunci\.toml"):
        read_keys(path)


def test_a_new_key_is_long_and_the_file_gets_its_hash_alone() -> None:
    key, digest = new_key()
    assert len(key) >= 43
    assert digest == sha(key)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0"), ("2001:db8:aaaa:bbbb::1", "2001:db8:aaaa::"),
        ("::ffff:203.0.113.77", "203.0.113.0"), ("", ""), ("unix", ""),
    ],
)  # fmt: skip
def test_addresses_are_cut_to_their_network(address: str, network: str) -> None:
    assert truncated(address) == network


def test_the_log_has_no_full_address_and_no_query_and_keeps_thirty_days(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    kept, old = (tmp_path / f"akses-{today - timedelta(days=n)}.ndjson" for n in (KEEP_DAYS, KEEP_DAYS + 1))
    for path in (kept, old):
        path.write_text("{}\n")
    log = AccessLog(tmp_path)
    log.add(network=truncated("203.0.113.77"), key="", method="GET", path="/cari", status=200, size=9, seconds=0.0123)
    log.flush()
    assert kept.exists()
    assert not old.exists()
    (line,) = (tmp_path / f"akses-{today}.ndjson").read_text().splitlines()
    told = json.loads(line)
    assert told.pop("waktu").startswith(str(today))
    assert told == {
        "jaringan": "203.0.113.0", "kunci": "", "metode": "GET", "jalur": "/cari", "status": 200, "bita": 9,
        "milidetik": 12.3,
    }  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    hand = Hand(tmp_path / "terbuka")
    hand.put("uji", pa.table({"nomor": [1, 2, 3]}), {"nomor": "BIGINT"})
    hand.release()
    return hand.root


def test_over_http_who_asks_too_often_is_told_when_to_come_again(root: Path, tmp_path: Path) -> None:
    key, digest = new_key()
    file = keys_file(tmp_path, dinas=f'sha256 = "{digest}"')
    log = tmp_path / "log"
    asked = "/api/3/action/datastore_search?resource_id=uji&q=cari-ini"
    with running(root, api_per_minute=8, sql_per_minute=4, keys_file=file, access_log=log) as served:
        answers = [served.get(asked) for _ in range(4)]
        assert [a.status_code for a in answers] == [200] * 2 + [429] * 2
        assert int(answers[-1].headers["Retry-After"]) >= 1
        assert answers[-1].json()["success"] is False
        assert served.get("/datastore/dump/uji").json()["galat"]["kode"] == "terlalu_sering"
        assert served.get("/robots.txt").status_code == 200
        for name in ("Authorization", "X-CKAN-API-Key"):
            assert served.get(asked, headers={name: key}).status_code == 200
            assert served.get(asked, headers={name: "salah"}).status_code == 403
        assert [served.get("/api/sql?q=SELECT+1").status_code for _ in range(2)] == [200, 429]
    lines = [json.loads(line) for path in log.iterdir() for line in path.read_text().splitlines()]
    assert len(lines) >= 10
    assert {line["jaringan"] for line in lines} == {"127.0.0.0"}
    assert {"", "dinas"} == {line["kunci"] for line in lines}
    written = "".join(path.read_text() for path in log.iterdir())
    assert "cari-ini" not in written
    assert "127.0.0.1" not in written


def test_a_forwarded_address_is_believed_of_the_named_proxy_alone(root: Path) -> None:
    asked = "/api/3/action/package_list"
    with running(root, api_per_minute=8) as served:
        statuses = [served.get(asked, headers={"X-Forwarded-For": f"198.51.100.{n}"}).status_code for n in range(4)]
        assert statuses == [200, 200, 429, 429]
    with running(root, proxies=["127.0.0.1"], api_per_minute=8) as served:
        statuses = [served.get(asked, headers={"X-Forwarded-For": f"198.51.100.{n}"}).status_code for n in range(4)]
        assert statuses == [200] * 4


def test_a_slow_client_holds_up_nobody(root: Path) -> None:
    with running(root) as served:
        slow = requests.get(served.url + "/datastore/dump/uji", stream=True, timeout=30)
        begun = time.monotonic()
        assert served.get("/api/3/action/package_list").status_code == 200
        assert time.monotonic() - begun < 20
        slow.close()
