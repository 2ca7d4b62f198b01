"""Stand-in of the provincial tax office's API in the style of Jambi's: daily payments and yearly targets.

Belongs here: how many payments a day has, paging, the key, the envelopes. Does not belong here: what one payment
looks like (`kendaraan_tiruan.py`). The list of payments and the targets are assumed endpoints: see the contracts.
The demo key is `kunci-tiruan`; every call without it is refused as the real API refuses it.
"""

import random
from datetime import date, timedelta
from functools import lru_cache

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.samsat import kendaraan_tiruan as tiruan
from connectors.sandbox import World

KUNCI = "kunci-tiruan"
DEMO_SECRETS = {"SSP_SAMSAT_API_KEY": KUNCI}
"""What this stand-in asks for; the application uses them for stand-ins only."""

BATAS_HALAMAN = 500
PEMBAYARAN_SEHARI = 4000
"""Payments of an ordinary working day, over all UPT."""

_HARI_PEKAN = (1.14, 1.06, 1.0, 1.0, 0.96, 0.62, 0.13)
_PORSI_BARU = 0.06
_PORSI_TERLAMBAT = 0.16
_PORSI_GANTI_STNK = 0.2
_PORSI_PLAT_MERAH = 0.02
_PORSI_SALAH_JUMLAH = 0.002
_PORSI_TULISAN_LAIN = 0.012
_PADAT = {"kota": 1.5, "kabupaten": 0.8}

TARGET_2025 = {
    "PKB": ("Pajak Kendaraan Bermotor", 1_741_000_000_000),
    "BBNKB": ("Bea Balik Nama Kendaraan Bermotor", 1_660_000_000_000),
    "PBBKB": ("Pajak Bahan Bakar Kendaraan Bermotor", 1_527_000_000_000),
    "PAP": ("Pajak Air Permukaan", 122_800_000_000),
    "ROKOK": ("Pajak Rokok", 1_300_000_000_000),
    "ALAT_BERAT": ("Pajak Alat Berat", 1_080_000_000),
    "OPSEN_MBLB": ("Opsen Pajak Mineral Bukan Logam dan Batuan", 3_090_000_000),
}
"""Targets of 2025 as published; other years are these, moved by a made-up growth and marked as such."""
_PERTUMBUHAN = 1.04


def _bobot_upt(world: World) -> list[tuple[str, str, float]]:
    """Code, region and share of the payments of each UPT: by population, more in cities."""
    wilayah = {w["kode_bps"]: w for w in world.reference("referensi", "wilayah")}
    upt = world.reference("samsat", "upt")
    bagi = [u["kode_bps"] for u in upt]
    porsi = [
        int(wilayah[u["kode_bps"]]["penduduk"]) * _PADAT[wilayah[u["kode_bps"]]["jenis"]] / bagi.count(u["kode_bps"])
        for u in upt
    ]
    return [(u["kode_upt"], u["kode_bps"], p / sum(porsi)) for u, p in zip(upt, porsi, strict=True)]


def _tulisan_lain(rng: random.Random, plat: str) -> str:
    """The same plate as people type it."""
    return rng.choice((plat.replace(" ", ""), plat.replace(" ", "-"), plat.lower() + " "))


def _baris(
    rng: random.Random,
    tanggal: date,
    urutan: int,
    upt: tuple[str, str, float],
    urutan_model: int,
    pemilik: tuple[str, ...],
) -> bytes:
    """One payment as JSON."""
    model = tiruan.MODEL[urutan_model]
    baru = rng.random() < _PORSI_BARU
    kode_plat = "3" if not baru and rng.random() < _PORSI_PLAT_MERAH else "1"
    umur = 0 if baru else 1 + int(rng.random() ** 1.4 * 12)
    if baru:
        akhir_pkb = tanggal
        dibayar_untuk: tuple[tuple[date, int], ...] = ((tanggal, 0),)
    else:
        terlambat = rng.random() < _PORSI_TERLAMBAT
        hari = -int(rng.random() ** 2.2 * 700) - 1 if terlambat else int(rng.random() * 80)
        akhir_pkb = tanggal + timedelta(days=hari)
        dibayar_untuk = tiruan.periode(akhir_pkb, tanggal)
    bagian, total = tiruan.uang(
        urutan_model,
        tanggal.year - umur,
        umur,
        kode_plat,
        tiruan.ringkas(dibayar_untuk, kode_plat),
        baru,
        baru or rng.random() < _PORSI_GANTI_STNK,
    )
    if rng.random() < _PORSI_SALAH_JUMLAH:
        total += 100 * rng.choice((-50_000, 10_000, 100_000))
    plat = tiruan.nopol(rng, upt[1], model.jenis)
    if rng.random() < _PORSI_TULISAN_LAIN:
        plat = _tulisan_lain(rng, plat)
        bagian = bagian.replace('"nm_model_kb":"' + model.model, '"nm_model_kb":"' + model.model + " ")
    acak = f"{rng.getrandbits(80):020X}"
    akhir = "1990-01-01" if baru else akhir_pkb.isoformat()
    return (
        f'{{"no_urut_trn":"{urutan:05d}","nopol":"{plat}","no_rangka":"MH{acak[:15]}","no_mesin":"TM{acak[11:]}",'
        f'"nm_pemilik":"{pemilik[int(rng.random() * len(pemilik))]}","kd_lokasi":"{upt[0]}",'
        f'"tg_bayar":"{tanggal.isoformat()}","tg_akhir_pkb":"{akhir}",{bagian},'
        f'"grand_total":"{tiruan.rupiah(total)}"}}'
    ).encode()


@lru_cache(maxsize=4)
def _pemilik(world: World) -> tuple[str, ...]:
    rng = world.rng("samsat", "pemilik")
    return tuple(tiruan.nama(rng) for _ in range(3000))


@lru_cache(maxsize=6)
def pembayaran(world: World, tanggal: date) -> tuple[tuple[str, bytes], ...]:
    """All payments of a day as (kode_upt, JSON), in the order of UPT and number; none after `today`."""
    if tanggal > world.today:
        return ()
    rng = world.rng("samsat", "pembayaran", tanggal.isoformat())
    libur = any(h["tanggal"] == tanggal.isoformat() for h in world.reference("referensi", "hari_libur"))
    ramai = 0.1 if libur else _HARI_PEKAN[tanggal.weekday()]
    pemilik = _pemilik(world)
    hasil: list[tuple[str, bytes]] = []
    for upt in _bobot_upt(world):
        banyak = round(PEMBAYARAN_SEHARI * ramai * upt[2] * (0.9 + 0.2 * rng.random()))
        model = rng.choices(range(len(tiruan.MODEL)), weights=tiruan.PORSI_MODEL, k=banyak)
        hasil.extend(
            (upt[0], _baris(rng, tanggal, n, upt, urutan_model, pemilik))
            for n, urutan_model in enumerate(model, start=1)
        )
    return tuple(hasil)


def target(world: World, tahun: int) -> list[dict[str, object]]:
    """Targets of a year; those of 2025 as published, others made up and marked; none for years after the next."""
    if not 2018 <= tahun <= world.today.year + 1:
        return []
    baris: list[dict[str, object]] = []
    for kode, (nama, nilai) in TARGET_2025.items():
        if tahun != 2025:
            nilai = round(nilai * _PERTUMBUHAN ** (tahun - 2025) / 10_000_000) * 10_000_000
        baris.append(
            {
                "tahun": tahun,
                "kd_pajak": kode,
                "nm_pajak": nama,
                "target": tiruan.rupiah(nilai * 100),
                "keterangan": "Target APBD 2025" if tahun == 2025 else "Angka tiruan",
            }
        )
    return baris


def _jawab(isi: bytes | dict[str, object], status: int = 200) -> Response:
    body = isi if isinstance(isi, bytes) else orjson.dumps(isi)
    return Response(body, status_code=status, media_type="application/json; charset=utf-8")


def _gagal(pesan: str, status: int = 200) -> Response:
    """The API's error envelope; it comes with 200 as well."""
    return _jawab({"status": False, "message": pesan}, status)


def routes(world: World) -> list[Route]:
    """`GET /api/pembayaran` and `GET /api/target`."""

    async def api_pembayaran(request: Request) -> Response:
        if request.headers.get("x-api-key") != KUNCI:
            return _gagal("API Key tidak valid", 401)
        tanya = request.query_params
        try:
            tanggal = date.fromisoformat(tanya.get("tanggal", ""))
            halaman, batas = int(tanya.get("page", "1")), int(tanya.get("limit", "10"))
        except ValueError:
            return _gagal("Parameter tanggal, page atau limit tidak valid")
        if halaman < 1 or batas < 1:
            return _gagal("Page dan limit harus lebih dari 0")
        batas = min(batas, BATAS_HALAMAN)
        kode_upt = tanya.get("kode_upt", "")
        semua = pembayaran(world, tanggal)
        baris = [isi for kode, isi in semua if not kode_upt or kode == kode_upt]
        mulai = (halaman - 1) * batas
        kepala = f'"total":{len(baris)},"page":{halaman},"limit":{batas}'
        isi = b",".join(baris[mulai : mulai + batas])
        return _jawab(
            b'{"status":true,"message":"Data ditemukan","data":{' + kepala.encode() + b',"rincian":[' + isi + b"]}}"
        )

    async def api_target(request: Request) -> Response:
        if request.headers.get("x-api-key") != KUNCI:
            return _gagal("API Key tidak valid", 401)
        tahun = request.query_params.get("tahun", "")
        if not (len(tahun) == 4 and tahun.isdecimal()):
            return _gagal("Parameter tahun tidak valid")
        return _jawab({"status": True, "message": "Data ditemukan", "data": target(world, int(tahun))})

    return [Route("/api/pembayaran", api_pembayaran), Route("/api/target", api_target)]
