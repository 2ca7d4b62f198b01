"""Dagster's own pages behind our door: requests, answers and websockets handed on to its web server.

Dagster has no login and its pages can change everything, so only operators pass, only pages of ours may send, and what
changes something is a line of the audit trail first. It never sees our cookies, nor headers that name a person.

Belongs here: handing on. Does not belong here: the origin rule (`gate.py`), Dagster's web server (`dagster_web.py`).
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from ssp_pipeline.command_centre.gate import DAGSTER, note
from ssp_pipeline.command_centre.service import Centre

_BODY_LIMIT = 8 * 1024 * 1024
_MESSAGE_LIMIT = 16 * 1024 * 1024
_TO_DAGSTER = frozenset(
    {
        "accept", "accept-encoding", "accept-language", "cache-control", "content-type", "idempotency-key",
        "if-modified-since", "if-none-match", "pragma", "range", "user-agent",
    }
)  # fmt: skip
"""Headers that are handed on. Cookies, Authorization and whatever a web server before us says of a person are not."""
_FROM_DAGSTER = frozenset(
    {
        "accept-ranges", "content-disposition", "content-encoding", "content-length", "content-range",
        "content-security-policy", "content-type", "etag", "last-modified", "location", "vary",
    }
)  # fmt: skip
_MUTATION = re.compile(r"\bmutation\b")


class DagsterProxy:
    """The addresses below `/dagster/`."""

    def __init__(self, centre: Centre):
        self._centre = centre
        given = centre.options.dagster_url.rstrip("/")
        self._socket = given.removeprefix("unix:") if given.startswith("unix:") else None
        self._base = "http://localhost" if self._socket else given
        # No proxy, no netrc: Dagster is on this machine. Reading may last: a subscription is a stream.
        self._client = httpx.AsyncClient(
            base_url=self._base, trust_env=False, follow_redirects=False, timeout=httpx.Timeout(10, read=300),
            transport=httpx.AsyncHTTPTransport(uds=self._socket, trust_env=False),
        )  # fmt: skip

    def routes(self) -> list[BaseRoute]:
        everything = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]
        return [
            Route(DAGSTER, self.to_folder),
            Route(DAGSTER + "/{path:path}", self.hand_on, methods=everything),
            WebSocketRoute(DAGSTER + "/{path:path}", self.talk),
        ]

    async def to_folder(self, _: Request) -> Response:
        return RedirectResponse(DAGSTER + "/", 303)

    async def hand_on(self, request: Request) -> Response:
        """One request and its answer, as it comes. Raises Refused, HTTPException."""
        self._centre.demand(request.state.user, "dagster")
        target = _target(request.scope["raw_path"], request.scope["query_string"])
        if request.method == "GET" and request.url.path.endswith("/graphql") and not _wants_page(request):
            # Dagster would run a mutation that stands in an address, and so a link of anybody's would.
            raise HTTPException(405, headers={"Allow": "POST"})
        body = await _body(request)
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            await self._note(request, body)
        handed = self._client.build_request(
            request.method, target, headers=_only(request.headers.items(), _TO_DAGSTER), content=body
        )
        try:
            answer = await self._client.send(handed, stream=True)
        except httpx.TransportError:
            raise HTTPException(503, headers={"Retry-After": "5"}) from None

        async def stream() -> AsyncIterator[bytes]:
            try:
                async for chunk in answer.aiter_raw():
                    yield chunk
            finally:
                await answer.aclose()

        return StreamingResponse(
            stream(), answer.status_code, dict(_only(answer.headers.items(), _FROM_DAGSTER))
        )  # fmt: skip

    async def _note(self, request: Request, body: bytes) -> None:
        """A line of the trail for what may change something; queries of the pages change nothing."""
        what = request.url.path
        if what.endswith("/graphql"):
            with suppress(orjson.JSONDecodeError, AttributeError, TypeError):
                asked = orjson.loads(body)
                if not _MUTATION.search(asked.get("query", "")):
                    return
                what = f"{what} {asked.get('operationName') or ''}".strip()
        await note(self._centre, "dagster", request, what=what)

    async def talk(self, ours: WebSocket) -> None:
        """A websocket: Dagster's subscriptions."""
        if not self._centre.may(ours.state.user, "dagster"):
            await note(self._centre, "ditolak", ours, what=ours.url.path, detail="dagster")
            await ours.close(1008)
            return
        target = self._base.replace("http", "ws", 1) + _target(ours.scope["raw_path"], ours.scope["query_string"])
        offered = [Subprotocol(name) for name in ours.scope.get("subprotocols", [])]
        try:
            async with self._reach(target, offered) as theirs:
                await ours.accept(subprotocol=theirs.subprotocol)
                await _pump(ours, theirs)
        except (OSError, WebSocketException, TimeoutError):
            with suppress(RuntimeError):
                await ours.close(1013)

    def _reach(self, target: str, protocols: list[Subprotocol]) -> connect:
        facts: dict[str, Any] = {"subprotocols": protocols or None, "max_size": _MESSAGE_LIMIT, "open_timeout": 10}
        if self._socket:
            return unix_connect(self._socket, target, **facts)
        return connect(target, proxy=None, **facts)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """For as long as the server runs."""
        async with self._client:
            yield


async def _pump(ours: WebSocket, theirs: ClientConnection) -> None:
    """Hand messages on in both directions until one side ends; then the other ends with the same code."""

    async def inward() -> None:
        while True:
            message: Message = await ours.receive()
            if message["type"] == "websocket.disconnect":
                await theirs.close(_code(message.get("code")))
                return
            text = message.get("text")
            await theirs.send(text if text is not None else message.get("bytes") or b"")

    async def outward() -> None:
        with suppress(ConnectionClosed):
            async for message in theirs:
                await (ours.send_text(message) if isinstance(message, str) else ours.send_bytes(message))
        await ours.close(_code(theirs.close_code))

    tasks = {asyncio.create_task(inward()), asyncio.create_task(outward())}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        with suppress(ConnectionClosed, WebSocketDisconnect, RuntimeError):
            task.result()


def _code(code: int | None) -> int:
    """A close code that may be sent: those that only tell of a lost connection become 1000 or 1011."""
    if code is None or code == 1005:
        return 1000
    return code if code in (1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)) else 1011


def _target(raw_path: bytes, query: bytes) -> str:
    path = raw_path.partition(b"?")[0].decode("latin-1")
    # Dots would be resolved on the way to Dagster: it would be asked for another path than the one that was judged.
    if not path.startswith(DAGSTER + "/") or not {".", ".."}.isdisjoint(path.split("/")):
        raise HTTPException(404)
    return path + ("?" + query.decode("latin-1") if query else "")


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_LIMIT:
            raise HTTPException(413)
    return bytes(body)


def _only(headers: Iterable[tuple[str, str]], kept: frozenset[str]) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() in kept}
