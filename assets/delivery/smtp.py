"""Mails by SMTP: one connection for many messages, one transaction for each recipient.

The answer to a message's bytes speaks for all recipients of its transaction, so each recipient has one of their own:
what one server says of one of them delays or doubles nothing for the others.

Belongs here: the dialogue with a mail server, and what its answers mean. Does not belong here: what a mail looks like
(`mail.py`), trying again (`post.py`).
"""

import smtplib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from assets.delivery.channel import Answer, Broken, Unreachable, with_recipient
from connectors.conceal import conceal, remember_secrets
from connectors.crashpoint import crashpoint

_TAKEN = frozenset({250, 251, 252})
_SHUTTING_DOWN = 421


@dataclass(frozen=True)
class SmtpServer:
    """Where mails are handed in.

    `answer_timeout`: seconds for the answer to a whole message, for which RFC 5321 (4.5.3.2) asks ten minutes, since a
    message given up too early is sent a second time; `timeout`: for every other answer.
    """

    host: str
    port: int
    tls: Literal["starttls", "langsung", "tanpa"]
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    timeout: float = 30.0
    answer_timeout: float = 600.0


class Smtp:
    """Connects when the first message is sent. Certificates are verified; without encryption nothing is said."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._client: smtplib.SMTP | None = None
        remember_secrets([server.password])

    def send(self, key: str, recipient: str, body: bytes) -> Answer:
        client = self._client or self._connect()
        try:
            with _ended_after(client, self._server.answer_timeout + 4 * self._server.timeout):
                answer = self._transact(client, recipient, with_recipient(body, recipient))
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self._drop()
            raise Broken(_reason(error)) from None
        except smtplib.SMTPException as error:
            self._drop()
            return Answer("sementara", _reason(error))
        return answer

    def close(self) -> None:
        if self._client is not None:
            with suppress(OSError, smtplib.SMTPException):
                self._client.quit()
        self._drop()

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _transact(self, client: smtplib.SMTP, recipient: str, body: bytes) -> Answer:
        code, text = client.mail(self._server.sender, [f"size={len(body)}"] if client.has_extn("size") else [])
        if code != 250:
            # Of the sender or the server, not of this recipient: somebody here can mend it.
            return self._not_taken("MAIL", code, text, refusable=False)
        code, text = client.rcpt(recipient)
        if code not in _TAKEN:
            return self._not_taken("RCPT", code, text)
        crashpoint("deliver.recipient_taken")
        assert client.sock is not None
        client.sock.settimeout(self._server.answer_timeout)
        try:
            code, text = client.data(body)
        except smtplib.SMTPDataError as error:
            return self._not_taken("DATA", error.smtp_code, error.smtp_error)
        if code != 250:
            return self._not_taken("DATA", code, text)
        crashpoint("deliver.accepted")
        client.sock.settimeout(self._server.timeout)
        return Answer("diterima", _said(code, text))

    def _not_taken(self, step: str, code: int, text: bytes | str, *, refusable: bool = True) -> Answer:
        refused = refusable and 500 <= code < 600
        answer = Answer("ditolak" if refused else "sementara", f"{step}: {_said(code, text)}")
        try:
            if code != _SHUTTING_DOWN and self._client is not None and self._client.sock is not None:
                self._client.sock.settimeout(self._server.timeout)  # no more that for the answer to a whole message
                self._client.rset()
                return answer
        except (OSError, smtplib.SMTPException):
            pass  # what it said of this message stands
        self._drop()
        return answer

    def _connect(self) -> smtplib.SMTP:
        """Connect, encrypt, verify, log in. Raises Unreachable."""
        server = self._server
        context = ssl.create_default_context(cafile=server.ca_file or None) if server.tls != "tanpa" else None
        client = (
            smtplib.SMTP_SSL(timeout=server.timeout, context=context)
            if server.tls == "langsung"
            else smtplib.SMTP(timeout=server.timeout)
        )
        # A name that only `connect` would set, and that verifying a certificate after STARTTLS needs.
        client._host = server.host  # type: ignore[attr-defined]
        try:
            with _ended_after(client, 4 * server.timeout):
                code, text = client.connect(server.host, server.port)
                if code != 220:
                    raise Unreachable(f"the server does not serve: {_said(code, text)}")
                client.ehlo_or_helo_if_needed()
                if server.tls == "starttls":
                    client.starttls(context=context)
                    client.ehlo()
                if server.user:
                    client.login(server.user, server.password)
        except smtplib.SMTPAuthenticationError as error:
            client.close()
            raise Unreachable(
                f"the server refuses the credentials: {_said(error.smtp_code, error.smtp_error)}"
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            client.close()
            raise Unreachable(_reason(error)) from None
        except Unreachable:
            client.close()
            raise
        self._client = client
        return client


@contextmanager
def _ended_after(client: smtplib.SMTP, seconds: float) -> Iterator[None]:
    """Shut the connection down after this time: single time-outs do not end a server that says a byte now and then."""

    def shut() -> None:
        with suppress(OSError, AttributeError):
            client.sock.shutdown(2)  # type: ignore[union-attr]

    timer = threading.Timer(seconds, shut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _said(code: int, text: bytes | str) -> str:
    """An answer of the server in one short line of printable characters, without secrets."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    line = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    return conceal(f"{code} {line}")[:300]


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "no answer in time"  # smtplib makes a closed connection of a time-out and keeps its text
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "the server closed the connection"
    if isinstance(error, smtplib.SMTPResponseException):
        return _said(error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "the server offers no STARTTLS, or none of our ways to log in"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
