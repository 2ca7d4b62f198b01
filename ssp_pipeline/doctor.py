"""`ssp doctor`: whether this installation can work, and what to do where it can't."""

import csv
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.contract.load import ContractError, contract_files
from connectors.inbox import unclaimed_names
from connectors.registry import Registry
from ssp_pipeline.settings import VARIABLES, AgencySettings, Settings, SettingsError, webhook_variables

_NEEDED_BYTES = 2 * 1024**3
_NEWEST_PYTHON = (3, 13)


@dataclass
class Finding:
    """One thing looked at: what it is, whether it is fine, and what was seen or is to be done."""

    subject: str
    ok: bool
    text: str


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; nothing is changed."""
    return [
        *_machine(settings),
        *_keys(settings),
        *_extensions(settings),
        *_lake(settings),
        *_contracts(settings),
        *_agencies(settings),
        *_inbox(settings),
        *_way_in(settings),
        _delivery(settings),
        *_names(settings),
    ]


def _machine(settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] <= _NEWEST_PYTHON
    yield Finding("Python", good, version if good else f"{version}; pakai 3.11 sampai 3.13")
    home = settings.home
    existing = next(p for p in (home, *home.parents) if p.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK)
    yield Finding("folder data", writable, f"{home} {'dapat' if writable else 'tidak dapat'} ditulis")
    free = shutil.disk_usage(existing).free
    yield Finding("ruang disk", free > _NEEDED_BYTES, f"{free / 1024**3:.1f} GiB bebas; sediakan sedikitnya 2 GiB")
    try:
        ZoneInfo("Asia/Jakarta")
    except ZoneInfoNotFoundError:
        yield Finding("zona waktu", False, "Asia/Jakarta tidak dikenal; pasang tzdata")
    link = settings.dagster_home / "dagster.yaml"
    if link.is_symlink() and not link.exists():
        yield Finding("Dagster", False, f"{link} menunjuk berkas yang tidak ada lagi; hapus tautan itu")


def _keys(settings: Settings) -> Iterator[Finding]:
    from ssp_pipeline.app import open_workspace

    try:
        open_workspace(settings).close()
        own = settings.secret("SSP_MASTER_KEY") is not None
    except SettingsError as error:
        yield Finding("kunci induk", False, str(error))
        return
    key = settings.keys / "induk.key"
    if own:
        yield Finding("kunci induk", True, "dari SSP_MASTER_KEY")
    elif key.exists():
        private = key.stat().st_mode & 0o077 == 0
        yield Finding(
            "kunci induk", private, "hanya dapat dibaca pemiliknya" if private else f"jalankan chmod 600 {key}"
        )
    else:
        yield Finding("kunci induk", True, "dibuat pada jalan pertama, atau beri SSP_MASTER_KEY")


def _extensions(settings: Settings) -> Iterator[Finding]:
    """The signatures of DuckDB's extensions, which no other command looks at (`warehouse.duck.bare`)."""
    import duckdb

    from ssp_pipeline.app import lake_config
    from warehouse.duck import bare, load_extension

    for name in lake_config(settings).extensions:
        try:
            with closing(bare()) as con:
                load_extension(con, name)
            yield Finding(f"ekstensi {name}", True, "ditandatangani DuckDB")
        except (duckdb.Error, RuntimeError) as error:
            yield Finding(f"ekstensi {name}", False, f"{str(error).splitlines()[0]}; pasang ulang .venv")


def _lake(settings: Settings) -> Iterator[Finding]:
    import duckdb

    from ssp_pipeline.app import lake_config
    from warehouse.duck import attach
    from warehouse.lake import Lake

    try:
        if settings.catalog.startswith("sqlite:") and not Path(settings.catalog[7:]).exists():
            with tempfile.TemporaryDirectory() as folder:
                trial = replace(
                    lake_config(settings), catalog=f"sqlite:{folder}/catalog.sqlite", data_path=folder, secret_sql=""
                )
                attach(trial, read_only=False).close()
            yield Finding("lake", True, f"DuckDB {duckdb.__version__}; belum ada, `ssp run` membuatnya")
            return
        with closing(Lake(lake_config(settings), read_only=True)) as lake:
            # The catalogue alone would not tell whether the files can be reached.
            lake.query("SELECT run_id FROM lake.ops.hasil LIMIT 1")
            yield Finding("lake", True, f"DuckDB {duckdb.__version__}, snapshot {lake.snapshot_id()}")
    except (duckdb.Error, RuntimeError) as error:
        yield Finding("lake", False, str(error).splitlines()[0])


def _contracts(settings: Settings) -> Iterator[Finding]:
    from warehouse.lint import lint

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
            played = any((root / kode / "sandbox.py").is_file() for root in settings.roots)
            yield Finding(f"instansi {kode}", True, "tiruan" if played else "berkas saja, tanpa host")
            continue
        own = settings.config.instansi.get(kode, AgencySettings())
        missing = [name for name in agency.secrets if not settings.secret(name)]
        text = f"langsung ke {own.url or agency.url}; dasar hukum: {own.dasar_hukum}"
        if missing:
            text += f"; belum diatur (bila diminta instansi): {', '.join(missing)}"
        yield Finding(f"instansi {kode}", True, text)
    yield _province(settings)


def _inbox(settings: Settings) -> Iterator[Finding]:
    try:
        contracts = Registry(settings.roots).contracts
    except ContractError:
        return  # told among the contracts
    taken = sorted({contract.agency for contract in contracts if contract.ext.mode == "berkas"})
    try:
        for name in unclaimed_names(settings.inbox, taken):
            nobody = f"{settings.inbox / name}: tidak ada yang mengambil dari sini"
            yield Finding("inbox", False, f"{nobody}; folder yang diambil: {', '.join(taken)}")
    except OSError as error:
        yield Finding("inbox", False, f"{settings.inbox}: {error.strerror}")


def _province(settings: Settings) -> Finding:
    """Settings and the reference list of regions must name the same province."""
    own = settings.config.provinsi
    path = next((r / "referensi" / "reference" / "wilayah.csv" for r in settings.roots), None)
    try:
        assert path is not None
        with path.open(encoding="utf-8-sig", newline="") as file:
            known = {row["kode_bps"]: row["nama"] for row in csv.DictReader(file)}
    except (OSError, KeyError) as error:
        return Finding("provinsi", False, f"referensi/reference/wilayah.csv tidak terbaca: {error}")
    name = known.get(own.kode_bps, "")
    if own.nama.casefold() not in name.casefold() or not name:
        return Finding("provinsi", False, f"wilayah.csv tidak memuat provinsi {own.kode_bps} {own.nama}")
    return Finding("provinsi", True, f"{own.kode_bps} {own.nama}")


def _way_in(settings: Settings) -> Iterator[Finding]:
    """Who can log in to the command centre."""
    from ssp_pipeline.command_access import options_of
    from ssp_pipeline.command_centre.accounts import Accounts, AccountsError

    subject = "pusat komando"
    try:
        options = options_of(settings)
        known = Accounts(options.accounts_file).all() if options.is_local else {}
    except (SettingsError, AccountsError) as error:
        yield Finding(subject, False, str(error))
        return
    active = sum(not account.nonaktif for account in known.values())
    if not options.is_local:
        yield Finding(subject, True, f"masuk lewat {settings.config.pusat.cara}")
    elif active:
        yield Finding(subject, True, f"{active} akun dapat masuk")
    else:
        yield Finding(subject, True, "belum ada akun; `ssp user add <nama> --role operator` membuat yang pertama")


def _delivery(settings: Settings) -> Finding:
    """Whether the settings of delivery and the file of recipients agree. Nobody is connected to."""
    from assets.delivery.recipients import WEBHOOK, RecipientsError, load_recipients
    from ssp_pipeline.sending import postal

    try:
        made = postal(settings)
        everybody = load_recipients(made.recipients).all
    except (SettingsError, RecipientsError) as error:
        return Finding("pengiriman", False, str(error))
    nowhere = [r for r in everybody if r.startswith(WEBHOOK) and r.removeprefix(WEBHOOK) not in made.hooks]
    if nowhere:
        return Finding("pengiriman", False, f"tidak ada di kirim.webhook: {', '.join(nowhere)}")
    way = f"lewat {made.server.host}" if made.server else "surel menjadi berkas .eml"
    return Finding("pengiriman", True, f"{way}; {len(everybody)} penerima")


def _names(settings: Settings) -> Iterator[Finding]:
    """A misspelt variable would be passed over without a word."""
    known = set(VARIABLES).union(*(a.secrets for a in Registry(settings.roots).agencies.values()))
    known |= {name for hook in settings.config.kirim.webhook for name in webhook_variables(hook)}
    given = {name for name in settings.environment if name.startswith("SSP_")}
    strange = sorted(name for name in given if name not in known and name.removesuffix("_FILE") not in known)
    if strange:
        yield Finding("lingkungan", False, f"variabel tidak dikenal: {', '.join(strange)}")
