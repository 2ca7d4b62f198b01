"""Partition definitions in WIB, one for each grain that a contract may declare."""

from functools import cache

import dagster as dg

from connectors.contract import Contract

TIMEZONE = "Asia/Jakarta"
_GRAINS = {
    # PIHPS, the oldest daily series, begins in mid-2017.
    "harian": ("2017-01-01", "0 0 * * *"),
    "bulanan": ("2010-01-01", "0 0 1 * *"),
    "tahunan": ("2000-01-01", "0 0 1 1 *"),
}
"""First partition and the cron of the others. Each of them costs a little whenever Dagster looks at an asset."""


@cache
def _grain(name: str) -> dg.TimeWindowPartitionsDefinition:
    start, cron = _GRAINS[name]
    # The offset lets the partition of today, of this month and of this year be materialised while it lasts.
    return dg.TimeWindowPartitionsDefinition(
        cron_schedule=cron, start=start, fmt="%Y-%m-%d", timezone=TIMEZONE, end_offset=1
    )


def partitions_of(contract: Contract) -> dg.TimeWindowPartitionsDefinition | None:
    """The partitions of a dataset's asset; None for a dataset of a single partition."""
    return None if contract.ext.partisi == "tunggal" else _grain(contract.ext.partisi)
