"""Models as files: one SELECT with a front matter, its dependencies read out of the SQL.

Belongs here: finding, parsing and ordering models, rewriting one to a set of partitions. Does not belong here:
running them (`build.py`).
"""

import graphlib
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self, TypeVar

import sqlglot
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlglot import exp

from connectors.contract.strict import read_yaml
from warehouse.duck import LAKE

_FRONT = re.compile(r"\A\s*/\*\s*---\n(?P<yaml>.*?)\n---\s*\*/(?P<sql>.*)\Z", re.DOTALL)
_FILE = re.compile(r"^(?P<schema>core|dashboard|open_data)\.(?P<table>[a-z][a-z0-9_]*)\.sql$")
_VIEW_FILE = re.compile(r"^[a-z][a-z0-9_]*\.sql$")
_PHYSICAL = ("source", "core", "dashboard", "open_data", "ops", "quarantine")


VIEW_FOLDERS = ("charts", "dashboard")
"""Folders of dashboard views: `charts` of an agency, `dashboard` beside the shared models."""

Head = TypeVar("Head", bound="FrontMatter")


class ModelError(ValueError):
    """A model file is faulty; the message names the file and what is wrong."""


class ModelColumn(BaseModel):
    """What people read about a column, and whether it may leave the lake."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    description: str = ""
    satuan: str | None = None
    classification: Literal["public", "internal", "private"] = "private"


class FrontMatter(BaseModel):
    """Head of a model file.

    `partition`: a DATE column of the output. A partition is made when an input has rows on its day (in its month,
    for `partition_grain: bulanan`). Inputs that are partitioned are then read only for the days that the rebuilt
    partitions cover: their own and `lookback_days` before; tables of `ops` and `quarantine` by the date in `partisi`.
    `as_of`: inputs that are read whole, and whose change does not rebuild partitions that are there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    description: str
    grain: str
    partition: str | None = None
    partition_grain: Literal["harian", "bulanan"] = "harian"
    lookback_days: int = Field(default=0, ge=0, le=366)
    as_of: tuple[str, ...] = ()
    columns: dict[str, ModelColumn] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _only_with_partition(self) -> Self:
        if self.partition is None and (self.lookback_days or self.partition_grain != "harian"):
            raise ValueError("lookback_days and partition_grain need a partition")
        return self


class ViewHead(FrontMatter):
    """Head of a dashboard view: a model, and how people meet it.

    `judul`: heading (a chart's is the title of its specification); `halaman`: page that shows it; `urutan`: place on
    the page; `per`: DATE column that holds the as-of date of a row; `gambar`: the chart is also drawn as files by
    every run. `tampil`: columns of its table on the page, all without it; `susun`: order of its rows, by columns that
    rise, that fall (`-name`) or whose size falls, whatever their sign (`~name`), rows without a value last. `baris`:
    columns of the dataset behind a row → columns here with which they agree, to find just those rows.
    """

    judul: str = ""
    halaman: str | None = Field(default=None, pattern=r"^[a-z][a-z_]*$")
    urutan: int = Field(default=100, ge=1)
    per: str | None = None
    gambar: bool = False
    tampil: tuple[str, ...] = ()
    susun: tuple[str, ...] = ()
    baris: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _own_columns(self) -> Self:
        named = {*self.tampil, *(name.lstrip("-~") for name in self.susun), *self.baris.values()}
        if strange := sorted(named - self.columns.keys()):
            raise ValueError(f"tampil, susun and baris name {', '.join(strange)}, which columns does not")
        return self


@dataclass(frozen=True)
class Model:
    """One model: `table` is `schema.name`; `inputs` are the tables its SQL reads.

    `digest` is that of what its rows depend on, so a better description rebuilds nothing.
    """

    table: str
    sql: str
    head: FrontMatter
    inputs: frozenset[str]
    digest: str
    path: Path

    def covers(self, partition: date) -> tuple[date, date]:
        """First and last input date that a partition is made from."""
        last = partition
        if self.head.partition_grain == "bulanan":
            last = (partition.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        return partition - timedelta(days=self.head.lookback_days), last

    def partition_of(self, day: date) -> date:
        """The partition that an input date belongs to."""
        return day.replace(day=1) if self.head.partition_grain == "bulanan" else day


def load_model(path: Path) -> Model:
    """Read one model file; one in a folder of views makes `dashboard.<name>`. Raises ModelError."""
    where = f"{path.parent.parent.name}/{path.parent.name}/{path.name}"
    head: FrontMatter
    if path.parent.name in VIEW_FOLDERS:
        if not _VIEW_FILE.match(path.name):
            raise ModelError(f"{where}: a view's file is named <table>.sql, in small letters, digits and _")
        table = f"dashboard.{path.stem}"
        head, sql = read_select(path, where, ViewHead)
    else:
        name = _FILE.match(path.name)
        if not name:
            raise ModelError(f"{where}: a model file is named core|dashboard|open_data.<table>.sql")
        table = f"{name['schema']}.{name['table']}"
        head, sql = read_select(path, where, FrontMatter)
    inputs = tables_read(where, sql)
    if table in inputs:
        raise ModelError(f"{where}: reads its own table {table}")
    strange = sorted(set(head.as_of) - inputs)
    if strange:
        raise ModelError(f"{where}: as_of names {', '.join(strange)}, which the SELECT does not read")
    made_from = repr((sql, head.partition, head.partition_grain, head.lookback_days, head.as_of))
    digest = hashlib.sha256(made_from.encode()).hexdigest()[:16]
    return Model(table=table, sql=sql, head=head, inputs=inputs, digest=digest, path=path)


def read_select(path: Path, where: str, kind: type[Head]) -> tuple[Head, str]:
    """Front matter and SQL of a file with one SELECT; `where` names it in errors. Raises ModelError."""
    front = _FRONT.match(path.read_text(encoding="utf-8"))
    if not front:
        raise ModelError(f"{where}: starts with a front matter /* --- … --- */")
    try:
        document, doubled = read_yaml(front["yaml"].encode())
        head = kind.model_validate(document)
    except (ValidationError, yaml.YAMLError) as error:
        raise ModelError(f"{where}: {error}") from None
    if doubled:
        raise ModelError(f"{where}: " + "; ".join(f"{key} {fault}" for key, fault in doubled))
    return head, front["sql"].strip().rstrip(";")


@lru_cache(maxsize=1024)
def tables_read(where: str, sql: str) -> frozenset[str]:
    """The lake's tables that a SELECT reads. Raises ModelError for anything but one SELECT over known schemas."""
    return frozenset(_tables(where, _parse(where, sql)))


def _parse(where: str, sql: str) -> exp.Query:
    try:
        statements = sqlglot.parse(sql, read="duckdb")
    except sqlglot.errors.ParseError as error:
        raise ModelError(f"{where}: {error}") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ModelError(f"{where}: exactly one SELECT")
    return statements[0]


def _tables(where: str, tree: exp.Query) -> set[str]:
    found = set()
    for table in tree.find_all(exp.Table):
        if table.db in _PHYSICAL:
            found.add(f"{table.db}.{table.name}")
        elif table.db:
            raise ModelError(f"{where}: unknown schema in {table.db}.{table.name}")
    return found


def find_models(roots: Sequence[Path], shared: Path) -> tuple[Model, ...]:
    """Models and views of all agency folders and the shared ones, inputs before those that read them.

    Raises ModelError.
    """
    paths = [p for root in roots for kind in ("models", "charts") for p in root.glob(f"*/{kind}/*.sql")]
    paths += [*shared.glob("*.sql"), *shared.glob("dashboard/*.sql")]
    models: dict[str, Model] = {}
    for path in sorted(paths):
        model = load_model(path)
        if model.table in models:
            both = [f"{p.parent.parent.name}/{p.parent.name}/{p.name}" for p in (models[model.table].path, path)]
            raise ModelError(f"{model.table} is made by two files: {' and '.join(both)}")
        models[model.table] = model
    try:
        order = graphlib.TopologicalSorter({t: sorted(m.inputs & models.keys()) for t, m in models.items()})
        return tuple(models[t] for t in order.static_order())
    except graphlib.CycleError as error:
        raise ModelError(f"models depend on each other in a circle: {' → '.join(error.args[1])}") from None


def agencies_of(model: Model, models: Mapping[str, Model], agency: Mapping[str, str]) -> frozenset[str]:
    """Agencies whose data a model is made from, through all models between; `agency` gives that of a source table."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = list(model.inputs)
    while waiting:
        table = waiting.pop()
        if table in seen:
            continue
        seen.add(table)
        if table in agency:
            found.add(agency[table])
        elif table in models:
            waiting.extend(models[table].inputs)
    return frozenset(found)


def render(model: Model, restrict: Callable[[str], str | None]) -> str:
    """The model's SQL over the lake. `restrict` gives, for an input, a condition on its rows or None."""
    tree = sqlglot.parse_one(model.sql, read="duckdb")

    def replace(node: exp.Expression) -> exp.Expression:
        if not isinstance(node, exp.Table) or node.db not in _PHYSICAL:
            return node
        physical = exp.table_(node.name, db=node.db, catalog=LAKE, quoted=True)
        condition = restrict(f"{node.db}.{node.name}")
        if condition is None:
            physical.set("alias", node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(node.name)))
            result: exp.Expression = physical
        else:
            subquery = exp.select("*").from_(physical).where(condition, dialect="duckdb").subquery()
            subquery.set("alias", node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(node.name)))
            result = subquery
        for key in ("joins", "pivots", "laterals"):
            if node.args.get(key):
                result.set(key, node.args[key])
        return result

    return tree.transform(replace).sql(dialect="duckdb")


def column_lineage(model: Model, schema: Mapping[str, Mapping[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """Output column → the (table, column) pairs it is made from. `schema`: column → SQL type of each input table.

    Only tables of the schema are named. Empty for SQL that cannot be followed: lineage is told, nothing depends on it.
    """
    from sqlglot.lineage import lineage

    nested: dict[str, dict[str, Mapping[str, str]]] = {}
    for table, columns in schema.items():
        db, _, name = table.partition(".")
        nested.setdefault(db, {})[name] = columns
    try:
        nodes = lineage(None, model.sql, schema=nested, dialect="duckdb", trim_selects=False)
    except (sqlglot.errors.SqlglotError, ValueError, KeyError):
        return {}
    assert isinstance(nodes, dict)
    found: dict[str, list[tuple[str, str]]] = {}
    for column, node in nodes.items():
        leaves = {
            (f"{leaf.source.db}.{leaf.source.name}", leaf.name.rpartition(".")[2])
            for leaf in node.walk()
            if not leaf.downstream and isinstance(leaf.source, exp.Table)
        }
        found[column] = sorted(leaf for leaf in leaves if leaf[0] in schema and leaf[1] in schema[leaf[0]])
    return found
