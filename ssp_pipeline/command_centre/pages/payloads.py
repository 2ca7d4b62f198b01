"""Which archived payloads belong to rows: the list that leads on to the door of each.

Belongs here: reading manifests. Does not belong here: what is in a payload, the trail of who saw it (`doors.py`).
"""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from connectors.contract import Contract
from connectors.contract.model import SINGLE_PARTITION
from connectors.manifest import ManifestFolder, Seal

SHOWN = 200


@dataclass(frozen=True)
class Payload:
    """One archived payload: where its door is, when it was fetched, the window that was asked for, bytes, origin."""

    sha256: str
    slot: str
    fetched: datetime
    first: date
    last: date
    size: int
    origin: str


def payloads(folder: Path, contract: Contract, partition: str = "") -> list[Payload]:
    """Payloads of a dataset, the newest pull first; with a partition, of the pulls whose window touches it.

    `folder` is the archive's. Raises ArchiveError for manifests that cannot be read, ValueError for a partition that
    is neither a date nor the single one.
    """
    day = None if partition in ("", SINGLE_PARTITION) else date.fromisoformat(partition)
    manifest = ManifestFolder(folder, contract.table)
    found: list[Payload] = []
    for path, position, seal in manifest.ends():
        if isinstance(seal, Seal) and (day is None or seal.window_start <= day <= seal.window_end):
            found += [
                Payload(e.sha256, e.slot, e.fetched_at, e.window_start, e.window_end, e.size, e.asal)
                for e in manifest.entries(path, position, seal)
            ]
    return sorted(found, key=lambda p: p.fetched, reverse=True)[:SHOWN]
