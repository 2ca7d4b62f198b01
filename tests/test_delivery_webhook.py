"""Webhooks on loopback: signed, named by a key that stays, put off or refused by status, and never redirected."""

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from assets.delivery.webhook import Hook, signature
from tests.support.delivery import NOW, Office
from tests.support.faulty_server import answer, raw_server
from warehouse import outbox
from warehouse.outbox import Message

SECRET = "kunci-webhook-rahasia"
BODY = b'{"text":"Cabai naik"}'


@dataclass
class Receiver:
    """Answers with each status in turn, the last one for good; keeps what came."""

    statuses: list[str] = field(default_factory=lambda: ["200 OK"])
    headers: tuple[str, ...] = ()
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def __call__(self, connection: socket.socket, head: bytes) -> None:
        top, _, body = head.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in top.decode().split("\r\n")[1:]]
        headers = {name.lower(): value for name, _, value in lines}
        while len(body) < int(headers["content-length"]):
            body += connection.recv(65536)
        self.got.append((headers, body))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == "diam":
            return
        connection.sendall(answer(b"", "Content-Length: 0", *self.headers, status=status))


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def office(tmp_path: Path, receiver: Receiver) -> Iterator[Office]:
    with raw_server(receiver) as url:
        hooks = {"pusat": Hook(f"{url}/terima?token=token-rahasia", SECRET)}
        made = Office(tmp_path, hooks=hooks, hook_timeout=5.0)
        with closing(made.lake):
            yield made


def alert(key: str = "peringatan/uji") -> Message:
    return Message("peringatan", key, ("webhook:pusat",), BODY, NOW)


def test_a_document_is_posted_once_signed_and_named(office: Office, receiver: Receiver) -> None:
    office.queue(alert())
    assert office.deliver().counts == {"terkirim": 1}
    assert office.deliver().counts == {}
    [(headers, body)] = receiver.got
    assert body == BODY
    assert headers["content-type"] == "application/json"
    assert headers["idempotency-key"] == headers["webhook-id"]
    signed = signature(SECRET, headers["webhook-id"], headers["webhook-timestamp"], BODY)
    assert headers["webhook-signature"] == signed


def test_a_signature_is_that_of_the_published_example_of_the_standard() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    made = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("status", ["500 Error", "503 Busy", "429 Slow", "408 Late", "diam"])
def test_what_may_pass_is_tried_again_with_the_same_name_and_bytes(
    office: Office, receiver: Receiver, status: str
) -> None:
    receiver.statuses = [status, "204 No Content"]
    office.queue(alert())
    assert office.deliver().counts == {"ditunda": 1}
    assert office.later(hours=1).deliver().counts == {"terkirim": 1}
    (first, one), (second, other) = receiver.got
    assert first["idempotency-key"] == second["idempotency-key"]
    assert one == other


def test_a_receiver_that_asks_to_be_left_alone_is(office: Office, receiver: Receiver) -> None:
    receiver.statuses, receiver.headers = ["429 Slow", "200 OK"], ("Retry-After: 1800",)
    office.queue(alert())
    office.deliver()
    assert office.later(minutes=29).deliver().counts == {}
    assert office.later(minutes=1).deliver().counts == {"terkirim": 1}


@pytest.mark.parametrize("status", ["400 Bad", "401 No", "404 Gone", "302 Found"])
def test_what_is_refused_is_tried_a_few_times_and_then_shown(office: Office, receiver: Receiver, status: str) -> None:
    receiver.statuses, receiver.headers = [status], ("Location: http://127.0.0.1:9/lain",)
    office.queue(alert())
    counts = [office.later(hours=2).deliver().counts for _ in range(4)]
    assert counts == [{"ditunda": 1}, {"ditunda": 1}, {"ditolak": 1}, {}]
    assert len(receiver.got) == 3
    assert office.reasons()["webhook:pusat"].startswith(f"HTTP {status[:3]}")


def test_a_receiver_that_is_down_or_not_in_the_settings_costs_no_mail(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    office = Office(tmp_path, hooks={"pusat": Hook(f"http://127.0.0.1:{port}/?token=token-rahasia")})
    with closing(office.lake):
        office.queue(alert(), Message("peringatan", "lain", ("webhook:hilang", "a@b.example"), BODY, NOW))
        assert office.deliver().counts == {"ditunda": 2, "terkirim": 1}
        assert office.reasons()["webhook:hilang"] == "webhook:hilang has no address in the settings"


def test_neither_address_nor_secret_is_in_a_row_a_log_or_a_repr(
    office: Office, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    receiver.statuses = ["diam", "400 Bad"]
    office.queue(alert())
    for _ in range(4):
        office.later(hours=2).deliver()
    rows = office.lake.query("SELECT * FROM lake.ops.kotak_keluar").rows()
    written = f"{rows}{office.postal!r}{caplog.text}{(office.folder / 'jurnal.jsonl').read_text()}"
    assert office.states() == {"webhook:pusat": "ditolak"}
    assert "token-rahasia" not in written
    assert SECRET not in written


def test_a_receiver_that_answers_a_byte_now_and_then_is_given_up_at_the_deadline(tmp_path: Path) -> None:
    def drip(connection: socket.socket, head: bytes) -> None:
        while True:
            connection.sendall(b"H")
            connection.settimeout(0.05)
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue

    with raw_server(drip) as url:
        office = Office(tmp_path, hooks={"pusat": Hook(url)}, hook_timeout=0.3)
        with closing(office.lake):
            office.queue(alert())
            assert office.deliver().counts == {"ditunda": 1}
            assert office.states() == {"webhook:pusat": "ditunda"}
            assert outbox.waiting(office.lake, office.folder, NOW + timedelta(hours=1))
