"""Stand-in of SP2KP: reference lists, latest dates and `generate-perbandingan-harga` in the agency's wire format.

Does not belong here: the made-up prices (`connectors/komoditas/tiruan.py`).

About 2 of 100 prices are 0 (not reported); days without data (weekends, days to come) are all 0. One row a day has
a delta that does not follow from its prices. Worlds with an even seed ask for the token `token-tiruan` on
`generate-perbandingan-harga`, as the service does in some months; worlds with an odd seed do not.

`average-price-public` is served as the agency serves it, with the personal data of enumerators, all of it made up
(NIK of the region 12.99.99, which does not exist). Nothing of ours may call it: `GET /_tiruan/panggilan` tells how
often each path was called.
"""

from collections import Counter
from datetime import date, timedelta
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.komoditas.tiruan import HargaTiruan
from connectors.sandbox import World, form_of

DEMO_SECRETS = {"SSP_SP2KP_TOKEN": "token-tiruan"}
"""What this stand-in asks for; no secrets."""

_VARIAN = (
    # id, name, parent, unit. Ids that no source names start at 901.
    (51, "Beras Premium", "Beras", "kg"),
    (52, "Beras Medium", "Beras", "kg"),
    (901, "Beras SPHP", "Beras", "kg"),
    (14, "Gula Pasir Curah", "Gula Pasir", "kg"),
    (16, "Minyak Goreng Sawit Curah", "Minyak Goreng", "lt"),
    (17, "Minyak Goreng Sawit Kemasan Premium", "Minyak Goreng", "lt"),
    (18, "Minyakita", "Minyak Goreng", "lt"),
    (19, "Daging Sapi Paha Belakang", "Daging Sapi", "kg"),
    (27, "Daging Ayam Ras", "Daging Ayam", "kg"),
    (25, "Telur Ayam Ras", "Telur Ayam", "kg"),
    (902, "Tepung Terigu", "Tepung Terigu", "kg"),
    (13, "Bawang Merah", "Bawang", "kg"),
    (38, "Bawang Putih Honan", "Bawang", "kg"),
    (903, "Cabai Merah Besar", "Cabai", "kg"),
    (2, "Cabai Merah Keriting", "Cabai", "kg"),
    (10, "Cabai Rawit Merah", "Cabai", "kg"),
    (904, "Ikan Kembung", "Ikan", "kg"),
)
_SATUAN = {"kg": "Kilogram", "lt": "Liter"}


def weekday_before(day: date) -> date:
    """The last Monday-to-Friday before a day."""
    day -= timedelta(days=1)
    while day.weekday() >= 5:
        day -= timedelta(days=1)
    return day


class Sp2kpTiruan:
    """Answers of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._harga = HargaTiruan(world)
        self.wilayah = {
            row["kode_bps"]: row["nama"]
            for row in world.reference("referensi", "wilayah")
            if row["jenis"] != "provinsi"
        }
        exact = {
            row["nama_sumber"]: row["kode_komoditas"]
            for row in world.reference("komoditas", "padanan")
            if row["sumber"] == "sp2kp" and row["kesepadanan"] == "exact"
        }
        self._komoditas = {nama: exact[nama] for _, nama, _, _ in _VARIAN}
        self._rusak: dict[date, tuple[str, int]] = {}

    def latest(self) -> tuple[date, date]:
        """The newest day with data, and the day it is compared with."""
        newest = weekday_before(self._world.today + timedelta(days=1))
        return newest, weekday_before(newest)

    def varian(self) -> list[dict[str, Any]]:
        return [
            {
                "id": id_,
                "nama": nama,
                "tipe_komoditas_id": 1,
                "komoditas": {"nama": induk},
                "satuan": {"display": satuan, "nama": _SATUAN[satuan]},
                "is_nasional": id_ < 900,
                "order_public": urutan if id_ < 900 else None,
            }
            for urutan, (id_, nama, induk, satuan) in enumerate(_VARIAN, 1)
        ]

    def perbandingan(self, hari: date, pembanding: date, kode: str) -> list[dict[str, Any]]:
        """Rows of one region and day; none for a region that is not known."""
        if kode not in self.wilayah:
            return []
        return [self._baris(hari, pembanding, kode, *varian) for varian in _VARIAN]

    def _baris(
        self, hari: date, pembanding: date, kode: str, id_: int, nama: str, _: str, satuan: str
    ) -> dict[str, Any]:
        harga, sebelumnya = self._nilai(hari, kode, nama), self._nilai(pembanding, kode, nama)
        delta = harga - sebelumnya if harga and sebelumnya else 0
        persen = round(100 * delta / sebelumnya, 2) if delta else 0
        status = "Naik" if delta > 0 else "Turun" if delta < 0 else "Tidak Berubah"
        if (kode, id_) == self._baris_rusak(hari):
            delta += 700
        return {
            "variant_id": id_,
            "variant_nama": nama,
            "satuan_display": satuan,
            "harga": harga,
            "harga_pembanding": sebelumnya,
            "delta_harga": delta,
            "persen_perubahan": persen,
            "status_perubahan": status,
        }

    def _nilai(self, hari: date, kode: str, nama: str) -> int:
        if hari.weekday() >= 5 or hari > self.latest()[0]:
            return 0
        if self._world.rng("sp2kp", "kosong", kode, nama, hari).random() < 0.02:
            return 0
        return self._harga.harga("sp2kp", self._komoditas[nama], kode, hari)

    def _baris_rusak(self, hari: date) -> tuple[str, int]:
        known = self._rusak.get(hari)
        if known is None:
            rng = self._world.rng("sp2kp", "rusak", hari)
            known = self._rusak[hari] = (rng.choice(sorted(self.wilayah)), rng.choice(_VARIAN)[0])
        return known

    def publik(self, hari: date) -> list[dict[str, Any]]:
        """What `average-price-public` gives away, with made-up people."""
        rows = []
        for nomor, (kode, nama_wilayah) in enumerate(sorted(self.wilayah.items()), 1):
            lahir = date(1970, 1, 1) + timedelta(days=97 * nomor)
            id_, nama, _, _ = _VARIAN[nomor % len(_VARIAN)]
            rows.append(
                {
                    "id": nomor,
                    "tanggal": hari.isoformat(),
                    "harga": self._nilai(hari, kode, nama),
                    "variant_id": id_,
                    "kode_kab_kota": kode,
                    "petugas": {
                        "nama": f"Petugas Tiruan {nomor}",
                        "nik": f"129999{lahir:%d%m%y}{nomor:04d}",
                        "nip": f"{lahir:%Y%m%d}2000011{nomor:03d}",
                        "no_hp": f"08000000{nomor:04d}",
                        "alamat": f"Jalan Tiruan Nomor {nomor}, {nama_wilayah}",
                    },
                }
            )
        return rows


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")


def _tanggal(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def routes(world: World) -> list[Route]:
    """Paths as the agency has them, and one of ours that tells how often each was called."""
    sp2kp = Sp2kpTiruan(world)
    calls: Counter[str] = Counter()

    async def kab_kota(request: Request) -> Response:
        calls["kab-kota"] += 1
        prefix = request.path_params["provinsi"]
        rows = sorted(sp2kp.wilayah.items())
        return _json({"data": [{"kode_kab_kota": k, "nama_kab_kota": n} for k, n in rows if k.startswith(prefix)]})

    async def variant(request: Request) -> Response:
        calls["variant"] += 1
        return _json({"data": sp2kp.varian()})

    async def latest(request: Request) -> Response:
        calls["latest-price-dates"] += 1
        tanggal, pembanding = sp2kp.latest()
        return _json({"tanggal": tanggal.isoformat(), "tanggal_pembanding": pembanding.isoformat()})

    async def perbandingan(request: Request) -> Response:
        calls["generate-perbandingan-harga"] += 1
        if world.seed % 2 == 0 and request.headers.get("authorization") != f"Bearer {DEMO_SECRETS['SSP_SP2KP_TOKEN']}":
            return _json({"status": "error", "message": "Unauthorized"}, 401)
        form = await form_of(request)
        hari, pembanding = (_tanggal(form.get(k, "")) for k in ("tanggal", "tanggal_pembanding"))
        if hari is None or pembanding is None:
            return _json({"status": "error", "message": "tanggal tidak valid"}, 422)
        return _json({"data": sp2kp.perbandingan(hari, pembanding, form.get("kode_kab_kota", ""))})

    async def publik(request: Request) -> Response:
        calls["average-price-public"] += 1
        return _json({"data": sp2kp.publik(sp2kp.latest()[0])})

    async def panggilan(request: Request) -> Response:
        return _json({"average-price-public": 0} | calls)

    return [
        Route("/master/api/wilayah/kab-kota/{provinsi}", kab_kota),
        Route("/master/api/variant", variant),
        Route("/report/api/latest-price-dates", latest),
        Route("/report/api/average-price/generate-perbandingan-harga", perbandingan, methods=["POST"]),
        Route("/report/api/average-price-public", publik),
        Route("/_tiruan/panggilan", panggilan),
    ]
