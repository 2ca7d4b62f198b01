"""The check process: what passes was really evaluated, what fails is named exactly, and no value leaves it."""

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from connectors.contract import Expectation
from tests.support.lake import DAY, days, expect, price_contract, rejected_rows, shared_checker, staged, with_checks
from tests.support.reading import column, make_contract
from warehouse.checks import Check, Checker, CheckFailure, Verdict, client, row_suite
from warehouse.stage import Staged, judge, with_partition

FAKE = Path(__file__).parent / "support" / "check_process.py"
SECRET = "BK1234RAHASIA"


def check(name: str, kind: str, *, blocking: bool = True, **kwargs: Any) -> Check:
    return Check(name, f"expect_{kind}", kwargs, blocking, "baris", f"Keterangan {name}")


def run(frame: pl.DataFrame, *checks: Check) -> dict[str, Verdict]:
    return {v.check.name: v for v in shared_checker().run("uji.data.baris", checks, frame)}


def failing(frame: pl.DataFrame, one: Check) -> list[int]:
    return list(run(frame, one)[one.name].failing)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Any]:
    opened: list[Checker] = []

    def start(behaviour: str, **more: Any) -> Checker:
        command = [sys.executable, str(FAKE), behaviour, str(tmp_path / "ingatan")]
        opened.append(Checker(command=command, **more))
        return opened[-1]

    yield start
    for checker in opened:
        checker.close()


# --- what was not evaluated does not pass ----------------------------------------------------------------------------


def test_an_empty_suite_is_refused() -> None:
    with pytest.raises(CheckFailure, match="empty suite"):
        Checker().run("uji", [], pl.DataFrame({"a": [1]}))


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("short", "declared but not evaluated: b"),
        ("twice", "used twice"),
        ("miscounts", "3 rows were to be checked, 2 were seen"),
        ("strays", "names rows that were not sent"),
    ],
)
def test_an_answer_that_does_not_fit_the_question_is_no_verdict(fake: Any, behaviour: str, message: str) -> None:
    two = [check(n, "column_values_to_not_be_null", column="x") for n in ("a", "b")]
    with pytest.raises(CheckFailure, match=message):
        fake(behaviour).run("uji", two, pl.DataFrame({"x": [1, 2, 3]}))


def test_a_process_that_hangs_is_ended(fake: Any) -> None:
    checker = fake("hangs", answer_seconds=0.2)
    with pytest.raises(CheckFailure, match=r"no answer within 0\.2 s"):
        checker.run("uji", [check("a", "column_values_to_not_be_null", column="x")], pl.DataFrame({"x": [1]}))


def test_a_process_killed_at_work_blocks_everything_and_the_next_run_gets_a_new_one(fake: Any, tmp_path: Path) -> None:
    contract = price_contract(tmp_path)
    checker = fake("dies")
    good = staged(contract, [(d, "Pusat Pasar", 50_000) for d in days(2)])
    judged = judge(contract, good, {}, checker)
    assert set(judged.blocked) == {"2026-11-16", "2026-11-17"}
    assert all(r.startswith("pemeriksaan_galat: uji.harga.baris: the check process ended (signal SIGKILL)")
               for r in judged.blocked.values())  # fmt: skip
    assert {(c["partisi"], c["hasil"]) for c in judged.checks} == {("2026-11-16", "galat"), ("2026-11-17", "galat")}
    assert judge(contract, good, {}, checker).blocked == {}


def test_a_process_that_died_while_idle_costs_nothing(fake: Any) -> None:
    checker = fake("truthful")
    one, frame = check("a", "column_values_to_not_be_null", column="x"), pl.DataFrame({"x": [1]})
    checker.run("uji", [one], frame)
    process = checker._process.popen
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert checker.run("uji", [one], frame)[0].result == "lulus"


def test_a_process_that_cannot_start_says_why(tmp_path: Path) -> None:
    script = tmp_path / "rusak.py"
    script.write_text("import tidak_ada_pustaka_ini")
    checker = Checker(command=[sys.executable, str(script)])
    with pytest.raises(CheckFailure, match=r"exit 1.*No module named 'tidak_ada_pustaka_ini'"):
        checker.run("uji", [check("a", "column_values_to_not_be_null", column="x")], pl.DataFrame({"x": [1]}))


def test_frames_do_not_outlive_the_process_that_wrote_them(fake: Any) -> None:
    checker = fake("truthful")
    checker.start()
    folder = Path(checker._process.folder.name)
    checker.run("uji", [check("a", "column_values_to_not_be_null", column="x")], pl.DataFrame({"x": [SECRET]}))
    assert [p.name for p in folder.iterdir()] == ["worker.log"]
    checker.close()
    assert not folder.exists()


def test_a_missing_column_is_an_error_and_blocks(tmp_path: Path) -> None:
    frame = pl.DataFrame({"harga": [1.0, 2.0]})
    verdict = run(frame, check("a", "column_values_to_be_between", column="tak_ada", max_value=5))["a"]
    assert (verdict.result, verdict.detail) == ("galat", "kolom 'tak_ada' tidak ada")
    contract = price_contract(
        tmp_path, aturan_baris=[{"nama": "pembulatan", "sql": "harga::DATE > tanggal", "keterangan": "-"}]
    )
    judged = judge(contract, staged(contract, [(DAY, "Pusat Pasar", 1)]), {}, shared_checker())
    assert judged.blocked == {"2026-11-16": "pemeriksaan_galat: pembulatan: kolom 'aturan__pembulatan' tidak ada"}


def test_a_suite_that_great_expectations_refuses_is_named() -> None:
    wrong = check("a", "column_values_to_be_between", column="x", terbesar=5)
    with pytest.raises(CheckFailure, match=r"suite is refused.*terbesar"):
        run(pl.DataFrame({"x": [1]}), wrong)
    with pytest.raises(CheckFailure, match=r"suite is refused.*expect_tak_dikenal"):
        run(pl.DataFrame({"x": [1]}), check("a", "tak_dikenal", column="x"))


def test_a_comparison_of_unlike_types_is_an_error_not_a_verdict() -> None:
    verdict = run(pl.DataFrame({"x": ["a", "b"]}), check("a", "column_values_to_be_between", column="x", max_value=5))
    assert (verdict["a"].result, verdict["a"].detail) == ("galat", "tidak dapat dievaluasi atas x (str)")


# --- positions are exact ---------------------------------------------------------------------------------------------


def test_positions_are_exact_with_missing_values_and_repetitions() -> None:
    frame = pl.DataFrame({"k": ["a", None, "b", "a", None, "c", "b"], "n": [1, None, 3, None, 900, 6, 700]})
    assert failing(frame, check("a", "column_values_to_be_unique", column="k")) == [0, 2, 3, 6]
    assert failing(frame, check("b", "column_values_to_not_be_null", column="k")) == [1, 4]
    assert failing(frame, check("c", "column_values_to_be_between", column="n", max_value=100)) == [4, 6]
    assert failing(frame, check("d", "column_values_to_be_in_set", column="k", value_set=["a", "b"])) == [5]
    assert failing(frame, check("e", "column_values_to_match_regex", column="k", regex="^[ab]$")) == [5]
    pairs = check("f", "compound_columns_to_be_unique", column_list=["k", "n"])
    assert failing(pl.concat([frame, frame[5:6], frame[0:1]]), pairs) == [0, 5, 7, 8]


def test_positions_are_whole_beyond_the_lists_that_great_expectations_cuts() -> None:
    wrong = [n for n in range(2_000) if n % 3 == 0]
    frame = pl.DataFrame({"a": [n // 6 if n % 3 == 0 else 10_000 + n for n in range(2_000)], "b": ["x"] * 2_000})
    twice = [n for n in wrong if wrong.count(n + 3 if n % 6 == 0 else n - 3)]
    assert len(twice) > 600
    assert failing(frame, check("a", "column_values_to_be_between", column="a", min_value=10_000)) == wrong
    assert failing(frame, check("b", "compound_columns_to_be_unique", column_list=["a", "b"])) == twice


def test_whole_numbers_beyond_the_exact_range_of_floats_stay_apart() -> None:
    frame = pl.DataFrame({"k": [2**53, 2**53 + 1, None, 7, 7], "j": ["a"] * 5})
    assert failing(frame, check("a", "column_values_to_be_unique", column="k")) == [3, 4]
    assert failing(frame, check("b", "compound_columns_to_be_unique", column_list=["k", "j"])) == [3, 4]
    assert failing(frame, check("c", "column_values_to_be_between", column="k", max_value=2**53)) == [1]
    assert failing(frame, check("d", "column_values_to_be_in_set", column="k", value_set=[7, 2**53])) == [1]
    negative = pl.DataFrame({"k": [-(2**53), -(2**53) - 1, None]})
    assert failing(negative, check("e", "column_values_to_be_unique", column="k")) == []
    assert failing(pl.DataFrame({"k": [2**53, 2**53 + 1]}), check("f", "column_values_to_be_unique", column="k")) == []


def test_decimals_in_a_key_are_told_apart_by_their_digits() -> None:
    texts = ["90071992547409931234.10", "90071992547409931234.20", "1.00", "1.00"]
    frame = pl.DataFrame({"k": [Decimal(t) for t in texts], "j": [1] * 4}, schema_overrides={"k": pl.Decimal(38, 2)})
    assert failing(frame, check("a", "column_values_to_be_unique", column="k")) == [2, 3]
    assert failing(frame, check("b", "compound_columns_to_be_unique", column_list=["k", "j"])) == [2, 3]
    assert failing(frame, check("c", "column_values_to_be_between", column="k", max_value=5)) == [0, 1]


def test_texts_that_repeat_are_judged_as_all_texts_are(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = 2_000
    monkeypatch.setattr(client, "_WORTH_ROWS", rows)
    units = ["kg", "liter", None, "ikat"]
    texts = {
        "satuan": [units[n % 97 % 4] for n in range(rows)],
        "pasar": [f"P{n // 50:02d}" for n in range(rows)],
        "komoditas": [f"K{n % 50:02d}" for n in range(rows - 1)] + ["K00"],
        "tingkat": ["eceran", "grosir"] * (rows // 2),
        "asal": ["eceran", "lain"] * (rows // 2),
        "kosong": [None] * rows,
    }
    frame = pl.DataFrame(texts, schema=dict.fromkeys(texts, pl.String))
    checks = [
        check("wajib", "column_values_to_not_be_null", column="satuan"),
        check("dikenal", "column_values_to_be_in_set", column="satuan", value_set=["kg", "liter"]),
        check("kunci", "compound_columns_to_be_unique", column_list=["pasar", "komoditas", "kosong"]),
        check("sama", "column_pair_values_to_be_equal", column_A="tingkat", column_B="asal"),
        check("bentuk", "column_values_to_match_regex", column="pasar", regex=r"^P\d\d$"),
    ]
    sent = client._prepared(checks, frame)[1].schema
    assert {name for name, kind in sent.items() if kind == pl.Enum} == {"satuan", "komoditas", "kosong"}
    numbered = run(frame, *checks)
    monkeypatch.setattr(client, "_WORTH_ROWS", rows + 1)
    assert pl.String in client._prepared(checks, frame)[1].dtypes
    assert numbered == run(frame, *checks)
    assert [len(numbered[c.name].failing) for c in checks] == [495, 495, 2, 1000, 0]


def test_texts_of_which_most_differ_are_not_numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_WORTH_ROWS", 1_000)
    frame = pl.DataFrame({"a": [f"{n // 2}" for n in range(9_000)]})
    unique = check("unik", "column_values_to_be_unique", column="a")
    assert client._prepared([unique], frame)[1].dtypes == [pl.String]
    assert len(failing(frame, unique)) == 9_000


def test_a_missing_value_fails_no_comparison_of_two_columns(tmp_path: Path) -> None:
    larger = expect(
        "urut", "column_pair_values_a_to_be_greater_than_b", column_A="harga", column_B="harga_lama", or_equal=True
    )
    columns = column("id", key=True), column("harga", "number"), column("harga_lama", "number")
    contract = with_checks(make_contract(tmp_path, *columns), larger)
    (declared,) = [c for c in row_suite(contract) if c.name == "urut"]
    frame = pl.DataFrame({"harga": [5.0, None, 5.0, 1.0], "harga_lama": [4.0, 4.0, None, 4.0]})
    assert failing(frame, declared) == [3]


# --- nothing leaves the process but names, counts and positions ------------------------------------------------------


def test_answers_and_data_docs_hold_no_value_of_any_column(tmp_path: Path) -> None:
    heard: list[str] = []

    class Listening(Checker):
        def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
            answer = super()._ask(request)
            heard.append(str(answer))
            return answer

    number = 7_719_023_344_556
    frame = pl.DataFrame({"nopol": [SECRET, SECRET, "x"], "rp": [float(number), 2.0, 3.0], "n": [number, 1, None]})
    checks = [
        check("unik", "column_values_to_be_unique", column="nopol"),
        check("ganda", "compound_columns_to_be_unique", column_list=["nopol", "rp"]),
        check("pola", "column_values_to_match_regex", column="nopol", regex="^x$"),
        check("himpunan", "column_values_to_be_in_set", column="nopol", value_set=["x"]),
        check("kisaran", "column_values_to_be_between", column="rp", max_value=10),
        check("bulat", "column_values_to_be_between", column="n", max_value=10),
        check("galat", "column_values_to_be_between", column="nopol", max_value=10),
        check("hilang", "column_values_to_be_between", column="tak_ada", max_value=10),
    ]
    checker = Listening()
    # The process that is running already is lent to the listener.
    checker._process, checker._count = shared_checker()._process, 1_000
    verdicts = checker.run("uji.rahasia.baris", checks, frame)
    checker.build_docs(tmp_path / "docs")
    assert {v.check.name: v.result for v in verdicts} == dict.fromkeys(
        ["unik", "ganda", "pola", "himpunan", "kisaran", "bulat"], "gagal"
    ) | {"ganda": "lulus", "galat": "galat", "hilang": "galat"}
    pages = [p for p in (tmp_path / "docs").rglob("*") if p.is_file()]
    assert any("uji.rahasia.baris" in p.read_text(errors="replace") for p in pages)
    shown = "".join(p.read_text(errors="replace") for p in pages) + "".join(heard)
    for value in (SECRET, str(number), f"{number:,}", f"{float(number)}"):
        assert value not in shown


# --- what becomes of a verdict ---------------------------------------------------------------------------------------


def prices(*values: Any, day: date = DAY) -> list[tuple[date, str, Any]]:
    return [(day, f"Pasar {n}", value) for n, value in enumerate(values)]


def test_a_failed_row_goes_to_quarantine_and_a_warning_is_only_noted(tmp_path: Path) -> None:
    contract = with_checks(
        price_contract(tmp_path, ambang_karantina=0.9),
        expect("masuk_akal", "column_values_to_be_between", column="harga", max_value=500_000),
        expect("mahal", "column_values_to_be_between", severity="warning", column="harga", max_value=60_000),
    )
    judged = judge(contract, staged(contract, prices(50_000, 70_000, 999_999)), {}, shared_checker())
    assert judged.rows["harga"].to_list() == [Decimal(50_000), Decimal(70_000)]
    assert judged.rejected.select("alasan", "_baris").rows() == [("masuk_akal", 2)]
    assert judged.blocked == {}
    noted = {c["pemeriksaan"]: (c["beratnya"], c["hasil"], c["jumlah_gagal"]) for c in judged.checks}
    assert noted["masuk_akal"] == ("blokir", "gagal", 1)
    assert noted["mahal"] == ("catat", "gagal", 2)
    assert noted["kunci_unik"] == ("blokir", "lulus", 0)


def test_an_error_at_warning_level_is_recorded_and_blocks_nothing(tmp_path: Path) -> None:
    rule = {"nama": "rumit", "sql": "harga::DATE > tanggal", "keterangan": "-", "tingkat": "catat"}
    contract = with_checks(
        price_contract(tmp_path, aturan_baris=[rule]),
        expect("tipe_salah", "column_pair_values_a_to_be_greater_than_b", severity="warning", column_A="pasar",
               column_B="harga"),
    )  # fmt: skip
    wrong = {"column": "jumlah_baris", "max_value": "2026-01-01"}
    kind = "expect_column_values_to_be_between"
    unlike = Expectation("tipe_partisi", kind, wrong, "warning", "partisi", "", "Batas yang bukan angka")
    contract = replace(contract, expectations=(*contract.expectations, unlike))
    judged = judge(contract, staged(contract, prices(50_000)), {}, shared_checker())
    assert judged.blocked == {}
    assert judged.rows.height == 1
    recorded = {c["pemeriksaan"]: (c["beratnya"], c["hasil"]) for c in judged.checks}
    assert {recorded[n] for n in ("tipe_salah", "rumit", "tipe_partisi")} == {("catat", "galat")}


def test_repeated_keys_are_all_set_aside_and_their_content_shows_no_private_value(tmp_path: Path) -> None:
    contract = make_contract(tmp_path, column("id", key=True), column("nopol", klas="private"), ambang_karantina=1.0)
    rows = pl.DataFrame(
        [("1", SECRET, "a", 0, "tiruan"), ("1", "BK2", "a", 1, "tiruan"), ("2", "BK3", "a", 2, "tiruan")],
        schema=contract.schema(),
        orient="row",
    )
    judged = judge(contract, Staged(["semua"], with_partition(contract, rows), rejected_rows()), {}, shared_checker())
    assert judged.rows["id"].to_list() == ["2"]
    assert judged.rejected["_baris"].to_list() == [0, 1]
    assert SECRET not in str(judged.rejected.to_dicts())
