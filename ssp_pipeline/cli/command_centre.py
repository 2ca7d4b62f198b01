"""The command `dashboard`: serves the command centre."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from assets.workspace import Workspace
    from ssp_pipeline.command_centre.service import Options, Role
    from ssp_pipeline.settings import Settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8500, show_default=True, help="Port to listen on.")
@click.option(
    "--dagster-url",
    default="",
    metavar="URL",
    help="Dagster's web server, shown to operators at /dagster/: http://… or unix:<path of its socket>.",
)
def dashboard(host: str, port: int, dagster_url: str) -> int:
    """Serve the command centre: the dashboards behind a login. Accounts are made by `ssp user add`.

    It changes nothing of the data. Ends with Ctrl-C or SIGTERM.
    """
    from ssp_pipeline.command_centre.accounts import AccountsError
    from ssp_pipeline.command_centre.serve import serve
    from ssp_pipeline.command_centre.service import Centre
    from ssp_pipeline.settings import SettingsError, load_settings

    settings = load_settings()
    centre = Centre(options_of(settings, dagster_url), lambda: reading(settings))
    click.echo(f"Pusat komando: http://{host}:{port} (Ctrl-C mengakhiri)")
    try:
        serve(centre, host, port)
    except AccountsError as error:
        raise SettingsError(str(error)) from None
    return 0


def options_of(settings: "Settings", dagster_url: str = "") -> "Options":
    """The command centre's options by the settings. Raises SettingsError."""
    from ssp_pipeline.command_centre.service import OidcOptions, Options, ProxyOptions

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


def reading(settings: "Settings") -> "Workspace":
    """Archive and lake, opened for reading: no writer waits for it."""
    from ssp_pipeline import app
    from warehouse.lake import Lake

    workspace = app.open_workspace(settings)
    workspace.lake = Lake(workspace.lake_config, read_only=True)
    return workspace


def accounts_file(settings: "Settings") -> Path:
    """The file of the local accounts."""
    named = settings.config.pusat.berkas_akun
    return Path(named).resolve() if named else settings.home / "masuk" / "akun.json"


def _need(name: str, value: object) -> None:
    from ssp_pipeline.settings import SettingsError

    if not value:
        raise SettingsError(f"{name} is needed for this way of logging in (pusat.cara)")


def _roles(name: str, given: dict[str, str]) -> dict[str, "Role"]:
    from ssp_pipeline.command_centre.roles import ROLES, known_roles
    from ssp_pipeline.settings import SettingsError

    wrong = set(given.values()) - set(ROLES)
    if wrong:
        raise SettingsError(f"{name}: no such role: {', '.join(sorted(wrong))}; there are: {', '.join(ROLES)}")
    return {group: role for group, text in given.items() for role in known_roles([text])}
