"""The main job with embedded defaults reaches nothing beyond loopback, and the watch that says so sees what does."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents import ROOT
from tests.support.watched import Watched, watched_python

# An address kept for documents (RFC 5737) and a name that never resolves. The watch stops both before they are used.
OUTSIDE = {
    "connect": "import socket; socket.create_connection(('203.0.113.1', 9), timeout=1)",
    "resolve": "import socket; socket.getaddrinfo('example.invalid', 443)",
    "send": "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('203.0.113.1', 9))",
    "listen": "import socket; socket.socket().bind(('0.0.0.0', 0))",
    "requests": "import requests; requests.get('http://example.invalid/', timeout=1)",
    "child": "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-I', '-c', "
    "\"import socket; socket.create_connection(('203.0.113.1', 9), timeout=1)\"]))",
}


@dataclass(frozen=True)
class WatchedRun:
    """What a run of the real job reported, and the watched Python that ran it."""

    report: Mapping[str, Any]
    python: Watched


@pytest.fixture(scope="module")
def watched_run(tmp_path_factory: pytest.TempPathFactory) -> WatchedRun:
    """Two days of market prices and the lists that their models read, from the stand-ins to what is given out."""
    place = tmp_path_factory.mktemp("diawasi")
    python = watched_python(place)
    days = ["--from", "2026-11-18", "--to", "2026-11-19", "--today", "2026-11-20"]
    agencies = ["--agency", "pihps", "--agency", "referensi", "--agency", "komoditas"]
    command = ["-c", "from ssp_pipeline.cli import main; main()", "run", "--json", *days, *agencies]
    done = python.run(command, {"SSP_HOME": str(place / "var")}, cwd=ROOT)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return WatchedRun(json.loads(done.stdout), python)


def test_the_main_job_opens_no_socket_beyond_loopback(watched_run: WatchedRun) -> None:
    assert watched_run.python.tried == []


def test_the_job_that_was_watched_did_the_work_in_all_its_processes(watched_run: WatchedRun) -> None:
    rows = {row["dataset"]: row for row in watched_run.report["dataset"]}
    assert rows["pihps.harga_pangan_pasar"]["diterima"] > 100
    assert watched_run.report["cuplikan"]
    watched = "\n".join(watched_run.python.processes)
    assert "connectors.sandbox" in watched
    assert "warehouse.checks.worker" in watched


@pytest.mark.parametrize("way", OUTSIDE)
def test_the_watch_sees_and_stops_an_attempt_to_leave(way: str, tmp_path: Path) -> None:
    python = watched_python(tmp_path)
    done = python.run(["-c", OUTSIDE[way]], {}, cwd=ROOT)
    assert done.returncode != 0
    assert "beyond loopback" in done.stderr
    (attempt,) = {line.split(" ", 2)[1] for line in python.tried}
    assert attempt in ("203.0.113.1", "example.invalid", "0.0.0.0")


def test_the_watch_lets_loopback_and_local_sockets_pass(tmp_path: Path) -> None:
    python = watched_python(tmp_path)
    script = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname()); "
        "socket.getaddrinfo('localhost', 80); u = socket.socket(socket.AF_UNIX); u.bind('lokal')"
    )
    done = python.run(["-I", "-c", script], {}, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert python.tried == []
