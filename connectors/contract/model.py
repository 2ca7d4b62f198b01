"""The contract as the rest of the code sees it, and the strict model of our ODCS `customProperties`.

Does not belong here: reading YAML, finding files (`load.py`).
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, field_validator

Locale = Literal["polos", "ribuan_koma", "ribuan_titik"]
CodeSystem = Literal["bps", "kemendagri", "pihps", "panel_harga", "sp2kp", "lokal"]
Classification = Literal["public", "internal", "private"]
Grain = Literal["harian", "bulanan", "tahunan", "tunggal"]
Mode = Literal["jendela", "potret", "berkas", "acuan"]

LINEAGE_COLUMNS = {"_payload": pl.String(), "_baris": pl.Int32(), "_asal": pl.String()}
"""Added to every source table: payload hash, 0-based row in the payload, and where the row came from."""

SINGLE_PARTITION = "semua"
"""Key of the only partition of a dataset whose grain is `tunggal`."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RowLayout(_Strict):
    """Where rows stand in a JSON body and which of its keys may be kept (the allow-list)."""

    di: tuple[str, ...] = ("data",)
    amplop: tuple[str, ...] = ()
    bidang_lain: tuple[str, ...] = ()
    pola: tuple[str, ...] = ()

    @field_validator("pola")
    @classmethod
    def _compiles(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            re.compile(pattern)
        return value


class HeaderLayout(_Strict):
    """Where the header of a table file stands: a row number from 1, or the text of one of its cells."""

    baris: int | None = None
    cari: str | None = None
    tinggi: int = Field(default=1, ge=1, le=5)


class Unpivot(_Strict):
    """Columns whose header matches `pola` become rows: the header goes to `kolom_nama`, the cell to `kolom_nilai`."""

    kolom_nama: str
    kolom_nilai: str
    pola: str


class CellValue(_Strict):
    """A value that stands once in the file, read from one cell, optionally the first group of a regex."""

    sel: str = Field(pattern=r"^[A-Z]{1,3}[1-9]\d*$")
    regex: str | None = None


class FileLayout(_Strict):
    """Layout of a table file of the inbox (`mode: berkas`) or of a reference file (`mode: acuan`)."""

    berkas: str | None = None
    pola: str | None = None
    format: Literal["xlsx", "csv"] = "csv"
    lembar: int | str = 0
    encoding: str = "utf-8-sig"
    pemisah: str = ","
    judul: HeaderLayout = HeaderLayout(baris=1)
    berhenti: tuple[str, ...] = ()
    total: str | None = None
    lebur: Unpivot | None = None
    isi_dari: dict[str, CellValue] = Field(default_factory=dict)
    isi_tetap: dict[str, str] = Field(default_factory=dict)
    slot: tuple[str, ...] = ()


class RowRule(_Strict):
    """A rule over one row in exact arithmetic: a DuckDB boolean expression; NULL counts as passed."""

    nama: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    sql: str
    keterangan: str
    tingkat: Literal["karantina", "catat"] = "karantina"


class DatasetExtension(_Strict):
    """Our `customProperties` of a contract. What ODCS has a field for is not repeated here."""

    partisi: Grain
    mode: Mode
    tarik_ulang_hari: int = Field(default=0, ge=0, le=366)
    jendela_maks_hari: int = Field(default=31, ge=1, le=366)
    hari_kerja: bool = False
    boleh_kosong: bool = False
    jadwal: str = "0 6 * * *"
    baris: RowLayout = RowLayout()
    berkas: FileLayout | None = None
    profil: dict[str, str] = Field(default_factory=dict)
    aturan_baris: tuple[RowRule, ...] = ()
    ambang_karantina: float = Field(default=0.1, ge=0, le=1)
    retensi_bulan: int | None = Field(default=None, ge=1)
    lisensi: str | None = None
    dasar_publikasi: str | None = None
    topik: tuple[str, ...] = ()

    @field_validator("profil")
    @classmethod
    def _metric_names(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(f"nama metrik '{name}' harus huruf kecil, angka dan garis bawah")
        return value


class ColumnExtension(_Strict):
    """Our `customProperties` of a column: how its text is read, its unit and its code system."""

    format: tuple[str, ...] = ()
    lokal: Locale = "polos"
    kosong: tuple[str, ...] = ()
    nol_kosong: bool = False
    satuan: str | None = None
    sistem_kode: CodeSystem | None = None
    nama_wilayah: str | None = None
    acak: Literal["hmac"] | None = None
    baku: Literal["nopol"] | None = None
    turunan: bool = False
    opsional: bool = False
    huruf: Literal["asli", "besar", "kecil"] = "asli"


@dataclass(frozen=True)
class Column:
    """A column of a dataset: its name in the lake, its name on the wire, its type and its privacy class."""

    name: str
    wire: str
    logical_type: str
    dtype: pl.DataType
    sql_type: str
    required: bool
    primary_key: bool
    classification: Classification
    title: str
    description: str
    ext: ColumnExtension


@dataclass(frozen=True)
class Expectation:
    """One declared check. `scope` is `baris` (each row) or `partisi` (the profile of a partition).

    `severity` is `error` (row: quarantine; partition: block) or `warning` (noted only).
    """

    name: str
    type: str
    kwargs: dict[str, Any]
    severity: Literal["error", "warning"]
    scope: Literal["baris", "partisi"]
    dimension: str
    description: str


@dataclass(frozen=True, eq=False)
class Contract:
    """A dataset's contract. `digest` changes whenever anything in its file does."""

    agency: str
    dataset: str
    version: str
    title: str
    description: str
    limitations: str
    domain: str
    granularity: str
    owner: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    partition_column: str | None
    expectations: tuple[Expectation, ...]
    latency: timedelta
    retention_years: int | None
    ext: DatasetExtension
    digest: str
    path: Path

    @property
    def id(self) -> str:
        return f"{self.agency}.{self.dataset}"

    @property
    def table(self) -> str:
        """Name of the source table, `agency__dataset`."""
        return f"{self.agency}__{self.dataset}"

    @property
    def has_private(self) -> bool:
        """Whether payloads must be encrypted: a column is private, or is hashed because it is."""
        return any(c.classification == "private" for c in self.columns)

    @property
    def folder(self) -> Path:
        """The agency's folder."""
        return self.path.parent

    def column(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.id} has no column {name}")

    def schema(self) -> dict[str, pl.DataType]:
        """Polars schema of a staged frame: the contract's columns and the lineage columns."""
        return {c.name: c.dtype for c in self.columns} | LINEAGE_COLUMNS
