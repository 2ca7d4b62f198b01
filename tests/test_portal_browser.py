"""The portal in a real browser: everyone can read every kind of page, at every width, with and without scripts."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, Page, expect

from ssp_pipeline.portal.site import SiteOptions
from ssp_pipeline.portal.site.dataset import withdrawn_page
from ssp_pipeline.portal.site.engine import Setting
from tests.support.browser import WIDTHS, opened, overflow, violations, webp
from tests.support.portal import Served, running
from warehouse.opendata.manifest import Withdrawn, current, read_release, read_version

pytest_plugins = ["tests.support.browser_fixtures", "tests.support.portal_fixtures"]

PAGES = {
    "beranda": "/",
    "daftar": "/dataset/",
    "dataset-garis": "/dataset/harga_uji/",
    "dataset-peta": "/dataset/kamera_uji/",
    "dataset-batang": "/dataset/penerimaan_uji/",
    "versi": "/dataset/harga_uji/v1/",
    "topik": "/topik/",
    "satu-topik": "/topik/pangan/",
    "format": "/format/csv/",
    "semua-instansi": "/instansi/",
    "instansi": "/instansi/pangan_uji/",
    "sql": "/sql/#SELECT%20tanggal%2C%20harga%20FROM%20harga_uji%20LIMIT%203",
    "api": "/api/",
    "cari": "/cari?q=harga",
    "cari-kosong": "/cari?q=tidakadasamasekali",
    "lapor": "/lapor/?dataset=harga_uji",
    "privasi": "/privasi/",
    "tentang": "/tentang/",
    "galat": "/galat/404.html",
    "inggris": "/en/dataset/harga_uji/",
}
"""One of every kind."""
DARK = ("beranda", "daftar", "dataset-garis", "sql", "lapor")
SHOWN = {
    "beranda": ("/", 1024, 800, None),
    "beranda-ponsel": ("/", 375, 760, None),
    "daftar": ("/dataset/", 1024, 800, None),
    "dataset": ("/dataset/{garis}/", 1024, 800, None),
    "dataset-ponsel": ("/dataset/{peta}/", 375, 760, "#grafik"),
    "grafik": ("/dataset/{garis}/", 1024, 720, "#grafik"),
    "peta": ("/dataset/{peta}/", 1920, 1080, "#grafik"),
    "pratinjau": ("/dataset/{garis}/", 1024, 800, "#pratinjau"),
    "sql": ("/sql/#SELECT%20*%20FROM%20{garis}%20LIMIT%205", 1024, 800, None),
}
"""Pages of the manual: address, with a dataset by the kind of its chart, width, height, and the place to begin at."""
PUBLIC_FOLDER = "GAMBAR_DARI"
"""Names the public folder whose pages become the pictures in docs/gambar; without it pictures of a small release are
made and thrown away."""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """One page that reads many addresses; tests that do more open their own."""
    with opened(browser) as found:
        yield found


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_wrong_and_no_width_overflows(page: Page, served: Served, name: str) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(served.url + PAGES[name])
    if name == "sql":
        expect(page.locator("#hasil table")).to_be_visible()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == 0, f"{width} px"
    assert violations(page) == []


@pytest.mark.parametrize("name", DARK)
def test_axe_finds_nothing_wrong_in_the_dark_on_a_phone(page: Page, served: Served, name: str) -> None:
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 375, "height": 900})
    page.goto(served.url + PAGES[name])
    assert violations(page) == []


def test_without_scripts_people_read_and_download(browser: Browser, served: Served) -> None:
    with opened(browser, java_script_enabled=False) as page:
        page.goto(served.url + "/")
        page.locator(".topik").get_by_role("link", name="Pangan").click()
        page.get_by_role("link", name="Harga pangan harian per kabupaten/kota").click()
        expect(page.locator("#tabel tbody tr")).to_have_count(10)
        expect(page.locator("#saring-tabel")).to_be_hidden()
        expect(page.locator(".grafik img")).to_be_visible()
        page.get_by_text("Tunjukkan hitungannya: grafik").click()
        expect(page.locator("#hitungan-grafik code")).to_contain_text("FROM harga_uji")
        assert _downloaded(page, "CSV", served.root) == _sha256(served.root, "csv")


def test_searching_filtering_and_downloading_gives_the_bytes_that_were_promised(
    browser: Browser, served: Served
) -> None:
    with opened(browser) as page:
        page.goto(served.url + "/")
        page.get_by_role("searchbox").fill("harga")
        page.get_by_role("button", name="Cari").click()
        page.get_by_role("link", name="Harga pangan harian per kabupaten/kota").click()
        page.get_by_label("Kolom").select_option("komoditas")
        page.get_by_label("Isi", exact=True).fill("Bawang Merah")
        page.get_by_role("button", name="Saring").click()
        expect(page.locator("#keadaan-tabel")).to_contain_text("Baris 1 sampai 10 dari 106")
        names = page.locator("#tabel tbody tr td:nth-child(4)").all_inner_texts()
        assert set(names) == {"Bawang Merah"}
        page.get_by_role("button", name="Berikutnya").click()
        expect(page.locator("#keadaan-tabel")).to_contain_text("Baris 11 sampai 20 dari 106")
        for label, form in (("CSV", "csv"), ("Excel (XLSX)", "xlsx"), ("Parquet", "parquet")):
            assert _downloaded(page, label, served.root) == _sha256(served.root, form)


def test_rows_that_a_script_fetches_look_like_those_that_came_with_the_page(browser: Browser, served: Served) -> None:
    for dataset in ("harga_uji", "kamera_uji", "penerimaan_uji"):
        with opened(browser) as page:
            page.goto(f"{served.url}/dataset/{dataset}/")
            rows = page.locator("#tabel tbody tr")
            first, links = rows.all_inner_texts(), _targets(page)
            page.get_by_role("button", name="Berikutnya").click()
            expect(page.locator("#keadaan-tabel")).to_contain_text("Baris 11 sampai")
            page.get_by_role("button", name="Sebelumnya").click()
            expect(page.locator("#keadaan-tabel")).to_contain_text("Baris 1 sampai")
            assert rows.all_inner_texts() == first
            assert _targets(page) == links


def test_every_number_leads_to_the_query_that_gives_it(browser: Browser, served: Served) -> None:
    with opened(browser) as page:
        page.goto(served.url + "/dataset/harga_uji/")
        link = page.locator("#tabel tbody td a").nth(4)
        shown = link.inner_text().replace(".", "").replace(",", ".")
        link.click()
        cell = page.locator("#hasil tbody td")
        expect(cell).to_have_count(1)
        assert float(cell.inner_text()) == float(shown)


def test_the_chart_can_be_explored_and_its_points_lead_to_their_query(browser: Browser, served: Served) -> None:
    with opened(browser, viewport={"width": 1024, "height": 900}) as page:
        page.goto(served.url + "/dataset/penerimaan_uji/")
        page.get_by_role("button", name="Jelajahi grafik").click()
        canvas = page.locator(".grafik-gambar canvas")
        expect(canvas).to_be_visible()
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        assert box is not None
        told = page.locator(".angka-terpilih")
        for down in range(int(box["height"])):
            page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + down)
            if told.inner_text():
                break
        expect(told).to_contain_text("tunjukkan hitungannya")
        shown = told.inner_text().split(":")[0].replace(".", "")
        told.get_by_role("link").click()
        expect(page.locator("#hasil tbody td")).to_have_text(shown)


def test_the_list_is_narrowed_in_place_and_by_plain_links(browser: Browser, served: Served) -> None:
    with opened(browser) as page:
        page.goto(served.url + "/dataset/")
        page.get_by_role("button", name="Pangan", exact=True).click()
        expect(page.locator("#daftar > :visible")).to_have_count(1)
        assert page.url.endswith("?topik=pangan")
        page.get_by_role("button", name="Pangan", exact=True).click()
        page.get_by_label("Saring daftar ini").fill("kamera")
        expect(page.locator("#jumlah-tampil")).to_have_text("1 dataset")
    with opened(browser, java_script_enabled=False) as page:
        page.goto(served.url + "/dataset/")
        page.get_by_role("link", name="Pangan", exact=True).click()
        expect(page.locator("#daftar > *")).to_have_count(1)


def test_a_report_is_taken_and_a_faulty_one_comes_back_with_what_was_written(browser: Browser, served: Served) -> None:
    with opened(browser) as page:
        page.goto(served.url + "/lapor/?dataset=harga_uji")
        expect(page.get_by_label("Dataset")).to_have_value("harga_uji")
        page.get_by_label("Apa masalahnya?").fill("Harga cabai di Medan tanggal 20 November tampak janggal.")
        page.get_by_role("button", name="Kirim laporan").click()
        expect(page.get_by_role("status")).to_contain_text("Laporan diterima dengan nomor")
        assert violations(page) == []
    with opened(browser, refused=400) as page:
        page.goto(served.url + "/lapor/")
        page.get_by_label("Surel").fill("bukan-surel")
        page.get_by_label("Apa masalahnya?").fill("Harga cabai tampak janggal sekali.")
        page.locator(".formulir").evaluate("form => { form.noValidate = true; }")
        page.get_by_role("button", name="Kirim laporan").click()
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.get_by_label("Apa masalahnya?")).to_have_value("Harga cabai tampak janggal sekali.")
        assert violations(page) == []


def test_the_page_of_a_withdrawn_version_and_a_missing_one_are_without_fault(browser: Browser, served: Served) -> None:
    told = Withdrawn(
        dataset="harga_uji", versi=9, judul="Harga", terbit=read_version(served.root, "harga_uji", 1).terbit,
        ditarik=read_version(served.root, "harga_uji", 2).terbit, alasan="Satuan keliru.",
    )  # fmt: skip
    text = withdrawn_page(Setting(SiteOptions(served.url), "id", "Sumatera Utara"), told)
    with opened(browser) as page:
        page.route("**/v9/", lambda route: route.fulfill(body=text, content_type="text/html"))
        page.goto(served.url + "/dataset/harga_uji/v9/")
        expect(page.get_by_role("heading", level=1)).to_have_text("Versi 9 telah ditarik")
        assert violations(page) == []
    with opened(browser, refused=404) as page:
        page.goto(served.url + "/dataset/tidak_ada/")
        expect(page.get_by_role("heading", level=1)).to_have_text("Halaman tidak ditemukan")
        assert violations(page) == []


def test_the_first_key_leads_past_the_menu_and_focus_is_seen(browser: Browser, served: Served) -> None:
    with opened(browser) as page:
        page.goto(served.url + "/")
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Lompat ke isi")
        expect(skip).to_be_focused()
        assert skip.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.get_by_role("searchbox")).to_be_focused()


@pytest.mark.parametrize("name", ["beranda", "daftar", "dataset-garis", "sql"])
def test_the_first_view_is_light_and_nothing_moves(browser: Browser, served: Served, name: str) -> None:
    with opened(browser, viewport={"width": 375, "height": 760}) as page:
        page.add_init_script(
            "window.moved = 0;"
            "new PerformanceObserver((seen) => { for (const e of seen.getEntries()) window.moved += e.value; })"
            ".observe({ type: 'layout-shift', buffered: true });"
        )
        hosts: set[str] = set()
        sizes: list[int] = []
        page.on("requestfinished", lambda r: (hosts.add(r.url.split("/")[2]), sizes.append(_received(r))))
        page.goto(served.url + PAGES[name], wait_until="networkidle")
        page.locator("footer").scroll_into_view_if_needed()
        assert hosts == {served.url.split("/")[2]}
        assert sum(sizes) < 60_000
        assert page.evaluate("window.moved") < 0.02


def test_pages_of_the_manual_can_be_pictured(browser: Browser, served: Served, tmp_path: Path) -> None:
    root = os.environ.get(PUBLIC_FOLDER)
    folder = Path("docs/gambar") if root else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        shown = stack.enter_context(running(Path(root))) if root else served
        blank = stack.enter_context(opened(browser))
        number = current(shown.root)
        assert number is not None
        listed = [(d.dataset, d.versi) for d in read_release(shown.root, number).dataset if d.versi is not None]
        versions = [read_version(shown.root, name, version) for name, version in reversed(listed)]
        kinds = {v.grafik["jenis"]: v.dataset for v in versions if v.grafik}
        for name, (path, width, height, place) in SHOWN.items():
            viewport = {"width": width, "height": height}
            with opened(browser, viewport=viewport, reduced_motion="reduce") as page:
                page.goto(shown.url + path.format(**kinds))
                if place:
                    page.locator(place).evaluate("e => e.scrollIntoView()")
                if "/sql/" in path:
                    expect(page.locator("#hasil table")).to_be_visible()
                if place == "#grafik":
                    expect(page.locator(".grafik img")).to_have_js_property("complete", True)
                png = page.screenshot(animations="disabled")
            picture = webp(blank, png)
            assert picture[8:12] == b"WEBP"
            assert 5_000 < len(picture) < 150_000
            (folder / f"portal-{name}.webp").write_bytes(picture)


def _targets(page: Page) -> list[str]:
    """Where the numbers of the table lead, as SQL."""
    links = page.locator("#tabel tbody td a").all()
    return [unquote(str(link.get_attribute("href"))) for link in links]


def _received(request: object) -> int:
    return int(request.sizes()["responseBodySize"])  # type: ignore[attr-defined]


def _sha256(root: Path, form: str) -> str:
    return next(f.sha256 for f in read_version(root, "harga_uji", 2).berkas if f.format == form)


def _downloaded(page: Page, label: str, root: Path) -> str:
    with page.expect_download() as waited:
        page.locator(".unduhan").get_by_role("link", name=label, exact=True).click()
    known = {f.nama for f in read_version(root, "harga_uji", 2).berkas}
    assert waited.value.suggested_filename in known
    return hashlib.sha256(Path(waited.value.path()).read_bytes()).hexdigest()
