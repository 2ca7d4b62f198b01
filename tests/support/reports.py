"""A desk that makes reports from a small warehouse, as the application wires it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from assets.delivery.post import Postal
from assets.report.governor.desk import Desk, folder_of
from assets.report.governor.inputs import Kind
from assets.reports import Office, desk
from tests.support.workspace import TODAY, Small

SENDER = "laporan@provinsi.invalid"


def office(small: Small) -> Office:
    """The office of a warehouse: its outbox and open data, and one sender."""
    postal = Postal(folder=small.home / "kotak_keluar", recipients=small.home / "penerima.toml", sender=SENDER)
    return Office("Sumatera Utara", small.home / "terbuka", lambda: postal)


@contextlib.contextmanager
def open_desk(small: Small) -> Iterator[Desk]:
    """The desk of a warehouse, with its lake open."""
    with small.open() as workspace:
        yield desk(workspace, office(small))


def root_of(small: Small, kind: Kind = "harian") -> Path:
    return folder_of(small.home, kind, TODAY)


def figures(folder: Path) -> list[dict[str, Any]]:
    """The figures of a version, as it keeps them."""
    found: list[dict[str, Any]] = orjson.loads((folder / "angka.json").read_bytes())
    return found
