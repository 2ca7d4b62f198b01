"""The lowest layer of the HTTP client: reading from the socket under a deadline, and a body under limits.

Belongs here: what requests and urllib3 do not bound by themselves — every single read of head and body ends at
the deadline, bytes beyond the announced length are seen, decompression stops at its limits — and what a broken
exchange means. Does not belong here: retries, redirects and what an answer means (`http.py`).
"""

import contextlib
import http.client
import io
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    IncompleteRead,
    InvalidHeader,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
)
from urllib3.response import HTTPResponse
from urllib3.util import Timeout

from connectors.http_errors import AnswerProblem, PermanentAnswer, RetryableAnswer

CHUNK = 1 << 18
_BUFFER = 1 << 17
"""A page of a thousand rows comes in one read: each is two waits of this thread for its turn among the others."""


@dataclass
class Attempt:
    """Limits of one exchange. `deadline` is a time.monotonic() instant; `excess` is filled while reading: bytes
    that came after the announced end of the answer."""

    deadline: float
    read_timeout: float
    excess: int = 0


_current = threading.local()


def begin(attempt: Attempt) -> None:
    """Bound the answers that this thread reads from now on by `attempt`."""
    _current.attempt = attempt


class _BoundedSocket(io.RawIOBase):
    """A socket's reading side whose every read waits until the deadline at most."""

    def __init__(self, sock: socket.socket, attempt: Attempt) -> None:
        self._socket = sock
        self._raw: Any = sock.makefile("rb", buffering=0)
        self._attempt = attempt
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.ended:
            return 0
        left = self._attempt.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline")
        wait = min(left, self._attempt.read_timeout)
        if self._socket.gettimeout() != wait:  # setting it asks the kernel, and other threads take their turn meanwhile
            self._socket.settimeout(wait)
        count: int | None = self._raw.readinto(buffer)
        return count

    def shut_down(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Reader(io.BufferedReader):
    def __init__(self, raw: _BoundedSocket, attempt: Attempt) -> None:
        super().__init__(raw, _BUFFER)
        self._bounded = raw
        self._attempt = attempt

    def close(self) -> None:
        if not self.closed:
            # http.client closes the reader at the announced end; what is buffered by then is too much.
            self._bounded.ended = True
            self._attempt.excess = len(self.peek(1))
            if self._attempt.excess:
                # urllib3 has no way to know: a socket that is shut down will not be taken from its pool again.
                self._bounded.shut_down()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        attempt: Attempt = _current.attempt
        self.fp = _Reader(_BoundedSocket(sock, attempt), attempt)


class _Connection(HTTPConnection):
    response_class = _BoundedResponse


class _TlsConnection(HTTPSConnection):
    response_class = _BoundedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class BoundedAdapter(HTTPAdapter):
    """requests' transport to one origin, with the bounded reads and without what a session of requests does around
    it for each request. `verify` is True or the path of a CA bundle."""

    def __init__(self, verify: bool | str, proxies: Mapping[str, str], pool_size: int) -> None:
        self._verify = verify
        self._proxies = dict(proxies)
        self._pool: Any = None
        super().__init__(pool_maxsize=pool_size)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        return manager

    def exchange(self, prepared: requests.PreparedRequest, timeout: Timeout) -> HTTPResponse:
        """Send a request and read the head of its answer, following nothing. Call `begin` before, in the same thread.

        The caller reads the body by `read_body`, closes the answer and releases its connection. Raises what urllib3
        and the operating system raise; see `explain`.
        """
        if self._pool is None:
            pool = self.get_connection_with_tls_context(prepared, self._verify, proxies=self._proxies)
            self.cert_verify(pool, prepared.url, self._verify, None)  # type: ignore[no-untyped-call]
            self._pool = pool
        answer = self._pool.urlopen(
            prepared.method,
            self.request_url(prepared, self._proxies),
            body=prepared.body,
            headers=prepared.headers,
            retries=self.max_retries,
            redirect=False,
            assert_same_host=False,
            timeout=timeout,
            preload_content=False,
            decode_content=False,
        )
        return cast(HTTPResponse, answer)

    def close(self) -> None:
        self._pool = None
        super().close()


@dataclass(frozen=True)
class BodyLimits:
    """`received`: bytes as sent; `decompressed`: bytes after decompression; `ratio`: growth by decompression,
    looked at once more than `ratio_floor` bytes have come out."""

    received: int
    decompressed: int
    ratio: float
    ratio_floor: int = 1 << 20


def read_body(raw: HTTPResponse, attempt: Attempt, limits: BodyLimits) -> bytes:
    """The whole body, decompressed. Holds at most the limits in memory.

    Raises PermanentAnswer (terlalu_besar, bom_dekompresi, sandi_tak_dikenal), RetryableAnswer (gzip_terpotong,
    gzip_rusak, panjang_tidak_cocok), and what urllib3 raises for a broken or late connection.
    """
    announced = raw.length_remaining
    if announced is not None and announced > limits.received:
        raise _too_large(f"{announced:,} bytes are announced", limits.received)
    encoding = raw.headers.get("content-encoding", "").strip().lower()
    inflater = None if encoding in ("", "identity") else Inflater(encoding, limits)
    parts: list[bytes] = []
    received = 0
    while raw.length_remaining != 0:
        chunk = raw.read1(CHUNK, decode_content=False)
        if not chunk:
            break
        received += len(chunk)
        if received > limits.received:
            raise _too_large("the answer goes on", limits.received)
        parts.extend(inflater.feed(chunk) if inflater else (chunk,))
    # A length of 0 leaves the connection open until something reads its end.
    raw.read1(1, decode_content=False)
    if announced is not None and attempt.excess:
        raise RetryableAnswer(
            f"Content-Length announced {announced} bytes, at least {attempt.excess} more came", "panjang_tidak_cocok"
        )
    if inflater:
        inflater.finish()
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(what: str, limit: int) -> PermanentAnswer:
    return PermanentAnswer(f"{what}, the limit is {limit:,} bytes", "terlalu_besar")


class Inflater:
    """Decompresses gzip (also of several members) or deflate piece by piece, never beyond the limits."""

    def __init__(self, encoding: str, limits: BodyLimits) -> None:
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise PermanentAnswer(f"Content-Encoding {encoding[:40]!r} was not asked for", "sandi_tak_dikenal")
        self._gzip = encoding != "deflate"
        self._limits = limits
        self._received = 0
        self._produced = 0
        self._engine: Any = None
        self._done = False

    def feed(self, data: bytes) -> list[bytes]:
        """Decompressed pieces of this input. Raises like `read_body`."""
        self._received += len(data)
        out: list[bytes] = []
        while True:
            if self._engine is None:
                if not data:
                    return out
                self._engine = zlib.decompressobj(self._window(data))
                self._done = False
            try:
                piece = self._engine.decompress(data, CHUNK)
            except zlib.error as exc:
                raise RetryableAnswer(f"the compressed body is broken ({exc})", "gzip_rusak") from None
            self._produced += len(piece)
            self._check()
            if piece:
                out.append(piece)
            if self._engine.eof:
                data = self._engine.unused_data
                self._engine, self._done = None, True
                if data and not self._gzip:
                    raise RetryableAnswer("bytes follow the compressed body", "gzip_rusak")
            else:
                data = self._engine.unconsumed_tail
                if not data and len(piece) < CHUNK:  # a full piece can leave more inside zlib
                    return out

    def finish(self) -> None:
        """Raises RetryableAnswer (gzip_terpotong) when the end of the compressed data never came."""
        if not self._done:
            raise RetryableAnswer("the compressed body ends before its end mark", "gzip_terpotong")

    def _window(self, data: bytes) -> int:
        if self._gzip:
            return 16 + zlib.MAX_WBITS
        # "deflate" is zlib by the standard, and the bare stream with some servers.
        return zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS

    def _check(self) -> None:
        if self._produced > self._limits.decompressed:
            raise PermanentAnswer(
                f"the answer decompresses to more than {self._limits.decompressed:,} bytes", "bom_dekompresi"
            )
        if self._produced > self._limits.ratio_floor and self._produced > self._limits.ratio * self._received:
            raise PermanentAnswer(
                f"the answer grows more than {self._limits.ratio:g}-fold when decompressed", "bom_dekompresi"
            )


def _chain(exc: BaseException) -> Iterator[BaseException]:
    """An exception and all that it wraps: urllib3's wrap the operating system's."""
    queue, seen = [exc], set[int]()
    while queue:
        one = queue.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = (*one.args, getattr(one, "reason", None), one.__cause__, one.__context__)
        queue.extend(other for other in inner if isinstance(other, BaseException))


def explain(exc: BaseException, attempt: Attempt) -> AnswerProblem:
    """What a failed exchange means. The library's own text is left out: it quotes the URL."""
    chain = list(_chain(exc))

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(one, kinds) for one in chain)

    if has(ssl.SSLCertVerificationError):
        return PermanentAnswer("the host's certificate is not trusted", "tls_gagal")
    if has(ssl.SSLError) and not has(TimeoutError):
        return RetryableAnswer("the encrypted connection failed", "tls_gagal")
    if has(NameResolutionError):
        return RetryableAnswer("the host's name is not known", "tidak_tersambung")
    if has(ConnectionRefusedError, NewConnectionError, ProxyError):
        return RetryableAnswer("the host does not take connections", "tidak_tersambung")
    if has(ConnectTimeoutError):
        return RetryableAnswer("no connection within the time for it", "batas_waktu")
    if has(TimeoutError, ReadTimeoutError):
        if time.monotonic() >= attempt.deadline - 0.01:
            return RetryableAnswer("the answer was not complete at the deadline", "batas_waktu")
        return RetryableAnswer(f"nothing came for {attempt.read_timeout:g} s", "batas_waktu")
    if has(InvalidHeader):
        return RetryableAnswer("the answer's headers contradict each other", "panjang_tidak_cocok")
    if has(requests.exceptions.InvalidURL, LocationValueError):
        return PermanentAnswer(f"no valid request ({type(exc).__name__})", "alamat_ditolak")
    cut = next((one for one in chain if isinstance(one, IncompleteRead)), None)
    if cut is not None and isinstance(cut.expected, int):
        return RetryableAnswer(f"the body broke off, {cut.expected} bytes before its end", "koneksi_putus")
    return RetryableAnswer(f"the connection broke ({type(chain[-1]).__name__})", "koneksi_putus")
