"""`ssp doctor`: whether this installation can work, and what to do where it can't."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.contract.load import contract_files, lint
from connectors.registry import Registry
from ssp_pipeline.settings import AgencySettings, Settings, SettingsError

_NEEDED_BYTES = 2 * 1024**3


@dataclass
class Finding:
    """One thing looked at: what it is, whether it is fine, and what was seen or is to be done."""

    subject: str
    ok: bool
    text: str


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; nothing is changed."""
    return [*_machine(settings), *_lake(settings), *_contracts(settings), *_agencies(settings)]


def _machine(settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", sys.version_info >= (3, 11), version)
    home = settings.home
    existing = next(p for p in (home, *home.parents) if p.exists())
    yield Finding("folder data", os.access(existing, os.W_OK), f"{home} {'dapat' if existing else 'tidak'} ditulis")
    free = shutil.disk_usage(existing).free
    yield Finding("ruang disk", free > _NEEDED_BYTES, f"{free / 1024**3:.1f} GiB bebas; sediakan sedikitnya 2 GiB")
    key = settings.keys / "induk.key"
    if key.exists():
        private = key.stat().st_mode & 0o077 == 0
        yield Finding(
            "kunci induk", private, "hanya dapat dibaca pemiliknya" if private else f"jalankan chmod 600 {key}"
        )
    else:
        yield Finding("kunci induk", True, "dibuat pada jalan pertama, atau beri SSP_MASTER_KEY")


def _lake(settings: Settings) -> Iterator[Finding]:
    import duckdb

    from ssp_pipeline.app import lake_config
    from warehouse.lake import Lake

    try:
        if settings.catalog.startswith("sqlite:") and not Path(settings.catalog[7:]).exists():
            yield Finding("lake", True, "belum ada; `ssp run` membuatnya")
            return
        lake = Lake(lake_config(settings), read_only=True)
        yield Finding("lake", True, f"DuckDB {duckdb.__version__}, snapshot {lake.snapshot_id()}")
        lake.close()
    except (duckdb.Error, RuntimeError) as error:
        yield Finding("lake", False, str(error).splitlines()[0])


def _contracts(settings: Settings) -> Iterator[Finding]:
    files = contract_files(settings.roots)
    problems = lint(files)
    yield Finding(
        "kontrak", not problems, f"{len(files)} berkas" if not problems else "; ".join(map(str, problems[:5]))
    )


def _agencies(settings: Settings) -> Iterator[Finding]:
    registry = Registry(settings.roots)
    unknown = sorted(set(settings.config.instansi) - registry.agencies.keys())
    if unknown:
        yield Finding("ssp.toml", False, f"instansi tidak dikenal: {', '.join(unknown)}")
    for kode, agency in registry.agencies.items():
        try:
            live = settings.is_live(kode)
        except SettingsError as error:
            yield Finding(f"instansi {kode}", False, str(error))
            continue
        if not live:
            yield Finding(f"instansi {kode}", True, "tiruan")
            continue
        own = settings.config.instansi.get(kode, AgencySettings())
        missing = [name for name in agency.secrets if not settings.secret(name)]
        text = f"langsung ke {own.url or agency.url}; dasar hukum: {own.dasar_hukum}"
        if missing:
            text += f"; belum diatur (bila diminta instansi): {', '.join(missing)}"
        yield Finding(f"instansi {kode}", True, text)
