"""schema.org `Dataset` of a version as JSON-LD, as search engines for datasets read it from a page.

Belongs here: the terms of schema.org. Does not belong here: the catalogue (`dcat.py`), the page around it.
"""

from typing import Any

from warehouse.opendata.manifest import Version, dataset_id

_TYPES = {
    "string": "Text",
    "integer": "Integer",
    "number": "Number",
    "date": "Date",
    "datetime": "DateTime",
    "boolean": "Boolean",
}


def dataset(version: Version, base_url: str, *, province: str = "") -> dict[str, Any]:
    """The description of a version. `base_url`: the portal's address without a slash at its end; `province`: its name.

    Keys without a value are left out. Paths of files are those of their content, so a checksum stays true.
    """
    page = f"{base_url}/dataset/{version.dataset}/"
    period = f"{version.mulai}/{version.sampai}" if version.mulai and version.sampai else None
    text = " ".join((*version.peringatan, version.keterangan))
    found: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": page,
        "name": version.judul,
        "alternateName": version.judul_en,
        "description": text,
        "url": page,
        "identifier": f"urn:uuid:{dataset_id(version.dataset)}",
        "version": str(version.versi),
        "keywords": list(dict.fromkeys((*version.kata_kunci, *version.topik))),
        "license": version.lisensi.url,
        "isAccessibleForFree": True,
        "inLanguage": "id",
        "creator": {"@type": "Organization", "name": version.produsen},
        "publisher": {"@type": "Organization", "name": version.walidata},
        "datePublished": version.terbit.isoformat(),
        "dateModified": version.terbit.isoformat(),
        "temporalCoverage": period,
        "spatialCoverage": {"@type": "Place", "name": province} if province else None,
        "measurementTechnique": version.metode or None,
        "isBasedOn": [s.url for s in version.sumber if s.url] or None,
        "includedInDataCatalog": {"@type": "DataCatalog", "name": "Sidata", "url": f"{base_url}/"},
        "variableMeasured": [
            {
                "@type": "PropertyValue",
                "name": c.nama,
                "alternateName": c.judul,
                "description": c.keterangan,
                "valueReference": _TYPES[c.tipe],
            }
            | ({"unitText": c.satuan} if c.satuan else {})
            for c in version.kolom
        ],
        "distribution": [
            {
                "@type": "DataDownload",
                "name": f.nama,
                "encodingFormat": f.mediatype,
                "contentUrl": f"{base_url}/{f.path}",
                "contentSize": str(f.bytes),
                "sha256": f.sha256,
            }
            for f in version.berkas
        ],
    }
    return {key: value for key, value in found.items() if value not in (None, [], "")}
