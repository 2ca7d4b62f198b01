"""What Dagster loads: `dagster … -m ssp_pipeline.definitions`. Thin on purpose; all is made in `assets/build.py`.

The web server and the daemon keep this module for weeks and only evaluate schedules with it. Each run is a process
of its own that opens the workspace by the settings of that moment, so that its `today` is the day it runs on.
"""

from functools import cache

from assets.build import build_definitions
from assets.models import Keep
from assets.workspace import Workspace
from connectors.registry import Registry
from ssp_pipeline import app
from ssp_pipeline.instance import batch_events
from ssp_pipeline.publishing import publishing
from ssp_pipeline.sending import office, postal
from ssp_pipeline.settings import ROOT, load_settings


@cache
def _workspace() -> Workspace:
    return app.open_workspace(load_settings())


batch_events()
_settings = load_settings()
_kept = _settings.config.cuplikan

defs = build_definitions(
    Registry(_settings.roots),
    ROOT / "warehouse" / "models",
    _workspace,
    keep=Keep(_settings.config.pemeliharaan.riwayat_lake_hari, _kept.simpan_jumlah, _kept.simpan_hari),
    publishing=publishing(_settings),
    open_postal=lambda: postal(load_settings()),
    open_office=lambda: office(load_settings()),
)
