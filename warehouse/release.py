"""Releasing open data: an open dataset becomes an immutable version of CSV, Parquet and `datapackage.json`.

Belongs here: the gate and the making of the files. Does not belong here: what may leave (the front matter, see
`open_data.py`), numbering and durability (`versioned.py`), serving.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import duckdb

from connectors.contract import Agency
from warehouse import datapackage as dp
from warehouse.duck import ident, literal
from warehouse.modelling import render
from warehouse.open_data import LICENSES, ORIGIN_COLUMN, OpenDataset
from warehouse.versioned import file_facts, newest, publish

Status = Literal[
    "terbit",  # a new version
    "tidak_berubah",  # the same content as the newest version
    "internal",  # not opened: no licence, ground or origin in the front matter
    "kosong",  # no row may leave, for example because all come from a source that is not opened
    "ditahan",  # the rows break the dataset's own promises; the version before stays
]

_NEUTRALISED = (
    "Teks yang dapat dijalankan lembar sebar sebagai rumus diberi satu apostrof di depan; "
    "berkas Parquet memuat teks aslinya."
)

WARNINGS = {
    "tiruan": "Memuat data tiruan: angka dibuat sistem untuk peragaan, bukan keadaan sebenarnya.",
    "ulangan": "Memuat data ulangan: deret nyata yang diputar ulang, bukan ambilan langsung dari sumber.",
}
"""What a reader is told of rows that no agency gave for the occasion, by origin."""


class ReleaseError(RuntimeError):
    """An open dataset's SQL and its front matter do not agree."""


@dataclass(frozen=True)
class Released:
    """What a release did: `version` is the newest one by now ("" before the first), `rows` those that may leave."""

    dataset: str
    status: Status
    version: str = ""
    rows: int = 0
    origins: tuple[str, ...] = ()
    reason: str = ""


def release(con: duckdb.DuckDBPyConnection, dataset: OpenDataset, agency: Agency, root: Path) -> Released:
    """Publish the dataset below `root/<dataset>` if its content changed. `con` has the lake attached.

    Raises ReleaseError if the SQL does not give the described columns, PackageError if what was written is not
    what the descriptor says (nothing is published then).
    """
    folder = root / dataset.name
    last = newest(folder)
    standing = last.name if last else ""
    if dataset.held:
        return Released(dataset.name, "internal", standing, reason=dataset.held)
    cursor = con.cursor()
    try:
        fields = _select(cursor, dataset)
        rows, origins = _count(cursor)
        if not rows:
            allowed = ", ".join(dataset.head.asal_terbit)
            reason = f"tidak ada baris yang boleh terbit (asal yang dibuka: {allowed})"
            return Released(dataset.name, "kosong", standing, reason=reason)
        faults = _faults(cursor, dataset)
        if faults:
            return Released(dataset.name, "ditahan", standing, rows, origins, "; ".join(faults))
        about = _about(cursor, dataset, agency, fields, origins)
        writer = _Writer(cursor, dataset.name, fields, about, rows)
        version, created = publish(folder, writer.prepare, writer.finish)
    finally:
        cursor.close()
    return Released(dataset.name, "terbit" if created else "tidak_berubah", version.name, rows, origins)


def _select(con: duckdb.DuckDBPyConnection, dataset: OpenDataset) -> list[dp.TableField]:
    """Put the rows and columns that may leave into a temporary table, in order; returns their fields."""
    head = dataset.head
    sql = render(dataset.model, lambda _: None)
    types = {r[0]: r[1] for r in con.execute(f"DESCRIBE {sql}").fetchall()}
    if types.keys() != head.columns.keys():
        undescribed, absent = types.keys() - head.columns.keys(), head.columns.keys() - types.keys()
        raise ReleaseError(
            f"{dataset.name}: columns without a description: {', '.join(sorted(undescribed)) or '-'}; "
            f"described but not selected: {', '.join(sorted(absent)) or '-'}"
        )
    fields = []
    for name in head.public:
        try:
            kind = dp.field_type(types[name])
        except ValueError as error:
            raise ReleaseError(f"{dataset.name}.{name}: {error}") from None
        column = head.columns[name]
        fields.append(
            dp.TableField(
                name=name,
                type=kind,
                description=column.description,
                constraints=dp.Constraints(required=name in (*head.kunci, *head.wajib, ORIGIN_COLUMN)),
                satuan=column.satuan,
            )
        )
    columns = ", ".join(ident(f.name) for f in fields)
    allowed = ", ".join(literal(o) for o in head.asal_terbit)
    order = ", ".join(ident(k) for k in head.kunci)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE _rilis AS SELECT {columns} FROM ({sql}) "
        f"WHERE {ident(ORIGIN_COLUMN)} IN ({allowed}) ORDER BY {order}"
    )
    return fields


def _count(con: duckdb.DuckDBPyConnection) -> tuple[int, tuple[str, ...]]:
    found = con.execute(f"SELECT {ident(ORIGIN_COLUMN)}, count(*) FROM _rilis GROUP BY 1 ORDER BY 1").fetchall()
    return sum(n for _, n in found), tuple(o for o, _ in found)


def _faults(con: duckdb.DuckDBPyConnection, dataset: OpenDataset) -> list[str]:
    """What the rows break of the front matter's promises."""
    faults = []
    for name in dict.fromkeys((*dataset.head.kunci, *dataset.head.wajib)):
        empty = _one(con, f"SELECT count(*) FROM _rilis WHERE {ident(name)} IS NULL")
        if empty:
            faults.append(f"{name} kosong di {empty} baris")
    key = ", ".join(ident(k) for k in dataset.head.kunci)
    double = _one(con, f"SELECT count(*) FROM (SELECT 1 FROM _rilis GROUP BY {key} HAVING count(*) > 1)")
    if double:
        faults.append(f"{double} kunci ({', '.join(dataset.head.kunci)}) muncul lebih dari sekali")
    return faults


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = con.execute(sql).fetchone()
    assert row is not None
    return row[0]


def _about(
    con: duckdb.DuckDBPyConnection,
    dataset: OpenDataset,
    agency: Agency,
    fields: Sequence[dp.TableField],
    origins: tuple[str, ...],
) -> dict[str, Any]:
    """The descriptor's part that tells of the content; its change makes a new version."""
    head = dataset.head
    marks = [o for o in origins if o != "resmi"]
    # An agency is not named as the source of numbers that it never gave.
    invented = origins == ("tiruan",)
    suffix = " – tiruan" if invented else ""
    licence = LICENSES[str(head.lisensi)]
    period = None
    if head.partition and any(f.name == head.partition and f.type == "date" for f in fields):
        column = ident(head.partition)
        row = con.execute(f"SELECT min({column})::VARCHAR, max({column})::VARCHAR FROM _rilis").fetchone()
        assert row is not None
        period = dp.Period(mulai=row[0], sampai=row[1])
    return {
        "name": dataset.name,
        "title": f"{head.judul} (data {', '.join(marks)})" if marks else head.judul,
        "description": " ".join([*(WARNINGS[o] for o in marks), head.description]),
        "keywords": list(head.topik) or [dataset.agency],
        "licenses": [dp.LicenseEntry(name=str(head.lisensi), title=licence.title, path=licence.url)],
        "sources": [dp.Source(title=f"{agency.nama}{suffix}", path=None if invented else agency.url or None)],
        "contributors": [dp.Contributor(title=f"{agency.instansi}{suffix}", roles=["producer"])],
        "butiran": head.grain,
        "asal_data": list(origins),
        "dasar_publikasi": str(head.dasar_publikasi),
        "periode": period,
        "catatan": head.catatan or None,
        "table_schema": dp.TableSchema(fields=list(fields), primary_key=list(head.kunci), missing_values=[""]),
    }


class _Writer:
    """Writes the files of one version from the temporary table."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        name: str,
        fields: Sequence[dp.TableField],
        about: Mapping[str, Any],
        rows: int,
    ):
        self._con, self._name, self._fields, self._about, self._rows = con, name, fields, about, rows
        self._digest = ""

    def prepare(self, folder: Path) -> str:
        """Write the CSV; gives the digest over its bytes and what the descriptor tells of them."""
        path = folder / f"{self._name}.csv"
        columns = ", ".join(f"{dp.csv_text(f.name, f.type)} AS {ident(f.name)}" for f in self._fields)
        self._con.execute(
            f"COPY (SELECT {columns} FROM _rilis) TO {literal(str(path))} "
            "(FORMAT csv, HEADER true, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR '')"
        )
        told = repr(sorted((k, _plain(v)) for k, v in self._about.items()))
        self._digest = hashlib.sha256(f"{file_facts(path)[1]}\n{told}".encode()).hexdigest()
        return self._digest

    def finish(self, folder: Path, number: int) -> None:
        """Write Parquet and descriptor, and hold all to the descriptor."""
        marks = {
            "judul": self._about["title"],
            "asal_data": ", ".join(self._about["asal_data"]),
            "lisensi": self._about["licenses"][0].name,
            "versi": f"v{number}",
        }
        facts = ", ".join(f"{k}: {literal(v)}" for k, v in marks.items())
        self._con.execute(
            f"COPY _rilis TO {literal(str(folder / f'{self._name}.parquet'))} "
            f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{facts}}})"
        )
        about = dict(self._about)
        schema = about.pop("table_schema")
        csv = dp.Dialect(header=True, delimiter=",", line_terminator="\n", quote_char='"', double_quote=True)
        package = dp.Package(
            profile=dp.PROFILE,
            version=f"{number}.0.0",
            created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            sidik=self._digest,
            resources=[
                self._resource(folder, schema, "csv", "text/csv", encoding="utf-8", dialect=csv, catatan=_NEUTRALISED),
                self._resource(folder, schema, "parquet", "application/vnd.apache.parquet"),
            ],
            **about,
        )
        (folder / dp.FILE).write_bytes(package.to_bytes())
        dp.check_folder(folder)

    def _resource(
        self, folder: Path, schema: dp.TableSchema, kind: Literal["csv", "parquet"], mediatype: str, **more: Any
    ) -> dp.Resource:
        path = folder / f"{self._name}.{kind}"
        size, sha256 = file_facts(path)
        return dp.Resource(
            name=f"{self._name}-{kind}",
            path=path.name,
            type="table" if kind == "csv" else "file",
            format=kind,
            mediatype=mediatype,
            bytes=size,
            hash=f"sha256:{sha256}",
            table_schema=schema,
            jumlah_baris=self._rows,
            **more,
        )


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value.model_dump() if hasattr(value, "model_dump") else value
