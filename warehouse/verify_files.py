"""Checking what lies on the disk: Parquet files against the catalogue.

Belongs here: files as a whole. Does not belong here: payloads and rows (`verify.py`), snapshots (`verify_snapshot.py`).
"""

from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb
import polars as pl

from warehouse.duck import LAKE
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
