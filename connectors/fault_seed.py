"""Which faults a seed brings to which request: the same seed, the same requests, the same faults.

Belongs here: drawing a fault, how long it stays, and its arguments, as rules like those of the control endpoint.
Does not belong here: the rules in force (`faults.py`), how a fault is made (`fault_wire.py`, `fault_rows.py`).
"""

import hashlib
import random
import re
from typing import Any

from connectors.fault_rows import BODY_FAULTS, ROW_FAULTS
from connectors.fault_wire import FAULTS

PASSING: tuple[tuple[str, dict[str, Any]], ...] = (
    ("429_detik", {"detik": 0}),
    ("429_tanggal", {"detik": 1}),
    ("5xx", {}),
    ("putus", {}),
    ("gzip_terpotong", {}),
    ("panjang_salah", {}),
)
"""Faults of the transport alone, each of which one retry heals."""

_OF_PAGES = ("halaman_kembar", "halaman_tak_berakhir", "total_menyusut")
_LASTING = 20
"""Requests that a fault strikes which is to outlast every retry of one pull."""
_ENDLESS = 100


class SeededFaults:
    """Draws for a share `rate` of the requests, never twice running for the same one.

    `every`: from all faults, some of which stay longer than a client asks again; else from PASSING.
    """

    def __init__(self, seed: int, *, rate: float = 0.02, every: bool = False) -> None:
        self.seed = seed
        self.rate = rate
        self.every = every
        self._asked: dict[str, int] = {}
        self._hurt: set[str] = set()

    def draw(self, target: str) -> list[dict[str, Any]]:
        """Rules for a request of this path and query, of which the first that can be made is meant; mostly none."""
        number = self._asked[target] = self._asked.get(target, 0) + 1
        if target in self._hurt:
            self._hurt.discard(target)
            return []
        digest = hashlib.sha256(f"{self.seed}\x1f{target}\x1f{number}".encode()).digest()
        rng = random.Random(int.from_bytes(digest[:8]))
        if rng.random() >= self.rate:
            return []
        self._hurt.add(target)
        if not self.every:
            name, arg = rng.choice(PASSING)
            return [_rule(name, target, 1, arg)]
        times = rng.choice((1, 1, 1, _LASTING))
        return [_any_rule(rng, name, target, times) for name in rng.sample(sorted(FAULTS), len(FAULTS))]


def _rule(name: str, target: str, times: int, arg: dict[str, Any]) -> dict[str, Any]:
    path = target.partition("?")[0]
    match = f"^{re.escape(path)}([?]|$)" if name in _OF_PAGES else f"^{re.escape(target)}$"
    return {"cocok": match, "gangguan": name, "kali": times, "arg": arg}


def _any_rule(rng: random.Random, name: str, target: str, times: int) -> dict[str, Any]:
    arg: dict[str, Any] = dict(PASSING).get(name, {})
    if name in ROW_FAULTS or name in BODY_FAULTS:
        arg = {"undi": rng.randrange(1 << 32)}
    elif name == "5xx":
        arg = {"kode": rng.choice((500, 502, 503, 504))}
    elif name == "putus":
        arg = {"cara": rng.choice(("tutup", "reset"))}
    elif name == "panjang_salah":
        arg = {"arah": rng.choice(("kurang", "lebih"))}
    elif name == "tetes":
        arg = {"jeda": 0.001}
    return _rule(name, target, _ENDLESS if name == "halaman_tak_berakhir" else times, arg)
