"""The quality score of a dataset after data.gouv.fr's: nine criteria, each met, not met, or not to be told.

Belongs here: when a criterion is met. Does not belong here: checks of rows, which block a release instead.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from warehouse.opendata.manifest import Column, File, Quality, Version

MIN_DESCRIPTION = 100
"""Characters from which a description is sufficient, as in data.gouv.fr's software."""

GRACE_DAYS = 1
"""Days after the promised one on which an update still counts: a pull that failed is tried again the next day."""

GRACE_DAYS = 1
"""Working days after the promised one on which an update still counts: a pull that failed is tried again the next day,
and many sources are silent on weekends."""

OPEN_FORMATS = frozenset({"parquet", "csv", "json", "geojson"})


class Criterion(NamedTuple):
    """A criterion as people read it."""

    judul: str
    judul_en: str
    keterangan: str


CRITERIA: Mapping[str, Criterion] = {
    "deskripsi": Criterion(
        "Deskripsi cukup", "Sufficient description", f"Keterangan sedikitnya {MIN_DESCRIPTION} huruf."
    ),
    "berkas_terdokumentasi": Criterion(
        "Berkas terdokumentasi", "Documented resources", "Setiap kolom berkas ada dalam kamus data."
    ),
    "lisensi": Criterion("Lisensi disebut", "Licence", "Lisensi terbuka disebut dengan alamatnya."),
    "cakupan_waktu": Criterion("Cakupan waktu", "Temporal coverage", "Tanggal pertama dan terakhir disebut."),
    "cakupan_wilayah": Criterion("Cakupan wilayah", "Spatial coverage", "Baris menyebut kode wilayahnya."),
    "frekuensi_pembaruan": Criterion("Frekuensi pembaruan", "Update frequency", "Irama pembaruan dijanjikan."),
    "tepat_waktu": Criterion(
        "Diperbarui tepat waktu", "Updated on time", "Diukur: versi terbaru memuat data yang sudah dijanjikan."
    ),
    "format_terbuka": Criterion("Format terbuka", "Open formats", "Ada berkas dalam format terbuka."),
    "semua_berkas_tersedia": Criterion(
        "Semua berkas tersedia", "All resources available", "Setiap berkas ada dan ukurannya cocok."
    ),
}
"""Keyed by the name in `manifest.Quality.kriteria`, in data.gouv.fr's order."""


def score(
    *,
    description: str,
    columns: Sequence[Column],
    licence: bool,
    period: tuple[date | None, date | None] | None,
    region_column: str | None,
    cadence: str | None,
    files: Sequence[File],
    on_time: bool | None,
    available: bool | None,
) -> Quality:
    """The score: how many of the nine are met, as a share. What cannot be told is not met.

    `period`: first and last date, None for a table without a time dimension, whose coverage cannot be told;
    `on_time`: what `updated_on_time` measured; `available`: whether all files were found with their size, None
    when nobody looked.
    """
    met: dict[str, bool | None] = {
        "deskripsi": len(description) >= MIN_DESCRIPTION,
        "berkas_terdokumentasi": bool(columns) and all(c.keterangan for c in columns),
        "lisensi": licence,
        "cakupan_waktu": None if period is None else all(period),
        "cakupan_wilayah": region_column is not None,
        "frekuensi_pembaruan": bool(cadence),
        "tepat_waktu": on_time,
        "format_terbuka": any(f.format in OPEN_FORMATS for f in files),
        "semua_berkas_tersedia": available,
    }
    return Quality(nilai=round(sum(v is True for v in met.values()) / len(met), 4), kriteria=met)


def updated_on_time(previous: Version | None, newest: date | None, published: date) -> bool | None:
    """Whether the rows that were due are there: measured on what the version before promised.

    `previous`: the version before; its `jatuh_tempo` is the day by which newer rows were promised. `newest`: last date
    of the rows that are published now, `published`: the day of it. None when nothing had been promised, and for tables
    without a time dimension, of which no one can say that rows are missing.
    """
    if previous is None or previous.jatuh_tempo is None or previous.sampai is None or newest is None:
        return None
    if published <= previous.jatuh_tempo:
        return True
    return newest > previous.sampai and _working_days(previous.jatuh_tempo, published) <= GRACE_DAYS


def _working_days(after: date, until: date) -> int:
    """Days from Monday to Friday after one day and up to another."""
    days = (after + timedelta(days=n + 1) for n in range((until - after).days))
    return sum(day.weekday() < 5 for day in days)
