"""A small outbox in a lake of its own, and one pass over it in a process that may be killed.

Run as a module: `python -m tests.support.delivery HOME PORT antre|kirim`.
"""

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from assets.delivery.mail import build_mail
from assets.delivery.post import Pass, Postal, Retry, deliver
from assets.delivery.smtp import SmtpServer
from warehouse import outbox
from warehouse.duck import LakeConfig
from warehouse.lake import Lake
from warehouse.outbox import Message

NOW = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)
SENDER = "ssp@sumut.example"
ONE, TWO, THREE = "gubernur@sumut.example", "sekda@sumut.example", "kominfo@sumut.example"


def small_lake(home: Path) -> Lake:
    folder = home / "lake"
    return Lake(LakeConfig(f"sqlite:{folder / 'catalog.sqlite'}", str(folder / "data"), folder / "kunci", threads=1))


def smtp(port: int, **more: Any) -> SmtpServer:
    given: dict[str, Any] = {
        "host": "127.0.0.1",
        "tls": "tanpa",
        "sender": SENDER,
        "timeout": 5.0,
        "answer_timeout": 5.0,
    }
    return SmtpServer(port=port, **{**given, **more})


def postal(home: Path, server: SmtpServer | None = None, **more: Any) -> Postal:
    return Postal(home / "kotak_keluar", home / "penerima.toml", SENDER, server=server, **more)


def message(key: str = "harian/2026-11-20/v1", recipients: Sequence[str] = (ONE, TWO, THREE), **more: Any) -> Message:
    body = build_mail(
        key=key, subject=f"Laporan {key}", sender=SENDER, text="Isi laporan – lengkap.\n",
        html="<p>Isi laporan</p>", attachments=[("laporan.pdf", b"%PDF-1.7 isi", "application/pdf")], made=NOW,
    )  # fmt: skip
    return replace(Message("laporan", key, tuple(recipients), body, NOW), **more)


class Office:
    """A home with lake and outbox whose clock stands until a test moves it."""

    def __init__(self, home: Path, server: SmtpServer | None = None, **more: Any) -> None:
        self.home = home
        self.lake = small_lake(home)
        self.postal = postal(home, server, **more)
        self.now = NOW
        self.folder = self.postal.folder

    def queue(self, *messages: Message) -> int:
        return outbox.queue(self.lake, self.folder, messages or [message()], "uji", self.now)

    def deliver(self) -> Pass:
        return deliver(self.lake, self.postal, "uji", lambda: self.now)

    def later(self, **span: float) -> "Office":
        self.now += timedelta(**span)
        return self

    def states(self) -> dict[str, str]:
        """The newest event by recipient."""
        return dict(outbox.states(self.lake, self.folder).select("penerima", "peristiwa").iter_rows())

    def reasons(self) -> dict[str, str]:
        return dict(outbox.states(self.lake, self.folder).select("penerima", "alasan").iter_rows())

    def events(self, recipient: str = "") -> list[str]:
        """All events in the lake, in their order."""
        rows = self.lake.query(
            "SELECT peristiwa FROM lake.ops.kotak_keluar WHERE ? IN ('', penerima) ORDER BY kunci, penerima, urutan",
            [recipient],
        )
        return rows["peristiwa"].to_list()


def main(home: Path, port: int, what: str) -> None:
    with closing(small_lake(home)) as lake:
        if what == "antre":
            outbox.queue(lake, home / "kotak_keluar", [message()], "mati", NOW)
        else:
            deliver(lake, postal(home, smtp(port), retry=Retry(first=timedelta(0))), "mati", lambda: NOW)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
