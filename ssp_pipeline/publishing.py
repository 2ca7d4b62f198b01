"""From settings to how open data is published here: by whom, at which address, with which pages.

Belongs here: wiring. Does not belong here: publishing (`warehouse/opendata/`), pages (`portal/site/`).
"""

from assets.open_data import Publishing
from connectors.registry import Registry
from ssp_pipeline.settings import Settings
from warehouse.opendata.describe import Publisher


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
        )
    )
