"""A stand-in agency with rows, a replay, a compressed log and an error, for tests of the shell and its fault mode."""

import gzip
from datetime import date
from types import ModuleType

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

TODAY = date(2026, 11, 20)
ROW = {
    "id": 7,
    "tanggal": "27/02/2023",
    "kode": "1275",
    "nama": "Beras Premium ",
    "harga": "13,250",
    "rata": 14000.50,
    "berat": 12100,
    "tagihan": {"pokok": "Rp 72.193,44"},
}
BODY = orjson.dumps({"status": True, "data": {"total": 2, "isi": [ROW, {**ROW, "id": 8}]}})


async def listed(request: Request) -> Response:
    return Response(BODY.replace(b"14000.5", b"14000.50"), media_type="application/json")


async def replayed(request: Request) -> Response:
    return Response(b"{}", headers={"X-SSP-Asal": "ulangan"})


async def logs(request: Request) -> Response:
    lines = b"".join(orjson.dumps({"id_lokasi": n, "keadaan": "up"}) + b"\n" for n in range(3))
    return Response(gzip.compress(lines, mtime=0), media_type="application/gzip")


async def broken(request: Request) -> Response:
    raise RuntimeError("salah di tiruan")


def office() -> ModuleType:
    module = ModuleType("uji")
    module.routes = lambda world: [  # type: ignore[attr-defined]
        Route("/daftar", listed, methods=["GET", "POST"]),
        Route("/ulang", replayed),
        Route("/log.ndjson.gz", logs),
        Route("/rusak", broken),
    ]
    return module
