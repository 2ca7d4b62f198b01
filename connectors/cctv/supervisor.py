"""Keeping one worker process alive: started again with growing pauses, ended with its supervisor.

Belongs here: processes and pauses. Does not belong here: what the worker does (`prober.py`).
"""

import contextlib
import logging
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

log = logging.getLogger("cctv.supervisor")

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_STEADY = 120.0
_GRACE = 15.0


def supervise(
    command: Sequence[str],
    stop: threading.Event,
    *,
    pulse: Path,
    silence: float,
    final: Sequence[int] = (),
    first_pause: float = _FIRST_PAUSE,
) -> int:
    """Run `command` until `stop` is set, and start it again whenever it ends; gives the exit code.

    The pause doubles up to a minute and is forgotten once a worker has lived for two. A worker that has not
    touched `pulse` for `silence` seconds hangs: it is killed and replaced. An exit code in `final` is no
    accident that a restart would mend; it is given back.
    """
    pause = first_pause
    while not stop.is_set():
        born = time.monotonic()
        worker = subprocess.Popen(command)
        log.info("worker %d started", worker.pid)
        while worker.poll() is None:
            if stop.wait(0.2):
                _end(worker)
                return 0
            if time.monotonic() - born > silence and _age(pulse) > silence:
                log.error("worker %d has not finished a round for %.0f s; killing it", worker.pid, silence)
                worker.kill()
        if worker.returncode in final:
            return worker.returncode
        if time.monotonic() - born > _STEADY:
            pause = first_pause
        log.warning("worker %d ended with code %d; next in %.1f s", worker.pid, worker.returncode, pause)
        stop.wait(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    return 0


def _end(worker: "subprocess.Popen[bytes]") -> None:
    worker.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        worker.wait(_GRACE)
        return
    worker.kill()
    worker.wait()


def _age(path: Path) -> float:
    """Seconds since the file was touched; endless if it is not there."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
