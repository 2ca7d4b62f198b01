"""The release of everything that is published: its list, catalogue and pages, and the pointer that moves to it.

Belongs here: what a release holds and when there is a new one. Does not belong here: versions (`publish.py`), the
frozen catalogue (`catalogue.py`), pages (they come as a callable).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

from connectors.contract import Agency
from warehouse.opendata.contract import OpenContract
from warehouse.opendata.describe import Publisher
from warehouse.opendata.manifest import (
    AgencyLine,
    Listed,
    Release,
    VersionLine,
    current,
    read_release,
    read_version,
    read_withdrawn,
)
from warehouse.opendata.moment import moment_of
from warehouse.opendata.store import Store

Site = Callable[[Path, Path, Release], None]
"""Writes the pages of a release: public root, folder of the release in the making, what it lists."""


def publish_release(
    root: Path,
    contracts: Sequence[OpenContract],
    agencies: Mapping[str, Agency],
    publisher: Publisher,
    today: date,
    site: Site | None = None,
) -> int | None:
    """Make a release of all standing versions if they are not those of the last one; gives its number, or None."""
    store = Store(root)
    with store.writing():
        number = current(root)
        last = read_release(root, number) if number is not None else None
        known = {d.dataset: d for d in last.dataset} if last else {}
        names = sorted({*known, *(c.name for c in contracts)})
        snapshot = (last.snapshot if last else 0) + 1
        listed = [_listed(store, name, known.get(name), snapshot) for name in names if store.numbers(name)]
        if not listed or (last is not None and tuple(listed) == last.dataset):
            return None
        release = Release(
            nomor=store.next_release(),
            terbit=moment_of(today),
            provinsi=publisher.province,
            kode_provinsi=publisher.province_code,
            dataset=tuple(listed),
            instansi=tuple(_agencies(store, listed, agencies)),
            snapshot=snapshot,
        )
        folder = store.work_folder("rilis")
        if site is not None:
            site(root, folder, release)
        store.add_release(release, folder)
        return release.nomor


def _listed(store: Store, name: str, known: Listed | None, snapshot: int) -> Listed:
    """A dataset with its whole history; lines that the last release has are taken from it."""
    before = {line.versi: line for line in known.riwayat} if known else {}
    lines = []
    for number in store.numbers(name):
        line = before.get(number)
        gone = read_withdrawn(store.root, name, number)
        if gone is not None:
            lines.append(VersionLine(versi=number, status="ditarik", waktu=gone.ditarik, alasan=gone.alasan))
        elif line is not None:
            lines.append(line)
        else:
            version = read_version(store.root, name, number)
            lines.append(
                VersionLine(
                    versi=number, status="terbit", waktu=version.terbit, alasan=version.alasan, snapshot=snapshot
                )
            )
    standing = [line.versi for line in lines if line.status == "terbit"]
    return Listed(dataset=name, versi=standing[-1] if standing else None, riwayat=tuple(lines))


def _agencies(store: Store, listed: Sequence[Listed], agencies: Mapping[str, Agency]) -> list[AgencyLine]:
    codes = {read_version(store.root, d.dataset, d.versi).instansi for d in listed if d.versi is not None}
    return [
        AgencyLine(kode=a.kode, nama=a.nama, instansi=a.instansi, url=a.url or None)
        for code in sorted(codes)
        if (a := agencies.get(code)) is not None
    ]
