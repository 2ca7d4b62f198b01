"""The tables of `ops` and `quarantine`: what was tried, what came of it, and which rows were set aside.

All are append-only: the state of a partition is its newest outcome. Does not belong here: writing them (`lake.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

import orjson
import polars as pl

from connectors.conceal import brief

Status = Literal[
    "diterima",  # a new version of the partition was committed
    "tidak_berubah",  # the same content as the version that is there
    "kosong",  # the agency has nothing for this date, and that is a valid answer
    "diblokir",  # a critical check failed, errored or was missing; the old version stays
    "cakupan_kurang",  # a later pull brought less than what is there; the old version stays
    "gagal_tarik",  # the pull failed after its retries
    "gagal_baca",  # what came could not be read
    "gagal_simpan",  # the lake could not be written; the old version stays
    "dikarantina",  # rows whose partition is not known were set aside; such an outcome speaks of no partition
]

GOOD: frozenset[str] = frozenset({"diterima", "tidak_berubah", "kosong", "dikarantina"})

STILL_EMPTY = "tetap_kosong"
"""Reason of an unchanged partition for which the agency still has nothing."""

UNPLACED = "?"
"""Begins the key of an outcome, and of quarantined rows, whose partition is not known: "?" and the window's start."""

FILES = "berkas"
"""Key of an outcome that speaks of a dataset's inbox as a whole."""

FILE = f"{FILES}:"
"""Begins the key of an outcome that speaks of a file as a whole."""

BY_DATASET = ("ops.hasil", "ops.pemeriksaan", "quarantine.baris")
"""Tables partitioned by dataset: what one dataset asks of its history is not to grow with the other datasets."""

TABLES: dict[str, dict[str, str]] = {
    "ops.hasil": {
        "run_id": "VARCHAR",
        "dataset": "VARCHAR",
        "partisi": "VARCHAR",
        "status": "VARCHAR",
        "alasan": "VARCHAR",
        "rincian": "VARCHAR",
        "asal": "VARCHAR",
        "ditarik": "BIGINT",
        "diterima": "BIGINT",
        "dikarantina": "BIGINT",
        "digest_masukan": "VARCHAR",
        "digest_isi": "VARCHAR",
        "digest_karantina": "VARCHAR",
        "muatan": "VARCHAR[]",
        "profil": "VARCHAR",
        "kontrak": "VARCHAR",
        "mulai": "TIMESTAMPTZ",
        "selesai": "TIMESTAMPTZ",
        "jatuh_tempo": "DATE",
    },
    "ops.pemeriksaan": {
        "run_id": "VARCHAR",
        "dataset": "VARCHAR",
        "partisi": "VARCHAR",
        "pemeriksaan": "VARCHAR",
        "jenis": "VARCHAR",
        "tingkat": "VARCHAR",
        "beratnya": "VARCHAR",
        "hasil": "VARCHAR",
        "jumlah_gagal": "BIGINT",
        "rincian": "VARCHAR",
        "waktu": "TIMESTAMPTZ",
    },
    "ops.harapan": {
        "run_id": "VARCHAR",
        "partisi": "VARCHAR",
        "dataset": "VARCHAR",
        "judul": "VARCHAR",
        "instansi": "VARCHAR",
        "nama": "VARCHAR",
        "opd": "VARCHAR",
        "butiran": "VARCHAR",
        "hari_kerja": "BOOLEAN",
        "diharapkan": "VARCHAR",
        "terbaru": "VARCHAR",
        "tepat": "BOOLEAN",
        "waktu": "TIMESTAMPTZ",
    },
    "ops.peringatan": {
        "run_id": "VARCHAR",
        "nomor": "VARCHAR",
        "urutan": "INTEGER",
        "peristiwa": "VARCHAR",
        "aturan": "VARCHAR",
        "kunci": "VARCHAR",
        "tingkat": "VARCHAR",
        "judul": "VARCHAR",
        "kalimat": "VARCHAR",
        "opd": "VARCHAR",
        "sebab": "VARCHAR",
        "nilai": "DOUBLE",
        "ambang": "DOUBLE",
        "asal_data": "VARCHAR",
        "dataset": "VARCHAR",
        "partisi_data": "VARCHAR",
        "partisi": "VARCHAR",
        "waktu": "TIMESTAMPTZ",
    },
    "ops.kotak_keluar": {
        "run_id": "VARCHAR",
        "jenis": "VARCHAR",
        "kunci": "VARCHAR",
        "penerima": "VARCHAR",
        "urutan": "INTEGER",
        "peristiwa": "VARCHAR",
        "percobaan": "INTEGER",
        "penolakan": "INTEGER",
        "isi": "VARCHAR",
        "berikutnya": "TIMESTAMPTZ",
        "alasan": "VARCHAR",
        "waktu": "TIMESTAMPTZ",
    },
    "ops.peringatan_disampaikan": {
        "run_id": "VARCHAR",
        "nomor": "VARCHAR",
        "peristiwa": "VARCHAR",
        "tingkat": "VARCHAR",
        "kunci": "VARCHAR",
        "waktu": "TIMESTAMPTZ",
    },
    "ops.jejak_audit": {
        "run_id": "VARCHAR",
        "nomor": "VARCHAR",
        "waktu": "TIMESTAMPTZ",
        "peristiwa": "VARCHAR",
        "pengguna": "VARCHAR",
        "peran": "VARCHAR",
        "instansi": "VARCHAR",
        "objek": "VARCHAR",
        "rincian": "VARCHAR",
        "alamat": "VARCHAR",
        "berkas": "VARCHAR",
        "posisi": "BIGINT",
    },
    "ops.langkah": {
        "run_id": "VARCHAR",
        "langkah": "VARCHAR",
        "hasil": "VARCHAR",
        "alasan": "VARCHAR",
        "jalan": "VARCHAR",
        "waktu": "TIMESTAMPTZ",
    },
    "ops.versi_model": {
        "model": "VARCHAR",
        "partisi": "VARCHAR",
        "digest_masukan": "VARCHAR",
        "digest_isi": "VARCHAR",
        "jumlah_baris": "BIGINT",
        "run_id": "VARCHAR",
        "waktu": "TIMESTAMPTZ",
    },
    "quarantine.baris": {
        "run_id": "VARCHAR",
        "dataset": "VARCHAR",
        "partisi": "VARCHAR",
        "muatan": "VARCHAR",
        "baris": "INTEGER",
        "kolom": "VARCHAR",
        "alasan": "VARCHAR",
        "rincian": "VARCHAR",
        "isi": "VARCHAR",
        "waktu": "TIMESTAMPTZ",
    },
}

COMMENTS = {
    "ops.hasil": "Satu baris per upaya dan partisi: apa yang ditarik, diterima, dikarantina, dan mengapa",
    "ops.pemeriksaan": "Putusan setiap pemeriksaan per partisi: lulus, gagal, galat",
    "ops.harapan": "Per hari (partisi) dan dataset: partisi terbaru yang dijanjikan dan yang ada, instansi dan OPD-nya",
    "ops.peringatan": "Peristiwa peringatan dini: mulai, ubah, reda, selesai; partisi adalah hari penilaiannya",
    "ops.kotak_keluar": "Peristiwa setiap pesan dan penerimanya: antre, ditunda, terkirim, ditolak, gagal, batal",
    "ops.peringatan_disampaikan": "Mulai, naik dan selesainya peringatan yang sudah diantrekan, dan dalam pesan mana",
    "ops.jejak_audit": "Siapa masuk ke pusat komando, melihat muatan dan karantina, dan apa yang ditolak",
    "ops.langkah": "Langkah jalan selain tarikan yang gagal, dan kapan berhasil lagi",
    "ops.versi_model": "Versi setiap partisi model dan masukan yang membentuknya",
    "quarantine.baris": "Baris yang ditolak, dengan alasan dan muatan asalnya; kolom pribadi disamarkan",
}


@dataclass(frozen=True)
class Outcome:
    """What one attempt did to one partition of one dataset.

    `partisi` is an ISO date or `semua`; `berkas:<name>` where a file could not be read as a whole, `berkas` for an
    inbox as a whole, and `?<date>` for rows of a window whose partition could not be told (see `is_partition`).
    `jatuh_tempo`: business date (WIB) by which the contract promises the partition, None where nothing is promised.
    """

    run_id: str
    dataset: str
    partisi: str
    status: Status
    mulai: datetime
    selesai: datetime
    alasan: str = ""
    rincian: str = ""
    asal: str = ""
    ditarik: int = 0
    diterima: int = 0
    dikarantina: int = 0
    digest_masukan: str = ""
    digest_isi: str = ""
    digest_karantina: str = ""
    muatan: tuple[str, ...] = ()
    profil: Mapping[str, Any] = field(default_factory=dict)
    kontrak: str = ""
    jatuh_tempo: date | None = None

    @property
    def ok(self) -> bool:
        return self.status in GOOD

    @property
    def is_partition(self) -> bool:
        """Whether `partisi` names a partition of the dataset, not its inbox, a file or rows of unknown partition."""
        return not self.partisi.startswith((UNPLACED, FILES))

    @property
    def is_empty(self) -> bool:
        """Whether the agency has nothing for the partition, now or still."""
        return self.status == "kosong" or self.alasan == STILL_EMPTY

    def record(self) -> dict[str, Any]:
        """The row of `ops.hasil`."""
        row = {name: getattr(self, name) for name in TABLES["ops.hasil"]}
        return row | {
            "muatan": list(self.muatan),
            "profil": orjson.dumps(dict(self.profil), default=str).decode(),
            "rincian": self.rincian[:2000],
        }


_POLARS = {
    "VARCHAR": pl.String(),
    "BIGINT": pl.Int64(),
    "INTEGER": pl.Int32(),
    "BOOLEAN": pl.Boolean(),
    "DOUBLE": pl.Float64(),
    "DATE": pl.Date(),
    "VARCHAR[]": pl.List(pl.String),
    "TIMESTAMPTZ": pl.Datetime("us", "UTC"),
}


def why(reason: str, detail: str) -> str:
    """The reason of an outcome and what it says further, for people: bounded, on one line."""
    return ": ".join(part for part in (brief(reason), brief(detail.removeprefix(f"[{reason}] "))) if part)


def here_by(day: date) -> str:
    """SQL condition over `ops.hasil`: an outcome by which a partition is there, seen from a business date.

    That an agency has nothing for a later date yet does not make that date the newest that is there.
    """
    later = f"partisi > '{day}' AND partisi < ':'"  # as text, every date comes before ":" and `semua` after it
    return f"(status = 'diterima' OR (status = 'kosong' AND NOT ({later})))"


def frame(table: str, records: list[dict[str, Any]]) -> pl.DataFrame:
    """Records as a frame with exactly the table's columns and types."""
    return pl.DataFrame(records, schema={name: _POLARS[sql] for name, sql in TABLES[table].items()}, orient="row")
