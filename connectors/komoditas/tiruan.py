"""Made-up food prices that the price stand-ins share, so that their regions, days and sources hang together.

Belongs here: a smooth price path for a commodity of the vocabulary, by region, day and source. Does not belong
here: any wire format (each agency's `sandbox.py`) and any price that is said to be real.

A price is  base · trend(commodity, day) · region(commodity, region, day) · source(source, commodity, region).
Trend and region parts run straight between random knots, so neighbouring days are close to each other and every
value depends on seed and key alone, whatever was asked for before.
"""

import math
from datetime import date

from connectors.sandbox import World

_LEVELS = {
    # kode_komoditas: (retail price in Rp per unit, weekly log volatility), about the level of 2025-2026
    "beras_premium": (15_600, 0.008),
    "beras_medium": (13_700, 0.008),
    "beras_sphp": (12_500, 0.004),
    "jagung_peternak": (6_300, 0.020),
    "kedelai_impor": (11_200, 0.010),
    "bawang_merah": (39_500, 0.050),
    "bawang_putih_bonggol": (38_500, 0.030),
    "bawang_putih_honan": (38_900, 0.030),
    "cabai_merah_besar": (44_000, 0.090),
    "cabai_merah_keriting": (46_000, 0.090),
    "cabai_rawit_merah": (49_000, 0.080),
    "daging_sapi_murni": (136_000, 0.008),
    "daging_sapi_paha_belakang": (137_500, 0.008),
    "daging_kerbau_beku": (104_000, 0.008),
    "daging_kerbau_segar": (139_000, 0.008),
    "daging_ayam_ras": (38_000, 0.030),
    "telur_ayam_ras": (29_400, 0.020),
    "gula_konsumsi": (17_900, 0.008),
    "gula_pasir_curah": (17_700, 0.008),
    "minyak_goreng_curah": (18_100, 0.010),
    "minyak_goreng_kemasan": (20_600, 0.008),
    "minyak_goreng_kemasan_premium": (21_200, 0.008),
    "minyakita": (16_600, 0.006),
    "tepung_terigu": (12_100, 0.006),
    "tepung_terigu_curah": (10_300, 0.006),
    "tepung_terigu_kemasan": (12_900, 0.006),
    "ikan_kembung": (41_500, 0.030),
    "ikan_tongkol": (35_500, 0.030),
    "ikan_bandeng": (37_500, 0.025),
    "garam_konsumsi": (11_300, 0.006),
}
_ISLANDS = frozenset({"1201", "1214", "1224", "1225", "1278"})
_GROWERS = frozenset({"1209", "1210", "1211"})
"""Regions by BPS code where prices lie higher (Nias archipelago) and where chilli and shallots are grown."""

_FRESH = ("cabai", "bawang_merah")


class HargaTiruan:
    """Price paths of one world; what was computed is kept."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._gauss: dict[tuple[object, ...], float] = {}
        self._source: dict[tuple[str, str, str], float] = {}
        self._prices: dict[tuple[str, str, str, date], int] = {}

    def harga(self, sumber: str, kode_komoditas: str, kode_wilayah: str, hari: date) -> int:
        """Whole rupiah a unit, rounded as shops do. `kode_wilayah` is any stable name of a region.

        Raises KeyError for a commodity without a level.
        """
        key = (sumber, kode_komoditas, kode_wilayah, hari)
        known = self._prices.get(key)
        if known is None:
            base, volatility = _LEVELS[kode_komoditas]
            step = 50 if base < 30_000 else 100 if base < 100_000 else 500
            log = self._trend(kode_komoditas, volatility, hari)
            log += self._region(kode_komoditas, volatility, kode_wilayah, hari)
            log += self._offset(sumber, kode_komoditas, kode_wilayah)
            known = self._prices[key] = round(base * math.exp(log) / step) * step
        return known

    def _trend(self, kode: str, volatility: float, hari: date) -> float:
        slow = self._path(2.0 * volatility, 70, hari, "harga", "musim", kode)
        return slow + self._path(volatility, 7, hari, "harga", "pekan", kode)

    def _region(self, kode: str, volatility: float, wilayah: str, hari: date) -> float:
        level = 0.02 * self._knot("harga", "wilayah", wilayah)
        if wilayah in _ISLANDS:
            level += 0.05
        if wilayah in _GROWERS and kode.startswith(_FRESH):
            level -= 0.06
        return level + self._path(0.4 * volatility, 14, hari, "harga", "wilayah", kode, wilayah)

    def _offset(self, sumber: str, kode: str, wilayah: str) -> float:
        key = (sumber, kode, wilayah)
        known = self._source.get(key)
        if known is None:
            known = self._source[key] = 0.006 * self._knot("harga", "sumber", *key)
        return known

    def _path(self, size: float, days: int, hari: date, *key: object) -> float:
        position, inside = divmod(hari.toordinal(), days)
        before, after = self._knot(*key, position), self._knot(*key, position + 1)
        return size * (before + (after - before) * inside / days)

    def _knot(self, *key: object) -> float:
        known = self._gauss.get(key)
        if known is None:
            value = self._world.rng(*key).gauss(0.0, 1.0)
            known = self._gauss[key] = max(-2.5, min(2.5, value))
        return known
