"""Settings: the one place that reads the environment and `ssp.toml`. Every key is documented in docs/operators.md.

Belongs here: values and where they come from. Does not belong here: what is done with them.
"""

import os
import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

ROOT = Path(__file__).resolve().parents[1]
WIB = timezone(timedelta(hours=7), "WIB")


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

    katalog: str = ""
    data: str = ""
    memori: str = "1GB"
    utas: int = Field(default=2, ge=1, le=64)


class AgencySettings(_Strict):
    """One agency here: a live host answers only when its legal basis is written down."""

    langsung: bool = False
    dasar_hukum: str = ""
    url: str = ""
    params: dict[str, Any] = Field(default_factory=dict)


class Limits(_Strict):
    """Bounds of one HTTP exchange with an agency."""

    batas_sambung_detik: float = 10.0
    batas_baca_detik: float = 30.0
    batas_total_detik: float = 120.0
    percobaan: int = Field(default=5, ge=1, le=20)
    ukuran_maks_mb: int = Field(default=64, ge=1)


class Snapshots(_Strict):
    """How long analysts' snapshots are kept: at least this many, and at least this many days."""

    simpan_jumlah: int = Field(default=5, ge=1)
    simpan_hari: int = Field(default=7, ge=0)


class Maintenance(_Strict):
    """Lake snapshots are kept for time travel this many days."""

    riwayat_lake_hari: int = Field(default=90, ge=1)


class Config(_Strict):
    """The file `ssp.toml`."""

    provinsi: Province = Province()
    penyimpanan: Storage = Storage()
    http: Limits = Limits()
    cuplikan: Snapshots = Snapshots()
    pemeliharaan: Maintenance = Maintenance()
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
    def releases(self) -> Path:
        return self.home / "releases"

    @property
    def dagster_home(self) -> Path:
        return Path(self.environment.get("DAGSTER_HOME") or self.home / "dagster")

    @property
    def catalog(self) -> str:
        return (
            self.environment.get("SSP_CATALOG")
            or self.config.penyimpanan.katalog
            or f"sqlite:{self.home / 'lake' / 'catalog.sqlite'}"
        )

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
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{name}_FILE names a file that cannot be read: {error.strerror}") from None

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
    path = Path(env.get("SSP_CONFIG") or ROOT / "ssp.toml")
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        config = Config.model_validate(document)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path.name}: {error}") from None
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"{path.name}: {reasons}") from None
    extra = [Path(p) for p in env.get("SSP_CONNECTORS", "").split(os.pathsep) if p]
    given = env.get("SSP_TODAY")
    try:
        fixed = date.fromisoformat(given) if given else None
    except ValueError:
        raise SettingsError(f"SSP_TODAY must be a date like 2026-11-20, not {given!r}") from None
    return Settings(
        config=config,
        home=Path(env.get("SSP_HOME") or ROOT / "var").resolve(),
        roots=(ROOT / "connectors", *extra),
        today=today or fixed or today_wib(),
        sandbox_url=env.get("SSP_SANDBOX_URL", ""),
        replay=Path(env["SSP_REPLAY"]).resolve() if env.get("SSP_REPLAY") else None,
        seed=int(env.get("SSP_SEED", "1")),
        environment=env,
    )
