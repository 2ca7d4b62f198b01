"""Damaged files of a dataset's table: which they are, what they may hold, and the table made anew without them.

DuckLake replaces rows by reading the file that holds them, so a file that cannot be read would block its own
replacement for ever. It is left out by making the table anew with all rows that lie elsewhere, in the transaction that
brings the lost ones back: no row goes that does not come in the same moment.
Belongs here: finding damage and leaving it out. Does not belong here: where the lost rows come from.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from connectors.contract import Contract
from warehouse.duck import LAKE, ident, qualified
from warehouse.lake import Lake, Shape
from warehouse.transaction import Transaction
from warehouse.verify_files import LEFT_OUT, unreadable

Span = tuple[date, date]

_SPANS_SQL = f"""
SELECT f.path, s.min_value AS awal, s.max_value AS akhir
FROM __ducklake_metadata_{LAKE}.ducklake_data_file f
JOIN __ducklake_metadata_{LAKE}.ducklake_table t ON t.table_id = f.table_id AND t.end_snapshot IS NULL
JOIN __ducklake_metadata_{LAKE}.ducklake_schema c ON c.schema_id = t.schema_id AND c.end_snapshot IS NULL
LEFT JOIN __ducklake_metadata_{LAKE}.ducklake_column k ON k.table_id = t.table_id AND k.end_snapshot IS NULL
    AND k.column_name = ?
LEFT JOIN __ducklake_metadata_{LAKE}.ducklake_file_column_stats s ON s.data_file_id = f.data_file_id
    AND s.table_id = f.table_id AND s.column_id = k.column_id
WHERE f.end_snapshot IS NULL AND c.schema_name || '.' || t.table_name = ?
"""


@dataclass(frozen=True)
class Damage:
    """Damaged files of one table, and the committed partitions that may have rows in them.

    What a damaged file holds is told by the catalogue alone: the first and the last partition. `spans` are these,
    joined where they touch; None when the catalogue does not tell, or the table has no partition column.
    """

    dataset: str
    table: str
    files: tuple[str, ...]
    keys: tuple[str, ...]
    spans: tuple[Span, ...] | None
    shape: Shape

    @property
    def note(self) -> str:
        """Names the files that are left out, for the outcomes of the partitions that replace them."""
        return LEFT_OUT + ", ".join(self.files)

    def others(self, keys: Collection[str]) -> list[str]:
        """Partitions that would be lost if only `keys` were brought anew."""
        return sorted(set(self.keys) - set(keys))

    def advice(self, lost: Sequence[str]) -> str:
        """What is damaged, which partitions have to come back with the replaced ones, and the command that does it."""
        window = f" --from {self.keys[0]} --to {self.keys[-1]}" if self.spans is not None and self.keys else ""
        shown = ", ".join(lost[:40]) + (f" and {len(lost) - 40} more" if len(lost) > 40 else "")
        return (
            f"damaged: {', '.join(self.files)}, which may also hold {shown}; bring all of them back from the archive "
            f"with `ssp replay --dataset {self.dataset}{window}`, then pull again"
        )

    def leave_out(self, tx: Transaction) -> None:
        """Make the table anew with the rows outside of the damaged files' spans."""
        columns = ", ".join(ident(name) for name in self.shape.columns)
        healthy = " UNION ALL ".join(
            f"SELECT {columns} FROM {qualified(self.table)} WHERE {where}" for where in self._outside()
        )
        # Read before the table goes. Only comparisons with a constant let DuckLake pass over the damaged files.
        tx.con.execute(f"CREATE OR REPLACE TEMP TABLE _sehat AS {healthy}")
        tx.create_table(self.table, self.shape.columns, self.shape.partition)
        tx.comment(self.table, self.shape.comment, {n: t for n, t in self.shape.comments.items() if t})
        tx.insert(self.table, "SELECT * FROM _sehat")
        tx.con.execute("DROP TABLE _sehat")

    def _outside(self) -> list[str]:
        """Conditions on the rows before, between and after the spans."""
        if self.spans is None or self.shape.partition is None:
            return ["false"]
        column = ident(self.shape.partition)
        starts = [None, *(last for _, last in self.spans)]
        ends = [*(first for first, _ in self.spans), None]
        found = []
        for after, before in zip(starts, ends, strict=True):
            bounds = [f"{column} > DATE '{after}'"] if after else []
            found.append(" AND ".join(bounds + ([f"{column} < DATE '{before}'"] if before else [])))
        return found


def find_damage(lake: Lake, contract: Contract, start: date = date.min, end: date = date.max) -> Damage | None:
    """Damaged files of the dataset's table that may hold partitions between two dates; None when all can be read.

    Files of these dates are read, and once one of them is damaged, all others too. Raises LakeWriteError when the
    storage itself does not answer.
    """
    table = f"source.{contract.table}"
    shape = lake.shapes(fresh=True)[table]
    dated = shape.columns.get(shape.partition or "") == "DATE"
    spans = {
        path: (date.fromisoformat(first), date.fromisoformat(last)) if dated and first and last else None
        for path, first, last in lake.query(_SPANS_SQL, [shape.partition or "", table]).iter_rows()
    }
    near = {path for path, span in spans.items() if span is None or (span[0] <= end and span[1] >= start)}
    broken = unreadable(lake, table, near)
    if not broken:
        return None
    # The table is made anew from all that is sound, so every other damaged file matters too.
    broken |= unreadable(lake, table, spans.keys() - near)
    known = [span for path in broken if (span := spans[path])]
    joined = _joined(known) if len(known) == len(broken) else None
    held = sorted(key for key, state in lake.states(contract.id).items() if state.diterima)
    if joined is not None:
        held = [key for key in held if any(a <= date.fromisoformat(key) <= b for a, b in joined)]
    files = tuple(sorted(Path(path).name for path in broken))
    return Damage(contract.id, table, files, tuple(held), joined, shape)


def _joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + timedelta(days=1):
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)
