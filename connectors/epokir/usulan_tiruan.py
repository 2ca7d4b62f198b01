"""Made-up pokir proposals: who proposes what and where, and when each stage will decide what about it.

Belongs here: members, the dictionary of proposals, and the whole life of each proposal.
Does not belong here: how a proposal looks on a day in SIPD's fields (`catatan_tiruan.py`), HTTP (`sandbox.py`).

Every fact of a proposal is drawn once from (seed, budget year, number); a day only decides how much of it has
happened. So the same seed and day give the same records, and a record changes from day to day as real ones do.
Names of people are marked as made up.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import NamedTuple

from connectors.sandbox import World

BANYAK_USULAN = 1500
"""Proposals of one budget year, once all have been sent in."""

_JEDA = ((4, 25), (10, 40), (10, 45), (15, 60), (10, 40))
_PELUANG_TOLAK = (0.05, 0.12, 0.15, 0.18)
_PENYESUAIAN = ((0.95, 1.0), (0.75, 1.0), (0.7, 1.0), (0.6, 1.0))
_ALASAN_TOLAK = (
    "Bukan kewenangan provinsi",
    "Sudah tertampung dalam kegiatan lain",
    "Dokumen pendukung tidak lengkap",
    "Melampaui kemampuan keuangan daerah",
)
_BOBOT_BULAN = (2, 3, 4, 2, 2, 3, 3, 1, 1, 4, 3, 1)
"""Weights of the months January to December: members bring proposals home from their recesses."""


class Giat(NamedTuple):
    """An entry of the proposal dictionary: price of one unit in rupiah and the usual volumes."""

    urusan: str
    bidang: str
    teks: str
    satuan: str
    harga: int
    volume: tuple[int, int]
    belanja: str
    masalah: str


_M, _H, _B = "BELANJA MODAL", "BELANJA HIBAH", "BELANJA BARANG DAN JASA"
_KAMUS = (
    Giat("1.01", "PENDIDIKAN", "Rehabilitasi ruang kelas", "Ruang", 155_000_000, (1, 6), _M, "Atap ruang kelas bocor"),
    Giat("1.01", "PENDIDIKAN", "Pengadaan alat praktik SMK", "Paket", 240_000_000, (1, 3), _M, "Alat praktik usang"),
    Giat("1.02", "KESEHATAN", "Pengadaan alat kesehatan", "Paket", 310_000_000, (1, 3), _M, "Alat layanan kurang"),
    Giat("1.03", "PEKERJAAN UMUM", "Peningkatan jalan provinsi", "Meter", 3_400_000, (300, 1500), _M, "Jalan rusak"),
    Giat("1.03", "PEKERJAAN UMUM", "Pembangunan drainase", "Meter", 1_150_000, (100, 900), _M, "Genangan saat hujan"),
    Giat("1.03", "PEKERJAAN UMUM", "Rehabilitasi irigasi", "Meter", 1_400_000, (150, 1200), _M, "Saluran jebol"),
    Giat("1.04", "PERUMAHAN", "Perbaikan rumah tidak layak huni", "Unit", 22_500_000, (5, 40), _B, "Rumah tidak layak"),
    Giat("1.04", "PERUMAHAN", "Pembangunan jalan lingkungan", "Meter", 900_000, (150, 800), _M, "Jalan gang becek"),
    Giat("1.06", "SOSIAL", "Bantuan kelompok usaha bersama", "Kelompok", 25_000_000, (2, 20), _H, "Warga perlu usaha"),
    Giat(
        "2.07", "TENAGA KERJA", "Pelatihan kerja berbasis kompetensi", "Orang", 4_500_000, (20, 90), _B, "Kurang kerja"
    ),
    Giat("2.09", "PANGAN", "Pembangunan jalan usaha tani", "Meter", 850_000, (200, 1200), _M, "Panen sulit diangkut"),
    Giat("2.09", "PANGAN", "Bantuan alat mesin pertanian", "Unit", 34_000_000, (1, 12), _H, "Petani kurang alat"),
    Giat("2.11", "LINGKUNGAN HIDUP", "Pengadaan kontainer sampah", "Unit", 38_000_000, (1, 10), _M, "Sampah menumpuk"),
    Giat("2.13", "PEMBERDAYAAN DESA", "Penguatan lembaga desa", "Kelompok", 30_000_000, (1, 8), _B, "Lembaga lemah"),
    Giat("2.15", "PERHUBUNGAN", "Pemasangan lampu jalan", "Titik", 18_500_000, (5, 60), _M, "Jalan gelap malam hari"),
    Giat("2.16", "KOMUNIKASI", "Penyediaan internet desa", "Titik", 27_000_000, (2, 15), _B, "Sinyal tidak ada"),
    Giat("2.17", "KOPERASI DAN UKM", "Bantuan peralatan UMKM", "Paket", 16_000_000, (5, 30), _H, "Usaha kurang alat"),
    Giat("2.19", "KEPEMUDAAN", "Pengadaan sarana olahraga", "Paket", 48_000_000, (1, 6), _M, "Lapangan tanpa sarana"),
    Giat("2.22", "KEBUDAYAAN", "Penataan objek wisata", "Paket", 420_000_000, (1, 2), _M, "Objek wisata tidak terawat"),
    Giat("3.25", "KELAUTAN", "Bantuan alat tangkap nelayan", "Paket", 21_000_000, (3, 25), _H, "Nelayan kurang alat"),
    Giat("3.27", "PERTANIAN", "Bantuan ternak", "Ekor", 13_500_000, (4, 30), _H, "Peternak perlu bibit"),
)


class Tempat(NamedTuple):
    id_kab_kota: int
    id_kecamatan: int
    nama: str


class Anggota(NamedTuple):
    id: int
    nama: str
    fraksi: str
    dapil: int


@dataclass(frozen=True, slots=True)
class Usulan:
    """Everything that will ever happen to one proposal.

    `nilai`: rupiah asked for, then what Setwan, mitra, SKPD and TAPD recommend. `jadwal`: days of these four
    decisions and of entering the RKPD. `gugur`: day on which it ends, rejected at stage `tahap_tolak` (0 Setwan to
    3 TAPD) or, without one, withdrawn by the member.
    """

    id: int
    dibuat: date
    detik: int
    anggota: Anggota
    giat: Giat
    id_kamus: int
    skpd: tuple[str, str]
    skpd_pindah: tuple[str, str] | None
    tempat: Tempat
    volume: int
    nilai: tuple[int, ...]
    jadwal: tuple[date, ...]
    gugur: date | None
    tahap_tolak: int | None
    alasan: str


def _bobot_dapil(world: World) -> dict[int, list[tuple[Tempat, int]]]:
    """Dapil → places in it with their population; a region that is split gives its share to each kecamatan."""
    penduduk = {r["kode_bps"]: int(r["penduduk"]) for r in world.reference("referensi", "wilayah")}
    lokasi = world.reference("epokir", "lokasi_sipd")
    kab = {r["kode_bps"]: (int(r["id_kab_kota"]), r["nama"]) for r in lokasi if r["id_kecamatan"] == "0"}
    kecamatan = {r["kode_kemendagri"]: int(r["id_kecamatan"]) for r in lokasi if r["id_kecamatan"] != "0"}
    terbagi = world.reference("referensi", "kecamatan_dapil")
    hasil: dict[int, list[tuple[Tempat, int]]] = {}
    for baris in world.reference("referensi", "dapil"):
        kode, dapil = baris["kode_bps"], int(baris["no_dapil"])
        id_kab, nama = kab[kode]
        tempat = hasil.setdefault(dapil, [])
        if baris["cakupan"] == "utuh":
            tempat.append((Tempat(id_kab, 0, nama), penduduk[kode]))
            continue
        sekota = [k for k in terbagi if k["kode_bps_kabkota"] == kode]
        for k in sekota:
            if int(k["no_dapil"]) == dapil:
                label = f"{nama}, Kec. {k['nama']}"
                bagian = penduduk[kode] // len(sekota)
                tempat.append((Tempat(id_kab, kecamatan[k["kode_kemendagri"]], label), bagian))
    return hasil


def _kursi(world: World, bobot: dict[int, int]) -> dict[int, int]:
    """Seats by dapil: the known ones, the rest by population with the largest remainders."""
    semua = sum(int(r["kursi"]) for r in world.reference("referensi", "kursi_partai"))
    kursi = {int(r["no_dapil"]): int(r["kursi"]) for r in world.reference("referensi", "kursi_dapil")}
    sisa, lain = semua - sum(kursi.values()), [d for d in sorted(bobot) if d not in kursi]
    jumlah = sum(bobot[d] for d in lain) or 1
    kursi |= {d: bobot[d] * sisa // jumlah for d in lain}
    for d in sorted(lain, key=lambda d: (-(bobot[d] * sisa % jumlah), d))[: semua - sum(kursi.values())]:
        kursi[d] += 1
    return kursi


def _anggota(world: World, kursi: dict[int, int]) -> list[Anggota]:
    fraksi = [r["partai"] for r in world.reference("referensi", "kursi_partai") for _ in range(int(r["kursi"]))]
    world.rng("epokir", "fraksi").shuffle(fraksi)
    bangku = [(d, n) for d in sorted(kursi) for n in range(1, kursi[d] + 1)]
    return [
        Anggota(i, f"Anggota Dewan {d}-{n:02d} (Tiruan)", f"Fraksi {fraksi[i - 1]}", d)
        for i, (d, n) in enumerate(bangku, 1)
    ]


def _buat(world: World, tahun: int, rng: Random, nomor: int, dibuat: date, isi: "_Bahan") -> Usulan:
    """Draw the whole life of one proposal."""
    anggota = rng.choice(isi.anggota)
    tempat = rng.choices(*isi.tempat[anggota.dapil])[0]
    id_kamus = rng.randrange(len(isi.kamus))
    giat, skpd = isi.kamus[id_kamus]
    volume = rng.randint(*giat.volume)
    nilai, jadwal, hari = [volume * giat.harga], [], dibuat
    for rendah, tinggi in _PENYESUAIAN:
        potong = rng.uniform(rendah, tinggi) if rng.random() < 0.6 else 1.0
        nilai.append(max(int(nilai[-1] * potong) // 100_000 * 100_000, 100_000))
    for paling_cepat, paling_lama in _JEDA:
        hari += timedelta(days=rng.randint(paling_cepat, paling_lama))
        jadwal.append(hari)
    tahap_tolak = next((n for n, p in enumerate(_PELUANG_TOLAK) if rng.random() < p), None)
    gugur = jadwal[tahap_tolak] if tahap_tolak is not None else None
    if gugur is None and rng.random() < 0.03:
        gugur = dibuat + timedelta(days=rng.randint(5, 120))
        gugur = gugur if gugur < jadwal[-1] else None
    pindah = rng.choice(isi.kamus)[1] if rng.random() < 0.04 else None
    return Usulan(
        id=1_000_000 + (tahun - 2000) * 10_000 + nomor,
        dibuat=dibuat,
        detik=rng.randint(8 * 3600, 16 * 3600),
        anggota=anggota,
        giat=giat,
        id_kamus=300 + id_kamus,
        skpd=skpd,
        skpd_pindah=pindah if pindah != skpd else None,
        tempat=tempat,
        volume=volume,
        nilai=tuple(nilai),
        jadwal=tuple(jadwal),
        gugur=gugur,
        tahap_tolak=tahap_tolak,
        alasan=rng.choice(_ALASAN_TOLAK),
    )


class _Bahan(NamedTuple):
    """What proposals are drawn from: members, places by dapil with cumulative weights, dictionary with its OPD."""

    anggota: list[Anggota]
    tempat: dict[int, tuple[list[Tempat], list[int]]]
    kamus: list[tuple[Giat, tuple[str, str]]]


@lru_cache(maxsize=4)
def semua(world: World, tahun: int) -> tuple[Usulan, ...]:
    """All proposals of a budget year in the order of their ids, which is that of their dates."""
    bobot = _bobot_dapil(world)
    anggota = _anggota(world, _kursi(world, {d: sum(n for _, n in t) for d, t in bobot.items()}))
    opd = [(r["kode_opd"], r["nama_opd"]) for r in world.reference("referensi", "opd")]
    kamus = [(g, o) for g in _KAMUS if (o := next((o for o in opd if o[0].startswith(g.urusan)), None))]
    isi = _Bahan(anggota, {d: ([p for p, _ in t], [n for _, n in t]) for d, t in bobot.items()}, kamus)
    rng = world.rng("epokir", tahun, "tanggal")
    # From October to September: later than the planning calendar has it, so that on every day of a year
    # proposals of the next budget are on their way.
    awal = date(tahun - 2, 10, 1)
    hari = [awal + timedelta(days=n) for n in range(365)]
    kumulatif = list(accumulate(_BOBOT_BULAN[h.month - 1] for h in hari))
    dibuat = sorted(rng.choices(hari, cum_weights=kumulatif, k=BANYAK_USULAN))
    return tuple(_buat(world, tahun, world.rng("epokir", tahun, n), n, d, isi) for n, d in enumerate(dibuat, 1))
