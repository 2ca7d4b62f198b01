"""Contracts and payloads made in a line or two, for tests of reading."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from connectors.api import Payload
from connectors.contract import Contract, load_contract


def column(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    """A public column. `kind` is a logical type or "decimal"; `more` holds wire, key, required, klas and
    customProperties."""
    logical, physical = ("number", "DECIMAL(18,2)") if kind == "decimal" else (kind, None)
    known = {
        "name": name,
        "logicalType": logical,
        "physicalType": more.pop("fisik", "DOUBLE" if kind == "number" else physical),
        "physicalName": more.pop("wire", None),
        "primaryKey": more.pop("key", None),
        "required": more.pop("required", None),
        "partitioned": more.pop("partisi", None),
        "classification": more.pop("klas", "public"),
        "description": "untuk pengujian",
    }
    if logical in ("date", "timestamp") and "format" not in more and not more.get("turunan"):
        more["format"] = ["iso"]
    known["customProperties"] = [{"property": key, "value": value} for key, value in more.items()]
    return {key: value for key, value in known.items() if value is not None}


def make_contract(
    folder: Path, *columns: dict[str, Any], agency: str = "uji", dataset: str = "data", **extension: Any
) -> Contract:
    """A contract loaded from a file in `folder`/`agency`. Without a partitioned column it is of one partition."""
    partitioned = any(c.get("partitioned") for c in columns)
    settings = {"partisi": "harian" if partitioned else "tunggal", "mode": "jendela"} | extension
    if any(c["classification"] == "private" for c in columns):
        settings.setdefault("retensi_bulan", 60)
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"{agency}.{dataset}",
        "name": "Data uji",
        "version": "1.0.0",
        "status": "active",
        "customProperties": [{"property": key, "value": value} for key, value in settings.items()],
        "schema": [{"name": f"{agency}__{dataset}", "description": "uji", "properties": list(columns)}],
    }
    path = folder / agency / f"{dataset}.odcs.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return load_contract(path)


def make_payload(
    body: bytes | str = b"",
    *,
    slot: str = "uji",
    meta: Mapping[str, str] | None = None,
    asal: str = "resmi",
    fetched_at: datetime = datetime(2026, 11, 21, 1, 0, tzinfo=UTC),
    unknown_fields: tuple[str, ...] = (),
) -> Payload:
    body = body.encode() if isinstance(body, str) else body
    return Payload(
        body=body,
        sha256=hashlib.sha256(body).hexdigest(),
        slot=slot,
        meta=meta or {},
        request={},
        status=200,
        headers={},
        fetched_at=fetched_at,
        asal=asal,
        unknown_fields=unknown_fields,
    )


def csv_contract(folder: Path, *columns: dict[str, Any], **layout: Any) -> Contract:
    """A contract of CSV files, of the columns `kode` and `nilai` unless others are given."""
    columns = columns or (column("kode", key=True), column("nilai"))
    return make_contract(folder, *columns, mode="berkas", berkas={"pola": "*.csv", **layout})
