"""Fixtures that several test files share."""

import os

import pytest

from connectors.durable import locked
from tests.support.workspace import Small, build


@pytest.fixture(scope="session")
def small_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A real, small warehouse, built once for all test processes; a test that changes something works on a copy."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    home, ready = folder / "gudang" / "rumah", folder / "gudang.siap"
    with locked(folder / "gudang.kunci"):
        if not ready.exists():
            build(home)
            ready.touch()
    return Small(home)
