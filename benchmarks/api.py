"""Rows over HTTP: one filter, 100 of 500,000 rows, asked of the portal, of Datasette and of roapi in turn.

All three hold the same table and are asked for the same values of the same column by the same load generator, which
keeps 16 connections busy and reads every answer whole. Each runs alone, with the defaults its manual gives for serving;
Datasette has an index on the column, roapi holds the table in memory.
"""

import asyncio
import contextlib
import json
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.measure import memory_of
from ssp_pipeline.portal.limits import new_key
from tests.support.portal import Hand
from tests.support.waiting import free_port

ROOT = Path(__file__).resolve().parents[1]
CONNECTIONS = 16
PAGE = 100
REGIONS = 33


@dataclass
class Rate:
    """One contestant: requests a second, milliseconds by percentile, mebibytes of the processes after the run."""

    requests: float
    p50: float
    p99: float
    memory: float
    failed: int
    bytes: int


def make_table(folder: Path, rows: int) -> Path:
    """The table as Parquet, shaped like a price dataset."""
    path = folder / "harga.parquet"
    duckdb.sql(
        f"""COPY (
            SELECT printf('12%02d', i * 7919 % {REGIONS} + 1) AS kode_kabupaten_kota,
                'KABUPATEN NOMOR ' || (i * 7919 % {REGIONS} + 1) AS nama_kabupaten_kota,
                'Komoditas ' || (i % 21) AS komoditas, 'Pasar ' || (i % 311) AS pasar,
                CAST(10000 + i * 37 % 90000 AS DOUBLE) AS harga, 'Rp/kg' AS satuan,
                strftime(DATE '2020-01-01' + CAST(i // 400 AS INTEGER), '%Y-%m-%d') AS tanggal, 'tiruan' AS asal_data
            FROM range({rows}) AS r(i)
        ) TO '{path}' (FORMAT parquet)"""
    )
    return path


@contextlib.contextmanager
def process(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server that runs until the block ends, once it takes connections."""
    with tempfile.TemporaryFile() as log:
        started = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            until = time.monotonic() + 120
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                if started.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    raise RuntimeError(f"{command[0]} does not serve: {log.read().decode()[-2000:]}")
                time.sleep(0.05)
            yield started
        finally:
            started.terminate()
            started.wait(20)


async def load(port: int, path: Callable[[int], str], seconds: float, key: str = "") -> tuple[list[float], int, int]:
    """Keep the connections busy. Gives the seconds of each request, how many failed, and the bytes read."""
    times: list[float] = []
    failed = size = 0
    end = time.perf_counter() + seconds
    known = f"Authorization: {key}\r\n" if key else ""

    async def one(number: int) -> None:
        nonlocal failed, size
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        count = number
        while time.perf_counter() < end:
            begun = time.perf_counter()
            head = f"GET {path(count)} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n{known}\r\n"
            writer.write(head.encode())
            told = await reader.readuntil(b"\r\n\r\n")
            length, chunked = 0, False
            for line in told.lower().split(b"\r\n")[1:]:
                if line.startswith(b"content-length:"):
                    length = int(line[15:])
                chunked |= line.startswith(b"transfer-encoding: chunked")
            if chunked:
                while chunk := int(await reader.readline(), 16):
                    await reader.readexactly(chunk + 2)
                    length += chunk
                await reader.readline()
            else:
                await reader.readexactly(length)
            times.append(time.perf_counter() - begun)
            size += length
            failed += not told.startswith(b"HTTP/1.1 200")
            count += CONNECTIONS
        writer.close()

    await asyncio.gather(*(one(n) for n in range(CONNECTIONS)))
    return times, failed, size


def measured(port: int, pid: int, path: Callable[[int], str], seconds: float, key: str = "") -> Rate:
    """Warm up, then measure."""
    asyncio.run(load(port, path, min(3.0, seconds), key))
    times, failed, size = asyncio.run(load(port, path, seconds, key))
    times.sort()

    def at(share: float) -> float:
        return round(times[min(len(times) - 1, int(len(times) * share))] * 1000, 2)

    return Rate(round(len(times) / seconds, 1), at(0.5), at(0.99), memory_of(pid), failed, size // max(1, len(times)))


def value(number: int) -> str:
    """Filter of the n-th request: all regions in turn."""
    return f"12{number * 7 % REGIONS + 1:02d}"


def public_folder(table: Path, folder: Path) -> Path:
    """A release that holds the table."""
    rows = pq.read_table(table)
    types = {n: "DOUBLE" if n == "harga" else "DATE" if n == "tanggal" else "VARCHAR" for n in rows.column_names}
    days = pc.strptime(rows["tanggal"], "%Y-%m-%d", "s").cast(pa.date32())
    hand = Hand(folder / "terbuka")
    hand.put("harga", rows.set_column(rows.column_names.index("tanggal"), "tanggal", days), types)
    hand.release()
    return hand.root


def ours(table: Path, folder: Path, seconds: float) -> Rate:
    """`ssp portal`, asked with a key, so that recognising and counting are measured too."""
    root = public_folder(table, folder)
    key, digest = new_key()
    (folder / "kunci.toml").write_text(
        f'[kunci.ukur]\nsha256 = "{digest}"\nper_menit = 100000000\nper_hari = 1000000000\n'
    )
    (folder / "ssp.toml").write_text(f'[portal]\nberkas_kunci = "{folder / "kunci.toml"}"\n')
    port = free_port()
    command = [sys.executable, "-c", "from ssp_pipeline.cli import main; main()", "portal"]
    command = ["env", f"SSP_CONFIG={folder / 'ssp.toml'}", f"SSP_HOME={folder}", *command]

    def path(number: int) -> str:
        asked = quote(json.dumps({"kode_kabupaten_kota": value(number)}))
        return f"/api/3/action/datastore_search?resource_id=harga&limit={PAGE}&filters={asked}"

    with process([*command, "--port", str(port), "--root", str(root)], port) as started:
        return measured(port, started.pid, path, seconds, key)


def datasette(table: Path, folder: Path, seconds: float, binaries: Path) -> Rate:
    """Datasette over SQLite, with an index on the filtered column and counts limited as it does by itself."""
    database = folder / "harga.db"
    rows = duckdb.read_parquet(str(table)).fetchall()
    names = duckdb.read_parquet(str(table)).columns
    with contextlib.closing(sqlite3.connect(database)) as con:
        con.execute(f"CREATE TABLE harga ({', '.join(names)})")
        con.executemany(f"INSERT INTO harga VALUES ({', '.join('?' * len(names))})", rows)
        con.execute("CREATE INDEX kode ON harga (kode_kabupaten_kota)")
        con.commit()
    port = free_port()
    command = [str(binaries / "datasette"), "serve", "-i", str(database), "-p", str(port)]

    def path(number: int) -> str:
        return f"/harga/harga.json?_shape=objects&_size={PAGE}&kode_kabupaten_kota={value(number)}"

    with process(command, port) as started:
        return measured(port, started.pid, path, seconds)


def roapi(table: Path, folder: Path, seconds: float, binaries: Path) -> Rate:
    """roapi with the table in memory."""
    port = free_port()
    command = [str(binaries / "roapi"), "--addr-http", f"127.0.0.1:{port}", "--table", f"harga={table}"]

    def path(number: int) -> str:
        asked = quote(f"'{value(number)}'")
        return f"/api/tables/harga?filter[kode_kabupaten_kota]={asked}&limit={PAGE}".replace("[", "%5B").replace(
            "]", "%5D"
        )

    with process(command, port) as started:
        return measured(port, started.pid, path, seconds)


def main(rows: int, seconds: float, binaries: Path | None) -> dict[str, object]:
    """All contestants on the same table, one after the other, and ours as a multiple of each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = make_table(folder, rows)
        found = {"portal": ours(table, folder, seconds)}
        if binaries is not None:
            found["datasette"] = datasette(table, folder, seconds, binaries)
            found["roapi"] = roapi(table, folder, seconds, binaries)
    portal = found["portal"]
    ratios = {f"kali_{n}": round(portal.requests / r.requests, 2) for n, r in found.items() if n != "portal"}
    return {n: asdict(r) for n, r in found.items()} | ratios
