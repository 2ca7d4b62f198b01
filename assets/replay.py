"""Reading archived pulls again, in the order they came, without network.

Belongs here: which pulls, and what is said of them. Does not belong here: settling one (`ingest.py`).
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from assets.heal import HEALED, CannotHeal, heal
from assets.ingest import Ingest
from assets.windows import keys_of
from assets.workspace import Workspace
from connectors.archive import ArchiveError, PayloadForgotten, SealedPull
from connectors.contract import Contract
from warehouse.attempts import settled

FORGOTTEN = "dimusnahkan"
UNREADABLE = "arsip_tidak_terbaca"
DAMAGED = "berkas_lake_rusak"


@dataclass
class Replayed:
    """What a replay did to one dataset: outcomes by status, and partitions whose last outcome is no good one."""

    dataset: str
    counts: Counter[str] = field(default_factory=Counter)
    bad: dict[str, str] = field(default_factory=dict)


def replay(
    workspace: Workspace,
    contracts: Sequence[Contract],
    start: date = date.min,
    end: date = date.max,
    *,
    only: Collection[str] = (),
    told: Callable[[Replayed], None] = lambda _: None,
) -> list[Replayed]:
    """Read again the pulls whose windows touch these days; with `only`, those that brought one of these payloads.

    Before that, what damaged files of the lake held is brought back, if all of it lies in these days.
    Pulls that came before the one that a partition was made from had lost against it, and are left out.
    A pull whose key was destroyed, or whose bytes are damaged, is passed over and said.
    """
    ingest = Ingest(workspace)
    found = []
    for contract in contracts:
        result = Replayed(contract.id)
        if not only:
            _heal(workspace, contract, start, end, result)
        for pull in _worth(workspace, contract, start, end, only):
            try:
                outcomes = ingest.replay(contract, pull)
            except PayloadForgotten:
                result.counts[FORGOTTEN] += 1
                continue
            except ArchiveError as error:
                result.counts[UNREADABLE] += 1
                result.bad[pull.pull_id] = str(error)
                continue
            for outcome in outcomes:
                result.counts[outcome.status] += 1
                # A pull that covers less than what is there is passed over by rule; that is no failure.
                if outcome.ok or outcome.status == "cakupan_kurang":
                    result.bad.pop(outcome.partisi, None)
                else:
                    result.bad[outcome.partisi] = f"{outcome.status}: {outcome.alasan}"
        if result.counts:
            told(result)
        found.append(result)
    return found


def _heal(workspace: Workspace, contract: Contract, start: date, end: date, result: Replayed) -> None:
    try:
        healed = heal(workspace, contract, start, end)
    except CannotHeal as error:
        result.counts[DAMAGED] += 1
        result.bad[DAMAGED] = str(error)
    else:
        if healed:
            result.counts[HEALED] = len(healed)


def _worth(
    workspace: Workspace, contract: Contract, start: date, end: date, only: Collection[str]
) -> Iterator[SealedPull]:
    made_from = {} if contract.ext.mode == "berkas" else _made_from(workspace, contract)
    for pull in workspace.archive.iter_pulls(contract.table, start, end):
        if only and not any(entry.sha256 in only for entry in pull.entries):
            continue
        keys = keys_of(contract, pull.window)
        if keys and all(key in made_from and pull.sealed_at < made_from[key] for key in keys):
            continue
        yield pull


def _made_from(workspace: Workspace, contract: Contract) -> dict[str, datetime]:
    """When the pull was sealed that the committed version of each partition was made from."""
    states = settled(workspace.lake, [contract.id], workspace.lake.snapshot_id())
    wanted = {
        key: (frozenset(shas), ended) for key, ended, shas in states.select("partisi", "selesai", "muatan").rows()
    }
    found: dict[str, datetime] = {}
    for pull in workspace.archive.iter_pulls(contract.table):
        shas = frozenset(entry.sha256 for entry in pull.entries)
        for key in keys_of(contract, pull.window):
            if key in wanted and wanted[key][0] == shas and pull.sealed_at <= wanted[key][1]:
                found[key] = pull.sealed_at
    return found
