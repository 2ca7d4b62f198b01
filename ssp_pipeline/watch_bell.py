"""Telling what `ssp watch` sees: each trouble once when it begins and once when it ends, without lake or Dagster.

The state is one small file, `<SSP_HOME>/jaga/keadaan.json`: which troubles are open, and which letters somebody has not
got yet. It is written before a letter is sent and after each recipient, so that a kill tells nothing twice but in the
window that delivery has too (`warehouse/outbox.py`), and then with the same Message-ID and bytes. If it cannot be
written, for example because the disk is full, the letter goes out all the same, at each look: too often is better than
never. Belongs here: that state and sending. Does not belong here: what is looked at (`watch.py`).
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from assets.delivery.channel import Answer, Broken, Channel, Unreachable
from assets.delivery.mail import build_mail
from assets.delivery.post import Postal, kind_of
from assets.delivery.recipients import load_recipients
from connectors.crashpoint import crashpoint
from connectors.durable import make_dirs, write_file
from ssp_pipeline.settings import WIB
from ssp_pipeline.watch import Seen, Trouble

CALM = timedelta(minutes=30)
"""For so long a trouble must not have been seen before it counts as over."""

_KEEP = timedelta(days=2)
_REFUSALS = 3


@dataclass
class Open:
    """A trouble that lasts. `hilang`: since when it is not seen any more, None while it is."""

    kalimat: str
    sejak: str
    hilang: str | None = None


@dataclass
class Letter:
    """What is to be told to `left`: recipients with how often each was refused."""

    key: str
    made: str
    subject: str
    text: str
    left: dict[str, int]


@dataclass
class State:
    """Everything that is remembered from look to look."""

    open: dict[str, Open] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "State":
        """The state that was kept; an empty one if there is none or it cannot be read, so that all is told again."""
        try:
            kept = orjson.loads(path.read_bytes())
            return cls({k: Open(**v) for k, v in kept["open"].items()}, [Letter(**v) for v in kept["letters"]])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def write(self, path: Path) -> bool:
        """Keep the state durably; gives whether that was possible."""
        try:
            make_dirs(path.parent)
            write_file(path, orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2))
        except OSError:
            return False
        return True


@dataclass(frozen=True)
class Rung:
    """What ringing did: sentences of what began, of what is over and of what is wrong now, who still waits for a letter
    and why, and whether it will be remembered."""

    began: Sequence[str]
    ended: Sequence[str]
    open: Sequence[str]
    waiting: Sequence[str]
    kept: bool


def ring(folder: Path, seen: Seen, postal: Postal, now: datetime) -> Rung | None:
    """Tell what began and what ended since the last time; None while another process does.

    Raises RecipientsError.
    """
    recipients = load_recipients(postal.recipients).of_alert("kritis")
    with _alone(folder) as alone:
        if not alone:
            return None
        path = folder / "keadaan.json"
        state = State.read(path)
        began, ended = _turn(state, seen, now)
        if (began or ended) and recipients:
            state.letters.append(_letter(began, ended, recipients, now))
        state.letters = [n for n in state.letters if n.left and now - datetime.fromisoformat(n.made) < _KEEP]
        kept = state.write(path)
        crashpoint("watch.noted")
        waiting = []
        with ExitStack() as stack:
            channels = postal.channels()
            for channel in channels.values():
                stack.enter_context(closing(channel))
            for letter in state.letters:
                for recipient in list(letter.left):
                    answer = _send(channels[kind_of(recipient)], letter, recipient, postal)
                    crashpoint("watch.sent")
                    if not _settled(letter, recipient, answer):
                        waiting.append(f"{recipient}: {answer.text}")
                    kept = state.write(path) and kept
        return Rung(
            [t.kalimat for t in began],
            [o.kalimat for o in ended],
            [o.kalimat for o in state.open.values() if o.hilang is None],
            waiting,
            kept,
        )


def _turn(state: State, seen: Seen, now: datetime) -> tuple[list[Trouble], list[Open]]:
    """Bring the open troubles up to what was seen; gives what began and what is over."""
    found = {t.kunci: t for t in seen.troubles}
    began = [t for key, t in found.items() if key not in state.open]
    for key, trouble in found.items():
        since = state.open[key].sejak if key in state.open else now.isoformat()
        state.open[key] = Open(trouble.kalimat, since)
    ended = []
    for key in [k for k in state.open if k not in found]:
        if any(key == name or key.startswith(f"{name}:") for name in seen.unknown):
            continue
        own = state.open[key]
        own.hilang = own.hilang or now.isoformat()
        if now - datetime.fromisoformat(own.hilang) >= CALM:
            ended.append(state.open.pop(key))
    return began, ended


def _letter(began: Sequence[Trouble], ended: Sequence[Open], recipients: Sequence[str], now: datetime) -> Letter:
    parts = []
    if began:
        parts.append("\n".join(["Mulai:", *(f"- {t.kalimat}" for t in began)]))
    if ended:
        since = (
            f"- {o.kalimat} (sejak {datetime.fromisoformat(o.sejak).astimezone(WIB):%d-%m-%Y %H.%M} WIB)" for o in ended
        )
        parts.append("\n".join(["Selesai:", *since]))
    parts.append(f"Dilihat {now.astimezone(WIB):%d-%m-%Y %H.%M} WIB oleh `ssp watch`, di luar Dagster dan lake.")
    first = began[0].kalimat if began else ended[0].kalimat
    subject = f"[{'Kritis' if began else 'Selesai'}] Penjaga: {first}"
    key = f"jaga/{now.isoformat()}"
    return Letter(key, now.isoformat(), subject[:180], "\n\n".join(parts) + "\n", dict.fromkeys(recipients, 0))


def _send(channel: Channel, letter: Letter, recipient: str, postal: Postal) -> Answer:
    made = datetime.fromisoformat(letter.made)
    if kind_of(recipient) == "mail":
        body = build_mail(
            key=letter.key, subject=letter.subject, sender=postal.sender, sender_name=postal.sender_name,
            text=letter.text, made=made,
        )  # fmt: skip
    else:
        told: dict[str, Any] = {"jenis": "penjaga", "judul": letter.subject, "waktu": letter.made}
        body = orjson.dumps({**told, "text": f"{letter.subject}\n\n{letter.text}"})
    try:
        return channel.send(letter.key, recipient, body)
    except (Unreachable, Broken) as error:
        return Answer("sementara", str(error))


def _settled(letter: Letter, recipient: str, answer: Answer) -> bool:
    """Note what came of sending; gives whether the recipient has it."""
    if answer.kind == "diterima":
        del letter.left[recipient]
        return True
    if answer.kind == "ditolak":
        letter.left[recipient] += 1
        if letter.left[recipient] >= _REFUSALS:
            del letter.left[recipient]
    return False


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether no other look is under way. A full disk, on which no lock file can be made, does not stop this one."""
    try:
        make_dirs(folder)
        descriptor = os.open(folder / ".kunci", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        yield True
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        yield False
        return
    try:
        yield True
    finally:
        os.close(descriptor)
