"""Settling inbox files: each replaces, in the partitions it has rows for, what an older file said of the same unit.

Belongs here: what is particular to files (which are new, units within a partition). The rest is in `settle.py`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import duckdb
import polars as pl

from assets.settle import Settler, batches, cut_note
from assets.workspace import Workspace
from connectors.api import Payload, PayloadError
from connectors.contract import Contract
from connectors.crashpoint import crashpoint
from warehouse import ops
from warehouse.damage import find_damage
from warehouse.duck import LAKE, ident, qualified


def settle_files(
    workspace: Workspace, contract: Contract, settler: Settler, payloads: Sequence[Payload], run_id: str | None = None
) -> list[ops.Outcome]:
    """Settle the files that no attempt under this contract (of the run `run_id` only, if given) has finished yet.

    A file is known by its name and bytes: one that has the bytes of an earlier delivery again is the newest delivery.
    It may fill many partitions, committed some at a time: only the row written after the last of them says that it
    is done. One whose attempt was killed in between, or could not be written, is read again.
    """
    lake = workspace.lake
    lake.ensure_source(contract)
    done = _finished(workspace, contract, run_id)
    fresh = [p for p in payloads if done.get(ops.FILE + p.slot) != p.sha256]
    outcomes: list[ops.Outcome] = []
    staging = settler.staging(workspace.today)
    used: list[Payload] = []
    for payload in fresh:
        try:
            settler.read(staging, [payload])
            used.append(payload)
        except PayloadError as error:
            outcomes.append(
                settler.outcome(
                    ops.FILE + payload.slot,
                    "gagal_baca",
                    alasan=error.code,
                    rincian=str(error),
                    muatan=(payload.sha256,),
                    asal=payload.asal,
                )
            )
    lake.record(outcomes)
    if not used:
        known = settler.outcome(ops.FILES, "tidak_berubah", alasan="tidak_ada_berkas_baru")
        if not outcomes:
            lake.record([known])
        return outcomes or [known]
    rows, rejected = staging.finish(())
    keys = sorted({*rows["_partisi"], *rejected["_partisi"]} - {ops.UNPLACED})
    doubts: dict[str, str] = {}
    # Without its files: one that is named in an outcome counts as done, and its partitions are still to come.
    origin = {"asal": ",".join(sorted({p.asal for p in used}))}
    rejected, found = settler.set_aside(keys, rows, rejected, origin, doubts)
    outcomes.extend(found)
    states = settler.states(keys)
    slots = contract.ext.berkas.slot if contract.ext.berkas else ()
    try:
        whole = _with_other_units(workspace, contract, rows, keys, slots)
    except duckdb.Error:
        damage = find_damage(lake, contract)
        if damage is None:
            raise
        return outcomes + settler.not_kept(keys, "berkas_lake_rusak", damage.advice(damage.others(())))
    # A stand-in's rows of other units stay beside those of the office's first file.
    origins = dict(whole.group_by("_partisi").agg(pl.col("_asal").unique().sort().str.join(",")).iter_rows())
    facts = {}
    for key in keys:
        here = pl.col("_partisi") == key
        shas = {*rows.filter(here)["_payload"].unique(), *rejected.filter(here)["_payload"].unique()}
        older = set(states[key].muatan) if key in states else set()
        facts[key] = {
            "digest_masukan": hashlib.sha256("".join(sorted(shas)).encode()).hexdigest()[:24],
            "muatan": tuple(sorted(shas | older)),
            "asal": origins.get(key, origin["asal"]),
            "rincian": cut_note(p for p in used if p.sha256 in shas),
        }
    outcomes.extend(settler.judge_and_commit(batches(keys, whole, rejected, doubts), states, facts))
    crashpoint("files.committed")
    if all(o.status != "gagal_simpan" for o in outcomes):
        finished = [
            settler.outcome(
                ops.FILE + p.slot, "tidak_berubah", alasan="berkas_selesai", muatan=(p.sha256,), asal=p.asal
            )
            for p in used
        ]
        # Dated at the start: the partitions' own outcomes stay the newest word on the dataset.
        lake.record([replace(one, selesai=settler.started) for one in finished])
    return outcomes


def _finished(workspace: Workspace, contract: Contract, run_id: str | None) -> dict[str, str]:
    """Bytes (sha256) that were last done with under each file's key."""
    rows = workspace.lake.query(
        f"SELECT partisi, max_by(muatan[1], (mulai, run_id)) AS sha FROM {LAKE}.ops.hasil "
        "WHERE dataset = ? AND kontrak = ? AND starts_with(partisi, ?) AND len(muatan) = 1 "
        "AND run_id = coalesce(?, run_id) GROUP BY 1",
        [contract.id, contract.digest, ops.FILE, run_id],
    )
    return dict(rows.iter_rows())


def _with_other_units(
    workspace: Workspace, contract: Contract, rows: pl.DataFrame, keys: Sequence[str], slots: Sequence[str]
) -> pl.DataFrame:
    """Add the committed rows of the same partitions that no new file speaks of."""
    if contract.partition_column is None or not keys:
        return rows
    column = ident(contract.partition_column)
    marks = ", ".join("?" for _ in keys)
    held = workspace.lake.query(
        f"SELECT *, CAST({column} AS VARCHAR) AS _partisi FROM {qualified(f'source.{contract.table}')} "
        f"WHERE CAST({column} AS VARCHAR) IN ({marks})",
        list(keys),
    )
    held = held.select(
        pl.col(name).cast(dtype) for name, dtype in (contract.schema() | {"_partisi": pl.String()}).items()
    )
    if slots:
        held = held.join(rows.select("_partisi", *slots).unique(), on=["_partisi", *slots], how="anti")
    else:
        held = held.filter(~pl.col("_partisi").is_in(rows["_partisi"].unique().to_list()))
    return pl.concat([held.select(rows.columns), rows]) if held.height else rows
