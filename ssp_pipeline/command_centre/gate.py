"""The gate before every address: who asks, whether the browser was made to ask, and what every answer carries.

Without a login nothing is behind it but `/masuk`, `/aset/` and `/sehat`. What somebody who is logged in may do is asked
where it is done (`Centre.demand`).

Belongs here: cookies, the CSRF rule, sizes, headers. Does not belong here: passwords and providers (`login.py`,
`oidc.py`, `proxy_header.py`), rights (`roles.py`).
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs, quote

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ssp_pipeline.command_centre import csrf
from ssp_pipeline.command_centre.audit import Event
from ssp_pipeline.command_centre.roles import User
from ssp_pipeline.command_centre.service import Centre
from ssp_pipeline.web.files import CONTENT_SECURITY_POLICY

OPEN = ("/masuk", "/keluar", "/sehat")
DAGSTER = "/dagster"
_SESSION, _VISIT = "ssp_sesi", "ssp_tamu"
_PROGRAM = (".js", ".css", ".woff2", ".svg", ".png", ".ico")
"""Files of Dagster's program, some megabytes: kept by the browser, but asked after each time."""
_FORM_LIMIT = 64 * 1024

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Method(Protocol):
    """How people are known: by a session that a login began, or by what a trusted web server says of each request."""

    def who(self, connection: HTTPConnection, secret: str, *, active: bool) -> User | None:
        """Who asks; None for nobody. `secret` is the session cookie's. Raises Turned for whom no login helps."""


class Turned(Exception):
    """This request is refused whoever sent it; the message says why and goes to the trail."""


@dataclass(frozen=True)
class Cookies:
    """Names and attributes of our cookies, by whether the browser reaches us through TLS."""

    secure: bool

    @property
    def session(self) -> str:
        return self._name(_SESSION)

    @property
    def visit(self) -> str:
        return self._name(_VISIT)

    def set(self, answer: Response, name: str, value: str, *, strict: bool = False) -> None:
        """For this visit of the browser, this host and all paths; scripts cannot read it."""
        answer.set_cookie(
            name, value, httponly=True, secure=self.secure, samesite="strict" if strict else "lax", path="/"
        )

    def drop(self, answer: Response, name: str) -> None:
        """Make the browser forget a cookie."""
        answer.delete_cookie(name, httponly=True, secure=self.secure, samesite="lax", path="/")

    def _name(self, plain: str) -> str:
        # The prefix makes browsers refuse a cookie of this name from a neighbouring host or without TLS.
        return f"__Host-{plain}" if self.secure else plain


def cookies_of(connection: HTTPConnection, address: str) -> Cookies:
    """The cookies' names and attributes on this connection; `address` is where people reach us, if it is configured."""
    return Cookies(address.startswith("https://") or connection.scope["scheme"] in ("https", "wss"))


def client_of(connection: HTTPConnection) -> str:
    """The address that asks, empty if there is none."""
    return connection.client.host if connection.client else ""


async def note(centre: Centre, event: Event, connection: HTTPConnection, **facts: str) -> None:
    """A line of the trail about who sent this request, on disk when this returns. Raises OSError."""
    user: User | None = getattr(connection.state, "user", None)
    who = {"user": user.name, "roles": ", ".join(sorted(user.roles))} if user else {}
    await asyncio.to_thread(centre.audit.write, event, **{**who, "client": client_of(connection), **facts})


class Gate:
    """Stands before `app` and lets through who is known by `method`."""

    def __init__(self, app: ASGIApp, centre: Centre, method: Method):
        self._app = app
        self._centre = centre
        self._method = method

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        cookies = cookies_of(connection, self._centre.options.address)
        path = scope["path"]
        guarded = send if scope["type"] == "websocket" else _with_headers(send, path, secure=cookies.secure)
        secret = connection.cookies.get(cookies.session, "")
        try:
            user = None if path.startswith("/aset/") else self._method.who(connection, secret, active=True)
        except Turned as turned:
            await note(self._centre, "ditolak", connection, what=path, detail=str(turned))
            await _refuse(scope, receive, guarded, 403)
            return
        visit = connection.cookies.get(cookies.visit, "")
        key = secret if user and secret else visit or secrets.token_urlsafe(32)
        scope.setdefault("state", {}).update(user=user, csrf=csrf.token(key), cookies=cookies, secret=secret)
        if user is None and not _is_open(path):
            await self._to_login(scope, receive, guarded)
            return
        if scope["type"] == "websocket":
            sound, heard = csrf.own_origin(connection, self._centre.options.address), receive
        else:
            sound, heard = await self._sound(Request(scope, receive), key)
        if not sound:
            await note(self._centre, "ditolak", connection, what=path, detail="asal atau tanda formulir salah")
            await _refuse(scope, receive, guarded, 403)
            return
        if key not in (secret, visit):
            guarded = _with_cookie(guarded, cookies, key)
        if user is None:
            await self._app(scope, heard, guarded)
        else:
            await self._while_known(
                self._inner(scope, heard, guarded), lambda: self._method.who(connection, secret, active=False) == user
            )

    async def _inner(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    async def _to_login(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            asked = scope["path"] + ("?" + scope["query_string"].decode("latin-1") if scope["query_string"] else "")
            answer = RedirectResponse(f"/masuk?lanjut={quote(asked, safe='/')}", 303)
            await answer(scope, receive, send)
        else:
            await _refuse(scope, receive, send, 401)

    async def _sound(self, request: Request, key: str) -> tuple[bool, Receive]:
        """Whether a request that may change something comes from a page of ours, and its body to be read again."""
        if request.method in ("GET", "HEAD", "OPTIONS"):
            return True, request.receive
        address = self._centre.options.address
        if request.url.path.startswith(DAGSTER + "/"):
            # Dagster's pages know no token of ours. Another site cannot send JSON here without being asked about first.
            media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            return media == "application/json" and csrf.own_origin(request, address), request.receive
        if not csrf.own_origin(request, address):
            return False, request.receive
        body = await _bounded(request)
        if body is None:
            return False, request.receive
        given = request.headers.get(csrf.HEADER)
        if given is None:
            given = form_fields(body).get(csrf.FIELD, "")
        return csrf.matches(key, given), _again(body, request.receive)

    async def _while_known(self, work: Coroutine[Any, Any, None], known: Callable[[], bool]) -> None:
        """Answer for as long as who asked is logged in: streams end with their session."""
        task = asyncio.create_task(work)
        try:
            while not (await asyncio.wait({task}, timeout=self._centre.options.recheck_seconds))[0]:
                if not self._still(known):
                    break
        finally:
            if not task.done():
                task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise

    @staticmethod
    def _still(known: Callable[[], bool]) -> bool:
        try:
            return known()
        except Turned:
            return False


def form_fields(body: bytes) -> dict[str, str]:
    """Fields of a form, the first of each name; none at all of a form with too many."""
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=50)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(("/aset/", "/masuk/"))


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        words = {401: "Perlu masuk.", 403: "Permintaan ditolak. Muat ulang halaman, lalu coba lagi."}
        await PlainTextResponse(words[status] + "\n", status)(scope, receive, send)


async def _bounded(request: Request) -> bytes | None:
    """The body of a form; None if it is too long or its sender has gone."""
    body = bytearray()
    with suppress(ClientDisconnect):
        async for chunk in request.stream():
            body += chunk
            if len(body) > _FORM_LIMIT:
                return None
        return bytes(body)
    return None


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def heard() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return heard


def _with_headers(send: Send, path: str, *, secure: bool) -> Send:
    extra: Mapping[str, str] = _HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if secure else {})

    async def noted(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in extra.items():
                headers[name] = value
            if path.startswith(DAGSTER + "/"):
                # Dagster has a policy of its own; ours is added to it.
                headers.append("Content-Security-Policy", "frame-ancestors 'none'; form-action 'self'")
            else:
                headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
            if path.startswith(DAGSTER + "/") and path.endswith(_PROGRAM):
                headers["Cache-Control"] = "private, no-cache"
            elif not path.startswith("/aset/"):
                headers["Cache-Control"] = "no-store"
        await send(message)

    return noted


def _with_cookie(send: Send, cookies: Cookies, key: str) -> Send:
    """Let a browser that has no secret yet keep the one that the forms of this page were made with."""
    carrier = Response()
    cookies.set(carrier, cookies.visit, key, strict=True)
    line = carrier.headers["set-cookie"]

    async def noted(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if headers.get("content-type", "").startswith("text/html"):
                headers.append("Set-Cookie", line)
        await send(message)

    return noted
