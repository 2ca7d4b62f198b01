"""SQL for the public: what it gives, and that nobody gets out of it, by any of the ways listed here."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import requests

from ssp_pipeline.portal.sqlworker import open_tables
from tests.support.portal import Hand, Served, running

SECRET = "rahasia-yang-tidak-boleh-terbaca"

ATTACKS: dict[str, list[str]] = {
    "reading files": [
        "SELECT * FROM read_csv('{secret}')", "SELECT * FROM read_csv_auto('{secret}')", "SELECT * FROM '{secret}'",
        'FROM "{secret}"', "SELECT * FROM read_text('{secret}')", "SELECT content FROM read_blob('{secret}')",
        "SELECT * FROM glob('/**')", "SELECT * FROM parquet_scan('{part}')", "SELECT * FROM read_parquet('{part}')",
        "SELECT * FROM parquet_metadata('{part}')", "SELECT * FROM read_json('{secret}')",
        "SELECT * FROM sniff_csv('{secret}')",
        "SELECT * FROM uji, '{secret}' AS x", "SELECT (SELECT max(content) FROM read_text('{secret}'))",
        "SELECT * FROM read_duckdb('{secret}')",
        "SELECT * FROM uji UNION ALL SELECT 1, 'a', content FROM read_text('{secret}')",
    ],
    "the network": [
        "SELECT * FROM 'http://127.0.0.1:9/x.csv'", "SELECT * FROM read_csv('https://example.invalid/x.csv')",
        "SELECT * FROM read_parquet('s3://ember/x.parquet')", "ATTACH 'https://example.invalid/x.db'",
        "SELECT * FROM read_text('hf://x/y')", "SELECT * FROM postgres_scan('host=127.0.0.1', 'public', 'x')",
    ],
    "extensions": [
        "INSTALL httpfs", "LOAD httpfs", "LOAD '{secret}'", "FORCE INSTALL spatial FROM community",
        "SELECT * FROM sqlite_scan('{secret}', 'x')", "SELECT * FROM duckdb_extensions()",
    ],
    "settings": [
        "SET enable_external_access = true", "RESET lock_configuration", "SET memory_limit = '100GB'",
        "PRAGMA threads = 64",
        "SELECT current_setting('allowed_paths')", "SELECT * FROM duckdb_settings()", "SET VARIABLE x = 1",
        "SELECT getvariable('x')", "SELECT set_config('a', 'b')",
    ],
    "writing": [
        "CREATE TABLE x AS SELECT 1", "INSERT INTO uji VALUES (1, 'a', 'b')", "UPDATE uji SET teks = 'x'",
        "DELETE FROM uji",
        "DROP VIEW uji", "COPY uji TO '{target}'", "COPY (SELECT 1) TO '{target}' (FORMAT parquet)",
        "EXPORT DATABASE '{target}'", "CREATE MACRO f() AS 1",
        "WITH x AS (INSERT INTO uji VALUES (1) RETURNING *) SELECT * FROM x",
        "CREATE OR REPLACE VIEW uji AS SELECT 1", "TRUNCATE uji", "CREATE SECRET (TYPE s3, KEY_ID 'a', SECRET 'b')",
    ],
    "other databases and the catalogue": [
        "ATTACH '{secret}' AS lain", "USE system", "SELECT * FROM information_schema.tables",
        "SELECT * FROM duckdb_tables()",
        "SELECT * FROM sqlite_master", "SELECT * FROM pg_catalog.pg_class", "SELECT * FROM main.uji",
        "SELECT * FROM memory.main.uji", "SELECT sql FROM duckdb_views()", "SHOW TABLES", "DESCRIBE uji",
        "SUMMARIZE uji",
        "SELECT * FROM uji AT (VERSION => 1)", "SELECT * FROM temp.x", "SELECT * FROM duckdb_columns",
    ],
    "the process": [
        "SELECT getenv('PATH')", "SELECT * FROM sys", "SELECT * FROM question", "SELECT * FROM limits",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM duckdb_memory()", "SELECT * FROM duckdb_temporary_files()", "SELECT * FROM pragma_version()",
        "SELECT which_secret('s3://x', 's3')", "SELECT * FROM duckdb_logs", "SELECT write_log('x')",
        "SELECT * FROM test_all_types()",
    ],
    "several statements": [
        "SELECT 1; SELECT 2", "SELECT 1; DROP VIEW uji", "SELECT 1 /* ; */; COPY uji TO '{target}'", "BEGIN",
        "CALL pragma_version()",
        "PREPARE p AS SELECT 1", "EXECUTE p", "EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT * FROM uji", "VACUUM",
        "CHECKPOINT",
        "", "-- kosong", ";", "SELECT $1", "SELECT ?",
    ],
    "text that becomes code": [
        "SELECT * FROM query('SELECT 1')", "SELECT * FROM query_table('uji')",
        "SELECT json_execute_serialized_sql('x')",
        "SELECT * FROM json_execute_serialized_sql('{{}}')", "PIVOT uji ON teks USING count(*)", "SELECT eval('1')",
        "SELECT CAST('{secret}' AS regclass)", "SELECT * FROM from_substrait('x')",
        "SELECT parse_duckdb_log_message('a', 'b')",
    ],
    "names out of their scope": [
        'WITH "{secret}" AS (SELECT 1) SELECT * FROM "{secret}"',
        'SELECT * FROM (WITH "{secret}" AS (SELECT 1) SELECT * FROM "{secret}") AS a, "{secret}" AS b',
        'WITH "a.csv" AS (SELECT 1) FROM "a.csv"', 'SELECT * FROM "uji@99"', 'SELECT * FROM "../uji"',
        "SELECT * FROM uji.kolom.x",
    ],
    "the parser": [
        "SELECT " + "abs(" * 1800 + "1" + ")" * 1800, "SELECT " + "+".join(["1"] * 4000),
        "SELECT '" + "x" * 20_000 + "'", "SELECT \x00 1", "SELECT 'belum selesai",
        "WITH " + ", ".join(f"a{n} AS (SELECT 1)" for n in range(900)) + " SELECT 1",
        "SELECT " + "NOT " * 2400 + "true", "SELECT 1 AS a\u202e FROM uji\uff1b DROP TABLE x",
        "SELECT " + "[" * 2000 + "]" * 2000,
    ],
}  # fmt: skip

WALLS = [
    "SELECT * FROM read_text('{secret}')", "COPY (SELECT 1) TO '{target}'", "ATTACH '{secret}' AS x", "INSTALL httpfs",
    "LOAD httpfs", "SET enable_external_access = true", "SET memory_limit = '10GB'", "SELECT * FROM glob('/*')",
    "SELECT * FROM '{secret}'", "EXPORT DATABASE '{target}'", "SELECT * FROM read_csv('https://example.invalid/x')",
    "CREATE PERSISTENT SECRET (TYPE http, BEARER_TOKEN 'x')", "SET allowed_paths = ['{secret}']",
    "SELECT * FROM terbuka",
]  # fmt: skip
"""What the connection refuses by itself, should the list of what may be asked have a hole."""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("sql")
    (folder / "rahasia.csv").write_text(f"kolom\n{SECRET}\n")
    hand = Hand(folder / "terbuka")
    rows = 40_000
    columns = {"nomor": list(range(rows)), "jenis": [f"j{n % 7}" for n in range(rows)], "teks": ["x" * 40] * rows}
    hand.put("uji", pa.table(columns), {"nomor": "BIGINT", "jenis": "VARCHAR", "teks": "VARCHAR"})
    hand.release()
    with running(hand.root, sql_seconds=1.0, sql_wait_seconds=3.0, sql_memory_mb=256, sql_workers=2) as served:
        yield served


def ask(box: Served, sql: str) -> requests.Response:
    return box.session.get(box.url + "/api/sql", params={"q": sql}, timeout=60)


def filled(box: Served, sql: str) -> str:
    part = next((box.root / "bagian").rglob("*.parquet"))
    folder = box.root.parent
    if "{secret}" not in sql and "{part}" not in sql and "{target}" not in sql and "{{" not in sql:
        return sql
    return sql.format(secret=folder / "rahasia.csv", part=part, target=folder / "tulis")


def test_there_are_at_least_sixty_ways_in_ten_classes() -> None:
    assert len(ATTACKS) >= 10
    assert len({sql for ways in ATTACKS.values() for sql in ways}) >= 60


@pytest.mark.parametrize("kind", ATTACKS)
def test_nobody_gets_out_by(box: Served, kind: str) -> None:
    got_through = []
    for sql in ATTACKS[kind]:
        answer = ask(box, filled(box, sql))
        told = answer.json().get("galat", {}).get("pesan", "")
        if answer.status_code not in (400, 404) or SECRET in answer.text or str(box.root) in told:
            got_through.append((sql[:100], answer.status_code, answer.text[:200]))
    assert got_through == []
    assert not (box.root.parent / "tulis").exists()
    assert ask(box, "SELECT count(*) AS n FROM uji").json()["baris"] == [{"n": 40_000}]


@pytest.mark.parametrize("sql", WALLS)
def test_the_connection_itself_refuses(box: Served, sql: str) -> None:
    terbuka = pa.table({"a": [SECRET]})
    assert terbuka.num_rows
    part = next((box.root / "bagian").rglob("*.parquet"))
    tables = {"uji": {"paths": [str(part)], "columns": ["nomor"]}}
    with open_tables(tables, {"uji"}, 256) as con:
        assert con.execute("SELECT count(*) FROM uji").fetchone() == (40_000,)
        with pytest.raises(duckdb.Error):
            con.execute(filled(box, sql)).fetchall()


@pytest.mark.parametrize(
    ("sql", "statuses"),
    [
        ("SELECT count(*) FROM uji a, uji b, uji c WHERE a.nomor + b.nomor + c.nomor < 0", {408}),
        ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r", {408, 400}),
        ("SELECT sum(range) FROM range(1000000000000)", {408}),
        ("SELECT string_agg(a.teks || b.teks, '') FROM uji a, uji b", {400, 408}),
        ("SELECT list(a.teks) FROM uji a, range(100000)", {400, 408}),
        ("SELECT len(range(900000000))", {400}),
        ("SELECT len(lpad('x', 2000000000, 'y'))", {400, 408}),
        ("SELECT count(DISTINCT a.nomor * 40000 + b.nomor) FROM uji a, uji b", {400, 408}),
        ("SELECT a.nomor FROM uji a, uji b ORDER BY hash(a.nomor, b.nomor)", {400, 408}),
        ("SELECT regexp_replace(string_agg(teks, ''), '(x+x+)+y', '', 'g') FROM uji", {200, 400, 408}),
    ],
)
def test_the_worst_query_costs_only_itself(box: Served, sql: str, statuses: set[int]) -> None:
    begun = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        worst = pool.submit(ask, box, sql)
        beside = [box.action("datastore_search", resource_id="uji", limit=5)["total"] for _ in range(20)]
        assert worst.result().status_code in statuses, worst.result().text
    assert set(beside) == {40_000}
    assert time.monotonic() - begun < 20
    assert ask(box, "SELECT count(*) AS n FROM uji").json()["baris"] == [{"n": 40_000}]


def test_a_long_result_is_cut_at_32000_rows_and_says_so(box: Served) -> None:
    result = ask(box, "SELECT nomor FROM uji").json()
    assert (len(result["baris"]), result["terpotong"]) == (32_000, True)
    assert ask(box, "SELECT nomor FROM uji LIMIT 32000").json()["terpotong"] is False
    csv = box.get("/api/sql", params={"q": "SELECT nomor, '=1' AS f FROM uji", "format": "csv"})
    assert csv.headers["X-Terpotong"] == "true"
    assert csv.text.splitlines()[:2] == ["nomor,f", "0,'=1"]


def test_a_result_of_too_many_bytes_is_refused(box: Served) -> None:
    answer = ask(box, "SELECT teks || teks || lpad('', 2000, 'z') AS t FROM uji")
    assert answer.status_code == 400
    assert "MB" in answer.json()["galat"]["pesan"]


def test_more_questions_than_can_wait_are_told_to_come_again(box: Served) -> None:
    slow = "SELECT count(*) FROM uji a, uji b, uji c WHERE a.nomor + b.nomor + c.nomor < 0"
    with ThreadPoolExecutor(70) as pool:
        asked = [pool.submit(requests.get, box.url + "/api/sql", {"q": slow}, timeout=60) for _ in range(70)]
        answers = [one.result() for one in asked]
    assert {a.status_code for a in answers} == {408, 503}
    assert {a.headers["Retry-After"] for a in answers if a.status_code == 503} == {"5"}
    assert ask(box, "SELECT 1 AS a").status_code == 200


def test_ordinary_analysis_works(box: Served) -> None:
    for sql, wanted in {
        "SELECT jenis, count(*) AS n FROM uji GROUP BY ALL ORDER BY jenis LIMIT 1": [{"jenis": "j0", "n": 5715}],
        "WITH a AS (SELECT * FROM uji WHERE nomor < 3) SELECT sum(nomor) AS s FROM a": [{"s": 3}],
        "FROM uji SELECT DISTINCT ON (jenis) jenis, nomor ORDER BY nomor LIMIT 1": [{"jenis": "j0", "nomor": 0}],
        "SELECT nomor, lag(nomor) OVER (ORDER BY nomor) AS l FROM uji QUALIFY l = 5": [{"nomor": 6, "l": 5}],
        "SELECT DATE '2026-01-31' + INTERVAL 1 MONTH AS d, 0.1 + 0.2 AS x": [{"d": "2026-02-28T00:00:00", "x": 0.3}],
        "SELECT a.nomor FROM uji a JOIN uji b ON a.nomor = b.nomor + 39998 ORDER BY 1": [
            {"nomor": 39998},
            {"nomor": 39999},
        ],
        "SELECT CASE WHEN nomor % 2 = 0 THEN 'genap' ELSE 'ganjil' END AS g FROM uji LIMIT 1": [{"g": "genap"}],
        "SELECT list_transform([1, 2], lambda x: x * 2) AS l, {'a': 1} AS s": [{"l": [2, 4], "s": {"a": 1}}],
        "SELECT CAST('12' AS INTEGER) AS i, TRY_CAST('x' AS DECIMAL(5,2)) AS t": [{"i": 12, "t": None}],
        "SELECT 1 AS a, 2 AS a": [{"a": 1, "a_2": 2}],
        "SELECT jenis FROM uji UNION SELECT 'lain' ORDER BY 1 DESC LIMIT 1": [{"jenis": "lain"}],
        "SELECT max(nomor) FILTER (WHERE jenis = 'j1') AS m FROM uji": [{"m": 39999}],
        "SELECT * FROM (VALUES (1, 'a')) AS v(x, y)": [{"x": 1, "y": "a"}],
        "SELECT 'nan'::DOUBLE AS f": [{"f": None}],
    }.items():
        answer = ask(box, sql)
        assert answer.status_code == 200, (sql, answer.text)
        assert answer.json()["baris"] == wanted, sql


def test_a_query_sees_no_variable_of_the_service(box: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSP_RAHASIA", SECRET)
    workers = [p for p in Path("/proc").iterdir() if p.name.isdigit() and b"portal.sqlworker" in _read(p / "cmdline")]
    own = [p for p in workers if f"PPid:\t{os.getpid()}\n".encode() in _read(p / "status")]
    assert own
    assert all(SECRET.encode() not in _read(p / "environ") and b"SSP_" not in _read(p / "environ") for p in own)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
