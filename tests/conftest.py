"""Fixtures that several test files share."""

import pytest

from tests.support.workspace import Small, build


@pytest.fixture(scope="session")
def small_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A real, small warehouse, built once a session; a test that changes something works on a copy."""
    return build(tmp_path_factory.mktemp("gudang") / "rumah")
