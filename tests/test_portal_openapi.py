"""The OpenAPI document is true: Schemathesis asks everything it describes, and every answer is as described."""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ssp_pipeline.portal.ckan import ACTIONS
from tests.support.portal import Served

pytest_plugins = ["tests.support.portal_fixtures"]

OTHERS = (
    *("/api/sql", "/datastore/dump/{id}", "/r/{id}", "/unduh/{nama}/{format}", "/status", "/atom.xml"),
    *("/dataset/{nama}/atom.xml", "/sitemap.xml"),
)
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip


@pytest.mark.parametrize("path", [*(f"/api/3/action/{name}" for name in ACTIONS), *OTHERS])
def test_every_answer_is_as_described(served: Served, path: str) -> None:
    document = served.get("/openapi.json").json()
    document["paths"] = {path: document["paths"][path]}
    for found in schemathesis.openapi.from_dict(document).get_all_operations():

        @settings(
            max_examples=15, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=found.ok().as_strategy())
        def ask(case: Any) -> None:
            case.call_and_validate(
                base_url=served.url, session=served.session, checks=CHECKS, timeout=30, allow_redirects=False
            )

        ask()


def test_the_examples_of_the_document_find_something(served: Served) -> None:
    document = served.get("/openapi.json").json()
    for path, described in document["paths"].items():
        if path.startswith("/api/3/"):
            asked = {p["name"]: p["example"] for p in described["get"]["parameters"] if "example" in p}
            assert served.get(path, params=asked).status_code == 200, (path, asked)
            content = described["post"]["requestBody"]["content"]["application/json"]
            assert served.post(path, json=content["example"]).status_code == 200, (path, content["example"])


def test_the_document_describes_every_address_and_what_is_named_in_it_is_there(served: Served) -> None:
    document = served.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert {f"/api/3/action/{name}" for name in ACTIONS} | set(OTHERS) == set(document["paths"])
    for part in json.dumps(document).split('"#/components/schemas/')[1:]:
        assert part.split('"')[0] in document["components"]["schemas"]
