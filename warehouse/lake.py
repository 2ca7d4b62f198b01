"""The lake: the only code that writes it. One transaction replaces partitions together with what tells of them.

Belongs here: tables, commits, their retries, and the questions about past outcomes. Does not belong here: what
the rows mean.
"""

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, TypeVar

import duckdb
import orjson
import polars as pl

from connectors.contract import Contract
from connectors.crashpoint import crashpoint
from connectors.durable import make_dirs
from warehouse import ops
from warehouse.duck import LAKE, LakeConfig, attach, ident, literal
from warehouse.lock import LakeBusy, WriterLock
from warehouse.source_table import LakeSchemaError, bring_up, differs, refuse_changes, source_shape
from warehouse.transaction import Shape, Shapes, Transaction, plain_type

T = TypeVar("T")

SCHEMAS = ("source", "core", "dashboard", "open_data", "quarantine", "ops")
_PARQUET = {"parquet_compression": "zstd", "parquet_version": "2"}
"""How files of tables are written. Version 2 keeps numbers and texts as differences, which is smaller and quicker."""

_CONFLICT = re.compile(r"Transaction conflict|database is locked|could not serialize", re.IGNORECASE)
# DuckDB reports a full disk and a damaged file by the same class of error; only the text tells them apart.
_STORAGE = re.compile(
    r"disk is full|No space left|disk I/O error|File too large|Disk quota|Could not write|Permission denied"
    r"|Read-only file system|Could not (?:connect|establish|resolve)|HTTP (?:PUT|POST|DELETE|401|403|429|5\d\d)",
    re.IGNORECASE,
)
_DAMAGE = re.compile(r"parquet|Cannot open file|TProtocol|decompress", re.IGNORECASE)  # most name the file


def is_storage_fault(error: str) -> bool:
    """Whether an error's text tells of storage that cannot be written or does not answer, not of what lies in it."""
    return _STORAGE.search(error) is not None


def is_damaged_file(error: str) -> bool:
    """Whether an error's text tells of a file of the lake that is lost or cannot be read."""
    return _DAMAGE.search(error) is not None


class LakeWriteError(RuntimeError):
    """The lake could not be written, for example because the disk is full; the version before stays."""


class Lake:
    """A door to the lake. Reads need no lock; writes take the writer's lock, one process at a time."""

    def __init__(self, config: LakeConfig, *, read_only: bool = False, lock_timeout: float = 600.0):
        self.config = config
        self.read_only = read_only
        self._con: duckdb.DuckDBPyConnection | None = None
        self._mutex = threading.RLock()
        self._lock = WriterLock(config.lock_path, lock_timeout)
        self._shapes: Shapes | None = None

    @property
    def con(self) -> duckdb.DuckDBPyConnection:
        """The connection. Statements of several threads go through `query` and `transaction`, one at a time."""
        con = self._con
        return self._open() if con is None else con

    def _open(self) -> duckdb.DuckDBPyConnection:
        if self.read_only:
            with self._mutex:
                self._con = self._con or attach(self.config, read_only=True)
                return self._con
        if self.config.local_data is not None:
            make_dirs(self.config.local_data)
        # The lock always comes before the mutex: in the other order two threads could wait for each other.
        with self.writer_lock():
            if self._con is None:
                self._con = attach(self.config, read_only=False)
                try:
                    self._ensure_base()
                except BaseException:
                    self.close()
                    raise
            return self._con

    def _ensure_base(self) -> None:
        """Make the schemas and the tables of `ops` and `quarantine`, or add what a newer release has in them."""
        shapes = self.shapes(fresh=True)
        lacking = {t: {n: s for n, s in c.items() if n not in shapes[t].columns} for t, c in ops.TABLES.items()
                   if t in shapes}  # fmt: skip
        if shapes.keys() >= ops.TABLES.keys() and not any(lacking.values()):
            return

        def work(tx: Transaction) -> None:
            for schema in SCHEMAS:
                tx.con.execute(f"CREATE SCHEMA IF NOT EXISTS {LAKE}.{ident(schema)}")
            for table, columns in ops.TABLES.items():
                if table not in shapes:
                    tx.create_table(table, columns, "dataset" if table in ops.BY_DATASET else None)
                    tx.comment(table, ops.COMMENTS[table], {})
                elif lacking[table]:
                    tx.add_columns(table, lacking[table])

        for option, value in _PARQUET.items():
            self.con.execute(f"CALL {LAKE}.set_option({literal(option)}, {literal(value)})")
        self.transaction(work, message="tabel dasar")

    def close(self) -> None:
        with self._mutex:
            if self._con is not None:
                self._con.close()
                self._con = None
                self._shapes = None

    @contextmanager
    def writer_lock(self) -> Iterator[None]:
        """The one writer's lock, over threads and processes. Raises LakeBusy after the lock timeout."""
        with self._lock.held(), self._mutex:
            yield

    def transaction(self, work: Callable[[Transaction], T], *, message: str = "", attempts: int = 5) -> T:
        """Run `work` in one transaction under the writer's lock; done again when the catalogue reports a conflict.

        `work` may run several times, so it keeps no state of its own. Raises LakeBusy, LakeWriteError, and what
        `work` raises; in each case nothing of the transaction stays.
        """
        with self.writer_lock():
            for attempt in range(1, attempts + 1):
                try:
                    return self._once(work, message)
                except (duckdb.Error, OSError) as error:
                    if attempt < attempts and _CONFLICT.search(str(error)):
                        time.sleep(0.1 * attempt)
                        continue
                    if isinstance(error, OSError) or is_storage_fault(str(error)):
                        raise LakeWriteError(
                            f"the lake could not be written, the version before stays: {' '.join(str(error).split())} "
                            "(look at the free space and the rights of its data folder or store and of its catalogue)"
                        ) from error
                    raise
            raise AssertionError("unreachable")

    def _once(self, work: Callable[[Transaction], T], message: str) -> T:
        con = self.con
        con.execute("BEGIN")
        try:
            tx = Transaction(con, self.config)
            result = work(tx)
            if message:
                con.execute(f"CALL {LAKE}.set_commit_message('ssp', {literal(message)})")
            tx.sync()
            crashpoint("lake.before_commit")
            con.execute("COMMIT")
        except BaseException:
            self._rollback(con)
            raise
        self._note(tx)
        crashpoint("lake.after_commit")
        return result

    def _note(self, tx: Transaction) -> None:
        """Bring what is known of the tables up to what a transaction made of them."""
        shapes, self._shapes = self._shapes, None
        if shapes is not None:
            try:
                for change in tx.reshaped:
                    change(shapes)
            except KeyError:
                return  # a table that was made by another process: all is asked for anew when it is needed
            self._shapes = shapes

    def _rollback(self, con: duckdb.DuckDBPyConnection) -> None:
        try:
            con.execute("ROLLBACK")
        except duckdb.TransactionException:
            return  # COMMIT itself failed and has already rolled back
        except duckdb.Error:
            self.close()  # a connection that cannot roll back is of no more use; the next one starts anew

    def query(self, sql: str, params: Sequence[Any] = ()) -> pl.DataFrame:
        """One read in autocommit, as a frame."""
        con = self.con
        with self._mutex:
            table = con.execute(sql, list(params)).to_arrow_table()
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
        return int(self.query(f"SELECT id FROM {LAKE}.current_snapshot()")["id"][0])

    def shapes(self, *, fresh: bool = False) -> Shapes:
        """Every table of the lake. Kept up to this process's own changes; `fresh` also sees what others changed."""
        if self._shapes is not None and not fresh:
            return self._shapes
        found: Shapes = {}
        for table, comment in self.query(
            "SELECT schema_name || '.' || table_name, comment FROM duckdb_tables() WHERE database_name = ?", [LAKE]
        ).iter_rows():
            found[table] = Shape(comment=comment or "")
        columns = self.query(
            "SELECT schema_name || '.' || table_name, column_name, data_type, comment FROM duckdb_columns() "
            "WHERE database_name = ? ORDER BY column_index",
            [LAKE],
        )
        for table, name, sql, comment in columns.iter_rows():
            shape = found.setdefault(table, Shape())
            shape.columns[name] = plain_type(sql)
            shape.comments[name] = comment or ""
        # DuckDB's own catalogue views do not tell how a table is partitioned; the tables of the DuckLake format do.
        for table, name in self.query(_PARTITIONS_SQL).iter_rows():
            if table in found:
                found[table].partition = name
        self._shapes = found
        return found

    def make_sources(self, contracts: Iterable[Contract]) -> None:
        """Create those of the datasets' tables that are missing, in one transaction: one for each costs much more."""
        wanted = {f"source.{c.table}": c for c in contracts}
        if wanted.keys() <= self.shapes().keys():
            return
        with self.writer_lock():
            there = self.shapes(fresh=True)
            missing = {t: source_shape(c) for t, c in wanted.items() if t not in there}

            def work(tx: Transaction) -> None:
                for table, shape in missing.items():
                    bring_up(tx, table, None, shape)

            if missing:
                self.transaction(work, message=f"{len(missing)} tabel baru")

    def ensure_source(self, contract: Contract) -> None:
        """Create the dataset's table, or add what is new. Raises LakeSchemaError for other changes.

        A column that the contract no longer has stays, with its values, and is NULL in new rows.
        """
        table, wanted = f"source.{contract.table}", source_shape(contract)
        if differs(self.shapes().get(table), wanted):
            with self.writer_lock():
                have = self.shapes(fresh=True).get(table)
                refuse_changes(table, have, wanted)
                if differs(have, wanted):
                    self.transaction(lambda tx: bring_up(tx, table, have, wanted), message=f"tabel {table}")

    def states(self, dataset: str, start: str | None = None, end: str | None = None) -> dict[str, ops.Outcome]:
        """Newest outcome that settled each partition (`diterima` or `kosong`), by partition key."""
        bounds = [key for key in (start, end) if key is not None]
        return self._outcomes(
            "dataset = ? AND status IN ('diterima', 'kosong')"
            + (" AND partisi >= ?" if start is not None else "")
            + (" AND partisi <= ?" if end is not None else ""),
            [dataset, *bounds],
        )

    def newest_outcome(self, dataset: str, partition: str) -> ops.Outcome | None:
        """The newest outcome of a key, whatever came of it."""
        return self._outcomes("dataset = ? AND partisi = ?", [dataset, partition]).get(partition)

    def file_outcomes(self, dataset: str) -> dict[str, ops.Outcome]:
        """The newest outcome of each inbox file, by its key, whatever came of it."""
        return self._outcomes("dataset = ? AND starts_with(partisi, ?)", [dataset, ops.FILE])

    def _outcomes(self, condition: str, params: Sequence[Any]) -> dict[str, ops.Outcome]:
        rows = self.query(
            f"SELECT * FROM {LAKE}.ops.hasil WHERE {condition} "
            "QUALIFY row_number() OVER (PARTITION BY partisi ORDER BY selesai DESC, run_id DESC) = 1",
            params,
        )
        return {row["partisi"]: _outcome(row) for row in rows.iter_rows(named=True)}

    def profile_before(self, dataset: str, partition: str) -> dict[str, Any] | None:
        """Profile of the newest version of the last partition with rows before the given one."""
        rows = self.query(
            f"SELECT max_by(profil, (partisi, selesai, run_id)) AS profil FROM {LAKE}.ops.hasil "
            "WHERE dataset = ? AND status = 'diterima' AND partisi < ? AND diterima > 0",
            [dataset, partition],
        )
        text = rows["profil"][0]
        return None if text is None else orjson.loads(text)

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
        before: Callable[[Transaction], None] = lambda _: None,
    ) -> None:
        """Replace the partitions whose outcome is `diterima` by `rows`, with all that tells of the attempt.

        `rows` has the contract's columns and the lineage columns. `before` is done first in the same transaction.
        Raises ValueError when `rows` holds a partition that is not replaced: its rows would be doubled.
        """
        self.ensure_source(contract)
        accepted = [o.partisi for o in outcomes if o.status == "diterima"]
        column = contract.partition_column
        keys = [date.fromisoformat(p) for p in accepted] if column else accepted
        stray = set(rows[column].unique()) - set(keys) if column and rows.height else set()
        if stray or (rows.height and not keys):
            raise ValueError(f"{contract.id}: rows of partitions that are not replaced: {sorted(map(str, stray))[:5]}")

        def work(tx: Transaction) -> None:
            before(tx)
            if keys:
                tx.replace(f"source.{contract.table}", column, keys, rows)
            crashpoint("lake.rows_written")
            tx.append("quarantine.baris", quarantined)
            tx.append("ops.pemeriksaan", checks)
            tx.append("ops.hasil", ops.frame("ops.hasil", [o.record() for o in outcomes]))

        span = f"{accepted[0]}..{accepted[-1]}" if accepted else "tanpa versi baru"
        self.transaction(work, message=f"{contract.id}: {len(accepted)} partisi {span}")


_PARTITIONS_SQL = f"""
SELECT s.schema_name || '.' || t.table_name, c.column_name
FROM __ducklake_metadata_{LAKE}.ducklake_partition_info i
JOIN __ducklake_metadata_{LAKE}.ducklake_partition_column p USING (partition_id, table_id)
JOIN __ducklake_metadata_{LAKE}.ducklake_column c ON c.table_id = p.table_id AND c.column_id = p.column_id
    AND c.end_snapshot IS NULL
JOIN __ducklake_metadata_{LAKE}.ducklake_table t ON t.table_id = p.table_id AND t.end_snapshot IS NULL
JOIN __ducklake_metadata_{LAKE}.ducklake_schema s ON s.schema_id = t.schema_id AND s.end_snapshot IS NULL
WHERE i.end_snapshot IS NULL
"""


def _outcome(row: dict[str, Any]) -> ops.Outcome:
    known = {name: row[name] for name in ops.TABLES["ops.hasil"]}
    return ops.Outcome(
        **known
        | {
            "muatan": tuple(row["muatan"] or ()),
            "profil": orjson.loads(row["profil"] or "{}"),
            "digest_karantina": row["digest_karantina"] or "",
        }
    )


__all__ = [
    "Lake", "LakeBusy", "LakeSchemaError", "LakeWriteError", "Shape", "Transaction", "is_damaged_file",
    "is_storage_fault", "plain_type",
]  # fmt: skip
