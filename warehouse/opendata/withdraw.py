"""Carrying out withdrawals: what stays of a withdrawn version is a word about it, what it held is gone.

Belongs here: marking withdrawn versions, and removing files and releases that show them. Does not belong here: the
decision itself (`decisions.py`).

Both steps follow from what is on disk and in the decisions, and both may be repeated: what a killed process left
undone, the next release does. A version is marked before a release is made without it, and its files go only when
the pointer has moved, so that no reader of the current release meets a missing file.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from connectors.crashpoint import crashpoint
from connectors.durable import fsync_path
from warehouse.opendata.decisions import Decisions
from warehouse.opendata.manifest import (
    MANIFEST_FILE,
    RELEASE_FILE,
    WITHDRAWN_FILE,
    Release,
    Version,
    Withdrawn,
    current,
    read_version,
)
from warehouse.opendata.store import Store


class WithdrawalError(ValueError):
    """A version that cannot be withdrawn: it is not there, or was withdrawn before."""


def withdraw(store: Store, decisions: Decisions, dataset: str, number: int, *, by: str, why: str) -> tuple[int, ...]:
    """Decide that a version is withdrawn; gives all versions that go, oldest first. Raises WithdrawalError.

    A later version goes with it if one of its files in one piece, made less often than versions come, still holds
    the withdrawn version's rows.
    """
    if number not in store.standing(dataset):
        known = ", ".join(f"v{n}" for n in store.standing(dataset)) or "tidak ada"
        raise WithdrawalError(f"{dataset} v{number} tidak terbit; yang terbit: {known}")
    gone = [number]
    for later in (n for n in store.standing(dataset) if n > number):
        if any(f.versi in gone for f in read_version(store.root, dataset, later).berkas):
            gone.append(later)
    for one in gone:
        reason = why if one == number else f"{why} (berkasnya masih memuat baris v{number})"
        decisions.withdraw(dataset, one, by=by, why=reason)
    return tuple(gone)


def mark(store: Store, decisions: Decisions) -> None:
    """Say of every withdrawn version that it is, and why."""
    for decision in decisions.withdrawn():
        if decision.dasar not in store.standing(decision.dataset):
            continue
        version = read_version(store.root, decision.dataset, decision.dasar)
        store.mark_withdrawn(
            Withdrawn(
                dataset=decision.dataset,
                versi=version.versi,
                judul=version.judul,
                terbit=version.terbit,
                ditarik=decision.waktu,
                alasan=decision.alasan,
            )
        )
        crashpoint("withdraw.marked")


def clean(store: Store) -> None:
    """Remove what the withdrawn versions held, and all releases but the current one that show one of them."""
    folders = [f.parent for f in sorted((store.root / "dataset").glob(f"*/v*/{WITHDRAWN_FILE}"))]
    if not folders:
        return
    for folder in _showing(store.root, {(f.parent.name, int(f.name[1:])) for f in folders}):
        shutil.rmtree(folder)
        crashpoint("withdraw.release_removed")
    left = [f for f in folders if (f / MANIFEST_FILE).exists()]
    wanted = _paths_of(left)
    for standing in (store.root / "dataset").glob(f"*/v*/{MANIFEST_FILE}"):
        if wanted and standing.parent not in left:
            wanted -= _paths_of([standing.parent])
    for relative in sorted(wanted):
        (store.root / relative).unlink(missing_ok=True)
        crashpoint("withdraw.file_removed")
    for folder in left:
        # The manifest goes last: it tells what was to be removed.
        for path in sorted(folder.iterdir(), key=lambda p: p.name == MANIFEST_FILE):
            if path.name != WITHDRAWN_FILE:
                path.unlink()
        fsync_path(folder)


def _paths_of(folders: list[Path]) -> set[str]:
    found: set[str] = set()
    for folder in folders:
        version = Version.model_validate_json((folder / MANIFEST_FILE).read_bytes())
        found |= {p.path for p in version.bagian} | {f.path for f in version.berkas}
    return found


def _showing(root: Path, withdrawn: set[tuple[str, int]]) -> Iterator[Path]:
    """Folders of releases before the current one that list a withdrawn version as standing."""
    now = current(root)
    for path in sorted((root / "rilis").glob(f"*/{RELEASE_FILE}")):
        release = Release.model_validate_json(path.read_bytes())
        shown = {(d.dataset, v.versi) for d in release.dataset for v in d.riwayat if v.status == "terbit"}
        if release.nomor != now and shown & withdrawn:
            yield path.parent
