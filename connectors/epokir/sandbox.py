"""Stand-in of SIPD's proposal list: log in, get a token that soon expires, page through a DataTables answer.

Belongs here: the HTTP side. Does not belong here: the proposals (`usulan_tiruan.py`, `catatan_tiruan.py`).

The login's paths, the headers, the envelope and a list that takes multipart alone are SIPD's; the path of the list, the
body of a 401 and the refusal of another encoding are assumed.
A token is a real JWT (HS256, signed with a secret of this module) and is good for a few list requests or some
minutes, whichever ends first, so that every full pull lives through an expiry. `DEMO_SECRETS` log in here, and
nowhere else.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.contract import load_agency
from connectors.epokir.catatan_tiruan import catatan
from connectors.sandbox import World, form_of

DEMO_SECRETS = {
    "SSP_EPOKIR_PENGGUNA": "pengguna-tiruan",
    "SSP_EPOKIR_SANDI": "sandi-tiruan",
    "SSP_EPOKIR_API_KEY": "kunci-tiruan",
}
"""By the names of the settings; a stand-in is asked with these when nothing else is set."""

PERMINTAAN_PER_TOKEN = 3
DETIK_PER_TOKEN = 600
HALAMAN_TERBESAR = 1000

_RAHASIA_JWT = b"tiruan"
_PERAN = {
    "id_user": 9001,
    "id_pegawai": 9001,
    "id_skpd": 402,
    "kode_skpd": "4.02.0.00.0.00.01.0000",
    "nama_skpd": "Sekretariat DPRD",
    "id_role": 7,
    "nama_role": "Setwan",
}


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _tanda(isi: str) -> str:
    return _b64(hmac.new(_RAHASIA_JWT, isi.encode(), hashlib.sha256).digest())


def _buat_token(tahun: str, daerah: int) -> str:
    kini = int(time.time())
    klaim = {
        "id_user": _PERAN["id_user"],
        "id_daerah": daerah,
        "id_level": _PERAN["id_role"],
        "tahun": tahun,
        "iat": kini,
        "exp": kini + DETIK_PER_TOKEN,
        "jti": secrets.token_hex(8),
    }
    isi = f"{_b64(orjson.dumps({'alg': 'HS256', 'typ': 'JWT'}))}.{_b64(orjson.dumps(klaim))}"
    return f"{isi}.{_tanda(isi)}"


def _klaim(token: str) -> dict[str, Any] | None:
    """Claims of a token that is ours and not too old, else None."""
    isi, _, tanda = token.rpartition(".")
    if not isi or not hmac.compare_digest(tanda.encode(), _tanda(isi).encode()):
        return None
    badan = isi.partition(".")[2]
    klaim: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(badan + "=" * (-len(badan) % 4)))
    return klaim if klaim["exp"] > time.time() else None


def _jawab(isi: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(isi), status, media_type="application/json")


def _tolak(status: int, pesan: str) -> Response:
    return _jawab({"status": False, "status_code": status, "message": pesan}, status)


def _bilangan(form: dict[str, str], nama: str, baku: int) -> int | None:
    teks = form.get(nama, "") or str(baku)
    return int(teks) if teks.isascii() and teks.isdigit() else None


def routes(world: World) -> list[Route]:
    """SIPD's login in two steps and the list of proposals, for the province that agency.yaml names."""
    params = load_agency(Path(__file__).parent).params
    daerah = int(params["id_daerah"])
    terpakai: OrderedDict[str, int] = OrderedDict()

    async def pre_login(request: Request) -> Response:
        form = await form_of(request)
        if not _dikenal(form):
            return _tolak(401, "Username atau password salah")
        return _jawab([{**_PERAN, "id_daerah": daerah}])

    async def login(request: Request) -> Response:
        form = await form_of(request)
        if not _dikenal(form) or form.get("id_role") != str(_PERAN["id_role"]):
            return _tolak(401, "Username atau password salah")
        tahun = form.get("tahun", "")
        return _jawab({"token": _buat_token(tahun, daerah), "refresh_token": _buat_token(tahun, daerah)})

    async def daftar(request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            return _tolak(415, "Content-Type harus multipart/form-data")
        klaim = _klaim(request.headers.get("x-access-token", ""))
        if request.headers.get("x-api-key") != DEMO_SECRETS["SSP_EPOKIR_API_KEY"]:
            return _tolak(401, "X-Api-Key tidak dikenal")
        if klaim is None:
            return _tolak(401, "Token Expired")
        kali = terpakai[klaim["jti"]] = terpakai.get(klaim["jti"], 0) + 1
        while len(terpakai) > 1000:
            terpakai.popitem(last=False)
        if kali > PERMINTAAN_PER_TOKEN:
            return _tolak(401, "Token Expired")
        form = await form_of(request)
        if _bilangan(form, "id_daerah", 0) != klaim["id_daerah"]:
            return _tolak(422, "id_daerah bukan milik pengguna ini")
        return _halaman(world, form)

    return [
        Route("/auth/auth/pre-login", pre_login, methods=["POST"]),
        Route("/auth/auth/login", login, methods=["POST"]),
        Route(str(params["jalur_usulan"]), daftar, methods=["POST"]),
    ]


def _dikenal(form: dict[str, str]) -> bool:
    return (form.get("username"), form.get("password")) == (
        DEMO_SECRETS["SSP_EPOKIR_PENGGUNA"],
        DEMO_SECRETS["SSP_EPOKIR_SANDI"],
    )


def _halaman(world: World, form: dict[str, str]) -> Response:
    """One DataTables page by id_usulan, rising or falling; `search[value]` is looked for in the activity's text."""
    tahun, start = _bilangan(form, "tahun", 0), _bilangan(form, "start", 0)
    length = _bilangan(form, "length", 10)
    if tahun is None or start is None or length is None or not 2018 <= tahun <= 2100:
        return _tolak(422, "tahun, start atau length tidak sah")
    semua = catatan(world, tahun)
    cari = form.get("search[value]", "").strip().casefold()
    cocok = [c for c in semua if not cari or cari in orjson.loads(c)["giat_teks"].casefold()]
    if form.get("order[0][dir]") == "desc":
        cocok.reverse()
    halaman = b",".join(cocok[start : start + min(length, HALAMAN_TERBESAR)])
    kepala = b'{"status":true,"status_code":200,"data":{"recordsTotal":%d,"recordsFiltered":%d,"data":['
    return Response(kepala % (len(semua), len(cocok)) + halaman + b"]}}", media_type="application/json")
