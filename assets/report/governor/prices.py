"""Food prices: sentences and tables from the views of prices. Sources and levels are never mixed."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from assets.report.governor import words
from assets.report.governor.book import Book, Origin, Run, Section, Text
from warehouse import figures as f

LETTER = "H"
PIHPS = "pihps.harga_pangan_wilayah"
_MARKETS = "pihps.harga_pangan_pasar"
_SP2KP = "sp2kp.harga_pangan_kabkota"
_PANEL = "panel_harga.harga_pangan_kabkota"
_MAP = "panel_harga.harga_pangan_provinsi_peta"
_NAMES = {"pihps": "PIHPS", "sp2kp": "SP2KP", "panel_harga": "Panel Harga"}
_STEP = {"harian": "hari berharga sebelumnya", "mingguan": "sepekan sebelumnya", "bulanan": "sebulan sebelumnya"}

Row = Mapping[str, Any]


def daily(book: Book) -> Section:
    """Changes against the day before, moves by market, prices over HET/HAP, gaps between regions."""
    section, rows = _begin(book, PIHPS, _MARKETS, _SP2KP, _PANEL, _MAP)
    if rows:
        _counted(book, section, rows, "harian")
        step = "mingguan" if any(r["ubah_mingguan"] is not None for r in rows) else "harian"
        _largest(book, section, rows, step, 12, chart="harga_perubahan")
    _markets(book, section)
    _references(book, section)
    _gaps(book, section)
    _statuses(book, section)
    return section


def weekly(book: Book) -> Section:
    """Changes in a week by commodity, and by kabupaten/kota as the mean of its commodities."""
    return _longer(book, "mingguan")


def monthly(book: Book) -> Section:
    """As `weekly`, over a month."""
    return _longer(book, "bulanan")


def _longer(book: Book, step: str) -> Section:
    section, rows = _begin(book, PIHPS, _SP2KP, _PANEL)
    if rows:
        _counted(book, section, rows, step)
        _largest(book, section, rows, step, 12)
    _regions(book, section, step)
    _references(book, section)
    return section


def _begin(book: Book, *datasets: str) -> tuple[Section, list[dict[str, Any]]]:
    section = book.section(LETTER, "Harga pangan", *datasets)
    rows = [r for r in book.inputs.rows("harga", sumber="pihps") if r["harga"] is not None]
    source = "PIHPS tingkat provinsi"
    section.dated(rows, source, f"{source} per {{}}, tanggal tutup terakhir.")
    return section, rows


def _key(row: Row) -> dict[str, Any]:
    return {k: row[k] for k in ("sumber", "tingkat", "tempat", "kode_sumber")}


def _own(row: Row) -> dict[str, Any]:
    """What narrows PIHPS's own rows to one commodity of the province."""
    return {"kode_barang": row["kode_sumber"], "kode_bps": row["kode_bps"]}


def _counted(book: Book, section: Section, rows: Sequence[Row], step: str) -> None:
    moves = [r for r in rows if r[f"ubah_{step}"] is not None]
    if not moves:
        section.missing(f"Belum ada harga {_STEP[step]} untuk dibandingkan.")
        return
    before = max(r[f"tanggal_{step}"] for r in moves)
    origin = book.origin(moves[0], first=before)
    runs: Text = [f"Terhadap {words.day(before)}, dari "]
    runs += [_count(book, "komoditas yang dapat dibandingkan", moves, lambda r: True, step, origin), " komoditas "]
    runs += [_count(book, "komoditas naik", moves, lambda r: r[f"ubah_{step}"] > 0, step, origin), " naik, "]
    runs += [_count(book, "komoditas turun", moves, lambda r: r[f"ubah_{step}"] < 0, step, origin), " turun dan "]
    runs += [_count(book, "komoditas tetap", moves, lambda r: r[f"ubah_{step}"] == 0, step, origin), " tetap."]
    section.sentence(*runs)


def _count(book: Book, name: str, rows: Sequence[Row], test: Callable[[Row], bool], step: str, origin: Origin) -> Run:
    n = sum(1 for r in rows if test(r))
    key = {"sumber": rows[0]["sumber"], "tingkat": rows[0]["tingkat"]}
    return book.figure(LETTER, f"Banyaknya {name}", n, f.number, "harga", key, f"ubah_{step}", origin)


def _largest(book: Book, section: Section, rows: Sequence[Row], step: str, most: int, chart: str = "") -> None:
    """The commodities with the largest changes, with their price and all changes."""
    column = f"ubah_{step}"
    moved = sorted((r for r in rows if r[column] is not None), key=lambda r: (-abs(r[column]), r["barang"]))[:most]
    lines: list[Sequence[Text]] = []
    for row in moved:
        cells: list[Text] = [[row["barang"]]]
        cells.append([_price(book, row)])
        for other in ("harian", "mingguan", "bulanan"):
            first = row[f"tanggal_{other}"]
            name = f"Perubahan {row['barang']} terhadap {_STEP[other]}"
            origin = book.origin(row, first=first)
            cells.append(
                [
                    book.move(
                        LETTER, name, row[f"ubah_{other}"], "harga", _key(row), f"ubah_{other}", origin, rows=_own(row)
                    )
                ]
            )
        lines.append(cells)
    section.table(
        ["Komoditas", "Rp/kg", "1 hari", "7 hari", "30 hari"],
        lines,
        title=f"Perubahan terbesar terhadap {_STEP[step]} (PIHPS, provinsi)",
        chart=chart,
    )


def _price(book: Book, row: Row) -> Run:
    name, value = f"Harga {row['barang']}, {row['tempat']}", row["harga"]
    return book.figure(LETTER, name, value, f.number, "harga", _key(row), "harga", book.origin(row), rows=_own(row))


def _markets(book: Book, section: Section) -> None:
    rows = sorted(book.inputs.rows("pasar"), key=lambda r: (-abs(r["ubah_harian"]), r["barang"], r["pasar"]))[:3]
    if not rows:
        return
    runs: Text = [f"Pasar yang paling bergerak (PIHPS, {words.day(rows[0]['per_tanggal'])}): "]
    for number, row in enumerate(rows):
        key = {"pasar": row["pasar"], "barang": row["barang"]}
        name = f"Perubahan {row['barang']} di {row['pasar']}"
        origin = book.origin(row, first=row["tanggal_harian"])
        move = book.move(LETTER, name, row["ubah_harian"], "pasar", key, "ubah_harian", origin)
        runs += ["; " if number else "", f"{row['barang']} di {row['pasar']} ", move]
    section.sentence(*runs, ".")


def _references(book: Book, section: Section) -> None:
    """Commodities over HET/HAP by source: in how many kabupaten/kota, and where most."""
    lines: list[Sequence[Text]] = []
    rows = book.inputs.rows("acuan")
    for source, good in sorted({(r["sumber"], r["barang"]) for r in rows}):
        own = [r for r in rows if (r["sumber"], r["barang"]) == (source, good)]
        over = sorted((r for r in own if r["selisih_acuan"] > 0), key=lambda r: (-r["selisih_acuan"], r["tempat"]))
        first = own[0]
        rule, origin, key = first["jenis_acuan"], book.origin(first), {"sumber": source, "barang": good}
        above = f"Kab/kota dengan {good} di atas {rule}"
        count = book.figure(LETTER, above, len(over), f.number, "acuan", key, "selisih_acuan", origin)
        told = f"Kab/kota dengan {good} yang melapor"
        total = book.figure(LETTER, told, len(own), f.number, "acuan", key, "harga", origin)
        worst: Text = _worst(book, over[0], key, origin) if over else ["–"]
        limit = book.figure(
            LETTER, f"{rule} {good}", first["harga_acuan"], f.rupiah, "acuan", key, "harga_acuan", origin
        )
        dated = f"{_NAMES[source]}, {f.short_date(first['per_tanggal'])}"
        lines.append([[good], [dated], worst, [f"{rule} ", limit], [count, " dari ", total]])
    decrees = sorted({r["keputusan_acuan"] for r in rows if r["keputusan_acuan"]})
    section.table(
        ["Barang", "Sumber", "Tertinggi di", "Batas atas", "Kab/kota di atas"],
        lines,
        title="Harga terhadap HET/HAP",
        left=3,
        widths=(0, 0, 1, 0, 0),
        note=f"Dasar: {'; '.join(decrees)}. Barang tanpa acuan bertanggal tidak diberi penilaian." if decrees else "",
    )


def _worst(book: Book, row: Row, key: Row, origin: Origin) -> Text:
    """Where a commodity is farthest over its limit, with its price and by how much."""
    place, where = row["tempat"], {**key, "tempat": row["tempat"]}
    price = book.figure(
        LETTER, f"Harga {row['barang']} di {place}", row["harga"], f.rupiah, "acuan", where, "harga", origin
    )
    name = f"Selisih {row['barang']} di {place}"
    over = book.move(LETTER, name, row["selisih_acuan"], "acuan", where, "selisih_acuan", origin)
    return [f"{place} ", price, " (", over, ")"]


def _gaps(book: Book, section: Section) -> None:
    rows = [r for r in book.inputs.rows("kesenjangan", sumber="sp2kp") if r["kesenjangan"] is not None][:2]
    for row in rows:
        key, origin = {"sumber": row["sumber"], "kode_sumber": row["kode_sumber"]}, book.origin(row)
        good = row["barang"]

        def priced(column: str, good: str = good, row: Row = row, key: Row = key, origin: Origin = origin) -> Run:
            return book.figure(
                LETTER, f"Harga {column} {good}", row[column], f.rupiah, "kesenjangan", key, column, origin
            )

        gap = book.figure(
            LETTER, f"Kesenjangan {good}", row["kesenjangan"], words.share, "kesenjangan", key,
            "kesenjangan", origin,
        )  # fmt: skip
        section.sentence(
            f"Jarak {good} antarwilayah (SP2KP, {f.short_date(row['per_tanggal'])}) ",
            gap,
            ": ",
            priced("termurah"),
            f"/{row['satuan']} di {row['wilayah_termurah']}, ",
            priced("termahal"),
            f"/{row['satuan']} di {row['wilayah_termahal']}.",
        )


def _statuses(book: Book, section: Section) -> None:
    rows = [r for r in book.inputs.rows("harga", sumber="panel_harga") if r["status_sumber"]]
    if not rows:
        return
    runs: Text = [f"Status Panel Harga tingkat provinsi per {words.day(rows[0]['per_tanggal'])}: "]
    for number, status in enumerate(("aman", "waspada", "intervensi")):
        own = [r["barang"] for r in rows if r["status_sumber"] == status]
        key = {"sumber": "panel_harga", "status_sumber": status}
        count = book.figure(
            LETTER,
            f"Komoditas berstatus {status}",
            len(own),
            f.number,
            "harga",
            key,
            "status_sumber",
            book.origin(rows[0]),
        )
        named = f" ({words.several(own, 4)})" if own and status != "aman" else ""
        runs += [", " if number else "", count, f" {status}{named}"]
    section.sentence(*runs, ".")


def _regions(book: Book, section: Section, step: str) -> None:
    """Mean change of the commodities of each kabupaten/kota, with the three that moved most; the widest movers."""
    column = f"ubah_{step}"
    places: dict[str, list[dict[str, Any]]] = {}
    for row in book.inputs.rows("kabkota"):
        if row[column] is not None:
            places.setdefault(row["tempat"], []).append(row)
    if not places:
        section.missing(f"SP2KP menurut kabupaten/kota: belum ada perbandingan terhadap {_STEP[step]}.")
        return
    means = {p: sum((r[column] for r in rows), Decimal(0)) / len(rows) for p, rows in places.items()}
    chosen = sorted(means, key=lambda p: (-abs(means[p]), p))[:10]
    lines: list[Sequence[Text]] = []
    for place in chosen:
        rows = places[place]
        origin = book.origin(rows[0], first=rows[0][f"tanggal_{step}"])
        own = {"kode_kabupaten_kota": rows[0]["kode_bps"]}
        mean = book.move(
            LETTER, f"Rata-rata perubahan {place}", means[place], "kabkota", {"tempat": place}, column, origin, rows=own
        )
        top = sorted(rows, key=lambda r: (-abs(r[column]), r["barang"]))[:3]
        moved: Text = []
        for number, row in enumerate(top):
            key = {"tempat": place, "kode_sumber": row["kode_sumber"]}
            name = f"Perubahan {row['barang']} di {place}"
            move = book.move(LETTER, name, row[column], "kabkota", key, column, origin, rows=own)
            moved += [", " if number else "", f"{row['barang']} ", move]
        lines.append([[place], moved, [mean]])
    shown = next(iter(places.values()))[0]["per_tanggal"]
    section.table(
        ["Kabupaten/kota", "Tiga komoditas dengan perubahan terbesar", "Rata-rata"],
        lines,
        left=2,
        widths=(0, 1, 0),
        title=f"Kabupaten/kota yang paling bergerak terhadap {_STEP[step]} (SP2KP per {f.short_date(shown)})",
        note="Rata-rata tanpa bobot dari komoditas yang berharga pada kedua tanggal; bukan IPH BPS.",
    )
