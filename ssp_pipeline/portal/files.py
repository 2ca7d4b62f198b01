"""Files of the public root over HTTP: parts, downloads, manifests, and the static pages of the current release.

Every file has its sha256 as strong ETag. What is addressed by content or version never changes and may be kept for
ever; everything else is asked about each time. Ranges are served of the file as it lies on disk, so a client that
reads a part of it and one that takes all compressed see the same bytes.

Belongs here: from an address to a file, and sending it. Does not belong here: making pages (`site`), other addresses.
"""

import asyncio
import base64
import hashlib
import mimetypes
import os
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote

from starlette.types import Scope, Send

from ssp_pipeline.portal.errors import Problem
from ssp_pipeline.portal.http import OPEN, SECURITY, accepts_gzip, encoded, gzipped, header

SITE = "situs"
IMMUTABLE = "public, max-age=31536000, immutable"
ASKED = "public, max-age=0, must-revalidate"
_MOST_RANGES = 8
_PIECE = 512 * 1024
_GZIP_SMALLEST, _GZIP_LARGEST = 1_400, 4 * 1024 * 1024
_GZIP_KEPT = 64 * 1024 * 1024
_KNOWN_DIGESTS = 20_000

_ADDRESSED = re.compile(r"bagian/[0-9a-f]{2}/([0-9a-f]{64})\.[a-z0-9.]+")
_VERSION_FILE = re.compile(r"dataset/[a-z0-9_]+/v\d+/[^/]+\.[a-z0-9]+")
_RELEASE_FILE = re.compile(r"rilis/\d+/[^/]+")
_FOREVER = re.compile(r"(bagian|rilis|aset|dataset/[a-z0-9_]+/v\d+)/.+[^/]")
_RANGE = re.compile(r"(\d*)-(\d*)")
_BOUNDARY = "sidata-bagian"

MEDIA = {
    ".parquet": "application/vnd.apache.parquet",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".geojson": "application/geo+json",
    ".jsonld": "application/ld+json",
    ".ttl": "text/turtle; charset=utf-8",
    ".ducklake": "application/octet-stream",
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".woff2": "font/woff2",
}
_COMPRESSED = (".parquet", ".xlsx", ".woff2", ".png", ".ducklake", ".gz", ".zip")


def media_of(path: Path) -> str:
    """Media type by the end of the name."""
    return MEDIA.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"


@dataclass(frozen=True)
class Found:
    """A file to be sent. `name` is the one that a download gets; none for what a browser shows."""

    path: Path
    forever: bool
    status: int = 200
    name: str | None = None
    media: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def locate(root: Path, release: int, path: str) -> Path | None:
    """The file behind an address, None if there is none. `path` is decoded and begins with a slash."""
    wanted = path.removeprefix("/")
    parts = wanted.split("/")
    if "\x00" in path or "\\" in path or any(p in (".", "..") for p in parts) or "" in parts[:-1]:
        return None
    if _ADDRESSED.fullmatch(wanted) or _VERSION_FILE.fullmatch(wanted) or _RELEASE_FILE.fullmatch(wanted):
        return _inside(root, root / wanted)
    pages = root / "rilis" / str(release) / SITE
    return _inside(root, pages / wanted / "index.html" if parts[-1] == "" else pages / wanted)


def _inside(root: Path, path: Path) -> Path | None:
    """The path if it is a file below the root, wherever links lead."""
    try:
        real = path.resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        return None
    return path if real.is_file() and real.is_relative_to(root.resolve()) else None


def is_folder(root: Path, release: int, path: str) -> bool:
    """Whether an address without its last slash names a page."""
    return not path.endswith("/") and locate(root, release, path + "/") is not None


def lasts(path: str) -> bool:
    """Whether what is behind an address never changes."""
    return _FOREVER.fullmatch(path.removeprefix("/")) is not None


class _Digests:
    """sha256 by file; one that was computed is kept until the file is another."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, int, int, int], str] = OrderedDict()

    async def of(self, path: Path, status: os.stat_result) -> str:
        addressed = re.fullmatch(r"([0-9a-f]{64})\.[a-z0-9.]+", path.name)
        if addressed:
            return addressed[1]
        key = (str(path), status.st_mtime_ns, status.st_size, status.st_ino)
        if key not in self._known:
            self._known[key] = await asyncio.to_thread(_sha256, path)
            while len(self._known) > _KNOWN_DIGESTS:
                self._known.popitem(last=False)
        return self._known[key]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Files:
    """Sends files; holds the digests and the compressed bodies of the most used small ones."""

    def __init__(self) -> None:
        self._digests = _Digests()
        self._packed: OrderedDict[str, bytes] = OrderedDict()

    async def send(self, scope: Scope, send: Send, found: Found) -> None:
        """Answer a GET or HEAD. Raises Problem 404 when the file is gone, 416."""
        try:
            descriptor = os.open(found.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise Problem(404, "tidak_ditemukan", "Berkas tidak ada.") from None
        try:
            await self._answer(scope, send, found, descriptor)
        finally:
            os.close(descriptor)

    async def _answer(self, scope: Scope, send: Send, found: Found, descriptor: int) -> None:
        status = os.fstat(descriptor)
        digest = await self._digests.of(found.path, status)
        packs = found.path.suffix not in _COMPRESSED and _GZIP_SMALLEST <= status.st_size <= _GZIP_LARGEST
        lines = {
            "Content-Type": found.media or media_of(found.path),
            "Cache-Control": IMMUTABLE if found.forever and found.status == 200 else ASKED,
            "Accept-Ranges": "bytes",
            "Last-Modified": formatdate(status.st_mtime, usegmt=True),
            **({"Vary": "Accept-Encoding"} if packs else {}),
            **({"Content-Disposition": disposition(found.name)} if found.name else {}),
            **found.headers,
        }
        wants = header(scope, b"range")
        pack = packs and accepts_gzip(scope) and not wants
        lines["ETag"] = f'"{digest}-gzip"' if pack else f'"{digest}"'
        if found.status == 200 and _unchanged(scope, digest, status.st_mtime):
            await _start(send, 304, lines)
            await send({"type": "http.response.body", "body": b""})
            return
        if pack:
            body = await self._packed_body(digest, found.path)
            lines["Content-Encoding"] = "gzip"
            lines["Content-Length"] = str(len(body))
            await _start(send, found.status, lines)
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
            return
        lines["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(digest)).decode()}:"
        ranges = None
        if wants and found.status == 200 and _may_range(scope, digest, status.st_mtime):
            ranges = read_ranges(wants, status.st_size)
        await _send_ranges(scope, send, found.status, lines, descriptor, status.st_size, ranges)

    async def _packed_body(self, digest: str, path: Path) -> bytes:
        kept = self._packed.get(digest)
        if kept is None:
            kept = self._packed[digest] = gzipped(await asyncio.to_thread(path.read_bytes), 6)
            size = sum(map(len, self._packed.values()))
            while size > _GZIP_KEPT and len(self._packed) > 1:
                size -= len(self._packed.popitem(last=False)[1])
        else:
            self._packed.move_to_end(digest)
        return kept


def disposition(name: str) -> str:
    """Content-Disposition of a download."""
    plain = re.sub(r'[^\x20-\x7e]|["\\]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _unchanged(scope: Scope, digest: str, modified: float) -> bool:
    """Whether the client has this content (RFC 9110, 13.2.2: If-None-Match goes before If-Modified-Since)."""
    tags = header(scope, b"if-none-match")
    if tags:
        known = {t.strip().removeprefix("W/").strip('"').removesuffix("-gzip") for t in tags.split(",")}
        return "*" in known or digest in known
    return _not_since(header(scope, b"if-modified-since"), modified)


def _not_since(text: str, modified: float) -> bool:
    if not text:
        return False
    try:
        return int(modified) <= parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        return False


def _may_range(scope: Scope, digest: str, modified: float) -> bool:
    """Whether If-Range lets a range be sent: only for exactly this content."""
    given = header(scope, b"if-range").strip()
    if not given:
        return True
    if given.startswith('"'):
        return given == f'"{digest}"'
    return formatdate(modified, usegmt=True) == given


def read_ranges(text: str, size: int) -> list[tuple[int, int]] | None:
    """Ranges as pairs of first byte and the one after the last; None if the header is to be ignored (RFC 9110, 14.2).

    Raises Problem 416 when no byte of the file is asked for, or so many ranges that it can only be meant to harm.
    """
    unit, _, specs = text.partition("=")
    parts = [part.strip() for part in specs.split(",") if part.strip()]
    matches = [_RANGE.fullmatch(part) for part in parts]
    if unit.strip() != "bytes" or not parts or any(m is None or not any(m.groups()) for m in matches):
        return None
    found = []
    for match in matches:
        first, last = match.groups() if match else ("", "")
        if len(first) > 18 or len(last) > 18 or (first and last and int(last) < int(first)):
            return None
        start = int(first) if first else max(0, size - int(last))
        stop = min(size, int(last) + 1) if first and last else size
        if start < stop and (first or int(last)):
            found.append((start, stop))
    if not found or len(found) > _MOST_RANGES:
        message = "Rentang di luar berkas." if not found else f"Paling banyak {_MOST_RANGES} rentang."
        raise Problem(416, "rentang_salah", message, headers={"Content-Range": f"bytes */{size}"})
    return found


async def _start(send: Send, status: int, lines: Mapping[str, str]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [*encoded(lines), *SECURITY, *OPEN]})


async def _send_ranges(
    scope: Scope,
    send: Send,
    status: int,
    lines: dict[str, str],
    descriptor: int,
    size: int,
    ranges: Sequence[tuple[int, int]] | None,
) -> None:
    heads = [b""]
    if ranges is None:
        spans: Sequence[tuple[int, int]] = [(0, size)]
    elif len(ranges) == 1:
        spans, status = ranges, 206
        lines["Content-Range"] = f"bytes {spans[0][0]}-{spans[0][1] - 1}/{size}"
    else:
        spans, status = ranges, 206
        media, lines["Content-Type"] = lines["Content-Type"], f"multipart/byteranges; boundary={_BOUNDARY}"
        heads = [
            f"\r\n--{_BOUNDARY}\r\nContent-Type: {media}\r\nContent-Range: bytes {a}-{b - 1}/{size}\r\n\r\n".encode()
            for a, b in spans
        ]
    tail = f"\r\n--{_BOUNDARY}--\r\n".encode() if len(spans) > 1 else b""
    lines["Content-Length"] = str(sum(b - a for a, b in spans) + sum(map(len, heads)) + len(tail))
    await _start(send, status, lines)
    if scope["method"] != "HEAD":
        for head, (start, stop) in zip(heads, spans, strict=True):
            if head:
                await send({"type": "http.response.body", "body": head, "more_body": True})
            await _send_span(send, descriptor, start, stop)
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else tail})


async def _send_span(send: Send, descriptor: int, start: int, stop: int) -> None:
    while start < stop:
        piece = await asyncio.to_thread(os.pread, descriptor, min(_PIECE, stop - start), start)
        if not piece:
            raise OSError("file became shorter while it was sent")
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        start += len(piece)
