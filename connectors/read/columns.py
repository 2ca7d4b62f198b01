"""Which of a contract's columns stand on the wire, and the error for those that do not.

Belongs here: the comparison of delivered names with declared ones. Does not belong here: reading values.
"""

from collections.abc import Collection, Iterable

from connectors.api import PayloadError
from connectors.contract import Contract

MISSING_FIELD = "bidang_hilang"
"""Code of a payload, or of a row, that lacks a declared column."""

MISSING_MARK = "_hilang"
"""Column of a raw frame: names that this row lacks, separated by ", "; null for a whole row."""

SHAPE_MARK = "_salah_bentuk"
"""Column of a raw frame: what of this row has the wrong shape (an object for a text, cells beyond the header)."""


def wire_names(contract: Contract) -> tuple[str, ...]:
    """Names that the source itself delivers, each once, in the contract's order."""
    return tuple(dict.fromkeys(c.wire for c in contract.columns if not c.ext.turunan))


def required_names(contract: Contract) -> tuple[str, ...]:
    """Of these, the names that every row must have (its value may be null)."""
    declared = (c.wire for c in contract.columns if not c.ext.turunan and not c.ext.opsional)
    return tuple(dict.fromkeys(declared))


def refuse_missing(missing: Iterable[str], unexpected: Collection[str], where: str) -> None:
    """Raise PayloadError when names are missing, naming the unexpected ones too: a rename shows as a pair."""
    lost = ", ".join(missing)
    if lost:
        new = f" (bidang baru: {', '.join(sorted(unexpected))})" if unexpected else ""
        raise PayloadError(f"{where}: bidang hilang: {lost}{new}", code=MISSING_FIELD)
