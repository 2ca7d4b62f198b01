"""Partitions and pull windows by a contract's grain. Pure date arithmetic in business dates."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from connectors.api import Window
from connectors.contract import Contract
from connectors.contract.model import SINGLE_PARTITION


def partition_dates(contract: Contract, start: date, end: date) -> list[date]:
    """Partition dates of a grain between two business dates."""
    if contract.ext.partisi == "bulanan":
        return sorted({d.replace(day=1) for d in Window(start, end).days()})
    if contract.ext.partisi == "tahunan":
        return [date(year, 1, 1) for year in range(start.year, end.year + 1)]
    return Window(start, end).days()


def pull_windows(contract: Contract, partitions: Sequence[date], today: date) -> list[Window]:
    """Partitions joined to windows no longer than one pull may be."""
    if contract.ext.mode == "potret":
        return [Window(today, today)]
    if contract.ext.mode in ("berkas", "acuan"):
        return [Window(min(partitions, default=today), max(partitions, default=today))]
    if contract.ext.partisi != "harian":
        return [Window(first, _period_end(contract, first)) for first in partitions]
    return list(_joined(sorted(partitions), contract.ext.jendela_maks_hari))


def _joined(days: Sequence[date], longest: int) -> Iterator[Window]:
    start = last = None
    for day in days:
        if start is None or last is None:
            start = day
        elif (day - start).days >= longest or (day - last).days > 1:
            yield Window(start, last)
            start = day
        last = day
    if start is not None and last is not None:
        yield Window(start, last)


def _period_end(contract: Contract, first: date) -> date:
    if contract.ext.partisi == "tahunan":
        return date(first.year, 12, 31)
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def keys_of(contract: Contract, window: Window) -> tuple[str, ...]:
    """Partition keys that a window covers; none for inbox files, whose content says where they belong."""
    if contract.ext.mode == "berkas":
        return ()
    if contract.ext.partisi == "tunggal":
        return (SINGLE_PARTITION,)
    return tuple(d.isoformat() for d in partition_dates(contract, window.start, window.end))
