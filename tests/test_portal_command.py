"""`ssp portal` as operators run it: with the public folder alone, ended by a signal, its settings checked."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
import requests

from tests.support.documents import ROOT
from tests.support.portal import Hand
from tests.support.waiting import free_port, until

COMMAND = [sys.executable, "-c", "from ssp_pipeline.cli import main; main()", "portal"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    hand = Hand(tmp_path / "var" / "terbuka")
    hand.put("uji", pa.table({"nomor": [1, 2, 3]}), {"nomor": "BIGINT"})
    hand.release()
    return tmp_path / "var"


def environment(home: Path, toml: str = "") -> dict[str, str]:
    (home.parent / "ssp.toml").write_text(toml)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SSP_", "DAGSTER_"))}
    return kept | {"SSP_HOME": str(home), "SSP_CONFIG": str(home.parent / "ssp.toml"), "no_proxy": "*"}


@contextmanager
def serving(home: Path, toml: str = "") -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    port = free_port()
    process = subprocess.Popen([*COMMAND, "--port", str(port)], cwd=ROOT, env=environment(home, toml))
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _status(url) == 200, 60)
        yield url, process
    finally:
        process.kill()
        process.wait()


def _status(url: str) -> int:
    try:
        return requests.get(url + "/status", timeout=5).status_code
    except requests.RequestException:
        return 0


def children(pid: int) -> list[int]:
    """Processes whose parent is this one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(folder.name))
        except (OSError, ValueError, IndexError):
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_serves_the_public_folder_alone_and_leaves_nothing_behind(home: Path, number: signal.Signals) -> None:
    with serving(home) as (url, process):
        assert requests.get(f"{url}/api/sql?q=SELECT+sum(nomor)+AS+s+FROM+uji", timeout=30).json()["baris"] == [
            {"s": 6}
        ]
        own = children(process.pid)
        assert len(own) == 1, "one process for SQL"
        process.send_signal(number)
        assert process.wait(30) in (0, -number)
        until(lambda: not Path(f"/proc/{own[0]}").exists())
    assert sorted(p.name for p in home.iterdir()) == ["log", "terbuka"]


def rows_of(url: str) -> int:
    answer = requests.get(f"{url}/api/3/action/datastore_info?id=uji", timeout=5).json()
    return int(answer["result"]["meta"]["count"]) if answer["success"] else 0


def test_the_first_release_and_every_newer_one_are_taken_up_within_seconds(tmp_path: Path) -> None:
    hand = Hand(tmp_path / "var" / "terbuka")
    with serving(tmp_path / "var") as (url, _):
        assert rows_of(url) == 0
        for rows in (3, 4):
            hand.put("uji", pa.table({"nomor": list(range(rows))}), {"nomor": "BIGINT"})
            hand.release()
            until(lambda rows=rows: rows_of(url) == rows)


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ('[portal]\nberkas_kunci = "tidak/ada.toml"\n', "portal.berkas_kunci"),
        ("[portal]\nsql_detik = 0\n", "portal.sql_detik"),
        ("[portal]\nsqldetik = 1\n", "portal.sqldetik"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_is_served(home: Path, toml: str, named: str) -> None:
    done = subprocess.run(
        [*COMMAND, "--port", "0"], cwd=ROOT, env=environment(home, toml), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr
