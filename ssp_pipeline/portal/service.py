"""What every part of the portal works with: the options it was started with, and its one copy of everything shared.

Belongs here: the two records. Does not belong here: what is done with them.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ssp_pipeline.portal.paging import Walks
from ssp_pipeline.portal.releases import Edition, Shelf

if TYPE_CHECKING:
    from ssp_pipeline.portal.sqlbox import SqlBox


@dataclass(frozen=True)
class Options:
    """How a portal runs. Folders that are None are not there, and what needs them says so."""

    root: Path
    base_url: str = "http://127.0.0.1:8600"
    contact: str = ""
    keys_file: Path | None = None
    reports: Path | None = None
    access_log: Path | None = None
    api_per_minute: int = 600
    sql_per_minute: int = 20
    reports_per_hour: int = 5
    table_memory: int = 1 << 30
    sql_workers: int = 1
    sql_seconds: float = 5.0
    sql_wait_seconds: float = 10.0
    sql_memory_mb: int = 512
    watch_seconds: float = 1.0


@dataclass(frozen=True)
class Service:
    """What requests share."""

    options: Options
    shelf: Shelf
    walks: Walks
    sql: "SqlBox"

    def url(self, path: str) -> str:
        """A path as full address."""
        return self.options.base_url.rstrip("/") + path


@dataclass(frozen=True)
class Asked:
    """Where a question comes from: the edition at its beginning, and who asks (a key's name or an address)."""

    edition: Edition
    asker: Hashable
