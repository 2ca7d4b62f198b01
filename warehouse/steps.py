"""Which steps of runs failed, and when they worked again, in the append-only `ops.langkah`.

A step is a model, the snapshot, a release, a report: whatever a run does besides pulling, whose outcomes are in
`ops.hasil`. A row is written when a step fails that worked before, and when it works again; the newest tells. Belongs
here: the record. Does not belong here: where it is learnt from (`assets/run_notes.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from warehouse import ops
from warehouse.duck import LAKE
from warehouse.lake import Lake

_TABLE = "ops.langkah"


@dataclass(frozen=True)
class Step:
    """How a step of a run ended. `jalan`: Dagster's run; `alasan`: the kind of error, never its text, which may quote
    rows."""

    langkah: str
    hasil: Literal["berhasil", "gagal"]
    alasan: str
    jalan: str
    waktu: datetime


def newest(lake: Lake) -> dict[str, Step]:
    """The newest row of each step."""
    rows = lake.query(
        f"SELECT langkah, hasil, alasan, jalan, waktu FROM {LAKE}.{_TABLE} "
        "QUALIFY row_number() OVER (PARTITION BY langkah ORDER BY waktu DESC) = 1"
    )
    return {row["langkah"]: Step(**row) for row in rows.iter_rows(named=True)}


def note(lake: Lake, steps: Iterable[Step], run_id: str) -> int:
    """Write down what changed against the newest rows; gives the number of rows. Older news than these is none."""
    with lake.writer_lock():
        known = newest(lake)
        rows = []
        for step in steps:
            before = known.get(step.langkah)
            failed_before = before is not None and before.hasil == "gagal"
            if (step.hasil == "gagal") != failed_before and (before is None or step.waktu > before.waktu):
                rows.append({**vars(step), "run_id": run_id})
        if rows:
            lake.transaction(lambda tx: tx.append(_TABLE, ops.frame(_TABLE, rows)), message="langkah yang gagal")
    return len(rows)
