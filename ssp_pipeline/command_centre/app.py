"""The command centre as an ASGI application: the doors and pages together, and the gate before them.

Belongs here: putting together. Does not belong here: what stands behind an address.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from ssp_pipeline.command_centre.accounts import Accounts, AccountsError
from ssp_pipeline.command_centre.gate import Gate, Method, client_of
from ssp_pipeline.command_centre.lockout import Lockout
from ssp_pipeline.command_centre.login import LocalLogin, SessionMethod
from ssp_pipeline.command_centre.pages.engine import render
from ssp_pipeline.command_centre.pages.routes import Dashboards
from ssp_pipeline.command_centre.roles import User
from ssp_pipeline.command_centre.service import Centre, Refused
from ssp_pipeline.command_centre.sessions import Sessions
from ssp_pipeline.command_centre.store import Store

log = logging.getLogger(__name__)


def make_app(centre: Centre) -> ASGIApp:
    """The application. Raises AccountsError for a file of accounts that cannot be used."""
    pages = Dashboards(centre)
    method, own = _local(centre)
    inner = Starlette(
        routes=[Route("/sehat", _well), *own, *pages.routes()],
        exception_handlers={Refused: _refused(centre), HTTPException: _fault, Exception: _broken},
        lifespan=_life(centre),
    )
    inner.state.menu = pages.menu
    return Gate(inner, centre, method)


def _local(centre: Centre) -> tuple[Method, list[BaseRoute]]:
    options = centre.options
    accounts = Accounts(options.accounts_file)
    accounts.all()
    store = Store(options.home / "masuk" / "sesi.sqlite")

    def stamp_of(user: User) -> str | None:
        try:
            account = accounts.active(user.name)
        except AccountsError as error:
            log.error("%s", error)
            return None
        return f"lokal:{account.stamp}" if account else None

    sessions = Sessions(store, stamp_of, idle=options.idle_seconds, absolute=options.absolute_seconds)
    return SessionMethod(sessions), [*LocalLogin(centre, accounts, sessions, Lockout(store)).routes()]


def _life(centre: Centre) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work()) for work in centre.background]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task

    return life


async def _well(_: Request) -> Response:
    return PlainTextResponse("sehat\n")


def _refused(centre: Centre) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        user = request.state.user
        centre.audit.write(
            "ditolak", user=user.name, roles=", ".join(sorted(user.roles)), agency=error.agency,
            what=request.url.path, detail=error.deed, client=client_of(request),
        )  # fmt: skip
        return render(request, "tolak.html", status=403, jenis="hak")

    return refused


async def _fault(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return render(
        request, "tolak.html", status=error.status_code, headers=dict(error.headers or {}),
        jenis={404: "alamat", 405: "cara"}.get(error.status_code, "permintaan"),
    )  # fmt: skip


async def _broken(request: Request, _: Exception) -> Response:
    return render(request, "tolak.html", status=500, jenis="galat")
