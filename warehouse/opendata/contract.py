"""Contracts of open datasets: `open_data/<dataset>.odcs.yaml` beside `open_data/<dataset>.sql`.

Belongs here: the strict model of our `customProperties` of an open dataset, and reading the file. Does not belong here:
contracts of what agencies deliver (`connectors/contract/`), whether rows may leave (`gate.py`).
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.contract import ContractError
from connectors.contract.load import Problem
from connectors.contract.strict import Fault, odcs_faults, read_yaml
from warehouse.modelling import ModelError
from warehouse.opendata.manifest import Format

Origin = Literal["resmi", "tiruan", "ulangan"]
Cadence = Literal["harian", "mingguan", "bulanan", "tahunan"]
Division = Literal["tahun", "bulan", "semua"]
LogicalType = Literal["string", "date", "timestamp", "integer", "number", "boolean"]
IdentifierForm = Literal["nik", "nip", "npwp", "plat", "telepon", "surel", "rangka"]

ORIGIN_COLUMN = "asal_data"
"""Every open dataset says for each row where it comes from."""


class License(NamedTuple):
    """A licence under which data may be published."""

    title: str
    url: str


LICENSES = {
    "CC0-1.0": License("Creative Commons Zero 1.0", "https://creativecommons.org/publicdomain/zero/1.0/deed.id"),
    "CC-BY-4.0": License("Creative Commons Atribusi 4.0", "https://creativecommons.org/licenses/by/4.0/deed.id"),
    "ODC-BY-1.0": License("Open Data Commons Attribution 1.0", "https://opendatacommons.org/licenses/by/1-0/"),
}
"""Keyed by SPDX id; only these are accepted."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SmallCells(_Strict):
    """Where a table could tell of single persons, vehicles or payers, and what is done about it.

    The two-way table of each combination of `per` has the rows `baris` (with the parent level `induk`, a column) and
    the columns `kolom`; all other key columns belong to `per`. A cell is unsafe if its count (`jenis: hitungan`:
    `nilai`) is 1 to 4, or, for money (`jenis: uang`), if it has fewer than 5 payers or one pays above half.
    """

    jenis: Literal["hitungan", "uang"]
    nilai: str = Field(description="Column whose value is suppressed.")
    ikut: tuple[str, ...] = Field((), description="Further columns that are suppressed with it.")
    pembayar: str | None = Field(None, description="uang: column with the number of payers.")
    terbesar: str | None = Field(None, description="uang: column with the share of the largest payer, 0 to 1.")
    baris: str
    kolom: str | None = None
    induk: str | None = None
    per: tuple[str, ...] = ()
    jumlah: str | None = Field(None, description="Value of baris, kolom or induk in rows that hold totals.")
    tindakan: Literal["tekan", "gabung"] = Field("tekan", description="tekan: suppress; gabung: the SQL has coarsened.")
    penanda: str = Field("status_rahasia", description="Column that says of a row: terbuka or ditekan.")


class Chart(_Strict):
    """The chart of the dataset's page: a line over time, a tile map of the kab/kota, or bars."""

    jenis: Literal["garis", "peta", "batang"]
    nilai: str
    kelompok: str | None = Field(None, description="Column that makes lines or bars; for peta the region's code.")
    saring: dict[str, str] = Field({}, description="Column → value that is shown first.")
    judul: str


class Announced(_Strict):
    """A column that is to go or to change its name, announced one version before."""

    kolom: str
    menjadi: str | None = None
    keterangan: str


class OpenExtension(_Strict):
    """`customProperties` of an open dataset's contract. Without licence, ground and origins it stays internal."""

    judul_en: str
    keterangan_en: str
    lisensi: str | None = None
    dasar_publikasi: str | None = None
    asal_terbit: tuple[Origin, ...] = Field((), description="Origins of rows that may leave.")
    irama: Cadence = Field("harian", description="Cadence at which files in one piece are rebuilt.")
    bagian: Division = Field("tahun", description="Span of one content-addressed part.")
    format: tuple[Format, ...] = Field(
        get_args(Format), description="Formats of the downloads; the Parquet parts are always there."
    )
    topik: tuple[str, ...] = Field(min_length=1)
    kata_kunci: tuple[str, ...] = ()
    lintang: str | None = Field(None, description="Columns of coordinates (WGS 84): GeoJSON is made from them.")
    bujur: str | None = None
    wilayah: str | None = Field("kode_kabupaten_kota", description="Column with the region's BPS code, if any.")
    sel_kecil: tuple[SmallCells, ...] = ()
    grafik: Chart | None = None
    umumkan: tuple[Announced, ...] = ()
    catatan: str = ""
    metode: str = Field("", description="How the numbers are made, in plain words.")
    sdi: dict[str, str] = Field({}, description="Fields of MS-Keg and MS-Ind by their name.")


class OpenColumnExtension(_Strict):
    """`customProperties` of a column of an open dataset."""

    satuan: str | None = None
    judul_en: str | None = None
    konsep: str | None = Field(None, description="MS-Var: the concept.")
    referensi: str | None = Field(None, description="MS-Var: the standard or list that the definition is taken from.")
    klasifikasi: str | None = Field(None, description="MS-Var: the values that there are, if they are of a list.")
    teks_bebas: bool = Field(False, description="Free text or a person's name: never leaves, whatever its class says.")
    pengecualian: IdentifierForm | None = Field(
        None, description="Form of personal data that these values only look like."
    )


@dataclass(frozen=True)
class OpenColumn:
    """One column. `sql_type` is DuckDB's; `open` tells whether it may leave."""

    name: str
    title: str
    description: str
    logical_type: LogicalType
    sql_type: str
    required: bool
    key: bool
    open: bool
    ext: OpenColumnExtension


@dataclass(frozen=True)
class OpenContract:
    """What an open dataset promises. `columns` are all columns of the SELECT in order, `public` those that may leave.

    `key` names a row and orders the rows; `period` is the column that the parts are divided by, None for a table
    that is replaced whole. `digest` changes with anything in the file.
    """

    agency: str
    name: str
    version: str
    title: str
    description: str
    limitations: str
    granularity: str
    columns: tuple[OpenColumn, ...]
    key: tuple[str, ...]
    period: str | None
    ext: OpenExtension
    digest: str
    path: Path

    @property
    def public(self) -> tuple[OpenColumn, ...]:
        return tuple(c for c in self.columns if c.open)

    @property
    def held(self) -> str:
        """Why the dataset stays internal; empty when it may be published."""
        lacks = [n for n in ("lisensi", "dasar_publikasi", "asal_terbit") if not getattr(self.ext, n)]
        return f"belum ada {', '.join(lacks)}" if lacks else ""

    @property
    def sql_path(self) -> Path:
        return self.path.with_name(f"{self.name}.sql")


_NAME = re.compile(r"[a-z][a-z0-9_]*")
_DECIMAL = re.compile(r"DECIMAL\(\d{1,2},\d{1,2}\)")
_SQL_TYPES = {
    "string": "VARCHAR",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
}


def load_open_contract(path: Path) -> OpenContract:
    """Read `<agency>/open_data/<dataset>.odcs.yaml`. Raises ContractError that lists every fault of the file."""
    contract, problems = _load(path)
    if problems or contract is None:
        name = f"{path.parent.parent.name}/open_data/{path.name}"
        raise ContractError([Problem(name, key, reason) for key, reason in problems])
    return contract


def open_contract_files(roots: Sequence[Path]) -> list[Path]:
    """Contract files of open datasets under the roots, in a stable order."""
    return sorted(path for root in roots for path in root.glob("*/open_data/*.odcs.yaml"))


def find_open_contracts(roots: Sequence[Path]) -> tuple[OpenContract, ...]:
    """All open datasets by name. Raises ContractError with every fault of every file, ModelError for a doubled name."""
    found: dict[str, OpenContract] = {}
    problems: list[Problem] = []
    for path in open_contract_files(roots):
        try:
            contract = load_open_contract(path)
        except ContractError as error:
            problems.extend(error.problems)
            continue
        if contract.name in found:
            both = f"{found[contract.name].agency}, {contract.agency}"
            raise ModelError(f"open dataset {contract.name} is in two agencies: {both}")
        found[contract.name] = contract
    if problems:
        raise ContractError(problems)
    return tuple(found[name] for name in sorted(found))


def _load(path: Path) -> tuple[OpenContract | None, list[Fault]]:
    from open_data_contract_standard.model import OpenDataContractStandard

    try:
        text = path.read_bytes()
        document, doubled = read_yaml(text)
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        return None, [("(file)", " ".join(str(error).split()))]
    problems = list(doubled)
    if not isinstance(document, dict):
        return None, [*problems, ("(file)", "is not a mapping")]
    document, found = odcs_faults(OpenDataContractStandard, document)
    problems += found
    agency, name = path.parent.parent.name, path.name.removesuffix(".odcs.yaml")
    if not _NAME.fullmatch(name):
        problems.append(("(file)", f"'{name}' is not a snake_case name"))
    if document.get("id") != f"{agency}.open_data.{name}":
        problems.append(("id", f"must be '{agency}.open_data.{name}', after the folder and the file"))
    ext = _extension(OpenExtension, document.get("customProperties"), "customProperties", problems)
    objects = document.get("schema") or []
    if len(objects) != 1 or objects[0].get("name") != name:
        problems.append(("schema", f"exactly one object, named '{name}'"))
    table = objects[0] if objects else {}
    raw = table.get("properties") or []
    columns = [c for n, p in enumerate(raw) if (c := _column(p, f"schema.properties[{n}]", problems))]
    if ext is None:
        return None, problems
    keyed = sorted((p for p in raw if p.get("primaryKey")), key=lambda p: p.get("primaryKeyPosition") or 0)
    periods = [p["name"] for p in raw if p.get("partitioned")]
    description = document.get("description") or {}
    contract = OpenContract(
        agency=agency,
        name=name,
        version=str(document.get("version") or ""),
        title=document.get("name") or "",
        description=description.get("purpose") or "",
        limitations=description.get("limitations") or "",
        granularity=table.get("dataGranularityDescription") or "",
        columns=tuple(columns),
        key=tuple(p["name"] for p in keyed),
        period=periods[0] if periods else None,
        ext=ext,
        digest=hashlib.sha256(text).hexdigest()[:16],
        path=path,
    )
    return contract, [*problems, *_faults(contract, periods)]


def _extension(model: type[Any], properties: Any, where: str, problems: list[Fault]) -> Any:
    values: dict[str, Any] = {}
    for entry in properties or ():
        if entry.get("property") in values:
            problems.append((f"{where}.{entry['property']}", "set twice"))
        values[entry.get("property")] = entry.get("value")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems += [(".".join([where, *map(str, e["loc"])]), e["msg"]) for e in error.errors()]
        return None


def _column(raw: dict[str, Any], where: str, problems: list[Fault]) -> OpenColumn | None:
    name = raw.get("name") or ""
    logical: Any = raw.get("logicalType")
    where = f"{where}({name})"
    if not _NAME.fullmatch(name):
        problems.append((f"{where}.name", "is not a snake_case name"))
    if not raw.get("description"):
        problems.append((f"{where}.description", "missing: people read it in the dictionary"))
    if raw.get("classification", "private") not in ("public", "internal", "private"):
        problems.append((f"{where}.classification", "public, internal or private"))
    ext = _extension(OpenColumnExtension, raw.get("customProperties"), f"{where}.customProperties", problems)
    physical = str(raw.get("physicalType") or _SQL_TYPES.get(logical, "")).replace(", ", ",")
    if logical not in get_args(LogicalType):
        problems.append((f"{where}.logicalType", f"one of {', '.join(get_args(LogicalType))}"))
        return None
    if logical == "number" and physical != "DOUBLE" and not _DECIMAL.fullmatch(physical):
        problems.append((f"{where}.physicalType", "a number needs DECIMAL(p,s) or DOUBLE"))
    elif logical != "number" and physical != _SQL_TYPES[logical]:
        problems.append((f"{where}.physicalType", f"{logical} is {_SQL_TYPES[logical]}, not {physical}"))
    if ext is None:
        return None
    return OpenColumn(
        name=name,
        title=raw.get("businessName") or name.replace("_", " "),
        description=raw.get("description") or "",
        logical_type=logical,
        sql_type=physical,
        required=bool(raw.get("required") or raw.get("primaryKey")),
        key=bool(raw.get("primaryKey")),
        open=raw.get("classification") == "public" and not ext.teks_bebas,
        ext=ext,
    )


def _faults(contract: OpenContract, periods: list[str]) -> list[Fault]:
    """Faults of what the settings say together."""
    ext, named = contract.ext, {c.name for c in contract.columns}
    public = {c.name for c in contract.public}
    faults: list[Fault] = []
    for key, value in (("name", contract.title), ("version", contract.version), ("description", contract.description)):
        if not value:
            faults.append((key, "missing"))
    if not contract.key:
        faults.append(("schema.properties", "a primary key is needed: it names and orders the rows"))
    closed = [c for c in (*contract.key, ORIGIN_COLUMN) if c not in public]
    if closed:
        faults.append(("schema.properties", f"key and {ORIGIN_COLUMN} must be open: {', '.join(closed)}"))
    if len(periods) > 1:
        faults.append(("schema.properties", "only one column may be partitioned"))
    if not periods and ext.bagian != "semua":
        faults.append(("customProperties.bagian", "without a partitioned column only 'semua' is possible"))
    if periods and ext.bagian != "semua" and periods[0] not in contract.key:
        faults.append(
            ("customProperties.bagian", f"'{periods[0]}' must be in the key: doubled keys are looked for in each part")
        )
    if ext.lisensi is not None and ext.lisensi not in LICENSES:
        faults.append(("customProperties.lisensi", f"unknown; there are: {', '.join(LICENSES)}"))
    if (ext.lintang is None) != (ext.bujur is None):
        faults.append(("customProperties.lintang", "lintang and bujur are given together"))
    for where, column in _named_columns(ext):
        if column is not None and column not in named:
            faults.append((f"customProperties.{where}", f"no column '{column}'"))
    for n, rule in enumerate(ext.sel_kecil):
        faults += [(f"customProperties.sel_kecil[{n}]", reason) for reason in _cell_faults(rule, contract, public)]
    return faults


def _cell_faults(rule: SmallCells, contract: OpenContract, public: set[str]) -> list[str]:
    """What makes a rule for small cells one that protects nothing."""
    faults, ext = [], contract.ext
    wider = [k for k in contract.key if k not in {rule.baris, rule.kolom, rule.induk, *rule.per}]
    if wider:
        faults.append(f"key column {', '.join(wider)} is in none of baris, kolom, induk, per: name it, or coarsen")
    if rule.jenis == "uang" and (rule.pembayar is None or rule.terbesar is None):
        faults.append("uang needs pembayar and terbesar: without them no one can tell what is small")
    if rule.tindakan == "tekan" and rule.penanda not in public:
        faults.append(f"'{rule.penanda}' (penanda) must be an open column: readers must see what was suppressed")
    told = [c for c in (rule.pembayar, rule.terbesar) if c in public and c not in rule.ikut]
    if told:
        faults.append(f"{', '.join(told)} would tell of suppressed cells: close it or name it in ikut")
    if sum(other.nilai == rule.nilai for other in ext.sel_kecil) > 1:
        faults.append(f"'{rule.nilai}' is in two tables that share cells: coarsen to one table of two dimensions")
    return faults


def _named_columns(ext: OpenExtension) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = [("lintang", ext.lintang), ("bujur", ext.bujur)]
    if "wilayah" in ext.model_fields_set:
        found.append(("wilayah", ext.wilayah))
    for n, rule in enumerate(ext.sel_kecil):
        columns = (rule.nilai, *rule.ikut, rule.pembayar, rule.terbesar, rule.baris, rule.kolom, rule.induk, *rule.per)
        found += [(f"sel_kecil[{n}]", c) for c in columns]
    if ext.grafik:
        found += [("grafik", c) for c in (ext.grafik.nilai, ext.grafik.kelompok, *ext.grafik.saring)]
    return found
