"""Which partition should be the newest by now, from the contract's promise. Not from what was delivered."""

from datetime import date, timedelta

from connectors.contract import Contract


def expected_newest(contract: Contract, today: date) -> str | None:
    """Key of the partition that the contract promises by today; None when there is only one partition."""
    if contract.ext.partisi == "tunggal":
        return None
    if contract.ext.mode == "potret":
        return today.isoformat()
    day = today - contract.latency
    if contract.ext.partisi == "bulanan":
        return (day.replace(day=1) - timedelta(days=1)).replace(day=1).isoformat()
    if contract.ext.partisi == "tahunan":
        return date(day.year, 1, 1).isoformat()
    while contract.ext.hari_kerja and day.weekday() >= 5:
        day -= timedelta(days=1)
    return day.isoformat()


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
