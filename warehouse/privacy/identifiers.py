"""Personal identifiers in a table that is about to be published: `scan`.

Belongs here: reading a relation's columns, the quick search for candidates in DuckDB. Does not belong here: what an
identifier looks like (`forms.py`), what a hit leads to (`warehouse/opendata/gate.py`).
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import duckdb

from warehouse.duck import ident, literal
from warehouse.opendata.contract import IdentifierForm, OpenColumn
from warehouse.privacy.forms import Found, find, is_nik, is_nip, is_npwp, masked


class Hit(NamedTuple):
    """A form of personal data in a column: in how many rows, and one example of which no more than two signs show."""

    kolom: str
    bentuk: IdentifierForm
    jumlah: int
    contoh_tersamar: str


_CANDIDATE = "|".join(
    (
        r"[0-9](?:[\s._\-/()]{0,3}[0-9]){8}",
        r"@|[\[(]at[\])]",
        r"(?:^|[^a-z0-9])[a-z]{1,2}[ .\-_]{0,2}[1-9][0-9]{0,3}[ .\-_]{0,2}[a-z]{1,3}(?:[^a-z0-9]|$)",
        r"[0-9a-hj-npr-z]{17}",
        r"m[f-k](?:[ .\-]?[0-9a-hj-npr-z]){15}",
        r"[^\x00-\x7F]",
    )
)
"""Anything that `find` could see something in; without regard to case."""

_PLAINLY_NONE = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[t ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:z|[+\-][0-9:]{2,5})?)?"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|-?[0-9]{1,9}\.[0-9]{1,17}|[0-9a-f]{64}"
)
"""Whole values that need no closer look however many there are: timestamps, UUIDs, decimal numbers, digests."""

_NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_SAFE = ("DATE", "TIME", "BOOLEAN", "INTERVAL", "UUID", "BIT")
_LONG = (100_000_000_000_000, 999_999_999_999_999_999)
"""Numbers of 15 to 18 digits: a NIK, a NIP, an NPWP."""

_PHONE, _PHONE_62 = (811_000_000, 899_999_999_999), (62_811_000_000, 62_899_999_999_999)
"""Mobile numbers without their leading zero, and with the country's code."""
_FEW_PHONES = 5
"""Fewer numbers of that size say nothing: amounts of money look the same."""


def scan(con: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[OpenColumn]) -> list[Hit]:
    """Identifiers in any column of a relation, by column and form; empty when there are none.

    Every text is searched through, in any place; every number that is long enough is looked at too. A column of
    `columns` whose `pengecualian` names a form is not searched for this form. Distinct values are searched, so a
    column that repeats itself costs one grouping of its rows.
    """
    excepted = {c.name: c.ext.pengecualian for c in columns}
    found: list[Hit] = []
    described = con.execute(f"DESCRIBE {ident(relation)}").fetchall()
    numbers = [
        name for name, kind, *_ in described if kind in _NUMERIC or kind.startswith(("DECIMAL", "DOUBLE", "FLOAT"))
    ]
    for name, kind, *_ in described:
        if name not in numbers and not kind.startswith(_SAFE):
            found += _scan_text(con, relation, name)
    found += _scan_numbers(con, relation, numbers, [c.name for c in columns if c.ext.satuan])
    order = {name: n for n, (name, *_) in enumerate(described)}
    kept = [hit for hit in found if hit.bentuk != excepted.get(hit.kolom)]
    return sorted(kept, key=lambda hit: (order[hit.kolom], hit.bentuk))


def _scan_text(con: duckdb.DuckDBPyConnection, relation: str, column: str) -> list[Hit]:
    name = ident(column)
    # With n in it, the condition cannot be pushed below the grouping, where it would be tried on every row.
    cursor = con.execute(
        f"SELECT v, n FROM (SELECT CAST({name} AS VARCHAR) AS v, count(*) AS n FROM {ident(relation)} GROUP BY ALL)"
        f" WHERE CASE WHEN n > 0 THEN regexp_matches(v, {literal(_CANDIDATE)}, 'i')"
        f" AND NOT regexp_full_match(v, {literal(_PLAINLY_NONE)}, 'i') END ORDER BY v"
    )
    rows: Counter[IdentifierForm] = Counter()
    examples: dict[IdentifierForm, str] = {}
    while batch := cursor.fetchmany(10_000):
        for value, count in batch:
            for found in {f.form: f for f in find(value)}.values():
                rows[found.form] += count
                examples.setdefault(found.form, masked(found))
    return [Hit(column, form, count, examples[form]) for form, count in rows.items()]


def _scan_numbers(
    con: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str], measured: Sequence[str]
) -> list[Hit]:
    """Identifiers stored as numbers. A telephone number has lost its zero, so most of a column must look like one."""
    if not columns:
        return []
    names = ", ".join(f"max({ident(c)})" for c in columns)
    highest = con.execute(f"SELECT {names} FROM {ident(relation)}").fetchone() or ()
    found: list[Hit] = []
    for column, most in zip(columns, highest, strict=True):
        if most is not None and most >= _LONG[0]:
            found += _scan_long(con, relation, column)
        if most is not None and most >= _PHONE[0] and column not in measured:
            found += _scan_phones(con, relation, column)
    return found


def _scan_phones(con: duckdb.DuckDBPyConnection, relation: str, column: str) -> list[Hit]:
    name, (low, high), (low_62, high_62) = ident(column), _PHONE, _PHONE_62
    like = f"({name} BETWEEN {low} AND {high} OR {name} BETWEEN {low_62} AND {high_62}) AND {name} % 10 <> 0"
    phones, filled, example = con.execute(
        f"SELECT count(*) FILTER ({like}), count({name}), min({name}) FILTER ({like}) FROM {ident(relation)}"
    ).fetchone() or (0, 0, None)
    if phones < _FEW_PHONES or 2 * phones < filled:
        return []
    return [Hit(column, "telepon", phones, masked(Found("telepon", str(int(example)))))]


def _scan_long(con: duckdb.DuckDBPyConnection, relation: str, column: str) -> list[Hit]:
    name, (low, high) = ident(column), _LONG
    cursor = con.execute(
        f"SELECT CAST(CAST({name} AS HUGEINT) AS VARCHAR) AS v, count(*) FROM {ident(relation)}"
        f" WHERE {name} BETWEEN {low} AND {high} AND {name} = floor({name}) GROUP BY ALL ORDER BY v"
    )
    rows: Counter[IdentifierForm] = Counter()
    examples: dict[IdentifierForm, str] = {}
    while batch := cursor.fetchmany(10_000):
        for digits, count in batch:
            form: IdentifierForm | None = None
            if len(digits) == 16 and is_nik(digits):
                form = "nik"
            elif len(digits) == 18 and is_nip(digits):
                form = "nip"
            elif len(digits) == 15 and is_npwp(digits):
                form = "npwp"
            if form:
                rows[form] += count
                examples.setdefault(form, masked(Found(form, digits)))
    return [Hit(column, form, count, examples[form]) for form, count in rows.items()]
