"""From settings to how open data is published here: by whom, at which address, with which pages.

Belongs here: wiring. Does not belong here: publishing (`warehouse/opendata/`), pages (`portal/site/`).
"""

from functools import partial
from pathlib import Path

from assets.open_data import Publishing, Site
from connectors.registry import Registry
from ssp_pipeline.settings import Settings
from warehouse.opendata.describe import Publisher
from warehouse.opendata.manifest import Release


def publishing(settings: Settings) -> Publishing:
    """How this installation publishes. While no agency is live here, what it publishes is for demonstration."""
    province, told = settings.config.provinsi, settings.config.terbuka
    return Publishing(
        Publisher(
            walidata=told.walidata,
            province=province.nama,
            province_code=province.kode_bps,
            base_url=told.alamat.rstrip("/"),
            demo=not any(settings.is_live(agency) for agency in Registry(settings.roots).agencies),
        ),
        _site(settings),
    )


def _site(settings: Settings) -> Site:
    """Makes the portal's pages; what that needs is imported when the first release is made."""
    address, contact = settings.config.terbuka.alamat.rstrip("/"), settings.config.portal.kontak
    regions = (r / "referensi" / "reference" / "wilayah.csv" for r in settings.roots)
    tiles = next((path for path in regions if path.is_file()), None)

    def write(root: Path, folder: Path, release: Release) -> None:
        from ssp_pipeline.portal.site import SiteOptions, render_site
        from warehouse.opendata.metadata import schema_org

        describe = partial(schema_org.dataset, province=release.provinsi)
        render_site(root, folder, release, SiteOptions(address, contact, tiles, describe))

    return write
