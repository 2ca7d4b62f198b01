"""The process that runs Great Expectations: one request a line on stdin, one answer a line on stdout.

Answers and Data Docs carry names, counts and positions, never values: neither can leak a private column. That is
why messages of exceptions stay in here too, for they quote values.
Does not belong here: what a verdict means.
"""

import gc
import importlib
import os
import re
import shutil
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import orjson
import pyarrow as pa

from connectors.call_stack import with_room

T = TypeVar("T")

_EXACT = 2**53
_LOW_PRIORITY = 10
_MISSING_COLUMN = re.compile(r'The column "([^"]{1,100})" in BatchData does not exist')
_RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "exclude_unexpected_values": True,
    "include_unexpected_rows": False,
    "return_unexpected_index_query": False,
}
_RARELY_USED = ("altair", "scipy.stats")
"""What Great Expectations imports for a few statistics and charts: a third of its import time."""

_NOT_USED = "sqlalchemy"
"""Great Expectations can do without it: it looks for it as it is imported, for databases that it might check."""

_DOCUMENTED = ("observed_value", "element_count", "unexpected_count", "unexpected_percent", "missing_count")


class _Later(ModuleType):
    """Stands for a module until something of it is asked for, and imports it then."""

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), attribute)


class SuiteError(ValueError):
    """Great Expectations refuses a suite as it is declared; nothing of any data is in the message."""


class Worker:
    """Keeps one Great Expectations context, and a suite for each name and content that was asked for."""

    def __init__(self) -> None:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        warnings.filterwarnings("ignore")
        for name in _RARELY_USED:
            sys.modules.setdefault(name, _Later(name))
        import great_expectations as gx
        from great_expectations.execution_engine import pandas_execution_engine

        # Frames below this size are hashed, value by value, for a mark in the results that nobody reads.
        pandas_execution_engine.HASH_THRESHOLD = 0
        self._gx = gx
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = {"globally": False}
        self._source = self._context.data_sources.add_pandas("ssp")
        self._definitions: dict[tuple[str, bytes], Any] = {}

    def _definition(self, name: str, checks: list[dict[str, Any]]) -> Any:
        key = (name, orjson.dumps(checks))
        if key not in self._definitions:
            try:
                self._definitions[key] = self._define(name, checks)
            except Exception as error:
                raise SuiteError(f"{type(error).__name__}: {' '.join(str(error).split())[:600]}") from None
        return self._definitions[key]

    def _define(self, name: str, checks: list[dict[str, Any]]) -> Any:
        from great_expectations.expectations.registry import get_expectation_impl

        # The row count is asked for: what Great Expectations saw must be what was sent.
        expectations = [get_expectation_impl("expect_table_row_count_to_equal")(value={"$PARAMETER": "jumlah_baris"})]
        for check in checks:
            expectations.append(
                get_expectation_impl(check["type"])(
                    **check["kwargs"],
                    severity="critical" if check["blocking"] else "warning",
                    meta={"nama": check["name"], "keterangan": check["description"]},
                )
            )
        taken = sum(known == name for known, _ in self._definitions)
        label = f"{name}-{taken + 1}" if taken else name
        gx = self._gx
        suite = self._context.suites.add(gx.ExpectationSuite(name=label, expectations=expectations))
        batch = self._source.add_dataframe_asset(label).add_batch_definition_whole_dataframe("b")
        return self._context.validation_definitions.add(gx.ValidationDefinition(name=label, data=batch, suite=suite))

    def check(self, request: dict[str, Any]) -> dict[str, Any]:
        """Evaluate a suite. The row count that is answered is the one Great Expectations observed."""
        from great_expectations.core import RunIdentifier

        definition = self._definition(request["suite"], request["checks"])
        path = Path(request["frame"])
        frame = as_pandas(pa.ipc.open_file(pa.memory_map(str(path))).read_all())
        path.unlink()
        run = RunIdentifier(run_name=f"nomor-{request['number']}", run_time=datetime.now(UTC))
        result = definition.run(
            batch_parameters={"dataframe": frame},
            expectation_parameters={"jumlah_baris": request["rows"]},
            result_format=_RESULT_FORMAT,
            run_id=run,
        )
        rows, answers = -1, []
        for item in result.results:
            name = (item.expectation_config.meta or {}).get("nama")
            if name is None:
                rows = int(item.result.get("observed_value", -1))
            else:
                answers.append({"name": name, **_verdict(item, frame)})
            _strip(item)
        store = self._context.validation_results_store
        for key in store.list_keys():
            if key.run_id.run_name == run.run_name:
                store.set(key, result)
        return {"rows": rows, "results": answers}

    def docs(self, folder: Path) -> dict[str, Any]:
        """Build the Data Docs site into the folder."""
        site = {
            "class_name": "SiteBuilder",
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
        }
        if "ssp" in self._context.get_site_names():
            self._context.update_data_docs_site("ssp", site)
        else:
            self._context.add_data_docs_site("ssp", site)
        self._context.build_data_docs(site_names=["ssp"])
        return {"docs": str(folder)}


def as_pandas(table: pa.Table) -> Any:
    """A pandas frame of plain types. Whole numbers beside missing ones would become floats, which cannot tell those
    beyond 2^53 apart; such columns become pandas' own nullable integers."""
    import pandas as pd
    import pyarrow.compute as pc

    frame = table.to_pandas(date_as_object=False)
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_integer(column.type) and 0 < column.null_count < len(column):
            ends = pc.min_max(column).as_py()
            if ends["min"] < -_EXACT or ends["max"] > _EXACT:
                frame[name] = pd.array(column.to_pylist(), dtype="Int64")
    return frame


def _verdict(item: Any, frame: Any) -> dict[str, Any]:
    error = _error(item, frame)
    if error:
        return {"result": "galat", "failing": [], "detail": error}
    counted = f"{item.result.get('unexpected_count')} dari {item.result.get('element_count')}"
    if item.success:
        return {"result": "lulus", "failing": [], "detail": counted}
    failing = [int(i) for i in item.result.get("unexpected_index_list") or ()]
    if not failing or len(failing) != item.result.get("unexpected_count"):
        return {"result": "galat", "failing": [], "detail": f"{counted} gagal, tetapi barisnya tidak disebut"}
    return {"result": "gagal", "failing": failing, "detail": counted}


def _error(item: Any, frame: Any) -> str:
    """What errored; a missing column nests its exception by metric and leaves the result empty."""
    info = item.exception_info or {}
    nested = [info] if "raised_exception" in info else [v for v in info.values() if isinstance(v, dict)]
    raised = [e for e in nested if e.get("raised_exception")]
    if not raised and item.result:
        return ""
    for entry in raised:
        missing = _MISSING_COLUMN.search(str(entry.get("exception_message")))
        if missing:
            return f"kolom '{missing[1]}' tidak ada"
    kwargs = item.expectation_config.kwargs
    named = [kwargs[k] for k in ("column", "column_A", "column_B") if k in kwargs] + list(kwargs.get("column_list", ()))
    types = ", ".join(f"{name} ({frame[name].dtype})" for name in named if name in frame.columns)
    return f"tidak dapat dievaluasi atas {types}"


def _strip(item: Any) -> None:
    """Leave in a result only what the Data Docs may show."""
    if item.exception_info:
        # The renderer of the Data Docs wants all three.
        raised = bool(_raised(item))
        item.exception_info = {"raised_exception": raised, "exception_message": "", "exception_traceback": ""}
    item.result = {k: v for k, v in item.result.items() if k in _DOCUMENTED}


def _raised(item: Any) -> bool:
    info = item.exception_info
    nested = [info] if "raised_exception" in info else [v for v in info.values() if isinstance(v, dict)]
    return any(e.get("raised_exception") for e in nested)


def _modestly(work: Callable[[], T]) -> T:
    """What `work` gives, done in a thread of low priority: others want the cores while nobody waits for it."""

    @with_room
    def do() -> T:
        if sys.platform == "linux":  # where a thread has a priority of its own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOW_PRIORITY)
        return work()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(do).result()


@with_room
def main() -> None:
    """Serve requests until stdin ends. Libraries that print must not disturb the answers on stdout.

    The folder of frames is removed here too: one who was killed cannot do it, and frames may hold private values.
    """
    # Imports make no garbage, and looking for it again and again takes a quarter of their time.
    gc.set_threshold(1_000_000, 50, 100)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    sys.modules[_NOT_USED] = None  # type: ignore[assignment]  # importing it says that it is not installed
    worker = _modestly(Worker)
    for line in sys.stdin.buffer:
        request = orjson.loads(line)
        try:
            if "docs" in request:
                answer = _modestly(partial(worker.docs, Path(request["docs"])))
            else:
                answer = worker.check(request)
        except SuiteError as error:
            answer = {"error": f"the suite is refused: {error}"}
        except Exception as error:
            answer = {"error": f"{type(error).__name__} while checking"}
        answers.write(orjson.dumps(answer) + b"\n")
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    # Nothing is left to be written; taking all modules apart one by one would take more than a second.
    os._exit(0)


if __name__ == "__main__":
    main()
