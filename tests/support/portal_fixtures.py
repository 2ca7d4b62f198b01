"""A served release, for a module that says `pytest_plugins = ["tests.support.portal_fixtures"]`."""

from collections.abc import Iterator

import pytest

from tests.support.open_release import make_release
from tests.support.portal import Served, running, site


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A release of two versions with its pages, made by the real engine and served once a session."""
    root = tmp_path_factory.mktemp("portal") / "terbuka"
    make_release(root, rows=500, versions=2, site=site)
    with running(root) as found:
        yield found
