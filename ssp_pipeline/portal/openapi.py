"""The OpenAPI 3.1 document, made from the same list of actions that answers.

Belongs here: schemas of answers. Does not belong here: parameters of actions (`ckan.py`).
"""

from typing import Any

import orjson

from ssp_pipeline.portal.ckan import ACTIONS, Action, Kind, Param
from ssp_pipeline.portal.datastore import MOST_ROWS
from ssp_pipeline.portal.dump import MEDIA
from ssp_pipeline.portal.packages import slug
from ssp_pipeline.portal.releases import Edition
from ssp_pipeline.portal.service import Service

Schema = dict[str, Any]

_KINDS: dict[Kind, Schema] = {
    "string": {"type": "string"},
    "integer": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
    "boolean": {"type": "boolean"},
    "list": {"type": "array", "items": {"type": "string"}},
    "object": {"type": "object"},
    "any": {"type": ["string", "object"]},
}
_RECORDS: Schema = {
    "oneOf": [
        {"type": "array", "items": {"type": ["object", "array"]}},
        {"type": "string", "description": "With records_format csv or tsv."},
    ]
}
_FIELDS: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["id", "type"],
        "properties": {"id": {"type": "string"}, "type": {"type": "string"}},
    },
}
_PACKAGE: Schema = {
    "type": "object",
    "required": ["id", "name", "title", "resources", "organization", "tags", "groups", "license_id", "extras"],
    "properties": {"resources": {"type": "array", "items": {"$ref": "#/components/schemas/Resource"}}},
}
_RESOURCE: Schema = {
    "type": "object",
    "required": ["id", "package_id", "name", "format", "url", "hash", "size", "datastore_active"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "size": {"type": "integer"},
        "hash": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "datastore_active": {"type": "boolean"},
    },
}
_GROUP: Schema = {
    "type": "object",
    "required": ["id", "name", "title", "package_count", "is_organization"],
    "properties": {"package_count": {"type": "integer", "minimum": 0}},
}
_NAMES: Schema = {"type": "array", "items": {"type": ["string", "object"]}}

_RESULTS: dict[str, Schema] = {
    "site_read": {"type": "boolean"},
    "help_show": {"type": "string"},
    "package_list": {"type": "array", "items": {"type": "string"}},
    "current_package_list_with_resources": {"type": "array", "items": {"$ref": "#/components/schemas/Package"}},
    "package_search": {
        "type": "object",
        "required": ["count", "results", "search_facets", "sort"],
        "properties": {
            "count": {"type": "integer", "minimum": 0},
            "results": {"type": "array", "items": {"$ref": "#/components/schemas/Package"}},
        },
    },
    "package_show": {"$ref": "#/components/schemas/Package"},
    "resource_show": {"$ref": "#/components/schemas/Resource"},
    "organization_list": _NAMES,
    "group_list": _NAMES,
    "tag_list": _NAMES,
    "license_list": {"type": "array", "items": {"type": "object"}},
    "organization_show": {"$ref": "#/components/schemas/Group"},
    "group_show": {"$ref": "#/components/schemas/Group"},
    "datastore_search": {
        "type": "object",
        "required": ["resource_id", "records", "fields", "limit", "offset", "_links", "versi"],
        "properties": {
            "records": _RECORDS,
            "fields": _FIELDS,
            "limit": {"type": "integer", "maximum": MOST_ROWS},
            "total": {"type": "integer", "minimum": 0},
            "versi": {"type": "integer", "minimum": 1},
        },
    },
    "datastore_search_sql": {
        "type": "object",
        "required": ["records", "fields", "records_truncated", "sql", "versi"],
        "properties": {"records": {"type": "array", "items": {"type": "object"}}, "fields": _FIELDS},
    },
    "datastore_info": {"type": "object", "required": ["meta", "fields"], "properties": {"fields": _FIELDS}},
}

_ERROR: Schema = {
    "type": "object",
    "required": ["galat"],
    "properties": {
        "galat": {
            "type": "object",
            "required": ["status", "kode", "pesan", "rincian"],
            "properties": {"status": {"type": "integer"}, "kode": {"type": "string"}, "pesan": {"type": "string"}},
        }
    },
}
_CKAN_ERROR: Schema = {
    "type": "object",
    "required": ["help", "success", "error"],
    "properties": {
        "success": {"const": False},
        "error": {"type": "object", "required": ["__type"], "properties": {"__type": {"type": "string"}}},
    },
}
_REFUSALS = {
    "400": "Cannot be read.",
    "403": "The API key is not known.",
    "404": "There is no such thing.",
    "409": "A parameter cannot be used.",
    "410": "Withdrawn.",
    "413": "The body is too long.",
    "429": "Too many requests; Retry-After says when there is room.",
}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _refusals(schema: str, *statuses: str) -> Schema:
    chosen = statuses or tuple(_REFUSALS)
    return {
        s: {"description": _REFUSALS[s], "content": _json({"$ref": f"#/components/schemas/{schema}"})} for s in chosen
    }


def _examples(edition: Edition) -> dict[str, Schema]:
    """Values that find something in this edition, by action (empty: any) and parameter."""
    version = next(iter(edition.versions.values()), None)
    if version is None:
        return {}
    name, column = version.dataset, version.kolom[0].nama
    shown: dict[str, Schema] = {
        "": {"resource_id": name, "id": name, "sql": f"SELECT * FROM {name} LIMIT 5", "name": "package_show"},
        "resource_show": {"id": version.berkas[0].id} if version.berkas else {},
        "organization_show": {"id": version.instansi},
        "group_show": {"id": slug(version.topik[0])} if version.topik else {},
        "tag_show": {"id": version.kata_kunci[0]} if version.kata_kunci else {},
        "package_search": {"q": name, "fq": f"organization:{version.instansi}", "sort": "name asc"},
        "datastore_search": {"sort": f"{column} desc", "fields": column, "records_format": "lists", "limit": 3},
    }
    return shown


def _query(param: Param) -> Schema:
    shown: Schema = {"name": param.name, "in": "query", "description": param.text, "required": param.required}
    if param.kind in ("object", "any", "list"):
        # In a query string these are JSON texts, or for lists names with commas.
        return shown | {"schema": {"type": "string"}}
    return shown | {"schema": _KINDS[param.kind] | ({"minimum": -1} if param.name == "facet.limit" else {})}


def _action(name: str, action: Action, examples: dict[str, Schema]) -> Schema:
    known = examples.get("", {}) | examples.get(name, {})
    result = _RESULTS.get(name, {"type": "object"})
    body = {
        "type": "object",
        "required": ["help", "success", "result"],
        "properties": {"help": {"type": "string"}, "success": {"const": True}, "result": result},
    }
    responses = {"200": {"description": "Done.", "content": _json(body)}, **_refusals("CkanError")}
    if name == "datastore_search_sql":
        responses["503"] = {
            "description": "The queue is full.",
            "content": _json({"$ref": "#/components/schemas/CkanError"}),
        }
    schema = {
        "type": "object",
        "properties": {p.name: _KINDS[p.kind] | {"description": p.text} for p in action.params},
        "required": [p.name for p in action.params if p.required],
    }
    about = {"summary": action.text, "tags": ["CKAN"], "responses": responses}
    params = [_query(p) | ({"example": known[p.name]} if p.name in known else {}) for p in action.params]
    content = {
        "application/json": {"schema": schema, "example": {p["name"]: p["example"] for p in params if "example" in p}}
    }
    get = about | {"operationId": name, "parameters": params}
    post = about | {"operationId": f"{name}_post", "requestBody": {"content": content}}
    return {"get": get, "post": post}


def _simple(summary: str, media: str, *, params: list[Schema] | None = None, refusals: tuple[str, ...] = ()) -> Schema:
    schema: Schema = {} if media.startswith("application/json") else {"type": "string"}
    content = {media.split(";")[0]: {"schema": schema}}
    return {
        "get": {
            "summary": summary,
            "parameters": params or [],
            "responses": {"200": {"description": "Done.", "content": content}}
            | (_refusals("Error", *refusals) if refusals else {}),
        }
    }


def _path(name: str, text: str) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": text,
        "schema": {"type": "string", "minLength": 1},
    }


def _dump() -> Schema:
    action = ACTIONS["datastore_search"]
    passed = ("filters", "q", "fields", "sort", "distinct", "limit", "offset", "versi")
    params = [_path("id", "Resource, dataset or name."), *(_query(p) for p in action.params if p.name in passed)]
    params.append({"name": "format", "in": "query", "schema": {"enum": list(MEDIA)}})
    params.append({"name": "bom", "in": "query", "schema": {"type": "boolean"}})
    content: Schema = {media.split(";")[0]: {"schema": {}} for media in MEDIA.values()}
    ok = {"200": {"description": "The rows as a stream.", "content": content}}
    return {
        "get": {
            "summary": "All rows",
            "parameters": params,
            "responses": ok | _refusals("Error", "400", "403", "404", "410", "429"),
        }
    }


def _sql() -> Schema:
    ok = {
        "200": {
            "description": "The rows.",
            "content": {
                **_json({"type": "object", "required": ["kolom", "baris", "terpotong", "versi"]}),
                "text/csv": {"schema": {}},
            },
        }
    }
    late = {
        s: {"description": d, "content": _json({"$ref": "#/components/schemas/Error"})}
        for s, d in (("408", "Took too long."), ("503", "The queue is full."))
    }
    params = [
        {"name": "q", "in": "query", "required": True, "schema": {"type": "string"}},
        {"name": "format", "in": "query", "schema": {"enum": ["json", "csv"]}},
    ]
    refused = _refusals("Error", "400", "403", "404", "410", "429")
    return {
        "get": {"summary": "One SELECT over the open datasets", "parameters": params, "responses": ok | refused | late}
    }


def _redirect(summary: str, params: list[Schema]) -> Schema:
    moved = {"302": {"description": "Leads to the file."}}
    return {"get": {"summary": summary, "parameters": params, "responses": moved | _refusals("Error", "404", "410")}}


def document(service: Service, edition: Edition) -> bytes:
    """The document as JSON, with examples that find something in the edition."""
    examples = _examples(edition)
    paths = {f"/api/3/action/{name}": _action(name, action, examples) for name, action in ACTIONS.items()}
    paths |= {
        "/api/sql": _sql(),
        "/datastore/dump/{id}": _dump(),
        "/r/{id}": _redirect("The newest file of a resource", [_path("id", "Permanent id.")]),
        "/unduh/{nama}/{format}": _redirect(
            "The newest file of a dataset in a format", [_path("nama", "Dataset."), _path("format", "Format.")]
        ),
        "/status": _simple("What runs here", "application/json"),
        "/atom.xml": _simple("Newest versions", "application/atom+xml"),
        "/dataset/{nama}/atom.xml": _simple(
            "Versions of a dataset", "application/atom+xml", params=[_path("nama", "Dataset.")], refusals=("404", "410")
        ),
        "/sitemap.xml": _simple("Pages", "application/xml"),
    }
    told = {
        "openapi": "3.1.0",
        "info": {
            "title": "Sidata",
            "version": "3",
            "description": "Open data: the reading part of CKAN's Action API, downloads, SQL.",
        },
        "servers": [{"url": service.options.base_url.rstrip("/")}],
        "security": [{}, {"kunci": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"kunci": {"type": "apiKey", "in": "header", "name": "Authorization"}},
            "schemas": {
                "Package": _PACKAGE,
                "Resource": _RESOURCE,
                "Group": _GROUP,
                "Error": _ERROR,
                "CkanError": {"oneOf": [_CKAN_ERROR, {"type": "string"}]},
            },
        },
    }
    return orjson.dumps(told)
