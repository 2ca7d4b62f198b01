"""The public folder: content-addressed files, version folders, releases and the pointer, each written durably.

Belongs here: where things lie, and that a kill at any instant leaves the old or the new state. Does not belong here:
what is in a version (`publish.py`), the form of what is read back (`manifest.py`).

Nothing half-made is ever below the public root: work goes on in a private folder beside it, on the same disk, and
comes in by a rename. What a killed process left there is swept by the next one.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import orjson

from connectors.crashpoint import crashpoint
from connectors.durable import PRIVATE_DIR, fsync_path, locked
from warehouse.opendata.manifest import (
    MANIFEST_FILE,
    POINTER,
    RELEASE_FILE,
    WITHDRAWN_FILE,
    Release,
    Version,
    Withdrawn,
    current,
    read_version,
)

PARTS = "bagian"
_READ_ONLY = 0o444


class Stored(NamedTuple):
    """A content-addressed file: path relative to the public root, hash, size."""

    path: str
    sha256: str
    bytes: int


class Store:
    """The public root and what lies below it. Everything that writes holds `writing()`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._work = root.with_name(f".{root.name}.siap")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the one writer. What a killed writer left half-made is removed first."""
        self.root.mkdir(parents=True, exist_ok=True)
        with locked(self._work.with_suffix(".kunci")):
            shutil.rmtree(self._work, ignore_errors=True)
            self._work.mkdir(mode=PRIVATE_DIR)
            try:
                yield
            finally:
                shutil.rmtree(self._work, ignore_errors=True)

    def temp(self, name: str) -> Path:
        """A path for a file in the making; gone when the writer ends."""
        return self._work / name

    def add(self, temp: Path, extension: str) -> Stored:
        """Take a finished file in under the name of its content. The same content is kept once."""
        size, sha256 = file_facts(temp)
        relative = f"{PARTS}/{sha256[:2]}/{sha256}.{extension}"
        path = self.root / relative
        if path.exists() and path.stat().st_size == size:
            temp.unlink()
            return Stored(relative, sha256, size)
        _make_dirs(path.parent, self.root)
        temp.chmod(_READ_ONLY)
        fsync_path(temp)
        temp.replace(path)
        fsync_path(path.parent)
        crashpoint("store.file_added")
        return Stored(relative, sha256, size)

    def numbers(self, dataset: str) -> list[int]:
        """Numbers of all versions of a dataset, withdrawn ones too, oldest first."""
        folder = self.root / "dataset" / dataset
        return sorted(int(p.name[1:]) for p in folder.glob("v[0-9]*") if p.name[1:].isdigit())

    def withdrawn(self, dataset: str, number: int) -> bool:
        return (self.root / "dataset" / dataset / f"v{number}" / WITHDRAWN_FILE).exists()

    def standing(self, dataset: str) -> list[int]:
        """Numbers of the versions that are not withdrawn, oldest first."""
        return [n for n in self.numbers(dataset) if not self.withdrawn(dataset, n)]

    def newest(self, dataset: str) -> Version | None:
        """The newest standing version, or None."""
        standing = self.standing(dataset)
        return read_version(self.root, dataset, standing[-1]) if standing else None

    def add_version(self, version: Version, files: Mapping[str, bytes]) -> None:
        """Put a version's folder in place: its manifest, `files`, and the downloads it names, by their names.

        The downloads are there already; here they are linked, not copied, so that a package can name them beside it.
        """
        folder = self.root / "dataset" / version.dataset / f"v{version.versi}"
        links = {file.nama: self.root / file.path for file in version.berkas}
        self._add_folder(folder, {MANIFEST_FILE: _json(version), **files}, links)
        crashpoint("store.version_added")

    def mark_withdrawn(self, gone: Withdrawn) -> None:
        """Put the word about a withdrawn version into its folder."""
        temp = self.temp(WITHDRAWN_FILE)
        temp.write_bytes(_json(gone))
        temp.chmod(_READ_ONLY)
        fsync_path(temp)
        folder = self.root / "dataset" / gone.dataset / f"v{gone.versi}"
        temp.replace(folder / WITHDRAWN_FILE)
        fsync_path(folder)

    def prune_releases(self, keep: int) -> None:
        """Remove all releases but the newest `keep`; what they list stays where it is."""
        numbers = sorted(int(p.name) for p in (self.root / "rilis").glob("[0-9]*") if p.name.isdigit())
        for number in numbers[:-keep]:
            shutil.rmtree(self.root / "rilis" / str(number))

    def work_folder(self, name: str) -> Path:
        """An empty private folder, for `add_release`."""
        folder = self._work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def next_release(self) -> int:
        """Number of the next release: above every one that is there or was pointed at."""
        found = [int(p.name) for p in (self.root / "rilis").glob("[0-9]*") if p.name.isdigit()]
        return max([*found, current(self.root) or 0]) + 1

    def add_release(self, release: Release, folder: Path) -> None:
        """Put the finished release in `folder` in place, then move the pointer to it."""
        (folder / RELEASE_FILE).write_bytes(_json(release))
        target = self.root / "rilis" / str(release.nomor)
        _make_dirs(target.parent, self.root)
        _seal(folder)
        folder.replace(target)
        fsync_path(target.parent)
        crashpoint("store.release_added")
        pointer = self.temp(POINTER)
        pointer.write_bytes(orjson.dumps({"rilis": release.nomor}))
        pointer.chmod(_READ_ONLY)
        fsync_path(pointer)
        pointer.replace(self.root / POINTER)
        fsync_path(self.root)
        crashpoint("store.pointer_moved")

    def _add_folder(self, folder: Path, files: Mapping[str, bytes], links: Mapping[str, Path]) -> None:
        work = self.work_folder("folder")
        for name, body in files.items():
            (work / name).write_bytes(body)
        for name, file in links.items():
            (work / name).hardlink_to(file)
        _make_dirs(folder.parent, self.root)
        _seal(work)
        work.replace(folder)
        fsync_path(folder.parent)


def file_facts(path: Path) -> tuple[int, str]:
    """Size in bytes and sha256 (hex) of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return path.stat().st_size, digest


def _json(record: Version | Release | Withdrawn) -> bytes:
    return record.model_dump_json(indent=2).encode() + b"\n"


def _seal(folder: Path) -> None:
    """Make everything below a folder read-only and durable."""
    for directory, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(directory) / name
            path.chmod(_READ_ONLY)
            fsync_path(path)
        fsync_path(Path(directory))


def _make_dirs(folder: Path, root: Path) -> None:
    """Create folders below the root, readable for a web server, each durably entered in its parent."""
    if folder.is_dir() or folder == root:
        return
    _make_dirs(folder.parent, root)
    folder.mkdir(mode=0o755, exist_ok=True)
    fsync_path(folder.parent)
