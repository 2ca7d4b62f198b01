"""An attack on a table that is about to be published, with all that readers have: `audit`.

Belongs here: which tables are refused, what follows from what a reader knows, and how that is told. Does not belong
here: what a reader knows (`facts.py`), solving it (`bounds.py`), and suppression (`cells.py`), of which nothing is
used.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import duckdb

from warehouse.duck import ident, literal
from warehouse.opendata.contract import OpenContract, SmallCells
from warehouse.privacy import Versions
from warehouse.privacy.bounds import Bound, System, Target, examine
from warehouse.privacy.facts import SUPPRESSED, Key, Past, Table, read_past, read_tables, scale, sums

SMALL = 5
"""Counts below this tell of single persons; a range narrower than this, too."""
SHARE = 0.5
"""A range of money narrower than this share of the value tells it."""
WIDEST = 5_000
"""Cells of one table; wider ones are refused."""


class Finding(NamedTuple):
    """Why the table must not be published. `lebar` is the width of the range that a suppressed cell is bounded to, in
    the dataset's unit; `versi` the number of the earlier version that it leaks through. Neither the value
    nor its bounds are told."""

    tabel: str
    sel: str
    lebar: float | None
    versi: int | None
    pesan: str


def audit(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    contract: OpenContract,
    earlier: Versions,
    ledger: str | None = None,
) -> list[Finding]:
    """Everything that follows about suppressed cells from what is published; empty if the table may leave.

    The relation is what readers will get; `earlier` are the Parquet parts of every earlier version that they could
    have, oldest first. Known are the open cells, the rows that hold totals (`jumlah` of the rule), and what earlier
    versions show of cells that are suppressed now or of totals that are not there any more. A suppressed cell is at
    least zero.

    What this version shows is turned against the suppressed cells of earlier versions too (for tables with rows of
    totals): if nothing else of a table has changed, its cells are taken to be what they were.

    `ledger` is what `protect` has kept: with it only cells that are unsafe by themselves count, and an earlier value
    that was another than today's is no leak. Without it every suppressed cell counts, and earlier values are taken to
    hold still, unless they contradict the table.
    """
    findings: list[Finding] = []
    for number, rule in enumerate(contract.ext.sel_kecil):
        findings += _still_small(con, relation, rule)
        if rule.tindakan == "gabung":
            continue
        refused = _refused(con, relation, contract, rule)
        findings += refused
        if not refused:
            findings += _attack(contract, rule, read_tables(con, relation, contract, number, earlier, ledger))
            findings += _attack_the_past(contract, rule, read_past(con, relation, rule, earlier))
    return findings


def _refused(con: duckdb.DuckDBPyConnection, relation: str, contract: OpenContract, rule: SmallCells) -> list[Finding]:
    """Tables that are more than rows x columns with one hierarchy: their totals give more away than is solved here."""
    name, row = ident(relation), ident(rule.baris)
    per = [ident(c) for c in rule.per]
    cell = ", ".join([*per, *(ident(c) for c in (rule.induk, rule.baris, rule.kolom) if c)])
    total = literal(rule.jumlah or "")
    checks = {
        f"satu sel {rule.baris} x {rule.kolom or '-'} muncul lebih dari sekali": (
            f"SELECT 1 FROM {name} GROUP BY {cell} HAVING count(*) > 1"
        ),
        f"lebih dari {WIDEST} sel dalam satu tabel": f"SELECT {', '.join([*per, '1'])} FROM {name} GROUP BY ALL"
        f" HAVING count(*) > {WIDEST}",
    }
    if rule.induk:
        checks[f"satu {rule.baris} berada dalam dua {rule.induk}"] = (
            f"SELECT {', '.join([*per, row])} FROM {name} WHERE CAST({row} AS VARCHAR) <> {total}"
            f" GROUP BY ALL HAVING count(DISTINCT {ident(rule.induk)}) > 1"
        )
    if rule.jumlah:
        for column in per:
            checks[f"ada baris jumlah atas {column}"] = (
                f"SELECT 1 FROM {name} WHERE CAST({column} AS VARCHAR) = {total}"
            )
    if not _any(con, f"SELECT 1 FROM {name} WHERE {ident(rule.penanda)} = {literal(SUPPRESSED)}"):
        return []
    return [
        Finding(
            f"{rule.baris} x {rule.kolom or '-'}", "", None, None,
            f"{contract.name}.{rule.nilai}: {reason}; tabel selebar itu ditolak, gabungkan lebih kasar (coarsen)",
        )
        for reason, sql in checks.items()
        if _any(con, sql)
    ]  # fmt: skip


def _any(con: duckdb.DuckDBPyConnection, sql: str) -> bool:
    return con.execute(f"{sql} LIMIT 1").fetchone() is not None


def _still_small(con: duckdb.DuckDBPyConnection, relation: str, rule: SmallCells) -> list[Finding]:
    """Counts that are shown though they are small. Who paid money is no longer in the table, so money is not judged."""
    value = ident(rule.nilai)
    if rule.jenis != "hitungan":
        return []
    found = con.execute(f"SELECT count(*) FROM {ident(relation)} WHERE {value} > 0 AND {value} < {SMALL}").fetchone()
    small = found[0] if found else 0
    reason = f"{rule.nilai}: {small} sel terbuka memuat hitungan di bawah {SMALL}; tekan atau gabungkan lebih kasar"
    return [Finding(f"{rule.baris} x {rule.kolom or '-'}", f"{small} sel", None, None, reason)] if small else []


def _attack(contract: OpenContract, rule: SmallCells, tables: Sequence[Table]) -> Iterator[Finding]:
    """What follows from this version alone, and what more with the help of earlier ones."""
    for table, bounds in zip(tables, examine([_system(t, {}, t.guarded, rule) for t in tables]), strict=True):
        if bounds is None:
            reason = f"{contract.name}: {table.name}: jumlah yang terbit tidak sama dengan sel-selnya"
            yield Finding(table.name, "", None, None, reason)
        found = {table.held[b.target.number]: b for b in bounds or ()}
        for key, bound in found.items():
            yield _finding(contract, rule, table, key, bound, None)
        yield from _attack_by_memory(contract, rule, table, set(found))


def _attack_by_memory(contract: OpenContract, rule: SmallCells, table: Table, seen: set[Key]) -> Iterator[Finding]:
    """What more follows with the help of earlier versions: each by itself, the newest first, then all together."""
    together: dict[Key, int] = {}
    for version in sorted(table.earlier):
        together |= table.earlier[version]
    attempts = [(version, table.earlier[version]) for version in sorted(table.earlier, reverse=True)]
    if len(attempts) > 1:
        attempts.append((attempts[0][0], together))
    for version, memory in attempts:
        shown = sorted(table.guarded & memory.keys() - seen, key=str)
        for key, bound in [*((k, None) for k in shown), *_narrow(table, memory, table.guarded - seen, rule)]:
            seen.add(key)
            yield _finding(contract, rule, table, key, bound, version)


def _attack_the_past(contract: OpenContract, rule: SmallCells, past: Iterator[Past]) -> Iterator[Finding]:
    """Cells that an earlier version suppressed and that follow from it and what this version shows of its other cells.

    Counts only: of money no one can tell any more whether the earlier value was unsafe.
    """
    if rule.jumlah is None or rule.jenis != "hitungan":
        return
    for version, table, now in past:
        cells = {k for k in table.told if k[1] is not None and (rule.kolom is None or k[2] is not None)}
        opened = {k: now[k] for k in table.held if k in now}
        if not opened or any(table.told[k] not in (None, now.get(k)) for k in cells):
            continue
        for key in table.held:
            memory = {k: v for k, v in opened.items() if k != key and k in cells}
            for _, bound in _narrow(table, memory, frozenset({key}), rule):
                if bound.least > 0 and bound.most < SMALL and not bound.least <= now.get(key, 0) <= bound.most:
                    yield _finding(contract, rule, table, key, bound, version)


def _narrow(
    table: Table, memory: Mapping[Key, int], guarded: frozenset[Key], rule: SmallCells
) -> list[tuple[Key, Bound]]:
    keys = [k for k in table.held if k not in memory]
    return [(keys[b.target.number], b) for b in examine([_system(table, memory, guarded, rule)])[0] or ()]


def _system(table: Table, memory: Mapping[Key, int], guarded: frozenset[Key], rule: SmallCells) -> System:
    unknown, known = sums(table, memory, rule)
    truth = tuple(float(table.truth[k]) for k in unknown) if table.truth.keys() >= unknown.keys() else None
    shown = [v for v in (*table.told.values(), *table.truth.values()) if v is not None]
    least = 0.0 if min(shown, default=0) >= 0 else -float(sum(map(abs, shown)))
    targets = tuple(_target(table, key, n, rule) for key, n in unknown.items() if key in guarded)
    return System(len(unknown), known, targets, least, truth)


def _finding(
    contract: OpenContract, rule: SmallCells, table: Table, key: Key, bound: Bound | None, version: int | None
) -> Finding:
    width = round((bound.most - bound.least) / scale(rule), 2) + 0.0 if bound else 0.0
    cell = " x ".join(str(rule.jumlah if part is None else part) for part in key[1:])
    through = f" lewat versi {version} yang sudah terbit" if version else ""
    how = f"dapat dibatasi pada rentang selebar {width:g}" if bound else "masih terbaca"
    where = f"{contract.name}: {table.name}: sel {cell} ({rule.nilai})"
    return Finding(table.name, cell, width, version, f"{where} yang ditekan {how}{through}")


def _target(table: Table, key: Key, index: int, rule: SmallCells) -> Target:
    if rule.jenis == "hitungan":
        return Target(index, SMALL, top=SMALL)
    if key in table.truth:
        return Target(index, SHARE * abs(table.truth[key]))
    return Target(index, 1, share=SHARE)
