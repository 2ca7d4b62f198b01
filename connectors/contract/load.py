"""Reading contract files: every fault of a file is found, and all are reported at once.

Does not belong here: the meaning of a contract (`model.py`).
"""

import hashlib
import re
import types
import typing
from collections.abc import Iterable, Iterator, Sequence
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

_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
# libyaml's parser, where it was built, reads the contracts some ten times faster.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_T = typing.TypeVar("_T", bound=BaseModel)
_NAME = re.compile(r"^[a-z][a-z0-9_]*$")
_ROW_EXPECTATIONS = {
    "expect_column_values_to_be_between",
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_match_regex",
    "expect_column_values_to_not_be_null",
    "expect_column_pair_values_a_to_be_greater_than_b",
    "expect_compound_columns_to_be_unique",
}


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


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif typing.get_origin(annotation) in (list, typing.Union, types.UnionType):
        for part in typing.get_args(annotation):
            yield from _models_in(part)


def _unknown_keys(model: type[BaseModel], value: Any, path: str) -> Iterator[tuple[str, str]]:
    """The ODCS model passes over keys it does not know in nested objects; find them."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unknown_keys(model, item, f"{path}[{number}]")
        return
    if not isinstance(value, dict):
        return
    fields = {(info.alias or name): info for name, info in model.model_fields.items()}
    for key, item in value.items():
        where = f"{path}.{key}" if path else str(key)
        if key not in fields:
            yield where, "unknown key"
            continue
        inner = list(_models_in(fields[key].annotation))
        if len(inner) == 1:
            yield from _unknown_keys(inner[0], item, where)


def _extension(model: type[_T], properties: Any, path: str, problems: list[tuple[str, str]]) -> _T | None:
    values: dict[str, Any] = {}
    for entry in properties or ():
        name = entry.get("property")
        if name in values:
            problems.append((f"{path}.{name}", "set twice"))
        values[name] = entry.get("value")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        for fault in error.errors():
            problems.append((".".join([path, *map(str, fault["loc"])]), fault["msg"]))
        return None


def _dtype(logical: str | None, physical: str | None) -> tuple[pl.DataType, str] | None:
    match logical:
        case "string":
            return pl.String(), "VARCHAR"
        case "date":
            return pl.Date(), "DATE"
        case "timestamp":
            return pl.Datetime("us", "UTC"), "TIMESTAMPTZ"
        case "integer":
            return pl.Int64(), "BIGINT"
        case "boolean":
            return pl.Boolean(), "BOOLEAN"
        case "number":
            decimal = _DECIMAL.fullmatch(physical or "")
            if decimal:
                precision, scale = int(decimal[1]), int(decimal[2])
                return (pl.Decimal(precision, scale), f"DECIMAL({precision},{scale})") if precision <= 38 else None
            return (pl.Float64(), "DOUBLE") if physical == "DOUBLE" else None
    return None


def _column(raw: dict[str, Any], where: str, problems: list[tuple[str, str]]) -> Column | None:
    name = raw.get("name") or ""
    if not _NAME.match(name):
        problems.append((f"{where}.name", f"'{name}' is not a snake_case name"))
        return None
    where = f"{where}({name})"
    ext = _extension(ColumnExtension, raw.get("customProperties"), f"{where}.customProperties", problems)
    types_ = _dtype(raw.get("logicalType"), raw.get("physicalType"))
    if types_ is None:
        problems.append(
            (f"{where}.logicalType", "string, date, timestamp, integer, boolean, or number with DECIMAL(p,s) or DOUBLE")
        )
    classification = raw.get("classification", "private")
    if classification not in ("public", "internal", "private"):
        problems.append((f"{where}.classification", "public, internal or private"))
    if not raw.get("description"):
        problems.append((f"{where}.description", "missing: people read it in the data dictionary"))
    if ext is None or types_ is None:
        return None
    if ext.acak and (classification != "private" or raw.get("logicalType") != "string"):
        problems.append((f"{where}.customProperties.acak", "only a private string column is hashed"))
    if raw.get("logicalType") in ("date", "timestamp") and not ext.format and not ext.turunan:
        problems.append((f"{where}.customProperties.format", "a date needs its declared formats"))
    return Column(
        name=name,
        wire=raw.get("physicalName") or name,
        logical_type=raw["logicalType"],
        dtype=types_[0],
        sql_type=types_[1],
        required=bool(raw.get("required")) or bool(raw.get("primaryKey")),
        primary_key=bool(raw.get("primaryKey")),
        classification=classification,
        title=raw.get("businessName") or name.replace("_", " "),
        description=raw.get("description") or "",
        ext=ext,
    )


def _expectation(raw: dict[str, Any], where: str, problems: list[tuple[str, str]]) -> Expectation | None:
    implementation = raw.get("implementation")
    if raw.get("type") != "custom" or raw.get("engine") != "greatExpectations" or not isinstance(implementation, dict):
        problems.append((where, "a check is type custom, engine greatExpectations, with an implementation"))
        return None
    if set(implementation) != {"type", "kwargs"}:
        problems.append((f"{where}.implementation", "holds exactly type and kwargs"))
        return None
    scope = {p["property"]: p.get("value") for p in raw.get("customProperties") or ()}
    if set(scope) - {"tingkat"} or scope.get("tingkat", "baris") not in ("baris", "partisi"):
        problems.append((f"{where}.customProperties", "only tingkat: baris | partisi"))
    if raw.get("severity", "error") not in ("error", "warning"):
        problems.append((f"{where}.severity", "error or warning"))
    if not _NAME.match(raw.get("name") or ""):
        problems.append((f"{where}.name", "a snake_case name is needed; verdicts are kept by it"))
    if scope.get("tingkat", "baris") == "baris" and implementation["type"] not in _ROW_EXPECTATIONS:
        problems.append((f"{where}.implementation.type", f"row checks are {', '.join(sorted(_ROW_EXPECTATIONS))}"))
    return Expectation(
        name=raw.get("name") or "",
        type=implementation["type"],
        kwargs=implementation["kwargs"],
        severity=raw.get("severity", "error"),
        scope=scope.get("tingkat", "baris"),
        dimension=raw.get("dimension") or "",
        description=raw.get("description") or "",
    )


def _consistency(contract: Contract) -> Iterator[tuple[str, str]]:
    """Rules that span several keys."""
    names = [c.name for c in contract.columns]
    for name in {n for n in names if names.count(n) > 1}:
        yield f"schema.properties({name})", "declared twice"
    if not contract.primary_key:
        yield "schema.properties", "no column is primaryKey: identical rows could not be told from repeated ones"
    if contract.ext.partisi == "tunggal":
        if contract.partition_column:
            yield "customProperties.partisi", "tunggal has no partitioned column"
    elif not contract.partition_column:
        yield "schema.properties", "one column must be partitioned (or partisi: tunggal)"
    else:
        column = contract.column(contract.partition_column)
        if column.logical_type != "date":
            yield f"schema.properties({column.name}).partitioned", "the partition column is a date"
        if not column.primary_key:
            yield f"schema.properties({column.name}).primaryKey", "the partition column is part of the key"
    if contract.has_private and contract.ext.retensi_bulan is None:
        yield "customProperties.retensi_bulan", "private columns need a keeping period in months"
    if contract.ext.mode in ("berkas", "acuan") and contract.ext.berkas is None:
        yield "customProperties.berkas", f"mode {contract.ext.mode} needs the layout of the file"
    for number, expectation in enumerate(contract.expectations):
        if expectation.scope == "baris":
            used = [v for k, v in expectation.kwargs.items() if k in ("column", "column_A", "column_B")]
            used += expectation.kwargs.get("column_list", [])
            for name in set(used) - set(names):
                yield f"schema.quality[{number}].implementation.kwargs", f"no column '{name}'"
    checks = [e.name for e in contract.expectations] + [r.nama for r in contract.ext.aturan_baris]
    for name in {n for n in checks if checks.count(n) > 1}:
        yield "schema.quality", f"check '{name}' is declared twice"
    for column in contract.columns:
        if column.ext.nama_wilayah and column.ext.nama_wilayah not in names:
            yield f"schema.properties({column.name}).nama_wilayah", f"no column '{column.ext.nama_wilayah}'"


def _parse(path: Path, document: Any, text: bytes) -> tuple[Contract | None, list[tuple[str, str]]]:
    from open_data_contract_standard.model import OpenDataContractStandard

    problems: list[tuple[str, str]] = []
    if not isinstance(document, dict):
        return None, [("(file)", "is not a mapping")]
    problems.extend(_unknown_keys(OpenDataContractStandard, document, ""))
    try:
        OpenDataContractStandard.model_validate(document)
    except ValidationError as error:
        known = {key for key, _ in problems}
        for fault in error.errors():
            key = ".".join(map(str, fault["loc"]))
            if key not in known:
                problems.append((key, fault["msg"]))
        return None, problems
    agency, dataset = path.parent.name, path.name.removesuffix(".odcs.yaml")
    if document.get("id") != f"{agency}.{dataset}":
        problems.append(("id", f"must be '{agency}.{dataset}', after the folder and the file"))
    if not document.get("version"):
        problems.append(("version", "missing"))
    objects = document.get("schema") or []
    if len(objects) != 1 or objects[0].get("name") != f"{agency}__{dataset}":
        problems.append(("schema", f"exactly one object, named '{agency}__{dataset}'"))
        return None, problems
    table = objects[0]
    ext = _extension(DatasetExtension, document.get("customProperties"), "customProperties", problems)
    properties = table.get("properties") or []
    columns = [_column(raw, f"schema.properties[{n}]", problems) for n, raw in enumerate(properties)]
    checks = [_expectation(raw, f"schema.quality[{n}]", problems) for n, raw in enumerate(table.get("quality") or [])]
    if ext is None or None in columns or None in checks:
        return None, problems
    keyed = sorted((p for p in properties if p.get("primaryKey")), key=lambda p: p.get("primaryKeyPosition") or 0)
    partitioned = [p["name"] for p in properties if p.get("partitioned")]
    if len(partitioned) > 1:
        problems.append(("schema.properties", "only one column may be partitioned"))
    sla = {p.get("property"): p for p in document.get("slaProperties") or ()}
    description = document.get("description") or {}
    team = document.get("team") or {}
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
        primary_key=tuple(p["name"] for p in keyed),
        partition_column=partitioned[0] if partitioned else None,
        expectations=tuple(c for c in checks if c),
        latency=timedelta(days=float(sla.get("latency", {}).get("value", 1))),
        retention_years=sla.get("retention", {}).get("value"),
        ext=ext,
        digest=hashlib.sha256(text).hexdigest()[:16],
        path=path,
    )
    problems.extend(_consistency(contract))
    return contract, problems


def _load(path: Path) -> tuple[Contract | None, list[Problem]]:
    name = f"{path.parent.name}/{path.name}"
    try:
        text = path.read_bytes()
        document = yaml.load(text, Loader=_LOADER)  # noqa: S506  both loaders are the safe ones
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        return None, [Problem(name, "(file)", " ".join(str(error).split()))]
    contract, problems = _parse(path, document, text)
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


def lint(paths: Iterable[Path]) -> list[Problem]:
    """Every fault of every file."""
    return [problem for path in paths for problem in _load(path)[1]]


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
