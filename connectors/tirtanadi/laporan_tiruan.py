"""The monthly branch report of the stand-in: its figures and its sheet.

Belongs here: what one branch's file holds. Does not belong here: which files lie in the inbox when, and the daily
answers (`sandbox.py`). Customers, volumes and losses are plausible values; the head of a branch and the NIP under
the table are made up (nobody was appointed in 1900).
"""

import math
import random
from dataclasses import dataclass
from datetime import date

from connectors.contract.model import FileLayout
from connectors.read.dates import MONTH_NAMES
from connectors.read.grid import Cell, Grid, write_xlsx
from connectors.sandbox import World

PELANGGAN = {
    "Medan Kota": 31_800, "Medan Denai": 38_200, "Medan Labuhan": 27_400, "Belawan Kota": 19_600,
    "Padang Bulan": 41_900, "Sei Agul": 36_700, "Tuasan": 33_500, "Deli Tua": 29_800, "Sunggal": 39_400,
    "HM Yamin": 32_600, "Cemara": 30_900, "Diski": 21_700, "Medan Amplas": 35_800, "Sibolangit": 3_900,
    "Berastagi": 7_600, "Deli Serdang": 18_300, "Tapanuli Selatan": 5_400, "Tapanuli Tengah": 6_100,
    "Toba": 8_700, "Samosir": 5_900, "Nias Selatan": 4_200, "Pemasaran Air Limbah": 20_400,
}  # fmt: skip
"""Made-up customers of each branch at the beginning of 2025."""
TANPA_AIR = frozenset({"Pemasaran Air Limbah"})
"""Branches that sell no drinking water: their volume is 0 and they have no loss to report."""

_SUKU_KATA = ("ba", "de", "ga", "hi", "ka", "lu", "ma", "ne", "po", "ra", "si", "ta", "tu", "wa")
_TARIF_BARU = date(2026, 2, 1)


@dataclass(frozen=True)
class Kelompok:
    """A tariff group: share of the customers, m3 a customer and month, rupiah a m3 before and since February 2026."""

    kode: str
    porsi: float
    pemakaian: float
    tarif_lama: int
    tarif: int


KELOMPOK = (
    Kelompok("K1", 0.09, 24.0, 3_450, 4_885),
    Kelompok("K2", 0.79, 18.5, 5_150, 7_240),
    Kelompok("K3", 0.12, 43.0, 9_600, 13_000),
)


@dataclass(frozen=True)
class Baris:
    """One tariff group's row of a report; volume in m3, money in rupiah."""

    kelompok: str
    pelanggan: int
    sambungan_rumah: int
    air_terjual: int
    drd: int
    penerimaan: int
    lembar_tunggakan: int
    tunggakan: int

    def angka(self) -> tuple[int, ...]:
        return (
            self.pelanggan, self.sambungan_rumah, self.air_terjual, self.drd, self.penerimaan,
            self.lembar_tunggakan, self.tunggakan,
        )  # fmt: skip


def tulis_bulan(bulan: date) -> str:
    """The month as people write it: Oktober 2026."""
    return f"{MONTH_NAMES[bulan.month - 1]} {bulan.year}"


def _umur(bulan: date) -> int:
    return (bulan.year - 2025) * 12 + bulan.month - 1


def isi(world: World, cabang: str, bulan: date) -> list[Baris]:
    """The rows of a branch and month: a slow growth, a seasonal use, little noise.

    About one row in 150 claims more house connections than customers, and must be quarantined.
    """
    rng = world.rng("tirtanadi", "laporan", cabang, bulan.isoformat())
    tumbuh = (1 + 0.0021) ** _umur(bulan)
    musim = 1 + 0.035 * math.sin((bulan.month - 2) / 12 * 2 * math.pi)
    baris = []
    for k in KELOMPOK:
        pelanggan = round(PELANGGAN.get(cabang, 10_000) * k.porsi * tumbuh)
        rumah = round(pelanggan * (0.97 if k.kode == "K2" else 0.55))
        if rng.random() < 1 / 150:
            rumah = pelanggan + 1 + int(pelanggan * 0.1)
        pakai = 0.0 if cabang in TANPA_AIR else k.pemakaian
        volume = round(pelanggan * pakai * musim * rng.gauss(1, 0.012))
        tarif = k.tarif if bulan >= _TARIF_BARU else k.tarif_lama
        drd = volume * tarif if volume else pelanggan * 17_500
        lembar = round(pelanggan * (0.16 + 0.02 * math.sin(_umur(bulan) / 5)) * rng.gauss(1, 0.03))
        baris.append(
            Baris(
                kelompok=k.kode,
                pelanggan=pelanggan,
                sambungan_rumah=rumah,
                air_terjual=volume,
                drd=drd,
                penerimaan=round(drd * min(rng.gauss(0.945, 0.012), 0.995)),
                lembar_tunggakan=lembar,
                tunggakan=round(lembar * drd / pelanggan * 1.8),
            )
        )
    return baris


def kehilangan(world: World, cabang: str, bulan: date) -> float | None:
    """Water lost (NRW) of a branch in percent; None where no water is sold."""
    if cabang in TANPA_AIR:
        return None
    tetap = world.rng("tirtanadi", "nrw", cabang)
    dasar = 21 + 14 * tetap.random()
    return round(dasar - 0.08 * _umur(bulan) + world.rng("tirtanadi", "nrw", cabang, bulan).gauss(0, 0.4), 2)


def _nama(rng: random.Random) -> str:
    return " ".join("".join(rng.choices(_SUKU_KATA, k=3)) for _ in range(2)).title()


def lembar(world: World, cabang: str, bulan: date, dikirim: date, *, varian: bool = False) -> bytes:
    """The XLSX of a branch and month.

    Title rows 1–5 (branch in A3, month in A4, water lost in A5), a header of two merged rows, one row a tariff
    group, a totals row, and the signature block. `varian`: a blank row more above the header, whose texts carry
    line breaks and doubled blanks, as some branches type it.
    """
    nrw = kehilangan(world, cabang, bulan)
    teks_nrw = "-" if nrw is None else f"{nrw:.2f}".replace(".", ",") + " %"
    baris: list[list[Cell]] = [
        ["PERUMDA TIRTANADI PROVINSI SUMATERA UTARA"],
        ["LAPORAN OPERASIONAL BULANAN CABANG"],
        [f"Cabang : {cabang}"],
        [f"Bulan : {tulis_bulan(bulan)}"],
        [f"Kehilangan Air (NRW) : {teks_nrw}"],
        [None],
    ]
    if varian:
        baris.append([None])
    atas = len(baris)
    kepala: list[Cell] = [
        "No", "Kelompok Tarif", "Pelanggan", None, "Air Terjual (m3)", "Rekening Air", None, "Tunggakan", None,
    ]  # fmt: skip
    anak: list[Cell] = [
        None, None, "Jumlah", "Sambungan Rumah (SR)", None, "DRD (Rp)", "Penerimaan (Rp)", "Lembar", "Nilai (Rp)",
    ]  # fmt: skip
    if varian:
        kepala = [t.replace(" (", "\n(").replace("k T", "k  T") if isinstance(t, str) else t for t in kepala]
        anak = [t.replace(" (", "  (") + " " if isinstance(t, str) else t for t in anak]
    daftar = isi(world, cabang, bulan)
    baris += [kepala, anak]
    baris += [[float(n), b.kelompok, *map(float, b.angka())] for n, b in enumerate(daftar, start=1)]
    baris.append(["Jumlah", None, *(float(sum(kolom)) for kolom in zip(*(b.angka() for b in daftar), strict=True))])
    akhir = len(baris) - 1
    rng = world.rng("tirtanadi", "kepala", cabang)
    kepala_cabang = _nama(rng)
    kosong: list[Cell] = [None] * 6
    baris += [
        [None],
        [*kosong, f"Medan, {dikirim.day} {tulis_bulan(dikirim)}"],
        [*kosong, f"Kepala Cabang {cabang},"],
        [None],
        [*kosong, kepala_cabang],
        [*kosong, f"NIP. 19000101 190001 1 {rng.randint(1, 999):03d}"],
    ]
    gabung = [((0, 0), (0, 8)), ((1, 0), (1, 8)), ((akhir, 0), (akhir, 1))]
    gabung += [((atas, k), (atas + 1, k)) for k in (0, 1, 4)]
    gabung += [((atas, k), (atas, k + 1)) for k in (2, 5, 7)]
    return write_xlsx(Grid(baris, gabung), FileLayout(format="xlsx", lembar="Laporan"))
