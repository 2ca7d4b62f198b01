"""Rules that span several keys of a contract: what is right in itself and wrong together.

Does not belong here: the form of the document (`strict.py`), reading it (`load.py`).
"""

import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from connectors.contract.model import Column, Contract, Expectation, FileLayout
from connectors.contract.strict import Fault

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_COMMON = {"mostly"}
_BETWEEN = {"min_value", "max_value", "strict_min", "strict_max"}
_COMPARED = {"column_A", "column_B"}
EXPECTATIONS: dict[str, tuple[set[str], set[str]]] = {
    "expect_column_values_to_be_between": ({"column"}, _BETWEEN | _COMMON),
    "expect_column_values_to_be_in_set": ({"column", "value_set"}, _COMMON),
    "expect_column_values_to_match_regex": ({"column", "regex"}, _COMMON),
    "expect_column_values_to_not_be_null": ({"column"}, _COMMON),
    "expect_column_pair_values_a_to_be_greater_than_b": (_COMPARED, {"or_equal", "ignore_row_if"} | _COMMON),
    "expect_compound_columns_to_be_unique": ({"column_list"}, {"ignore_row_if"} | _COMMON),
}
"""Kinds of checks, each with the arguments that it needs and those that it may have."""

_DERIVED = re.compile(r"wajib_.*|kunci_unik|ada_baris|rasio_karantina_wajar|semua_pemeriksaan")
_NATIONAL = ("bps", "kemendagri")
_TEXT_ONLY = ("huruf", "baku", "acak", "nama_wilayah")
_NUMBER_ONLY = ("lokal", "nol_kosong")
_DATE_ONLY = ("format",)
_SLA = {"latency": {"d"}, "retention": {"y"}, "frequency": {"d", "m", "y"}}


def faults_of(contract: Contract, unread: Collection[str]) -> Iterator[Fault]:
    """Every fault of a contract. `unread`: settings that were given wrongly, or not at all though they are needed; what
    stands for them is held against nobody."""
    yield from _columns(contract)
    yield from _partition(contract, unread)
    yield from _mode(contract, unread)
    if contract.ext.berkas:
        yield from _layout(contract, contract.ext.berkas, "customProperties.berkas")
    yield from _checks(contract, unread)
    yield from _schedule(contract.ext.jadwal)
    kept = contract.ext.retensi_bulan is not None or "retensi_bulan" in unread
    if contract.has_private and not kept:
        yield "customProperties.retensi_bulan", "private columns need a keeping period in months"
    if not contract.has_private and kept:
        yield "customProperties.retensi_bulan", "only payloads of private columns are destroyed, and there is none"


def key_faults(keyed: Sequence[dict[str, Any]]) -> Iterator[Fault]:
    """The order of a key of several columns must be said: files and digests depend on it."""
    places = [column.get("primaryKeyPosition") for column in keyed]
    if len(keyed) > 1 and sorted(p for p in places if p is not None) not in ([], list(range(1, len(keyed) + 1))):
        yield "schema.properties.primaryKeyPosition", f"must count 1 to {len(keyed)} over the key's columns"


def sla_faults(entries: Sequence[dict[str, Any]]) -> Iterator[Fault]:
    """Promises that are read: latency in days, retention in years, frequency."""
    seen: set[Any] = set()
    for number, entry in enumerate(entries):
        where, name = f"slaProperties[{number}]", entry.get("property")
        if name not in _SLA:
            yield f"{where}.property", f"'{name}' is not read; there are {', '.join(_SLA)}"
            continue
        if name in seen:
            yield f"{where}.property", f"'{name}' is set twice"
        seen.add(name)
        if entry.get("unit") not in _SLA[name]:
            yield f"{where}.unit", f"{name} is counted in {' or '.join(sorted(_SLA[name]))}"
        value = entry.get("value")
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            yield f"{where}.value", "a number that is not negative"


def unfinished(document: dict[str, Any], contract: Contract | None) -> Iterator[Fault]:
    """What a contract needs before it is given to people, though it can be read without."""
    layout = contract.ext.berkas if contract and contract.ext.mode == "acuan" else None
    if contract and layout and layout.berkas and not (contract.folder / layout.berkas).is_file():
        yield "customProperties.berkas.berkas", f"no file '{layout.berkas}' in the agency's folder"
    table = (document.get("schema") or [{}])[0]
    description = document.get("description") or {}
    team = document.get("team") or {}
    needed = {
        "name": document.get("name"),
        "domain": document.get("domain"),
        "status": document.get("status"),
        "description.purpose": description.get("purpose"),
        "description.limitations": description.get("limitations"),
        "team.name": team.get("name") if isinstance(team, dict) else None,
        "schema.description": table.get("description"),
        "schema.dataGranularityDescription": table.get("dataGranularityDescription"),
    }
    for key, value in needed.items():
        if not value:
            yield key, "missing: people read it in the catalogue"
    told = {entry.get("property") for entry in document.get("slaProperties") or ()}
    mode = {p.get("property"): p.get("value") for p in document.get("customProperties") or ()}.get("mode")
    if mode != "acuan" and "latency" not in told:
        yield "slaProperties.latency", "missing: by it lateness is told"
    if not _VERSION.fullmatch(str(document.get("version"))):
        yield "version", "is written as 1.0.0"


def _columns(contract: Contract) -> Iterator[Fault]:
    names = [c.name for c in contract.columns]
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield f"schema.properties({name})", "declared twice"
    if not contract.primary_key:
        yield "schema.properties", "no column is primaryKey: identical rows could not be told from repeated ones"
    for column in contract.columns:
        yield from _settings(column, names)


def _settings(column: Column, names: Sequence[str]) -> Iterator[Fault]:
    where = f"schema.properties({column.name}).customProperties"
    said = column.ext.model_fields_set
    for settings, kinds in (
        (_TEXT_ONLY, ("string",)),
        (_NUMBER_ONLY, ("number", "integer")),
        (_DATE_ONLY, ("date", "timestamp")),
    ):
        for name in settings:
            if name in said and column.logical_type not in kinds:
                yield f"{where}.{name}", f"only for {' and '.join(kinds)} columns, this one is {column.logical_type}"
    if column.ext.acak and column.classification != "private":
        yield f"{where}.acak", "only a private column is hashed"
    if column.ext.baku and not column.ext.acak:
        yield f"{where}.baku", "is how a value is written before it is hashed: needs acak"
    if column.ext.nama_wilayah and column.ext.nama_wilayah not in names:
        yield f"{where}.nama_wilayah", f"no column '{column.ext.nama_wilayah}'"
    if column.ext.sistem_kode in _NATIONAL and column.logical_type != "string":
        yield f"{where}.sistem_kode", f"a code of {column.ext.sistem_kode} is text: 12.10 must not become 12.1"
    if column.ext.nama_wilayah and column.ext.sistem_kode not in _NATIONAL:
        yield f"{where}.nama_wilayah", "a name is compared with a code of sistem_kode bps or kemendagri"
    if column.ext.opsional and column.required:
        yield f"{where}.opsional", "the column is required, so its key cannot be absent"


def _partition(contract: Contract, unread: Collection[str]) -> Iterator[Fault]:
    if contract.ext.partisi == "tunggal":
        if contract.partition_column:
            yield "customProperties.partisi", "tunggal has no partitioned column"
        return
    if not contract.partition_column:
        if "partisi" not in unread:
            yield "schema.properties", "one column must be partitioned (or partisi: tunggal)"
        return
    column = contract.column(contract.partition_column)
    where = f"schema.properties({column.name})"
    if column.logical_type != "date":
        yield f"{where}.partitioned", "the partition column is a date"
    if not column.primary_key:
        yield f"{where}.primaryKey", "the partition column is part of the key"
    if column.classification == "private":
        yield f"{where}.classification", "the partition column is not private: folders and outcomes are named by it"


def _mode(contract: Contract, unread: Collection[str]) -> Iterator[Fault]:
    layout, mode = contract.ext.berkas, contract.ext.mode
    where = "customProperties.berkas"
    if "mode" in unread:
        return
    if mode in ("jendela", "potret"):
        if layout is not None or "berkas" in unread:
            yield where, f"mode {mode} reads no files; the layout is for berkas and acuan"
        return
    if "baris" in contract.ext.model_fields_set or "baris" in unread:
        yield "customProperties.baris", f"mode {mode} reads no JSON; the allow-list is for jendela and potret"
    if layout is None:
        if "berkas" not in unread:
            yield where, f"mode {mode} needs the layout of the file"
        return
    if mode == "berkas" and not layout.pola:
        yield f"{where}.pola", "which files of the inbox are meant"
    if mode == "acuan" and not layout.berkas:
        yield f"{where}.berkas", "which file of the agency's folder is meant"


def _layout(contract: Contract, layout: FileLayout, where: str) -> Iterator[Fault]:
    names = {c.name for c in contract.columns}
    called = names | {c.wire for c in contract.columns}
    given = {f"isi_dari.{n}": n for n in layout.isi_dari} | {f"isi_tetap.{n}": n for n in layout.isi_tetap}
    if layout.lebur:
        given |= {"lebur.kolom_nama": layout.lebur.kolom_nama, "lebur.kolom_nilai": layout.lebur.kolom_nilai}
    for key, name in given.items():
        if name not in called:
            yield f"{where}.{key}", f"no column '{name}'"
    for name in layout.slot:
        if name not in names:
            yield f"{where}.slot", f"no column '{name}'"
    if (layout.judul.baris is None) == (layout.judul.cari is None):
        yield f"{where}.judul", "either baris or cari"


def _checks(contract: Contract, unread: Collection[str]) -> Iterator[Fault]:
    metrics = ["jumlah_baris", *contract.ext.profil]
    derived = {"rasio_karantina", *(f"{m}_terakhir" for m in metrics), *(f"rasio_{m}" for m in metrics)}
    known = derived | set(metrics)
    for name in contract.ext.profil:
        if name in derived | {"jumlah_baris"}:
            yield f"customProperties.profil.{name}", "the name is taken by a metric that is always there"
    kinds = {c.name: c.logical_type for c in contract.columns}
    for number, check in enumerate(contract.expectations):
        where = f"schema.quality[{number}]({check.name})"
        named = kinds if check.scope == "baris" else known if "profil" not in unread else None
        yield from _arguments(check, f"{where}.implementation", named)
        if check.type == "expect_column_values_to_be_between":
            kind = kinds.get(str(check.kwargs.get("column"))) if check.scope == "baris" else "number"
            yield from _bounds(check, f"{where}.implementation.kwargs", kind)
        if not check.description:
            yield f"{where}.description", "missing: it is told when the check fails"
    names = [e.name for e in contract.expectations] + [r.nama for r in contract.ext.aturan_baris]
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield "schema.quality", f"check '{name}' is declared twice"
    for name in names:
        if _DERIVED.fullmatch(name):
            yield "schema.quality", f"'{name}' is the name of a check that is always there"


def _arguments(check: Expectation, where: str, columns: Collection[str] | None) -> Iterator[Fault]:
    """Faults of a check's arguments. `columns`: those that it may speak of; None when nobody knows them."""
    if check.type not in EXPECTATIONS:
        yield f"{where}.type", f"'{check.type}' is not used here; there are {', '.join(sorted(EXPECTATIONS))}"
        return
    needed, allowed = EXPECTATIONS[check.type]
    for name in sorted(needed - check.kwargs.keys()):
        yield f"{where}.kwargs", f"'{name}' is missing"
    for name in sorted(check.kwargs.keys() - needed - allowed):
        yield f"{where}.kwargs.{name}", f"{check.type} has no such argument"
    if check.type == "expect_column_values_to_be_between" and not check.kwargs.keys() & {"min_value", "max_value"}:
        yield f"{where}.kwargs", "neither min_value nor max_value: the check could not fail"
    used = [check.kwargs[k] for k in ("column", "column_A", "column_B") if k in check.kwargs]
    for name in (*used, *_listed(check.kwargs.get("column_list"))):
        if columns is not None and name not in columns:
            kind = "column" if check.scope == "baris" else "metric of the profile"
            yield f"{where}.kwargs", f"no {kind} '{name}'"
    if "regex" in check.kwargs and not _compiles(check.kwargs["regex"]):
        yield f"{where}.kwargs.regex", "is no regular expression"
    if "value_set" in check.kwargs and not _listed(check.kwargs["value_set"]):
        yield f"{where}.kwargs.value_set", "is an empty list, or none"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_date(value: Any) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _is_instant(value: Any) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None


_BOUND: dict[str, tuple[Callable[[Any], bool], str]] = {
    "number": (_is_number, "a number"),
    "integer": (_is_number, "a number"),
    "date": (_is_date, "a date, as 2024-01-31 without quotes"),
    "timestamp": (_is_instant, "an instant, as 2024-01-31T00:00:00Z without quotes"),
}
"""How a bound is written, by the logical type of the column."""


def _bounds(check: Expectation, where: str, kind: str | None) -> Iterator[Fault]:
    """Bounds that cannot be compared with the column's values: the check would error, which blocks every partition."""
    if kind in ("string", "boolean"):
        yield f"{where}.column", f"only numbers and dates have bounds, '{check.kwargs['column']}' is {kind}"
    if kind not in _BOUND:
        return
    suits, form = _BOUND[kind]
    given = {name: check.kwargs[name] for name in ("min_value", "max_value") if name in check.kwargs}
    wrong = [name for name, value in given.items() if not suits(value)]
    for name in wrong:
        yield f"{where}.{name}", f"'{given[name]}' is not {form}"
    if len(given) == 2 and not wrong and given["min_value"] > given["max_value"]:
        yield f"{where}.min_value", "is above max_value"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _compiles(pattern: Any) -> bool:
    try:
        re.compile(pattern)
    except (re.error, TypeError):
        return False
    return True


_CRON = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))


def _schedule(cron: str) -> Iterator[Fault]:
    where = "customProperties.jadwal"
    fields = cron.split()
    if len(fields) != len(_CRON):
        yield where, f"'{cron}' has {len(fields)} fields, a schedule has 5: minute hour day month weekday"
        return
    for field, (name, low, high) in zip(fields, _CRON, strict=True):
        for part in field.split(","):
            match = re.fullmatch(r"(?:\*|(\d+)(?:-(\d+))?)(?:/([1-9]\d*))?", part)
            numbers = [int(n) for n in match.groups()[:2] if n] if match else []
            if not match or any(not low <= n <= high for n in numbers):
                yield where, f"'{part}' is no {name} ({low}-{high})"
