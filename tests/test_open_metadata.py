"""Metadata of what is published: their standards' own tools read them, and they say what the files are."""

import hashlib
import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import frictionless
import jsonschema
import openpyxl
import pytest
import rdflib
from rdflib.namespace import DCTERMS, FOAF, RDF

from tests.support.open_release import TODAY, make_release
from warehouse.opendata.manifest import Licence, Release, Version, read_release, read_version, resource_id
from warehouse.opendata.metadata import datapackage, dcat, dictionary, quality, schema_org
from warehouse.opendata.metadata.datapackage import PackageError

BASE = "https://data.example.invalid"
DCAT = rdflib.Namespace("http://www.w3.org/ns/dcat#")
SPDX = rdflib.Namespace("http://spdx.org/rdf/terms#")


class Public:
    """A public folder of two versions a dataset, as the engine makes it."""

    def __init__(self, root: Path):
        self.root = root
        make_release(root, versions=2)
        self.release: Release = read_release(root, max(int(p.name) for p in (root / "rilis").iterdir()))
        self.newest = [read_version(root, d.dataset, d.versi) for d in self.release.dataset if d.versi is not None]

    def version(self, dataset: str) -> Version:
        return next(v for v in self.newest if v.dataset == dataset)

    def folder(self, version: Version) -> Path:
        return self.root / "dataset" / version.dataset / f"v{version.versi}"


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Public:
    return Public(tmp_path_factory.mktemp("umum") / "terbuka")


# --- Frictionless ----------------------------------------------------------------------------------------------------


def test_frictionless_finds_every_package_of_every_version_valid(public: Public) -> None:
    packages = sorted(public.root.glob("dataset/*/v*/datapackage.json"))
    assert len(packages) > len(public.newest), "a dataset has an earlier version"
    for path in packages:
        report = frictionless.validate(str(path))
        assert report.valid, report.flatten(["type", "message"])
        tables = [r for r in json.loads(path.read_bytes())["resources"] if r["profile"] == "tabular-data-resource"]
        read = {t.name: t.stats["rows"] for t in report.tasks if t.name in {r["name"] for r in tables}}
        assert read == {r["name"]: r["jumlah_baris"] for r in tables}
        assert {r["format"] for r in tables} == {"csv"}


def test_a_package_names_its_files_with_size_hash_types_and_key(public: Public) -> None:
    version = public.version("harga_uji")
    package = json.loads(datapackage.describe(version))
    assert (package["name"], package["version"]) == ("harga_uji", "2.0.0")
    assert package["licenses"][0]["name"] == version.lisensi.id
    assert "tiruan" in package["description"]
    assert package["asal_data"] == ["tiruan"]
    for resource in package["resources"]:
        body = (public.folder(version) / resource["path"]).read_bytes()
        assert resource["bytes"] == len(body)
        assert resource["hash"] == f"sha256:{hashlib.sha256(body).hexdigest()}"
    [csv] = [r for r in package["resources"] if r["name"] == "harga_uji-csv"]
    assert csv["schema"]["primaryKey"] == list(version.kunci)
    assert [f["name"] for f in csv["schema"]["fields"]] == [c.nama for c in version.kolom]
    required = {f["name"] for f in csv["schema"]["fields"] if f["constraints"]["required"]}
    assert set(version.kunci) <= required


def test_a_package_tells_when_a_file_holds_rows_of_an_earlier_version(public: Public) -> None:
    version = public.version("harga_uji")
    older = version.berkas[0].model_copy(update={"versi": 1})
    package = json.loads(datapackage.describe(version.model_copy(update={"berkas": (older, *version.berkas[1:])})))
    assert [r["versi"] for r in package["resources"]] == [1] + [2] * (len(version.berkas) - 1)


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        (lambda path: path.unlink(), "harga_uji_v2.csv: missing"),
        (lambda path: path.write_bytes(path.read_bytes() + b"\n"), "bytes, descriptor says"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"MEDAN", b"MEDAM", 1)), "its sha256 is not"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"harga,", b"hargo,", 1)), "its columns are"),
    ],
)
def test_a_file_that_is_not_what_the_package_says_is_found(
    public: Public, tmp_path: Path, harm: Callable[[Path], Any], fault: str
) -> None:
    version = public.version("harga_uji")
    body = datapackage.describe(version)
    for file in version.berkas:
        (tmp_path / file.nama).write_bytes((public.root / file.path).read_bytes())
    datapackage.check(body, version, lambda f: tmp_path / f.nama, deep=True)
    harm(tmp_path / "harga_uji_v2.csv")
    with pytest.raises(PackageError, match=fault):
        datapackage.check(body, version, lambda f: tmp_path / f.nama, deep=True)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"lisensi": Licence(id="CC0-1.0", judul="CC0", url="tanpa alamat")}, "path: String should match"),
        ({"kunci": ("tidak_ada",)}, "primaryKey names no required field"),
        ({"peringatan": (), "judul": "Harga", "keterangan": "Harga."}, "says that rows are 'tiruan'"),
        ({"berkas": ()}, "resources"),
    ],
)
def test_a_version_that_the_standard_cannot_describe_honestly_is_refused(
    public: Public, change: dict[str, Any], fault: str
) -> None:
    with pytest.raises(PackageError, match=fault):
        datapackage.describe(public.version("harga_uji").model_copy(update=change))


def test_a_package_that_was_edited_is_not_that_of_its_version(public: Public) -> None:
    version = public.version("harga_uji")
    body = datapackage.describe(version)
    place = lambda file: public.root / file.path  # noqa: E731
    with pytest.raises(PackageError, match="is not that of version 2"):
        datapackage.check(body.replace(b'"2.0.0"', b'"3.0.0"'), version, place)
    with pytest.raises(PackageError, match="Extra inputs"):
        datapackage.check(body.replace(b'"butiran"', b'"butirran"'), version, place)


# --- DCAT ------------------------------------------------------------------------------------------------------------

MANDATORY = {
    DCAT.Catalog: (DCTERMS.title, DCTERMS.description, DCTERMS.publisher),
    DCAT.Dataset: (DCTERMS.title, DCTERMS.description),
    DCAT.Distribution: (DCAT.accessURL,),
    DCAT.DataService: (DCTERMS.title, DCAT.endpointURL),
    FOAF.Agent: (FOAF.name,),
    SPDX.Checksum: (SPDX.algorithm, SPDX.checksumValue),
}
"""What DCAT-AP 3 asks of a node of each class."""


@pytest.fixture(scope="module")
def graph(public: Public) -> rdflib.Graph:
    _, turtle = dcat.catalogue(public.release, public.newest, BASE)
    return rdflib.Graph().parse(data=turtle, format="turtle")


def test_the_catalogue_on_disk_is_the_one_that_is_made(public: Public) -> None:
    folder = public.root / "rilis" / str(public.release.nomor)
    made = dcat.catalogue(public.release, public.newest, "http://127.0.0.1")
    assert made == tuple((folder / f"katalog.{kind}").read_bytes() for kind in ("jsonld", "ttl"))


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")
def test_json_ld_and_turtle_hold_the_same_graph_without_nameless_nodes(public: Public, graph: rdflib.Graph) -> None:
    linked, _ = dcat.catalogue(public.release, public.newest, BASE)
    assert set(rdflib.Graph().parse(data=linked, format="json-ld")) == set(graph)
    assert not [node for node in graph.all_nodes() if isinstance(node, rdflib.BNode)]
    assert [str(n) for n in graph.all_nodes() if isinstance(n, rdflib.URIRef) and " " in n] == []


def test_the_turtle_holds_every_dataset_and_every_distribution_with_its_checksum(
    public: Public, graph: rdflib.Graph
) -> None:
    [catalogue] = graph.subjects(RDF.type, DCAT.Catalog)
    assert set(graph.objects(catalogue, DCAT.dataset)) == {
        rdflib.URIRef(f"{BASE}/dataset/{v.dataset}") for v in public.newest
    }
    for version in public.newest:
        dataset = rdflib.URIRef(f"{BASE}/dataset/{version.dataset}")
        assert {str(t) for t in graph.objects(dataset, DCTERMS.title)} == {version.judul, version.judul_en}
        found = {}
        for one in graph.objects(dataset, DCAT.distribution):
            [checksum] = graph.objects(one, SPDX.checksum)
            [size] = graph.objects(one, DCAT.byteSize)
            [address] = graph.objects(one, DCAT.downloadURL)
            [licence] = graph.objects(one, DCTERMS.license)
            assert str(licence) == version.lisensi.url
            [value] = graph.objects(checksum, SPDX.checksumValue)
            found[str(one)] = (str(address), int(str(size)), str(value))
        assert found == {
            f"{BASE}/r/{resource_id(version.dataset, f.format, f.bagian)}": (f"{BASE}/{f.path}", f.bytes, f.sha256)
            for f in version.berkas
        }


@pytest.mark.parametrize("kind", MANDATORY, ids=lambda kind: str(kind).rpartition("#")[2].rpartition("/")[2])
def test_every_node_has_what_the_profile_asks_of_its_class(graph: rdflib.Graph, kind: Any) -> None:
    nodes = set(graph.subjects(RDF.type, kind))
    assert nodes
    lacking = [(str(n), str(p)) for n in nodes for p in MANDATORY[kind] if (n, p, None) not in graph]
    assert lacking == []


def test_versions_are_linked_to_their_dataset_and_to_the_one_before(public: Public, graph: rdflib.Graph) -> None:
    dataset = rdflib.URIRef(f"{BASE}/dataset/harga_uji")
    assert {str(v) for v in graph.objects(dataset, DCAT.hasVersion)} == {f"{dataset}/v1", f"{dataset}/v2"}
    assert [str(v) for v in graph.objects(dataset, DCAT.previousVersion)] == [f"{dataset}/v1"]
    [period] = graph.objects(dataset, DCTERMS.temporal)
    version = public.version("harga_uji")
    assert [str(o) for o in graph.objects(period, DCAT.startDate)] == [str(version.mulai)]
    assert [str(o) for o in graph.objects(period, DCAT.endDate)] == [str(version.sampai)]
    [frequency] = graph.objects(dataset, DCTERMS.accrualPeriodicity)
    assert str(frequency).endswith("/frequency/DAILY")


def test_stand_in_data_are_marked_in_the_catalogue(public: Public, graph: rdflib.Graph) -> None:
    for version in public.newest:
        told = graph.objects(rdflib.URIRef(f"{BASE}/dataset/{version.dataset}"), DCTERMS.description)
        assert any("data tiruan" in str(text) for text in told)


@pytest.mark.parametrize("base", ["", "/", "data.example.invalid", "https://data.example.invalid/"])
def test_a_catalogue_needs_the_address_of_its_portal(public: Public, base: str) -> None:
    with pytest.raises(ValueError, match="absolute address"):
        dcat.catalogue(public.release, public.newest, base)


def test_a_catalogue_without_one_of_its_datasets_is_refused(public: Public) -> None:
    with pytest.raises(ValueError, match="the newest version is missing: harga_uji"):
        dcat.catalogue(public.release, [v for v in public.newest if v.dataset != "harga_uji"], BASE)


# --- schema.org ------------------------------------------------------------------------------------------------------

SCHEMA_ORG: dict[str, Any] = {
    "type": "object",
    "required": [
        "@context", "@type", "name", "description", "url", "identifier", "license", "creator", "publisher", "version",
        "isAccessibleForFree", "keywords", "variableMeasured", "distribution",
    ],
    "properties": {
        "@context": {"const": "https://schema.org/"},
        "@type": {"const": "Dataset"},
        # Search engines for datasets take no shorter and no longer description.
        "description": {"type": "string", "minLength": 50, "maxLength": 5000},
        "url": {"type": "string", "pattern": "^https://"},
        "license": {"type": "string", "pattern": "^https://"},
        "temporalCoverage": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}/\d{4}-\d{2}-\d{2}$"},
        "distribution": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["@type", "encodingFormat", "contentUrl", "contentSize", "sha256"],
                "properties": {
                    "@type": {"const": "DataDownload"},
                    "contentUrl": {"type": "string", "pattern": "^https://data.example.invalid/bagian/"},
                    "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                },
            },
        },
    },
}  # fmt: skip


def test_the_page_description_has_what_search_engines_for_datasets_ask_for(public: Public) -> None:
    for version in public.newest:
        found = schema_org.dataset(version, BASE, province="Sumatera Utara")
        jsonschema.validate(json.loads(json.dumps(found)), SCHEMA_ORG)
        assert [d["sha256"] for d in found["distribution"]] == [f.sha256 for f in version.berkas]
        assert [v["name"] for v in found["variableMeasured"]] == [c.nama for c in version.kolom]
        assert found["spatialCoverage"]["name"] == "Sumatera Utara"
        assert "data tiruan" in found["description"]


def test_what_is_not_known_is_left_out_of_the_page_description(public: Public) -> None:
    version = public.version("kamera_uji")
    found = schema_org.dataset(version, BASE)
    assert version.mulai is None
    assert {"temporalCoverage", "spatialCoverage", "isBasedOn"} & found.keys() == set()


# --- dictionary ------------------------------------------------------------------------------------------------------


def test_the_dictionary_names_every_column_on_the_page_and_in_the_workbook(public: Public) -> None:
    version = public.version("harga_uji")
    entries = dictionary.entries(version.kolom)
    assert [e.kolom for e in entries] == [c.nama for c in version.kolom]
    [price] = [e for e in entries if e.kolom == "harga"]
    assert (price.tipe, price.satuan, price.kunci) == ("bilangan desimal", "Rp/kg", "")
    book = openpyxl.load_workbook(io.BytesIO(dictionary.workbook(version)))
    rows = [tuple(v or "" for v in row) for row in book["Kamus"].iter_rows(values_only=True)]
    assert rows == [dictionary.HEADER, *(tuple(e) for e in entries)]
    told = dict(list(book["Tentang"].iter_rows(values_only=True))[1:])
    assert told["Judul"] == version.judul
    assert "data tiruan" in str(told["Peringatan"])
    assert version.lisensi.url in str(told["Lisensi"])


def test_a_text_of_the_dictionary_is_never_run_as_a_formula(public: Public) -> None:
    version = public.version("harga_uji")
    column = version.kolom[0].model_copy(update={"keterangan": '=HYPERLINK("https://x.invalid")'})
    body = dictionary.workbook(version.model_copy(update={"kolom": (column,)}))
    cell = openpyxl.load_workbook(io.BytesIO(body))["Kamus"].cell(2, 7)
    assert (cell.value, cell.data_type) == ('=HYPERLINK("https://x.invalid")', "s")


# --- quality ---------------------------------------------------------------------------------------------------------


def score(version: Version, **changes: Any) -> Any:
    facts: dict[str, Any] = {
        "description": "x" * quality.MIN_DESCRIPTION,
        "columns": version.kolom,
        "licence": True,
        "period": (version.mulai, version.sampai),
        "region_column": version.kolom_wilayah,
        "cadence": version.irama,
        "files": version.berkas,
        "on_time": True,
        "available": True,
    }
    return quality.score(**facts | changes)


def test_a_dataset_that_meets_all_nine_criteria_has_the_full_score(public: Public) -> None:
    found = score(public.version("harga_uji"))
    assert (found.nilai, tuple(found.kriteria)) == (1.0, tuple(quality.CRITERIA))
    assert len(quality.CRITERIA) == 9


@pytest.mark.parametrize(
    ("criterion", "change", "value"),
    [
        ("deskripsi", {"description": "pendek"}, False),
        ("berkas_terdokumentasi", {"columns": ()}, False),
        ("lisensi", {"licence": False}, False),
        ("cakupan_waktu", {"period": (date(2026, 1, 1), None)}, False),
        ("cakupan_waktu", {"period": None}, None),
        ("cakupan_wilayah", {"region_column": None}, False),
        ("frekuensi_pembaruan", {"cadence": None}, False),
        ("tepat_waktu", {"on_time": False}, False),
        ("tepat_waktu", {"on_time": None}, None),
        ("format_terbuka", {"files": ()}, False),
        ("semua_berkas_tersedia", {"available": None}, None),
    ],
)
def test_each_criterion_costs_its_ninth_and_what_cannot_be_told_is_not_met(
    public: Public, criterion: str, change: dict[str, Any], value: bool | None
) -> None:
    found = score(public.version("harga_uji"), **change)
    assert found.kriteria[criterion] is value
    assert [k for k, v in found.kriteria.items() if v is not True] == [criterion]
    assert found.nilai == pytest.approx(8 / 9, abs=1e-4)


@pytest.mark.parametrize(
    ("due", "published", "newer", "expected"),
    [
        ("2026-11-19", "2026-11-18", 0, True),
        ("2026-11-19", "2026-11-19", 0, True),
        ("2026-11-19", "2026-11-20", 1, True),
        ("2026-11-19", "2026-11-20", 0, False),  # late, and without newer rows
        ("2026-11-17", "2026-11-19", 1, False),
        ("2026-11-21", "2026-11-23", 1, True),  # promised for a Saturday, there on Monday
    ],
)
def test_punctuality_is_measured_on_what_the_version_before_promised(
    public: Public, due: str, published: str, newer: int, expected: bool
) -> None:
    newest = date(2026, 11, 16)
    before = public.version("harga_uji").model_copy(update={"jatuh_tempo": date.fromisoformat(due), "sampai": newest})
    found = quality.updated_on_time(before, newest + timedelta(days=newer), date.fromisoformat(published))
    assert found is expected
    assert quality.updated_on_time(None, newest, TODAY) is None
    assert quality.updated_on_time(before.model_copy(update={"sampai": None}), None, TODAY) is None
