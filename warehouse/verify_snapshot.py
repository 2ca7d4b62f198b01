"""Checking the analysts' snapshot: its tables against the lake, and its parts on the disk.

Belongs here: tables as a whole. Does not belong here: payloads and rows (`verify.py`), the lake's files
(`verify_files.py`).
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from connectors.contract.model import SINGLE_PARTITION
from warehouse import snapshot
from warehouse.duck import ident, literal, qualified
from warehouse.lake import Lake


def check_snapshot(lake: Lake, version: int, newest: Path | None) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Compare every table of the newest snapshot with the lake, by content hash of each partition.

    Gives for each table that shows its partitions the rows of each of them in the snapshot, and the gaps. Versions
    before the newest are looked at for missing parts.
    """
    if newest is None:
        return {}, []
    shown: dict[str, dict[str, int]] = {}
    gaps: list[str] = []
    for path in snapshot.versions(newest.parent):
        try:
            bagian = snapshot.manifest(path)["bagian"]
        except (OSError, ValueError, KeyError):
            gaps.append(f"cuplikan {path.stem}: berkas {path.stem}.json tidak ada atau rusak")
            continue
        lost = [p for own in bagian.values() for p in own if not (newest.parent / snapshot.PARTS / p).is_file()]
        gaps += [f"cuplikan {path.stem}: bagian {part} tidak ada" for part in lost]
    con = lake.con
    try:
        con.execute(f"ATTACH {literal(str(newest))} AS cuplikan_kini (READ_ONLY)")
    except duckdb.Error as error:
        return {}, [*gaps, f"cuplikan {newest.stem}: tidak dapat dibuka: {str(error).splitlines()[0][:200]}"]
    try:
        tables = lake.query("SELECT skema || '.' || tabel, kolom_partisi FROM cuplikan_kini.cuplikan.info").rows()
        columns: dict[str, list[str]] = {}
        for table, column in lake.query(
            "SELECT skema || '.' || tabel, kolom FROM cuplikan_kini.cuplikan.kolom ORDER BY urutan"
        ).iter_rows():
            columns.setdefault(table, []).append(column)
        for table, partition in tables:
            counts, faults = _compare(lake, version, table, partition, columns[table])
            if partition is None or partition in columns[table]:
                shown[table] = counts
            gaps += [f"cuplikan {newest.stem} {table} {fault}" for fault in faults]
    finally:
        con.execute("DETACH cuplikan_kini")
    return shown, gaps


def _compare(
    lake: Lake, version: int, table: str, partition: str | None, columns: Sequence[str]
) -> tuple[dict[str, int], list[str]]:
    """Rows of each partition of a table in the snapshot, and the partitions that say something else than the lake."""
    key = f"CAST({ident(partition)} AS VARCHAR)" if partition and partition in columns else f"'{SINGLE_PARTITION}'"
    listed = ", ".join(ident(c) for c in columns)
    schema, _, name = table.partition(".")

    def contents(source: str) -> dict[str, tuple[int, int]]:
        # The sum of the rows' hashes does not depend on their order, and counts repeated rows.
        rows = lake.query(
            f"SELECT {key} AS k, count(*) AS n, CAST(sum(hash({listed})) AS VARCHAR) AS isi FROM {source} GROUP BY 1"
        )
        return {row[0]: row[1:] for row in rows.iter_rows()}

    try:
        ours = contents(f"cuplikan_kini.{ident(schema)}.{ident(name)}")
    except duckdb.Error as error:
        return {}, [f"tidak terbaca: {str(error).splitlines()[0][:200]}"]
    try:
        theirs = contents(f"{qualified(table)} AT (VERSION => {version:d})")
    except duckdb.Error as error:
        return {k: n for k, (n, _) in ours.items()}, [f"tidak dapat dibandingkan: {str(error).splitlines()[0][:200]}"]
    faults = []
    for k in sorted(ours.keys() | theirs.keys()):
        (shown, one), (held, two) = ours.get(k, (0, 0)), theirs.get(k, (0, 0))
        if (shown, one) != (held, two):
            what = f"{shown} baris, lake {held}" if shown != held else f"isi {shown} baris lain dari lake"
            faults.append(f"{k}: {what} (`ssp run` membuat cuplikan baru)")
    return {k: n for k, (n, _) in ours.items()}, faults
