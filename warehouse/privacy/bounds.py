"""How narrowly a reader can bound unknown numbers of which sums are known: `examine`, by linear programming.

Belongs here: systems of sums over unknown numbers, solved many at once. Does not belong here: which sums of a dataset
are known (`audit.py`), and how cells are suppressed (`network.py`, which shares nothing with this).

The range of an unknown number is its least and its most over all numbers that fulfil every known sum (the attacker's
problem of Fischetti & Salazar-González 2001, Management Science 47). Many systems are put into one program, whose
blocks do not touch, and every solution counts as a witness for all numbers of a block: what two solutions have already
shown to be wide needs no program of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_Numbers = npt.NDArray[np.float64]
_MOST_UNKNOWN = 20_000
_TOLERANCE = 1e-7
"""What the solver may miss by, in the unit of a block; counts, whose bounds are whole numbers, lose nothing by it."""


class Target(NamedTuple):
    """An unknown number that must stay open: by `width`, by `share` of its least value, and up to `top` at least."""

    number: int
    width: float
    share: float = 0.0
    top: float = 0.0

    def is_open(self, least: float, most: float, rounding: float) -> bool:
        """Whether so wide a range is safe. A wider one is safe too."""
        needed = max(self.width, self.share * max(least, 0.0))
        return most - least >= needed - rounding and most >= self.top - rounding


class Sum(NamedTuple):
    """Numbers and their signs that make a known sum, to within `rounding`."""

    parts: tuple[tuple[int, int], ...]
    value: int
    rounding: float = 0.0


class Bound(NamedTuple):
    """The range that a target could be bounded to, which is too narrow."""

    target: Target
    least: float
    most: float


@dataclass(frozen=True)
class System:
    """`unknown` numbers, none below `least`, with the sums that are known of them.

    `truth`: what they are, where the one who asks knows it. It saves the question whether the sums can be true at all.
    """

    unknown: int
    sums: tuple[Sum, ...]
    targets: tuple[Target, ...]
    least: float = 0.0
    truth: tuple[float, ...] | None = None


def examine(systems: Sequence[System]) -> list[list[Bound] | None]:
    """For each system the targets that are bounded too narrowly; None for one whose sums contradict each other."""
    found: list[list[Bound] | None] = []
    chunk: list[System] = []
    for system in systems:
        chunk.append(system)
        if sum(s.unknown for s in chunk) >= _MOST_UNKNOWN:
            found += _examine(chunk)
            chunk = []
    return found + _examine(chunk)


class _Block:
    """A system as part of a program, in the unit of its largest number, and what solutions have shown of it so far."""

    def __init__(self, system: System) -> None:
        self.system, sums = system, system.sums
        sizes = [abs(s.value) for s in sums] + [max(t.width, t.top) for t in system.targets]
        self.unit = float(max([1.0, *sizes, *map(abs, system.truth or ())]))
        self.rows = np.repeat(np.arange(len(sums)), [len(s.parts) for s in sums])
        self.columns = np.array([n for s in sums for n, _ in s.parts], dtype=np.int64)
        self.signs = np.array([c for s in sums for _, c in s.parts], dtype=float)
        self.values = np.array([s.value for s in sums], dtype=float) / self.unit
        self.rounding = np.array([s.rounding for s in sums], dtype=float) / self.unit
        self.low, self.high = np.full(system.unknown, np.inf), np.full(system.unknown, -np.inf)
        summed = set(self.columns.tolist())
        self.waiting = [t for t in system.targets if t.number in summed]
        self.bounds: list[Bound] = []
        if system.truth is not None:
            self.witness(np.array(system.truth, dtype=float))

    @property
    def far(self) -> float:
        """In the block's unit, above all that its sums let a number be, so that it bounds nothing."""
        return 10.0 + 4.0 * len(self.values)

    def is_true(self) -> bool | None:
        """Whether the known truth fulfils the sums; None where no one knows it."""
        if self.system.truth is None:
            return None
        sums = np.bincount(
            self.rows, self.signs * np.array(self.system.truth)[self.columns] / self.unit, len(self.values)
        )
        return bool(np.all(np.abs(sums - self.values) <= self.rounding + _TOLERANCE))

    def witness(self, solution: _Numbers) -> None:
        self.low, self.high = np.minimum(self.low, solution), np.maximum(self.high, solution)

    def is_open(self, target: Target, least: float, most: float) -> bool:
        return target.is_open(least, most, _TOLERANCE * self.unit)

    def undecided(self) -> bool:
        """Drop the targets that solutions have shown to be open, and tell whether some are left."""
        self.waiting = [t for t in self.waiting if not self.is_open(t, self.low[t.number], self.high[t.number])]
        return bool(self.waiting)


def _examine(systems: Sequence[System]) -> list[list[Bound] | None]:
    blocks = [_Block(system) for system in systems]
    known = [block.is_true() for block in blocks]
    elastic = iter(_elastic([b for b, is_true in zip(blocks, known, strict=True) if is_true is None]))
    possible = [next(elastic) if is_true is None else is_true for is_true in known]
    active = [b for b, can in zip(blocks, possible, strict=True) if can and b.waiting]
    for direction in (1.0, -1.0):
        _solve(active, [{t.number: direction for t in b.waiting} for b in active])
    while active := [b for b in active if b.undecided()]:
        targets = [b.waiting.pop(0) for b in active]
        most = _solve(active, [{t.number: -1.0} for t in targets])
        least = _solve(active, [{t.number: 1.0} for t in targets])
        for block, target, low, high in zip(active, targets, least, most, strict=True):
            bound = Bound(target, float(low[target.number]), float(high[target.number]))
            if not block.is_open(target, bound.least, bound.most):
                block.bounds.append(bound)
    return [b.bounds if can else None for b, can in zip(blocks, possible, strict=True)]


def _solve(blocks: Sequence[_Block], objectives: Sequence[dict[int, float]]) -> list[_Numbers]:
    """One solution for each block that makes its own objective least; it is a witness too."""
    if not blocks:
        return []
    solution = _program(blocks, objectives, elastic=False)
    starts = list(accumulate((b.system.unknown for b in blocks), initial=0))
    found = []
    for block, start, end in zip(blocks, starts, starts[1:], strict=False):
        found.append(solution[start:end] * block.unit)
        block.witness(found[-1])
    return found


def _elastic(blocks: Sequence[_Block]) -> list[bool]:
    """Whether each block's sums can all be true: they are allowed to miss, and must not need to."""
    if not blocks:
        return []
    solution = _program(blocks, [{} for _ in blocks], elastic=True)
    sums = list(accumulate((len(b.values) for b in blocks), initial=0))
    misses = solution[-2 * sums[-1] :].reshape(2, -1).sum(axis=0) if sums[-1] else solution[:0]
    return [bool(misses[a:b].sum() <= 10 * _TOLERANCE) for a, b in pairwise(sums)]


def _program(blocks: Sequence[_Block], objectives: Sequence[dict[int, float]], *, elastic: bool) -> _Numbers:
    """Solve all blocks in one linear program: first their unknown numbers, then what rounding a sum may miss, then, if
    elastic, by how much it falls short and is exceeded."""
    # Imported here: most datasets have no cell to solve, and importing SciPy takes longer than publishing them.
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    starts = np.array(list(accumulate((b.system.unknown for b in blocks), initial=0)))
    firsts = np.array(list(accumulate((len(b.values) for b in blocks), initial=0)))
    unknown, sums = int(starts[-1]), int(firsts[-1])
    extra = 3 if elastic else 1
    cost = np.zeros(unknown + extra * sums)
    cost[unknown + sums :] = 1.0
    for start, objective in zip(starts, objectives, strict=False):
        for index, weight in objective.items():
            cost[start + index] = weight
    each = np.arange(sums)
    rows = [b.rows + first for b, first in zip(blocks, firsts, strict=False)] + [each] * extra
    columns = [b.columns + start for b, start in zip(blocks, starts, strict=False)]
    columns += [each + unknown + n * sums for n in range(extra)]
    signs = [b.signs for b in blocks] + [np.full(sums, sign) for sign in (1.0, 1.0, -1.0)[:extra]]
    matrix = csr_array(
        (np.concatenate(signs), (np.concatenate(rows), np.concatenate(columns))), shape=(sums, len(cost))
    )
    low = [np.full(b.system.unknown, b.system.least / b.unit) for b in blocks] + [-b.rounding for b in blocks]
    high = [np.full(b.system.unknown, b.far) for b in blocks] + [b.rounding for b in blocks]
    if elastic:
        low, high = [*low, np.zeros(2 * sums)], [*high, np.full(2 * sums, np.inf)]
    solved = linprog(
        cost,
        A_eq=matrix,
        b_eq=np.concatenate([b.values for b in blocks]),
        bounds=np.column_stack([np.concatenate(low), np.concatenate(high)]),
        method="highs",
        options={"primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9},
    )
    if solved.x is None:
        raise RuntimeError(f"the bounds of a table could not be computed: {solved.message}")
    return np.asarray(solved.x)
