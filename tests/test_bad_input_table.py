"""The document of bad input and the tests say the same: no row without a test, no fault without a row."""

import importlib
from pathlib import Path

from connectors.fault_wire import FAULTS
from tests.support.bad_input import DOCUMENT, KEPT, promises
from warehouse.ops import GOOD, Status

STATUSES = Status.__args__  # type: ignore[attr-defined]


def test_every_row_of_the_document_is_driven_by_a_test() -> None:
    for path in sorted(Path(__file__).parent.glob("test_bad_input_*.py")):
        importlib.import_module(f"tests.{path.stem}")
    assert set(promises()) == set(KEPT), set(promises()) ^ set(KEPT)


def test_every_fault_of_the_stand_ins_has_a_row() -> None:
    assert set(FAULTS) <= set(promises()), set(FAULTS) - set(promises())


def test_every_row_that_looks_like_one_is_read() -> None:
    """A slip in the table must not take a row out of the tests."""
    lines = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(lines) == len(promises())
    assert {p.status for p in promises().values()} <= set(STATUSES)


def test_the_document_says_which_outcomes_end_a_run_with_code_3() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for status in STATUSES:
        listed = text.partition("exit code 3 when an outcome is not one of")[2].partition(".")[0]
        assert (f"`{status}`" in listed) == (status in GOOD), status
        assert status in text, status
