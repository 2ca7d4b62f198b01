"""Building models: only what changed is made again, at once or not at all, and a wrong model says what is wrong."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from connectors.contract import Contract
from tests.support.lake import DAY, commit, contents, days, open_lake, outcome, price_contract
from tests.support.reading import column, make_contract
from warehouse import ops
from warehouse.build import Builder, Built
from warehouse.lake import Lake
from warehouse.modelling import Model, ModelError, find_models, load_model
from warehouse.transaction import Transaction

DAILY = "SELECT tanggal, pasar, harga * 2 AS ganda FROM source.uji__harga"
Write = Callable[..., Model]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    lake = open_lake(tmp_path / "lake")
    yield lake
    lake.close()


@pytest.fixture
def prices(tmp_path: Path) -> Contract:
    return price_contract(tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a model file; `head` lines go into its front matter."""

    def model(name: str, sql: str, *, partition: str | None = "tanggal", columns: str = "{}", **head: Any) -> Model:
        path = tmp_path / "uji" / "models" / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        told = {"description": "Uji", "grain": "Satu baris"} | ({"partition": partition} if partition else {}) | head
        front = "\n".join(f"{k}: {v}" for k, v in told.items())
        path.write_text(f"/* ---\n{front}\ncolumns: {columns}\n--- */\n{sql}\n", encoding="utf-8")
        return load_model(path)

    return model


def build(lake: Lake, contract: Contract, *models: Model) -> dict[str, tuple[int, int, int]]:
    """Build in a run of its own: model → partitions rebuilt, changed, rows written."""
    builder = Builder(lake, [contract], "uji")
    return {b.model: (b.rebuilt, b.changed, b.rows) for b in (builder.build(m) for m in models)}


def rows(lake: Lake, table: str, *columns: str) -> list[tuple[Any, ...]]:
    return contents(lake, table, *columns)


# --- only what changed -----------------------------------------------------------------------------------------------


def test_only_touched_partitions_are_made_again(lake: Lake, prices: Contract, write: Write) -> None:
    model = write("core.fct_uji", DAILY)
    commit(lake, prices, {d: [("x", 1), ("y", 2)] for d in days(5)})
    assert build(lake, prices, model) == {"core.fct_uji": (5, 5, 10)}
    version = lake.snapshot_id()
    assert build(lake, prices, model) == {"core.fct_uji": (0, 0, 0)}
    assert lake.snapshot_id() == version
    commit(lake, prices, {days(5)[2]: [("x", 9), ("y", 2)], date(2026, 12, 1): [("x", 1)]})
    assert build(lake, prices, model) == {"core.fct_uji": (2, 2, 3)}
    assert (days(5)[2], "x", 18) in rows(lake, "core.fct_uji", "tanggal", "pasar", "ganda::INT")
    assert len(rows(lake, "core.fct_uji")) == 11


def test_a_partition_whose_result_is_the_same_is_not_written(lake: Lake, prices: Contract, write: Write) -> None:
    markets = write("core.fct_uji", "SELECT tanggal, pasar FROM source.uji__harga")
    below = write("core.fct_turunan", "SELECT tanggal, count(*) AS n FROM core.fct_uji GROUP BY 1")
    commit(lake, prices, {d: [("x", 1)] for d in days(2)})
    build(lake, prices, markets, below)
    commit(lake, prices, {DAY: [("x", 5)]})
    assert build(lake, prices, markets, below) == {"core.fct_uji": (1, 0, 0), "core.fct_turunan": (0, 0, 0)}


def test_a_lookback_rebuilds_what_follows_and_counts_no_empty_day(lake: Lake, prices: Contract, write: Write) -> None:
    sql = """SELECT tanggal, pasar, harga - lag(harga) OVER (PARTITION BY pasar ORDER BY tanggal) AS selisih
             FROM source.uji__harga"""
    model = write("core.fct_uji", sql, lookback_days=3)
    workdays = [d for d in days(12) if d.weekday() < 5]
    commit(lake, prices, {d: [("x", d.day)] for d in workdays})
    assert build(lake, prices, model) == {"core.fct_uji": (10, 10, 10)}
    assert build(lake, prices, model) == {"core.fct_uji": (0, 0, 0)}
    friday = date(2026, 11, 20)
    commit(lake, prices, {friday: [("x", 999)]})
    assert build(lake, prices, model) == {"core.fct_uji": (2, 2, 2)}
    monday = next(r for r in rows(lake, "core.fct_uji", "tanggal", "selisih::INT") if r[0] == date(2026, 11, 23))
    assert monday == (date(2026, 11, 23), 23 - 999)
    held = {r[0] for r in rows(lake, "ops.versi_model", "partisi")}
    assert held == {d.isoformat() for d in workdays}


def test_months_are_made_from_their_days(lake: Lake, prices: Contract, write: Write) -> None:
    sql = "SELECT date_trunc('month', tanggal)::DATE AS bulan, avg(harga) AS rata FROM source.uji__harga GROUP BY 1"
    model = write("core.fct_bulan", sql, partition="bulan", partition_grain="bulanan")
    february, march = [date(2028, 2, n) for n in (1, 15, 29)], [date(2028, 3, n) for n in (1, 31)]
    commit(lake, prices, {d: [("x", 10)] for d in (*february, *march)})
    assert build(lake, prices, model) == {"core.fct_bulan": (2, 2, 2)}
    commit(lake, prices, {february[2]: [("x", 40)]})
    assert build(lake, prices, model) == {"core.fct_bulan": (1, 1, 1)}
    assert rows(lake, "core.fct_bulan", "bulan", "rata::INT") == [(february[0], 20), (march[0], 10)]


def test_a_change_of_an_unpartitioned_input_reaches_all_partitions_unless_it_is_as_of(
    lake: Lake, prices: Contract, write: Write, tmp_path: Path
) -> None:
    reference = make_contract(tmp_path, column("pasar", key=True), column("nama"), dataset="acuan")
    joined = "SELECT tanggal, nama FROM source.uji__harga LEFT JOIN source.uji__acuan USING (pasar)"
    follows = write("core.fct_ikut", joined)
    stays = write("core.fct_tetap", joined, as_of="[source.uji__acuan]")
    commit(lake, prices, {d: [("x", 1)] for d in days(3)})

    def name(text: str) -> None:
        given = pl.DataFrame([("x", text, "p", 0, "resmi")], schema=reference.schema(), orient="row")
        nothing = ops.frame("quarantine.baris", []), ops.frame("ops.pemeriksaan", [])
        lake.commit(reference, [outcome(reference, "semua", given)], given, *nothing)

    def run() -> list[tuple[int, int]]:
        builder = Builder(lake, [prices, reference], "uji")
        return [(b.rebuilt, b.changed) for b in (builder.build(follows), builder.build(stays))]

    name("Lama")
    assert run() == [(3, 3), (3, 3)]
    name("Baru")
    assert run() == [(3, 3), (0, 0)]
    commit(lake, prices, {DAY: [("x", 2)]})
    assert run() == [(1, 0), (1, 1)]
    assert {r[0] for r in rows(lake, "core.fct_tetap", "nama")} == {"Lama", "Baru"}


def test_an_unpartitioned_model_is_written_only_when_its_content_changes(
    lake: Lake, prices: Contract, write: Write
) -> None:
    model = write("core.dim_uji", "SELECT DISTINCT pasar FROM source.uji__harga", partition=None)
    commit(lake, prices, {DAY: [("x", 1)]})
    assert build(lake, prices, model) == {"core.dim_uji": (1, 1, 1)}
    files = _files(lake, "core.dim_uji")
    commit(lake, prices, {days(2)[1]: [("x", 5)]})
    assert build(lake, prices, model) == {"core.dim_uji": (1, 0, 0)}
    assert _files(lake, "core.dim_uji") == files
    assert build(lake, prices, model) == {"core.dim_uji": (0, 0, 0)}


def _files(lake: Lake, table: str) -> set[str]:
    schema, _, name = table.partition(".")
    listed = lake.query("SELECT data_file FROM ducklake_list_files('lake', ?, schema => ?)", [name, schema])
    return set(listed["data_file"])


def test_an_input_partition_that_lost_its_rows_empties_the_models_partition(
    lake: Lake, prices: Contract, write: Write
) -> None:
    model, below = write("core.fct_uji", DAILY), write("core.fct_turunan", "SELECT tanggal, pasar FROM core.fct_uji")
    a, b = days(2)
    commit(lake, prices, {a: [("x", 1)], b: [("x", 1)]})
    build(lake, prices, model, below)
    commit(lake, prices, {a: []})
    assert build(lake, prices, model, below) == {"core.fct_uji": (1, 1, 0), "core.fct_turunan": (1, 1, 0)}
    assert rows(lake, "core.fct_uji", "tanggal") == rows(lake, "core.fct_turunan", "tanggal") == [(b,)]
    assert build(lake, prices, model, below) == {"core.fct_uji": (0, 0, 0), "core.fct_turunan": (0, 0, 0)}
    commit(lake, prices, {a: [("x", 1)]})
    assert build(lake, prices, model) == {"core.fct_uji": (1, 1, 1)}


def test_a_model_over_empty_inputs_gets_its_table(lake: Lake, prices: Contract, write: Write) -> None:
    model, below = write("core.fct_uji", DAILY), write("core.fct_turunan", "SELECT tanggal FROM core.fct_uji")
    assert build(lake, prices, model, below) == {"core.fct_uji": (0, 0, 0), "core.fct_turunan": (0, 0, 0)}
    assert lake.shapes(fresh=True)["core.fct_uji"].columns == {
        "tanggal": "DATE", "pasar": "VARCHAR", "ganda": "DECIMAL(18,2)",
    }  # fmt: skip
    version = lake.snapshot_id()
    build(lake, prices, model, below)
    assert lake.snapshot_id() == version


def test_a_whole_model_follows_its_input_from_empty_to_filled_and_back(
    lake: Lake, prices: Contract, write: Write
) -> None:
    model, total = (
        write("core.fct_uji", DAILY),
        write("core.fct_n", "SELECT count(*) AS n FROM core.fct_uji", partition=None),
    )
    copy = write("core.fct_salinan", "SELECT n FROM core.fct_n WHERE n > 0", partition=None)
    for given, counted, copied in (([], [(0,)], []), ([("x", 1)], [(1,)], [(1,)]), ([], [(0,)], [])):
        commit(lake, prices, {DAY: given})
        build(lake, prices, model, total, copy)
        assert (rows(lake, "core.fct_n", "n"), rows(lake, "core.fct_salinan", "n")) == (counted, copied)


def test_a_table_of_which_no_versions_are_kept_is_read_as_it_is(lake: Lake, prices: Contract, write: Write) -> None:
    def work(tx: Transaction) -> None:
        tx.create_table("core.asing", {"n": "INTEGER"}, None)
        tx.con.execute("INSERT INTO lake.core.asing VALUES (7)")

    lake.transaction(work)
    build(lake, prices, write("core.fct_asing", "SELECT n FROM core.asing", partition=None))
    assert rows(lake, "core.fct_asing", "n") == [(7,)]


def test_new_rows_of_ops_rebuild_only_their_own_partitions(lake: Lake, prices: Contract, write: Write) -> None:
    sql = """SELECT h.tanggal, count(DISTINCT o.run_id || o.status) AS upaya
             FROM source.uji__harga h LEFT JOIN ops.hasil o ON o.partisi = h.tanggal::VARCHAR GROUP BY 1"""
    model = write("core.fct_upaya", sql)
    whole = write("core.fct_semua", "SELECT count(*) AS n FROM ops.hasil", partition=None)
    commit(lake, prices, {d: [("x", 1)] for d in days(4)})
    assert build(lake, prices, model, whole) == {"core.fct_upaya": (4, 4, 4), "core.fct_semua": (1, 1, 1)}
    lake.record(
        [outcome(prices, DAY, status="diblokir"), outcome(prices, "?2026-11-16", status="dikarantina"),
         outcome(prices, "berkas:a.xlsx", status="gagal_baca")]
    )  # fmt: skip
    assert build(lake, prices, model, whole) == {"core.fct_upaya": (1, 1, 1), "core.fct_semua": (1, 1, 1)}
    assert rows(lake, "core.fct_upaya", "upaya") == [(1,), (1,), (1,), (2,)]
    assert rows(lake, "core.fct_semua", "n") == [(7,)]


def test_a_builder_sees_what_was_committed_after_it_was_made(lake: Lake, prices: Contract, write: Write) -> None:
    model = write("core.fct_uji", DAILY)
    builder = Builder(lake, [prices], "uji")
    commit(lake, prices, {DAY: [("x", 1)]})
    assert builder.build(model).rebuilt == 1
    commit(lake, prices, {days(2)[1]: [("x", 1)]})
    assert builder.build(model).rebuilt == 1
    assert set(builder.versions("core.fct_uji")) == {d.isoformat() for d in days(2)}


def test_a_builder_of_part_of_the_models_rebuilds_no_more_than_one_of_all(
    lake: Lake, prices: Contract, write: Write
) -> None:
    upper, lower = write("core.fct_atas", DAILY), write("core.fct_bawah", "SELECT tanggal, ganda FROM core.fct_atas")
    commit(lake, prices, {d: [("x", 1)] for d in days(3)})
    build(lake, prices, upper, lower)
    assert build(lake, prices, lower) == {"core.fct_bawah": (0, 0, 0)}
    commit(lake, prices, {DAY: [("x", 2)]})
    build(lake, prices, upper)
    assert build(lake, prices, lower) == {"core.fct_bawah": (1, 1, 1)}


# --- changes of a model ----------------------------------------------------------------------------------------------


def test_a_change_of_columns_makes_the_table_anew_in_one_step(
    lake: Lake, prices: Contract, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(lake, prices, {d: [("x", 1)] for d in days(3)})
    build(lake, prices, write("core.fct_uji", DAILY))
    newer = write("core.fct_uji", "SELECT tanggal, pasar, harga::DOUBLE AS ganda, 'a' AS baru FROM source.uji__harga")
    with monkeypatch.context() as patch:
        patch.setattr("warehouse.build.crashpoint", _stop)
        with pytest.raises(KeyboardInterrupt):
            build(lake, prices, newer)
    assert rows(lake, "core.fct_uji", "ganda::INT") == [(2,)] * 3
    assert build(lake, prices, newer) == {"core.fct_uji": (3, 3, 3)}
    assert rows(lake, "core.fct_uji", "ganda::INT", "baru") == [(1, "a")] * 3
    assert lake.shapes(fresh=True)["core.fct_uji"].partition == "tanggal"


def _stop(_: str) -> None:
    raise KeyboardInterrupt


def test_a_change_of_the_select_alone_keeps_the_table(lake: Lake, prices: Contract, write: Write) -> None:
    commit(lake, prices, {d: [("x", 1)] for d in days(3)})
    build(lake, prices, write("core.fct_uji", DAILY))
    other = write("core.fct_uji", DAILY + " WHERE tanggal <> DATE '2026-11-16'")
    assert build(lake, prices, other) == {"core.fct_uji": (3, 1, 0)}
    assert [r[0] for r in rows(lake, "core.fct_uji", "tanggal")] == days(3)[1:]


@pytest.mark.parametrize("first", ["tanggal", None])
def test_a_model_may_become_partitioned_and_back(lake: Lake, prices: Contract, write: Write, first: str | None) -> None:
    commit(lake, prices, {d: [("x", 1)] for d in days(2)})
    second = None if first else "tanggal"
    for partition in (first, second, first):
        model = write("core.fct_uji", DAILY, partition=partition)
        build(lake, prices, model)
        assert len(rows(lake, "core.fct_uji")) == 2
        assert lake.shapes(fresh=True)["core.fct_uji"].partition == partition
        assert build(lake, prices, model) == {"core.fct_uji": (0, 0, 0)}


def test_descriptions_reach_the_lake_and_rebuild_nothing(lake: Lake, prices: Contract, write: Write) -> None:
    commit(lake, prices, {DAY: [("x", 1)]})
    told = "{ganda: {description: 'Dua kali ''harga''', satuan: Rp/kg}}"
    build(lake, prices, write("core.fct_uji", DAILY, columns=told))
    shape = lake.shapes(fresh=True)["core.fct_uji"]
    assert (shape.comment, shape.comments["ganda"]) == ("Uji Satu baris.", "Dua kali 'harga' [Rp/kg]")
    better = write("core.fct_uji", DAILY, columns="{ganda: {description: Dua kali}}", description="Lebih jelas")
    assert build(lake, prices, better) == {"core.fct_uji": (0, 0, 0)}
    shape = lake.shapes(fresh=True)["core.fct_uji"]
    assert (shape.comment, shape.comments["ganda"]) == ("Lebih jelas Satu baris.", "Dua kali")
    version = lake.snapshot_id()
    build(lake, prices, better)
    assert lake.snapshot_id() == version


# --- wrong models ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "head", "message"),
    [
        ("SELECT tanggal FROM source.tak_ada", {}, "core.fct_uji reads source.tak_ada, which no contract and no model"),
        ("SELECT tanggal, tak_ada FROM source.uji__harga", {}, "core.fct_uji: .*tak_ada"),
        ("SELECT pasar FROM source.uji__harga", {}, "partition column 'tanggal' is not there, not a DATE"),
        ("SELECT tanggal::VARCHAR AS tanggal FROM source.uji__harga", {}, "'tanggal' is VARCHAR, not a DATE"),
        (DAILY, {"columns": "{harga: {description: x}}"}, "columns that the SELECT does not give: harga"),
        ("SELECT tanggal + 40 AS tanggal FROM source.uji__harga", {}, "inputs do not cover: 2026-12-26"),
        ("SELECT NULL::DATE AS tanggal FROM source.uji__harga", {}, "inputs do not cover: NULL"),
    ],
)
def test_a_wrong_model_is_a_clear_error_and_writes_nothing(
    lake: Lake, prices: Contract, write: Write, sql: str, head: dict[str, Any], message: str
) -> None:
    commit(lake, prices, {DAY: [("x", 1)]})
    model = write("core.fct_uji", sql, **head)
    with pytest.raises(ModelError, match=message):
        build(lake, prices, model)
    assert "core.fct_uji" not in lake.shapes(fresh=True)
    assert rows(lake, "ops.versi_model") == []


def test_a_build_tells_how_long_it_took(lake: Lake, prices: Contract, write: Write) -> None:
    built = Builder(lake, [prices], "uji").build(write("core.fct_uji", DAILY))
    assert isinstance(built, Built)
    assert built.seconds > 0


def test_models_are_found_in_build_order(write: Write, tmp_path: Path) -> None:
    write("core.fct_bawah", "SELECT tanggal FROM core.fct_atas")
    write("core.fct_atas", DAILY)
    assert [m.table for m in find_models([tmp_path], tmp_path / "bersama")] == ["core.fct_atas", "core.fct_bawah"]
