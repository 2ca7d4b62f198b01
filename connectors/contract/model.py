"""The contract as the rest of the code sees it, and the strict model of our ODCS `customProperties`.

Does not belong here: reading YAML, finding files (`load.py`).
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

Locale = Literal["polos", "ribuan_koma", "ribuan_titik"]
CodeSystem = Literal["bps", "kemendagri", "pihps", "panel_harga", "sp2kp", "lokal"]
Classification = Literal["public", "internal", "private"]
Grain = Literal["harian", "bulanan", "tahunan", "tunggal"]
Mode = Literal["jendela", "potret", "berkas", "acuan"]

LINEAGE_COLUMNS = {"_payload": pl.String(), "_baris": pl.Int32(), "_asal": pl.String()}
"""Added to every source table: payload hash, 0-based row in the payload, and where the row came from."""

SINGLE_PARTITION = "semua"
"""Key of the only partition of a dataset whose grain is `tunggal`."""


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]
"""A regular expression."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RowLayout(_Strict):
    """Where rows stand in a JSON body and which of its keys may be kept (the allow-list)."""

    di: tuple[str, ...] = Field(("data",), description="Keys that lead from the top to the rows; [] for a bare array.")
    amplop: tuple[str, ...] = Field((), description="Allowed keys around the rows; a nested one as a dotted path.")
    bidang_lain: tuple[str, ...] = Field((), description="Allowed keys of a row that are no column.")
    pola: tuple[Pattern, ...] = Field((), description="Regular expressions of further allowed keys of a row.")


class HeaderLayout(_Strict):
    """Where the header of a table file stands: a row number from 1, or the text of one of its cells."""

    baris: int | None = Field(None, ge=1, description="Number of the header's first row, from 1.")
    cari: str | None = Field(None, description="Text of a cell of the header, looked for in the first 30 rows.")
    tinggi: int = Field(1, ge=1, le=5, description="Rows of the header; merged cells are filled and joined by ' / '.")


class Unpivot(_Strict):
    """Columns whose header matches `pola` become rows: the header goes to `kolom_nama`, the cell to `kolom_nilai`."""

    kolom_nama: str = Field(description="Column that gets the header's text.")
    kolom_nilai: str = Field(description="Column that gets the cell.")
    pola: Pattern = Field(description="Regular expression of the headers that are turned.")


class CellValue(_Strict):
    """A value that stands once in the file, read from one cell, optionally the first group of a regex."""

    sel: str = Field(pattern=r"^[A-Z]{1,3}[1-9]\d*$", description="The cell, as in a spreadsheet: B2.")
    regex: Pattern | None = Field(None, description="Regular expression whose first group is the value.")


class FileLayout(_Strict):
    """Layout of a table file of the inbox (`mode: berkas`) or of a reference file (`mode: acuan`)."""

    berkas: str | None = Field(None, description="acuan: the file, relative to the agency's folder.")
    pola: str | None = Field(None, description="berkas: names of the inbox files that are meant, as *.xlsx.")
    format: Literal["xlsx", "csv"] = Field("csv", description="Format of the file.")
    lembar: int | str = Field(0, description="Sheet by number from 0 or by name.")
    encoding: str = Field("utf-8-sig", description="Encoding of a CSV file, for example cp1252.")
    pemisah: str = Field(",", min_length=1, max_length=1, description="Separator of a CSV file.")
    judul: HeaderLayout = Field(HeaderLayout(baris=1), description="Where the header stands.")
    berhenti: tuple[Pattern, ...] = Field((), description="Texts of a row's first filled cell at which the data ends.")
    total: Pattern | None = Field(None, description="Text of the totals row, whose numbers must equal the sums.")
    lebur: Unpivot | None = Field(None, description="Columns that are turned into rows.")
    isi_dari: dict[str, CellValue] = Field({}, description="Columns whose value stands once in the file.")
    isi_tetap: dict[str, str] = Field({}, description="Columns with one fixed text.")
    slot: tuple[str, ...] = Field((), description="Columns that name the unit which one file replaces in a partition.")


class RowRule(_Strict):
    """A rule over one row in exact arithmetic: a DuckDB boolean expression; NULL counts as passed."""

    nama: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="Name of the check.")
    sql: str = Field(min_length=1, description="DuckDB boolean expression over the row's columns.")
    keterangan: str = Field(min_length=1, description="What is told when a row fails.")
    tingkat: Literal["karantina", "catat"] = Field("karantina", description="Set the row aside, or only note it.")


class DatasetExtension(_Strict):
    """Our `customProperties` of a contract: each key is one entry `{property: …, value: …}`.

    What ODCS has a field for is not repeated here.
    """

    partisi: Grain = Field(description="Grain of the partition column; tunggal: one partition, replaced whole.")
    mode: Mode = Field(
        description="jendela: pulled by business dates. potret: the state of now, partition = day of the pull. "
        "berkas: files of the inbox. acuan: a reference file in the agency's folder."
    )
    tarik_ulang_hari: int = Field(0, ge=0, le=366, description="Days before the newest that are pulled again.")
    jendela_maks_hari: int = Field(31, ge=1, le=366, description="Longest window of one pull, which is all or nothing.")
    hari_kerja: bool = Field(False, description="Only Monday to Friday bring data.")
    boleh_kosong: bool = Field(False, description="An empty partition is a state, not an error.")
    jadwal: str = Field("0 6 * * *", description="When it is pulled: five cron fields, in WIB.")
    baris: RowLayout = Field(RowLayout(), description="Rows of a JSON body, and what of it may be kept.")
    berkas: FileLayout | None = Field(None, description="Layout of the file, for berkas and acuan.")
    profil: dict[str, str] = Field(
        {},
        description="Metrics of a partition: name → DuckDB aggregate. A metric `cakupan` says which of two pulls "
        "covers more; without it rows are counted. Each metric m also gives m_terakhir and rasio_m.",
    )
    aturan_baris: tuple[RowRule, ...] = Field((), description="Rules over a row in exact arithmetic.")
    ambang_karantina: float = Field(0.1, ge=0, le=1, description="A larger share in quarantine blocks the partition.")
    retensi_bulan: int | None = Field(None, ge=1, description="Months until keys of private payloads are destroyed.")
    lisensi: str | None = Field(None, description="Licence of the dataset, once it has one.")
    dasar_publikasi: str | None = Field(None, description="Legal basis for publishing it.")
    topik: tuple[str, ...] = Field((), description="Topics in the catalogue.")

    @field_validator("profil")
    @classmethod
    def _metric_names(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(f"nama metrik '{name}' harus huruf kecil, angka dan garis bawah")
        return value


class ColumnExtension(_Strict):
    """Our `customProperties` of a column: each key is one entry `{property: …, value: …}`."""

    format: tuple[str, ...] = Field((), description="Formats of a date or an instant, tried in order.")
    lokal: Locale = Field("polos", description="1234.5, 1,234.5 or 1.234,5.")
    kosong: tuple[str, ...] = Field((), description="Texts that mean missing; null always does.")
    nol_kosong: bool = Field(False, description="0 means missing.")
    satuan: str | None = Field(None, description="Unit of the values.")
    sistem_kode: CodeSystem | None = Field(None, description="System that a code belongs to; never guessed.")
    nama_wilayah: str | None = Field(None, description="Column with the region's name, which must agree with the code.")
    acak: Literal["hmac"] | None = Field(None, description="Private text that becomes a keyed hash of 32 hex digits.")
    baku: Literal["nopol"] | None = Field(None, description="Way of writing before hashing: upper case, no blanks.")
    turunan: bool = Field(False, description="Not on the wire: made by the feed's reader.")
    opsional: bool = Field(False, description="Its key may be absent on the wire.")
    huruf: Literal["asli", "besar", "kecil"] = Field("asli", description="Case that a text is brought to.")


@dataclass(frozen=True)
class Column:
    """A column of a dataset: its name in the lake, its name on the wire, its type and its privacy class.

    `sql_type`: "" when the type could not be read.
    """

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
