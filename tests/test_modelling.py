"""Model files: what their SQL reads is found in it, they are put in order, and a wrong file says what is wrong."""

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from connectors.registry import Registry
from warehouse.modelling import FrontMatter, Model, ModelError, column_lineage, find_models, load_model, render

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT / "warehouse" / "models"
HEAD = "description: Uji\ngrain: Satu baris"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def model(sql: str, name: str = "core.fct_uji", head: str = HEAD, agency: str = "uji") -> Path:
        path = tmp_path / agency / "models" / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"/* ---\n{head}\n--- */\n{sql}", encoding="utf-8")
        return path

    return model


# --- what a model reads ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "inputs"),
    [
        ("SELECT 1 AS a", set()),
        ("SELECT * FROM source.a", {"source.a"}),
        ("SELECT * FROM source.a AS x JOIN core.b USING (k)", {"source.a", "core.b"}),
        ("WITH a AS (SELECT * FROM source.b) SELECT * FROM a JOIN core.c USING (k)", {"source.b", "core.c"}),
        ("SELECT (SELECT max(x) FROM core.b) AS m FROM source.a", {"source.a", "core.b"}),
        ("SELECT * FROM source.a WHERE k IN (SELECT k FROM ops.hasil)", {"source.a", "ops.hasil"}),
        ("SELECT * FROM source.a UNION ALL SELECT * FROM source.b", {"source.a", "source.b"}),
        ("SELECT * FROM source.a, LATERAL (SELECT * FROM core.b WHERE b.k = a.k) AS l", {"source.a", "core.b"}),
        ('SELECT * FROM "source"."a" -- source.b\n', {"source.a"}),
        ("SELECT 'FROM source.b' AS t FROM source.a", {"source.a"}),
        ("FROM source.a SELECT k", {"source.a"}),
    ],
)
def test_inputs_are_read_out_of_the_sql(write: Write, sql: str, inputs: set[str]) -> None:
    assert load_model(write(sql)).inputs == inputs


def test_a_model_reads_the_lake_by_full_names_and_only_restricted_rows(write: Write) -> None:
    sql = """WITH a AS (SELECT * FROM source.x WHERE k > 1)
             SELECT a.k, x.v, (SELECT count(*) FROM core.d) AS n FROM a JOIN source.x ON x.k = a.k;"""
    model = load_model(write(sql))
    con = duckdb.connect()
    con.execute(
        "ATTACH ':memory:' AS lake; CREATE SCHEMA lake.source; CREATE SCHEMA lake.core;"
        "CREATE TABLE lake.source.x AS SELECT range AS k, range * 10 AS v FROM range(6);"
        "CREATE TABLE lake.core.d AS SELECT 1 AS one"
    )
    whole = con.execute(render(model, lambda _: None)).fetchall()
    assert sorted(whole) == [(k, k * 10, 1) for k in (2, 3, 4, 5)]
    asked: list[str] = []

    def restrict(table: str) -> str | None:
        asked.append(table)
        return "k IN (2, 3)" if table == "source.x" else None

    assert sorted(con.execute(render(model, restrict)).fetchall()) == [(2, 20, 1), (3, 30, 1)]
    assert sorted(asked) == ["core.d", "source.x", "source.x"]


@given(name=st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), alias=st.sampled_from(["", "AS t", 'AS "T"']))
def test_rendering_names_each_table_once_by_its_place_in_the_lake(
    tmp_path_factory: pytest.TempPathFactory, name: str, alias: str
) -> None:
    sql = f'SELECT * FROM source."{name}" {alias}'
    model = Model("core.x", sql, FrontMatter(description="", grain=""), frozenset(), "", tmp_path_factory.getbasetemp())
    tables = list(sqlglot.parse_one(render(model, lambda _: "1 = 1"), read="duckdb").find_all(sqlglot.exp.Table))
    assert [(t.catalog, t.db, t.name) for t in tables] == [("lake", "source", name)]


# --- partitions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "day", "partition", "covers"),
    [
        ({}, date(2028, 2, 29), date(2028, 2, 29), (date(2028, 2, 29), date(2028, 2, 29))),
        ({"lookback_days": 31}, date(2028, 3, 1), date(2028, 3, 1), (date(2028, 1, 30), date(2028, 3, 1))),
        ({"partition_grain": "bulanan"}, date(2028, 2, 29), date(2028, 2, 1), (date(2028, 2, 1), date(2028, 2, 29))),
        ({"partition_grain": "bulanan", "lookback_days": 1}, date(2026, 12, 31), date(2026, 12, 1),
         (date(2026, 11, 30), date(2026, 12, 31))),
    ],
)  # fmt: skip
def test_a_partition_covers_its_days_and_those_before_that_it_needs(
    write: Write, head: dict[str, Any], day: date, partition: date, covers: tuple[date, date]
) -> None:
    lines = "\n".join(f"{k}: {v}" for k, v in {"partition": "tanggal", **head}.items())
    model = load_model(write("SELECT tanggal FROM source.a", head=f"{HEAD}\n{lines}"))
    assert model.partition_of(day) == partition
    assert model.covers(partition) == covers


def test_only_what_the_rows_depend_on_is_in_the_digest(write: Write) -> None:
    sql, dated = "SELECT tanggal FROM source.a", f"{HEAD}\npartition: tanggal"
    base = load_model(write(sql, head=dated)).digest
    told = f"{dated}\ncolumns: {{tanggal: {{description: x, classification: public}}}}".replace("Uji", "Lain")
    assert load_model(write(sql, head=told)).digest == base
    others = [
        write(f"{sql} WHERE true", "core.fct_a", head=dated),
        write(sql, "core.fct_b", head=f"{dated}\nlookback_days: 1"),
        write(sql, "core.fct_c", head=f"{dated}\npartition_grain: bulanan"),
        write(sql, "core.fct_d", head=f"{dated}\nas_of: [source.a]"),
        write(sql, "core.fct_e"),
    ]
    assert len({base, *(load_model(p).digest for p in others)}) == 6


# --- order -----------------------------------------------------------------------------------------------------------


def test_models_of_all_folders_come_after_what_they_read(write: Write, tmp_path: Path) -> None:
    write("SELECT * FROM core.fct_b JOIN core.dim_a USING (k)", "dashboard.d", agency="satu")
    write("SELECT * FROM core.dim_a JOIN source.s USING (k)", "core.fct_b", agency="dua")
    shared = tmp_path / "bersama"
    shared.mkdir()
    write("SELECT 1 AS k", "core.dim_a").rename(shared / "core.dim_a.sql")
    order = [m.table for m in find_models([tmp_path], shared)]
    assert order == ["core.dim_a", "core.fct_b", "dashboard.d"]


def test_a_circle_is_named(write: Write, tmp_path: Path) -> None:
    write("SELECT * FROM core.fct_b", "core.fct_a")
    write("SELECT * FROM core.fct_c", "core.fct_b")
    write("SELECT * FROM core.fct_a", "core.fct_c")
    with pytest.raises(ModelError, match="in a circle: ") as caught:
        find_models([tmp_path], SHARED.parent / "none")
    assert set(re.findall(r"core\.fct_[abc]", str(caught.value))) == {"core.fct_a", "core.fct_b", "core.fct_c"}


def test_two_files_of_one_table_are_both_named(write: Write, tmp_path: Path) -> None:
    write("SELECT 1 AS k", agency="satu")
    write("SELECT 2 AS k", agency="dua")
    with pytest.raises(ModelError, match=r"core.fct_uji is made by two files: dua/models/.* and satu/models/"):
        find_models([tmp_path], tmp_path / "none")


# --- wrong files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT 1", "starts with a front matter"),
        ("/* ---\ndescription: x\n--- */ SELECT 1", "grain"),
        ("/* ---\n: [\n--- */ SELECT 1", "uji/models/core.fct_uji.sql: "),
        (f"/* ---\n{HEAD}\nschedule: x\n--- */ SELECT 1", "Extra inputs are not permitted"),
        (f"/* ---\n{HEAD}\nlookback_days: 3\n--- */ SELECT 1", "need a partition"),
        (f"/* ---\n{HEAD}\npartition: t\nlookback_days: 900\n--- */ SELECT 1", "less than or equal to 366"),
        (f"/* ---\n{HEAD}\nas_of: [core.b]\n--- */ SELECT 1", "as_of names core.b, which the SELECT does not read"),
        (f"/* ---\n{HEAD}\ncolumns: {{a: {{classification: terbuka}}}}\n--- */ SELECT 1", "'public', 'internal'"),
        (f"/* ---\n{HEAD}\n--- */ SELECT 1; SELECT 2", "exactly one SELECT"),
        (f"/* ---\n{HEAD}\n--- */ DROP TABLE core.b", "exactly one SELECT"),
        (f"/* ---\n{HEAD}\n--- */ SELECT FROM WHERE", "uji/models/core.fct_uji.sql: "),
        (f"/* ---\n{HEAD}\n--- */ SELECT * FROM lain.b", "unknown schema in lain.b"),
        (f"/* ---\n{HEAD}\n--- */ SELECT * FROM core.fct_uji", "reads its own table core.fct_uji"),
    ],
)
def test_a_wrong_file_is_one_clear_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "uji" / "models" / "core.fct_uji.sql"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(ModelError, match=re.escape(message)):
        load_model(path)


@pytest.mark.parametrize("name", ["fct_uji", "inti.fct_uji", "core.Fct", "core.fct uji", "source.a"])
def test_a_model_is_named_by_its_schema_and_table(write: Write, name: str) -> None:
    with pytest.raises(ModelError, match="a model file is named core"):
        load_model(write("SELECT 1 AS a", name))


# --- lineage, and what is shipped ------------------------------------------------------------------------------------


def test_columns_are_traced_to_the_tables_they_come_from(write: Write) -> None:
    sql = """WITH s AS (SELECT k, harga * 2 AS dua FROM source.a)
             SELECT s.k, s.dua + d.faktor AS hasil, 1 AS tetap FROM s JOIN core.d AS d USING (k)"""
    schema = {"source.a": {"k": "VARCHAR", "harga": "DOUBLE"}, "core.d": {"k": "VARCHAR", "faktor": "DOUBLE"}}
    found = column_lineage(load_model(write(sql)), schema)
    assert found["hasil"] == [("core.d", "faktor"), ("source.a", "harga")]
    assert found["tetap"] == []


def test_every_shipped_model_reads_what_there_is() -> None:
    registry = Registry()
    models = find_models(registry.roots, SHARED)
    made = {m.table for m in models} | {f"source.{c.table}" for c in registry.contracts}
    assert {t for m in models for t in m.inputs if not t.startswith(("ops.", "quarantine."))} <= made
    assert len(models) > 20
    position = {m.table: n for n, m in enumerate(models)}
    assert all(position[t] < position[m.table] for m in models for t in m.inputs if t in position)
