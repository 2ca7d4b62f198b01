"""Early warning: which alerts start, change and end when the rules are judged, and the record of it.

`ops.peringatan` is append-only. An alert is one life of one key of a rule, from `mulai` to `selesai`:

    (none) ── seen ──> mulai ── seen, says something else ──> ubah
    mulai, ubah ── not seen ──> reda (selesai at once without `tenang_jam`)
    reda ── seen again ──> ubah;  reda ── not seen for `tenang_jam` ──> selesai

A rule that cannot be judged ends and starts nothing; that it could not is itself an alert. Belongs here: this state
machine and its record. Does not belong here: what rules say (`alert_rules.py`), telling people.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any, Literal

import duckdb

from warehouse import ops
from warehouse.alert_rules import LEVELS, Rule
from warehouse.duck import LAKE
from warehouse.lake import Lake

Happening = Literal["mulai", "ubah", "reda", "selesai"]

BROKEN = "aturan_tidak_jalan"
"""Name of the alert about rules that could not be judged; its key is the rule's name."""

WIB = timezone(timedelta(hours=7), "WIB")
_TABLE = "ops.peringatan"


@dataclass(frozen=True)
class Firing:
    """One row of a rule: what is wrong, and how it is said."""

    kunci: str
    tingkat: str
    judul: str
    kalimat: str
    opd: str
    sebab: str
    nilai: float | None
    ambang: float | None
    asal_data: str | None
    dataset: str | None
    partisi_data: str | None


@dataclass(frozen=True, kw_only=True)
class Event(Firing):
    """One row of `ops.peringatan`: what a rule's row said, and what became of the alert.

    `nomor` names the alert, `urutan` counts its events from 1; `partisi` is the business date of the judgement.
    """

    nomor: str
    urutan: int
    peristiwa: Happening
    aturan: str
    partisi: str
    waktu: datetime

    @property
    def open(self) -> bool:
        return self.peristiwa != "selesai"


@dataclass(frozen=True)
class Judged:
    """What a judgement did: its events, how many alerts are open after it, and rules that failed with their reason."""

    events: tuple[Event, ...]
    open: int
    failed: Mapping[str, str]


class RuleFailed(Exception):
    """A rule's SELECT failed, or gave rows that no alert can be made of."""


def judge(lake: Lake, rules: Sequence[Rule], day: date, now: datetime, run_id: str, opd: str) -> Judged:
    """Judge all rules for a business date and write down what came of it, in one transaction.

    `opd`: whose task a rule is that cannot be judged. The same rows again make no event.
    """
    with lake.writer_lock():
        known = {(e.aturan, e.kunci): e for e in current(lake)}
        found, failed = _fire(lake, rules, day, opd)
        events = _events(rules, known, found, failed, day, now)
        if events:
            records = [{**asdict(e), "run_id": run_id} for e in events]
            lake.transaction(lambda tx: tx.append(_TABLE, ops.frame(_TABLE, records)), message="peringatan dini")
    after = known | {(e.aturan, e.kunci): e for e in events}
    return Judged(tuple(events), sum(e.open for e in after.values()), failed)


def rehearse(lake: Lake, rules: Sequence[Rule], days: Sequence[date]) -> list[Event]:
    """The events that rules which can be asked of past days would have made on these days; nothing is kept.

    Each day is judged at its end, by the rows that are in the lake now. Raises RuleFailed.
    """
    asked = [rule for rule in rules if rule.dated]
    known: dict[tuple[str, str], Event] = {}
    told: list[Event] = []
    for day in days:
        found = {rule.nama: _rows(lake, rule, day) for rule in asked}
        events = _events(asked, known, found, {}, day, datetime.combine(day, time(23, 59), WIB).astimezone(UTC))
        told += events
        for event in events:
            known[event.aturan, event.kunci] = event
            if not event.open:
                del known[event.aturan, event.kunci]
    return told


def current(lake: Lake) -> list[Event]:
    """The newest event of each open alert, gravest first."""
    rows = lake.query(
        f"SELECT * FROM {LAKE}.{_TABLE} QUALIFY row_number() OVER (PARTITION BY nomor ORDER BY urutan DESC) = 1"
    )
    found = [event for row in rows.iter_rows(named=True) if (event := _event(row)).open]
    return sorted(found, key=lambda e: (-LEVELS.index(e.tingkat), e.aturan, e.kunci))


def new_events(lake: Lake, since: datetime) -> list[Event]:
    """Starts and ends of alerts after an instant, oldest first: what is to be told. `nomor` with `peristiwa` names each
    once and for all; changes and pauses are history and told to nobody."""
    rows = lake.query(
        f"SELECT * FROM {LAKE}.{_TABLE} WHERE waktu > ? AND peristiwa IN ('mulai', 'selesai') "
        "ORDER BY waktu, aturan, kunci",
        [since],
    )
    return [_event(row) for row in rows.iter_rows(named=True)]


def _event(row: Mapping[str, Any]) -> Event:
    return Event(**{k: v for k, v in row.items() if k != "run_id"})


def _fire(
    lake: Lake, rules: Sequence[Rule], day: date, opd: str
) -> tuple[dict[str, dict[str, Firing]], dict[str, str]]:
    """Firing rows of every rule that could be judged, and of `BROKEN`; reasons of those that could not."""
    found: dict[str, dict[str, Firing]] = {}
    failed: dict[str, str] = {}
    for rule in rules:
        try:
            found[rule.nama] = _rows(lake, rule, day)
        except RuleFailed as error:
            failed[rule.nama] = str(error)
    found[BROKEN] = {
        name: Firing(
            kunci=name,
            tingkat="kritis",
            judul="Aturan peringatan tidak jalan",
            kalimat=f"Aturan {name} tidak dapat dinilai: {reason}",
            opd=opd,
            sebab=BROKEN,
            nilai=None,
            ambang=None,
            asal_data=None,
            dataset=None,
            partisi_data=None,
        )
        for name, reason in failed.items()
    }
    return found, failed


def _rows(lake: Lake, rule: Rule, day: date) -> dict[str, Firing]:
    try:
        rows = lake.query(rule.query(day))
    except duckdb.Error as error:
        raise RuleFailed(" ".join(str(error).split())[:500]) from None
    found: dict[str, Firing] = {}
    for row in rows.iter_rows(named=True):
        key = row["kunci"]
        if key is None or str(key) in found:
            raise RuleFailed(f"kunci {'kosong' if key is None else f'{key} ada dua kali'}")
        level = row.get("tingkat") or rule.tingkat
        if level not in LEVELS:
            raise RuleFailed(f"tingkat {level} tidak dikenal")
        try:
            found[str(key)] = Firing(
                kunci=str(key),
                tingkat=level,
                judul=rule.judul,
                kalimat=rule.sentence(row),
                opd=_text(row.get("opd")) or rule.opd,
                sebab=rule.cause(row),
                nilai=_number(row["nilai"]),
                ambang=_number(row["ambang"]),
                asal_data=_text(row["asal_data"]),
                dataset=_text(row["dataset"]),
                partisi_data=_text(row["partisi"]),
            )
        except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
            raise RuleFailed(f"peringatan tidak dapat dibuat dari baris {key}: {error}") from None
    return found


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _events(
    rules: Sequence[Rule],
    known: Mapping[tuple[str, str], Event],
    found: Mapping[str, Mapping[str, Firing]],
    failed: Mapping[str, str],
    day: date,
    now: datetime,
) -> list[Event]:
    """Events of one judgement; alerts of a rule that is no longer there end."""
    calm = {rule.nama: timedelta(hours=rule.tenang_jam) for rule in rules}
    events: list[Event] = []
    for name in sorted({*found, *(rule for rule, _ in known)} - failed.keys()):
        own = {key: event for (rule, key), event in known.items() if rule == name}
        events += step(name, own, found.get(name, {}), calm.get(name, timedelta(0)), day, now)
    return events


def step(
    rule: str,
    known: Mapping[str, Event],
    seen: Mapping[str, Firing],
    calm: timedelta,
    day: date,
    now: datetime,
) -> Iterator[Event]:
    """The events of one rule: `known` are its open alerts' newest events by key, `seen` its rows now."""
    for key in sorted({*known, *seen}):
        before, firing = known.get(key), seen.get(key)
        if firing is not None and before is None:
            number = hashlib.sha256(f"{rule}\n{key}\n{now.isoformat()}".encode()).hexdigest()[:12]
            yield Event(
                nomor=number,
                urutan=1,
                peristiwa="mulai",
                aturan=rule,
                **asdict(firing),
                partisi=day.isoformat(),
                waktu=now,
            )
        elif before is not None:
            what = _next(before, firing, calm, now)
            if what is not None:
                said = asdict(firing) if firing is not None else {}
                yield replace(
                    before, **said, peristiwa=what, urutan=before.urutan + 1, partisi=day.isoformat(), waktu=now
                )


def _next(before: Event, firing: Firing | None, calm: timedelta, now: datetime) -> Happening | None:
    """What happens to an open alert; None when nothing does."""
    if firing is not None:
        said = asdict(firing)
        same = all(getattr(before, name) == value for name, value in said.items())
        return None if same and before.peristiwa != "reda" else "ubah"
    if before.peristiwa != "reda":
        return "reda" if calm else "selesai"
    return "selesai" if now - before.waktu >= calm else None
