"""Which partition should be the newest by now, from the contract's promise. Not from what was delivered, which
`promise_row` sets beside it.
"""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim

from connectors.contract import Agency, Contract

WIB = ZoneInfo("Asia/Jakarta")

GRACE = timedelta(hours=1)
"""How long a scheduled pull may take, with its retries, before its dataset counts as late."""


def promised(contract: Contract, day: date) -> str | None:
    """Key of the newest partition that a pull on this business date brings; None when there is only one partition."""
    if contract.ext.partisi == "tunggal":
        return None
    if contract.ext.mode == "potret":
        return day.isoformat()
    day -= contract.latency
    if contract.ext.partisi == "bulanan":
        return (day.replace(day=1) - timedelta(days=1)).replace(day=1).isoformat()
    if contract.ext.partisi == "tahunan":
        return date(day.year, 1, 1).isoformat()
    while contract.ext.hari_kerja and day.weekday() >= 5:
        day -= timedelta(days=1)
    return day.isoformat()


def expected_newest(contract: Contract, now: datetime) -> str | None:
    """Key of the partition that scheduled pulls have brought by an instant, if all is well.

    It is what the last pull of the contract's `jadwal` up to `now` promises: a date that has begun is not expected
    before the hour at which it is asked for, and not on days without a pull. None when there is only one partition.
    """
    # CronSim looks for a time before the one it is given.
    local = now.astimezone(WIB).replace(tzinfo=None, second=0, microsecond=0) + timedelta(minutes=1)
    pulled = next(CronSim(contract.ext.jadwal, local, reverse=True), None)
    return None if pulled is None else promised(contract, pulled.date())


def promise_row(
    contract: Contract, agency: Agency, day: date, expected: str | None, newest: str | None
) -> dict[str, Any]:
    """A row of `ops.harapan` without `run_id` and `waktu`: the partition that a dataset promised by a day, and the
    newest that is there."""
    return {
        "partisi": day.isoformat(),
        "dataset": contract.id,
        "judul": contract.title,
        "instansi": contract.agency,
        "nama": agency.nama,
        "opd": agency.opd or agency.instansi,
        "butiran": contract.ext.partisi,
        "hari_kerja": contract.ext.hari_kerja,
        "diharapkan": expected,
        "terbaru": newest,
        "tepat": newest is not None and (expected is None or newest >= expected),
    }


def due(contract: Contract, key: str) -> date | None:
    """Business date of the scheduled pull that is to bring a partition: the inverse of `promised`.

    None where nothing is promised: a dataset of one partition, a weekend of a dataset without weekends, and keys of
    outcomes that speak of no partition.
    """
    try:
        first = date.fromisoformat(key)
    except ValueError:
        return None
    if contract.ext.hari_kerja and contract.ext.partisi == "harian" and first.weekday() >= 5:
        return None
    if contract.ext.mode != "potret":
        if contract.ext.partisi == "bulanan":
            first = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
        first += contract.latency
    before = datetime(first.year, first.month, first.day) - timedelta(minutes=1)  # noqa: DTZ001 CronSim's WIB
    pulled = next(CronSim(contract.ext.jadwal, before), None)
    return None if pulled is None else pulled.date()


def closed_window(contract: Contract, today: date, days: int) -> tuple[date, date]:
    """The last `days` business dates that are closed by the contract's promise."""
    end = today - timedelta(days=max(0, contract.latency.days))
    return end - timedelta(days=days - 1), end


def repull_window(contract: Contract, today: date) -> tuple[date, date]:
    """What a scheduled run pulls: the newest closed date and the days before it that are pulled again."""
    return closed_window(contract, today, contract.ext.tarik_ulang_hari + 1)


def freshness_window(contract: Contract) -> timedelta:
    """How long after a materialisation the next one must have come, with a day for a pull that was tried again."""
    days = {"harian": 1, "bulanan": 31, "tahunan": 366, "tunggal": 7}[contract.ext.partisi]
    weekend = 2 if contract.ext.hari_kerja else 0
    return timedelta(days=days + weekend + 1) + contract.latency
