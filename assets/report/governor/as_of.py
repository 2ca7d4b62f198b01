"""Dashboard views as they stood on a date: the same SQL over the lake's rows up to what was closed by then.

A view tells of the newest date that the lake holds. A report of a past date asks the view's own SELECT again, over
facts cut at the last date that was closed then. What was corrected since is seen; what came since is not. Does not
belong here: which views a report reads (`inputs.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl
import sqlglot
from sqlglot import exp

from assets.timeliness import WIB, expected_newest, promise_row, promised
from connectors.contract import Agency, Contract
from warehouse import ops
from warehouse.duck import LAKE, ident, literal
from warehouse.lake import Lake
from warehouse.modelling import Model, ModelError

MADE_AT = time(6, 45)
"""WIB: when a report is made, after the last pull of the morning; it speaks of what is to be there by then."""

_PROMISES = "ops.harapan"
_TEMP = "laporan_"
_TABLES = f"SELECT schema_name || '.' || table_name AS tabel FROM duckdb_tables() WHERE database_name = '{LAKE}'"


@dataclass(frozen=True)
class Cut:
    """What a report of a date may see, by dataset; None where there is only one partition.

    `newest`: the last partition that it may see; `expected`: the one that scheduled pulls had brought by `MADE_AT`.
    `told_until`: alerts of the date after this instant are not seen; None sees all of them.
    """

    day: date
    newest: Mapping[str, str | None]
    expected: Mapping[str, str | None]
    told_until: datetime | None = None


def cut_at(
    day: date, contracts: Sequence[Contract], *, exact: bool, seen: Mapping[str, str | None] | None = None
) -> Cut:
    """The cut of a report of `day`.

    `exact`: the clock is the real one, so alerts of that day's later hours are left out. `seen`: newest partitions of
    the report's first version; a revision sees these, and what was late then, but nothing that closed since.
    """
    made = datetime.combine(day, MADE_AT, WIB)
    expected = {c.id: expected_newest(c, made) for c in contracts}
    newest = {c.id: _closed(c, day) for c in contracts}
    if seen is not None:
        newest = {d: n and max(seen.get(d) or "", expected[d] or "") for d, n in newest.items()}
    return Cut(day, newest, expected, made + timedelta(minutes=10) if exact else None)


def _closed(contract: Contract, day: date) -> str | None:
    """The newest partition that may be closed on a date: for reports by month that is the month before, even where the
    contract promises it later."""
    if contract.ext.partisi == "bulanan":
        return (day.replace(day=1) - timedelta(days=1)).replace(day=1).isoformat()
    return promised(contract, day)


class AsOf:
    """Views at a cut. Temporary tables of the lake's connection hold them; nothing of the lake is changed.

    `newest`: the last partition of each dataset that is there and may be seen.
    """

    def __init__(
        self,
        lake: Lake,
        cut: Cut,
        models: Sequence[Model],
        contracts: Sequence[Contract],
        agencies: Mapping[str, Agency],
    ):
        self._lake = lake
        self._cut = cut
        self._models = {m.table: m for m in models}
        self._contracts = {f"source.{c.table}": c for c in contracts}
        self._tables = set(lake.query(_TABLES)["tabel"])
        self._made: dict[str, str] = {}
        self.newest: dict[str, str] = {}
        self._made[_PROMISES] = self._promises(contracts, agencies)

    def query(self, sql: str, where: str = "laporan") -> pl.DataFrame:
        """Run a SELECT over `core`, `dashboard` and `ops` as they stood. Raises MissingInput, duckdb.Error."""
        return self._lake.query(self._over_cut(sql, where))

    def _over_cut(self, sql: str, where: str) -> str:
        """The SELECT with each table replaced by its rows at the cut; views that it reads are made first."""
        tree = sqlglot.parse_one(sql, read="duckdb")

        def replace(node: exp.Expression) -> exp.Expression:
            if not isinstance(node, exp.Table) or not node.db:
                return node
            result = self._stand_in(f"{node.db}.{node.name}", where)
            result.set("alias", node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(node.name)))
            for key in ("joins", "pivots", "laterals"):
                if node.args.get(key):
                    result.set(key, node.args[key])
            return result

        return tree.transform(replace, copy=False).sql(dialect="duckdb")

    def _stand_in(self, table: str, where: str) -> exp.Expression:
        if table not in self._made and (table.startswith("dashboard.") or self._whole(table)):
            self._made[table] = self._build(table, where)
        if table in self._made:
            return exp.table_(self._made[table], quoted=True)
        if table not in self._tables:
            raise MissingInput(f"{where}: {table} is not in the lake yet")
        schema, _, name = table.partition(".")
        physical = exp.table_(name, db=schema, catalog=LAKE, quoted=True)
        condition = self._condition(table)
        return exp.select("*").from_(physical).where(condition, dialect="duckdb").subquery() if condition else physical

    def _whole(self, table: str) -> bool:
        """Whether a model of one partition tells of dated rows, so that it cannot be cut and is made anew."""
        model = self._models.get(table)
        return model is not None and not model.head.partition and any(self._dated(t) for t in model.inputs)

    def _dated(self, table: str) -> bool:
        model = self._models.get(table)
        return self._date_column(table) is not None or (model is not None and any(map(self._dated, model.inputs)))

    def _build(self, table: str, where: str) -> str:
        """Make a view, or a model of one partition, at the cut; gives the name of its temporary table."""
        model = self._models.get(table)
        if model is None:
            raise MissingInput(f"{where}: there is no view {table}")
        name = _TEMP + table.replace(".", "_")
        sql = self._over_cut(model.sql, table)
        self._lake.query(f"CREATE OR REPLACE TEMP TABLE {ident(name)} AS {sql}")
        return name

    def _condition(self, table: str) -> str | None:
        if table == "ops.hasil":
            return self._outcomes()
        if table == "ops.peringatan":
            until = self._cut.told_until
            own = f" AND waktu <= TIMESTAMPTZ {literal(until.isoformat())}" if until else ""
            day = literal(self._cut.day.isoformat())
            return f"partisi < {day} OR (partisi = {day}{own})"
        column = self._date_column(table)
        last = max((n for d in self._datasets(table) if (n := self._cut.newest.get(d))), default=None)
        return f"{ident(column)} <= DATE {literal(last)}" if column and last else None

    def _outcomes(self) -> str:
        """Outcomes of partitions up to each dataset's newest; keys that are no date are kept."""
        arms = " ".join(f"WHEN {literal(d)} THEN {literal(n)}" for d, n in self._cut.newest.items() if n)
        bound = f"CASE dataset {arms} ELSE '9999-12-31' END"
        return rf"partisi <= {bound} OR NOT regexp_full_match(partisi, '\d{{4}}-\d{{2}}-\d{{2}}')"

    def _date_column(self, table: str) -> str | None:
        contract = self._contracts.get(table)
        if contract is not None:
            return contract.partition_column
        model = self._models.get(table)
        return model.head.partition if model else None

    def _datasets(self, table: str) -> set[str]:
        """Datasets of dated partitions that a table is made from, at any depth."""
        contract = self._contracts.get(table)
        if contract is not None:
            return {contract.id}
        model = self._models.get(table)
        return {d for t in model.inputs for d in self._datasets(t)} if model else set()

    def _promises(self, contracts: Sequence[Contract], agencies: Mapping[str, Agency]) -> str:
        """`ops.harapan` of the cut: what each dataset promised by then, and the newest partition that it has."""
        self.newest = newest = {} if "ops.hasil" not in self._tables else dict(
            self._lake.query(
                f"SELECT dataset, max(partisi) AS terbaru FROM {LAKE}.ops.hasil "
                f"WHERE {ops.here_by(self._cut.day)} AND ({self._outcomes()}) GROUP BY dataset"
            ).iter_rows()
        )  # fmt: skip
        day, at = self._cut.day, datetime.combine(self._cut.day, MADE_AT, WIB)
        rows = [
            {"run_id": "laporan", "waktu": at}
            | promise_row(c, agencies[c.agency], day, self._cut.expected[c.id], newest.get(c.id))
            for c in contracts
        ]
        name = f"{_TEMP}harapan"
        columns = ops.TABLES[_PROMISES]
        lines = ", ".join(f"({', '.join(_constant(row[c], sql) for c, sql in columns.items())})" for row in rows)
        self._lake.query(
            f"CREATE OR REPLACE TEMP TABLE {ident(name)} AS "
            f"SELECT * FROM (VALUES {lines}) AS r ({', '.join(map(ident, columns))})"
        )
        return name


def _constant(value: Any, sql_type: str) -> str:
    """A typed constant. A registered frame would do, at the price of importing pandas: half a second of each report."""
    return "CAST(NULL AS VARCHAR)" if value is None else f"CAST({literal(str(value))} AS {sql_type})"


class MissingInput(ModelError):
    """A SELECT reads a table that the lake does not have yet."""
