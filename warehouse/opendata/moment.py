"""The time that a version or a release bears, and the business date that it belongs to."""

from datetime import UTC, date, datetime, timedelta, timezone

WIB = timezone(timedelta(hours=7), "WIB")


def moment_of(today: date) -> datetime:
    """Now (UTC); on an installation that was told another date for today, this time of day (WIB) on that date."""
    now = datetime.now(WIB).replace(microsecond=0)
    return datetime.combine(today, now.timetz()).astimezone(UTC)


def day_of(moment: datetime) -> date:
    """The business date (WIB) of a moment."""
    return moment.astimezone(WIB).date()
