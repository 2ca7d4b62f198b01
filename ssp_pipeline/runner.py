"""Driving the assets in one process: which partitions, in which order.

Belongs here: `ssp run`'s way through Dagster. Does not belong here: what an asset does (`assets/`), what is told of it
at the end (`run_result.py`, `closing.py`).
"""

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.sources import source_asset
from assets.timeliness import closed_window
from assets.triggers import range_tags
from assets.windows import partition_dates
from assets.workspace import Workspace
from connectors.contract import Contract
from ssp_pipeline.instance import open_instance, process_tag
from ssp_pipeline.interruption import interruptible
from ssp_pipeline.progress import ProgressBar
from ssp_pipeline.run_result import DatasetResult, RunResult
from ssp_pipeline.settings import Settings
from warehouse.ops import Outcome

if TYPE_CHECKING:
    from assets.open_data import Outcome as OpenOutcome
    from warehouse.build import Built

DAYS = 30
"""Closed business dates that a run without a window pulls."""


QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster's own log lines stay out of the terminal; they are in its event log."""


class Runner:
    """Runs assets in this process, with the same definitions that the schedules use."""

    def __init__(self, settings: Settings, workspace: Workspace, *, quiet: bool = False):
        self.settings = settings
        self.workspace = workspace
        self._quiet = quiet
        self._results: dict[str, DatasetResult] = {}
        self._built: list[Built] = []
        self._published: list[OpenOutcome] = []
        self._bar = ProgressBar(quiet=quiet)
        self._began = 0.0
        self._waiting = 0
        self._docs: Future[None] | None = None
        self._end_if_asked: Callable[[], None] = lambda: None

    def run(self, contracts: Sequence[Contract], window: tuple[date, date] | None, *, models: bool = True) -> RunResult:
        """Materialise the datasets' partitions, then models and snapshot. `window` None: the last closed days.

        Without contracts only models and snapshot are made, and no agency is asked. Ctrl-C and SIGTERM end it with
        KeyboardInterrupt.
        """
        with interruptible() as self._end_if_asked:
            try:
                return self._run(contracts, window, models)
            except KeyboardInterrupt:
                if not self._quiet:
                    message = "Dihentikan. Yang sudah diterima tetap ada; jalankan lagi untuk sisanya."
                    print(message, file=sys.stderr)
                raise

    def _run(self, contracts: Sequence[Contract], window: tuple[date, date] | None, models: bool) -> RunResult:
        started = time.monotonic()
        by_table = {
            c.table: source_asset(
                c, self.workspace.registry.agencies[c.agency], self._open, retries=False,
                on_outcomes=self._note, on_checked=self._checked, progress=self._progress,
            )
            for c in contracts
        }  # fmt: skip
        result = RunResult([])
        self._waiting = len(contracts)
        with (
            open_instance(self.settings) as instance,
            self._bar,
            ThreadPoolExecutor(1, "docs") as self._pool,
        ):
            self._bar.begin("menarik", len(contracts))
            for group, tags, key in self._groups(contracts, window):
                self._began = time.monotonic()
                run = dg.materialize(
                    [by_table[c.table] for c in group], instance=instance,
                    tags={**tags, **process_tag()}, partition_key=key,
                    run_config=QUIET, raise_on_error=False,
                )  # fmt: skip
                self._end_if_asked()
                self._note_errors(group, run)
            if models:
                self._materialize_models(instance, result)
            if contracts:
                self._bar.say("dokumen pemeriksaan")
                docs = self._docs or self._pool.submit(self.workspace.build_check_pages)
                docs.result()
        result.datasets = [self._results.get(c.id) or DatasetResult(c.id, error="tidak dijalankan") for c in contracts]
        result.models = self._built
        result.new_blobs = self.workspace.archive.new_blobs
        result.seconds = time.monotonic() - started
        return result

    def _groups(
        self, contracts: Sequence[Contract], window: tuple[date, date] | None
    ) -> list[tuple[list[Contract], dict[str, str], str | None]]:
        """Contracts that share one run: those of one grain and window; tags or key say which partitions."""
        today = self.settings.today
        groups: dict[tuple[str, str, str], list[Contract]] = {}
        for contract in contracts:
            if contract.ext.partisi == "tunggal":
                groups.setdefault(("", "", ""), []).append(contract)
            elif contract.ext.mode == "potret":
                groups.setdefault((today.isoformat(), "", contract.ext.partisi), []).append(contract)
            else:
                span = window or closed_window(contract, today, DAYS)
                days = partition_dates(contract, *span)
                key = (days[0].isoformat(), days[-1].isoformat(), contract.ext.partisi)
                groups.setdefault(key, []).append(contract)
        found: list[tuple[list[Contract], dict[str, str], str | None]] = []
        for (first, last, _), group in sorted(groups.items()):
            if not first:
                found.append((group, {}, None))
            elif not last:
                found.append((group, {}, first))
            else:
                found.append((group, range_tags(first, last), None))
        return found

    def _materialize_models(self, instance: Any, result: RunResult) -> None:
        from assets.build import model_assets
        from assets.open_data import RELEASE
        from ssp_pipeline.publishing import publishing

        assets = model_assets(
            self.workspace.registry, self.workspace.shared_models, self._open,
            publishing=publishing(self.settings), on_built=self._note_built, on_published=self._note_published,
        )  # fmt: skip
        self._bar.begin("membangun", sum(len(a.keys) for group in ("models", "open_data") for a in assets[group]))
        run = dg.materialize(
            [*assets["models"], *assets["give_out"], *assets["open_data"]],
            instance=instance,
            tags=process_tag(),
            run_config=QUIET,
            raise_on_error=False,
        )
        self._end_if_asked()
        for event in run.get_step_failure_events():
            error = event.step_failure_data.error
            cause = error.cause or error if error else None
            result.model_errors.append(f"{event.step_key}: {cause.message.strip() if cause else 'failed'}")
        for event in run.get_asset_materialization_events():
            if event.asset_key and event.asset_key.path[-1] == "cuplikan_analis":
                metadata = event.step_materialization_data.materialization.metadata
                result.snapshot = str(metadata["versi"].value)
                result.new_snapshot = bool(metadata["baru"].value)
        result.open_data = [o for o in self._published if o.dataset != RELEASE]
        result.release = next((o.rilis for o in self._published if o.dataset == RELEASE), None)

    def _open(self) -> Workspace:
        """What each step begins with: none does once the run was asked to end."""
        self._end_if_asked()
        return self.workspace

    def _note(self, contract: Contract, outcomes: Sequence[Outcome]) -> None:
        now = time.monotonic()
        result = self._results.setdefault(contract.id, DatasetResult(contract.id))
        result.outcomes.extend(outcomes)
        result.seconds += now - self._began
        self._began = now
        self._bar.advance()
        self._waiting -= 1
        if not self._waiting and self._docs is None:  # files, or nothing new: nobody said that all is checked
            self._docs = self._pool.submit(self.workspace.build_check_pages)

    def _note_built(self, built: "Built") -> None:
        self._built.append(built)
        self._bar.advance()
        self._bar.say(built.model)

    def _note_published(self, outcome: "OpenOutcome") -> None:
        self._published.append(outcome)
        self._bar.advance()
        self._bar.say(f"terbuka/{outcome.dataset}")

    def _checked(self) -> None:
        """With the last dataset's verdict all is checked: the pages about it are made while the rest goes on."""
        if self._waiting == 1:
            self._docs = self._pool.submit(self.workspace.build_check_pages)

    def _note_errors(self, group: Sequence[Contract], run: Any) -> None:
        for event in run.get_step_failure_events():
            contract = next(c for c in group if event.step_key.endswith(c.table))
            if contract.id not in self._results:
                error = event.step_failure_data.error
                cause = error.cause or error if error else None
                text = cause.message.strip() if cause else "gagal"
                self._results[contract.id] = DatasetResult(contract.id, error=text)

    def _progress(self, what: str, rows: int) -> None:
        self._bar.say(f"{what} {rows:,}".replace(",", "."))
