"""Rows by filters, words, order and page, held against DuckDB asked the same over the same rows."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.portal import Hand, Served, running

pytest_plugins = ["tests.support.portal_fixtures"]

SQL = {
    "kode": "VARCHAR", "nama": "VARCHAR", "jumlah": "BIGINT", "nilai": "DECIMAL(18,2)", "porsi": "DOUBLE",
    "tanggal": "DATE", "waktu": "TIMESTAMP", "aktif": "BOOLEAN",
}  # fmt: skip
NAMES = ["Cabai Merah", "cabai rawit", "Beras, medium", 'Minyak "curah"', "=1+1", "Gula\nPasir", "Café Ülkü", ""]


def made_rows(count: int = 400) -> pa.Table:
    return pa.table(
        {
            "kode": pa.array([f"{n * 7 % 33:02d}" for n in range(count)]),
            "nama": pa.array([None if n % 11 == 0 else NAMES[n * 5 % 8] for n in range(count)]),
            "jumlah": pa.array([None if n % 13 == 0 else n % 9 - 4 for n in range(count)], pa.int64()),
            "nilai": pa.array(
                [None if n % 17 == 0 else Decimal(n % 40 * 25) / 100 for n in range(count)], pa.decimal128(18, 2)
            ),
            "porsi": pa.array([None if n % 19 == 0 else n % 7 / 10 for n in range(count)]),
            "tanggal": pa.array([date(2026, 1, 1 + n % 28) for n in range(count)]),
            "waktu": pa.array(
                [datetime(2026, 1, 1, n % 24, n % 60, tzinfo=UTC) for n in range(count)], pa.timestamp("us")
            ),
            "aktif": pa.array([None if n % 5 == 0 else n % 2 == 0 for n in range(count)]),
        }
    )


@pytest.fixture(scope="module")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = Hand(tmp_path_factory.mktemp("baris") / "terbuka")
    folder.put("uji", made_rows(), SQL)
    folder.put("kosong", made_rows(0), SQL)
    folder.release()
    with running(folder.root) as served:
        yield served


@pytest.fixture(scope="module")
def oracle() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        rows = made_rows()
        con.register("asal", rows)
        con.execute("CREATE TABLE uji AS SELECT row_number() OVER () AS _id, * FROM asal")
        yield con


def texts(row: dict[str, Any]) -> list[str | None]:
    """Values as texts that compare across JSON and DuckDB."""
    found: list[str | None] = []
    for value in row.values():
        if isinstance(value, (bool, type(None))):
            found.append(None if value is None else str(value).lower())
        elif isinstance(value, (datetime, date)):
            found.append(value.isoformat())
        else:
            found.append(str(value))
    return found


VALUES: dict[str, Any] = {
    "kode": st.sampled_from(["00", "07", "32", "99"]),
    "nama": st.sampled_from([*NAMES, None, "tidak ada"]),
    "jumlah": st.sampled_from([-4, 0, 4, None, 77]),
    "nilai": st.sampled_from(["0.25", "1.50", 2.5, None, "9999"]),
    "porsi": st.sampled_from([0.1, 0.3, None, 5]),
    "tanggal": st.sampled_from(["2026-01-05", "2026-01-28", "2030-01-01"]),
    "waktu": st.sampled_from(["2026-01-01T03:03:00", "2026-01-01 04:04:00"]),
    "aktif": st.sampled_from([True, False, None, "true"]),
}
FILTERS = st.fixed_dictionaries({}, optional={n: st.one_of(v, st.lists(v, max_size=3)) for n, v in VALUES.items()})
SORTS = st.lists(st.tuples(st.sampled_from([*SQL, "_id"]), st.booleans()), max_size=3, unique_by=lambda pair: pair[0])


def condition(name: str, value: Any) -> tuple[str, list[Any]]:
    values = value if isinstance(value, list) else [value]
    parts = [f"{name} IS NULL" if v is None else f"{name} = CAST(? AS {SQL[name]})" for v in values]
    return "(" + (" OR ".join(parts) or "false") + ")", [v for v in values if v is not None]


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(filters=FILTERS, sort=SORTS, offset=st.integers(0, 60), limit=st.integers(0, 60), distinct=st.booleans())
def test_any_question_is_answered_as_duckdb_answers_it(
    hand: Served,
    oracle: duckdb.DuckDBPyConnection,
    filters: dict[str, Any],
    sort: list[tuple[str, bool]],
    offset: int,
    limit: int,
    distinct: bool,
) -> None:
    asked = {"resource_id": "uji", "filters": filters, "offset": offset, "limit": limit, "distinct": distinct}
    parts, values = ["true"], []
    for name, value in filters.items():
        part, bound = condition(name, value)
        parts.append(part)
        values += bound
    where = " AND ".join(parts)
    if distinct:
        asked |= {"fields": "kode,aktif"}
        query = f"SELECT kode, aktif FROM uji WHERE {where} GROUP BY ALL ORDER BY min(_id)"
    else:
        asked |= {"sort": ",".join(f"{n} {'desc' if d else 'asc'}" for n, d in sort)}
        order = [f"{n} {'DESC NULLS FIRST' if d else 'ASC NULLS LAST'}" for n, d in sort]
        query = f"SELECT * FROM uji WHERE {where} ORDER BY {', '.join([*order, '_id'])}"
    result = hand.action("datastore_search", **asked)
    wanted = oracle.execute(query, values).to_arrow_table().to_pylist()
    assert result["total"] == len(wanted)
    numbers = [
        {k: Decimal(str(v)) if isinstance(v, float) and k == "nilai" else v for k, v in r.items()}
        for r in result["records"]
    ]
    shown = [texts(r) for r in wanted[offset : offset + limit]]
    assert [[_same(t) for t in texts(r)] for r in numbers] == [[_same(t) for t in r] for r in shown]


def _same(text: str | None) -> str | None:
    """1.5 and 1.50 are one number."""
    if text is None:
        return None
    try:
        return str(Decimal(text).normalize()) if "." in text and text.count(".") == 1 else text
    except ArithmeticError:
        return text


@pytest.mark.parametrize("path", ["hand:uji", "served:kamera_uji", "served:penerimaan_uji"])
def test_every_value_that_is_shown_finds_its_rows_in_both_ways_of_asking(
    hand: Served, served: Served, path: str
) -> None:
    portal, name = (hand if path.startswith("hand") else served), path.partition(":")[2]
    rows = portal.action("datastore_search", resource_id=name, limit=500)["records"]
    for row in rows[:40:7]:
        for column, value in row.items():
            asked = {column: value}
            posted = portal.action("datastore_search", resource_id=name, filters=asked, limit=500)["records"]
            assert posted == [r for r in rows if r[column] == value], asked
            params = {"resource_id": name, "filters": json.dumps(asked), "limit": 500}
            got = portal.get("/api/3/action/datastore_search", params=params).json()["result"]["records"]
            assert got == posted


@pytest.mark.parametrize(
    ("q", "total"),
    [
        ("cabai", "lower(nama) LIKE 'cabai%'"),
        ("CABAI mer", "nama = 'Cabai Merah'"),
        ("cafe", "nama LIKE 'Café%'"),
        ({"nama": "gula"}, "nama LIKE 'Gula%'"),
        ("2026-01-05", "tanggal = DATE '2026-01-05'"),
        ("tidakadadimana", "false"),
        ({"nama": "medium", "kode": "07"}, "nama LIKE '%medium' AND kode = '07'"),
    ],
)
def test_words_find_rows_whose_words_they_begin(
    hand: Served, oracle: duckdb.DuckDBPyConnection, q: Any, total: str
) -> None:
    wanted = oracle.execute(f"SELECT count(*) FROM uji WHERE {total}").fetchone()
    assert wanted is not None
    assert hand.action("datastore_search", resource_id="uji", q=q, limit=0)["total"] == wanted[0]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"filters": '{"tidak_ada": 1}'}, "filters"), ({"filters": '{"jumlah": "banyak"}'}, "filters"),
        ({"filters": '{"tanggal": "kemarin"}'}, "filters"), ({"filters": '{"kode": {"a": 1}}'}, "filters"),
        ({"filters": "[1]"}, "filters"), ({"filters": "{"}, "filters"), ({"sort": "tidak_ada"}, "sort"),
        ({"sort": "kode sideways"}, "sort"), ({"sort": "kode; DROP TABLE uji"}, "sort"),
        ({"fields": "kode,x"}, "fields"), ({"limit": "-1"}, "limit"), ({"limit": "satu"}, "limit"),
        ({"offset": "-5"}, "offset"),
        ({"records_format": "xml"}, "records_format"), ({"distinct": "mungkin"}, "distinct"), ({"q": "[1]"}, "q"),
        ({"versi": "x"}, "versi"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(hand: Served, params: dict[str, str], field: str) -> None:
    answer = hand.get("/api/3/action/datastore_search", params={"resource_id": "uji", **params})
    assert answer.status_code == 409, answer.text
    assert field in answer.json()["error"]


def test_a_dataset_without_rows_answers(hand: Served) -> None:
    result = hand.action("datastore_search", resource_id="kosong", sort="kode", filters={"kode": "1"})
    assert (result["total"], result["records"]) == (0, [])
    assert hand.get("/datastore/dump/kosong?format=csv").text.splitlines() == ["_id," + ",".join(SQL)]
    assert pq.read_table(io.BytesIO(hand.get("/datastore/dump/kosong?format=parquet").content)).num_rows == 0


def test_a_dump_has_every_row_in_every_form(hand: Served) -> None:
    rows = made_rows().to_pylist()
    given = list(csv.DictReader(io.StringIO(hand.get("/datastore/dump/uji").content.decode())))
    assert [r["kode"] for r in given] == [r["kode"] for r in rows]
    assert given[5]["nama"] == (rows[5]["nama"] or "").replace("=1+1", "'=1+1")
    assert all(not r["nama"].startswith("=") for r in given)
    assert hand.get("/datastore/dump/uji?format=csv&bom=true").content.startswith(b"\xef\xbb\xbf_id,")
    listed = hand.get("/datastore/dump/uji?format=json").json()
    assert [f["id"] for f in listed["fields"]] == ["_id", *SQL]
    assert [r[2] for r in listed["records"]] == [r["nama"] for r in rows]
    table = pq.read_table(io.BytesIO(hand.get("/datastore/dump/uji?format=parquet").content))
    assert table.to_pylist() == rows
    tree = ElementTree.fromstring(hand.get("/datastore/dump/uji?format=xml").content)
    assert [e.findtext("kode") for e in tree] == [r["kode"] for r in rows]
    tabbed = hand.get("/datastore/dump/uji?format=tsv").content.decode().split("\r\n")[0]
    assert tabbed.split("\t") == ["_id", *SQL]


def test_a_dump_takes_the_same_questions_as_the_search(hand: Served) -> None:
    asked = {
        "filters": json.dumps({"kode": "07"}),
        "fields": "kode,jumlah",
        "sort": "jumlah desc",
        "limit": 5,
        "offset": 2,
    }
    found = hand.action("datastore_search", resource_id="uji", **asked)["records"]
    given = list(csv.DictReader(io.StringIO(hand.get("/datastore/dump/uji", params=asked).text)))
    assert [(r["kode"], r["jumlah"]) for r in given] == [
        (r["kode"], "" if r["jumlah"] is None else str(r["jumlah"])) for r in found
    ]
    assert hand.get("/datastore/dump/uji?format=exe").status_code == 400
    assert hand.get("/datastore/dump/tidak_ada").status_code == 404
