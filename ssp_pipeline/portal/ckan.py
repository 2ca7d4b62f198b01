"""CKAN's Action API, version 3, the part that reads: `/api/3/action/<name>`, by GET or POST.

The one list of actions with their parameters is here; `help_show` and the OpenAPI document are made from it. Unknown
parameters are passed over, as in CKAN. Errors have CKAN's shape, so that its clients raise what they raise elsewhere.

Belongs here: dispatch and shapes. Does not belong here: what actions answer (`catalogue.py`, `datastore.py`).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Literal

import orjson

from ssp_pipeline.portal import catalogue, datastore
from ssp_pipeline.portal.errors import Problem, not_found
from ssp_pipeline.portal.params import BadParameter, Params
from ssp_pipeline.portal.service import Asked, Service

Kind = Literal["string", "integer", "boolean", "list", "object", "any"]
Handler = Callable[[Service, Asked, Params], Any | Awaitable[Any]]


@dataclass(frozen=True)
class Param:
    """One parameter of an action."""

    name: str
    kind: Kind = "string"
    text: str = ""
    required: bool = False


@dataclass(frozen=True)
class Action:
    """An action: what it does, its parameters, and the function that does it."""

    text: str
    handler: Handler
    params: tuple[Param, ...] = ()


def _shown(what: str, *more: Param) -> tuple[Param, ...]:
    return (Param("id", text=f"Name or id of the {what}.", required=True), *more)


_PAGE = (Param("limit", "integer", "How many at most."), Param("offset", "integer", "How many to pass over."))
_WITH = Param("include_datasets", "boolean", "Also give the datasets.")
_LIST = (
    Param("sort", text="name, title or package_count, then asc or desc."),
    *_PAGE,
    Param("all_fields", "boolean", "Dictionaries instead of names."),
)
_RESOURCE = Param("resource_id", text="Id of a resource or dataset, or the dataset's name.", required=True)
_VERSION = Param("versi", "integer", "An earlier version instead of the newest.")


async def _sql(service: Service, asked: Asked, params: Params) -> Any:
    result = await service.sql.run(params.required("sql"), asked.edition)
    return {
        "sql": params.required("sql"),
        "records": orjson.Fragment(result.records),
        "fields": result.fields,
        "records_truncated": result.truncated,
        "versi": result.versions,
    }


def _help(service: Service, asked: Asked, params: Params) -> Any:
    name = params.required("name")
    if name not in ACTIONS:
        raise not_found(f"action {name}")
    action = ACTIONS[name]
    lines = [f":param {p.name}: {p.text} ({p.kind}{', required' if p.required else ''})" for p in action.params]
    return "\n".join([action.text, "", *lines]).strip()


ACTIONS: dict[str, Action] = {
    "status_show": Action("Tell what answers here.", catalogue.status_show),
    "site_read": Action("Tell that reading is allowed.", catalogue.site_read),
    "help_show": Action("Tell what an action does.", _help, (Param("name", required=True, text="Name of an action."),)),
    "package_list": Action("List the names of all datasets.", catalogue.package_list, _PAGE),
    "current_package_list_with_resources": Action(
        "List all datasets with their resources, the newest first.",
        catalogue.current_package_list_with_resources,
        _PAGE,
    ),
    "package_search": Action(
        "Search datasets.",
        catalogue.package_search,
        (
            Param("q", text="Words (Indonesian or English), or field:value."),
            Param("fq", text="Filter: field:value, joined by blanks, AND or OR; +, - and NOT; (a OR b); [from TO to]."),
            Param("fq_list", "list", "Further filters."),
            Param("sort", text="Field and asc or desc, separated by commas."),
            Param("rows", "integer", "Datasets at most: 10 unless told, 1000 at most."),
            Param("start", "integer", "Datasets to pass over."),
            Param("facet", "boolean", "False leaves facets out."),
            Param("facet.field", "list", "Fields to count the values of."),
            Param("facet.limit", "integer", "Values of each facet at most; -1 for all."),
            Param("facet.mincount", "integer", "Leave out values that are rarer."),
        ),
    ),
    "package_show": Action("Show a dataset.", catalogue.package_show, _shown("dataset")),
    "resource_show": Action("Show a resource.", catalogue.resource_show, _shown("resource")),
    "organization_list": Action(
        "List the agencies.",
        catalogue.organization_list,
        (*_LIST, Param("organizations", "list", "Only these names.")),
    ),
    "organization_show": Action("Show an agency.", catalogue.organization_show, _shown("agency", _WITH)),
    "group_list": Action(
        "List the topics.", catalogue.group_list, (*_LIST, Param("groups", "list", "Only these names."))
    ),
    "group_show": Action("Show a topic.", catalogue.group_show, _shown("topic", _WITH)),
    "tag_list": Action(
        "List the keywords.",
        catalogue.tag_list,
        (Param("query", text="Part of the keyword."), Param("all_fields", "boolean", "Dictionaries instead of names.")),
    ),
    "tag_show": Action("Show a keyword.", catalogue.tag_show, _shown("keyword", _WITH)),
    "license_list": Action("List the licences in use.", catalogue.license_list),
    "datastore_search": Action(
        "Give rows of a dataset.",
        datastore.search,
        (
            _RESOURCE,
            Param("filters", "object", "Column → value, or a list of values of which one has to be there."),
            Param("q", "any", "Words that begin words of the row; or an object, column → words."),
            Param("fields", "list", "Columns of the answer, in this order."),
            Param("sort", text="Columns with asc or desc, separated by commas."),
            Param("distinct", "boolean", "Equal rows only once."),
            Param("limit", "integer", f"Rows at most: 100 unless told, {datastore.MOST_ROWS} at most."),
            Param("offset", "integer", "Rows to pass over."),
            Param("include_total", "boolean", "False leaves the total out."),
            Param("records_format", text="objects, lists, csv or tsv."),
            _VERSION,
        ),
    ),
    "datastore_search_sql": Action(
        'Run one SELECT over the open datasets; tables are "<resource id>" or the dataset\'s name.',
        _sql,
        (Param("sql", required=True, text="One SELECT."),),
    ),
    "datastore_info": Action("Tell the columns of a dataset.", datastore.info, (_RESOURCE, _VERSION)),
}


async def act(service: Service, asked: Asked, name: str, params: Params) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of an action."""
    try:
        action = ACTIONS.get(name)
        if action is None:
            return 400, orjson.dumps(f"Bad request - Action name not known: {name}"), {}
        result = action.handler(service, asked, params)
        if isawaitable(result):
            result = await result
    except (BadParameter, catalogue.BadQuery, Problem) as error:
        return refusal(service, name, error)
    if isinstance(result, bytes):
        return 200, result, {}
    return 200, orjson.dumps({"help": _help_url(service, name), "success": True, "result": result}, default=str), {}


def _help_url(service: Service, name: str) -> str:
    return service.url(f"/api/3/action/help_show?name={name}")


def refusal(service: Service, name: str, error: Exception) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of an action that was refused, as CKAN has them."""
    headers: dict[str, str] = {}
    match error:
        case BadParameter():
            status, told = 409, {"__type": "Validation Error", error.field: [error.message]}
        case catalogue.BadQuery():
            status, told = 400, {"__type": "Search Query Error", "message": str(error)}
        case Problem(status=404 | 410):
            status, told = error.status, {"__type": "Not Found Error", "message": f"Not found: {error.message}"}
        case Problem(code="permintaan_salah"):
            status, told = 409, {"__type": "Validation Error", **error.detail}
        case Problem(code="terlalu_lama" | "terlalu_berat"):
            status, told = 409, {"__type": "Validation Error", "query": [error.message]}
        case Problem(status=403):
            status, told = 403, {"__type": "Authorization Error", "message": error.message}
        case Problem():
            status, told = error.status, {"__type": "Request Error", "message": error.message}
        case _:
            raise error
    if isinstance(error, Problem):
        headers = error.headers
    body = {"help": _help_url(service, name), "success": False, "error": told}
    return status, orjson.dumps(body, default=str), headers
