"""The shell of the stand-in agencies: one small ASGI server that mounts every agency's `sandbox.py`.

Belongs here: the `World` that all stand-ins share, finding and mounting agencies, the label on every
response, starting and ending the server process, and writing what offices drop in their inbox.
Does not belong here: any agency's format (`connectors/<agency>/sandbox.py`), faults (`faults.py`).

An agency's `sandbox.py` has at least one of

    def routes(world: World) -> list[Route]            # paths as the agency has them; mounted under /<kode>
    def files(world: World, start: date, end: date) -> Iterator[tuple[str, bytes]]    # inbox files

Write the endpoints as `async def`: a plain `def` costs a thread hop for each request. Run by hand:

    python -m connectors.sandbox --seed 1 --today 2026-11-20 --port 8800 [--replay DIR] [--faults SEED [--every-fault]]
"""

import argparse
import contextlib
import csv
import email
import hashlib
import os
import random
import select
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.fault_seed import SeededFaults
from connectors.fault_wire import TRANSPORT
from connectors.faults import FaultBook, FaultMiddleware, control_routes
from connectors.registry import import_part

LABEL = "X-SSP-Asal"
"""Response header that says where an answer comes from: `tiruan` (made up) or `ulangan` (replayed)."""

CONNECTORS = Path(__file__).resolve().parent
WIB = timezone(timedelta(hours=7), "WIB")

Agencies = Sequence[tuple[str, ModuleType]]
Rows = tuple[dict[str, str], ...]


@lru_cache(maxsize=64)
def _csv_rows(path: Path) -> Rows:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return tuple(dict(row) for row in csv.DictReader(file))


def reference_reader(roots: Sequence[Path]) -> Callable[[str, str], Rows]:
    """Make the function behind `World.reference`: it looks in each root for <agency>/reference/<name>.csv."""

    def reference(agency: str, name: str) -> Rows:
        for root in roots:
            path = root / agency / "reference" / f"{name}.csv"
            if path.is_file():
                return _csv_rows(path)
        raise FileNotFoundError(f"no {agency}/reference/{name}.csv in {', '.join(map(str, roots))}")

    return reference


_own_reference = reference_reader((CONNECTORS,))


@dataclass(frozen=True, kw_only=True)
class World:
    """What every stand-in is made from; the same world gives the same bytes, in any order of requests.

    `today` is the business date (WIB) that the stand-ins take for now; `replay` a folder of real series;
    `reference(agency, name)` the rows of connectors/<agency>/reference/<name>.csv.
    """

    today: date
    seed: int = 1
    replay: Path | None = None
    reference: Callable[[str, str], Rows] = _own_reference

    def rng(self, *key: object) -> random.Random:
        """A generator that depends on the seed and the key alone: stable over processes and versions."""
        text = "\x1f".join(map(str, (self.seed, *key)))
        return random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]))


def discover(roots: Sequence[Path]) -> list[tuple[str, ModuleType]]:
    """Import `sandbox.py` of every agency folder below the roots, by path, sorted by kode (the folder's name).

    Raises ValueError when two roots hold the same kode or a module offers neither `routes` nor `files`.
    """
    found: dict[str, ModuleType] = {}
    for root in roots:
        for path in sorted(Path(root).resolve().glob("*/sandbox.py")):
            kode = path.parent.name
            if kode.startswith((".", "_")):
                continue
            if kode in found:
                raise ValueError(f"agency {kode!r} exists twice: {found[kode].__file__} and {path}")
            module = import_part(path.parent, "sandbox")
            if not (hasattr(module, "routes") or hasattr(module, "files")):
                raise ValueError(f"{path} offers neither routes(world) nor files(world, start, end)")
            found[kode] = module
    return sorted(found.items())


class _Label:
    """Marks every answer that carries no label of its own as made up."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.name = LABEL.lower().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                if all(name.lower() != self.name for name, _ in headers):
                    message["headers"] = [*headers, (self.name, b"tiruan")]
            await send(message)

        await self.app(scope, receive, labelled)


def build_app(world: World, agencies: Agencies, *, faults: FaultBook | None = None) -> Starlette:
    """One app with each agency's routes under /<kode>, the label, the fault mode and `GET /_sehat`."""
    book = faults if faults is not None else FaultBook()

    async def healthy(request: Request) -> Response:
        return JSONResponse(
            {
                "status": "sehat",
                "tiruan": True,
                "seed": world.seed,
                "today": world.today.isoformat(),
                "ulangan": world.replay is not None,
                "instansi": [kode for kode, _ in agencies],
            }
        )

    routes: list[BaseRoute] = [Route("/_sehat", healthy), *control_routes(book)]
    for kode, module in agencies:
        if hasattr(module, "routes"):
            routes.append(Mount(f"/{kode}", routes=module.routes(world)))
    return Starlette(routes=routes, middleware=[Middleware(_Label), Middleware(FaultMiddleware, book=book)])


async def form_of(request: Request) -> dict[str, str]:
    """Fields of a posted form, urlencoded or multipart, in their order; a repeated name keeps its last value.

    Starlette's own `request.form()` needs a package that we do not install.
    """
    body = await request.body()
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
    parsed = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    fields: dict[str, str] = {}
    for part in parsed.walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = content.decode()
    return fields


def _wire_protocol() -> Any:
    """uvicorn's protocol that also hands the transport to the app: faults write to the wire themselves."""
    base: Any
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

        base = HttpToolsProtocol
    except ImportError:
        from uvicorn.protocols.http.h11_impl import H11Protocol

        base = H11Protocol

    class WireProtocol(base):  # type: ignore[misc]
        app: ASGIApp

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            app = self.app

            async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
                scope.setdefault("extensions", {})[TRANSPORT] = transport
                await app(scope, receive, send)

            self.app = with_transport

    return WireProtocol


def _server(app: ASGIApp, port: int) -> tuple[Any, socket.socket, str]:
    import uvicorn

    config = uvicorn.Config(
        app,
        http=_wire_protocol(),
        loop="auto",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=120,
        timeout_graceful_shutdown=1,
    )
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as exc:
        listener.close()
        raise OSError(f"port {port} of 127.0.0.1 cannot be used ({exc.strerror}): choose another --port") from exc
    listener.listen(256)
    return uvicorn.Server(config), listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


def serve(app: ASGIApp, port: int = 0, *, ready: Callable[[str], None] | None = None) -> None:
    """Serve on 127.0.0.1 until a signal ends it; `ready` gets the base URL once the port listens."""
    server, listener, url = _server(app, port)
    with listener:
        if ready:
            ready(url)
        server.run(sockets=[listener])


@contextlib.contextmanager
def in_thread(app: ASGIApp) -> Iterator[str]:
    """Serve an app from a thread of this process; gives its base URL. For tests of single parts."""
    server, listener, url = _server(app, 0)
    with listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield url
        finally:
            server.should_exit = True
            thread.join(10)


@contextlib.contextmanager
def running(
    world: World,
    roots: Sequence[Path] = (CONNECTORS,),
    *,
    faults: int | None = None,
    port: int = 0,
    max_lifetime: float = 6 * 3600,
    startup: float = 30,
) -> Iterator[str]:
    """Run the stand-ins in a process of their own; gives their base URL and ends them afterwards.

    They also end when this process dies in any way, and after `max_lifetime` seconds.
    Raises RuntimeError when they are not up within `startup` seconds.
    """
    command = [sys.executable, "-m", "connectors.sandbox", "--tied", "--max-lifetime", str(max_lifetime)]
    command += ["--seed", str(world.seed), "--today", world.today.isoformat(), "--port", str(port)]
    for root in roots:
        command += ["--root", str(Path(root).resolve())]
    if world.replay is not None:
        command += ["--replay", str(world.replay.resolve())]
    if faults is not None:
        command += ["--faults", str(faults)]
    # In a group of its own: Ctrl-C at the terminal is for us, and we end it.
    process = subprocess.Popen(
        command, cwd=CONNECTORS.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0
    )
    try:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], startup)
        url = process.stdout.readline().strip() if ready else ""
        if not url.startswith("http://"):
            ended = "" if process.poll() is None else f", it ended with code {process.poll()}"
            raise RuntimeError(f"the stand-in agencies did not start{ended}: see its error output")
        yield url
    finally:
        process.terminate()
        try:
            process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def write_inbox(
    world: World, roots: Sequence[Path], inbox: Path, start: date, end: date, *, skip: Sequence[str] = ()
) -> list[Path]:
    """Drop each agency's files of the dates start..end into <inbox>/<kode>/tiruan/; gives the paths written.

    A file appears whole or not at all (temporary name, then rename); one with the same bytes is left alone.
    `skip` names the agencies whose real office fills its inbox. Raises ValueError for a name that leaves the folder.
    """
    written: list[Path] = []
    for kode, module in discover(roots):
        if kode in skip or not hasattr(module, "files"):
            continue
        folder = inbox / kode / "tiruan"
        for name, body in module.files(world, start, end):
            if not name or name.startswith(".") or Path(name).name != name:
                raise ValueError(f"{kode}: {name!r} is no plain file name")
            path = folder / name
            if path.is_file() and path.stat().st_size == len(body) and path.read_bytes() == body:
                continue
            folder.mkdir(parents=True, exist_ok=True)
            temporary = folder / f".{name}.{os.getpid()}.tmp"
            temporary.write_bytes(body)
            temporary.replace(path)
            written.append(path)
    return written


def _end_with_parent() -> None:
    """End when the starting process is gone: its end of our stdin closes even when it is killed."""
    parent = os.getppid()

    def watch() -> None:
        while True:
            ready, _, _ = select.select([0], [], [], 2)
            if (ready and not os.read(0, 1024)) or os.getppid() != parent:
                os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _end_after(seconds: float) -> None:
    def wait() -> None:
        time.sleep(seconds)
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stand-ins in the foreground; the first line on stdout is their base URL."""
    parser = argparse.ArgumentParser(prog="python -m connectors.sandbox", description="Stand-in agencies")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same bytes")
    parser.add_argument("--today", type=date.fromisoformat, help="business date they take for now (default: WIB)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--replay", type=Path, help="folder of real series to serve in the same formats")
    parser.add_argument("--faults", type=int, metavar="SEED", help="inject transport faults that a retry heals")
    parser.add_argument("--every-fault", action="store_true", help="with --faults: any fault, also such as stay")
    parser.add_argument("--root", type=Path, action="append", help="folder of agency folders (repeatable)")
    parser.add_argument("--tied", action="store_true", help="end when stdin closes or the parent dies")
    parser.add_argument("--max-lifetime", type=float, default=0, help="seconds; 0 means no limit")
    given = parser.parse_args(argv)
    if given.replay is not None and not given.replay.is_dir():
        parser.error(f"--replay {given.replay} is no folder")
    if given.tied:
        _end_with_parent()
    roots = given.root or [CONNECTORS]
    world = World(
        today=given.today or datetime.now(WIB).date(),
        seed=given.seed,
        replay=given.replay,
        reference=reference_reader((*roots, CONNECTORS)),
    )
    seeded = None if given.faults is None else SeededFaults(given.faults, every=given.every_fault)
    app = build_app(world, discover(roots), faults=FaultBook(seeded))

    def ready(url: str) -> None:
        print(url, flush=True)
        if given.max_lifetime > 0:
            _end_after(given.max_lifetime)

    serve(app, given.port, ready=ready)


if __name__ == "__main__":
    # The agencies import `connectors.sandbox`; running that module, not this second copy, keeps one World.
    from connectors.sandbox import main as real_main

    real_main()
