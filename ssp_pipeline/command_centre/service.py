"""What every part of the command centre works with: the options it was started with, and what all requests share.

Belongs here: the records. Does not belong here: what is done with them, reading settings (`command_access.py`).
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.registry import Registry
from ssp_pipeline.command_centre.audit import Audit
from ssp_pipeline.command_centre.roles import Deed, Role, User, may

if TYPE_CHECKING:
    from assets.workspace import Workspace

__all__ = ["Centre", "OidcOptions", "Options", "ProxyOptions", "Refused", "Role", "User"]

Background = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class OidcOptions:
    """A provider of OpenID Connect. `roles` and `agencies` lead from values of their claims to ours."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = "openid profile"
    name_claim: str = "preferred_username"
    shown_claim: str = "name"
    role_claim: str = "groups"
    roles: Mapping[str, Role] = field(default_factory=dict)
    agency_claim: str = "instansi"


@dataclass(frozen=True)
class ProxyOptions:
    """A web server that logs people in and says in headers who asks. Only these peers' headers are believed."""

    peers: tuple[str, ...]
    name_header: str = "X-Forwarded-User"
    role_header: str = "X-Forwarded-Groups"
    roles: Mapping[str, Role] = field(default_factory=dict)
    agency_header: str = "X-Forwarded-Instansi"


@dataclass(frozen=True)
class Options:
    """How a command centre runs, in plain values. People log in by `oidc` or `proxy` if it is given, else by accounts.

    `address` is where people reach it (scheme and host), empty if only by what their browser says. `forwarders` are
    peers whose X-Forwarded-For and X-Forwarded-Proto are believed. `dagster_url` is `http://…` or
    `unix:<path of a socket>`; without it there is no door to Dagster.
    A long answer is asked every `recheck_seconds` whether who gets it is still logged in.
    """

    home: Path
    snapshots: Path
    roots: tuple[Path, ...]
    accounts_file: Path
    province: str = ""
    oidc: OidcOptions | None = None
    proxy: ProxyOptions | None = None
    address: str = ""
    forwarders: tuple[str, ...] = ()
    dagster_url: str = ""
    idle_seconds: float = 3600.0
    absolute_seconds: float = 7 * 86400.0
    watch_seconds: float = 1.0
    recheck_seconds: float = 5.0

    @property
    def is_local(self) -> bool:
        """Whether people log in by accounts in a file."""
        return self.oidc is None and self.proxy is None


class Refused(Exception):
    """Somebody who is logged in asked for what their roles do not allow."""

    def __init__(self, deed: Deed, agency: str = ""):
        super().__init__(f"{deed} {agency}".strip())
        self.deed = deed
        self.agency = agency


class Centre:
    """The one copy of what requests share.

    `open_data` opens archive and lake for reading; without it the doors to them are shut. `background` are works that
    run as long as the server does.
    """

    def __init__(self, options: Options, open_data: "Callable[[], Workspace] | None" = None):
        self.options = options
        self.open_data = open_data
        self.registry = Registry(options.roots)
        self.audit = Audit(options.home / "jejak_audit")
        self.background: list[Background] = []

    def demand(self, user: User, deed: Deed, agency: str = "") -> None:
        """Raises Refused for somebody who may not do this; it becomes a page that says so and a line of the trail."""
        if not may(user, deed, agency):
            raise Refused(deed, agency)

    def may(self, user: User, deed: Deed, agency: str = "") -> bool:
        """Whether somebody may do this, with this agency's data (see `roles.may`)."""
        return may(user, deed, agency)
