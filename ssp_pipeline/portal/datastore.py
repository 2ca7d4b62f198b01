"""`datastore_search` and `datastore_info`: rows of a dataset by CKAN's parameters.

All downloads of a dataset are one table, so every resource id of it, its own id and its name ask the same rows. `versi`
asks an earlier version; see `paging.py` for which version an answer comes from without it.

Belongs here: reading the parameters into a question, and CKAN's form of the answer. Does not belong here: finding rows
(`select.py`), whole files (`dump.py`).
"""

import asyncio
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson

from ssp_pipeline.portal.encode import Form, ckan_type, delimited, field_type, json_rows
from ssp_pipeline.portal.errors import not_found
from ssp_pipeline.portal.params import BadParameter, Params
from ssp_pipeline.portal.select import ID, Question, is_quick, rows, words_of
from ssp_pipeline.portal.service import Asked, Service
from ssp_pipeline.portal.table import Table
from warehouse.opendata.manifest import Version

MOST_ROWS = 32_000
_QUICK_ROWS = 1_000
"""Rows whose texts are joined without leaving the event loop."""

_FORMS: tuple[Form, ...] = ("objects", "lists", "csv", "tsv")
_PATH = "/api/3/action/datastore_search"


@dataclass(frozen=True)
class Wanted:
    """A question with the columns of its answer."""

    question: Question
    names: tuple[str, ...]


def newest(asked: Asked, given: str) -> Version:
    """The newest version of the dataset that a resource id, dataset id or name stands for. Raises Problem."""
    found = asked.edition.resources.get(given)
    if found is not None:
        return found[0]
    if given in asked.edition.listed or given in asked.edition.names_by_id:
        return asked.edition.dataset(given)
    raise not_found(f'Resource "{given}" was not found.')


def read_question(table: Table, params: Params) -> Wanted:
    """What is asked, checked against the table's columns. Raises BadParameter."""
    names = tuple(_known(table, params.names("fields"), "fields"))
    chosen = names or (ID, *table.columns)
    distinct = chosen if params.flag("distinct", False) else ()
    if distinct and not names:
        chosen = distinct = tuple(table.columns)
    if ID in distinct:
        distinct = ()
    question = Question(_filters(table, params), _words(table, params), _sort(table, params.names("sort")), distinct)
    return Wanted(question, chosen)


def _known(table: Table, names: Sequence[str], field: str) -> Sequence[str]:
    for name in names:
        if name != ID and name not in table.columns:
            raise BadParameter(field, f'field "{name}" does not exist in table')
    if len(set(names)) != len(names):
        raise BadParameter(field, "kolom disebut dua kali")
    return names


def _filters(table: Table, params: Params) -> tuple[tuple[str, tuple[int, ...]], ...]:
    found = []
    for name, value in params.mapping("filters").items():
        _known(table, [name], "filters")
        codes = []
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, (dict, list)):
                raise BadParameter("filters", f"{name}: nilai, atau daftar nilai")
            try:
                code = _id_number(one) if name == ID else table.columns[name].code_of(one)
            except ValueError as error:
                raise BadParameter("filters", f"{name}: {error}") from None
            if code is not None:
                codes.append(code)
        found.append((name, tuple(sorted(set(codes)))))
    return tuple(found)


def _id_number(value: Any) -> int:
    if isinstance(value, (int, str)) and not isinstance(value, bool) and str(value).isdecimal():
        return int(value)
    raise ValueError(f"{value!r} is no integer")


def _words(table: Table, params: Params) -> tuple[tuple[str | None, str], ...]:
    value = params.json("q")
    if value is None:
        return ()
    entries = value.items() if isinstance(value, dict) else [(None, value)]
    found: list[tuple[str | None, str]] = []
    for name, text in entries:
        if name is not None:
            _known(table, [name], "q")
        if name == ID or not isinstance(text, (str, int, float)):
            raise BadParameter("q", "teks, atau objek kolom → teks")
        found += [(name, word) for word in words_of(str(text))]
    return tuple(found)


def _sort(table: Table, parts: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    found: list[tuple[str, bool]] = []
    for part in parts:
        words = part.replace('"', "").split()
        way = [w.lower() for w in words[1:]]
        if not words or way not in ([], ["asc"], ["desc"], ["asc", "nulls", "last"], ["desc", "nulls", "first"]):
            raise BadParameter("sort", f"'{part}': kolom, lalu asc atau desc")
        _known(table, words[:1], "sort")
        found.append((words[0], bool(way) and way[0] == "desc"))
    return tuple(found)


async def _pinned(service: Service, version: Version, params: Params, offset: int, walk: Hashable) -> Version:
    """The version that answers: the one asked for, the walk's, or the newest. Raises Problem, BadParameter."""
    name, replaced = version.dataset, service.shelf.replaced
    number = params.integer("versi", 0)
    if not number:
        number = service.walks.choose(walk, offset, version.versi, lambda n: replaced.get((name, n)))
    return version if number == version.versi else await service.shelf.version(name, number)


async def search(service: Service, asked: Asked, params: Params) -> bytes:
    """The whole body of `datastore_search`. Raises Problem, BadParameter."""
    given = params.text("resource_id") or params.required("id")
    limit = params.integer("limit", 100, most=MOST_ROWS)
    offset = params.integer("offset", 0)
    form = params.text("records_format", "objects")
    if form not in _FORMS:
        raise BadParameter("records_format", f"salah satu dari {', '.join(_FORMS)}")
    with_total = params.flag("include_total", True)
    shape = [(k, str(v)) for k, v in params.items() if k not in ("offset", "limit", "versi", "include_total")]
    newer = newest(asked, given)
    walk = (asked.asker, newer.dataset, tuple(sorted(shape)))
    version = await _pinned(service, newer, params, offset, walk)
    table = service.shelf.table_now(version) or await service.shelf.table(version)
    wanted = read_question(table, params)
    if limit <= _QUICK_ROWS and is_quick(table, wanted.question):
        total, records = _records(table, wanted, offset, limit, form)
    else:
        total, records = await asyncio.to_thread(_records, table, wanted, offset, limit, form)
    named = bool(params.get("versi"))
    service.walks.note(walk, version.versi, newer.versi, offset, limit, total, named=named)
    rest = {
        "fields": [{"id": n, "type": field_type(table, n)} for n in wanted.names],
        "_links": _links(params, version, limit, offset),
        "resource_id": given,
        "records_format": form,
        "limit": limit,
        "offset": offset,
        "include_total": with_total,
        "total_was_estimated": False,
        "total_estimation_threshold": None,
        "versi": version.versi,
    } | ({"total": total} if with_total else {})
    if version.peringatan:
        rest["peringatan"] = version.peringatan
    help_url = orjson.dumps(service.url("/api/3/action/help_show?name=datastore_search"))
    return b'{"help":%b,"success":true,"result":{"records":%b,%b}' % (help_url, records, orjson.dumps(rest)[1:])


def _records(table: Table, wanted: Wanted, offset: int, limit: int, form: Form) -> tuple[int, bytes]:
    found = rows(table, wanted.question)
    page = found[offset : offset + limit]
    if form in ("csv", "tsv"):
        text = delimited(table, page, wanted.names, "," if form == "csv" else "\t")
        return len(found), orjson.dumps(text)
    return len(found), b"[" + json_rows(table, page, wanted.names, form) + b"]"


def _links(params: Params, version: Version, limit: int, offset: int) -> dict[str, str]:
    kept = {k: v if isinstance(v, str) else orjson.dumps(v) for k, v in params.items() if k not in ("offset", "versi")}
    base = f"{_PATH}?{urlencode(kept)}&versi={version.versi}"
    links = {"start": base, "next": f"{base}&offset={offset + limit}"}
    if offset:
        links["prev"] = f"{base}&offset={max(0, offset - limit)}"
    return links


async def info(service: Service, asked: Asked, params: Params) -> Any:
    """The table's columns with their dictionary. Raises Problem, BadParameter."""
    given = params.text("resource_id") or params.required("id")
    version = newest(asked, given)
    if params.integer("versi", 0):
        version = await service.shelf.version(version.dataset, params.integer("versi", 0))
    table = await service.shelf.table(version)
    described = {c.nama: c for c in version.kolom}
    return {
        "meta": {
            "id": given,
            "count": table.rows,
            "size": sum(part.bytes for part in version.bagian),
            "table_type": "BASE TABLE",
            "aliases": [version.dataset],
            "versi": version.versi,
        },
        "fields": [
            {
                "id": name,
                "type": ckan_type(column),
                "schema": {
                    "native_type": described[name].sql,
                    "notnull": described[name].wajib,
                    "is_index": described[name].kunci,
                },
                "info": {
                    "label": described[name].judul,
                    "notes": described[name].keterangan,
                    "unit": described[name].satuan,
                },
            }
            for name, column in table.columns.items()
        ],
    }
