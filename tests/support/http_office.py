"""A stand-in agency for tests of the HTTP client, served on loopback with the fault mode."""

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from types import ModuleType
from typing import Any

import orjson
import requests
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connectors.http import HttpClient, user_agent
from connectors.sandbox import World, build_app, form_of, in_thread

ROWS = orjson.dumps({"status": True, "total": 3, "data": [{"id": n, "nama": "Cabai Merah"} for n in range(3)]})
ASKED: Counter[str] = Counter()
CALLERS: set[Any] = set()


async def rows(request: Request) -> Response:
    ASKED["baris"] += 1
    CALLERS.add(request.client)
    return Response(ROWS, media_type="application/json", headers={"ETag": '"v1"', "X-Lain": "tidak dicatat"})


async def echo(request: Request) -> Response:
    said = {
        "method": request.method,
        "query": request.url.query,
        "form": await form_of(request),
        "body": (await request.body()).decode(),
        "headers": dict(request.headers),
    }
    return Response(orjson.dumps(said), media_type="application/json")


async def status(request: Request) -> Response:
    ASKED["status"] += 1
    return Response(b"rahasia di badan", status_code=int(request.path_params["code"]))


async def redirect(request: Request) -> Response:
    return RedirectResponse(request.query_params["ke"], status_code=int(request.query_params.get("kode", "302")))


async def circle(request: Request) -> Response:
    return RedirectResponse("/uji/putar")


async def packed(request: Request) -> Response:
    body = bytes(range(256)) * 4000
    bare = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    made = {
        "gzip": gzip.compress(body),
        "gzip-dua": gzip.compress(body[:5000]) + gzip.compress(body[5000:]),
        "deflate": zlib.compress(body),
        "deflate-polos": bare.compress(body) + bare.flush(),
        "gzip-rusak": gzip.compress(body)[:-8] + bytes(8),
        "br": b"bukan apa-apa",
    }[request.path_params["how"]]
    encoding = request.path_params["how"].split("-")[0]
    return Response(made, headers={"Content-Encoding": encoding})


def office() -> ModuleType:
    module = ModuleType("uji")
    module.routes = lambda world: [  # type: ignore[attr-defined]
        Route("/baris", rows, methods=["GET", "POST"]),
        Route("/gema", echo, methods=["GET", "POST"]),
        Route("/status/{code}", status),
        Route("/alih", redirect, methods=["GET", "POST"]),
        Route("/putar", circle),
        Route("/kemas/{how}", packed),
    ]
    return module


@contextmanager
def office_running() -> Iterator[str]:
    """Serve the agency; gives the base URL of the shell (the agency is below /uji)."""
    with in_thread(build_app(World(today=date(2026, 11, 20)), [("uji", office())])) as url:
        yield url


def put_fault(host: str, name: str, match: str = "/baris", **spec: Any) -> None:
    """Let the fault strike requests that match."""
    reply = requests.post(f"{host}/_gangguan", json={"cocok": match, "gangguan": name, **spec}, timeout=5)
    assert reply.status_code == 200, reply.text


def end_faults(host: str) -> None:
    requests.delete(f"{host}/_gangguan", timeout=5)


def make(host: str, **options: Any) -> HttpClient:
    """A client of the agency that does not really sleep."""
    return HttpClient(f"{host}/uji", **{"user_agent": user_agent("9.9"), "sleep": lambda seconds: None, **options})
