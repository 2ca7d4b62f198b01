"""A real mail server in this process, on loopback, that does what a test tells it to.

Belongs here: serving, and keeping what came. Does not belong here: what is right (the tests).
"""

import asyncio
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Mail:
    """One message that the server took for one recipient."""

    recipient: str
    content: bytes

    @property
    def parsed(self) -> EmailMessage:
        found = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found


@dataclass
class MailServer:
    """`replies`: what RCPT answers a recipient with, in turn, the last one for good; `data`: what DATA answers, in
    turn, or "putus" (the connection is cut before the message is taken), "putus_setelah" (it is taken, and cut before
    the answer), "diam" (no answer for `silence` seconds)."""

    replies: dict[str, list[str]] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)
    silence: float = 0.8
    mails: list[Mail] = field(default_factory=list)
    sessions: int = 0
    logins: list[str] = field(default_factory=list)
    port: int = 0

    def of(self, recipient: str) -> list[Mail]:
        return [m for m in self.mails if m.recipient == recipient]

    # The names that aiosmtpd calls.
    async def handle_EHLO(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.sessions += 1
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        reply = _next(self.replies.get(address, []), "250 OK")
        if reply == "putus":
            server.transport.abort()
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        reply = _next(self.data, "250 OK")
        if reply == "putus":
            server.transport.abort()
            return "451 cut"
        if reply == "diam":
            await asyncio.sleep(self.silence)
            return "451 late"
        if reply.startswith("2") or reply == "putus_setelah":
            self.mails += [Mail(r, bytes(envelope.content)) for r in envelope.rcpt_tos]
        if reply == "putus_setelah":
            server.transport.abort()
            return "451 cut"
        return reply


def _next(replies: list[str], default: str) -> str:
    if not replies:
        return default
    return replies.pop(0) if len(replies) > 1 or replies[0] in ("putus", "putus_setelah", "diam") else replies[0]


@contextmanager
def mail_server(
    server: MailServer,
    *,
    tls: ssl.SSLContext | None = None,
    implicit: bool = False,
    login: tuple[str, str] | None = None,
    port: int = 0,
) -> Iterator[MailServer]:
    """Serve on a free port (or `port`) until the block ends. `implicit`: TLS from the first byte, else STARTTLS."""

    def check(_server: Any, _session: Any, _envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        server.logins.append(data.login.decode())
        return AuthResult(success=(data.login.decode(), data.password.decode()) == login, handled=False)

    options: dict[str, Any] = (
        {"ssl_context": tls} if implicit else {"tls_context": tls, "require_starttls": tls is not None}
    )
    if login:
        options |= {"authenticator": check, "auth_required": True, "auth_require_tls": not implicit}
    controller = _Controller(server, hostname="127.0.0.1", port=port, ready_timeout=10, **options)
    controller.start()
    assert controller.server is not None
    server.port = controller.server.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        controller.stop()


class _Controller(Controller):  # type: ignore[misc]
    """aiosmtpd's controller asks its own port whether it answers; the free one is known only once it is bound."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


def certificate(folder: Path, *, name: str = "localhost", days: int = 1) -> Path:
    """A certificate of our own with its key, in one PEM file, for `name`; past when `days` is negative."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if name == "localhost":
        names.append(x509.IPAddress(ip_address("127.0.0.1")))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}-{time.time_ns()}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def server_context(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
