"""From staged rows to what may be committed: rules, checks, quarantine and the profile of each partition.

Belongs here: the decision by row and by partition. Does not belong here: pulling, parsing, writing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import polars as pl

from connectors.contract import Contract, RowRule
from connectors.contract.model import LINEAGE_COLUMNS, SINGLE_PARTITION
from connectors.read.staging import OUTSIDE
from warehouse import ops
from warehouse.checks import Check, Checker, CheckFailure, Verdict, row_suite
from warehouse.checks.suite import RULE_PREFIX
from warehouse.duck import arrow, bare, ident
from warehouse.profile import PARTITION, PartitionChecks, measures, record

_NUMBER = "_nomor"
COVERAGE = "cakupan"
"""A metric of this name in a contract's `profil` says how much a version covers; without it, rows are counted."""


@dataclass
class Staged:
    """What one attempt brought for a set of partitions.

    `rows`: the contract's columns, lineage, `_partisi`. `rejected`: `_partisi`, `_payload`, `_baris`, `kolom`,
    `alasan`, `rincian`, `isi`. `partitions`: every key that the attempt covers, also those without rows, in order.
    `doubts`: reasons to block partitions that were found before any check (see `unplaced`).
    """

    partitions: Sequence[str]
    rows: pl.DataFrame
    rejected: pl.DataFrame
    doubts: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Sifted:
    """The verdict on rows: good and failed ones, what the contract measures of the good ones by partition, and of each
    check the verdict with the number of rows that it failed by partition. `failure`: why nothing could be evaluated,
    else ""."""

    rows: pl.DataFrame
    failed: pl.DataFrame
    measured: dict[str, dict[str, Any]]
    verdicts: list[tuple[Verdict, dict[str, int]]]
    failure: str = ""


@dataclass
class Judged:
    """The verdict on a staged set: good rows, all rejected rows, a profile and the reason to block by partition."""

    rows: pl.DataFrame
    rejected: pl.DataFrame
    profiles: dict[str, dict[str, Any]]
    blocked: dict[str, str]
    checks: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Unplaced:
    """Rejected rows parted by whether their partition is known.

    `placed`: those of the attempt's partitions. `rows`: all others. `doubt`: why no partition of the attempt can
    be trusted, "" when few enough rows are without one.
    """

    placed: pl.DataFrame
    rows: pl.DataFrame
    doubt: str


def with_partition(contract: Contract, rows: pl.DataFrame) -> pl.DataFrame:
    """Add the partition key as text."""
    if contract.partition_column is None:
        return rows.with_columns(pl.lit(SINGLE_PARTITION).alias(PARTITION))
    return rows.with_columns(pl.col(contract.partition_column).cast(pl.String).alias(PARTITION))


def content_digest(contract: Contract, rows: pl.DataFrame) -> str:
    """A digest of the rows' content that depends neither on their order nor on where they came from.

    `_asal` and the columns' names and types count as content, `_payload` and `_baris` do not: the same rows in
    other bytes are no new version.
    """
    schema = {c.name: c.dtype for c in contract.columns} | {"_asal": LINEAGE_COLUMNS["_asal"]}
    return _digest(rows.select(list(schema)), repr(schema))


def aside_digest(rejected: pl.DataFrame) -> str:
    """A digest of rejected rows by content and reason; their details may name the payload they came from."""
    if rejected.is_empty():
        return "0"
    return _digest(rejected.select(pl.col("kolom", "alasan", "isi").cast(pl.String)), "")


def _digest(rows: pl.DataFrame, schema: str) -> str:
    if rows.is_empty():
        return "0"
    # Sums over rows do not depend on their order, and unlike XOR they count repeated rows.
    hashes = (rows.hash_rows(seed=seed) for seed in (1, 20_180_320))
    one, two = (int(np.add.reduce(h.to_numpy(), dtype=np.uint64)) for h in hashes)
    shape = hashlib.sha256(schema.encode()).hexdigest()[:8]
    return f"{rows.height:x}-{shape}-{one:016x}{two:016x}"


def unplaced(contract: Contract, keys: Sequence[str], read: int, rejected: pl.DataFrame) -> Unplaced:
    """Part the rejected rows of an attempt that covers `keys` and read `read` rows in all.

    A row whose date cannot be read or believed may belong to any of the partitions. When their share exceeds the
    contract's `ambang_karantina`, all of the attempt's partitions may lack rows, so all are in doubt. Rows of dates
    that were not asked for are set aside too, but nothing is missing because of them.
    """
    known = pl.col(PARTITION).is_in(list(keys)).fill_null(False)
    rows = rejected.filter(~known)
    undated = rows.filter(pl.col("alasan") != OUTSIDE).height
    doubt = ""
    if undated > contract.ext.ambang_karantina * read:
        doubt = f"partisi_tidak_dikenal: {undated} dari {read} baris tanpa tanggal yang terbaca"
    return Unplaced(rejected.filter(known), rows, doubt)


def decide(
    contract: Contract, key: str, good: pl.DataFrame, aside: pl.DataFrame, judged: Judged, state: ops.Outcome | None
) -> tuple[ops.Status, str]:
    """What becomes of a partition, and why. The later pull wins, unless it covers less than what is there.

    `good`, `aside`: its accepted and rejected rows. `state`: the outcome that its committed version came from.
    """
    same = state is not None and content_digest(contract, good) == state.digest_isi
    same_aside = state is not None and aside_digest(aside) == state.digest_karantina
    empty = not good.height and not aside.height
    if same and same_aside and not empty:
        return "tidak_berubah", "isi_sama"
    if key in judged.blocked:
        return "diblokir", judged.blocked[key]
    if empty and same:
        return "tidak_berubah", ops.STILL_EMPTY
    if state is not None and not same:
        less = _less_coverage(contract, good, judged.profiles.get(key, {}), state)
        if less:
            return "cakupan_kurang", less
    if empty:
        return "kosong", ""
    if same:
        return "diterima", "karantina_berubah"
    return "diterima", "isi_berubah_versi_lama_diganti" if state is not None and state.diterima else ""


def _less_coverage(contract: Contract, good: pl.DataFrame, profile: Mapping[str, Any], state: ops.Outcome) -> str:
    """How much less a version covers than the committed one: by `cakupan` if the contract has it, else by rows."""
    if COVERAGE in contract.ext.profil and state.profil.get(COVERAGE) is not None:
        new, old = float(profile.get(COVERAGE) or 0), float(state.profil[COVERAGE])
        return f"cakupan {new:g}, versi yang ada {old:g}" if new < old else ""
    return f"{good.height} baris, versi yang ada {state.diterima} baris" if good.height < state.diterima else ""


def sift(contract: Contract, rows: pl.DataFrame, checker: Checker) -> Sifted:
    """Run the checks of rows, which ask for nothing but the rows of whole partitions. A row that fails a critical one
    goes to quarantine.
    """
    with closing(bare({"threads": 2}, closed=True)) as con:
        checked = _with_rules(con, contract, rows)
        good, failed, verdicts = checked, pl.DataFrame(), []
        try:
            if rows.height:
                found = checker.run(f"{contract.id}.baris", row_suite(contract), checked)
                good, failed = _set_aside(contract, checked, found)
                verdicts = [(verdict, _failing(checked, verdict)) for verdict in found]
            good = good.drop([c for c in good.columns if c.startswith(RULE_PREFIX)])
            return Sifted(good, failed, measures(con, contract, good), verdicts)
        except CheckFailure as error:
            return Sifted(rows, pl.DataFrame(), {}, [], str(error))


def judge(
    contract: Contract,
    staged: Staged,
    previous: Mapping[str, Mapping[str, Any]],
    checker: Checker,
    sifted: Sifted | None = None,
) -> Judged:
    """Run the contract's checks; those of rows unless `sifted` has their verdict. `previous` holds, by partition, the
    profile of the partition before it.

    A critical check that failed, errored or was not evaluated blocks: a row goes to quarantine, a partition stays out.
    """
    sifted = sifted or sift(contract, staged.rows, checker)
    if sifted.failure:
        return _all_blocked(staged, sifted.failure)
    rejected = pl.concat([staged.rejected, sifted.failed], how="diagonal_relaxed")
    verdict_on = PartitionChecks(contract, staged.partitions, sifted.measured, rejected, previous)
    try:
        verdict_on.run(checker)
    except CheckFailure as error:
        return _all_blocked(staged, str(error))
    blocked = verdict_on.blocked | _errored(sifted, staged.partitions) | _only_of(staged)
    checks = _row_records(sifted, staged.partitions) + verdict_on.records()
    return Judged(sifted.rows, rejected, verdict_on.profiles, blocked, checks)


def _errored(sifted: Sifted, partitions: Sequence[str]) -> dict[str, str]:
    """All partitions are blocked when a critical check of rows could not be evaluated."""
    errored = [v for v, _ in sifted.verdicts if v.result == "galat" and v.check.blocking]
    reasons = [f"pemeriksaan_galat: {v.check.name}: {v.detail}" for v in errored[:1]]
    return dict.fromkeys(partitions, reasons[0]) if reasons else {}


def _only_of(staged: Staged) -> dict[str, str]:
    return {p: staged.doubts[p] for p in staged.partitions if p in staged.doubts}


def _all_blocked(staged: Staged, reason: str) -> Judged:
    """Nothing could be evaluated: everything is blocked, and the record says that the checks errored."""
    check = Check("semua_pemeriksaan", "", {}, True, "partisi")
    return Judged(
        staged.rows,
        staged.rejected,
        {p: {} for p in staged.partitions},
        dict.fromkeys(staged.partitions, f"pemeriksaan_galat: {reason}") | _only_of(staged),
        [record(p, check, "galat", 0, reason) for p in staged.partitions],
    )


def _with_rules(con: duckdb.DuckDBPyConnection, contract: Contract, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the results of the row rules. A rule that cannot be computed gets no column, so its check errors
    instead of passing."""
    rules = contract.ext.aturan_baris
    if not rules or rows.is_empty():
        return rows
    try:
        return rows.hstack(rule_results(con, rows, rules))
    except duckdb.Error:
        checked = rows
        for rule in rules:
            with suppress(duckdb.Error):
                checked = checked.hstack(rule_results(con, rows, [rule]))
        return checked


def rule_results(con: duckdb.DuckDBPyConnection, rows: pl.DataFrame, rules: Sequence[RowRule]) -> pl.DataFrame:
    """One boolean column a rule, computed in exact arithmetic; NULL counts as passed. Raises duckdb.Error."""
    columns = ", ".join(f"coalesce(({r.sql}), true) AS {ident(RULE_PREFIX + r.nama)}" for r in rules)
    con.register("baris", arrow(rows.with_row_index(_NUMBER)))
    try:
        # In the order of the rows: two threads that read a batch each give them in any.
        result = pl.from_arrow(con.execute(f"SELECT {columns} FROM baris ORDER BY {_NUMBER}").to_arrow_table())
    finally:
        con.unregister("baris")
    assert isinstance(result, pl.DataFrame)
    return result


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


def _failing(rows: pl.DataFrame, verdict: Verdict) -> dict[str, int]:
    """How many rows of each partition a check failed."""
    if not verdict.failing:
        return {}
    return dict(rows[PARTITION][list(verdict.failing)].value_counts().iter_rows())


def _row_records(sifted: Sifted, partitions: Sequence[str]) -> list[dict[str, Any]]:
    records = []
    for verdict, failing in sifted.verdicts:
        for partition in partitions:
            bad = failing.get(partition, 0)
            result = "galat" if verdict.result == "galat" else ("gagal" if bad else "lulus")
            detail = verdict.detail if result == "galat" else ""
            records.append(record(partition, verdict.check, result, bad, detail))
    return records
