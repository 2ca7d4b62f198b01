"""Rules of early warning: `aturan.yaml` of an agency's folder, and the shared one beside the shared models.

A rule is a SELECT whose rows are what is wrong now, and a sentence about one row. Belongs here: what a rule file may
say, finding and checking the files. Does not belong here: judging the rules and keeping what came of it (`alerts.py`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from string import Formatter
from typing import Any, Literal

import sqlglot
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlglot import exp

from connectors.contract import load_agency
from connectors.contract.strict import read_yaml
from warehouse import figures
from warehouse.modelling import FrontMatter, Model, ModelError, render, tables_read

FILE = "aturan.yaml"

DAY = "$hari"
"""In a rule's SQL: the business date for which it is judged. Only a rule that names it can be asked of past days."""

NEEDED = ("kunci", "nilai", "ambang", "asal_data", "dataset", "partisi")
"""Columns that a rule's SELECT gives: what is wrong, its figure and the threshold, and the rows behind it. It may also
give `opd` and `tingkat`, which then count instead of the rule's."""

Level = Literal["info", "waspada", "kritis"]
LEVELS: tuple[Level, ...] = ("info", "waspada", "kritis")
"""Levels of alerts, the gravest last."""

_NAME = r"^[a-z][a-z0-9_]*$"
_FORMS = {"": "text", "rupiah": "Rp48.250", "angka": "48.250", "persen": "4,2 (of 4.2)", "tanggal": "date",
          "bulan": "month"}  # fmt: skip


class RuleError(ValueError):
    """Rule files are faulty; the message has a line for each fault: file, key, reason."""


class _RuleText(BaseModel):
    """One rule as its file has it.

    `opd`: whose task it is, the file's when empty; `sql`: the SELECT; `kalimat` and `sebab`: templates over its
    columns, with the forms of `_FORMS`; `sebab` is what alerts are rolled up by; `tenang_jam`: hours for which an
    alert must not have been seen before it counts as ended.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    nama: str = Field(pattern=_NAME)
    judul: str = Field(min_length=1)
    tingkat: Level
    opd: str = ""
    sql: str
    kalimat: str = Field(min_length=1)
    sebab: str = Field(min_length=1)
    tenang_jam: int = Field(default=0, ge=0, le=24 * 31)


class _FileText(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    opd: str = ""
    aturan: list[_RuleText] = Field(min_length=1)


@dataclass(frozen=True)
class Rule:
    """One rule, checked. `where` names its file; `opd` is never empty."""

    nama: str
    judul: str
    tingkat: Level
    opd: str
    sql: str
    kalimat: str
    sebab: str
    tenang_jam: int
    where: str
    inputs: frozenset[str]

    @property
    def dated(self) -> bool:
        """Whether the rule can be asked of a past day."""
        return DAY in self.sql

    @cached_property
    def _lake_sql(self) -> str:
        head = FrontMatter(description=self.judul, grain="")
        model = Model(f"aturan.{self.nama}", self.sql, head, self.inputs, "", Path(self.where))
        return render(model, lambda _: None)

    def query(self, day: date) -> str:
        """The SELECT over the lake for a business date."""
        return self._lake_sql.replace(DAY, f"DATE '{day.isoformat()}'")

    def sentence(self, row: Mapping[str, Any]) -> str:
        """What the rule says of a row."""
        return _Said().vformat(self.kalimat, (), row)

    def cause(self, row: Mapping[str, Any]) -> str:
        """What the alert of a row is rolled up by."""
        return _Said().vformat(self.sebab, (), row)


class _Said(Formatter):
    """Templates with Indonesian figures. A missing value is never 0."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if value is None:
            return figures.NONE
        match format_spec:
            case "rupiah":
                return figures.rupiah(Decimal(str(value)))
            case "angka":
                return figures.number(Decimal(str(value)))
            case "persen":
                return figures.percent(Decimal(str(value)) / 100)
            case "tanggal":
                return figures.long_date(value.date() if isinstance(value, datetime) else value)
            case "bulan":
                return figures.month(value)
        return str(value)


def find_rules(roots: Sequence[Path], shared: Path) -> tuple[Rule, ...]:
    """Rules of all agency folders and the shared ones of the folder `shared`. Raises RuleError with every fault."""
    paths = [*sorted(p for root in roots for p in root.glob(f"*/{FILE}")), *shared.glob(FILE)]
    rules: dict[str, Rule] = {}
    faults: list[str] = []
    for path in paths:
        where = f"{path.parent.name}/{path.name}"
        found, wrong = _read(path, where)
        faults += [f"{where}: {fault}" for fault in wrong]
        for rule in found:
            if rule.nama in rules:
                faults.append(f"{where}: {rule.nama}: nama is also in {rules[rule.nama].where}")
            rules[rule.nama] = rule
    if faults:
        raise RuleError("\n".join(faults))
    return tuple(rules[n] for n in sorted(rules))


def _read(path: Path, where: str) -> tuple[list[Rule], list[str]]:
    try:
        document, doubled = read_yaml(path.read_bytes())
        if doubled:
            return [], [f"{key}: {reason}" for key, reason in doubled]
        text = _FileText.model_validate(document)
    except ValidationError as error:
        return [], [f"{_key(document, e['loc'])}: {e['msg']}" for e in error.errors()]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return [], [f"(file): {' '.join(str(error).split())}"]
    opd = text.opd or _agency_opd(path.parent)
    rules, faults = [], []
    for one in text.aturan:
        wrong = list(_faults(one, where))
        if not (one.opd or opd):
            wrong.append("opd: empty, and neither the file nor the agency has one")
        faults += [f"{one.nama}: {fault}" for fault in wrong]
        if not wrong:
            values = one.model_dump() | {"opd": one.opd or opd, "sql": one.sql.strip().rstrip(";")}
            rules.append(Rule(**values, where=where, inputs=tables_read(where, one.sql)))
    return rules, faults


def _agency_opd(folder: Path) -> str:
    """The task's owner by `agency.yaml`; a folder without one, or with a faulty one, has none here."""
    try:
        return load_agency(folder).opd
    except ValueError:
        return ""


def _key(document: Any, loc: Sequence[int | str]) -> str:
    """The path of a fault, with the rule's name in the place of its number."""
    parts = [str(step) for step in loc]
    if len(loc) > 1 and loc[0] == "aturan" and isinstance(loc[1], int):
        entry = document["aturan"][loc[1]]
        named = entry.get("nama") if isinstance(entry, dict) else None
        parts[:2] = [str(named) if named else f"aturan[{loc[1]}]"]
    return ".".join(parts)


def _faults(rule: _RuleText, where: str) -> Iterator[str]:
    try:
        tables_read(where, rule.sql)
        tree = sqlglot.parse_one(rule.sql, read="duckdb")
        columns = tree.named_selects if isinstance(tree, exp.Query) else []
    except ModelError as error:
        yield f"sql: {str(error).removeprefix(f'{where}: ')}"
        return
    if "*" in columns:
        yield "sql: name the columns instead of *"
        return
    for name in NEEDED:
        if name not in columns:
            yield f"sql: gives no column '{name}'"
    for key in ("kalimat", "sebab"):
        try:
            fields = [(field, form) for _, field, form, _ in Formatter().parse(getattr(rule, key)) if field is not None]
        except ValueError as error:
            yield f"{key}: {error}"
            continue
        for field, form in fields:
            if not re.match(_NAME, field) or field not in columns:
                yield f"{key}: {{{field}}} is no column of the SELECT; there are: {', '.join(columns)}"
            if (form or "") not in _FORMS:
                yield f"{key}: {{{field}:{form}}} has an unknown form; there are: {', '.join(filter(None, _FORMS))}"
