"""Opening and filling a landing archive in tests."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from connectors.archive import Archive, Pull, SealedPull
from connectors.keys import KeyStore

MASTER = bytes(range(32))
TABLE = "pihps__harga_pangan_pasar"
PRIVATE = "samsat__pembayaran_pkb"
DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)


def open_archive(root: Path, clock: Callable[[], datetime] = lambda: NOW) -> Archive:
    return Archive(root, KeyStore(root.parent / "kunci", MASTER), clock=clock)


def add(pull: Pull, body: bytes, slot: str, **changes: Any) -> str:
    fields: dict[str, Any] = {
        "request": {"method": "GET", "url": "https://example.invalid/x", "params": {"page": 1}},
        "status": 200,
        "headers": {"content-type": "application/json"},
        "fetched_at": NOW,
        "asal": "tiruan",
        "meta": {"pasar": "Pusat Pasar"},
        "unknown_fields": ("data.nik",),
        "redaction_version": 1,
        "redaction_list": "0123456789ab",
    }
    return pull.add(body, slot=slot, **fields | changes)


def put(archive: Archive, *bodies: bytes, table: str = TABLE, start: date = DAY, **begin: Any) -> SealedPull:
    with archive.begin(table, f"tarik-{time.monotonic_ns()}", start, start, **begin) as pull:
        for number, body in enumerate(bodies):
            add(pull, body, f"page={number}")
        return pull.seal()


def bodies_of(archive: Archive, pull: SealedPull) -> list[bytes]:
    return [archive.read(entry) for entry in pull.entries]


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def blob_of(root: Path, sha: str) -> Path:
    [path] = root.glob(f"blob/{sha[:2]}/{sha}.*")
    return path
