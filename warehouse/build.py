"""Running models: only the partitions whose inputs changed are made again, each replaced whole.

Belongs here: what must be rebuilt, and doing it. Does not belong here: reading model files (`modelling.py`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from connectors.contract import Contract
from connectors.contract.model import SINGLE_PARTITION
from connectors.crashpoint import crashpoint
from warehouse import ops
from warehouse.duck import LAKE, ident, literal, qualified
from warehouse.lake import Lake, Transaction
from warehouse.modelling import Model, render

Versions = dict[str, str]
"""Partition key → digest of its content."""

_CHUNK = 92


@dataclass(frozen=True)
class Built:
    """What a build did to one model: partitions rebuilt, those whose content changed, and rows written."""

    model: str
    rebuilt: int
    changed: int
    rows: int
    seconds: float


class Builder:
    """Builds models in order within one run; keeps the versions of inputs it has looked up."""

    def __init__(self, lake: Lake, contracts: Sequence[Contract], run_id: str):
        self._lake = lake
        self._run_id = run_id
        self._contracts = {f"source.{c.table}": c for c in contracts}
        self._partition_columns: dict[str, str | None] = {t: c.partition_column for t, c in self._contracts.items()}
        self._versions: dict[str, Versions] = {}
        self._built: dict[str, dict[str, tuple[str, str]]] = {}
        self._load()

    def build(self, model: Model) -> Built:
        """Bring one model up to date. Its inputs must have been built before."""
        started = datetime.now(UTC)
        for table in model.inputs:
            if table in self._contracts:
                self._lake.ensure_source(self._contracts[table])
        self._partition_columns[model.table] = model.head.partition
        wanted = self._wanted(model)
        known = self._known(model.table)
        stale = sorted(p for p, digest in wanted.items() if known.get(p, ("", ""))[0] != digest)
        rebuilt = changed = rows = 0
        if not stale and not known and self._prepare(model, columns := self._describe(model)):
            # No input has a partition yet; models that read this one still need its table.
            self._lake.transaction(lambda tx: self._create(tx, model, columns), message=f"tabel {model.table}")
        if stale:
            columns = self._describe(model)
            fresh = self._prepare(model, columns)
            if fresh:
                stale = sorted(wanted)
                known.clear()
            for start in range(0, len(stale), len(stale) if fresh else _CHUNK):
                chunk = stale[start : start + (len(stale) if fresh else _CHUNK)]
                n_changed, n_rows = self._rebuild(model, chunk, wanted, known, recreate=columns if fresh else None)
                rebuilt, changed, rows = rebuilt + len(chunk), changed + n_changed, rows + n_rows
        return Built(model.table, rebuilt, changed, rows, (datetime.now(UTC) - started).total_seconds())

    def _load(self) -> None:
        """Newest version of every partition of every source table and model, in two queries for the whole run."""
        tables = {c.id: t for t, c in self._contracts.items()}
        states = self._lake.query(
            f"SELECT dataset, partisi, digest_isi FROM {LAKE}.ops.hasil WHERE status = 'diterima' "
            "QUALIFY row_number() OVER (PARTITION BY dataset, partisi ORDER BY selesai DESC, run_id DESC) = 1"
        )
        for dataset, partition, content in states.iter_rows():
            if dataset in tables:
                self._versions.setdefault(tables[dataset], {})[partition] = content
        built = self._lake.query(
            f"SELECT model, partisi, digest_masukan, digest_isi FROM {LAKE}.ops.versi_model "
            "QUALIFY row_number() OVER (PARTITION BY model, partisi ORDER BY waktu DESC) = 1"
        )
        for table, partition, inputs, content in built.iter_rows():
            self._built.setdefault(table, {})[partition] = (inputs, content)

    def _known(self, table: str) -> dict[str, tuple[str, str]]:
        return self._built.setdefault(table, {})

    def versions(self, table: str) -> Versions:
        """Content digest of each partition of a source table or a model."""
        if table in self._contracts:
            return self._versions.get(table, {})
        if table.split(".")[0] in ("ops", "quarantine"):
            count = self._lake.query(f"SELECT count(*) AS n FROM {qualified(table)}")["n"][0]
            return {SINGLE_PARTITION: str(count)}
        return {p: c for p, (_, c) in self._known(table).items()}

    def _partitioned_inputs(self, model: Model) -> list[str]:
        return [t for t in sorted(model.inputs) if self._partition_columns.get(t)] if model.head.partition else []

    def _wanted(self, model: Model) -> Versions:
        """Input digest that each partition should have been built from."""
        partitioned = self._partitioned_inputs(model)
        whole = {t: self.versions(t) for t in sorted(model.inputs - set(partitioned) - set(model.head.as_of))}
        base = _digest(model.digest, whole)
        if not partitioned:
            return {SINGLE_PARTITION: base}
        by_date = {t: {date.fromisoformat(p): d for p, d in self.versions(t).items()} for t in partitioned}
        days = sorted({d for found in by_date.values() for d in found})
        newest = days[-1] if days else None
        partitions = {p for d in days for p in model.partitions_touched(d) if newest and p <= newest}
        wanted: Versions = {}
        for partition in partitions:
            first, last = model.covers(partition)
            inputs = {t: _between(found, first, last) for t, found in by_date.items()}
            if any(inputs.values()):
                wanted[partition.isoformat()] = _digest(base, inputs)
        return wanted

    def _describe(self, model: Model) -> dict[str, str]:
        described = self._lake.query(f"DESCRIBE {render(model, lambda _: None)}")
        types = dict(zip(described["column_name"], described["column_type"], strict=True))
        return {n: t.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for n, t in types.items()}

    def _prepare(self, model: Model, columns: Mapping[str, str]) -> bool:
        """Whether the table must be made anew, because it is not there or its columns differ."""
        if model.head.partition and model.head.partition not in columns:
            raise ValueError(f"{model.table}: the SELECT has no column '{model.head.partition}' to partition by")
        schema, _, name = model.table.partition(".")
        have = self._lake.query(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_catalog = ? AND table_schema = ? AND table_name = ? ORDER BY ordinal_position",
            [LAKE, schema, name],
        )
        existing = {n: t.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for n, t in have.iter_rows()}
        return existing != dict(columns)

    def _rebuild(
        self,
        model: Model,
        chunk: Sequence[str],
        wanted: Versions,
        known: Mapping[str, tuple[str, str]],
        recreate: Mapping[str, str] | None,
    ) -> tuple[int, int]:
        """Make the partitions of a chunk in one transaction. Returns how many changed and the rows written."""
        lake, column = self._lake, model.head.partition
        partitioned = self._partitioned_inputs(model)
        select = render(model, lambda t: self._condition(model, t, chunk) if t in partitioned else None)
        if column and partitioned:
            days = ", ".join(f"DATE '{date.fromisoformat(p)}'" for p in chunk)
            select = f"SELECT * FROM ({select}) WHERE {ident(column)} IN ({days})"

        def work(tx: Transaction) -> tuple[int, int, Versions]:
            tx.con.execute(f"CREATE OR REPLACE TEMP TABLE _model AS {select}")
            key = f"CAST({ident(column)} AS VARCHAR)" if column and partitioned else f"'{SINGLE_PARTITION}'"
            found = tx.con.execute(
                f"SELECT {key}, count(*), CAST(sum(hash(_model)::HUGEINT) AS VARCHAR) || '-' || "
                f"CAST(bit_xor(hash(_model)) AS VARCHAR) FROM _model GROUP BY 1"
            ).fetchall()
            counts = {p: n for p, n, _ in found}
            contents = {p: f"{n:x}-{d}" for p, n, d in found}
            changed = [p for p in chunk if recreate or known.get(p, ("", ""))[1] != contents.get(p, "0")]
            if recreate:
                self._create(tx, model, recreate)
            if changed and column and partitioned:
                days = ", ".join(f"DATE '{p}'" for p in changed)
                source = f"SELECT * FROM _model WHERE {ident(column)} IN ({days}) ORDER BY ALL"
                tx.replace(model.table, column, [date.fromisoformat(p) for p in changed], source)
            elif changed:
                tx.replace(model.table, None, [], "SELECT * FROM _model ORDER BY ALL")
            crashpoint("build.rows_written")
            now = datetime.now(UTC)
            records: list[dict[str, Any]] = [
                {
                    "model": model.table,
                    "partisi": p,
                    "digest_masukan": wanted[p],
                    "digest_isi": contents.get(p, "0"),
                    "jumlah_baris": counts.get(p, 0),
                    "run_id": self._run_id,
                    "waktu": now,
                }
                for p in chunk
            ]
            tx.append("ops.versi_model", ops.frame("ops.versi_model", records))
            tx.con.execute("DROP TABLE _model")
            return len(changed), sum(counts.get(p, 0) for p in changed), contents

        n_changed, n_rows, contents = lake.transaction(work, message=f"model {model.table}: {len(chunk)} partisi")
        self._known(model.table).update({p: (wanted[p], contents.get(p, "0")) for p in chunk})
        return n_changed, n_rows

    def _condition(self, model: Model, table: str, chunk: Sequence[str]) -> str:
        column = self._partition_columns[table]
        assert column
        have = self.versions(table)
        days: set[str] = set()
        for partition in chunk:
            first, last = model.covers(date.fromisoformat(partition))
            span = ((first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1))
            days.update(d for d in span if d in have)
        if not days:
            return "FALSE"
        dates = ", ".join(f"DATE '{date.fromisoformat(d)}'" for d in sorted(days))
        return f"{ident(column)} IN ({dates})"

    def _create(self, tx: Transaction, model: Model, columns: Mapping[str, str]) -> None:
        fields = ", ".join(f"{ident(n)} {t}" for n, t in columns.items())
        tx.con.execute(f"DROP TABLE IF EXISTS {qualified(model.table)}")
        tx.con.execute(f"CREATE TABLE {qualified(model.table)} ({fields})")
        if model.head.partition:
            tx.con.execute(f"ALTER TABLE {qualified(model.table)} SET PARTITIONED BY ({ident(model.head.partition)})")
        comment = f"{model.head.description} {model.head.grain}."
        tx.con.execute(f"COMMENT ON TABLE {qualified(model.table)} IS {literal(comment)}")
        for name, column in model.head.columns.items():
            if name in columns:
                text = f"{column.description} [{column.satuan}]" if column.satuan else column.description
                tx.con.execute(f"COMMENT ON COLUMN {qualified(model.table)}.{ident(name)} IS {literal(text)}")


def _between(found: Mapping[date, str], first: date, last: date) -> dict[str, str]:
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return {d.isoformat(): found[d] for d in days if d in found}


def _digest(base: str, inputs: Mapping[str, Mapping[str, str]]) -> str:
    text = base + repr(sorted((t, sorted(v.items())) for t, v in inputs.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def model_frame(lake: Lake, model: Model) -> pl.DataFrame:
    """All rows of a built model."""
    return lake.query(f"SELECT * FROM {qualified(model.table)}")
