"""Which starts, rises and ends of alerts people have been told of, in `ops.peringatan_disampaikan`.

An alert is told of when it starts, again when it becomes graver than what was told, and when it ends; each once and for
all. One that came and went unseen is told of by its end, unless that is more than a day ago.

Belongs here: what is still to be told, and the record. Does not belong here: the words and the recipients
(`assets/delivery/telling.py`), the life of an alert (`alerts.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from warehouse import alerts, ops
from warehouse.alert_rules import LEVELS
from warehouse.duck import LAKE
from warehouse.lake import Lake
from warehouse.transaction import Transaction

What = Literal["mulai", "naik", "selesai"]

_TABLE = "ops.peringatan_disampaikan"
_NEWS = timedelta(days=1)


@dataclass(frozen=True)
class News:
    """One thing to tell of an alert. `tingkat`: the gravest level that the alert was or is told of with."""

    what: What
    event: alerts.Event
    tingkat: str


def untold(lake: Lake, now: datetime) -> list[News]:
    """What people have not been told, in the order of `alerts.current` and then by time of the end."""
    rows = lake.query(f"SELECT nomor, peristiwa, tingkat, waktu FROM {LAKE}.{_TABLE}")
    level: dict[str, str] = {}
    ended: set[str] = set()
    when: dict[str, datetime] = {}
    for nomor, what, tingkat, waktu in rows.iter_rows():
        level[nomor] = graver(level.get(nomor, "info"), tingkat)
        when[nomor] = min(waktu, when.get(nomor, waktu))
        if what == "selesai":
            ended.add(nomor)
    news = []
    for event in alerts.current(lake):
        known = level.get(event.nomor)
        if known is None:
            news.append(News("mulai", event, event.tingkat))
        elif LEVELS.index(event.tingkat) > LEVELS.index(known):
            news.append(News("naik", event, event.tingkat))
    # An end comes after the start that was told, so no further back need be looked.
    since = min([now - _NEWS, *(time for nomor, time in when.items() if nomor not in ended)])
    for event in alerts.new_events(lake, since):
        if event.peristiwa == "selesai" and event.nomor not in ended:
            known = level.get(event.nomor)
            if known is not None or event.waktu > now - _NEWS:
                news.append(News("selesai", event, graver(known or "info", event.tingkat)))
    return news


def note(tx: Transaction, news: Sequence[tuple[News, str]], run_id: str, now: datetime) -> None:
    """Write down that these are told, each with the key of the message, which is empty when nobody is to get one."""
    rows = [
        {
            "run_id": run_id,
            "nomor": one.event.nomor,
            "peristiwa": one.what,
            "tingkat": one.tingkat,
            "kunci": key,
            "waktu": now,
        }
        for one, key in news
    ]
    tx.append(_TABLE, ops.frame(_TABLE, rows))


def graver(one: str, other: str) -> str:
    """The graver of two levels."""
    return max(one, other, key=LEVELS.index)
