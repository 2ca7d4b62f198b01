"""`ssp up`: it starts, answers on loopback, runs a pull, and ends without leaving a process behind."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from ssp_pipeline.command_centre.accounts import Accounts
from ssp_pipeline.instance import process_tag
from ssp_pipeline.settings import ROOT
from ssp_pipeline.up import fail_abandoned
from tests.support.command_centre import PASSWORD, Visitor
from tests.support.waiting import free_port

START = [sys.executable, "-c", "from ssp_pipeline.cli import main; main()", "up"]
LAUNCH = """mutation($job: String!) { launchRun(executionParams: {mode: "default", runConfigData: {}, selector: {
  repositoryLocationName: "ssp_pipeline.definitions", repositoryName: "__repository__", jobName: $job}})
  { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
LOADED = """{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError {
  __typename ... on PythonError { message } } } } } }"""
TIMERS = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
  schedules { name scheduleState { status } } sensors { name sensorState { status } } } } } }"""


class Server:
    """A running `ssp up` and questions to its web server."""

    def __init__(self, home: Path):
        self.port, self.portal = free_port(), free_port()
        self.home = home
        self.log = home.parent / "up.log"
        self.operator = Visitor(f"http://127.0.0.1:{self.port}")
        Accounts(home / "masuk" / "akun.json").add("budi", PASSWORD, ["operator"])
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("SSP_", "DAGSTER_"))} | {
            "SSP_HOME": str(home),
            "SSP_TODAY": "2026-11-20",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*START, "--port", str(self.port), "--portal-port", str(self.portal)],
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def ask(self, query: str, **variables: Any) -> Any:
        """Ask Dagster, as an operator does. Raises OSError while nobody answers."""
        page = {"Origin": self.operator.address, "Sec-Fetch-Site": "same-origin"}
        try:
            if "ssp_sesi" not in self.operator.cookies:
                assert self.operator.log_in("budi").status_code == 303
            answer = self.operator.post(
                "/dagster/graphql", json={"query": query, "variables": variables}, headers=page
            )  # fmt: skip
        except httpx.TransportError as error:
            raise OSError(f"refused: {error}") from error
        if answer.status_code == 503:
            raise OSError("Dagster does not answer yet")
        return answer.json()["data"]

    def until(self, what: str, seconds: float, look: Any) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            try:
                found = look()
            except OSError:
                found = None
            if found:
                return found
            time.sleep(0.25)
        raise AssertionError(f"{what} did not come about in {seconds} s: {self.log.read_text()[-3000:]}")

    def listening(self) -> set[int]:
        """Every TCP port that one of its processes listens on."""
        held = set()
        for pid in self.processes():
            for entry in Path(f"/proc/{pid}/fd").glob("*"):
                with suppress(OSError):
                    held.add(str(entry.readlink()))
        tables = [Path(f"/proc/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6")]
        fields = [line.split() for table in tables for line in table]
        return {int(f[1].rpartition(":")[2], 16) for f in fields if f[3] == "0A" and f"socket:[{f[9]}]" in held}

    def processes(self) -> list[int]:
        """Every process that was given this home, by its environment."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if f"SSP_HOME={self.home}".encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
        return found


def speaks_http(port: int, path: str) -> bool:
    """Whether a web server on this port gives this address to anybody who asks."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "var")
    yield server
    server.operator.close()
    server.process.kill()
    server.process.wait()
    for pid in server.processes():
        os.kill(pid, signal.SIGKILL)


def test_up_serves_runs_a_pull_of_the_stand_ins_and_leaves_nothing_when_told_to_end(up: Server) -> None:
    up.until("the web server", 60, lambda: up.ask("{ version }"))
    location = up.ask(LOADED)["workspaceOrError"]["locationEntries"]
    assert [(e["name"], e["loadStatus"], e["locationOrLoadError"]["__typename"]) for e in location] == [
        ("ssp_pipeline.definitions", "LOADED", "RepositoryLocation")
    ]
    (repository,) = up.ask(TIMERS)["repositoriesOrError"]["nodes"]
    assert len(repository["schedules"]) > 10
    assert {s["scheduleState"]["status"] for s in repository["schedules"]} == {"RUNNING"}
    assert {s["sensorState"]["status"] for s in repository["sensors"]} == {"RUNNING"}

    commands = [(Path("/proc") / str(pid) / "cmdline").read_bytes().split(b"\0") for pid in up.processes()]
    lifetimes = [command[command.index(b"--max-lifetime") + 1] for command in commands if b"--max-lifetime" in command]
    assert lifetimes == [b"0"], "the stand-ins end with `ssp up`, and not before"

    portal = f"http://127.0.0.1:{up.portal}/status"
    assert up.until("the portal", 60, lambda: json.load(urllib.request.urlopen(portal, timeout=5))) == {
        "rilis": 0, "terbit": None, "dataset": 0, "tabel_di_memori": {},
    }  # fmt: skip

    with Visitor(up.operator.address) as stranger:
        assert stranger.get("/dagster/graphql").headers["location"].startswith("/masuk?")
    assert 'href="/dagster/' in up.operator.get("/dagster/", headers={"Accept": "text/html"}).text

    servers = [port for port in up.listening() if port not in (up.port, up.portal)]
    assert [port for port in servers if speaks_http(port, "/dagster/server_info")] == []

    launched = up.ask(LAUNCH, job="tarik_pihps__ref_pasar")["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    query = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
    ended = {"SUCCESS", "FAILURE", "CANCELED"}
    status = up.until(
        "the run",
        60,
        lambda: (s := up.ask(query, id=launched["run"]["runId"])["runOrError"]["status"]) in ended and s,
    )
    assert status == "SUCCESS"

    second = subprocess.run([*START, "--port", "0"], env=up.environment, cwd=ROOT, capture_output=True, text=True)
    assert second.returncode == 2
    assert "another `ssp up`" in second.stderr

    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(30) == 0
    assert up.processes() == []
    with pytest.raises(OSError, match="refused"):
        up.ask("{ version }")
    complaints = [
        line for line in up.log.read_text().splitlines() if any(w in line for w in (" ERROR ", "Traceback", "Warning:"))
    ]
    assert complaints == []


def test_runs_that_a_killed_daemon_left_are_marked_failed_and_those_of_other_processes_are_not(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        for number, (status, tags) in enumerate(
            [
                (DagsterRunStatus.STARTED, {}),
                (DagsterRunStatus.STARTING, {}),
                (DagsterRunStatus.CANCELING, {}),
                (DagsterRunStatus.STARTED, process_tag()),
                (DagsterRunStatus.NOT_STARTED, {}),
                (DagsterRunStatus.SUCCESS, {}),
            ]
        ):
            instance.add_run(DagsterRun(job_name="tarik", run_id=str(number), status=status, tags=tags))
        assert fail_abandoned(instance) == 3
        states = {run.run_id: run.status for run in instance.get_runs()}
        failed = {run for run, status in states.items() if status is DagsterRunStatus.FAILURE}
        assert failed == {"0", "1", "2"}
        assert fail_abandoned(instance) == 0
