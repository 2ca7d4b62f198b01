"""From settings to the command centre: where its accounts lie, how people log in, and what it reads.

Belongs here: wiring. Does not belong here: the command centre (`command_centre/`), commands (`cli/`).
"""

import ipaddress
from collections.abc import Iterable
from pathlib import Path

from assets.workspace import Workspace
from ssp_pipeline import app
from ssp_pipeline.command_centre.roles import ROLES, Role, known_roles
from ssp_pipeline.command_centre.service import OidcOptions, Options, ProxyOptions
from ssp_pipeline.settings import Settings, SettingsError
from warehouse.lake import Lake


def options_of(settings: Settings, dagster_url: str = "") -> Options:
    """The command centre's options by the settings. Raises SettingsError."""
    own = settings.config.pusat
    oidc = proxy = None
    if own.cara == "oidc":
        told = own.oidc
        secret = settings.secret("SSP_OIDC_SECRET")
        _need("pusat.alamat", own.alamat)
        _need("pusat.oidc.penerbit", told.penerbit)
        _need("pusat.oidc.klien", told.klien)
        _need("pusat.oidc.peran", told.peran)
        _need("SSP_OIDC_SECRET", secret)
        oidc = OidcOptions(
            issuer=told.penerbit,
            client_id=told.klien,
            client_secret=secret or "",
            scope=told.cakupan,
            name_claim=told.klaim_nama,
            shown_claim=told.klaim_tampil,
            role_claim=told.klaim_peran,
            agency_claim=told.klaim_instansi,
            roles=_roles("pusat.oidc.peran", told.peran),
        )
    elif own.cara == "proksi":
        _need("pusat.kepala.asal", own.kepala.asal)
        _networks("pusat.kepala.asal", own.kepala.asal)
        _need("pusat.kepala.peran", own.kepala.peran)
        proxy = ProxyOptions(
            peers=own.kepala.asal,
            name_header=own.kepala.nama,
            role_header=own.kepala.kelompok,
            agency_header=own.kepala.instansi,
            roles=_roles("pusat.kepala.peran", own.kepala.peran),
        )
    return Options(
        home=settings.home,
        snapshots=settings.snapshots,
        roots=settings.roots,
        province=settings.config.provinsi.nama,
        accounts_file=accounts_file(settings),
        oidc=oidc,
        proxy=proxy,
        address=own.alamat,
        forwarders=own.proksi,
        dagster_url=dagster_url,
        idle_seconds=own.diam_menit * 60,
        absolute_seconds=own.paling_lama_jam * 3600,
    )


def reading(settings: Settings) -> Workspace:
    """Archive and lake, opened for reading: no writer waits for it."""
    workspace = app.open_workspace(settings)
    workspace.lake = Lake(workspace.lake_config, read_only=True)
    return workspace


def accounts_file(settings: Settings) -> Path:
    """The file of the local accounts."""
    named = settings.config.pusat.berkas_akun
    return Path(named).resolve() if named else settings.home / "masuk" / "akun.json"


def _need(name: str, value: object) -> None:
    if not value:
        raise SettingsError(f"{name} is needed for this way of logging in (pusat.cara)")


def _networks(name: str, given: Iterable[str]) -> None:
    for text in given:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise SettingsError(f"{name}: '{text}' is no address and no network (10.0.0.5, 10.0.0.0/8)") from None


def _roles(name: str, given: dict[str, str]) -> dict[str, Role]:
    wrong = set(given.values()) - set(ROLES)
    if wrong:
        raise SettingsError(f"{name}: no such role: {', '.join(sorted(wrong))}; there are: {', '.join(ROLES)}")
    return {group: role for group, text in given.items() for role in known_roles([text])}
