"""Datasets, agencies and topics as CKAN's dictionaries.

Belongs here: from a manifest to what CKAN calls package, resource, organization, group and tag. Does not belong here:
actions (`catalogue.py`).
"""

import re
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from ssp_pipeline.portal.releases import Edition
from ssp_pipeline.portal.service import Service
from ssp_pipeline.portal.solr import Values
from warehouse.opendata.manifest import File, Version, dataset_id

_NAMESPACE = uuid.UUID("2b1d4c0e-6f2a-5c58-8f0e-9a4f2d7c1e35")
FORMATS = {
    "parquet": "Parquet",
    "csv": "CSV",
    "csv-excel": "CSV (Excel)",
    "xlsx": "XLSX",
    "json": "JSON",
    "geojson": "GeoJSON",
}


def slug(text: str) -> str:
    """A name as CKAN allows it: small letters, digits, hyphens."""
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")


def _id(kind: str, name: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{kind}/{name}"))


def _instant(when: datetime) -> str:
    """CKAN gives instants in UTC without a zone."""
    return (when.astimezone(UTC) if when.tzinfo else when).strftime("%Y-%m-%dT%H:%M:%S.%f")


def _created(edition: Edition, version: Version) -> datetime:
    listed = edition.listed[version.dataset]
    return min((line.waktu for line in listed.riwayat), default=version.terbit)


def tag(name: str) -> dict[str, Any]:
    """A keyword."""
    return {
        "id": _id("tag", name),
        "name": name,
        "display_name": name,
        "state": "active",
        "vocabulary_id": None,
    }


def _group(kind: str, name: str, title: str, description: str) -> dict[str, Any]:
    return {
        "id": _id(kind, name),
        "name": name,
        "title": title,
        "display_name": title,
        "description": description,
        "image_url": "",
        "image_display_url": "",
        "type": "organization" if kind == "instansi" else "group",
        "is_organization": kind == "instansi",
        "approval_status": "approved",
        "state": "active",
    }


def organizations(edition: Edition) -> dict[str, dict[str, Any]]:
    """Agencies that publish something, by code."""
    used = {v.instansi for v in edition.versions.values()}
    lines = edition.release.instansi if edition.release else ()
    found = {a.kode: _group("instansi", a.kode, a.nama, a.instansi) for a in lines if a.kode in used}
    for code in sorted(used - found.keys()):
        found[code] = _group("instansi", code, code, "")
    return dict(sorted(found.items()))


def groups(edition: Edition) -> dict[str, dict[str, Any]]:
    """Topics, by their name in addresses."""
    topics = {t for v in edition.versions.values() for t in v.topik}
    return {slug(t): _group("topik", slug(t), t, "") for t in sorted(topics)}


def tags(edition: Edition) -> list[str]:
    """Keywords, each once."""
    return sorted({k for v in edition.versions.values() for k in v.kata_kunci})


def resource(service: Service, version: Version, file: File) -> dict[str, Any]:
    """A download. Its address and its sha256 belong together: both change with the content."""
    part = f", bagian {file.bagian}" if file.bagian else ""
    return {
        "id": file.id,
        "package_id": dataset_id(version.dataset),
        "name": file.nama,
        "description": f"{version.judul} ({FORMATS[file.format]}{part})",
        "format": FORMATS[file.format],
        "mimetype": file.mediatype,
        "size": file.bytes,
        "hash": file.sha256,
        "url": service.url(f"/{file.path}"),
        "permalink": service.url(f"/r/{file.id}"),
        "url_type": "upload",
        "datastore_active": True,
        "created": _instant(file.per),
        "last_modified": _instant(file.per),
        "metadata_modified": _instant(file.per),
        "position": version.berkas.index(file),
        "state": "active",
        "versi": file.versi,
        "baris": file.baris,
    }


def package(service: Service, edition: Edition, version: Version) -> dict[str, Any]:
    """A dataset as package_show gives it; made once an edition."""
    made: dict[str, Any] = edition.made.setdefault("packages", {})
    if version.dataset not in made:
        made[version.dataset] = _package(service, edition, version)
    found: dict[str, Any] = made[version.dataset]
    return found


def _package(service: Service, edition: Edition, version: Version) -> dict[str, Any]:
    organization = organizations(edition)[version.instansi]
    facts = {
        "versi": version.versi,
        "metode": version.metode,
        "batasan": version.batasan,
        "butiran": version.butiran,
        "dasar_publikasi": version.dasar_publikasi,
        "asal_data": ", ".join(version.asal_data),
        "peringatan": " ".join(version.peringatan),
        "accrualPeriodicity": version.irama,
        "mulai": version.mulai,
        "sampai": version.sampai,
        "jatuh_tempo": version.jatuh_tempo,
        "baris": version.baris,
        "mutu": version.mutu.nilai,
        "sha256_versi": version.digest,
    }
    return {
        "id": dataset_id(version.dataset),
        "name": version.dataset,
        "title": version.judul,
        "title_translated": {"id": version.judul, "en": version.judul_en},
        "notes": version.keterangan,
        "notes_translated": {"id": version.keterangan, "en": version.keterangan_en},
        "author": version.produsen,
        "author_email": None,
        "maintainer": version.walidata,
        "maintainer_email": service.options.contact or None,
        "license_id": version.lisensi.id,
        "license_title": version.lisensi.judul,
        "license_url": version.lisensi.url,
        "isopen": True,
        "private": False,
        "state": "active",
        "type": "dataset",
        "version": str(version.versi),
        "url": service.url(f"/dataset/{version.dataset}/"),
        "owner_org": organization["id"],
        "creator_user_id": None,
        "metadata_created": _instant(_created(edition, version)),
        "metadata_modified": _instant(version.terbit),
        "num_resources": len(version.berkas),
        "num_tags": len(version.kata_kunci),
        "organization": organization,
        "groups": [groups(edition)[slug(t)] for t in version.topik],
        "tags": [tag(k) for k in version.kata_kunci],
        "resources": [resource(service, version, f) for f in version.berkas],
        "extras": [{"key": k, "value": str(v)} for k, v in facts.items() if v not in (None, "")],
        "relationships_as_subject": [],
        "relationships_as_object": [],
    }


def values(edition: Edition, version: Version) -> Values:
    """What filters and facets see of a dataset."""
    return {
        "id": [dataset_id(version.dataset)],
        "name": [version.dataset],
        "title": [version.judul, version.judul_en],
        "notes": [version.keterangan, version.keterangan_en],
        "author": [version.produsen],
        "organization": [version.instansi],
        "groups": [slug(t) for t in version.topik],
        "tags": list(version.kata_kunci),
        "res_format": sorted({FORMATS[f.format] for f in version.berkas}),
        "license_id": [version.lisensi.id],
        "metadata_created": [_created(edition, version).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")],
        "metadata_modified": [version.terbit.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")],
        "state": ["active"],
        "type": ["dataset"],
        "dataset_type": ["dataset"],
        "private": ["false"],
        "capacity": ["public"],
        "text": [version.judul, version.judul_en, version.keterangan, *version.kata_kunci, *version.topik],
    }


def counted(entries: Iterable[dict[str, Any]], members: Iterable[str]) -> list[dict[str, Any]]:
    """Organizations or groups with `package_count`."""
    listed = list(members)
    return [entry | {"package_count": listed.count(entry["name"])} for entry in entries]
