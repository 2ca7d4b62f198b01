"""Measuring a whole process with its children: wall time, CPU time, peak memory of all together, bytes written."""

import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_EVERY_SECONDS = 0.1


@dataclass
class Figures:
    """One run. Seconds, mebibytes. `peak` is the largest sum of resident sizes over the process tree, which counts
    what processes share more than once; exact shares would cost the measured processes their time."""

    wall: float
    cpu: float
    peak: float
    written: float
    code: int
    output: str


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def memory_of(root: int) -> float:
    """Mebibytes that a process and its children hold now, as the sum of their resident sizes."""
    return round(sum(_resident(pid) for pid in _tree(root)) / 1024**2, 1)


def run(command: Sequence[str], environment: Mapping[str, str], *, timeout: float = 900) -> Figures:
    """Run a command to its end and measure it. Its standard output is kept."""
    started = time.monotonic()
    before = os.times()
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)
    handle = os.pidfd_open(process.pid)
    peak = 0
    written: dict[int, int] = {}
    while not select.select([handle], [], [], _EVERY_SECONDS)[0]:
        pids = _tree(process.pid)
        peak = max(peak, sum(_resident(p) for p in pids))
        for pid in pids:
            try:
                text = Path(f"/proc/{pid}/io").read_text()
            except OSError:
                continue
            written[pid] = int(text.split("write_bytes:")[1].split()[0])
        if time.monotonic() - started > timeout:
            process.kill()
    wall = time.monotonic() - started
    os.close(handle)
    output, _ = process.communicate()
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Figures(wall, cpu, peak / 1024**2, sum(written.values()) / 1024**2, process.returncode, output)
