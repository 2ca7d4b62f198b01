"""Settings: the one place that reads the environment and `ssp.toml`. Every key is documented in docs/operators.md.

Belongs here: values and where they come from. Does not belong here: what is done with them.
"""

import os
import re
import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

ROOT = Path(__file__).resolve().parents[1]
WIB = timezone(timedelta(hours=7), "WIB")
CATALOG = r"^$|^(sqlite|postgres):.+"

VARIABLES = {
    "SSP_HOME": "folder of all data",
    "SSP_CONFIG": "settings file instead of ssp.toml",
    "SSP_CONNECTORS": "further folders of agencies",
    "SSP_TODAY": "business date taken for today",
    "SSP_SANDBOX_URL": "address of stand-ins that already run",
    "SSP_REPLAY": "folder of real series that the stand-ins replay",
    "SSP_SEED": "seed of the stand-ins",
    "SSP_CATALOG": "catalogue of the lake",
    "SSP_DATA_PATH": "data path of the lake",
    "SSP_MASTER_KEY": "key that wraps the archive's keys (secret)",
    "SSP_OBJECT_STORE_SECRET": "CREATE SECRET statement of the object store (secret)",
    "SSP_OIDC_SECRET": "secret of the command centre at its OpenID provider (secret)",
    "DAGSTER_HOME": "Dagster's folder",
    "SSP_DAGSTER_POSTGRES_URL": "Dagster's storage (secret)",
    "SSP_SMTP_USER": "name at the mail server (secret)",
    "SSP_SMTP_PASSWORD": "password at the mail server (secret)",
    "SSP_CRASH_AT": "step at which a crash test kills the process",
}
"""Environment variables that this installation knows; agencies add those of their `secrets`. All but the last
are read here alone, and each that is asked for by `secret` may be given as NAME_FILE, a file that holds the value."""


class SettingsError(ValueError):
    """A setting is missing or wrong; the message names it and says what it should be."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Province(_Strict):
    """The province this installation serves."""

    kode_bps: str = Field(default="12", pattern=r"^\d{2}$")
    nama: str = "Sumatera Utara"


class Storage(_Strict):
    """Where the lake is. Empty values mean folders below SSP_HOME."""

    katalog: str = Field(default="", pattern=CATALOG)
    data: str = ""
    memori: str = Field(default="1GB", pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$")
    utas: int = Field(default=2, ge=1, le=64)


class AgencySettings(_Strict):
    """One agency here: a live host answers only when its legal basis is written down."""

    langsung: bool = False
    dasar_hukum: str = ""
    url: str = ""
    params: dict[str, Any] = Field(default_factory=dict)


class Limits(_Strict):
    """Bounds of one HTTP exchange with an agency."""

    batas_sambung_detik: float = Field(default=10.0, gt=0)
    batas_baca_detik: float = Field(default=30.0, gt=0)
    batas_total_detik: float = Field(default=120.0, gt=0)
    percobaan: int = Field(default=5, ge=1, le=20)
    ukuran_maks_mb: int = Field(default=64, ge=1)


class Snapshots(_Strict):
    """How long analysts' snapshots are kept: at least this many, and at least this many days."""

    simpan_jumlah: int = Field(default=5, ge=1)
    simpan_hari: int = Field(default=7, ge=0)


class Maintenance(_Strict):
    """Lake snapshots are kept for time travel this many days."""

    riwayat_lake_hari: int = Field(default=90, ge=1)


class OpenData(_Strict):
    """Who publishes, and the portal's public address, which permanent links and the catalogue are made with."""

    walidata: str = Field(default="Dinas Komunikasi dan Informatika", min_length=1)
    alamat: str = Field(default="http://127.0.0.1:8600", pattern=r"^https?://[^\s/]+(/\S*)?$")


class Portal(_Strict):
    """The portal: who answers for it, who may ask how much, and the memory it may take."""

    kontak: str = Field(default="", description="E-mail or address of whoever answers for the portal.")
    proksi: tuple[str, ...] = ()
    berkas_kunci: str = ""
    api_per_menit: int = Field(default=600, ge=0)
    sql_per_menit: int = Field(default=20, ge=0)
    lapor_per_jam: int = Field(default=5, ge=0)
    memori_tabel_mb: int = Field(default=1024, ge=16)
    sql_proses: int = Field(default=1, ge=1, le=16)
    sql_detik: float = Field(default=5.0, gt=0, le=60)
    sql_memori_mb: int = Field(default=512, ge=128)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Delivery(_Strict):
    """Sending of reports and early warnings. Without `host`, mails become files; see docs/delivery.md."""

    host: str = ""
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "langsung", "tanpa"] = "starttls"
    berkas_ca: str = ""
    pengirim: str = Field(default="ssp@provinsi.invalid", pattern=r"^[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")
    nama_pengirim: str = "Sumut Smart Province"
    berkas_penerima: str = ""
    batas_detik: float = Field(default=30.0, gt=0, le=600)
    batas_jawaban_detik: float = Field(default=600.0, gt=0, le=3600)
    percobaan: int = Field(default=16, ge=1, le=100)
    webhook: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _nothing_in_the_clear(self) -> "Delivery":
        if self.tls == "tanpa" and self.host and not is_loopback(self.host):
            raise ValueError("tls = 'tanpa' is for a mail server on this machine; use 'starttls' or 'langsung'")
        for name, url in self.webhook.items():
            if not re.fullmatch(r"[a-z][a-z0-9]*", name):
                raise ValueError(f"a webhook's name is of small letters and digits, not {name!r}")
            if url:
                check_webhook(name, url)
        return self


class Watch(_Strict):
    """What the dead-man's switch takes for trouble; see docs/delivery.md."""

    diam_jam: float = Field(default=26.0, gt=0)
    cuplikan_jam: float = Field(default=50.0, gt=0)
    laporan_pukul: str = Field(default="07.00", pattern=r"^([01]\d|2[0-3])\.[0-5]\d$|^$")
    disk_gib: float = Field(default=2.0, ge=0)
    daemon: bool = True


def webhook_variables(name: str) -> tuple[str, str]:
    """Variables of a webhook: the secret that its messages are signed with, and its address if that is secret."""
    return f"SSP_WEBHOOK_{name.upper()}", f"SSP_WEBHOOK_{name.upper()}_URL"


def check_webhook(name: str, url: str) -> None:
    """Raises ValueError for an address that is not HTTPS, except on this machine. The address is not in the message."""
    parts = urlsplit(url)
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not secure or not parts.hostname:
        raise ValueError(f"the address of webhook {name} must begin with https://")


class Oidc(_Strict):
    """A provider of OpenID Connect that people log in at; `peran` leads from values of its claim to our roles."""

    penerbit: str = Field(default="", pattern=r"^$|^https://\S+$|^http://(127\.0\.0\.1|localhost)(:\d+)?(/\S*)?$")
    klien: str = ""
    cakupan: str = "openid profile"
    klaim_nama: str = "preferred_username"
    klaim_tampil: str = "name"
    klaim_peran: str = "groups"
    klaim_instansi: str = "instansi"
    peran: dict[str, str] = Field(default_factory=dict)


class TrustedHeaders(_Strict):
    """A web server that logs people in and names them in headers; only those of the addresses `asal` are believed."""

    asal: tuple[str, ...] = ()
    nama: str = "X-Forwarded-User"
    kelompok: str = "X-Forwarded-Groups"
    instansi: str = "X-Forwarded-Instansi"
    peran: dict[str, str] = Field(default_factory=dict)


class CommandCentre(_Strict):
    """The command centre: where people reach it, and the one way in which they log in."""

    alamat: str = Field(default="", pattern=r"^$|^https?://[^\s/]+$")
    cara: Literal["lokal", "oidc", "proksi"] = "lokal"
    berkas_akun: str = ""
    proksi: tuple[str, ...] = ()
    diam_menit: int = Field(default=60, ge=1)
    paling_lama_jam: int = Field(default=168, ge=1)
    oidc: Oidc = Oidc()
    kepala: TrustedHeaders = TrustedHeaders()


class Config(_Strict):
    """The file `ssp.toml`."""

    provinsi: Province = Province()
    penyimpanan: Storage = Storage()
    http: Limits = Limits()
    cuplikan: Snapshots = Snapshots()
    pemeliharaan: Maintenance = Maintenance()
    terbuka: OpenData = OpenData()
    portal: Portal = Portal()
    pusat: CommandCentre = CommandCentre()
    kirim: Delivery = Delivery()
    jaga: Watch = Watch()
    instansi: dict[str, AgencySettings] = Field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """What the application was told: the file, the environment and the command line, merged."""

    config: Config
    home: Path
    roots: tuple[Path, ...]
    today: date
    sandbox_url: str = ""
    replay: Path | None = None
    seed: int = 1
    today_fixed: bool = False
    environment: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def archive(self) -> Path:
        return self.home / "archive"

    @property
    def keys(self) -> Path:
        return self.home / "keys"

    @property
    def inbox(self) -> Path:
        return self.home / "inbox"

    @property
    def snapshots(self) -> Path:
        return self.home / "snapshots"

    @property
    def public(self) -> Path:
        return self.home / "terbuka"

    @property
    def decisions(self) -> Path:
        return self.home / "walidata"

    @property
    def outbox(self) -> Path:
        return self.home / "kotak_keluar"

    @property
    def recipients(self) -> Path:
        """The file of recipients; `kirim.berkas_penerima` is taken from SSP_HOME when it is a relative path."""
        return self.home / (self.config.kirim.berkas_penerima or "penerima.toml")

    @property
    def dagster_home(self) -> Path:
        return Path(self.environment.get("DAGSTER_HOME") or self.home / "dagster")

    @property
    def catalog(self) -> str:
        return (
            self.secret("SSP_CATALOG")
            or self.config.penyimpanan.katalog
            or f"sqlite:{self.home / 'lake' / 'catalog.sqlite'}"
        )

    @property
    def has_lake(self) -> bool:
        """Whether a lake was made here; of one in PostgreSQL only asking it would tell."""
        kind, _, where = self.catalog.partition(":")
        return kind != "sqlite" or Path(where).exists()

    @property
    def data_path(self) -> str:
        return self.environment.get("SSP_DATA_PATH") or self.config.penyimpanan.data or str(self.home / "lake" / "data")

    def secret(self, name: str) -> str | None:
        """A secret from the variable NAME or the file that NAME_FILE names. Raises SettingsError for a bad file."""
        if self.environment.get(name):
            return self.environment[name]
        path = self.environment.get(f"{name}_FILE")
        if not path:
            return None
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{name}_FILE names a file that cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SettingsError(f"{name}_FILE names a file that is not UTF-8 text") from None
        if not value:
            raise SettingsError(f"{name}_FILE names an empty file")
        return value

    def is_live(self, agency: str) -> bool:
        """Whether the agency's own host is asked. Raises SettingsError when its legal basis is missing."""
        own = self.config.instansi.get(agency, AgencySettings())
        if own.langsung and not own.dasar_hukum.strip():
            raise SettingsError(
                f"instansi.{agency}.langsung is on, but dasar_hukum is empty: write down the legal basis "
                "(agreement, decree or regulation) on which this agency's host may be asked"
            )
        return own.langsung


def today_wib() -> date:
    """The business date now."""
    return datetime.now(WIB).date()


def load_settings(*, today: date | None = None, environment: dict[str, str] | None = None) -> Settings:
    """Read `ssp.toml` (or the file SSP_CONFIG names) and the environment. Raises SettingsError."""
    env = dict(os.environ if environment is None else environment)
    given = env.get("SSP_TODAY")
    try:
        fixed = date.fromisoformat(given) if given else None
    except ValueError:
        raise SettingsError(f"SSP_TODAY must be a date like 2026-11-20, not {given!r}") from None
    try:
        seed = int(env.get("SSP_SEED") or 1)
    except ValueError:
        raise SettingsError(f"SSP_SEED must be a whole number, not {env['SSP_SEED']!r}") from None
    more = [p for p in env.get("SSP_CONNECTORS", "").split(os.pathsep) if p]
    settings = Settings(
        config=_config(env.get("SSP_CONFIG")),
        home=Path(env.get("SSP_HOME") or ROOT / "var").resolve(),
        roots=(ROOT / "connectors", *(_folder("SSP_CONNECTORS", p) for p in more)),
        today=today or fixed or today_wib(),
        today_fixed=bool(today or fixed),
        sandbox_url=env.get("SSP_SANDBOX_URL", "").rstrip("/"),
        replay=_folder("SSP_REPLAY", env["SSP_REPLAY"]) if env.get("SSP_REPLAY") else None,
        seed=seed,
        environment=env,
    )
    there = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.R_OK | os.X_OK):
        raise SettingsError(f"SSP_HOME {settings.home}: {there} is no folder that can be used")
    if there != settings.home and not os.access(there, os.W_OK):
        raise SettingsError(f"SSP_HOME {settings.home} cannot be made: {there} cannot be written")
    if not re.match(CATALOG, settings.catalog):
        raise SettingsError("SSP_CATALOG must be sqlite:<path> or postgres:<libpq connection string>")
    return settings


def _config(named: str | None) -> Config:
    path = Path(named) if named else ROOT / "ssp.toml"
    if not path.is_file():
        if named:
            raise SettingsError(f"SSP_CONFIG names no file: {named}")
        return Config()
    try:
        return Config.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"{path.name}: {reasons}") from None
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path.name}: {error}") from None


def _folder(variable: str, given: str) -> Path:
    path = Path(given).resolve()
    if not path.is_dir():
        raise SettingsError(f"{variable} names no folder: {given}")
    return path
