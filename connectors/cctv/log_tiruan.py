"""Made-up availability logs for the stand-in, in the prober's format.

Belongs here: what fails when, and the lines and files that follow from it. Does not belong here: routes
(`sandbox.py`), the real prober. Every hour's file depends on seed, cameras, day and hour alone.

What happens: single streams fail or freeze for minutes to hours, a corridor loses its line for hours, a few cameras
are dead for days, names cannot be resolved for minutes, single requests time out, and now and then the prober
itself is down: then there are no lines at all, heartbeats included. Half a round a day has negative latencies, as
after a clock step; such rows must go to quarantine.
"""

import gzip
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from connectors.sandbox import World

SLOTS_A_DAY = 288
_SLOT = 300
_SEGMENTS_A_SLOT = 50
_WIB_MIDNIGHT = 17
"""UTC hour in which a business day in WIB begins."""
_NOTHING = '"latency_ms":null,"http":null,"seq":null'
_TAIL = tuple(round(-45 * math.log(1 - i / 256)) for i in range(255))
"""Extra latency by random byte: exponential with a mean of 45 ms; the byte 255 is a failed request."""


@dataclass(frozen=True)
class _Event:
    """Slots [start, end) in which the cameras show a state; slots are counted from the UNIX epoch."""

    start: int
    end: int
    status: str
    http: int | None
    cameras: frozenset[int]


class LogTiruan:
    """Hour files of the made-up prober for the given cameras; `corridors` are groups that fail together."""

    def __init__(self, world: World, cameras: Sequence[int], corridors: Mapping[str, Sequence[int]]):
        self._world = world
        self._cameras = tuple(cameras)
        self._corridors = {k: tuple(v) for k, v in sorted(corridors.items()) if len(v) >= 3}
        traits = {c: world.rng("cctv", "sifat", c) for c in self._cameras}
        self._latency = {c: rng.randint(55, 190) for c, rng in traits.items()}
        self._sequence = {c: rng.randint(1_000, 900_000) for c, rng in traits.items()}
        self.file = lru_cache(maxsize=24 * 64)(self._file)
        self._day = lru_cache(maxsize=256)(self._make_day)
        self._epoch = date(2020, 1, 1)

    def hours(self, day: date) -> list[int]:
        """UTC hours of a day that have a file: hours in which the prober ran at least once."""
        first = _first_slot(day)
        silent = self._silent(day)
        return [h for h in range(24) if any(first + h * 12 + k not in silent for k in range(12))]

    def _silent(self, day: date) -> frozenset[int]:
        return self._day(day)[1] | self._day(day - timedelta(days=1))[1]

    def _make_day(self, day: date) -> tuple[tuple[_Event, ...], frozenset[int]]:
        """Events that start on a UTC day (none lasts longer than a day), and the prober's silent slots."""
        rng = self._world.rng("cctv", "peristiwa", day)
        first = _first_slot(day)
        events: list[_Event] = []

        def event(status: str, http: int | None, cameras: Sequence[int], shortest: int, longest: int) -> None:
            start = first + rng.randrange(SLOTS_A_DAY)
            events.append(_Event(start, start + rng.randint(shortest, longest), status, http, frozenset(cameras)))

        if self._corridors and rng.random() < 0.4:
            corridor = self._corridors[rng.choice(sorted(self._corridors))]
            event(*rng.choice([("timeout", None), ("http_error", 502)]), corridor, 12, 72)
        for _ in range(rng.randint(3, 8)):
            state = rng.choice([("timeout", None), ("http_error", 404), ("http_error", 503), ("playlist_only", 200)])
            event(*state, [rng.choice(self._cameras)], 3, 60)
        for _ in range(rng.randint(2, 5)):
            event("frozen", 200, [rng.choice(self._cameras)], 6, 96)
        if rng.random() < 0.08:
            event("dns", None, self._cameras, 2, 8)
        silent: frozenset[int] = frozenset()
        if rng.random() < 0.15:
            start = first + rng.randrange(SLOTS_A_DAY)
            silent = frozenset(range(start, start + rng.randint(4, 40)))
        return tuple(events), silent

    def _long_events(self, day: date) -> list[_Event]:
        """Cameras that are dead for 3 to 14 days, decided by week."""
        week = (day - self._epoch).days // 7
        events = []
        for number in range(week - 2, week + 1):
            rng = self._world.rng("cctv", "lama", number)
            monday = _first_slot(self._epoch + timedelta(days=7 * number))
            for _ in range(rng.randint(1, 3)):
                start = monday + rng.randrange(7 * SLOTS_A_DAY)
                state = rng.choice([("timeout", None), ("http_error", 404), ("frozen", 200)])
                length = rng.randint(3, 14) * SLOTS_A_DAY
                events.append(_Event(start, start + length, *state, frozenset([rng.choice(self._cameras)])))
        return events

    def _file(self, day: date, hour: int) -> bytes | None:
        """The gzip file of one UTC hour; None when the prober was silent all hour."""
        first = _first_slot(day) + hour * 12
        silent = self._silent(day)
        slots = [s for s in range(first, first + 12) if s not in silent]
        if not slots:
            return None
        yesterday = self._day(day - timedelta(days=1))[0]
        events = [
            e
            for e in (*self._long_events(day), *yesterday, *self._day(day)[0])
            if e.start < first + 12 and e.end > first
        ]
        rng = self._world.rng("cctv", "jam", day, hour)
        step = self._clock_step(day if hour < _WIB_MIDNIGHT else day + timedelta(days=1))
        lines: list[str] = []
        for slot in slots:
            t = f"{datetime.fromtimestamp(slot * _SLOT, UTC):%Y-%m-%dT%H:%M:%SZ}"
            states: dict[int, _Event] = {}
            for e in events:
                if e.start <= slot < e.end:
                    states.update(dict.fromkeys(e.cameras, e))
            noise = rng.randbytes(len(self._cameras))
            back = step[1] if slot == step[0] else 0
            head, played = f'{{"t":"{t}","id":"', slot * _SEGMENTS_A_SLOT % 100_000_000
            for camera, byte in zip(self._cameras, noise, strict=True):
                if camera not in states and byte < 255 and not back:
                    lines.append(
                        f'{head}{camera}","status":"up","latency_ms":{self._latency[camera] + _TAIL[byte]}'
                        f',"http":200,"seq":{self._sequence[camera] + played}}}\n'
                    )
                else:
                    lines.append(f'{head}{camera}",{self._rest(camera, slot, states.get(camera), byte, back)}}}\n')
            lines.append(f'{head}0","status":"heartbeat",{_NOTHING}}}\n')
        return gzip.compress("".join(lines).encode(), 1, mtime=0)

    def _clock_step(self, day: date) -> tuple[int, int]:
        """The slot of a business day (WIB) at which the clock was set back, and by how many ms."""
        rng = self._world.rng("cctv", "jam_mundur", day)
        midnight = _first_slot(day) - (24 - _WIB_MIDNIGHT) * 12
        return midnight + rng.randrange(SLOTS_A_DAY), rng.randint(900, 4_000)

    def _rest(self, camera: int, slot: int, event: _Event | None, byte: int, back: int) -> str:
        """A line's members after the id, for all that is not plainly up."""
        status, http = (event.status, event.http) if event else ("timeout", None) if byte == 255 else ("up", 200)
        if status in ("timeout", "dns"):
            return f'"status":"{status}",{_NOTHING}'
        latency = self._latency[camera] + _TAIL[min(byte, 254)] - (back if camera % 2 else 0)
        if status == "http_error":
            return f'"status":"http_error","latency_ms":{latency},"http":{http},"seq":null'
        at = event.start if event and status == "frozen" else slot
        sequence = self._sequence[camera] + at * _SEGMENTS_A_SLOT % 100_000_000
        return f'"status":"{status}","latency_ms":{latency},"http":200,"seq":{sequence}'


def _first_slot(day: date) -> int:
    return (day - date(1970, 1, 1)).days * SLOTS_A_DAY
