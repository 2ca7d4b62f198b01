"""Dagster's instance: its home below SSP_HOME, configured by the repository's `dagster.yaml`.

Belongs here: opening it, and freeing what a killed run left claimed. Does not belong here: definitions.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ssp_pipeline.settings import ROOT, Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance


def prepare_home(settings: Settings) -> Path:
    """Make the home folder with a link to `dagster.yaml`; gives its path."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    link = home / "dagster.yaml"
    target = ROOT / "dagster.yaml"
    if not link.exists():
        with suppress(FileExistsError):
            link.symlink_to(target)
    return home


@contextmanager
def open_instance(settings: Settings) -> Iterator["DagsterInstance"]:
    """The instance, after runs that were killed have been marked as failed and their pool slots freed."""
    from dagster import DagsterInstance

    home = prepare_home(settings)
    os.environ["DAGSTER_HOME"] = str(home)
    with DagsterInstance.from_config(str(home)) as instance:
        free_dead_runs(instance)
        yield instance


_PID = "ssp/pid"


def process_tag() -> dict[str, str]:
    """Tag that names this process as the one that a run lives in."""
    return {_PID: str(os.getpid())}


def free_dead_runs(instance: "DagsterInstance") -> int:
    """Mark in-process runs of processes that are gone as failed. Returns how many there were.

    Dagster keeps the pool slots of a killed run claimed and the run itself started; the run's tag names the process.
    """
    from dagster import DagsterRunStatus, RunsFilter

    freed = 0
    started = [DagsterRunStatus.STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.NOT_STARTED]
    for run in instance.get_runs(RunsFilter(statuses=started)):
        pid = run.tags.get(_PID)
        if pid is None or _alive(int(pid)):
            continue
        instance.report_run_failed(run, "the process of this run was ended")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        freed += 1
    return freed


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
