"""`datapackage.json` of a release: the Frictionless Data Package v2 as a strict model, and the check of a folder by it.

Belongs here: what a valid descriptor is, and whether the files are what it says. Does not belong here: writing the
data files (`release.py`). Keys that the standard lacks are Indonesian and listed in `Package` and `Resource`.
"""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

import duckdb
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from warehouse.duck import bare, ident, literal
from warehouse.open_data import Origin
from warehouse.versioned import file_facts

FILE = "datapackage.json"
PROFILE: Literal["https://datapackage.org/profiles/2.0/datapackage.json"] = (
    "https://datapackage.org/profiles/2.0/datapackage.json"
)

FORMULA = r"^['\s\x{00A0}\x{FEFF}]*[=+\-@＝＋－＠|]|^['\s]*[\t\r\n]"
"""Text that a spreadsheet may run: `= + - @` (also full width) or `|` at its start, whatever blanks or quotes precede,
and text that starts with a tab or a line break. Such a value gets one apostrophe in front; taking one apostrophe off
every value that matches gives the original back, because a value that already starts with apostrophes gets one too."""

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][-a-z0-9._]*$")]
_Url = Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]
_Text = Annotated[str, StringConstraints(min_length=1)]
FieldType = Literal["string", "date", "datetime", "integer", "number", "boolean"]


class PackageError(ValueError):
    """A release folder is not what its descriptor says, or the descriptor breaks the standard; lists every fault."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class Constraints(_Strict):
    required: bool


class TableField(_Strict):
    """A column. `satuan`: unit of its values."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
    type: FieldType
    description: str
    constraints: Constraints
    satuan: str | None = None


class TableSchema(_Strict):
    fields: list[TableField] = Field(min_length=1)
    primary_key: list[str] = Field(alias="primaryKey", min_length=1)
    missing_values: list[str] = Field(alias="missingValues")

    @model_validator(mode="after")
    def _names_agree(self) -> "TableSchema":
        names = [f.name for f in self.fields]
        if len(set(names)) != len(names):
            raise ValueError("field names are not unique")
        unknown = set(self.primary_key) - {f.name for f in self.fields if f.constraints.required}
        if unknown:
            raise ValueError(f"primaryKey names no required field: {', '.join(sorted(unknown))}")
        return self


class Dialect(_Strict):
    header: bool
    delimiter: str
    line_terminator: str = Field(alias="lineTerminator")
    quote_char: str = Field(alias="quoteChar")
    double_quote: bool = Field(alias="doubleQuote")


class Resource(_Strict):
    """A file. `jumlah_baris`: its rows; `catatan`: how its values differ from those in the lake, if they do."""

    name: _Name
    path: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+\.(csv|parquet)$")]
    type: Literal["table", "file"]
    format: Literal["csv", "parquet"]
    mediatype: _Text
    encoding: Literal["utf-8"] | None = None
    bytes: int = Field(gt=0)
    hash: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
    dialect: Dialect | None = None
    table_schema: TableSchema = Field(alias="schema")
    jumlah_baris: int = Field(gt=0)
    catatan: str | None = None

    @model_validator(mode="after")
    def _format_agrees(self) -> "Resource":
        if not self.path.endswith(f".{self.format}"):
            raise ValueError(f"path '{self.path}' is not of format {self.format}")
        # Readers of the standard take size and hash of a table from its text: Parquet is a file to them.
        if self.type != {"csv": "table", "parquet": "file"}[self.format]:
            raise ValueError(f"type '{self.type}' is not that of format {self.format}")
        if (self.format == "csv") != (self.dialect is not None and self.encoding is not None):
            raise ValueError("a CSV, and only a CSV, has a dialect and an encoding")
        return self


class LicenseEntry(_Strict):
    name: _Text
    title: _Text
    path: _Url


class Source(_Strict):
    title: _Text
    path: _Url | None = None


class Contributor(_Strict):
    title: _Text
    roles: list[_Text] = Field(min_length=1)


class Period(_Strict):
    mulai: str
    sampai: str

    @model_validator(mode="after")
    def _ordered(self) -> "Period":
        if date.fromisoformat(self.mulai) > date.fromisoformat(self.sampai):
            raise ValueError("the period ends before it starts")
        return self


class Package(_Strict):
    """The descriptor. Ours beyond the standard: `asal_data` (origins of the rows), `dasar_publikasi` (ground on which
    it is published), `periode`, `butiran` (what one row is), `catatan` and `sidik` (digest of the content)."""

    profile: Literal["https://datapackage.org/profiles/2.0/datapackage.json"] = Field(alias="$schema")
    name: _Name
    title: _Text
    description: _Text
    version: Annotated[str, StringConstraints(pattern=r"^[1-9]\d*\.0\.0$")]
    created: str
    keywords: list[_Text] = Field(min_length=1)
    licenses: list[LicenseEntry] = Field(min_length=1)
    sources: list[Source] = Field(min_length=1)
    contributors: list[Contributor] = Field(min_length=1)
    resources: list[Resource] = Field(min_length=1)
    butiran: _Text
    asal_data: list[Origin] = Field(min_length=1)
    dasar_publikasi: _Text
    periode: Period | None = None
    catatan: str | None = None
    sidik: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

    @model_validator(mode="after")
    def _honest(self) -> "Package":
        if datetime.fromisoformat(self.created).utcoffset() is None:
            raise ValueError("created has no time zone")
        if len({r.name for r in self.resources}) != len(self.resources):
            raise ValueError("resource names are not unique")
        if len({r.jumlah_baris for r in self.resources}) != 1:
            raise ValueError("resources differ in their number of rows")
        for origin in self.asal_data:
            if origin != "resmi" and origin not in self.title:
                raise ValueError(f"the title does not say that rows are '{origin}'")
        return self

    def to_bytes(self) -> bytes:
        """The descriptor as UTF-8 JSON; keys without a value are left out."""
        return self.model_dump_json(by_alias=True, exclude_none=True, indent=2).encode() + b"\n"


def csv_text(name: str, kind: FieldType) -> str:
    """SQL that gives a column's text in the plain CSV: point decimals, ISO dates, UTC instants, no live formula."""
    column = ident(name)
    if kind == "datetime":
        return f"strftime({column} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')"
    if kind == "string":
        live = f"regexp_matches({column}, {literal(FORMULA)})"
        return f"nullif(CASE WHEN {live} THEN '''' || {column} ELSE {column} END, '')"
    return f"CAST({column} AS VARCHAR)"


def check_folder(folder: Path) -> Package:
    """Hold a release folder to its descriptor: profile, sizes, hashes, headers, types, rows, equal content.

    Raises PackageError with every fault found.
    """
    try:
        package = Package.model_validate_json((folder / FILE).read_bytes())
    except OSError as error:
        raise PackageError(f"{FILE}: {error}") from None
    except ValidationError as error:
        faults = [f"{FILE} {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise PackageError("; ".join(faults)) from None
    faults = []
    for resource in package.resources:
        path = folder / resource.path
        if not path.is_file():
            faults.append(f"{resource.path}: missing")
            continue
        size, sha256 = file_facts(path)
        if size != resource.bytes:
            faults.append(f"{resource.path}: {size} bytes, descriptor says {resource.bytes}")
        if f"sha256:{sha256}" != resource.hash:
            faults.append(f"{resource.path}: sha256 {sha256} is not the descriptor's")
    if not faults:
        faults = _content_faults(folder, package)
    if faults:
        raise PackageError("; ".join(faults))
    return package


_PARQUET = {"VARCHAR": "string", "DATE": "date", "TIMESTAMP WITH TIME ZONE": "datetime", "BOOLEAN": "boolean"}


def field_type(sql_type: str) -> FieldType:
    """Field type of a DuckDB type. Raises ValueError for a type that no open file holds without loss."""
    if sql_type in _PARQUET:
        kind: FieldType = _PARQUET[sql_type]  # type: ignore[assignment]
        return kind
    if sql_type in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT"):
        return "integer"
    if sql_type == "DOUBLE" or sql_type.startswith("DECIMAL("):
        return "number"
    raise ValueError(f"type {sql_type} is not for open files; cast it (a sum of integers to BIGINT, for example)")


def _content_faults(folder: Path, package: Package) -> list[str]:
    faults: list[str] = []
    contents: dict[str, str] = {}
    con = bare()
    try:
        for resource in package.resources:
            fields = resource.table_schema.fields
            path = literal(str(folder / resource.path))
            texts = [ident(f.name) for f in fields]
            if resource.format == "csv":
                read = f"read_csv({path}, header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"')"
            else:
                read = f"read_parquet({path})"
                texts = [csv_text(f.name, f.type) for f in fields]
            try:
                columns = con.execute(f"DESCRIBE SELECT * FROM {read}").fetchall()
                if [c[0] for c in columns] != [f.name for f in fields]:
                    faults.append(f"{resource.path}: columns are {', '.join(c[0] for c in columns)}")
                    continue
                if resource.format == "parquet":
                    wrong = [c[0] for c, f in zip(columns, fields, strict=True) if field_type(c[1]) != f.type]
                    faults += [f"{resource.path}: {name} has another type than the descriptor" for name in wrong]
                row = con.execute(
                    f"SELECT count(*), CAST(coalesce(sum(hash({', '.join(texts)})::HUGEINT), 0) AS VARCHAR) FROM {read}"
                ).fetchone()
            except (duckdb.Error, ValueError) as error:
                faults.append(f"{resource.path}: {error}")
                continue
            assert row is not None
            if row[0] != resource.jumlah_baris:
                faults.append(f"{resource.path}: {row[0]} rows, descriptor says {resource.jumlah_baris}")
            contents[resource.path] = row[1]
    finally:
        con.close()
    if len(set(contents.values())) > 1:
        faults.append(f"{' and '.join(contents)} do not hold the same rows")
    return faults
