"""What is there now, as rows for people: datasets against their promises, and the quarantine that still counts.

Belongs here: questions about the present state that commands (and pages) show. Does not belong here: printing them.
"""

from pathlib import Path
from typing import Any

import polars as pl

from assets.timeliness import GRACE, expected_newest
from assets.workspace import Workspace
from connectors.conceal import brief
from connectors.contract import Contract
from connectors.contract.model import SINGLE_PARTITION
from warehouse import ops, snapshot
from warehouse.attempts import set_aside, settled
from warehouse.duck import LAKE, ident, qualified

_SHOWN = ["partisi", "status", "asal", "kolom", "alasan", "rincian", "isi", "muatan", "baris", "waktu"]

_STATUS_SQL = """
WITH hasil AS (
    SELECT dataset, partisi, status, alasan, rincian, asal, selesai, list_contains(?, status) AS baik,
        NOT starts_with(partisi, '{file}') AND NOT starts_with(partisi, '{unplaced}') AS milik_partisi,
        row_number() OVER (PARTITION BY dataset, partisi ORDER BY selesai DESC, run_id DESC) = 1 AS terakhir,
        selesai = max(selesai) OVER (PARTITION BY dataset) AS terkini
    FROM {lake}.ops.hasil
)
SELECT dataset,
    max(partisi) FILTER ({here}) AS terbaru,
    max(selesai) FILTER (baik) AS berhasil,
    max_by(status, selesai) AS status,
    max_by(rincian, selesai) AS catatan,
    max_by(asal, selesai) FILTER (asal <> '') AS asal,
    count(*) FILTER (NOT baik AND terakhir AND milik_partisi) AS bermasalah,
    max_by({{'partisi': partisi, 'status': status, 'alasan': alasan, 'rincian': rincian}}, (selesai, partisi))
        FILTER (NOT baik AND terakhir AND (milik_partisi OR terkini)) AS gagal
FROM hasil GROUP BY dataset
"""


def dataset_rows(workspace: Workspace) -> list[dict[str, Any]]:
    """One row a dataset: `terbaru` against `diharapkan`, `bermasalah` (partitions whose newest attempt failed),
    `karantina` (rows set aside of what counts now), `asal`, and the `status` of the newest attempt.

    `gagal` names the newest of those partitions, or what else the newest attempt failed at, and its outcome; `alasan`
    and `rincian` say why. Where nothing failed `rincian` is the note of the newest attempt.
    """
    sql = _STATUS_SQL.format(lake=LAKE, file=ops.FILES, unplaced=ops.UNPLACED, here=ops.here_by(workspace.today))
    found = workspace.lake.query(sql, [sorted(ops.GOOD)])
    states = {row["dataset"]: row for row in found.iter_rows(named=True)}
    aside = dict(_current(workspace, workspace.registry.contracts)["dataset"].value_counts().iter_rows())
    rows = []
    for contract in workspace.registry.contracts:
        state = states.get(contract.id, {})
        expected = expected_newest(contract, workspace.now - GRACE)
        newest, done = state.get("terbaru"), state.get("berhasil")
        late = newest is None or (expected is not None and newest < expected)
        failed = state.get("gagal") or {}
        rows.append(
            {
                "dataset": contract.id,
                "terbaru": newest or "belum ada",
                "diharapkan": expected or "",
                "ketepatan": "terlambat" if late else "tepat",
                "bermasalah": state.get("bermasalah", 0),
                "karantina": aside.get(contract.id, 0),
                "asal": state.get("asal") or "",
                "terakhir_berhasil": done.isoformat(timespec="minutes") if done else "",
                "status": state.get("status", "belum dijalankan"),
                "gagal": f"{failed['partisi']} {failed['status']}" if failed else "",
                "alasan": brief(failed.get("alasan")),
                "rincian": brief((failed or {"rincian": state.get("catatan")})["rincian"]),
            }
        )
    return rows


def snapshot_line(folder: Path) -> str:
    """The newest analysts' snapshot in a sentence."""
    newest = snapshot.latest(folder) if folder.is_dir() else None
    if newest is None:
        return "cuplikan analis: belum ada"
    facts = snapshot.manifest(newest)
    return f"cuplikan analis: {facts['versi']}, dibuat {facts['dibuat']}, {len(snapshot.versions(folder))} versi ada"


def quarantine_counts(workspace: Workspace, dataset: str | None) -> list[dict[str, Any]]:
    """Quarantined rows by dataset, partition, outcome of their attempt, and reason. Raises UnknownName."""
    registry = workspace.registry
    rows = _current(workspace, [registry.contract(dataset)] if dataset else registry.contracts)
    counted = rows.group_by("dataset", "partisi", "status", "asal", "alasan").agg(
        pl.len().alias("baris"), pl.col("muatan").min().str.slice(0, 12).alias("contoh_muatan")
    )
    return counted.sort(["partisi", "dataset", "alasan"], descending=[True, False, False]).to_dicts()


def quarantined_rows(workspace: Workspace, dataset: str, partition: str | None) -> pl.DataFrame:
    """Quarantined rows of a dataset, newest partition first. Raises UnknownName."""
    rows = _current(workspace, [workspace.registry.contract(dataset)])
    if partition:
        rows = rows.filter(pl.col("partisi") == partition)
    return rows.sort(["partisi", "muatan", "baris"], descending=[True, False, False]).select(_SHOWN)


def _current(workspace: Workspace, contracts: tuple[Contract, ...] | list[Contract]) -> pl.DataFrame:
    """Quarantined rows that still count.

    Those of the attempt that a partition was made from, and of a later one that was refused; of rows without a
    partition, until another run has settled the partition that their window begins with. An inbox file fills parts
    of a partition: its rows count as long as the lake holds others of the same file, until it is settled again.
    """
    lake = workspace.lake
    names, version = [c.id for c in contracts], lake.snapshot_id()
    rows = set_aside(lake, names, version)
    if rows.is_empty():
        return rows
    made = settled(lake, names, version).select(
        "dataset", pl.col("partisi").alias("_mulai"), pl.col("selesai").alias("_jadi"), pl.col("run_id").alias("_oleh")
    )
    unplaced = pl.col("partisi").str.starts_with(ops.UNPLACED)
    rows = rows.with_columns(pl.col("partisi").str.slice(1).alias("_mulai")).join(
        made, on=["dataset", "_mulai"], how="left"
    )
    resolved = unplaced & (pl.col("_jadi") > pl.col("selesai")) & (pl.col("_oleh") != pl.col("run_id"))
    counts = pl.col("settles") | pl.col("is_last")
    files = [c for c in contracts if c.ext.mode == "berkas" and c.id in set(rows["dataset"])]
    if files:
        key = ["dataset", "partisi", "muatan"]
        held = pl.concat([_files_in_lake(workspace, c) for c in files])
        rows = rows.join(held, on=key, how="left").join(_files_settled(workspace, files), on=key, how="left")
        again = (pl.col("_terakhir") > pl.col("selesai")).fill_null(False)
        counts |= (pl.col("status") == "diterima") & pl.col("_ada").fill_null(False) & ~again
    return rows.filter(counts & ~resolved.fill_null(False))


def _files_in_lake(workspace: Workspace, contract: Contract) -> pl.DataFrame:
    column = contract.partition_column
    key = f"CAST({ident(column)} AS VARCHAR)" if column else f"'{SINGLE_PARTITION}'"
    return workspace.lake.query(
        f"SELECT DISTINCT ? AS dataset, {key} AS partisi, _payload AS muatan, true AS _ada "
        f"FROM {qualified(f'source.{contract.table}')}",
        [contract.id],
    )


def _files_settled(workspace: Workspace, contracts: list[Contract]) -> pl.DataFrame:
    """When each inbox file last made a version of a partition. Outcomes of one attempt share run and beginning."""
    return workspace.lake.query(
        f"""
        WITH selesai AS (
            SELECT dataset, run_id, mulai, unnest(muatan) AS muatan FROM {LAKE}.ops.hasil
            WHERE list_contains(?, dataset) AND starts_with(partisi, '{ops.FILE}')
        )
        SELECT h.dataset, h.partisi, s.muatan, max(h.selesai) AS _terakhir
        FROM {LAKE}.ops.hasil AS h JOIN selesai AS s USING (dataset, run_id, mulai)
        WHERE h.status = 'diterima' GROUP BY ALL
        """,
        [[c.id for c in contracts]],
    )
