"""Who asks, and how often: API keys with quotas from a file, and a limit by address for everybody else.

The keys file is TOML, one table a key, which holds the key's sha256 and never the key. A key is 32 random bytes, so a
plain hash is as good as a slow one.

    [kunci.dinas-pangan]
    sha256 = "…"
    per_menit = 3000
    per_hari = 200000

An address is kept in memory as a salted hash, and in the log with its last part cut off (/24, /48).

Belongs here: recognising, counting, refusing. Does not belong here: reading the environment (`settings.py`).
"""

import hashlib
import ipaddress
import math
import secrets
import time
import tomllib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ssp_pipeline.portal.errors import Problem
from ssp_pipeline.web.address import one_client

Work = Literal["api", "sql", "lapor"]
_MINUTE, _DAY = 60.0, 86_400.0
_KEPT = 50_000
_AT_ONCE: dict[Work, float] = {"api": 0.25, "sql": 0.25, "lapor": 60}
"""Minutes' worth of a quota that may be used at once."""

_LOOK_EVERY = 5.0


class Key(BaseModel):
    """One key: the hash of it and its quotas of requests to the API, of which SQL has its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    per_menit: int = Field(default=3_000, ge=1)
    per_hari: int = Field(default=500_000, ge=1)
    sql_per_menit: int = Field(default=60, ge=1)
    keterangan: str = ""


class KeysError(ValueError):
    """The keys file cannot be used; the message says why."""


def read_keys(path: Path) -> dict[str, tuple[str, Key]]:
    """Name and key by hash. Raises KeysError."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        unknown = raw.keys() - {"kunci"}
        if unknown:
            raise KeysError(f"{path.name}: unknown table {', '.join(sorted(unknown))}")
        keys = {name: Key.model_validate(entry) for name, entry in raw.get("kunci", {}).items()}
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise KeysError(f"{path.name}: {reasons}") from None
    except (OSError, ValueError) as error:
        raise KeysError(f"{path.name}: {error}") from None
    return {key.sha256: (name, key) for name, key in keys.items()}


def new_key() -> tuple[str, str]:
    """A new key and its sha256, which is what the file gets."""
    key = secrets.token_urlsafe(32)
    return key, hashlib.sha256(key.encode()).hexdigest()


def truncated(address: str) -> str:
    """The network that an address is in: /24 of IPv4, /48 of IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    prefix = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network(f"{parsed}/{prefix}", strict=False).network_address)


@dataclass(frozen=True)
class Asker:
    """Who asks: `name` of a key or empty, `id` to count by."""

    name: str
    id: Hashable
    key: Key | None = None


class _Bucket:
    """Tokens that fill up evenly. `take` gives 0, or the seconds until one is there again."""

    __slots__ = ("at", "tokens")

    def __init__(self, size: float, now: float):
        self.tokens, self.at = size, now

    def take(self, size: float, rate: float, now: float) -> float:
        self.tokens = min(size, self.tokens + (now - self.at) * rate)
        self.at = now
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        return (1 - self.tokens) / rate


class Limits:
    """Counts requests of this process. `clock` gives monotonic seconds."""

    def __init__(
        self,
        anonymous: Mapping[Work, float],
        keys_file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        """`anonymous`: requests a minute by kind of work. Raises KeysError."""
        self._anonymous, self._file, self._clock = dict(anonymous), keys_file, clock
        self._salt = secrets.token_bytes(16)
        self._keys = read_keys(keys_file) if keys_file else {}
        self._stamp = _stamp(keys_file)
        self._looked = clock()
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def asker(self, address: str, given: str) -> Asker:
        """Who sends this key, or no key, from this address. Raises Problem 403 for a key that is not known."""
        if given:
            self._reread()
            found = self._keys.get(hashlib.sha256(given.removeprefix("Bearer ").strip().encode()).hexdigest())
            if found is None:
                raise Problem(
                    403, "kunci_tidak_dikenal", "Kunci API tidak dikenal; hapus kuncinya atau minta yang baru."
                )
            return Asker(found[0], ("kunci", found[0]), found[1])
        return Asker("", hashlib.blake2b(one_client(address).encode(), key=self._salt, digest_size=12).digest())

    def _reread(self) -> None:
        """Take up a changed keys file; a broken one leaves the keys as they are."""
        now = self._clock()
        if self._file is None or now - self._looked < _LOOK_EVERY:
            return
        self._looked = now
        stamp = _stamp(self._file)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._keys = read_keys(self._file)
            except KeysError:
                return

    def count(self, asker: Asker, work: Work) -> None:
        """Count one request. Raises Problem 429 with the seconds after which there is room again."""
        if asker.key is not None and work != "lapor":
            minute: float = asker.key.per_menit if work == "api" else asker.key.sql_per_menit
            self._take((asker.id, "hari"), asker.key.per_hari, asker.key.per_hari / _DAY)
        else:
            minute = self._anonymous[work]
        if minute > 0:
            self._take((asker.id, work), max(1.0, minute * _AT_ONCE[work]), minute / _MINUTE)

    def _take(self, name: Hashable, size: float, rate: float) -> None:
        now = self._clock()
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = _Bucket(size, now)
            if len(self._buckets) > _KEPT:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(name)
        wait = bucket.take(size, rate, now)
        if wait:
            seconds = str(math.ceil(wait))
            raise Problem(
                429, "terlalu_sering", f"Terlalu banyak permintaan; coba lagi dalam {seconds} detik.",
                headers={"Retry-After": seconds},
            )  # fmt: skip


def _stamp(path: Path | None) -> tuple[int, int]:
    try:
        status = path.stat() if path else None
    except OSError:
        return 0, 0
    return (status.st_mtime_ns, status.st_size) if status else (0, 0)
