"""The release of everything that is published: its list, catalogue and pages, and the pointer that moves to it.

Belongs here: what a release holds and when there is a new one. Does not belong here: versions (`publish.py`), the
frozen catalogue (`catalogue.py`), pages (they come as a callable).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from connectors.contract import Agency
from warehouse.opendata.catalogue import Removal, Step, build_catalogue
from warehouse.opendata.contract import OpenContract
from warehouse.opendata.decisions import Decisions
from warehouse.opendata.describe import Publisher
from warehouse.opendata.manifest import (
    CATALOGUE_FILE,
    AgencyLine,
    Listed,
    Release,
    Version,
    VersionLine,
    current,
    read_release,
    read_version,
    read_withdrawn,
)
from warehouse.opendata.metadata import dcat
from warehouse.opendata.moment import moment_of
from warehouse.opendata.store import Store
from warehouse.opendata.withdraw import clean, mark

DCAT_FILES = ("katalog.jsonld", "katalog.ttl")

KEPT_RELEASES = 30
"""Releases that stay for readers who opened one of them; each lists all versions anyway."""

Site = Callable[[Path, Path, Release], None]
"""Writes the pages of a release: public root, folder of the release in the making, what it lists."""


class ReleaseError(RuntimeError):
    """A file that a release would list is not there; the release is not made."""


def publish_release(
    root: Path,
    contracts: Sequence[OpenContract],
    agencies: Mapping[str, Agency],
    decisions: Decisions,
    publisher: Publisher,
    today: date,
    site: Site | None = None,
) -> int | None:
    """Make a release of all standing versions if they are not those of the last one; gives its number, or None.

    Withdrawals that were decided are carried out. Raises ReleaseError, CatalogueError; the last release stays then.
    """
    store = Store(root)
    with store.writing():
        mark(store, decisions)
        made = _release(store, contracts, agencies, publisher, today, site)
        clean(store)
        store.prune_releases(KEPT_RELEASES)
        return made


def _release(
    store: Store,
    contracts: Sequence[OpenContract],
    agencies: Mapping[str, Agency],
    publisher: Publisher,
    today: date,
    site: Site | None,
) -> int | None:
    root = store.root
    number = current(root)
    last = read_release(root, number) if number is not None else None
    known = {d.dataset: d for d in last.dataset} if last else {}
    names = sorted({*known, *(c.name for c in contracts)})
    before = last.snapshot if last else 0
    listed = [_listed(store, name, known.get(name), before + 1) for name in names if store.numbers(name)]
    if not listed or (last is not None and tuple(listed) == last.dataset):
        return None
    versions = [read_version(root, d.dataset, d.versi) for d in listed if d.versi is not None]
    _verify_files(root, versions)
    folder = store.work_folder("rilis")
    catalogue = root / "rilis" / str(number) / CATALOGUE_FILE if number is not None else None
    steps = list(_steps(store, listed, before + 1))
    removals = [r for d in listed if (old := known.get(d.dataset)) for r in _removals(d, old)]
    snapshot = build_catalogue(folder / CATALOGUE_FILE, catalogue, root, publisher.base_url, steps, removals)
    release = Release(
        nomor=store.next_release(),
        terbit=moment_of(today),
        provinsi=publisher.province,
        kode_provinsi=publisher.province_code,
        dataset=tuple(listed),
        instansi=tuple(_agencies(versions, agencies)),
        snapshot=snapshot,
    )
    for name, body in zip(DCAT_FILES, dcat.catalogue(release, versions, publisher.base_url), strict=True):
        (folder / name).write_bytes(body)
    if site is not None:
        site(root, folder, release)
    store.add_release(release, folder)
    return release.nomor


def _verify_files(root: Path, versions: Sequence[Version]) -> None:
    """Every file that will be listed is on disk with its size; hashes were taken when it was written."""
    for version in versions:
        listed = {p.path: p.bytes for p in version.bagian} | {f.path: f.bytes for f in version.berkas}
        for relative, size in listed.items():
            path = root / relative
            if not path.is_file() or path.stat().st_size != size:
                raise ReleaseError(
                    f"{version.dataset} v{version.versi}: {relative} is missing or has another size; restore the "
                    "public folder from a mirror, or withdraw this version"
                )


def _steps(store: Store, listed: Sequence[Listed], snapshot: int) -> Iterator[Step]:
    """Versions that are new in this release, each with the standing one it follows in the catalogue."""
    for one in listed:
        standing = [line for line in one.riwayat if line.status == "terbit"]
        if standing and standing[-1].snapshot == snapshot:
            older = [line.versi for line in standing if line.snapshot not in (None, snapshot)]
            before = read_version(store.root, one.dataset, older[-1]) if older else None
            yield Step(read_version(store.root, one.dataset, standing[-1].versi), before)


def _removals(now: Listed, before: Listed) -> Iterator[Removal]:
    """Versions that stood in the last release and are withdrawn in this one."""
    gone = {line.versi for line in now.riwayat if line.status == "ditarik"}
    lines = [line for line in before.riwayat if line.status == "terbit" and line.snapshot is not None]
    for n, line in reversed(list(enumerate(lines))):
        if line.versi in gone:
            after = next((later.snapshot for later in lines[n + 1 :] if later.versi not in gone), None)
            assert line.snapshot is not None
            yield Removal(now.dataset, line.snapshot, after)


def _listed(store: Store, name: str, known: Listed | None, snapshot: int) -> Listed:
    """A dataset with its whole history; lines that the last release has are taken from it."""
    before = {line.versi: line for line in known.riwayat} if known else {}
    standing = store.standing(name)
    lines = []
    for number in store.numbers(name):
        gone = read_withdrawn(store.root, name, number)
        if gone is not None:
            lines.append(VersionLine(versi=number, status="ditarik", waktu=gone.ditarik, alasan=gone.alasan))
        elif number in before:
            lines.append(before[number])
        else:
            version = read_version(store.root, name, number)
            # Of several versions since the last release only the newest is what the new snapshot shows.
            shown = snapshot if number == standing[-1] else None
            lines.append(
                VersionLine(versi=number, status="terbit", waktu=version.terbit, alasan=version.alasan, snapshot=shown)
            )
    return Listed(dataset=name, versi=standing[-1] if standing else None, riwayat=tuple(lines))


def _agencies(versions: Sequence[Version], agencies: Mapping[str, Agency]) -> list[AgencyLine]:
    return [
        AgencyLine(kode=a.kode, nama=a.nama, instansi=a.instansi, url=a.url or None)
        for code in sorted({v.instansi for v in versions})
        if (a := agencies.get(code)) is not None
    ]
