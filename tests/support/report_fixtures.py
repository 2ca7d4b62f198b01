"""The desk of a copy of the small warehouse, for files of tests that make reports and change no rows.

A file takes it by `pytest_plugins = ["tests.support.report_fixtures"]`.
"""

from collections.abc import Iterator

import pytest

from assets.report.governor.desk import Desk
from tests.support.reports import open_desk
from tests.support.workspace import Small


@pytest.fixture(scope="module")
def desk(small_warehouse: Small, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The desk of a warehouse of this file alone."""
    small = small_warehouse.copy(tmp_path_factory.mktemp("laporan") / "rumah")
    with open_desk(small) as opened:
        yield opened
