"""Two notes of a run: what each dataset promised by this day and what is there, and which early warnings hold.

Belongs here: the assets and what they need of the workspace. Does not belong here: rules and their state machine
(`warehouse/alert_rules.py`, `warehouse/alerts.py`), telling people.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import polars as pl

from assets.models import POOL, asset_key
from assets.sources import OpenWorkspace
from assets.timeliness import GRACE, expected_newest, promise_row
from assets.workspace import Workspace
from connectors.contract import Contract
from warehouse import alerts, ops
from warehouse.alert_rules import Rule, find_rules
from warehouse.duck import LAKE

PROMISES = "ops.harapan"
ALERTS = "ops.peringatan"
DEFAULT_OPD = "Dinas Komunikasi dan Informatika"
"""Whose task a rule is that cannot be judged."""

_NOTED = f"""
SELECT * EXCLUDE (run_id, waktu) FROM {LAKE}.{PROMISES} WHERE partisi = ?
QUALIFY row_number() OVER (PARTITION BY dataset ORDER BY waktu DESC) = 1
"""


def note_promises(workspace: Workspace) -> int:
    """Write down, for today, the newest partition that each dataset promises by now and the newest that is there.

    Gives the number of rows written: only what differs from today's last note.
    """
    lake, registry, now = workspace.lake, workspace.registry, datetime.now(UTC)
    here = ops.here_by(workspace.today)
    newest = dict(
        lake.query(
            f"SELECT dataset, max(partisi) AS terbaru FROM {LAKE}.ops.hasil WHERE {here} GROUP BY dataset"
        ).iter_rows()
    )
    noted = {row["dataset"]: row for row in lake.query(_NOTED, [workspace.today.isoformat()]).iter_rows(named=True)}
    rows = []
    for contract in registry.contracts:
        agency, expected = registry.agencies[contract.agency], expected_newest(contract, workspace.now - GRACE)
        row = promise_row(contract, agency, workspace.today, expected, newest.get(contract.id))
        if noted.get(contract.id) != row:
            rows.append({**row, "run_id": workspace.run_id, "waktu": now})
    if rows:
        lake.transaction(lambda tx: tx.append(PROMISES, ops.frame(PROMISES, rows)), message="janji hari ini")
    return len(rows)


def judge_alerts(workspace: Workspace) -> alerts.Judged:
    """Judge all rules for today by what the lake holds. Raises RuleError for faulty rule files."""
    rules = rules_of(workspace)
    return alerts.judge(workspace.lake, rules, workspace.today, datetime.now(UTC), workspace.run_id, opd=DEFAULT_OPD)


def rules_of(workspace: Workspace) -> tuple[Rule, ...]:
    """Rules of all agencies and the shared ones. Raises RuleError."""
    return find_rules(workspace.registry.roots, workspace.shared_models)


def promises_asset(contracts: Sequence[Contract], open_workspace: OpenWorkspace) -> dg.AssetsDefinition:
    """What each dataset promised by today and what is there."""

    @dg.asset(
        key=asset_key(PROMISES),
        deps=[asset_key(f"source.{c.table}") for c in contracts],
        pool=POOL,
        group_name="ops",
        description="Partisi terbaru yang dijanjikan setiap dataset sampai hari ini, dan yang ada.",
        owners=["team:walidata"],
    )
    def harapan() -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(metadata={"catatan_baru": note_promises(open_workspace())})

    return harapan


def alerts_asset(rules: Sequence[Rule], tables: Sequence[str], open_workspace: OpenWorkspace) -> dg.AssetsDefinition:
    """Early warnings, judged after the tables that their rules read. A rule that cannot be judged is a warning too."""

    @dg.asset(
        key=asset_key(ALERTS),
        deps=[asset_key(t) for t in sorted({t for r in rules for t in r.inputs}) if t in tables],
        pool=POOL,
        group_name="ops",
        description="Peringatan dini: mulai, ubah, reda, selesai, menurut aturan.yaml setiap instansi.",
        owners=["team:walidata"],
    )
    def peringatan() -> dg.MaterializeResult[Any]:
        judged = judge_alerts(open_workspace())
        counts = pl.Series([e.peristiwa for e in judged.events], dtype=pl.String).value_counts()
        return dg.MaterializeResult(
            metadata={
                "terbuka": judged.open,
                "peristiwa": {str(k): int(n) for k, n in counts.iter_rows()},
                "aturan_tidak_jalan": dict(judged.failed),
            }
        )

    return peringatan
