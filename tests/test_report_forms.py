"""What reports say and how: one content in PDF, mail and card, never "today", no gap as zero, the age of data told."""

import email.policy
import html
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.report.charts import SHARED_VIEWS, find_charts, plain_rows
from assets.report.governor import content, publication, render, revenue, words
from assets.report.governor.as_of import AsOf, cut_at
from assets.report.governor.book import Book
from assets.report.governor.desk import Desk, make
from assets.report.governor.inputs import KINDS, READ, Inputs, Kind, load, read
from assets.report.governor.render import DRAWN, chart_specs
from tests.support import pdf_text
from tests.support.workspace import TODAY
from warehouse.modelling import find_models

pytest_plugins = ["tests.support.report_fixtures"]

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "assets" / "report" / "governor"
CHARTS = find_charts([ROOT / "connectors"], SHARED_VIEWS)
BANNED = re.compile(r"hari\s*ini|kemarin|\bsekarang\b|\btoday\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def made(desk: Desk) -> dict[Kind, Path]:
    """The three reports of the warehouse, as folders of their first version."""
    return {kind: make(desk, kind, TODAY).version.folder for kind in KINDS}


@pytest.fixture(scope="module")
def daily(made: dict[Kind, Path]) -> Inputs:
    return load((made["harian"] / "masukan.json").read_bytes())


def text_of(said: content.Content) -> str:
    """Everything that a report says, as plain text."""
    return render.texts(said, "v1")[render.TEXT].decode()


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("kind", KINDS)
def test_pdf_mail_and_plain_text_print_the_same_figures_with_the_same_references(
    made: dict[Kind, Path], kind: Kind
) -> None:
    said = content.build(load((made[kind] / "masukan.json").read_bytes()))
    pdf = pdf_text.text((made[kind] / "laporan.pdf").read_bytes())
    page = squeezed(html.unescape(re.sub(r"<[^>]+>", "", (made[kind] / "surat.html").read_text())))
    plain = squeezed((made[kind] / "surat.txt").read_text())
    assert len(said.figures) > 100
    for figure in said.figures:
        assert squeezed(figure.text + figure.ref) in pdf, figure
        assert squeezed(figure.text + figure.ref) in page, figure
        assert squeezed(f"{figure.text}[{figure.ref}]") in plain, figure
    mail = email.message_from_bytes((made[kind] / "surat.eml").read_bytes(), policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    bodies = [mail.get_body([form]) for form in ("html", "plain")]
    assert [b is not None and squeezed(b.get_content()) for b in bodies] == [
        squeezed((made[kind] / name).read_text()) for name in ("surat.html", "surat.txt")
    ]
    files = {p.get_content_type(): p.get_content() for p in mail.iter_attachments()}
    assert files["application/pdf"] == (made[kind] / "laporan.pdf").read_bytes()
    assert files["image/png"] == (made[kind] / "kartu.png").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_says_today_and_every_part_prints_the_date_that_it_tells_of(made: dict[Kind, Path], kind: Kind) -> None:
    for name in ("surat.html", "surat.txt"):
        assert not BANNED.search((made[kind] / name).read_text()), name
    pdf = pdf_text.text((made[kind] / "laporan.pdf").read_bytes())
    assert not re.search("hariini|kemarin|sekarang", pdf, re.IGNORECASE)
    parts = content.build(load((made[kind] / "masukan.json").read_bytes())).values["bagian"]
    undated = [s for s in parts if not re.search(r"\d{1,2} \w{3} 2026", s["per"])]
    assert {s["judul"] for s in undated} <= {"Peringatan dini", "Data terbuka"}, "each warning has its own date"
    assert all("belum ada rilis" in str(s["blok"]) for s in undated if s["judul"] == "Data terbuka")


def test_no_word_for_today_is_in_any_template_or_rule() -> None:
    for path in [*HERE.glob("*.typ"), *HERE.glob("*.j2"), *HERE.glob("*.yaml")]:
        assert not BANNED.search(path.read_text()), path.name


def test_a_daily_report_is_of_at_most_three_pages_and_marks_stand_in_data(made: dict[Kind, Path]) -> None:
    pdf = (made["harian"] / "laporan.pdf").read_bytes()
    assert pdf_text.pages(pdf) <= 3
    assert "DATATIRUAN" in pdf_text.text(pdf)
    assert "DATA TIRUAN" in (made["harian"] / "surat.txt").read_text()
    assert (made["harian"] / "kartu.png").read_bytes().startswith(b"\x89PNG")


def test_the_report_opens_with_three_decisions_each_with_its_office(daily: Inputs) -> None:
    values = content.build(daily).values
    assert [bool(k["opd"] and k["minta"] and k["isi"]) for k in values["keputusan"]] == [True] * 3
    assert values["kurang"] == ""
    calm = replace(daily, tables={**daily.tables, **{n: daily.tables[n].clear() for n in ("peringatan", "ikhtisar")}})
    values = content.build(calm).values
    assert (values["keputusan"], values["kurang"]) == ([], "Tidak ada hal lain yang melewati ambangnya.")
    assert "Tidak ada peringatan yang berlangsung sampai pukul 06.55 WIB." in text_of(content.build(calm))


def test_warnings_that_are_no_decision_of_the_opening_take_no_reference(daily: Inputs) -> None:
    warnings = daily.tables["peringatan"]
    offices = pl.concat([warnings.with_columns(pl.lit(f"Dinas {n}").alias("opd")) for n in range(5)])
    said = content.build(replace(daily, tables={**daily.tables, "peringatan": offices}))
    assert len(said.values["keputusan"]) == 3
    printed = text_of(said)
    assert [f.ref for f in said.figures if f"[{f.ref}]" not in printed.partition("RUJUKAN ANGKA")[0]] == []


def test_charts_draw_the_frozen_rows_with_the_specification_of_the_dashboards(daily: Inputs) -> None:
    said = content.build(daily)
    assert set(said.charts) == set(DRAWN)
    for name, spec in chart_specs(daily, said.charts, CHARTS).items():
        chart = next(c for c in CHARTS if c.name == name)
        assert spec["data"]["values"] == plain_rows(daily.tables[DRAWN[name].table])
        for part in ("mark", "transform", "layer", "encoding", "facet"):
            if part == "encoding" and DRAWN[name].legend:
                drawn = {k: v for k, v in spec[part].items() if k != "color"}
                assert drawn == {k: v for k, v in chart.spec[part].items() if k != "color"}
            else:
                assert spec.get(part) == chart.spec.get(part), (name, part)


def test_views_as_of_the_last_date_are_those_of_the_dashboards(desk: Desk) -> None:
    """Where nothing is cut, a report and a page cannot differ."""
    contracts = desk.registry.contracts
    models = find_models(desk.registry.roots, desk.shared_models)
    views = AsOf(desk.lake, cut_at(TODAY, contracts, exact=False), models, contracts, desk.registry.agencies)
    for name in ("pendapatan_ringkas", "harga_acuan", "air_produksi", "cctv_keadaan", "pokir_corong", "peringatan"):
        rows = views.query(f"SELECT * FROM dashboard.{name}")
        assert rows.height
        assert not rows.sort(rows.columns).equals(rows.clear())
        shown = desk.lake.query(f"SELECT * FROM lake.dashboard.{name}")
        assert sorted(map(str, rows.rows())) == sorted(map(str, shown.rows())), name


def without(inputs: Inputs, *names: str) -> Inputs:
    """The inputs as they are when some tables cannot be read."""
    tables = {n: t for n, t in inputs.tables.items() if n not in names}
    return replace(inputs, tables=tables, missing=dict.fromkeys(names, "tidak dapat dibaca"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_source_is_said_and_stops_nothing(made: dict[Kind, Path], kind: Kind) -> None:
    inputs = load((made[kind] / "masukan.json").read_bytes())
    for name in READ[kind]:
        told = text_of(content.build(without(inputs, name)))
        assert f"Bagian {name} tidak dapat dibaca" in told or name == "dataset"
    nothing = content.build(without(inputs, *inputs.tables))
    told = text_of(nothing)
    assert nothing.figures == []
    for source in ("PIHPS tingkat provinsi", "E-Samsat", "Produksi air", "Pemeriksaan CCTV", "E-Pokir", "Rapor data"):
        assert f"{source}: belum ada data." in told


def test_an_empty_report_is_set_too(daily: Inputs) -> None:
    nothing = without(daily, *daily.tables)
    files = render.render(nothing, content.build(nothing), "v1", CHARTS)
    assert "E-Samsat:belumadadata." in pdf_text.text(files["laporan.pdf"])


def test_reading_names_a_table_that_is_not_there_and_goes_on(desk: Desk) -> None:
    contracts = desk.registry.contracts
    models = [m for m in find_models(desk.registry.roots, desk.shared_models) if m.table != "dashboard.air_produksi"]
    views = AsOf(desk.lake, cut_at(TODAY, contracts, exact=True), models, contracts, desk.registry.agencies)
    inputs = read(views, "harian", TODAY, {})
    assert "there is no view dashboard.air_produksi" in inputs.missing["produksi"]
    assert inputs.rows("pendapatan")


def changed(inputs: Inputs, table: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Inputs:
    return replace(inputs, tables={**inputs.tables, table: change(inputs.tables[table])})


def test_a_gap_is_never_a_zero(daily: Inputs) -> None:
    silent = changed(
        daily,
        "pendapatan",
        lambda t: t.with_columns(pl.when(pl.col("jenis_pajak") != "PKB").then("nilai_hari").alias("nilai_hari")),
    )
    parts = {s["judul"]: s for s in content.build(silent).values["bagian"]}
    (table,) = [b for b in parts["Pendapatan (Samsat)"]["blok"] if b.get("judul", "").startswith("Penerimaan menurut")]
    (line,) = [r for r in table["baris"] if r[0] == ["PKB"]]
    assert line[2] == [{"t": "belum ada data", "w": "kosong"}]


def test_stale_data_are_said_to_be_stale(daily: Inputs) -> None:
    late = changed(
        daily,
        "dataset",
        lambda t: t.with_columns(
            pl.when(pl.col("dataset") == "samsat.pembayaran_pkb").then(True).otherwise("terlambat").alias("terlambat"),
            pl.when(pl.col("dataset") == "samsat.pembayaran_pkb").then(pl.lit("2026-11-20")).otherwise("diharapkan")
            .alias("diharapkan"),
        ),
    )  # fmt: skip
    told = text_of(content.build(late))
    assert "yang dijanjikan 20 Nov 2026 belum ada; data basi, terbaru 19 Nov 2026." in told
    assert "1 hari[D26] – terlambat" in told


def test_a_dataset_of_an_office_and_its_stand_in_is_marked_as_partly_made_up(daily: Inputs) -> None:
    def marks(origin: str) -> list[str]:
        of_one = changed(daily, "dataset", lambda t: t.with_columns(pl.lit(origin).alias("asal_data")))
        only = without(of_one, *(name for name in of_one.tables if name != "dataset"))
        return [mark["tanda"] for mark in content.build(only).values["asal"]]

    assert marks("resmi") == []
    assert marks("resmi,tiruan") == marks("tiruan") == ["Data tiruan"]


def test_years_on_both_sides_of_opsen_are_not_compared() -> None:
    assert "bukan besaran yang sama" in revenue.opsen_note(date(2025, 11, 19))
    assert revenue.opsen_note(date(2026, 11, 19)) == ""


def upt(year_ago: str | None) -> pl.DataFrame:
    base: dict[str, Any] = {
        "per_tanggal": [date(2026, 11, 19)], "kode_upt": ["01"], "upt": ["Medan Utara"],
        "asal_data": ["tiruan"], "dataset": ["samsat.pembayaran_pkb"], "partisi": ["2026-11-19"],
    }  # fmt: skip
    money = pl.DataFrame(
        {"nilai_7_hari": ["1500000000.00"], "nilai_7_hari_setahun_lalu": [year_ago]},
        schema={"nilai_7_hari": pl.String, "nilai_7_hari_setahun_lalu": pl.String},
    ).cast(pl.Decimal(20, 2))
    return pl.DataFrame(base).hstack(money)


def test_a_week_of_a_upt_is_compared_with_the_same_week_of_the_year_before(daily: Inputs) -> None:
    def line(year_ago: str | None) -> str:
        inputs = replace(daily, tables={**daily.tables, "upt": upt(year_ago)}, kind="mingguan")
        told = [
            b for b in revenue.weekly(Book(inputs)).blocks if b.get("judul", "").startswith("Penerimaan provinsi per")
        ]
        (row,) = told[0]["baris"]
        return " | ".join("".join(r if isinstance(r, str) else r["t"] for r in cell) for cell in row)

    assert line("1200000000.00") == "Medan Utara | Rp1,50 miliar | Rp1,20 miliar | +25,0%"
    assert line(None) == "Medan Utara | Rp1,50 miliar | belum ada data | belum ada data"


def test_the_weekly_report_tells_what_is_published_and_what_is_late(daily: Inputs) -> None:
    released = pl.DataFrame(
        {
            "dataset": ["a", "b"], "judul": ["Penerimaan", "Kamera"], "produsen": ["Bapenda", "Kominfo"],
            "versi": [3, 1], "terbit": [date(2026, 11, 13), date(2026, 11, 6)],
            "sampai": [date(2026, 11, 12), None], "jatuh_tempo": [date(2026, 11, 30), date(2026, 11, 10)],
            "mutu": [1.0, 0.8], "asal_data": ["resmi", "tiruan"], "rilis": [7, 7],
        }
    )  # fmt: skip
    inputs = replace(daily, tables={**daily.tables, publication.TABLE: released}, kind="mingguan")
    book = Book(inputs)
    made = publication.section(book)
    assert made.as_of == "Rilis 7; versi terbaru terbit Jumat, 13 Nov 2026."
    said = ["".join(r if isinstance(r, str) else r["t"] for r in b["isi"]) for b in made.blocks if "isi" in b]
    assert said == [
        "2 dataset terbit, 1 lewat jatuh tempo; mutu metadata rata-rata 90,0%.", "Lewat jatuh tempo: Kamera.",
    ]  # fmt: skip
    assert {(f.origin.dataset, f.origin.version, f.origin.origin) for f in book.figures} == {
        ("terbuka", "rilis 7", "tiruan"), ("terbuka.a", "v3", "resmi"), ("terbuka.b", "v1", "tiruan"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (words.money(pl.Series(["5276965374.14"]).cast(pl.Decimal(20, 2))[0]), "Rp5,28 miliar"),
        (words.money(Decimal("999994999.99")), "Rp999,99 juta"),
        (words.money(Decimal(-999995000)), "-Rp1,00 miliar"),
        (words.money(Decimal("999999.5")), "Rp1,00 juta"),
        (words.share(44.63), "44,6%"),
        (words.change(-0.04), "0,0%"),
        (words.span(date(2026, 10, 21), date(2026, 11, 19)), "21 Okt – 19 Nov 2026"),
        (words.span(date(2025, 12, 29), date(2026, 1, 4)), "29 Des 2025 – 4 Jan 2026"),
        (words.several(["A", "B", "C"], 2), "A, B dan 1 lainnya"),
    ],
)
def test_numbers_and_dates_have_indonesian_forms(shown: str, expected: str) -> None:
    assert shown == expected
