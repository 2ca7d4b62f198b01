"""Answers over ASGI: headers that every answer has, bodies compressed where it pays, errors in their one shape.

Belongs here: the mechanics of sending. Does not belong here: files with ranges (`files.py`), what is answered.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from starlette.types import Receive, Scope, Send

from ssp_pipeline.portal.errors import Problem
from ssp_pipeline.web.files import CONTENT_SECURITY_POLICY

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
_WORTH = 1_400
"""Bytes that fit into one packet: below, compression saves nothing."""
_AT_ONCE = 256 * 1024

SECURITY = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"strict-transport-security", b"max-age=31536000"),
)
OPEN = (
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"Content-Disposition, Content-Length, Content-Range, Accept-Ranges, ETag, Retry-After, Repr-Digest",
    ),
)
"""Open data may be read by any page; nothing here depends on who is logged in where."""

Headers = Iterable[tuple[bytes, bytes]]


def header(scope: Scope, name: bytes) -> str:
    """A request header, empty if it is not there."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return ""


def accepts_gzip(scope: Scope) -> bool:
    """Whether the client takes gzip."""
    for part in header(scope, b"accept-encoding").lower().split(","):
        name, _, quality = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def gzipped(body: bytes, level: int = 5) -> bytes:
    """The body as a gzip stream."""
    packer = zlib.compressobj(level, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI wants them."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]


async def send_body(
    scope: Scope, send: Send, status: int, media: str, body: bytes, headers: Mapping[str, str] | None = None
) -> None:
    """A whole answer."""
    lines = [(b"content-type", media.encode()), *SECURITY, *OPEN]
    given = headers or {}
    if "Cache-Control" not in given:
        lines.append((b"cache-control", b"no-cache"))
    lines += encoded(given)
    if len(body) >= _WORTH:
        lines.append((b"vary", b"Accept-Encoding"))
        if accepts_gzip(scope):
            big = len(body) > _AT_ONCE
            body = await asyncio.to_thread(gzipped, body, 3) if big else gzipped(body, 1)
            lines.append((b"content-encoding", b"gzip"))
    lines.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def send_stream(
    scope: Scope,
    receive: Receive,
    send: Send,
    media: str,
    pieces: AsyncIterator[bytes],
    headers: Mapping[str, str],
    *,
    compress: bool,
) -> None:
    """An answer whose length is not known at its beginning. Nothing more is made for a client that has gone."""
    lines = [(b"content-type", media.encode()), *SECURITY, *OPEN, *encoded(headers)]
    packer = None
    if compress:
        lines.append((b"vary", b"Accept-Encoding"))
        if accepts_gzip(scope):
            packer = zlib.compressobj(3, zlib.DEFLATED, 31)
            lines.append((b"content-encoding", b"gzip"))
    await send({"type": "http.response.start", "status": 200, "headers": lines})
    if scope["method"] != "HEAD":
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            async for piece in pieces:
                out = await asyncio.to_thread(packer.compress, piece) if packer else piece
                if gone.done():
                    return
                if out:
                    await send({"type": "http.response.body", "body": out, "more_body": True})
        finally:
            gone.cancel()
    tail = packer.flush() if packer and scope["method"] != "HEAD" else b""
    await send({"type": "http.response.body", "body": tail})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_problem(scope: Scope, send: Send, problem: Problem) -> None:
    """An error for programs."""
    await send_body(scope, send, problem.status, JSON, problem.body(), problem.headers)


async def read_body(receive: Receive, limit: int) -> bytes:
    """The request's body. Raises Problem 413 as soon as it is longer than `limit`."""
    body = bytearray()
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "terputus", "Permintaan terputus.")
        body += message.get("body", b"")
        if len(body) > limit:
            raise Problem(413, "terlalu_besar", f"Isi permintaan lebih dari {limit // 1024} KB.")
        if not message.get("more_body", False):
            return bytes(body)
