"""Reports as people see them: the mail in a browser, and pictures of pages for the manual, which tells the truth."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from assets.report.governor.desk import folder_of, make
from tests.support.browser import opened, overflow, violations, webp
from tests.support.documents import commands, runnable, shell
from tests.support.reports import open_desk
from tests.support.workspace import TODAY, Small

pytest_plugins = ["tests.support.browser_fixtures"]

ROOT = Path(__file__).resolve().parents[1]
DATA_FOLDER = "LAPORAN_DARI"
"""Names the data folder whose report becomes the pictures in docs/gambar; without it pictures of a small report are
made and thrown away."""


@pytest.fixture(scope="module")
def small(small_warehouse: Small, tmp_path_factory: pytest.TempPathFactory) -> Small:
    own = small_warehouse.copy(tmp_path_factory.mktemp("laporan") / "rumah")
    with open_desk(own) as desk:
        make(desk, "harian", TODAY)
    return own


def page_pictures(pdf: Path, folder: Path) -> list[bytes]:
    """The pages of a PDF as PNG."""
    subprocess.run(["pdftoppm", "-png", "-r", "104", str(pdf), str(folder / "halaman")], check=True, timeout=60)
    return [path.read_bytes() for path in sorted(folder.glob("halaman-*.png"))]


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="pdftoppm is not installed (Debian: poppler-utils)")
def test_pages_of_the_daily_report_can_be_pictured(browser: Browser, small: Small, tmp_path: Path) -> None:
    root = os.environ.get(DATA_FOLDER)
    out = ROOT / "docs" / "gambar" if root else tmp_path
    version = folder_of(Path(root) if root else small.home, "harian", TODAY) / "v1"
    pages = page_pictures(version / "laporan.pdf", tmp_path)
    assert len(pages) == 3
    pictures = {f"harian-{n}": png for n, png in enumerate(pages[:2], 1)} | {
        "kartu": (version / "kartu.png").read_bytes()
    }
    with opened(browser) as blank:
        for name, png in pictures.items():
            picture = webp(blank, png)
            assert picture[8:12] == b"WEBP"
            assert 20_000 < len(picture) < 200_000
            (out / f"laporan-{name}.webp").write_bytes(picture)


@pytest.mark.parametrize("width", [375, 1024])
def test_the_mail_can_be_read_on_a_phone_and_a_desk_without_scripts(browser: Browser, small: Small, width: int) -> None:
    html = (folder_of(small.home, "harian", TODAY) / "v1" / "surat.html").read_text()
    assert "<script" not in html
    assert "http" not in html, "a mail asks nothing of any host"
    with opened(browser, viewport={"width": width, "height": 900}) as page:
        page.set_content(html)
        assert overflow(page) == 0
        assert page.locator("h1").inner_text() == "Laporan harian kepada Gubernur"
        if width > 375:
            assert violations(page) == []


def test_the_commands_of_the_manual_work_in_their_order(small: Small) -> None:
    environment = {"SSP_HOME": str(small.home), "SSP_TODAY": TODAY.isoformat()}
    ran = [c for script in runnable(ROOT / "docs" / "reports.md") for c in commands(script)]
    assert len(ran) == 8
    for command in ran:
        done = shell(command, environment)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert done.stdout.strip()
