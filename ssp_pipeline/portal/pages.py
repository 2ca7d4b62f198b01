"""What people see: files of the pages, the search, the form for reports, a problem.

Belongs here: choosing the page and its status. Does not belong here: what stands on it (`site`).
"""

import asyncio
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

from starlette.types import Receive, Scope, Send

from ssp_pipeline.portal import reports
from ssp_pipeline.portal.errors import Problem, not_found, withdrawn
from ssp_pipeline.portal.files import Files, Found, is_folder, lasts, locate
from ssp_pipeline.portal.http import HTML, OPEN, SECURITY, encoded, header, read_body, send_body, send_problem
from ssp_pipeline.portal.params import Params
from ssp_pipeline.portal.releases import Edition
from ssp_pipeline.portal.search import search
from ssp_pipeline.portal.service import Asked, Service
from ssp_pipeline.portal.site.answers import problem_page, report_form, search_page
from ssp_pipeline.portal.site.engine import SiteOptions
from ssp_pipeline.portal.site.text import Language
from warehouse.opendata.manifest import CATALOGUE_FILE

MOST_FOUND = 200
_LONGEST_QUERY = 300
_OF_DATASET = re.compile(r"(?:/en)?/dataset/([a-z0-9_]+)/(?:v(\d{1,6})/)?([^/]*)")
_DATA = ("/api/", "/datastore/", "/bagian/", "/rilis/", "/r/", "/unduh/", "/openapi.json", "/status")


def for_people(scope: Scope) -> bool:
    """Whether an error is shown as a page: a browser asks for something that is no data."""
    return "text/html" in header(scope, b"accept") and not scope["path"].startswith(_DATA)


def _language(path: str) -> Language:
    return "en" if path.startswith("/en/") else "id"


def _options(service: Service) -> SiteOptions:
    return SiteOptions(base_url=service.options.base_url.rstrip("/"), contact=service.options.contact)


async def file(service: Service, files: Files, asked: Asked, scope: Scope, send: Send) -> None:
    """A file of the public root or a page of the current release. Raises Problem 404, 410, 416."""
    root, edition, path = service.options.root, asked.edition, scope["path"]
    found = await asyncio.to_thread(_located, root, edition, path)
    if found is None and await asyncio.to_thread(service.shelf.refresh):
        # A release that shows a withdrawn version is removed as soon as the pointer has moved on.
        edition = service.shelf.current
        found = await asyncio.to_thread(_located, root, edition, path)
    gone = _gone(edition, path)
    if found is None:
        if gone is not None:
            raise gone
        if await asyncio.to_thread(is_folder, root, edition.number, path):
            await _to_folder(scope, send, path)
            return
        raise _nothing_yet() if path == "/" and not edition.number else not_found(path)
    download = edition.files.get(path.removeprefix("/"))
    await files.send(
        scope,
        send,
        Found(
            found,
            lasts(path),
            status=410 if gone is not None and path.endswith("/") else 200,
            name=download.nama if download else None,
            media=download.mediatype if download else None,
        ),
    )


def _located(root: Path, edition: Edition, path: str) -> Path | None:
    newest = f"/rilis/{edition.number}/{CATALOGUE_FILE}"
    return locate(root, edition.number, newest if path == f"/{CATALOGUE_FILE}" else path)


def _nothing_yet() -> Problem:
    return Problem(503, "belum_ada_rilis", "Belum ada data yang diterbitkan.", headers={"Retry-After": "60"})


def _gone(edition: Edition, path: str) -> Problem | None:
    """What is to be said if the address belongs to a withdrawn version, or to a dataset that has no other."""
    match = _OF_DATASET.fullmatch(path)
    listed = edition.listed.get(match[1]) if match else None
    if match is None or listed is None:
        return None
    if match[2] is None:
        return edition.absent(match[1]) if listed.versi is None and not match[3] else None
    line = next((x for x in listed.riwayat if x.versi == int(match[2])), None)
    if line is None or line.status != "ditarik":
        return None
    return withdrawn(f"Versi {line.versi} dari {match[1]}", line.alasan)


async def _to_folder(scope: Scope, send: Send, path: str) -> None:
    query = scope["query_string"]
    target = quote(path).encode() + b"/" + (b"?" + query if query else b"")
    if path.startswith("//"):
        raise not_found(path)
    lines = encoded({"Content-Length": "0", "Cache-Control": "no-cache"})
    headers = [(b"location", target), *lines, *SECURITY, *OPEN]
    await send({"type": "http.response.start", "status": 308, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def found(service: Service, asked: Asked, scope: Scope, send: Send, params: Params) -> None:
    """The page of a search. Raises Problem 503 before the first release."""
    edition = asked.edition
    if edition.release is None:
        raise _nothing_yet()
    given = params.get("q", "")
    query = (given if isinstance(given, str) else " ".join(given))[:_LONGEST_QUERY]
    hits = search(edition, query)
    make = partial(
        search_page, _options(service), edition.release, query, hits[:MOST_FOUND], len(hits),
        language=_language(scope["path"]),
    )  # fmt: skip
    body = (await asyncio.to_thread(make)).encode("utf-8", "replace")
    await send_body(scope, send, 200, HTML, body, {"X-Robots-Tag": "noindex"})


async def report(
    service: Service, asked: Asked, scope: Scope, receive: Receive, send: Send, count: Callable[[], None]
) -> None:
    """Take a report; `count` is called for one that is kept, so that mending a mistake costs nothing.

    Raises Problem 400, 403, 413, 415, 429, 503.
    """
    edition = asked.edition
    reports.check_origin(scope, service.options.base_url)
    folder = reports.writable(service.options.reports)
    if edition.release is None:
        raise _nothing_yet()
    fields = reports.read_form(await read_body(receive, reports.BODY_LIMIT), header(scope, b"content-type"))
    wrong = reports.faults(fields, edition.listed.keys())
    number = None
    if not wrong and not fields[reports.TRAP]:
        count()
        number = await asyncio.to_thread(reports.keep, folder, fields)
    elif not wrong:
        wrong = {"masalah": "Laporan tidak terkirim: satu isian yang harus kosong terisi."}
    page = report_form(
        _options(service), edition.release, list(edition.versions.values()), language=_language(scope["path"]),
        values=fields, errors=wrong, number=number,
    )  # fmt: skip
    await send_body(scope, send, 400 if wrong else 201, HTML, page.encode("utf-8", "replace"))


async def send_problem_page(service: Service, scope: Scope, send: Send, problem: Problem) -> None:
    """The error as a page; as JSON should the page itself fail."""
    options, language = _options(service), _language(scope["path"])
    try:
        page = problem_page(options, problem.status, language=language, reason=problem.message)
    except Exception:
        await send_problem(scope, send, problem)
        raise
    await send_body(scope, send, problem.status, HTML, page.encode("utf-8", "replace"), problem.headers)
