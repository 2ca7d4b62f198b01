"""Fixtures that several test files share."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from connectors.durable import locked
from tests.support.postgres import BINARIES, postgres
from tests.support.workspace import Small, build

# The same examples in every run, however long one takes; with HYPOTHESIS_PROFILE=explore new ones.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

_LONGEST = (
    "test_crash", "test_real_input", "test_cli_inspect", "test_command_centre_browser", "test_command_centre_pages",
    "test_docs", "test_command_centre_doors", "test_report_numbers", "test_report_versions", "test_report_forms",
    "test_drill", "test_command_centre_wall", "test_delivery_crash", "test_one_folder", "test_no_network",
    "test_interrupted_run", "test_bad_input_seed", "test_partial_run", "test_bad_input_job", "test_up",
    "test_portal_paging", "test_dagster_postgres", "test_bad_input_disk", "test_snapshot",
)  # fmt: skip
"""Files that take longest, so that none of them is left alone at the end. The second does not wait, as most others do,
for the small warehouse, which the first builds."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest; a file's tests stay together and in their order."""
    rank = {name: number for number, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


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


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server on loopback (its libpq string); each test makes a database of its own in it."""
    if not BINARIES:
        pytest.skip("PostgreSQL's server is not installed: no /usr/lib/postgresql/*/bin/initdb (package postgresql)")
    with postgres() as address:
        yield address
