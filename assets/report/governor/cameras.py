"""CCTV: which cameras are down and since when, and how much of the probes found a stream. Unknown is not down."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from assets.report.governor import words
from assets.report.governor.book import Book, Section, Text
from warehouse import figures as f

LETTER = "C"
PROBES = "cctv.ketersediaan_cctv"
_STATES = ("siaran", "terganggu", "mati", "tidak diketahui")

Row = Mapping[str, Any]


def daily(book: Book) -> Section:
    """The last hour that was probed, the day's availability, and the cameras that are down."""
    section = book.section(LETTER, "CCTV", PROBES)
    rows = book.inputs.rows("cctv")
    if rows:
        hour = rows[0]["per_jam"]
        when = f"{words.day(rows[0]['per_tanggal'])} pukul {hour:02d}.00–{hour:02d}.59 WIB"
        section.as_of = f"Per {when}, jam terakhir yang diperiksa."
        origin = book.origin(rows[0])
        runs: Text = [
            "Dari ",
            book.figure(LETTER, "Kamera terdaftar", len(rows), f.number, "cctv", {}, "id_kamera", origin),
        ]
        runs += [" kamera: "]
        for number, state in enumerate(_STATES):
            many = sum(1 for r in rows if r["keadaan"] == state)
            count = book.figure(
                LETTER, f"Kamera {state}", many, f.number, "cctv", {"keadaan": state}, "keadaan", origin
            )
            runs += [", " if number else "", count, f" {state}"]
        section.sentence(*runs, ".")
    _availability(book, section, 1)
    _down(book, section, [r for r in rows if r["keadaan"] == "mati"])
    return section


def longer(book: Book, days: int) -> Section:
    """Availability over the last days."""
    section = book.section(LETTER, "CCTV", PROBES)
    _availability(book, section, days)
    section.table([], [], chart="cctv_harian")
    return section


def _availability(book: Book, section: Section, most: int) -> None:
    """Streams among the valid probes of the last days that have some; slots that nobody probed lower nothing."""
    rows = book.inputs.rows("cctv_harian")
    days = sorted({r["tanggal"] for r in rows if r["uptime"] is not None})[-most:]
    if not days:
        section.missing("Pemeriksaan CCTV: belum ada data.")
        return
    chosen = [r for r in rows if r["tanggal"] in days]
    first, last = days[0], days[-1]
    section.as_of = section.as_of or f"Sampai {words.day(last)}, tanggal tutup terakhir."
    slots: dict[str, int] = {}
    for row in chosen:
        slots[row["hasil"]] = slots.get(row["hasil"], 0) + row["slot"]
    good, bad = slots.get("siaran", 0), slots.get("gagal", 0)
    origin = book.origin(chosen[-1], first=first)
    key: dict[str, date] = {"tanggal": last} if most == 1 else {"dari": first, "sampai": last}
    uptime = Decimal(100 * good) / (good + bad) if good + bad else None
    runs: Text = [f"Ketersediaan {words.span(first, last)} "]
    runs += [
        book.figure(LETTER, "Ketersediaan siaran", uptime, words.share, "cctv_harian", key, "slot", origin),
        " dari ",
    ]
    runs += [book.figure(LETTER, "Pemeriksaan yang sah", good + bad, f.number, "cctv_harian", key, "slot", origin)]
    unknown = sum(slots.values()) - good - bad
    runs += [" pemeriksaan yang sah; "]
    runs += [book.figure(LETTER, "Slot tidak diketahui", unknown, f.number, "cctv_harian", key, "slot", origin)]
    section.sentence(*runs, " slot tidak diketahui dan tidak dihitung mati.")


def _down(book: Book, section: Section, rows: list[dict[str, Any]]) -> None:
    """Cameras that are down, the longest down first, beside the days' availability."""
    lines: list[Sequence[Text]] = []
    for row in sorted(rows, key=lambda r: (-(r["jam_mati"] or 0), r["id_kamera"]))[:8]:
        hours = row["jam_mati"]
        lasted = book.figure(
            LETTER,
            f"Jam mati kamera {row['id_kamera']}",
            hours,
            f.number,
            "cctv",
            {"id_kamera": row["id_kamera"]},
            "jam_mati",
            book.origin(row),
            rows={"id_kamera": row["id_kamera"]},
        )
        since = f"{_hour(row['mati_sejak'])}{' atau lebih lama' if row['paling_sedikit'] else ''}"
        lines.append([[row["kamera"]], [since], [lasted]])
    if book.inputs.rows("cctv_harian"):
        more = f"Delapan terlama dari {len(rows)}." if len(rows) > 8 else "" if rows else "Tidak ada kamera yang mati."
        section.table(
            ["Kamera mati", "Sejak (WIB)", "Jam"], lines, left=2, widths=(1, 1, 0), title="Kamera yang mati", note=more,
            chart="cctv_harian",
        )  # fmt: skip


def _hour(value: datetime) -> str:
    """The view's hours are WIB without a zone."""
    return f"{f.short_date(value.date())} pukul {value:%H.%M}"
