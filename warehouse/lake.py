"""The lake: the only code that writes it. One transaction replaces partitions together with what tells of them.

Belongs here: tables, commits, the writer's lock, durability. Does not belong here: what the rows mean.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import polars as pl

from connectors.contract import Contract
from connectors.contract.model import LINEAGE_COLUMNS
from connectors.crashpoint import crashpoint
from connectors.durable import fsync_path
from warehouse import ops
from warehouse.duck import LAKE, LakeConfig, attach, ident, literal, qualified

T = TypeVar("T")

SCHEMAS = ("source", "core", "dashboard", "open_data", "quarantine", "ops")
_LINEAGE_SQL = {"_payload": "VARCHAR", "_baris": "INTEGER", "_asal": "VARCHAR"}
_LINEAGE_COMMENTS = {
    "_payload": "sha256 muatan di arsip asal baris ini",
    "_baris": "Nomor baris dalam muatan, mulai dari 0",
    "_asal": "Asal data: resmi, tiruan (instansi tiruan) atau ulangan (deret nyata yang diputar ulang)",
}
_CONFLICTS = ("Transaction conflict", "database is locked", "could not serialize")


class LakeBusy(RuntimeError):
    """Another process writes the lake and did not finish in time."""


class LakeSchemaError(RuntimeError):
    """A contract asks for a change of a table that is not made in place."""


class Transaction:
    """One DuckLake transaction. New Parquet files of the tables it wrote are made durable before COMMIT."""

    def __init__(self, con: duckdb.DuckDBPyConnection, config: LakeConfig):
        self.con = con
        self._data = config.local_data
        self._started = time.time_ns()
        self._folders: set[str] = set()

    def append(self, table: str, rows: pl.DataFrame) -> None:
        """Insert a frame by column name."""
        if rows.is_empty():
            return
        self.con.register("_rows", rows.to_arrow())
        try:
            self.con.execute(f"INSERT INTO {qualified(table)} BY NAME SELECT * FROM _rows")
        finally:
            self.con.unregister("_rows")
        self._folders.add(table.replace(".", "/"))

    def replace(self, table: str, column: str | None, keys: Sequence[Any], select: str | pl.DataFrame) -> None:
        """Replace the partitions `keys` of `column` (all rows when None) by a frame or a SELECT."""
        if column is None:
            self.con.execute(f"DELETE FROM {qualified(table)}")
        else:
            marks = ", ".join("?" for _ in keys)
            self.con.execute(f"DELETE FROM {qualified(table)} WHERE {ident(column)} IN ({marks})", list(keys))
        if isinstance(select, pl.DataFrame):
            self.append(table, select)
        else:
            self.con.execute(f"INSERT INTO {qualified(table)} BY NAME {select}")
            self._folders.add(table.replace(".", "/"))

    def sync(self) -> None:
        """fsync every file that this transaction wrote, and the folders that name them."""
        if self._data is None:
            return
        for folder in self._folders:
            for directory, _, names in os.walk(self._data / folder):
                fresh = [n for n in names if self._is_fresh(Path(directory, n))]
                for path in [*(Path(directory, n) for n in fresh), *([Path(directory)] if fresh else [])]:
                    fsync_path(path)

    def _is_fresh(self, path: Path) -> bool:
        # File times come from the kernel's coarse clock, which may lag by some milliseconds.
        return path.stat().st_mtime_ns >= self._started - 50_000_000


class Lake:
    """A door to the lake. Reads need no lock; writes take the writer's lock, one process at a time."""

    def __init__(self, config: LakeConfig, *, read_only: bool = False, lock_timeout: float = 600.0):
        self.config = config
        self.read_only = read_only
        self._lock_timeout = lock_timeout
        self._con: duckdb.DuckDBPyConnection | None = None
        self._mutex = threading.RLock()
        self._lock_depth = 0
        self._ensured: dict[str, str] = {}

    @property
    def con(self) -> duckdb.DuckDBPyConnection:
        with self._mutex:
            if self._con is None:
                if self.read_only:
                    self._con = attach(self.config, read_only=True)
                else:
                    self._con = self._open()
            return self._con

    def _open(self) -> duckdb.DuckDBPyConnection:
        for path in (self.config.lock_path.parent, self.config.local_data):
            if path is not None:
                path.mkdir(parents=True, exist_ok=True)
        with self.writer_lock():
            con = attach(self.config, read_only=False)
            have = {
                r[0]
                for r in con.execute(
                    "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_catalog = ?",
                    [LAKE],
                ).fetchall()
            }
            if not have >= set(ops.TABLES):
                self._create_base(con, have)
        return con

    def _create_base(self, con: duckdb.DuckDBPyConnection, have: set[str]) -> None:
        con.execute(f"CALL {LAKE}.set_option('parquet_compression', 'zstd')")
        con.execute("BEGIN")
        for schema in SCHEMAS:
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {LAKE}.{ident(schema)}")
        for table, columns in ops.TABLES.items():
            if table not in have:
                fields = ", ".join(f"{ident(n)} {sql}" for n, sql in columns.items())
                con.execute(f"CREATE TABLE {qualified(table)} ({fields})")
                con.execute(f"COMMENT ON TABLE {qualified(table)} IS {literal(ops.COMMENTS[table])}")
        con.execute("COMMIT")

    def close(self) -> None:
        with self._mutex:
            if self._con is not None:
                self._con.close()
                self._con = None

    @contextmanager
    def writer_lock(self) -> Iterator[None]:
        """The one writer's lock, over threads and processes. Raises LakeBusy after the lock timeout."""
        with self._mutex:
            if self._lock_depth:
                self._lock_depth += 1
                try:
                    yield
                finally:
                    self._lock_depth -= 1
                return
            self.config.lock_path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.config.lock_path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                self._acquire(descriptor)
                self._lock_depth = 1
                yield
            finally:
                self._lock_depth = 0
                os.close(descriptor)

    def _acquire(self, descriptor: int) -> None:
        deadline = time.monotonic() + self._lock_timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LakeBusy(
                        f"another process has been writing the lake for {self._lock_timeout:.0f} s; "
                        "wait for it or end it, then try again"
                    ) from None
                time.sleep(0.05)
            else:
                return

    def transaction(self, work: Callable[[Transaction], T], *, message: str = "", attempts: int = 5) -> T:
        """Run `work` in one transaction under the writer's lock; done again when the catalogue reports a conflict."""
        with self.writer_lock():
            con = self.con
            for attempt in range(1, attempts + 1):
                con.execute("BEGIN")
                try:
                    tx = Transaction(con, self.config)
                    result = work(tx)
                    if message:
                        con.execute(f"CALL {LAKE}.set_commit_message('ssp', {literal(message)})")
                    tx.sync()
                    crashpoint("lake.before_commit")
                    con.execute("COMMIT")
                except BaseException as error:
                    self._rollback(con)
                    if attempt < attempts and any(text in str(error) for text in _CONFLICTS):
                        time.sleep(0.1 * attempt)
                        continue
                    raise
                crashpoint("lake.after_commit")
                return result
            raise AssertionError("unreachable")

    @staticmethod
    def _rollback(con: duckdb.DuckDBPyConnection) -> None:
        try:
            con.execute("ROLLBACK")
        except duckdb.Error:
            return  # COMMIT itself failed and has already rolled back

    def query(self, sql: str, params: Sequence[Any] = ()) -> pl.DataFrame:
        """One read in autocommit, as a frame."""
        with self._mutex:
            table = self.con.execute(sql, list(params)).to_arrow_table()
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        return frame

    def tables(self, schema: str) -> list[str]:
        """Names of the tables of a schema."""
        return self.query(
            "SELECT table_name FROM information_schema.tables WHERE table_catalog = ? AND table_schema = ? ORDER BY 1",
            [LAKE, schema],
        )["table_name"].to_list()

    def snapshot_id(self) -> int:
        """Number of the newest lake snapshot."""
        return int(self.query(f"SELECT max(snapshot_id) AS id FROM {LAKE}.snapshots()")["id"][0])

    def ensure_source(self, contract: Contract) -> None:
        """Create the dataset's table, or add the columns that are new. Raises LakeSchemaError for other changes."""
        if self._ensured.get(contract.id) == contract.digest:
            return
        columns = {c.name: c.sql_type for c in contract.columns} | _LINEAGE_SQL
        comments = {c.name: _column_comment(c.description, c.ext.satuan) for c in contract.columns} | _LINEAGE_COMMENTS
        self.ensure_table(
            f"source.{contract.table}",
            columns,
            comments,
            f"{contract.title}. {contract.granularity}",
            contract.partition_column,
        )
        self._ensured[contract.id] = contract.digest

    def ensure_table(
        self, table: str, columns: dict[str, str], comments: dict[str, str], comment: str, partition: str | None
    ) -> None:
        """Create a table with comments and partitioning, or add its new columns."""
        schema, _, name = table.partition(".")
        have = dict(
            self.query(
                "SELECT column_name, data_type FROM information_schema.columns "
                "WHERE table_catalog = ? AND table_schema = ? AND table_name = ? ORDER BY ordinal_position",
                [LAKE, schema, name],
            ).iter_rows()
        )
        have = {n: t.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for n, t in have.items()}
        missing = {n: t for n, t in columns.items() if n not in have}
        changed = {n: (have[n], t) for n, t in columns.items() if n in have and have[n] != t}
        if changed:
            raise LakeSchemaError(
                f"{table}: type changes are not made in place: "
                + "; ".join(f"{n} is {old}, contract says {new}" for n, (old, new) in changed.items())
                + ". Give the column a new name, or rebuild the lake from the archive (ssp replay --rebuild)."
            )
        if have and not missing:
            return

        def work(tx: Transaction) -> None:
            if not have:
                fields = ", ".join(f"{ident(n)} {t}" for n, t in columns.items())
                tx.con.execute(f"CREATE TABLE {qualified(table)} ({fields})")
                if partition:
                    tx.con.execute(f"ALTER TABLE {qualified(table)} SET PARTITIONED BY ({ident(partition)})")
                tx.con.execute(f"COMMENT ON TABLE {qualified(table)} IS {literal(comment)}")
            else:
                for column, sql in missing.items():
                    tx.con.execute(f"ALTER TABLE {qualified(table)} ADD COLUMN {ident(column)} {sql}")
            for column in missing:
                if comments.get(column):
                    text = literal(comments[column])
                    tx.con.execute(f"COMMENT ON COLUMN {qualified(table)}.{ident(column)} IS {text}")

        self.transaction(work, message=f"tabel {table}")

    def states(self, dataset: str, start: str | None = None, end: str | None = None) -> dict[str, ops.Outcome]:
        """Newest outcome that settled each partition (`diterima` or `kosong`), by partition key."""
        rows = self.query(
            f"SELECT * FROM {LAKE}.ops.hasil WHERE dataset = ? AND status IN ('diterima', 'kosong') "
            "AND (? IS NULL OR partisi >= ?) AND (? IS NULL OR partisi <= ?) "
            "QUALIFY row_number() OVER (PARTITION BY partisi ORDER BY selesai DESC, run_id DESC) = 1",
            [dataset, start, start, end, end],
        )
        return {row["partisi"]: _outcome(row) for row in rows.iter_rows(named=True)}

    def state_before(self, dataset: str, partition: str) -> ops.Outcome | None:
        """Newest committed outcome of the last partition before the given one."""
        rows = self.query(
            f"SELECT * FROM {LAKE}.ops.hasil WHERE dataset = ? AND status = 'diterima' AND partisi < ? "
            "ORDER BY partisi DESC, selesai DESC LIMIT 1",
            [dataset, partition],
        )
        return _outcome(rows.row(0, named=True)) if rows.height else None

    def record(self, outcomes: Sequence[ops.Outcome]) -> None:
        """Write outcomes that change no partition."""
        if outcomes:
            self.transaction(lambda tx: tx.append("ops.hasil", ops.frame("ops.hasil", [o.record() for o in outcomes])))

    def commit(
        self,
        contract: Contract,
        outcomes: Sequence[ops.Outcome],
        rows: pl.DataFrame,
        quarantined: pl.DataFrame,
        checks: pl.DataFrame,
    ) -> None:
        """Replace the partitions whose outcome is `diterima` by `rows`, with all that tells of the attempt.

        `rows` has the contract's columns and the lineage columns, and holds only partitions that are replaced.
        """
        self.ensure_source(contract)
        accepted = [o.partisi for o in outcomes if o.status == "diterima"]
        table = f"source.{contract.table}"

        def work(tx: Transaction) -> None:
            if accepted:
                keys = accepted if contract.partition_column else []
                tx.replace(table, contract.partition_column, keys, rows)
            crashpoint("lake.rows_written")
            tx.append("quarantine.baris", quarantined)
            tx.append("ops.pemeriksaan", checks)
            tx.append("ops.hasil", ops.frame("ops.hasil", [o.record() for o in outcomes]))

        span = f"{accepted[0]}..{accepted[-1]}" if accepted else "tanpa versi baru"
        self.transaction(work, message=f"{contract.id}: {len(accepted)} partisi {span}")


def _column_comment(description: str, unit: str | None) -> str:
    return f"{description} [{unit}]" if unit else description


def _outcome(row: dict[str, Any]) -> ops.Outcome:
    import orjson

    values = dict(row)
    values["muatan"] = tuple(values["muatan"] or ())
    values["profil"] = orjson.loads(values["profil"] or "{}")
    for name in ("mulai", "selesai"):
        assert isinstance(values[name], datetime)
    return ops.Outcome(**values)


def data_files(config: LakeConfig) -> list[Path]:
    """Every Parquet file in the local data folder."""
    root = config.local_data
    return sorted(root.rglob("*.parquet")) if root is not None and root.is_dir() else []


__all__ = ["LINEAGE_COLUMNS", "Lake", "LakeBusy", "LakeSchemaError", "Transaction", "data_files"]
