"""An attack on a table that is about to be published, with all that readers have: `audit`.

Belongs here: what a reader knows of each suppressed cell (open cells, rows that hold totals, earlier versions), and
what follows from it. Does not belong here: solving it (`bounds.py`), and suppression (`cells.py`), of which nothing is
used.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, product
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from warehouse.duck import ident, literal
from warehouse.opendata.contract import OpenContract, SmallCells
from warehouse.privacy.bounds import Bound, Sum, System, Target, examine

SMALL = 5
"""Counts below this tell of single persons; a range narrower than this, too."""
SHARE = 0.5
"""A range of money narrower than this share of the value tells it."""
WIDEST = 5_000
"""Cells of one table; wider ones are refused."""
_SUPPRESSED = "ditekan"


class Finding(NamedTuple):
    """Why the table must not be published. `lebar` is the width of the range that a suppressed cell is bounded to, in
    the dataset's unit; `versi` the place in `earlier`, from 1, of the version that it leaks through. Neither the value
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
    earlier: Sequence[Sequence[Path]],
    ledger: str | None = None,
) -> list[Finding]:
    """Everything that follows about suppressed cells from what is published; empty if the table may leave.

    The relation is what readers will get; `earlier` are the Parquet parts of every earlier version that they could
    have, oldest first. Known are the open cells, the rows that hold totals (`jumlah` of the rule), and what earlier
    versions show of cells that are suppressed now or of totals that are not there any more. A suppressed cell is at
    least zero.

    `ledger` is what `protect` has kept: with it only cells that are unsafe by themselves count, and an earlier value
    that was another than today's is no leak. Without it every suppressed cell counts, and earlier values are taken to
    hold still, unless they contradict the table.
    """
    findings: list[Finding] = []
    for number, rule in enumerate(contract.ext.sel_kecil):
        refused = _refused(con, relation, contract, rule)
        findings += refused
        if not refused:
            findings += _still_small(con, relation, rule)
            if rule.tindakan == "tekan":
                findings += _attack(con, relation, contract, number, rule, earlier, ledger)
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
    if not _any(con, f"SELECT 1 FROM {name} WHERE {ident(rule.penanda)} = {literal(_SUPPRESSED)}"):
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


_Key = tuple[Any, Any, Any]
"""Parent, row and column of a cell; None for a total over them."""


class _Table(NamedTuple):
    """One table: its cells in whole numbers (None: suppressed), what these are in truth, which of them must stay open,
    and by version what earlier ones show of cells that it does not show."""

    name: str
    told: dict[_Key, int | None]
    truth: dict[_Key, int]
    guarded: frozenset[_Key]
    earlier: dict[int, dict[_Key, int]]


def _attack(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    contract: OpenContract,
    number: int,
    rule: SmallCells,
    earlier: Sequence[Sequence[Path]],
    ledger: str | None,
) -> list[Finding]:
    _read(con, relation, contract, number, rule, ledger)
    memories = _memories(con, rule, earlier)
    tables = list(_tables(con, rule, memories, known=ledger is not None))
    findings: list[Finding] = []
    alone = examine([_system(t, {}, rule) for t in tables])
    for table, bounds in zip(tables, alone, strict=True):
        keys = _unknown(table, {})
        if bounds is None:
            reason = f"{contract.name}: {table.name}: jumlah yang terbit tidak sama dengan sel-selnya"
            findings.append(Finding(table.name, "", None, None, reason))
        for bound in bounds or ():
            findings.append(_finding(contract, rule, table, keys[bound.target.number], bound, None))
    found = {(f.tabel, f.sel) for f in findings}
    for table in tables:
        if table.earlier:
            findings += [f for f in _attack_by_memory(contract, rule, table) if (f.tabel, f.sel) not in found]
    return findings


def _attack_by_memory(contract: OpenContract, rule: SmallCells, table: _Table) -> Iterator[Finding]:
    """What follows with the help of earlier versions: each by itself, the newest first, then all together."""
    seen: set[_Key] = set()
    together: dict[_Key, int] = {}
    for version in sorted(table.earlier):
        together |= table.earlier[version]
    attempts = [(version, table.earlier[version]) for version in sorted(table.earlier, reverse=True)]
    if len(attempts) > 1:
        attempts.append((attempts[0][0], together))
    for version, memory in attempts:
        for key in sorted(table.guarded & memory.keys() - seen, key=str):
            seen.add(key)
            yield _finding(contract, rule, table, key, None, version)
        keys = _unknown(table, memory)
        for bound in examine([_system(table, memory, rule)])[0] or ():
            key = keys[bound.target.number]
            if key not in seen:
                seen.add(key)
                yield _finding(contract, rule, table, key, bound, version)


def _finding(
    contract: OpenContract, rule: SmallCells, table: _Table, key: _Key, bound: Bound | None, version: int | None
) -> Finding:
    unit = 1 if rule.jenis == "hitungan" else 100
    width = round((bound.most - bound.least) / unit, 2) + 0.0 if bound else 0.0
    cell = " x ".join(str(rule.jumlah if part is None else part) for part in key[1:])
    through = f" lewat versi ke-{version} yang sudah terbit" if version else ""
    how = f"dapat dibatasi pada rentang selebar {width:g}" if bound else "masih terbaca"
    where = f"{contract.name}: {table.name}: sel {cell} ({rule.nilai})"
    return Finding(table.name, cell, width, version, f"{where} yang ditekan {how}{through}")


def _read(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    contract: OpenContract,
    number: int,
    rule: SmallCells,
    ledger: str | None,
) -> None:
    """Put the tables that have a suppressed cell into `_diperiksa`."""
    scale = 1 if rule.jenis == "hitungan" else 100
    # A row can be marked for another rule's sake, which leaves this rule's value open or empties it too.
    held = f"(t.{ident(rule.penanda)} = {literal(_SUPPRESSED)} AND t.{ident(rule.nilai)} IS NULL)"
    truth, guarded, joined = "NULL", held, ""
    if ledger:
        same = " AND ".join(f"l.{ident(k)} = t.{ident(k)}" for k in contract.key)
        joined = f"LEFT JOIN {ident(ledger)} AS l ON l._aturan = {number} AND {same}"
        truth, guarded = f"CAST(round(l._nilai * {scale}) AS HUGEINT)", "coalesce(l._rawan, false)"
    dimensions = [*(f"t.{ident(c)}" for c in rule.per), *(f"t.{ident(c)}" if c else "NULL" for c in _dimensions(rule))]
    partition = f"PARTITION BY {', '.join(f't.{ident(c)}' for c in rule.per)}" if rule.per else ""
    names = [*(f"p{n}" for n in range(len(rule.per))), "induk", "baris", "kolom"]
    fields = ", ".join(f"{d} AS {n}" for d, n in zip(dimensions, names, strict=True))
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE _diperiksa AS SELECT {fields},"
        f" CAST(round(t.{ident(rule.nilai)} * {scale}) AS HUGEINT) AS nilai, {held} AS ditahan, {truth} AS asli,"
        f" {guarded} AS rawan FROM {ident(relation)} AS t {joined}"
        f" WHERE {held} OR t.{ident(rule.nilai)} IS NOT NULL QUALIFY bool_or({held}) OVER ({partition})"
    )


def _dimensions(rule: SmallCells) -> tuple[str | None, str | None, str | None]:
    return rule.induk, rule.baris, rule.kolom


def _memories(
    con: duckdb.DuckDBPyConnection, rule: SmallCells, earlier: Sequence[Sequence[Path]]
) -> dict[tuple[Any, ...], dict[int, dict[_Key, int]]]:
    """By table and version: what earlier versions show of cells that the table does not show."""
    newest = {str(path): n for n, parts in enumerate(earlier, 1) for path in parts}
    if not newest or not _any(con, "SELECT 1 FROM _diperiksa"):
        return {}
    parts = f"read_parquet([{', '.join(map(literal, newest))}], union_by_name = true, filename = '_berkas')"
    columns = [*rule.per, *(c for c in _dimensions(rule) if c)]
    if not {*columns, rule.nilai} <= {r[0] for r in con.execute(f"DESCRIBE FROM {parts}").fetchall()}:
        return {}
    scale = 1 if rule.jenis == "hitungan" else 100
    same_table = [f"e.{ident(c)} IS NOT DISTINCT FROM d.p{n}" for n, c in enumerate(rule.per)] or ["true"]
    same_cell = [
        f"e.{ident(c)} IS NOT DISTINCT FROM d.{n}"
        for c, n in zip(_dimensions(rule), ("induk", "baris", "kolom"), strict=True)
        if c
    ]
    dimensions = ", ".join(f"e.{ident(c)}" if c else "NULL" for c in (*rule.per, *_dimensions(rule)))
    rows = con.execute(
        f"SELECT e._berkas, CAST(round(e.{ident(rule.nilai)} * {scale}) AS HUGEINT), {dimensions} FROM {parts} AS e"
        f" SEMI JOIN _diperiksa AS d ON {' AND '.join(same_table)}"
        f" ANTI JOIN (FROM _diperiksa WHERE NOT ditahan) AS d ON {' AND '.join([*same_table, *same_cell])}"
        f" WHERE e.{ident(rule.nilai)} IS NOT NULL ORDER BY ALL"
    ).fetchall()
    found: dict[tuple[Any, ...], dict[int, dict[_Key, int]]] = {}
    for file, value, *names in rows:
        per, key = tuple(names[:-3]), _key(names[-3:], rule)
        found.setdefault(per, {}).setdefault(newest[file], {})[key] = value
    return found


def _key(names: Sequence[Any], rule: SmallCells) -> _Key:
    parent, row, column = (None if n is None or str(n) == rule.jumlah else n for n in names)
    return parent, row, column


def _tables(
    con: duckdb.DuckDBPyConnection,
    rule: SmallCells,
    memories: Mapping[tuple[Any, ...], dict[int, dict[_Key, int]]],
    *,
    known: bool,
) -> Iterator[_Table]:
    per = [f"p{n}" for n in range(len(rule.per))]
    con.execute(
        f"SELECT {', '.join([*per, 'induk', 'baris', 'kolom', 'nilai', 'ditahan', 'asli', 'rawan'])} FROM _diperiksa"
        f" ORDER BY {', '.join([*per, 'induk', 'baris', 'kolom'])}"
    )
    for names, rows in groupby(con.fetchall(), key=lambda row: row[: len(per)]):
        told: dict[_Key, int | None] = {}
        truth: dict[_Key, int] = {}
        guarded = set()
        for row in rows:
            *dimensions, value, held, real, unsafe = row[len(per) :]
            key = _key(dimensions, rule)
            told[key] = None if held else value
            if held and real is not None:
                truth[key] = real
            if held and unsafe:
                guarded.add(key)
        name = ", ".join(f"{c}={v}" for c, v in zip(rule.per, names, strict=True)) or rule.nilai
        table = _Table(name, told, truth, frozenset(guarded), memories.get(tuple(names), {}))
        yield _without_wrong_memories(table) if known else table


def _without_wrong_memories(table: _Table) -> _Table:
    """Without what was true in an earlier version and is not today: it does not tell what is suppressed now."""
    kept = {
        version: right
        for version, memory in table.earlier.items()
        if (right := {k: v for k, v in memory.items() if _holds(table, k, v)})
    }
    return table._replace(earlier=kept)


def _holds(table: _Table, key: _Key, value: int) -> bool:
    """Whether an earlier value is still right, or may be as far as the ledger tells."""
    if key in table.told:
        return table.truth.get(key, value) == value
    parts = _parts(table, [key])[key]
    real = [table.truth.get(k) if (v := table.told[k]) is None else v for k in parts]
    return None in real or value == sum(v for v in real if v is not None)


def _parts(table: _Table, memory: Iterable[_Key]) -> dict[_Key, list[_Key]]:
    """Every total that the table or an earlier version has, and the cells that it is the sum of."""
    one_way = all(column is None for _, _, column in table.told)
    cells = {k for k in table.told if k[1] is not None and (k[2] is not None or one_way)}
    parts: dict[_Key, list[_Key]] = {k: [] for k in (*table.told, *memory) if k not in cells}
    for cell in sorted(cells, key=str):
        for total in product(*((part, None) if part is not None else (None,) for part in cell)):
            if total in parts:
                parts[total].append(cell)
    return parts


def _unknown(table: _Table, memory: Mapping[_Key, int]) -> list[_Key]:
    return [k for k, v in table.told.items() if v is None and k not in memory]


def _system(table: _Table, memory: Mapping[_Key, int], rule: SmallCells) -> System:
    """The sums that a reader knows: every total, shown or suppressed, is the sum of its cells."""
    unknown = {k: n for n, k in enumerate(_unknown(table, memory))}
    known = {k: v for k, v in table.told.items() if v is not None} | dict(memory)
    sums = []
    for total, parts in _parts(table, memory).items():
        signs = [(unknown[k], 1) for k in parts if k in unknown]
        rest = sum(known[k] for k in parts if k in known)
        if total in unknown and parts:
            sums.append(Sum((*signs, (unknown[total], -1)), -rest))
        elif total in known and signs:
            sums.append(Sum(tuple(signs), known[total] - rest, 0.0 if rule.jenis == "hitungan" else 0.5 * len(parts)))
    truth = tuple(float(table.truth[k]) for k in unknown) if table.truth.keys() >= unknown.keys() else None
    least = (
        0.0 if min([*known.values(), *table.truth.values()], default=0) >= 0 else -float(sum(map(abs, known.values())))
    )
    targets = tuple(_target(table, key, n, rule) for key, n in unknown.items() if key in table.guarded)
    return System(len(unknown), tuple(sums), targets, least, truth)


def _target(table: _Table, key: _Key, index: int, rule: SmallCells) -> Target:
    if rule.jenis == "hitungan":
        return Target(index, SMALL, top=SMALL)
    if key in table.truth:
        return Target(index, SHARE * abs(table.truth[key]))
    return Target(index, 1, share=SHARE)
