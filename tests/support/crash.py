"""Starting the real job in processes that are killed, and telling by other means than its own what is left.

Belongs here: a home and its processes, the names of all steps, hashes of what lake, snapshot and releases hold.
Does not belong here: which kills are made (`tests/crash/`, `tests/test_crash.py`).
"""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import orjson

from warehouse.duck import LakeConfig, attach, bare

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("connectors", "warehouse", "assets", "ssp_pipeline")
SSP = str(Path(sys.executable).with_name("ssp"))

State = tuple[int, str]
"""Rows of a partition and a hash of their content."""
Contents = dict[str, dict[str, State]]
"""Table → partition → state."""
Shape = dict[str, str | None]
"""Table → its partition column."""
_NONE: Mapping[str, str] = {}


ELSEWHERE = ("withdraw.", "outbox.", "deliver.", "watch.")
"""Steps that no run of the job passes; the tests of that subject kill at them."""


def step_names() -> list[str]:
    """Every name that is given to `crashpoint` anywhere in the code of the job."""
    sources = (path.read_text(encoding="utf-8") for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))
    found = {name for text in sources for name in re.findall(r'\bcrashpoint\("([^"]+)"\)', text)}
    return sorted(name for name in found if not name.startswith(ELSEWHERE))


@dataclass
class Ended:
    """How a process ended: exit code (negative: the signal), what it said, and how long it took in seconds."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    def json(self) -> Any:
        return orjson.loads(self.out)


class Job:
    """One process in a group of its own, together with all that it starts."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]):
        with ExitStack() as stack:
            # Files, for a pipe could be held open by a grandchild.
            self._files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(2)]
            self._stack = stack.pop_all()
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=dict(environment), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=self._files[0], stderr=self._files[1],
        )  # fmt: skip

    def running(self) -> bool:
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, flags) is None

    def wait(self, seconds: float) -> bool:
        """Whether it ended by itself within this time."""
        deadline = time.monotonic() + seconds
        while self.running():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def end(self) -> Ended:
        """Kill what is left of the group and give how the first process ended.

        The first process is waited for last: as long as it is not, its number names this group and no other.
        """
        took = time.monotonic() - self._began
        os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()
        texts = []
        with self._stack:
            for file in self._files:
                file.seek(0)
                texts.append(file.read().decode(errors="replace"))
        return Ended(code, texts[0], texts[1], took)


@dataclass(frozen=True)
class Home:
    """A home of the real job at `path`, with temporary files of its own beside it."""

    path: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def temp(self) -> Path:
        return self.path.with_name(f"{self.path.name}-tmp")

    def environment(self, more: Mapping[str, str] = _NONE) -> dict[str, str]:
        own = {k: v for k, v in os.environ.items() if not k.startswith(("SSP_", "DAGSTER_"))}
        self.temp.mkdir(exist_ok=True)
        return own | {"SSP_HOME": str(self.path), "TMPDIR": str(self.temp)} | {**self.variables, **more}

    def start(self, *arguments: str, crash_at: str = "", variables: Mapping[str, str] = _NONE) -> Job:
        crash = {"SSP_CRASH_AT": crash_at} if crash_at else {}
        return Job([SSP, *arguments], self.environment({**variables, **crash}))

    def ssp(
        self, *arguments: str, crash_at: str = "", timeout: float = 180, variables: Mapping[str, str] = _NONE
    ) -> Ended:
        """Run a command to its end. Raises TimeoutError."""
        job = self.start(*arguments, crash_at=crash_at, variables=variables)
        ended = job.wait(timeout)
        result = job.end()
        if not ended:
            raise TimeoutError(f"ssp {' '.join(arguments)} took more than {timeout:.0f} s: {result.err[-2000:]}")
        return result

    def save(self, folder: Path) -> None:
        """Keep a copy. Files that are never written again are linked, not copied."""
        shutil.copytree(self.path, folder, symlinks=True, copy_function=_link_or_copy)

    def restore(self, folder: Path) -> None:
        """Make the home what `save` kept. The path stays the same: a snapshot names its parts by it."""
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.copytree(folder, self.path, symlinks=True, copy_function=_link_or_copy)

    def lake(self) -> duckdb.DuckDBPyConnection:
        """The lake as a reader sees it. One statement each, in autocommit."""
        lake = self.path / "lake"
        config = LakeConfig(f"sqlite:{lake / 'catalog.sqlite'}", str(lake / "data"), lake / "penulis.lock", threads=1)
        return attach(config, read_only=True)

    @contextmanager
    def snapshot(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The newest analysts' snapshot, opened as an analyst would."""
        folder = self.path / "snapshots"
        link = folder / "latest.duckdb"
        con = bare({"access_mode": "READ_ONLY", "threads": 1}, str(folder / link.readlink()))
        try:
            yield con
        finally:
            con.close()

    def shape(self) -> Shape:
        """The lake's tables with data of agencies and models, and their partition columns, out of the catalogue."""
        return dict(
            self._catalogue(
                "SELECT s.schema_name || '.' || t.table_name, c.column_name FROM ducklake_table t "
                "JOIN ducklake_schema s ON s.schema_id = t.schema_id AND s.end_snapshot IS NULL "
                "LEFT JOIN ducklake_partition_info i ON i.table_id = t.table_id AND i.end_snapshot IS NULL "
                "LEFT JOIN ducklake_partition_column p ON p.partition_id = i.partition_id "
                "LEFT JOIN ducklake_column c ON c.table_id = t.table_id AND c.column_id = p.column_id "
                "AND c.end_snapshot IS NULL "
                "WHERE t.end_snapshot IS NULL AND s.schema_name NOT IN ('ops', 'quarantine') ORDER BY 1"
            )
        )

    def _with_files(self) -> set[str]:
        """Tables that have a data file; asking the others takes longer than to see here that they are empty."""
        return {
            table
            for (table,) in self._catalogue(
                "SELECT DISTINCT s.schema_name || '.' || t.table_name FROM ducklake_data_file f "
                "JOIN ducklake_table t USING (table_id) JOIN ducklake_schema s USING (schema_id) "
                "WHERE f.end_snapshot IS NULL AND t.end_snapshot IS NULL AND s.end_snapshot IS NULL"
            )
        }

    def _catalogue(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path / "lake" / "catalog.sqlite")) as con:
            return con.execute(query).fetchall()

    def contents(self, tables: Collection[str] | None = None) -> Contents:
        """Everything that must not depend on how often a run was killed: lake, outcomes, snapshot and releases.

        `tables`: only these of the lake's, and of the snapshot's. To be asked while nobody writes.
        """
        found: Contents = {}
        filled = self._with_files()
        con = self.lake()
        try:
            for table, column in self.shape().items():
                if tables is None or table in tables:
                    found[table] = table_contents(con, f"lake.{table}", column) if table in filled else {}
            for name, query in _OUTCOMES.items():
                rows = con.execute(f"SELECT kunci, count(*), {_hash('t')} FROM ({query}) t GROUP BY 1").fetchall()
                found[name] = {key: (count, digest) for key, count, digest in rows}
        finally:
            con.close()
        if (self.path / "snapshots" / "latest.duckdb").is_symlink():
            given_out = self.snapshot_contents(tables)
            found |= {f"cuplikan {name}": parts for name, parts in given_out.items()}
        for listed in self._released():
            facts = self.path / "terbuka" / "dataset" / listed["dataset"] / f"v{listed['versi']}" / "manifest.json"
            version = orjson.loads(facts.read_bytes())
            found[f"rilis {listed['dataset']}"] = {"": (version["baris"], version["digest"])}
        return found

    def _released(self) -> list[dict[str, Any]]:
        """Datasets of the newest release of open data, read as its readers do."""
        root = self.path / "terbuka"
        if not (root / "terkini.json").exists():
            return []
        number = orjson.loads((root / "terkini.json").read_bytes())["rilis"]
        release = orjson.loads((root / "rilis" / str(number) / "rilis.json").read_bytes())
        return [d for d in release["dataset"] if d["versi"] and d["dataset"] not in _OF_RUNS]

    def snapshot_contents(self, tables: Collection[str] | None = None) -> Contents:
        """Tables of the newest snapshot, by partition."""
        columns = self.shape()
        with self.snapshot() as con:
            views = con.execute(
                "SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1"
            ).fetchall()
            chosen = [view for (view,) in views if tables is None or view in tables]
            return {view: table_contents(con, view, columns.get(view)) for view in chosen}

    def left_started(self) -> list[str]:
        """Runs that Dagster takes for running, and pool slots and steps that it holds for runs."""
        storage = self.path / "dagster"
        with closing(sqlite3.connect(storage / "history" / "runs.db")) as con:
            runs = con.execute(
                "SELECT run_id || ' ' || status FROM runs WHERE status IN "
                "('NOT_STARTED', 'STARTING', 'STARTED', 'CANCELING')"
            ).fetchall()
        with closing(sqlite3.connect(storage / "events" / "event_log.db")) as con:
            slots = con.execute(
                "SELECT concurrency_key || ' held by ' || run_id FROM concurrency_slots WHERE run_id IS NOT NULL "
                "UNION ALL SELECT step_key || ' pending of ' || run_id FROM pending_steps"
            ).fetchall()
        return [text for (text,) in runs + slots]


def _link_or_copy(source: str, target: str) -> None:
    if source.endswith((".parquet", ".zst", ".aes", ".xlsx")):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def _hash(row: str) -> str:
    """A hash of a set of rows that depends on neither their order nor the engine's own hash function."""
    return f"CAST(sum(md5_number_lower(CAST({row} AS VARCHAR))::HUGEINT) AS VARCHAR)"


def table_contents(con: duckdb.DuckDBPyConnection, table: str, column: str | None) -> dict[str, State]:
    """Rows and hash of each partition of a table, in one statement."""
    key = f'CAST("{column}" AS VARCHAR)' if column else "'semua'"
    own = next((columns for name, columns in _OF_ONE_RUN.items() if table.endswith(name)), "")
    source = f"(SELECT * EXCLUDE ({own}) FROM {table} WHERE status = 'berlangsung')" if own else table
    rows = con.execute(f"SELECT {key}, count(*), {_hash('t')} FROM {source} AS t GROUP BY 1").fetchall()
    return {part: (count, digest) for part, count, digest in rows}


_OF_ONE_RUN = {"dashboard.peringatan": "nomor, mulai, selesai, per_tanggal"}
"""Columns of tables that tell which run judged and when, and not of what; an alert's number is made of its start.
Alerts that no longer hold are the memory of the runs that judged them, which no archive brings back."""

_OF_RUNS = frozenset({"kualitas_data_instansi"})
"""Open data about when and how often the job ran, which is what a kill changes."""

# What ops and quarantine say of the present state, without run ids and times.
_OUTCOMES = {
    "ops.hasil": "SELECT dataset || ' ' || partisi AS kunci, status, alasan, asal, ditarik, diterima, dikarantina, "
    "digest_masukan, digest_isi, list_sort(muatan), profil, kontrak FROM lake.ops.hasil "
    "WHERE status IN ('diterima', 'kosong') "
    "QUALIFY row_number() OVER (PARTITION BY dataset, partisi ORDER BY selesai DESC) = 1",
    "ops.versi_model": "SELECT model || ' ' || partisi AS kunci, digest_isi, jumlah_baris FROM lake.ops.versi_model "
    f"WHERE model NOT IN ({', '.join(repr(name) for name in _OF_ONE_RUN)}) "
    "QUALIFY row_number() OVER (PARTITION BY model, partisi ORDER BY waktu DESC) = 1",
    "ops.pemeriksaan": "SELECT DISTINCT dataset || ' ' || partisi AS kunci, pemeriksaan, jenis, tingkat, beratnya, "
    "hasil, jumlah_gagal, rincian FROM lake.ops.pemeriksaan",
    "quarantine.baris": "SELECT DISTINCT dataset || ' ' || partisi AS kunci, muatan, baris, kolom, alasan, rincian, "
    "isi FROM lake.quarantine.baris",
}


def differences(expected: Contents, found: Contents) -> list[str]:
    """What two contents differ in, by table and partition; empty when they are equal."""
    lines = []
    for table in sorted(expected.keys() | found.keys()):
        one, other = expected.get(table, {}), found.get(table, {})
        for part in sorted(one.keys() | other.keys(), key=str):
            if one.get(part) != other.get(part):
                lines.append(f"{table} {part}: {one.get(part)} expected, {other.get(part)} found")
    return lines
