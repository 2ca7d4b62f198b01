"""Reading archived payloads again, for verification: the same readers, nothing committed.

Belongs here: giving `warehouse.verify` what only the agencies' code can do. Does not belong here: comparing.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta

import polars as pl

from assets.windows import keys_of
from assets.workspace import Workspace
from connectors.api import Payload, Window
from connectors.contract import Contract
from connectors.manifest import Entry
from connectors.read.staging import Staging
from warehouse.ops import UNPLACED

WIB_OFFSET = timedelta(hours=7)
_KEPT_ROWS = 300_000


class Rereader:
    """See `warehouse.verify.Reread`. Raw rows of payloads that are asked for again are kept, up to a bound."""

    def __init__(self, workspace: Workspace):
        self._ws = workspace
        self._kept: dict[tuple[str, ...], pl.DataFrame] = {}
        self._kept_rows = 0

    def keys(self, contract: Contract, window: Window) -> Sequence[str]:
        return keys_of(contract, window)

    def read(
        self, contract: Contract, entries: Sequence[Entry], keys: Sequence[str], shared: Collection[str]
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        ws = self._ws
        # The day of the pull as it was told, which may be ahead of the clock (`--today`).
        today = max((max((e.fetched_at + WIB_OFFSET).date(), e.window_end) for e in entries), default=ws.today)
        staging = Staging(contract, regions=ws.regions, hash_key=ws.hash_key, today=today)
        for entry in entries:
            staging.add(*self._raw(contract, entry, entry.sha256 in shared))
        rows, rejected = staging.finish(keys)
        if keys:
            placed = pl.col("_partisi").is_in(list(keys)).fill_null(False)
            key = pl.when(placed).then(pl.col("_partisi")).otherwise(pl.lit(UNPLACED))
            rejected = rejected.with_columns(key.alias("_partisi"))
        return rows, rejected

    def _raw(self, contract: Contract, entry: Entry, shared: bool) -> tuple[Payload, pl.DataFrame]:
        """A payload and its raw rows. Of a kept one only the description is made anew."""
        name = (entry.sha256, entry.slot, entry.key_month or "", *(f"{k}={v}" for k, v in sorted(entry.meta.items())))
        raw = self._kept.get(name)
        if raw is not None:
            return _described(entry, b""), raw
        payload = self._ws.archive.payload(entry)
        raw = self._ws.registry.feed(contract).read(payload, contract)
        if shared:
            self._kept[name] = raw
            self._kept_rows += raw.height
            while self._kept_rows > _KEPT_ROWS and len(self._kept) > 1:
                oldest = next(iter(self._kept))
                self._kept_rows -= self._kept.pop(oldest).height
        return payload, raw


def _described(entry: Entry, body: bytes) -> Payload:
    return Payload(
        body=body, sha256=entry.sha256, slot=entry.slot, meta=entry.meta, request=entry.request, status=entry.status,
        headers=entry.headers, fetched_at=entry.fetched_at, asal=entry.asal, unknown_fields=entry.unknown_fields,
    )  # fmt: skip


def reread(workspace: Workspace) -> Rereader:
    """What `warehouse.verify.verify` needs to read payloads of this workspace's archive again."""
    return Rereader(workspace)
