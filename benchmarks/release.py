"""A release of many rows in Parquet and CSV, beside DuckDB's own COPY of the same rows in the same order.

Both are processes of their own over one database file, by turns. What is timed is the work, not the start of Python
with its imports: for the release everything from the SELECT to the moved pointer, with checks, the scan for personal
data, digests, hashes, fsync, catalogue and metadata. CPU time tells what both cost when others use the cores too.
"""

import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import NamedTuple

import duckdb
import yaml

from benchmarks.load import ROOT
from benchmarks.measure import run

NAME = "harga_beban"
KEY = ("tanggal", "kode_kabupaten_kota", "komoditas")
COLUMNS = {
    "kode_provinsi": "string", "nama_provinsi": "string", "kode_kabupaten_kota": "string",
    "nama_kabupaten_kota": "string", "komoditas": "string", "harga": "number", "satuan": "string", "tanggal": "date",
    "asal_data": "string",
}  # fmt: skip
SQL = """
SELECT
    '12' AS kode_provinsi,
    'SUMATERA UTARA' AS nama_provinsi,
    h.kode_bps AS kode_kabupaten_kota,
    upper(w.nama) AS nama_kabupaten_kota,
    k.nama_komoditas AS komoditas,
    h.harga,
    'Rp/kg' AS satuan,
    h.tanggal,
    h.asal_data
FROM core.fct_harga AS h
LEFT JOIN core.dim_wilayah AS w ON w.kode_bps = h.kode_bps
LEFT JOIN core.dim_komoditas AS k ON k.kode_komoditas = h.kode_komoditas
"""
"""A dataset as those of the agencies are: a fact with the names of its dimensions."""
TODAY = date(2026, 11, 20)
MEMORY = "1GB"


class _Cost(NamedTuple):
    """Of the work its seconds and CPU seconds; of its process the most memory that it ever held, in MiB."""

    wall: float
    cpu: float
    peak: float


def main(rows: int = 2_000_000, rounds: int = 3) -> dict[str, object]:
    """Median seconds and largest memory of both, their ratios, and the release's memory for half and twice the rows."""
    base = Path(tempfile.mkdtemp(prefix="ssp-rilis-"))
    try:
        copies: list[_Cost] = []
        releases: list[_Cost] = []
        _prepare(base, rows)
        for _ in range(rounds):
            copies.append(_measured(base, "copy"))
            releases.append(_measured(base, "release"))
        memory = {rows: round(max(cost.peak for cost in releases))}
        for other in (rows // 2, rows * 2):
            _prepare(base, other)
            memory[other] = round(_measured(base, "release").peak)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    wall, cpu = (
        [median(getattr(cost, which) for cost in found) for found in (copies, releases)] for which in ("wall", "cpu")
    )
    return {
        "rows": rows,
        "copy_s": round(wall[0], 2),
        "release_s": round(wall[1], 2),
        "ratio": round(wall[1] / wall[0], 2),
        "copy_cpu_s": round(cpu[0], 2),
        "release_cpu_s": round(cpu[1], 2),
        "cpu_ratio": round(cpu[1] / cpu[0], 2),
        "copy_peak_mib": round(max(cost.peak for cost in copies)),
        "release_peak_mib": dict(sorted(memory.items())),
    }


def _measured(base: Path, what: str) -> _Cost:
    """What the work costs in a process of its own."""
    for left in ("terbuka", "walidata", "salinan"):
        shutil.rmtree(base / left, ignore_errors=True)
    figures = run([sys.executable, "-m", "benchmarks.release", what, str(base)], {"PYTHONPATH": str(ROOT)})
    if figures.code:
        raise RuntimeError(f"{what} ended with code {figures.code}")
    return _Cost(*json.loads(figures.output))


def _prepare(base: Path, rows: int) -> None:
    """The lake's table, and the dataset's contract and SQL."""
    path = base / "lake.duckdb"
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE SCHEMA core")
        con.execute(
            "CREATE TABLE core.dim_wilayah AS SELECT CAST(1201 + i AS VARCHAR) AS kode_bps, "
            "'Kabupaten ' || i AS nama FROM range(33) AS r(i)"
        )
        con.execute(
            "CREATE TABLE core.dim_komoditas AS SELECT i AS kode_komoditas, 'Komoditas ' || i AS nama_komoditas "
            "FROM range(40) AS r(i)"
        )
        con.execute(
            "CREATE TABLE core.fct_harga AS SELECT CAST(1201 + i % 33 AS VARCHAR) AS kode_bps, "
            "(i // 33) % 40 AS kode_komoditas, CAST(20000 + (hash(i) % 900000) / 100 AS DECIMAL(18,2)) AS harga, "
            "DATE '2026-11-20' - CAST(i // 1320 AS INTEGER) AS tanggal, 'tiruan' AS asal_data FROM range(?) AS r(i)",
            [rows],
        )
    folder = base / "kontrak" / "beban" / "open_data"
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "judul_en": "Prices", "keterangan_en": "Prices for measuring.", "lisensi": "CC0-1.0",
        "dasar_publikasi": "Pengukuran", "asal_terbit": ["tiruan"], "topik": ["ekonomi"], "bagian": "semua",
        "format": ["parquet", "csv"],
    }  # fmt: skip
    document = {
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": f"beban.open_data.{NAME}", "name": "Harga",
        "version": "1.0.0", "status": "active", "description": {"purpose": "Harga untuk pengukuran."},
        "customProperties": [{"property": k, "value": v} for k, v in settings.items()],
        "schema": [
            {
                "name": NAME, "dataGranularityDescription": "Satu baris per tanggal, wilayah dan komoditas",
                "properties": [_column(name, kind) for name, kind in COLUMNS.items()],
            }
        ],
    }  # fmt: skip
    (folder / f"{NAME}.odcs.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    (folder / f"{NAME}.sql").write_text(SQL)


def _column(name: str, kind: str) -> dict[str, object]:
    column: dict[str, object] = {
        "name": name, "logicalType": kind, "description": f"Kolom {name}.", "classification": "public",
    }  # fmt: skip
    if kind == "number":
        column["physicalType"] = "DECIMAL(18,2)"
    if name in KEY:
        column |= {"primaryKey": True, "required": True, "primaryKeyPosition": KEY.index(name) + 1}
    if name == "tanggal":
        column["partitioned"] = True
    return column


def _connect(base: Path) -> duckdb.DuckDBPyConnection:
    """As the lake is opened: two threads and the memory that the settings give by default."""
    from warehouse.duck import bare

    con = bare({"threads": 2, "memory_limit": MEMORY})
    con.execute(f"ATTACH '{base / 'lake.duckdb'}' AS lake (READ_ONLY)")
    return con


def _copy(base: Path, con: duckdb.DuckDBPyConnection) -> None:
    folder = base / "salinan"
    folder.mkdir()
    con.execute("USE lake")
    select = f"SELECT * FROM ({SQL}) ORDER BY {', '.join(KEY)}"
    con.execute(f"COPY ({select}) TO '{folder}/harga.parquet' (FORMAT parquet, COMPRESSION zstd)")
    con.execute(f"COPY ({select}) TO '{folder}/harga.csv' (FORMAT csv, HEADER true)")


def _release(base: Path, con: duckdb.DuckDBPyConnection) -> None:
    from connectors.contract import Agency
    from warehouse.opendata.contract import find_open_contracts
    from warehouse.opendata.decisions import Decisions
    from warehouse.opendata.describe import Publisher
    from warehouse.opendata.publish import publish_dataset
    from warehouse.opendata.release import publish_release

    (contract,) = find_open_contracts([base / "kontrak"])
    agency = Agency(kode="beban", nama="Kantor Beban", instansi="Dinas Beban")
    root, decisions, publisher = base / "terbuka", Decisions(base / "walidata"), Publisher(demo=True)
    done = publish_dataset(con, contract, agency, root, decisions, TODAY, publisher)
    number = publish_release(root, [contract], {"beban": agency}, decisions, publisher, TODAY)
    if done.status != "terbit" or number != 1:
        raise RuntimeError(f"{done.status}: {done.alasan}")


def _work(what: str, base: Path) -> _Cost:
    work: Callable[[Path, duckdb.DuckDBPyConnection], None] = {"copy": _copy, "release": _release}[what]
    if what == "release":
        for module in (
            "open_data_contract_standard.model", "openpyxl", "polars", "rdflib", "warehouse.opendata.publish",
            "warehouse.opendata.release",
        ):  # fmt: skip
            import_module(module)
    con = _connect(base)
    try:
        started, before = time.monotonic(), time.process_time()
        work(base, con)
        wall, cpu = time.monotonic() - started, time.process_time() - before
    finally:
        con.close()
    # Of the kernel, in KiB: samples taken from outside would miss the peak of a short run.
    return _Cost(wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    print(json.dumps(_work(sys.argv[1], Path(sys.argv[2]))))
