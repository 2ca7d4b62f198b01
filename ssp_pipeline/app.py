"""From settings to an open workspace: which agencies are live, which stand-ins answer, and with which secrets.

Belongs here: wiring. Does not belong here: reading the environment (`settings.py`), commands (`cli/`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from assets.workspace import Endpoint, HttpLimits, Workspace
from connectors.registry import Registry, import_part
from ssp_pipeline.settings import ROOT, AgencySettings, Settings, SettingsError
from warehouse.checks import Checker
from warehouse.duck import LakeConfig


def lake_config(settings: Settings) -> LakeConfig:
    """Where the lake of this installation is."""
    return LakeConfig(
        catalog=settings.catalog,
        data_path=settings.data_path,
        lock_path=settings.home / "lake" / "penulis.lock",
        memory_limit=settings.config.penyimpanan.memori,
        threads=settings.config.penyimpanan.utas,
        secret_sql=settings.secret("SSP_OBJECT_STORE_SECRET") or "",
    )


def open_workspace(
    settings: Settings, *, sandbox_url: str = "", run_id: str | None = None, checker: Checker | None = None
) -> Workspace:
    """A workspace by the settings. An agency that is not live answers from its stand-in at `sandbox_url`."""
    registry = Registry(settings.roots)
    stand_in = sandbox_url or settings.sandbox_url

    @cache
    def demo_secrets(agency: str) -> dict[str, str]:
        folder = _folder(registry, agency)
        if not (folder / "sandbox.py").is_file():
            return {}
        found: dict[str, str] = getattr(import_part(folder, "sandbox"), "DEMO_SECRETS", {})
        return found

    def endpoint(agency: str) -> Endpoint:
        known = registry.agencies[agency]
        own = settings.config.instansi.get(agency, AgencySettings())
        params = {**known.params, **own.params}
        if settings.is_live(agency):
            url = own.url or known.url
            if not url:
                raise SettingsError(f"instansi.{agency}.langsung is on, but no url is known: set instansi.{agency}.url")
            return Endpoint(url, params, known.laju)
        return Endpoint(f"{stand_in}/{agency}" if stand_in else "", params, None)

    def secret(name: str) -> str | None:
        given = settings.secret(name)
        if given:
            return given
        for agency in registry.agencies.values():
            if name in agency.secrets and not settings.is_live(agency.kode):
                return demo_secrets(agency.kode).get(name)
        return None

    limits = settings.config.http
    workspace = Workspace(
        home=settings.home,
        registry=registry,
        lake_config=lake_config(settings),
        endpoint=endpoint,
        secret=secret,
        today=settings.today,
        wilayah=_folder(registry, "referensi") / "reference" / "wilayah.csv",
        master_key=_master_key(settings),
        limits=HttpLimits(
            connect=limits.batas_sambung_detik,
            read=limits.batas_baca_detik,
            total=limits.batas_total_detik,
            attempts=limits.percobaan,
            max_bytes=limits.ukuran_maks_mb * 1024 * 1024,
        ),
        shared_models=ROOT / "warehouse" / "models",
        clock=None if settings.today_fixed else lambda: datetime.now(UTC),
        started_checker=checker,
    )
    if run_id:
        workspace.run_id = run_id
    return workspace


def _folder(registry: Registry, agency: str) -> Path:
    for root in registry.roots:
        if (root / agency).is_dir():
            return root / agency
    raise SettingsError(f"no agency folder '{agency}' below {', '.join(r.name for r in registry.roots)}")


def _master_key(settings: Settings) -> bytes | None:
    text = settings.secret("SSP_MASTER_KEY")
    if text is None:
        return None
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise SettingsError("SSP_MASTER_KEY must be 64 hex digits (32 bytes)")
    return key


def needs_stand_ins(settings: Settings) -> bool:
    """Whether some agency is not live and no stand-in server was named."""
    registry = Registry(settings.roots)
    return not settings.sandbox_url and any(not settings.is_live(kode) for kode in registry.agencies)


@contextmanager
def stand_ins(settings: Settings, *, days: int, port: int = 0) -> Iterator[str]:
    """Run the stand-in agencies for as long as the block lasts and fill the inbox; gives their URL."""
    from datetime import timedelta

    from connectors.sandbox import World, running, write_inbox

    world = World(today=settings.today, seed=settings.seed, replay=settings.replay)
    start = settings.today - timedelta(days=days)
    live = [kode for kode in Registry(settings.roots).agencies if settings.is_live(kode)]
    write_inbox(world, settings.roots, settings.inbox, start, settings.today, skip=live)
    # They end with this process; a back-fill or `ssp up` may last for any time.
    with running(world, settings.roots, port=port, max_lifetime=0) as url:
        yield url
