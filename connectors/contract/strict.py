"""What the ODCS model lets pass and we do not: doubled keys, unknown keys, wrong types, places that nobody reads.

Belongs here: the form of the document. Does not belong here: what our settings mean together (`rules.py`).
"""

import copy
import types
import typing
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

Fault = tuple[str, str]
"""(key as a path, what is wrong with it)."""

# libyaml's parser, where it was built, reads the contracts some ten times faster.
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_QUALITY_READ = {
    "id", "name", "type", "engine", "severity", "dimension", "description", "implementation", "customProperties",
    "tags", "businessImpact",
}  # fmt: skip
_COLUMN_UNREAD = {
    "quality": "is not read here: checks stand at the schema object",
    "unique": "is not read: the key is unique, another uniqueness is a check",
    "enum": "is not read: use expect_column_values_to_be_in_set",
    "logicalTypeOptions": "is not read: ranges and patterns are checks",
    "properties": "is not read: a table has no nested columns",
    "items": "is not read: a table has no nested columns",
    "map": "is not read: a table has no nested columns",
    "encryptedName": "is not read: use acak",
}
_ONLY = "customProperties are read at the contract, at a column and at a check, not here"


class _Loader(_BASE):  # type: ignore[misc]
    """Notes keys that stand twice in one mapping; YAML would keep the last and say nothing."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self.doubled: list[Fault] = []

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[Any] = set()
        for key, _ in node.value:
            if key.value in seen:
                self.doubled.append((f"(line {key.start_mark.line + 1}) {key.value}", "stands twice in one mapping"))
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(text: bytes) -> tuple[Any, list[Fault]]:
    """The document and its doubled keys. Raises yaml.YAMLError, UnicodeDecodeError."""
    loader = _Loader(text)
    try:
        return loader.get_single_data(), loader.doubled
    finally:
        loader.dispose()


def odcs_faults(model: type[BaseModel], document: dict[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Everything that is wrong with a document's form, and the document without its values of a wrong type."""
    faults = [*_unknown_keys(model, document, ""), *_unread(document)]
    known = {key for key, _ in faults}
    ours = False
    for _ in range(50):
        try:
            model.model_validate(document)
            return document, faults
        except ValidationError as error:
            document, ours = document if ours else copy.deepcopy(document), True
            for fault in error.errors():
                path = _cut(document, fault["loc"])
                if path not in known:
                    known.add(path)
                    faults.append((path, fault["msg"]))
    return {}, faults


def _models_in(annotation: Any) -> Iterator[tuple[bool, type[BaseModel]]]:
    """(in a list?, model) of every model that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield False, annotation
    elif typing.get_origin(annotation) in (list, typing.Union, types.UnionType):
        listed = typing.get_origin(annotation) is list
        for part in typing.get_args(annotation):
            for inner_listed, model in _models_in(part):
                yield listed or inner_listed, model


@cache
def _fields(model: type[BaseModel]) -> dict[str, list[tuple[bool, type[BaseModel]]]]:
    """The keys of a model, and what `_models_in` finds in each."""
    return {info.alias or name: list(_models_in(info.annotation)) for name, info in model.model_fields.items()}


def _unknown_keys(model: type[BaseModel], value: Any, path: str) -> Iterator[Fault]:
    """The ODCS model passes over keys it does not know; find them at any depth."""
    if not isinstance(value, dict):
        return
    fields = _fields(model)
    for key, item in value.items():
        where = f"{path}.{key}" if path else str(key)
        if key not in fields:
            yield where, "unknown key"
            continue
        for listed, inner in fields[key]:
            if listed and isinstance(item, list):
                for number, entry in enumerate(item):
                    yield from _unknown_keys(inner, entry, f"{where}[{number}]")
            elif not listed:
                yield from _unknown_keys(inner, item, where)


def _cut(document: dict[str, Any], loc: Sequence[int | str]) -> str:
    """Remove the value that a fault speaks of, as deep as its path leads, and name it. Names of models are no keys."""
    node: Any = document
    parent: Any = None
    last: Any = None
    path = ""
    for step in loc:
        inside = step in node if isinstance(node, dict) else isinstance(node, list) and isinstance(step, int)
        if inside:
            parent, last, node = node, step, node[step]
            path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    if parent is not None:
        del parent[last]
    return path or "(file)"


def _entries(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _unread(document: dict[str, Any]) -> Iterator[Fault]:
    """Keys that ODCS knows and we would pass over, though their writer expects something of them."""
    for name in ("servers", "roles", "price"):
        if document.get(name):
            yield name, "is not read: where and how an agency answers stands in agency.yaml and in the settings"
    for name in ("description", "team"):
        if isinstance(document.get(name), dict) and document[name].get("customProperties"):
            yield f"{name}.customProperties", _ONLY
    for n, entry in enumerate(_entries(document.get("slaProperties"))):
        if entry.get("customProperties"):
            yield f"slaProperties[{n}].customProperties", _ONLY
    for number, table in enumerate(_entries(document.get("schema"))):
        if table.get("customProperties"):
            yield f"schema[{number}].customProperties", _ONLY
        for n, column in enumerate(_entries(table.get("properties"))):
            for key in _COLUMN_UNREAD.keys() & column.keys():
                yield f"schema.properties[{n}]({column.get('name')}).{key}", _COLUMN_UNREAD[key]
        for n, check in enumerate(_entries(table.get("quality"))):
            for key in sorted(check.keys() - _QUALITY_READ):
                yield f"schema.quality[{n}].{key}", "is not read: a check is said by its implementation"
