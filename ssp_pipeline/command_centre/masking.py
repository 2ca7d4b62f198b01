"""Private columns covered, and files that no spreadsheet runs.

An allow-list, like the archive's: a value is shown only under the name of a declared column that is not private.

Belongs here: covering values of frames and of quarantined rows, CSV. Does not belong here: who may see the rest.
"""

import io
from typing import Any

import orjson
import polars as pl

from connectors.contract import Contract
from connectors.read.columns import MISSING_MARK, SHAPE_MARK
from warehouse.opendata.formats import FORMULA

COVER = "•••"


def visible(contract: Contract) -> frozenset[str]:
    """Names, in the lake and on the wire, under which values of a dataset may be shown."""
    private = {name for c in contract.columns if c.classification == "private" for name in (c.name, c.wire)}
    return frozenset({name for c in contract.columns for name in (c.name, c.wire)} - private)


def masked_rows(contract: Contract, raw: pl.DataFrame) -> pl.DataFrame:
    """A payload's raw rows as texts; `_baris` is their 0-based number.

    In a row whose cells have slipped a private value may stand under any name: nothing of it is shown.
    """
    shown, slipped = visible(contract), pl.lit(False)
    if contract.has_private and SHAPE_MARK in raw.columns:
        slipped = pl.col(SHAPE_MARK).is_not_null()
    columns = []
    for name in raw.columns:
        if name in (MISSING_MARK, SHAPE_MARK):
            continue
        covered = slipped if name in shown else pl.lit(True)
        value = pl.col(name).cast(pl.String)
        columns.append(pl.when(value.is_not_null() & covered).then(pl.lit(COVER)).otherwise(value).alias(name))
    return raw.select(columns).with_row_index("_baris")


def masked_content(contract: Contract, isi: str | None) -> str:
    """The content of a quarantined row as JSON; what cannot be read as one is covered whole."""
    if not isi:
        return ""
    try:
        facts: Any = orjson.loads(isi)
    except orjson.JSONDecodeError:
        facts = None
    if not isinstance(facts, dict):
        return COVER if contract.has_private else isi
    if not contract.has_private:
        return isi
    shown = visible(contract)
    return orjson.dumps({k: v if v is None or k in shown else COVER for k, v in facts.items()}).decode()


def csv_of(rows: pl.DataFrame) -> bytes:
    """UTF-8 with a mark, comma, CRLF; text that a spreadsheet would run gets an apostrophe in front."""
    texts = [pl.col(n) for n, dtype in rows.schema.items() if dtype == pl.String]
    safe = [
        pl.when(t.str.contains(FORMULA)).then(pl.concat_str(pl.lit("'"), t)).otherwise(t).name.keep() for t in texts
    ]
    target = io.BytesIO()
    rows.with_columns(safe).write_csv(target, include_bom=True, line_terminator="\r\n")
    return target.getvalue()
