"""Fixtures for tests of bad input. A module takes them by `pytest_plugins = ["tests.support.bad_input_fixtures"]`.

The stand-ins and the process of checks start once a session; each module has an installation of its own.
"""

from collections.abc import Iterator
from functools import partial

import pytest

from connectors.sandbox import CONNECTORS, World, build_app, discover, in_thread
from tests.support.bad_input import TODAY, Place, PutFault, end_faults, put_fault
from warehouse.checks import Checker


@pytest.fixture(scope="session")
def bad_host() -> Iterator[str]:
    """All stand-ins with the fault mode, started once."""
    with in_thread(build_app(World(today=TODAY), discover((CONNECTORS,)))) as url:
        yield url


@pytest.fixture(scope="session")
def bad_checker() -> Iterator[Checker]:
    """The checks, in one process for all tests: it needs seconds to start."""
    with Checker() as checker:
        yield checker


@pytest.fixture
def fault(bad_host: str) -> Iterator[PutFault]:
    """Puts a fault on requests that match; afterwards each must have struck, as it was asked to."""
    yield partial(put_fault, bad_host)
    end_faults(bad_host)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, bad_host: str, bad_checker: Checker) -> Iterator[Place]:
    """One installation for the tests of a module; at the end everything in it adds up from the archived bytes."""
    found = Place(tmp_path_factory.mktemp("rumah"), bad_host, bad_checker)
    yield found
    gaps = found.verify().all_gaps()
    found.close()
    assert not gaps, gaps
