"""A warehouse that lost its lake, snapshots and Dagster storage comes back from its archive alone: see `make drill`."""

from pathlib import Path

from tests.drill import Drilled, rebuild
from tests.support.crash import Home
from tests.support.workspace import Small


def test_all_that_was_deleted_comes_back_from_the_archive_without_network(
    small_warehouse: Small, tmp_path: Path
) -> None:
    home = Home(tmp_path / "rumah")
    small_warehouse.copy(home.path)
    result = Drilled()
    rebuild(home, result, say=lambda _: None)
    # The small warehouse has no releases; building everything anew makes the first ones.
    assert [fault for fault in result.faults if not fault.startswith("rilis ")] == []
    assert result.tables == len(home.shape())
    assert result.rows > 10_000
    assert home.left_started() == []
