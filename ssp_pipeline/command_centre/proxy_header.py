"""People as a web server before us names them: headers that count from its addresses and from no other.

There is no session here: each request says who asks. A request that comes from elsewhere is refused, for it could carry
any name.

Belongs here: reading the headers. Does not belong here: forwarded addresses (`serve.py`).
"""

import ipaddress
import re

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ssp_pipeline.command_centre.gate import Turned
from ssp_pipeline.command_centre.login import safe_path
from ssp_pipeline.command_centre.pages.engine import render
from ssp_pipeline.command_centre.roles import User
from ssp_pipeline.command_centre.service import Centre, ProxyOptions

_NAME = re.compile(r"[\w.@+:\\-]{1,100}")


class HeaderMethod:
    """People are known by the headers of a trusted peer."""

    def __init__(self, centre: Centre, options: ProxyOptions):
        self._known_agencies = frozenset(centre.registry.agencies)
        self._options = options
        self._peers = [ipaddress.ip_network(peer, strict=False) for peer in options.peers]

    def who(self, connection: HTTPConnection, secret: str, *, active: bool) -> User | None:
        """Who asks, by the headers. Raises Turned for another peer, for no name, and for a name twice."""
        if connection.url.path == "/sehat":
            return None
        if not self._trusted(connection.state.peer):
            raise Turned("permintaan tidak datang dari proksi tepercaya")
        name = self._one(connection, self._options.name_header)
        if not _NAME.fullmatch(name):
            raise Turned("proksi tidak menyebut nama yang sah")
        groups = self._list(connection, self._options.role_header)
        roles = frozenset(self._options.roles[g] for g in groups if g in self._options.roles)
        agencies = frozenset(self._list(connection, self._options.agency_header)) & self._known_agencies
        if not roles:
            raise Turned(f"{name} tidak berperan")
        return User(name, roles, agencies)

    def _trusted(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._peers)

    def _list(self, connection: HTTPConnection, header: str) -> list[str]:
        return [part.strip() for part in self._one(connection, header).split(",") if part.strip()]

    @staticmethod
    def _one(connection: HTTPConnection, header: str) -> str:
        # Two headers of one name: which of them the web server wrote cannot be told.
        values = connection.headers.getlist(header)
        if len(values) > 1:
            raise Turned(f"kepala {header} lebih dari satu")
        return values[0].strip() if values else ""


def known_by_others() -> list[Route]:
    """Addresses of a login that there is none of: who comes through the web server is in."""

    async def onward(request: Request) -> Response:
        return RedirectResponse(safe_path(request.query_params.get("lanjut", "")), 303)

    async def leave(request: Request) -> Response:
        return render(request, "tolak.html", status=200, jenis="keluar")

    return [Route("/masuk", onward, methods=["GET"]), Route("/keluar", leave, methods=["POST"])]
