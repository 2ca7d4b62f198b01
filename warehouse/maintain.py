"""Care of the lake, all of it under the writer's lock, because maintenance beside a write can lose that write.

Belongs here: merging, expiry, removal of what nothing refers to, and the pins that keep a version of the lake.
Does not belong here: the archive, which is never edited.

Small files are merged by replacing the rows of a partition by themselves, as any commit replaces rows. DuckLake's
own `ducklake_merge_adjacent_files` takes the old files out of the catalogue at once: a reader beside it, even one in
autocommit, then sees an empty table without an error (about 1 of 80 reads, tried with the SQLite catalogue), where
the ordinary way gave 0 wrong reads of 4,400.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import orjson

from connectors.crashpoint import crashpoint
from connectors.durable import make_dirs, write_file
from warehouse import snapshot
from warehouse.duck import LAKE, ident, qualified
from warehouse.lake import Lake, Shape
from warehouse.transaction import Transaction
from warehouse.verify_files import unreadable

ORPHAN_AGE = timedelta(days=1)
"""Files that no version of the lake names are removed only after this time, never at once."""

CROWD = 8
"""Files of one partition from which on they are merged."""

MERGED_BYTES = 64 * 1024 * 1024
"""Partitions larger than this are left as they are: their files are not small."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


@dataclass(frozen=True)
class Report:
    """What was done, as counts: files merged into fewer, crowded partitions left as they are because a file of theirs
    cannot be read, versions of the lake expired and kept by a pin, files of merged and expired versions removed,
    orphans removed, analysts' snapshots pruned."""

    merged: int
    damaged: int
    expired: int
    pinned: int
    cleaned: int
    orphans: int
    pruned_snapshots: int

    def metadata(self) -> dict[str, Any]:
        return asdict(self)


def pin(lake: Lake, name: str, version: int, reason: str) -> None:
    """Keep a version of the lake for a release or a report, whatever its age, until `unpin`.

    One name holds one version. The releases and reports of this project keep the rows that they gave out, so they need
    none: a pin is for whoever wants to ask a version of the lake itself. Raises ValueError for an unknown version or a
    name that is no plain file name.
    """
    with lake.writer_lock():
        known = lake.query(f"SELECT count(*) AS n FROM {LAKE}.snapshots() WHERE snapshot_id = ?", [version])["n"][0]
        if not known:
            raise ValueError(f"the lake has no version {version} any more: nothing can be pinned to it")
        path = _pin_path(lake, name)
        make_dirs(path.parent)
        facts = {"lake": version, "alasan": reason, "dibuat": datetime.now(UTC).isoformat(timespec="seconds")}
        write_file(path, orjson.dumps(facts))


def unpin(lake: Lake, name: str) -> None:
    """Let a pinned version go; the next maintenance may expire it."""
    with lake.writer_lock():
        _pin_path(lake, name).unlink(missing_ok=True)


def pins(lake: Lake) -> dict[str, int]:
    """Pinned versions of the lake by the name of what pins them."""
    folder = pin_folder(lake)
    return {p.stem: int(orjson.loads(p.read_bytes())["lake"]) for p in sorted(folder.glob("*.json"))}


def pin_folder(lake: Lake) -> Path:
    """Where the pins are; they end with the lake they speak of."""
    return lake.config.lock_path.parent / "pin"


def _pin_path(lake: Lake, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a name for a pin: {name!r}")
    return pin_folder(lake) / f"{name}.json"


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
    """Merge small files, expire versions of the lake older than `keep_days` days, remove what is no longer used.

    Versions that are pinned, or that an analysts' snapshot was made from, are kept. Raises LakeBusy.
    """
    now = now or datetime.now(UTC)
    with lake.writer_lock():
        pruned = snapshot.prune(lake, snapshots, keep=keep_snapshots, keep_days=keep_snapshot_days)
        kept = {snapshot.manifest(v)["lake"] for v in snapshot.versions(snapshots)} | set(pins(lake).values())
        merged, damaged = _merge(lake)
        crashpoint("maintain.merged")
        old = lake.query(
            f"SELECT snapshot_id FROM {LAKE}.snapshots() WHERE snapshot_time < ? "
            f"AND snapshot_id < (SELECT id FROM {LAKE}.current_snapshot())",
            [now - timedelta(days=keep_days)],
        )
        expired = [version for (version,) in old.iter_rows() if version not in kept]
        if expired:
            lake.con.execute(f"CALL ducklake_expire_snapshots('{LAKE}', versions => {expired!r})")
        crashpoint("maintain.expired")
        cleaned = _remove(lake, "ducklake_cleanup_old_files", now - orphan_age)
        crashpoint("maintain.cleaned")
        orphans = _remove(lake, "ducklake_delete_orphaned_files", now - orphan_age)
    return Report(merged, damaged, len(expired), len(kept), cleaned, orphans, len(pruned))


_CROWDED = f"""
WITH nilai AS (
    SELECT table_id, data_file_id, list(partition_value ORDER BY partition_key_index) AS nilai
    FROM __ducklake_metadata_{LAKE}.ducklake_file_partition_value GROUP BY ALL
), hapus AS (
    SELECT data_file_id, count(*) AS berkas FROM __ducklake_metadata_{LAKE}.ducklake_delete_file
    WHERE end_snapshot IS NULL GROUP BY ALL
)
SELECT s.schema_name || '.' || t.table_name AS tabel, n.nilai, count(*) + coalesce(sum(h.berkas), 0) AS berkas
FROM __ducklake_metadata_{LAKE}.ducklake_data_file f
JOIN __ducklake_metadata_{LAKE}.ducklake_table t ON t.table_id = f.table_id AND t.end_snapshot IS NULL
JOIN __ducklake_metadata_{LAKE}.ducklake_schema s ON s.schema_id = t.schema_id AND s.end_snapshot IS NULL
LEFT JOIN nilai n ON n.data_file_id = f.data_file_id AND n.table_id = f.table_id
LEFT JOIN hapus h ON h.data_file_id = f.data_file_id
WHERE f.end_snapshot IS NULL
GROUP BY ALL HAVING berkas >= {CROWD} AND sum(f.file_size_bytes) < {MERGED_BYTES}
ORDER BY ALL
"""


def _merge(lake: Lake) -> tuple[int, int]:
    """Write the crowded partitions anew, each in one transaction. Gives the number of files that they had, and of
    partitions that are left because they hold a damaged file, which verification names and a replay replaces."""
    files = damaged = 0
    for table, values, count in lake.query(_CROWDED).iter_rows():
        where, params = _condition(lake.shapes()[table], values)
        try:
            lake.transaction(partial(_rewrite, table, where, params), message=f"pemeliharaan: {table} dirapatkan")
        except duckdb.Error:
            if not unreadable(lake, table):
                raise
            damaged += 1
        else:
            files += int(count)
    return files, damaged


def _condition(shape: Shape, values: Sequence[str] | None) -> tuple[str, list[str]]:
    """The rows of one partition. Files of a dated table lie by year and month."""
    if shape.partition is None or values is None:
        return "true", []
    column = ident(shape.partition)
    if len(values) == 2:
        return f"year({column}) = ?::INT AND month({column}) = ?::INT", list(values)
    return f"{column} = ?::{shape.columns[shape.partition]}", list(values)


def _rewrite(table: str, where: str, params: Sequence[str], tx: Transaction) -> None:
    tx.con.execute(f"CREATE OR REPLACE TEMP TABLE _rapat AS SELECT * FROM {qualified(table)} WHERE {where}", params)
    tx.con.execute(f"DELETE FROM {qualified(table)} WHERE {where}", params)
    tx.replace(table, "", [], "SELECT * FROM _rapat")  # no further rows are deleted
    tx.con.execute("DROP TABLE _rapat")


def _remove(lake: Lake, function: str, before: datetime) -> int:
    """Let DuckLake remove files that it wrote, or set free, before a time. Never all of them: see the lock above."""
    return len(lake.con.execute(f"CALL {function}('{LAKE}', older_than => ?::TIMESTAMPTZ)", [before]).fetchall())
