"""What a public table must not give away: personal identifiers and small cells.

Belongs here: recognising Indonesian identifiers, suppressing small cells with their complements, and an audit that
attacks the result as a reader could. Does not belong here: the decision to publish, waivers (`warehouse/opendata/`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

Versions = Mapping[int, Sequence[Path]] | Sequence[Sequence[Path]]
"""The Parquet parts of each earlier version, by its number, or in a row that is counted from 1; oldest first."""


def by_number(versions: Versions) -> dict[int, Sequence[Path]]:
    """The parts by the number of their version."""
    return dict(versions) if isinstance(versions, Mapping) else dict(enumerate(versions, 1))
