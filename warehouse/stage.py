"""From staged rows to what may be committed: rules, checks, quarantine and the profile of each partition.

Belongs here: the decision by row and by partition. Does not belong here: pulling, parsing, writing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import polars as pl

from connectors.contract import Contract
from connectors.contract.model import LINEAGE_COLUMNS, SINGLE_PARTITION
from warehouse.checks import Check, Checker, CheckFailure, Verdict, partition_suite, row_suite
from warehouse.checks.suite import RULE_PREFIX
from warehouse.duck import bare, ident

PARTITION = "_partisi"
"""Name of the text column that holds the partition key of a staged or rejected row."""


@dataclass
class Staged:
    """What one attempt brought for a set of partitions.

    `rows`: the contract's columns, lineage, `_partisi`. `rejected`: `_partisi`, `_payload`, `_baris`, `kolom`,
    `alasan`, `rincian`, `isi`. `partitions`: every key that the attempt covers, also those without rows.
    """

    partitions: Sequence[str]
    rows: pl.DataFrame
    rejected: pl.DataFrame


@dataclass
class Judged:
    """The verdict on a staged set: good rows, all rejected rows, a profile and the reason to block by partition."""

    rows: pl.DataFrame
    rejected: pl.DataFrame
    profiles: dict[str, dict[str, Any]]
    blocked: dict[str, str]
    checks: list[dict[str, Any]] = field(default_factory=list)


def with_partition(contract: Contract, rows: pl.DataFrame) -> pl.DataFrame:
    """Add the partition key as text."""
    if contract.partition_column is None:
        return rows.with_columns(pl.lit(SINGLE_PARTITION).alias(PARTITION))
    return rows.with_columns(pl.col(contract.partition_column).cast(pl.String).alias(PARTITION))


def content_digest(contract: Contract, rows: pl.DataFrame) -> str:
    """A digest of the rows' content that depends neither on their order nor on where they came from.

    `_asal` counts as content, `_payload` and `_baris` do not: the same rows in other bytes are no new version.
    """
    names = [c.name for c in contract.columns] + ["_asal"]
    if rows.is_empty():
        return "0"
    part = rows.select(names)
    first = part.hash_rows(seed=1)
    second = part.hash_rows(seed=20_180_320)
    one, two = (np.add.reduce(h.to_numpy(), dtype=np.uint64) for h in (first, second))
    return f"{rows.height:x}-{int(one):016x}{int(two):016x}"


def split(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Rows by partition key."""
    return {str(key[0]): part for key, part in rows.partition_by(PARTITION, as_dict=True, maintain_order=True).items()}


def judge(contract: Contract, staged: Staged, previous: Mapping[str, Mapping[str, Any]], checker: Checker) -> Judged:
    """Run the contract's checks. `previous` holds, by partition, the profile of the partition before it.

    A critical check that failed, errored or was not evaluated blocks: a row goes to quarantine, a partition stays out.
    """
    con = bare({"threads": 2})
    try:
        rows = _with_rules(con, contract, staged.rows)
        good, set_aside, blocked, checks = rows, staged.rejected, {}, []
        if rows.height:
            try:
                verdicts = checker.run(f"{contract.id}.baris", row_suite(contract), rows)
            except CheckFailure as error:
                return _all_blocked(staged, f"pemeriksaan_galat: {error}")
            good, failed = _set_aside(contract, rows, verdicts)
            set_aside = pl.concat([staged.rejected, failed], how="diagonal_relaxed")
            blocked = {
                p: f"pemeriksaan_galat: {v.check.name}: {v.detail}"
                for v in verdicts
                if v.result == "galat" and v.check.blocking
                for p in staged.partitions
            }
            checks = _row_records(rows, verdicts, staged.partitions)
        good = good.drop([c for c in good.columns if c.startswith(RULE_PREFIX)])
        profiles = _profiles(con, contract, staged.partitions, good, set_aside, previous)
    finally:
        con.close()
    frame = pl.DataFrame(
        [{PARTITION: p, **profiles[p]} for p in staged.partitions], infer_schema_length=None, orient="row"
    )
    frame = frame.with_columns(pl.col(n).cast(pl.Float64) for n, t in frame.schema.items() if t == pl.Null)
    try:
        verdicts = checker.run(f"{contract.id}.partisi", partition_suite(contract), frame)
    except CheckFailure as error:
        return _all_blocked(staged, f"pemeriksaan_galat: {error}")
    for verdict in verdicts:
        hit = range(len(staged.partitions)) if verdict.result == "galat" else verdict.failing
        for position, partition in enumerate(staged.partitions):
            failed_here = position in set(hit)
            result = ("galat" if verdict.result == "galat" else "gagal") if failed_here else "lulus"
            checks.append(
                _record(partition, verdict.check, result, int(failed_here), verdict.detail if failed_here else "")
            )
            if failed_here and verdict.check.blocking:
                blocked.setdefault(partition, f"{verdict.check.name}: {verdict.check.description}")
    return Judged(good, set_aside, profiles, blocked, checks)


def _all_blocked(staged: Staged, reason: str) -> Judged:
    profiles: dict[str, dict[str, Any]] = {p: {} for p in staged.partitions}
    return Judged(staged.rows, staged.rejected, profiles, dict.fromkeys(staged.partitions, reason))


def _with_rules(con: duckdb.DuckDBPyConnection, contract: Contract, rows: pl.DataFrame) -> pl.DataFrame:
    """Add one boolean column a row rule, computed in exact arithmetic; NULL counts as passed."""
    rules = contract.ext.aturan_baris
    if not rules or rows.is_empty():
        return rows.with_columns(pl.lit(True).alias(RULE_PREFIX + r.nama) for r in rules)
    con.register("baris", rows.to_arrow())
    columns = ", ".join(f"coalesce(({rule.sql}), true) AS {ident(RULE_PREFIX + rule.nama)}" for rule in rules)
    result = pl.from_arrow(con.execute(f"SELECT {columns} FROM baris").to_arrow_table())
    con.unregister("baris")
    assert isinstance(result, pl.DataFrame)
    return rows.hstack(result)


def _set_aside(
    contract: Contract, rows: pl.DataFrame, verdicts: Sequence[Verdict]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split rows into those that passed every blocking check and those that did not, with their reasons."""
    reasons: dict[int, list[str]] = {}
    for verdict in verdicts:
        if verdict.check.blocking:
            for position in verdict.failing:
                reasons.setdefault(position, []).append(verdict.check.name)
    if not reasons:
        return rows, pl.DataFrame()
    positions = sorted(reasons)
    shown = [c.name for c in contract.columns if c.classification != "private"]
    failed = rows[positions].select(
        PARTITION,
        "_payload",
        "_baris",
        pl.lit("").alias("kolom"),
        pl.Series("alasan", [";".join(reasons[p]) for p in positions]),
        pl.lit("").alias("rincian"),
        pl.struct(pl.col(shown).cast(pl.String)).struct.json_encode().alias("isi"),
    )
    mask = np.ones(rows.height, dtype=bool)
    mask[positions] = False
    return rows.filter(pl.Series(mask)), failed


def _profiles(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    partitions: Sequence[str],
    good: pl.DataFrame,
    rejected: pl.DataFrame,
    previous: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Metrics by partition, each also with the value of the partition before it and the ratio of the two."""
    metrics = contract.ext.profil
    found: dict[str, dict[str, Any]] = {}
    if good.height:
        con.register("baris", good.to_arrow())
        columns = "".join(f", CAST({sql} AS DOUBLE) AS {ident(name)}" for name, sql in metrics.items())
        sql = f"SELECT {ident(PARTITION)}, count(*) AS jumlah_baris{columns} FROM baris GROUP BY 1"
        cursor = con.execute(sql)
        names = [d[0] for d in cursor.description or ()]
        found = {row[0]: dict(zip(names[1:], row[1:], strict=True)) for row in cursor.fetchall()}
        con.unregister("baris")
    counts = rejected[PARTITION].value_counts() if rejected.height else pl.DataFrame()
    quarantined = dict(counts.iter_rows()) if counts.height else {}
    profiles: dict[str, dict[str, Any]] = {}
    last: Mapping[str, Any] = {}
    for partition in partitions:
        own = found.get(partition) or {"jumlah_baris": 0, **dict.fromkeys(metrics)}
        before = previous.get(partition) or last
        bad = int(quarantined.get(partition, 0))
        total = own["jumlah_baris"] + bad
        profile: dict[str, Any] = dict(own)
        profile["rasio_karantina"] = bad / total if total else 0.0
        for name in ("jumlah_baris", *metrics):
            reference = before.get(name)
            profile[f"{name}_terakhir"] = None if reference is None else float(reference)
            value = own.get(name)
            profile[f"rasio_{name}"] = float(value) / float(reference) if value is not None and reference else None
        profiles[partition] = profile
        if own["jumlah_baris"]:
            last = own
    return profiles


def _row_records(rows: pl.DataFrame, verdicts: Sequence[Verdict], partitions: Sequence[str]) -> list[dict[str, Any]]:
    keys = rows[PARTITION]
    records = []
    for verdict in verdicts:
        failing = keys[list(verdict.failing)].value_counts() if verdict.failing else pl.DataFrame()
        counts = dict(failing.iter_rows()) if failing.height else {}
        for partition in partitions:
            bad = int(counts.get(partition, 0))
            result = "galat" if verdict.result == "galat" else ("gagal" if bad else "lulus")
            detail = verdict.detail if result == "galat" else ""
            records.append(_record(partition, verdict.check, result, bad, detail))
    return records


def _record(partition: str, check: Check, result: str, failing: int, detail: str) -> dict[str, Any]:
    return {
        "partisi": partition,
        "pemeriksaan": check.name,
        "jenis": check.type,
        "tingkat": check.scope,
        "beratnya": "blokir" if check.blocking else "catat",
        "hasil": result,
        "jumlah_gagal": failing,
        "rincian": detail,
    }


__all__ = ["LINEAGE_COLUMNS", "PARTITION", "Judged", "Staged", "content_digest", "judge", "split", "with_partition"]
