"""What a run did, as plain values.

Does not belong here: running anything (`runner.py`), and showing it to people (`closing.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connectors.conceal import brief
from warehouse.ops import FILES, Outcome, why

if TYPE_CHECKING:
    from assets.open_data import Outcome as OpenOutcome
    from warehouse.build import Built

_REASONS = 5
"""Reasons that are told of a dataset."""


@dataclass
class DatasetResult:
    """What a run did to one dataset."""

    dataset: str
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0
    error: str = ""

    @property
    def ok(self) -> bool:
        return not self.error and bool(self.outcomes) and all(o.ok for o in self.outcomes)

    def row(self) -> dict[str, Any]:
        done = [o for o in self.outcomes if not o.partisi.startswith(FILES)]
        partitions = [o for o in done if o.is_partition]
        newest = max((o.partisi for o in partitions if o.ok and not o.is_empty), default="")
        bad = [o for o in self.outcomes if not o.ok]
        if self.error or not self.outcomes:
            verdict = "galat"
        elif bad:
            verdict = ", ".join(sorted({o.status for o in bad}))
        elif any(o.status == "diterima" for o in done):
            verdict = "lulus"
        else:
            verdict = "tidak berubah"
        return {
            "dataset": self.dataset,
            "ditarik": sum(o.ditarik for o in done),
            "diterima": sum(o.diterima for o in done),
            "dikarantina": sum(o.dikarantina for o in done),
            "partisi": len(partitions),
            "versi_baru": sum(o.status == "diterima" for o in done),
            "terbaru": newest,
            "putusan": verdict,
            "detik": round(self.seconds, 1),
            "keterangan": brief(self.error) or _reasons(bad),
        }


def _reasons(bad: Sequence[Outcome]) -> str:
    """Reasons with the partitions that failed for them, and in full what the newest of each says."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in sorted(bad, key=lambda o: o.partisi):
        groups.setdefault(outcome.alasan, []).append(outcome)
    told = []
    for reason, same in list(groups.items())[:_REASONS]:
        first, last = same[0].partisi, same[-1].partisi
        where = f"{first} … {last} ({len(same)})" if len(same) > 2 else ", ".join(o.partisi for o in same)
        told.append(f"{where}: {why(reason, same[-1].rincian)}")
    more = len(groups) - _REASONS
    return "; ".join([*told, f"dan {more} alasan lain"] if more > 0 else told)


@dataclass
class RunResult:
    """What a whole run did."""

    datasets: list[DatasetResult]
    models: "list[Built]" = field(default_factory=list)
    model_errors: list[str] = field(default_factory=list)
    snapshot: str = ""
    new_snapshot: bool = False
    open_data: "list[OpenOutcome]" = field(default_factory=list)
    release: int | None = None
    new_blobs: int = 0
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.failed and not self.model_errors and all(o.ok for o in self.open_data)

    @property
    def failed(self) -> int:
        """Datasets of which something was not accepted."""
        return sum(not d.ok for d in self.datasets)

    @property
    def new_versions(self) -> int:
        return sum(o.status == "diterima" for d in self.datasets for o in d.outcomes)

    def summary(self) -> dict[str, Any]:
        """What `ssp run --json` prints."""
        return {
            "dataset": [d.row() for d in self.datasets],
            "versi_baru": self.new_versions,
            "blob_baru": self.new_blobs,
            "cuplikan": self.snapshot,
            "cuplikan_baru": self.new_snapshot,
            "terbuka": [o.row() for o in self.open_data],
            "rilis": self.release,
            "galat_model": self.model_errors,
            "detik": round(self.seconds, 1),
        }
