"""`ssp up`: it starts, answers on loopback, runs a pull, and ends without leaving a process behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
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

START = [sys.executable, "-c", "from ssp_pipeline.cli import main; main()", "up"]
LAUNCH = """mutation($job: String!) { launchRun(executionParams: {mode: "default", runConfigData: {}, selector: {
  repositoryLocationName: "ssp_pipeline.definitions", repositoryName: "__repository__", jobName: $job}})
  { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
LOADED = """{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError {
  __typename ... on PythonError { message } } } } } }"""
TIMERS = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
  schedules { name scheduleState { status } } sensors { name sensorState { status } } } } } }"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A running `ssp up` and questions to its web server."""

    def __init__(self, home: Path):
        self.port, self.centre, self.portal = free_port(), free_port(), free_port()
        self.home = home
        self.log = home.parent / "up.log"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("SSP_", "DAGSTER_"))} | {
            "SSP_HOME": str(home),
            "SSP_TODAY": "2026-11-20",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *START,
                    "--port",
                    str(self.port),
                    "--centre-port",
                    str(self.centre),
                    "--portal-port",
                    str(self.portal),
                ],
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def ask(self, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/dagster/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return json.load(answer)["data"]

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


def reached(visitor: Visitor, path: str) -> str:
    """What an address answers. Raises OSError while nobody does."""
    try:
        return visitor.get(path).text
    except httpx.TransportError as error:
        raise OSError from error


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "var")
    yield server
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

    Accounts(up.home / "masuk" / "akun.json").add("budi", PASSWORD, ["operator"])
    with Visitor(f"http://127.0.0.1:{up.centre}") as operator:
        assert up.until("the command centre", 60, lambda: reached(operator, "/sehat")) == "sehat\n"
        assert operator.get("/dagster/server_info").headers["location"].startswith("/masuk?")
        assert operator.log_in("budi").status_code == 303
        assert operator.get("/dagster/server_info").json()["dagster_version"]

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
