"""Open data as assets: what Dagster is told of each dataset, and that one faulty dataset holds back no other."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest

from assets.open_data import CHECK, Outcome, Publishing, open_data_assets
from assets.workspace import Workspace
from connectors.registry import Registry
from tests.support.open_release import AGENCIES, CONTRACTS, PUBLISHER, TODAY, small_lake, write_contracts
from warehouse.modelling import FrontMatter, Model, ModelColumn
from warehouse.opendata.manifest import current, read_release

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Desk:
    """The assets of the three datasets over a lake in memory."""

    def __init__(self, folder: Path, con: Any) -> None:
        self.home, self.con, self.outcomes = folder / "rumah", con, list[Outcome]()
        self.home.mkdir()
        write_contracts(folder / "kontrak", CONTRACTS)
        for agency in AGENCIES.values():
            text = f"kode: {agency.kode}\nnama: {agency.nama}\ninstansi: {agency.instansi}\n"
            (folder / "kontrak" / agency.kode / "agency.yaml").write_text(text)
        self.registry = Registry((folder / "kontrak",))
        self.folder = folder

    def run(self, *, demo: bool = True, today: date = TODAY) -> Any:
        from dataclasses import replace

        workspace = SimpleNamespace(
            home=self.home, lake=SimpleNamespace(con=self.con), registry=self.registry, today=today
        )
        self.outcomes.clear()
        assets = open_data_assets(
            self.registry, MODELS, {}, lambda: cast(Workspace, workspace),
            Publishing(replace(PUBLISHER, demo=demo)), self.outcomes.append,
        )  # fmt: skip
        return dg.materialize(assets, instance=dg.DagsterInstance.ephemeral(), run_config=QUIET, raise_on_error=False)

    def status(self) -> dict[str, str]:
        return {o.dataset: o.status for o in self.outcomes}


def _model(table: str, *columns: str) -> Model:
    head = FrontMatter(description="x", grain="x", columns={c: ModelColumn() for c in columns})
    return Model(table=table, sql="SELECT 1", head=head, inputs=frozenset(), digest="x", path=Path("x"))


MODELS = {"core.harga": _model("core.harga", "harga", "tanggal", "komoditas")}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with small_lake(60) as con:
        yield Desk(tmp_path, con)


def test_each_dataset_is_an_asset_with_its_columns_lineage_rows_and_check(desk: Desk) -> None:
    done = desk.run()
    assert done.success
    metadata = {
        e.asset_key.path[-1]: e.step_materialization_data.materialization.metadata
        for e in done.get_asset_materialization_events()
    }
    assert set(metadata) == {"harga_uji", "kamera_uji", "penerimaan_uji", "rilis"}
    prices = metadata["harga_uji"]
    assert (prices["status"].value, prices["dagster/row_count"].value) == ("terbit", 60)
    lineage = prices["dagster/column_lineage"].value.deps_by_column
    assert [(d.asset_key.path, d.column_name) for d in lineage["harga"]] == [(["core", "harga"], "harga")]
    assert {(e.check_name, e.passed) for e in done.get_asset_check_evaluations()} == {(CHECK, True)}
    assert metadata["rilis"]["rilis"].value == 1
    assert current(desk.home / "terbuka") == 1

    definition = open_data_assets(desk.registry, MODELS, {}, lambda: cast(Workspace, None), Publishing())[0]
    spec = next(iter(definition.specs))
    assert (spec.group_name, spec.owners, spec.kinds) == ("terbuka", ["team:walidata"], {"parquet", "csv"})
    assert [c.name for c in spec.metadata["dagster/column_schema"].columns][:3] == [
        "kode_provinsi", "nama_provinsi", "kode_kabupaten_kota",
    ]  # fmt: skip
    assert [d.asset_key.path for d in spec.deps] == [["core", "harga"]]


def test_one_faulty_dataset_is_told_and_the_others_are_released_all_the_same(desk: Desk) -> None:
    desk.con.execute("ALTER TABLE core.kamera DROP COLUMN lintang")
    desk.con.execute("INSERT INTO core.penerimaan SELECT * FROM core.penerimaan")
    done = desk.run()
    assert desk.status() == {
        "harga_uji": "terbit", "kamera_uji": "gagal", "penerimaan_uji": "ditahan", "rilis": "terbit",
    }  # fmt: skip
    assert {o.dataset for o in desk.outcomes if not o.ok} == {"kamera_uji", "penerimaan_uji"}
    failed = {e.asset_key.path[-1] for e in done.get_asset_check_evaluations() if not e.passed}
    assert failed == {"kamera_uji", "penerimaan_uji"}
    assert [d.dataset for d in read_release(desk.home / "terbuka", 1).dataset] == ["harga_uji"]


def test_what_waits_for_a_walidata_is_a_warning_and_no_fault(desk: Desk) -> None:
    done = desk.run(demo=False)
    assert set(desk.status().values()) == {"menunggu_persetujuan", "tidak_berubah"}
    assert all(o.ok for o in desk.outcomes)
    checks = done.get_asset_check_evaluations()
    assert {(e.passed, e.severity) for e in checks} == {(False, dg.AssetCheckSeverity.WARN)}
    assert current(desk.home / "terbuka") is None
