"""What the landing archive does about damaged files, killed processes, writers side by side and a full disk."""

import ctypes
import errno
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors import durable
from connectors.archive import (
    Archive,
    ArchiveFull,
    BlobCorrupt,
    BlobMissing,
    ManifestCorrupt,
)
from connectors.keys import KeyStore
from tests.support.landing import DAY, MASTER, PRIVATE, TABLE, add, blob_of, bodies_of, files, open_archive, put


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "arsip"


@pytest.fixture
def archive(root: Path) -> Archive:
    return open_archive(root)


# Damage


def damage_flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "flip": damage_flip,
    "cut": lambda p: os.truncate(p, p.stat().st_size - 1),
    "empty": lambda p: os.truncate(p, 0),
    "more": lambda p: p.write_bytes(p.read_bytes() + b"x"),
    "other": lambda p: p.write_bytes(next(q for q in p.parents[1].glob("*/*") if q != p).read_bytes()),
}


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_body_is_found_and_mended_by_the_same_bytes(
    archive: Archive, root: Path, damage: Callable[[Path], object], encrypted: bool
) -> None:
    how: dict[str, Any] = {"encrypted": encrypted, "key_month": "2026-11", "table": PRIVATE}
    sealed = put(archive, b'{"data":[12345]}', b"other", **how)
    damage(blob_of(root, sealed.entries[0].sha256))
    with pytest.raises(BlobCorrupt, match="pull its window again"):
        archive.read(sealed.entries[0])
    report = archive.verify()
    assert (report.sound, report.ok, [g.slot for g in report.corrupt]) == (False, 1, ["page=0"])

    put(archive, b'{"data":[12345]}', **how)
    assert archive.verify().sound
    assert archive.read(sealed.entries[0]) == b'{"data":[12345]}'


def test_a_missing_body_is_a_gap_of_every_payload_that_names_it(archive: Archive, root: Path) -> None:
    put(archive, b"x", b"y")
    sealed = put(archive, b"x")
    blob_of(root, sealed.entries[0].sha256).unlink()
    with pytest.raises(BlobMissing):
        archive.read(sealed.entries[0])
    told: list[tuple[int, int]] = []
    report = archive.verify(lambda done, of: told.append((done, of)))
    assert (report.sound, report.payloads, report.ok, len(report.missing)) == (False, 3, 1, 2)
    assert told == [(2, 3), (3, 3)]


def test_a_manifest_torn_at_any_byte_loses_only_what_was_not_sealed(archive: Archive, root: Path) -> None:
    first = put(archive, b"a", b"b")
    path = root / "manifest" / TABLE / "2026-11.jsonl"
    kept = path.stat().st_size
    second = put(archive, b"c")
    whole = path.read_bytes()
    for size in range(kept, len(whole), 7):
        path.write_bytes(whole[:size] + b"\x00" * (size % 3))
        assert open_archive(root).pulls(TABLE) == [first], size
        third = put(open_archive(root), b"d")
        assert open_archive(root).pulls(TABLE) == [first, third], size
    path.write_bytes(whole)
    assert open_archive(root).pulls(TABLE) == [first, second]


def test_long_remains_of_a_killed_pull_are_cut_off(archive: Archive, root: Path) -> None:
    first = put(archive, b"a")
    path = root / "manifest" / TABLE / "2026-11.jsonl"
    kept = path.stat().st_size
    put(archive, *(b"%d" % n for n in range(50)))
    os.truncate(path, path.stat().st_size - 30)
    assert path.stat().st_size > kept + 5000
    last = put(open_archive(root), b"b")
    assert open_archive(root).pulls(TABLE) == [first, last]
    assert path.read_bytes().count(b"\n") == 4


def test_damage_that_no_crash_leaves_is_an_error_and_is_not_cut_off(archive: Archive, root: Path) -> None:
    put(archive, b"a", b"b")
    put(archive, b"c")
    path = root / "manifest" / TABLE / "2026-11.jsonl"
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    damaged = {
        "line lost": b"".join(lines[1:]),
        "end lost": b"".join(lines[:2] + lines[3:]),
        "end garbled": whole.replace(b'"akhir"', b'"akhjr"', 1),
        "last end garbled": b"".join(lines[:-1]) + lines[-1].replace(b'"akhir"', b'"akhjr"'),
        "origin changed": whole.replace(b'"tiruan"', b'"resmi"\x20', 1),
    }
    for what, content in damaged.items():
        path.write_bytes(content)
        with pytest.raises(ManifestCorrupt, match="restore"):
            open_archive(root).pulls(TABLE)
        if what != "origin changed":
            with pytest.raises(ManifestCorrupt):
                put(archive, b"d")
            assert path.read_bytes() == content, what


# Crashes

STEPS = [
    "archive.temp_written",
    "archive.temps_synced",
    "archive.blob_renamed",
    "archive.folders_synced",
    "durable.appended",
    "archive.sealed",
]
PULL = """
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from connectors.archive import Archive
from connectors.keys import KeyStore
root, day = Path(sys.argv[1]), date(2026, 11, 20)
archive = Archive(root, KeyStore(root.parent / "kunci", bytes(range(32))))
for number in range(int(sys.argv[3])):
    with archive.begin("pihps__harga_pangan_pasar", f"{sys.argv[2]}-{number}", day, day) as pull:
        for page in range(3):
            pull.add(b"page %d" % page, slot=f"page={page}", request={}, status=200, headers={},
                     fetched_at=datetime.now(UTC), asal="tiruan", meta={}, redaction_version=1)
        pull.seal()
"""


def run_pull(root: Path, name: str, *, times: int = 1, crash_at: str | None = None) -> "subprocess.Popen[bytes]":
    environment = {k: v for k, v in os.environ.items() if k != "SSP_CRASH_AT"}
    if crash_at is not None:
        environment["SSP_CRASH_AT"] = crash_at
    return subprocess.Popen([sys.executable, "-c", PULL, str(root), name, str(times)], env=environment)


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_a_pull_counts_whole_or_not_at_all(archive: Archive, root: Path, step: str) -> None:
    before = put(archive, b"before", b"page 1")
    KeyStore(root.parent / "kunci", MASTER)
    assert run_pull(root, "killed", crash_at=step).wait() == -9

    after = open_archive(root)
    pages = [b"page 0", b"page 1", b"page 2"]
    counted = [bodies_of(after, p) for p in after.pulls(TABLE)]
    assert counted in ([[b"before", b"page 1"]], [[b"before", b"page 1"], pages])
    assert after.verify().sound
    swept = after.sweep_temps()
    assert (swept > 0) == (step in ("archive.temp_written", "archive.temps_synced", "archive.blob_renamed"))
    assert files(root / "tmp") == {".lock": b""}

    orphans = set(after.verify().orphans)
    assert run_pull(root, "again").wait() == 0
    [first, *_, last] = after.pulls(TABLE)
    assert first == before
    assert bodies_of(after, last) == pages
    report = after.verify()
    assert report.sound
    assert report.orphans == ()
    assert after.blob_count() == 4
    assert bool(orphans) == (step in ("archive.blob_renamed", "archive.folders_synced"))


def test_every_named_step_is_killed_in_a_test() -> None:
    rooms = Path(__file__).parents[1] / "connectors"
    named = {
        step
        for module in ("archive", "archive_pull", "blobs", "manifest", "durable")
        for step in re.findall(r'crashpoint\("([^"]+)"\)', (rooms / f"{module}.py").read_text())
    }
    assert named == {*STEPS, "durable.temp_written"}, "durable.temp_written belongs to the keys' tests"


def test_two_processes_append_to_one_manifest(archive: Archive, root: Path) -> None:
    writers = [run_pull(root, name, times=15) for name in ("a", "b")]
    assert [w.wait() for w in writers] == [0, 0]
    pulls = archive.pulls(TABLE)
    assert {p.pull_id for p in pulls} == {f"{name}-{n}" for name in "ab" for n in range(15)}
    assert all(bodies_of(archive, p) == [b"page 0", b"page 1", b"page 2"] for p in pulls)
    assert archive.blob_count() == 3


def test_sweeping_leaves_pulls_under_way_alone(archive: Archive, root: Path) -> None:
    stray, young = root / "tmp" / "stray", root / "tmp" / "young"
    stray.write_bytes(b"x")
    young.write_bytes(b"x")
    two_days_ago = time.time() - 2 * 86400
    os.utime(stray, (two_days_ago, two_days_ago))
    with archive.begin(TABLE, "long", DAY, DAY) as pull:
        add(pull, b"x", "1")
        for path in (root / "tmp").rglob("*/*"):
            os.utime(path, (two_days_ago, two_days_ago))
        assert open_archive(root).sweep_temps() == 1
        pull.seal()
    assert not stray.exists()
    assert young.exists()
    assert len(archive.pulls(TABLE)) == 1


# A full disk


@pytest.fixture
def fail_after(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Make the n-th write (after half of it) or sync from now on, and all later ones, find the disk full."""
    left = [10**9]
    real_write = os.write
    guard = threading.Lock()

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            with guard:
                left[0] -= 1
            if left[0] == -1 and real is real_write and len(arguments[1]) > 1:
                return real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            if left[0] < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*arguments)

        return call

    for name in ("write", "fsync", "mkdir"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))

    def set_left(count: int) -> None:
        left[0] = count

    yield set_left
    left[0] = 10**9


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_disk_full_at_any_write_leaves_the_archive_as_it_was(
    archive: Archive, root: Path, fail_after: Callable[[int], None], encrypted: bool
) -> None:
    before = put(archive, b"before", table=PRIVATE)
    manifest = files(root / "manifest")
    told: list[str] = []
    for count in range(200):
        fail_after(count)
        try:
            put(archive, b"new 1", b"new 2", table=PRIVATE, encrypted=encrypted, key_month="2026-11")
        except ArchiveFull as error:
            told.append(str(error))
        else:
            break
        finally:
            fail_after(10**9)
        assert files(root / "manifest") == manifest, count
        assert open_archive(root).pulls(PRIVATE) == [before]
        assert archive.verify().sound
        assert files(root / "tmp") == {".lock": b""}
    assert len(told) >= 8
    assert all("Free space" in message for message in told)
    assert len(archive.pulls(PRIVATE)) == 2
    assert archive.verify().sound
    assert archive.verify().orphans == ()


def test_short_writes_are_completed(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data[:100])))
    sealed = put(archive, os.urandom(5000), b"x")
    assert archive.pulls(TABLE) == [sealed]
    assert archive.verify().sound


# Many payloads at once

MANY = [b"muatan %d" % number for number in range(300)]


def test_many_payloads_are_on_the_disk_before_their_names_and_both_before_they_count(
    archive: Archive, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call flushes them all: what it finds written by then is durable."""
    found: list[tuple[int, int, int]] = []

    def syncfs(fd: int) -> int:
        os.fstat(fd)
        tmp, blob, manifest = (len(files(root / folder)) for folder in ("tmp", "blob", "manifest"))
        found.append((tmp, blob, manifest))
        return real(fd)

    known = durable._syncfs()
    assert known is not None, "this system has no syncfs: nothing is shown here"
    real = known
    monkeypatch.setattr(durable, "_syncfs", lambda: syncfs)
    sealed = put(archive, *MANY)
    locks = 2  # of the folder, and of the pull in it
    assert found == [(len(MANY) + locks, 0, 0), (locks, len(MANY), 0)]
    assert archive.pulls(TABLE) == [sealed]
    assert bodies_of(archive, sealed) == MANY


@pytest.mark.parametrize("call", [1, 2])
def test_many_payloads_that_the_disk_did_not_take_do_not_count(
    archive: Archive, root: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    def syncfs(_fd: int) -> int:
        calls.append(1)
        ctypes.set_errno(errno.ENOSPC)
        return -1 if len(calls) == call else 0

    calls: list[int] = []
    monkeypatch.setattr(durable, "_syncfs", lambda: syncfs)
    with pytest.raises(ArchiveFull, match="Free space"):
        put(archive, *MANY)
    assert archive.pulls(TABLE) == []
    assert files(root / "tmp") == {".lock": b""}
    monkeypatch.setattr(durable, "_syncfs", lambda: None)
    assert bodies_of(archive, put(archive, *MANY)) == MANY
    assert archive.verify().orphans == ()
