"""Care of the lake, all of it under the writer's lock, because maintenance beside a write can lose that write.

Belongs here: merging, expiry, removal of what nothing refers to. Does not belong here: the archive,
which is never edited.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from warehouse import snapshot
from warehouse.duck import LAKE, literal
from warehouse.lake import Lake

ORPHAN_AGE = timedelta(days=1)
"""Files that no snapshot names are removed only after this time, never at once."""


@dataclass(frozen=True)
class Report:
    """What was done, as counts."""

    merged: int
    expired: int
    pinned: int
    cleaned: int
    orphans: int
    pruned_snapshots: int

    def metadata(self) -> dict[str, Any]:
        return asdict(self)


def maintain(
    lake: Lake,
    snapshots: Path,
    *,
    keep_days: int,
    keep_snapshots: int = 5,
    keep_snapshot_days: int = 7,
    orphan_age: timedelta = ORPHAN_AGE,
    now: datetime | None = None,
) -> Report:
    """Merge small files, expire lake snapshots older than `keep_days`, remove what is no longer referred to.

    Snapshots of the lake that an analysts' snapshot still names are kept.
    """
    now = now or datetime.now(UTC)
    with lake.writer_lock():
        con = lake.con
        pruned = (
            snapshot.prune(snapshots, keep=keep_snapshots, keep_days=keep_snapshot_days) if snapshots.is_dir() else []
        )
        pins = {snapshot.manifest(v)["lake"] for v in snapshot.versions(snapshots)}
        merged = 0
        for schema in ("ops", "quarantine", "source", "core", "dashboard", "open_data"):
            for table in lake.tables(schema):
                rows = con.execute(
                    f"CALL ducklake_merge_adjacent_files('{LAKE}', {literal(table)}, schema => {literal(schema)})"
                ).fetchall()
                merged += len(rows)
        old = con.execute(
            f"SELECT snapshot_id FROM {LAKE}.snapshots() WHERE snapshot_time < ? "
            f"AND snapshot_id < (SELECT max(snapshot_id) FROM {LAKE}.snapshots())",
            [now - timedelta(days=keep_days)],
        ).fetchall()
        candidates = [i for (i,) in old if i not in pins]
        if candidates:
            con.execute(f"CALL ducklake_expire_snapshots('{LAKE}', versions => {candidates!r})")
        cleaned = con.execute(
            f"CALL ducklake_cleanup_old_files('{LAKE}', older_than => ?::TIMESTAMPTZ)", [now - orphan_age]
        ).fetchall()
        orphans = con.execute(
            f"CALL ducklake_delete_orphaned_files('{LAKE}', older_than => ?::TIMESTAMPTZ)", [now - orphan_age]
        ).fetchall()
    return Report(merged, len(candidates), len(pins), len(cleaned), len(orphans), len(pruned))
