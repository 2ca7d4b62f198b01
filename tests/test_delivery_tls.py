"""Mail goes only to a server whose certificate is trusted, and no password is written anywhere."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.delivery import ONE, Office, message, smtp
from tests.support.mail_server import MailServer, certificate, mail_server, server_context
from warehouse import outbox

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
"""aiosmtpd takes a server with TLS from the first byte for one without."""

LOGIN = ("ssp", "kata-sandi-rahasia")


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server(MailServer()) as running:
        yield running


@contextmanager
def behind_tls(
    home: Path, pem: Path, trusted: Path, *, implicit: bool = False, password: str = LOGIN[1]
) -> Iterator[tuple[Office, MailServer]]:
    """An office with one message, and a server with TLS, a certificate and a login."""
    with mail_server(MailServer(), tls=server_context(pem), implicit=implicit, login=LOGIN) as server:
        more = {"tls": "langsung" if implicit else "starttls", "ca_file": str(trusted)}
        office = Office(home, smtp(server.port, host="localhost", user=LOGIN[0], password=password, **more))
        with closing(office.lake):
            office.queue()
            yield office, server


@pytest.mark.parametrize("implicit", [False, True])
def test_with_tls_and_credentials_the_message_arrives(tmp_path: Path, implicit: bool) -> None:
    pem = certificate(tmp_path)
    with behind_tls(tmp_path, pem, pem, implicit=implicit) as (office, server):
        assert office.deliver().counts == {"terkirim": 3}
        assert server.logins == ["ssp"]


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("fault", ["tak dikenal", "nama lain", "kedaluwarsa"])
def test_a_certificate_that_is_not_trusted_gets_no_message_and_no_password(
    tmp_path: Path, fault: str, implicit: bool
) -> None:
    pem = certificate(tmp_path, name="lain.example" if fault == "nama lain" else "localhost",
                      days=-1 if fault == "kedaluwarsa" else 1)  # fmt: skip
    trusted = certificate(tmp_path) if fault == "tak dikenal" else pem
    with behind_tls(tmp_path, pem, trusted, implicit=implicit) as (office, server):
        assert office.deliver().counts == {"ditunda": 3}
        assert "certificate is not trusted" in office.reasons()[ONE]
        assert (server.mails, server.logins) == ([], [])


def test_a_server_without_encryption_gets_nothing_unless_it_is_on_this_machine_by_setting(
    tmp_path: Path, server: MailServer
) -> None:
    office = Office(tmp_path, smtp(server.port, tls="starttls", user="ssp", password="kata-sandi-rahasia"))
    with closing(office.lake):
        office.queue()
        assert office.deliver().counts == {"ditunda": 3}
        assert "STARTTLS" in office.reasons()[ONE]
        assert server.mails == []


def test_refused_credentials_delay_everything_and_refuse_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    pem = certificate(tmp_path)
    with behind_tls(tmp_path, pem, pem, password="kata-sandi-yang-salah") as (office, _):
        assert office.deliver().counts == {"ditunda": 3}
        assert "credentials" in office.reasons()[ONE]
        written = str(outbox.states(office.lake, office.folder).rows()) + caplog.text + repr(office.postal)
        assert "kata-sandi" not in written


def test_what_a_server_says_is_kept_in_a_line_without_our_password(tmp_path: Path, server: MailServer) -> None:
    office = Office(tmp_path, smtp(server.port, password="kata-sandi-rahasia"))
    server.replies = {ONE: ["550 no kata-sandi-rahasia here\x1b[31m " + "x" * 500]}
    with closing(office.lake):
        office.queue(message(recipients=(ONE,)))
        office.deliver()
        assert "kata-sandi" not in office.reasons()[ONE]
        assert "\x1b" not in office.reasons()[ONE]
        assert len(office.reasons()[ONE]) < 320
