"""The bar of `ssp run`: in a terminal it tells how far the run is, elsewhere it writes nothing."""

import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK = """
import time
from ssp_pipeline.progress import ProgressBar
with ProgressBar(quiet={quiet}) as bar:
    bar.begin("menarik", 3)
    bar.advance()
    bar.advance()
    bar.say("harga 1.000")
    time.sleep(0.5)
"""


def seen(*, quiet: bool) -> str:
    """What a terminal of 100 columns gets."""
    ours, theirs = pty.openpty()
    parts: list[bytes] = []

    def read() -> None:
        try:
            while part := os.read(ours, 4096):
                parts.append(part)
        except OSError:
            return  # the other end is closed

    reader = threading.Thread(target=read)
    reader.start()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-c", WORK.format(quiet=quiet)]
    subprocess.run(command, stdout=theirs, stderr=theirs, env=environment, cwd=ROOT, timeout=60, check=True)
    os.close(theirs)
    reader.join(timeout=60)
    os.close(ours)
    return b"".join(parts).decode()


def test_a_terminal_is_told_how_many_of_how_many_are_done_and_what_goes_on() -> None:
    text = seen(quiet=False)
    assert "menarik" in text
    assert "2/3" in text
    assert "harga 1.000" in text


def test_a_quiet_run_and_one_without_a_terminal_write_nothing() -> None:
    assert seen(quiet=True) == ""
    command = [sys.executable, "-c", WORK.format(quiet=False)]
    ended = subprocess.run(command, capture_output=True, cwd=ROOT, timeout=60, check=True)
    assert (ended.stdout, ended.stderr) == (b"", b"")
