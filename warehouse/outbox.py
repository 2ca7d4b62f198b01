"""The outbox: which message goes to whom, and what came of each try, in the append-only `ops.kotak_keluar`.

One row is one event of one message and recipient; the newest tells the state:

    antre ──> ditunda ──> … ──> terkirim | ditolak | gagal;   antre, ditunda ──> batal ──> antre (queued again)

A message's bytes lie in `<folder>/isi/<sha256>` before its rows are committed. What a try came to is one fsynced line
of `<folder>/jurnal.jsonl` at once, because a line takes a millisecond and a commit of the lake may wait for another
writer; `settle` moves lines into the lake. The journal counts as much as the table: a message whose line is there is
never sent again. Moved lines stay in `riwayat.jsonl`: a lake that was rebuilt from the archive learns from it what was
sent before.

Belongs here: this state and its record. Does not belong here: what a message says, when a failure is tried again and
how anything is sent (`assets/delivery/`).
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import orjson
import polars as pl

from connectors.crashpoint import crashpoint
from connectors.durable import append_durably, is_disk_full, locked, write_file
from warehouse import ops
from warehouse.duck import LAKE
from warehouse.lake import Lake
from warehouse.transaction import Transaction

Happening = Literal[
    "antre",  # to be sent, not before `berikutnya`
    "ditunda",  # a try failed; the next one is not before `berikutnya`
    "terkirim",  # the recipient's server took it
    "ditolak",  # the recipient's server refused it for good
    "gagal",  # given up after the last try
    "batal",  # taken back before it was sent
]

WAITING: frozenset[str] = frozenset({"antre", "ditunda"})
LOST: frozenset[str] = frozenset({"ditolak", "gagal"})
"""States in which somebody did not get a message and will not without an operator."""

_TABLE = "ops.kotak_keluar"
_JOURNAL, _HISTORY = "jurnal.jsonl", "riwayat.jsonl"
_RESERVE = "cadangan"
_RESERVED = 1 << 16
_NEWEST = f"""
SELECT * FROM {LAKE}.{_TABLE} {{}} QUALIFY row_number() OVER (PARTITION BY kunci, penerima ORDER BY urutan DESC) = 1
"""


class OutboxDamaged(RuntimeError):
    """A message's bytes are missing or are not those that were queued."""


@dataclass(frozen=True)
class Message:
    """What is to be sent.

    `kunci` names the message once and for all, for example "harian/2026-11-20/v1". `recipients`: e-mail addresses, or
    "webhook:<name>". `body`: a whole RFC 5322 message without To and Bcc for the former, a JSON document for the
    latter. `not_before`: the earliest instant of delivery.
    """

    jenis: Literal["laporan", "peringatan"]
    kunci: str
    recipients: tuple[str, ...]
    body: bytes
    not_before: datetime


@dataclass(frozen=True)
class Entry:
    """One event of one message and recipient: a row of `ops.kotak_keluar`.

    `urutan` counts the events from 1, `percobaan` the tries so far, `penolakan` those that were refused; `isi` is
    the SHA-256 of the bytes; `berikutnya` the earliest instant of the next try, None when there is none.
    """

    run_id: str
    jenis: str
    kunci: str
    penerima: str
    urutan: int
    peristiwa: Happening
    percobaan: int
    penolakan: int
    isi: str
    berikutnya: datetime | None
    alasan: str
    waktu: datetime

    def due(self, now: datetime) -> bool:
        return self.peristiwa in WAITING and self.berikutnya is not None and self.berikutnya <= now


@dataclass(frozen=True)
class Tried:
    """What one try came to.

    `next_try`: for `ditunda` the earliest instant of the next one; `refused`: whether the server refused this
    recipient, which it may do at several tries before it counts as `ditolak`.
    """

    peristiwa: Literal["terkirim", "ditunda", "ditolak", "gagal"]
    alasan: str = ""
    next_try: datetime | None = None
    refused: bool = False


def queue(
    lake: Lake,
    folder: Path,
    messages: Sequence[Message],
    run_id: str,
    now: datetime | None = None,
    also: Callable[[Transaction], None] | None = None,
) -> int:
    """Queue messages in one transaction; gives how many are new. `also` is done in the same transaction.

    A message whose key is there is left as it is, with its recipients and bytes, except that recipients for whom it was
    taken back (`cancel`) get the new bytes. Raises LakeBusy, LakeWriteError, OSError: then nothing is queued.
    """
    wanted = {m.kunci: m for m in messages if m.recipients}
    digests = {key: _keep(folder, message.body) for key, message in wanted.items()}
    with lake.writer_lock():
        _recall(lake, folder)
        known: dict[str, dict[str, Entry]] = {}
        for entry in _newest(lake, folder):
            known.setdefault(entry.kunci, {})[entry.penerima] = entry
        entries = []
        for key, message in wanted.items():
            before = known.get(key, {})
            for recipient in dict.fromkeys(message.recipients):
                last = before.get(recipient)
                if (last.peristiwa == "batal") if last else not before:
                    entries.append(
                        Entry(
                            run_id=run_id,
                            jenis=message.jenis,
                            kunci=key,
                            penerima=recipient,
                            urutan=last.urutan + 1 if last else 1,
                            peristiwa="antre",
                            percobaan=0,
                            penolakan=0,
                            isi=digests[key],
                            berikutnya=message.not_before,
                            alasan="",
                            waktu=now or datetime.now(UTC),
                        )
                    )
        _commit(lake, entries, "pesan diantrekan", also)
    crashpoint("outbox.queued")
    return len({e.kunci for e in entries})


def cancel(lake: Lake, folder: Path, kunci: str, reason: str, run_id: str, now: datetime | None = None) -> int:
    """Take a message back from all recipients to whom it was not sent yet; gives their number.

    Waits for a try that is under way, so that what it says is so: none of these gets the message. Raises LakeBusy,
    LakeWriteError.
    """
    said = {"run_id": run_id, "peristiwa": "batal", "berikutnya": None, "alasan": reason}
    return _say(lake, folder, kunci, WAITING, {**said, "waktu": now or datetime.now(UTC)})


def again(lake: Lake, folder: Path, kunci: str, run_id: str, now: datetime | None = None) -> int:
    """Queue a message again for those who did not get it (`LOST`), after what was wrong was mended; gives their number.

    The bytes are the same. Raises LakeBusy, LakeWriteError.
    """
    when = now or datetime.now(UTC)
    said = {"run_id": run_id, "peristiwa": "antre", "percobaan": 0, "penolakan": 0, "alasan": ""}
    return _say(lake, folder, kunci, LOST, {**said, "berikutnya": when, "waktu": when})


def _say(lake: Lake, folder: Path, kunci: str, to: frozenset[str], said: Mapping[str, Any]) -> int:
    """Add an event for each recipient of a message for whom it is in one of these states; gives their number."""
    with _sole(folder), lake.writer_lock():
        chosen = [e for e in _newest(lake, folder) if e.kunci == kunci and e.peristiwa in to]
        _commit(lake, [replace(e, urutan=e.urutan + 1, **said) for e in chosen], f"pesan {said['peristiwa']}")
    return len(chosen)


def waiting(lake: Lake, folder: Path, now: datetime) -> list[Entry]:
    """What is due, the least tried first: a message that always fails keeps no other from being sent."""
    found = [e for e in _newest(lake, folder) if e.due(now)]
    return sorted(found, key=lambda e: (e.percobaan, e.berikutnya or now, e.kunci, e.penerima))


def states(lake: Lake, folder: Path) -> pl.DataFrame:
    """The newest event of each message and recipient, with the columns of `ops.kotak_keluar`."""
    found = sorted(_newest(lake, folder), key=lambda e: (e.kunci, e.penerima))
    return ops.frame(_TABLE, [vars(e) for e in found])


def body(folder: Path, digest: str) -> bytes:
    """A message's bytes. Raises OutboxDamaged."""
    path = folder / "isi" / digest
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise OutboxDamaged(f"the bytes of a message are missing: {path.name}") from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise OutboxDamaged(f"the bytes of a message were changed: {path.name}")
    return data


def attempt(
    lake: Lake, folder: Path, entry: Entry, send: Callable[[bytes], Tried], run_id: str, clock: Callable[[], datetime]
) -> Tried | None:
    """Try to send what `waiting` gave, and write down what came of it; None when another process was faster.

    One try at a time, over all processes. Only a kill between the server's yes, which is `send`'s return, and the
    journal's fsync lets a message be sent again; a full disk does not, because room for the line is made first. A
    message whose bytes are damaged is given up. Raises OSError, and what `send` raises: then nothing is written down.
    """
    with _sole(folder):
        if any(e.urutan > entry.urutan for e in _newest(lake, folder, entry)):
            return None
        _make_reserve(folder)
        try:
            data = body(folder, entry.isi)
        except OutboxDamaged as error:
            result = Tried("gagal", str(error))
        else:
            result = send(data)
        crashpoint("outbox.sent")
        event = replace(
            entry,
            run_id=run_id,
            urutan=entry.urutan + 1,
            peristiwa=result.peristiwa,
            percobaan=entry.percobaan + 1,
            penolakan=entry.penolakan + result.refused,
            berikutnya=result.next_try,
            alasan=result.alasan,
            waktu=clock(),
        )
        _write_down(folder, orjson.dumps(vars(event), option=orjson.OPT_APPEND_NEWLINE))
        crashpoint("outbox.journalled")
    return result


def _make_reserve(folder: Path) -> None:
    """Hold room for journal lines, which is given up when the disk is full after a message was sent."""
    path = folder / _RESERVE
    if not path.exists() or path.stat().st_size < _RESERVED:
        write_file(path, os.urandom(_RESERVED))  # no file system compresses it away


def _write_down(folder: Path, line: bytes) -> None:
    try:
        _append(folder / _JOURNAL, line)
    except OSError as error:
        if not is_disk_full(error):
            raise
        (folder / _RESERVE).unlink(missing_ok=True)
        _append(folder / _JOURNAL, line)


def _append(path: Path, lines: bytes) -> None:
    append_durably(path, lines, intact=lambda data: data.rfind(b"\n") + 1)


def _recall(lake: Lake, folder: Path) -> None:
    """Give a lake that knows of no message what was written down of earlier ones."""
    lines = _whole_lines(folder / _HISTORY)
    if lines and lake.query(f"SELECT 1 FROM {LAKE}.{_TABLE} LIMIT 1").is_empty():
        events = {(e.kunci, e.penerima, e.urutan): e for e in _entries(lines)}
        _commit(lake, list(events.values()), "riwayat pengiriman")


def settle(lake: Lake, folder: Path) -> int:
    """Move the journal's lines into the lake; gives how many rows are new there. Raises LakeBusy, LakeWriteError.

    Lines that are in the lake already, after a kill between commit and clearing, make no second row.
    """
    taken = _whole_lines(folder / _JOURNAL)
    if not taken:
        return 0
    with lake.writer_lock():
        _recall(lake, folder)  # before a row of the journal makes a new lake look like one that knows
        known = {(e.kunci, e.penerima): e.urutan for e in _in_lake(lake)}
        fresh = [e for e in _entries(taken) if e.urutan > known.get((e.kunci, e.penerima), 0)]
        _commit(lake, fresh, "hasil pengiriman")
    crashpoint("outbox.settled")
    _append(folder / _HISTORY, taken)
    crashpoint("outbox.remembered")
    # Cleared in place, under the lock that writers of lines take, and only if no line came since: those wait for the
    # next time, together with these.
    with locked(folder / _JOURNAL) as descriptor:
        if _whole_lines(folder / _JOURNAL) == taken:
            os.ftruncate(descriptor, 0)
            os.fsync(descriptor)
    crashpoint("outbox.journal_cleared")
    return len(fresh)


def _sole(folder: Path) -> AbstractContextManager[int]:
    """One try, or taking back, at a time."""
    return locked(folder / "pengirim.lock")


def _keep(folder: Path, data: bytes) -> str:
    """Keep a message's bytes durably under their digest; gives it."""
    digest = hashlib.sha256(data).hexdigest()
    with locked(folder / "isi" / ".lock"):
        path = folder / "isi" / digest
        if not path.exists():
            write_file(path, data)
    crashpoint("outbox.body_written")
    return digest


def _commit(
    lake: Lake, entries: Sequence[Entry], message: str, also: Callable[[Transaction], None] | None = None
) -> None:
    def work(tx: Transaction) -> None:
        tx.append(_TABLE, ops.frame(_TABLE, [vars(e) for e in entries]))
        if also:
            also(tx)

    if entries or also:
        lake.transaction(work, message=message)


def _newest(lake: Lake, folder: Path, one: Entry | None = None) -> list[Entry]:
    """The newest event of each message and recipient, or of those of one entry; journal and lake together."""
    # The journal first: a line that another process moves meanwhile is then in both, never in neither.
    lines = _entries(_whole_lines(folder / _JOURNAL))
    found = {(e.kunci, e.penerima): e for e in _in_lake(lake, one)}
    for entry in lines:
        key = (entry.kunci, entry.penerima)
        if one is not None and key != (one.kunci, one.penerima):
            continue
        if key not in found or found[key].urutan < entry.urutan:
            found[key] = entry
    return list(found.values())


def _in_lake(lake: Lake, one: Entry | None = None) -> list[Entry]:
    condition = "" if one is None else "WHERE kunci = ? AND penerima = ?"
    rows = lake.query(_NEWEST.format(condition), [] if one is None else [one.kunci, one.penerima])
    return [Entry(**row) for row in rows.iter_rows(named=True)]


def _whole_lines(path: Path) -> bytes:
    """A file of lines without the torn one of a writer that was killed."""
    data = path.read_bytes() if path.exists() else b""
    return data[: data.rfind(b"\n") + 1]


def _entries(lines: bytes) -> list[Entry]:
    return [_entry(orjson.loads(line)) for line in lines.splitlines()]


def _entry(row: dict[str, Any]) -> Entry:
    instants = {name: datetime.fromisoformat(row[name]) for name in ("berikutnya", "waktu") if row[name]}
    return Entry(**{**row, **instants})
