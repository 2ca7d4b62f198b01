"""What an analysts' snapshot says of itself: its tables, views, comments, and the three tables of schema `cuplikan`.

Belongs here: which tables and columns are given out, and the DuckDB file of one version. Does not belong here: parts,
versions, pruning (`snapshot.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.contract import Contract
from connectors.contract.model import SINGLE_PARTITION
from warehouse.build import Builder
from warehouse.duck import bare, ident, literal
from warehouse.lake import Lake
from warehouse.modelling import Model, agencies_of

Facts = dict[str, Any]
"""Of one part: `baris` (rows), `awal` and `akhir` (first and last partition, null without one), `asal` (origins)."""

_INFO = """
CREATE TABLE cuplikan.versi (versi VARCHAR, dibuat TIMESTAMPTZ, lake BIGINT, digest VARCHAR);
CREATE TABLE cuplikan.info (
    skema VARCHAR, tabel VARCHAR, judul VARCHAR, butiran VARCHAR, batasan VARCHAR, instansi VARCHAR, masukan VARCHAR[],
    kolom_partisi VARCHAR, partisi_terlama DATE, partisi_terbaru DATE, baris BIGINT, asal VARCHAR[]
);
CREATE TABLE cuplikan.kolom (
    skema VARCHAR, tabel VARCHAR, urutan INTEGER, kolom VARCHAR, tipe VARCHAR, satuan VARCHAR, klasifikasi VARCHAR,
    keterangan VARCHAR
);
COMMENT ON TABLE cuplikan.versi IS 'Versi cuplikan ini, kapan dibuat, dan dari snapshot lake yang mana';
COMMENT ON TABLE cuplikan.info IS
    'Satu baris per tabel: judul, butiran, instansi sumber, partisi terbaru, asal (resmi, tiruan, ulangan)';
COMMENT ON TABLE cuplikan.kolom IS 'Satu baris per kolom: tipe, satuan, klasifikasi dan keterangan';
"""


@dataclass(frozen=True)
class ShownColumn:
    """A column that is given out: type in the lake, unit, privacy class, description."""

    name: str
    sql_type: str
    unit: str | None
    classification: str
    description: str

    @property
    def comment(self) -> str:
        return f"{self.description} [{self.unit}]" if self.unit else self.description


@dataclass(frozen=True)
class Table:
    """A table to give out. `months` → partition keys, `digests`: partition key → digest of its content."""

    name: str
    title: str
    grain: str
    limits: str
    agencies: tuple[str, ...]
    inputs: tuple[str, ...]
    columns: tuple[ShownColumn, ...]
    partition: str | None
    months: dict[str, list[str]]
    digests: dict[str, str]

    @property
    def origin(self) -> str | None:
        """Column that says where a row came from."""
        return next((c.name for c in self.columns if c.name in ("_asal", "asal_data")), None)

    @property
    def comment(self) -> str:
        grain = f"{self.grain.rstrip('.')}." if self.grain else ""
        return f"{self.title.rstrip('.')}. {grain}".strip()

    def shape(self) -> tuple[Any, ...]:
        """What the database says of the table beside its rows."""
        return (self.name, self.comment, self.limits, self.agencies, self.inputs, [vars(c) for c in self.columns])

    def facts_of(self, lake: Lake, part: Path) -> Facts:
        """Facts of a part, read from its file."""
        first, last = (f"{f}({ident(self.partition)})" if self.partition else "NULL" for f in ("min", "max"))
        asal = f"list(DISTINCT {ident(self.origin)})" if self.origin else "[]"
        [row] = lake.query(
            f"SELECT count(*) AS baris, CAST({first} AS VARCHAR) AS awal, CAST({last} AS VARCHAR) AS akhir, "
            f"{asal} AS asal FROM read_parquet(?)",
            [str(part)],
        ).to_dicts()
        return row | {"asal": sorted(a for a in row["asal"] or [] if a)}


def find_tables(lake: Lake, builder: Builder, contracts: Sequence[Contract], models: Sequence[Model]) -> list[Table]:
    """Tables of the lake to give out, with those of their columns that no contract or model keeps private."""
    types = {table: shape.columns for table, shape in lake.shapes(fresh=True).items()}
    by_name = {m.table: m for m in models}
    agency = {f"source.{c.table}": c.agency for c in contracts}
    found = [_source_table(c, types.get(f"source.{c.table}", {}), builder) for c in contracts]
    found += [
        _model_table(m, types.get(m.table, {}), builder, tuple(sorted(agencies_of(m, by_name, agency)))) for m in models
    ]
    return [t for t in found if t.columns]


def _source_table(contract: Contract, types: Mapping[str, str], builder: Builder) -> Table:
    columns = [
        ShownColumn(c.name, types[c.name], c.ext.satuan, c.classification, c.description)
        for c in contract.columns
        if c.name in types and c.classification != "private"
    ]
    if "_asal" in types:
        text = "Asal data: resmi, tiruan (instansi tiruan) atau ulangan"
        columns.append(ShownColumn("_asal", types["_asal"], None, "public", text))
    name = f"source.{contract.table}"
    digests = builder.versions(name)
    return Table(
        name, contract.title, contract.granularity, contract.limitations, (contract.agency,), (), tuple(columns),
        contract.partition_column, _months(digests), digests,
    )  # fmt: skip


def _model_table(model: Model, types: Mapping[str, str], builder: Builder, agencies: tuple[str, ...]) -> Table:
    columns = tuple(
        ShownColumn(name, types[name], column.satuan, column.classification, column.description)
        for name, column in model.head.columns.items()
        if name in types and column.classification != "private"
    )
    digests = builder.versions(model.table)
    return Table(
        model.table, model.head.description, model.head.grain, "", agencies, tuple(sorted(model.inputs)), columns,
        model.head.partition, _months(digests), digests,
    )  # fmt: skip


def _months(digests: Mapping[str, str]) -> dict[str, list[str]]:
    months: dict[str, list[str]] = {}
    for key in digests:
        months.setdefault(key if key == SINGLE_PARTITION else key[:7], []).append(key)
    return months


def write_database(path: Path, parts: Path, tables: Sequence[Table], manifest: Mapping[str, Any]) -> None:
    """Write the DuckDB file of a version: one view a table over its parts, comments, and schema `cuplikan`."""
    con = bare(database=str(path))
    try:
        con.execute("BEGIN")
        for schema in sorted({t.name.partition(".")[0] for t in tables} | {"cuplikan"}):
            con.execute(f"CREATE SCHEMA {ident(schema)}")
        con.execute(_INFO)
        facts = [manifest[name] for name in ("versi", "dibuat", "lake", "digest")]
        con.execute("INSERT INTO cuplikan.versi VALUES (?, ?, ?, ?)", facts)
        for table in tables:
            schema, _, name = table.name.partition(".")
            view = f"{ident(schema)}.{ident(name)}"
            own: Mapping[str, Facts] = manifest["bagian"][table.name]
            files = ", ".join(literal(str(parts / part)) for part in own)
            columns = ", ".join(ident(c.name) for c in table.columns)
            con.execute(
                f"CREATE VIEW {view} AS SELECT {columns} FROM read_parquet([{files}], hive_partitioning = false)"
            )
            con.execute(f"COMMENT ON VIEW {view} IS {literal(table.comment)}")
            for column in table.columns:
                con.execute(f"COMMENT ON COLUMN {view}.{ident(column.name)} IS {literal(column.comment)}")
            con.execute("INSERT INTO cuplikan.info VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _info(table, own))
            con.executemany(
                "INSERT INTO cuplikan.kolom VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    [schema, name, number, c.name, c.sql_type, c.unit, c.classification, c.description]
                    for number, c in enumerate(table.columns, 1)
                ],
            )
        con.execute("COMMIT")
        con.execute("CHECKPOINT")
    finally:
        con.close()


def _info(table: Table, parts: Mapping[str, Facts]) -> list[Any]:
    schema, _, name = table.name.partition(".")
    dates = [d for f in parts.values() for d in (f["awal"], f["akhir"]) if d]
    return [
        schema, name, table.title, table.grain, table.limits, ", ".join(table.agencies), list(table.inputs),
        table.partition, min(dates, default=None), max(dates, default=None), sum(f["baris"] for f in parts.values()),
        sorted({a for f in parts.values() for a in f["asal"]}),
    ]  # fmt: skip
