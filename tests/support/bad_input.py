"""Bad input through the whole door of a dataset: a small lake, the real stand-ins with a fault, and what must hold.

What must hold stands in `docs/bad-input.md` and nowhere else: tests name a row of its tables and are held to the
outcome, reason and quarantine reasons that the row states. Its fixtures are in `bad_input_fixtures.py`.
"""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import requests
import zstandard

from assets.ingest import Ingest
from assets.reread import reread
from assets.workspace import Endpoint, HttpLimits, Workspace
from connectors.archive import SealedPull
from connectors.contract import Contract
from connectors.registry import Registry, import_part
from connectors.sandbox import CONNECTORS
from warehouse.checks import Checker
from warehouse.duck import LakeConfig
from warehouse.ops import Outcome
from warehouse.verify import Verification, verify

TODAY = date(2026, 11, 20)
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "bad-input.md"
LIMITS = HttpLimits(connect=5, read=5, total=20, attempts=3, backoff=0.01, backoff_cap=0.05, max_bytes=4 << 20)
"""As in production, but small: three attempts, short pauses, answers of 4 MiB."""

MASTER_KEY = bytes(range(32))

PutFault = Callable[..., None]


# --- the promises of the document -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Promise:
    """One row of the document: the outcome's status, how its reason begins (`*` is anything), reasons in quarantine."""

    fault: str
    status: str
    reason: str
    quarantine: frozenset[str]


_ROW = re.compile(r"^\| `(?P<fault>\w+)` \|(?P<came>[^|]*)\|(?P<happens>[^|]*)\|(?P<outcome>[^|]*)\|(?P<todo>[^|]*)\|$")
_ASIDE = re.compile(r"karantina `([^`]+)`")


@cache
def promises() -> dict[str, Promise]:
    """The rows of all tables of the document, by the name of the fault. Raises ValueError for a name given twice."""
    found: dict[str, Promise] = {}
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        row = _ROW.match(line)
        if row is None:
            continue
        aside = frozenset(_ASIDE.findall(row["outcome"]))
        status, *reason = re.findall(r"`([^`]+)`", _ASIDE.sub("", row["outcome"]))
        if row["fault"] in found:
            raise ValueError(f"{DOCUMENT.name} has two rows called {row['fault']}")
        found[row["fault"]] = Promise(row["fault"], status, reason[0] if reason else "", aside)
    return found


KEPT: Counter[str] = Counter()
"""How many tests hold each row of the document; filled while test modules are imported."""


def keeps(*faults: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Say which rows of the document a test drives through the door. Raises KeyError for one that is not there."""
    KEPT.update(promises()[fault].fault for fault in faults)
    return lambda test: test


def held(fault: str, outcome: Outcome, aside: pl.DataFrame | None = None) -> None:
    """The outcome, and the rows that the attempt set aside, are what the document promises."""
    promise = promises()[fault]
    said = (outcome.status, outcome.alasan, outcome.rincian)
    assert outcome.status == promise.status, said
    assert fnmatchcase(outcome.alasan, f"{promise.reason}*" if promise.reason else ""), said
    reasons = set() if aside is None else {one for text in aside["alasan"] for one in text.split(";")}
    assert reasons == promise.quarantine, reasons


# --- a small installation ---------------------------------------------------------------------------------------------


def _secret(name: str) -> str | None:
    """What the stand-ins ask for."""
    for agency in ("samsat", "epokir", "sp2kp"):
        found: str | None = import_part(CONNECTORS / agency, "sandbox").DEMO_SECRETS.get(name)
        if found:
            return found
    return None


@cache
def built_in() -> Registry:
    """The agencies of the project, read once a session."""
    return Registry()


class Place:
    """An installation of its own: archive, keys, inbox and lake in a folder, fed by the stand-ins at `host`.

    `place.days` gives a business day that no test has used so far, so that tests can share one lake.
    """

    def __init__(self, home: Path, host: str, checker: Checker, **changes: Any) -> None:
        self.host = host
        self.home = home
        registry: Registry = changes.pop("registry", None) or built_in()
        params: Mapping[str, Any] = changes.pop("params", {})
        lake = LakeConfig(f"sqlite:{home}/lake/catalog.sqlite", str(home / "lake" / "data"), home / "lake" / "kunci")

        def endpoint(agency: str) -> Endpoint:
            return Endpoint(f"{host}/{agency}", {**registry.agencies[agency].params, **params}, None)

        known: dict[str, Any] = {
            "registry": registry,
            "lake_config": lake,
            "endpoint": endpoint,
            "secret": _secret,
            "today": TODAY,
            "wilayah": CONNECTORS / "referensi" / "reference" / "wilayah.csv",
            "master_key": MASTER_KEY,
            "limits": LIMITS,
        }
        self.ws = Workspace(home=home, **{**known, **changes})
        self.ws.__dict__["checker"] = checker  # one process of checks for all tests
        self.days = (TODAY - timedelta(days=n) for n in itertools.count(2))

    def close(self) -> None:
        self.ws.__dict__.pop("checker", None)
        self.ws.close()

    def contract(self, dataset: str) -> Contract:
        return self.ws.registry.contract(dataset)

    def pull(self, dataset: str, *days: date) -> list[Outcome]:
        """The outcomes of one pull, which are those that `ops.hasil` has of it: each once, and no other.

        The marks by which finished files are known are left out.
        """
        run = f"uji-{uuid4().hex[:8]}"
        outcomes = Ingest(self.ws, run_id=run).run(self.contract(dataset), days)
        columns = ("partisi", "status", "alasan", "rincian", "ditarik", "diterima", "dikarantina")
        outcomes = [o for o in outcomes if not (o.partisi.startswith("berkas") and o.status == "tidak_berubah")]
        written = self.ws.lake.query(
            f"SELECT {', '.join(columns)} FROM lake.ops.hasil WHERE run_id = ? "
            "AND NOT (partisi LIKE 'berkas%' AND status = 'tidak_berubah')",
            [run],
        )
        returned = [tuple(getattr(o, c) for c in columns) for o in outcomes]
        assert sorted(written.rows()) == sorted(returned)
        return outcomes

    def one(self, dataset: str, *days: date) -> Outcome:
        """The only outcome of a pull."""
        [outcome] = self.pull(dataset, *days)
        return outcome

    def drop(self, agency: str, name: str, body: bytes) -> Path:
        """Put a file in the agency's inbox, where a stand-in puts its own: it need not settle."""
        path = self.ws.inbox / agency / "tiruan" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return path

    def rows(self, dataset: str, day: date | None = None) -> pl.DataFrame:
        """What the lake holds of a dataset (of one partition), in an order of its own."""
        contract = self.contract(dataset)
        where = f"WHERE {contract.partition_column} = ?" if day else ""
        table = f"lake.source.{contract.table}"
        return self.ws.lake.query(f"SELECT * FROM {table} {where} ORDER BY ALL", [day] if day else [])

    def aside(self, outcome: Outcome) -> pl.DataFrame:
        """The rows in quarantine that the outcome's attempt has put there."""
        return self.ws.lake.query(
            "SELECT * FROM lake.quarantine.baris WHERE run_id = ? AND dataset = ? ORDER BY ALL",
            [outcome.run_id, outcome.dataset],
        )

    def pulls(self, dataset: str) -> list[SealedPull]:
        """The pulls that count in the archive."""
        return self.ws.archive.pulls(self.contract(dataset).table)

    def bodies(self, dataset: str) -> list[bytes]:
        """The payloads of the newest sealed pull."""
        return [self.ws.archive.read(entry) for entry in self.pulls(dataset)[-1].entries]

    def verify(self, *datasets: str) -> Verification:
        """Everything recounted from the archived bytes."""
        chosen = [self.contract(d) for d in datasets] or list(self.ws.registry.contracts)
        return verify(self.ws.lake, self.ws.archive, self.home / "snapshots", chosen, reread(self.ws))

    def shows(self, *words: str) -> list[str]:
        """Files in which one of the words can be read, also when compressed or in Parquet."""
        found = []
        for path in sorted(self.home.rglob("*")):
            if path.is_file():
                text = _readable(path)
                found += [f"{path.relative_to(self.home)}: {word}" for word in words if word.encode() in text]
        return found


def _readable(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".zst":
        return zstandard.ZstdDecompressor().decompress(data)
    if path.suffix == ".parquet":
        frame = pl.read_parquet(path)
        return b"\n".join(str(value).encode() for column in frame for value in column.unique())
    return data


# --- faults of the stand-ins -----------------------------------------------------------------------------------------


def put_fault(host: str, name: str, match: str, **spec: Any) -> None:
    """Let a fault strike the requests that match; see `connectors.faults`."""
    reply = requests.post(f"{host}/_gangguan", json={"cocok": match, "gangguan": name, **spec}, timeout=5)
    assert reply.status_code == 200, reply.text


def end_faults(host: str) -> None:
    """End all faults; each must have struck, and been made as asked."""
    state = requests.get(f"{host}/_gangguan", timeout=5).json()
    requests.delete(f"{host}/_gangguan", timeout=5)
    assert not state["galat"], state["galat"]
    assert all(rule["terjadi"] for rule in state["aturan"]), state["aturan"]


def answer_of(host: str, path: str, **options: Any) -> Any:
    """What a stand-in says without a fault, as JSON."""
    return requests.get(f"{host}{path}", timeout=5, **options).json()
