"""The door to the check process: frames go to it as Arrow files, verdicts come back.

Importing Great Expectations takes seconds, so a process of its own is started early and imports it while data is
still being pulled. Does not belong here: Great Expectations itself (`worker.py`).
"""

import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson
import polars as pl

from warehouse.checks.suite import Check, columns_used


class CheckFailure(RuntimeError):
    """Checks could not be evaluated at all; what was to be checked must not be committed."""


@dataclass(frozen=True)
class Verdict:
    """Result of one check. `failing` holds 0-based positions in the frame that was checked."""

    check: Check
    result: Literal["lulus", "gagal", "galat"]
    failing: tuple[int, ...] = ()
    detail: str = ""


class Checker:
    """Runs suites in a process of its own. `start()` returns at once; the first `run` waits for it."""

    def __init__(self, docs: Path | None = None):
        self._docs = docs
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._mutex = threading.Lock()
        self._count = 0

    def start(self) -> None:
        with self._mutex:
            if self._process is None:
                self._folder = tempfile.TemporaryDirectory(prefix="ssp-checks-")
                log = Path(self._folder.name) / "worker.log"
                with log.open("wb") as stderr:
                    self._process = subprocess.Popen(
                        [sys.executable, "-m", "warehouse.checks.worker"],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=stderr,
                    )

    def run(self, suite_name: str, checks: Sequence[Check], frame: pl.DataFrame) -> tuple[Verdict, ...]:
        """Evaluate every check on the frame. Raises CheckFailure when none could be, or some were not."""
        if not checks:
            raise CheckFailure(f"{suite_name}: an empty suite proves nothing")
        self.start()
        with self._mutex:
            assert self._folder is not None
            self._count += 1
            path = Path(self._folder.name) / f"{self._count}.arrow"
            used = [name for name in columns_used(tuple(checks)) if name in frame.columns]
            floats = [n for n in used if frame.schema[n].is_decimal()]
            batch = frame.select(used or frame.columns[:1]).with_columns(pl.col(floats).cast(pl.Float64))
            batch.write_ipc(path, compression="uncompressed")
            try:
                answer = self._ask(
                    {
                        "suite": suite_name,
                        "frame": str(path),
                        "rows": frame.height,
                        "checks": [
                            {
                                "name": c.name,
                                "type": c.type,
                                "kwargs": c.kwargs,
                                "blocking": c.blocking,
                                "description": c.description,
                            }
                            for c in checks
                        ],
                    }
                )
            finally:
                path.unlink(missing_ok=True)
        return self._verdicts(suite_name, checks, frame.height, answer)

    @staticmethod
    def _verdicts(name: str, checks: Sequence[Check], rows: int, answer: dict[str, Any]) -> tuple[Verdict, ...]:
        if answer.get("rows") != rows:
            raise CheckFailure(f"{name}: {rows} rows were to be checked, {answer.get('rows')} were seen")
        results = {r["name"]: r for r in answer["results"]}
        missing = [c.name for c in checks if c.name not in results]
        if missing or len(answer["results"]) != len(checks):
            raise CheckFailure(f"{name}: declared but not evaluated: {', '.join(missing) or 'duplicate names'}")
        return tuple(
            Verdict(c, results[c.name]["result"], tuple(results[c.name]["failing"]), results[c.name]["detail"])
            for c in checks
        )

    def build_docs(self) -> Path | None:
        """Write the Data Docs of all that was checked since the start; no value of any column is in them."""
        if self._docs is None or self._process is None:
            return None
        self._docs.mkdir(parents=True, exist_ok=True)
        with self._mutex:
            self._ask({"docs": str(self._docs)})
        return self._docs

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(orjson.dumps(request, default=str) + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = b""
        if not line:
            log = Path(self._folder.name, "worker.log").read_text(errors="replace")[-2000:] if self._folder else ""
            self._process = None
            raise CheckFailure(f"the check process ended: {log.strip() or f'exit {process.poll()}'}")
        answer: dict[str, Any] = orjson.loads(line)
        if "error" in answer:
            raise CheckFailure(str(answer["error"]))
        return answer

    def close(self) -> None:
        with self._mutex:
            if self._process is not None:
                assert self._process.stdin is not None
                self._process.stdin.close()
                try:
                    self._process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
                if self._process.stdout is not None:
                    self._process.stdout.close()
                self._process = None
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None

    def __enter__(self) -> "Checker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
