"""The command centre in a real browser: charts, filters, the way to the rows, phone and wall widths, axe-core."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ssp_pipeline.command_centre.service import Centre
from tests.support.browser import WIDTHS, opened, overflow, violations, webp
from tests.support.command_centre import serving, with_people
from tests.support.command_centre_browser import all_charts_drawn, log_in, looking
from tests.support.workspace import Small

pytest_plugins = ["tests.support.browser_fixtures"]

CHARTS = {"/": 0, "/harga": 7, "/pendapatan": 3, "/air": 2, "/pokir": 3, "/cctv": 3, "/kualitas": 2}
"""Charts on each page."""
OTHERS = (
    "/baris/pihps.harga_pangan_pasar?partisi=2026-11-19",
    "/baris/dashboard.harga_perubahan?sumber=pihps&tingkat=pasar",
    "/baris/pihps.harga_pangan_pasar?pasar=tidak%20ada",
    "/muatan/pihps.harga_pangan_pasar?partisi=2026-11-19",
    "/dinding",
    "/dinding?halaman=cctv",
    "/dinding?halaman=kualitas",
    "/harga?bahasa=en",
)
SHOWN = {
    "ikhtisar": ("/", 1920, 1080, None),
    "ikhtisar-ponsel": ("/", 375, 760, None),
    "harga": ("/harga", 1024, 1100, "#harga_perubahan"),
    "harga-peta": ("/harga", 375, 760, "#harga_peta"),
    "harga-2024": (
        "/harga?harga_tren.kode_sumber=cat_7&harga_tren.dari=2024-01-01&harga_tren.sampai=2024-12-31",
        1024, 700, "#harga_tren",
    ),
    "pendapatan": ("/pendapatan", 1024, 1100, None),
    "air": ("/air", 1024, 900, "#air_cabang"),
    "pokir": ("/pokir", 1024, 900, None),
    "cctv": ("/cctv", 1920, 1080, None),
    "kualitas": ("/kualitas", 1024, 900, None),
    "baris": ("/baris/pihps.harga_pangan_pasar?partisi=2026-11-19", 1024, 700, None),
    "dinding": ("/dinding?halaman=harga", 1920, 1080, None),
}  # fmt: skip
"""Pages of the manual: address, width, height, and the place to begin at."""
SNAPSHOTS = "GAMBAR_RUANG_DARI"
REPLAY = "GAMBAR_RUANG_2024_DARI"
"""Name the folders of snapshots (a month of all agencies; the replayed prices of 2024) whose pages become the pictures
in docs/gambar; without them pictures of the small warehouse are made and thrown away."""


@pytest.fixture(scope="module")
def address(small_warehouse: Small, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("pusat")
    (home / "archive").symlink_to(small_warehouse.home / "archive")
    with serving(Centre(with_people(home, "budi", "gubernur", snapshots=small_warehouse.snapshots))) as found:
        yield found


@pytest.fixture(scope="module")
def login(browser: Browser, address: str) -> Any:
    return log_in(browser, address, "budi")


@pytest.fixture(scope="module")
def page(browser: Browser, login: Any) -> Iterator[Page]:
    """One page that looks at many addresses; tests that do more open their own."""
    with looking(browser, login) as found:
        yield found


@pytest.mark.parametrize("path", CHARTS)
def test_charts_are_drawn_no_width_overflows_and_axe_finds_nothing_wrong(page: Page, address: str, path: str) -> None:
    page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    page.goto(address + path)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(250)
        assert all_charts_drawn(page) == CHARTS[path]
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert overflow(page) == 0, f"{width} px"
        drawn = page.locator(".bagan-isi svg")
        for number in range(drawn.count()):
            assert drawn.nth(number).evaluate(
                "one => one.getBoundingClientRect().width <= one.closest('.bagan').clientWidth + 1"
            ), f"chart {number} at {width} px"
    assert violations(page) == []


@pytest.mark.parametrize("path", OTHERS)
def test_the_other_kinds_of_pages_fit_and_are_without_fault(page: Page, address: str, path: str) -> None:
    page.goto(address + path)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1080})
        assert overflow(page) == 0, f"{width} px"
    assert violations(page) == []


def test_a_filter_changes_chart_and_table_and_keeps_those_of_other_views(
    browser: Browser, address: str, login: Any
) -> None:
    with looking(browser, login) as page:
        page.goto(f"{address}/harga?harga_peta.barang=Bawang+Merah")
        block = page.locator("#harga_perubahan")
        expect(block.locator("tbody tr").first).to_contain_text("Kabupaten")
        block.get_by_label("Sumber", exact=True).select_option("pihps")
        page.wait_for_url("**harga_perubahan.sumber=pihps**")
        block.get_by_label("Tingkat", exact=True).select_option("pasar")
        page.wait_for_url("**harga_perubahan.tingkat=pasar**")
        expect(block.locator("tbody tr").first).to_contain_text("Pas")
        expect(page.locator("#harga_peta select").nth(1)).to_have_value("Bawang Merah")
        all_charts_drawn(page)
        assert str(block.locator("svg").text_content()).count("Pasar") > 3


def test_from_a_figure_to_its_rows_to_the_payload(browser: Browser, address: str, login: Any) -> None:
    with looking(browser, login) as page:
        page.goto(f"{address}/")
        page.locator(".angka-pokok", has_text="Kamera yang mati").locator(".nilai a").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Hasil pemeriksaan siaran CCTV tiap lima menit")
        expect(page.locator("tbody tr")).to_have_count(50)
        page.get_by_role("link", name="Berikutnya").click()
        expect(page.get_by_text("Halaman 2 dari")).to_be_visible()
        page.goto(f"{address}/harga")
        page.locator("#harga_pasar summary").click()
        page.locator("#harga_pasar tbody tr").first.get_by_role("link").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Harga pangan harian per pasar")
        page.get_by_role("link", name="Muatan yang diarsipkan").click()
        expect(page.locator("tbody tr").first.locator("code")).to_have_text(
            page.locator("tbody tr").first.locator("a").get_attribute("href").rpartition("/")[2][:12]  # type: ignore[union-attr]
        )


def test_the_page_is_switched_to_english_and_back(browser: Browser, address: str, login: Any) -> None:
    with looking(browser, login) as page:
        page.goto(f"{address}/cctv")
        page.get_by_role("link", name="English").click()
        expect(page.get_by_role("heading", name="Cameras now")).to_be_visible()
        page.get_by_role("link", name="Water").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Water")
        page.get_by_role("link", name="Bahasa Indonesia").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Air")


def test_without_scripts_all_figures_are_there_as_tables(browser: Browser, address: str, login: Any) -> None:
    with looking(browser, login, java_script_enabled=False) as page:
        page.goto(f"{address}/harga")
        expect(page.locator(".bagan").first).to_be_hidden()
        expect(page.locator("#harga_perubahan tbody tr").first).to_be_visible()
        page.locator("#harga_acuan summary").click()
        expect(page.locator("#harga_acuan tbody tr").first).to_be_visible()
        page.locator("#harga_perubahan").get_by_label("Sumber", exact=True).select_option("panel_harga")
        page.locator("#harga_perubahan").get_by_role("button", name="Terapkan").click()
        expect(page.locator("#harga_perubahan").get_by_label("Sumber", exact=True)).to_have_value("panel_harga")


@pytest.mark.parametrize("path", CHARTS)
def test_the_first_view_is_soon_there_and_nothing_moves(browser: Browser, address: str, login: Any, path: str) -> None:
    with looking(browser, login, 375, 760) as page:
        page.add_init_script(
            "window.moved = 0;"
            "new PerformanceObserver((seen) => { for (const e of seen.getEntries()) window.moved += e.value; })"
            ".observe({ type: 'layout-shift', buffered: true });"
        )
        hosts: set[str] = set()
        page.on("requestfinished", lambda request: hosts.add(request.url.split("/")[2]))
        page.goto(address + path, wait_until="networkidle")
        assert hosts == {address.split("/")[2]}
        assert page.evaluate("window.moved") < 0.1
        shown = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        assert shown < 1000 * float(os.environ.get("SSP_TEST_SLOWER", "3"))


def test_pages_of_the_manual_can_be_pictured(browser: Browser, address: str, login: Any, tmp_path: Path) -> None:
    real = SNAPSHOTS in os.environ
    folder = Path("docs/gambar") if real else tmp_path
    with contextlib.ExitStack() as stack:
        if real:
            address, login = _started(stack, browser, tmp_path / "sebulan", Path(os.environ[SNAPSHOTS]))
            replayed = _started(stack, browser, tmp_path / "ulangan", Path(os.environ[REPLAY]))
        else:
            replayed = address, login
        blank = stack.enter_context(opened(browser))
        for name, (path, width, height, place) in SHOWN.items():
            where, who = replayed if name.endswith("2024") else (address, login)
            with looking(browser, who, width, height, reduced_motion="reduce") as page:
                page.goto(where + path)
                all_charts_drawn(page)
                page.evaluate("place => place ? document.querySelector(place).scrollIntoView() : scrollTo(0, 0)", place)
                png = page.screenshot(animations="disabled")
            picture = webp(blank, png)
            assert picture[8:12] == b"WEBP"
            assert 5_000 < len(picture) < 250_000
            (folder / f"ruang-{name}.webp").write_bytes(picture)


def _started(stack: contextlib.ExitStack, browser: Browser, home: Path, snapshots: Path) -> tuple[str, Any]:
    made = Centre(with_people(home, "budi", snapshots=snapshots))
    address = stack.enter_context(serving(made))
    return address, log_in(browser, address, "budi")
