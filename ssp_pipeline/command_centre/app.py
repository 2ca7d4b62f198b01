"""The command centre as an ASGI application: the doors and pages together, and the gate before them.

Belongs here: putting together. Does not belong here: what stands behind an address.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ssp_pipeline.command_centre.accounts import Accounts, AccountsError
from ssp_pipeline.command_centre.dagster_proxy import DagsterProxy
from ssp_pipeline.command_centre.doors import Doors
from ssp_pipeline.command_centre.gate import DAGSTER, Gate, Method, note
from ssp_pipeline.command_centre.lockout import Lockout
from ssp_pipeline.command_centre.login import LocalLogin, SessionMethod
from ssp_pipeline.command_centre.pages.engine import NavItem, render
from ssp_pipeline.command_centre.pages.routes import Dashboards
from ssp_pipeline.command_centre.proxy_header import HeaderMethod, known_by_others
from ssp_pipeline.command_centre.roles import User
from ssp_pipeline.command_centre.service import Centre, Refused
from ssp_pipeline.command_centre.sessions import Sessions
from ssp_pipeline.command_centre.store import Store

log = logging.getLogger(__name__)


def make_app(centre: Centre) -> ASGIApp:
    """The application. Raises AccountsError for a file of accounts that cannot be used."""
    pages = Dashboards(centre)
    held = ExitStack()
    method, own = _way_in(centre, held)
    dagster = DagsterProxy(centre) if centre.options.dagster_url else None
    inner = Starlette(
        routes=[
            Route("/sehat", _well),
            *own,
            *Doors(centre).routes(),
            *(dagster.routes() if dagster else ()),
            *pages.routes(),
        ],
        exception_handlers={Refused: _refused(centre), HTTPException: _fault, Exception: _broken},
        lifespan=_life(centre, dagster, held),
    )

    def menu(user: User) -> tuple[NavItem, ...]:
        shown = dagster is not None and centre.may(user, "dagster")
        return pages.menu(user) + ((NavItem(DAGSTER + "/", "Dagster"),) if shown else ())

    inner.state.menu = menu
    return Gate(inner, centre, method)


def _way_in(centre: Centre, held: ExitStack) -> tuple[Method, list[Route]]:
    """The one way in that is configured, and its addresses. What it holds open `held` will close."""
    options = centre.options
    if options.proxy:
        return HeaderMethod(centre, options.proxy), known_by_others()
    store = Store(options.home / "masuk" / "sesi.sqlite")
    held.callback(store.close)
    sessions_by = partial(Sessions, store, idle=options.idle_seconds, absolute=options.absolute_seconds)
    if options.oidc:
        from ssp_pipeline.command_centre.oidc import OidcLogin

        # Sessions end when it is configured anew who has which role.
        facts = repr(replace(options.oidc, client_secret=""))
        stamp = "oidc:" + hashlib.sha256(facts.encode()).hexdigest()
        sessions = sessions_by(lambda _: stamp)
        return SessionMethod(sessions), OidcLogin(centre, options.oidc, sessions, store).routes()
    accounts = Accounts(options.accounts_file)
    accounts.all()

    def stamp_of(user: User) -> str | None:
        try:
            account = accounts.active(user.name)
        except AccountsError as error:
            log.error("%s", error)
            return None
        return f"lokal:{account.stamp}" if account else None

    sessions = sessions_by(stamp_of)
    return SessionMethod(sessions), LocalLogin(centre, accounts, sessions, Lockout(store)).routes()


def _life(
    centre: Centre, dagster: DagsterProxy | None, held: ExitStack
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.enter_context(held)
            if dagster:
                await stack.enter_async_context(dagster.open())
            tasks = [asyncio.create_task(work()) for work in centre.background]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    return life


async def _well(_: Request) -> Response:
    return PlainTextResponse("sehat\n")


def _refused(centre: Centre) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        await note(centre, "ditolak", request, agency=error.agency, what=request.url.path, detail=error.deed)
        return render(request, "tolak.html", status=403, jenis="hak")

    return refused


async def _fault(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return render(
        request, "tolak.html", status=error.status_code, headers=dict(error.headers or {}),
        jenis={404: "alamat", 405: "cara", 410: "musnah", 503: "sibuk"}.get(error.status_code, "permintaan"),
    )  # fmt: skip


async def _broken(request: Request, _: Exception) -> Response:
    # The server hangs up after a fault; who is not told would ask again on a dead connection.
    return render(request, "tolak.html", status=500, jenis="galat", headers={"Connection": "close"})
