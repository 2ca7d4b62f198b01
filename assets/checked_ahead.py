"""Checks of rows that are made while the rest of their pull is on its way: the check process has nothing to do then.

Belongs here: which partitions are checked together, and which of them a pull has come past. Does not belong here: the
checks (`warehouse/stage.py`), and what becomes of a partition (`settle.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from connectors.contract import Contract
from connectors.read.staging import Staging
from warehouse.checks import Checker
from warehouse.stage import Sifted, Staged, sift

CHUNK_ROWS = 1 << 20
"""Rows checked and committed together at most, unless one partition alone has more: this bounds memory."""

Verdicts = dict[tuple[str, ...], Future[Sifted]]
"""Verdicts on the rows of partitions that are checked together, made or under way."""


class CheckedAhead:
    """Checks whole partitions of one pull while it goes on; not of one that gives its dates in no order."""

    def __init__(self, contract: Contract, checker: Checker, keys: Sequence[str]):
        self._contract, self._checker, self._keys = contract, checker, keys
        self._begun: Verdicts = {}
        self._rows: dict[tuple[str, ...], int] = {}

    def look(self, staging: Staging) -> None:
        """Begin with the partitions that the pull has come past, once they are as many as are checked together."""
        passed = [key for key in self._keys if staging.has_passed(key)]
        groups = list(grouped(passed, staging.typed))
        # The last one may still become larger.
        for group in groups[len(self._begun) : -1]:
            rows = staging.typed_rows(group)
            pool = ThreadPoolExecutor(1, "ahead")
            self._rows[group] = rows.height
            self._begun[group] = pool.submit(sift, self._contract, rows, self._checker)
            pool.shutdown(wait=False)

    def verdicts(self, staging: Staging) -> Verdicts:
        """What was begun, without the partitions of which more came afterwards. Ask before `staging.finish`."""
        return {g: made for g, made in self._begun.items() if sum(staging.typed[k] for k in g) == self._rows[g]}


def grouped(keys: Sequence[str], heights: Mapping[str, int]) -> Iterator[tuple[str, ...]]:
    """Partitions, in order, that are checked and committed together: as many as have CHUNK_ROWS rows at most."""
    group: list[str] = []
    size = 0
    for key in keys:
        rows = heights.get(key, 0)
        if group and size + rows > CHUNK_ROWS:
            yield tuple(group)
            group, size = [], 0
        group.append(key)
        size += rows
    if group:
        yield tuple(group)


def verdict_on(staged: Staged, verdicts: Verdicts) -> Sifted | None:
    """The verdict on just these rows, None if there is none, or if nothing could be evaluated: that is tried again."""
    made = verdicts.get(tuple(staged.partitions))
    if made is None:
        return None
    known = made.result()
    whole = known.rows.height + known.failed.height == staged.rows.height
    return known if whole and not known.failure else None
