"""How each fault of the stand-ins is made on the wire.

Belongs here: the exchange that a fault takes over, and one function a fault. Does not belong here: when a fault
strikes and what each name means (`faults.py`), changes of rows (`fault_rows.py`).
"""

import asyncio
import gzip
import json
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.fault_rows import BODY_FAULTS, ROW_FAULTS, FaultError, endless_page, mutate, shrink_total

if TYPE_CHECKING:
    from connectors.faults import Rule

TRANSPORT = "ssp.transport"
"""Key in the ASGI scope's extensions under which the server hands over the connection's transport."""

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Answer:
    """A whole answer of the stand-in, as the fault mode holds it."""

    status: int
    headers: Headers
    body: bytes

    def head(self, length: int | None = None) -> bytes:
        """Status line and headers as bytes, with this Content-Length."""
        lines = [b"HTTP/1.1 %d Stand-in" % self.status]
        lines += [b"%s: %s" % pair for pair in self.headers if pair[0].lower() != b"content-length"]
        if all(name.lower() != b"x-ssp-asal" for name, _ in self.headers):
            lines.append(b"x-ssp-asal: tiruan")  # what is written past the app misses the shell's label
        lines.append(b"content-length: %d" % (len(self.body) if length is None else length))
        return b"\r\n".join(lines) + b"\r\n\r\n"


class Exchange:
    """One request that meets a fault, and the ways to answer it."""

    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, rule: "Rule") -> None:
        self.rule = rule
        self._answer: Answer | None = None
        self._app, self._scope, self._receive, self._send = app, scope, receive, send
        self.transport: asyncio.Transport | None = scope.get("extensions", {}).get(TRANSPORT)

    @property
    def arg(self) -> Mapping[str, Any]:
        return self.rule.arg

    async def answer(self) -> Answer:
        """What the stand-in would have said, without a Content-Encoding."""
        if self._answer is None:
            self._answer = await self._true_answer()
        return self._answer

    async def _true_answer(self) -> Answer:
        status, headers, body = 500, [], bytearray()

        async def keep(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message.get("headers", []))
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))

        await self._app(self._scope, self._receive, keep)
        encodings = [value for name, value in headers if name.lower() == b"content-encoding"]
        plain = gzip.decompress(bytes(body)) if encodings == [b"gzip"] else bytes(body)
        return Answer(status, [pair for pair in headers if pair[0].lower() != b"content-encoding"], plain)

    async def reply(self, status: int, headers: Headers, body: bytes) -> None:
        kept = [pair for pair in headers if pair[0].lower() != b"content-length"]
        kept.append((b"content-length", b"%d" % len(body)))
        await self._send({"type": "http.response.start", "status": status, "headers": kept})
        await self._send({"type": "http.response.body", "body": body})

    async def stream(self, headers: Headers, chunk: bytes, count: int) -> None:
        """200 with `count` times the chunk, at the speed of the reader, until it goes away."""
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        for _ in range(count):
            if self.wire().is_closing():
                return
            await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    def wire(self) -> asyncio.Transport:
        if self.transport is None:
            raise FaultError("server ini tidak memberi akses ke kawat: jalankan lewat connectors.sandbox")
        return self.transport

    async def hang_up(self, *, reset: bool = False) -> None:
        """Close the connection and wait until the server has seen that."""
        if reset:
            self.wire().abort()
        else:
            self.wire().close()
        while (await self._receive())["type"] != "http.disconnect":
            pass


JSON_TYPE = (b"content-type", b"application/json")


async def _too_many(meet: Exchange) -> None:
    await meet.reply(429, [(b"retry-after", str(meet.arg.get("detik", 1)).encode())], b"")


async def _too_many_until(meet: Exchange) -> None:
    until = formatdate(time.time() + float(meet.arg.get("detik", 1)), usegmt=True)
    await meet.reply(429, [(b"retry-after", until.encode())], b"")


async def _server_error(meet: Exchange) -> None:
    await meet.reply(int(meet.arg.get("kode", 503)), [(b"content-type", b"text/plain")], b"layanan terganggu")


async def _cut(meet: Exchange) -> None:
    answer = await meet.answer()
    meet.wire().write(answer.head() + answer.body[: len(answer.body) // 2])
    if meet.arg.get("cara") == "reset":
        # Time for the bytes to leave: an abort throws away what is still buffered.
        await asyncio.sleep(0.02)
        await meet.hang_up(reset=True)
    else:
        await meet.hang_up()


async def _short_gzip(meet: Exchange) -> None:
    answer = await meet.answer()
    packed = gzip.compress(answer.body, mtime=0)
    await meet.reply(answer.status, [*answer.headers, (b"content-encoding", b"gzip")], packed[:-12])


async def _gzip_bomb(meet: Exchange) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    # A gzip file may hold members one after the other: one of 16 MiB, sent again and again.
    member = packer.compress(bytes(16 << 20)) + packer.flush()
    count = max(1, int(meet.arg.get("mb", 2048)) // 16)
    await meet.stream([JSON_TYPE, (b"content-encoding", b"gzip")], member, count)


async def _wrong_length(meet: Exchange) -> None:
    answer = await meet.answer()
    length = len(answer.body)
    announced = length + 100 if meet.arg.get("arah") == "lebih" else length - min(length, 10)
    meet.wire().write(answer.head(announced) + answer.body)
    await meet.hang_up()


async def _drip(meet: Exchange) -> None:
    answer = await meet.answer()
    meet.wire().write(answer.head())
    for byte in answer.body:
        if meet.wire().is_closing():
            break
        meet.wire().write(bytes((byte,)))
        await asyncio.sleep(float(meet.arg.get("jeda", 0.1)))
    await meet.hang_up()


_LOGIN_PAGE = (
    b'<!DOCTYPE html>\n<html lang="id"><head><title>Masuk</title></head><body><form method="post" action="/login">'
    b'<input name="username"><input type="password" name="password"><button>Masuk</button></form></body></html>'
)


async def _login_page(meet: Exchange) -> None:
    await meet.reply(200, [(b"content-type", b"text/html; charset=utf-8")], _LOGIN_PAGE)


async def _xml(meet: Exchange) -> None:
    body = b'<?xml version="1.0" encoding="UTF-8"?>\n<jawaban><status>gagal</status></jawaban>\n'
    await meet.reply(200, [(b"content-type", b"text/xml")], body)


async def _envelope(meet: Exchange) -> None:
    content = meet.arg.get("isi", {"status": False, "message": "Layanan sedang sibuk", "data": None})
    await meet.reply(200, [JSON_TYPE], json.dumps(content).encode())


async def _empty(meet: Exchange) -> None:
    await meet.reply(200, [JSON_TYPE], b"")


async def _elsewhere(meet: Exchange) -> None:
    await meet.reply(302, [(b"location", str(meet.arg.get("ke", "http://lain.invalid/")).encode())], b"")


async def _too_large(meet: Exchange) -> None:
    count = max(1, int(float(meet.arg.get("mb", 512)) * 16))
    headers = [JSON_TYPE]
    if meet.arg.get("panjang"):
        headers.append((b"content-length", b"%d" % (count << 16)))
    await meet.stream(headers, b" " * (1 << 16), count)


async def _same_page(meet: Exchange) -> None:
    answer = await meet.answer()
    if meet.rule.memory:
        answer = meet.rule.memory[0]
    else:
        meet.rule.memory.append(answer)
        meet.rule.struck -= 1  # the page itself is no fault, only its copies are
    await meet.reply(answer.status, answer.headers, answer.body)


async def _endless(meet: Exchange) -> None:
    answer = await meet.answer()
    if not meet.rule.memory:
        meet.rule.memory.append(answer)
    body = endless_page(meet.rule.memory[0].body, meet.arg, meet.rule.struck - 1)
    await meet.reply(answer.status, answer.headers, body)


async def _shrinking(meet: Exchange) -> None:
    answer = await meet.answer()
    await meet.reply(answer.status, answer.headers, shrink_total(answer.body, meet.arg, meet.rule.struck))


async def _content(meet: Exchange) -> None:
    answer = await meet.answer()
    await meet.reply(answer.status, answer.headers, mutate(meet.rule.fault, answer.body, meet.arg))


FAULTS: dict[str, Callable[[Exchange], Awaitable[None]]] = {
    "429_detik": _too_many,
    "429_tanggal": _too_many_until,
    "5xx": _server_error,
    "putus": _cut,
    "gzip_terpotong": _short_gzip,
    "bom_gzip": _gzip_bomb,
    "panjang_salah": _wrong_length,
    "tetes": _drip,
    "halaman_login": _login_page,
    "xml": _xml,
    "galat_200": _envelope,
    "kosong_200": _empty,
    "alih_host": _elsewhere,
    "terlalu_besar": _too_large,
    "halaman_kembar": _same_page,
    "halaman_tak_berakhir": _endless,
    "total_menyusut": _shrinking,
    **dict.fromkeys((*ROW_FAULTS, *BODY_FAULTS), _content),
}
