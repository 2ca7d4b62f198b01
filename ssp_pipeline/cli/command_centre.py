"""The command `dashboard`: serves the command centre."""

import click


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
    from ssp_pipeline.command_access import options_of, reading
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
