"""Publishing one dataset: from its SQL to a new version, or to the reason why there is none.

Belongs here: the order of the steps and which version follows. Does not belong here: the steps themselves: the gate,
files, diff, decisions, and the release of all datasets together (`release.py`).
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import duckdb

from connectors.contract import Agency
from warehouse.duck import ident, literal
from warehouse.opendata import formats
from warehouse.opendata.approval import needed, refused
from warehouse.opendata.contract import OpenContract
from warehouse.opendata.decisions import Decisions
from warehouse.opendata.describe import Publisher, columns_of, facts, next_due
from warehouse.opendata.diff import compare
from warehouse.opendata.files import Making, make_files
from warehouse.opendata.gate import RELATION, close_columns, select_rows
from warehouse.opendata.manifest import Diff, Part, Quality, Version
from warehouse.opendata.moment import moment_of
from warehouse.opendata.store import Store

Status = Literal[
    "terbit",  # a new version
    "tidak_berubah",  # the same content as the newest version
    "internal",  # not opened: the contract lacks licence, ground or origins
    "kosong",  # no row may leave, for example because all come from a source that is not opened
    "ditahan",  # the rows break a promise or a protection; the version before stays
    "menunggu_persetujuan",  # a walidata must approve first; the version before stays
]


@dataclass(frozen=True)
class Published:
    """What publishing did: `versi` is the newest standing version by now, `baris` the rows that may leave."""

    dataset: str
    status: Status
    versi: int | None = None
    baris: int = 0
    asal: tuple[str, ...] = ()
    alasan: str = ""
    menunggu: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Span:
    """One span of the rows: its name and the digest of its content."""

    name: str
    digest: str


def publish_dataset(
    con: duckdb.DuckDBPyConnection,
    contract: OpenContract,
    agency: Agency,
    root: Path,
    decisions: Decisions,
    today: date,
    publisher: Publisher,
) -> Published:
    """Publish the dataset below `root` if its content changed and nothing holds it back. `con` has the lake attached.

    Raises OpenDataError if the SQL does not give the contract's columns.
    """
    store = Store(root)
    with store.writing():
        last = store.newest(contract.name)
        standing = last.versi if last else None
        if contract.held:
            return Published(contract.name, "internal", standing, alasan=contract.held)
        cursor = con.cursor()
        try:
            return _publish(cursor, store, contract, agency, decisions, today, publisher, last)
        finally:
            cursor.close()


def _publish(
    con: duckdb.DuckDBPyConnection,
    store: Store,
    contract: OpenContract,
    agency: Agency,
    decisions: Decisions,
    today: date,
    publisher: Publisher,
    last: Version | None,
) -> Published:
    gated = select_rows(con, contract)
    answer = Published(contract.name, "tidak_berubah", last.versi if last else None, gated.rows, gated.origins)
    if not gated.rows:
        allowed = ", ".join(contract.ext.asal_terbit)
        return replace(answer, status="kosong", alasan=f"tidak ada baris yang boleh terbit (asal dibuka: {allowed})")
    faults = [*gated.faults, *refused(contract, last)]
    if faults:
        return replace(answer, status="ditahan", alasan="; ".join(faults))
    close_columns(con, contract)
    base = max(store.numbers(contract.name), default=0)
    needs = needed(contract, last, base, decisions, demo=publisher.demo)
    if needs:
        return replace(answer, status="menunggu_persetujuan", alasan="; ".join(needs), menunggu=needs)

    told = facts(contract, agency, gated.origins, publisher)
    made = _changed_parts(con, store, contract, last)
    if last is not None and not made.changed and _same_words(last, told):
        return answer
    change = made.diff(con, store, contract, last) if last else None
    if last is not None and change is not None and _nothing(change) and _same_words(last, told):
        return answer
    number = base + 1
    parts = made.store(store)
    moment = moment_of(today)
    notes = (f"{contract.title}, versi {number}", *told["peringatan"], f"Lisensi: {told['lisensi'].judul}")
    making = Making(con, store, contract, number, parts, today, moment, notes)
    same_form = change is not None and not (change.kolom_baru or change.kolom_hilang or change.kolom_berubah)
    files, missing = make_files(making, last if same_form else None)
    start, end = _period(con, contract)
    version = Version(
        dataset=contract.name,
        versi=number,
        terbit=moment,
        alasan=_reason(change),
        digest=hashlib.sha256(repr((told, [(p.rentang, p.isi) for p in parts])).encode()).hexdigest(),
        mulai=start,
        sampai=end,
        baris=gated.rows,
        jatuh_tempo=next_due(today, contract.ext.irama),
        mutu=Quality(nilai=0, kriteria={}),
        bagian=parts,
        berkas=files,
        tanpa=missing,
        perubahan=change,
        **told,
    )
    store.add_version(version, {})
    return replace(answer, status="terbit", versi=number, alasan=version.alasan)


@dataclass(frozen=True)
class _Parts:
    """Parts of the new version: those kept from the last one, and those just written to temporary files."""

    spans: tuple[str, ...]
    kept: dict[str, Part]
    written: dict[str, tuple[Path, str, int]]
    gone: tuple[str, ...]

    @property
    def changed(self) -> bool:
        return bool(self.written or self.gone)

    def diff(self, con: duckdb.DuckDBPyConnection, store: Store, contract: OpenContract, last: Version) -> Diff:
        old = [store.root / p.path for p in last.bagian if p.rentang not in self.kept]
        new = [path for path, _, _ in self.written.values()]
        rows = sum(p.baris for p in self.kept.values()) + sum(n for _, _, n in self.written.values())
        spans = sorted({*self.written, *self.gone})
        columns = columns_of(contract)
        return compare(con, last, columns, contract.key, old=old, new=new, spans=spans, rows=rows)

    def store(self, store: Store) -> tuple[Part, ...]:
        parts = dict(self.kept)
        for span, (path, digest, rows) in self.written.items():
            stored = store.add(path, "parquet")
            parts[span] = Part(
                rentang=span, path=stored.path, sha256=stored.sha256, bytes=stored.bytes, baris=rows, isi=digest
            )
        return tuple(parts[s] for s in self.spans)


def _changed_parts(
    con: duckdb.DuckDBPyConnection, store: Store, contract: OpenContract, last: Version | None
) -> _Parts:
    """Compare the rows span by span with the last version and write the spans that differ."""
    spans = _digests(con, contract)
    known = {(p.rentang, p.isi): p for p in last.bagian} if last else {}
    kept: dict[str, Part] = {}
    written: dict[str, tuple[Path, str, int]] = {}
    columns = ", ".join(ident(c.name) for c in contract.public)
    order = ", ".join(ident(k) for k in contract.key)
    for span in spans:
        if part := known.get((span.name, span.digest)):
            kept[span.name] = part
            continue
        temp = store.temp(f"bagian-{span.name}.parquet")
        where = "" if span.name == "semua" else f"WHERE {_span_sql(contract)} = {literal(span.name)}"
        select = f"SELECT {columns} FROM {RELATION} {where} ORDER BY {order}"
        written[span.name] = (temp, span.digest, formats.write_parquet(con, select, temp))
    names = tuple(s.name for s in spans)
    gone = tuple(p.rentang for p in last.bagian if p.rentang not in names) if last else ()
    return _Parts(names, kept, written, gone)


def _digests(con: duckdb.DuckDBPyConnection, contract: OpenContract) -> list[_Span]:
    columns = ", ".join(ident(c.name) for c in contract.public)
    found = con.execute(
        f"SELECT {_span_sql(contract)} AS rentang, count(*), CAST(sum(CAST(hash({columns}) AS HUGEINT)) AS VARCHAR) "
        f"FROM {RELATION} GROUP BY 1 ORDER BY 1"
    ).fetchall()
    form = repr([(c.name, c.sql_type) for c in contract.public])
    return [
        _Span(name, hashlib.sha256(f"{form}\n{count}\n{total}".encode()).hexdigest()[:32])
        for name, count, total in found
    ]


def _span_sql(contract: OpenContract) -> str:
    if contract.ext.bagian == "semua" or contract.period is None:
        return "'semua'"
    form = "%Y" if contract.ext.bagian == "tahun" else "%Y-%m"
    return f"strftime({ident(contract.period)}, {literal(form)})"


def _period(con: duckdb.DuckDBPyConnection, contract: OpenContract) -> tuple[date | None, date | None]:
    if contract.period is None:
        return None, None
    column = ident(contract.period)
    row = con.execute(f"SELECT CAST(min({column}) AS DATE), CAST(max({column}) AS DATE) FROM {RELATION}").fetchone()
    assert row is not None
    return row[0], row[1]


def _same_words(last: Version, told: dict[str, Any]) -> bool:
    return all(getattr(last, name) == value for name, value in told.items())


def _nothing(change: Diff) -> bool:
    """Whether no row and no column differs: only the engine's digest of the same rows does."""
    rows = change.baris_ditambah + change.baris_dihapus + change.baris_diubah
    return not (rows or change.kolom_baru or change.kolom_hilang or change.kolom_berubah)


def _reason(change: Diff | None) -> str:
    if change is None:
        return "Terbitan pertama."
    said = []
    for word, names in (
        ("kolom baru", change.kolom_baru),
        ("kolom hilang", change.kolom_hilang),
        ("tipe kolom berubah", change.kolom_berubah),
    ):
        if names:
            said.append(f"{word}: {', '.join(names)}")
    for word, count in (
        ("ditambah", change.baris_ditambah),
        ("dihapus", change.baris_dihapus),
        ("diubah", change.baris_diubah),
    ):
        if count:
            said.append(f"{count} baris {word}")
    text = "; ".join(said) or "keterangan diperbarui"
    return f"{text[0].upper()}{text[1:]}."
