"""One look at one HLS stream, within one hard deadline.

Belongs here: name lookup, one HTTP request, reading playlists, and what a look found. Does not belong here:
rounds, what an earlier look said, logs (`prober.py`, `logbook.py`). The shared HTTP client is not used on
purpose: it retries and waits, and a probe has to see the first failure.
"""

import http.client
import io
import re
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

Status = Literal["up", "frozen", "playlist_only", "http_error", "timeout", "dns"]

USER_AGENT = "SumutSmartProvince/1.0 (+cctv prober)"
_REDIRECTS = 3
_SEQUENCE = re.compile(r"^#EXT-X-MEDIA-SEQUENCE:\s*(\d{1,18})\s*$", re.MULTILINE)
_TARGET = re.compile(r"^#EXT-X-TARGETDURATION:\s*(\d{1,6})", re.MULTILINE)
_GONE = (404, 410)


class Unreadable(Exception):
    """The server answered, but not with what was asked for. `http` is its status code, if there was one."""

    def __init__(self, reason: str, http: int | None = None):
        super().__init__(reason)
        self.http = http


class NameUnknown(Exception):
    """The host's name could not be resolved."""


@dataclass(frozen=True)
class Camera:
    """A camera and the addresses of its stream, the likeliest first: stream names drift, the number stays."""

    id: int
    urls: tuple[str, ...]


@dataclass(frozen=True)
class Limits:
    """What one look may cost: seconds in all, bytes of a playlist, bytes of a segment."""

    deadline: float = 3.5
    playlist_bytes: int = 256 * 1024
    segment_bytes: int = 4096
    hosts: frozenset[str] = frozenset()
    """Hosts beside the stream's own that its playlists may lead to."""


@dataclass(frozen=True)
class Look:
    """What one look found. `status` is `up` when playlist and segment are there; two looks show movement.

    `seq` is EXT-X-MEDIA-SEQUENCE (0 when the tag is absent, as RFC 8216 4.3.3.2 says), `mark` the last
    segment's URI, `hold` the target duration in seconds, `latency_ms` the time until the whole playlist was
    there.
    """

    status: Status
    http: int | None = None
    latency_ms: int | None = None
    seq: int | None = None
    mark: str = ""
    hold: float = 0.0
    ended: bool = False
    url: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Playlist:
    """A parsed playlist: a master one has `variants`, a media one `segments`; both as written in it."""

    seq: int
    segments: tuple[str, ...]
    variants: tuple[str, ...]
    hold: float
    ended: bool


class Deadline:
    """A point in time by which everything must have happened."""

    def __init__(self, seconds: float):
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left, more than 0. Raises TimeoutError."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline of the probe has passed")
        return left


class Resolver:
    """Names looked up once a round and shared by all cameras of a host.

    The system's lookup cannot be interrupted, so each runs in a thread of its own, and who waits for it waits
    no longer than his deadline.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[tuple[str, int], _Lookup] = {}

    def addresses(self, host: str, port: int, deadline: Deadline) -> Sequence[tuple[Any, ...]]:
        """Rows of getaddrinfo, IPv4 first. Raises NameUnknown, also when the lookup outlasts the deadline."""
        with self._lock:
            lookup = self._found.get((host, port))
            if lookup is None:
                lookup = self._found[(host, port)] = _Lookup(host, port)
        return lookup.wait(deadline)


class _Lookup:
    def __init__(self, host: str, port: int):
        self._done = threading.Event()
        self._rows: list[tuple[Any, ...]] = []
        threading.Thread(target=self._run, args=(host, port), daemon=True).start()

    def _run(self, host: str, port: int) -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            self._rows = sorted(rows, key=lambda row: row[0] != socket.AF_INET)
        except (OSError, UnicodeError):
            self._rows = []
        finally:
            self._done.set()

    def wait(self, deadline: Deadline) -> list[tuple[Any, ...]]:
        if not self._done.wait(deadline.left()) or not self._rows:
            raise NameUnknown
        return self._rows


class _Wire(io.RawIOBase):
    """A socket's bytes; each read gets only what is left of the deadline, so that a drip cannot stretch it."""

    def __init__(self, sock: socket.socket, deadline: Deadline):
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._deadline.left())
        return self._sock.recv_into(buffer)


class _Socket:
    """The part of a socket that http.client needs, under the deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline):
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._deadline.left())
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Wire(self._sock, self._deadline))

    def close(self) -> None:
        """Nothing: http.client closes before the body is read; who opened the socket closes it."""


class Eye:
    """Looks at streams; safe to share between threads. A new one each round looks names up anew."""

    def __init__(self, limits: Limits, tls: ssl.SSLContext | None = None):
        self._limits = limits
        self._tls = tls or ssl.create_default_context()
        self._resolver = Resolver()

    def look(self, camera: Camera) -> Look:
        """Playlist and first segment of a camera. Never raises for what a server or a network does."""
        deadline = Deadline(self._limits.deadline)
        found = Look("timeout")
        for url in camera.urls:
            found = self._guarded(url, deadline, segment=True)
            if found.http not in _GONE:
                break
        return found

    def again(self, before: Look) -> Look:
        """The playlist alone, at the address that answered before."""
        return self._guarded(before.url, Deadline(self._limits.deadline), segment=False)

    def _guarded(self, url: str, deadline: Deadline, *, segment: bool) -> Look:
        try:
            return self._look(url, deadline, segment)
        except NameUnknown:
            return Look("dns", url=url)
        except TimeoutError:
            return Look("timeout", url=url)
        except Unreadable as error:
            return Look("http_error", http=error.http, url=url, reason=str(error))
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Look("http_error", url=url, reason=f"{type(error).__name__}: {error}")

    def _look(self, url: str, deadline: Deadline, segment: bool) -> Look:
        started = time.monotonic()
        own_host = urlsplit(url).hostname
        code, at, playlist = self._playlist(url, own_host, deadline)
        if playlist.variants and not playlist.segments:
            code, at, playlist = self._playlist(urljoin(at, playlist.variants[0]), own_host, deadline)
        latency = round((time.monotonic() - started) * 1000)
        there = bool(playlist.segments)
        if there and segment:
            first, last = playlist.segments[0], playlist.segments[-1]
            # The oldest may leave the server between the two requests; the newest is then the witness.
            tried = dict.fromkeys((first, last))
            there = any(self._segment(urljoin(at, uri), own_host, deadline) for uri in tried)
        return Look(
            "up" if there else "playlist_only",
            http=code,
            latency_ms=latency,
            seq=playlist.seq,
            mark=playlist.segments[-1] if playlist.segments else "",
            hold=playlist.hold,
            ended=playlist.ended,
            url=url,
        )

    def _playlist(self, url: str, own_host: str | None, deadline: Deadline) -> tuple[int, str, Playlist]:
        code, at, body = self._get(url, own_host, deadline, self._limits.playlist_bytes)
        if code != 200:
            raise Unreadable(f"status {code}", code)
        if len(body) > self._limits.playlist_bytes:
            raise Unreadable("playlist too large", code)
        text = body.decode("utf-8", errors="replace")
        if not text.startswith("#EXTM3U"):
            raise Unreadable("200, but no #EXTM3U", code)
        return code, at, parse_playlist(text)

    def _segment(self, url: str, own_host: str | None, deadline: Deadline) -> bool:
        """Whether the first bytes of a segment are delivered."""
        wanted = self._limits.segment_bytes
        try:
            code, _, body = self._get(url, own_host, deadline, wanted, {"Range": f"bytes=0-{wanted - 1}"})
        except (NameUnknown, Unreadable, OSError, http.client.HTTPException, ValueError):
            return False
        return code in (200, 206) and bool(body)

    def _get(
        self,
        url: str,
        own_host: str | None,
        deadline: Deadline,
        size: int,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, str, bytes]:
        """Status, final address and at most `size` + 1 bytes. Redirects stay on allowed hosts."""
        for _ in range(_REDIRECTS + 1):
            host = urlsplit(url).hostname
            if host != own_host and host not in self._limits.hosts:
                raise Unreadable("leads to another host")
            code, target, body = self._request(url, deadline, size, headers or {})
            if target is None:
                return code, url, body
            url = urljoin(url, target)
        raise Unreadable("too many redirects", code)

    def _request(
        self, url: str, deadline: Deadline, size: int, headers: dict[str, str]
    ) -> tuple[int, str | None, bytes]:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Unreadable("no http(s) address")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        connection = http.client.HTTPConnection(parts.hostname, port)
        sock = self._connect(parts.hostname, port, parts.scheme == "https", deadline)
        try:
            connection.sock = _Socket(sock, deadline)
            origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
            query = f"?{parts.query}" if parts.query else ""
            connection.putrequest("GET", (parts.path or "/") + query, skip_host=True, skip_accept_encoding=True)
            sent = {
                "Host": origin.partition("//")[2],
                "User-Agent": USER_AGENT,
                "Referer": f"{origin}/",
                "Origin": origin,
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                "Connection": "close",
            }
            for name, value in (sent | headers).items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            if answer.status in (301, 302, 303, 307, 308):
                return answer.status, answer.headers.get("Location") or url, b""
            body = answer.read(size + 1)
            if answer.length and len(body) <= size:
                raise Unreadable("cut short", answer.status)
            return answer.status, None, body
        finally:
            sock.close()

    def _connect(self, host: str, port: int, tls: bool, deadline: Deadline) -> socket.socket:
        rows = self._resolver.addresses(host, port, deadline)
        for number, (family, kind, protocol, _, address) in enumerate(rows):
            last = number == len(rows) - 1
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(deadline.left() if last else deadline.left() / 2)
                sock.connect(address)
                sock.settimeout(deadline.left())
                return self._tls.wrap_socket(sock, server_hostname=host) if tls else sock
            except OSError as error:
                sock.close()
                if last or isinstance(error, ssl.SSLError):
                    raise
            except BaseException:
                sock.close()
                raise
        raise NameUnknown


def parse_playlist(text: str) -> Playlist:
    """Read an HLS playlist (RFC 8216); unknown tags are passed over."""
    segments: list[str] = []
    variants: list[str] = []
    variant_next = False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("#EXT-X-STREAM-INF"):
            variant_next = True
        elif line and not line.startswith("#"):
            (variants if variant_next else segments).append(line)
            variant_next = False
    sequence, target = _SEQUENCE.search(text), _TARGET.search(text)
    return Playlist(
        seq=int(sequence[1]) if sequence else 0,
        segments=tuple(segments),
        variants=tuple(variants),
        hold=float(target[1]) if target else 0.0,
        ended="#EXT-X-ENDLIST" in text,
    )


def moved(before: Look, after: Look) -> bool:
    """Whether the stream went on between two looks: its sequence rose, or else its last segment changed.

    The second form is that of playlists that only grow (EXT-X-PLAYLIST-TYPE:EVENT).
    """
    if after.ended or before.seq is None or after.seq is None:
        return False
    if after.seq != before.seq:
        return after.seq > before.seq
    return bool(before.mark) and after.mark != before.mark
