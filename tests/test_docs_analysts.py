"""The analysts' page: every query and snippet of it that is marked `run` works on a real snapshot."""

import re
from pathlib import Path

import duckdb
import pytest

from tests.support.workspace import Small
from warehouse.snapshot import latest

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "analysts.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql run\n(.*?)```", PAGE, re.DOTALL)
SNIPPETS = re.findall(r"```python run\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_page_runs_on_the_newest_snapshot(small_warehouse: Small, query: str) -> None:
    path = latest(small_warehouse.snapshots)
    assert path is not None
    with duckdb.connect(str(path), read_only=True) as con:
        assert con.execute(query).description


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_python_snippet_of_the_page_runs_and_keeps_codes_as_text(
    small_warehouse: Small, snippet: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_warehouse.snapshots)
    exec(compile(snippet, "docs/analysts.md", "exec"), {})


def test_the_page_has_queries_and_a_snippet() -> None:
    assert len(QUERIES) >= 6
    assert SNIPPETS
