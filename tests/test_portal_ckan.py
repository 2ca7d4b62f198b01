"""The reading part of CKAN's Action API, as the real `ckanapi` client and programs written for CKAN use it."""

from collections.abc import Iterator
from typing import Any

import ckanapi
import pyarrow.parquet as pq
import pytest

from ssp_pipeline.portal.ckan import ACTIONS
from tests.support.portal import Served
from warehouse.opendata.manifest import Version, current, read_release, read_version, resource_id

pytest_plugins = ["tests.support.portal_fixtures"]


@pytest.fixture(params=["POST", "GET"])
def ckan(served: Served, request: pytest.FixtureRequest) -> ckanapi.RemoteCKAN:
    return ckanapi.RemoteCKAN(served.url, get_only=request.param == "GET", session=served.session)


def newest(served: Served) -> dict[str, Version]:
    release = read_release(served.root, current(served.root) or 0)
    return {d.dataset: read_version(served.root, d.dataset, d.versi) for d in release.dataset if d.versi}


def every_row(ckan: ckanapi.RemoteCKAN, resource: str, limit: int) -> Iterator[dict[str, Any]]:
    """As programs for CKAN page: offset by offset until nothing comes."""
    offset = 0
    while True:
        page = ckan.action.datastore_search(resource_id=resource, limit=limit, offset=offset)
        yield from page["records"]
        if not page["records"]:
            assert offset >= page["total"]
            return
        offset += limit


def test_the_ckan_client_walks_the_whole_catalogue(ckan: ckanapi.RemoteCKAN, served: Served) -> None:
    versions = newest(served)
    assert ckan.action.package_list() == sorted(versions)
    for name, version in versions.items():
        package = ckan.action.package_show(id=name)
        assert ckan.action.package_show(id=package["id"]) == package
        assert (package["title"], package["version"]) == (version.judul, str(version.versi))
        assert {t["name"] for t in package["tags"]} == set(version.kata_kunci)
        assert "tiruan" in {e["key"]: e["value"] for e in package["extras"]}["asal_data"]
        for resource, file in zip(package["resources"], version.berkas, strict=True):
            assert ckan.action.resource_show(id=resource["id"]) == resource
            assert (resource["size"], resource["hash"]) == (file.bytes, file.sha256)
            assert (
                served.get(resource["url"].removeprefix(served.url)).content == (served.root / file.path).read_bytes()
            )


def test_the_ckan_client_pages_every_dataset_to_its_last_row(ckan: ckanapi.RemoteCKAN, served: Served) -> None:
    for name, version in newest(served).items():
        rows = list(every_row(ckan, resource_id(name, "csv"), 77))
        assert [r["_id"] for r in rows] == list(range(1, version.baris + 1))
        kept = [row for part in version.bagian for row in pq.read_table(served.root / part.path).to_pylist()]
        told = [c.nama for c in version.kolom if c.tipe in ("string", "integer", "boolean")]
        assert [[r[n] for n in told] for r in rows] == [[k[n] for n in told] for k in kept]


def test_the_ckan_client_raises_what_it_raises_elsewhere(ckan: ckanapi.RemoteCKAN) -> None:
    with pytest.raises(ckanapi.NotFound):
        ckan.action.package_show(id="tidak_ada")
    with pytest.raises(ckanapi.NotFound):
        ckan.action.datastore_search(resource_id="tidak-ada")
    with pytest.raises(ckanapi.ValidationError):
        ckan.action.package_show()
    with pytest.raises(ckanapi.ValidationError):
        ckan.action.datastore_search(resource_id="harga_uji", filters='{"tidak_ada": 1}')
    with pytest.raises(ckanapi.errors.SearchQueryError):
        ckan.action.package_search(fq="tidak_ada:1")
    with pytest.raises(ckanapi.CKANAPIError):
        ckan.call_action("package_create", {"name": "x"})


def test_organizations_groups_and_tags_lead_to_their_datasets(served: Served) -> None:
    versions = newest(served)
    agencies = served.action("organization_list", all_fields=True)
    assert {a["name"]: a["package_count"] for a in agencies} == {"pangan_uji": 1, "pajak_uji": 1, "kamera_uji": 1}
    shown = served.action("organization_show", id="pangan_uji", include_datasets=True)
    assert [p["name"] for p in shown["packages"]] == ["harga_uji"]
    topics = {t for v in versions.values() for t in v.topik}
    assert set(served.action("group_list")) == topics
    assert "harga_uji" in [
        p["name"] for p in served.action("group_show", id="pangan", include_datasets=True)["packages"]
    ]
    tags = served.action("tag_list")
    assert set(tags) == {k for v in versions.values() for k in v.kata_kunci}
    assert [p["name"] for p in served.action("tag_show", id="inflasi", include_datasets=True)["packages"]] == [
        "harga_uji"
    ]
    assert [x["id"] for x in served.action("license_list")] == ["CC-BY-4.0"]


def test_search_counts_facets_and_pages(served: Served) -> None:
    found = served.action(
        "package_search", rows=1, **{"facet.field": ["organization", "res_format"], "facet.limit": -1}
    )
    assert (found["count"], len(found["results"])) == (3, 1)
    assert found["facets"]["organization"] == {"kamera_uji": 1, "pajak_uji": 1, "pangan_uji": 1}
    assert found["facets"]["res_format"]["GeoJSON"] == 1
    rest = served.action("package_search", start=1, rows=10, sort="name asc")
    assert [p["name"] for p in rest["results"]] == ["kamera_uji", "penerimaan_uji"]


@pytest.mark.parametrize(
    ("fq", "names"),
    [
        ("organization:pangan_uji", ["harga_uji"]),
        ("+organization:pangan_uji +groups:pangan", ["harga_uji"]),
        ("organization:(pangan_uji OR kamera_uji)", ["harga_uji", "kamera_uji"]),
        ("organization:pangan_uji OR organization:pajak_uji", ["harga_uji", "penerimaan_uji"]),
        ("-organization:pangan_uji", ["kamera_uji", "penerimaan_uji"]),
        ("NOT organization:pangan_uji AND res_format:CSV", ["kamera_uji", "penerimaan_uji"]),
        ('res_format:"GeoJSON"', ["kamera_uji"]),
        ("name:h*", ["harga_uji"]),
        ("tags:inflasi", ["harga_uji"]),
        ("metadata_modified:[2026-11-20T17:00:00Z TO *]", ["harga_uji"]),  # from midnight in Medan on
        ("metadata_modified:[2026-11-19 TO *]", ["harga_uji", "kamera_uji", "penerimaan_uji"]),
        ("metadata_modified:[* TO 2020-01-01T00:00:00Z]", []),
        ("state:active dataset_type:dataset", ["harga_uji", "kamera_uji", "penerimaan_uji"]),
    ],
)
def test_documented_filters_are_understood(served: Served, fq: str, names: list[str]) -> None:
    found = served.action("package_search", fq=fq, sort="name asc")
    assert [p["name"] for p in found["results"]] == names


@pytest.mark.parametrize(
    "fq",
    [
        "tidak_ada:1", "organization:", "harga", "organization:(a OR b", "organization:a OR b:c AND name:d",
        "metadata_modified:[NOW-1DAY TO NOW]", "name:*harga*", "name:a~2", "organization:a^2", "{!term f=name}x",
        "name:[a b]", "organization:(a AND b OR c)", "AND name:a", "name:a OR", ")",
    ],
)  # fmt: skip
def test_other_filters_are_refused_and_never_misread(served: Served, fq: str) -> None:
    answer = served.get("/api/3/action/package_search", params={"fq": fq})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["__type"] == "Search Query Error"


def test_rows_come_as_objects_lists_csv_and_tsv(served: Served) -> None:
    asked: dict[str, Any] = {
        "resource_id": "harga_uji",
        "limit": 2,
        "fields": "_id,komoditas,harga",
        "sort": "_id desc",
    }
    objects = served.action("datastore_search", **asked)
    assert [f["id"] for f in objects["fields"]] == ["_id", "komoditas", "harga"]
    assert [f["type"] for f in objects["fields"]] == ["int", "text", "numeric"]
    assert objects["records"][0]["_id"] == objects["total"]
    lists = served.action("datastore_search", **asked, records_format="lists")
    assert lists["records"] == [list(r.values()) for r in objects["records"]]
    for form, mark in (("csv", ","), ("tsv", "\t")):
        lines = served.action("datastore_search", **asked, records_format=form)["records"].splitlines()
        assert [line.split(mark)[1] for line in lines] == [r["komoditas"] for r in objects["records"]]


def test_numbers_are_given_exactly_as_published(served: Served) -> None:
    answer = served.get("/api/3/action/datastore_search?resource_id=harga_uji&limit=1&fields=harga")
    kept = pq.read_table(served.root / newest(served)["harga_uji"].bagian[0].path, columns=["harga"])
    assert f'"harga":{kept["harga"][0].as_py()}' in answer.text


def test_a_limit_above_32000_is_lowered_and_the_total_can_be_left_out(served: Served) -> None:
    result = served.action("datastore_search", resource_id="harga_uji", limit=10**6, include_total=False)
    assert result["limit"] == 32_000
    assert "total" not in result
    assert len(result["records"]) == newest(served)["harga_uji"].baris


def test_the_table_can_be_asked_by_every_resource_by_the_dataset_and_by_its_name(served: Served) -> None:
    package = served.action("package_show", id="kamera_uji")
    ids = [package["id"], "kamera_uji", *(r["id"] for r in package["resources"])]
    assert {served.action("datastore_search", resource_id=i, limit=0)["total"] for i in ids} == {24}
    assert all(r["datastore_active"] for r in package["resources"])
    info = served.action("datastore_info", id="kamera_uji")
    assert info["meta"]["count"] == 24
    types = {f["id"]: f["type"] for f in info["fields"]}
    assert (types["aktif"], types["lintang"], types["kode_kamera"]) == ("bool", "float8", "text")


def test_sql_gives_rows_by_resource_id_with_their_types(served: Served) -> None:
    table = resource_id("harga_uji", "parquet")
    sql = f'SELECT komoditas, max(harga) AS tertinggi FROM "{table}" GROUP BY ALL ORDER BY 1'
    result = served.action("datastore_search_sql", sql=sql)
    assert [f["type"] for f in result["fields"]] == ["text", "numeric"]
    assert (len(result["records"]), result["versi"]) == (5, {"harga_uji": 2})


def test_every_action_explains_itself_and_unknown_ones_are_a_400(served: Served) -> None:
    for name in ACTIONS:
        assert len(served.action("help_show", name=name)) > 10
    answer = served.get("/api/3/action/tidak_ada")
    assert (answer.status_code, answer.json()) == (400, "Bad request - Action name not known: tidak_ada")
    assert served.action("status_show")["ckan_version"].startswith("2.")


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"x"', b"\xff"])
def test_a_body_that_is_no_json_object_is_a_clear_error(served: Served, body: bytes) -> None:
    answer = served.post("/api/3/action/package_list", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 409
    assert answer.json()["success"] is False


def test_parameters_come_as_form_too(served: Served) -> None:
    answer = served.post("/api/action/datastore_search", data={"resource_id": "harga_uji", "limit": "3"})
    assert len(answer.json()["result"]["records"]) == 3
