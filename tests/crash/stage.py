"""The stage on which the job is killed: stand-ins, a chain of days with changing data, and what should come of each.

Belongs here: the undisturbed runs and what they leave. Does not belong here: kills (`campaign.py`).

Two stand-ins of different seeds answer in turn, so that every day of the chain replaces the days before it with other
content and adds a new one: a reader sees old or new rows of a partition, and any mixture would have another hash.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from connectors.registry import import_part
from connectors.sandbox import CONNECTORS, World, running
from tests.support.crash import Contents, Ended, Home, Shape

TODAY = date(2026, 11, 20)
SEEDS = (1, 2)
WINDOWS = tuple(
    (date.fromisoformat(first), date.fromisoformat(last))
    for first, last in (
        ("2026-10-28", "2026-10-29"),
        ("2026-10-29", "2026-10-30"),
        ("2026-10-30", "2026-11-02"),  # a new month, and with it a new key
        ("2026-11-02", "2026-11-03"),
        ("2026-11-03", "2026-11-04"),
    )
)
"""What the runs of the chain pull: each the end of the one before and something new."""

DATASETS = (
    "samsat.pembayaran_pkb",  # by window, encrypted
    "pihps.harga_pangan_pasar",  # by window, plain
    "cctv.kamera",  # the state of now
    "tirtanadi.pelanggan_air_bulanan",  # files
)
REFERENCES = (
    "referensi.wilayah", "referensi.opd", "samsat.upt", "samsat.penerima", "samsat.tarif", "tirtanadi.cabang",
    "komoditas.komoditas", "komoditas.padanan", "pihps.ref_pasar", "pihps.ref_komoditas",
)  # fmt: skip
SETTINGS = """
[cuplikan]
simpan_jumlah = 2
simpan_hari = 0

[pemeliharaan]
riwayat_lake_hari = 1
"""
"""Keeps little, so that maintenance has something to remove."""
BRANCHES = ("Medan_Kota", "Sunggal", "Sibolangit", "Belawan", "Padang_Bulan")


@dataclass(frozen=True)
class Round:
    """One run of the job: `today`, the window it pulls, which stand-in answers."""

    number: int
    today: date
    first: date
    last: date
    seed: int
    datasets: tuple[str, ...]

    def arguments(self, *more: str) -> list[str]:
        chosen = [a for d in self.datasets for a in ("--dataset", d)]
        window = ["--from", self.first.isoformat(), "--to", self.last.isoformat()]
        return ["run", "--json", "--today", self.today.isoformat(), *window, *chosen, *more]


def rounds() -> list[Round]:
    """The runs of the chain. The first also loads the reference lists; all that follow change its content."""
    return [
        Round(
            number,
            last + timedelta(days=1),
            first,
            last,
            SEEDS[number % len(SEEDS)],
            DATASETS if number else (*DATASETS, *REFERENCES),
        )
        for number, (first, last) in enumerate(WINDOWS)
    ]


@cache
def reports(seed: int, day: date) -> dict[str, bytes]:
    """Some branches' reports of the month that ended before the day, by file name."""
    module = import_part(CONNECTORS / "tirtanadi", "sandbox")
    month = f"{day.replace(day=1) - timedelta(days=1):%Y-%m}"
    files = module.files(World(today=day, seed=seed), day, day)
    return {name: body for name, body in files if month in name and any(b in name for b in BRANCHES)}


def deliver(home: Home, files: Mapping[str, bytes]) -> None:
    """Put files into the branches' inbox, each whole by a rename."""
    inbox = home.path / "inbox" / "tirtanadi" / "tiruan"
    inbox.mkdir(parents=True, exist_ok=True)
    for name, body in files.items():
        temporary = inbox / f".{name}.tmp"
        temporary.write_bytes(body)
        temporary.replace(inbox / name)


@dataclass
class Stage:
    """A home, the addresses of the stand-ins, and for each round the contents it should leave."""

    home: Home
    folder: Path
    urls: dict[int, str]
    rounds: list[Round]
    shape: Shape = field(default_factory=dict)
    expected: list[Contents] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def base(self) -> Path:
        """The saved home after the first round."""
        return self.folder / "awal"

    def deliver(self, turn: Round) -> None:
        """Put the files into the inbox that the offices have dropped by then: corrected ones each time."""
        deliver(self.home, reports(turn.number + 1, WINDOWS[0][0]))

    def variables(self, turn: Round) -> dict[str, str]:
        return {"SSP_SANDBOX_URL": self.urls[turn.seed], "SSP_TODAY": turn.today.isoformat()}

    def run(self, turn: Round, *more: str, timeout: float = 180) -> Ended:
        """Run a round to its end."""
        return self.home.ssp(*turn.arguments(*more), timeout=timeout, variables=self.variables(turn))

    def rehearse(self) -> None:
        """Run all rounds undisturbed and note what each leaves. Raises RuntimeError when one does not end well."""
        for turn in self.rounds:
            self.deliver(turn)
            ended = self.run(turn, timeout=300)
            if ended.code not in (0, 3) or ended.json()["galat_model"]:
                raise RuntimeError(f"undisturbed run {turn.number}: exit {ended.code}\n{ended.out}\n{ended.err}")
            self.codes.append(ended.code)
            self.seconds.append(ended.seconds)
            self.expected.append(self.home.contents())
            if turn.number == 0:
                self.home.save(self.base)
        self.shape = self.home.shape()


@contextmanager
def stage() -> Iterator[Stage]:
    """A stage in a temporary folder that goes with it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ssp-crash-")))
        urls = {seed: stack.enter_context(running(World(today=TODAY, seed=seed), max_lifetime=5400)) for seed in SEEDS}
        (folder / "ssp.toml").write_text(SETTINGS)
        home = Home(folder / "rumah", {"SSP_CONFIG": str(folder / "ssp.toml")})
        yield Stage(home, folder, urls, rounds())
