"""Which further cells of a table must be suppressed, so that no small cell can be worked out: `pattern`.

Belongs here: the table as a network and complementary suppression in it, on plain numbers. Does not belong here: SQL,
and what makes a dataset's rows a table (`cells.py`).

A table with rows, each in a parent, with columns and totals is a circulation: the grand total flows to the parents'
totals, these to the rows' totals, through the cells to the parents' totals of a column, to the columns' totals and back
to the start. What is published is a fixed arc, what is suppressed a free one of at least zero. So the range of a
suppressed cell, for a reader who knows every published number, is its value plus or minus the largest flow that can be
sent round cycles through it and other free arcs. (Two-way tables with one hierarchy are networks: Cox 1980, Suppression
methodology and statistical disclosure control, J. Am. Stat. Assoc. 75; Fischetti & Salazar-González 1999, Models and
algorithms for the 2-dimensional cell suppression problem in statistical disclosure control, Math. Programming 84. Whole
numbers give whole bounds.)

Complementary cells are found by cheapest paths: for each unsafe cell in turn, the cheapest further cells round which
its protection level can be sent (Castro 2007, A shortest-paths heuristic for statistical data protection in positive
tables, INFORMS J. Computing 19). The level is the width of the range that must stay open: the threshold itself for
counts, half of its value for money (a sliding protection level: Fischetti & Salazar-González 2001, Solving the cell
suppression problem on tabular data with linear constraints, Management Science 47). A further suppressed cell only
widens ranges, so a cell once safe stays safe.

Readers are taken to know every total over rows, columns and parents, whether the dataset has rows for them or not, but
for totals that are unsafe themselves, and for totals over a single cell, which are that cell.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

Kind = Literal["hitungan", "uang"]

ALL = -1
"""Row, column or parent of a total."""
THRESHOLD = 5
"""Counts from 1 up to, but not with, this are small; money needs this many payers."""
MOST = 2
"""One payer above 1/MOST of the money of a cell dominates it; and 1/MOST of it is its protection level."""

_UNLIMITED = 1 << 80
_COST_ZERO, _COST_TOTAL, _COST_UNPUBLISHED = 5_000, 50_000, 2_000_000


class Cell(NamedTuple):
    """A published cell or total. Rows, columns and parents are numbers; ALL marks a total over them.

    `value` is a whole number (of vehicles, of cents). For money, `payers` and the largest payer's share of the value
    `largest`; both are -1 if unknown. `earlier`: True if earlier versions show this value, False if one holds it back.
    """

    parent: int
    row: int
    column: int
    value: int
    payers: int = -1
    largest: int = -1
    earlier: bool | None = None


class Pattern(NamedTuple):
    """Indices of suppressed cells: those unsafe by themselves and their complements. `hidden`: totals that no row is
    for and that must not be told anywhere else (parent, row, column)."""

    unsafe: frozenset[int]
    complements: frozenset[int]
    hidden: frozenset[tuple[int, int, int]]


def is_unsafe(kind: Kind, value: int, payers: int = -1, largest: int = -1) -> bool:
    """Whether a number tells of too few. Nothing (zero) tells of nobody.

    Money: fewer than THRESHOLD payers, or one with more than half (the (n, k) rule with n = 1, k = 50 %). What is not
    known counts as too few.
    """
    if value == 0:
        return False
    if kind == "hitungan":
        return 0 < value < THRESHOLD
    return payers < THRESHOLD or largest < 0 or MOST * largest > abs(value)


def protection_level(kind: Kind, value: int) -> int:
    """How wide the range must be that a reader can give for an unsafe cell."""
    return THRESHOLD if kind == "hitungan" else -(-abs(value) // MOST)


@lru_cache(maxsize=50_000)
def pattern(kind: Kind, cells: tuple[Cell, ...]) -> Pattern:
    """What to suppress in one table. Deterministic: the same table gives the same pattern in any run."""
    if not any(is_unsafe(kind, c.value, c.payers, c.largest) for c in cells):
        return Pattern(frozenset(), frozenset(), frozenset())
    network = _Network(kind, cells)
    network.protect()
    free = {n for n, arc in enumerate(network.arcs[: len(cells)]) if arc.free}
    unsafe = frozenset(n for n in free if network.arcs[n].level)
    for total, part in reversed(network.same.items()):
        network.arcs[total].free = network.arcs[part].free
    hidden = frozenset(arc.key for arc in network.arcs[len(cells) :] if arc.free)
    return Pattern(unsafe, frozenset(free - unsafe), hidden)


@dataclass
class _Arc:
    key: tuple[int, int, int]
    tail: int
    head: int
    value: int
    cost: int
    level: int = 0
    free: bool = False
    known: bool = False
    up: int = 0
    down: int = 0

    @property
    def slack(self) -> int:
        """How far the value can fall: to zero, but for money that was paid back."""
        return self.value if self.value >= 0 else _UNLIMITED


@dataclass
class _Network:
    """Arcs are the cells in their order, then the totals that no row is for.

    `around`: node → arcs at it, with their other ends and whether they lead away. `same`: total → the one arc that it
    is the total of.
    """

    kind: Kind
    cells: Sequence[Cell]
    arcs: list[_Arc] = field(default_factory=list)
    around: dict[int, list[tuple[int, int, bool]]] = field(default_factory=dict)
    same: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        totals = _totals(self.cells)
        nodes: dict[tuple[str, int, int], int] = {}
        one_way = all(c.column == ALL for c in self.cells)
        for cell in self.cells:
            unsafe = is_unsafe(self.kind, cell.value, cell.payers, cell.largest)
            known = cell.earlier is True
            key = (cell.parent, cell.row, cell.column)
            tail, head = _ends(key, nodes, one_way)
            level = protection_level(self.kind, cell.value) if unsafe else 0
            self.arcs.append(
                _Arc(key, tail, head, cell.value, _cost(cell, total=key in totals), level, free=unsafe, known=known)
            )
        given = {arc.key for arc in self.arcs}
        for key, parts in sorted(totals.items()):
            if key not in given:
                self._add_total(key, [self.cells[n] for n in parts], *_ends(key, nodes, one_way))
        self._contract()

    def _add_total(self, key: tuple[int, int, int], parts: list[Cell], tail: int, head: int) -> None:
        value = sum(c.value for c in parts)
        payers = -1 if any(c.payers < 0 for c in parts) else sum(c.payers for c in parts)
        largest = -1 if any(c.largest < 0 for c in parts) else max(c.largest for c in parts)
        cost = _COST_UNPUBLISHED * (1 + 2 * key.count(ALL))
        self.arcs.append(_Arc(key, tail, head, value, cost, free=is_unsafe(self.kind, value, payers, largest)))

    def _contract(self) -> None:
        """Make one arc of a total without a row of its own and the only arc that it is the total of; then index."""
        nodes: dict[int, int] = {}

        def root(node: int) -> int:
            while nodes.get(node, node) != node:
                node = nodes[node]
            return node

        published = len(self.cells)
        incident: dict[int, set[int]] = {}
        for n, arc in enumerate(self.arcs):
            incident.setdefault(arc.tail, set()).add(n)
            incident.setdefault(arc.head, set()).add(n)
        waiting = sorted(incident)
        while waiting:
            node = waiting.pop()
            arcs = sorted(incident.get(node, ()))
            if root(node) != node or len(arcs) != 2 or arcs[1] < published:
                continue
            first, total = self.arcs[arcs[0]], self.arcs[arcs[1]]
            loop = root(total.tail) == root(total.head) or root(first.tail) == root(first.head)
            if loop or (root(first.tail) == node) == (root(total.tail) == node):
                continue
            self.same[arcs[1]] = arcs[0]
            other = root(total.head) if root(total.tail) == node else root(total.tail)
            nodes[node] = other
            incident[other] = (incident[other] | incident.pop(node)) - {arcs[1]}
            waiting.append(other)
        for n, arc in enumerate(self.arcs):
            arc.tail, arc.head = root(arc.tail), root(arc.head)
            if n not in self.same:
                self.around.setdefault(arc.tail, []).append((n, arc.head, True))
                self.around.setdefault(arc.head, []).append((n, arc.tail, False))

    def protect(self) -> None:
        """Free further arcs until every free cell has its level; counts ask it of complements too."""
        published = range(len(self.cells))
        waiting = sorted((n for n in published if self.arcs[n].level), key=lambda n: (-self.arcs[n].level, n))
        done: set[int] = set()
        while waiting:
            for n in waiting:
                done.add(n)
                if not self.arcs[n].known:
                    self._widen(n, self.arcs[n].level or THRESHOLD)
            found = [n for n in published if self.arcs[n].free and n not in done]
            waiting = found if self.kind == "hitungan" else []

    def _widen(self, n: int, level: int) -> None:
        arc = self.arcs[n]
        if arc.up + arc.down >= level:
            return
        down = self._push(n, min(level, arc.slack), more=False, fresh=False)
        if down < level and down + self._push(n, level - down, more=True, fresh=False) < level:
            self._push(n, level - down, more=True, fresh=True)

    def _push(self, n: int, amount: int, *, more: bool, fresh: bool) -> int:
        """Send up to `amount` round cycles through arc n, which makes its value more or less; returns what went.

        Only free arcs are used unless `fresh`: then others are freed, the cheapest first.
        """
        arc = self.arcs[n]
        start, end = (arc.head, arc.tail) if more else (arc.tail, arc.head)
        moved: dict[int, int] = {}
        left = amount
        while left > 0:
            path = self._path(start, end, n, left, moved, fresh=fresh) or self._path(
                start, end, n, 1, moved, fresh=fresh
            )
            if path is None:
                break
            sent = min([left, *(self._room(a, moved, forward=f) for a, f in path)])
            for a, forward in path:
                self.arcs[a].free = True
                moved[a] = moved.get(a, 0) + (sent if forward else -sent)
            left -= sent
        moved[n] = (amount - left) * (1 if more else -1)
        for a, change in moved.items():
            self.arcs[a].up, self.arcs[a].down = max(self.arcs[a].up, change), max(self.arcs[a].down, -change)
        return amount - left

    def _room(self, n: int, moved: dict[int, int], *, forward: bool) -> int:
        return _UNLIMITED if forward else self.arcs[n].slack + moved.get(n, 0)

    def _path(
        self, start: int, end: int, without: int, room: int, moved: dict[int, int], *, fresh: bool
    ) -> list[tuple[int, bool]] | None:
        """The cheapest path whose every arc has that much room (Dijkstra); an empty one for an arc that is a loop."""
        best: dict[int, int] = {start: 0}
        via: dict[int, tuple[int, int, bool]] = {}
        queue = [(0, start)]
        while queue:
            spent, node = heapq.heappop(queue)
            if node == end:
                return _walk(via, start, end)
            if spent > best[node]:
                continue
            for n, other, forward in self.around.get(node, ()):
                arc = self.arcs[n]
                if n == without or arc.known or not (arc.free or fresh):
                    continue
                cost = spent + (0 if arc.free else arc.cost)
                if cost < best.get(other, _UNLIMITED) and self._room(n, moved, forward=forward) >= room:
                    best[other], via[other] = cost, (node, n, forward)
                    heapq.heappush(queue, (cost, other))
        return None


def _walk(via: dict[int, tuple[int, int, bool]], start: int, end: int) -> list[tuple[int, bool]]:
    path = []
    while end != start:
        end, n, forward = via[end]
        path.append((n, forward))
    return path


def _cost(cell: Cell, *, total: bool) -> int:
    """Large cells cost more than small ones, zeros (which many readers know) and totals much more; what an earlier
    version holds back costs next to nothing, so that versions hold back the same."""
    cost = 100 + 10 * abs(cell.value).bit_length() if cell.value else _COST_ZERO
    return (cost + (_COST_TOTAL if total else 0)) // (100 if cell.earlier is False else 1)


def _totals(cells: Sequence[Cell]) -> dict[tuple[int, int, int], list[int]]:
    """Every total of the table and the cells that make it, whether a row is for it or not."""
    one_way = all(c.column == ALL for c in cells)
    totals: dict[tuple[int, int, int], list[int]] = {}
    for n, (parent, row, column, *_) in enumerate(cells):
        if row == ALL or (column == ALL and not one_way):
            continue
        keys = {(p, r, c) for p, r in ((parent, row), (parent, ALL), (ALL, ALL)) for c in (column, ALL)}
        for key in keys - {(parent, row, column)}:
            totals.setdefault(key, []).append(n)
    return totals


def _ends(key: tuple[int, int, int], nodes: dict[tuple[str, int, int], int], one_way: bool) -> tuple[int, int]:
    """Where the arc of a cell or total begins and ends; `nodes` numbers the nodes."""
    parent, row, column = key
    ground, group = ("ground", ALL, ALL), ("group", parent, column)
    if row != ALL and one_way:
        ends = (group, ground)
    elif row != ALL:
        line = ("line", parent, row)
        ends = (line, group) if column != ALL else (group, line)
    elif parent != ALL:
        above = ("group", ALL, column)
        ends = (group, above) if column != ALL else (above, group)
    else:
        ends = (group, ground) if column != ALL else (ground, group)
    return nodes.setdefault(ends[0], len(nodes)), nodes.setdefault(ends[1], len(nodes))
