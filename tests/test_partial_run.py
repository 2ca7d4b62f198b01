"""One dataset asked for alone, in an installation where nothing else was ever pulled."""

import json
from pathlib import Path

import duckdb

from tests.support.workspace import Small
from warehouse.snapshot import LATEST

DATASET = "pihps.harga_pangan_pasar"


def test_one_dataset_alone_in_an_empty_home_ends_well_with_all_that_can_be_made_of_it(tmp_path: Path) -> None:
    """Models, charts and sheets read lists that were never pulled: to them these are empty, not an error."""
    small = Small(tmp_path / "rumah")
    done = small.ssp("run", "--json", "--dataset", DATASET, "--from", "2026-11-19", "--to", "2026-11-19")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    told = json.loads(done.stdout)
    assert told["galat_model"] == []
    assert [row["dataset"] for row in told["dataset"]] == [DATASET]
    assert told["cuplikan_baru"]
    told_of = {row["dataset"]: row for row in told["terbuka"]}["harga_pangan_harian_pasar"]
    assert (told_of["status"], "core.dim_kabkota" in told_of["alasan"]) == ("kosong", True)
    with duckdb.connect(str(small.snapshots / LATEST), read_only=True) as con:
        counted = con.execute("SELECT count(*) FROM source.pihps__harga_pangan_pasar").fetchone()
    assert counted == (told["dataset"][0]["diterima"],)
    assert counted != (0,)
