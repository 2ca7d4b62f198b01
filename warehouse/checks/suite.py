"""From a contract to the two suites that are run: one over rows, one over the profile of partitions.

The profile has one row a partition, so that one run judges many partitions and names the failing ones.
Does not belong here: running a suite.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connectors.contract import Contract

RULE_PREFIX = "aturan__"
"""Prefix of the boolean column that holds the result of a row rule."""

TEXT_SUFFIX = "__teks"
"""Suffix of the text column that stands for a decimal column where values must be told apart exactly."""

_PAIR = "expect_column_pair_values_a_to_be_greater_than_b"
_UNIQUE = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")

_BY_EQUALITY = {"expect_column_values_to_not_be_null", "expect_column_values_to_be_in_set", *_UNIQUE}


@dataclass(frozen=True)
class Check:
    """One check as it is sent to the runner. `blocking`: a failed row is set aside, a failed partition stays out."""

    name: str
    type: str
    kwargs: dict[str, Any]
    blocking: bool
    scope: str
    description: str = ""


def row_suite(contract: "Contract") -> tuple[Check, ...]:
    """Declared row checks, and those that follow from the contract: required columns, the key, the row rules."""
    checks = [
        Check(
            f"wajib_{c.name}",
            "expect_column_values_to_not_be_null",
            {"column": c.name},
            True,
            "baris",
            f"{c.name} wajib berisi",
        )
        for c in contract.columns
        if c.required
    ]
    keys = list(contract.primary_key)
    unique: tuple[str, dict[str, Any]] = ("expect_column_values_to_be_unique", {"column": keys[0]})
    if len(keys) > 1:
        unique = ("expect_compound_columns_to_be_unique", {"column_list": keys})
    checks.append(Check("kunci_unik", *unique, True, "baris", "Kunci tidak berulang"))
    for rule in contract.ext.aturan_baris:
        checks.append(
            Check(
                rule.nama,
                "expect_column_values_to_be_in_set",
                {"column": RULE_PREFIX + rule.nama, "value_set": [True]},
                rule.tingkat == "karantina",
                "baris",
                rule.keterangan,
            )
        )
    checks.extend(_declared(contract, "baris"))
    return tuple(checks)


def partition_suite(contract: "Contract") -> tuple[Check, ...]:
    """Declared checks over the profile, the allowed share of quarantined rows, and that there are rows at all."""
    checks = [
        Check(
            "rasio_karantina_wajar",
            "expect_column_values_to_be_between",
            {"column": "rasio_karantina", "max_value": contract.ext.ambang_karantina},
            True,
            "partisi",
            f"Paling banyak {contract.ext.ambang_karantina:.1%} baris dikarantina",
        )
    ]
    if not contract.ext.boleh_kosong:
        checks.append(
            Check(
                "ada_baris",
                "expect_column_values_to_be_between",
                {"column": "jumlah_baris", "min_value": 1},
                True,
                "partisi",
                "Partisi tidak kosong",
            )
        )
    checks.extend(_declared(contract, "partisi"))
    return tuple(checks)


def _declared(contract: "Contract", scope: str) -> list[Check]:
    return [
        Check(e.name, e.type, _kwargs(e.type, e.kwargs), e.severity == "error", e.scope, e.description)
        for e in contract.expectations
        if e.scope == scope
    ]


def _kwargs(kind: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    """A missing value fails no comparison, as everywhere else; Great Expectations would fail a pair that lacks one.
    Nor does it compare a column of dates with a date, only with the first instant of it."""
    if kind == _PAIR:
        return {"ignore_row_if": "either_value_is_missing"} | kwargs
    return {name: datetime.combine(v, time()) if type(v) is date else v for name, v in kwargs.items()}


def exact_keys(check: Check, decimals: Collection[str]) -> Check:
    """The check with decimal columns of a unique key replaced by their texts: as floats, two of them can be one."""
    if check.type not in _UNIQUE:
        return check
    kwargs = dict(check.kwargs)
    if kwargs.get("column") in decimals:
        kwargs["column"] += TEXT_SUFFIX
    if "column_list" in kwargs:
        kwargs["column_list"] = [n + TEXT_SUFFIX if n in decimals else n for n in kwargs["column_list"]]
    return replace(check, kwargs=kwargs)


def columns_used(checks: Sequence[Check]) -> list[str]:
    """Columns that the checks look at, in a stable order."""
    used: dict[str, None] = {}
    for check in checks:
        for key in ("column", "column_A", "column_B"):
            if key in check.kwargs:
                used[check.kwargs[key]] = None
        for name in check.kwargs.get("column_list", ()):
            used[name] = None
    return list(used)


def only_compared(checks: Sequence[Check]) -> set[str]:
    """Columns whose values the checks look for, compare with each other and with given ones, and nothing else."""
    others = [c for c in checks if c.type not in _BY_EQUALITY or "row_condition" in c.kwargs]
    return set(columns_used(checks)).difference(columns_used(others))
