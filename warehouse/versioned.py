"""Folders that are published once and never change: `v1`, `v2`, …, and the link `latest`.

Belongs here: numbering, durability and the pointer. Does not belong here: what is in a version.
A version is written under a temporary name, fsynced and renamed, so that a reader sees all of it or nothing.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from connectors.crashpoint import crashpoint
from connectors.durable import fsync_path, locked

LATEST = "latest"
FACTS = "versi.json"
_STAGING = ".siap-"


@dataclass(frozen=True)
class Version:
    """A published version: its number, its folder and the digest of its content."""

    number: int
    folder: Path
    digest: str

    @property
    def name(self) -> str:
        return self.folder.name


def newest(root: Path) -> Version | None:
    """The version with the highest number, or None before the first one."""
    numbers = [int(p.name[1:]) for p in root.glob("v[0-9]*") if p.name[1:].isdigit()]
    if not numbers:
        return None
    folder = root / f"v{max(numbers)}"
    return Version(max(numbers), folder, orjson.loads((folder / FACTS).read_bytes())["digest"])


def publish(root: Path, prepare: Callable[[Path], str], finish: Callable[[Path, int], None]) -> tuple[Version, bool]:
    """Publish a new version, unless its digest is that of the newest one.

    `prepare(folder)` gives the content's digest and may already write files into the (empty) folder;
    `finish(folder, number)` writes the rest, and is called only for a new version. Returns the version that is
    now the newest and whether it is new. Files become read-only, `versi.json` holds their sha256. What a killed
    process left behind is removed, and the pointer is mended if it did not move in time.
    """
    root.mkdir(parents=True, exist_ok=True)
    with locked(root / ".kunci"):
        for left in root.glob(f"{_STAGING}*"):
            shutil.rmtree(left)
        last = newest(root)
        number = last.number + 1 if last else 1
        staging = root / f"{_STAGING}v{number}"
        staging.mkdir()
        try:
            digest = prepare(staging)
            if last is not None and last.digest == digest:
                shutil.rmtree(staging)
                _point(root, last.name)
                return last, False
            finish(staging, number)
            _seal(staging, number, digest)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        crashpoint("versioned.files_written")
        folder = root / f"v{number}"
        staging.rename(folder)
        fsync_path(root)
        crashpoint("versioned.renamed")
        _point(root, folder.name)
        return Version(number, folder, digest), True


def file_facts(path: Path) -> tuple[int, str]:
    """Size in bytes and sha256 (hex) of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return path.stat().st_size, digest


def _seal(folder: Path, number: int, digest: str) -> None:
    files = {}
    for path in sorted(folder.iterdir()):
        size, sha256 = file_facts(path)
        files[path.name] = {"bytes": size, "sha256": sha256}
    made = datetime.now(UTC).isoformat(timespec="seconds")
    facts = {"versi": f"v{number}", "digest": digest, "dibuat": made, "berkas": files}
    (folder / FACTS).write_bytes(orjson.dumps(facts, option=orjson.OPT_INDENT_2))
    for path in folder.iterdir():
        path.chmod(0o444)
        fsync_path(path)
    fsync_path(folder)


def _point(root: Path, name: str) -> None:
    link = root / LATEST
    if link.is_symlink() and str(link.readlink()) == name:
        return
    fresh = root / f".{LATEST}.{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(name)
    fresh.replace(link)
    fsync_path(root)
