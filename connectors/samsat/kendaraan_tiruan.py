"""Made-up vehicles, plates and owners of the stand-in, and the amounts that their payments carry.

Belongs here: what one made-up payment looks like. Does not belong here: how many there are and how they are
served (`sandbox.py`), the formulas (`rumus.py`). Names are built of syllables; nobody real is meant.
Prices, shares and the rates of BBNKB and SWDKLLJ are plausible values of the stand-in, not facts.
"""

import random
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from pathlib import Path

from connectors.samsat import rumus

PROVINSI = "12"
_SEN = Decimal("0.01")

_SUKU_KATA = ("ba", "de", "ga", "hi", "ka", "lu", "ma", "ne", "po", "ra", "si", "ta", "tu", "wa", "yo", "zi")
_HURUF = "ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(frozen=True)
class Model:
    """A made-up price list entry: kind, make and model, price of a new one in rupiah, weight, share of payments."""

    jenis: str
    merek: str
    model: str
    harga_baru: int
    bobot: str
    porsi: float


MODEL = (
    Model("SEPEDA MOTOR", "HONDA", "MATIC 110", 15_400_000, "1", 24),
    Model("SEPEDA MOTOR", "HONDA", "BEBEK 125", 14_200_000, "1", 12),
    Model("SEPEDA MOTOR", "YAMAHA", "MATIC 125", 16_900_000, "1", 13),
    Model("SEPEDA MOTOR", "YAMAHA", "SPORT 150", 25_300_000, "1", 8),
    Model("SEPEDA MOTOR", "SUZUKI", "BEBEK 115", 12_800_000, "1", 3),
    Model("MINIBUS", "TOYOTA", "MPV 1.3", 164_000_000, "1.05", 10),
    Model("MINIBUS", "DAIHATSU", "MPV 1.0", 112_000_000, "1.05", 6),
    Model("MINIBUS", "MITSUBISHI", "MPV 1.5", 213_000_000, "1.05", 5),
    Model("MINIBUS", "TOYOTA", "MPV 2.4", 352_000_000, "1.05", 4),
    Model("JEEP", "TOYOTA", "SUV 2.4", 447_000_000, "1.05", 3),
    Model("JEEP", "MITSUBISHI", "SUV 2.5", 472_000_000, "1.05", 2),
    Model("SEDAN", "HONDA", "SEDAN 1.5", 271_000_000, "1.025", 2),
    Model("PICK UP", "SUZUKI", "PICK UP 1.5", 118_000_000, "1.085", 4),
    Model("TRUK", "MITSUBISHI", "LIGHT TRUCK", 324_000_000, "1.3", 3),
    Model("BUS", "ISUZU", "MICROBUS", 387_000_000, "1.1", 1),
)
PORSI_MODEL = tuple(m.porsi for m in MODEL)

_WAJIB_JR = {"SEPEDA MOTOR": 35_000, "TRUK": 163_000, "BUS": 153_000}
_WAJIB_JR_LAIN = 143_000
_TARIF_BBNKB = Decimal("0.08")
_RENTANG_NOMOR = {"SEPEDA MOTOR": (2000, 6999), "BUS": (7000, 7999), "PICK UP": (8000, 9999), "TRUK": (8000, 9999)}

_AWALAN_BK = frozenset(
    "1207 1208 1209 1211 1212 1213 1218 1219 1222 1223 1272 1273 1274 1275 1276".split()  # noqa: SIM905
)
_HURUF_BB = {"1271": "ALM", "1205": "B", "1217": "C", "1215": "D", "1206": "E", "1277": "FH", "1203": "FH"}
_HURUF_BB_LAIN = "GJKNPQRSTUVWXYZ"


@lru_cache(maxsize=1)
def daftar_tarif() -> tuple[rumus.Tarif, ...]:
    """The dated rates of `reference/tarif.csv`."""
    berkas = Path(__file__).parent / "reference" / "tarif.csv"
    return rumus.baca_tarif(berkas.read_text(encoding="utf-8").splitlines())


def rupiah(sen: int) -> str:
    """An amount in hundredths of a rupiah as the agency writes it: "Rp 72.193,44", "Rp 46.985,4", "Rp 0"."""
    bulat, pecahan = divmod(sen, 100)
    ekor = f",{pecahan:02d}".rstrip("0") if pecahan else ""
    return f"Rp {bulat:,}".replace(",", ".") + ekor


def _sen(nilai: Decimal) -> int:
    return int((nilai.quantize(_SEN, ROUND_HALF_UP)) * 100)


def nama(rng: random.Random) -> str:
    """A name of two made-up words."""
    return " ".join("".join(rng.choices(_SUKU_KATA, k=rng.randint(2, 3))) for _ in range(2)).upper()


def nopol(rng: random.Random, kode_bps: str, jenis: str) -> str:
    """A plate by the rules of Sumatera Utara: BK or BB by region, number range by kind, first letter by region."""
    awal, akhir = _RENTANG_NOMOR.get(jenis, (1, 1999))
    nomor = awal + int(rng.random() * (akhir - awal + 1))
    kedua = _HURUF[int(rng.random() * 24)]
    if kode_bps in _AWALAN_BK:
        return f"BK {nomor} {_HURUF[int(rng.random() * 24)]}{kedua}"
    pilihan = _HURUF_BB.get(kode_bps, _HURUF_BB_LAIN)
    return f"BB {nomor} {pilihan[int(rng.random() * len(pilihan))]}{kedua}"


@lru_cache(maxsize=20_000)
def periode(akhir_pkb: date, dibayar: date) -> tuple[tuple[date, int], ...]:
    """Due date and months late of each period that is paid."""
    tagihan = rumus.hitung_tagihan(Decimal(1), Decimal(1), akhir_pkb, dibayar, daftar_tarif(), PROVINSI)
    return tuple((p.jatuh_tempo, p.bulan_telat) for p in tagihan.periode)


def ringkas(daftar: tuple[tuple[date, int], ...], kode_plat: str) -> tuple[tuple[date, int], ...]:
    """The same periods with the first day of their regime as due date: all that the amounts depend on."""
    return tuple(
        (rumus.tarif_pada(daftar_tarif(), PROVINSI, kode_plat, jatuh_tempo).berlaku_mulai, telat)
        for jatuh_tempo, telat in daftar
    )


def _denda_jr(wajib: int, telat: int) -> int:
    return min(wajib * 25 * min(-(-telat // 3), 4) // 100, 100_000) if telat else 0


@lru_cache(maxsize=60_000)
def uang(
    urutan_model: int,
    tahun_rakitan: int,
    umur: int,
    kode_plat: str,
    dibayar_untuk: tuple[tuple[date, int], ...],
    baru: bool,
    ganti_stnk: bool,
) -> tuple[str, int]:
    """The part of a payment's JSON that its vehicle and its periods decide, and the grand total in hundredths.

    The text begins at `nm_merek_kb` and ends before `grand_total`.
    """
    m = MODEL[urutan_model]
    njkb = max(round(m.harga_baru * 0.93**umur / 100_000) * 100_000, 1_000_000)
    nilai = [
        rumus.hitung_periode(
            Decimal(njkb), Decimal(m.bobot), mulai, telat, rumus.tarif_pada(daftar_tarif(), PROVINSI, kode_plat, mulai)
        )
        for mulai, telat in dibayar_untuk
    ]
    tagihan = rumus.Tagihan(tuple(nilai))
    ada_opsen = any(p.is_opsen for p in nilai)
    bbnkb = _TARIF_BBNKB * njkb if baru else Decimal(0)
    opsen_bbnkb = nilai[-1].opsen / nilai[-1].pkb * bbnkb
    telat = max(p.bulan_telat for p in nilai)
    wajib = _WAJIB_JR.get(m.jenis, _WAJIB_JR_LAIN)
    motor = m.jenis == "SEPEDA MOTOR"
    bagian = {
        "pkb": {"pokok": _sen(tagihan.pkb), "denda": _sen(tagihan.denda_pkb)},
        "opsen": {"pokok": _sen(tagihan.opsen), "denda": _sen(tagihan.denda_opsen)},
        "bbnkb": {"pokok": _sen(bbnkb), "denda": 0},
        "opsen_bbnkb": {"pokok": _sen(opsen_bbnkb), "denda": 0},
        "swdkllj": {"pokok": wajib * len(nilai) * 100, "denda": _denda_jr(wajib, telat) * 100},
        "pnbp": {
            "stnk": ganti_stnk * (100_000 if motor else 200_000) * 100,
            "tnkb": ganti_stnk * (60_000 if motor else 100_000) * 100,
        },
    }
    teks = (
        f'"nm_merek_kb":"{m.merek}","nm_model_kb":"{m.model}","nm_jenis_kb":"{m.jenis}","th_rakitan":{tahun_rakitan},'
        f'"kd_plat":{kode_plat},"is_opsen":{"true" if ada_opsen else "false"},"total_bulan_telat":{telat},'
        f'"jumlah_periode":{len(nilai)},"njkb":{{"nilai_jual":"{rupiah(njkb * 100)}","bobot":{m.bobot}}}'
    )
    for nama_bagian, isi in bagian.items():
        teks += f',"{nama_bagian}":{{' + ",".join(f'"{k}":"{rupiah(v)}"' for k, v in isi.items()) + "}"
    return teks, sum(v for isi in bagian.values() for v in isi.values())
