"""What a report says: from frozen inputs to plain values that templates print. The same inputs give the same content.

Does not belong here: reading the lake (`inputs.py`), layout (`laporan.typ`, `surat.html.j2`, `kartu.typ`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from assets.report.governor import cameras, decisions, pokir, prices, quality, revenue, water, words
from assets.report.governor.book import Book, Figure, Section
from assets.report.governor.inputs import Inputs, Kind
from assets.report.governor.publication import section as publication
from warehouse import figures as f

_TITLES: Mapping[Kind, str] = {"harian": "Laporan harian", "mingguan": "Laporan mingguan", "bulanan": "Laporan bulanan"}
_ORIGINS = {
    "tiruan": "angka dibuat sistem untuk peragaan, bukan keadaan sebenarnya.",
    "ulangan": "deret nyata yang diputar ulang, bukan ambilan langsung dari sumber.",
}
_CARD = (
    "Penerimaan sehari PAD",
    "Penerimaan sebulan PAD",
    "Capaian pro rata PAD",
    "Banyaknya komoditas naik",
    "Produksi air",
    "Rata-rata produksi air sehari",
    "Gangguan yang belum selesai",
    "Kamera mati",
    "Ketersediaan siaran",
    "Usulan diam 30 hari",
)
"""Names, or their beginnings, of the figures on the card; those that a report does not have are left out."""


@dataclass(frozen=True)
class Content:
    """A report before layout: `values` for the templates, `figures` with their origins, and the charts."""

    values: dict[str, Any]
    figures: Sequence[Figure]
    charts: Sequence[str]


def build(inputs: Inputs) -> Content:
    """What the report of these inputs says."""
    book = Book(inputs)
    chosen = decisions.decisions(book)
    sections = [quality.section(book), *_SECTIONS[inputs.kind](book), decisions.section(book)]
    origins = sorted({o for one in book.figures for o in one.origin.origin.split(",")} - {"resmi"})
    title = _TITLES[inputs.kind]
    values = {
        "jenis": inputs.kind,
        "judul": title,
        "provinsi": inputs.facts.get("provinsi", ""),
        "tanggal": inputs.day.isoformat(),
        "tanggal_teks": f.long_date(inputs.day),
        "masa": _period(inputs.kind, inputs.day),
        "asal": [{"tanda": f"Data {o}", "arti": _ORIGINS[o]} for o in origins],
        "keputusan": [
            {"tingkat": d.level, "isi": d.text, "minta": d.asked, "opd": d.opd} for d in chosen
        ],
        "kurang": "" if len(chosen) == decisions.MOST else "Tidak ada hal lain yang melewati ambangnya.",
        "catatan": list(inputs.notes),
        "perubahan": dict(inputs.changes),
        "bagian": [_section(s) for s in sections],
        "kartu": _card(book.figures),
        "rujukan": book.references(),
        "sidik": inputs.digest[:12],
    }  # fmt: skip
    charts = [b["grafik"] for s in sections for b in s.blocks if b.get("grafik")]
    return Content(values, book.figures, charts)


def _daily(book: Book) -> list[Section]:
    return [prices.daily(book), revenue.daily(book), water.daily(book), cameras.daily(book), pokir.daily(book)]


def _weekly(book: Book) -> list[Section]:
    return [
        prices.weekly(book), revenue.weekly(book), water.longer(book, 7), cameras.longer(book, 7), pokir.longer(book),
        publication(book),
    ]  # fmt: skip


def _monthly(book: Book) -> list[Section]:
    days = (book.inputs.day.replace(day=1) - timedelta(days=1)).day
    return [
        prices.monthly(book), revenue.monthly(book), water.longer(book, days), cameras.longer(book, days),
        pokir.longer(book), publication(book),
    ]  # fmt: skip


_SECTIONS: Mapping[Kind, Callable[[Book], list[Section]]] = {"harian": _daily, "mingguan": _weekly, "bulanan": _monthly}


def _section(section: Section) -> dict[str, Any]:
    made = asdict(section)
    return {
        "huruf": made["letter"], "judul": made["title"], "per": made["as_of"], "basi": made["late"], "opd": made["opd"],
        "blok": made["blocks"],
    }  # fmt: skip


def _period(kind: Kind, day: date) -> str:
    """The days that a report tells of; a daily one tells of each source's last closed date."""
    if kind == "mingguan":
        return f"Pekan {words.span(day - timedelta(days=7), day - timedelta(days=1))}"
    if kind == "bulanan":
        return f.month(day - timedelta(days=1))
    return "Setiap sumber pada tanggal tutup terakhirnya"


def _card(figures: Sequence[Figure]) -> list[dict[str, str]]:
    chosen = []
    for start in _CARD:
        one = next((x for x in figures if x.name.startswith(start) and x.text), None)
        if one is not None:
            name = {"PAD": one.name.removesuffix(" PAD") + " (PAD)"}.get(one.name[-3:], one.name)
            chosen.append(
                {"nama": name, "t": one.text, "r": one.ref, "per": f.short_date(date.fromisoformat(one.origin.as_of))}
            )
    return chosen[:6]


def as_records(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """Figures as JSON can hold them, for the file that `ssp report explain` reads."""
    return [asdict(one) for one in figures]
