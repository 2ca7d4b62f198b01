"""`datapackage.json` of a version: a Frictionless Data Package (v1), and the check that it and the files agree.

Belongs here: what a valid descriptor is, making one from a manifest, holding one to the standard and to the files.
Does not belong here: writing it to its place (`publish.py`). Keys that the standard lacks are Indonesian and listed in
`Package` and `Resource`.

Paths are names beside the descriptor, because the standard allows no path that leads upwards, and because a version
must stay true when the portal's address changes.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from warehouse.opendata.manifest import Column, FieldType, File, Format, Version

FILE = "datapackage.json"

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][-a-z0-9._]*$")]
_Url = Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]
_Text = Annotated[str, StringConstraints(min_length=1)]
_Path = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
_TABLES = ("csv", "csv-excel")


class PackageError(ValueError):
    """A descriptor breaks the standard, or files are not what it says; the message lists every fault."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class Constraints(_Strict):
    required: bool


class TableField(_Strict):
    """A column. `satuan`: unit of its values."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
    type: FieldType
    title: _Text
    description: _Text
    format: str | None = None
    decimal_char: Literal[","] | None = Field(None, alias="decimalChar")
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
    quote_char: str = Field(alias="quoteChar")
    double_quote: bool = Field(alias="doubleQuote")


class Resource(_Strict):
    """A file. `jumlah_baris`: its rows; `versi` and `per`: the version whose rows it holds, and when it was made."""

    name: _Name
    path: _Path
    title: _Text
    profile: Literal["tabular-data-resource", "data-resource"]
    type: Literal["table", "file"] = Field(description="What newer readers go by instead of the profile.")
    format: _Text
    mediatype: _Text
    encoding: Literal["utf-8", "utf-8-sig"] | None = None
    bytes: int = Field(gt=0)
    hash: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
    dialect: Dialect | None = None
    table_schema: TableSchema | None = Field(None, alias="schema")
    jumlah_baris: int = Field(ge=0)
    versi: int = Field(gt=0)
    per: str

    @model_validator(mode="after")
    def _table_agrees(self) -> "Resource":
        table = self.profile == "tabular-data-resource"
        if table != (self.type == "table"):
            raise ValueError("profile and type do not agree")
        if table != (None not in (self.dialect, self.encoding, self.table_schema)):
            raise ValueError("a table, and only a table, has a dialect, an encoding and a schema")
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
    role: Literal["author", "publisher"]
    organization: _Text


class Period(_Strict):
    mulai: str
    sampai: str


class Package(_Strict):
    """The descriptor. Ours beyond the standard: `butiran` (what one row is), `asal_data` (origins of the rows),
    `dasar_publikasi` (ground on which it is published), `periode`, `metode`, `batasan`, `sidik` (of the rows)."""

    profile: Literal["data-package"]
    name: _Name
    id: _Text
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
    asal_data: list[_Text] = Field(min_length=1)
    dasar_publikasi: _Text
    periode: Period | None = None
    metode: str | None = None
    batasan: str | None = None
    sidik: _Text

    @model_validator(mode="after")
    def _consistent(self) -> "Package":
        for what, values in (("names", [r.name for r in self.resources]), ("paths", [r.path for r in self.resources])):
            if len(set(values)) != len(values):
                raise ValueError(f"{what} of resources are not unique")
        if datetime.fromisoformat(self.created).utcoffset() is None:
            raise ValueError("created has no time zone")
        told = f"{self.title} {self.description}"
        for origin in self.asal_data:
            if origin != "resmi" and origin not in told:
                raise ValueError(f"neither title nor description says that rows are '{origin}'")
        return self


def describe(version: Version) -> bytes:
    """The descriptor of a version as UTF-8 JSON. Raises PackageError if the standard has no form for it."""
    try:
        package = _package(version)
    except ValidationError as error:
        raise PackageError(_told(error)) from None
    return package.model_dump_json(by_alias=True, exclude_none=True, indent=2).encode() + b"\n"


def check(body: bytes, version: Version, locate: Callable[[File], Path], *, deep: bool = False) -> None:
    """Hold a descriptor to the standard, to its version and to the files. Raises PackageError with every fault.

    `locate` gives the place of a file. Sizes are always compared; `deep`: also hashes, and the header of each CSV.
    """
    try:
        package = Package.model_validate_json(body)
    except ValidationError as error:
        raise PackageError(_told(error)) from None
    faults = []
    if body != describe(version):
        faults.append(f"{FILE}: is not that of version {version.versi}")
    files = {f.nama: f for f in version.berkas}
    for resource in package.resources:
        if resource.path not in files:
            faults.append(f"{resource.path}: the version has no such file")
            continue
        faults += _file_faults(resource, locate(files[resource.path]), deep)
    if faults:
        raise PackageError("; ".join(faults))


def _package(version: Version) -> Package:
    period = None
    if version.mulai and version.sampai:
        period = Period(mulai=version.mulai.isoformat(), sampai=version.sampai.isoformat())
    return Package(
        profile="data-package",
        name=version.dataset,
        id=f"{version.dataset}/v{version.versi}",
        title=version.judul,
        description=" ".join((*version.peringatan, version.keterangan)),
        version=f"{version.versi}.0.0",
        created=_instant(version.terbit),
        keywords=list(dict.fromkeys((*version.kata_kunci, *version.topik))),
        licenses=[LicenseEntry(name=version.lisensi.id, title=version.lisensi.judul, path=version.lisensi.url)],
        sources=[Source(title=f"{s.instansi}: {s.nama}", path=s.url) for s in version.sumber],
        contributors=[
            Contributor(title=version.produsen, role="author", organization=version.produsen),
            Contributor(title=version.walidata, role="publisher", organization=version.walidata),
        ],
        resources=[_resource(version, f) for f in version.berkas],
        butiran=version.butiran,
        asal_data=list(version.asal_data),
        dasar_publikasi=version.dasar_publikasi,
        periode=period,
        metode=version.metode or None,
        batasan=version.batasan or None,
        sidik=version.digest,
    )


def _resource(version: Version, file: File) -> Resource:
    # Readers of the standard take size and hash of a table from its text: other forms are files to them.
    table = file.format in _TABLES
    excel = file.format == "csv-excel"
    part = f"-{file.bagian}" if file.bagian else ""
    return Resource(
        name=f"{version.dataset}-{file.format}{part}".lower(),
        path=file.nama,
        title=f"{version.judul} ({file.nama})",
        profile="tabular-data-resource" if table else "data-resource",
        type="table" if table else "file",
        format=file.nama.rpartition(".")[2],
        mediatype=file.mediatype,
        encoding=("utf-8-sig" if excel else "utf-8") if table else None,
        bytes=file.bytes,
        hash=f"sha256:{file.sha256}",
        dialect=Dialect(header=True, delimiter=";" if excel else ",", quote_char='"', double_quote=True)
        if table
        else None,
        table_schema=_schema(version, file.format) if table else None,
        jumlah_baris=file.baris,
        versi=file.versi,
        per=_instant(file.per),
    )


def _schema(version: Version, format: Format) -> TableSchema:
    return TableSchema(
        fields=[_field(c, c.kunci or c.nama in version.kunci, format) for c in version.kolom],
        primary_key=list(version.kunci),
        missing_values=[""],
    )


def _field(column: Column, key: bool, format: Format) -> TableField:
    # Fractions of a second are optional in our texts, which the standard's default form does not allow.
    return TableField(
        name=column.nama,
        type=column.tipe,
        title=column.judul,
        description=column.keterangan,
        format="any" if column.tipe == "datetime" else None,
        decimal_char="," if format == "csv-excel" and column.tipe == "number" else None,
        constraints=Constraints(required=column.wajib or key),
        satuan=column.satuan,
    )


def _file_faults(resource: Resource, path: Path, deep: bool) -> list[str]:
    if not path.is_file():
        return [f"{resource.path}: missing"]
    size = path.stat().st_size
    if size != resource.bytes:
        return [f"{resource.path}: {size} bytes, descriptor says {resource.bytes}"]
    if not deep:
        return []
    with path.open("rb") as file:
        faults = []
        if f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" != resource.hash:
            faults.append(f"{resource.path}: its sha256 is not the descriptor's")
        if resource.table_schema and resource.dialect:
            file.seek(0)
            header = file.readline().decode(resource.encoding or "utf-8").rstrip("\r\n")
            wanted = resource.dialect.delimiter.join(f.name for f in resource.table_schema.fields)
            if header.replace('"', "") != wanted:
                faults.append(f"{resource.path}: its columns are {header}")
    return faults


def _instant(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _told(error: ValidationError) -> str:
    return "; ".join(f"{FILE} {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
