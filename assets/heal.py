"""Bringing back from the archive what a damaged file of the lake held, as exactly the rows that were committed.

Belongs here: reading those rows again, and proving by their digest that they are the same. Does not belong here:
finding damage and leaving it out (`warehouse/damage.py`), new versions of partitions (`settle.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl

from assets.reread import Rereader
from assets.windows import keys_of
from assets.workspace import Workspace
from connectors.api import PayloadError
from connectors.archive import ArchiveError
from connectors.contract import Contract
from connectors.manifest import Entry
from connectors.read.staging import by_partition
from warehouse import attempts, ops
from warehouse.damage import find_damage
from warehouse.origins import pulls_behind
from warehouse.stage import content_digest
from warehouse.transaction import Transaction

HEALED = "dipulihkan_dari_arsip"


class CannotHeal(Exception):
    """Some rows of the damaged files cannot be brought back; the lake is as it was. The message says which and why."""


def heal(workspace: Workspace, contract: Contract, start: date = date.min, end: date = date.max) -> list[ops.Outcome]:
    """Bring back the partitions that damaged files of the dataset hold, in one transaction; none when all is sound.

    Outcomes say `tidak_berubah`: the rows are those of the committed versions. Raises CannotHeal when the window
    does not cover all of these partitions, or the archive cannot give one of them back; LakeBusy, LakeWriteError.
    """
    lake = workspace.lake
    if f"source.{contract.table}" not in lake.shapes():
        return []
    with lake.writer_lock():
        damage = find_damage(lake, contract, start, end)
        if damage is None:
            return []
        beyond = [] if damage.spans is None else [k for k in damage.keys if not start <= date.fromisoformat(k) <= end]
        if beyond:
            raise CannotHeal(damage.advice(beyond))
        began = datetime.now(UTC)
        states = lake.states(contract.id)
        wanted = {key: states[key] for key in damage.keys}
        rows = _rows(workspace, contract, wanted)
        outcomes = [
            replace(
                state,
                run_id=workspace.run_id,
                status="tidak_berubah",
                alasan=HEALED,
                rincian=damage.note,
                mulai=began,
                selesai=datetime.now(UTC),
            )
            for state in wanted.values()
        ]

        def work(tx: Transaction) -> None:
            damage.leave_out(tx)
            tx.append(damage.table, rows)
            tx.append("ops.hasil", ops.frame("ops.hasil", [o.record() for o in outcomes]))

        lake.transaction(work, message=f"{contract.id}: {len(outcomes)} partisi dipulihkan dari arsip")
    return outcomes


def _rows(workspace: Workspace, contract: Contract, wanted: dict[str, ops.Outcome]) -> pl.DataFrame:
    """The committed rows of the partitions, read from the archive. Raises CannotHeal."""
    read = _of_files if contract.ext.mode == "berkas" else _of_pulls
    aside = attempts.set_aside(workspace.lake, [contract.id], workspace.lake.snapshot_id())
    aside = aside.filter(pl.col("status") == "diterima" if contract.ext.mode == "berkas" else pl.col("settles"))
    aside = aside.select(_partisi="partisi", _payload="muatan", _baris="baris")
    parts: list[pl.DataFrame] = []
    try:
        for rows in read(workspace, contract, wanted):
            mine = rows.filter(pl.col("_partisi").is_in(list(wanted)))
            parts.append(mine.join(aside, on=["_partisi", "_payload", "_baris"], how="anti"))
    except (ArchiveError, PayloadError) as error:
        raise CannotHeal(f"the archive cannot give back all that the damaged file held: {error}") from None
    rows = pl.concat([pl.DataFrame(schema=contract.schema() | {"_partisi": pl.String()}), *parts], how="diagonal")
    by_key = by_partition(rows)
    other = [k for k, s in wanted.items() if content_digest(contract, by_key.get(k, rows.clear())) != s.digest_isi]
    if other:
        raise CannotHeal(
            f"read again from the archive, {', '.join(other)} are not the rows that were committed (contract, reader "
            "or reference lists have changed since): make the whole lake anew with `ssp replay --rebuild`"
        )
    return rows.drop("_partisi")


def _of_pulls(workspace: Workspace, contract: Contract, wanted: dict[str, ops.Outcome]) -> Iterator[pl.DataFrame]:
    """Rows of the pulls that the partitions were made from. Raises ArchiveError, PayloadError, CannotHeal."""
    origins, lost = pulls_behind(
        workspace.archive,
        contract.table,
        {key: (frozenset(state.muatan), state.selesai) for key, state in wanted.items()},
        lambda window: keys_of(contract, window),
    )
    if lost:
        raise CannotHeal(f"the archive does not have the pulls that {', '.join(sorted(lost))} were made from")
    reader = Rereader(workspace)
    for origin in origins:
        rows, _ = reader.read(contract, origin.pull.entries, origin.covered, ())
        yield rows.filter(pl.col("_partisi").is_in(origin.keys))


def _of_files(workspace: Workspace, contract: Contract, wanted: dict[str, ops.Outcome]) -> Iterator[pl.DataFrame]:
    """Rows of the inbox files, of each unit those of the file that came last. Raises ArchiveError, PayloadError."""
    named = {sha for state in wanted.values() for sha in state.muatan}
    unit = ["_partisi", *(contract.ext.berkas.slot if contract.ext.berkas else ())]
    reader = Rereader(workspace)
    kept: pl.DataFrame | None = None
    for entry in _deliveries(workspace, contract, named):
        rows, _ = reader.read(contract, [entry], (), named)
        if kept is not None:
            kept = pl.concat([kept.join(rows.select(unit).unique(), on=unit, how="anti", nulls_equal=True), rows])
        else:
            kept = rows
    if kept is not None:
        yield kept


def _deliveries(workspace: Workspace, contract: Contract, named: set[str]) -> Sequence[Entry]:
    """Files in the order in which their bytes came under their names, as pulls saw them."""
    last: dict[str, str] = {}
    found = []
    for pull in workspace.archive.iter_pulls(contract.table):
        for entry in pull.entries:
            if last.get(entry.slot) != entry.sha256 and entry.sha256 in named:
                found.append(entry)
            last[entry.slot] = entry.sha256
    return found
