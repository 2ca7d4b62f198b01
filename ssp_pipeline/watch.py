"""The dead-man's switch: what is wrong with this installation, seen from outside of Dagster and without its lake.

Everything else here tells of itself only while it runs. This is run by cron or a systemd timer and looks at what must
have happened meanwhile. Each look stands alone: one that fails is itself what is told.

Belongs here: the looks. Does not belong here: telling each trouble once (`watch_bell.py`), asking the lake
(`watch_lake.py`).
"""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from ssp_pipeline.settings import ROOT, WIB, Settings

_LAKE_SECONDS = 60.0
_HEARTBEAT = timedelta(minutes=15)


@dataclass(frozen=True)
class Trouble:
    """Something that is wrong: `kunci` names it for as long as it lasts, `kalimat` says it."""

    kunci: str
    kalimat: str


@dataclass
class Seen:
    """What the looks saw. `unknown`: troubles of which nothing can be said now, so that none of them ends."""

    troubles: list[Trouble] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)


def look(settings: Settings, now: datetime) -> Seen:
    """Look at everything; nothing is changed, and no failure goes further."""
    seen = Seen()
    answer = _lake(settings, now, seen)
    looks: Mapping[str, Callable[[], Iterator[Trouble]]] = {
        "disk": lambda: _disk(settings),
        "cuplikan": lambda: _snapshot(settings, now),
        "daemon": lambda: _daemon(settings, now),
        "laporan": lambda: _report(settings, now, answer),
        "diam": lambda: _silence(settings, now, answer),
        "pengiriman": lambda: _delivery(answer),
    }
    for name, one in looks.items():
        try:
            seen.troubles += one()
        except Exception as error:
            seen.troubles.append(
                Trouble(f"{name}:galat", f"Pemeriksaan {name} tidak dapat dijalankan ({_kind(error)}).")
            )
            seen.unknown.add(name)
    return seen


def _lake(settings: Settings, now: datetime, seen: Seen) -> dict[str, Any] | None:
    """What the lake answers; None when it does not."""
    if not settings.has_lake:
        seen.troubles.append(Trouble("lake", "Lake tidak ada: katalognya tidak ditemukan."))
    else:
        command = [sys.executable, "-m", "ssp_pipeline.watch_lake", f"harian/{_report_day(settings, now)}/"]
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=_LAKE_SECONDS, check=False, cwd=ROOT, env=settings.environment
            )
            if done.returncode == 0:
                found: dict[str, Any] = orjson.loads(done.stdout)
                return found
            reason = done.stderr.decode(errors="replace").strip()[:80] or f"kode {done.returncode}"
        except subprocess.TimeoutExpired:
            reason = f"tidak menjawab dalam {_LAKE_SECONDS:.0f} detik"
        seen.troubles.append(Trouble("lake", f"Lake tidak dapat dibaca ({reason}); jalankan `ssp doctor`."))
    seen.unknown |= {"diam", "pengiriman", "laporan:kirim"}
    return None


def _silence(settings: Settings, now: datetime, answer: dict[str, Any] | None) -> Iterator[Trouble]:
    if answer is None:
        return
    hours = settings.config.jaga.diam_jam
    newest = datetime.fromisoformat(answer["hasil"]) if answer["hasil"] else None
    if newest is None:
        yield Trouble("diam", "Belum ada satu tarikan pun yang tercatat.")
    elif now - newest > timedelta(hours=hours):
        yield Trouble("diam", f"Tidak ada tarikan yang tercatat sejak {_when(newest)}, lebih dari {hours:g} jam.")


def _delivery(answer: dict[str, Any] | None) -> Iterator[Trouble]:
    if answer is not None and answer["tertunda"]:
        yield Trouble(
            "pengiriman",
            f"{answer['tertunda']} pesan belum dicoba lebih dari satu jam setelah waktunya: tidak ada yang mengirim.",
        )


def _snapshot(settings: Settings, now: datetime) -> Iterator[Trouble]:
    hours = settings.config.jaga.cuplikan_jam
    link = settings.snapshots / "latest.duckdb"
    try:
        made = datetime.fromtimestamp(link.stat().st_mtime, UTC)
    except FileNotFoundError:
        yield Trouble("cuplikan", "Cuplikan analis tidak ada, atau tautannya menunjuk berkas yang hilang.")
        return
    if now - made > timedelta(hours=hours):
        yield Trouble("cuplikan", f"Cuplikan analis terbaru dari {_when(made)}, lebih dari {hours:g} jam yang lalu.")


def _report(settings: Settings, now: datetime, answer: dict[str, Any] | None) -> Iterator[Trouble]:
    clock = settings.config.jaga.laporan_pukul
    if not clock:
        return
    day = _report_day(settings, now)
    made = settings.home / "laporan" / "harian" / day
    if not any(made.glob("v*")):
        yield Trouble("laporan:buat", f"Laporan harian {day} belum dibuat pada pukul {clock} WIB.")
    elif answer is not None:
        events = set(answer["laporan"])
        held = events <= {"batal"} and bool(events)
        if "terkirim" not in events and not held:
            yield Trouble("laporan:kirim", f"Laporan harian {day} belum sampai kepada siapa pun.")


def _report_day(settings: Settings, now: datetime) -> str:
    """Of the newest daily report that is due: today's after its time, yesterday's before it."""
    local = now.astimezone(WIB)
    clock = settings.config.jaga.laporan_pukul or "07.00"
    due = (local.hour, local.minute) >= (int(clock[:2]), int(clock[3:]))
    return (local.date() - timedelta(days=0 if due else 1)).isoformat()


def _disk(settings: Settings) -> Iterator[Trouble]:
    existing = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    free, least = shutil.disk_usage(existing).free / 1024**3, settings.config.jaga.disk_gib
    if free < least:
        yield Trouble("disk", f"Disk hampir penuh: tinggal {free:.1f} GiB, batasnya {least:g} GiB.")


def _daemon(settings: Settings, now: datetime) -> Iterator[Trouble]:
    """Whether Dagster's daemon gives signs, if one ever ran here. In PostgreSQL its signs are not looked for."""
    storage = settings.dagster_home / "history" / "runs.db"
    if not settings.config.jaga.daemon or not storage.exists():
        return
    with closing(sqlite3.connect(f"{storage.as_uri()}?mode=ro", uri=True, timeout=10)) as con:
        (newest,) = con.execute("SELECT max(timestamp) FROM daemon_heartbeats").fetchone()
    if newest is None:
        return
    sign = datetime.fromisoformat(newest).replace(tzinfo=UTC)
    if now - sign > _HEARTBEAT:
        yield Trouble("daemon", f"Daemon Dagster tidak memberi tanda sejak {_when(sign)}: `ssp up` tidak jalan.")


def _when(instant: datetime) -> str:
    return f"{instant.astimezone(WIB):%d-%m-%Y %H.%M} WIB"


def _kind(error: Exception) -> str:
    return type(error).__name__
