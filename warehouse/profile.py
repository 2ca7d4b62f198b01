"""What is measured of each partition, and the checks over that: one partition against the one before it.

Belongs here: the profile, and which partitions its checks hit. Does not belong here: checks of rows, and what becomes
of a partition (`stage.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import polars as pl

from connectors.contract import Contract
from warehouse.checks import Check, Checker, CheckFailure, Verdict, partition_suite
from warehouse.duck import arrow, ident

PARTITION = "_partisi"
"""Name of the text column that holds the partition key of a staged or rejected row."""


def measures(con: duckdb.DuckDBPyConnection, contract: Contract, good: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Row count and the contract's metrics of each partition that has rows. Raises CheckFailure."""
    if good.is_empty():
        return {}
    try:
        return measured(con, contract, good, contract.ext.profil)
    except duckdb.Error as error:
        # DuckDB quotes values in its messages, and a value may be private.
        raise CheckFailure(f"profil: {type(error).__name__} pada salah satu metrik") from None


def measured(
    con: duckdb.DuckDBPyConnection, contract: Contract, rows: pl.DataFrame, metrics: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Row count and some metrics of each partition. Raises duckdb.Error."""
    columns = "".join(f", CAST({sql} AS DOUBLE) AS {ident(name)}" for name, sql in metrics.items())
    # Dates are quicker to group by than their texts.
    key = ident(contract.partition_column or PARTITION)
    con.register("baris", arrow(rows))
    try:
        cursor = con.execute(f"SELECT {key}, count(*) AS jumlah_baris{columns} FROM baris GROUP BY 1")
        names = [d[0] for d in cursor.description or ()]
        return {str(row[0]): dict(zip(names[1:], row[1:], strict=True)) for row in cursor.fetchall()}
    finally:
        con.unregister("baris")


class PartitionChecks:
    """The checks over the profile of partitions, where one partition is measured against the one before it."""

    def __init__(
        self,
        contract: Contract,
        partitions: Sequence[str],
        measured: Mapping[str, Mapping[str, Any]],
        rejected: pl.DataFrame,
        previous: Mapping[str, Mapping[str, Any]],
    ):
        self._contract = contract
        self._partitions = partitions
        self._measured = measured
        self._previous = previous
        counts = rejected[PARTITION].value_counts() if rejected.height else pl.DataFrame()
        self._aside: dict[str, int] = dict(counts.iter_rows()) if counts.height else {}
        self._suite = partition_suite(contract)
        self._verdicts: Sequence[Verdict] = ()
        self.profiles: dict[str, dict[str, Any]] = {}
        self.blocked: dict[str, str] = {}

    def run(self, checker: Checker) -> None:
        """Evaluate. A blocked partition is no measure for the next one, which is then judged again without it.

        Raises CheckFailure.
        """
        relative = {f"{m}_terakhir" for m in self._metrics} | {f"rasio_{m}" for m in self._metrics}
        out: set[str] = set()
        while True:
            self.profiles = self._profile(out)
            frame = pl.DataFrame(
                [self.profiles[p] for p in self._partitions], infer_schema_length=None, orient="row"
            ).with_columns(pl.selectors.by_dtype(pl.Null).cast(pl.Float64))
            self._verdicts = checker.run(f"{self._contract.id}.partisi", self._suite, frame)
            self.blocked, alone = {}, set()
            for verdict in (v for v in self._verdicts if v.check.blocking):
                for partition in self._hit(verdict):
                    self.blocked.setdefault(partition, _reason(verdict))
                    if verdict.check.kwargs.get("column") not in relative:
                        alone.add(partition)
            fresh = [p for p in self._partitions if p in self.blocked and p not in out]
            # Of those blocked by comparison only the first is sure: the later ones were compared with it.
            fresh = [p for n, p in enumerate(fresh) if n == 0 or p in alone]
            compared = any(v.check.kwargs.get("column") in relative for v in self._verdicts)
            if not compared or not fresh or fresh == [self._partitions[-1]]:
                return
            out.update(fresh)

    @property
    def _metrics(self) -> tuple[str, ...]:
        return ("jumlah_baris", *self._contract.ext.profil)

    def _hit(self, verdict: Verdict) -> list[str]:
        if verdict.result == "galat":
            return list(self._partitions)
        return [self._partitions[n] for n in verdict.failing]

    def _profile(self, out: set[str]) -> dict[str, dict[str, Any]]:
        """Metrics by partition, each also with the value of the last partition before it that is not `out`."""
        profiles: dict[str, dict[str, Any]] = {}
        last: Mapping[str, Any] = {}
        for partition in self._partitions:
            own = self._measured.get(partition) or {"jumlah_baris": 0, **dict.fromkeys(self._contract.ext.profil)}
            before = self._previous.get(partition) or last
            bad = self._aside.get(partition, 0)
            total = own["jumlah_baris"] + bad
            profile = dict(own) | {"rasio_karantina": bad / total if total else 0.0}
            for name in self._metrics:
                value, reference = own.get(name), before.get(name)
                profile[f"{name}_terakhir"] = None if reference is None else float(reference)
                profile[f"rasio_{name}"] = float(value) / float(reference) if value is not None and reference else None
            profiles[partition] = profile
            if own["jumlah_baris"] and partition not in out:
                last = own
            elif before is not last:
                last = before
        return profiles

    def _detail(self, verdict: Verdict, partition: str) -> str:
        """What the check saw in this partition: the verdict's own detail counts all that were judged together."""
        if verdict.result == "galat":
            return verdict.detail
        profile, named = self.profiles[partition], str(verdict.check.kwargs)
        seen = (name for name in profile if repr(name) in named)
        return ", ".join(f"{name} {_short(profile[name])}" for name in seen)

    def records(self) -> list[dict[str, Any]]:
        """One row of `ops.pemeriksaan` a check and partition."""
        found = []
        for verdict in self._verdicts:
            hit = set(self._hit(verdict))
            for partition in self._partitions:
                result = verdict.result if partition in hit else "lulus"
                detail = self._detail(verdict, partition) if partition in hit else ""
                found.append(record(partition, verdict.check, result, int(partition in hit), detail))
        return found


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _reason(verdict: Verdict) -> str:
    if verdict.result == "galat":
        return f"pemeriksaan_galat: {verdict.check.name}: {verdict.detail}"
    return f"{verdict.check.name}: {verdict.check.description}"


def record(partition: str, check: Check, result: str, failing: int, detail: str) -> dict[str, Any]:
    """One row of `ops.pemeriksaan`, without what is the same for a whole attempt."""
    return {
        "partisi": partition,
        "pemeriksaan": check.name,
        "jenis": check.type,
        "tingkat": check.scope,
        "beratnya": "blokir" if check.blocking else "catat",
        "hasil": result,
        "jumlah_gagal": failing,
        "rincian": detail,
    }
