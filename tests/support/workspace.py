"""A real, small warehouse for tests: some days of every dataset from the stand-ins, through the real ingest, models
and analysts' snapshot. Built once a test session; tests that change something work on a copy.

Tests ask for the fixture `small_warehouse` (in `tests/conftest.py`).
"""

import atexit
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from assets.alerts import ALERTS, judge_alerts, note_promises
from assets.ingest import Ingest
from assets.windows import partition_dates
from assets.workspace import Workspace
from connectors.contract import Contract
from ssp_pipeline import app
from ssp_pipeline.settings import Settings, load_settings
from warehouse import snapshot
from warehouse.build import Builder
from warehouse.checks import Checker
from warehouse.modelling import ViewHead, find_models
from warehouse.ops import Outcome

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 11, 20)
DAYS = 3
SSP = str(Path(sys.executable).with_name("ssp"))


@cache
def shared_checker() -> Checker:
    """The checks, in one process for all tests: it needs seconds to start."""
    checker = Checker()
    atexit.register(checker.close)
    return checker


@dataclass(frozen=True)
class Small:
    """The home of a warehouse, and what belongs to opening it."""

    home: Path
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Variables for a process that is to work on this warehouse."""
        own = {k: v for k, v in os.environ.items() if not k.startswith("SSP_") and k != "COLUMNS"}
        return own | {"SSP_HOME": str(self.home), "SSP_TODAY": TODAY.isoformat()} | self.extra

    @property
    def settings(self) -> Settings:
        return load_settings(environment=self.environment)

    @property
    def snapshots(self) -> Path:
        return self.home / "snapshots"

    @contextlib.contextmanager
    def open(self, *, sandbox_url: str = "", run_id: str | None = None) -> Iterator[Workspace]:
        workspace = app.open_workspace(self.settings, sandbox_url=sandbox_url, run_id=run_id)
        workspace.__dict__["checker"] = shared_checker()
        try:
            yield workspace
        finally:
            del workspace.__dict__["checker"]
            workspace.close()

    def copy(self, home: Path) -> "Small":
        """The same warehouse in another folder. Its snapshots still name the parts of the first; publish anew."""
        shutil.copytree(self.home, home, symlinks=True)
        con = sqlite3.connect(home / "lake" / "catalog.sqlite")
        con.execute("UPDATE ducklake_metadata SET value = ? WHERE key = 'data_path'", [f"{home / 'lake' / 'data'}/"])
        con.commit()
        con.close()
        return Small(home, self.extra)

    def ssp(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the real command on this warehouse."""
        return subprocess.run(
            [SSP, *arguments], env=self.environment | more, cwd=ROOT, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip


def pull(workspace: Workspace, contracts: Sequence[Contract], first: date, last: date) -> list[Outcome]:
    """Pull and settle the datasets' partitions of some business dates, as a run does."""
    ingest = Ingest(workspace)
    outcomes: list[Outcome] = []
    for contract in contracts:
        days = [] if contract.ext.partisi == "tunggal" else partition_dates(contract, first, last)
        outcomes += ingest.run(contract, days)
    return outcomes


def give_out(workspace: Workspace) -> snapshot.Made:
    """Build the models and views that are out of date, judge the alerts, then publish."""
    models = find_models(workspace.registry.roots, workspace.shared_models)
    builder = Builder(workspace.lake, workspace.registry.contracts, workspace.run_id)
    note_promises(workspace)
    for model in models:
        if not isinstance(model.head, ViewHead):
            builder.build(model)
    views = [m for m in models if isinstance(m.head, ViewHead)]
    builder.build_together([v for v in views if ALERTS not in v.inputs])
    judge_alerts(workspace)
    builder.build_together([v for v in views if ALERTS in v.inputs])
    return snapshot.publish(workspace.lake, workspace.home / "snapshots", workspace.registry.contracts, models)


def build(home: Path, *, days: int = DAYS, datasets: Sequence[str] = ()) -> Small:
    """Make a warehouse in `home`: `days` closed business dates of the datasets, all of them by default."""
    small = Small(home)
    with app.stand_ins(small.settings, days=max(days, 35)) as url, small.open(sandbox_url=url) as workspace:
        workspace.checker.start()
        registry = workspace.registry
        contracts = [registry.contract(d) for d in datasets] or list(registry.contracts)
        outcomes = pull(workspace, contracts, TODAY - timedelta(days=days), TODAY - timedelta(days=1))
        bad = [(o.dataset, o.partisi, o.status, o.alasan, o.rincian) for o in outcomes if not o.ok]
        assert not bad, bad
        if not datasets:
            give_out(workspace)
    return small
