"""The command `portal`: serves the public folder, and makes API keys."""

from pathlib import Path

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8600, show_default=True, help="Port to listen on.")
@click.option("--root", type=click.Path(file_okay=False), help="Public folder (default: terbuka/ of the data folder).")
@click.option("--new-key", metavar="NAME", help="Only make an API key for NAME and show its entry for the keys file.")
def portal(host: str, port: int, root: str | None, new_key: str | None) -> int:
    """Serve the Sidata portal: pages, downloads, CKAN's API and SQL over the releases in the public folder.

    It reads that folder and nothing else of the data folder; a new release is taken up without a restart. Ends with
    Ctrl-C or SIGTERM.
    """
    from ssp_pipeline.portal.limits import KeysError
    from ssp_pipeline.portal.limits import new_key as make_key
    from ssp_pipeline.portal.serve import serve
    from ssp_pipeline.portal.service import Options
    from ssp_pipeline.settings import SettingsError, load_settings

    if new_key is not None:
        key, digest = make_key()
        click.echo(f"# Kunci untuk {new_key}, ditampilkan sekali ini saja: {key}")
        click.echo(f'[kunci."{new_key}"]\nsha256 = "{digest}"\nper_menit = 3000\nper_hari = 500000')
        return 0
    settings = load_settings()
    own, home = settings.config.portal, settings.home
    options = Options(
        root=Path(root).resolve() if root else settings.public,
        base_url=settings.config.terbuka.alamat.rstrip("/"),
        contact=own.kontak,
        keys_file=Path(own.berkas_kunci) if own.berkas_kunci else None,
        reports=settings.decisions / "laporan",
        access_log=home / "log" / "portal",
        api_per_minute=own.api_per_menit,
        sql_per_minute=own.sql_per_menit,
        reports_per_hour=own.lapor_per_jam,
        table_memory=own.memori_tabel_mb * 1024 * 1024,
        sql_workers=own.sql_proses,
        sql_seconds=own.sql_detik,
        sql_memory_mb=own.sql_memori_mb,
    )
    click.echo(f"Portal: http://{host}:{port} (Ctrl-C mengakhiri)")
    try:
        serve(options, host, port, proxies=own.proksi)
    except KeysError as error:
        raise SettingsError(f"portal.berkas_kunci: {error}") from None
    return 0
