"""The portal's static pages: what is in them, that they hang together, and that only changed ones are made anew."""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
import requests
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from ssp_pipeline.portal.site import SITE, SiteOptions, problem_page, render_site, report_form, search_page
from ssp_pipeline.portal.site import engine as site_engine
from ssp_pipeline.web.templates import bare_environment
from tests.support.open_release import CONTRACTS, TODAY, make_release, publish_all, small_lake, write_contracts
from tests.support.portal import REGIONS
from tests.support.static_site import serve
from warehouse.opendata.decisions import Decisions
from warehouse.opendata.manifest import Release, read_release, read_version, resource_id
from warehouse.opendata.metadata import schema_org
from warehouse.opendata.store import Store
from warehouse.opendata.withdraw import withdraw

OPTIONS = SiteOptions(
    "https://sidata.example", contact="walidata@sidata.example", tiles=REGIONS, jsonld=schema_org.dataset
)
SERVED = (
    "/api/3/",
    "/api/sql",
    "/atom.xml",
    "/openapi.json",
    "/sitemap.xml",
    "/status",
    "/cari",
    "/en/cari",
    "/lapor/?",
)
"""Addresses that only the service answers."""


def render(root: Path, folder: Path, release: Release) -> None:
    render_site(root, folder, release, OPTIONS)


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A public folder with two releases and their pages; tests only read it."""
    root = tmp_path_factory.mktemp("situs") / "terbuka"
    root.mkdir()
    make_release(root, rows=120, versions=2, site=render)
    return root


def page(root: Path, path: str, number: int = 2) -> str:
    return (root / "rilis" / str(number) / SITE / path.lstrip("/") / "index.html").read_text(encoding="utf-8")


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "action", "data-vega", "data-grafik") and value:
                self.links.add(value)
            elif name == "srcset" and value:
                self.links.add(value.split()[0])
            elif name == "id" and value:
                self.ids.add(value)


def read(text: str) -> _Links:
    parser = _Links()
    parser.feed(text)
    return parser


def pages(site: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(site.rglob("*.html")):
        relative = path.relative_to(site).as_posix()
        yield "/" + relative.removesuffix("index.html"), path.read_text(encoding="utf-8")


def test_every_internal_link_leads_somewhere(public: Path) -> None:
    site = public / "rilis" / "2" / SITE
    known = dict(pages(site))
    ids = {path: read(text).ids for path, text in known.items()}
    broken = []
    for path, text in known.items():
        for link in read(text).links:
            target = urlsplit(urljoin(f"https://x{path}", link))
            if target.netloc != "x" or target.path.endswith("/sql/") or f"{target.path}?".startswith(SERVED):
                continue
            if target.path.endswith("/atom.xml"):
                continue
            if target.path in known:
                if target.fragment and unquote(target.fragment) not in ids[target.path]:
                    broken.append(f"{path}: {link}")
            elif not any((base / target.path.lstrip("/")).is_file() for base in (site, public)):
                broken.append(f"{path}: {link}")
    assert broken == []


def test_a_plain_web_server_gives_out_pages_scripts_and_data(public: Path) -> None:
    with serve(public) as url, requests.Session() as session:
        session.trust_env = False
        text = session.get(f"{url}/en/dataset/harga_uji/", timeout=10).text
        assert '<html lang="en">' in text
        wanted = [
            link for link in read(text).links if link.startswith(("/aset/", "/bagian/", "/en/dataset/harga_uji/g"))
        ]
        assert len(wanted) > 10
        for link in wanted:
            assert session.get(url + link, timeout=10).status_code == 200, link
        for file in read_version(public, "harga_uji", 2).berkas:
            body = session.get(f"{url}/{file.path}", timeout=10).content
            assert hashlib.sha256(body).hexdigest() == file.sha256
        missing = session.get(f"{url}/tidak-ada/", timeout=10)
        assert missing.status_code == 404
        assert "Halaman tidak ditemukan" in missing.content.decode()


def test_nothing_is_loaded_from_another_host_and_no_script_or_style_stands_in_a_page(public: Path) -> None:
    for path, text in pages(public / "rilis" / "2" / SITE):
        assert not re.search(r'<(?:script|img|link rel="stylesheet")[^>]*(?:src|href)="(?:https?:)?//', text), path
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=", text), path
        assert not re.search(r'<script(?![^>]*\ssrc=)(?!\s+type="application/ld\+json")', text), path


def test_stand_in_data_is_marked_on_every_page_that_shows_any(public: Path) -> None:
    for path, text in pages(public / "rilis" / "2" / SITE):
        if "/galat/" not in path:
            assert 'class="pita"' in text, path
    dataset = page(public, "/dataset/harga_uji/")
    assert dataset.count("tanda-tiruan") >= 1 + len(read_version(public, "harga_uji", 2).berkas)
    chart = (public / "rilis/2" / SITE / "dataset/harga_uji/grafik-lebar.svg").read_text(encoding="utf-8")
    assert "data tiruan, bukan angka resmi" in chart


def test_a_dataset_page_tells_what_the_manifest_holds(public: Path) -> None:
    version, text = read_version(public, "harga_uji", 2), page(public, "/dataset/harga_uji/")
    assert version.judul in text
    for file in version.berkas:
        assert f'href="/{file.path}" download="{file.nama}"' in text
        assert file.sha256 in text
    for column in version.kolom:
        assert f'id="kolom-{column.nama}"' in text
    assert resource_id("harga_uji", "csv") in text
    assert "/dataset/harga_uji/v1/" in text


def test_a_dataset_describes_itself_to_search_engines_in_a_block_that_no_text_can_end(public: Path) -> None:
    found = re.search(r'<script type="application/ld\+json">([^<]*)</script>', page(public, "/dataset/harga_uji/"))
    assert found is not None
    told = json.loads(found[1])
    assert told["@type"] == "Dataset"
    assert told["name"] == read_version(public, "harga_uji", 2).judul


def test_an_unchanged_dataset_is_linked_not_made_again(public: Path) -> None:
    def inode(number: int, path: str) -> int:
        return (public / "rilis" / str(number) / SITE / path).stat().st_ino

    for path in (
        "dataset/kamera_uji/index.html",
        "en/dataset/kamera_uji/grafik.json",
        "dataset/harga_uji/v1/index.html",
    ):
        assert inode(1, path) == inode(2, path), path
    assert inode(1, "dataset/harga_uji/index.html") != inode(2, "dataset/harga_uji/index.html")


def test_pages_are_made_anew_when_a_template_changes(
    public: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ssp_pipeline.portal.site import render as module

    monkeypatch.setattr(module, "template_digest", lambda: "lain")
    render(public, tmp_path, read_release(public, 2))
    before = public / "rilis/2" / SITE / "dataset/kamera_uji/index.html"
    assert (tmp_path / SITE / "dataset/kamera_uji/index.html").stat().st_ino != before.stat().st_ino


def test_files_that_open_pages_still_load_are_kept_for_one_release(public: Path, tmp_path: Path) -> None:
    root = tmp_path / "terbuka"
    shutil.copytree(public, root)
    last = root / "rilis/2" / SITE
    (last / "aset/sidata.0123456789ab.css").write_text("/* lama */", encoding="utf-8")
    keys = last / "halaman.json"
    keys.write_text(keys.read_text().replace('"aset": [', '"aset": ["/aset/sidata.0123456789ab.css", '))
    render(root, tmp_path / "baru", read_release(root, 2))
    assert (tmp_path / "baru" / SITE / "aset/sidata.0123456789ab.css").is_file()


def test_every_text_has_its_english_words() -> None:
    folder = Path(site_engine.__file__).parent
    with (folder / "terjemahan" / "en.po").open("rb") as file:
        catalog = read_po(file, locale="en", abort_invalid=True)
    wanted: set[str] = set()
    for path in (folder / "templates").glob("*.html"):
        for _, _, found in bare_environment().extract_translations(path.read_text(encoding="utf-8")):
            wanted.add(found if isinstance(found, str) else str(found[0]))
    for path in folder.glob("*.py"):
        with path.open("rb") as file:
            for _, found, _, _ in extract("python", file, keywords={"gettext": None, "ngettext": (1, 2)}):
                wanted.add(found if isinstance(found, str) else str(found[0]))
    missing = [w for w in sorted(wanted) if (m := catalog.get(w)) is None or not m.string]
    assert missing == []
    blanks = re.compile(r"%\(\w+\)s|\{\w+\}|<[^>]+>")
    for message in catalog:
        if isinstance(message.id, str) and message.id:
            assert sorted(blanks.findall(message.id)) == sorted(blanks.findall(str(message.string))), message.id


def test_a_search_page_shows_what_was_found_and_says_when_nothing_was(public: Path) -> None:
    release, version = read_release(public, 2), read_version(public, "kamera_uji", 1)
    text = search_page(OPTIONS, release, '<b>"kamera"', [version], 1)
    assert "/dataset/kamera_uji/" in text
    assert "<b>" not in text
    assert "No dataset matches" in search_page(OPTIONS, release, "x", [], 0, language="en")


@pytest.mark.parametrize("status", [404, 410, 429, 500, 503])
def test_a_problem_has_a_page_in_both_languages(status: int) -> None:
    for language in ("id", "en"):
        text = problem_page(OPTIONS, status, language=language, reason="<alasan>")
        assert f'<html lang="{language}">' in text
        assert "&lt;alasan&gt;" in text


def test_the_report_form_keeps_what_was_written_and_says_what_is_wrong(public: Path) -> None:
    release, versions = read_release(public, 2), [read_version(public, "kamera_uji", 1)]
    given, wrong = {"dataset": "kamera_uji", "masalah": "<i>"}, {"masalah": "Terlalu pendek."}
    text = report_form(OPTIONS, release, versions, values=given, errors=wrong)
    assert '<option value="kamera_uji" selected>' in text
    assert "&lt;i&gt;</textarea>" in text
    assert '<a href="#masalah">Terlalu pendek.</a>' in text
    assert "L-0001" in report_form(OPTIONS, release, versions, number="L-0001")


def test_a_withdrawn_version_keeps_a_page_with_its_reason_and_a_dataset_without_any_says_so(
    tmp_path: Path,
) -> None:
    root = tmp_path / "terbuka"
    root.mkdir()
    documents = {name: CONTRACTS[name] for name in ("harga_uji", "kamera_uji")}
    store, decisions = Store(root), Decisions(tmp_path / "walidata")
    with small_lake(60) as con:
        contracts = write_contracts(tmp_path / "kontrak", documents)
        publish_all(con, contracts, root)
        con.execute("UPDATE core.harga SET harga = harga + 1 WHERE tanggal = ?", [TODAY])
        publish_all(con, contracts, root, today=TODAY + timedelta(days=1))
        withdraw(store, decisions, "harga_uji", 1, by="Uji", why="Salah <satuan>.")
        withdraw(store, decisions, "kamera_uji", 1, by="Uji", why="Letaknya keliru.")
        publish_all(con, contracts, root, today=TODAY + timedelta(days=2), site=render)
    gone = page(root, "/dataset/harga_uji/v1/", 3)
    assert "telah ditarik" in gone
    assert "Salah &lt;satuan&gt;." in gone
    assert "/bagian/" not in gone
    assert "ditarik" in page(root, "/dataset/harga_uji/", 3)
    assert "Semua versi dataset ini telah ditarik" in page(root, "/dataset/kamera_uji/", 3)
    assert "kamera_uji" not in page(root, "/dataset/", 3)


def test_security_txt_names_a_contact_and_ends(public: Path) -> None:
    text = (public / "rilis/2" / SITE / ".well-known/security.txt").read_text(encoding="utf-8")
    assert "Contact: mailto:walidata@sidata.example\n" in text
    assert re.search(r"^Expires: 2027-11-2\dT00:00:00Z$", text, re.M)


def test_a_preview_begins_with_period_and_figure_and_shows_names_before_their_codes(public: Path) -> None:
    shown = re.findall(r'<th scope="col"[^>]*><a href="#kolom-(\w+)">', page(public, "dataset/harga_uji"))
    assert shown[:2] == ["tanggal", "harga"]
    assert shown.index("nama_kabupaten_kota") < shown.index("komoditas") < shown.index("kode_kabupaten_kota")
