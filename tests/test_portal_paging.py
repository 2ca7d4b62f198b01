"""Pages fit together whatever is published meanwhile: nothing is skipped, nothing doubled, nothing mixed."""

import asyncio
import gc
import hashlib
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import requests

from ssp_pipeline.portal.errors import Problem
from ssp_pipeline.portal.paging import IDLE, JOIN, LONGEST, Walks
from ssp_pipeline.portal.releases import Shelf
from tests.support.open_release import GOODS, REGIONS, TODAY, Office, add_prices, office_in
from tests.support.portal import Hand, Served, running
from tests.support.waiting import until

PUBLISHED = 20
CLIENTS = 32


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Portal:
    """Walks by pages of 100 over one dataset whose versions are published by `publish`."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.walks = Walks(self.clock)
        self.newest = 1
        self.rows = {1: 1000}
        self.replaced: dict[int, float] = {}

    def publish(self, rows: int = 1000) -> None:
        self.replaced[self.newest] = self.clock.now
        self.newest += 1
        self.rows[self.newest] = rows

    def page(self, offset: int, who: str = "a") -> int:
        version = self.walks.choose(who, offset, self.newest, self.replaced.get)
        self.walks.note(who, version, self.newest, offset, 100, self.rows[version])
        return version


def test_a_walk_stays_with_its_version_and_the_next_walk_takes_the_newest() -> None:
    portal = Portal()
    for offset in range(0, 1000, 100):
        assert portal.page(offset) == 1
        portal.publish()
        portal.clock.now += 300
    assert portal.page(0) == portal.newest


def test_a_second_walk_beside_the_first_takes_the_same_version_so_that_neither_is_mixed() -> None:
    portal = Portal()
    portal.page(0)
    portal.publish()
    assert portal.page(100) == 1
    portal.clock.now += JOIN + 1
    assert [portal.page(0), portal.page(100), portal.page(200), portal.page(100)] == [1, 1, 1, 1]
    assert [portal.page(n) for n in range(200, 1000, 100)] == [1] * 8
    assert portal.page(0) == 1, "the other walk is still under way"


def test_the_empty_page_after_the_last_comes_from_the_walk_it_ends() -> None:
    portal = Portal()
    for offset in range(0, 1000, 100):
        portal.page(offset)
    portal.publish(rows=5000)
    assert portal.page(1000) == 1
    assert [portal.page(0), portal.page(1000), portal.page(100), portal.page(200)] == [2, 1, 2, 2]
    for offset in range(300, 1000, 100):
        assert portal.page(offset) == 2
    assert portal.page(1000) == 2, "here the second walk has come as far"
    for offset in range(1100, 5100, 100):
        assert portal.page(offset) == 2


def test_looking_at_an_earlier_version_by_its_number_keeps_nobody_from_the_newest() -> None:
    portal = Portal()
    portal.publish()
    portal.walks.note("a", 1, portal.newest, 0, 100, 1000, named=True)
    assert [portal.page(0), portal.page(100)] == [2, 2]
    portal.publish()
    for offset in range(200, 1000, 100):
        portal.walks.note("a", 2, portal.newest, offset, 100, 1000, named=True)
    assert portal.page(0) == 3, "the walk came to its end by links that name the version"


def test_another_asker_or_question_has_a_walk_of_its_own() -> None:
    portal = Portal()
    portal.page(0)
    portal.publish()
    assert [portal.page(0, "b"), portal.page(100, "b"), portal.page(100)] == [2, 2, 1]


def test_who_only_asks_for_first_pages_sees_the_newest_soon() -> None:
    portal = Portal()
    portal.page(0)
    portal.publish()
    portal.clock.now += JOIN + 1
    assert portal.page(0) == 2


def test_a_question_whose_rows_fit_one_page_always_sees_the_newest() -> None:
    portal = Portal()
    portal.rows[1] = 100
    portal.page(0)
    portal.publish()
    assert portal.page(0) == 2


def test_no_walk_holds_a_replaced_version_for_ever() -> None:
    portal = Portal()
    portal.page(0)
    portal.publish()
    begun = portal.clock.now
    while portal.page(100) == 1:
        portal.clock.now += IDLE / 2
        assert portal.clock.now - begun < LONGEST + IDLE
    assert portal.clock.now - begun > LONGEST


def test_who_pages_from_the_middle_begins_with_the_newest_and_stays() -> None:
    portal = Portal()
    portal.publish()
    assert portal.page(500) == 2
    portal.publish()
    assert portal.page(600) == 2


SQL = {"nomor": "BIGINT", "versi": "BIGINT"}


def numbered(version: int, rows: int) -> pa.Table:
    return pa.table({"nomor": list(range(rows)), "versi": [version] * rows})


@pytest.fixture
def hand(tmp_path: Path) -> Hand:
    folder = Hand(tmp_path / "terbuka")
    folder.put("uji", numbered(1, 1000), SQL)
    folder.release()
    return folder


def take_up(served: Served, hand: Hand, version: int, rows: int = 1000) -> None:
    hand.put("uji", numbered(version, rows), SQL)
    number = hand.release()
    until(lambda: bool(served.get("/status").json()["rilis"] == number))


def test_links_lead_through_one_version_and_say_so(hand: Hand) -> None:
    with running(hand.root) as served:
        result = served.action("datastore_search", resource_id="uji", limit=300, filters={"nomor": list(range(900))})
        rows = []
        for version in (2, 3, 4, 5):
            rows += result["records"]
            assert result["versi"] == 1
            take_up(served, hand, version, rows=10)
            result = served.get(result["_links"]["next"]).json()["result"]
        assert [r["nomor"] for r in rows] == list(range(900))
        assert {r["versi"] for r in rows} == {1}


def test_counting_offsets_up_leads_through_one_version_too(hand: Hand) -> None:
    with running(hand.root) as served:
        rows: list[dict[str, Any]] = []
        for page in range(5):
            rows += served.action("datastore_search", resource_id="uji", limit=200, offset=page * 200)["records"]
            take_up(served, hand, page + 2, rows=10)
        assert [r["nomor"] for r in rows] == list(range(1000))
        assert {r["versi"] for r in rows} == {1}
        assert served.action("datastore_search", resource_id="uji", sort="nomor", limit=1)["versi"] == 6


def test_an_earlier_version_can_be_asked_for_and_one_that_never_was_is_a_404(hand: Hand) -> None:
    with running(hand.root) as served:
        take_up(served, hand, 2)
        assert served.action("datastore_search", resource_id="uji", versi=1, limit=1)["records"][0]["versi"] == 1
        assert served.action("datastore_info", resource_id="uji", versi=1)["meta"]["versi"] == 1
        assert "1,1,1" not in served.get("/datastore/dump/uji?limit=1").text
        assert served.get("/datastore/dump/uji?limit=1&versi=1").text.splitlines()[1] == "1,0,1"
        assert served.get("/api/3/action/datastore_search?resource_id=uji&versi=9").status_code == 404
        sql = 'SELECT (SELECT any_value(versi) FROM "uji@1") AS lama, (SELECT any_value(versi) FROM uji) AS baru'
        result = served.get("/api/sql", params={"q": sql}).json()
        assert result["baris"] == [{"lama": 1, "baru": 2}]


def test_memory_of_tables_is_bounded_and_an_old_edition_is_let_go(hand: Hand) -> None:
    for name in ("satu", "dua", "tiga", "empat"):
        hand.put(name, numbered(1, 20_000), SQL)
    hand.release()

    async def use() -> None:
        shelf = Shelf(hand.root, memory=600_000)
        shelf.refresh()
        old = weakref.ref(shelf.current.versions["uji"])
        for name in ("satu", "dua", "tiga", "empat", "satu"):
            table = await shelf.table(shelf.current.versions[name])
            assert table.rows == 20_000
        assert 1 <= len(shelf.in_memory()) < 4
        assert sum(shelf.in_memory().values()) <= 600_000
        hand.put("uji", numbered(2, 10), SQL)
        hand.release()
        assert shelf.refresh()
        gc.collect()
        assert old() is None
        assert shelf.current.versions["uji"].versi == 2

    asyncio.run(use())


def test_a_release_that_cannot_be_read_leaves_the_current_one(hand: Hand) -> None:
    shelf = Shelf(hand.root, memory=10**9)
    shelf.refresh()
    hand.put("uji", numbered(2, 10), SQL)
    number = hand.release()
    broken = hand.root / "rilis" / str(number) / "rilis.json"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:50])
    with pytest.raises(ValueError):
        shelf.refresh()
    assert shelf.current.number == number - 1
    broken.write_bytes(whole)
    assert shelf.refresh()
    with pytest.raises(Problem, match="tidak ada"):
        shelf.current.dataset("tidak ada")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_in(tmp_path, rows=300) as found:
        yield found


class Reader:
    """A client that pages, downloads and asks, and notes whatever is not as it should be."""

    def __init__(self, served: Served, number: int, stop: threading.Event):
        self.served, self.number, self.stop = served, number, stop
        self.session = requests.Session()
        self.session.trust_env = False
        self.done = 0

    def run(self) -> int:
        ways: list[Callable[[], None]] = [self.links, self.offsets, self.download, self.catalogue]
        while not self.stop.is_set():
            ways[(self.number + self.done) % 4]()
            self.done += 1
            self.stop.wait(0.3)
        return self.done

    def get(self, path: str, **params: Any) -> requests.Response:
        answer = self.session.get(self.served.url + path, params=params, timeout=30)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:300])
        return answer

    def whole(self, pages: list[dict[str, Any]]) -> None:
        rows = [r for page in pages for r in page["records"]]
        assert len({page["versi"] for page in pages}) == 1, "pages of two versions"
        assert [r["_id"] for r in rows] == list(range(1, pages[0]["total"] + 1)), "rows skipped or doubled"
        assert len({(r["tanggal"], r["kode_kabupaten_kota"], r["komoditas"]) for r in rows}) == len(rows)

    def links(self) -> None:
        path, pages = f"/api/3/action/datastore_search?resource_id=harga_uji&limit=97&x={self.number}", []
        while not pages or pages[-1]["records"]:
            pages.append(self.get(path).json()["result"])
            path = pages[-1]["_links"]["next"]
        self.whole(pages)

    def offsets(self) -> None:
        # All clients have one address; each asks a question of its own, so that each sees every version.
        pages: list[dict[str, Any]] = []
        asked = {"resource_id": "harga_uji", "limit": 83, "x": f"{self.number}"}
        while not pages or pages[-1]["records"]:
            pages.append(self.get("/api/3/action/datastore_search", **asked, offset=83 * len(pages)).json()["result"])
        self.whole(pages)

    def download(self) -> None:
        package = self.get("/api/3/action/package_show", id="harga_uji").json()["result"]
        for resource in package["resources"]:
            body = self.get(resource["url"].removeprefix(self.served.url)).content
            assert (len(body), hashlib.sha256(body).hexdigest()) == (resource["size"], resource["hash"]), "a torn file"

    def catalogue(self) -> None:
        table = self.get("/api/sql", q="SELECT count(*) AS n, count(DISTINCT tanggal) AS h FROM harga_uji").json()
        assert table["baris"][0]["n"] == table["baris"][0]["h"] * len(REGIONS) * len(GOODS)
        lines = self.get("/datastore/dump/harga_uji").text.splitlines()
        assert (len(lines) - 1) % (len(REGIONS) * len(GOODS)) == 0


def test_32_clients_read_and_page_while_20_versions_are_published(office: Office) -> None:
    office.publish()
    office.release()
    stop = threading.Event()
    with (
        running(office.root, sql_workers=2, sql_seconds=30, sql_wait_seconds=60) as served,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        readers = [pool.submit(Reader(served, n, stop).run) for n in range(CLIENTS)]
        try:
            for number in range(1, PUBLISHED + 1):
                today = TODAY + timedelta(days=number)
                add_prices(office.con, len(REGIONS) * len(GOODS), newest=today)
                done = office.publish(today=today)
                assert done.versi == number + 1
                office.release(today=today)
        finally:
            stop.set()
        counts = [reader.result(60) for reader in readers]
        assert min(counts) >= 1
        until(lambda: bool(served.get("/status").json()["rilis"] == PUBLISHED + 1))
        newest = served.action("datastore_search", resource_id="harga_uji", limit=0)
        assert newest["versi"] == PUBLISHED + 1
