"""Dagster's instance: its home below SSP_HOME, configured by the repository's `dagster.yaml`.

Belongs here: opening it, and freeing what a killed run left claimed. Does not belong here: definitions, storage.
"""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.crashpoint import crashpoint
from connectors.durable import PRIVATE_FILE, locked
from ssp_pipeline.settings import ROOT, Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

_PROCESS = "ssp/proses"
_TOKEN = uuid.uuid4().hex


def prepare_home(settings: Settings) -> Path:
    """Make the home folder with a link to `dagster.yaml`; gives its path. A file of the user's own there is left."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    link = home / "dagster.yaml"
    if link.is_symlink() and not link.exists():
        link.unlink(missing_ok=True)  # the project has moved
    if not link.exists():
        with suppress(FileExistsError):
            link.symlink_to(ROOT / "dagster.yaml")
    return home


def batch_events() -> None:
    """Let Dagster hand the events of a range's partitions to its storage together, unless it is told otherwise."""
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "500")


@contextmanager
def open_instance(settings: Settings) -> Iterator["DagsterInstance"]:
    """The instance for this process, after runs that were killed have been marked as failed and their slots freed.

    What a run prints is not captured into files here, as Dagster would do: the terminal and its progress bar are ours.
    """
    from dagster import DagsterInstance
    from dagster._core.instance.ref import InstanceRef

    home = prepare_home(settings)
    os.environ["DAGSTER_HOME"] = str(home)
    batch_events()
    nothing = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
    reference = InstanceRef.from_dir(str(home), overrides={"compute_logs": nothing})
    with _alive(home), DagsterInstance.from_ref(reference) as instance:
        free_dead_runs(instance, home)
        yield instance


def process_tag() -> dict[str, str]:
    """Tag that names this process as the one that a run lives in."""
    return {_PROCESS: _TOKEN}


@contextmanager
def _alive(home: Path) -> Iterator[None]:
    """Hold this process's file locked for as long as runs may live in it.

    The lock ends with the process, however it ends. A process number would not do: after a restart, and in a
    container most of all, the same number soon belongs to somebody else.
    """
    folder = home / "proses"
    with locked(folder / ".lock"):
        file = os.open(folder / _TOKEN, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        fcntl.flock(file, fcntl.LOCK_SH)
    try:
        yield
    finally:
        os.close(file)


def free_dead_runs(instance: "DagsterInstance", home: Path) -> int:
    """Mark in-process runs of processes that are gone as failed. Returns how many there were.

    Dagster keeps the pool slots of a killed run claimed and the run itself started; the run's tag names the process.
    Slots go first and the process's file last, so that this can be killed anywhere and is finished by the next.
    """
    from dagster import DagsterRunStatus as Status
    from dagster import RunsFilter

    freed = 0
    folder = home / "proses"
    with locked(folder / ".lock"):
        gone = {path.name: path for path in folder.iterdir() if path.name != ".lock" and _is_free(path)}
        if not gone:
            return 0
        under_way = [Status.STARTED, Status.STARTING, Status.NOT_STARTED, Status.CANCELING]
        for run in instance.get_runs(RunsFilter(statuses=under_way)):
            if run.tags.get(_PROCESS) in gone:
                instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
                crashpoint("instance.slots_freed")
                instance.report_run_failed(run, "the process of this run was ended")
                freed += 1
        for path in gone.values():
            path.unlink()
    return freed


def _is_free(path: Path) -> bool:
    file = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True
