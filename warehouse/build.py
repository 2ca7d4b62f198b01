"""Running models: only the partitions whose inputs changed are made again, each replaced whole.

Belongs here: what must be rebuilt, and doing it. Does not belong here: reading model files (`modelling.py`).
"""

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import polars as pl

from connectors.contract import Contract
from connectors.contract.model import SINGLE_PARTITION
from connectors.crashpoint import crashpoint
from warehouse import ops
from warehouse.duck import LAKE, ident, qualified
from warehouse.lake import Lake, Shape, plain_type
from warehouse.modelling import Model, ModelError, render
from warehouse.transaction import Transaction

Versions = dict[str, str]
"""Partition key → digest of its content."""

_CHUNK = 92
_EMPTY = "0"
_NEVER = ("", _EMPTY)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_KEPT_BY = "partisi"


@dataclass(frozen=True)
class Built:
    """What a build did to one model: partitions made again, those whose content changed, and rows written."""

    model: str
    rebuilt: int
    changed: int
    rows: int
    seconds: float


@dataclass(frozen=True)
class _Dated:
    """Versions of a table in the order of their dates: ISO dates, and a line a date that stands for the version."""

    days: list[str]
    lines: list[str]

    def between(self, first: str, last: str) -> list[str]:
        """Lines of the dates from first to last."""
        return self.lines[bisect_left(self.days, first) : bisect_right(self.days, last)]


class Builder:
    """Builds models in order within one run; keeps the versions of inputs as long as the lake does not change."""

    def __init__(self, lake: Lake, contracts: Sequence[Contract], run_id: str):
        self._lake = lake
        self._run_id = run_id
        self._contracts = {f"source.{c.table}": c for c in contracts}
        self._seen = -1
        self._sources_made = False
        self._sources: dict[str, Versions] = {}
        self._built: dict[str, dict[str, tuple[str, str]]] = {}
        self._sorted: dict[str, _Dated] = {}
        self._joint: Transaction | None = None
        self._joint_versions: list[dict[str, Any]] = []

    def build_together(self, models: Sequence[Model]) -> list[Built]:
        """Bring models up to date in one transaction: all of them, or none. Raises ModelError.

        For small models: a transaction of its own costs such a one more than its rows do.
        """

        def work(tx: Transaction) -> list[Built]:
            self._joint, self._joint_versions = tx, []
            try:
                built = [self.build(model) for model in models]
                tx.append("ops.versi_model", ops.frame("ops.versi_model", self._joint_versions))
                return built
            finally:
                self._joint = None

        with self._lake.writer_lock():
            self._look()
            for model in models:
                self._ensure_sources(model)
            try:
                built = self._lake.transaction(work, message=f"{len(models)} model", attempts=1)
            except BaseException:
                self._seen = -1
                raise
            self._seen = self._lake.snapshot_id()
        return built

    def build(self, model: Model) -> Built:
        """Bring one model up to date. Its inputs must have been built before. Raises ModelError."""
        started = datetime.now(UTC)
        self._ready(model)
        wanted = self._wanted(model)
        known = self._built.setdefault(model.table, {})
        shape = self._lake.shapes().get(model.table)
        stale = sorted(p for p, digest in wanted.items() if known.get(p, _NEVER)[0] != digest)
        gone = sorted(p for p, (_, content) in known.items() if p not in wanted and content != _EMPTY)
        rebuilt = changed = rows = 0
        if stale or gone or shape is None:
            columns = self._describe(model)
            same = shape is not None and (shape.columns, shape.partition) == (columns, model.head.partition)
            fresh = not same or SINGLE_PARTITION in gone
            chunks = [sorted(wanted)] if fresh else _chunks(stale)
            if fresh or gone:
                chunks[:1] = [[*(chunks[0] if chunks else ()), *gone]]
            for chunk in chunks:
                n_changed, n_rows = self._rebuild(model, chunk, wanted, columns if fresh else None)
                rebuilt, changed, rows = rebuilt + len(chunk), changed + n_changed, rows + n_rows
        elif _notes(model, shape.columns) != _shown(shape):
            self._commit(lambda tx: _comment(tx, model, shape.columns), f"keterangan {model.table}")
        return Built(model.table, rebuilt, changed, rows, (datetime.now(UTC) - started).total_seconds())

    def versions(self, table: str) -> Versions:
        """Content digest of each partition that has rows, of a source table or a model; of `ops`, its row counts."""
        self._look()
        return self._versions(table)

    def _versions(self, table: str) -> Versions:
        if table in self._contracts:
            return self._sources.get(table, {})
        if table in ops.TABLES:
            counts = self._lake.query(f"SELECT {_KEPT_BY}, count(*) FROM {qualified(table)} GROUP BY 1")
            return {str(key): str(count) for key, count in counts.iter_rows()}
        return {p: c for p, (_, c) in self._built.get(table, {}).items() if c != _EMPTY}

    def _ensure_sources(self, model: Model) -> None:
        if not self._sources_made:
            self._lake.make_sources(self._contracts.values())
            self._sources_made = True
        for table in sorted(model.inputs & self._contracts.keys()):
            self._lake.ensure_source(self._contracts[table])

    def _ready(self, model: Model) -> None:
        if self._joint is None:
            self._look()
            self._ensure_sources(model)
        for table in sorted(model.inputs - self._contracts.keys()):
            if table not in ops.TABLES and table not in self._lake.shapes():
                raise ModelError(f"{model.table} reads {table}, which no contract and no model makes")

    def _look(self) -> None:
        """Newest version of every partition of every source and model, in two queries, if anything was committed."""
        seen = self._lake.snapshot_id()
        if seen == self._seen:
            return
        self._lake.shapes(fresh=True)
        tables = {c.id: t for t, c in self._contracts.items()}
        self._sorted = {}
        states = self._lake.query(
            f"SELECT dataset, partisi, max_by(digest_isi, (selesai, run_id)) AS isi FROM {LAKE}.ops.hasil "
            "WHERE status = 'diterima' GROUP BY ALL"
        ).filter(pl.col("isi") != _EMPTY)
        self._sources = {
            tables[part["dataset"][0]]: dict(zip(part["partisi"], part["isi"], strict=True))
            for part in states.partition_by("dataset")
            if part["dataset"][0] in tables
        }
        made = self._lake.query(
            "SELECT model, partisi, v.masukan, v.isi FROM (SELECT model, partisi, "
            "max_by({'masukan': digest_masukan, 'isi': digest_isi}, waktu) AS v "
            f"FROM {LAKE}.ops.versi_model GROUP BY ALL)"
        )
        self._built = {
            part["model"][0]: dict(zip(part["partisi"], zip(part["masukan"], part["isi"], strict=True), strict=True))
            for part in made.partition_by("model")
        }
        self._seen = seen

    def _commit(self, work: Any, message: str) -> Any:
        """Run a transaction of our own, which is no reason to look up all versions again."""
        if self._joint is not None:
            return work(self._joint)
        with self._lake.writer_lock():
            current = self._lake.snapshot_id() == self._seen
            result = self._lake.transaction(work, message=message)
            if current:
                self._seen = self._lake.snapshot_id()
        return result

    def _partition_column(self, table: str) -> str | None:
        """Column by which an input is partitioned, None when it has one version as a whole."""
        if table in self._contracts:
            return self._contracts[table].partition_column
        if table in ops.TABLES:
            return _KEPT_BY
        shape = self._lake.shapes().get(table)
        whole = SINGLE_PARTITION in self._versions(table)
        return shape.partition if shape and not whole else None

    def _partitioned_inputs(self, model: Model) -> list[str]:
        if model.head.partition is None:
            return []
        return [t for t in sorted(model.inputs - set(model.head.as_of)) if self._partition_column(t)]

    def _dated(self, table: str) -> "_Dated":
        """Versions of a partitioned input by date. Keys of `ops` that are no date belong to no partition."""
        if table not in self._sorted or table in ops.TABLES:
            items = sorted((p, d) for p, d in self._versions(table).items() if _DATE.fullmatch(p))
            self._sorted[table] = _Dated([p for p, _ in items], [f"{table} {p} {d}" for p, d in items])
        return self._sorted[table]

    def _wanted(self, model: Model) -> Versions:
        """Input digest that each partition should have been built from."""
        partitioned = self._partitioned_inputs(model)
        whole = model.inputs - set(partitioned) - set(model.head.as_of)
        base = _digest(model.digest, *(f"{t} {sorted(self._versions(t).items())}" for t in sorted(whole)))
        if not partitioned:
            return {SINGLE_PARTITION: base}
        inputs = [self._dated(t) for t in partitioned]
        partitions = {model.partition_of(date.fromisoformat(day)) for found in inputs for day in found.days}
        wanted: Versions = {}
        for partition in partitions:
            first, last = (d.isoformat() for d in model.covers(partition))
            lines = [line for found in inputs for line in found.between(first, last)]
            wanted[partition.isoformat()] = _digest(base, *lines)
        return wanted

    def _describe(self, model: Model) -> dict[str, str]:
        """Columns and types that the SELECT gives. Raises ModelError."""
        try:
            described = self._lake.query(f"DESCRIBE {render(model, lambda _: None)}")
        except duckdb.Error as error:
            raise ModelError(f"{model.table}: {str(error).strip()}") from None
        columns = {n: plain_type(t) for n, t, *_ in described.iter_rows()}
        unknown = sorted(model.head.columns.keys() - columns.keys())
        if unknown:
            raise ModelError(f"{model.table}: describes columns that the SELECT does not give: {', '.join(unknown)}")
        if model.head.partition and columns.get(model.head.partition) != "DATE":
            found = columns.get(model.head.partition, "not there")
            raise ModelError(f"{model.table}: the partition column '{model.head.partition}' is {found}, not a DATE")
        return columns

    def _rebuild(
        self, model: Model, chunk: Sequence[str], wanted: Versions, recreate: Mapping[str, str] | None
    ) -> tuple[int, int]:
        """Make the partitions of a chunk in one transaction. Gives how many changed and the rows written.

        A partition that is no longer wanted is emptied. With `recreate` the table is made anew with these columns.
        """
        known = self._built[model.table]
        partitioned = self._partitioned_inputs(model)
        column = model.head.partition if partitioned else None
        making = [p for p in chunk if p in wanted]
        select = render(model, lambda t: self._restriction(model, t, making, t in partitioned))
        covered = {d for p in making if column for d in _days(*model.covers(date.fromisoformat(p)))}
        allowed = {model.partition_of(day) for day in covered}

        def work(tx: Transaction) -> tuple[int, int, dict[str, str]]:
            tx.con.execute(f"CREATE OR REPLACE TEMP TABLE _model AS {select}")
            if column:
                _refuse_strays(tx, model, column, allowed)
            key = f"CAST({ident(column)} AS VARCHAR)" if column else f"'{SINGLE_PARTITION}'"
            found = tx.con.execute(
                f"SELECT {key} AS k, count(*), CAST(sum(hash(_model)::HUGEINT) AS VARCHAR) || '-' || "
                "CAST(bit_xor(hash(_model)) AS VARCHAR) FROM _model GROUP BY ALL"
            ).fetchall()
            counts = {p: n for p, n, _ in found if p in wanted}
            contents = {p: f"{n:x}-{digest}" for p, n, digest in found if p in wanted}
            changed = [p for p in chunk if known.get(p, _NEVER)[1] != contents.get(p, _EMPTY)]
            if recreate is not None:
                tx.create_table(model.table, recreate, model.head.partition)
                _comment(tx, model, recreate)
                changed = [p for p in chunk if p in contents]
            if changed and column:
                keys = [date.fromisoformat(p) for p in changed]
                days = ", ".join(f"DATE '{d}'" for d in keys)
                source = f"SELECT * FROM _model WHERE {ident(column)} IN ({days}) ORDER BY ALL"
                tx.replace(model.table, column, keys if recreate is None else [], source)
            elif changed:
                tx.replace(model.table, None, [], "SELECT * FROM _model ORDER BY ALL")
            crashpoint("build.rows_written")
            now = datetime.now(UTC)
            records: list[dict[str, Any]] = [
                {
                    "model": model.table,
                    "partisi": p,
                    "digest_masukan": wanted.get(p, ""),
                    "digest_isi": contents.get(p, _EMPTY),
                    "jumlah_baris": counts.get(p, 0),
                    "run_id": self._run_id,
                    "waktu": now,
                }
                for p in chunk
            ]
            if self._joint is None:
                tx.append("ops.versi_model", ops.frame("ops.versi_model", records))
            else:
                self._joint_versions.extend(records)
            tx.con.execute("DROP TABLE _model")
            return len(changed), sum(counts.get(p, 0) for p in changed), contents

        n_changed, n_rows, contents = self._commit(work, f"model {model.table}: {len(chunk)} partisi")
        known.update({p: (wanted.get(p, ""), contents.get(p, _EMPTY)) for p in chunk})
        self._sorted.pop(model.table, None)
        if self._joint is not None and recreate is not None:
            # What the next models of the transaction read is not committed yet.
            comment, comments = _notes(model, recreate)
            self._lake.shapes()[model.table] = Shape(dict(recreate), comments, comment, model.head.partition)
        return n_changed, n_rows

    def _restriction(self, model: Model, table: str, chunk: Sequence[str], partitioned: bool) -> str | None:
        """A condition on the rows of an input, or None for all of them: none of an empty one, and of a partitioned one
        those of the days that the partitions of the chunk cover.

        Of a table without a row DuckLake asks its catalogue for statistics once a column, which takes some hundredths
        of a second.
        """
        if (table in self._contracts or table in self._built) and not has_rows(self._versions(table)):
            return "FALSE"
        if not partitioned:
            return None
        have = self._dated(table)
        covered = {d.isoformat() for p in chunk for d in _days(*model.covers(date.fromisoformat(p)))}
        days = [d for d in have.days if d in covered]
        if not days:
            return "FALSE"
        column = ident(self._partition_column(table) or "")
        kind = "" if table in ops.TABLES else "DATE "
        if len(have.between(days[0], days[-1])) == len(days):
            return f"{column} BETWEEN {kind}'{days[0]}' AND {kind}'{days[-1]}'"
        listed = ", ".join(f"{kind}'{d}'" for d in days)
        return f"{column} IN ({listed})"


def has_rows(versions: Versions) -> bool:
    """Whether a table of these versions has any row: digests of models begin with the number of rows."""
    return any(not digest.startswith(f"{_EMPTY}-") for digest in versions.values())


def _refuse_strays(tx: Transaction, model: Model, column: str, allowed: Collection[date]) -> None:
    """Rows of a partition that no input speaks of would be lost in silence: the SELECT is wrong."""
    given = tx.con.execute(f"SELECT DISTINCT {ident(column)} FROM _model").fetchall()
    stray = sorted({str(day) for (day,) in given} - {str(day) for day in allowed})
    if stray:
        shown = ", ".join("NULL" if d == "None" else d for d in stray[:5])
        raise ModelError(f"{model.table}: the SELECT gives rows of partitions that its inputs do not cover: {shown}")


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def _chunks(partitions: Sequence[str]) -> list[list[str]]:
    return [list(partitions[n : n + _CHUNK]) for n in range(0, len(partitions), _CHUNK)]


def _digest(base: str, *parts: str) -> str:
    return hashlib.sha256("\n".join([base, *parts]).encode()).hexdigest()[:24]


def _notes(model: Model, columns: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Comment of the table and of its columns."""
    notes = {}
    for name in columns:
        told = model.head.columns.get(name)
        notes[name] = "" if told is None else f"{told.description} [{told.satuan}]" if told.satuan else told.description
    return f"{model.head.description} {model.head.grain}.", notes


def _shown(shape: Shape) -> tuple[str, dict[str, str]]:
    return shape.comment, shape.comments


def _comment(tx: Transaction, model: Model, columns: Mapping[str, str]) -> None:
    table, notes = _notes(model, columns)
    tx.comment(model.table, table, notes)


def model_frame(lake: Lake, model: Model) -> pl.DataFrame:
    """All rows of a built model."""
    return lake.query(f"SELECT * FROM {qualified(model.table)}")
