"""The HLS prober: a process of its own that looks at every camera each five minutes and writes the log.

    python -m connectors.cctv.prober --cameras connectors/cctv/reference/aliran_kamera.csv \\
        --base https://atcsdishub.medan.go.id --dasar-hukum "nomor surat" --out DIR --supervise

A line a camera and round, and a heartbeat line (id "0") a round:

    {"t":"2026-11-20T03:05:00Z","id":"31","status":"up","latency_ms":142,"http":200,"seq":880411}
    {"t":"2026-11-20T03:05:00Z","id":"0","status":"heartbeat","latency_ms":null,"http":null,"seq":null}

`t` is the start of the round's slot (a multiple of --every), not the instant of the request. A slot without a
line was not measured: readers call it unknown, and this program never writes that word. Serve DIR as /log.

Belongs here: rounds, judging two looks, the command line. Does not belong here: one look (`hls.py`), the camera
file (`cameras.py`), the log's files (`logbook.py`), restarting (`supervisor.py`).
Exit codes: 0 ended by --once or a signal, 2 wrong arguments, 3 another prober writes to the directory, 4 the log
cannot be written.
"""

import argparse
import logging
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TypeVar

import orjson

from connectors.cctv.cameras import CameraFileError, foreign_hosts, load_cameras
from connectors.cctv.hls import Camera, Eye, Limits, Look, moved
from connectors.cctv.logbook import Logbook, LogbookBusy

log = logging.getLogger("cctv.prober")

HEARTBEAT_ID = 0
HEARTBEAT_FILE = ".denyut"
WRONG_ARGUMENTS, BUSY, CANNOT_WRITE = 2, 3, 4
_T = TypeVar("_T")


@dataclass(frozen=True)
class Pace:
    """How a round is spread: seconds between rounds, over which the looks start, and until a second look.

    A second look comes after one and a half target durations, but not before `pause_min` or after `pause_max`.
    """

    every: int = 300
    spread: float = 30.0
    pause_min: float = 1.0
    pause_max: float = 15.0
    workers: int = 8


class Prober:
    """Rounds over all cameras. `clock` gives the UNIX time; `stop` ends a run within one look's deadline."""

    def __init__(
        self,
        cameras: Sequence[Camera],
        logbook: Logbook,
        *,
        pace: Pace | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
        stop: threading.Event | None = None,
        tick: float = 1.0,
        orphaned: Callable[[], bool] = lambda: False,
    ):
        self._cameras = tuple(cameras)
        self._logbook = logbook
        self._pace = pace or Pace()
        self._limits = limits or Limits()
        self._clock = clock
        self._stop = stop or threading.Event()
        self._tick = tick
        self._orphaned = orphaned
        self._before: dict[int, tuple[int, Look]] = {}

    def run(self, *, once: bool = False) -> None:
        """Probe until stopped. Raises OSError when the log cannot be written."""
        last = self._logbook.last_slot()
        written = int(last.timestamp()) if last else -1
        every = self._pace.every
        while not self._stop.is_set():
            now = self._clock()
            slot = int(now) // every * every
            self._logbook.close_before(datetime.fromtimestamp(now, UTC))
            # Late in a slot (a restart) a round could not end before the next one: that slot stays unmeasured.
            if slot > written and (once or now - slot <= every / 2):
                self._round(slot)
                written = slot
            if once:
                return
            if written - slot > every:
                log.warning("the clock was set back: no round before %s", datetime.fromtimestamp(written, UTC))
            self._wait_until(max(slot, written) + every)

    def probe(self, slot: int) -> dict[int, Look]:
        """The verdict on each camera, without those that `stop` left unfinished. `slot` is a UNIX time."""
        eye, now = Eye(self._limits), time.monotonic()
        spread = min(self._pace.spread, self._pace.every / 2)
        # Random moments: the host never gets all requests at once, nor always in one order.
        plan = sorted(((now + random.uniform(0, spread), c) for c in self._cameras), key=lambda p: p[0])
        verdicts: dict[int, Look] = {}
        with ThreadPoolExecutor(self._pace.workers, thread_name_prefix="look") as pool:
            started = [(camera, pool.submit(self._at, due, eye.look, camera)) for due, camera in plan]
            unsure: list[tuple[float, int, Look]] = []
            for camera, future in started:
                done = future.result()
                if done is None:
                    continue
                look, ended = done
                verdict = self._judge(slot, camera.id, look)
                if verdict is None:
                    unsure.append((ended + self._pause(look), camera.id, look))
                else:
                    verdicts[camera.id] = verdict
            unsure.sort(key=lambda u: u[0])
            again = [(i, look, pool.submit(self._at, due, eye.again, look)) for due, i, look in unsure]
            for number, first, second in again:
                done = second.result()
                if done is not None:
                    verdicts[number] = _compare(first, done[0])
        for number, look in verdicts.items():
            if look.status in ("up", "frozen"):
                self._before[number] = (slot, look)
        return verdicts

    def _round(self, slot: int) -> None:
        started = time.monotonic()
        verdicts = self.probe(slot)
        t = datetime.fromtimestamp(slot, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        lines = [_line(t, c.id, v.status, v) for c in self._cameras if (v := verdicts.get(c.id))]
        lines.append(_line(t, HEARTBEAT_ID, "heartbeat"))
        self._logbook.append(datetime.fromtimestamp(slot, UTC), lines)
        (self._logbook.root / HEARTBEAT_FILE).touch()
        up = sum(look.status == "up" for look in verdicts.values())
        log.info("%s: %d of %d cameras up, %.1f s", t, up, len(self._cameras), time.monotonic() - started)

    def _at(self, due: float, work: Callable[[_T], Look], subject: _T) -> tuple[Look, float] | None:
        """Do the work at its time; jobs are queued by time, so a waiting worker delays none that is due."""
        if self._stop.wait(max(0.0, due - time.monotonic())):
            return None
        return work(subject), time.monotonic()

    def _judge(self, slot: int, number: int, look: Look) -> Look | None:
        """A verdict by the last round's look; None when only a second look can tell."""
        if look.status != "up" or look.ended:
            return look if look.status != "up" else replace(look, status="frozen")
        seen, before = self._before.get(number, (0, None))
        if before is None or slot - seen > 2 * self._pace.every or before.url != look.url:
            return None
        if look.seq is None or before.seq is None or look.seq < before.seq:
            return None  # the stream was started anew
        return _compare(before, look)

    def _pause(self, look: Look) -> float:
        return min(max(1.5 * look.hold, self._pace.pause_min), self._pace.pause_max)

    def _wait_until(self, instant: float) -> None:
        while (left := instant - self._clock()) > 0 and not self._stop.wait(min(left, self._tick)):
            if self._orphaned():
                log.warning("the supervisor is gone; ending")
                self._stop.set()


def _compare(before: Look, after: Look) -> Look:
    """The later look, as `frozen` if nothing moved since the earlier one."""
    if after.status not in ("up", "playlist_only") or moved(before, after):
        return after
    return replace(after, status="frozen")


def _line(t: str, number: int, status: str, look: Look | None = None) -> bytes:
    found = look or Look("timeout")
    line = {"t": t, "id": str(number), "status": status, "latency_ms": found.latency_ms}
    return orjson.dumps(line | {"http": found.http, "seq": found.seq})


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m connectors.cctv.prober", description="HLS prober")
    parser.add_argument("--cameras", type=Path, required=True, help="CSV or JSON: id and url, or nama_aliran")
    parser.add_argument("--base", default="", help="address before /stream/<nama_aliran>/stream.m3u8")
    parser.add_argument("--out", type=Path, required=True, help="directory of the log; serve it as /log")
    parser.add_argument("--every", type=int, default=300, metavar="S", help="seconds from round to round")
    parser.add_argument("--deadline", type=float, default=3.5, metavar="S", help="for one look at one camera")
    parser.add_argument("--spread", type=float, default=30.0, metavar="S", help="over which the looks start")
    parser.add_argument("--workers", type=int, default=8, help="looks under way at once")
    parser.add_argument("--allow-host", action="append", default=[], help="host that playlists may lead to")
    parser.add_argument("--dasar-hukum", default="", help="legal basis; needed for every host but loopback")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--once", action="store_true", help="one round, then end")
    mode.add_argument("--supervise", action="store_true", help="run as a worker that is restarted when it dies")
    parser.add_argument("--parent", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.every < 1 or given.deadline <= 0 or given.spread < 0 or given.workers < 1:
        parser.error("--every, --deadline and --workers are positive, --spread is not negative")
    return given


def main(argv: Sequence[str] | None = None) -> int:
    """Run the prober; gives the exit code."""
    given = _arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    try:
        cameras = load_cameras(given.cameras, given.base)
    except CameraFileError as error:
        print(error, file=sys.stderr)
        return WRONG_ARGUMENTS
    strangers = foreign_hosts(cameras)
    if strangers and not given.dasar_hukum.strip():
        hosts = ", ".join(sorted(strangers))
        print(f"{hosts}: a live host is not probed without --dasar-hukum (legal basis)", file=sys.stderr)
        return WRONG_ARGUMENTS
    stop = threading.Event()

    def end(signum: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    if given.supervise:
        from connectors.cctv.supervisor import supervise

        own = [a for a in (sys.argv[1:] if argv is None else argv) if a != "--supervise"]
        command = [sys.executable, "-m", "connectors.cctv.prober", *own, "--parent", str(os.getpid())]
        return supervise(
            command,
            stop,
            pulse=given.out / HEARTBEAT_FILE,
            silence=3 * given.every + 60,
            final=(WRONG_ARGUMENTS, BUSY),
        )
    try:
        logbook = Logbook(given.out, datetime.now(UTC))
    except LogbookBusy as error:
        print(error, file=sys.stderr)
        return BUSY
    if logbook.repaired:
        log.warning("cut the torn tail of %d file(s)", logbook.repaired)
    prober = Prober(
        cameras,
        logbook,
        pace=Pace(every=given.every, spread=given.spread, workers=given.workers),
        limits=Limits(deadline=given.deadline, hosts=frozenset(given.allow_host)),
        stop=stop,
        orphaned=lambda: bool(given.parent) and os.getppid() != given.parent,
    )
    try:
        prober.run(once=given.once)
    except OSError as error:
        log.error("the log cannot be written: %s", error)
        return CANNOT_WRITE
    finally:
        logbook.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
