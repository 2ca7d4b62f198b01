"""Charts and the price sheet: what the page says follows from the numbers, is marked, and is the same every time."""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import orjson
import polars as pl
import pytest

from assets.build import models_of
from assets.give_out import give_out_assets
from assets.report.charts import Chart, find_charts, with_data
from assets.report.price_sheet import Sheet, build_sheet
from assets.report.render import PRINT_FONT, RenderError, draw_chart, set_page
from tests.support import pdf_text
from tests.support.workspace import Small
from warehouse import figures
from warehouse.modelling import ModelError

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "assets" / "report" / "lembar_harga.typ"
THU, WED, FRI_BEFORE, THU_BEFORE = date(2026, 11, 19), date(2026, 11, 18), date(2026, 11, 13), date(2026, 11, 12)
NAMES = {"com_1": "Beras", "com_7": "Daging ayam", "com_11": "Bawang merah", "com_14": "Cabai merah", "com_20": "Gula"}

Price = tuple[date, str, str, int]


def rows(*prices: Price, origin: str = "tiruan") -> pl.DataFrame:
    """Rows as `lembar_harga.sql` gives them, from (date, market, commodity, price)."""
    columns: dict[str, list[Any]] = {
        "tanggal": [p[0] for p in prices],
        "kota": ["Kota Medan" for _ in prices],
        "pasar": [p[1] for p in prices],
        "kode": [p[2] for p in prices],
        "komoditas": [NAMES[p[2]] for p in prices],
        "urutan": [int(p[2].removeprefix("com_")) for p in prices],
        "harga": [Decimal(p[3]) for p in prices],
        "asal_data": [origin for _ in prices],
        "pasar_rujukan": [2 for _ in prices],
        "komoditas_rujukan": [5 for _ in prices],
    }
    return pl.DataFrame(columns, schema_overrides={"harga": pl.Decimal(18, 2)})


def both(day: date, code: str, first: int, second: int) -> list[Price]:
    return [(day, "Pasar Petisah", code, first), (day, "Pusat Pasar", code, second)]


WEEK = rows(
    *both(THU_BEFORE, "com_14", 40000, 40000),
    *both(WED, "com_1", 14000, 14000), *both(THU, "com_1", 14000, 14000),
    *both(WED, "com_7", 40000, 40000), *both(THU, "com_7", 41000, 41000),
    *both(WED, "com_11", 40000, 40000), *both(THU, "com_11", 38000, 37000),
    *both(WED, "com_14", 50000, 50000), *both(THU, "com_14", 52000, 53000),
    *both(WED, "com_20", 20000, 20000), (THU, "Pusat Pasar", "com_20", 20100),
)  # fmt: skip


def sheet(frame: pl.DataFrame, closed: date = THU, quarantined: int = 0) -> Sheet:
    made = build_sheet(frame, closed, lambda _: quarantined, "PIHPS Nasional", "Biro Perekonomian")
    assert made is not None
    return made


def chart() -> Chart:
    (found,) = [c for c in find_charts([ROOT / "connectors"]) if c.name == "harga_cabai_merah"]
    return found


def chart_frame(origin: str = "tiruan") -> pl.DataFrame:
    days = [date(2026, 10, d) for d in range(5, 31)]
    prices = [
        (d, m, 40000 + 100 * d.day + 500 * n) for d in days for n, m in enumerate(["Pasar Petisah", "Pusat Pasar"])
    ]
    return pl.DataFrame(
        [(d, m, Decimal(h), origin) for d, m, h in prices],
        schema=["tanggal", "pasar", "harga", "asal_data"], orient="row",
    )  # fmt: skip


def svg_text(origin: str = "tiruan", font: str = "Liberation Sans") -> str:
    return draw_chart(with_data(chart(), chart_frame(origin)), ["svg"], font=font)["svg"].decode()


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (figures.rupiah(Decimal("48250.50")), "Rp48.251"),
        (figures.number(1234567), "1.234.567"),
        (figures.percent(Decimal("0.04250")), "4,3"),
        (figures.signed_percent(Decimal("0.0423")), "+4,2%"),
        (figures.signed_percent(Decimal("-0.1")), "-10,0%"),
        (figures.signed_percent(Decimal("-0.0004")), "0,0%"),
        (figures.long_date(date(2026, 8, 7)), "Jumat, 7 Agustus 2026"),
        (figures.short_date(date(2026, 5, 9)), "9 Mei 2026"),
        (figures.joined(["A", "B", "C"]), "A, B dan C"),
        (figures.joined([]), ""),
    ],
)
def test_figures_are_written_as_indonesian_readers_write_them(shown: str, expected: str) -> None:
    assert shown == expected


def test_the_three_largest_moves_are_said_in_sentences_that_follow_from_the_numbers() -> None:
    assert [g["kalimat"] for g in sheet(WEEK).content["gerak"]] == [
        "Bawang merah turun 6,3 persen menjadi rata-rata Rp37.500/kg di 2 pasar; "
        "penurunan terbesar di Pusat Pasar, Rp3.000.",
        "Cabai merah naik 5,0 persen menjadi rata-rata Rp52.500/kg di 2 pasar; "
        "kenaikan terbesar di Pusat Pasar, Rp3.000.",
        "Daging ayam naik 2,5 persen menjadi rata-rata Rp41.000/kg di 2 pasar; "
        "kenaikan sama besar di semua pasar, Rp1.000.",
    ]
    assert [g["angka"] for g in sheet(WEEK).content["gerak"]] == ["-6,3%", "+5,0%", "+2,5%"]


def test_a_market_that_is_silent_moves_no_price() -> None:
    """On the older date the dear market is missing: the mean rises, the one market in both does not."""
    frame = rows((WED, "Pasar Petisah", "com_1", 14000), *both(THU, "com_1", 14000, 16000))
    made = sheet(frame).content
    assert made["gerak"] == []
    (line,) = made["tabel"]
    assert line["harga"] == "15.000"
    assert line["harian"] == {"arah": "tetap", "teks": "0,0%"}


def test_the_table_compares_with_the_date_before_and_a_week_before_and_never_shows_a_gap_as_zero() -> None:
    lines = {t["komoditas"]: t for t in sheet(WEEK).content["tabel"]}
    assert list(lines) == ["Beras", "Daging ayam", "Bawang merah", "Cabai merah", "Gula"]
    assert lines["Cabai merah"]["mingguan"] == {"arah": "naik", "teks": "+31,3%"}
    assert lines["Beras"]["mingguan"] == {"arah": "kosong", "teks": "–"}
    silent = sheet(rows(*both(WED, "com_20", 20000, 20000), *both(THU, "com_1", 1, 1))).content["tabel"]
    assert {t["komoditas"]: t["harga"] for t in silent} == {"Beras": "1", "Gula": "belum ada data"}


def test_the_sheet_is_of_the_last_closed_date_and_says_when_a_date_is_missing() -> None:
    open_day = sheet(WEEK, closed=WED)
    assert open_day.as_of == WED
    assert open_day.content["tanggal"] == "Rabu, 18 November 2026"
    assert open_day.rows["tanggal"].max() == WED
    assert sheet(WEEK).content["terlambat"] == ""
    late = sheet(WEEK, closed=date(2026, 11, 20))
    assert late.as_of == THU
    assert "Jumat, 20 November 2026 seharusnya sudah ada" in late.content["terlambat"]
    assert build_sheet(rows(), THU, lambda _: 0, "", "") is None


def test_a_first_date_has_nothing_to_compare_with() -> None:
    made = sheet(rows(*both(THU, "com_1", 14000, 14000))).content
    assert (made["pembanding"], made["pembanding_mingguan"], made["gerak"]) == ("", "", [])


def test_completeness_counts_what_was_reported_against_what_is_expected() -> None:
    assert sheet(WEEK, quarantined=3).content["kelengkapan"] == [
        "2 dari 2 pasar dan 5 dari 5 komoditas melapor.",
        "9 dari 10 harga terisi (90,0 persen); 3 baris dikarantina dan tidak dipakai.",
        "3 dari 22 hari kerja (Senin–Jumat) dalam 30 hari ada datanya.",
    ]


def test_origins_are_named_and_an_invented_number_is_not_put_down_to_its_agency() -> None:
    stand_in = sheet(WEEK).content
    assert [a["tanda"] for a in stand_in["asal"]] == ["Data tiruan"]
    assert stand_in["sumber"] == "PIHPS Nasional – tiruan"
    official = sheet(WEEK.with_columns(pl.lit("resmi").alias("asal_data"))).content
    assert (official["asal"], official["sumber"]) == ([], "PIHPS Nasional")


def test_nothing_says_today() -> None:
    said = orjson.dumps([sheet(WEEK).content, sheet(WEEK, closed=WED).content]).decode() + TEMPLATE.read_text()
    assert not re.search(r"hari ini|kemarin|sekarang", said, re.IGNORECASE)


def test_the_chart_is_drawn_with_indonesian_months_and_numbers_and_its_origin() -> None:
    drawn = svg_text()
    for shown in (chart().title, " Okt 2026", "42.000", "Pasar Petisah", "Pusat Pasar", "Data tiruan: bukan"):
        assert shown in drawn
    assert "Oct" not in drawn
    assert svg_text() == drawn
    assert "bukan ambilan langsung" not in svg_text("resmi")


def test_a_chart_is_also_a_picture_and_reads_no_address() -> None:
    assert draw_chart(with_data(chart(), chart_frame()), ["png"])["png"].startswith(b"\x89PNG")
    spec = {**chart().spec, "data": {"url": "http://127.0.0.1:9/data.json"}}
    with pytest.raises(RenderError):
        draw_chart(spec, ["svg"])


def page(content: dict[str, Any]) -> bytes:
    files = {"data.json": orjson.dumps(content), "grafik.svg": svg_text(font=PRINT_FONT).encode()}
    return set_page(TEMPLATE, files, datetime(2026, 11, 19, tzinfo=UTC))


def test_the_page_is_one_has_its_text_and_is_the_same_every_time() -> None:
    late_and_mixed = pl.concat([WEEK, rows(*both(FRI_BEFORE, "com_1", 14000, 14000), origin="ulangan")])
    content = sheet(late_and_mixed, closed=date(2026, 11, 20), quarantined=2).content
    # As many lines as PIHPS has commodities, and every notice at once: it still is one page.
    content = {**content, "tabel": (content["tabel"] * 5)[:21]}
    pdf = page(content)
    assert pdf_text.pages(pdf) == 1
    text = pdf_text.text(pdf)
    wanted = [content[k] for k in ("judul", "tanggal", "pembanding", "terlambat", "sumber", "sidik")]
    wanted += content["kelengkapan"] + [g["kalimat"] for g in content["gerak"]]
    wanted += ["DATA TIRUAN", "DATA ULANGAN", "Biro Perekonomian", "52.500", "+31,3%"]
    for said in wanted:
        assert re.sub(r"\s+", "", said) in text
    assert page(content) == pdf


def test_a_page_without_moves_or_comparison_is_set_too() -> None:
    calm = rows(*both(WED, "com_1", 14000, 14000), *both(THU, "com_1", 14000, 14000))
    assert "Tidakadahargayangberubah." in pdf_text.text(page(sheet(calm).content))
    first = rows(*both(THU, "com_1", 14000, 14000))
    assert "Belumadatanggalpembanding." in pdf_text.text(page(sheet(first).content))


def test_a_faulty_template_is_an_error_that_says_where(tmp_path: Path) -> None:
    template = tmp_path / "rusak.typ"
    template.write_text("#tidak_dikenal")
    with pytest.raises(RenderError, match="unknown variable: tidak_dikenal"):
        set_page(template, {}, datetime(2026, 11, 19, tzinfo=UTC))


def agency_chart(root: Path, spec: Any, sql: bool = True, agency: str = "uji") -> Path:
    folder = root / agency / "charts"
    folder.mkdir(parents=True)
    (folder / "coba.vl.json").write_text(json.dumps(spec))
    if sql:
        (folder / "coba.sql").write_text("/* ---\ndescription: Coba\ngrain: Satu baris\n--- */\nSELECT 1 AS n")
    return root


GOOD = {"data": {"name": "data"}, "title": {"text": "Coba"}, "mark": "point"}


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda root: agency_chart(root, GOOD, sql=False), "coba.sql is not beside it"),
        (lambda root: agency_chart(root, {**GOOD, "data": {"url": "x"}}), "needs"),
        (lambda root: agency_chart(root, {"data": {"name": "data"}}), "title"),
        (lambda root: agency_chart(agency_chart(root, GOOD), GOOD, agency="lain"), "is in two places: lain, uji"),
    ],
)
def test_a_faulty_chart_is_refused_with_its_file(tmp_path: Path, prepare: Callable[[Path], Any], message: str) -> None:
    prepare(tmp_path)
    with pytest.raises(ModelError, match=message):
        find_charts([tmp_path])


def test_chart_and_sheet_come_from_the_warehouse_and_only_what_changed_is_made_again(
    small_warehouse: Small, tmp_path: Path
) -> None:
    small = small_warehouse.copy(tmp_path / "rumah")

    def run() -> dict[str, dict[str, Any]]:
        with small.open() as workspace:
            models = models_of(workspace.registry, workspace.shared_models)
            made = give_out_assets(workspace.registry, models, lambda: workspace)
            quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
            done = dg.materialize(made, instance=dg.DagsterInstance.ephemeral(), run_config=quiet)
            assert done.success
            return {
                e.asset_key.path[-1]: {
                    k: v.value for k, v in e.step_materialization_data.materialization.metadata.items()
                }
                for e in done.get_asset_materialization_events()
                if e.asset_key
            }

    first = run()
    assert {n: m["baru"] for n, m in first.items()} == {
        "bagan_harga_cabai_merah": True,
        "lembar_harga": True,
    }
    assert first["lembar_harga"]["tanggal"] == "2026-11-19"
    folder = small.home / "reports" / "lembar_harga" / "2026-11-19" / "latest"
    assert "DATATIRUAN" in pdf_text.text((folder / "lembar_harga.pdf").read_bytes())
    kept = json.loads((folder / "masukan.json").read_bytes())
    assert {r["asal_data"] for r in kept["baris"]} == {"tiruan"}
    before = (folder / "lembar_harga.pdf").read_bytes()

    assert {n: m["baru"] for n, m in run().items()} == dict.fromkeys(first, False)

    with small.open() as workspace:
        for table in ("core.fct_harga_pangan_pasar", "dashboard.harga_cabai_merah"):
            change = f"UPDATE lake.{table} SET harga = harga + 500 WHERE tanggal = '2026-11-19'"
            workspace.lake.transaction(lambda tx, change=change: tx.con.execute(change))  # type: ignore[misc]
    third = run()
    assert {n: (m["baru"], m["versi"]) for n, m in third.items()} == dict.fromkeys(first, (True, "v2"))
    assert (folder / "lembar_harga.pdf").read_bytes() != before
    assert (folder.parent / "v1" / "lembar_harga.pdf").read_bytes() == before
