"""The one HTTP client of all agencies: requests with deadlines, retries, limits and errors that say what is wrong.

Belongs here: one request from its URL to its whole body or its error. Does not belong here: what an answer means
(an agency's `connector.py`), archiving (`pull.py`), paging (`paging.py`), the bounded reads (`http_wire.py`), the
words for what goes wrong (`http_errors.py`).

All requests of a pull only read, POST too, so each may be repeated. Live hosts and stand-ins use the same code.
The client reads no environment: a proxy or a CA bundle is an argument.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import quote, urlencode, urljoin, urlsplit

import orjson
import requests
import urllib3
from requests.cookies import RequestsCookieJar, extract_cookies_to_jar
from requests.structures import CaseInsensitiveDict
from urllib3.filepost import encode_multipart_formdata

from connectors import http_wire
from connectors.conceal import conceal, remember_secrets
from connectors.http_errors import (
    REASONS,
    AnswerProblem,
    PermanentAnswer,
    PullError,
    RetryableAnswer,
    expect_json,
)
from connectors.rate_limit import rate_limit_of

__all__ = [
    "MANIFEST_HEADERS",
    "Answer",
    "HttpClient",
    "PermanentAnswer",
    "PullError",
    "RetryableAnswer",
    "conceal",
    "expect_json",
    "user_agent",
]

log = logging.getLogger("ssp.http")

MANIFEST_HEADERS = ("Date", "ETag", "Last-Modified", "Content-Type", "Content-Length", "X-SSP-Asal")
"""Response headers that are worth a place beside the archived body."""

BOM = b"\xef\xbb\xbf"
MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}


def user_agent(version: str) -> str:
    """The User-Agent that names us to an agency."""
    return f"SumutSmartProvince/{version} (+data pipeline)"


@dataclass(frozen=True)
class Answer:
    """A whole successful answer. `body` is decompressed and has no UTF-8 byte order mark, which is no part of JSON
    and which its readers refuse. `url` is without secrets, `fetched_at` in UTC."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    fetched_at: datetime
    attempts: int

    @property
    def asal(self) -> str:
        """Where the answer came from: the label of a stand-in (tiruan, ulangan), or resmi."""
        return self.headers.get("X-SSP-Asal", "resmi")

    def noted_headers(self) -> dict[str, str]:
        """The headers of MANIFEST_HEADERS that came, without secrets."""
        return {name: conceal(self.headers[name]) for name in MANIFEST_HEADERS if name in self.headers}


class HttpClient:
    """Requests to one agency, below `base_url`. Safe for several threads; close it, or use it as a context.

    Times in seconds: `connect_timeout`, `read_timeout` (silence between two reads), `attempt_deadline` (one attempt
    with its whole body), `total_deadline` (all attempts and pauses; waiting for the rate limit before the first one
    does not count). Pauses are full jitter: uniform(0, min(backoff_cap, backoff_base * 2^n)), or Retry-After plus
    uniform(0, backoff_base). `rate` is requests per second and host over the whole process (None: no limit).
    `max_response_bytes` bounds the bytes as sent, `max_decompressed_bytes` and `max_ratio` those after
    decompression. `secrets` are values that no log line, error or `Answer.url` shows. `headers` go with each
    request. TLS is always verified, with `ca_bundle` (a path) instead of the built-in list if given.
    """

    def __init__(
        self,
        base_url: str,
        *,
        user_agent: str,
        headers: Mapping[str, str] | None = None,
        secrets: Iterable[str] = (),
        connect_timeout: float = 10,
        read_timeout: float = 30,
        attempt_deadline: float = 90,
        total_deadline: float = 240,
        max_retries: int = 4,
        backoff_base: float = 0.5,
        backoff_cap: float = 30,
        rate: float | None = None,
        max_response_bytes: int = 64 << 20,
        max_decompressed_bytes: int = 256 << 20,
        max_ratio: float = 300,
        ca_bundle: str | None = None,
        proxies: Mapping[str, str] | None = None,
        pool_size: int = 16,
        sleep: Callable[[float], None] = time.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._origin = _origin(self.base_url)
        if self._origin is None:
            raise ValueError(f"base_url must be an absolute http(s) URL, not {conceal(base_url)!r}")
        remember_secrets(secrets)
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._attempt_deadline = attempt_deadline
        self._total_deadline = total_deadline
        self._max_retries = max_retries
        self._backoff_base = backoff_base
        self._backoff_cap = backoff_cap
        self._limit = rate_limit_of(self._origin, rate) if rate else None
        self._max_response_bytes = max_response_bytes
        self._max_decompressed_bytes = max_decompressed_bytes
        self._max_ratio = max_ratio
        self._sleep = sleep
        self._rng = rng or random.Random()
        self._headers = CaseInsensitiveDict[str](
            {"User-Agent": user_agent, "Accept": "*/*", "Accept-Encoding": "gzip, deflate", **(headers or {})}
        )
        self._cookies = RequestsCookieJar()
        self._wire = http_wire.BoundedAdapter(ca_bundle or True, proxies or {}, pool_size)

    def close(self) -> None:
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def hide(self, *values: str) -> None:
        """Treat these values (a token that a login gave) as secrets from now on."""
        remember_secrets(values)

    def request(
        self,
        method: str,
        path_or_url: str,
        *,
        params: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        json: Any = None,
        multipart: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Callable[[bytes], None] | None = None,
        max_response_bytes: int | None = None,
    ) -> Answer:
        """Ask until a usable answer has come whole; gives a 2xx answer that `expect` has accepted.

        `path_or_url` is a path below the base URL, or a URL of the same scheme, host and port. None values of
        `params` and `form` are left out, a list gives its key several times. One of `form` (urlencoded), `json` and
        `multipart` is the body. `expect` gets the body and may raise RetryableAnswer or PermanentAnswer.

        Retried: connections that fail or break, late, short, cut or wrongly compressed answers, 429, 5xx and
        RetryableAnswer. Raises the PullError of REASONS when retries or time end, and at once for anything else.
        """
        url = self._url(path_or_url, params)
        shown = conceal(f"{method} {url}")
        # What begins like this has our origin, for an origin ends at the first slash.
        if not url.startswith(f"{self.base_url}/") and _origin(url) != self._origin:
            raise _error(PermanentAnswer(f"only {self._origin} is asked", "alamat_ditolak"), shown, 0)
        prepared = self._prepare(method, url, form, json, multipart, headers, shown)
        limit = max_response_bytes or self._max_response_bytes
        self._wait_for_turn()
        end = time.monotonic() + self._total_deadline
        attempts = 0
        while True:
            attempts += 1
            status: int | None = None
            try:
                status, answer_headers, body = self._attempt(prepared, end, limit)
                body = body.removeprefix(BOM)
                if expect is not None:
                    expect(body)
            except AnswerProblem as caught:
                problem = caught
            else:
                log.debug("%s -> %d, %d bytes, attempt %d", shown, status, len(body), attempts)
                fetched_at = datetime.now(UTC)
                return Answer(status, answer_headers, body, shown.split(" ", 1)[1], fetched_at, attempts)
            # Outside the except block: an error raised there would carry the library's, with its URLs, as context.
            if problem.status is None:
                problem.status = status
            if not problem.retry or attempts > self._max_retries:
                raise _error(problem, shown, attempts)
            pause = self._pause(problem, attempts)
            left = end - time.monotonic()
            if pause >= left:
                wait = f"the next attempt in {pause:.1f} s would come after the deadline of {self._total_deadline:g} s"
                problem.reason = f"{problem.reason}; {wait}"
                raise _error(problem, shown, attempts)
            log.warning("%s: %s (%s), attempt %d, next in %.1f s", shown, conceal(problem.reason), problem.code,
                        attempts, pause)  # fmt: skip
            self._sleep(pause)
            self._wait_for_turn()

    def _url(self, path_or_url: str, params: Mapping[str, Any] | None) -> str:
        absolute = path_or_url.startswith(("http://", "https://"))
        url = path_or_url if absolute else f"{self.base_url}/{path_or_url.lstrip('/')}"
        query = _encoded(params, quote_via=quote, safe="/") if params else ""
        return f"{url}{'&' if '?' in url else '?'}{query}" if query else url

    def _prepare(
        self,
        method: str,
        url: str,
        form: Mapping[str, Any] | None,
        json: Any,
        multipart: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        shown: str,
    ) -> requests.PreparedRequest:
        if sum(part is not None for part in (form, json, multipart)) > 1:
            raise ValueError("give one of form, json and multipart")
        sent: dict[str, str] = {}
        body: str | bytes | None = None
        if form is not None:
            body, sent["Content-Type"] = _encoded(form), "application/x-www-form-urlencoded"
        elif json is not None:
            body, sent["Content-Type"] = orjson.dumps(json), "application/json"
        elif multipart is not None:
            body, sent["Content-Type"] = encode_multipart_formdata(dict(multipart))
        problem: PermanentAnswer
        prepared = requests.PreparedRequest()
        try:
            prepared.prepare_method(method.upper())
            prepared.prepare_url(url, None)
            prepared.prepare_headers({**self._headers, **sent, **(headers or {})})
            if len(self._cookies):
                prepared.prepare_cookies(self._cookies)
            prepared.prepare_body(body, None)
            return prepared
        except (requests.RequestException, UnicodeError) as exc:
            problem = PermanentAnswer(f"no valid request ({type(exc).__name__})", "alamat_ditolak")
        raise _error(problem, shown, 0)

    def _attempt(
        self, prepared: requests.PreparedRequest, end: float, limit: int
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One attempt with its redirects. Raises RetryableAnswer or PermanentAnswer."""
        deadline = min(end, time.monotonic() + self._attempt_deadline)
        for _ in range(MAX_REDIRECTS + 1):
            attempt = http_wire.Attempt(deadline, self._read_timeout)
            http_wire.begin(attempt)
            try:
                timeout = urllib3.Timeout(
                    connect=self._within(self._connect_timeout, deadline),
                    read=self._within(self._read_timeout, deadline),
                )
                raw = self._wire.exchange(prepared, timeout)
                try:
                    if "Set-Cookie" in raw.headers:
                        extract_cookies_to_jar(self._cookies, prepared, raw)  # type: ignore[no-untyped-call]
                    if raw.status in _REDIRECTS:
                        prepared = self._redirected(prepared, raw)
                        continue
                    _check_status(raw)
                    limits = http_wire.BodyLimits(limit, self._max_decompressed_bytes, self._max_ratio)
                    body = http_wire.read_body(raw, attempt, limits)
                    return raw.status, CaseInsensitiveDict(raw.headers), body
                except AnswerProblem as problem:
                    problem.status = raw.status
                    raise
                finally:
                    # A body that was not read to its end makes the connection unfit for the next request.
                    raw.close()
                    raw.release_conn()
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as exc:
                failure = http_wire.explain(exc, attempt)
            raise failure
        raise PermanentAnswer(f"more than {MAX_REDIRECTS} redirects", "pengalihan_ditolak")

    def _redirected(self, prepared: requests.PreparedRequest, raw: urllib3.HTTPResponse) -> requests.PreparedRequest:
        status = raw.status
        if not raw.headers.get("Location"):
            raise PermanentAnswer(f"status {status} without a Location", "pengalihan_ditolak")
        try:
            target = urljoin(str(prepared.url), raw.headers["Location"])
        except ValueError:
            raise PermanentAnswer("redirect to what is no address", "pengalihan_ditolak") from None
        if _origin(target) != self._origin:
            raise PermanentAnswer(f"redirect to {conceal(_origin(target) or target)[:200]}", "pengalihan_ditolak")
        following = prepared.copy()
        if status == 303 or (status in (301, 302) and prepared.method == "POST"):
            following.method = "GET"
            following.body = None
            for name in ("Content-Type", "Content-Length", "Transfer-Encoding"):
                following.headers.pop(name, None)
        following.url = requests.utils.requote_uri(target)
        # The cookies of the redirecting answer go along, as a browser would send them.
        following.headers.pop("Cookie", None)
        following.prepare_cookies(self._cookies)
        return following

    @staticmethod
    def _within(timeout: float, deadline: float) -> float:
        return max(0.001, min(timeout, deadline - time.monotonic()))

    def _pause(self, problem: AnswerProblem, attempts: int) -> float:
        if problem.retry_after is not None:
            return problem.retry_after + self._rng.uniform(0, self._backoff_base)
        return self._rng.uniform(0, min(self._backoff_cap, self._backoff_base * 2 ** (attempts - 1)))

    def _wait_for_turn(self) -> None:
        wait = self._limit.reserve() if self._limit else 0
        if wait > 0:
            self._sleep(wait)


def _origin(url: str) -> str | None:
    """Scheme, host and port of a URL, the port always written; None for anything that has no such origin."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname else None


def _encoded(fields: Mapping[str, Any], **how: Any) -> str:
    return urlencode([(key, value) for key, value in fields.items() if value is not None], doseq=True, **how)


def _check_status(raw: urllib3.HTTPResponse) -> None:
    status = raw.status
    if 200 <= status < 300:
        return
    if status == 429 or status >= 500:
        after = _retry_after(raw.headers)
        asked = f", Retry-After {after:.0f} s" if after is not None else ""
        raise RetryableAnswer(f"status {status}{asked}", "http_429" if status == 429 else "http_5xx", retry_after=after)
    raise PermanentAnswer(f"status {status}", "http_4xx" if status >= 400 else "http_lain")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the host asks us to wait, in either form of the header; None when it does not say.

    A date is read against the answer's own Date, so that a host whose clock is wrong is still understood.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    try:
        now = parsedate_to_datetime(headers.get("Date", ""))
    except ValueError:
        now = datetime.now(UTC)
    if until.tzinfo is None or now.tzinfo is None:
        return None
    return max(0.0, (until - now).total_seconds())


def _error(problem: AnswerProblem, shown: str, attempts: int) -> PullError:
    kind = REASONS.get(problem.code, REASONS["galat_dalam_200"])
    return kind(problem.code, conceal(problem.reason), request=shown, status=problem.status, attempts=attempts)
