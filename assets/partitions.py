"""Partition definitions in WIB, one for each grain that a contract may declare."""

from functools import cache

import dagster as dg

from connectors.contract import Contract

TIMEZONE = "Asia/Jakarta"
FIRST_DAY = "2017-01-01"
"""Start of the oldest series that the agencies keep (PIHPS, mid-2017), at the start of its year."""


@cache
def _grain(name: str) -> dg.TimeWindowPartitionsDefinition:
    cron = {"harian": "0 0 * * *", "bulanan": "0 0 1 * *", "tahunan": "0 0 1 1 *"}[name]
    return dg.TimeWindowPartitionsDefinition(
        cron_schedule=cron, start=FIRST_DAY, fmt="%Y-%m-%d", timezone=TIMEZONE, end_offset=1
    )


def partitions_of(contract: Contract) -> dg.TimeWindowPartitionsDefinition | None:
    """The partitions of a dataset's asset; None for a dataset of a single partition."""
    return None if contract.ext.partisi == "tunggal" else _grain(contract.ext.partisi)
