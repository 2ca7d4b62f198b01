"""The files of a release as their readers see them: the manifest of a version and the list of what is published.

Belongs here: the form of `manifest.json` and `rilis.json`, and reading them. Does not belong here: making a version
(`publish.py`). Only the standard library and pydantic are imported: the portal reads with this module alone.

Layout below the public root, of which any web server may serve every byte:

    terkini.json                        pointer: {"rilis": 12}, replaced atomically
    rilis/12/rilis.json                 everything published in release 12 (`Release`)
    rilis/12/katalog.ducklake           frozen DuckLake catalogue over the parts, with all versions by time travel
    rilis/12/katalog.{jsonld,ttl}       DCAT
    dataset/<nama>/v3/manifest.json     one version (`Version`); datapackage.json, dictionary and downloads beside it
    bagian/<ab>/<sha256>.<ext>          content-addressed files: Parquet parts, and files in one piece of every format

What is below `bagian/` and `dataset/<nama>/v<n>/` never changes. A withdrawn version keeps only `ditarik.json`.
"""

import uuid
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

POINTER = "terkini.json"
RELEASE_FILE = "rilis.json"
MANIFEST_FILE = "manifest.json"
WITHDRAWN_FILE = "ditarik.json"
CATALOGUE_FILE = "katalog.ducklake"

FieldType = Literal["string", "integer", "number", "date", "datetime", "boolean"]
Format = Literal["parquet", "csv", "csv-excel", "xlsx", "json", "geojson"]

_NAMESPACE = uuid.UUID("6f0d9f0e-3f0b-5d1c-9c53-2c1f1d6a7b10")


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Record):
    """One column. `tipe` is the Frictionless type, `sql` DuckDB's."""

    nama: str
    judul: str
    judul_en: str | None = None
    keterangan: str
    tipe: FieldType
    sql: str
    satuan: str | None = None
    wajib: bool = False
    kunci: bool = False


class Part(_Record):
    """A content-addressed Parquet file with the rows of one span (`2025`, `2025-03`, `semua`)."""

    rentang: str
    path: str = Field(description="Relative to the public root.")
    sha256: str
    bytes: int
    baris: int
    isi: str = Field(description="Digest of the rows; the same rows have the same one.")


class File(_Record):
    """A download. A table that is too long for one XLSX has several files of that format, told apart by `bagian`."""

    id: str = Field(description="Permanent id of the resource: the newest version's file stands behind /r/<id>.")
    format: Format
    nama: str = Field(description="Name that a download gets.")
    path: str = Field(description="Relative to the public root.")
    mediatype: str
    sha256: str
    bytes: int
    baris: int
    bagian: str | None = None
    per: datetime = Field(description="When this file was built; one in one piece follows the contract's cadence.")
    versi: int = Field(description="Version whose rows the file holds.")


class Licence(_Record):
    id: str
    judul: str
    url: str


class Source(_Record):
    """An agency or a dataset of the warehouse that rows come from."""

    nama: str
    instansi: str
    url: str | None = None


class Quality(_Record):
    """Nine-point score: criterion → met or not, `None` when it cannot be told."""

    nilai: float = Field(ge=0, le=1)
    kriteria: dict[str, bool | None]


class Diff(_Record):
    """What changed against version `dari`. Row counts are by key."""

    dari: int
    kolom_baru: tuple[str, ...] = ()
    kolom_hilang: tuple[str, ...] = ()
    kolom_berubah: tuple[str, ...] = ()
    baris_sebelum: int
    baris_sesudah: int
    baris_ditambah: int
    baris_dihapus: int
    baris_diubah: int
    rentang_berubah: tuple[str, ...] = ()


class Missing(_Record):
    """A format that this version does not have, and why."""

    format: Format
    alasan: str


class Version(_Record):
    """One published version of a dataset."""

    dataset: str
    versi: int
    terbit: datetime
    alasan: str
    digest: str
    judul: str
    judul_en: str
    keterangan: str
    keterangan_en: str
    batasan: str
    butiran: str
    metode: str
    catatan: str
    instansi: str = Field(description="Code of the agency's folder.")
    produsen: str
    walidata: str
    sumber: tuple[Source, ...]
    topik: tuple[str, ...]
    kata_kunci: tuple[str, ...]
    lisensi: Licence
    dasar_publikasi: str
    asal_data: tuple[str, ...]
    peringatan: tuple[str, ...] = Field((), description="What a reader is told of rows that no agency gave.")
    kolom: tuple[Column, ...]
    kunci: tuple[str, ...]
    kolom_periode: str | None
    kolom_wilayah: str | None
    mulai: date | None
    sampai: date | None
    baris: int
    irama: Literal["harian", "mingguan", "bulanan", "tahunan"]
    jatuh_tempo: date | None = Field(description="When the next rows are due.")
    mutu: Quality
    bagian: tuple[Part, ...]
    berkas: tuple[File, ...]
    tanpa: tuple[Missing, ...] = ()
    umumkan: tuple[dict[str, Any], ...] = ()
    grafik: dict[str, Any] | None = None
    perubahan: Diff | None = None
    sdi: dict[str, Any] = Field({}, description="Satu Data Indonesia: MS-Keg, MS-Var, MS-Ind, and what is owed.")

    @property
    def stand_in(self) -> bool:
        return "resmi" not in self.asal_data


class VersionLine(_Record):
    """One line of a dataset's history."""

    versi: int
    status: Literal["terbit", "ditarik"]
    waktu: datetime
    alasan: str
    snapshot: int | None = Field(None, description="DuckLake snapshot of the catalogue that first has this version.")


class Withdrawn(_Record):
    """What is left of a withdrawn version; who withdrew it stands in the decisions, which are not public."""

    dataset: str
    versi: int
    judul: str
    terbit: datetime
    ditarik: datetime
    alasan: str


class Listed(_Record):
    """A dataset of a release: its newest standing version, or none when all are withdrawn."""

    dataset: str
    versi: int | None
    riwayat: tuple[VersionLine, ...]


class AgencyLine(_Record):
    kode: str
    nama: str
    instansi: str
    url: str | None = None


class Release(_Record):
    """Everything that is published at one time; what a version holds stands in its own manifest."""

    nomor: int
    terbit: datetime
    provinsi: str
    kode_provinsi: str
    dataset: tuple[Listed, ...]
    instansi: tuple[AgencyLine, ...]
    snapshot: int = Field(description="DuckLake snapshot of the catalogue that this release is.")


def dataset_id(name: str) -> str:
    """Permanent id of a dataset in the catalogue."""
    return str(uuid.uuid5(_NAMESPACE, f"dataset/{name}"))


def resource_id(name: str, format: str, part: str | None = None) -> str:
    """Permanent id of a download of a dataset."""
    return str(uuid.uuid5(_NAMESPACE, f"dataset/{name}/{format}" + (f"/{part}" if part else "")))


def current(root: Path) -> int | None:
    """Number of the newest release below the public root, None before the first."""
    try:
        text = (root / POINTER).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return int(_Pointer.model_validate_json(text).rilis)


def read_release(root: Path, number: int) -> Release:
    """Read a release. Raises FileNotFoundError, pydantic.ValidationError."""
    return Release.model_validate_json((root / "rilis" / str(number) / RELEASE_FILE).read_bytes())


def read_version(root: Path, dataset: str, number: int) -> Version:
    """Read a version's manifest. Raises FileNotFoundError (also for a withdrawn one), pydantic.ValidationError."""
    return Version.model_validate_json((root / "dataset" / dataset / f"v{number}" / MANIFEST_FILE).read_bytes())


def read_withdrawn(root: Path, dataset: str, number: int) -> Withdrawn | None:
    """What is said of a withdrawn version, None if it is none. Raises pydantic.ValidationError."""
    try:
        body = (root / "dataset" / dataset / f"v{number}" / WITHDRAWN_FILE).read_bytes()
    except FileNotFoundError:
        return None
    return Withdrawn.model_validate_json(body)


class _Pointer(_Record):
    rilis: int
