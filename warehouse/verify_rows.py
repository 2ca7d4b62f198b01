"""Comparing the rows of payloads that were read again with those of the lake and of quarantine, one by one.

Belongs here: set arithmetic on frames. Does not belong here: where the frames come from (`verify.py`).
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from connectors.contract import Contract

MARK = "_sidik"
"""Hash of all that a row says and of where it stood in its payload."""

_ROW = ["_payload", "_baris"]
_KEY = ["_partisi", *_ROW]


@dataclass(frozen=True)
class Compared:
    """Counts of one partition, and what does not add up."""

    read: int
    accepted: int
    quarantined: int
    replaced: int
    gaps: tuple[str, ...]


def marked(contract: Contract, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows, in the contract's types, with their hash."""
    typed = rows.with_columns(pl.col(name).cast(dtype) for name, dtype in contract.schema().items())
    return typed.with_columns(typed.select(list(contract.schema())).hash_rows(seed=7).alias(MARK))


def compare(
    contract: Contract,
    keys: Sequence[str],
    rows: pl.DataFrame,
    rejected: pl.DataFrame,
    held: pl.DataFrame,
    aside: pl.DataFrame,
    gone: Collection[str],
) -> dict[str, Compared]:
    """Compare some partitions. `rows`, `rejected`: read again from the payloads; `held`: marked rows of the lake;
    `aside`: `_partisi`, `_payload`, `_baris` of quarantined rows; `gone`: payloads that cannot be read any more.
    """
    known, lost = pl.col("_partisi").is_in(list(keys)), pl.col("_payload").is_in(list(gone))
    rows, rejected = marked(contract, rows.filter(known)), rejected.filter(known).select(_KEY)
    held, aside = held.filter(~lost), aside.filter(~lost)
    files = contract.ext.mode == "berkas"
    in_lake = pl.col(MARK).is_in(held[MARK].implode())
    accepted, others = rows.filter(in_lake), rows.filter(~in_lake)
    missing = others.join(aside, on=_KEY, how="anti")
    replaced = _replaced(contract, missing, held) if files else missing.clear()
    missing = missing.join(replaced, on=_KEY, how="anti")
    frames = {
        "rows": rows,
        "rejected": rejected,
        "held": held,
        "accepted": accepted,
        "refused": others.join(aside, on=_KEY, how="semi"),
        "missing": missing,
        "replaced": replaced,
        "unkept": rejected.join(aside, on=_KEY, how="anti"),
        "invented": held.filter(~pl.col(MARK).is_in(rows[MARK].implode())),
        "stray": aside.join(pl.concat([rows.select(_KEY), rejected]), on=_KEY, how="anti"),
        # A row of a file that was refused once may be accepted when the file is settled again.
        "both": accepted.clear() if files else accepted.join(aside, on=_KEY, how="semi"),
    }
    counts = {
        name: dict(frame["_partisi"].value_counts().iter_rows()) if frame.height else {}
        for name, frame in frames.items()
    }
    sums = _sums(contract, pl.concat([accepted, missing])), _sums(contract, held)
    found = {}
    for key in keys:
        n = {name: by_key.get(key, 0) for name, by_key in counts.items()}
        gaps = (*_row_gaps(n), *_sum_gaps(*(s.get(key, {}) for s in sums)))
        quarantined = n["refused"] + n["rejected"] - n["unkept"]
        found[key] = Compared(n["rows"] + n["rejected"], n["accepted"], quarantined, n["replaced"], gaps)
    return found


def _replaced(contract: Contract, missing: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Rows that another file of the same unit has replaced."""
    berkas = contract.ext.berkas
    unit = ["_partisi", *(berkas.slot if berkas else ())]
    present = held.select(*unit, pl.col("_payload").alias("_lain")).unique()
    twice = missing.join(present, on=unit, nulls_equal=True).filter(pl.col("_lain") != pl.col("_payload"))
    return twice.drop("_lain").unique(MARK).select(missing.columns)


def _sums(contract: Contract, rows: pl.DataFrame) -> dict[str, dict[str, object]]:
    """Sums of the money columns by partition."""
    money = [c.name for c in contract.columns if c.dtype.is_decimal()]
    if not money or rows.is_empty():
        return {}
    return {row.pop("_partisi"): row for row in rows.group_by("_partisi").agg(pl.col(money).sum()).to_dicts()}


def _sum_gaps(read: dict[str, object], held: dict[str, object]) -> Iterator[str]:
    for column in sorted(read.keys() | held.keys()):
        ours, theirs = read.get(column) or 0, held.get(column) or 0
        if ours != theirs:
            yield f"jumlah {column}: dari muatan {ours}, lake {theirs}"


def _row_gaps(n: dict[str, int]) -> Iterator[str]:
    if n["missing"]:
        yield f"{n['missing']} baris muatan tidak ada di lake maupun di karantina"
    if n["unkept"]:
        yield f"{n['unkept']} baris yang ditolak tidak ada di karantina"
    if n["invented"]:
        yield f"{n['invented']} baris lake tidak berasal dari muatan (isinya diubah, atau ditambahkan)"
    if n["held"] - n["invented"] != n["accepted"]:
        yield f"diterima {n['accepted']} baris, lake {n['held']}"
    if n["stray"]:
        yield f"{n['stray']} baris karantina tidak ada di muatan"
    if n["both"]:
        yield f"{n['both']} baris ada di lake dan juga di karantina"
