"""What a walidata decided: approvals, waivers and withdrawals, in a file to which lines are only added.

Belongs here: the record of decisions and what follows from it. Does not belong here: what needs a decision (`gate.py`
and `publish.py`), carrying a withdrawal out (`withdraw.py`).

`keputusan.ndjson` is private: it names people. Each line holds the sha256 of the line before, so that a line that was
changed or taken out is noticed when the file is next read.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.durable import append_durably, locked

FILE = "keputusan.ndjson"
SEEDED = "bawaan"
"""Stands for the name in decisions that an installation on stand-ins makes by itself."""


class DecisionsDamaged(RuntimeError):
    """The file of decisions was changed by other hands; the message names the line."""


class Decision(BaseModel):
    """One line. `dasar`: number of the newest version when it was made; an approval is for the next one after it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    jenis: Literal["setuju", "kecualikan", "tarik"]
    dataset: str
    dasar: int = 0
    hal: tuple[str, ...] = Field((), description="setuju: what was asked; kecualikan: the column and the form.")
    oleh: str = Field(min_length=1)
    alasan: str = Field(min_length=1)
    bawaan: bool = Field(False, description="Made by an installation on stand-ins, not by a person.")
    waktu: datetime
    sebelum: str = Field(description="sha256 of the line before, empty for the first.")


class Decisions:
    """The decisions kept in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def read(self) -> tuple[Decision, ...]:
        """All decisions, oldest first. Raises DecisionsDamaged."""
        try:
            body = self._path.read_bytes()
        except FileNotFoundError:
            return ()
        return self._parse(body[: _intact(body)])

    def approve(self, dataset: str, base: int, what: Sequence[str], *, by: str, why: str) -> Decision:
        """A named walidata approves what the next version after `base` is to open or to change."""
        return self._append("setuju", dataset, base, what, by, why)

    def seed(self, dataset: str, base: int, what: Sequence[str]) -> Decision:
        """Approve for an installation on stand-ins alone; marked, and worth nothing once an agency is live."""
        why = "Pemasangan peragaan: semua instansi dijawab tiruan."
        return self._append("setuju", dataset, base, what, SEEDED, why, seeded=True)

    def waive(self, dataset: str, column: str, form: str, *, by: str, why: str) -> Decision:
        """A named walidata says why values of a column that look like personal data of this form are none."""
        return self._append("kecualikan", dataset, 0, (column, form), by, why)

    def withdraw(self, dataset: str, version: int, *, by: str, why: str) -> Decision:
        """A named walidata withdraws a version."""
        return self._append("tarik", dataset, version, (), by, why)

    def approved(self, dataset: str, base: int, *, seeded: bool) -> frozenset[str]:
        """What is approved for the next version after `base`. `seeded`: whether approvals by no person count."""
        found: set[str] = set()
        for one in self.read():
            if one.jenis == "setuju" and one.dataset == dataset and one.dasar == base and (seeded or not one.bawaan):
                found.update(one.hal)
        return frozenset(found)

    def only_seeded(self, dataset: str) -> bool:
        """Whether no person ever approved the dataset, though it has approvals."""
        own = [d for d in self.read() if d.jenis == "setuju" and d.dataset == dataset]
        return bool(own) and all(d.bawaan for d in own)

    def waivers(self, dataset: str) -> frozenset[tuple[str, str]]:
        """Columns and forms of personal data that a hit in them does not block."""
        return frozenset((d.hal[0], d.hal[1]) for d in self.read() if d.jenis == "kecualikan" and d.dataset == dataset)

    def withdrawn(self, dataset: str | None = None) -> tuple[Decision, ...]:
        """Withdrawals, of one dataset or of all."""
        return tuple(d for d in self.read() if d.jenis == "tarik" and dataset in (None, d.dataset))

    def _append(
        self,
        kind: Literal["setuju", "kecualikan", "tarik"],
        dataset: str,
        base: int,
        what: Sequence[str],
        by: str,
        why: str,
        *,
        seeded: bool = False,
    ) -> Decision:
        with locked(self._path.with_suffix(".kunci")):
            self.read()
            decision = Decision(
                jenis=kind,
                dataset=dataset,
                dasar=base,
                hal=tuple(what),
                oleh=by.strip(),
                alasan=why.strip(),
                bawaan=seeded,
                waktu=datetime.now(UTC).replace(microsecond=0),
                sebelum=self._last_hash(),
            )
            append_durably(self._path, decision.model_dump_json().encode() + b"\n", intact=_intact)
        return decision

    def _last_hash(self) -> str:
        try:
            body = self._path.read_bytes()
        except FileNotFoundError:
            return ""
        lines = body[: _intact(body)].splitlines()
        return hashlib.sha256(lines[-1]).hexdigest() if lines else ""

    def _parse(self, body: bytes) -> tuple[Decision, ...]:
        found: list[Decision] = []
        before = ""
        for number, line in enumerate(body.splitlines(), 1):
            try:
                decision = Decision.model_validate_json(line)
            except ValidationError:
                raise DecisionsDamaged(f"{FILE}, line {number}: is not a decision; restore the file") from None
            if decision.sebelum != before:
                raise DecisionsDamaged(
                    f"{FILE}, line {number}: does not follow the line before it: a line was changed or taken out; "
                    "restore the file from its backup"
                )
            before = hashlib.sha256(line).hexdigest()
            found.append(decision)
        return tuple(found)


def _intact(body: bytes) -> int:
    """Length of the whole lines; what follows was being written when its writer was killed."""
    return body.rfind(b"\n") + 1
