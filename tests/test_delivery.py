"""Delivery to a real mail server: nobody gets none, nobody gets two, and each failure is told apart by recipient."""

import errno
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from assets.delivery.mail import build_mail, message_id
from assets.delivery.post import Retry
from tests.support.crash import SSP
from tests.support.delivery import NOW, ONE, SENDER, THREE, TWO, Office, message, smtp
from tests.support.mail_server import MailServer, mail_server
from warehouse import outbox


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server(MailServer()) as running:
        yield running


@pytest.fixture
def office(tmp_path: Path, server: MailServer) -> Iterator[Office]:
    made = Office(tmp_path, smtp(server.port, answer_timeout=0.5))
    with closing(made.lake):
        yield made


def test_every_recipient_gets_the_message_once_and_is_not_shown_the_others(office: Office, server: MailServer) -> None:
    assert office.queue() == 1
    assert office.deliver().counts == {"terkirim": 3}
    assert office.deliver().counts == {}
    assert sorted(m.recipient for m in server.mails) == sorted([ONE, TWO, THREE])
    for mail in server.mails:
        assert mail.parsed["To"] == mail.recipient
        assert not [r for r in (ONE, TWO, THREE) if r != mail.recipient and r.encode() in mail.content]
    assert server.sessions == 1
    assert office.events(ONE) == ["antre", "terkirim"]


def test_the_same_key_again_queues_nothing_whatever_it_holds(office: Office, server: MailServer) -> None:
    office.queue()
    office.deliver()
    other = message(recipients=(ONE, "baru@sumut.example"), body=message("lain").body)
    assert office.queue(message(), other) == 0
    assert office.deliver().counts == {}
    assert len(server.mails) == 3


def test_nothing_is_sent_before_its_time(office: Office, server: MailServer) -> None:
    office.queue(message(not_before=NOW + timedelta(minutes=55)))
    assert office.later(minutes=54).deliver().counts == {}
    assert office.later(minutes=1).deliver().counts == {"terkirim": 3}


def test_what_was_taken_back_is_not_sent_and_may_be_queued_again(office: Office, server: MailServer) -> None:
    office.queue()
    assert outbox.cancel(office.lake, office.folder, message().kunci, "ditahan", "uji", NOW) == 3
    assert office.deliver().counts == {}
    assert office.queue() == 1
    assert office.deliver().counts == {"terkirim": 3}
    assert outbox.cancel(office.lake, office.folder, message().kunci, "terlambat", "uji", NOW) == 0
    assert office.events(ONE) == ["antre", "batal", "antre", "terkirim"]


def test_a_refused_recipient_keeps_no_other_from_the_message(office: Office, server: MailServer) -> None:
    server.replies = {TWO: ["550 no such mailbox"], THREE: ["451 greylisted", "250 OK"]}
    office.queue()
    assert office.deliver().counts == {"terkirim": 1, "ditunda": 2}
    assert [m.recipient for m in server.mails] == [ONE]
    assert office.later(hours=1).deliver().counts == {"terkirim": 1, "ditunda": 1}
    assert office.later(hours=1).deliver().counts == {"ditolak": 1}
    assert office.later(days=1).deliver().counts == {}
    assert office.states() == {ONE: "terkirim", TWO: "ditolak", THREE: "terkirim"}
    assert office.reasons()[TWO] == "RCPT: 550 no such mailbox"
    assert office.events(TWO) == ["antre", "ditunda", "ditunda", "ditolak"]


def test_a_temporary_failure_is_tried_again_ever_later_and_then_given_up(tmp_path: Path, server: MailServer) -> None:
    server.replies = {ONE: ["452 mailbox full"]}
    office = Office(tmp_path, smtp(server.port), retry=Retry(tries=5, longest=timedelta(minutes=10)))
    with closing(office.lake):
        office.queue(message(recipients=(ONE,)))
        tried = []
        for _ in range(40):
            if office.deliver().counts:
                tried.append((office.now - NOW) // timedelta(minutes=1))
            office.later(minutes=1)
        assert tried == [0, 2, 6, 14, 24]
        assert office.states() == {ONE: "gagal"}
        assert outbox.again(office.lake, office.folder, message().kunci, "uji", office.now) == 1
        server.replies = {}
        assert office.deliver().counts == {"terkirim": 1}
        assert len(server.mails) == 1


@pytest.mark.parametrize("reply", ["putus", "diam", "451 try later", "552 too big"])
def test_a_message_that_was_not_taken_is_sent_again_whole(office: Office, server: MailServer, reply: str) -> None:
    server.data = [reply, "250 OK"]
    office.queue()
    first = office.deliver()
    assert first.counts == {"ditunda": 1, "terkirim": 2}
    assert office.later(hours=1).deliver().counts == {"terkirim": 1}
    assert sorted(m.recipient for m in server.mails) == sorted([ONE, TWO, THREE])


def test_a_connection_cut_before_the_yes_is_heard_makes_a_second_copy_that_is_seen_to_be_one(
    office: Office, server: MailServer
) -> None:
    server.data = ["putus_setelah", "250 OK"]
    office.queue(message(recipients=(ONE,)))
    assert office.deliver().counts == {"ditunda": 1}
    assert office.later(hours=1).deliver().counts == {"terkirim": 1}
    first, second = server.of(ONE)
    assert first.content == second.content
    assert first.parsed["Message-ID"] == message_id(message().kunci, SENDER)


def test_a_connection_cut_while_naming_a_recipient_costs_nobody_the_message(office: Office, server: MailServer) -> None:
    server.replies = {TWO: ["putus", "250 OK"]}
    office.queue()
    assert office.deliver().counts == {"terkirim": 2, "ditunda": 1}
    assert office.later(hours=1).deliver().counts == {"terkirim": 1}
    assert sorted(m.recipient for m in server.mails) == sorted([ONE, TWO, THREE])


def test_a_server_that_is_down_costs_one_try_for_all_and_nothing_is_lost(tmp_path: Path) -> None:
    with mail_server(MailServer()) as gone:
        port = gone.port
    office = Office(tmp_path, smtp(port))
    with closing(office.lake):
        office.queue()
        assert office.deliver().counts == {"ditunda": 3}
        assert set(office.reasons().values()) == {"Connection refused"}
        with mail_server(MailServer(), port=port) as back:
            assert office.later(minutes=2).deliver().counts == {"terkirim": 3}
            assert len(back.mails) == 3


@pytest.mark.parametrize("said", [b"", b"2"])
def test_a_server_that_is_silent_or_speaks_a_byte_now_and_then_is_given_up(tmp_path: Path, said: bytes) -> None:
    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                while not ended.wait(0.05):
                    connection.sendall(said)

    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        office = Office(tmp_path, smtp(listener.getsockname()[1], timeout=0.2))
        with closing(office.lake):
            office.queue(message(recipients=(ONE,)))
            assert office.deliver().counts == {"ditunda": 1}
    ended.set()


def test_a_server_that_falls_silent_after_its_no_is_not_waited_for_as_for_a_yes(tmp_path: Path) -> None:
    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as lines:
                connection.sendall(b"220 uji\r\n")
                for line in lines:
                    if line.lower().startswith(b"data"):
                        connection.sendall(b"354 go\r\n")
                        while next(lines) != b".\r\n":
                            pass
                        connection.sendall(b"552 too big\r\n")
                        ended.wait(20)
                        return
                    connection.sendall(b"250 uji\r\n")

    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        office = Office(tmp_path, smtp(listener.getsockname()[1], timeout=0.2, answer_timeout=15))
        with closing(office.lake):
            office.queue(message(recipients=(ONE,)))
            begun = time.monotonic()
            assert office.deliver().counts == {"ditunda": 1}
            assert time.monotonic() - begun < 10
            assert office.reasons()[ONE] == "DATA: 552 too big"
    ended.set()


def test_the_commands_show_who_is_without_a_message_and_send_it_again(tmp_path: Path, server: MailServer) -> None:
    server.replies = {TWO: ["550 no such mailbox"]}
    (tmp_path / "penerima.toml").write_text(f'[laporan]\nharian = ["{ONE}"]\n')
    (tmp_path / "ssp.toml").write_text(
        f'[kirim]\nhost = "127.0.0.1"\nport = {server.port}\ntls = "tanpa"\npengirim = "{SENDER}"\n'
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SSP_", "DAGSTER_"))} | {
        "SSP_HOME": str(tmp_path), "SSP_CONFIG": str(tmp_path / "ssp.toml"), "COLUMNS": "200",
    }  # fmt: skip

    def ssp(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [SSP, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout + done.stderr

    office = Office(tmp_path, smtp(server.port), retry=Retry(refusals=1))
    with closing(office.lake):
        office.now = datetime.now(UTC)
        office.queue(message(recipients=(ONE, TWO)))
        office.deliver()
    line = f"tidak sampai: {message().kunci} kepada {TWO} (ditolak: RCPT: 550 no such mailbox)"
    assert line in ssp("status")[1]
    assert f"ditolak  {message().kunci} -> {TWO}" in ssp("deliver", "--list")[1]
    server.replies = {}
    assert ssp("deliver", "--send-only", "--again", "tidak/ada")[0] == 2
    assert ssp("deliver", "--send-only", "--again", message().kunci) == (0, "0 pesan peringatan baru; 1 terkirim\n")
    assert [m.recipient for m in server.mails] == [ONE, TWO]
    assert "tidak sampai" not in ssp("status")[1]


def test_a_message_that_breaks_every_connection_does_not_keep_others_from_being_sent(
    office: Office, server: MailServer
) -> None:
    many = tuple(f"orang{n}@sumut.example" for n in range(5))
    server.replies = {r: ["putus"] * 9 for r in many}
    office.queue(message("a-rusak", many), message("b-sehat", (ONE,)))
    assert office.deliver().counts == {"ditunda": 3}
    assert office.later(hours=1).deliver().counts == {"ditunda": 3, "terkirim": 1}
    assert len(server.of(ONE)) == 1


def test_a_lake_that_is_busy_does_not_stop_sending_and_nothing_is_sent_twice(
    office: Office, server: MailServer
) -> None:
    office.queue()
    office.lake._lock._timeout = 0.05
    with closing(Office(office.home).lake) as other, other.writer_lock():
        done = office.deliver()
        assert done.counts == {"terkirim": 3}
        assert not done.settled
        assert office.deliver().counts == {}
    assert office.events(ONE) == ["antre"]
    assert office.deliver().settled
    assert office.events(ONE) == ["antre", "terkirim"]
    assert len(server.mails) == 3


def test_a_lake_that_was_lost_and_made_anew_sends_nothing_again(office: Office, server: MailServer) -> None:
    office.queue()
    office.deliver()
    office.lake.close()
    shutil.rmtree(office.home / "lake")
    rebuilt = Office(office.home, office.postal.server)
    with closing(rebuilt.lake):
        assert rebuilt.queue(message(), message("harian/2026-11-21/v1", (ONE,))) == 1
        assert rebuilt.deliver().counts == {"terkirim": 1}
    assert len(server.mails) == 4


def test_a_lake_that_was_lost_while_the_journal_waited_sends_nothing_again(office: Office, server: MailServer) -> None:
    office.queue()
    office.deliver()
    later = message("harian/2026-11-21/v1", (ONE,))
    office.queue(later)
    office.lake._lock._timeout = 0.05
    with closing(Office(office.home).lake) as other, other.writer_lock():
        assert not office.deliver().settled
    office.lake.close()
    shutil.rmtree(office.home / "lake")
    rebuilt = Office(office.home, office.postal.server)
    with closing(rebuilt.lake):
        assert rebuilt.deliver().settled
        assert rebuilt.queue(message(), later) == 0
        assert rebuilt.deliver().counts == {}
    assert len(server.mails) == 4


def test_a_disk_that_fills_up_after_the_yes_makes_no_second_copy(
    office: Office, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.queue(message(recipients=(ONE,)))
    whole = outbox.append_durably

    def full(path: Path, data: bytes, **more: Any) -> None:
        if (office.folder / "cadangan").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(path, data, **more)

    monkeypatch.setattr(outbox, "append_durably", full)
    assert office.deliver().counts == {"terkirim": 1}
    assert office.deliver().counts == {}
    assert len(server.mails) == 1


def test_bytes_that_were_changed_are_not_sent(office: Office, server: MailServer) -> None:
    office.queue(message(recipients=(ONE,)))
    [stored] = [p for p in (office.folder / "isi").iterdir() if len(p.name) == 64]
    stored.write_bytes(b"lain")
    assert office.deliver().counts == {"gagal": 1}
    assert server.mails == []


def test_without_a_mail_server_mails_become_files_one_each(tmp_path: Path) -> None:
    office = Office(tmp_path)
    with closing(office.lake):
        office.queue()
        assert office.deliver().counts == {"terkirim": 3}
        files = sorted((office.folder / "terkirim").glob("*.eml"))
        assert len(files) == 3
        told = {message_from_bytes(f.read_bytes(), policy=policy.default)["To"] for f in files}
        assert told == {ONE, TWO, THREE}
        assert all(f.stat().st_mode & 0o077 == 0 for f in files)


def test_the_same_mail_is_the_same_bytes_in_seven_bits() -> None:
    def made(**more: object) -> bytes:
        given = {
            "key": "k", "subject": "Laporan – harian", "sender": SENDER, "sender_name": "Provinsi é",
            "text": "é" * 2000 + "\n.\n", "html": "<img src='cid:kartu'>",
            "inline": [("kartu", b"\x89PNG", "image/png")],
            "attachments": [("laporan é.pdf", b"%PDF", "application/pdf")], "made": NOW,
        }  # fmt: skip
        return build_mail(**{**given, **more})  # type: ignore[arg-type]

    assert made() == made()
    assert made(key="lain") != made()
    mail = message_from_bytes(made(), policy=policy.default)
    assert mail.get_body(("plain",)).get_content() == "é" * 2000 + "\r\n.\r\n"  # type: ignore[union-attr]
    assert [a.get_filename() for a in mail.iter_attachments()] == ["laporan é.pdf"]  # type: ignore[attr-defined]
    assert max(map(len, made().split(b"\r\n"))) < 1000
    assert made().isascii()
    with pytest.raises(ValueError):
        made(subject="a\r\nBcc: x@y.z")
