"""What is listed: the datasets of a release, and the facets that lists are narrowed by.

Does not belong here: the page of one dataset (`dataset.py`), searching by words (the service does).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from ssp_pipeline.portal.site.engine import format_name, freshness_name, topic_name
from ssp_pipeline.portal.site.text import WIB, Words
from warehouse.opendata.manifest import Release, Version, read_version

Freshness = Literal["sesuai", "terlambat", "tanpa-jadwal"]
FACETS = ("topik", "instansi", "format", "kesegaran")


@dataclass(frozen=True)
class Entry:
    """A dataset as lists show it: its newest version, the agency's name, and whether rows are late at the release."""

    version: Version
    agency: str
    freshness: Freshness

    @property
    def formats(self) -> list[str]:
        return list(dict.fromkeys(f.format for f in self.version.berkas))


@dataclass(frozen=True)
class Facet:
    """A value that a list can be narrowed to: its page, its words, and how many datasets have it."""

    kind: str
    value: str
    label: str
    path: str
    count: int


@dataclass(frozen=True)
class FacetGroup:
    kind: str
    label: str
    facets: tuple[Facet, ...]


def entry(version: Version, release: Release) -> Entry:
    """A version as lists of the release show it."""
    return Entry(
        version, agency_label(release, version), freshness(version.jatuh_tempo, release.terbit.astimezone(WIB).date())
    )


def agency_label(release: Release, version: Version) -> str:
    """The agency of a version as lists name it: the institution, with the system's name where it has several."""
    line = next((a for a in release.instansi if a.kode == version.instansi), None)
    if line is None:
        return version.produsen
    alike = [a for a in release.instansi if a.instansi == line.instansi]
    return line.instansi if len(alike) == 1 else f"{line.instansi}: {line.nama}"


def entries(root: Path, release: Release) -> list[Entry]:
    """All datasets with a standing version, by title."""
    found = [entry(read_version(root, d.dataset, d.versi), release) for d in release.dataset if d.versi is not None]
    return sorted(found, key=lambda e: e.version.judul)


def freshness(due: date | None, day: date) -> Freshness:
    """A dataset is late from the day after its next rows were due."""
    if due is None:
        return "tanpa-jadwal"
    return "sesuai" if due >= day else "terlambat"


def values(item: Entry, kind: str) -> list[str]:
    """What a dataset has of a facet."""
    match kind:
        case "topik":
            return list(item.version.topik)
        case "instansi":
            return [item.version.instansi]
        case "format":
            return item.formats
        case _:
            return [item.freshness]


def facets(found: Sequence[Entry], w: Words) -> list[FacetGroup]:
    """All facets that at least one dataset has, the frequent ones first."""
    labels = {
        "topik": w.gettext("Topik"),
        "instansi": w.gettext("Instansi"),
        "format": w.gettext("Format"),
        "kesegaran": w.gettext("Kesegaran"),
    }
    return [FacetGroup(kind, labels[kind], tuple(_facets(found, kind, w))) for kind in FACETS]


def _facets(found: Sequence[Entry], kind: str, w: Words) -> Iterable[Facet]:
    counts: dict[str, int] = {}
    agencies = {item.version.instansi: item.agency for item in found}
    for item in found:
        for value in values(item, kind):
            counts[value] = counts.get(value, 0) + 1
    for value, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        label = {
            "topik": lambda v: topic_name(v, w),
            "instansi": lambda v: agencies[v],
            "format": lambda v: format_name(v, w),
            "kesegaran": lambda v: freshness_name(v, w),
        }[kind](value)
        yield Facet(kind, value, label, f"/{kind}/{slug(value)}/", count)


def slug(value: str) -> str:
    """A value as it stands in an address."""
    return re.sub(r"[^a-z0-9_]+", "-", value.lower()).strip("-")
