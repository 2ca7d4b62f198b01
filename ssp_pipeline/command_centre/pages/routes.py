"""Addresses of the pages, and what each asks of the reader's rights.

Belongs here: requests and answers. Does not belong here: what is read (`blocks.py`, `overview.py`, `rows.py`), HTML
(`templates/`).
"""

import asyncio
import functools
import gzip
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import duckdb
import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from connectors.blobs import ArchiveError
from connectors.registry import UnknownName
from ssp_pipeline.command_centre.masking import csv_of
from ssp_pipeline.command_centre.pages import overview
from ssp_pipeline.command_centre.pages.blocks import chart_spec, make_block, placed
from ssp_pipeline.command_centre.pages.choices import choose
from ssp_pipeline.command_centre.pages.engine import STATIC, NavItem, assets, render
from ssp_pipeline.command_centre.pages.events import Watch
from ssp_pipeline.command_centre.pages.payloads import payloads
from ssp_pipeline.command_centre.pages.reader import NothingYet, Snapshots, Version
from ssp_pipeline.command_centre.pages.rows import FILE_ROWS, Named, NoSuchRows, file_rows, find_rows, named
from ssp_pipeline.command_centre.pages.views import FIRST_PAGE, QUALITY_PAGE, View, find_views, pages_of
from ssp_pipeline.command_centre.roles import Deed, User
from ssp_pipeline.command_centre.service import Centre
from ssp_pipeline.web.drawing import DrawError, vega_bundle
from ssp_pipeline.web.files import VEGA

log = logging.getLogger(__name__)

T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Response]]

NAMES = {
    "ikhtisar": "Ikhtisar",
    "harga": "Harga pangan",
    "pendapatan": "Pendapatan",
    "air": "Air",
    "pokir": "Pokir",
    "cctv": "CCTV",
    "kualitas": "Kualitas data",
}
"""Pages in the order of the menu. One that only an agency's folder names comes before the last."""
OLD_AFTER = timedelta(hours=36)
"""A snapshot older than this is shown as old: the nightly run did not make one."""
WALL_SECONDS = 20
_FOR_EVER = "public, max-age=31536000, immutable"
_MEDIA = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_APART = frozenset({"ikhtisar", "kualitas_instansi"})
"""Views that pages show in a form of their own, not as a table."""


def page_name(page: str) -> str:
    """Indonesian name of a page."""
    return NAMES.get(page) or page.replace("_", " ").capitalize()


class Dashboards:
    """The pages over one folder of snapshots.

    Requests hold who asks in `request.state.user`; the application keeps `menu` in its state (see `engine.render`).
    """

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._snapshots = Snapshots(centre.options.snapshots)
        self._views = find_views(centre.registry.roots, centre.registry.contracts)
        found = pages_of(self._views)
        own = [p for p in found if p not in NAMES]
        known = list(NAMES)
        self._pages: dict[str, list[View]] = {p: found.get(p, []) for p in (*known[:-1], *sorted(own), known[-1])}
        self._watch = Watch(self._snapshots, centre.options.watch_seconds)
        centre.background += [self._watch.run, _prepare]

    def routes(self) -> list[Route]:
        """Routes of all pages. Each but `/aset/…` expects somebody who is logged in."""
        return [
            Route("/", self._page(FIRST_PAGE), name=FIRST_PAGE),
            *[Route(f"/{p}", self._page(p), name=p) for p in self._pages if p != FIRST_PAGE],
            Route("/bagan/{nama}.json", self._chart),
            Route("/baris/{nama}", self._rows),
            Route("/baris/{nama}/baris.csv", self._rows_file),
            Route("/muatan/{nama}", self._payloads),
            Route("/dinding", self._wall),
            Route("/dinding/{halaman}", self._slide),
            Route("/peristiwa", self._events),
            Route("/aset/{nama}", _asset),
        ]

    def menu(self, user: User) -> tuple[NavItem, ...]:
        """Pages that somebody may open."""
        open_to = [p for p in self._pages if self._may_open(user, p)]
        return tuple(NavItem("/" if p == FIRST_PAGE else f"/{p}", page_name(p)) for p in open_to)

    def _may_open(self, user: User, page: str) -> bool:
        may = self._centre.may
        if page == FIRST_PAGE:
            return may(user, "ikhtisar")
        if page == QUALITY_PAGE:
            return may(user, "kualitas")
        agencies = {a for v in self._pages[page] for a in v.agencies}
        return may(user, "bidang") or any(may(user, "bidang", a) for a in agencies)

    def _demand_page(self, user: User, page: str) -> None:
        """Raises Refused."""
        if not self._may_open(user, page):
            deeds: dict[str, Deed] = {FIRST_PAGE: "ikhtisar", QUALITY_PAGE: "kualitas"}
            self._centre.demand(user, deeds.get(page, "bidang"))

    def _may_read(self, user: User) -> Callable[[str], bool]:
        return lambda dataset: self._centre.may(user, "baris", dataset.partition(".")[0])

    async def _read(self, work: Callable[[Version], T]) -> T:
        """Read of the snapshot in a thread. Raises HTTPException 503 while it cannot be read."""
        try:
            return await asyncio.to_thread(self._snapshots.read, work)
        except NothingYet:
            raise HTTPException(503, headers={"Retry-After": "60"}) from None
        except duckdb.Error as error:
            log.error("the snapshot cannot be read: %s", error)
            raise HTTPException(503, headers={"Retry-After": "60"}) from error

    def _render(self, request: Request, template: str, version: Version, **facts: Any) -> HTMLResponse:
        age = datetime.now(UTC) - version.made
        return render(
            request, template, cuplikan=version.name, dibuat=version.made,
            usang=age > OLD_AFTER, **facts,
        )  # fmt: skip

    def _page(self, page: str) -> Endpoint:
        async def show(request: Request) -> Response:
            user: User = request.state.user
            self._demand_page(user, page)
            given = dict(request.query_params)
            version, facts = await self._read(lambda v: (v, self._facts(v, page, user, given)))
            template = {FIRST_PAGE: "ikhtisar.html", QUALITY_PAGE: "kualitas.html"}.get(page, "halaman.html")
            return self._render(request, template, version, **facts)

        return show

    def _facts(self, version: Version, page: str, user: User, given: Mapping[str, str]) -> dict[str, Any]:
        """What a page shows. Raises duckdb.Error."""
        may_read = self._may_read(user)
        blocks = [
            make_block(version, v, choose(version, v, given), may_read, given=given)
            for v in self._pages[page]
            if v.name not in _APART
        ]
        agencies = None if page == FIRST_PAGE else sorted({a for v in self._pages[page] for a in v.agencies})
        return {
            "halaman": page,
            "nama_halaman": page_name(page),
            "nama_bidang": page_name,
            "blok": placed(blocks),
            "angka_pokok": overview.figures(version, may_read, "" if page == FIRST_PAGE else page),
            "peringatan": [] if page == QUALITY_PAGE else overview.warnings(version, may_read, agencies),
            "rapor": overview.cards(version) if page == QUALITY_PAGE else [],
            "boleh_karantina": lambda agency: self._centre.may(user, "karantina", agency),
        }

    async def _chart(self, request: Request) -> Response:
        view = self._views.get(request.path_params["nama"])
        if view is None or view.chart is None:
            raise HTTPException(404)
        self._demand_page(request.state.user, str(view.head.halaman))
        given = dict(request.query_params)
        spec = await self._read(lambda v: orjson.dumps(chart_spec(v, view, choose(v, view, given))))
        return await asyncio.to_thread(_json, request, spec)

    async def _rows(self, request: Request) -> Response:
        user: User = request.state.user
        name, wanted, given = await self._wanted(request, "baris")
        try:
            page = int(request.query_params.get("halaman") or "1")
            version, found = await self._read(lambda v: (v, find_rows(v, wanted, given, page)))
        except (NoSuchRows, ValueError):
            raise HTTPException(404) from None
        dataset = name if wanted.table.startswith("source.") else ""
        return self._render(
            request, "baris.html", version, nama=name, hasil=found, dataset=dataset, terbanyak=FILE_ROWS,
            boleh_unduh=self._all_may(user, "unduh", wanted),
            boleh_muatan=bool(dataset) and self._centre.may(user, "muatan", dataset.partition(".")[0]),
        )  # fmt: skip

    async def _rows_file(self, request: Request) -> Response:
        """The same rows as CSV."""
        name, wanted, given = await self._wanted(request, "unduh")
        try:
            found = await self._read(lambda v: file_rows(v, wanted, given))
        except NoSuchRows:
            raise HTTPException(404) from None
        body = await asyncio.to_thread(csv_of, found)
        headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
        return Response(body, media_type="text/csv; charset=utf-8", headers=headers)

    async def _wanted(self, request: Request, deed: Deed) -> tuple[str, Named, list[tuple[str, str]]]:
        """The table that an address names and how it narrows it, if this may be done with all agencies in it.

        Raises Refused, HTTPException.
        """
        name = request.path_params["nama"]
        try:
            wanted = await self._read(lambda v: named(v, name))
        except (NoSuchRows, ValueError):
            raise HTTPException(404) from None
        for agency in wanted.agencies or ("",):
            self._centre.demand(request.state.user, deed, agency)
        query = request.query_params.multi_items()
        return name, wanted, [(k, v) for k, v in query if k not in ("halaman", "bahasa")]

    def _all_may(self, user: User, deed: Deed, wanted: Named) -> bool:
        return all(self._centre.may(user, deed, agency) for agency in wanted.agencies or ("",))

    async def _payloads(self, request: Request) -> Response:
        """Archived payloads of a dataset, each with the address of its door."""
        name, partition = request.path_params["nama"], request.query_params.get("partisi", "")
        agency = name.partition(".")[0]
        self._centre.demand(request.state.user, "muatan", agency if agency in self._centre.registry.agencies else "")
        try:
            contract = self._centre.registry.contract(name)
            found = await asyncio.to_thread(payloads, self._centre.options.home / "archive", contract, partition)
        except (UnknownName, ValueError):
            raise HTTPException(404) from None
        except (ArchiveError, OSError):
            raise HTTPException(503, headers={"Retry-After": "60"}) from None
        return render(request, "muatan_daftar.html", kontrak=contract, partisi=partition, muatan=found)

    async def _wall(self, request: Request) -> Response:
        user: User = request.state.user
        slides = [p for p in self._pages if self._may_open(user, p)]
        if not slides:
            self._demand_page(user, FIRST_PAGE)
        page = request.query_params.get("halaman", "")
        page = page if page in slides else slides[0]
        version, facts = await self._read(lambda v: (v, self._slide_facts(v, page, user)))
        return self._render(
            request, "dinding.html", version, layar=[(p, page_name(p)) for p in slides], detik=WALL_SECONDS, **facts
        )

    async def _slide(self, request: Request) -> Response:
        user: User = request.state.user
        page = request.path_params["halaman"]
        if page not in self._pages:
            raise HTTPException(404)
        self._demand_page(user, page)
        version, facts = await self._read(lambda v: (v, self._slide_facts(v, page, user)))
        return self._render(request, "layar.html", version, **facts)

    def _slide_facts(self, version: Version, page: str, user: User) -> dict[str, Any]:
        """A page as the wall shows it: main figures, warnings, and the chart that says most."""
        may_read = self._may_read(user)
        charted = [v for v in self._pages[page] if v.chart]
        blocks = [make_block(version, v, choose(version, v, {}), may_read, most=0) for v in charted]
        return {
            "halaman": page,
            "nama_halaman": page_name(page),
            "angka_pokok": overview.figures(version, may_read, "" if page == FIRST_PAGE else page),
            "peringatan": overview.warnings(version, may_read) if page == FIRST_PAGE else [],
            "rapor": overview.cards(version) if page == QUALITY_PAGE else [],
            "blok": [b for b in blocks if b.total][:1],
        }

    async def _events(self, request: Request) -> Response:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._watch.stream(), media_type="text/event-stream", headers=headers)


@functools.cache
def _files() -> dict[str, tuple[bytes, str]]:
    """Static files by their address, compressed."""
    found = {}
    for name, address in assets().items():
        body = vega_bundle() if name == VEGA else (STATIC / name).read_bytes()
        found[address] = (gzip.compress(body, 6, mtime=0), _MEDIA[name.rpartition(".")[2]])
    return found


async def _prepare() -> None:
    """Make the bundle of Vega before the first who needs it comes."""
    try:
        await asyncio.to_thread(_files)
    except DrawError as error:
        log.error("charts cannot be drawn: %s", error)


async def _asset(request: Request) -> Response:
    found = (await asyncio.to_thread(_files)).get(request.url.path)
    if found is None:
        raise HTTPException(404)
    packed, media = found
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers = {"Cache-Control": _FOR_EVER, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return Response(packed, media_type=media, headers=headers)
    return Response(gzip.decompress(packed), media_type=media, headers={"Cache-Control": _FOR_EVER})


def _json(request: Request, body: bytes) -> Response:
    """JSON that is of no use to the next who asks, compressed for who takes it so."""
    headers = {"Cache-Control": "no-store"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        body = gzip.compress(body, 3)
    return Response(body, media_type="application/json", headers=headers)
