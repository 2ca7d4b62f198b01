"""The door to the check process: frames go to it as Arrow files, verdicts come back.

Importing Great Expectations takes a second, so a process of its own is started first of all and imports it while the
rest is; that is why this module imports next to nothing itself. Does not belong here: Great Expectations (`worker.py`).
"""

import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, cast

import orjson

from warehouse.checks.suite import TEXT_SUFFIX, Check, columns_used, exact_keys, only_compared

if TYPE_CHECKING:
    import polars as pl

WORKER = (sys.executable, "-m", "warehouse.checks.worker")
_ROOT = Path(__file__).resolve().parents[2]
_PREFIX = "ssp-checks-"
_LOG = "worker.log"
_FRESH_SECONDS = 60.0
ONE_BLAS_THREAD = ("OPENBLAS_NUM_THREADS", "1")
"""NumPy's threads for linear algebra wait for work by computing nothing, and there is none for them."""
_WORTH_ROWS = 50_000
_SAMPLE_ROWS = 1_000
ANSWER_SECONDS = 900.0
"""Longest time that one answer may take; a process that hangs must not hang the run."""


class CheckFailure(RuntimeError):
    """Checks could not be evaluated at all; what was to be checked must not be committed."""


@dataclass(frozen=True)
class Verdict:
    """Result of one check. `failing` holds 0-based positions in the frame that was checked, in order."""

    check: Check
    result: Literal["lulus", "gagal", "galat"]
    failing: tuple[int, ...] = ()
    detail: str = ""


@dataclass
class _Process:
    """A running worker with its own folder for frames and its log."""

    popen: subprocess.Popen[bytes]
    folder: tempfile.TemporaryDirectory[str]

    @property
    def stdin(self) -> IO[bytes]:
        return cast(IO[bytes], self.popen.stdin)

    @property
    def stdout(self) -> IO[bytes]:
        return cast(IO[bytes], self.popen.stdout)

    def end(self, *, kill: bool = False) -> None:
        """End the process, by closing its input or at once, and remove its folder."""
        if kill:
            self.popen.kill()
        with suppress(OSError):
            self.stdin.close()
        try:
            self.popen.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self.stdout.close()
        self.folder.cleanup()


class Checker:
    """Runs suites in a process of its own. `start()` returns at once; the first `run` waits for it.

    `command` gets its folder for frames as its last argument. A process that ended is replaced by a new one at the
    next `run`.
    """

    def __init__(self, *, command: Sequence[str] = WORKER, answer_seconds: float = ANSWER_SECONDS):
        self._command = tuple(command)
        self._answer_seconds = answer_seconds
        self._process: _Process | None = None
        self._answered = False
        self._mutex = threading.RLock()
        self._count = 0

    def start(self) -> None:
        """Start the process unless it runs."""
        with self._mutex:
            if self._process is not None and self._process.popen.poll() is not None:
                self._process.end()
                self._process = None
            if self._process is None:
                _sweep()
                folder = tempfile.TemporaryDirectory(prefix=_PREFIX)
                with Path(folder.name, _LOG).open("wb") as stderr:
                    fcntl.flock(stderr, fcntl.LOCK_EX)  # the worker inherits it: it is held for as long as that lives
                    popen = subprocess.Popen(
                        [*self._command, folder.name],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=stderr,
                        cwd=_ROOT,
                        env=dict([*os.environ.items(), ONE_BLAS_THREAD]),
                    )
                self._process = _Process(popen, folder)
                self._answered = False

    def run(self, suite_name: str, checks: Sequence[Check], frame: "pl.DataFrame") -> tuple[Verdict, ...]:
        """Evaluate every check on the frame, in the order of `checks`.

        Raises CheckFailure when the suite is empty, when the process ended, hung or refused it, when it saw another
        number of rows than were sent, or when it answered to fewer or other checks than were declared.
        """
        if not checks:
            raise CheckFailure(f"{suite_name}: an empty suite proves nothing")
        with self._mutex:
            self.start()
            assert self._process is not None
            self._count += 1
            path = Path(self._process.folder.name, f"{self._count}.arrow")
            sent, batch = _prepared(checks, frame)
            batch.write_ipc(path, compression="uncompressed")
            request = {
                "suite": suite_name,
                "number": self._count,
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
                    for c in sent
                ],
            }
            try:
                answer = self._ask(request)
            except CheckFailure as error:
                raise CheckFailure(f"{suite_name}: {error}") from None
            finally:
                path.unlink(missing_ok=True)
        return _verdicts(suite_name, checks, frame.height, answer)

    def build_docs(self, folder: Path) -> None:
        """Write the Data Docs of all that was checked since the start; no value of any column is in them.

        If nothing was, those of the time before stay.
        """
        with self._mutex:
            if self._process is None or not self._count:
                return
            folder.mkdir(parents=True, exist_ok=True)
            self._ask({"docs": str(folder.resolve())})

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        assert process is not None
        try:
            process.stdin.write(orjson.dumps(request, default=str) + b"\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], self._answer_seconds)
            line = process.stdout.readline() if ready else None
        except OSError:
            line = b""
        if not line or not line.endswith(b"\n"):
            self._process = None
            reason = self._ended(process, hung=line is None)
            process.end(kill=True)
            raise CheckFailure(reason)
        answer: dict[str, Any] = orjson.loads(line)
        if "error" in answer:
            raise CheckFailure(str(answer["error"]))
        self._answered = True
        return answer

    def _ended(self, process: _Process, *, hung: bool) -> str:
        """Why there is no answer. The log is quoted only as long as the process had not worked on any data."""
        if hung:
            return f"the check process gave no answer within {self._answer_seconds:g} s and was ended"
        with suppress(subprocess.TimeoutExpired):
            process.popen.wait(timeout=5)
        code = process.popen.returncode
        how = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit {code}"
        log = "" if self._answered else Path(process.folder.name, _LOG).read_text(errors="replace").strip()
        return f"the check process ended ({how})" + (f": {log.splitlines()[-1][:500]}" if log else "")

    def close(self) -> None:
        """End the process; at once if it was never asked anything, for it may still be importing."""
        with self._mutex:
            if self._process is not None:
                self._process.end(kill=not self._answered)
                self._process = None

    def __enter__(self) -> "Checker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _prepared(checks: Sequence[Check], frame: "pl.DataFrame") -> tuple[list[Check], "pl.DataFrame"]:
    """The columns that the checks look at, decimals as floats; unique keys of decimals as texts, which are exact. Texts
    that are only compared, and of which there are few, are numbered: that halves the work of the check process."""
    import polars as pl

    decimals = {name for name, dtype in frame.schema.items() if dtype.is_decimal()}
    sent = [exact_keys(check, decimals) for check in checks]
    used = columns_used(sent)
    columns = [
        pl.col(name).cast(pl.Float64) if name in decimals else pl.col(name) for name in used if name in frame.columns
    ]
    texts = [name.removesuffix(TEXT_SUFFIX) for name in used if name not in frame.columns]
    columns += [pl.col(name).cast(pl.String).alias(name + TEXT_SUFFIX) for name in texts if name in decimals]
    batch = frame.select(columns or frame.columns[:1])
    numbered = [batch[name] for name in only_compared(sent) if name in batch.columns and _repeats(batch[name])]
    return sent, batch.with_columns(texts.cast(pl.Enum(texts.unique().drop_nulls())) for texts in numbered)


def _repeats(column: "pl.Series") -> bool:
    """Whether these are many texts of which few differ, as far as a sample tells."""
    import polars as pl

    if column.dtype != pl.String or len(column) < _WORTH_ROWS:
        return False
    sample = column.gather_every(len(column) // _SAMPLE_ROWS)
    return sample.n_unique() <= _SAMPLE_ROWS // 4


def _verdicts(name: str, checks: Sequence[Check], rows: int, answer: dict[str, Any]) -> tuple[Verdict, ...]:
    if answer.get("rows") != rows:
        raise CheckFailure(f"{name}: {rows} rows were to be checked, {answer.get('rows')} were seen")
    results = {r["name"]: r for r in answer["results"]}
    missing = [c.name for c in checks if c.name not in results]
    if missing or len(answer["results"]) != len(checks):
        raise CheckFailure(f"{name}: declared but not evaluated: {', '.join(missing) or 'a name is used twice'}")
    verdicts = []
    for check in checks:
        found = results[check.name]
        failing = tuple(sorted(found["failing"]))
        if failing and (failing[0] < 0 or failing[-1] >= rows):
            raise CheckFailure(f"{name}: {check.name} names rows that were not sent")
        verdicts.append(Verdict(check, found["result"], failing, found["detail"]))
    return tuple(verdicts)


def _sweep() -> None:
    """Remove the folders of workers that were killed together with their parent: frames may hold private values."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime < _FRESH_SECONDS:
                continue  # it may be one that is just being made
            with (folder / _LOG).open("rb") as log:
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
