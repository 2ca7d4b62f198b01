"""The process that runs Great Expectations: one request a line on stdin, one answer a line on stdout.

Results carry positions, never values: neither an answer nor the Data Docs can leak a private column.
Does not belong here: what a verdict means.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import orjson


class Worker:
    """Keeps one Great Expectations context, and a suite for each name that was asked for."""

    def __init__(self) -> None:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        warnings.filterwarnings("ignore")
        import great_expectations as gx

        self._gx = gx
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = {"globally": False}
        self._source = self._context.data_sources.add_pandas("ssp")
        self._definitions: dict[str, Any] = {}

    def _definition(self, name: str, checks: list[dict[str, Any]]) -> Any:
        key = name + str(hash(orjson.dumps(checks)))
        if key not in self._definitions:
            from great_expectations.expectations.registry import get_expectation_impl

            label = (
                name if all(not k.startswith(name) for k in self._definitions) else f"{name}-{len(self._definitions)}"
            )
            expectations = [
                get_expectation_impl("expect_table_row_count_to_equal")(value={"$PARAMETER": "jumlah_baris"})
            ]
            for check in checks:
                expectations.append(
                    get_expectation_impl(check["type"])(
                        **check["kwargs"],
                        severity="critical" if check["blocking"] else "warning",
                        meta={"nama": check["name"], "keterangan": check["description"]},
                    )
                )
            gx = self._gx
            suite = self._context.suites.add(gx.ExpectationSuite(name=label, expectations=expectations))
            batch = self._source.add_dataframe_asset(label).add_batch_definition_whole_dataframe("b")
            self._definitions[key] = self._context.validation_definitions.add(
                gx.ValidationDefinition(name=label, data=batch, suite=suite)
            )
        return self._definitions[key]

    def check(self, request: dict[str, Any]) -> dict[str, Any]:
        """Evaluate a suite. The row count that is answered is the one Great Expectations observed."""
        import polars as pl

        frame = pl.read_ipc(request["frame"]).to_pandas()
        result = self._definition(request["suite"], request["checks"]).run(
            batch_parameters={"dataframe": frame},
            expectation_parameters={"jumlah_baris": request["rows"]},
            result_format={
                "result_format": "COMPLETE",
                "exclude_unexpected_values": True,
                "include_unexpected_rows": False,
                "return_unexpected_index_query": False,
            },
        )
        rows, results = -1, []
        for item in result.results:
            name = (item.expectation_config.meta or {}).get("nama")
            if name is None:
                rows = int(item.result.get("observed_value", -1))
                continue
            error = _error(item)
            failing = [int(i) for i in item.result.get("unexpected_index_list") or ()]
            if error:
                verdict = "galat"
            elif item.success:
                verdict, failing = "lulus", failing if not item.success else []
            else:
                verdict = "gagal"
            results.append(
                {"name": name, "result": verdict, "failing": failing, "detail": error or _detail(item.result)}
            )
        return {"rows": rows, "results": results}

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


def _error(item: Any) -> str:
    """The exception's text when a check errored; a missing column nests it by metric and leaves the result empty."""
    info = item.exception_info or {}
    nested = [info] if "raised_exception" in info else [v for v in info.values() if isinstance(v, dict)]
    for entry in nested:
        if entry.get("raised_exception"):
            return str(entry.get("exception_message") or "error without a message")[:500]
    return "" if item.result else "no result"


def _detail(result: dict[str, Any]) -> str:
    if "unexpected_count" in result:
        return f"{result['unexpected_count']} dari {result.get('element_count')}"
    return f"nilai {result['observed_value']}" if "observed_value" in result else ""


def main() -> None:
    """Serve requests until stdin ends. Libraries that print must not disturb the answers on stdout."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    worker = Worker()
    for line in sys.stdin.buffer:
        request = orjson.loads(line)
        try:
            answer = worker.docs(Path(request["docs"])) if "docs" in request else worker.check(request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {str(error)[:1500]}"}
        answers.write(orjson.dumps(answer) + b"\n")


if __name__ == "__main__":
    main()
