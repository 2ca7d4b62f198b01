"""A real browser for tests of pages: Debian's Chromium, driven by Playwright, and axe-core in it.

Belongs here: finding and opening it, and what every page is asked. Does not belong here: the fixture
(`browser_fixtures.py`), the pages.
"""

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PATIENCE = 30_000
"""Milliseconds until a wait for the page fails; a machine may be busy."""
expect.set_options(timeout=_PATIENCE)

WIDTHS = (375, 1024, 1920)
"""A phone, a laptop, a screen on a wall."""

_TO_WEBP = """async (png) => {
  const picture = new Image();
  picture.src = "data:image/png;base64," + png;
  await picture.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: picture.width, height: picture.height });
  canvas.getContext("2d").drawImage(picture, 0, 0);
  return canvas.toDataURL("image/webp", 0.8).split(",")[1];
}"""
_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def find_browser() -> str:
    """The installed browser. Fails the test, with what to do, where there is none: pages unseen are pages unproved."""
    for program in PROGRAMS:
        if found := shutil.which(program):
            return found
    pytest.fail(
        f"No browser found (looked for {', '.join(PROGRAMS)}). Install one: apt-get install chromium. "
        "`.ci/run` does so by itself."
    )


@contextmanager
def opened(
    browser: Browser, *, refused: int | None = None, unreachable: bool = False, **options: object
) -> Iterator[Page]:
    """A page in a fresh profile; ends with a failure if a script failed or the page's policy refused something.

    `refused` is a status that the server is meant to answer with, of which the browser complains; `unreachable`: the
    server is meant to be away for a while.
    """
    context = browser.new_context(locale="id-ID", timezone_id="Asia/Jakarta", **options)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(_PATIENCE)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    expected = f"the server responded with a status of {refused} "
    page.on("pageerror", lambda error: said.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    away = ("net::ERR_",) if unreachable else ()
    assert [text for text in said if expected not in text and not any(a in text for a in away)] == []


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with a page: rule and place."""
    found = Axe().run(page, options=_RULES).response["violations"]
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


def overflow(page: Page) -> int:
    """Pixels by which a page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def webp(page: Page, png: bytes) -> bytes:
    """A picture in the form that the manual keeps; any page may turn it."""
    return base64.b64decode(page.evaluate(_TO_WEBP, base64.b64encode(png).decode()))
