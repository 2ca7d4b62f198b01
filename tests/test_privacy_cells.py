"""After suppression no small cell can be worked out from what is published, and safe tables stay as they are."""

import copy
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from connectors.contract import ContractError
from tests.support.cell_tables import RELATION, TOTAL, Key, contract, lines, part, published, ranges, table, totals
from tests.support.open_release import CONTRACTS, write_contracts
from warehouse.privacy.cells import PrivacyError, protect
from warehouse.privacy.network import ALL, Cell, is_unsafe, pattern

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]


@st.composite
def cells(draw: st.DrawFn, values: st.SearchStrategy[int] | None = None) -> dict[Key, int]:
    """A table of up to 4 x 4 in up to 3 parents; small, zero and missing cells are common."""
    value = (
        values
        if values is not None
        else st.one_of(st.integers(1, 4), st.integers(5, 30), st.integers(5, 3000), st.just(0))
    )
    parents = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    columns = draw(st.integers(1, 4))
    found = {}
    for p, size in enumerate(parents):
        for r in range(size):
            for c in range(columns):
                if draw(st.integers(0, 9)):
                    found[f"kab {p}", f"upt {p}.{r}", f"jenis {c}"] = draw(value)
    return found or {("kab 0", "upt 0.0", "jenis 0"): 3}


seen: Counter[str] = Counter()


@settings(max_examples=120, suppress_health_check=QUIET)
@given(cells=cells())
def _no_count_can_be_bounded(cells: dict[Key, int]) -> None:
    everything = cells | totals(cells)
    small = {k for k, v in everything.items() if 0 < v < 5}
    seen["tables"] += 1
    seen["small"] += bool(small)
    event("has a small cell" if small else "has none")
    with table({"2025-01": everything}) as con:
        done = protect(con, RELATION, contract())
        told = published(con)
    assert done.utama == len(small)
    assert done.utama + done.pelengkap == sum(v is None for v in told.values())
    assert all(told[k] is None for k in small)
    assert all(told[k] in (None, v) for k, v in everything.items())
    if not small:
        assert told == everything
    for key, (least, most) in ranges(told).items():
        assert least <= everything[key] <= most
        assert most >= 5, key
        assert most - least >= 5, key


def test_no_suppressed_count_can_be_bounded_by_a_reader_of_all_totals() -> None:
    seen.clear()
    _no_count_can_be_bounded()
    assert seen["tables"] >= 100
    assert seen["small"] >= 0.3 * seen["tables"]


@settings(max_examples=80, suppress_health_check=QUIET)
@given(cells=cells())
def test_a_table_without_rows_for_totals_holds_against_a_reader_who_knows_them(cells: dict[Key, int]) -> None:
    numbered, keys = _numbered(cells)
    result = pattern("hitungan", numbered)
    suppressed = result.unsafe | result.complements
    known = totals(cells)
    hidden = {keys_of(k, numbered, keys) for k in result.hidden}
    told: dict[Key, int | None] = {k: None if n in suppressed else cells[k] for n, k in enumerate(keys)}
    told |= {k: v for k, v in known.items() if k not in hidden}
    for least, most in ranges(told).values():
        assert most - least >= 5
    for key in hidden:  # no total is given up that could have been told
        parts = [n for n, k in enumerate(keys) if key in {(*ln, c) for ln in lines(*k[:2]) for c in (k[2], TOTAL)}]
        assert suppressed & set(parts)


def _numbered(cells: Mapping[Key, int]) -> tuple[tuple[Cell, ...], list[Key]]:
    keys = sorted(cells)
    names = [sorted({k[n] for k in keys}) for n in range(3)]
    return tuple(Cell(*(names[n].index(k[n]) for n in range(3)), cells[k]) for k in keys), keys


def keys_of(hidden: tuple[int, int, int], numbered: tuple[Cell, ...], keys: list[Key]) -> Key:
    names = [{c[n]: k[n] for c, k in zip(numbered, keys, strict=True)} | {ALL: TOTAL} for n in range(3)]
    return names[0][hidden[0]], names[1][hidden[1]], names[2][hidden[2]]


@settings(max_examples=60, suppress_health_check=QUIET)
@given(data=st.data())
def test_no_suppressed_money_can_be_told_within_half_of_its_value(data: st.DataObject) -> None:
    money = data.draw(cells(st.integers(0, 5_000_000)))
    payers = {k: (data.draw(st.integers(1, 40)), data.draw(st.floats(0.02, 0.6))) for k in money}
    everything = money | totals(money)
    for key in totals(money):
        parts = [k for k in money if key in {(*ln, c) for ln in lines(*k[:2]) for c in (k[2], TOTAL)}]
        most = max(money[k] * payers[k][1] for k in parts)
        payers[key] = (sum(payers[k][0] for k in parts), most / everything[key] if everything[key] else 0.0)
    unsafe = {k for k, v in everything.items() if v and (payers[k][0] < 5 or payers[k][1] > 0.5)}
    event("has an unsafe cell" if unsafe else "has none")
    with table({"2025-01": everything}, payers) as con:
        done = protect(con, RELATION, contract("uang"))
        told = published(con)
    assert done.utama == len(unsafe)
    found = ranges(told)
    for key in unsafe:
        least, most = found[key]
        assert most - least >= everything[key] / 2 - 1


def test_a_table_of_one_dimension_and_one_without_parents_are_protected_too() -> None:
    one_way = {("", f"upt {n}", ""): v for n, v in enumerate([3, 40, 50, 60])}
    with table({"2025-01": one_way}) as con:
        assert protect(con, RELATION, contract(kolom=None, induk=None))[:2] == (1, 1)
    two_way = {
        ("", f"upt {r}", f"jenis {c}"): v for r, row in enumerate([[3, 40], [50, 60]]) for c, v in enumerate(row)
    }
    with table({"2025-01": two_way}) as con:
        assert protect(con, RELATION, contract(induk=None))[:2] == (1, 3)


def test_only_the_month_with_a_small_cell_is_touched() -> None:
    safe = {("kab", f"upt {r}", f"jenis {c}"): 50 + r + c for r in range(3) for c in range(3)}
    with table({"2025-01": safe, "2025-02": safe | {("kab", "upt 0", "jenis 0"): 2}}) as con:
        protect(con, RELATION, contract())
        assert published(con, "2025-01") == safe
        assert published(con, "2025-02")["kab", "upt 0", "jenis 0"] is None
        assert sum(v is None for v in published(con, "2025-02").values()) == 4


def test_a_table_without_a_small_cell_stays_untouched_and_zeros_are_not_small() -> None:
    safe = {("kab", f"upt {r}", f"jenis {c}"): 7 * r * c for r in range(4) for c in range(3)}
    with table({"2025-01": safe}) as con:
        assert protect(con, RELATION, contract()) == (0, 0, 0, (), None)
        assert published(con) == safe


def test_the_same_table_is_suppressed_in_the_same_way_whatever_the_order_of_its_rows() -> None:
    rows = {("kab", f"upt {r}", f"jenis {c}"): (r * 37 + c * 11) % 29 for r in range(6) for c in range(4)}
    patterns = []
    for order in (sorted(rows), sorted(rows, reverse=True)):
        with table({"2025-01": {k: rows[k] for k in order}}) as con:
            protect(con, RELATION, contract())
            patterns.append({k for k, v in published(con).items() if v is None})
    assert patterns[0] == patterns[1]


def test_columns_that_follow_are_emptied_with_their_value() -> None:
    with table({"2025-01": {("kab", f"upt {n}", "jenis"): v for n, v in enumerate([3, 20, 30])}}) as con:
        protect(con, RELATION, contract(ikut=["pembayar", "terbesar"]))
        assert con.execute(
            f"SELECT count(*) FROM {RELATION} WHERE (pembayar IS NULL) = (status_rahasia = 'ditekan')"
        ).fetchone() == (3,)


def test_a_table_that_the_sql_was_to_coarsen_is_left_alone_and_a_small_cell_in_it_is_a_fault() -> None:
    rows = {("kab", f"upt {n}", "jenis"): v for n, v in enumerate([3, 20, 30])}
    with table({"2025-01": rows}) as con:
        done = protect(con, RELATION, contract(tindakan="gabung"))
        assert con.execute(f"SELECT sum(jumlah) FROM {RELATION}").fetchone() == (53,)
    assert done.utama == 0
    assert len(done.salah) == 1
    assert "gabungkan" in done.salah[0]


def test_what_an_earlier_version_shows_is_no_complement_and_what_it_held_back_stays_held_back(tmp_path: Path) -> None:
    rows = {("kab", f"upt {n}", "jenis"): v for n, v in enumerate([3, 20, 30, 40])}

    def complement(*told: int | None) -> set[str]:
        earlier = {("kab", f"upt {n}", "jenis"): v for n, v in enumerate(told)}
        with table({"2025-01": rows}) as con:
            protect(con, RELATION, contract(), [[part(tmp_path, earlier)]])
            return {k[1] for k, v in published(con).items() if v is None} - {"upt 0"}

    assert complement(None, None, 30, 40) == {"upt 1"}
    assert complement(None, 20, 30, None) == {"upt 3"}
    assert complement(None, 19, 30, 40) == {"upt 1"}


def test_a_row_in_two_parents_and_a_table_too_wide_are_refused_with_the_word_to_coarsen() -> None:
    with (
        table({"2025-01": {("kab 1", "upt", "a"): 3, ("kab 2", "upt", "a"): 30}}) as con,
        pytest.raises(PrivacyError, match="coarsen"),
    ):
        protect(con, RELATION, contract())
    with table({"2025-02": {("kab", "upt", "a"): 30}}) as con:
        con.execute(
            f"INSERT INTO {RELATION} SELECT '2025-01', 'kab', 'upt ' || i, 'jenis ' || j, 3, 9, 0.1, '', 'tiruan'"
            " FROM range(100) AS a(i), range(60) AS b(j)"
        )
        with pytest.raises(PrivacyError, match="coarsen"):
            protect(con, RELATION, contract())


@pytest.mark.parametrize(
    ("payers", "largest", "unsafe"),
    [(4, 0.1, True), (5, 0.51, True), (5, 0.5, False), (100, 0.9, True), (0, 0.0, True)],
)
def test_money_of_few_payers_or_of_one_large_payer_is_unsafe(payers: int, largest: float, unsafe: bool) -> None:
    assert is_unsafe("uang", 1000, payers, int(1000 * largest)) is unsafe
    with table({"2025-01": {("kab", f"upt {n}", "a"): 1000 for n in range(3)}}) as con:
        con.execute(f"UPDATE {RELATION} SET pembayar = ?, terbesar = ? WHERE upt = 'upt 0'", [payers, largest])
        assert protect(con, RELATION, contract("uang")).utama == unsafe


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"terbesar": None}, "uang needs pembayar and terbesar"),
        ({"per": []}, "key column bulan is in none of"),
        ({"penanda": "porsi_terbesar"}, "must be an open column"),
        ({"pembayar": "upt"}, "would tell of suppressed cells"),
    ],
)
def test_a_rule_that_would_protect_nothing_is_a_fault_of_the_contract(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    document = copy.deepcopy(CONTRACTS["penerimaan_uji"])
    (rule,) = (p for p in document["customProperties"] if p["property"] == "sel_kecil")
    rule["value"][0] |= change
    with pytest.raises(ContractError, match=reason):
        write_contracts(tmp_path, {"penerimaan_uji": document})


def test_two_rules_over_the_same_number_are_refused_with_the_word_to_coarsen(tmp_path: Path) -> None:
    document = copy.deepcopy(CONTRACTS["penerimaan_uji"])
    (rule,) = (p for p in document["customProperties"] if p["property"] == "sel_kecil")
    rule["value"] *= 2
    with pytest.raises(ContractError, match="coarsen"):
        write_contracts(tmp_path, {"penerimaan_uji": document})
