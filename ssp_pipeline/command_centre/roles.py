"""Who may do what: roles, deeds, and one table of both.

Belongs here: the rights. Does not belong here: who somebody is (`accounts.py`, `oidc.py`, `proxy_header.py`), refusing
a request (`gate.py`, `app.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["pimpinan", "analis", "operator", "instansi"]
Deed = Literal[
    "ikhtisar",  # pages that speak of the whole province
    "kualitas",  # the page of data quality
    "bidang",  # the page of an agency's data
    "baris",  # rows behind a number, of an agency's data
    "unduh",  # the same as a file
    "muatan",  # archived payloads of an agency
    "karantina",  # quarantined rows of an agency
    "dagster",  # Dagster's pages, which can change everything
]

ROLES: tuple[Role, ...] = get_args(Role)
DEEDS: tuple[Deed, ...] = get_args(Deed)

_EVERYWHERE: dict[Role, frozenset[Deed]] = {
    "pimpinan": frozenset({"ikhtisar", "kualitas", "bidang", "baris"}),
    "analis": frozenset({"ikhtisar", "kualitas", "bidang", "baris", "unduh"}),
    "operator": frozenset(DEEDS),
    "instansi": frozenset({"kualitas"}),
}
_OWN: frozenset[Deed] = frozenset({"bidang", "baris", "unduh", "muatan", "karantina"})
"""What the role `instansi` may do with the data of its own agencies, and of no other."""


@dataclass(frozen=True)
class User:
    """Who asks. `agencies` are codes of agency folders and count for the role `instansi` alone."""

    name: str
    roles: frozenset[Role]
    agencies: frozenset[str] = frozenset()
    shown_as: str = ""

    @property
    def label(self) -> str:
        """The name to show to people."""
        return self.shown_as or self.name


def may(user: User, deed: Deed, agency: str = "") -> bool:
    """Whether somebody may do this, for deeds that concern one agency's data: with that agency's."""
    if any(deed in _EVERYWHERE[role] for role in user.roles):
        return True
    return "instansi" in user.roles and deed in _OWN and bool(agency) and agency in user.agencies


def known_roles(names: Iterable[str]) -> frozenset[Role]:
    """Those of the names that are roles."""
    return frozenset(set(ROLES).intersection(names))
