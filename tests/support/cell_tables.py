"""Tables with small cells for tests of privacy: their contracts, their rows, and what a reader can work out of them.

The reader here is written for itself: one linear program over everything that is published, cell by cell, with nothing
of the code that suppresses or audits.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from scipy.optimize import linprog

from warehouse import duck
from warehouse.opendata.contract import OpenColumn, OpenColumnExtension, OpenContract, OpenExtension

TOTAL = "Jumlah"
RELATION = "_rilis"
_TYPES = {
    "bulan": "VARCHAR", "kabupaten": "VARCHAR", "upt": "VARCHAR", "jenis": "VARCHAR", "jumlah": "BIGINT",
    "pembayar": "BIGINT", "terbesar": "DOUBLE", "status_rahasia": "VARCHAR", "asal_data": "VARCHAR",
}  # fmt: skip
Key = tuple[str, str, str]
"""Parent, row and column; TOTAL for a total over them."""


def contract(kind: str = "hitungan", **rule: Any) -> OpenContract:
    """The contract of a table of `upt` x `jenis` per `bulan`, within `kabupaten`, with its totals."""
    closed = {"pembayar", "terbesar"}
    columns = tuple(
        OpenColumn(n, n, n, "string", t, required=False, key=False, open=n not in closed, ext=OpenColumnExtension())
        for n, t in _TYPES.items()
    )
    settings = {
        "jenis": kind, "nilai": "jumlah", "baris": "upt", "kolom": "jenis", "induk": "kabupaten", "per": ["bulan"],
        "jumlah": TOTAL, **rule,
    }  # fmt: skip
    if kind == "uang":
        settings |= {"pembayar": "pembayar", "terbesar": "terbesar"}
    ext = OpenExtension.model_validate(
        {"judul_en": "x", "keterangan_en": "x", "topik": ("uji",), "sel_kecil": (settings,)}
    )
    dimensions = (rule.get("induk", "kabupaten"), "upt", rule.get("kolom", "jenis"))
    key = ("bulan", *(c for c in dimensions if c))
    path = Path("uji/open_data/uji.odcs.yaml")
    return OpenContract("uji", "uji", "1", "Uji", "Uji", "", "", columns, key, None, ext, "0", path)


def lines(parent: str, row: str) -> list[tuple[str, str]]:
    """A row and the totals that it is in."""
    return list(dict.fromkeys([(parent, row), (parent, TOTAL), (TOTAL, TOTAL)]))


def totals(cells: Mapping[Key, int]) -> dict[Key, int]:
    """Every total of the cells, over rows, columns and parents."""
    found: dict[Key, int] = {}
    for (parent, row, column), value in cells.items():
        for line in lines(parent, row):
            for key in {(*line, column), (*line, TOTAL)} - {(parent, row, column)}:
                found[key] = found.get(key, 0) + value
    return found


def readable(months: Mapping[str, Mapping[Key, int | None]]) -> duckdb.DuckDBPyConnection:
    """A connection with a table as readers get it: None is suppressed, and closed columns are gone."""
    con = table(months)
    con.execute(f"UPDATE {RELATION} SET status_rahasia = CASE WHEN jumlah IS NULL THEN 'ditekan' ELSE 'terbuka' END")
    con.execute(f"ALTER TABLE {RELATION} DROP COLUMN pembayar")
    con.execute(f"ALTER TABLE {RELATION} DROP COLUMN terbesar")
    return con


def part(folder: Path, told: Mapping[Key, int | None], month: str = "2025-01") -> Path:
    """A Parquet part of an earlier version that tells this; None where it suppressed a cell."""
    path = folder / f"{len(list(folder.iterdir()))}.parquet"
    with readable({month: told}) as con:
        con.execute(f"COPY {RELATION} TO '{path}'")
    return path


def table(
    months: Mapping[str, Mapping[Key, Any]], payers: Mapping[Key, tuple[int, float]] | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection with the cells of each month in the temporary table that is about to be published."""
    con = duck.bare({"threads": 1})
    con.execute(f"CREATE TEMP TABLE {RELATION} ({', '.join(f'{n} {t}' for n, t in _TYPES.items())})")
    rows = [
        [month, *key, value, *(payers or {}).get(key, (100, 0.01)), "", "tiruan"]
        for month, cells in months.items()
        for key, value in cells.items()
    ]
    con.executemany(f"INSERT INTO {RELATION} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return con


def published(con: duckdb.DuckDBPyConnection, month: str = "2025-01") -> dict[Key, int | None]:
    """What the table tells of a month; None where a cell is suppressed."""
    found = con.execute(
        f"SELECT kabupaten, upt, jenis, jumlah, status_rahasia FROM {RELATION} WHERE bulan = ?", [month]
    ).fetchall()
    assert all((value is None) == (status == "ditekan") for *_, value, status in found)
    return {(p, r, c): value for p, r, c, value, _ in found}


def ranges(told: Mapping[Key, int | None]) -> dict[Key, tuple[float, float]]:
    """For each suppressed cell and total the least and the most it can be, given everything that is told."""
    cells = sorted(k for k in told if TOTAL not in k)
    place = {k: n for n, k in enumerate(cells)}
    parts: dict[Key, np.ndarray] = {k: np.zeros(len(cells)) for k in told}
    for (parent, row, column), n in place.items():
        for line in lines(parent, row):
            for key in ((*line, column), (*line, TOTAL)):
                if key in parts:
                    parts[key][n] = 1
    fixed = [k for k, v in told.items() if v is not None]
    given = {"A_eq": np.array([parts[k] for k in fixed]), "b_eq": np.array([told[k] for k in fixed])} if fixed else {}
    found = {}
    for key in (k for k, v in told.items() if v is None):
        least = linprog(parts[key], bounds=(0, 1e7), method="highs", **given)
        most = linprog(-parts[key], bounds=(0, 1e7), method="highs", **given)
        assert least.status == 0
        assert most.status == 0
        found[key] = (round(least.fun, 6), round(-most.fun, 6))
    return found
