"""The audit finds every suppressed cell that readers could work out, whatever they do it with, and no other."""

import time
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.support.cell_tables import RELATION, TOTAL, Key, contract, part, published, ranges, readable, table, totals
from warehouse.privacy.audit import Finding, audit
from warehouse.privacy.cells import protect

CELLS: dict[Key, int] = {
    ("kab 1", "upt 1", "roda 2"): 3, ("kab 1", "upt 1", "roda 4"): 60, ("kab 1", "upt 1", "truk"): 70,
    ("kab 1", "upt 2", "roda 2"): 80, ("kab 1", "upt 2", "roda 4"): 90, ("kab 1", "upt 2", "truk"): 100,
    ("kab 2", "upt 3", "roda 2"): 110, ("kab 2", "upt 3", "roda 4"): 120, ("kab 2", "upt 3", "truk"): 130,
}  # fmt: skip
SMALL = ("kab 1", "upt 1", "roda 2")
TOTALS = totals(CELLS)


def findings(told: dict[Key, int | None], *earlier: list[Path]) -> list[Finding]:
    with readable({"2025-01": told}) as con:
        return audit(con, RELATION, contract(), earlier)


def leaks(told: dict[Key, int | None], *earlier: list[Path]) -> list[tuple[str, float | None, int | None]]:
    return [(f.sel, f.lebar, f.versi) for f in findings(told, *earlier)]


@pytest.mark.parametrize(
    "known",
    [
        pytest.param([("kab 1", "upt 1", TOTAL)], id="row total"),
        pytest.param([(TOTAL, TOTAL, "roda 2")], id="column total"),
        pytest.param([("kab 1", TOTAL, "roda 2")], id="total of the parent in a column"),
        pytest.param([("kab 1", TOTAL, TOTAL)], id="total of the parent"),
        pytest.param([(TOTAL, TOTAL, TOTAL)], id="grand total"),
    ],
)
def test_a_cell_that_follows_from_a_total_is_found(known: list[Key]) -> None:
    alone: dict[Key, int | None] = CELLS | {SMALL: None}
    assert leaks(alone) == []
    assert leaks(alone | {k: TOTALS[k] for k in known}) == [("upt 1 x roda 2", 0.0, None)]


def test_a_cell_that_follows_only_over_the_hierarchy_is_found() -> None:
    other = ("kab 2", "upt 3", "roda 2")
    hidden: dict[Key, int | None] = CELLS | {SMALL: None, other: None, (TOTAL, TOTAL, "roda 2"): 193}
    assert leaks(hidden) == []  # the two together are known, neither by itself
    parent = {("kab 2", TOTAL, TOTAL): 360, ("kab 2", TOTAL, "roda 4"): 120, ("kab 2", TOTAL, "truk"): 130}
    assert {sel for sel, _, _ in leaks(hidden | parent)} == {"upt 1 x roda 2", "upt 3 x roda 2"}


def test_a_cell_that_can_only_be_bounded_within_the_threshold_is_found_and_its_value_is_not_told() -> None:
    told: dict[Key, int | None] = {
        ("kab", "upt 1", "a"): None, ("kab", "upt 2", "a"): None, ("kab", TOTAL, "a"): 7,
        ("kab", "upt 1", "b"): None, ("kab", "upt 2", "b"): 50, ("kab", "upt 1", TOTAL): 4,
    }  # fmt: skip
    with_small_total = findings(told)
    bounded = [f for f in with_small_total if f.versi is None and "rentang" in f.pesan]
    assert {f.sel for f in bounded} == {"upt 1 x a", "upt 1 x b", "upt 2 x a"}
    assert {f.lebar for f in bounded} == {4.0}
    assert all("bulan=2025-01" in f.pesan and "selebar 4" in f.pesan for f in bounded)
    assert any("sel terbuka" in f.pesan for f in with_small_total)  # the total of 4 is small itself


def test_an_earlier_version_that_shows_the_cell_is_named(tmp_path: Path) -> None:
    now: dict[Key, int | None] = CELLS | {SMALL: None}
    old = [part(tmp_path, CELLS)]
    assert leaks(now, old) == [("upt 1 x roda 2", 0.0, 1)]
    assert leaks(now, [part(tmp_path, now)], old) == [("upt 1 x roda 2", 0.0, 2)]
    with readable({"2025-01": now}) as con:
        (found,) = audit(con, RELATION, contract(), {3: [part(tmp_path, now)], 7: old})
    assert found.versi == 7
    assert "versi 7" in found.pesan
    assert leaks(now, [part(tmp_path, CELLS, "2024-12")]) == []


def test_a_total_that_only_an_earlier_version_shows_is_used(tmp_path: Path) -> None:
    now: dict[Key, int | None] = CELLS | {SMALL: None}
    total: dict[Key, int | None] = {("kab 1", "upt 1", TOTAL): TOTALS["kab 1", "upt 1", TOTAL]}
    held: dict[Key, int | None] = dict.fromkeys(total)
    assert leaks(now | held, [part(tmp_path, now | held)]) == []
    # The total is suppressed now, or is not there any more.
    found = leaks(now | held, [part(tmp_path, now | total)])
    assert ("upt 1 x roda 2", 0.0, 1) in found
    assert leaks(now, [part(tmp_path, now | total)]) == [("upt 1 x roda 2", 0.0, 1)]


def test_what_follows_from_a_change_between_two_versions_together_is_found(tmp_path: Path) -> None:
    other = ("kab 1", "upt 1", "roda 4")
    now: dict[Key, int | None] = CELLS | {SMALL: None, other: None}
    total: dict[Key, int | None] = {("kab 1", "upt 1", TOTAL): TOTALS["kab 1", "upt 1", TOTAL]}
    shows_total = [part(tmp_path, now | total)]
    shows_other = [part(tmp_path, now | {other: CELLS[other]})]
    assert leaks(now, shows_total) == []
    assert ("upt 1 x roda 2", 0.0, 2) in leaks(now, shows_total, shows_other)


def test_what_this_version_shows_is_turned_against_what_an_earlier_one_suppressed(tmp_path: Path) -> None:
    other, row = ("kab 1", "upt 1", "roda 4"), ("kab 1", "upt 1", TOTAL)
    old: dict[Key, int | None] = CELLS | {SMALL: None, other: None, row: TOTALS[row]}
    assert leaks(old) == []
    # One cell has grown and is shown; so is its neighbour, which has not: 3 was what the first must have been.
    grown: dict[Key, int | None] = CELLS | {SMALL: 9, row: TOTALS[row] + 6}
    assert leaks(grown, [part(tmp_path, old)]) == [("upt 1 x roda 2", 0.0, 1)]
    # If much else has changed too, no one can know that the neighbour has not.
    moved: dict[Key, int | None] = {k: v + 6 for k, v in CELLS.items()} | {row: TOTALS[row] + 18}
    assert leaks(moved, [part(tmp_path, old)]) == []


def test_an_earlier_value_that_is_not_todays_is_no_leak_when_the_truth_is_known(tmp_path: Path) -> None:
    def found(earlier: dict[Key, int]) -> list[Finding]:
        with table({"2025-01": CELLS}) as con:
            before = [[part(tmp_path, earlier)]]
            done = protect(con, RELATION, contract(), before)
            return audit(con, RELATION, contract(), before, done.catatan)

    assert found(CELLS | {SMALL: 9}) == []
    assert [(f.sel, f.versi) for f in found(CELLS)] == [("upt 1 x roda 2", 1)]


def test_totals_that_contradict_their_cells_hold_a_release_back() -> None:
    told: dict[Key, int | None] = CELLS | {SMALL: None, ("kab 1", "upt 1", TOTAL): 100}
    assert "tidak sama" in findings(told)[0].pesan


def test_an_open_small_count_is_found_where_it_was_to_be_suppressed_or_coarsened() -> None:
    with readable({"2025-01": CELLS}) as con:
        for action in ("tekan", "gabung"):
            (found,) = audit(con, RELATION, contract(tindakan=action), [])
            assert "sel terbuka" in found.pesan
        con.execute(f"ALTER TABLE {RELATION} DROP COLUMN status_rahasia")  # a table that is only coarsened needs none
        assert len(audit(con, RELATION, contract(tindakan="gabung"), [])) == 1


def test_tables_wider_than_two_dimensions_with_one_hierarchy_are_refused_with_the_word_to_coarsen() -> None:
    told: dict[Key, int | None] = CELLS | {SMALL: None}
    with readable({"2025-01": told, TOTAL: CELLS | {SMALL: 6}}) as con:
        assert ["coarsen" in f.pesan for f in audit(con, RELATION, contract(), [])] == [True]
    two_homes: dict[Key, int | None] = told | {("kab 2", "upt 1", "roda 2"): 50}
    assert ["coarsen" in f.pesan for f in findings(two_homes)] == [True]
    with readable({"2025-01": told, "2025-02": CELLS | {SMALL: 6}}) as con:
        found = audit(con, RELATION, contract(per=[]), [])
    assert ["coarsen" in f.pesan for f in found] == [True]


seen: Counter[str] = Counter()


@settings(max_examples=70, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def _audit_finds_what_a_reader_finds(data: st.DataObject) -> None:
    """Any pattern of suppression, good or bad, against linear programs written for the test alone."""
    value = st.one_of(st.integers(5, 30), st.integers(1, 60), st.integers(5, 400))
    keys = [(f"kab {p}", f"upt {p}.{r}", f"j{c}") for p in range(2) for r in range(2) for c in range(3)]
    cells: dict[Key, int] = {k: data.draw(value) for k in keys}
    if data.draw(st.booleans()):
        cells[data.draw(st.sampled_from(keys))] = data.draw(st.integers(1, 4))
    everything = cells | totals(cells)
    small = [k for k, v in everything.items() if v < 5]
    more = data.draw(st.lists(st.sampled_from(sorted(everything)), max_size=30))
    gone = data.draw(st.just(sorted(totals(cells))) | st.lists(st.sampled_from(sorted(totals(cells))), max_size=30))
    gone = gone[:: data.draw(st.integers(1, 3))]
    told = {k: None if k in small or k in more else v for k, v in everything.items() if k not in gone}
    expected = {k for k, (least, most) in ranges(told).items() if most - least < 5 or most < 5}
    seen["tables"] += 1
    seen["small"] += bool(small)
    seen["leak"] += bool(expected)
    event("leaks" if expected else "is safe")
    with readable({"2025-01": told}) as con:
        found = Counter((f.tabel, f.sel) for f in audit(con, RELATION, contract(), []))
    assert found == Counter(("bulan=2025-01", f"{r} x {c}") for _, r, c in expected)


def test_the_audit_finds_exactly_what_a_reader_could_bound() -> None:
    seen.clear()
    _audit_finds_what_a_reader_finds()
    assert seen["tables"] >= 60
    assert seen["small"] >= 0.3 * seen["tables"]
    assert 0.2 * seen["tables"] <= seen["leak"] <= 0.9 * seen["tables"]


@pytest.mark.parametrize("kind", ["hitungan", "uang"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_protection_leaves_passes_the_audit_and_an_opened_complement_that_tells_a_cell_does_not(
    kind: str, data: st.DataObject
) -> None:
    value = st.one_of(st.integers(0, 4), st.integers(5, 3000))
    keys = [(f"kab {p}", f"upt {p}.{r}", f"j{c}") for p in range(3) for r in range(2) for c in range(3)]
    cells: dict[Key, int] = {k: data.draw(value) for k in keys}
    if data.draw(st.booleans()):
        cells[data.draw(st.sampled_from(keys))] = data.draw(st.integers(1, 4))
    everything = cells | totals(cells)
    payers = {k: (data.draw(st.integers(2, 30)), data.draw(st.floats(0.05, 0.7))) for k in everything}
    rule = contract(kind)
    with table({"2025-01": everything}, payers) as con:
        done = protect(con, RELATION, rule)
        assert audit(con, RELATION, rule, [], done.catatan) == []
        held = {k for k, v in published(con).items() if v is None}
        if not done.pelengkap:
            return
        opened = data.draw(st.sampled_from(sorted(held)))
        con.execute(
            f"UPDATE {RELATION} SET jumlah = ?, status_rahasia = 'terbuka'"
            " WHERE kabupaten = ? AND upt = ? AND jenis = ?",
            [everything[opened], *opened],
        )
        told = published(con)
        unsafe = _unsafe(con)
        level = {k: 5.0 if kind == "hitungan" else everything[k] / 2 for k in unsafe}
        expected = {k for k, (a, b) in ranges(told).items() if k in unsafe and b - a < level[k] - 0.02}
        found = {f.sel for f in audit(con, RELATION, rule, [], done.catatan) if f.tabel}
    assert {f"{r} x {c}" for _, r, c in expected} <= found


def _unsafe(con: duckdb.DuckDBPyConnection) -> set[Key]:
    rows = con.execute(f"SELECT kabupaten, upt, jenis FROM {RELATION}_rahasia WHERE _rawan").fetchall()
    return {(p, r, c) for p, r, c in rows}


def test_months_of_daily_tables_with_totals_are_protected_and_audited_in_seconds() -> None:
    """100 tables of 34 x 8 in 17 parents, each with 2 % of small cells and all of its totals."""
    with table({"2025-01": CELLS}) as con:
        con.execute(
            "CREATE TEMP TABLE isi AS SELECT 'hari ' || d AS bulan, 'kab ' || (u // 2) AS kabupaten,"
            " 'upt ' || u AS upt, 'jenis ' || j AS jenis, CAST(hash(d, u, j) % 250 AS BIGINT) AS jumlah"
            " FROM range(100) AS a(d), range(34) AS b(u), range(8) AS c(j)"
        )
        con.execute(
            f"INSERT INTO {RELATION} SELECT bulan, coalesce(kabupaten, ?), coalesce(upt, ?), coalesce(jenis, ?),"
            " sum(jumlah), 9, 0.1, '', 'tiruan' FROM isi GROUP BY GROUPING SETS ((bulan, kabupaten, upt, jenis),"
            " (bulan, kabupaten, upt), (bulan, kabupaten, jenis), (bulan, kabupaten), (bulan, jenis), (bulan))",
            [TOTAL, TOTAL, TOTAL],
        )
        start = time.process_time()
        done = protect(con, RELATION, contract())
        found = audit(con, RELATION, contract(), [], done.catatan)
        spent = time.process_time() - start
    assert done.utama > 300
    assert done.pelengkap > done.utama
    assert found == []
    assert spent < 20  # 6 s seen
