"""What Dagster loads: `dagster … -m ssp_pipeline.definitions`. Thin on purpose; all is made in `assets/build.py`."""

from functools import cache

from assets.build import build_definitions
from assets.workspace import Workspace
from connectors.registry import Registry
from ssp_pipeline import app
from ssp_pipeline.settings import ROOT, load_settings

_settings = load_settings()


@cache
def _workspace() -> Workspace:
    return app.open_workspace(_settings)


defs = build_definitions(
    Registry(_settings.roots),
    ROOT / "warehouse" / "models",
    _workspace,
    keep_days=_settings.config.pemeliharaan.riwayat_lake_hari,
)
