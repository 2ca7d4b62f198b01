"""The way of one dataset: pull → archive → read → check → commit, and the outcome of every partition.

Belongs here: the order of these steps and what becomes of each failure. Does not belong here: any step itself.
"""

import hashlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from assets.workspace import Workspace
from connectors.api import MissingSecret, Payload, PayloadError, Window
from connectors.archive import ArchiveError, SealedPull
from connectors.contract import Contract
from connectors.contract.model import SINGLE_PARTITION
from connectors.crashpoint import crashpoint
from connectors.http_errors import PullError
from connectors.paging import PagingRestart
from connectors.pull import LivePull
from connectors.read.staging import READER_VERSION, Staging
from warehouse import ops
from warehouse.stage import Judged, Staged, content_digest, judge, split

CHUNK_ROWS = 250_000
"""Rows checked and committed together at most, unless one partition alone has more: this bounds memory."""

Progress = Callable[[str, int], None]
"""Told (what, rows) as payloads are read."""


@dataclass(frozen=True)
class Attempt:
    """One sealed pull and when it began."""

    contract: Contract
    partitions: tuple[str, ...]
    payloads: tuple[Payload, ...]
    started: datetime


def partition_dates(contract: Contract, start: date, end: date) -> list[date]:
    """Partition dates of a grain between two business dates."""
    if contract.ext.partisi == "bulanan":
        months = {d.replace(day=1) for d in Window(start, end).days()}
        return sorted(months)
    if contract.ext.partisi == "tahunan":
        return [date(year, 1, 1) for year in range(start.year, end.year + 1)]
    return Window(start, end).days()


def pull_windows(contract: Contract, partitions: Sequence[date]) -> Iterator[Window]:
    """Partitions joined to windows no longer than one pull may be."""
    if contract.ext.partisi != "harian":
        for first in partitions:
            yield Window(first, _period_end(contract, first))
        return
    start: date | None = None
    last: date | None = None
    for day in partitions:
        too_long = start is not None and (day - start).days >= contract.ext.jendela_maks_hari
        gap = last is not None and (day - last).days > 1
        if start is None or last is None:
            start = day
        elif too_long or gap:
            yield Window(start, last)
            start = day
        last = day
    if start is not None and last is not None:
        yield Window(start, last)


def _period_end(contract: Contract, first: date) -> date:
    if contract.ext.partisi == "tahunan":
        return date(first.year, 12, 31)
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def keys_of(contract: Contract, window: Window) -> tuple[str, ...]:
    """Partition keys that a window covers."""
    if contract.ext.partisi == "tunggal":
        return (SINGLE_PARTITION,)
    return tuple(d.isoformat() for d in partition_dates(contract, window.start, window.end))


class Ingest:
    """Ingests datasets of one run."""

    def __init__(self, workspace: Workspace, run_id: str | None = None, progress: Progress | None = None):
        self._ws = workspace
        self._run_id = run_id or workspace.run_id
        self._progress = progress or (lambda _what, _rows: None)

    def run(self, contract: Contract, partitions: Sequence[date]) -> list[ops.Outcome]:
        """Pull and settle the partitions. Every attempt ends in outcome rows, also a failed one."""
        ws = self._ws
        if contract.ext.mode == "potret":
            windows = [Window(ws.today, ws.today)]
        elif contract.ext.mode in ("berkas", "acuan"):
            windows = [Window(min(partitions, default=ws.today), max(partitions, default=ws.today))]
        else:
            windows = list(pull_windows(contract, sorted(partitions)))
        outcomes: list[ops.Outcome] = []
        for window in windows:
            outcomes.extend(self._attempt(contract, window))
        return outcomes

    def _attempt(self, contract: Contract, window: Window) -> list[ops.Outcome]:
        started = datetime.now(UTC)
        keys = () if contract.ext.mode == "berkas" else keys_of(contract, window)
        last_restart: PagingRestart | None = None
        for _ in range(3):
            try:
                return self._pull_and_settle(contract, window, keys, started)
            except PagingRestart as restart:
                last_restart = restart
            except PullError as error:
                return self._failed(contract, keys, "gagal_tarik", error.reason_code, str(error), started)
            except MissingSecret as error:
                return self._failed(contract, keys, "gagal_tarik", "rahasia_belum_diatur", str(error), started)
            except PayloadError as error:
                return self._failed(contract, keys, "gagal_baca", error.code, str(error), started)
            except ArchiveError as error:
                return self._failed(contract, keys, "gagal_tarik", "arsip_tidak_dapat_ditulis", str(error), started)
        return self._failed(contract, keys, "gagal_tarik", "halaman_berubah", str(last_restart), started)

    def _failed(
        self, contract: Contract, keys: Sequence[str], status: ops.Status, code: str, text: str, started: datetime
    ) -> list[ops.Outcome]:
        outcomes = [
            self._outcome(contract, key, status, started, alasan=code, rincian=text) for key in keys or ("berkas",)
        ]
        self._ws.lake.record(outcomes)
        return outcomes

    def _outcome(
        self, contract: Contract, key: str, status: ops.Status, started: datetime, **values: Any
    ) -> ops.Outcome:
        return ops.Outcome(
            run_id=self._run_id, dataset=contract.id, partisi=key, status=status, mulai=started,
            selesai=datetime.now(UTC), kontrak=contract.digest, **values,
        )  # fmt: skip

    def _pull_and_settle(
        self, contract: Contract, window: Window, keys: tuple[str, ...], started: datetime
    ) -> list[ops.Outcome]:
        ws = self._ws
        feed = ws.registry.feed(contract)
        states = self._states(contract, keys)
        staging = self._staging(contract)
        # A first load reads while it pulls; a repeated pull usually brings the same bytes, so it looks first.
        eager = not states and contract.ext.mode not in ("berkas",)
        fault: PayloadError | None = None
        with ws.archive.begin(
            contract.table,
            f"{self._run_id}-{contract.dataset}-{window.start:%Y%m%d}-{started:%H%M%S%f}",
            window.start,
            window.end,
            encrypted=contract.has_private,
            key_month=f"{window.start:%Y-%m}" if contract.has_private else None,
        ) as pull:
            context = LivePull(
                contract=contract, window=window, today=ws.today,
                params=ws.endpoint(contract.agency).params, inbox=ws.inbox, open_http=lambda: ws.http(contract),
                archive=pull, secrets=ws.secret,
            )  # fmt: skip
            payloads: list[Payload] = []
            for payload in _ahead(feed.pull(context)):
                if eager and fault is None:
                    try:
                        staging.add(payload, feed.read(payload, contract))
                    except PayloadError as error:
                        fault = error
                    self._progress(contract.id, staging.rows)
                    payload = replace(payload, body=b"")
                payloads.append(payload)
            crashpoint("ingest.pulled")
            sealed = pull.seal()
        crashpoint("ingest.sealed")
        refused = [
            self._outcome(contract, f"berkas:{slot}", "gagal_baca", started, alasan=reason)
            for slot, reason in context.refused
        ]
        self._ws.lake.record(refused)
        if fault is not None:
            raise fault
        if contract.ext.mode == "berkas":
            return refused + self._settle_files(contract, payloads, started)
        return refused + self._settle(contract, keys, payloads, staging if eager else None, states, started, sealed)

    def replay(self, contract: Contract, pull: SealedPull) -> list[ops.Outcome]:
        """Read an archived pull again and settle it, without any network."""
        started = datetime.now(UTC)
        keys = () if contract.ext.mode == "berkas" else keys_of(contract, pull.window)
        payloads = [self._ws.archive.payload(entry) for entry in pull.entries]
        try:
            if contract.ext.mode == "berkas":
                return self._settle_files(contract, payloads, started)
            return self._settle(contract, keys, payloads, None, self._states(contract, keys), started, pull)
        except PayloadError as error:
            return self._failed(contract, keys, "gagal_baca", error.code, str(error), started)

    def _states(self, contract: Contract, keys: Sequence[str]) -> dict[str, ops.Outcome]:
        return self._ws.lake.states(contract.id, keys[0], keys[-1]) if keys else {}

    def _staging(self, contract: Contract, today: date | None = None) -> Staging:
        ws = self._ws
        return Staging(contract, regions=ws.regions, hash_key=ws.hash_key, today=today or ws.today)

    def _settle(
        self,
        contract: Contract,
        keys: tuple[str, ...],
        payloads: Sequence[Payload],
        staging: Staging | None,
        states: dict[str, ops.Outcome],
        started: datetime,
        pull: SealedPull,
    ) -> list[ops.Outcome]:
        """Decide and commit what a pull brought for the partitions of its window."""
        digest = input_digest(contract, payloads)
        common = {
            "digest_masukan": digest,
            "muatan": tuple(dict.fromkeys(p.sha256 for p in payloads)),
            "asal": ",".join(sorted({p.asal for p in payloads})),
        }
        if keys and all(key in states and states[key].digest_masukan == digest for key in keys):
            outcomes = [
                self._outcome(contract, key, "tidak_berubah", started, alasan="muatan_sama", **common) for key in keys
            ]
            self._ws.lake.record(outcomes)
            return outcomes
        if staging is None:
            staging = self._staging(contract)
            feed = self._ws.registry.feed(contract)
            for payload in payloads:
                staging.add(payload, feed.read(payload, contract))
                self._progress(contract.id, staging.rows)
        rows, rejected = staging.finish(keys)
        drift = sorted({name for p in payloads for name in p.unknown_fields})
        note = f"bidang baru di kawat, tidak disimpan: {', '.join(drift)}" if drift else ""
        outcomes = []
        for part in _batches(keys, rows, rejected):
            outcomes.extend(self._judge_and_commit(contract, part, states, started, common, note))
        return outcomes

    def _judge_and_commit(
        self,
        contract: Contract,
        staged: Staged,
        states: dict[str, ops.Outcome],
        started: datetime,
        common: dict[str, Any],
        note: str = "",
    ) -> list[ops.Outcome]:
        lake = self._ws.lake
        first = staged.partitions[0]
        before = lake.state_before(contract.id, first)
        judged = judge(contract, staged, {first: before.profil} if before else {}, self._ws.checker)
        crashpoint("ingest.checked")
        by_key = split(judged.rows) if judged.rows.height else {}
        bad = split(judged.rejected) if judged.rejected.height else {}
        outcomes: list[ops.Outcome] = []
        for key in staged.partitions:
            good, aside = by_key.get(key, judged.rows.clear()), bad.get(key, pl.DataFrame())
            status, reason = self._decide(contract, key, good, aside, judged, states.get(key))
            outcomes.append(
                self._outcome(
                    contract,
                    key,
                    status,
                    started,
                    alasan=reason,
                    rincian=note,
                    ditarik=good.height + aside.height,
                    diterima=good.height,
                    dikarantina=aside.height,
                    digest_isi=content_digest(contract, good),
                    profil=judged.profiles.get(key, {}),
                    **common,
                )
            )
        accepted = [o.partisi for o in outcomes if o.status == "diterima"]
        kept = [o.partisi for o in outcomes if o.status in ("diterima", "diblokir", "cakupan_kurang")]
        rows = pl.concat([by_key[k] for k in accepted if k in by_key]) if accepted else judged.rows.clear()
        lake.commit(
            contract,
            outcomes,
            rows.drop("_partisi"),
            self._quarantine(contract, [bad[k] for k in kept if k in bad]),
            self._checks(contract, [c for c in judged.checks if c["partisi"] in set(kept)]),
        )
        return outcomes

    def _decide(
        self,
        contract: Contract,
        key: str,
        good: pl.DataFrame,
        aside: pl.DataFrame,
        judged: Judged,
        state: ops.Outcome | None,
    ) -> tuple[ops.Status, str]:
        if state is not None and good.height and content_digest(contract, good) == state.digest_isi:
            return "tidak_berubah", "isi_sama"
        if key in judged.blocked:
            return "diblokir", judged.blocked[key]
        if not good.height and not aside.height:
            if state is not None and state.diterima:
                return "cakupan_kurang", f"0 baris, versi yang ada {state.diterima} baris"
            return "kosong", ""
        if state is not None and good.height < state.diterima:
            return "cakupan_kurang", f"{good.height} baris, versi yang ada {state.diterima} baris"
        return "diterima", "isi_berubah_versi_lama_diganti" if state is not None else ""

    def _quarantine(self, contract: Contract, parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
        if not parts:
            return ops.frame("quarantine.baris", [])
        frame = pl.concat(parts, how="diagonal_relaxed")
        return frame.select(
            pl.lit(self._run_id).alias("run_id"),
            pl.lit(contract.id).alias("dataset"),
            pl.col("_partisi").alias("partisi"),
            pl.col("_payload").alias("muatan"),
            pl.col("_baris").alias("baris"),
            "kolom", "alasan", "rincian", "isi",
            pl.lit(datetime.now(UTC)).dt.cast_time_unit("us").alias("waktu"),
        )  # fmt: skip

    def _checks(self, contract: Contract, records: Iterable[dict[str, Any]]) -> pl.DataFrame:
        now = datetime.now(UTC)
        fixed = {"run_id": self._run_id, "dataset": contract.id, "waktu": now}
        return ops.frame("ops.pemeriksaan", [fixed | r for r in records])

    def _settle_files(self, contract: Contract, payloads: Sequence[Payload], started: datetime) -> list[ops.Outcome]:
        """Settle files: each replaces, in the partitions it has rows for, what an older file said of the same unit."""
        lake, feed = self._ws.lake, self._ws.registry.feed(contract)
        lake.ensure_source(contract)
        done = set(
            lake.query(
                "SELECT DISTINCT unnest(muatan) AS m FROM lake.ops.hasil WHERE dataset = ? AND kontrak = ?",
                [contract.id, contract.digest],
            )["m"]
        )
        outcomes: list[ops.Outcome] = []
        staging = self._staging(contract)
        used: list[Payload] = []
        for payload in payloads:
            if payload.sha256 in done:
                continue
            try:
                staging.add(payload, feed.read(payload, contract))
                used.append(payload)
            except PayloadError as error:
                outcomes.append(
                    self._outcome(
                        contract,
                        f"berkas:{payload.slot}",
                        "gagal_baca",
                        started,
                        alasan=error.code,
                        rincian=str(error),
                        muatan=(payload.sha256,),
                        asal=payload.asal,
                    )
                )
        lake.record(outcomes)
        if not used:
            return outcomes
        rows, rejected = staging.finish(())
        slots = contract.ext.berkas.slot if contract.ext.berkas else ()
        keys = tuple(sorted({*rows["_partisi"], *rejected["_partisi"]}))
        states = self._states(contract, keys)
        rows = self._with_other_units(contract, rows, keys, slots)
        for key in keys:
            shas = {*rows.filter(pl.col("_partisi") == key)["_payload"].unique()}
            shas |= {*rejected.filter(pl.col("_partisi") == key)["_payload"].unique()}
            known = set(states[key].muatan) if key in states else set()
            common = {
                "digest_masukan": hashlib.sha256("".join(sorted(shas)).encode()).hexdigest()[:24],
                "muatan": tuple(sorted(shas | known)),
                "asal": ",".join(sorted({p.asal for p in used})),
            }
            part = Staged([key], rows.filter(pl.col("_partisi") == key), rejected.filter(pl.col("_partisi") == key))
            outcomes.extend(self._judge_and_commit(contract, part, states, started, common))
        return outcomes

    def _with_other_units(
        self, contract: Contract, rows: pl.DataFrame, keys: Sequence[str], slots: Sequence[str]
    ) -> pl.DataFrame:
        """Add the committed rows of the same partitions that no new file speaks of."""
        if contract.partition_column is None or not keys:
            return rows
        marks = ", ".join("?" for _ in keys)
        held = self._ws.lake.query(
            f'SELECT * FROM lake.source."{contract.table}" WHERE CAST("{contract.partition_column}" AS VARCHAR) '
            f"IN ({marks})",
            list(keys),
        )
        held = held.cast({c.name: c.dtype for c in contract.columns})
        held = held.with_columns(pl.col(contract.partition_column).cast(pl.String).alias("_partisi"))
        if slots:
            held = held.join(rows.select("_partisi", *slots).unique(), on=["_partisi", *slots], how="anti")
        else:
            held = held.filter(~pl.col("_partisi").is_in(rows["_partisi"].unique().to_list()))
        return pl.concat([held.select(rows.columns), rows]) if held.height else rows


def input_digest(contract: Contract, payloads: Iterable[Payload]) -> str:
    """Digest of what a partition is read from: bytes, contract and the version of the reader."""
    shas = ",".join(sorted({f"{p.sha256}:{p.asal}" for p in payloads}))
    return hashlib.sha256(f"{contract.digest}|{READER_VERSION}|{shas}".encode()).hexdigest()[:24]


def _batches(keys: Sequence[str], rows: pl.DataFrame, rejected: pl.DataFrame) -> Iterator[Staged]:
    """Whole partitions joined up to CHUNK_ROWS. Rejected rows of no known partition go with the first."""
    counts = dict(rows["_partisi"].value_counts().iter_rows()) if rows.height else {}
    group: list[str] = []
    size = 0
    first = True
    for key in [*keys, None]:
        if key is None or (group and size + counts.get(key, 0) > CHUNK_ROWS):
            if group:
                inside = pl.col("_partisi").is_in(group)
                aside = rejected.filter(inside | (~pl.col("_partisi").is_in(list(keys)) if first else pl.lit(False)))
                yield Staged(tuple(group), rows.filter(inside) if len(group) < len(keys) else rows, aside)
                first = False
            group, size = [], 0
        if key is not None:
            group.append(key)
            size += counts.get(key, 0)


_END = object()


def _ahead(items: Iterable[Payload], depth: int = 8) -> Iterator[Payload]:
    """Iterate in a thread of its own, some items ahead, so that asking and reading overlap."""
    channel: queue.Queue[Any] = queue.Queue(maxsize=depth)
    stop = threading.Event()

    def feed() -> None:
        try:
            for item in items:
                channel.put(item)
                if stop.is_set():
                    return
            channel.put(_END)
        except BaseException as error:
            channel.put(error)

    thread = threading.Thread(target=feed, name="pull", daemon=True)
    thread.start()
    try:
        while (item := channel.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        while thread.is_alive():
            try:
                channel.get(timeout=0.05)
            except queue.Empty:
                continue
        thread.join()
