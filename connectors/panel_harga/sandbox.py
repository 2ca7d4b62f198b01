"""Stand-in of Panel Harga: `harga-pangan-informasi` and `harga-peta-provinsi` in the agency's wire format.

Does not belong here: the made-up prices (`connectors/komoditas/tiruan.py`).

`today: 0` (not reported) stands in about 3 of 100 rows, and always for goods that a region does not trade. Two
rows a day are wrong on purpose: one price is written in thousands, one gap does not follow from its prices.
An `x-api-key` is accepted and never asked for. Unlike the real service, numbers of cities are known: those of
`reference/ref_kota.csv`.
"""

from datetime import date, datetime, timedelta
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.komoditas.tiruan import HargaTiruan
from connectors.sandbox import World

_SATUAN = ("Rp./Kg", "Rp/kg", "Rp/Kg")
_SATUAN_LITER = ("Rp./Liter", "Rp/Liter")
_PER_LITER = frozenset({"38", "101", "127"})
_JARANG = {"102": 0.8, "29": 0.3, "149": 0.85, "152": 0.7, "40": 0.2}
"""Share of regions that do not trade a good at all."""

_PETA_WARNA = {"aman": "green", "waspada": "yellow", "intervensi": "red"}
_ACUAN = {
    "27": 15400, "28": 14000, "109": 12500, "30": 41500, "31": 40000, "32": 55000, "33": 57000,
    "34": 140000, "35": 40000, "36": 30000, "37": 17500, "127": 15700,
}  # fmt: skip
"""Reference prices that the stand-in's map compares with; published figures, see reference/harga_acuan.csv."""

_LETAK = "2.1153547,99.5450974"


class PanelTiruan:
    """Answers of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._harga = HargaTiruan(world)
        self._kota = {row["kode_kota"]: row for row in world.reference("panel_harga", "ref_kota")}
        self._komoditas = [
            (row["kode_sumber"], row["nama_sumber"], row["kode_komoditas"])
            for row in world.reference("komoditas", "padanan")
            if row["sumber"] == "panel_harga" and row["kesepadanan"] == "exact"
        ]
        self._kode = {kode: (nama, komoditas) for kode, nama, komoditas in self._komoditas}
        self._rusak: dict[date, tuple[tuple[str, str], tuple[str, str]]] = {}

    def informasi(self, city_id: str) -> list[dict[str, Any]]:
        """Rows of today for one city; none for a city that is not known."""
        kota = self._kota.get(city_id)
        return [self._baris(city_id, kota["kode_kabupaten_kota"], kode) for kode in self._kode] if kota else []

    def _baris(self, city_id: str, wilayah: str, kode: str) -> dict[str, Any]:
        hari = self._world.today
        nama, komoditas = self._kode[kode]
        rng = self._world.rng("panel", "baris", city_id, kode, hari)
        dijual = self._world.rng("panel", "dijual", city_id, kode).random() >= _JARANG.get(kode, 0.0)
        kemarin = self._harga.harga("panel_harga", komoditas, wilayah, hari - timedelta(days=1)) if dijual else 0
        kini = self._harga.harga("panel_harga", komoditas, wilayah, hari) if dijual else 0
        if rng.random() < 0.03:
            kini = 0
        ribuan, selisih_salah = self._baris_rusak(hari)
        if (city_id, kode) == ribuan:
            kini //= 1000
        gap = kini - kemarin if kini and kemarin else 0
        if (city_id, kode) == selisih_salah:
            gap += 1250
        arah = "up" if gap > 0 else "down" if gap < 0 else "no_change"
        ejaan = _SATUAN_LITER if kode in _PER_LITER else _SATUAN
        sebelumnya = hari - timedelta(days=1)
        return {
            "id": int(kode),
            "name": nama,
            "satuan": ejaan[int(kode) % len(ejaan)],
            "today": kini,
            "yesterday": kemarin,
            "yesterday_date": f"{sebelumnya.day}-{sebelumnya.month}-{sebelumnya.year}",
            "gap": gap,
            "gap_percentage": round(100 * gap / kemarin, 2) if gap and kemarin else 0,
            "gap_change": arah,
            "gap_color": {"up": "red", "down": "green", "no_change": "black"}[arah],
            "background": nama.lower().replace(" ", "-") + ".png",
        }

    def _baris_rusak(self, hari: date) -> tuple[tuple[str, str], tuple[str, str]]:
        """The two (city, commodity) whose rows of the day are wrong on purpose."""
        known = self._rusak.get(hari)
        if known is None:
            rng = self._world.rng("panel", "rusak", hari)
            laku = sorted(set(self._kode) - set(_JARANG))
            first, second = rng.sample([(kota, kode) for kota in sorted(self._kota) for kode in laku], 2)
            known = self._rusak[hari] = (first, second)
        return known

    def peta(self, komoditas_id: str, hari: date, provinces: list[str], statuses: list[str]) -> list[dict[str, Any]]:
        """Rows of the province map for one commodity and day; the stand-in knows one province."""
        if komoditas_id not in self._kode or hari > self._world.today or (provinces and "2" not in provinces):
            return []
        komoditas = self._kode[komoditas_id][1]
        log = [
            self._harga.harga("panel_harga", komoditas, kota["kode_kabupaten_kota"], hari)
            for kota in self._kota.values()
        ]
        rata = round(_geometrik(log), 2)
        acuan = _ACUAN.get(komoditas_id, 0)
        persen = round(100 * (rata - acuan) / acuan, 2) if acuan else 0
        status = "aman" if persen <= 0 else "waspada" if persen <= 5 else "intervensi"
        if statuses and status not in statuses:
            return []
        # The type of the average flips between text and number, as it does at the source.
        as_text = self._world.rng("panel", "peta", komoditas_id, hari).random() < 0.5
        return [
            {
                "province_id": 2,
                "province_name": "Sumatera Utara",
                "latlong": _LETAK,
                "rata_rata_geometrik": f"{rata:.2f}" if as_text else rata,
                "status_map": status,
                "map_color": _PETA_WARNA[status],
                "hpp_hap": acuan,
                "hpp_hap_percentage": persen,
                "hpp_hap_percentage_gap_change": "up" if persen > 0 else "down" if persen < 0 else "no_change",
                "date": hari.isoformat(),
                "commodity_id": int(komoditas_id),
            }
        ]


def _geometrik(prices: list[int]) -> float:
    product = 1.0
    for price in prices:
        product *= price ** (1 / len(prices))
    return product


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")


def _berhasil(rows: list[dict[str, Any]]) -> Response:
    return _json({"status": "success", "message": "Berhasil", "data": rows})


def routes(world: World) -> list[Route]:
    """Paths as the agency has them below its base `…/api`."""
    panel = PanelTiruan(world)

    async def informasi(request: Request) -> Response:
        query = request.query_params
        if query.get("level_harga_id") != "3":
            return _berhasil([])
        return _berhasil(panel.informasi(query.get("city_id", "")))

    async def peta(request: Request) -> Response:
        query = request.query_params
        first, _, last = query.get("period_date", "").partition(" - ")
        try:
            hari = datetime.strptime(first, "%d/%m/%Y").date()  # noqa: DTZ007
        except ValueError:
            return _json({"status": "error", "message": "period_date tidak valid", "data": []}, 422)
        if first != last or query.get("level_harga_id") != "3":
            return _berhasil([])
        provinces = [v for k, v in query.multi_items() if k.startswith("multi_province_id[") and v]
        statuses = [v for k, v in query.multi_items() if k.startswith("multi_status_map[") and v]
        return _berhasil(panel.peta(query.get("komoditas_id", ""), hari, provinces, statuses))

    return [
        Route("/front/harga-pangan-informasi", informasi),
        Route("/front/harga-peta-provinsi", peta),
    ]
