"""The portal as an ASGI application: addresses, who asks, and what becomes of an error.

A request takes the edition that is current when it comes and keeps it to its end. Rows, the most frequent question, are
answered without a framework between the socket and the table.

Belongs here: routing, counting, the access log. Does not belong here: what is answered (the modules beside this one).
"""

import asyncio
import logging
import re
import time
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from starlette.types import Message, Receive, Scope, Send

from ssp_pipeline.portal import ckan, downloads, feeds, pages
from ssp_pipeline.portal.accesslog import AccessLog
from ssp_pipeline.portal.errors import Problem, not_found
from ssp_pipeline.portal.files import Files
from ssp_pipeline.portal.http import JSON, encoded, header, read_body, send_body, send_problem
from ssp_pipeline.portal.limits import Asker, Limits, truncated
from ssp_pipeline.portal.openapi import document
from ssp_pipeline.portal.paging import Walks
from ssp_pipeline.portal.params import BODY_LIMIT, BadParameter, Params, from_body, from_query
from ssp_pipeline.portal.releases import Shelf
from ssp_pipeline.portal.service import Asked, Options, Service
from ssp_pipeline.portal.sqlbox import SqlBox

log = logging.getLogger(__name__)

_ACTION = re.compile(r"/api/(?:3/)?action/([a-z_]+)/?")
_FLUSH_SECONDS = 2.0
_METHODS = "GET, HEAD, POST, OPTIONS"
_PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": _METHODS,
    "Access-Control-Allow-Headers": "Authorization, Content-Type, X-CKAN-API-Key, Range, If-None-Match, If-Range",
    "Access-Control-Max-Age": "86400",
    "Content-Length": "0",
}


class Portal:
    """The ASGI application. `start` and `stop` frame its life; servers call them through the lifespan protocol."""

    def __init__(self, options: Options):
        """Raises KeysError for a keys file that cannot be used."""
        shelf = Shelf(options.root, memory=options.table_memory)
        self.service = Service(options, shelf, Walks(), SqlBox(options, shelf))
        self._files = Files()
        self._limits = Limits(
            {"api": options.api_per_minute, "sql": options.sql_per_minute, "lapor": options.reports_per_hour / 60},
            options.keys_file,
        )
        self._log = AccessLog(options.access_log)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take up the current release and begin to watch for newer ones."""
        with suppress(OSError, ValueError):
            await asyncio.to_thread(self.service.shelf.refresh)
        await self.service.sql.warm()
        watching = self.service.shelf.watch(self.service.options.watch_seconds)
        self._tasks = [asyncio.create_task(watching), asyncio.create_task(self._flush())]

    async def stop(self) -> None:
        """End what was started."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.service.sql.close()
        self._log.flush()

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            await asyncio.to_thread(self._log.flush)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._request(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = time.monotonic()
        told = {"status": 0, "size": 0}

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                told["status"] = message["status"]
            else:
                told["size"] += len(message.get("body", b""))
            await send(message)

        address = (scope.get("client") or ("", 0))[0]
        asker = Asker("", "")
        try:
            given = header(scope, b"authorization") or header(scope, b"x-ckan-api-key")
            asker = self._limits.asker(address, given)
            await self._route(scope, receive, noted, asker)
        except Exception as error:
            await self._failed(scope, noted, error, begun=bool(told["status"]))
        finally:
            full = self._log.add(
                network=truncated(address), key=asker.name, method=scope["method"], path=scope["path"],
                status=told["status"], size=told["size"], seconds=time.monotonic() - begun,
            )  # fmt: skip
            if full:
                asyncio.get_running_loop().run_in_executor(None, self._log.flush)

    async def _failed(self, scope: Scope, send: Send, error: Exception, *, begun: bool) -> None:
        if not isinstance(error, (Problem, BadParameter)):
            log.exception("request failed: %s %s", scope["method"], scope["path"])
            error = Problem(500, "galat_dalam", "Terjadi galat di portal. Coba lagi; bila berulang, laporkan.")
        if begun:
            # The status is out; a torn connection tells the client that the content is not whole.
            raise error
        path = scope["path"]
        if action := _ACTION.fullmatch(path):
            status, body, headers = ckan.refusal(self.service, action[1], error)
            await send_body(scope, send, status, JSON, body, headers)
            return
        if isinstance(error, BadParameter):
            error = Problem(
                400, "permintaan_salah", f"{error.field}: {error.message}", detail={error.field: [error.message]}
            )
        if pages.for_people(scope):
            await pages.send_problem_page(self.service, scope, send, error)
        else:
            await send_problem(scope, send, error)

    async def _route(self, scope: Scope, receive: Receive, send: Send, asker: Asker) -> None:
        method, path = scope["method"], scope["path"]
        asked = Asked(self.service.shelf.current, asker.id)
        if method == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": encoded(_PREFLIGHT)})
            await send({"type": "http.response.body", "body": b""})
            return
        if method not in ("GET", "HEAD", "POST"):
            raise Problem(405, "metode", f"Metode {method} tidak dilayani.", headers={"Allow": _METHODS})
        action = _ACTION.fullmatch(path)
        if action:
            self._limits.count(asker, "sql" if action[1] == "datastore_search_sql" else "api")
            params = await self._params(scope, receive)
            status, body, headers = await ckan.act(self.service, asked, action[1], params)
            await send_body(scope, send, status, JSON, body, headers)
        elif path == "/api/sql":
            self._limits.count(asker, "sql")
            await downloads.sql(self.service, asked, scope, send, await self._params(scope, receive))
        elif path in ("/lapor/", "/en/lapor/") and method == "POST":
            self._limits.count(asker, "api")
            await pages.report(self.service, asked, scope, receive, send, lambda: self._limits.count(asker, "lapor"))
        elif method == "POST":
            raise Problem(405, "metode", "Alamat ini hanya dibaca (GET).", headers={"Allow": "GET, HEAD, OPTIONS"})
        elif path.startswith(("/datastore/dump/", "/cari", "/en/cari")) and path not in ("/cari/", "/en/cari/"):
            self._limits.count(asker, "api")
            await self._question(asked, scope, receive, send, path)
        else:
            await self._document(asked, scope, send, path)

    @staticmethod
    async def _params(scope: Scope, receive: Receive) -> Params:
        params = from_query(scope["query_string"])
        if scope["method"] == "POST":
            params.update(from_body(await read_body(receive, BODY_LIMIT), header(scope, b"content-type")))
        return params

    async def _question(self, asked: Asked, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        params = from_query(scope["query_string"])
        if path.startswith("/datastore/dump/"):
            given = path.removeprefix("/datastore/dump/")
            await downloads.dumped(self.service, asked, scope, receive, send, given, params)
        elif path in ("/cari", "/en/cari"):
            await pages.found(self.service, asked, scope, send, params)
        else:
            raise not_found(path)

    async def _document(self, asked: Asked, scope: Scope, send: Send, path: str) -> None:
        """What is made for everybody alike."""
        service, edition = self.service, asked.edition
        made: dict[str, Any] = {
            "/atom.xml": lambda: (feeds.ATOM, feeds.all_versions(service, edition)),
            "/sitemap.xml": lambda: (feeds.XML, feeds.sitemap(service, edition)),
            "/robots.txt": lambda: ("text/plain; charset=utf-8", feeds.robots(service)),
            "/openapi.json": lambda: (JSON, document(service, edition)),
            "/status": lambda: (JSON, downloads.status(service, edition)),
            "/api/3": lambda: (JSON, b'{"version":3}'),
            "/api/3/": lambda: (JSON, b'{"version":3}'),
        }
        feed = re.fullmatch(r"/dataset/([a-z0-9_]+)/atom\.xml", path)
        if path in made:
            media, body = made[path]()
            await send_body(scope, send, 200, media, body)
        elif feed:
            await send_body(scope, send, 200, feeds.ATOM, feeds.versions_of(service, edition, feed[1]))
        elif path.startswith("/r/"):
            await downloads.newest(edition, scope, send, unquote(path.removeprefix("/r/")))
        elif path.startswith("/unduh/"):
            await downloads.by_format(edition, scope, send, path.removeprefix("/unduh/"))
        else:
            await pages.file(service, self._files, asked, scope, send)
