"""What readers know of the tables of an open dataset: `read_tables`, `read_past`, `sums`.

Belongs here: cutting the rows of this version and of earlier ones into tables, and which sums are known of their cells.
Does not belong here: what follows from it (`bounds.py`, `audit.py`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, product
from typing import Any, NamedTuple

import duckdb

from warehouse.duck import ident, literal
from warehouse.opendata.contract import OpenContract, SmallCells
from warehouse.privacy import Versions, by_number
from warehouse.privacy.bounds import Sum

SUPPRESSED = "ditekan"

Key = tuple[Any, Any, Any]
"""Parent, row and column of a cell; None for a total over them."""


class Table(NamedTuple):
    """One table: its cells in whole numbers (None: suppressed), what these are in truth, which of them must stay open,
    and by version what earlier ones show of cells that it does not show."""

    name: str
    told: dict[Key, int | None]
    truth: dict[Key, int]
    guarded: frozenset[Key]
    earlier: dict[int, dict[Key, int]]

    @property
    def held(self) -> list[Key]:
        return [k for k, v in self.told.items() if v is None]


class Past(NamedTuple):
    """A table of an earlier version with suppressed cells, and what this version shows of the same cells."""

    version: int
    table: Table
    now: dict[Key, int]


def scale(rule: SmallCells) -> int:
    """Whole numbers are counts, or cents."""
    return 1 if rule.jenis == "hitungan" else 100


def read_tables(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    contract: OpenContract,
    number: int,
    earlier: Versions,
    ledger: str | None,
) -> list[Table]:
    """The tables of rule `number` that have a suppressed cell. With a ledger, earlier values that are not today's are
    left out: they do not tell what is suppressed now."""
    rule = contract.ext.sel_kecil[number]
    _read(con, relation, contract, number, ledger)
    memories = _memories(con, rule, earlier)
    tables = list(_tables(con, rule, memories))
    return tables if ledger is None else [_without_wrong_memories(t) for t in tables]


def read_past(con: duckdb.DuckDBPyConnection, relation: str, rule: SmallCells, earlier: Versions) -> Iterator[Past]:
    """Tables with suppressed cells of every earlier version, the oldest first, each content once."""
    parts, newest = _earlier_parts(con, rule, earlier, rule.penanda)
    if not parts:
        return
    per = [ident(c) for c in rule.per]
    dimensions = [f"e.{ident(c)}" if c else "NULL" for c in _dimensions(rule)]
    same = " AND ".join(f"e.{ident(c)} IS NOT DISTINCT FROM t.{ident(c)}" for c in _named(rule))
    value, held = (
        ident(rule.nilai),
        f"(e.{ident(rule.penanda)} = {literal(SUPPRESSED)} AND e.{ident(rule.nilai)} IS NULL)",
    )
    group = ["e._berkas", *(f"e.{c}" for c in per)]
    rows = con.execute(
        f"SELECT {', '.join([*group, *dimensions])}, CAST(round(e.{value} * {scale(rule)}) AS HUGEINT),"
        f" CAST(round(t.{value} * {scale(rule)}) AS HUGEINT) FROM {parts} AS e"
        f" LEFT JOIN {ident(relation)} AS t ON {same}"
        f" WHERE {held} OR e.{value} IS NOT NULL QUALIFY bool_or({held}) OVER (PARTITION BY {', '.join(group)})"
        f" ORDER BY ALL"
    ).fetchall()
    seen: set[tuple[Any, ...]] = set()
    grouped = [(k, list(g)) for k, g in groupby(rows, key=lambda row: row[: len(group)])]
    for (file, *names), found in sorted(grouped, key=lambda pair: newest[pair[0][0]]):
        told = {_key(row[len(group) : -2], rule): row[-2] for row in found}
        content = (*names, frozenset(told.items()))
        if content not in seen:
            seen.add(content)
            now = {_key(row[len(group) : -2], rule): row[-1] for row in found if row[-1] is not None}
            yield Past(newest[file], Table(_name(rule, names), told, {}, frozenset(), {}), now)


def sums(table: Table, memory: Mapping[Key, int], rule: SmallCells) -> tuple[dict[Key, int], tuple[Sum, ...]]:
    """Places of the unknown cells, and what is known of them: every total, shown or not, is the sum of its cells."""
    unknown = {k: n for n, k in enumerate(k for k in table.held if k not in memory)}
    known = {k: v for k, v in table.told.items() if v is not None} | dict(memory)
    found = []
    for total, parts in _parts(table, memory).items():
        signs = [(unknown[k], 1) for k in parts if k in unknown]
        rest = sum(known[k] for k in parts if k in known)
        if total in unknown and parts:
            found.append(Sum((*signs, (unknown[total], -1)), -rest))
        elif total in known and signs:
            found.append(Sum(tuple(signs), known[total] - rest, 0.0 if rule.jenis == "hitungan" else 0.5 * len(parts)))
    return unknown, tuple(found)


def _read(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    contract: OpenContract,
    number: int,
    ledger: str | None,
) -> None:
    """Put the tables that have a suppressed cell into `_diperiksa`."""
    rule = contract.ext.sel_kecil[number]
    # A row can be marked for another rule's sake, which leaves this rule's value open or empties it too.
    held = f"(t.{ident(rule.penanda)} = {literal(SUPPRESSED)} AND t.{ident(rule.nilai)} IS NULL)"
    truth, guarded, joined = "NULL", held, ""
    if ledger:
        same = " AND ".join(f"l.{ident(k)} = t.{ident(k)}" for k in contract.key)
        joined = f"LEFT JOIN {ident(ledger)} AS l ON l._aturan = {number} AND {same}"
        truth, guarded = f"CAST(round(l._nilai * {scale(rule)}) AS HUGEINT)", "coalesce(l._rawan, false)"
    dimensions = [f"t.{ident(c)}" if c else "NULL" for c in (*rule.per, *_dimensions(rule))]
    partition = f"PARTITION BY {', '.join(f't.{ident(c)}' for c in rule.per)}" if rule.per else ""
    names = [*(f"p{n}" for n in range(len(rule.per))), "induk", "baris", "kolom"]
    fields = ", ".join(f"{d} AS {n}" for d, n in zip(dimensions, names, strict=True))
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE _diperiksa AS SELECT {fields},"
        f" CAST(round(t.{ident(rule.nilai)} * {scale(rule)}) AS HUGEINT) AS nilai, {held} AS ditahan, {truth} AS asli,"
        f" {guarded} AS rawan FROM {ident(relation)} AS t {joined}"
        f" WHERE {held} OR t.{ident(rule.nilai)} IS NOT NULL QUALIFY bool_or({held}) OVER ({partition})"
    )


def _named(rule: SmallCells) -> list[str]:
    """The columns that name a cell."""
    return [*rule.per, *(c for c in _dimensions(rule) if c)]


def _dimensions(rule: SmallCells) -> tuple[str | None, str | None, str | None]:
    return rule.induk, rule.baris, rule.kolom


def _earlier_parts(
    con: duckdb.DuckDBPyConnection, rule: SmallCells, earlier: Versions, *needed: str
) -> tuple[str, dict[str, int]]:
    """The SQL that reads all earlier parts (`_berkas`: which), and the newest version of each; empty if there are none
    or they lack a column."""
    newest = {str(path): number for number, parts in by_number(earlier).items() for path in parts}
    if not newest:
        return "", {}
    parts = f"read_parquet([{', '.join(map(literal, newest))}], union_by_name = true, filename = '_berkas')"
    columns = {r[0] for r in con.execute(f"DESCRIBE FROM {parts}").fetchall()}
    return (parts, newest) if {*_named(rule), rule.nilai, *needed} <= columns else ("", {})


def _memories(
    con: duckdb.DuckDBPyConnection, rule: SmallCells, earlier: Versions
) -> dict[tuple[Any, ...], dict[int, dict[Key, int]]]:
    """By table and version: what earlier versions show of cells that the table does not show."""
    parts, newest = _earlier_parts(con, rule, earlier)
    if not parts:
        return {}
    same_table = [f"e.{ident(c)} IS NOT DISTINCT FROM d.p{n}" for n, c in enumerate(rule.per)] or ["true"]
    same_cell = [
        f"e.{ident(c)} IS NOT DISTINCT FROM d.{n}"
        for c, n in zip(_dimensions(rule), ("induk", "baris", "kolom"), strict=True)
        if c
    ]
    dimensions = ", ".join(f"e.{ident(c)}" if c else "NULL" for c in (*rule.per, *_dimensions(rule)))
    value = f"CAST(round(e.{ident(rule.nilai)} * {scale(rule)}) AS HUGEINT)"
    rows = con.execute(
        f"SELECT e._berkas, {value}, {dimensions} FROM {parts} AS e"
        f" SEMI JOIN _diperiksa AS d ON {' AND '.join(same_table)}"
        f" ANTI JOIN (FROM _diperiksa WHERE NOT ditahan) AS d ON {' AND '.join([*same_table, *same_cell])}"
        f" WHERE e.{ident(rule.nilai)} IS NOT NULL ORDER BY ALL"
    ).fetchall()
    found: dict[tuple[Any, ...], dict[int, dict[Key, int]]] = {}
    for file, value, *names in rows:
        per, key = tuple(names[:-3]), _key(names[-3:], rule)
        found.setdefault(per, {}).setdefault(newest[file], {})[key] = value
    return found


def _key(names: Sequence[Any], rule: SmallCells) -> Key:
    parent, row, column = (None if n is None or str(n) == rule.jumlah else n for n in names)
    return parent, row, column


def _tables(
    con: duckdb.DuckDBPyConnection,
    rule: SmallCells,
    memories: Mapping[tuple[Any, ...], dict[int, dict[Key, int]]],
) -> Iterator[Table]:
    per = [f"p{n}" for n in range(len(rule.per))]
    con.execute(
        f"SELECT {', '.join([*per, 'induk', 'baris', 'kolom', 'nilai', 'ditahan', 'asli', 'rawan'])} FROM _diperiksa"
        f" ORDER BY {', '.join([*per, 'induk', 'baris', 'kolom'])}"
    )
    for names, rows in groupby(con.fetchall(), key=lambda row: row[: len(per)]):
        told: dict[Key, int | None] = {}
        truth: dict[Key, int] = {}
        guarded = set()
        for row in rows:
            *dimensions, value, held, real, unsafe = row[len(per) :]
            key = _key(dimensions, rule)
            told[key] = None if held else value
            if held and real is not None:
                truth[key] = real
            if held and unsafe:
                guarded.add(key)
        yield Table(_name(rule, names), told, truth, frozenset(guarded), memories.get(tuple(names), {}))


def _name(rule: SmallCells, names: Sequence[Any]) -> str:
    return ", ".join(f"{c}={v}" for c, v in zip(rule.per, names, strict=True)) or rule.nilai


def _without_wrong_memories(table: Table) -> Table:
    """Without what was true in an earlier version and is not today: it does not tell what is suppressed now."""
    kept = {
        version: right
        for version, memory in table.earlier.items()
        if (right := {k: v for k, v in memory.items() if _holds(table, k, v)})
    }
    return table._replace(earlier=kept)


def _holds(table: Table, key: Key, value: int) -> bool:
    """Whether an earlier value is still right, or may be as far as the ledger tells."""
    if key in table.told:
        return table.truth.get(key, value) == value
    parts = _parts(table, [key])[key]
    real = [table.truth.get(k) if (v := table.told[k]) is None else v for k in parts]
    return None in real or value == sum(v for v in real if v is not None)


def _parts(table: Table, memory: Iterable[Key]) -> dict[Key, list[Key]]:
    """Every total that the table or an earlier version has, and the cells that it is the sum of."""
    one_way = all(column is None for _, _, column in table.told)
    cells = {k for k in table.told if k[1] is not None and (k[2] is not None or one_way)}
    parts: dict[Key, list[Key]] = {k: [] for k in (*table.told, *memory) if k not in cells}
    for cell in sorted(cells, key=str):
        for total in product(*((part, None) if part is not None else (None,) for part in cell)):
            if total in parts:
                parts[total].append(cell)
    return parts
