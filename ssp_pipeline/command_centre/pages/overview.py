"""What needs attention now, and the main figures: Ikhtisar, the heads of the other pages, the wall.

Belongs here: figures of `dashboard.ikhtisar`, open warnings rolled up by their cause, score cards of the agencies. Does
not belong here: tables and charts of single views (`blocks.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ssp_pipeline.command_centre.pages.blocks import MayRead, Source, behind, columns_of, quality, source_of
from ssp_pipeline.command_centre.pages.reader import Version

LEVELS = ("kritis", "waspada", "info")


@dataclass(frozen=True)
class Figure:
    """A main figure. `compared` and `compared_name` are what it is held against; `attention`: it needs somebody."""

    code: str
    page: str
    name: str
    value: Decimal | None
    unit: str
    compared: Decimal | None
    compared_name: str
    attention: bool
    office: str
    source: Source


@dataclass(frozen=True)
class Warnings:
    """Open warnings of one cause, the gravest first. `text` is what the first of them says."""

    level: str
    title: str
    text: str
    office: str
    since: datetime
    count: int
    fading: bool
    behind: str
    origins: tuple[str, ...]


@dataclass(frozen=True)
class Card:
    """Report card of an agency: shares in percent (None: not measured), counts, and what stands most in the way."""

    agency: str
    name: str
    office: str
    datasets: int
    late: int
    shares: tuple[tuple[str, float | None], ...]
    quarantined: int
    reason: str
    troubled: int
    origin: str


def figures(version: Version, may_read: MayRead, page: str = "") -> list[Figure]:
    """Main figures in their order, of one page or of all. What has no data yet has no figure."""
    if not columns_of(version, "dashboard.ikhtisar"):
        return []
    known = quality(version)
    found = version.records("SELECT * FROM dashboard.ikhtisar ORDER BY urutan, indikator")
    return [_figure(r, known, may_read) for r in found if page in ("", r["bidang"])]


def _figure(row: dict[str, Any], known: dict[str, dict[str, Any]], may_read: MayRead) -> Figure:
    source = source_of(known, row["dataset"], row["per_tanggal"], row["partisi"], [row["asal_data"]], may_read)
    return Figure(
        row["indikator"], row["bidang"], row["nama"], row["nilai"], row["satuan"] or "", row["dari"],
        row["nama_dari"] or "", row["keadaan"] == "perhatian", row["opd"] or "", source,
    )  # fmt: skip


def warnings(version: Version, may_read: MayRead, agencies: Sequence[str] | None = None) -> list[Warnings]:
    """Warnings that hold now, one line a cause and office. With `agencies`, of their data alone."""
    if not columns_of(version, "dashboard.peringatan"):
        return []
    rows = version.records(
        "SELECT * FROM dashboard.peringatan WHERE status <> 'selesai' ORDER BY urutan_tingkat, status, mulai, nomor"
    )
    rolled: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        if agencies is None or str(row["dataset"] or "").partition(".")[0] in agencies:
            rolled.setdefault((row["sebab"] or row["nomor"], row["opd"] or ""), []).append(row)
    return [_rolled(group, may_read) for group in rolled.values()]


def _rolled(group: Sequence[dict[str, Any]], may_read: MayRead) -> Warnings:
    first = group[0]
    dataset = first["dataset"] or ""
    return Warnings(
        first["tingkat"], first["judul"], first["kalimat"], first["opd"] or "", min(r["mulai"] for r in group),
        len(group), all(r["status"] == "reda" for r in group),
        behind(dataset, first["partisi"]) if dataset and may_read(dataset) else "",
        tuple(sorted({r["asal_data"] for r in group if r["asal_data"]} - {"resmi"})),
    )  # fmt: skip


def cards(version: Version) -> list[Card]:
    """Report cards of all agencies, those with troubles first."""
    if not columns_of(version, "dashboard.kualitas_instansi"):
        return []
    rows = version.records(
        "SELECT * FROM dashboard.kualitas_instansi ORDER BY terlambat + bermasalah > 0 DESC, dikarantina > 0 DESC, nama"
    )
    return [
        Card(
            r["instansi"], r["nama"] or r["instansi"], r["opd"] or "", r["jumlah_dataset"], r["terlambat"],
            (("Tepat waktu", _float(r["tepat"])), ("Lengkap", _float(r["lengkap"])), ("Sah", _float(r["sah"]))),
            r["dikarantina"] or 0, r["sebab_utama"] or "", r["bermasalah"] or 0, r["asal_data"] or "",
        )
        for r in rows
    ]  # fmt: skip


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
