"""What commands say of the state of a lake: of dates to come, and of files that are damaged."""

from datetime import UTC, datetime
from typing import Any

from tests.support.commands import Ssp, answered, refused
from tests.support.workspace import Small
from warehouse.ops import Outcome

pytest_plugins = ["tests.support.command_fixtures"]


def test_a_window_that_cannot_be_is_wrong_usage(ssp: Ssp, own: Small) -> None:
    """Above all one that lies ahead: the agency has nothing there, which would pass for the newest that is there."""
    refused(ssp(own, "run", "--from", "2026-11-19", "--to", "2026-11-18"), "--from 2026-11-19 is after")
    refused(ssp(own, "run", "--to", "2027-11-18"), "after today")
    refused(ssp(own, "run", "--from", "2027-11-18"), "--from 2027-11-18 is after")
    refused(ssp(own, "replay", "--from", "2026-11-19", "--to", "2026-11-18"), "--from 2026-11-19 is after")


def test_that_nothing_is_there_of_a_later_date_does_not_make_a_dataset_timely(ssp: Ssp, own: Small) -> None:
    def state() -> dict[str, Any]:
        found = {row["dataset"]: row for row in answered(ssp(own, "status", "--json"))}
        return found["sp2kp.harga_pangan_kabkota"]

    before, now = state(), datetime.now(UTC)
    with own.open() as workspace:
        outcome = Outcome("uji", "sp2kp.harga_pangan_kabkota", "2027-01-04", "kosong", now, now)
        workspace.lake.record([outcome])
    assert (state()["terbaru"], state()["ketepatan"]) == (before["terbaru"], before["ketepatan"])
    assert before["terbaru"] < "2027"


def test_a_damaged_file_of_the_lake_is_told_in_one_line_and_not_as_an_error_of_ours(ssp: Ssp, own: Small) -> None:
    for file in (own.home / "lake" / "data" / "ops" / "hasil").rglob("*.parquet"):
        file.write_bytes(b"PAR1" + b"\xff" * (file.stat().st_size - 8) + b"PAR1")
    refused(ssp(own, "status"), "`ssp verify` names all of them")
    refused(ssp(own, "replay", "--dataset", "pihps.harga_pangan_pasar"), "`ssp verify` names all of them")
