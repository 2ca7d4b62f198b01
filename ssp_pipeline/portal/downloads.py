"""Addresses that lead to data: permanent links, dumps, SQL results, and the state of the service.

Belongs here: from a request to a stream or a redirection. Does not belong here: files themselves (`files.py`).
"""

import csv
import io
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from ssp_pipeline.portal.dump import dump
from ssp_pipeline.portal.errors import invalid, not_found
from ssp_pipeline.portal.files import disposition
from ssp_pipeline.portal.http import JSON, OPEN, SECURITY, encoded, send_body, send_stream
from ssp_pipeline.portal.params import Params
from ssp_pipeline.portal.releases import Edition
from ssp_pipeline.portal.service import Asked, Service
from warehouse.opendata.manifest import File, resource_id

_FORMATS = ("parquet", "csv", "csv-excel", "xlsx", "json", "geojson")


async def _lead(scope: Scope, send: Send, file: File) -> None:
    """Redirect to the file as it is now; that address never changes its content."""
    headers = encoded({"Location": f"/{file.path}", "Cache-Control": "no-cache", "Content-Length": "0"})
    await send({"type": "http.response.start", "status": 302, "headers": [*headers, *SECURITY, *OPEN]})
    await send({"type": "http.response.body", "body": b""})


async def newest(edition: Edition, scope: Scope, send: Send, given: str) -> None:
    """`/r/<id>`: the newest file of a resource. Raises Problem 404, 410."""
    found = edition.resources.get(given)
    if found is None:
        for name in edition.listed.keys() - edition.versions.keys():
            if given in (resource_id(name, form) for form in _FORMATS):
                raise edition.absent(name)
        raise not_found(f"resource {given}")
    await _lead(scope, send, found[1])


async def by_format(edition: Edition, scope: Scope, send: Send, rest: str) -> None:
    """`/unduh/<nama>/<format>`, and `/unduh/<nama>/<format>/<bagian>` of what has parts. Raises Problem 404, 410."""
    name, _, form = rest.rstrip("/").partition("/")
    form, _, part = form.partition("/")
    version = edition.dataset(name)
    for file in version.berkas:
        if file.format == form and part in ("", file.bagian):
            await _lead(scope, send, file)
            return
    lacking = next((m.alasan for m in version.tanpa if m.format == form), f"{name} tidak tersedia sebagai {form}")
    raise not_found(lacking)


async def dumped(
    service: Service, asked: Asked, scope: Scope, receive: Receive, send: Send, given: str, params: Params
) -> None:
    """`/datastore/dump/<id>`. Raises Problem, BadParameter."""
    media, name, pieces = await dump(service, asked, given, params)
    headers = {"Content-Disposition": disposition(name), "Cache-Control": "no-cache"}
    await send_stream(scope, receive, send, media, pieces, headers, compress=not name.endswith(".parquet"))


async def sql(service: Service, asked: Asked, scope: Scope, send: Send, params: Params) -> None:
    """`/api/sql?q=…`: the rows of one SELECT as JSON, or with `format=csv` as CSV. Raises Problem, BadParameter."""
    query = params.text("q") or params.text("sql")
    form = params.text("format", "json")
    if not query.strip():
        raise invalid("q", "tulis satu SELECT")
    if form not in ("json", "csv"):
        raise invalid("format", "json atau csv")
    result = await service.sql.run(query, asked.edition)
    if form == "csv":
        body = _as_csv([f["id"] for f in result.fields], orjson.loads(result.records))
        headers = {"Content-Disposition": disposition("hasil.csv")}
        if result.truncated:
            headers["X-Terpotong"] = "true"
        await send_body(scope, send, 200, "text/csv; charset=utf-8", body, headers)
        return
    facts = {
        "kolom": result.fields,
        "baris": orjson.Fragment(result.records),
        "terpotong": result.truncated,
        "versi": result.versions,
    }
    await send_body(scope, send, 200, JSON, orjson.dumps(facts))


def _as_csv(names: list[str], records: list[dict[str, Any]]) -> bytes:
    """CSV whose text no spreadsheet runs as a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(names)
    for record in records:
        writer.writerow([_cell(record[name]) for name in names])
    return out.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        return orjson.dumps(value).decode()
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return "" if value is None else value


def status(service: Service, edition: Edition) -> bytes:
    """What runs here, for watching."""
    facts = {
        "rilis": edition.number,
        "terbit": edition.release.terbit if edition.release else None,
        "dataset": len(edition.versions),
        "tabel_di_memori": service.shelf.in_memory(),
    }
    return orjson.dumps(facts)
