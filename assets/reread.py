"""Reading archived payloads again, for verification: the same readers, nothing committed."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from assets.workspace import Workspace
from connectors.contract import Contract
from connectors.manifest import Entry
from connectors.read.staging import Staging
from warehouse.verify import Reread


def reread(workspace: Workspace) -> Reread:
    """A function that reads entries of the archive to rows and rejected rows of the given partitions."""

    def read(contract: Contract, entries: Sequence[Entry], keys: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
        feed = workspace.registry.feed(contract)
        payloads = [workspace.archive.payload(entry) for entry in entries]
        staging = Staging(
            contract,
            regions=workspace.regions,
            hash_key=workspace.hash_key,
            # The day of the pull as it was told, which may be ahead of the clock (`--today`).
            today=max(max((e.fetched_at + timedelta(hours=7)).date(), e.window_end) for e in entries),
        )
        for payload in payloads:
            staging.add(payload, feed.read(payload, contract))
        rows, rejected = staging.finish(())
        if contract.ext.mode == "berkas" and contract.ext.berkas:
            rows = _newest_of_unit(rows, [p.sha256 for p in payloads], contract.ext.berkas.slot)
        return rows, rejected

    return read


def _newest_of_unit(rows: pl.DataFrame, order: Sequence[str], slot: Sequence[str]) -> pl.DataFrame:
    """Of the files that speak of one unit of a partition, only the rows of the one that came last."""
    ranks = {sha: number for number, sha in enumerate(order)}
    ranked = rows.with_columns(pl.col("_payload").replace_strict(ranks, return_dtype=pl.Int64).alias("_urutan"))
    newest = pl.col("_urutan").max().over(["_partisi", *slot])
    return ranked.filter(pl.col("_urutan") == newest).drop("_urutan")
