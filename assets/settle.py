"""Settling what pulls brought: read → check → commit, and the outcome of every partition.

Belongs here: what is decided of a partition and its rows, and committing it. Does not belong here: pulling
(`ingest.py`), inbox files, which replace parts of a partition (`files.py`).
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import polars as pl

from assets.checked_ahead import CheckedAhead, Verdicts, grouped, verdict_on
from assets.timeliness import due
from assets.workspace import Workspace
from connectors.api import Payload
from connectors.contract import Contract
from connectors.contract.model import SINGLE_PARTITION
from connectors.crashpoint import crashpoint
from connectors.read.staging import OUTSIDE, READER_VERSION, Staging, by_partition
from warehouse import ops
from warehouse.damage import find_damage
from warehouse.lake import LakeWriteError
from warehouse.stage import (
    Judged,
    Sifted,
    Staged,
    Unplaced,
    aside_digest,
    content_digest,
    decide,
    judge,
    sift,
    unplaced,
)

DROPPED_COLUMNS = "kolom_dibuang"
"""Key of a file's meta: titles of the columns that were cut from it, separated by "; "."""

Progress = Callable[[str, int], None]
"""Told (what, rows) as payloads are read."""

States = dict[str, ops.Outcome]


@dataclass
class Brought:
    """What one sealed pull brought, read and ready to be checked. `facts` go into every outcome of its partitions,
    `verdicts` are what is known of its rows already."""

    keys: tuple[str, ...]
    rows: pl.DataFrame
    rejected: pl.DataFrame
    facts: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    verdicts: Verdicts = field(default_factory=dict)


def input_digest(contract: Contract, payloads: Iterable[Payload]) -> str:
    """Digest of what a partition is read from: bytes, what only the request knew, contract and reader's version.

    The same bytes may be another region's or another day's.
    """
    read = ",".join(sorted({f"{p.sha256}:{p.asal}:{sorted(p.meta.items())}" for p in payloads}))
    return hashlib.sha256(f"{contract.digest}|{READER_VERSION}|{read}".encode()).hexdigest()[:24]


def cut_note(payloads: Iterable[Payload]) -> str:
    """What was cut from the payloads because no contract allows it: fields of JSON, columns of files."""
    names: set[str] = set()
    for payload in payloads:
        names.update(payload.unknown_fields)
        names.update(filter(None, payload.meta.get(DROPPED_COLUMNS, "").split("; ")))
    return f"bidang di luar kontrak, tidak disimpan: {', '.join(sorted(names))}" if names else ""


class Settler:
    """Settles partitions of one dataset within one run."""

    def __init__(self, workspace: Workspace, contract: Contract, run_id: str, progress: Progress):
        self._ws = workspace
        self._contract = contract
        self._run_id = run_id
        self._progress = progress
        self.started = datetime.now(UTC)

    def outcome(self, key: str, status: ops.Status, **values: Any) -> ops.Outcome:
        """An outcome of this attempt."""
        return ops.Outcome(
            run_id=self._run_id,
            dataset=self._contract.id,
            partisi=key,
            status=status,
            mulai=self.started,
            selesai=datetime.now(UTC),
            kontrak=self._contract.digest,
            jatuh_tempo=due(self._contract, key),
            **values,
        )

    def states(self, keys: Sequence[str]) -> States:
        """Committed state of the partitions."""
        return self._ws.lake.states(self._contract.id, min(keys), max(keys)) if keys else {}

    def staging(self, today: date) -> Staging:
        """An empty staging area; a partition date after `today` is refused."""
        return Staging(self._contract, regions=self._ws.regions, hash_key=self._ws.hash_key, today=today)

    def read(self, staging: Staging, payloads: Sequence[Payload]) -> Staging:
        """Read payloads into the staging area. Raises PayloadError."""
        feed = self._ws.registry.feed(self._contract)
        for payload, raw in zip(payloads, feed.read_all(payloads, self._contract), strict=True):
            staging.add(payload, raw)
        self._progress(self._contract.id, staging.rows)
        return staging

    def brought(
        self,
        keys: tuple[str, ...],
        payloads: Sequence[Payload],
        staging: Staging | None,
        states: States,
        today: date,
        ahead: CheckedAhead | None = None,
    ) -> Brought | list[ops.Outcome]:
        """What a pull brought, or the outcomes when it is what the committed versions were made from.

        `staging` and `ahead`: what was read of it, and checked, while it was pulled.
        """
        contract = self._contract
        digest = input_digest(contract, payloads)
        facts = {
            "digest_masukan": digest,
            "muatan": tuple(dict.fromkeys(p.sha256 for p in payloads)),
            "asal": ",".join(sorted({p.asal for p in payloads})),
        }
        note = cut_note(payloads)
        if keys and all(key in states and states[key].digest_masukan == digest for key in keys):
            same = ((key, ops.STILL_EMPTY if states[key].is_empty else "muatan_sama") for key in keys)
            return [self.outcome(key, "tidak_berubah", alasan=why, rincian=note, **facts) for key, why in same]
        if staging is None:
            staging = self.read(self.staging(today), payloads)
        verdicts = ahead.verdicts(staging) if ahead else {}
        rows, rejected = staging.finish(keys)
        return Brought(keys, rows, rejected, facts, note, verdicts)

    def settle(
        self, parts: Sequence[Brought], states: States, on_checked: Callable[[], None] | None = None
    ) -> list[ops.Outcome]:
        """Check and commit what several pulls brought, whole partitions at a time.

        `on_checked` is called when all of it has its verdict, before the last commit.
        """
        if not parts:
            return []
        facts = {key: {**p.facts, "rincian": p.note} for p in parts for key in p.keys}
        keys = sorted(facts)
        outcomes: list[ops.Outcome] = []
        doubts: dict[str, str] = {}
        for part in parts:
            part.rejected, found = self.set_aside(part.keys, part.rows, part.rejected, part.facts, doubts)
            outcomes.extend(found)
        rows = parts[0].rows if len(parts) == 1 else pl.concat([p.rows for p in parts])
        rejected = parts[0].rejected if len(parts) == 1 else pl.concat([p.rejected for p in parts])
        verdicts: Verdicts = {}
        for part in parts:
            part.rows, part.rejected = rows.clear(), rejected.clear()
            verdicts |= part.verdicts
        staged = batches(keys, rows, rejected, doubts)
        return outcomes + self.judge_and_commit(staged, states, facts, verdicts, on_checked)

    def set_aside(
        self,
        keys: Sequence[str],
        rows: pl.DataFrame,
        rejected: pl.DataFrame,
        facts: dict[str, Any],
        doubts: dict[str, str],
    ) -> tuple[pl.DataFrame, list[ops.Outcome]]:
        """Record the rejected rows of no known partition, before the partitions: a kill between the two loses none.

        Gives the other rejected rows and the outcome, and notes in `doubts` why partitions are to be blocked.
        """
        found = unplaced(self._contract, keys, rows.height + rejected.height, rejected)
        if found.rows.is_empty():
            return rejected, []
        if found.doubt:
            doubts.update(dict.fromkeys(keys, found.doubt))
        else:
            doubts.update(_not_empty(self._contract, keys, rows, found))
        key = ops.UNPLACED + min(keys, default="")
        before = self._ws.lake.newest_outcome(self._contract.id, key)
        digest = aside_digest(found.rows)
        known = not found.doubt and before is not None and before.ok and before.digest_karantina == digest
        outcome = self.outcome(
            key,
            "diblokir" if found.doubt else "tidak_berubah" if known else "dikarantina",
            alasan=found.doubt,
            ditarik=found.rows.height,
            dikarantina=found.rows.height,
            digest_karantina=digest,
            **facts,
        )
        aside = found.rows.with_columns(pl.lit(key).alias("_partisi"))
        self._ws.lake.commit(
            self._contract, [outcome], rows.clear(), self._quarantine([] if known else [aside]), self._checks([])
        )
        return found.placed, [outcome]

    def judge_and_commit(
        self,
        batches: Iterable[Staged],
        states: States,
        facts: dict[str, dict[str, Any]],
        verdicts: Verdicts | None = None,
        on_checked: Callable[[], None] | None = None,
    ) -> list[ops.Outcome]:
        """Run the checks on whole partitions and commit those that pass, each batch in one transaction.

        While one batch is committed the rows of the next are checked, unless `verdicts` has theirs already.
        """
        contract, checker = self._contract, self._ws.checker
        outcomes: list[ops.Outcome] = []
        waiting = iter(batches)

        def sifted() -> tuple[Staged, Sifted] | None:
            staged = next(waiting, None)
            if staged is not None:
                known = verdict_on(staged, verdicts or {})
                return staged, known or sift(contract, staged.rows, checker)
            if on_checked is not None:
                on_checked()
            return None

        with ThreadPoolExecutor(1, "sift") as pool:
            following = pool.submit(sifted)
            while (found := following.result()) is not None:
                staged, verdict = found
                judged = judge(contract, staged, self._before(staged.partitions[0], states), checker, verdict)
                # Not before: the check process does one thing at a time, and this batch would wait for the next.
                following = pool.submit(sifted)
                outcomes.extend(self._commit(staged.partitions, judged, states, facts))
        return outcomes

    def _commit(
        self, partitions: Sequence[str], judged: Judged, states: States, facts: dict[str, dict[str, Any]]
    ) -> list[ops.Outcome]:
        contract, lake = self._contract, self._ws.lake
        crashpoint("ingest.checked")
        by_key = by_partition(judged.rows) if judged.rows.height else {}
        bad = by_partition(judged.rejected) if judged.rejected.height else {}
        outcomes: list[ops.Outcome] = []
        for key in partitions:
            good, aside = by_key.get(key, judged.rows.clear()), bad.get(key, pl.DataFrame())
            status, reason = decide(contract, key, good, aside, judged, states.get(key))
            outcomes.append(
                self.outcome(
                    key,
                    status,
                    alasan=reason,
                    ditarik=good.height + aside.height,
                    diterima=good.height,
                    dikarantina=aside.height,
                    digest_isi=content_digest(contract, good),
                    digest_karantina=aside_digest(aside),
                    profil=judged.profiles.get(key, {}),
                    **facts[key],
                )
            )
        accepted = [o.partisi for o in outcomes if o.status == "diterima"]
        kept = [o.partisi for o in outcomes if o.status in ("diterima", "diblokir", "cakupan_kurang")]
        rows = _only(judged.rows, by_key, accepted).drop("_partisi")
        aside = self._quarantine([bad[k] for k in kept if k in bad])
        checks = self._checks([c for c in judged.checks if c["partisi"] in set(kept)])
        try:
            with lake.writer_lock():
                try:
                    lake.commit(contract, outcomes, rows, aside, checks)
                except duckdb.Error:
                    # Replacing rows reads the file that holds them.
                    damage = find_damage(lake, contract)
                    if damage is None:
                        raise
                    lost = damage.others(accepted)
                    if lost:
                        return self.not_kept(partitions, "berkas_lake_rusak", damage.advice(lost))
                    outcomes = [replace(o, rincian=f"{damage.note}; {o.rincian}") for o in outcomes]
                    lake.commit(contract, outcomes, rows, aside, checks, damage.leave_out)
        except LakeWriteError as error:
            outcomes = self.not_kept(partitions, "lake_tidak_dapat_ditulis", str(error))
        return outcomes

    def not_kept(self, keys: Iterable[str], code: str, detail: str) -> list[ops.Outcome]:
        """Outcomes of an attempt that was undone. If even these cannot be written, that error is the outcome."""
        outcomes = [self.outcome(key, "gagal_simpan", alasan=code, rincian=detail) for key in keys]
        self._ws.lake.record(outcomes)
        return outcomes

    def _before(self, first: str, states: States) -> dict[str, Any]:
        """The profile that the first partition is compared with: a single partition with its own last version."""
        if first == SINGLE_PARTITION:
            return {first: states[first].profil} if first in states else {}
        profile = self._ws.lake.profile_before(self._contract.id, first)
        return {first: profile} if profile else {}

    def _quarantine(self, parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
        if not parts:
            return ops.frame("quarantine.baris", [])
        frame = pl.concat(parts, how="diagonal_relaxed")
        return frame.select(
            pl.lit(self._run_id).alias("run_id"),
            pl.lit(self._contract.id).alias("dataset"),
            pl.col("_partisi").alias("partisi"),
            pl.col("_payload").alias("muatan"),
            pl.col("_baris").alias("baris"),
            "kolom",
            "alasan",
            "rincian",
            "isi",
            pl.lit(datetime.now(UTC)).dt.cast_time_unit("us").alias("waktu"),
        )

    def _checks(self, records: Iterable[dict[str, Any]]) -> pl.DataFrame:
        fixed = {"run_id": self._run_id, "dataset": self._contract.id, "waktu": datetime.now(UTC)}
        return ops.frame("ops.pemeriksaan", [fixed | r for r in records])


def _not_empty(contract: Contract, keys: Iterable[str], rows: pl.DataFrame, found: Unplaced) -> dict[str, str]:
    """Partitions of which nothing came while some rows have no date that can be read: they may be theirs."""
    undated = found.rows.filter(pl.col("alasan") != OUTSIDE).height
    if not undated:
        return {}
    filled = {*rows["_partisi"], *found.placed["_partisi"]}
    reason = f"partisi_tidak_dikenal: kosong, dan {undated} baris tanpa tanggal yang terbaca"
    return {key: reason for key in keys if key not in filled and not _is_day_off(contract, key)}


def _is_day_off(contract: Contract, key: str) -> bool:
    return contract.ext.hari_kerja and contract.ext.partisi == "harian" and date.fromisoformat(key).weekday() >= 5


def _only(rows: pl.DataFrame, by_key: dict[str, pl.DataFrame], keys: Sequence[str]) -> pl.DataFrame:
    if len(keys) == len(by_key) and all(k in by_key for k in keys):
        return rows
    chosen = [by_key[k] for k in keys if k in by_key]
    return pl.concat(chosen) if chosen else rows.clear()


def batches(
    keys: Sequence[str], rows: pl.DataFrame, rejected: pl.DataFrame, doubts: Mapping[str, str]
) -> Iterator[Staged]:
    """Whole partitions joined up to CHUNK_ROWS."""
    by_key = by_partition(rows) if rows.height else {}
    for group in grouped(keys, {key: part.height for key, part in by_key.items()}):
        inside = pl.col("_partisi").is_in(group)
        mine = pl.concat([rows.clear(), *(by_key.pop(k) for k in group if k in by_key)])
        yield Staged(group, mine, rejected.filter(inside), doubts)
