"""Which archived pull each committed partition was made from.

Belongs here: that one question. Does not belong here: reading a pull again, inbox files, whose partitions are made
from many.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.api import Window
from connectors.archive import Archive, SealedPull


@dataclass(frozen=True)
class Origin:
    """A pull, the partitions that its window covers, and those of the wanted ones that were made from it."""

    pull: SealedPull
    covered: Sequence[str]
    keys: list[str]


def pulls_behind(
    archive: Archive,
    table: str,
    wanted: Mapping[str, tuple[frozenset[str], datetime]],
    covered: Callable[[Window], Sequence[str]],
) -> tuple[list[Origin], list[str]]:
    """Origins of the partitions, and the partitions whose pull the archive does not name.

    `wanted`: by partition, the sha256 of the payloads that its version was made from and when its attempt ended.
    `covered`: partitions of a window. Raises ManifestCorrupt.
    """
    sets = {shas for shas, _ in wanted.values()}
    pulls: dict[frozenset[str], list[tuple[SealedPull, Sequence[str]]]] = {}
    for pull in archive.iter_pulls(table):
        shas = frozenset(entry.sha256 for entry in pull.entries)
        if shas in sets:
            pulls.setdefault(shas, []).append((pull, covered(pull.window)))
    found: dict[str, Origin] = {}
    lost = []
    for key, (shas, ended) in wanted.items():
        fit = [(pull, keys) for pull, keys in pulls.get(shas, []) if key in keys]
        if not fit:
            lost.append(key)
            continue
        # The same bytes may have come again later; the attempt had those that were sealed before it ended.
        before = [one for one in fit if one[0].sealed_at <= ended]
        pull, keys = (before or fit)[-1]
        found.setdefault(pull.pull_id, Origin(pull, keys, [])).keys.append(key)
    return list(found.values()), lost
