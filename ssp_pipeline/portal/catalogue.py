"""The actions of CKAN's API that tell of the catalogue: packages, resources, organizations, groups, tags.

Belongs here: what each action answers. Does not belong here: HTTP and error shapes (`ckan.py`), rows (`datastore.py`).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ssp_pipeline.portal import packages, solr
from ssp_pipeline.portal.errors import not_found
from ssp_pipeline.portal.params import BadParameter, Params
from ssp_pipeline.portal.releases import Edition
from ssp_pipeline.portal.search import index_of
from ssp_pipeline.portal.service import Asked, Service
from warehouse.opendata.manifest import Version

CKAN_VERSION = "2.11.0"
"""Version of CKAN whose read API is answered."""

_MOST_ROWS = 1000


class BadQuery(ValueError):
    """`q`, `fq` or `sort` in a form that is not supported."""


def status_show(service: Service, asked: Asked, params: Params) -> Any:
    return {
        "ckan_version": CKAN_VERSION,
        "site_url": service.options.base_url,
        "site_title": "Sidata Sumatera Utara" if asked.edition.release is None else _site(asked.edition),
        "site_description": "",
        "error_emails_to": service.options.contact or None,
        "locale_default": "id",
        "extensions": ["datastore"],
        "rilis": asked.edition.number,
    }


def _site(edition: Edition) -> str:
    return f"Sidata {edition.release.provinsi}" if edition.release else "Sidata"


def site_read(service: Service, asked: Asked, params: Params) -> Any:
    return True


def package_list(service: Service, asked: Asked, params: Params) -> Any:
    names = sorted(asked.edition.versions)
    offset = params.integer("offset", 0)
    return names[offset : offset + params.integer("limit", len(names))]


def current_package_list_with_resources(service: Service, asked: Asked, params: Params) -> Any:
    chosen = sorted(asked.edition.versions.values(), key=lambda v: v.terbit, reverse=True)
    offset = params.integer("offset", 0)
    limit = params.integer("limit", _MOST_ROWS, most=_MOST_ROWS)
    return [packages.package(service, asked.edition, v) for v in chosen[offset : offset + limit]]


def package_show(service: Service, asked: Asked, params: Params) -> Any:
    given = params.text("id") or params.text("name_or_id")
    if not given:
        raise BadParameter("id", "Missing value")
    return packages.package(service, asked.edition, asked.edition.dataset(given))


def resource_show(service: Service, asked: Asked, params: Params) -> Any:
    given = params.required("id")
    if given not in asked.edition.resources:
        raise not_found(f"resource {given}")
    return packages.resource(service, *asked.edition.resources[given])


def package_search(service: Service, asked: Asked, params: Params) -> Any:
    edition = asked.edition
    try:
        chosen, ranks = _found(edition, params)
        ordered = _ordered(edition, chosen, ranks, params.text("sort"))
    except solr.BadSearch as error:
        raise BadQuery(str(error)) from None
    start = params.integer("start", 0)
    rows = params.integer("rows", 10, most=_MOST_ROWS)
    fields = [f for f in params.names("facet.field") if params.flag("facet", True)]
    unknown = [f for f in fields if f not in solr.FACETS]
    if unknown:
        raise BadQuery(f"facet.field '{unknown[0]}' tidak didukung; yang ada: {', '.join(solr.FACETS)}")
    limit = params.integer("facet.limit", 50, least=-1)
    every = (packages.values(edition, v) for v in ordered)
    told = solr.facets(every, fields, _titles(edition), limit, params.integer("facet.mincount", 1))
    return {
        "count": len(ordered),
        "sort": params.text("sort") or "score desc, metadata_modified desc",
        "results": [packages.package(service, edition, v) for v in ordered[start : start + rows]],
        "facets": {f: {i["name"]: i["count"] for i in facet["items"]} for f, facet in told.items()},
        "search_facets": told,
    }


def _found(edition: Edition, params: Params) -> tuple[list[Version], dict[str, float]]:
    """Datasets that q and fq let through, with the rank of those found by words."""
    filters = [*_texts("fq", params.get("fq")), *_texts("fq_list", params.json("fq_list"))]
    tests = []
    for text in filters:
        test, words = solr.parse(text)
        if words:
            raise solr.BadSearch(f"fq: '{words[0]}' tanpa bidang; pakai q untuk kata")
        tests.append(test)
    by_field, words = solr.parse(params.text("q"))
    tests.append(by_field)
    ranks = index_of(edition).find(" ".join(words)) if words else {}
    chosen = [
        v
        for name, v in sorted(edition.versions.items())
        if (not words or name in ranks) and all(test(packages.values(edition, v)) for test in tests)
    ]
    return chosen, ranks


def _texts(key: str, value: Any) -> list[str]:
    if value is None:
        return []
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise BadParameter(key, "harus teks")
    return texts


def _ordered(edition: Edition, chosen: list[Version], ranks: dict[str, float], sort: str) -> list[Version]:
    keys: dict[str, Callable[[Version], Any]] = {
        "score": lambda v: ranks.get(v.dataset, 0.0),
        "relevance": lambda v: ranks.get(v.dataset, 0.0),
        "title": lambda v: v.judul.casefold(),
        "title_string": lambda v: v.judul.casefold(),
        "name": lambda v: v.dataset,
        "id": lambda v: packages.values(edition, v)["id"][0],
        "metadata_created": lambda v: packages.values(edition, v)["metadata_created"][0],
        "metadata_modified": lambda v: packages.values(edition, v)["metadata_modified"][0],
    }
    wanted = solr.sorting(sort) or [("score", True), ("metadata_modified", True)]
    for field, descending in reversed(wanted):
        chosen.sort(key=keys[field], reverse=descending)
    return chosen


def _titles(edition: Edition) -> Callable[[str, str], str]:
    known = {"organization": packages.organizations(edition), "groups": packages.groups(edition)}
    return lambda field, value: str(known.get(field, {}).get(value, {}).get("title", value))


def _listing(entries: dict[str, dict[str, Any]], members: Iterable[str], chosen: str, params: Params) -> Any:
    """Names, or with `all_fields` the dictionaries."""
    listed = packages.counted(entries.values(), members)
    wanted = params.names(chosen)
    if wanted:
        listed = [e for e in listed if e["name"] in wanted]
    sort = params.text("sort") or "title asc"
    field, _, way = sort.partition(" ")
    if field not in ("name", "title", "package_count") or way.strip().lower() not in ("", "asc", "desc"):
        raise BadParameter("sort", "name, title atau package_count, lalu asc atau desc")
    listed.sort(key=lambda e: e[field], reverse=way.strip().lower() == "desc")
    offset = params.integer("offset", 0)
    listed = listed[offset : offset + params.integer("limit", len(listed))]
    return listed if params.flag("all_fields", False) else [e["name"] for e in listed]


def _shown(
    service: Service,
    asked: Asked,
    params: Params,
    entries: dict[str, dict[str, Any]],
    of: Callable[[Version], Sequence[str]],
) -> Any:
    given = params.required("id")
    entry = next((e for e in entries.values() if given in (e["name"], e["id"])), None)
    if entry is None:
        raise not_found(given)
    members = [v for _, v in sorted(asked.edition.versions.items()) if entry["name"] in of(v)]
    shown = entry | {"package_count": len(members), "users": [], "tags": [], "groups": [], "extras": []}
    if params.flag("include_datasets", False):
        shown["packages"] = [packages.package(service, asked.edition, v) for v in members]
    return shown


def _topics(version: Version) -> list[str]:
    return [packages.slug(t) for t in version.topik]


def group_list(service: Service, asked: Asked, params: Params) -> Any:
    members = (t for v in asked.edition.versions.values() for t in _topics(v))
    return _listing(packages.groups(asked.edition), members, "groups", params)


def group_show(service: Service, asked: Asked, params: Params) -> Any:
    return _shown(service, asked, params, packages.groups(asked.edition), _topics)


def organization_list(service: Service, asked: Asked, params: Params) -> Any:
    members = (v.instansi for v in asked.edition.versions.values())
    return _listing(packages.organizations(asked.edition), members, "organizations", params)


def organization_show(service: Service, asked: Asked, params: Params) -> Any:
    return _shown(service, asked, params, packages.organizations(asked.edition), lambda v: [v.instansi])


def tag_list(service: Service, asked: Asked, params: Params) -> Any:
    query = params.text("query").casefold()
    names = [name for name in packages.tags(asked.edition) if query in name.casefold()]
    return [packages.tag(name) for name in names] if params.flag("all_fields", False) else names


def tag_show(service: Service, asked: Asked, params: Params) -> Any:
    given = params.required("id")
    found = next((t for t in map(packages.tag, packages.tags(asked.edition)) if given in (t["name"], t["id"])), None)
    if found is None:
        raise not_found(f"tag {given}")
    if params.flag("include_datasets", False):
        members = (v for _, v in sorted(asked.edition.versions.items()) if found["name"] in v.kata_kunci)
        found["packages"] = [packages.package(service, asked.edition, v) for v in members]
    return found


def license_list(service: Service, asked: Asked, params: Params) -> Any:
    known = {v.lisensi.id: v.lisensi for v in asked.edition.versions.values()}
    return [{"id": x.id, "title": x.judul, "url": x.url, "status": "active"} for _, x in sorted(known.items())]
