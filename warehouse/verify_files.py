"""Checking what lies on the disk: Parquet files against the catalogue, and the snapshot's tables against the lake.

Belongs here: files and tables as a whole. Does not belong here: payloads and rows (`verify.py`).
"""

from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb
import polars as pl

from connectors.contract.model import SINGLE_PARTITION
from warehouse import snapshot
from warehouse.duck import LAKE, ident, literal, qualified
from warehouse.lake import Lake, LakeWriteError, is_storage_fault

_FILES_SQL = f"""
WITH berkas AS (
    SELECT table_id, path, path_is_relative, file_size_bytes, record_count, begin_snapshot, end_snapshot, path AS data
    FROM __ducklake_metadata_{LAKE}.ducklake_data_file
    UNION ALL
    SELECT h.table_id, h.path, h.path_is_relative, h.file_size_bytes, h.delete_count, h.begin_snapshot,
        h.end_snapshot, f.path
    FROM __ducklake_metadata_{LAKE}.ducklake_delete_file h
    JOIN __ducklake_metadata_{LAKE}.ducklake_data_file f USING (data_file_id, table_id)
)
SELECT
    s.schema_name || '.' || t.table_name AS tabel,
    CASE WHEN f.path_is_relative THEN ? || s.path || t.path || f.path ELSE f.path END AS berkas,
    f.file_size_bytes AS byte,
    f.record_count AS baris,
    f.begin_snapshot <= ? AND (f.end_snapshot IS NULL OR f.end_snapshot > ?) AS berlaku,
    f.data
FROM berkas f
JOIN __ducklake_metadata_{LAKE}.ducklake_table t USING (table_id)
JOIN __ducklake_metadata_{LAKE}.ducklake_schema s USING (schema_id)
"""

LEFT_OUT = "berkas lake rusak dilepas: "
"""Begins the part of an outcome's `rincian`, up to "; ", that names damaged files which its transaction left out."""


def check_files(lake: Lake, version: int) -> tuple[int, list[str]]:
    """Every data and delete file of the catalogue: there, of the recorded size, readable, with the recorded rows.

    Files that only an older version of the lake needs are looked for, but not read; those whose rows were brought
    back into other files are known to be damaged. Gives the number of files and the gaps. In object storage files of
    the present version are read, and older ones are not looked for.
    """
    files = _files(lake, version)
    known = _left_out(lake, version)
    gaps: list[str] = []
    current: dict[str, dict[str, int]] = {}
    for table, name, size, rows, valid, _ in files.iter_rows():
        fault = _size_fault(name, size)
        if fault and (valid or Path(name).name not in known):
            gaps.append(f"{table}: {Path(name).name}: {fault}")
        elif valid:
            current.setdefault(table, {})[name] = rows
    for table, wanted in current.items():
        gaps += [f"{table}: {Path(name).name}: {fault}" for name, fault in _read(lake, wanted)]
    return files.height, gaps


def unreadable(lake: Lake, table: str, only: Collection[str] | None = None) -> set[str]:
    """Catalogue paths of the table's data files whose rows cannot be read: they, or what is deleted of them, are
    missing or damaged. Every file of the table is read, or those of `only`.

    Raises LakeWriteError when the storage itself does not answer.
    """
    files = _files(lake, lake.snapshot_id())
    files = files.filter((pl.col("tabel") == table) & pl.col("berlaku"))
    if only is not None:
        files = files.filter(pl.col("data").is_in(list(only)))
    data = dict(files.select("berkas", "data").iter_rows())
    bad = {name for name, size in files.select("berkas", "byte").iter_rows() if _size_fault(name, size)}
    rest = {name: rows for name, rows in files.select("berkas", "baris").iter_rows() if name not in bad}
    for name, fault in _read(lake, rest) if rest else ():
        if is_storage_fault(fault):
            raise LakeWriteError(f"the lake's storage does not answer: {fault}")
        bad.add(name)
    return {data[name] for name in bad}


def _files(lake: Lake, version: int) -> pl.DataFrame:
    """All files of the catalogue."""
    root = lake.config.local_data or lake.config.data_path.rstrip("/")
    return lake.query(_FILES_SQL, [f"{root}/", version, version])


def _left_out(lake: Lake, version: int) -> set[str]:
    """Names of damaged files that were left out of the lake when their rows were brought back."""
    notes = lake.query(
        f"SELECT DISTINCT rincian FROM {LAKE}.ops.hasil AT (VERSION => {version:d}) WHERE contains(rincian, ?)",
        [LEFT_OUT],
    )
    return {name for (text,) in notes.iter_rows() for name in text.split(LEFT_OUT)[1].split("; ")[0].split(", ")}


def _size_fault(name: str, size: int) -> str:
    if "://" in name:
        return ""
    try:
        found = Path(name).stat().st_size
    except FileNotFoundError:
        return "tidak ada"
    return "" if found == size else f"{found} byte, katalog mencatat {size}"


def _read(lake: Lake, wanted: dict[str, int]) -> list[tuple[str, str]]:
    """Files that cannot be read or hold another number of rows. Reading every column decompresses every page."""
    try:
        found = _rows(lake, list(wanted))
    except duckdb.Error as error:
        if len(wanted) == 1:
            return [(next(iter(wanted)), f"tidak terbaca: {str(error).splitlines()[0]}")]
        names = list(wanted)
        half = len(names) // 2
        parts = ({n: wanted[n] for n in some} for some in (names[:half], names[half:]))
        return [fault for part in parts for fault in _read(lake, part)]
    return [
        (name, f"{found.get(name, 0)} baris, katalog mencatat {rows}")
        for name, rows in wanted.items()
        if found.get(name, 0) != rows
    ]


def _rows(lake: Lake, files: Sequence[str]) -> dict[str, int]:
    read = lake.query(
        "SELECT filename, count(*) AS baris, bit_xor(hash(t)) AS isi "
        "FROM read_parquet(?, filename = true, union_by_name = true, hive_partitioning = false) AS t GROUP BY filename",
        [list(files)],
    )
    return dict(read.select("filename", "baris").iter_rows())


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
