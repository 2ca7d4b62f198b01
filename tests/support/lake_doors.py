"""Doors to one lake with either catalogue, for tests that several writers and readers share."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.lake import config
from tests.support.postgres import create_database
from warehouse.lake import Lake

Opener = Callable[..., Lake]
_NUMBERS = itertools.count(1)


@contextmanager
def doors(home: Path, server: str | None = None) -> Iterator[Opener]:
    """Opens the lake below `home`; each call is another door to it. With `server`, PostgreSQL holds the catalogue."""
    given = {"catalog": "postgres:" + create_database(server, f"lake_{next(_NUMBERS)}")} if server else {}
    opened: list[Lake] = []

    def door(*, read_only: bool = False, lock_timeout: float = 600.0, **more: Any) -> Lake:
        opened.append(Lake(config(home, **given | more), read_only=read_only, lock_timeout=lock_timeout))
        return opened[-1]

    yield door
    for lake in opened:
        lake.close()
