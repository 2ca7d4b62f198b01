"""Every number of a daily report against sums that other code makes from the source tables, in the PDF's own text."""

import re
from collections import Counter
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from assets.report.governor.desk import Desk, make
from assets.report.governor.inputs import load
from tests.support import pdf_text
from tests.support.recount import LIMIT, Recount, change, plain
from tests.support.reports import figures
from tests.support.workspace import TODAY
from warehouse.lake import Lake

pytest_plugins = ["tests.support.report_fixtures"]


def indonesian(value: Decimal, places: int) -> str:
    """Thousands with dots, a comma before the decimals."""
    rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return f"{rounded:,.{places}f}".replace(",", "_").replace(".", ",").replace("_", ".")


def printed(value: Decimal | int, like: str) -> str:
    """A value in the form of a printed text, with digits of its own."""
    number = Decimal(value)
    for word, size in (("triliun", 10**12), ("miliar", 10**9), ("juta", 10**6)):
        if like.endswith(word):
            assert abs(number) >= size
            return f"Rp{indonesian(number / size, 2)} {word}"
    if like.endswith("%"):
        digits = indonesian(abs(number), 1)
        # The views round a change to hundredths before it is printed with tenths.
        near = {digits, indonesian(abs(number.quantize(Decimal("0.01"), ROUND_HALF_UP)), 1)}
        sign = like[0] if like[0] in "+-" else ""
        assert not sign or (sign == "+") == (number > 0)
        return next((f"{sign}{d}%" for d in sorted(near) if like == f"{sign}{d}%"), f"{sign}{digits}%")
    head = "Rp" if like.startswith("Rp") else ""
    tail = next((t for t in (" m³", " hari") if like.endswith(t)), "")
    return f"{head}{indonesian(number, 0)}{tail}"


class Day:
    """The report of the day, and the lake that it was made from."""

    def __init__(self, folder: Path, lake: Lake):
        self.figures = figures(folder)
        self.text = pdf_text.text((folder / "laporan.pdf").read_bytes())
        self.pages = pdf_text.pages((folder / "laporan.pdf").read_bytes())
        self.recount = Recount(lake)


@pytest.fixture(scope="module")
def day(desk: Desk) -> Day:
    return Day(make(desk, "harian", TODAY).version.folder, desk.lake)


@pytest.fixture(scope="module")
def week(desk: Desk) -> list[dict[str, Any]]:
    """The figures of a weekly report that ends with the warehouse's last date."""
    return figures(make(desk, "mingguan", TODAY).version.folder)


def test_every_number_of_the_daily_report_is_that_of_the_source_tables_in_the_text_of_the_pdf(day: Day) -> None:
    assert len(day.figures) > 180
    wrong = []
    for figure in day.figures:
        value = day.recount.expected(figure["table"], figure["column"], figure["key"], figure["name"])
        expected = printed(value, figure["text"]) if figure["text"] else ""
        if expected != figure["text"]:
            wrong.append((figure["ref"], figure["name"], figure["text"], expected))
        if re.sub(r"\s+", "", expected + figure["ref"]) not in day.text:
            wrong.append((figure["ref"], "not in the PDF", expected, ""))
    assert wrong == []


def numbers_of(recount: Recount, warning: dict[str, Any]) -> list[str]:
    """What the sentence of a warning is to say, in its order, counted from the source tables."""
    said = warning["kalimat"]
    if warning["aturan"] == "harga_di_atas_acuan":
        place, source = re.search(r" di (.+?) Rp", said)[1], warning["dataset"].partition(".")[0]  # type: ignore[index]
        price = next(p for name, p in recount.medium_rice(source).items() if plain(name) == plain(place))
        return [f"Rp{indonesian(price, 0)}", indonesian(change(price, LIMIT), 1), f"Rp{indonesian(LIMIT, 0)}"]
    assert warning["aturan"] == "cabang_belum_lapor", f"recount the numbers of {warning['aturan']} too"
    return []


def test_the_numbers_inside_the_sentences_of_warnings_are_those_of_the_source_tables(desk: Desk, day: Day) -> None:
    kept = load((make(desk, "harian", TODAY).version.folder / "masukan.json").read_bytes())
    printed_ones = [w for w in kept.rows("peringatan") if re.sub(r"\s+", "", w["kalimat"]) in day.text]
    assert {w["aturan"] for w in printed_ones} >= {"harga_di_atas_acuan", "cabang_belum_lapor"}
    for warning in printed_ones:
        told = re.findall(r"Rp[\d.]*\d|\d+,\d(?= persen)", warning["kalimat"])
        assert told == numbers_of(day.recount, warning), warning["kalimat"]


def test_the_numbers_of_the_weekly_report_are_those_of_the_source_tables(day: Day, week: list[dict[str, Any]]) -> None:
    """But those by dapil, which follow from the places of proposals."""
    told = [f for f in week if f["text"] and f["key"].get("menurut") != "dapil"]
    assert len(told) > 250
    wrong = []
    for figure in told:
        value = day.recount.expected(figure["table"], figure["column"], figure["key"], figure["name"])
        expected = printed(value, figure["text"])
        if expected != figure["text"]:
            wrong.append((figure["ref"], figure["name"], figure["text"], expected))
    assert wrong == []


def test_every_part_of_the_report_has_numbers_and_no_reference_is_given_twice(day: Day) -> None:
    assert len({f["ref"] for f in day.figures}) == len(day.figures)
    letters = Counter(f["ref"][0] for f in day.figures)
    assert letters.keys() == set("WDHPACK")
    assert day.pages <= 3


def test_every_figure_names_its_dataset_partitions_version_date_and_completeness(day: Day) -> None:
    known = {r["dataset"] for r in day.recount.rows("ops.hasil")}
    for figure in day.figures:
        origin = figure["origin"]
        assert origin["dataset"] in known, figure
        assert re.fullmatch(r"[0-9a-f]{12}", origin["version"]), figure
        assert origin["first"] <= origin["last"], figure
        assert date.fromisoformat(origin["as_of"]) <= TODAY, figure
        assert origin["whole"], figure
        assert origin["origin"] == "tiruan", figure


def test_the_alerts_that_open_the_report_come_with_the_office_whose_task_they_are(day: Day) -> None:
    for said in ("Yangperludiputuskan", "DinasKetahananPangan", "BiroPerekonomian", "BadanPendapatanDaerah"):
        assert said in day.text
