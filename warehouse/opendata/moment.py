"""The time that a version or a release bears."""

from datetime import UTC, date, datetime


def moment_of(today: date) -> datetime:
    """Now (UTC); on an installation that was told another date for today, this time of day on that date."""
    now = datetime.now(UTC).replace(microsecond=0)
    return now if abs((now.date() - today).days) <= 1 else datetime.combine(today, now.timetz())
