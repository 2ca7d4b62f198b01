"""A small office with three daily datasets and two models, for tests of what Dagster does with them.

The office answers over real HTTP and does what a test tells it to. Run as a module it is a run in a process of its
own: `python -m tests.support.dagster_office HOME URL DATASET FIRST LAST`.
"""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from assets.build import build_assets
from assets.triggers import range_tags
from assets.workspace import Endpoint, HttpLimits, Workspace
from connectors.registry import CONNECTORS, Registry
from connectors.sandbox import in_thread
from ssp_pipeline.instance import open_instance, process_tag
from ssp_pipeline.settings import Settings, load_settings
from warehouse.checks import Checker
from warehouse.duck import LakeConfig

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "tests" / "contracts" / "dagster"
TODAY = date(2026, 11, 20)
"""A Friday."""


@dataclass
class Office:
    """What the office has: values by dataset and day; days that fail; datasets whose answers wait for their event."""

    values: dict[tuple[str, str], int] = field(default_factory=dict)
    broken: set[tuple[str, str]] = field(default_factory=set)
    held: dict[str, threading.Event] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def answer(self, request: Request) -> Response:
        dataset, day = request.path_params["dataset"], request.path_params["day"]
        self.asked.append((dataset, day))
        self.arrived.set()
        if dataset in self.held:
            self.held[dataset].wait(60)
        if (dataset, day) in self.broken:
            return Response("rusak", status_code=500)
        value = self.values.get((dataset, day))
        rows = [] if value is None else [{"tanggal": day, "kode": kode, "nilai": value} for kode in ("a", "b")]
        return JSONResponse({"data": rows}, headers={"X-SSP-Asal": "tiruan"})

    @contextmanager
    def open(self) -> Iterator["Office"]:
        with in_thread(Starlette(routes=[Route("/{dataset}/{day}", self.answer)])) as url:
            self.url = url
            yield self
            for event in self.held.values():
                event.set()


def settings(home: Path) -> Settings:
    return load_settings(environment={"SSP_HOME": str(home), "SSP_TODAY": TODAY.isoformat()})


def workspace(home: Path, url: str, checker: Checker | None = None, today: date = TODAY) -> Workspace:
    """A workspace of this office alone."""
    models = home / "tanpa_model_bersama"
    models.mkdir(parents=True, exist_ok=True)
    made = Workspace(
        home=home,
        registry=Registry((CONTRACTS,)),
        lake_config=LakeConfig(
            f"sqlite:{home}/lake/catalog.sqlite", str(home / "lake" / "data"), home / "lake" / "kunci"
        ),
        endpoint=lambda _: Endpoint(url, {}, None),
        secret=lambda _: None,
        today=today,
        wilayah=CONNECTORS / "referensi" / "reference" / "wilayah.csv",
        master_key=bytes(range(32)),
        limits=HttpLimits(connect=5, read=60, total=90, attempts=1),
        shared_models=models,
    )
    if checker:
        made.__dict__["checker"] = checker
    return made


def assets(ws: Workspace, *, retries: bool = False) -> dict[str, list[dg.AssetsDefinition]]:
    """The assets that `ssp run` and the daemon use, of this office."""
    return build_assets(ws.registry, ws.shared_models, lambda: ws, retries=retries)


def named(found: Sequence[dg.AssetsDefinition], name: str) -> dg.AssetsDefinition:
    (one,) = (a for a in found if a.key.path[-1] == name)
    return one


def materialize(
    ws: Workspace,
    instance: dg.DagsterInstance,
    selected: Sequence[dg.AssetsDefinition],
    first: date | None = None,
    last: date | None = None,
) -> dg.ExecuteInProcessResult:
    """One run in this process; of a range of days when given."""
    tags: dict[str, Any] = process_tag()
    if first:
        tags |= range_tags(first.isoformat(), (last or first).isoformat())
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    return dg.materialize(selected, instance=instance, tags=tags, run_config=quiet, raise_on_error=False)


def main(home: str, url: str, dataset: str, first: str, last: str) -> int:
    ws = workspace(Path(home), url)
    with open_instance(settings(Path(home))) as instance:
        asset = named(assets(ws)["sources"], f"uji__{dataset}")
        done = materialize(ws, instance, [asset], date.fromisoformat(first), date.fromisoformat(last))
    ws.close()
    return 0 if done.success else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
