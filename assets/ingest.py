"""The way of one dataset: pull → archive → settle. Every attempt ends in outcome rows, also a failed one.

Belongs here: attempts, their order and what becomes of a failed pull. Does not belong here: what is decided of
rows and partitions (`settle.py`, `files.py`).
"""

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from assets.ahead import ahead
from assets.checked_ahead import CHUNK_ROWS, CheckedAhead
from assets.files import settle_files
from assets.settle import Brought, Progress, Settler, States
from assets.windows import keys_of, pull_windows
from assets.workspace import Workspace
from connectors.api import MissingSecret, Payload, PayloadError, Window
from connectors.archive import ArchiveError, PayloadForgotten, Pull, SealedPull
from connectors.contract import Contract
from connectors.crashpoint import crashpoint
from connectors.http_errors import PullError
from connectors.inbox import InboxRefusal, unclaimed
from connectors.paging import PagingRestart
from connectors.pull import LivePull
from connectors.redaction import NotJson
from warehouse import ops

T = TypeVar("T")

RESTARTS = 3
"""Times a pull is begun anew when the agency's pages changed while they were read."""

READ_BYTES = 1 << 20
"""Size of the payloads that are read together."""

WIB_OFFSET = timedelta(hours=7)


class Ingest:
    """Ingests datasets of one run. `on_checked` is told when the last rows of a dataset have their verdict: what is
    left to do with them is to commit them."""

    def __init__(
        self,
        workspace: Workspace,
        run_id: str | None = None,
        progress: Progress | None = None,
        on_checked: Callable[[], None] | None = None,
    ):
        self._ws = workspace
        self._run_id = run_id or workspace.run_id
        self._progress = progress or (lambda _what, _rows: None)
        self._on_checked = on_checked

    def run(self, contract: Contract, partitions: Sequence[date]) -> list[ops.Outcome]:
        """Pull and settle the partitions. Pulls are archived one by one, and settled some together."""
        settler = self._settler(contract)
        windows = pull_windows(contract, partitions, self._ws.today)
        states = settler.states([key for window in windows for key in keys_of(contract, window)])
        outcomes: list[ops.Outcome] = []
        waiting: list[Brought] = []
        idle: list[ops.Outcome] = []
        broken: Exception | None = None
        for window in windows:
            if sum(w.rows.height for w in waiting) >= CHUNK_ROWS:
                outcomes.extend(settler.settle(waiting, states))
                waiting = []
            try:
                result = self._attempt(contract, settler, window, states)
            except Exception as error:
                # A fault of ours and not of the agency: the other windows go on, and it is raised after them.
                broken = broken or error
                result = _failed(settler, keys_of(contract, window), "gagal_tarik", "galat_tak_terduga", _place(error))
            if isinstance(result, Brought):
                waiting.append(result)
            elif isinstance(result, _Recorded):
                outcomes.extend(result.outcomes)
            else:
                idle.extend(result)
        outcomes.extend(settler.settle(waiting, states, self._on_checked))
        self._ws.lake.record(idle)
        if broken is not None:
            raise broken
        return sorted(outcomes + idle, key=lambda o: o.partisi)

    def replay(self, contract: Contract, pull: SealedPull) -> list[ops.Outcome]:
        """Read an archived pull again and settle it, without any network.

        What an earlier run settled is read again, for a reader or a reference list may have been mended since.
        """
        settler = self._settler(contract)
        keys = keys_of(contract, pull.window)
        payloads = [self._ws.archive.payload(entry) for entry in pull.entries]
        asked = max((p.fetched_at + WIB_OFFSET).date() for p in payloads) if payloads else pull.window.end
        try:
            if contract.ext.mode == "berkas":
                return settle_files(self._ws, contract, settler, payloads, self._run_id)
            states = settler.states(keys)
            own = {key: state for key, state in states.items() if state.run_id == self._run_id}
            result = settler.brought(keys, payloads, None, own, max(asked, pull.window.end))
            if isinstance(result, Brought):
                return settler.settle([result], states)
        except PayloadError as error:
            result = _failed(settler, keys, "gagal_baca", error.code, str(error))
        self._ws.lake.record(result)
        return result

    def _settler(self, contract: Contract) -> Settler:
        return Settler(self._ws, contract, self._run_id, self._progress)

    def _attempt(
        self, contract: Contract, settler: Settler, window: Window, states: States
    ) -> "Brought | _Recorded | list[ops.Outcome]":
        """One pull of one window: what it brought, or its outcomes: those of a list are yet to be recorded."""
        keys = keys_of(contract, window)
        disturbed: Exception | None = None
        for number in range(RESTARTS):
            try:
                return self._pull(contract, settler, window, keys, states, number)
            except PagingRestart as restart:
                disturbed = restart
            except PullError as error:
                return _failed(settler, keys, "gagal_tarik", error.reason_code, str(error))
            except NotJson as error:
                # What cannot be cut to the contract is not archived, so there is nothing to read again.
                return _failed(settler, keys, "gagal_tarik", "bukan_json", str(error))
            except MissingSecret as error:
                return _failed(settler, keys, "gagal_tarik", "rahasia_belum_diatur", str(error))
            except PayloadError as error:
                return _failed(settler, keys, "gagal_baca", error.code, str(error))
            except PayloadForgotten as error:
                return _failed(settler, keys, "gagal_tarik", "masa_simpan_habis", str(error))
            except ArchiveError as error:
                return _failed(settler, keys, "gagal_tarik", "arsip_tidak_dapat_ditulis", str(error))
        return _failed(settler, keys, "gagal_tarik", "halaman_berubah", str(disturbed))

    def _pull(
        self, contract: Contract, settler: Settler, window: Window, keys: tuple[str, ...], states: States, number: int
    ) -> "Brought | _Recorded | list[ops.Outcome]":
        ws = self._ws
        feed = ws.registry.feed(contract)
        # A first load is read while it is pulled. A repeated pull usually brings the same bytes, so those are
        # compared first. A file that cannot be read must not stop the others.
        eager = contract.ext.mode != "berkas" and not any(key in states for key in keys)
        staging = settler.staging(ws.today) if eager else None
        checked = CheckedAhead(contract, ws.checker, keys)
        fault: PayloadError | None = None
        payloads: list[Payload] = []
        with ws.archive.begin(
            contract.table,
            f"{self._run_id}-{contract.dataset}-{window.start:%Y%m%d}-{settler.started:%H%M%S%f}-{number}",
            window.start,
            window.end,
            encrypted=contract.has_private,
            key_month=f"{window.end:%Y-%m}" if contract.has_private else None,
        ) as pull:
            context = self._context(contract, window, pull)
            for group in ahead(_by_size(feed.pull(context)), depth=4):
                payloads.extend(group)
                if staging is None or fault is not None:
                    continue
                try:
                    checked.look(settler.read(staging, group))
                except PayloadError as error:
                    fault = error
                payloads[-len(group) :] = [replace(payload, body=b"") for payload in group]
            crashpoint("ingest.pulled")
            if staging is not None and fault is None:
                work = partial(settler.brought, keys, payloads, staging, states, ws.today, checked)
                brought = _while_sealing(pull, work)
                crashpoint("ingest.sealed")
                return brought
            pull.seal()
        crashpoint("ingest.sealed")
        if fault is not None:
            raise fault
        if contract.ext.mode == "berkas":
            refused = self._refusals(contract, settler, context.refused)
            ws.lake.record(refused)
            return _Recorded(refused + settle_files(ws, contract, settler, payloads))
        return settler.brought(keys, payloads, None, states, ws.today)

    def _refusals(self, contract: Contract, settler: Settler, refused: Sequence[tuple[str, str]]) -> list[ops.Outcome]:
        """Outcomes of the files that were not taken, and of those that were not when they were last seen but are no
        longer refused: without an end, a file that was renamed or taken away would count as failing for ever."""
        unclaimed = [(one.slot, one.reason) for one in self._unclaimed(contract)]
        found = [_refused(settler, slot, reason) for slot, reason in [*refused, *unclaimed]]
        still = {one.partisi for one in found}
        before = self._ws.lake.file_outcomes(contract.id)
        # Those with a payload were taken and then refused for what is in them: that stays true.
        ended = [key for key, one in before.items() if not one.ok and not one.muatan and key not in still]
        return found + [settler.outcome(key, "tidak_berubah", alasan="tidak_lagi_ditolak") for key in sorted(ended)]

    def _unclaimed(self, contract: Contract) -> list[InboxRefusal]:
        """Files of the agency that none of its datasets takes. The first of those that come as files tells of them."""
        ws = self._ws
        fed = [c for c in ws.registry.contracts if c.agency == contract.agency and c.ext.mode == "berkas"]
        return unclaimed(ws.inbox, contract.agency, fed) if contract.id == min(c.id for c in fed) else []

    def _context(self, contract: Contract, window: Window, archive: Any) -> LivePull:
        ws = self._ws
        return LivePull(
            contract=contract,
            window=window,
            today=ws.today,
            params=ws.endpoint(contract.agency).params,
            inbox=ws.inbox,
            open_http=lambda: ws.http(contract),
            archive=archive,
            secrets=ws.secret,
        )


def _while_sealing(pull: Pull, work: Callable[[], T]) -> T:
    """What `work` gives, done while the disk takes what came. An error of sealing comes before one of `work`."""
    with ThreadPoolExecutor(1, "seal") as pool:
        sealing = pool.submit(pull.seal)
        try:
            return work()
        finally:
            sealing.result()


def _by_size(payloads: Iterable[Payload]) -> Iterator[list[Payload]]:
    """Payloads in groups that are worth reading: threads that hand over each small one get in each other's way."""
    group: list[Payload] = []
    for payload in payloads:
        group.append(payload)
        if sum(len(p.body) for p in group) >= READ_BYTES:
            yield group
            group = []
    if group:
        yield group


@dataclass(frozen=True)
class _Recorded:
    """Outcomes that stand in the lake already."""

    outcomes: list[ops.Outcome]


def _failed(settler: Settler, keys: Sequence[str], status: ops.Status, code: str, detail: str) -> list[ops.Outcome]:
    return [settler.outcome(key, status, alasan=code, rincian=detail) for key in keys or (ops.FILES,)]


def _refused(settler: Settler, slot: str, reason: str) -> ops.Outcome:
    """Outcome of a file that was not taken; `reason` is "code" or "code: detail"."""
    code, _, detail = reason.partition(": ")
    return settler.outcome(ops.FILE + slot, "gagal_baca", alasan=code, rincian=detail)


def _place(error: Exception) -> str:
    """Kind of an error and the line of ours that it came from. Not its text, which may quote a private value."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "site-packages" not in f.filename]
    return f"{type(error).__name__} di {Path(frames[-1].filename).name}:{frames[-1].lineno}"
