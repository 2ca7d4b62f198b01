"""Which attempt set a quarantined row aside: outcomes and quarantined rows are joined by run, partition and time.

All rows of an attempt are written in one transaction, after its outcome was made and before the next attempt at the
same partition. Belongs here: that one question. Does not belong here: what is shown or counted.
"""

from collections.abc import Sequence

import polars as pl

from warehouse.duck import LAKE
from warehouse.lake import Lake


def settled(lake: Lake, datasets: Sequence[str], version: int) -> pl.DataFrame:
    """Newest outcome that settled each partition (`diterima` or `kosong`) at a version of the lake.

    Columns: `dataset`, `partisi`, `run_id`, `selesai`, `muatan` (list of sha256).
    """
    return lake.query(
        f"SELECT dataset, partisi, run_id, selesai, muatan FROM {LAKE}.ops.hasil AT (VERSION => {version:d}) "
        "WHERE list_contains(?, dataset) AND status IN ('diterima', 'kosong') "
        "QUALIFY row_number() OVER (PARTITION BY dataset, partisi ORDER BY selesai DESC, run_id DESC) = 1",
        [list(datasets)],
    )


def last_ends(lake: Lake, datasets: Sequence[str], version: int) -> pl.DataFrame:
    """When the newest attempt at each partition ended, whatever came of it: `dataset`, `partisi`, `selesai`."""
    return lake.query(
        f"SELECT dataset, partisi, max(selesai) AS selesai FROM {LAKE}.ops.hasil AT (VERSION => {version:d}) "
        "WHERE list_contains(?, dataset) GROUP BY ALL",
        [list(datasets)],
    )


def set_aside(lake: Lake, datasets: Sequence[str], version: int) -> pl.DataFrame:
    """Quarantined rows of some datasets with their attempt, at a version of the lake.

    Columns: those of `quarantine.baris`, and of the attempt `status`, `asal`, `selesai`, `settles` (it is the newest
    that settled its partition) and `is_last` (no later attempt at the partition said anything but "unchanged").
    """
    at = f"AT (VERSION => {version:d})"
    return lake.query(
        f"""
        WITH upaya AS (
            SELECT
                run_id, dataset, partisi, status, asal, selesai,
                lead(selesai) OVER w AS berikut,
                selesai = max(selesai) FILTER (status IN ('diterima', 'kosong')) OVER p AS settles,
                selesai = max(selesai) FILTER (status <> 'tidak_berubah') OVER p AS is_last
            FROM {LAKE}.ops.hasil {at}
            WHERE list_contains(?, dataset)
            WINDOW p AS (PARTITION BY dataset, partisi),
                w AS (PARTITION BY dataset, partisi ORDER BY selesai, run_id)
        )
        SELECT
            q.*, u.status, u.asal, u.selesai,
            coalesce(u.settles, false) AS settles, coalesce(u.is_last, false) AS is_last
        FROM {LAKE}.quarantine.baris AS q {at}
        JOIN upaya u ON u.dataset = q.dataset AND u.partisi = q.partisi AND u.run_id = q.run_id
            AND q.waktu >= u.selesai AND (u.berikut IS NULL OR q.waktu < u.berikut)
        """,
        [list(datasets)],
    )
