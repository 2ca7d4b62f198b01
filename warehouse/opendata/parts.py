"""The Parquet parts of a version: rows divided into spans, of which only those that changed are written.

Belongs here: digests of spans, writing and keeping parts. Does not belong here: what the parts' rows are (`gate.py`),
how they are sorted (`ordered.py`), files in one piece (`files.py`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb

from warehouse.duck import ident, literal
from warehouse.opendata.contract import ORIGIN_COLUMN, OpenContract
from warehouse.opendata.describe import columns_of
from warehouse.opendata.diff import compare
from warehouse.opendata.gate import RELATION, OpenDataError
from warehouse.opendata.manifest import Diff, Part, Version
from warehouse.opendata.ordered import Ordering
from warehouse.opendata.store import Store

WHOLE = "semua"


class _Fresh(NamedTuple):
    """A part that was just written to a temporary file."""

    path: Path
    digest: str
    rows: int


@dataclass(frozen=True)
class Spans:
    """What is in the relation: spans in order, name → (rows, digest of them); `first` and `last` date; the
    origins of the rows; columns that must not be empty → rows in which they are."""

    by_name: Mapping[str, tuple[int, str]]
    first: date | None
    last: date | None
    origins: tuple[str, ...]
    empty: Mapping[str, int]

    @property
    def rows(self) -> int:
        return sum(rows for rows, _ in self.by_name.values())

    @property
    def faults(self) -> list[str]:
        """What is empty and must not be, in words."""
        return [f"{name} kosong di {rows} baris" for name, rows in self.empty.items() if rows]

    def same_as(self, version: Version) -> bool:
        """Whether these are the rows of a version, as far as their digests tell."""
        return {name: digest for name, (_, digest) in self.by_name.items()} == {
            p.rentang: p.isi for p in version.bagian
        }


def measure(con: duckdb.DuckDBPyConnection, contract: OpenContract) -> Spans:
    """Look once through the relation: divide it into spans, digest each, count what is empty.

    The digest is a sum of the engine's row hashes. It tells quickly that nothing changed; that something did is told
    by comparing rows, for another release of the engine may hash the same rows otherwise.
    """
    columns = ", ".join(ident(c.name) for c in contract.public)
    required = [c.name for c in contract.public if c.required or c.name == ORIGIN_COLUMN]
    period = f"CAST({ident(contract.period)} AS DATE)" if contract.period else "NULL"
    empty = ", ".join(f"count(*) FILTER ({ident(n)} IS NULL)" for n in required)
    found = con.execute(
        f"SELECT {_span_sql(contract)} AS rentang, {ident(ORIGIN_COLUMN)}, count(*), "
        f"sum(CAST(hash({columns}) AS HUGEINT)), min({period}), max({period}), {empty} "
        f"FROM {RELATION} GROUP BY 1, 2 ORDER BY 1 NULLS FIRST, 2"
    ).fetchall()
    form = repr([(c.name, c.sql_type) for c in contract.public])
    sums: dict[str, tuple[int, int]] = {}
    for name, _, rows, total, *_ in found:
        # A date that is empty has no span; its row is told by the count of what is empty.
        before = sums.get(name or "", (0, 0))
        sums[name or ""] = (before[0] + rows, before[1] + total)
    return Spans(
        {
            name: (rows, hashlib.sha256(f"{form}\n{rows}\n{total}".encode()).hexdigest()[:32])
            for name, (rows, total) in sums.items()
        },
        first=min((r[4] for r in found if r[4]), default=None),
        last=max((r[5] for r in found if r[5]), default=None),
        origins=tuple(sorted({r[1] for r in found})),
        empty={name: sum(r[6 + n] for r in found) for n, name in enumerate(required)},
    )


@dataclass(frozen=True)
class Written:
    """Parts of the version in the making: those kept from the last one, those just written, spans that are gone."""

    order: tuple[str, ...]
    kept: Mapping[str, Part]
    fresh: Mapping[str, _Fresh]
    gone: tuple[str, ...]

    @property
    def paths(self) -> list[Path]:
        """The new parts."""
        return [f.path for f in self.fresh.values()]

    def diff(self, con: duckdb.DuckDBPyConnection, store: Store, contract: OpenContract, last: Version) -> Diff:
        """The change against the last version, counted over the parts that differ."""
        return compare(
            con,
            last,
            columns_of(contract),
            contract.key,
            old=[store.root / p.path for p in last.bagian if p.rentang not in self.kept],
            new=self.paths,
            spans=sorted({*self.fresh, *self.gone}),
            rows=sum(p.baris for p in self.kept.values()) + sum(f.rows for f in self.fresh.values()),
        )

    def store(self, store: Store) -> tuple[Part, ...]:
        """Take the new parts into the store; gives all parts in order."""
        parts = dict(self.kept)
        for span, (path, digest, rows) in self.fresh.items():
            stored = store.add(path, "parquet")
            parts[span] = Part(
                rentang=span, path=stored.path, sha256=stored.sha256, bytes=stored.bytes, baris=rows, isi=digest
            )
        return tuple(parts[s] for s in self.order)


def write_parts(
    con: duckdb.DuckDBPyConnection, store: Store, contract: OpenContract, spans: Spans, last: Version | None
) -> Written:
    """Write the spans that the last version does not have with this content, each ordered by the key.

    Raises OpenDataError if a file has not got the rows of its span.
    """
    known = {(p.rentang, p.isi): p for p in last.bagian} if last and last.kunci == contract.key else {}
    kept = {name: part for name, (_, digest) in spans.by_name.items() if (part := known.get((name, digest)))}
    fresh: dict[str, _Fresh] = {}
    changed = {name: span for name, span in spans.by_name.items() if name not in kept}
    if changed:
        ordering = Ordering(con, RELATION, contract.public, contract.key)
        for name, (rows, digest) in changed.items():
            temp = store.temp(f"bagian-{name}.parquet")
            written = ordering.write(_condition(contract, name), rows, temp)
            if written != rows:
                raise OpenDataError(f"{contract.name}: {written} rows were written for {name}, which has {rows}")
            fresh[name] = _Fresh(temp, digest, rows)
    gone = tuple(p.rentang for p in last.bagian if p.rentang not in spans.by_name) if last else ()
    return Written(tuple(spans.by_name), kept, fresh, gone)


def _divided(contract: OpenContract) -> bool:
    return contract.ext.bagian != WHOLE and contract.period is not None


def _span_sql(contract: OpenContract) -> str:
    if not _divided(contract):
        return literal(WHOLE)
    form = "%Y" if contract.ext.bagian == "tahun" else "%Y-%m"
    return f"strftime({ident(str(contract.period))}, {literal(form)})"


def _condition(contract: OpenContract, span: str) -> str:
    """Condition on the rows of a span, as bounds, which the engine tests without making a text of each date."""
    if not _divided(contract):
        return "true"
    column = ident(str(contract.period))
    year, _, month = span.partition("-")
    first = date(int(year), int(month or 1), 1)
    after = date(first.year + 1, 1, 1) if not month else date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return f"{column} >= DATE '{first}' AND {column} < DATE '{after}'"
