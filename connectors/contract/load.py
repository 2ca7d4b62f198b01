"""Reading contract files: every fault of a file is found, and all are reported at once.

Does not belong here: the form of the document (`strict.py`), rules over several keys (`rules.py`), the meaning of a
contract (`model.py`).
"""

import hashlib
import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from pydantic import BaseModel, ValidationError

from connectors.contract.model import (
    Column,
    ColumnExtension,
    Contract,
    DatasetExtension,
    Expectation,
)
from connectors.contract.rules import faults_of, key_faults, sla_faults, unfinished
from connectors.contract.strict import Fault, odcs_faults, read_yaml

_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_T = typing.TypeVar("_T", bound=BaseModel)
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NO_STAND_INS: Mapping[str, Any] = {}
_STAND_INS = {"partisi": "harian", "mode": "jendela"}
"""Values of the needed settings for the rules over a contract that lacks them. The rules are told, and hold nothing
against it that only these values would bring."""
_KNOWN = {"apiVersion": ("v3.1.0",), "kind": ("DataContract",)}


@dataclass(frozen=True)
class Problem:
    """One fault: the file (agency/name), the key as a dotted path, and what is wrong with it."""

    file: str
    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.reason}"


class ContractError(ValueError):
    """One or more contracts are faulty. `problems` lists every fault."""

    def __init__(self, problems: Sequence[Problem]):
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


def _extension(
    model: type[_T], properties: Any, path: str, problems: list[Fault], stand_ins: Mapping[str, Any] = _NO_STAND_INS
) -> tuple[_T, frozenset[str]]:
    """The settings, and the names of those that could not be read: they stand as their default, one that is needed as
    its stand-in."""
    values: dict[str, Any] = {}
    for entry in properties or ():
        name = entry.get("property")
        if name in values:
            problems.append((f"{path}.{name}", "set twice"))
        values[name] = entry.get("value")
    try:
        return model.model_validate(values), frozenset()
    except ValidationError as error:
        for fault in error.errors():
            problems.append((".".join([path, *map(str, fault["loc"])]), fault["msg"]))
        unread = frozenset(str(fault["loc"][0]) for fault in error.errors())
    read = {name: value for name, value in values.items() if str(name) not in unread}
    return model.model_validate({n: v for n, v in stand_ins.items() if n in unread} | read), unread


def _dtype(logical: str | None, physical: str | None) -> tuple[pl.DataType, str] | str:
    """Polars type and SQL type, or what is wrong."""
    plain: dict[str, tuple[pl.DataType, str]] = {
        "string": (pl.String(), "VARCHAR"),
        "date": (pl.Date(), "DATE"),
        "timestamp": (pl.Datetime("us", "UTC"), "TIMESTAMPTZ"),
        "integer": (pl.Int64(), "BIGINT"),
        "boolean": (pl.Boolean(), "BOOLEAN"),
    }
    if logical in plain:
        if physical not in (None, plain[logical][1]):
            return f"{logical} is {plain[logical][1]}, not {physical}"
        return plain[logical]
    if logical != "number":
        return "string, date, timestamp, integer, boolean, or number"
    decimal = _DECIMAL.fullmatch(physical or "")
    if decimal:
        precision, scale = int(decimal[1]), int(decimal[2])
        if not 1 <= precision <= 38 or scale > precision:
            return f"{physical}: at most 38 digits, and no more of them behind the point than there are"
        return pl.Decimal(precision, scale), f"DECIMAL({precision},{scale})"
    return (pl.Float64(), "DOUBLE") if physical == "DOUBLE" else "a number needs physicalType DECIMAL(p,s) or DOUBLE"


def _column(raw: dict[str, Any], where: str, problems: list[Fault]) -> Column | None:
    """A column; what could not be read of it stands as its default, for the rules over several columns."""
    name = raw.get("name") or ""
    if not _NAME.fullmatch(name):
        problems.append((f"{where}.name", f"'{name}' is not a snake_case name"))
        return None
    where = f"{where}({name})"
    before = len(problems)
    ext, _ = _extension(ColumnExtension, raw.get("customProperties"), f"{where}.customProperties", problems)
    types = _dtype(raw.get("logicalType"), raw.get("physicalType"))
    if isinstance(types, str):
        problems.append((f"{where}.{'physicalType' if raw.get('physicalType') else 'logicalType'}", types))
        types = (pl.String(), "")
    classification = raw.get("classification", "private")
    if classification not in ("public", "internal", "private"):
        problems.append((f"{where}.classification", "public, internal or private"))
    if not raw.get("description"):
        problems.append((f"{where}.description", "missing: people read it in the data dictionary"))
    if (
        raw.get("logicalType") in ("date", "timestamp")
        and not ext.format
        and not ext.turunan
        and before == len(problems)
    ):
        problems.append((f"{where}.customProperties.format", "a date needs its declared formats"))
    return Column(
        name=name,
        wire=raw.get("physicalName") or name,
        logical_type=raw.get("logicalType") or "",
        dtype=types[0],
        sql_type=types[1],
        required=bool(raw.get("required")) or bool(raw.get("primaryKey")),
        primary_key=bool(raw.get("primaryKey")),
        classification=classification,
        title=raw.get("businessName") or name.replace("_", " "),
        description=raw.get("description") or "",
        ext=ext,
    )


def _expectation(raw: dict[str, Any], where: str, problems: list[Fault]) -> Expectation | None:
    implementation = raw.get("implementation")
    if raw.get("type") != "custom" or raw.get("engine") != "greatExpectations" or not isinstance(implementation, dict):
        problems.append((where, "a check is type custom, engine greatExpectations, with an implementation"))
        return None
    if set(implementation) != {"type", "kwargs"} or not isinstance(implementation["kwargs"], dict):
        problems.append((f"{where}.implementation", "holds exactly type and kwargs"))
        return None
    scope = {p.get("property"): p.get("value") for p in raw.get("customProperties") or ()}
    if set(scope) - {"tingkat"} or scope.get("tingkat", "baris") not in ("baris", "partisi"):
        problems.append((f"{where}.customProperties", "only tingkat: baris | partisi"))
    if raw.get("severity", "error") not in ("error", "warning"):
        problems.append((f"{where}.severity", "error or warning"))
    if not _NAME.fullmatch(raw.get("name") or ""):
        problems.append((f"{where}.name", "a snake_case name is needed; verdicts are kept by it"))
    return Expectation(
        name=raw.get("name") or "",
        type=str(implementation["type"]),
        kwargs=implementation["kwargs"],
        severity=raw.get("severity", "error"),
        scope="partisi" if scope.get("tingkat") == "partisi" else "baris",
        dimension=raw.get("dimension") or "",
        description=raw.get("description") or "",
    )


def _parse(path: Path, document: dict[str, Any], text: bytes, problems: list[Fault]) -> Contract:
    """The contract of a document whose values have the types of ODCS, as far as it can be read; its faults are added to
    `problems`."""
    agency, dataset = path.parent.name, path.name.removesuffix(".odcs.yaml")
    for part, name in (("folder", agency), ("file", dataset)):
        if not _NAME.fullmatch(name):
            problems.append(("(file)", f"the {part} is named '{name}', which is not a snake_case name"))
    for key, allowed in _KNOWN.items():
        if document.get(key) not in allowed:
            problems.append((key, f"must be {' or '.join(allowed)}"))
    if document.get("id") != f"{agency}.{dataset}":
        problems.append(("id", f"must be '{agency}.{dataset}', after the folder and the file"))
    if not document.get("version"):
        problems.append(("version", "missing"))
    ext, unread = _extension(
        DatasetExtension, document.get("customProperties"), "customProperties", problems, _STAND_INS
    )
    problems.extend(sla_faults(document.get("slaProperties") or ()))
    objects = document.get("schema") or []
    if len(objects) != 1 or objects[0].get("name") != f"{agency}__{dataset}":
        problems.append(("schema", f"exactly one object, named '{agency}__{dataset}'"))
    table = objects[0] if objects else {}
    properties = table.get("properties") or []
    columns = [_column(raw, f"schema.properties[{n}]", problems) for n, raw in enumerate(properties)]
    checks = [_expectation(raw, f"schema.quality[{n}]", problems) for n, raw in enumerate(table.get("quality") or [])]
    keyed = [p for p in properties if p.get("primaryKey")]
    problems.extend(key_faults(keyed))
    partitioned = [p.get("name") for p in properties if p.get("partitioned")]
    if len(partitioned) > 1:
        problems.append(("schema.properties", "only one column may be partitioned"))
    sla = {p.get("property"): p for p in document.get("slaProperties") or ()}
    description = document.get("description") or {}
    team = document.get("team") or {}
    named = {c.name for c in columns if c}
    contract = Contract(
        agency=agency,
        dataset=dataset,
        version=str(document.get("version")),
        title=document.get("name") or dataset,
        description=description.get("purpose") or table.get("description") or "",
        limitations=description.get("limitations") or "",
        domain=document.get("domain") or "",
        granularity=table.get("dataGranularityDescription") or "",
        owner=team.get("name", "") if isinstance(team, dict) else "",
        columns=tuple(c for c in columns if c),
        primary_key=tuple(p["name"] for p in _in_order(keyed) if p.get("name") in named),
        partition_column=next((n for n in partitioned if n in named), None),
        expectations=tuple(c for c in checks if c),
        latency=timedelta(days=_number(sla.get("latency"), 1)),
        retention_years=int(_number(sla["retention"], 0)) if "retention" in sla else None,
        ext=ext,
        digest=hashlib.sha256(text).hexdigest()[:16],
        path=path,
    )
    problems.extend(faults_of(contract, unread))
    return contract


def _in_order(keyed: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(keyed, key=lambda p: p.get("primaryKeyPosition") or 0)


def _number(entry: dict[str, Any] | None, default: float) -> float:
    value = (entry or {}).get("value", default)
    return float(value) if isinstance(value, int | float) else default


def _read(path: Path) -> tuple[bytes, Any, list[Fault]]:
    try:
        text = path.read_bytes()
        document, doubled = read_yaml(text)
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        return b"", None, [("(file)", " ".join(str(error).split()))]
    return text, document, doubled


def examine(path: Path) -> tuple[Contract | None, list[Problem]]:
    """A contract as far as it can be read, and every fault of its file, also what a run does without and people need.

    What could not be read of it stands as something else: it is for looking at, not for working with.
    """
    return _load(path, finished=True)


def _load(path: Path, *, finished: bool = False) -> tuple[Contract | None, list[Problem]]:
    from open_data_contract_standard.model import OpenDataContractStandard

    text, document, problems = _read(path)
    contract = None
    if isinstance(document, dict):
        document, found = odcs_faults(OpenDataContractStandard, document)
        problems += found
        contract = _parse(path, document, text, problems)
        if finished:
            problems += unfinished(document, contract)
    elif not problems:
        problems = [("(file)", "is not a mapping")]
    name = f"{path.parent.name}/{path.name}"
    return contract, [Problem(name, key, reason) for key, reason in problems]


@lru_cache(maxsize=512)
def _cached(path: Path, mtime_ns: int, size: int) -> Contract:
    contract, problems = _load(path)
    if problems or contract is None:
        raise ContractError(problems)
    return contract


def load_contract(path: Path) -> Contract:
    """Read one contract. Raises ContractError that lists every fault of the file."""
    stat = path.stat()
    return _cached(path, stat.st_mtime_ns, stat.st_size)


def contract_files(roots: Sequence[Path]) -> list[Path]:
    """Contract files of every agency folder under the roots, in a stable order."""
    return sorted(path for root in roots for path in root.glob("*/*.odcs.yaml"))


def discover(roots: Sequence[Path]) -> tuple[Contract, ...]:
    """All contracts of all agencies. Raises ContractError with every fault of every file."""
    contracts: list[Contract] = []
    problems: list[Problem] = []
    for path in contract_files(roots):
        try:
            contracts.append(load_contract(path))
        except ContractError as error:
            problems.extend(error.problems)
    if problems:
        raise ContractError(problems)
    return tuple(contracts)
