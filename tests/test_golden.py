"""Golden payloads: written from the agencies' documented formats, read by the very way that a pull takes.

`tests/golden/<agency>/<dataset>/<case>/` holds `payload.json`, `.ndjson` or `.yaml` (a sheet, cell by cell),
`meta.json` (what the request knew) and `expected.json`: all rows, and of each rejected row its number in the payload
and the column or the reason it is rejected for.
"""

import io
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from openpyxl import Workbook

from connectors.api import Payload
from connectors.contract import Contract
from connectors.read.redact_tables import redact_file
from connectors.read.regions import RegionTable
from connectors.read.staging import Staging
from connectors.redaction import allow_list
from connectors.registry import Registry
from tests.support.reading import make_payload

ROOT = Path(__file__).resolve().parents[1]
CASES = sorted(p.parent for p in (ROOT / "tests" / "golden").glob("*/*/*/expected.json"))
REGISTRY = Registry()
TODAY = date(2026, 11, 21)


def redacted(folder: Path, contract: Contract) -> bytes:
    """The payload as it would be archived."""
    [path] = folder.glob("payload.*")
    body = sheet(path) if path.suffix == ".yaml" else path.read_bytes()
    match path.suffix:
        case ".json":
            return allow_list(contract).cut(body).body
        case ".ndjson":
            return allow_list(contract).cut_ndjson(body).body
        case ".yaml" | ".csv":
            return redact_file(body, contract, path.name).body
    raise ValueError(f"{path}: no golden payload ends in {path.suffix}")


def sheet(path: Path) -> bytes:
    told = yaml.safe_load(path.read_text(encoding="utf-8"))
    book = Workbook()
    page = book.active
    assert page is not None
    page.title = told["lembar"]
    for row in told["baris"]:
        page.append(row)
    for cells in told.get("gabung", ()):
        page.merge_cells(cells)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def payload_of(folder: Path, contract: Contract) -> Payload:
    meta: dict[str, str] = json.loads((folder / "meta.json").read_text())["meta"]
    return make_payload(redacted(folder, contract), slot=folder.name, meta=meta)


def told(value: Any) -> Any:
    """A value as `expected.json` writes it: exact numbers and dates as text, instants in UTC."""
    return (
        str(value) if isinstance(value, Decimal) else value.isoformat() if isinstance(value, date | datetime) else value
    )


def ids(folder: Path) -> str:
    return str(folder.relative_to(ROOT / "tests" / "golden"))


@pytest.mark.parametrize("folder", CASES, ids=ids)
def test_a_golden_payload_gives_exactly_the_expected_rows(folder: Path) -> None:
    contract = REGISTRY.contract(f"{folder.parent.parent.name}.{folder.parent.name}")
    regions = RegionTable.from_csv(ROOT / "connectors/referensi/reference/wilayah.csv")
    payload = payload_of(folder, contract)
    staging = Staging(contract, regions=regions, hash_key=b"k" * 32, today=TODAY)
    staging.add(payload, REGISTRY.feed(contract).read(payload, contract))
    rows, rejected = staging.finish(())
    expected = json.loads((folder / "expected.json").read_text())
    assert [{k: told(v) for k, v in row.items()} for row in shown(rows, contract)] == expected["rows"]
    found = {row["_baris"]: row for row in rejected.iter_rows(named=True)}
    assert sorted(found) == [e["baris"] for e in expected["rejected"]]
    for entry in expected["rejected"]:
        row = found[entry["baris"]]
        assert entry["alasan"] in {*row["kolom"].split(";"), *row["alasan"].split(";")}, row
    assert rows.height + rejected.height == staging.rows


def shown(rows: pl.DataFrame, contract: Contract) -> list[dict[str, Any]]:
    """Rows in payload order with every column but the keyed hashes, whose key no test file can know."""
    columns = [c.name for c in contract.columns if not c.ext.acak]
    return rows.sort("_baris").select(columns).to_dicts()


@pytest.mark.parametrize("folder", CASES, ids=ids)
def test_cutting_a_golden_payload_again_cuts_nothing(folder: Path) -> None:
    contract = REGISTRY.contract(f"{folder.parent.parent.name}.{folder.parent.name}")
    body = redacted(folder, contract)
    if folder.joinpath("payload.json").exists():
        again = allow_list(contract).cut(body)
        assert (again.body, again.unknown_fields) == (body, ())


def test_every_dataset_that_is_pulled_has_a_golden_payload() -> None:
    pulled = {c.id for c in REGISTRY.contracts if c.ext.mode != "acuan"}
    given = {f"{p.parent.parent.name}.{p.parent.name}" for p in CASES}
    assert pulled == given


@pytest.mark.parametrize("dataset", sorted(c.id for c in REGISTRY.contracts if c.ext.mode == "acuan"))
def test_every_reference_file_is_read_whole(dataset: str) -> None:
    contract = REGISTRY.contract(dataset)
    assert contract.ext.berkas is not None
    body = (contract.folder / str(contract.ext.berkas.berkas)).read_bytes()
    payload = make_payload(redact_file(body, contract, dataset).body, slot=dataset)
    regions = RegionTable.from_csv(ROOT / "connectors/referensi/reference/wilayah.csv")
    staging = Staging(contract, regions=regions, hash_key=b"k" * 32, today=TODAY)
    staging.add(payload, REGISTRY.feed(contract).read(payload, contract))
    rows, rejected = staging.finish(())
    assert rejected.to_dicts() == []
    assert rows.height == len(pl.read_csv(body, infer_schema=False))
