"""Suppressing small cells and their complements in a table that is about to be published: `protect`.

Belongs here: finding unsafe cells by a contract's rules (`sel_kecil`), cutting rows into tables, emptying cells in
place. Does not belong here: which complements a table needs (`network.py`), the attack on the result (`audit.py`).
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from warehouse.duck import ident, literal
from warehouse.opendata.contract import OpenContract, SmallCells
from warehouse.privacy import Versions, by_number
from warehouse.privacy.network import ALL, MOST, THRESHOLD, Cell, pattern

OPEN, SUPPRESSED = "terbuka", "ditekan"
LARGEST_TABLE = 5_000
_CENTS = 100


class PrivacyError(RuntimeError):
    """A table that cannot be protected as its contract says."""


class Protection(NamedTuple):
    """What was done: cells suppressed as unsafe (`utama`) and as their complements (`pelengkap`).

    `jumlah_ditahan`: totals that no row is for and that nobody may publish beside the table. `salah` holds back the
    release. `catatan`: temporary table with the suppressed values by key, for the audit alone; None when there is none.
    """

    utama: int
    pelengkap: int
    jumlah_ditahan: int = 0
    salah: tuple[str, ...] = ()
    catatan: str | None = None


def protect(
    con: duckdb.DuckDBPyConnection, relation: str, contract: OpenContract, earlier: Versions = ()
) -> Protection:
    """Empty unsafe cells and their complements in a temporary table, and say in its `penanda` column which they are.

    The table still has its closed columns (payers, largest share). `earlier` are the Parquet parts of each earlier
    version: what one shows is of no use as a complement, and what the last holds back is held back first.
    A rule that only checks (`gabung`) and finds a small cell gives a fault. Raises PrivacyError for a table that is too
    wide, and for a row that belongs to two parents.
    """
    rules = contract.ext.sel_kecil
    found: dict[str, list[Any]] = {"aturan": [], "baris": [], "rawan": []}
    faults: list[str] = []
    hidden = 0
    for number, rule in enumerate(rules):
        small = _count(con, relation, rule)
        if small and rule.tindakan == "gabung":
            faults.append(
                f"{small} sel {rule.nilai} masih kecil: gabungkan lebih kasar dalam SQL (minggu, bulan, wilayah)"
            )
        elif small:
            for rows in _tables(con, relation, contract, rule, earlier):
                result = pattern(rule.jenis, _cells(rows, rule))
                hidden += len(result.hidden)
                taken = sorted(result.unsafe | result.complements)
                found["aturan"] += [number] * len(taken)
                found["baris"] += [rows[n].rowid for n in taken]
                found["rawan"] += [n in result.unsafe for n in taken]
    ledger = _write_ledger(con, relation, contract, found)
    _empty(con, relation, rules, ledger)
    unsafe = sum(found["rawan"])
    return Protection(unsafe, len(found["rawan"]) - unsafe, hidden, tuple(faults), ledger)


def _unsafe(rule: SmallCells) -> str:
    """The SQL condition for a cell that is unsafe by itself; the same as `network.is_unsafe`."""
    value = ident(rule.nilai)
    if rule.jenis == "hitungan":
        return f"({value} > 0 AND {value} < {THRESHOLD})"
    payers, largest = ident(str(rule.pembayar)), ident(str(rule.terbesar))
    return f"({value} <> 0 AND (coalesce({payers}, 0) < {THRESHOLD} OR coalesce({largest}, 1) * {MOST} > 1))"


def _count(con: duckdb.DuckDBPyConnection, relation: str, rule: SmallCells) -> int:
    found = con.execute(f"SELECT count(*) FROM {ident(relation)} WHERE {_unsafe(rule)}").fetchone()
    return int(found[0]) if found else 0


class _Row(NamedTuple):
    rowid: int
    parent: Any
    row: Any
    column: Any
    value: int
    payers: int
    largest: int
    earlier: bool | None


def _tables(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    contract: OpenContract,
    rule: SmallCells,
    earlier: Versions,
) -> Iterator[list[_Row]]:
    """The rows of each table that has an unsafe cell, in a stable order. Read to the end before using `con` again."""
    value, scale = ident(rule.nilai), 1 if rule.jenis == "hitungan" else _CENTS
    payers = largest = "-1"
    if rule.jenis == "uang":
        payers = f"coalesce(CAST({ident(str(rule.pembayar))} AS BIGINT), -1)"
        share = f"CAST({ident(str(rule.terbesar))} AS DOUBLE)"
        amount = f"CAST(abs({value}) * {scale} AS DOUBLE)"
        most = f"greatest(ceil({amount} * {share}), floor({amount} / {MOST}) + 1)"  # stays above its part when rounded
        share_of = f"CASE WHEN {share} * {MOST} > 1 THEN {most} ELSE floor({amount} * {share}) END"
        largest = f"coalesce(CAST({share_of} AS HUGEINT), -1)"
    per = [ident(c) for c in rule.per]
    given = [c for c in (rule.induk, rule.baris, rule.kolom) if c]
    dimensions = [ident(c) if c else "NULL" for c in (rule.induk, rule.baris, rule.kolom)]
    partition = f"PARTITION BY {', '.join(per)}" if per else ""
    _read_earlier(con, relation, contract, rule, earlier)
    con.execute(
        f"SELECT {', '.join([*per, 't.rowid', *dimensions])}, CAST(round({value} * {scale}) AS HUGEINT), {payers},"
        f" {largest}, e.tampak FROM {ident(relation)} AS t LEFT JOIN _sebelumnya AS e ON e.baris = t.rowid"
        f" WHERE {value} IS NOT NULL QUALIFY bool_or({_unsafe(rule)}) OVER ({partition})"
        f" ORDER BY {', '.join([*per, *map(ident, given)])}, t.rowid"
    )
    for _, group in groupby(_stream(con), key=lambda row: row[: len(per)]):
        rows = [_Row(*row[len(per) :]) for row in group]
        if len(rows) > LARGEST_TABLE:
            raise PrivacyError(
                f"{contract.name}: tabel {rule.baris} x {rule.kolom or '-'} terlalu lebar ({len(rows)} sel): "
                "gabungkan lebih kasar dalam SQL (coarsen)"
            )
        yield rows


def _stream(con: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while batch := con.fetchmany(20_000):
        yield from batch


def _cells(rows: Sequence[_Row], rule: SmallCells) -> tuple[Cell, ...]:
    """The rows as numbered cells. Raises PrivacyError for a row in two parents and for a cell that is there twice."""
    parents: dict[Any, int] = {}
    lines: dict[Any, int] = {}
    columns: dict[Any, int] = {}
    home: dict[int, int] = {}

    def number(known: dict[Any, int], name: Any) -> int:
        return ALL if name is None or str(name) == rule.jumlah else known.setdefault(name, len(known))

    cells = tuple(
        Cell(number(parents, r.parent), number(lines, r.row), number(columns, r.column), *r[4:]) for r in rows
    )
    for cell in cells:
        if cell.row != ALL and home.setdefault(cell.row, cell.parent) != cell.parent:
            raise PrivacyError(f"{rule.nilai}: satu {rule.baris} berada dalam dua {rule.induk}: gabungkan (coarsen)")
    if len({cell[:3] for cell in cells}) < len(cells):
        raise PrivacyError(f"{rule.nilai}: sel {rule.baris} x {rule.kolom or '-'} muncul dua kali dalam satu tabel")
    return cells


def _read_earlier(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    contract: OpenContract,
    rule: SmallCells,
    earlier: Versions,
) -> None:
    """Put into `_sebelumnya` which rows an earlier version shows with today's value, and which the last holds back."""
    con.execute("CREATE OR REPLACE TEMP TABLE _sebelumnya (baris BIGINT, tampak BOOLEAN)")
    versions = list(by_number(earlier).values())
    shown = list(dict.fromkeys(str(path) for parts in versions for path in parts))
    if not shown:
        return
    last = [str(path) for path in versions[-1]]
    same = " AND ".join(f"p.{ident(k)} = t.{ident(k)}" for k in contract.key)
    value, marker = ident(rule.nilai), ident(rule.penanda)
    needed = {*contract.key, rule.nilai, rule.penanda}
    for paths, condition, says in (
        (last, f"p.{marker} = {literal(SUPPRESSED)} AND p.{value} IS NULL", False),
        (shown, f"p.{value} = t.{value}", True),
    ):
        parts = f"read_parquet([{', '.join(map(literal, paths))}], union_by_name = true)"
        if not paths or not needed <= {r[0] for r in con.execute(f"DESCRIBE FROM {parts}").fetchall()}:
            continue
        con.execute(
            f"INSERT INTO _sebelumnya SELECT t.rowid, {says} FROM {ident(relation)} AS t"
            f" SEMI JOIN {parts} AS p ON {same} AND {condition}"
        )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE _sebelumnya AS"
        " SELECT baris, bool_or(tampak) AS tampak FROM _sebelumnya GROUP BY baris"
    )


def _write_ledger(
    con: duckdb.DuckDBPyConnection, relation: str, contract: OpenContract, found: dict[str, list[Any]]
) -> str | None:
    """Keep the suppressed values by key, for the audit to tell a right inference from a wrong one."""
    ledger = f"{relation}_rahasia"
    con.execute(f"DROP TABLE IF EXISTS {ident(ledger)}")
    if not found["baris"]:
        return None
    values = " ".join(f"WHEN {n} THEN CAST(t.{ident(r.nilai)} AS DOUBLE)" for n, r in enumerate(contract.ext.sel_kecil))
    keys = ", ".join(f"t.{ident(k)}" for k in contract.key)
    types = {"aturan": pa.int32(), "baris": pa.int64(), "rawan": pa.bool_()}
    con.register("_ditemukan", pa.table({n: pa.array(v, types[n]) for n, v in found.items()}))
    con.execute(
        f"CREATE TEMP TABLE {ident(ledger)} AS SELECT f.aturan AS _aturan, f.baris AS _baris,"
        f" f.rawan AS _rawan, CASE f.aturan {values} END AS _nilai, {keys}"
        f" FROM _ditemukan AS f JOIN {ident(relation)} AS t ON t.rowid = f.baris"
    )
    con.unregister("_ditemukan")
    return ledger


def _empty(con: duckdb.DuckDBPyConnection, relation: str, rules: Sequence[SmallCells], ledger: str | None) -> None:
    """Mark every row, and empty what the ledger names."""
    for marker in sorted({rule.penanda for rule in rules if rule.tindakan == "tekan"}):
        con.execute(f"UPDATE {ident(relation)} SET {ident(marker)} = {literal(OPEN)}")
    for number, rule in enumerate(rules):
        if ledger and rule.tindakan == "tekan":
            emptied = ", ".join(f"{ident(c)} = NULL" for c in dict.fromkeys((rule.nilai, *rule.ikut)))
            con.execute(
                f"UPDATE {ident(relation)} AS t SET {emptied}, {ident(rule.penanda)} = {literal(SUPPRESSED)}"
                f" FROM {ident(ledger)} AS l WHERE l._aturan = {number} AND l._baris = t.rowid"
            )
