"""Judging staged rows: what is kept, what is set aside or blocked, and that no row is lost on the way."""

import subprocess
import sys
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Contract
from connectors.read.staging import by_partition
from connectors.registry import Registry
from tests.support.lake import (
    DAY,
    days,
    expect,
    outcome,
    price_contract,
    price_rows,
    rejected_rows,
    shared_checker,
    staged,
    with_checks,
)
from tests.support.reading import column, make_contract
from warehouse import ops
from warehouse.checks.suite import RULE_PREFIX
from warehouse.duck import bare
from warehouse.stage import Judged, Staged, _with_rules, aside_digest, content_digest, decide, judge, unplaced

KEYS = [d.isoformat() for d in days(3)]
ROOT = Path(__file__).resolve().parents[1]


def run(contract: Contract, cells: list[tuple[date, str, Any]], previous: dict[str, Any] | None = None) -> Judged:
    return judge(contract, staged(contract, cells, cover=days(3)), previous or {}, shared_checker())


def market(n: int) -> str:
    return f"Pasar {n}"


# --- digests ---------------------------------------------------------------------------------------------------------

CELLS = st.lists(
    st.tuples(
        st.sampled_from(days(3)),
        st.text(max_size=5),
        st.none() | st.decimals(min_value=0, max_value=10**9, places=2, allow_nan=False),
        st.sampled_from(["resmi", "tiruan"]),
    ),
    max_size=12,
)


@given(cells=CELLS, order=st.randoms(use_true_random=False))
def test_a_digest_depends_neither_on_order_nor_on_lineage(
    tmp_path_factory: pytest.TempPathFactory, cells: list[Any], order: Any
) -> None:
    contract = price_contract(tmp_path_factory.getbasetemp())
    rows = pl.DataFrame(
        [(*cell[:3], "a" * 64, n, cell[3]) for n, cell in enumerate(cells)], schema=contract.schema(), orient="row"
    )
    moved = list(rows.with_columns(_payload=pl.lit("b" * 64), _baris=pl.lit(7, pl.Int32)).iter_rows())
    order.shuffle(moved)
    again = pl.DataFrame(moved, schema=contract.schema(), orient="row")
    assert content_digest(contract, rows) == content_digest(contract, again)
    if rows.height:
        assert content_digest(contract, rows) != content_digest(contract, rows[1:])
        assert content_digest(contract, rows) != content_digest(contract, pl.concat([rows, rows[:1]]))


def test_a_digest_tells_values_sources_and_columns_apart(tmp_path: Path) -> None:
    contract = price_contract(tmp_path)
    base = price_rows(contract, [(DAY, "Pusat Pasar", "50000")])
    digests = {
        content_digest(contract, rows)
        for rows in (
            base,
            base.with_columns(harga=pl.lit(Decimal("50000.01"))),
            base.with_columns(harga=pl.lit(None, base.schema["harga"])),
            base.with_columns(pasar=pl.lit("")),
            base.with_columns(pasar=pl.lit(None, pl.String)),
            base.with_columns(_asal=pl.lit("resmi")),
            base.clear(),
        )
    }
    assert len(digests) == 7
    renamed = make_contract(
        tmp_path,
        column("tanggal", "date", key=True, partisi=True),
        column("nama_pasar", key=True),
        column("harga", "decimal"),
        dataset="lain",
    )
    same_values = base.rename({"pasar": "nama_pasar"})
    assert content_digest(renamed, same_values) != content_digest(contract, base)


def test_a_digest_is_the_same_in_another_process(tmp_path: Path) -> None:
    contract = price_contract(tmp_path)
    code = (
        "from pathlib import Path; from tests.support.lake import *; from warehouse.stage import content_digest;"
        f"c = price_contract(Path({str(tmp_path)!r}));"
        "print(content_digest(c, price_rows(c, [(DAY, 'Pusat Pasar', '50000.10'), (DAY, 'Petisah', None)])))"
    )
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    rows = price_rows(contract, [(DAY, "Petisah", None), (DAY, "Pusat Pasar", "50000.10")])
    assert other.stdout.strip() == content_digest(contract, rows)


def test_rejected_rows_are_the_same_whatever_payload_they_came_from() -> None:
    rows = rejected_rows((KEYS[0], "angka_rusak", '{"harga":"x"}'), (KEYS[0], "angka_rusak", '{"harga":"y"}'))
    moved = rows.with_columns(_payload=pl.lit("c" * 64), _baris=pl.lit(9, pl.Int32), rincian=pl.lit("muatan c"))
    assert aside_digest(rows) == aside_digest(moved.reverse()) != aside_digest(rows[:1])
    assert aside_digest(pl.DataFrame()) == "0"


# --- row rules -------------------------------------------------------------------------------------------------------


def test_row_rules_are_exact_and_pass_what_is_missing(tmp_path: Path) -> None:
    rule = {"nama": "sen", "sql": "harga = 0.10 + 0.20", "keterangan": "Jumlah harus sama"}
    contract = price_contract(tmp_path, aturan_baris=[rule], ambang_karantina=1.0)
    judged = run(contract, [(DAY, "a", "0.30"), (DAY, "b", "0.31"), (DAY, "c", None)])
    assert judged.rows["pasar"].to_list() == ["a", "c"]
    assert judged.rejected.select("alasan", "_baris", "isi").rows() == [
        ("sen", 1, '{"tanggal":"2026-11-16","pasar":"b","harga":"0.31"}')
    ]
    assert not [c for c in judged.rows.columns if c.startswith("aturan__")]


def test_a_row_that_fails_several_rules_is_kept_once_with_all_reasons(tmp_path: Path) -> None:
    rules = [{"nama": n, "sql": f"harga < {limit}", "keterangan": "-"} for n, limit in (("satu", 10), ("dua", 20))]
    contract = price_contract(tmp_path, aturan_baris=rules, ambang_karantina=1.0)
    assert run(contract, [(DAY, "a", 15), (DAY, "b", 25)]).rejected["alasan"].to_list() == ["satu", "satu;dua"]


def test_expressions_of_a_contract_reach_no_file(tmp_path: Path) -> None:
    secret = tmp_path / "rahasia.txt"
    secret.write_text("x")
    rule = {"nama": "baca", "sql": f"(SELECT count(*) FROM read_text('{secret}')) = 0", "keterangan": "-"}
    contract = price_contract(tmp_path, aturan_baris=[rule])
    assert run(contract, [(DAY, "a", 15)]).blocked == dict.fromkeys(
        KEYS, "pemeriksaan_galat: baca: kolom 'aturan__baca' tidak ada"
    )


# --- partitions ------------------------------------------------------------------------------------------------------


def test_a_share_of_quarantine_blocks_only_its_own_partition(tmp_path: Path) -> None:
    rule = {"nama": "murah", "sql": "harga < 100", "keterangan": "-"}
    contract = price_contract(tmp_path, aturan_baris=[rule], ambang_karantina=0.25)
    cells = [
        (d, market(n), 10 if n < limit else 500) for d, limit in zip(days(2), (3, 2), strict=True) for n in range(4)
    ]
    judged = run(contract, cells)
    assert judged.blocked == {KEYS[1]: "rasio_karantina_wajar: Paling banyak 25.0% baris dikarantina"}
    assert [judged.profiles[k]["rasio_karantina"] for k in KEYS] == [0.25, 0.5, 0.0]


def test_an_empty_partition_is_an_error_unless_the_contract_allows_it(tmp_path: Path) -> None:
    allowed = run(price_contract(tmp_path), [])
    assert (allowed.blocked, allowed.profiles[KEYS[0]]["jumlah_baris"]) == ({}, 0)
    refused = run(price_contract(tmp_path, "lain", boleh_kosong=False), [(days(3)[1], "a", 5)])
    assert refused.blocked == {KEYS[0]: "ada_baris: Partisi tidak kosong", KEYS[2]: "ada_baris: Partisi tidak kosong"}


def test_a_bound_of_a_date_column_is_a_date(tmp_path: Path) -> None:
    bound = expect("sejak", "column_values_to_be_between", column="tanggal", min_value=days(3)[1])
    judged = run(with_checks(price_contract(tmp_path, ambang_karantina=1), bound), [(d, "x", 100) for d in days(3)])
    assert (judged.rows["tanggal"].to_list(), judged.blocked) == (days(3)[1:], {})
    assert judged.rejected["alasan"].to_list() == ["sejak"]


def jump_contract(folder: Path, **extension: Any) -> Contract:
    metric = {"profil": {"rata": "avg(harga)"}} | extension
    return with_checks(
        price_contract(folder, **metric),
        expect("lonjakan", "column_values_to_be_between", tingkat="partisi", column="rasio_rata", min_value=0.5,
               max_value=2),
    )  # fmt: skip


def test_partitions_are_measured_against_the_one_before(tmp_path: Path) -> None:
    contract = jump_contract(tmp_path)
    a, b, c = days(3)
    first = run(contract, [(a, "x", 100), (b, "x", 150), (c, "x", 900)])
    assert list(first.blocked) == [KEYS[2]]
    assert first.profiles[KEYS[0]]["rata_terakhir"] is None
    assert first.profiles[KEYS[1]] | {"jumlah_baris": 1} == first.profiles[KEYS[1]]
    assert (first.profiles[KEYS[1]]["rata_terakhir"], first.profiles[KEYS[1]]["rasio_rata"]) == (100.0, 1.5)
    told = {(c["partisi"], c["hasil"]): c["rincian"] for c in first.checks if c["pemeriksaan"] == "lonjakan"}
    assert told == {(KEYS[0], "lulus"): "", (KEYS[1], "lulus"): "", (KEYS[2], "gagal"): "rasio_rata 6"}, (
        "its own figure"
    )
    assert list(run(contract, [(a, "x", 100)], {KEYS[0]: {"rata": 10.0}}).blocked) == [KEYS[0]]


def test_a_blocked_partition_is_no_measure_for_the_next(tmp_path: Path) -> None:
    contract = jump_contract(tmp_path)
    a, b, c = days(3)
    one_bad = run(contract, [(a, "x", 100), (b, "x", 1000), (c, "x", 110)])
    assert list(one_bad.blocked) == [KEYS[1]]
    assert one_bad.profiles[KEYS[2]]["rata_terakhir"] == 100.0
    first_bad = run(contract, [(a, "x", 1000), (c, "x", 110)], {KEYS[0]: {"rata": 100.0}})
    assert list(first_bad.blocked) == [KEYS[0]]
    assert first_bad.profiles[KEYS[2]]["rata_terakhir"] == 100.0
    all_bad = run(contract, [(a, "x", 1000), (b, "x", 1000), (c, "x", 1000)], {KEYS[0]: {"rata": 100.0}})
    assert list(all_bad.blocked) == KEYS


def test_a_metric_that_cannot_be_computed_blocks_and_shows_no_value(tmp_path: Path) -> None:
    contract = price_contract(tmp_path, profil={"aneh": "max(pasar::INTEGER)"})
    judged = run(contract, [(DAY, "RAHASIA77", 5)])
    assert judged.blocked == dict.fromkeys(
        KEYS, "pemeriksaan_galat: profil: ConversionException pada salah satu metrik"
    )
    assert "RAHASIA77" not in str(judged.checks) + str(judged.blocked)


# --- rows whose partition is not known -------------------------------------------------------------------------------


def test_rejected_rows_of_no_known_partition_are_parted_and_none_is_lost(tmp_path: Path) -> None:
    contract = price_contract(tmp_path, ambang_karantina=0.1)
    rejected = rejected_rows((KEYS[0], "angka_rusak", "{}"), ("?", "tanggal_tidak_terbaca", "{}"),
                             ("2031-01-01", "tanggal_di_masa_depan", "{}"))  # fmt: skip
    rejected = pl.concat([rejected, rejected[:1].with_columns(_partisi=pl.lit(None, pl.String))])
    found = unplaced(contract, KEYS, 100, rejected)
    assert found.placed["_partisi"].to_list() == [KEYS[0]]
    assert found.rows["_partisi"].to_list() == ["?", "2031-01-01", None]
    assert found.doubt == ""


def test_too_many_rows_without_a_date_put_every_partition_in_doubt(tmp_path: Path) -> None:
    contract = price_contract(tmp_path, ambang_karantina=0.1)
    undated = rejected_rows(*[("?", "tanggal_tidak_terbaca", "{}")] * 11)
    assert unplaced(contract, KEYS, 110, undated).doubt == ""
    doubt = unplaced(contract, KEYS, 109, undated).doubt
    assert doubt == "partisi_tidak_dikenal: 11 dari 109 baris tanpa tanggal yang terbaca"
    some = staged(contract, [(DAY, "a", 5)], cover=days(3))
    judged = judge(contract, Staged(KEYS, some.rows, some.rejected, {KEYS[0]: doubt}), {}, shared_checker())
    assert judged.blocked == {KEYS[0]: doubt}


def test_rows_of_days_that_were_not_asked_for_cast_no_doubt(tmp_path: Path) -> None:
    outside = rejected_rows(*[("?", "di_luar_jendela", "{}")] * 50)
    assert unplaced(price_contract(tmp_path), KEYS, 60, outside).doubt == ""


# --- which version wins ----------------------------------------------------------------------------------------------


def verdict(
    contract: Contract,
    cells: list[tuple[date, str, Any]],
    state: ops.Outcome | None,
    *,
    aside: pl.DataFrame | None = None,
    blocked: str = "",
) -> tuple[str, str]:
    given_rows = staged(contract, cells, cover=[DAY])
    rejected = rejected_rows() if aside is None else aside
    judged = judge(contract, Staged([KEYS[0]], given_rows.rows, rejected), {}, shared_checker())
    if blocked:
        judged.blocked[KEYS[0]] = blocked
    good = by_partition(judged.rows).get(KEYS[0], judged.rows.clear())
    return decide(contract, KEYS[0], good, rejected, judged, state)


def settled(contract: Contract, cells: list[tuple[date, str, Any]], **more: Any) -> ops.Outcome:
    rows = price_rows(contract, cells)
    return outcome(contract, DAY, rows, digest_karantina=aside_digest(more.pop("aside", rejected_rows())), **more)


def test_the_same_content_is_no_new_version_and_other_content_is(tmp_path: Path) -> None:
    contract = price_contract(tmp_path, ambang_karantina=1.0)
    cells = [(DAY, "a", 5), (DAY, "b", 6)]
    state = settled(contract, cells)
    assert verdict(contract, cells, None) == ("diterima", "")
    assert verdict(contract, cells[::-1], state) == ("tidak_berubah", "isi_sama")
    assert verdict(contract, [(DAY, "a", 5), (DAY, "b", 7)], state) == ("diterima", "isi_berubah_versi_lama_diganti")
    assert verdict(contract, cells, state, blocked="x") == ("tidak_berubah", "isi_sama")
    assert verdict(contract, [(DAY, "a", 6)], state, blocked="aturan") == ("diblokir", "aturan")


def test_a_new_rejected_row_beside_the_same_good_ones_is_not_lost(tmp_path: Path) -> None:
    contract = price_contract(tmp_path, ambang_karantina=1.0)
    cells = [(DAY, "a", 5)]
    aside = rejected_rows((KEYS[0], "angka_rusak", '{"harga":"x"}'))
    assert verdict(contract, cells, settled(contract, cells), aside=aside) == ("diterima", "karantina_berubah")
    state = settled(contract, cells, aside=aside)
    assert verdict(contract, cells, state, aside=aside) == ("tidak_berubah", "isi_sama")
    assert verdict(contract, cells, state) == ("diterima", "karantina_berubah")


def test_a_later_pull_with_fewer_rows_does_not_win(tmp_path: Path) -> None:
    contract = price_contract(tmp_path)
    state = settled(contract, [(DAY, "a", 5), (DAY, "b", 6)])
    assert verdict(contract, [(DAY, "a", 5)], state) == ("cakupan_kurang", "1 baris, versi yang ada 2 baris")
    assert verdict(contract, [], state) == ("cakupan_kurang", "0 baris, versi yang ada 2 baris")


def test_an_empty_day_stays_empty_until_it_brings_rows(tmp_path: Path) -> None:
    contract = price_contract(tmp_path)
    empty = settled(contract, [], status="kosong")
    assert verdict(contract, [], None) == ("kosong", "")
    assert verdict(contract, [], empty) == ("tidak_berubah", "tetap_kosong")
    assert verdict(contract, [], empty, blocked="ragu") == ("diblokir", "ragu")
    assert verdict(contract, [(DAY, "a", 5)], empty) == ("diterima", "")


def test_a_contract_may_say_what_coverage_means(tmp_path: Path) -> None:
    contract = price_contract(tmp_path, profil={"cakupan": "count(harga)"})
    full = [(DAY, "a", 5), (DAY, "b", 6), (DAY, "c", None)]
    state = settled(contract, full, profil={"cakupan": 2.0})
    fewer_rows_same_coverage = [(DAY, "a", 5), (DAY, "b", 7)]
    more_rows_less_coverage = [(DAY, "a", 5), (DAY, "b", None), (DAY, "c", None), (DAY, "d", None)]
    assert verdict(contract, fewer_rows_same_coverage, state)[0] == "diterima"
    assert verdict(contract, more_rows_less_coverage, state) == ("cakupan_kurang", "cakupan 1, versi yang ada 2")
    assert verdict(contract, [], state) == ("cakupan_kurang", "cakupan 0, versi yang ada 2")
    before_the_metric = settled(contract, full)
    assert verdict(contract, fewer_rows_same_coverage, before_the_metric)[0] == "cakupan_kurang"


@given(st.lists(st.integers(0, 3), max_size=30))
def test_rows_are_parted_by_their_partition_in_their_order(keys: list[int]) -> None:
    rows = pl.DataFrame(
        {"_partisi": [str(k) for k in keys], "n": range(len(keys))}, schema={"_partisi": pl.String, "n": pl.Int64}
    )
    parts = by_partition(rows)
    assert {k: part["n"].to_list() for k, part in parts.items()} == {
        str(k): [n for n, key in enumerate(keys) if key == k] for k in set(keys)
    }


def test_a_row_rule_hits_the_row_that_breaks_it_also_in_a_frame_of_several_pieces() -> None:
    """DuckDB reads the pieces with two threads, and which of them is done first is a matter of chance."""
    contract = Registry().contract("pihps.harga_pangan_pasar")
    schema = contract.schema() | {"_partisi": pl.String()}
    pieces = []
    for number, day in enumerate(days(3)):
        given = pl.DataFrame({"tanggal": [day] * 104, "kode_komoditas": [f"com_{1 + n % 21}" for n in range(104)]})
        price = pl.when(pl.int_range(104) == 40 + number).then(395_000).otherwise(70_000).alias("harga")
        empty = [pl.lit(None).alias(name) for name in schema if name not in ("tanggal", "kode_komoditas", "harga")]
        pieces.append(given.with_columns(price, *empty).select(pl.col(n).cast(t) for n, t in schema.items()))
    rows = pl.concat(pieces)
    with closing(bare({"threads": 1}, closed=True)) as con:
        expected = _with_rules(con, contract, rows.rechunk()).select(pl.selectors.starts_with(RULE_PREFIX))
    assert 0 < expected.to_series().sum() < rows.height
    for _ in range(100):
        with closing(bare({"threads": 2}, closed=True)) as con:
            found = _with_rules(con, contract, rows).select(pl.selectors.starts_with(RULE_PREFIX))
        assert found.equals(expected)
