"""Running the command centre: one process, one event loop, uvicorn in front.

Belongs here: the server's options. Does not belong here: reading settings (`command_access.py`).
"""

from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ssp_pipeline.command_centre.app import make_app
from ssp_pipeline.command_centre.service import Centre
from ssp_pipeline.web.server import server_config


def config(centre: Centre, host: str, port: int) -> uvicorn.Config:
    """The server's configuration. Raises AccountsError for a file of accounts that cannot be used."""
    options = centre.options
    trusted = [*options.forwarders, *(options.proxy.peers if options.proxy else ())]
    forwarded: Any = ProxyHeadersMiddleware(cast(Any, make_app(centre)), trusted)
    return server_config(
        _Peers(forwarded),
        host,
        port,
        ws="websockets-sansio",
        # Done above: the gate has to know the peer itself, too.
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )


def serve(centre: Centre, host: str, port: int) -> None:
    """Serve until a signal comes. Raises AccountsError for a file of accounts that cannot be used."""
    uvicorn.Server(config(centre, host, port)).run()


class _Peers:
    """Notes who is at the other end of the connection before forwarded headers put somebody else there."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            scope.setdefault("state", {})["peer"] = (scope.get("client") or ("",))[0]
        await self._app(scope, receive, send)
