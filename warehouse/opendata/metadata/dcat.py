"""The catalogue of a release in DCAT-AP 3: one graph, as JSON-LD for people's programs and as Turtle for harvesters.

Belongs here: the terms of DCAT and which of a manifest's facts they say. Does not belong here: the page of a dataset
(`schema_org.py`), writing the files (`publish.py`).

The JSON-LD is written as a tree that can be read without knowing RDF; the Turtle is the same graph, made from it. Every
node has an address, so that the same release gives the same bytes. Addresses are those of the portal:
`/dataset/<name>` the dataset, `/dataset/<name>/v<n>` a version, `/r/<id>` a distribution.
"""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from warehouse.opendata.manifest import AgencyLine, File, Format, Listed, Release, Version, dataset_id

_EU = "http://publications.europa.eu/resource/authority"
CONTEXT: dict[str, Any] = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
FREQUENCY = {"harian": "DAILY", "mingguan": "WEEKLY", "bulanan": "MONTHLY", "tahunan": "ANNUAL"}
FILE_TYPE: dict[Format, str] = {
    "parquet": "PARQUET",
    "csv": "CSV",
    "csv-excel": "CSV",
    "xlsx": "XLSX",
    "json": "JSON",
    "geojson": "GEOJSON",
}
_TITLE = ("Sidata: data terbuka {}", "Sidata: open data of {}")
_ABOUT = (
    "Katalog data terbuka {}. Data tiruan dan ulangan ditandai pada setiap dataset dan pada setiap baris.",
    "Catalogue of open data of {}. Stand-in and replayed data are marked on every dataset and in every row.",
)

Node = dict[str, Any]


def catalogue(release: Release, versions: Sequence[Version], base_url: str) -> tuple[bytes, bytes]:
    """The catalogue of a release as (JSON-LD, Turtle), UTF-8.

    `versions`: the newest standing version of each dataset; `base_url`: the portal's address, without a slash at its
    end. Raises ValueError when that is no absolute http(s) address, or when a dataset's version is missing.
    """
    from rdflib import Graph
    from rdflib.plugins.parsers.jsonld import to_rdf

    if not base_url.startswith(("http://", "https://")) or base_url.endswith("/"):
        raise ValueError(f"base_url '{base_url}' is no absolute address without a slash at its end")
    tree = _tree(release, versions, base_url)
    graph = Graph()
    to_rdf(tree, graph)
    for prefix, namespace in CONTEXT.items():
        graph.bind(prefix, namespace, override=True)
    text = json.dumps(tree, ensure_ascii=False, indent=1)
    return text.encode() + b"\n", graph.serialize(format="turtle", encoding="utf-8")


def _tree(release: Release, versions: Sequence[Version], base: str) -> Node:
    newest = {v.dataset: v for v in versions}
    listed = [one for one in release.dataset if one.versi is not None]
    absent = [one.dataset for one in listed if one.dataset not in newest or newest[one.dataset].versi != one.versi]
    if absent:
        raise ValueError(f"the newest version is missing: {', '.join(absent)}")
    agencies = {a.kode: a for a in release.instansi}
    place = _place(release, base)
    publisher = _agent(f"{base}/#walidata", _walidata(versions, release))
    return {
        "@context": CONTEXT,
        "@id": f"{base}/#katalog",
        "@type": "dcat:Catalog",
        "dct:title": _texts(*(t.format(release.provinsi) for t in _TITLE)),
        "dct:description": _texts(*(t.format(release.provinsi) for t in _ABOUT)),
        "dct:publisher": publisher,
        "dct:language": [_ref(f"{_EU}/language/IND"), _ref(f"{_EU}/language/ENG")],
        "dct:modified": _instant(release.terbit),
        "dct:spatial": place,
        "dcat:version": str(release.nomor),
        "foaf:homepage": _typed(f"{base}/", "foaf:Document"),
        "dcat:themeTaxonomy": {
            "@id": f"{base}/topik",
            "@type": "skos:ConceptScheme",
            "dct:title": _texts("Topik", "Topics"),
        },
        "dcat:service": _service(base, release, [one.dataset for one in listed]),
        "dcat:dataset": [
            _dataset(newest[one.dataset], one, agencies.get(newest[one.dataset].instansi), place, publisher, base)
            for one in listed
        ],
    }


def _dataset(
    version: Version, listed: Listed, agency: AgencyLine | None, place: Node, publisher: Node, base: str
) -> Node:
    address = f"{base}/dataset/{version.dataset}"
    standing = [line for line in listed.riwayat if line.status == "terbit"]
    earlier = [line.versi for line in standing if line.versi < version.versi]
    told = " ".join(version.peringatan)
    node: Node = {
        "@id": address,
        "@type": "dcat:Dataset",
        "dct:identifier": f"urn:uuid:{dataset_id(version.dataset)}",
        "dct:title": _texts(version.judul, version.judul_en),
        "dct:description": _texts(f"{told} {version.keterangan}".strip(), version.keterangan_en),
        "dct:publisher": publisher,
        "dct:creator": _agent(
            f"{base}/instansi/{version.instansi}#instansi", version.produsen, agency.url if agency else None
        ),
        "dct:language": _ref(f"{_EU}/language/IND"),
        "dct:accessRights": _typed(f"{_EU}/access-right/PUBLIC", "dct:RightsStatement"),
        "dct:accrualPeriodicity": _typed(f"{_EU}/frequency/{FREQUENCY[version.irama]}", "dct:Frequency"),
        "dct:issued": _instant(min((line.waktu for line in standing), default=version.terbit)),
        "dct:modified": _instant(version.terbit),
        "dct:spatial": _ref(place["@id"]),
        "dct:temporal": _period(address, version.mulai, version.sampai),
        "dct:provenance": _labelled(f"{address}#metode", "dct:ProvenanceStatement", version.metode),
        "dct:rights": _labelled(f"{address}#dasar", "dct:RightsStatement", version.dasar_publikasi),
        "dct:source": [_ref(url) for url in dict.fromkeys(s.url for s in version.sumber if s.url)],
        "dcat:contactPoint": _typed(f"{base}/lapor/", "vcard:Organization")
        | {"vcard:fn": version.walidata, "vcard:hasURL": _ref(f"{base}/lapor/")},
        "dcat:keyword": [{"@language": "id", "@value": k} for k in version.kata_kunci],
        "dcat:theme": [
            _typed(f"{base}/topik/{t}", "skos:Concept")
            | {
                "skos:prefLabel": {"@language": "id", "@value": t.replace("-", " ")},
                "skos:inScheme": _ref(f"{base}/topik"),
            }
            for t in version.topik
        ],
        "dcat:landingPage": _typed(f"{address}/", "foaf:Document"),
        "dcat:version": str(version.versi),
        "adms:versionNotes": {"@language": "id", "@value": version.alasan},
        "dcat:hasVersion": [_version(address, line.versi, line.waktu, version.judul) for line in standing],
        "dcat:previousVersion": _ref(f"{address}/v{max(earlier)}") if earlier else None,
        "dcat:distribution": [_distribution(version, f, address, base) for f in version.berkas],
    }
    return _filled(node)


def _version(address: str, number: int, when: datetime, title: str) -> Node:
    return {
        "@id": f"{address}/v{number}",
        "@type": "dcat:Dataset",
        "dct:title": {"@language": "id", "@value": f"{title} (v{number})"},
        "dct:description": {"@language": "id", "@value": f"Versi {number} yang tidak pernah berubah."},
        "dcat:version": str(number),
        "dct:issued": _instant(when),
        "dcat:isVersionOf": _ref(address),
        "dcat:landingPage": _typed(f"{address}/v{number}/", "foaf:Document"),
    }


def _distribution(version: Version, file: File, address: str, base: str) -> Node:
    own = f"{base}/r/{file.id}"
    return {
        "@id": own,
        "@type": "dcat:Distribution",
        "dct:identifier": file.id,
        "dct:title": {"@language": "id", "@value": f"{version.judul} ({file.nama})"},
        "dct:description": {
            "@language": "id",
            "@value": f"{file.baris} baris, versi {file.versi}, berkas dibuat {file.per:%Y-%m-%d}.",
        },
        "dct:license": _typed(version.lisensi.url, "dct:LicenseDocument"),
        "dct:format": _typed(f"{_EU}/file-type/{FILE_TYPE[file.format]}", "dct:MediaTypeOrExtent"),
        "dcat:mediaType": _typed(f"https://www.iana.org/assignments/media-types/{file.mediatype}", "dct:MediaType"),
        "dcat:accessURL": _ref(f"{address}/"),
        # By content, not by name: the checksum below is that of these bytes for good.
        "dcat:downloadURL": _ref(f"{base}/{file.path}"),
        "dcat:byteSize": {"@type": "xsd:nonNegativeInteger", "@value": str(file.bytes)},
        "dct:modified": _instant(file.per),
        "dcatap:availability": _typed(f"{_EU}/planned-availability/STABLE", "skos:Concept"),
        "spdx:checksum": {
            "@id": f"{own}#sha256",
            "@type": "spdx:Checksum",
            "spdx:algorithm": _ref("http://spdx.org/rdf/terms#checksumAlgorithm_sha256"),
            "spdx:checksumValue": {"@type": "xsd:hexBinary", "@value": file.sha256},
        },
    }


def _service(base: str, release: Release, datasets: Sequence[str]) -> Node:
    return {
        "@id": f"{base}/api/#layanan",
        "@type": "dcat:DataService",
        "dct:title": _texts(f"API data {release.provinsi}", f"Data API of {release.provinsi}"),
        "dcat:endpointURL": _ref(f"{base}/api/3/action/"),
        "dcat:endpointDescription": _ref(f"{base}/openapi.json"),
        "dcat:servesDataset": [_ref(f"{base}/dataset/{name}") for name in datasets],
    }


def _walidata(versions: Sequence[Version], release: Release) -> str:
    return versions[0].walidata if versions else release.provinsi


def _place(release: Release, base: str) -> Node:
    return {
        "@id": f"{base}/#wilayah-{release.kode_provinsi}",
        "@type": "dct:Location",
        "skos:prefLabel": {"@language": "id", "@value": release.provinsi},
        "dct:identifier": release.kode_provinsi,
    }


def _agent(address: str, name: str, url: str | None = None) -> Node:
    return _filled(
        {
            "@id": address,
            "@type": "foaf:Agent",
            "foaf:name": name,
            "foaf:homepage": _typed(url, "foaf:Document") if url else None,
        }
    )


def _period(address: str, start: date | None, end: date | None) -> Node | None:
    if start is None or end is None:
        return None
    days = [{"@type": "xsd:date", "@value": day.isoformat()} for day in (start, end)]
    return _typed(f"{address}#masa", "dct:PeriodOfTime") | {"dcat:startDate": days[0], "dcat:endDate": days[1]}


def _labelled(address: str, kind: str, text: str) -> Node | None:
    return _typed(address, kind) | {"rdfs:label": {"@language": "id", "@value": text}} if text else None


def _texts(indonesian: str, english: str) -> list[Node]:
    return [{"@language": "id", "@value": indonesian}, {"@language": "en", "@value": english}]


def _instant(when: datetime) -> Node:
    return {"@type": "xsd:dateTime", "@value": when.isoformat()}


def _ref(address: str) -> Node:
    return {"@id": address}


def _typed(address: str, kind: str) -> Node:
    return {"@id": address, "@type": kind}


def _filled(node: Node) -> Node:
    return {key: value for key, value in node.items() if value not in (None, [], "")}
