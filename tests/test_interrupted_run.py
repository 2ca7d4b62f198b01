"""Ctrl-C and SIGTERM while `ssp run` pulls: it ends at once and in order, and the next run does what is left."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ssp_pipeline.interruption import interruptible
from tests.support.workspace import ROOT, Small

DATASETS = ("tirtanadi.produksi_air", "tirtanadi.gangguan_air", "pihps.ref_pasar")
CHOSEN = [part for dataset in DATASETS for part in ("--dataset", dataset)]
RUN = ("run", "--from", "2026-11-18", "--to", "2026-11-19", *CHOSEN)


class Silent:
    """A host that takes requests and answers none."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._taken: list[socket.socket] = []
        self.asked = threading.Event()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._taken.append(connection)
                if connection.recv(1):
                    self.asked.set()

    def close(self) -> None:
        for one in (self._listener, *self._taken):
            one.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    host = Silent()
    yield host
    host.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_in_a_pull_ends_with_130_and_the_next_one_completes(
    tmp_path: Path, silent: Silent, number: signal.Signals
) -> None:
    config = tmp_path / "ssp.toml"
    config.write_text(f'[instansi.tirtanadi]\nlangsung = true\ndasar_hukum = "uji"\nurl = "{silent.url}"\n')
    small = Small(tmp_path / "rumah", {"SSP_CONFIG": str(config)})
    process = subprocess.Popen(
        [sys.executable, "-c", "from ssp_pipeline.cli import main; main()", *RUN],
        env=small.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert silent.asked.wait(60), process.poll()
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does: the process of checks gets it too
        else:
            process.send_signal(number)
        out, err = process.communicate(timeout=20)  # less than the host has to answer
    finally:
        process.kill()
    assert process.returncode == 130, (out, err)
    assert "Traceback" not in out + err
    assert "Dihentikan" in err
    assert out == ""
    assert not list(small.snapshots.glob("*.duckdb"))
    config.write_text("")
    whole = number == signal.SIGINT
    done = small.ssp(*RUN) if whole else small.ssp(*RUN, "--no-models")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("cuplikan v000001 (baru)" in done.stdout) == whole
    with small.open() as workspace:
        settled = [len(workspace.lake.states(dataset)) for dataset in DATASETS]
    assert settled == [2, 2, 1], "two days of both, and the list"


def test_a_signal_whose_exception_was_swallowed_still_ends_the_run() -> None:
    """DuckDB makes a failed query of it."""
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    for number in (signal.SIGINT, signal.SIGTERM):
        with interruptible() as end_if_asked:
            end_if_asked()
            with suppress(KeyboardInterrupt):
                os.kill(os.getpid(), number)
            for _ in range(2):
                with pytest.raises(KeyboardInterrupt):
                    end_if_asked()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
