"""The real job, killed once at each named step: nothing is lost, nothing is half, and the next run goes on.

`make crash` does the same at random instants too, a hundred times, with a reader beside it and the whole contents
compared after each recovery.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from connectors.sandbox import World, running
from ssp_pipeline.app import open_workspace
from ssp_pipeline.runner import Runner
from ssp_pipeline.settings import load_settings
from tests.crash.campaign import AGAIN, FIRST, FORGET, age
from tests.crash.stage import Round, deliver, reports
from tests.support.crash import Contents, Ended, Home, differences, step_names
from tests.support.workspace import Small
from warehouse.checks import Checker

KEY_MADE = ("durable.temp_written", "keys.created")
TURN = Round(
    1, date(2026, 11, 21), date(2026, 11, 19), date(2026, 11, 20), 2,
    ("samsat.pembayaran_pkb", "pihps.harga_pangan_pasar", "cctv.kamera", "tirtanadi.pelanggan_air_bulanan"),
)  # fmt: skip
"""After the days of the small warehouse: a day again with other content, a new day, corrected files."""
OTHER_MONTH = Round(1, TURN.today, date(2026, 10, 30), date(2026, 10, 30), 2, TURN.datasets[:1])
FORGETTING = ["forget", "--dataset", TURN.datasets[0], "--month", "2026-11", "--reason", "uji"]


def way_of(step: str) -> str:
    """The way on which the job passes a step. A new step is looked for on the way of the main job."""
    room = step.split(".")[0]
    if step in FORGET:
        return "forget"
    if step in AGAIN:
        return "after_a_kill"
    if step in KEY_MADE:
        return "new_month"
    if step in FIRST:
        return "first_run"
    rooms = dict.fromkeys(("build", "snapshot", "versioned", "store"), "models")
    return {"maintain": "maintain", **rooms}.get(room, "pull")


WAYS = ("first_run", "new_month", "after_a_kill", "pull", "models", "maintain", "forget")
IN_ORDER = ("versioned.", "snapshot.part_", "snapshot.parts_", "snapshot.manifest", "snapshot.data", "snapshot.linked",
            "store.file", "store.version", "store.release", "store.pointer")  # fmt: skip
"""How these are passed; each kill in this order leaves something to do for the next one."""
STEPS = sorted(step_names(), key=lambda s: next((n for n, p in enumerate(IN_ORDER, 1) if s.startswith(p)), 0))
CASES = [(way, step) for way in WAYS for step in [*(s for s in STEPS if way_of(s) == way), ""]]


@dataclass
class Way:
    """A command, the home it starts from, and what the home holds before and after."""

    base: Path
    arguments: Sequence[str]
    before: Contents
    after: Contents
    again: Callable[[], int]


@dataclass
class Theatre:
    """One home that goes from kill to kill; after the last kill of a way the command runs to its end.

    Models are built on the home that was killed while it pulled.
    """

    home: Home
    url: str
    checker: Checker
    tables: set[str] = field(default_factory=set)
    ways: dict[str, Way] = field(default_factory=dict)
    current: str = ""
    ended: bool = False

    def contents(self) -> Contents:
        return self.home.contents(self.tables or None)

    def job(self, turn: Round | None, *, models: bool) -> int:
        """What `ssp run` does, in this process, with checks that are loaded already; gives its exit code."""
        settings = load_settings(environment=self.home.environment(self.variables))
        workspace = open_workspace(settings)
        workspace.__dict__["checker"] = self.checker
        runner = Runner(settings, workspace, quiet=True)
        try:
            chosen = workspace.registry.select((), turn.datasets) if turn else []
            result = runner.run(chosen, (turn.first, turn.last) if turn else None, models=models)
        finally:
            del workspace.__dict__["checker"]
            workspace.close()
        assert not result.model_errors
        return 0 if result.ok else 3

    @property
    def variables(self) -> dict[str, str]:
        return {"SSP_SANDBOX_URL": self.url, "SSP_TODAY": TURN.today.isoformat()}

    def kill(self, arguments: Sequence[str], step: str) -> Ended:
        """Run a command that is to be killed at the step; what it started is ended with it."""
        return self.home.ssp(*arguments, crash_at=step, timeout=100, variables=self.variables)

    def enter(self, way: str, *, anew: bool = False) -> Way:
        chosen = self.ways[way]
        goes_on = way == "models" and self.current == "pull" and self.ended
        if anew or (way != self.current and not goes_on):
            self.home.restore(chosen.base)
            if way == "maintain":
                age(self.home)
            if way == "after_a_kill":
                assert self.kill(chosen.arguments, "ingest.sealed").killed
        self.current, self.ended = way, False
        return chosen


@contextmanager
def own_environment() -> Iterator[None]:
    kept = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


@pytest.fixture(scope="module")
def theatre(small_warehouse: Small, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    folder = tmp_path_factory.mktemp("mati")
    home = Home(folder / "rumah")
    small_warehouse.copy(home.path)
    with ExitStack() as stack:
        stack.enter_context(own_environment())
        world = World(today=TURN.today, seed=TURN.seed)
        url = stack.enter_context(running(world, max_lifetime=1200))
        checker = stack.enter_context(Checker())
        theatre = Theatre(home, url, checker)
        prepare(theatre, folder)
        yield theatre


def prepare(theatre: Theatre, folder: Path) -> None:
    """Run each way undisturbed and note what it leaves."""
    home, job = theatre.home, theatre.job

    def saved(name: str) -> Path:
        home.save(folder / name)
        return folder / name

    assert job(None, models=True) == 0  # the snapshot of a copied home names the parts of the first
    start = saved("awal")
    full = theatre.contents()
    assert job(OTHER_MONTH, models=False) == 0
    other_month = theatre.contents()

    home.restore(start)
    deliver(home, reports(TURN.seed, TURN.today))
    ready = saved("kiriman")
    code = job(TURN, models=False)
    pulled, between = saved("tertarik"), theatre.contents()
    assert job(None, models=True) == 0
    after = theatre.contents()
    theatre.tables = {line.split()[0] for line in differences(full, after)} & home.shape().keys()
    assert {"source.samsat__pembayaran_pkb", "core.fct_penerimaan_pkb"} <= theatre.tables, theatre.tables

    home.restore(start)
    (home.path / "dagster").rename(folder / "dagster")
    without = saved("tanpa-dagster")

    def command(*arguments: str) -> int:
        return home.ssp(*arguments, variables=theatre.variables).code

    def pull() -> int:
        return int(job(TURN, models=False) != code)

    def models() -> int:
        return job(None, models=True)

    wholly = {"run": TURN.arguments("--no-models"), "models": ["run", "--models-only"]}
    theatre.ways = {
        "first_run": Way(without, wholly["models"], full, full, models),
        "new_month": Way(start, OTHER_MONTH.arguments("--no-models"), full, other_month,
                         lambda: job(OTHER_MONTH, models=False)),
        "pull": Way(ready, wholly["run"], full, between, pull),
        "after_a_kill": Way(ready, wholly["run"], full, between, pull),
        "models": Way(pulled, wholly["models"], between, after, models),
        "maintain": Way(start, ["maintain"], full, full, lambda: command("maintain")),
        "forget": Way(start, FORGETTING, full, full, lambda: command(*FORGETTING)),
    }  # fmt: skip


def chosen(theatre: Theatre, contents: Contents) -> Contents:
    """Of whole contents those parts that are compared after every kill."""
    lake = {name: parts for name, parts in contents.items() if name.split()[-1] in theatre.tables}
    return lake | {n: p for n, p in contents.items() if n.startswith(("ops.", "quarantine.", "rilis "))}


def mixed(found: Contents, before: Contents, after: Contents, names: set[str]) -> list[str]:
    """Partitions that are neither as before nor as after."""
    lines = []
    for name in names:
        old, new, seen = before.get(name, {}), after.get(name, {}), found.get(name, {})
        parts = old.keys() | new.keys() | seen.keys()
        lines += [f"{name} {p}" for p in parts if seen.get(p) not in (old.get(p), new.get(p))]
    return lines


@pytest.mark.parametrize(("way", "step"), CASES, ids=[f"{way}-{step or 'runs_to_its_end'}" for way, step in CASES])
def test_a_kill_leaves_old_or_new_and_the_next_run_goes_on(theatre: Theatre, way: str, step: str) -> None:
    ready = theatre.enter(way)
    if not step:
        assert ready.again() == 0
        assert differences(chosen(theatre, ready.after), theatre.contents()) == []
        assert theatre.home.left_started() == []
        theatre.ended = True
        if way == "models":
            end = theatre.home.ssp("verify", variables=theatre.variables)
            assert end.code == 0, end.out[-3000:]
        return
    end = theatre.kill(ready.arguments, step)
    if not end.killed and end.code in (0, 3):
        # The kills before left too little to do: it ran to its end. Once more from the start.
        assert differences(chosen(theatre, ready.after), theatre.contents()) == []
        theatre.enter(way, anew=True)
        end = theatre.kill(ready.arguments, step)
    assert end.killed, f"`ssp {' '.join(ready.arguments)}` does not pass {step}, or failed: {end.err[-2000:]}"
    found = theatre.contents()
    assert mixed(found, ready.before, ready.after, theatre.tables) == []
    assert ready.after.keys() >= found.keys()
