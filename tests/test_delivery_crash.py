"""Delivery that is killed at each of its steps: no message is lost, and none sent twice but in the one window.

The window is between the mail server's yes and the journal's line on the disk. What is sent again there has the same
Message-ID and the same bytes.
"""

import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from assets.delivery.mail import message_id
from tests.support.crash import ROOT
from tests.support.delivery import ONE, SENDER, THREE, TWO, Office, message, smtp
from tests.support.mail_server import MailServer, mail_server

WINDOW = ("deliver.accepted", "outbox.sent")
"""The server has said yes, and the line is not written yet."""
QUEUEING = ("durable.temp_written", "outbox.body_written", "lake.before_commit", "lake.after_commit", "outbox.queued")
SENDING = (
    "deliver.recipient_taken", *WINDOW, "durable.appended", "outbox.journalled", "lake.before_commit",
    "lake.after_commit", "outbox.settled", "outbox.remembered", "outbox.journal_cleared",
)  # fmt: skip
EVERYONE = sorted([ONE, TWO, THREE])


def kill(home: Path, port: int, what: str, step: str) -> None:
    """Let a process queue or send, which kills itself at the step."""
    environment = os.environ | {"SSP_CRASH_AT": step}
    command = [sys.executable, "-m", "tests.support.delivery", str(home), str(port), what]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, f"{step} was not passed: {done.stderr.decode()[-2000:]}"


def test_every_named_step_of_delivery_is_killed_at() -> None:
    files = [ROOT / "warehouse" / "outbox.py", *(ROOT / "assets" / "delivery").glob("*.py")]
    named = {n for f in files for n in re.findall(r'\bcrashpoint\("([^"]+)"\)', f.read_text(encoding="utf-8"))}
    assert named == {s for s in (*QUEUEING, *SENDING) if s.startswith(("outbox.", "deliver."))}


@pytest.mark.parametrize("step", QUEUEING)
def test_a_kill_while_queueing_leaves_the_message_queued_once_or_not_at_all(tmp_path: Path, step: str) -> None:
    with mail_server(MailServer()) as server:
        office = Office(tmp_path, smtp(server.port))
        with closing(office.lake):
            assert office.deliver().counts == {}
            kill(tmp_path, server.port, "antre", step)
            before = office.states()
            assert before == ({} if step in QUEUEING[:3] else dict.fromkeys(EVERYONE, "antre"))
            assert office.queue() == (0 if before else 1)
            assert office.deliver().counts == {"terkirim": 3}
            assert sorted(m.recipient for m in server.mails) == EVERYONE


@pytest.mark.parametrize("step", SENDING)
def test_a_kill_while_sending_loses_nothing_and_doubles_nothing_but_in_the_window(tmp_path: Path, step: str) -> None:
    with mail_server(MailServer()) as server:
        office = Office(tmp_path, smtp(server.port))
        with closing(office.lake):
            office.queue()
            # At the second recipient, where a step is passed for each.
            turn = (
                ":2"
                if step.startswith(("deliver.", "durable.")) or step in ("outbox.sent", "outbox.journalled")
                else ""
            )
            kill(tmp_path, server.port, "kirim", step + turn)
            office.deliver()
            office.deliver()
            assert office.states() == dict.fromkeys(EVERYONE, "terkirim")
            assert office.events() == ["antre", "terkirim"] * 3
            got = sorted(m.recipient for m in server.mails)
            if step not in WINDOW:
                assert got == EVERYONE
                return
            [twice] = [r for r in EVERYONE if len(server.of(r)) == 2]
            assert got == sorted([*EVERYONE, twice])
            first, second = server.of(twice)
            assert first.content == second.content
            assert first.parsed["Message-ID"] == message_id(message().kunci, SENDER)
