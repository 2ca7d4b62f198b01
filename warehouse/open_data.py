"""Open datasets as files: one SELECT over the lake with a front matter that says what may leave, and on which ground.

Belongs here: finding and reading `open_data/*.sql`, and whether a dataset may be published at all. Does not belong
here: making files of it (`release.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from warehouse.modelling import FrontMatter, Model, ModelError
from warehouse.select_file import load_select

Origin = Literal["resmi", "tiruan", "ulangan"]

ORIGIN_COLUMN = "asal_data"
"""Every open dataset says for each row where it comes from."""


class License(NamedTuple):
    """A licence under which data may be published."""

    title: str
    url: str


LICENSES = {
    "CC0-1.0": License("Creative Commons Zero 1.0", "https://creativecommons.org/publicdomain/zero/1.0/deed.id"),
    "CC-BY-4.0": License("Creative Commons Atribusi 4.0", "https://creativecommons.org/licenses/by/4.0/deed.id"),
    "ODC-BY-1.0": License("Open Data Commons Attribution 1.0", "https://opendatacommons.org/licenses/by/1-0/"),
}
"""Keyed by SPDX id; only these are accepted."""


class OpenHead(FrontMatter):
    """Front matter of an open dataset, beyond that of a model.

    `kunci`: columns that name a row; never empty, unique together, and the order of the rows. `wajib`: other columns
    that are never empty. `asal_terbit`: which origins of rows may leave. Without licence, ground and origins the
    dataset stays internal.
    """

    judul: str
    kunci: tuple[str, ...] = Field(min_length=1)
    wajib: tuple[str, ...] = ()
    lisensi: str | None = None
    dasar_publikasi: str | None = None
    asal_terbit: tuple[Origin, ...] = ()
    topik: tuple[str, ...] = ()
    catatan: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> "OpenHead":
        public = self.public
        closed = [c for c in (*self.kunci, *self.wajib, ORIGIN_COLUMN) if c not in public]
        if closed:
            raise ValueError(f"not among the public columns: {', '.join(closed)}")
        if self.lisensi is not None and self.lisensi not in LICENSES:
            raise ValueError(f"lisensi '{self.lisensi}' is unknown; there are: {', '.join(LICENSES)}")
        return self

    @property
    def public(self) -> list[str]:
        """Columns that may leave, in the order of the front matter."""
        return [n for n, c in self.columns.items() if c.classification == "public"]


@dataclass(frozen=True)
class OpenDataset:
    """One open dataset of an agency: its name (that of the file), its head and its SELECT as a model."""

    name: str
    agency: str
    head: OpenHead
    model: Model

    @property
    def held(self) -> str:
        """Why the dataset stays internal; empty when it may be published."""
        lacks = [
            name
            for name, value in (
                ("lisensi", self.head.lisensi),
                ("dasar_publikasi", self.head.dasar_publikasi),
                ("asal_terbit", self.head.asal_terbit),
            )
            if not value
        ]
        return f"belum ada {', '.join(lacks)}" if lacks else ""


def find_open_data(roots: Sequence[Path]) -> tuple[OpenDataset, ...]:
    """Open datasets of all agency folders, by name. Raises ModelError for a faulty file or a name used twice."""
    found: dict[str, OpenDataset] = {}
    for path in sorted(p for root in roots for p in root.glob("*/open_data/*.sql")):
        name = path.stem
        if name in found:
            raise ModelError(f"open dataset {name} is in two agencies: {found[name].agency}, {path.parent.parent.name}")
        head, model = load_select(path, f"open_data.{name}", OpenHead)
        found[name] = OpenDataset(name, path.parent.parent.name, head, model)
    return tuple(found[n] for n in sorted(found))
