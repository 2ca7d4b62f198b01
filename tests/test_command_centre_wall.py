"""The wall: it rotates, stands still when asked, takes up a new snapshot by itself and outlives the server."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from ssp_pipeline.command_centre.service import Centre, Options
from tests.support.command_centre import Visitor, serving, with_people
from tests.support.command_centre_browser import log_in, looking
from tests.support.waiting import until
from tests.support.workspace import Small
from warehouse import snapshot
from warehouse.modelling import find_models

pytest_plugins = ["tests.support.browser_fixtures"]


class Wall:
    """A command centre over snapshots that can be made anew, on a port that stays when it is started again."""

    def __init__(self, warehouse: Small, options: Options) -> None:
        self._warehouse = warehouse
        self._options = options
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}"

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        with serving(Centre(self._options), self._port):
            yield

    def publish(self, *, leave_out: int = 0) -> str:
        """Make a version of the lake as it is; leaving a dataset out makes it another one. Gives its name."""
        with self._warehouse.open() as workspace:
            contracts = workspace.registry.contracts[: len(workspace.registry.contracts) - leave_out]
            models = find_models(workspace.registry.roots, workspace.shared_models)
            return snapshot.publish(workspace.lake, self._options.snapshots, contracts, models).version


@pytest.fixture(scope="module")
def wall(small_warehouse: Small, tmp_path_factory: pytest.TempPathFactory) -> Wall:
    home = tmp_path_factory.mktemp("pusat")
    made = Wall(small_warehouse, with_people(home, "gubernur", snapshots=home / "snapshots", watch_seconds=0.1))
    made.publish()
    return made


@pytest.fixture(scope="module")
def login(browser: Browser, wall: Wall) -> Any:
    with wall.running():
        return log_in(browser, wall.address, "gubernur")


def shown(page: Page) -> str:
    return str(page.locator(".layar:not(.layar-menunggu)").get_attribute("data-halaman"))


def test_it_rotates_stands_still_when_asked_and_leads_back(browser: Browser, wall: Wall, login: Any) -> None:
    with wall.running(), looking(browser, login, 1920, 1080) as page:
        page.goto(f"{wall.address}/dinding?detik=1")
        expect(page.locator('.layar[data-halaman="harga"]:not(.layar-menunggu)')).to_be_visible()
        expect(page.locator(".layar [data-jadi=ya]")).to_be_visible()
        page.get_by_role("button", name="Jeda").click()
        expect(page.get_by_role("button", name="Jalankan")).to_have_attribute("aria-pressed", "true")
        page.get_by_role("link", name="CCTV").click()
        expect(page.locator('.layar[data-halaman="cctv"]:not(.layar-menunggu)')).to_be_visible()
        page.wait_for_timeout(1000)
        page.keyboard.press("Escape")
        assert shown(page) == "cctv"
        page.reload()
        assert shown(page) == "cctv", "it keeps its place, and that it stands still"
        expect(page.get_by_role("button", name="Jalankan")).to_be_visible()
        page.get_by_role("link", name="Tutup").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("CCTV")


def test_whoever_wants_less_motion_starts_it_by_hand(browser: Browser, wall: Wall, login: Any) -> None:
    with wall.running(), looking(browser, login, 1920, 1080, reduced_motion="reduce") as page:
        page.goto(f"{wall.address}/dinding?detik=1")
        expect(page.get_by_role("button", name="Jalankan")).to_be_visible()
        page.wait_for_timeout(1000)
        assert shown(page) == "ikhtisar"
        page.get_by_role("button", name="Jalankan").click()
        expect(page.locator('.layar[data-halaman="harga"]:not(.layar-menunggu)')).to_be_visible()


def test_a_new_snapshot_and_a_restart_of_the_server_leave_no_blank_screen(
    browser: Browser, wall: Wall, login: Any
) -> None:
    # While the server is away the browser says so of each request that fails.
    with looking(browser, login, 1920, 1080, unreachable=True) as page:
        with wall.running():
            page.goto(f"{wall.address}/dinding?halaman=harga&detik=600")
            first = str(page.locator(".layar").get_attribute("data-versi"))
            expect(page.locator("#sambungan")).to_have_text("tersambung")
            second = wall.publish(leave_out=1)
            assert second != first
            expect(page.locator(f'.layar[data-versi="{second}"]:not(.layar-menunggu)')).to_be_visible()
            assert shown(page) == "harga"
            expect(page.locator(".layar [data-jadi=ya]")).to_be_visible()
        expect(page.locator("#sambungan")).to_have_text("menyambung kembali…")
        expect(page.locator(".layar svg")).to_be_visible()
        page.get_by_role("link", name="CCTV").click()
        page.wait_for_timeout(300)
        assert shown(page) == "harga", "what is shown stays until the next is there"
        third = wall.publish(leave_out=2)
        with wall.running():
            expect(page.locator(f'.layar[data-versi="{third}"]:not(.layar-menunggu)')).to_be_visible(timeout=20_000)
            expect(page.locator("#sambungan")).to_have_text("tersambung")
            assert shown(page) == "harga"
            expect(page.locator(".layar [data-jadi=ya]")).to_be_visible()


def test_events_tell_the_version_in_use_and_each_that_follows(wall: Wall) -> None:
    with wall.running(), Visitor(wall.address) as visitor:
        visitor.log_in("gubernur")
        with visitor.stream("GET", "/peristiwa") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            first = _next_version(lines)
            made = wall.publish(leave_out=3)
            assert first != made
            assert _next_version(lines) == made
        assert visitor.get("/air").text.count(f"Cuplikan {made}") == 1
    with httpx.Client(base_url=wall.address, trust_env=False) as stranger, wall.running():
        assert stranger.get("/peristiwa").status_code in (303, 401)


def _next_version(lines: Iterator[str]) -> str:
    return next(line.removeprefix("id: ") for line in lines if line.startswith("id: "))


def test_a_version_whose_files_are_gone_is_left_for_the_next(wall: Wall) -> None:
    folder = wall._options.snapshots
    with wall.running(), Visitor(wall.address) as visitor:
        visitor.log_in("gubernur")
        assert visitor.get("/air").status_code == 200
        hidden = Path(f"{folder}-lain")
        folder.rename(hidden)
        assert visitor.get("/air").status_code == 200, "what was read of a version stays true"
        assert visitor.get("/cctv").status_code == 503
        hidden.rename(folder)
        assert visitor.get("/cctv").status_code == 200
        made = wall.publish(leave_out=4)
        until(lambda: f"Cuplikan {made}" in visitor.get("/pokir").text)
