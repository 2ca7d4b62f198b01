"""Formulas of the vehicle tax (PKB), its surcharge (opsen) and their fines, with dated rates as arguments.

Amounts that the agency delivers are checked by these formulas and never replaced by them. Source of the rules:
the public code of Jambi's BPKPD (datin-jambi/api-samsat); the rates are that province's and stand, dated, in
`reference/tarif.csv`. Does not belong here: reading payments, rounding (the agency rounds when it shows an amount).
"""

import csv
from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

PERIODE_TERBANYAK = 6
"""A bill shows the last six periods; its totals are those of the shown periods."""
BULAN_TAGIHAN = 3
"""A period is billed from three months before its due date."""


@dataclass(frozen=True)
class Tarif:
    """Rates of one province and plate colour, valid for periods that fall due within both dates (included).

    Rates are shares (0.01 = 1 %). `opsen` is 0 before the surcharge began. Fines are
    `dasar + bulanan * months late`, of the tax and of the surcharge.
    """

    kode_provinsi: str
    kode_plat: str
    berlaku_mulai: date
    berlaku_sampai: date | None
    tarif_pkb: Decimal
    pengenaan: Decimal
    tarif_opsen: Decimal
    denda_dasar: Decimal
    denda_bulanan: Decimal
    denda_opsen_dasar: Decimal
    denda_opsen_bulanan: Decimal
    bulan_maksimum: int
    hari_toleransi: int

    @property
    def is_opsen(self) -> bool:
        return self.tarif_opsen > 0


@dataclass(frozen=True)
class Periode:
    """One tax period of a bill; amounts in rupiah, not rounded."""

    jatuh_tempo: date
    bulan_telat: int
    is_opsen: bool
    pkb: Decimal
    opsen: Decimal
    denda_pkb: Decimal
    denda_opsen: Decimal

    @property
    def total(self) -> Decimal:
        return self.pkb + self.opsen + self.denda_pkb + self.denda_opsen


@dataclass(frozen=True)
class Tagihan:
    """A bill: its shown periods, oldest first. One bill can hold periods of both regimes."""

    periode: tuple[Periode, ...]

    @property
    def pkb(self) -> Decimal:
        return sum((p.pkb for p in self.periode), Decimal(0))

    @property
    def opsen(self) -> Decimal:
        return sum((p.opsen for p in self.periode), Decimal(0))

    @property
    def denda_pkb(self) -> Decimal:
        return sum((p.denda_pkb for p in self.periode), Decimal(0))

    @property
    def denda_opsen(self) -> Decimal:
        return sum((p.denda_opsen for p in self.periode), Decimal(0))

    @property
    def total(self) -> Decimal:
        return sum((p.total for p in self.periode), Decimal(0))


def baca_tarif(baris: Iterable[str]) -> tuple[Tarif, ...]:
    """Rates from the lines of `reference/tarif.csv`. Raises KeyError or ValueError for a faulty file."""
    return tuple(
        Tarif(
            kode_provinsi=r["kode_provinsi"],
            kode_plat=r["kode_plat"],
            berlaku_mulai=date.fromisoformat(r["berlaku_mulai"]),
            berlaku_sampai=date.fromisoformat(r["berlaku_sampai"]) if r["berlaku_sampai"] else None,
            tarif_pkb=Decimal(r["tarif_pkb"]),
            pengenaan=Decimal(r["pengenaan"]),
            tarif_opsen=Decimal(r["tarif_opsen"]),
            denda_dasar=Decimal(r["denda_dasar"]),
            denda_bulanan=Decimal(r["denda_bulanan"]),
            denda_opsen_dasar=Decimal(r["denda_opsen_dasar"]),
            denda_opsen_bulanan=Decimal(r["denda_opsen_bulanan"]),
            bulan_maksimum=int(r["bulan_maksimum"]),
            hari_toleransi=int(r["hari_toleransi"]),
        )
        for r in csv.DictReader(baris)
    )


def tarif_pada(tarif: Sequence[Tarif], kode_provinsi: str, kode_plat: str, jatuh_tempo: date) -> Tarif:
    """The rates for a period that falls due on a date. Raises LookupError when none, or more than one, is valid."""
    berlaku = [
        t
        for t in tarif
        if t.kode_provinsi == kode_provinsi
        and t.kode_plat == kode_plat
        and t.berlaku_mulai <= jatuh_tempo
        and (t.berlaku_sampai is None or jatuh_tempo <= t.berlaku_sampai)
    ]
    if len(berlaku) != 1:
        raise LookupError(
            f"{len(berlaku)} tarif berlaku untuk provinsi {kode_provinsi}, plat {kode_plat}, {jatuh_tempo}"
        )
    return berlaku[0]


def bulan_telat(jatuh_tempo: date, dibayar: date, bulan_maksimum: int = 24, hari_toleransi: int = 15) -> int:
    """Months that count as late: whole months, one more when over `hari_toleransi` days remain, capped.

    The days that remain are counted from the month before the payment, as PHP's `DateTime::diff` does.
    """
    if dibayar <= jatuh_tempo:
        return 0
    bulan = (dibayar.year - jatuh_tempo.year) * 12 + dibayar.month - jatuh_tempo.month
    hari = dibayar.day - jatuh_tempo.day
    if hari < 0:
        bulan -= 1
        tahun_lalu, bulan_lalu = divmod(dibayar.year * 12 + dibayar.month - 2, 12)
        hari += monthrange(tahun_lalu, bulan_lalu + 1)[1]
    return min(bulan + (hari > hari_toleransi), bulan_maksimum)


def hitung_periode(njkb: Decimal, bobot: Decimal, jatuh_tempo: date, telat: int, tarif: Tarif) -> Periode:
    """Amounts of one period.

    PKB = rate x NJKB x weight x assessment share; opsen = its rate x PKB; fine of PKB = (base + monthly x months)
    x PKB and fine of opsen likewise on the opsen, both only when at least one month is late.
    """
    pkb = tarif.tarif_pkb * njkb * bobot * tarif.pengenaan
    opsen = tarif.tarif_opsen * pkb
    terlambat = telat > 0
    return Periode(
        jatuh_tempo=jatuh_tempo,
        bulan_telat=telat,
        is_opsen=tarif.is_opsen,
        pkb=pkb,
        opsen=opsen,
        denda_pkb=(tarif.denda_dasar + tarif.denda_bulanan * telat) * pkb if terlambat else Decimal(0),
        denda_opsen=(tarif.denda_opsen_dasar + tarif.denda_opsen_bulanan * telat) * opsen if terlambat else Decimal(0),
    )


def tanggal_sah(tahun: int, bulan: int, hari: int) -> date:
    """The date, or the last day of that month where it has no such day (29 February)."""
    return date(tahun, bulan, min(hari, monthrange(tahun, bulan)[1]))


def mulai_ditagih(jatuh_tempo: date) -> date:
    """The day from which a period that falls due on `jatuh_tempo` is billed."""
    tahun, bulan = divmod(jatuh_tempo.year * 12 + jatuh_tempo.month - 1 - BULAN_TAGIHAN, 12)
    return tanggal_sah(tahun, bulan + 1, jatuh_tempo.day)


def hitung_tagihan(
    njkb: Decimal,
    bobot: Decimal,
    akhir_pkb: date,
    dibayar: date,
    tarif: Sequence[Tarif],
    kode_provinsi: str,
    kode_plat: str = "1",
) -> Tagihan:
    """The bill of a vehicle whose tax ran out on `akhir_pkb` and is paid on `dibayar`.

    Each yearly period takes the rates of its own due date, so one bill can mix both regimes.
    Raises LookupError when no rate is known for a period.
    """
    hasil = []
    for tahun in range(akhir_pkb.year, dibayar.year + 2):  # January's period is billed from October on
        jatuh_tempo = tanggal_sah(tahun, akhir_pkb.month, akhir_pkb.day)
        if dibayar < mulai_ditagih(jatuh_tempo):
            continue
        berlaku = tarif_pada(tarif, kode_provinsi, kode_plat, jatuh_tempo)
        telat = bulan_telat(jatuh_tempo, dibayar, berlaku.bulan_maksimum, berlaku.hari_toleransi)
        hasil.append(hitung_periode(njkb, bobot, jatuh_tempo, telat, berlaku))
    return Tagihan(tuple(hasil[-PERIODE_TERBANYAK:]))
