"""Charts: `<name>.vl.json`, a Vega-Lite specification, beside `<name>.sql`, the view `dashboard.<name>` that it draws.

They lie in the agencies' `charts/` and in `dashboard/` beside the shared models. A page and a print draw what
`with_data` gives: the specification, the style that all share (`gaya.json`) and rows of the view, marked if they come
from a stand-in. A parameter of a specification that is named like a column is a filter that readers may set.
Does not belong here: drawing (`render.py`), building views (`warehouse/build.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import orjson
import polars as pl

from warehouse.duck import qualified
from warehouse.modelling import Model, ModelError, ViewHead, load_model

SHARED_VIEWS = Path(__file__).resolve().parents[2] / "warehouse" / "models" / "dashboard"
_STYLE = Path(__file__).with_name("gaya.json")
_MARKED = "#b00020"


@dataclass(frozen=True)
class Chart:
    """One chart: its name (that of its files), the specification without data, and the view that gives them.

    `agency` is the folder that it lies in, "" for a shared one.
    """

    name: str
    agency: str
    spec: Mapping[str, Any]
    model: Model

    @property
    def title(self) -> str:
        return str(self.spec["title"]["text"])

    @property
    def head(self) -> ViewHead:
        assert isinstance(self.model.head, ViewHead)
        return self.model.head

    @property
    def filters(self) -> dict[str, Any]:
        """Columns by which readers may choose rows, with the value that is drawn when they choose none."""
        named = {p["name"]: p.get("value") for p in self.spec.get("params", ()) if "select" not in p}
        return {name: value for name, value in named.items() if name in self.head.columns}


def find_charts(roots: Sequence[Path], shared: Path | None = None) -> tuple[Chart, ...]:
    """Charts of the agencies below `roots` and of the folder `shared`, by name.

    Raises ModelError for a faulty or missing file or a name used twice.
    """
    found: dict[str, Chart] = {}
    paths = [p for root in roots for p in root.glob("*/charts/*.vl.json")]
    for path in sorted([*paths, *(shared.glob("*.vl.json") if shared else ())]):
        name = path.name.removesuffix(".vl.json")
        agency = path.parent.parent.name if path.parent != shared else ""
        where = f"{path.parent.parent.name}/{path.parent.name}/{path.name}"
        if name in found:
            raise ModelError(f"chart {name} is in two places: {found[name].agency or 'shared'}, {agency or 'shared'}")
        sql = path.with_name(f"{name}.sql")
        if not sql.is_file():
            raise ModelError(f"{where}: {name}.sql is not beside it")
        try:
            spec = orjson.loads(path.read_bytes())
            if spec["data"] != {"name": "data"} or not isinstance(spec["title"]["text"], str):
                raise ModelError(f'{where}: needs "data": {{"name": "data"}} and a title with a text')
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise ModelError(f"{where}: {error}") from None
        found[name] = Chart(name, agency, spec, load_model(sql))
    return tuple(found[n] for n in sorted(found))


def chart_rows(con: duckdb.DuckDBPyConnection, chart: Chart) -> pl.DataFrame:
    """The rows of the chart's view as it was last built. `con` has the lake attached."""
    frame = pl.from_arrow(con.execute(f"SELECT * FROM {qualified(chart.model.table)}").to_arrow_table())
    assert isinstance(frame, pl.DataFrame)
    return frame


def with_data(chart: Chart, rows: pl.DataFrame, choice: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The specification with the shared style and its rows inside: dates as ISO text, decimals as numbers.

    `choice`: values of filters (see `Chart.filters`). Rows of a stand-in or a replay are named under the title.
    Raises KeyError for a choice that the chart does not offer.
    """
    spec = dict(chart.spec)
    unknown = (choice or {}).keys() - chart.filters.keys()
    if unknown:
        raise KeyError(f"{chart.name} has no filter {', '.join(sorted(unknown))}")
    if choice:
        spec["params"] = [{**p, "value": choice.get(p["name"], p.get("value"))} for p in spec["params"]]
    spec["config"] = _merged(style(), chart.spec.get("config", {}))
    spec["title"] = _marked(chart.spec["title"], rows)
    return {**spec, "data": {"name": "data", "values": plain_rows(rows)}}


@cache
def style() -> dict[str, Any]:
    """The look that all charts share: colours that colour-blind readers tell apart, sizes, Indonesian forms."""
    found: dict[str, Any] = orjson.loads(_STYLE.read_bytes())
    return found


def _marked(title: Mapping[str, Any], rows: pl.DataFrame) -> dict[str, Any]:
    origins = sorted(set(rows["asal_data"].drop_nulls()) - {"resmi"}) if "asal_data" in rows.columns else []
    if not origins:
        return dict(title)
    said = title.get("subtitle", [])
    note = f"Data {', '.join(origins)}: bukan ambilan langsung dari sumber"
    return {**title, "subtitle": [*([said] if isinstance(said, str) else said), note], "subtitleColor": _MARKED}


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `own` says otherwise, at any depth."""
    both = {k: _merged(base[k], v) for k, v in own.items() if isinstance(v, dict) and isinstance(base.get(k), dict)}
    return {**base, **own, **both}


def plain_rows(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON can hold them."""
    return [{k: _plain(v) for k, v in row.items()} for row in rows.iter_rows(named=True)]


def _plain(value: Any) -> Any:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
