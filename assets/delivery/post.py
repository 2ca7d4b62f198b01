"""One pass of delivery: everything that is due is tried once, and each answer becomes an event of the outbox.

Belongs here: the order of a pass, and when a failed try is made again. Does not belong here: how a message travels
(`smtp.py`, `webhook.py`, `channel.py`), the record (`warehouse/outbox.py`).
"""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from assets.delivery.channel import Answer, Broken, Channel, Files, Unreachable
from assets.delivery.recipients import WEBHOOK
from assets.delivery.smtp import Smtp, SmtpServer
from assets.delivery.webhook import Hook, Webhooks
from warehouse import outbox
from warehouse.lake import Lake
from warehouse.lock import LakeBusy
from warehouse.outbox import Entry, Tried


@dataclass(frozen=True)
class Retry:
    """When a failed try is made again: after `first`, then each time twice as long, at most `longest`.

    Given up after `tries` in all; a recipient whom the server refuses is refused for good after `refusals`.
    """

    first: timedelta = timedelta(minutes=2)
    longest: timedelta = timedelta(hours=1)
    tries: int = 16
    refusals: int = 3

    def after(self, entry: Entry, answer: Answer, now: datetime) -> Tried:
        """What a try came to."""
        if answer.kind == "diterima":
            return Tried("terkirim", answer.text)
        refused = answer.kind == "ditolak"
        if refused and entry.penolakan + 1 >= self.refusals:
            return Tried("ditolak", answer.text, refused=True)
        if entry.percobaan + 1 >= self.tries:
            return Tried("gagal", answer.text, refused=refused)
        pause = min(self.first * 2 ** min(entry.percobaan, 32), self.longest)
        pause = max(pause, timedelta(seconds=answer.after or 0))
        return Tried("ditunda", answer.text, now + pause, refused)


@dataclass(frozen=True)
class Postal:
    """How this installation sends. Without a mail server, mails become files in `folder`."""

    folder: Path
    recipients: Path
    sender: str
    sender_name: str = ""
    server: SmtpServer | None = None
    hooks: Mapping[str, Hook] = field(default_factory=dict)
    hook_timeout: float = 30.0
    retry: Retry = Retry()

    def channels(self) -> dict[str, Channel]:
        """The way of each kind of recipient."""
        mails: Channel = Smtp(self.server) if self.server else Files(self.folder / "terkirim")
        return {"mail": mails, "webhook": Webhooks(self.hooks, self.hook_timeout)}


@dataclass
class Pass:
    """What a pass did: numbers by event, and whether its events are in the lake yet."""

    counts: Counter[str] = field(default_factory=Counter)
    settled: bool = True

    @property
    def ok(self) -> bool:
        return not self.counts.keys() - {"terkirim"}


def kind_of(recipient: str) -> str:
    return "webhook" if recipient.startswith(WEBHOOK) else "mail"


_BREAKS = 3
"""Broken connections in a pass after which a way is left alone until the next one."""


def deliver(lake: Lake, postal: Postal, run_id: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Pass:
    """Send what is due. Safe beside another pass, and after one that was killed anywhere.

    A lake that is busy does not stop sending: the journal keeps what was done until it can be written. Raises
    LakeWriteError, OSError when the journal cannot be written.
    """
    done = Pass()
    closed: dict[str, str] = {}
    breaks: Counter[str] = Counter()
    with ExitStack() as stack:
        channels = postal.channels()
        for channel in channels.values():
            stack.enter_context(closing(channel))
        for entry in outbox.waiting(lake, postal.folder, clock()):
            kind = kind_of(entry.penerima)
            if breaks[kind] >= _BREAKS:
                continue  # left as it is: it goes first in the next pass

            def send(body: bytes, entry: Entry = entry, kind: str = kind) -> Tried:
                answer = _try(channels[kind], entry, body, closed, breaks)
                return postal.retry.after(entry, answer, clock())

            result = outbox.attempt(lake, postal.folder, entry, send, run_id, clock)
            if result is not None:
                done.counts[result.peristiwa] += 1
    try:
        outbox.settle(lake, postal.folder)
    except LakeBusy:
        done.settled = False
    return done


def _try(channel: Channel, entry: Entry, body: bytes, closed: dict[str, str], breaks: Counter[str]) -> Answer:
    kind = kind_of(entry.penerima)
    if kind in closed:
        return Answer("sementara", closed[kind])
    try:
        return channel.send(entry.kunci, entry.penerima, body)
    except Unreachable as error:
        closed[kind] = str(error)
        return Answer("sementara", str(error))
    except Broken as error:
        breaks[kind] += 1
        return Answer("sementara", str(error))
    except ValueError as error:  # an address or a secret that no header can hold: it keeps no other from being sent
        return Answer("ditolak", type(error).__name__)
