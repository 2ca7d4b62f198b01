"""Comparing the shape of two JSON answers: keys, nesting, types and the form of each text."""

import re
from typing import Any

import orjson

_FORMS = [
    ("kosong", re.compile(r"^$")),
    ("strip", re.compile(r"^-$")),
    ("tanggal dd/mm/yyyy", re.compile(r"^\d{2}/\d{2}/\d{4}$")),
    ("tanggal yyyy-mm-dd", re.compile(r"^\d{4}-\d{2}-\d{2}$")),
    ("tanggal d-m-yyyy", re.compile(r"^\d{1,2}-\d{1,2}-\d{4}$")),
    ("instan", re.compile(r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?(\.\d+)?(Z|[+-]\d{2}:?\d{2})?$")),
    ("ribuan koma", re.compile(r"^-?\d{1,3}(,\d{3})+$")),
    ("rupiah titik", re.compile(r"^-?Rp\.? ?\d{1,3}(\.\d{3})*(,\d+)?$")),
    ("angka berkoma", re.compile(r"^-?\d+\.\d+$")),
    ("digit", re.compile(r"^-?\d+$")),
    ("romawi", re.compile(r"^[IVX]+$")),
]


def _form(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    for name, pattern in _FORMS:
        if pattern.match(value):
            return name
    return "text"


def shape(value: Any, key_patterns: tuple[str, ...] = (), path: str = "$") -> dict[str, set[str]]:
    """Path → set of forms seen there. Items of a list share a path; keys that match a pattern share its name."""
    forms: dict[str, set[str]] = {}
    if isinstance(value, dict):
        forms[path] = {"object"}
        for key, item in value.items():
            name = next((f"<{p}>" for p in key_patterns if re.fullmatch(p, key)), key)
            for inner, seen in shape(item, key_patterns, f"{path}.{name}").items():
                forms.setdefault(inner, set()).update(seen)
    elif isinstance(value, list):
        forms[path] = {"array"}
        for item in value:
            for inner, seen in shape(item, key_patterns, f"{path}[]").items():
                forms.setdefault(inner, set()).update(seen)
    else:
        forms[path] = {_form(value)}
    return forms


def assert_same_shape(
    golden: bytes, actual: bytes, key_patterns: tuple[str, ...] = (), optional: tuple[str, ...] = ()
) -> None:
    """The actual answer has the golden one's keys, and no text in a form that the golden one never uses there.

    `optional` names paths that may be absent in the actual answer (or, in it, be missing from the golden one).
    """
    wanted, found = (shape(orjson.loads(body), key_patterns) for body in (golden, actual))
    missing = sorted(p for p in wanted if p not in found and p not in optional)
    extra = sorted(p for p in found if p not in wanted and p not in optional)
    assert not missing, f"keys of the golden answer are missing: {missing}"
    assert not extra, f"keys that the golden answer does not have: {extra}"
    for path, forms in found.items():
        if path in wanted:
            strange = forms - wanted[path]
            assert not strange, f"{path}: form {sorted(strange)} where the golden answer has {sorted(wanted[path])}"
