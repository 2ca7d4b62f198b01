"""Stand-in of Perumda Tirtanadi: monthly branch reports in the inbox, daily production and disturbances as JSON.

Belongs here: which files are delivered when, and the daily answers. Does not belong here: the sheet of a report
(`laporan_tiruan.py`). The two JSON endpoints are assumed, see the contracts; no key is asked for.
"""

import math
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox import World
from connectors.tirtanadi.laporan_tiruan import PELANGGAN, TANPA_AIR, lembar

LITER_PER_DETIK = {
    "Sunggal": 2500, "Delitua": 1900, "Medan Denai": 420, "TLM": 1250, "Pancur Batu": 380, "Johor": 430, "Brayan": 360,
}  # fmt: skip
"""Made-up share of each works in the province's production of about 7,240 litres a second."""

_TERLAMBAT_HARI = 40
_JENIS = (
    ("Bocor Pipa Distribusi", 38, 5), ("Air Mati", 22, 7), ("Air Kecil", 18, 9), ("Air Keruh", 11, 6),
    ("Bocor Pipa Transmisi", 6, 14), ("Pemeliharaan IPA", 5, 10),
)  # fmt: skip
_LUAR_MEDAN = {
    "Deli Tua": ("Deli Tua", "Namo Rambe", "Biru-Biru"),
    "Diski": ("Sunggal", "Hamparan Perak"),
    "Cemara": ("Percut Sei Tuan", "Medan Tembung"),
    "Sibolangit": ("Sibolangit", "Pancur Batu"),
    "Berastagi": ("Berastagi", "Merdeka"),
    "Deli Serdang": ("Lubuk Pakam", "Tanjung Morawa", "Percut Sei Tuan"),
    "Tapanuli Selatan": ("Batang Toru", "Sipirok"),
    "Tapanuli Tengah": ("Pandan", "Tukka"),
    "Toba": ("Balige", "Laguboti"),
    "Samosir": ("Pangururan", "Simanindo"),
    "Nias Selatan": ("Teluk Dalam",),
}
"""Kecamatan of the branches beyond Medan; the others disturb kecamatan of Medan."""
_GANGGUAN_SEHARI = 4.5


def _bulan_lalu(bulan: date) -> date:
    return (bulan - timedelta(days=1)).replace(day=1)


def _akhir(bulan: date) -> date:
    return (bulan + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _bulan_laporan(start: date, end: date) -> list[date]:
    """Months that ended from start to end, and the one before; without any, the last two that have ended."""
    terakhir = end.replace(day=1) if end == _akhir(end.replace(day=1)) else _bulan_lalu(end.replace(day=1))
    bulan = [terakhir]
    while _akhir(_bulan_lalu(bulan[0])) >= start:
        bulan.insert(0, _bulan_lalu(bulan[0]))
    return [_bulan_lalu(bulan[0]), *bulan]


def cabang_terlambat(world: World, bulan: date) -> str:
    """The branch whose report of a month comes 40 days after the others."""
    return world.rng("tirtanadi", "terlambat", bulan.isoformat()).choice(sorted(_nama_cabang(world)))


def cabang_varian(world: World, bulan: date) -> str:
    """The branch that types the header of a month in its own way; never the late one."""
    lain = sorted(_nama_cabang(world) - {cabang_terlambat(world, bulan)})
    return world.rng("tirtanadi", "varian", bulan.isoformat()).choice(lain)


def dikirim(world: World, cabang: str, bulan: date) -> date:
    """The day on which a report reaches the inbox: the 2nd to 7th of the next month, or late."""
    hari = world.rng("tirtanadi", "kirim", cabang, bulan.isoformat()).randint(2, 7)
    return _akhir(bulan) + timedelta(days=hari + _TERLAMBAT_HARI * (cabang == cabang_terlambat(world, bulan)))


def _nama_cabang(world: World) -> set[str]:
    return {c["nama_cabang"] for c in world.reference("tirtanadi", "cabang")}


def files(world: World, start: date, end: date) -> Iterator[tuple[str, bytes]]:
    """Reports of the months that ended from start to end and of the month before, delivered up to `end`."""
    for bulan in _bulan_laporan(start, end):
        varian = cabang_varian(world, bulan)
        for cabang in sorted(_nama_cabang(world)):
            hari = dikirim(world, cabang, bulan)
            if hari <= end:
                nama = f"Laporan_{cabang.replace(' ', '_')}_{bulan:%Y-%m}.xlsx"
                yield nama, lembar(world, cabang, bulan, hari, varian=cabang == varian)


def _liter(nilai: float) -> str:
    """A volume as the works report it: litres, padded with zeros."""
    return f"{round(nilai):010d}"


def produksi(world: World, tanggal: date) -> list[dict[str, object]]:
    """Production of a day, one row a works; none after `today`.

    Volumes are zero-padded litres. About one row in 250 has an impossible turbidity (a slipped decimal point), and
    the laboratory sometimes has no reading ("-").
    """
    if tanggal > world.today:
        return []
    hari_ke = tanggal.toordinal()
    baris: list[dict[str, object]] = []
    for nomor, ipa in enumerate(i["nama_ipa"] for i in world.reference("tirtanadi", "ipa")):
        rng = world.rng("tirtanadi", "produksi", ipa, tanggal.isoformat())
        jam = 24.0 if rng.random() < 0.93 else round(24 - 9 * rng.random(), 1)
        musim = 1 + 0.02 * math.sin(hari_ke / 58 + nomor) + 0.012 * math.sin(hari_ke / 3.5 + nomor)
        liter = LITER_PER_DETIK.get(ipa, 300) * 3600 * jam * musim * rng.gauss(1, 0.004)
        keruh = round(0.9 + 0.5 * math.sin(hari_ke / 11 + nomor) * rng.random() + 0.2 * rng.random(), 2)
        if rng.random() < 1 / 250:
            keruh = round(keruh * 100 + 60, 2)
        baris.append(
            {
                "tanggal": tanggal.isoformat(),
                "ipa": ipa,
                "produksi": _liter(liter),
                "air_baku": _liter(liter * (1.045 + 0.01 * rng.random())),
                "satuan": "liter",
                "jam_operasi": jam,
                "kekeruhan": "-" if rng.random() < 0.02 else keruh,
                "ph": round(7.1 + 0.25 * math.sin(hari_ke / 17 + nomor), 2),
                "sisa_klor": round(0.45 + 0.2 * rng.random(), 2),
            }
        )
    return baris


def _wilayah(world: World, cabang: str) -> list[str]:
    medan = [k["nama"] for k in world.reference("referensi", "kecamatan_dapil") if k["kode_bps_kabkota"] == "1275"]
    return list(_LUAR_MEDAN.get(cabang, medan))


def gangguan(world: World, tanggal: date) -> list[dict[str, object]]:
    """Disturbances that began on a day; none after `today`, and those that last into it have no end yet.

    About one in 200 ends before it begins (typed wrongly) and must be quarantined.
    """
    if tanggal > world.today:
        return []
    rng = world.rng("tirtanadi", "gangguan", tanggal.isoformat())
    cabang = sorted(_nama_cabang(world) - TANPA_AIR)
    banyak = sum(rng.random() < _GANGGUAN_SEHARI / 12 for _ in range(12))
    baris: list[dict[str, object]] = []
    for nomor in range(1, banyak + 1):
        nama = rng.choices(cabang, weights=[PELANGGAN.get(c, 10_000) for c in cabang])[0]
        jenis, _, jam = rng.choices(_JENIS, weights=[j[1] for j in _JENIS])[0]
        mulai = datetime.combine(tanggal, datetime.min.time()) + timedelta(minutes=rng.randint(0, 1439))
        selesai = mulai + timedelta(minutes=round(60 * jam * rng.uniform(0.3, 2.2)))
        selesai = selesai if rng.random() >= 1 / 200 else mulai - timedelta(hours=1)
        tempat = _wilayah(world, nama)
        kena = sorted(rng.sample(tempat, k=min(len(tempat), rng.randint(1, 3))))
        usai = selesai.date() < world.today
        baris.append(
            {
                "nomor": f"GGN-{tanggal:%Y%m%d}-{nomor:04d}",
                "tanggal": tanggal.isoformat(),
                "mulai": f"{mulai:%Y-%m-%d %H:%M}",
                "selesai": f"{selesai:%Y-%m-%d %H:%M}" if usai else None,
                "cabang": nama + " " * (rng.random() < 0.05),
                "wilayah_terdampak": ", ".join(kena),
                "jenis": jenis,
                "status": "Selesai" if usai else "Sedang Dikerjakan",
                "pelanggan_terdampak": round(PELANGGAN.get(nama, 10_000) * rng.uniform(0.004, 0.06)),
            }
        )
    return baris


def routes(world: World) -> list[Route]:
    """`GET /api/produksi` and `GET /api/gangguan`, both by `tanggal`."""

    async def api(request: Request) -> Response:
        try:
            tanggal = date.fromisoformat(request.query_params.get("tanggal", ""))
        except ValueError:
            gagal = {"status": False, "message": "Parameter tanggal tidak valid"}
            return Response(orjson.dumps(gagal), media_type="application/json")
        baris = (produksi if request.url.path.endswith("/produksi") else gangguan)(world, tanggal)
        jawaban = {"status": True, "message": "Data ditemukan", "data": baris}
        return Response(orjson.dumps(jawaban), media_type="application/json")

    return [Route("/api/produksi", api), Route("/api/gangguan", api)]
