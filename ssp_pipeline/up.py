"""What `ssp up` keeps running: Dagster's web server and daemon, the command centre before it, the portal, and the
stand-ins for agencies not live.

Belongs here: starting, watching and ending these processes, and what a killed predecessor left in Dagster's storage.
Does not belong here: schedules and assets (`assets/`), serving a stand-in (`connectors/sandbox.py`).
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ssp_pipeline import app
from ssp_pipeline.dagster_web import DEFINITIONS
from ssp_pipeline.instance import open_instance, prepare_home
from ssp_pipeline.settings import ROOT, Settings, SettingsError, today_wib

if TYPE_CHECKING:
    from dagster import DagsterInstance

INBOX_DAYS = 62
"""Days of offices' files that the stand-ins drop into the inbox: two closed months."""

DAGSTER_PATH = "/dagster"
"""Path under which Dagster's web server serves, so that it can stand behind the command centre."""

_GRACE = 15.0
_LOOK_EVERY = 2.0
_AGAIN = 20.0
_HARMLESS = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSP_CONFIG")
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def keep_up(settings: Settings, centre_port: int, portal_port: int, say: Callable[[str], None]) -> int:
    """Run until a signal comes (gives 0) or the web server or the daemon ends by itself (gives 1).

    Raises SettingsError when another `ssp up` works on the same Dagster home.
    """
    stop = threading.Event()
    with _sole(prepare_home(settings)), ExitStack() as stack, _signals(stop):
        with open_instance(settings) as instance:
            left = fail_abandoned(instance)
        if left:
            say(f"{left} jalan terputus ditandai gagal")
        environment = dict(os.environ) | {
            "DAGSTER_HOME": str(settings.dagster_home),
            "SSP_HOME": str(settings.home),
        }
        stand_ins: _StandIns | None = None
        if app.needs_stand_ins(settings):
            stand_ins = stack.enter_context(_StandIns(settings))
            environment["SSP_SANDBOX_URL"] = stand_ins.url
            say(f"instansi tiruan: {stand_ins.url}")
        # A short path, in a folder that only we can enter: paths of sockets are limited to some hundred bytes.
        socket = Path(stack.enter_context(TemporaryDirectory(prefix="ssp-"))) / "dagster"
        parts = [stack.enter_context(_part(name, command, environment)) for name, command in _commands(socket)]
        servers = _servers(settings, environment, socket, centre_port, portal_port)
        served = [stack.enter_context(_Served(*facts, say)) for facts in servers]
        say(
            f"pusat komando: http://127.0.0.1:{centre_port}, di dalamnya Dagster: /dagster/; "
            f"portal: http://127.0.0.1:{portal_port} (Ctrl-C mengakhiri)"
        )
        while not stop.wait(_LOOK_EVERY):
            ended = next((p for p in parts if not p.alive), None)
            if ended:
                say(f"{ended.name} berhenti sendiri dengan kode {ended.process.returncode}; semuanya diakhiri")
                return 1
            for server in served:
                server.look()
            if stand_ins:
                stand_ins.look()
        say("mengakhiri")
        return 0


def _commands(socket: Path) -> list[tuple[str, list[str]]]:
    return [
        ("server web", [sys.executable, "-m", "ssp_pipeline.dagster_web", str(socket), DAGSTER_PATH]),
        ("daemon", [sys.executable, "-m", "dagster._daemon", "run", "-m", DEFINITIONS]),
    ]


def fail_abandoned(instance: "DagsterInstance") -> int:
    """Mark runs that were under way when the daemon's machine or process was killed as failed; gives their number.

    Runs belong to the one daemon of an instance. Before that daemon starts, nothing can be running, yet Dagster
    would hold the pool slots of such runs for ever. Runs of `ssp run` carry their process and are left alone.
    """
    from dagster import DagsterRunStatus, RunsFilter

    from ssp_pipeline.instance import process_tag

    status = DagsterRunStatus
    abandoned = [
        run
        for run in instance.get_runs(RunsFilter(statuses=[status.STARTING, status.STARTED, status.CANCELING]))
        if not process_tag().keys() & run.tags.keys()
    ]
    for run in abandoned:
        # Slots first: a kill between the two would leave slots claimed by a run that nobody looks at again.
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        instance.report_run_failed(run, "the daemon was ended while this run was under way")
    return len(abandoned)


@contextmanager
def _sole(home: Path) -> Iterator[None]:
    """Two daemons on one instance would start every schedule twice."""
    with (home / "up.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(f"another `ssp up` works on {home}; end it first, or set SSP_HOME") from None
        yield


@contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class _Part:
    """A process that leads a group of its own, so that its children end with it."""

    name: str
    process: "subprocess.Popen[bytes]"

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def end(self) -> None:
        """Ask the process to end, then make sure that nothing of its group is left."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_GRACE)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def _part(name: str, command: Sequence[str], environment: Mapping[str, str]) -> Iterator[_Part]:
    part = _Part(name, subprocess.Popen(command, env=dict(environment), cwd=ROOT, start_new_session=True))
    try:
        yield part
    finally:
        part.end()


def _servers(
    settings: Settings, environment: Mapping[str, str], dagster: Path, centre_port: int, portal_port: int
) -> list[tuple[str, list[str], Mapping[str, str]]]:
    """What serves people: name, command and environment.

    Of this process's environment the portal is given nothing but what a program needs to run, so no secret.
    """
    run = [sys.executable, "-c", "from ssp_pipeline.cli import main; main()"]
    harmless = {k: v for k, v in settings.environment.items() if k in _HARMLESS}
    centre = [*run, "dashboard", "--port", str(centre_port), "--dagster-url", f"unix:{dagster}"]
    return [
        ("pusat komando", centre, environment),
        ("portal", [*run, "portal", "--port", str(portal_port)], harmless | {"SSP_HOME": str(settings.home)}),
    ]


class _Served:
    """A server, begun anew when it ended by itself: what serves people must not end what fills the lake."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], say: Callable[[str], None]):
        self._name = name
        self._command = command
        self._environment = environment
        self._say = say
        self._stack = ExitStack()

    def __enter__(self) -> "_Served":
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def look(self) -> None:
        """Begin anew if needed, though not at once: what ended it may last."""
        if not self._part.alive and time.monotonic() - self._begun > _AGAIN:
            self._say(f"{self._name} berhenti sendiri dengan kode {self._part.process.returncode}; dimulai lagi")
            self._stack.close()
            self._begin()

    def _begin(self) -> None:
        self._begun = time.monotonic()
        self._part = self._stack.enter_context(_part(self._name, self._command, self._environment))


class _StandIns:
    """The stand-ins on one port, begun anew when the business date changes or they do not answer."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._stack = ExitStack()
        self._today = settings.today
        self.url = ""

    def __enter__(self) -> "_StandIns":
        self._begin(0)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def look(self) -> None:
        """Begin anew if needed."""
        today = self._settings.today if self._settings.today_fixed else today_wib()
        if today == self._today and self._answers(today):
            return
        self._today = today
        self._stack.close()
        self._begin(int(self.url.rsplit(":", 1)[1]))

    def _begin(self, port: int) -> None:
        settings = replace(self._settings, today=self._today)
        self.url = self._stack.enter_context(app.stand_ins(settings, days=INBOX_DAYS, port=port))

    def _answers(self, today: date) -> bool:
        connection = HTTPConnection(self.url.removeprefix("http://"), timeout=3)
        try:
            connection.request("GET", "/_sehat")
            return bool(json.load(connection.getresponse())["today"] == today.isoformat())
        except (OSError, HTTPException, ValueError, KeyError):
            return False
        finally:
            connection.close()
