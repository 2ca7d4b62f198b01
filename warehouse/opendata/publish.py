"""Publishing one dataset: from its SQL to a new version, or to the reason why there is none.

Belongs here: the order of the steps and which version follows. Does not belong here: the steps themselves (the gate,
privacy, decisions, parts, files, metadata), and the release of all datasets together (`release.py`).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import duckdb

from connectors.contract import Agency
from warehouse.duck import qualified
from warehouse.opendata.approval import needed, refused
from warehouse.opendata.contract import OpenContract
from warehouse.opendata.decisions import Decisions
from warehouse.opendata.describe import Publisher, facts, next_due
from warehouse.opendata.files import Making, make_files
from warehouse.opendata.gate import (
    close_columns,
    derivable,
    doubled_keys,
    personal_data,
    protect_cells,
    select_rows,
)
from warehouse.opendata.manifest import Diff, File, Quality, Version, read_version
from warehouse.opendata.metadata import datapackage, dictionary, quality, sdi
from warehouse.opendata.moment import moment_of
from warehouse.opendata.parts import Spans, Written, measure, write_parts
from warehouse.opendata.query import open_query
from warehouse.opendata.store import Store

DICTIONARY_FILE = "kamus.xlsx"

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
    """What publishing did: `versi` is the newest standing version by now, `baris` the rows that may leave.

    `menunggu`: what a walidata must approve first.
    """

    dataset: str
    status: Status
    versi: int | None = None
    baris: int = 0
    asal: tuple[str, ...] = ()
    alasan: str = ""
    menunggu: tuple[str, ...] = ()


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

    Raises OpenDataError if the SQL does not give the contract's columns, PackageError if what was made is not valid
    by its metadata's standard; nothing is published then.
    """
    store = Store(root)
    with store.writing():
        last = store.newest(contract.name)
        if contract.held:
            return Published(contract.name, "internal", last.versi if last else None, alasan=contract.held)
        cursor = con.cursor()
        try:
            return _Publication(cursor, store, contract, agency, decisions, today, publisher, last).run()
        finally:
            cursor.close()


@dataclass(frozen=True)
class _Publication:
    """One dataset on its way out. `last`: its newest standing version."""

    con: duckdb.DuckDBPyConnection
    store: Store
    contract: OpenContract
    agency: Agency
    decisions: Decisions
    today: date
    publisher: Publisher
    last: Version | None

    def run(self) -> Published:
        contract, last = self.contract, self.last
        select_rows(self.con, contract)
        earlier = self._earlier()
        protection = protect_cells(self.con, contract, earlier)
        close_columns(self.con, contract, self.store.temp("baris.parquet"))
        spans = measure(self.con, contract)
        standing = last.versi if last else None
        answer = Published(contract.name, "tidak_berubah", standing, spans.rows, spans.origins)
        if not spans.rows:
            allowed = ", ".join(contract.ext.asal_terbit)
            return replace(
                answer, status="kosong", alasan=f"tidak ada baris yang boleh terbit (asal dibuka: {allowed})"
            )
        told = facts(contract, self.agency, spans.origins, self.publisher) | {"sdi": sdi.fields(contract)}
        same_words = last is not None and all(getattr(last, name) == value for name, value in told.items())
        if last is not None and same_words and spans.same_as(last):
            return answer
        if spans.faults and last is None and (empty := self._empty_inputs()):
            # An installation that was not asked for everything yet: there is nothing that a person should mend.
            reason = f"belum lengkap, karena masih kosong: {', '.join(empty)}"
            return replace(answer, status="kosong", baris=0, alasan=reason)
        faults = [*spans.faults, *refused(contract, last), *protection.salah] or [
            *personal_data(self.con, contract, self.decisions.waivers(contract.name)),
            *derivable(self.con, contract, earlier, protection),
        ]
        if faults:
            return replace(answer, status="ditahan", alasan="; ".join(faults))
        written = write_parts(self.con, self.store, contract, spans, last)
        if doubled := doubled_keys(self.con, contract, written.paths):
            return replace(answer, status="ditahan", alasan="; ".join(doubled))
        base = max(self.store.numbers(contract.name), default=0)
        needs = needed(contract, last, base, self.decisions, demo=self.publisher.demo)
        if needs:
            return replace(answer, status="menunggu_persetujuan", alasan="; ".join(needs), menunggu=needs)
        version = self._make(base + 1, spans, written, told, same_words=same_words)
        if version is None:
            return answer
        return replace(answer, status="terbit", versi=version.versi, alasan=version.alasan)

    def _empty_inputs(self) -> list[str]:
        """Tables without a row that the SELECT reads."""
        tables = sorted(open_query(self.contract).inputs)
        return [t for t in tables if self.con.execute(f"SELECT 1 FROM {qualified(t)} LIMIT 1").fetchone() is None]

    def _earlier(self) -> dict[int, list[Path]]:
        """Parts of the standing versions by number, oldest first, where small cells must be kept from being worked out.

        Of versions in a row with the same parts, the first.
        """
        found: dict[int, list[Path]] = {}
        if not self.contract.ext.sel_kecil:
            return found
        newest: list[Path] = []
        for number in self.store.standing(self.contract.name):
            version = read_version(self.store.root, self.contract.name, number)
            parts = [self.store.root / p.path for p in version.bagian]
            if parts != newest:
                found[number] = newest = parts
        return found

    def _make(
        self, number: int, spans: Spans, written: Written, told: dict[str, Any], *, same_words: bool
    ) -> Version | None:
        """Make the version of its parts; None if it turns out that no row of it differs from the last one."""
        contract, last, store = self.contract, self.last, self.store
        change = written.diff(self.con, store, contract, last) if last else None
        if change is not None and same_words and _nothing(change):
            return None
        parts = written.store(store)
        moment = moment_of(self.today)
        notes = (f"{contract.title}, versi {number}", *told["peringatan"], f"Lisensi: {told['lisensi'].judul}")
        making = Making(self.con, store, contract, number, parts, self.today, moment, notes)
        files, missing = make_files(making, last if change is not None and _same_form(change) else None)
        content = repr((sorted(told.items()), [(p.rentang, p.isi) for p in parts]))
        version = Version(
            dataset=contract.name,
            versi=number,
            terbit=moment,
            alasan=_reason(change),
            digest=hashlib.sha256(content.encode()).hexdigest(),
            mulai=spans.first,
            sampai=spans.last,
            baris=spans.rows,
            jatuh_tempo=next_due(self.today, contract.ext.irama),
            mutu=self._quality(spans, told, files),
            bagian=parts,
            berkas=files,
            tanpa=missing,
            perubahan=change,
            **told,
        )
        package = datapackage.describe(version)
        datapackage.check(package, version, self._place)
        store.add_version(version, {datapackage.FILE: package, DICTIONARY_FILE: dictionary.workbook(version)})
        return version

    def _place(self, file: File) -> Path:
        return self.store.root / file.path

    def _quality(self, spans: Spans, told: dict[str, Any], files: Sequence[File]) -> Quality:
        return quality.score(
            description=told["keterangan"],
            columns=told["kolom"],
            licence=True,
            period=(spans.first, spans.last) if self.contract.period else None,
            region_column=told["kolom_wilayah"],
            cadence=told["irama"],
            files=files,
            on_time=quality.updated_on_time(self.last, spans.last, self.today),
            available=all(self._place(f).stat().st_size == f.bytes for f in files),
        )


def _nothing(change: Diff) -> bool:
    """Whether no row and no column differs: only the engine's digest of the same rows does."""
    return _same_form(change) and not (change.baris_ditambah or change.baris_dihapus or change.baris_diubah)


def _same_form(change: Diff) -> bool:
    return not (change.kolom_baru or change.kolom_hilang or change.kolom_berubah)


def _reason(change: Diff | None) -> str:
    """What a version is published for, in words."""
    if change is None:
        return "Terbitan pertama."
    said = [
        f"{word}: {', '.join(names)}"
        for word, names in (
            ("kolom baru", change.kolom_baru),
            ("kolom hilang", change.kolom_hilang),
            ("tipe kolom berubah", change.kolom_berubah),
        )
        if names
    ]
    said += [
        f"{count} baris {word}"
        for word, count in (
            ("ditambah", change.baris_ditambah),
            ("dihapus", change.baris_dihapus),
            ("diubah", change.baris_diubah),
        )
        if count
    ]
    text = "; ".join(said) or "keterangan diperbarui"
    return f"{text[0].upper()}{text[1:]}."
