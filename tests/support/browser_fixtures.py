"""The browser, for a module that says `pytest_plugins = ["tests.support.browser_fixtures"]`.

Each module has one of its own: Playwright holds an event loop in the thread for as long as it lives, and other modules
run loops of theirs.
"""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.browser import find_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of one module."""
    program = find_browser()
    # The sandbox of a browser that root runs cannot start; the pages are ours.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=arguments)
        yield found
        found.close()
