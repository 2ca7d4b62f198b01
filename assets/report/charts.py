"""Charts of the agencies' folders: `charts/<name>.vl.json`, a Vega-Lite specification, beside `<name>.sql`, its data.

Belongs here: finding them and joining specification and rows. Does not belong here: drawing (`render.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import orjson
import polars as pl

from warehouse.modelling import FrontMatter, Model, ModelError, render
from warehouse.select_file import load_select


@dataclass(frozen=True)
class Chart:
    """One chart: its name (that of its files), the specification without data, and the SELECT that gives them."""

    name: str
    agency: str
    spec: Mapping[str, Any]
    model: Model

    @property
    def title(self) -> str:
        return str(self.spec["title"]["text"])


def find_charts(roots: Sequence[Path]) -> tuple[Chart, ...]:
    """Charts of all agency folders, by name. Raises ModelError for a faulty or missing file or a name used twice."""
    found: dict[str, Chart] = {}
    for path in sorted(p for root in roots for p in root.glob("*/charts/*.vl.json")):
        name, agency = path.name.removesuffix(".vl.json"), path.parent.parent.name
        where = f"{agency}/charts/{path.name}"
        if name in found:
            raise ModelError(f"chart {name} is in two agencies: {found[name].agency}, {agency}")
        sql = path.with_name(f"{name}.sql")
        if not sql.is_file():
            raise ModelError(f"{where}: {name}.sql is not beside it")
        try:
            spec = orjson.loads(path.read_bytes())
            if spec["data"] != {"name": "data"} or not isinstance(spec["title"]["text"], str):
                raise ModelError(f'{where}: needs "data": {{"name": "data"}} and a title with a text')
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise ModelError(f"{where}: {error}") from None
        found[name] = Chart(name, agency, spec, load_select(sql, f"bagan.{name}", FrontMatter)[1])
    return tuple(found[n] for n in sorted(found))


def chart_rows(con: duckdb.DuckDBPyConnection, chart: Chart) -> pl.DataFrame:
    """The rows that a chart draws. `con` has the lake attached."""
    frame = pl.from_arrow(con.execute(render(chart.model, lambda _: None)).to_arrow_table())
    assert isinstance(frame, pl.DataFrame)
    return frame


def with_data(chart: Chart, rows: pl.DataFrame) -> dict[str, Any]:
    """The specification with its rows inside: dates as ISO text, decimals as numbers."""
    return {**chart.spec, "data": {"name": "data", "values": plain_rows(rows)}}


def plain_rows(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON can hold them."""
    return [{k: _plain(v) for k, v in row.items()} for row in rows.iter_rows(named=True)]


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
