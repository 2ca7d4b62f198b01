"""The kills: where, how often, and what is looked at after each.

Belongs here: the order of rounds, kills and checks, and the figures of the summary. Does not belong here: what the
right contents are (`stage.py`), the reader (`reader.py`).
"""

import os
import random
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from tests.crash.reader import Reader
from tests.crash.stage import Round, Stage
from tests.support.crash import Contents, Ended, Home, differences, step_names

FORGET = ("keys.overwritten", "keys.tombstone_written")
FIRST = ("dagster_storage.made", "dagster_storage.moved", "durable.temp_written", "keys.created")
AGAIN = ("instance.slots_freed",)
"""Steps of `ssp forget`, of a home's first run, and of a run after a kill. `maintain.*` are those of `ssp maintain`;
all others are looked for in the job."""

ENOUGH = 100
"""From so many kills on, a step that none of them reached is a fault."""
VERIFY_EVERY = 8
"""`ssp verify` recounts everything after every so many rounds, after each chain of days, and at the end."""


@dataclass(frozen=True)
class Kill:
    """Where a process is to be killed: at the `turn`-th passing of a step, or (without a name) at a random instant."""

    step: str = ""
    turn: int = 1
    tries: int = 0

    @property
    def variable(self) -> str:
        return f"{self.step}:{self.turn}" if self.step else ""


@dataclass
class Campaign:
    """Kills the job on a stage until `wanted` kills are made or the time is over."""

    stage: Stage
    wanted: int
    seed: int
    deadline: float
    say: Callable[[str], None] = print
    kills: Counter[str] = field(default_factory=Counter)
    recoveries: int = 0
    recovery: list[float] = field(default_factory=list)
    verified: int = 0
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.reader = Reader(self.stage.home, self.stage.shape)
        self.usual = max(self.stage.seconds[1:])
        self.job, self.first, self.care, self.forget = self._plans()

    def _plans(self) -> tuple[list[Kill], list[Kill], list[Kill], list[Kill]]:
        names = step_names()
        care = [n for n in step_names() if n.startswith("maintain.")]
        own = [n for n in names if n not in (*FORGET, *FIRST, *care)]
        job = [Kill(n) for n in own] + [Kill(n, self.random.randint(2, 6)) for n in own if n not in AGAIN]
        first = [Kill(n) for n in names if n in FIRST] + [Kill()] * 4
        others = [Kill(n) for n in care] + [Kill()] * 2, [Kill(n) for n in names if n in FORGET] + [Kill()] * 2
        named = len(job) + len(first) + sum(map(len, others))
        job += [Kill()] * max(20, self.wanted - named)
        self.random.shuffle(job)
        return job, first, *others

    @property
    def made(self) -> int:
        return sum(self.kills.values())

    @property
    def _unreached(self) -> list[str]:
        """Steps of the job that are still to be tried and that no kill has reached."""
        return [kill.step for kill in self.job if kill.step and not self.kills[kill.step]]

    def run(self) -> bool:
        """Make the kills. True if there were enough of them and nothing was wrong."""
        stage, chain = self.stage, 0
        self.reader.start()
        try:
            self._first_runs()
            while (self.made < self.wanted or self._unreached) and time.monotonic() < self.deadline:
                with self.reader.away(stage.expected[0], stage.expected[0]):
                    stage.home.restore(stage.base)
                for turn in stage.rounds[1:]:
                    self._round(turn, self._next_kills())
                last = stage.rounds[-1]
                self._care(last)
                self._verify(f"end of chain {chain}")
                if chain == 0:
                    self._forget(last)
                chain += 1
        finally:
            self.reader.end()
        self.faults += self.reader.faults
        missed = [n for n in step_names() if not self.kills[n]]
        if missed and self.wanted >= ENOUGH:
            self.faults.append(f"steps that no kill reached: {', '.join(missed)}")
        if self.made < self.wanted:
            self.faults.append(f"only {self.made} of {self.wanted} kills in the time given")
        return not self.faults

    def _next_kills(self) -> list[Kill]:
        """One to three kills in a row before the job may end. What follows a killed run goes second."""
        count = self.random.choices((1, 2, 3), (5, 3, 2))[0]
        chosen = [self.job.pop() if self.job else Kill() for _ in range(count)]
        if chosen[0].step in AGAIN:
            chosen.insert(0, Kill())
        return chosen

    def _round(self, turn: Round, kills: Sequence[Kill], *, before: Contents | None = None) -> None:
        """Kill a run of the job as often as told, let it end, and compare."""
        stage = self.stage
        known = stage.expected[turn.number - 1] if before is None else before
        with self.reader.away(known, stage.expected[turn.number]):
            stage.deliver(turn)
        arguments, variables = turn.arguments(), stage.variables(turn)
        end: Ended | None = None
        for position, kill in enumerate(kills):
            end = self._kill(arguments, kill, stage.seconds[turn.number], variables)
            if end is not None:
                # Earlier kills may have left too little to do: these get another chance, fewer passes at a time.
                later = [Kill(k.step, max(1, k.turn // 2), k.tries + 1) for k in kills[position:] if k.step]
                self.job += [k for k in later if k.tries < 4]
                break
        self._settled(f"round {turn.number}", end or self._again(arguments, variables), stage.codes[turn.number], turn)
        if self.recoveries % VERIFY_EVERY == 0:
            self._verify(f"round {turn.number}")

    def _kill(self, arguments: Sequence[str], kill: Kill, full: float, variables: dict[str, str]) -> Ended | None:
        """Start the command and kill it. If it came to its end before, that end."""
        home = self.stage.home
        seen = _Place.of(self.stage)
        job = home.start(*arguments, crash_at=kill.variable, variables=variables)
        # Nothing is done in the first moments: the interpreter is still loading.
        ended = job.wait(max(240.0, 8 * full) if kill.step else self.random.uniform(full / 8, full))
        end = job.end()
        if ended and not end.killed:
            return end
        if not ended and kill.step:
            self._fault(f"{arguments[0]} hangs on its way to {kill.step}", end)
        name = kill.step or f"at random: {seen.since(self.stage, arguments[0])}"
        self.kills[name] += 1
        self.say(f"  {self.made:4d}  {end.seconds:5.1f} s  {name}{f' (pass {kill.turn})' if kill.turn > 1 else ''}")
        return None

    def _again(self, arguments: Sequence[str], variables: dict[str, str]) -> Ended:
        end = self.stage.home.ssp(*arguments, timeout=max(240.0, 8 * self.usual), variables=variables)
        self.recovery.append(end.seconds)
        return end

    def _settled(self, what: str, end: Ended, code: int, turn: Round) -> None:
        """The run after the kills came to its end: everything must be as if nobody had been killed."""
        home = self.stage.home
        self.recoveries += 1
        if end.code != code:
            self._fault(f"{what}: ended with {end.code}, undisturbed with {code}", end)
        wrong = differences(self.stage.expected[turn.number], home.contents())
        if wrong:
            self._fault(f"{what}: contents differ from those of an undisturbed run: {'; '.join(wrong[:5])}", end)
        left = home.left_started()
        if left:
            self._fault(f"{what}: left by dead processes: {', '.join(left[:5])}", end)

    def _first_runs(self) -> None:
        """Kills of a home's first run. The secret of keyed hashes is given, for what it hashes is compared."""
        stage, turn = self.stage, self.stage.rounds[0]
        while self.first and time.monotonic() < self.deadline:
            with self.reader.away({}, {}):
                stage.home.restore(stage.base)
                secret = stage.home.path / "keys" / "hash.key"
                kept = secret.read_bytes()
                shutil.rmtree(stage.home.path)
                secret.parent.mkdir(mode=0o700, parents=True)
                secret.touch(0o600)
                secret.write_bytes(kept)
            kills, self.first = self.first[:4], self.first[4:]
            self._round(turn, kills, before={})

    def _care(self, turn: Round) -> None:
        """Maintain a lake whose history is old, so that there is something to merge, expire and remove; killed once."""
        stage, state = self.stage, self.stage.expected[turn.number]
        with self.reader.away(state, state):
            age(stage.home)
        end = self._kill(["maintain"], self.care.pop(0), 3.0, {}) if self.care else None
        self._settled("maintain", end or self._again(["maintain"], {}), 0, turn)
        strays = [p.name for p in (stage.home.path / "archive" / "tmp").iterdir() if p.name != ".lock"]
        if strays:
            self.faults.append(f"maintain: left in the archive's folder for temporary files: {', '.join(strays)}")

    def _forget(self, turn: Round) -> None:
        """Kill the destruction of a key: what is said to be destroyed is, and nothing else is touched."""
        month = f"{turn.last:%Y-%m}"
        words = ["forget", "--dataset", "samsat.pembayaran_pkb", "--month", month, "--reason", "uji"]
        for kill in self.forget:
            self._kill(words, kill, 2.0, {})
        self._settled("forget", self._again(words, {}), 0, turn)
        if list((self.stage.home.path / "keys").glob(f"*/{month}.key")):
            self.faults.append(f"forget: the key of {month} is still there")
        self._verify("forget")

    def _verify(self, what: str) -> None:
        end = self.stage.home.ssp("verify", "--json", timeout=max(240.0, 8 * self.usual))
        self.verified += 1
        if end.code:
            self._fault(f"{what}: verify ended with {end.code}", end)

    def _fault(self, text: str, end: Ended) -> None:
        self.faults.append(text)
        self.say(f"  FAULT  {text}\n{end.err[-2000:].strip() or end.out[-600:].strip()}")


@dataclass(frozen=True)
class _Place:
    """How far a home had come, to tell where the next kill struck."""

    event: int
    manifests: int

    @classmethod
    def of(cls, stage: Stage) -> "_Place":
        manifests = sum(p.stat().st_size for p in stage.home.path.glob("archive/manifest/*/*.jsonl"))
        rows = _events(stage, 0, "SELECT coalesce(max(id), 0) FROM event_logs WHERE id > ?")
        return cls(rows[0][0] if rows else 0, manifests)

    def since(self, stage: Stage, command: str) -> str:
        """The place of a kill, by the events and manifest lines that came since."""
        if command != "run":
            return command
        rows = _events(
            stage, self.event,
            "SELECT step_key, dagster_event_type FROM event_logs WHERE id > ? AND dagster_event_type IN "
            "('STEP_START', 'STEP_SUCCESS', 'STEP_FAILURE', 'PIPELINE_START') ORDER BY id DESC LIMIT 1",
        )  # fmt: skip
        if not rows:
            return "start-up"
        step, kind = rows[0]
        if kind != "STEP_START":
            return "between two steps"
        if step.startswith("source__"):
            grown = _Place.of(stage).manifests > self.manifests
            return "source, after a seal" if grown else "source, pull"
        if step.startswith("give_out__cuplikan"):
            return "snapshot"
        return "give out" if step.startswith("give_out__") else "model"


def _events(stage: Stage, after: int, query: str) -> list[tuple[Any, ...]]:
    path = stage.home.path / "dagster" / "events" / "event_log.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as con:
        return con.execute(query, [after]).fetchall()


def age(home: Home) -> None:
    """Date everything in the lake a year back: its history can expire, and what no version names can be removed."""
    with closing(sqlite3.connect(home.path / "lake" / "catalog.sqlite")) as con:
        for table, column in (
            ("ducklake_snapshot", "snapshot_time"),
            ("ducklake_files_scheduled_for_deletion", "schedule_start"),
        ):
            con.execute(f"UPDATE {table} SET {column} = '2025' || substr({column}, 5)")
        con.commit()
    old = time.time() - 365 * 86400
    for path in (*(home.path / "lake" / "data").rglob("*.parquet"), *home.path.glob("snapshots/v*")):
        os.utime(path, (old, old))
