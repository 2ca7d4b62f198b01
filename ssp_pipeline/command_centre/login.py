"""The login page of local accounts, and log-out.

Belongs here: passwords from a form to a session. Does not belong here: the file of accounts, counting failed tries,
logins that somebody else vouches for (`oidc.py`, `proxy_header.py`).
"""

import logging
import math
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ssp_pipeline.command_centre.accounts import Account, Accounts, AccountsError
from ssp_pipeline.command_centre.audit import Event
from ssp_pipeline.command_centre.gate import client_of, form_fields, note
from ssp_pipeline.command_centre.lockout import Lockout
from ssp_pipeline.command_centre.pages.engine import render
from ssp_pipeline.command_centre.roles import User
from ssp_pipeline.command_centre.service import Centre
from ssp_pipeline.command_centre.sessions import Sessions
from ssp_pipeline.command_centre.turns import Turns

log = logging.getLogger(__name__)

_AT_ONCE = 2
"""Passwords compared at the same time: each takes 64 MiB for a tenth of a second."""
_MOST = 16
"""Those and the ones that wait to be."""


class SessionMethod:
    """People are known by the session that their login began."""

    def __init__(self, sessions: Sessions):
        self._sessions = sessions

    def who(self, connection: HTTPConnection, secret: str, *, active: bool) -> User | None:
        """Who asks, by the session's secret."""
        return self._sessions.find(secret, active=active) if secret else None


class LocalLogin:
    """Addresses `/masuk` and `/keluar` for accounts in a file."""

    def __init__(self, centre: Centre, accounts: Accounts, sessions: Sessions, lockout: Lockout):
        self._centre = centre
        self._accounts = accounts
        self._sessions = sessions
        self._lockout = lockout
        self._turns = Turns(_AT_ONCE, _MOST)

    def routes(self) -> list[Route]:
        return [
            Route("/masuk", self.page, methods=["GET"]),
            Route("/masuk", self.try_in, methods=["POST"]),
            leave_route(self._centre, self._sessions),
        ]

    async def page(self, request: Request) -> Response:
        """The form; somebody who is logged in goes on."""
        onward = safe_path(request.query_params.get("lanjut", ""))
        if request.state.user:
            return RedirectResponse(onward, 303)
        return render(request, "masuk.html", lanjut=onward, nama="", salah="", tunggu=0)

    async def try_in(self, request: Request) -> Response:
        """A name and a password: a new session, or the form again."""
        fields = form_fields(await request.body())
        name = fields.get("nama", "").strip().lower()
        password = fields.get("sandi", "")
        onward = safe_path(fields.get("lanjut", ""))
        client = client_of(request)
        if self._turns.full:
            return self._again(request, 503, name, onward, "sibuk", 10)
        wait = self._lockout.take(name, client)
        if wait:
            return self._again(request, 429, name, onward, "terkunci", wait)
        account = await self._checked(name, password)
        if account is None:
            # The try that fills a bucket is noted as such; those that follow are not looked at and not noted.
            event: Event = "terkunci" if self._lockout.is_full(name, client) else "gagal_masuk"
            await note(self._centre, event, request, user=name)
            return self._again(request, 401, name, onward, "salah", 0)
        self._lockout.succeeded(name, client)
        return await welcome(self._centre, self._sessions, request, account.user, onward)

    async def _checked(self, name: str, password: str) -> Account | None:
        try:
            return await self._turns.do(lambda: self._accounts.check(name, password))
        except AccountsError as error:
            log.error("%s", error)
            return None

    @staticmethod
    def _again(request: Request, status: int, name: str, onward: str, fault: str, wait: float) -> Response:
        seconds = math.ceil(wait)
        return render(
            request, "masuk.html", status=status, headers={"Retry-After": str(seconds)} if seconds else {},
            lanjut=onward, nama=name[:64], salah=fault, tunggu=math.ceil(seconds / 60),
        )  # fmt: skip


async def welcome(centre: Centre, sessions: Sessions, request: Request, user: User, onward: str) -> Response:
    """Begin a session under a new secret, whatever the browser brought, and go on (to a page that they may see)."""
    if onward == "/" and not centre.may(user, "ikhtisar"):
        onward = "/kualitas"
    await note(centre, "masuk", request, user=user.name, roles=", ".join(sorted(user.roles)))
    sessions.end(request.state.secret)
    secret = sessions.begin(user)
    answer = RedirectResponse(onward, 303)
    request.state.cookies.set(answer, request.state.cookies.session, secret)
    request.state.cookies.drop(answer, request.state.cookies.visit)
    return answer


def leave_route(centre: Centre, sessions: Sessions) -> Route:
    """`POST /keluar`: the session ends on the server, not in the browser alone."""

    async def leave(request: Request) -> Response:
        if request.state.user:
            await note(centre, "keluar", request)
        sessions.end(request.state.secret)
        answer = RedirectResponse("/masuk", 303)
        request.state.cookies.drop(answer, request.state.cookies.session)
        answer.headers["Clear-Site-Data"] = '"cache", "storage"'
        return answer

    return Route("/keluar", leave, methods=["POST"])


def safe_path(given: str) -> str:
    """A path of ours to go on to; the first page for anything that could lead elsewhere."""
    ordinary = given.startswith("/") and not given.startswith(("//", "/\\", "/masuk", "/keluar"))
    if not ordinary or "\\" in given or any(ord(c) < 33 or ord(c) == 127 for c in given) or len(given) > 2000:
        return "/"
    parts = urlsplit(given)
    return "/" if parts.scheme or parts.netloc else given
