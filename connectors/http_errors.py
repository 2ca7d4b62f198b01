"""What can go wrong with an answer, in stable words.

Belongs here: the errors of a pull with their reason codes, what an `expect` hook may raise, and reading
a body as JSON or saying why it is none. Does not belong here: talking HTTP (`http.py`).
"""

from typing import Any, ClassVar

import orjson


class PullError(Exception):
    """A pull has failed for good. `reason_code` is stable and goes into the outcome row.

    `request` (without secrets), `status` (None when no answer came) and `attempts` say what was tried.
    The text holds all of it and what to do; never a secret and nothing of the body.
    """

    def __init__(
        self, reason_code: str, message: str, *, request: str = "", status: int | None = None, attempts: int = 0
    ) -> None:
        self.reason_code = reason_code
        self.message = message
        self.request = request
        self.status = status
        self.attempts = attempts
        super().__init__(reason_code, message)

    def __str__(self) -> str:
        parts = [f"[{self.reason_code}] {self.request + ': ' if self.request else ''}{self.message}"]
        if self.attempts:
            status = f"last status {self.status}" if self.status is not None else "no answer"
            parts.append(f"{self.attempts} attempt{'s' if self.attempts > 1 else ''}, {status}")
        advice = ADVICE.get(self.reason_code)
        return "; ".join(parts) + (f". {advice}" if advice else "")


class NoConnection(PullError):
    """The host was not reached, or the connection broke, each time."""


class DeadlineExceeded(PullError):
    """The time for this request is over."""


class StatusError(PullError):
    """The host answered with a status that is no success."""


class UnusableAnswer(PullError):
    """The host answered 200 with something that is not what was asked for."""


class AnswerTooLarge(PullError):
    """The answer is larger than allowed, as sent or once decompressed."""


class RedirectRefused(PullError):
    """The answer leads to another host (or round and round); nothing was sent there."""


class RequestRefused(PullError):
    """The request was not made: it would have gone to another host, or cannot be written as HTTP."""


REASONS: dict[str, type[PullError]] = {
    "tidak_tersambung": NoConnection,
    "koneksi_putus": NoConnection,
    "tls_gagal": NoConnection,
    "batas_waktu": DeadlineExceeded,
    "http_429": StatusError,
    "http_5xx": StatusError,
    "http_4xx": StatusError,
    "http_lain": StatusError,
    "panjang_tidak_cocok": UnusableAnswer,
    "gzip_terpotong": UnusableAnswer,
    "gzip_rusak": UnusableAnswer,
    "sandi_tak_dikenal": UnusableAnswer,
    "halaman_login": UnusableAnswer,
    "halaman_html": UnusableAnswer,
    "xml_bukan_json": UnusableAnswer,
    "bukan_json": UnusableAnswer,
    "bukan_utf8": UnusableAnswer,
    "json_terpotong": UnusableAnswer,
    "jawaban_kosong": UnusableAnswer,
    "galat_dalam_200": UnusableAnswer,
    "halaman_berubah": UnusableAnswer,
    "bom_dekompresi": AnswerTooLarge,
    "terlalu_besar": AnswerTooLarge,
    "pengalihan_ditolak": RedirectRefused,
    "alamat_ditolak": RequestRefused,
}
"""Every reason code of this layer, and the error that carries it."""

ADVICE: dict[str, str] = {
    "tidak_tersambung": "Check the host's name and this machine's network, then run the pull again.",
    "koneksi_putus": "The host breaks its answers off: run the pull again later, or ask for a smaller window.",
    "tls_gagal": "The certificate is not trusted. Verification is never switched off: give a CA bundle that knows it.",
    "batas_waktu": "The host is too slow: run the pull again later, or raise the deadline in the settings.",
    "http_429": "The host asks for fewer requests: lower `laju` in agency.yaml, or run again later.",
    "http_5xx": "The agency's service is down: run the pull again later.",
    "http_4xx": "The request is refused: check the key or login in the settings, and whether the interface changed.",
    "panjang_tidak_cocok": "The host announces another length than it sends: tell the agency, run again later.",
    "gzip_terpotong": "The host cuts its compressed answers: run the pull again later.",
    "gzip_rusak": "The host's compression is broken: tell the agency.",
    "halaman_login": "The host wants a login: check the key or session in the settings.",
    "halaman_html": "The host shows a web page, perhaps of maintenance: look at the address, run again later.",
    "xml_bukan_json": "The interface answers in another format: look at the address, it may have changed.",
    "bukan_utf8": "The text is in another encoding than JSON allows: tell the agency. Nothing of it was kept.",
    "jawaban_kosong": "The host answered without data: run the pull again later.",
    "galat_dalam_200": "The agency reports an error of its own: run again later, or ask the agency.",
    "halaman_berubah": "The data kept changing while they were paged: run the pull again at a quiet hour.",
    "bom_dekompresi": "Nothing was kept. If the agency really sends this, raise the limit for decompressed bytes.",
    "terlalu_besar": "Nothing was kept. If the agency really sends this, raise the limit or ask for a smaller window.",
    "pengalihan_ditolak": "No header was sent on. If the agency has moved, set its new address in the settings.",
    "alamat_ditolak": "Use a path below the agency's base address.",
}
"""What a person can do, by reason code."""


class AnswerProblem(Exception):
    """An answer that cannot be used; `reason` is for people, `code` one of REASONS or an agency's own."""

    retry: ClassVar[bool]

    def __init__(
        self,
        reason: str,
        code: str = "galat_dalam_200",
        *,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.status = status
        self.retry_after = retry_after


class RetryableAnswer(AnswerProblem):
    """Ask again: the next answer may be good. Raised by an `expect` hook for an error body inside 200."""

    retry = True


class PermanentAnswer(AnswerProblem):
    """Asking again is useless."""

    retry = False


_LOGIN_MARKS = (b'type="password"', b"type='password'", b"type=password", b"login", b"masuk", b"sign in")


def expect_json(body: bytes) -> None:
    """Refuse a 200 that is no JSON or NDJSON, by its first and last bytes (the parser does the rest).

    Raises RetryableAnswer with the code jawaban_kosong, halaman_login, halaman_html, xml_bukan_json, bukan_json,
    json_terpotong or bukan_utf8. A BOM in front is passed over.
    """
    start = body[:512].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        if len(body) > 512:
            raise RetryableAnswer("the answer begins with more than 500 blanks", "bukan_json")
        raise RetryableAnswer("200 with an empty body", "jawaban_kosong")
    first = start[:1]
    if first == b"<":
        head = body[:20_000].lower()
        if b"<html" in head or b"<!doctype html" in head or b"<form" in head:
            if any(mark in head for mark in _LOGIN_MARKS):
                raise RetryableAnswer("200 with an HTML login page", "halaman_login")
            raise RetryableAnswer("200 with an HTML page", "halaman_html")
        raise RetryableAnswer("XML where JSON was asked for", "xml_bukan_json")
    if first not in b'{["-0123456789tfn':
        raise RetryableAnswer("the body does not begin as JSON does", "bukan_json")
    closing = {b"{": b"}", b"[": b"]"}.get(first)
    if closing and body[-512:].rstrip()[-1:] != closing:
        raise RetryableAnswer("the JSON is not complete", "json_terpotong")
    try:
        body.isascii() or body.decode()
    except UnicodeDecodeError as error:
        # No bytes of the body in the message: they may belong to a name.
        raise RetryableAnswer(f"the text is not UTF-8 from byte {error.start} on", "bukan_utf8") from None


def decoded_json(body: bytes) -> Any:
    """Value of a JSON body. Raises RetryableAnswer as `expect_json` does, and bukan_json when it cannot be parsed."""
    expect_json(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RetryableAnswer("the body is not valid JSON", "bukan_json") from None
