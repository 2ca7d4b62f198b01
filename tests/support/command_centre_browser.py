"""A browser of somebody who is logged in to a command centre."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page

from tests.support.browser import opened
from tests.support.command_centre import PASSWORD


def log_in(browser: Browser, address: str, name: str) -> Any:
    """Log in through the form, as people do; gives what `looking` needs to be them."""
    with opened(browser) as page:
        page.goto(f"{address}/masuk")
        page.get_by_label("Nama pengguna").fill(name)
        page.get_by_label("Kata sandi").fill(PASSWORD)
        page.get_by_role("button", name="Masuk").click()
        page.wait_for_url(lambda url: "/masuk" not in url)
        return page.context.storage_state()


@contextmanager
def looking(browser: Browser, login: Any, width: int = 1024, height: int = 900, **options: Any) -> Iterator[Page]:
    """A page of somebody who is logged in (see `tests.support.browser.opened`)."""
    with opened(browser, storage_state=login, viewport={"width": width, "height": height}, **options) as page:
        yield page


def all_charts_drawn(page: Page) -> int:
    """Bring each chart into sight and wait until it is drawn; gives how many there are."""
    figures = page.locator("[data-bagan]")
    for number in range(figures.count()):
        figure = figures.nth(number)
        figure.evaluate("one => one.scrollIntoView()")
        page.wait_for_function("one => one.dataset.jadi === 'ya'", arg=figure.element_handle())
        assert figure.locator("svg").count() == 1
    return figures.count()
