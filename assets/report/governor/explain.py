"""What is behind a figure of a report: the kept rows, the dataset's rows in the lake, and the archived payloads.

Belongs here: finding them. Does not belong here: showing payloads (the command centre, by rights).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from assets.report.charts import plain_rows
from assets.report.governor.desk import FIGURES, INPUTS
from assets.report.governor.inputs import load
from connectors.contract import Contract
from warehouse.duck import LAKE, ident, literal
from warehouse.lake import Lake


class UnknownFigure(LookupError):
    """The report has no figure of this reference; the message names those that it has."""


@dataclass(frozen=True)
class Behind:
    """A figure as it was printed, the kept rows that it was made of, and what the lake has for it.

    `rows`: at most the asked number of the dataset's rows, without private columns; `total`: how many there are;
    `payloads`: archived payloads by id with the number of rows from each.
    """

    figure: dict[str, Any]
    kept: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    total: int
    payloads: dict[str, int]


def explain(folder: Path, ref: str, lake: Lake, contracts: Sequence[Contract], *, most: int = 20) -> Behind:
    """What is behind figure `ref` of the version in `folder`.

    Raises UnknownFigure, InputsDamaged, FileNotFoundError.
    """
    figures = {f["ref"]: f for f in orjson.loads((folder / FIGURES).read_bytes())}
    if ref not in figures:
        raise UnknownFigure(f"there is no figure {ref}; there are: {', '.join(sorted(figures, key=_order))}")
    figure = figures[ref]
    inputs = load((folder / INPUTS).read_bytes())
    table = inputs.tables.get(figure["table"])
    kept = [r for r in plain_rows(table) if _matches(r, figure["key"])] if table is not None else []
    contract = next((c for c in contracts if c.id == figure["origin"]["dataset"]), None)
    if contract is None or f"source.{contract.table}" not in lake.shapes():
        return Behind(figure, kept, [], 0, {})
    rows, total, payloads = _from_lake(lake, contract, figure, most)
    return Behind(figure, kept, rows, total, payloads)


def _order(ref: str) -> tuple[str, int]:
    return ref[0], int(ref[1:])


def _matches(row: dict[str, Any], key: dict[str, Any]) -> bool:
    """Whether a kept row is one of those that a key names; `dari` and `sampai` bound its date."""
    plain = {k: v for k, v in key.items() if k in row}
    inside = key.get("dari", "") <= str(row.get("tanggal", "9999")) <= key.get("sampai", "9999")
    return inside and all(row[k] == v for k, v in plain.items())


def _from_lake(
    lake: Lake, contract: Contract, figure: dict[str, Any], most: int
) -> tuple[list[dict[str, Any]], int, dict[str, int]]:
    first, last = figure["origin"]["first"], figure["origin"]["last"]
    column = contract.partition_column
    conditions = [f"{ident(column)} BETWEEN DATE {literal(first)} AND DATE {literal(last)}"] if column else ["true"]
    conditions += [f"CAST({ident(k)} AS VARCHAR) = {literal(str(v))}" for k, v in figure["rows"].items()]
    where = f"FROM {LAKE}.source.{ident(contract.table)} WHERE {' AND '.join(conditions)}"
    shown = [c.name for c in contract.columns if c.classification != "private"]
    columns = ", ".join(ident(n) for n in [*shown, "_payload", "_baris", "_asal"])
    rows = plain_rows(lake.query(f"SELECT {columns} {where} ORDER BY _payload, _baris LIMIT {most}"))
    payloads = lake.query(f"SELECT _payload, count(*) AS n {where} GROUP BY _payload ORDER BY _payload")
    counts = {str(p): int(n) for p, n in payloads.iter_rows()}
    return rows, sum(counts.values()), counts
