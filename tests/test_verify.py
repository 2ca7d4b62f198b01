"""Recounting from the bytes: silent on what is sound, loud on everything that was done behind the pipeline's back."""

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.reread import Rereader, reread
from assets.workspace import Workspace
from connectors.api import Feed, Payload, Window
from connectors.contract import Contract
from connectors.manifest import Entry
from ssp_pipeline import app
from tests.support.kantor import DATASET, deliver, write_office
from tests.support.workspace import TODAY, Small, build, pull
from warehouse import snapshot
from warehouse.verify import PartitionCount, Verification, verify

PRICES, TAX, CAMERAS, WATER = (
    "pihps.harga_pangan_pasar",
    "samsat.pembayaran_pkb",
    "cctv.kamera",
    "tirtanadi.pelanggan_air_bulanan",
)
DAYS = ("2026-11-17", "2026-11-18", "2026-11-19")
LOST = "baris muatan tidak ada di lake maupun di karantina"
INVENTED = "baris lake tidak berasal dari muatan"


def publish(workspace: Workspace) -> None:
    snapshot.publish(workspace.lake, workspace.home / "snapshots", workspace.registry.contracts, ())


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Four datasets of all kinds: a window of days, private columns, a picture of now, files of an inbox."""
    small = build(tmp_path_factory.mktemp("dasar") / "rumah", datasets=[PRICES, TAX, CAMERAS, WATER])
    with small.open() as workspace:
        publish(workspace)
    return small


@pytest.fixture
def opened(base: Small, tmp_path: Path) -> Iterator[Workspace]:
    """A copy of it that a test may harm."""
    with base.copy(tmp_path / "rumah").open() as workspace:
        yield workspace


def recount(workspace: Workspace, *datasets: str, **more: Any) -> Verification:
    registry = workspace.registry
    chosen = [registry.contract(d) for d in datasets] or list(registry.contracts)
    return verify(
        workspace.lake, workspace.archive, workspace.home / "snapshots", chosen, reread(workspace), **more
    )  # fmt: skip


def part(result: Verification, dataset: str, key: str) -> PartitionCount:
    [found] = [p for p in result.partitions if (p.dataset, p.partisi) == (dataset, key)]
    return found


def change(workspace: Workspace, sql: str) -> None:
    """Change the lake behind the pipeline's back."""
    workspace.lake.transaction(lambda tx: tx.con.execute(sql))


def blobs(workspace: Workspace, dataset: str) -> list[Path]:
    contract = workspace.registry.contract(dataset)
    shas = {e.sha256 for p in workspace.archive.pulls(contract.table) for e in p.entries}
    return sorted(p for p in (workspace.home / "archive" / "blob").rglob("*") if p.name.split(".")[0] in shas)


def lake_files(workspace: Workspace, table: str) -> list[Path]:
    return sorted((workspace.home / "lake" / "data" / table).rglob("*.parquet"))


def flip(path: Path, position: float) -> None:
    body = bytearray(path.read_bytes())
    body[int(len(body) * position)] ^= 0x10
    path.chmod(0o644)
    path.write_bytes(body)


def test_a_sound_warehouse_adds_up_at_every_station(small_warehouse: Small) -> None:
    with small_warehouse.open() as workspace:
        result = recount(workspace)
        datasets = {c.id for c in workspace.registry.contracts}
        quarantined = workspace.lake.query("SELECT count(*) AS n FROM lake.quarantine.baris")["n"][0]
        lake = {
            c.id: workspace.lake.query(f"SELECT count(*) AS n FROM lake.source.{c.table}")["n"][0]
            for c in workspace.registry.contracts
        }
        paid = workspace.lake.query("SELECT sum(pkb_pokok) AS s FROM lake.source.samsat__pembayaran_pkb")["s"][0]
    assert result.all_gaps() == []
    assert {p.dataset for p in result.partitions} == datasets
    for count in result.partitions:
        assert count.dibaca == count.diterima + count.dikarantina + count.diganti, count
        assert count.diterima == count.lake == count.cuplikan, count
        assert not count.forgotten
    assert sum(p.dikarantina for p in result.partitions) == quarantined > 0
    for dataset, rows in lake.items():
        assert sum(p.lake for p in result.partitions if p.dataset == dataset) == rows
    assert sum(Decimal(p.uang["pkb_pokok"]) for p in result.partitions if p.dataset == TAX) == paid
    assert result.payloads > 200
    assert result.files > 100


def test_what_was_quarantined_by_a_check_counts_as_quarantined(base: Small) -> None:
    with base.open() as workspace:
        result = recount(workspace, PRICES, TAX)
        aside = workspace.lake.query("SELECT dataset, partisi, count(*) AS n FROM lake.quarantine.baris GROUP BY ALL")
    assert result.all_gaps() == []
    found = {(p.dataset, p.partisi): p.dikarantina for p in result.partitions if p.dikarantina}
    assert found == {(d, p): n for d, p, n in aside.iter_rows() if d in (PRICES, TAX)}


def other_world(settings: Any, seed: int) -> Any:
    from dataclasses import replace

    return replace(settings, seed=seed)


def test_replaced_partitions_and_overlapping_windows_add_up(base: Small, tmp_path: Path) -> None:
    """Days that are pulled again in another window bring other bytes; each partition keeps the pull it came from."""
    small = base.copy(tmp_path / "rumah")
    with app.stand_ins(other_world(small.settings, 2), days=35) as url, small.open(sandbox_url=url) as workspace:
        chosen = [workspace.registry.contract(d) for d in (PRICES, TAX, CAMERAS)]
        outcomes = pull(workspace, chosen, TODAY - timedelta(days=2), TODAY - timedelta(days=1))
        publish(workspace)
        assert {o.status for o in outcomes} & {"diterima", "cakupan_kurang"}
        replaced = {(o.dataset, o.partisi) for o in outcomes if o.status == "diterima"}
        assert len(replaced) >= 3
        result = recount(workspace, PRICES, TAX, CAMERAS)
        assert result.all_gaps() == []
        pulls = {p.window for p in workspace.archive.pulls("pihps__harga_pangan_pasar")}
        assert len(pulls) == 2


def test_a_file_that_replaces_another_adds_up(base: Small, tmp_path: Path) -> None:
    """Of two reports of one branch and month the later one counts; the rows of the first are shown as replaced."""
    small = base.copy(tmp_path / "rumah")
    with app.stand_ins(other_world(small.settings, 5), days=35) as url, small.open(sandbox_url=url) as workspace:
        outcomes = pull(workspace, [workspace.registry.contract(WATER)], TODAY - timedelta(days=35), TODAY)
        publish(workspace)
        assert "diterima" in {o.status for o in outcomes}, outcomes
        result = recount(workspace, WATER)
        assert result.all_gaps() == []
        counts = [p for p in result.partitions if p.lake]
        assert any(p.diganti for p in counts)
        assert all(p.dibaca == p.diterima + p.dikarantina + p.diganti for p in counts)


def test_forgotten_payloads_are_told_and_are_no_gap(opened: Workspace) -> None:
    opened.keys.forget("samsat__pembayaran_pkb", "2026-11", "masa simpan berakhir")
    result = recount(opened, TAX, PRICES)
    assert result.all_gaps() == []
    assert result.forgotten > 0
    gone = [p for p in result.partitions if p.forgotten]
    assert {(p.dataset, p.partisi) for p in gone} == {(TAX, day) for day in DAYS}
    assert all(p.lake == p.cuplikan > 0 for p in gone)


def test_a_commit_while_it_runs_is_not_seen(opened: Workspace) -> None:
    class Disturbing(Rereader):
        def read(
            self, contract: Contract, entries: Sequence[Entry], keys: Sequence[str], shared: Any
        ) -> tuple[pl.DataFrame, pl.DataFrame]:
            change(opened, "DELETE FROM lake.source.pihps__harga_pangan_pasar WHERE tanggal = DATE '2026-11-18'")
            change(opened, "DELETE FROM lake.quarantine.baris")
            return super().read(contract, entries, keys, shared)

    chosen = [opened.registry.contract(PRICES), opened.registry.contract(TAX)]
    result = verify(opened.lake, opened.archive, opened.home / "snapshots", chosen, Disturbing(opened))
    assert result.all_gaps() == []
    assert recount(opened, PRICES).all_gaps() != []


def test_payloads_that_several_pulls_share_are_read_once(
    base: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days are pulled again with the next ones; what is the same is not read again."""
    small = base.copy(tmp_path / "rumah")
    dataset = "tirtanadi.produksi_air"
    with app.stand_ins(small.settings, days=35) as url, small.open(sandbox_url=url) as workspace:
        contract = workspace.registry.contract(dataset)
        for last in (3, 2, 1):
            pull(workspace, [contract], TODAY - timedelta(days=last + 2), TODAY - timedelta(days=last))
        feed, read = workspace.registry.feed(contract), Counter[str]()

        def counted(payload: Payload, contract: Contract) -> pl.DataFrame:
            read[payload.sha256] += 1
            return feed.read(payload, contract)

        monkeypatch.setattr(workspace.registry, "feed", lambda contract: Feed(feed.pull, counted))
        result = verify(workspace.lake, workspace.archive, tmp_path, [contract], reread(workspace))
        entries = [e.sha256 for p in workspace.archive.pulls(contract.table) for e in p.entries]
    assert result.all_gaps() == []
    assert len(result.partitions) == 5
    assert len(entries) > len(set(entries))
    assert read == Counter(set(entries))


# --- every gap that somebody may leave


def gap_of(opened: Workspace, *datasets: str, **more: Any) -> list[str]:
    return recount(opened, *(datasets or (PRICES,)), **more).all_gaps()


def expect(gaps: list[str], *texts: str) -> None:
    """Every text stands in some gap, and no gap says anything else."""
    for text in texts:
        assert any(text in gap for gap in gaps), (text, gaps)
    assert all(any(text in gap for text in texts) for gap in gaps), gaps


def test_a_deleted_payload(opened: Workspace) -> None:
    blobs(opened, PRICES)[0].unlink()
    expect(gap_of(opened), "arsip pihps__harga_pangan_pasar", "muatan tidak dapat dibaca lagi")


def test_a_flipped_bit_in_a_payload(opened: Workspace) -> None:
    for dataset in (PRICES, TAX):
        flip(blobs(opened, dataset)[0], 0.6)
    gaps = gap_of(opened, PRICES, TAX)
    expect(gaps, "arsip pihps__harga_pangan_pasar", "arsip samsat__pembayaran_pkb", "muatan tidak dapat dibaca lagi")
    # One pull of prices brought three days, one of payments brings one day.
    again = [gap.split()[0] for gap in gaps if "tidak dapat dibaca lagi" in gap]
    assert Counter(again) == {PRICES: 3, TAX: 1}


def test_a_lost_or_damaged_manifest(opened: Workspace) -> None:
    folder = opened.home / "archive" / "manifest"
    shutil.rmtree(folder / "pihps__harga_pangan_pasar")
    [tax] = (folder / "samsat__pembayaran_pkb").iterdir()
    tax.write_bytes(tax.read_bytes().replace(b'"status":200', b'"status":201', 1))
    gaps = gap_of(opened, PRICES, TAX, CAMERAS)
    expect(gaps, "muatannya tidak ada di arsip", "restore the file")
    assert sum("muatannya tidak ada di arsip" in gap for gap in gaps) == 3


@pytest.mark.parametrize("harm", ["deleted", "truncated", "flipped", "other"])
def test_a_harmed_parquet_file_of_the_lake(opened: Workspace, harm: str) -> None:
    first = lake_files(opened, "source/samsat__pembayaran_pkb")[0]
    if harm == "deleted":
        first.unlink()
    elif harm == "truncated":
        first.write_bytes(first.read_bytes()[:-100])
    elif harm == "flipped":
        flip(first, 0.3)
    else:
        first.write_bytes(lake_files(opened, "source/pihps__harga_pangan_pasar")[0].read_bytes())
    gaps = gap_of(opened, TAX)
    assert gaps
    assert all("samsat__pembayaran_pkb" in gap or TAX in gap for gap in gaps)


def test_a_harmed_file_of_the_records(opened: Workspace) -> None:
    path = lake_files(opened, "ops/pemeriksaan")[0]
    body = bytearray(path.read_bytes())
    body[100:140] = bytes(40)
    path.write_bytes(body)
    assert any(gap.startswith("ops.pemeriksaan") for gap in gap_of(opened, CAMERAS))


@pytest.mark.parametrize(
    ("sql", "texts"),
    [
        (
            "DELETE FROM lake.source.pihps__harga_pangan_pasar WHERE tanggal = DATE '2026-11-18' AND _baris = 3",
            [LOST, "jumlah harga", "cuplikan v000001"],
        ),
        (
            "UPDATE lake.source.pihps__harga_pangan_pasar SET harga = harga + 1 "
            "WHERE tanggal = DATE '2026-11-18' AND _baris = 3",
            [LOST, INVENTED, "jumlah harga", "cuplikan v000001"],
        ),
        (
            "UPDATE lake.source.pihps__harga_pangan_pasar SET pasar = 'Pasar Lain' "
            "WHERE tanggal = DATE '2026-11-18' AND _baris = 3",
            [LOST, INVENTED, "cuplikan v000001"],
        ),
        (
            "INSERT INTO lake.source.pihps__harga_pangan_pasar SELECT * FROM lake.source.pihps__harga_pangan_pasar "
            "WHERE tanggal = DATE '2026-11-18' AND _baris = 3",
            ["jumlah harga", "diterima", "cuplikan v000001"],
        ),
        (
            "INSERT INTO lake.source.pihps__harga_pangan_pasar SELECT * REPLACE (9999 AS _baris) "
            "FROM lake.source.pihps__harga_pangan_pasar WHERE tanggal = DATE '2026-11-18' LIMIT 1",
            [INVENTED, "jumlah harga", "cuplikan v000001"],
        ),
    ],
    ids=["deleted", "money", "text", "doubled", "added"],
)  # fmt: skip
def test_a_row_that_was_touched_behind_our_back(opened: Workspace, sql: str, texts: list[str]) -> None:
    change(opened, sql)
    gaps = gap_of(opened)
    expect(gaps, *texts)
    assert all("2026-11-18" in gap for gap in gaps)


def test_a_row_that_is_missing_from_quarantine_or_is_too_much_there(opened: Workspace) -> None:
    aside = "lake.quarantine.baris"
    keys = opened.lake.query(f"SELECT partisi, count(*) AS n FROM {aside} WHERE dataset = ? GROUP BY 1", [TAX])
    day = str(keys["partisi"][0])
    change(opened, f"DELETE FROM {aside} WHERE dataset = '{TAX}' AND partisi = '{day}'")
    expect(gap_of(opened, TAX), f"{TAX} {day}: ", LOST)
    change(
        opened,
        f"INSERT INTO {aside} SELECT * REPLACE (8888 AS baris) FROM {aside} WHERE dataset = '{TAX}' LIMIT 1",
    )
    assert any("baris karantina tidak ada di muatan" in gap for gap in gap_of(opened, TAX))


def test_rows_of_the_lake_without_an_outcome(opened: Workspace) -> None:
    change(opened, f"DELETE FROM lake.ops.hasil WHERE dataset = '{PRICES}' AND partisi = '2026-11-18'")
    late = datetime.now(UTC) + timedelta(hours=2)
    assert any("2026-11-18" in g and "tanpa hasil yang tercatat" in g for g in gap_of(opened, now=late))
    assert any("diarsip, tetapi tidak ada hasil" in g for g in gap_of(opened, now=late))


def test_a_pull_that_was_archived_and_never_settled(opened: Workspace) -> None:
    contract = opened.registry.contract(PRICES)
    [first] = opened.archive.pulls(contract.table)
    payload = opened.archive.payload(first.entries[0])
    window = Window(date(2026, 11, 15), date(2026, 11, 16))
    with opened.archive.begin(contract.table, "terputus", window.start, window.end) as broken:
        broken.add(
            payload.body, slot="satu", request=payload.request, status=200, headers={}, fetched_at=payload.fetched_at,
            asal="tiruan", meta=payload.meta, redaction_version=1,
        )  # fmt: skip
        broken.seal()
    assert gap_of(opened) == []  # it may still be under way
    expect(gap_of(opened, now=datetime.now(UTC) + timedelta(hours=2)), "tarikan terputus diarsip")


def test_a_snapshot_that_is_behind_or_damaged(opened: Workspace) -> None:
    publish(opened)
    part_file = next((opened.home / "snapshots" / "parts" / "source" / "samsat__pembayaran_pkb").iterdir())
    flip(part_file, 0.4)
    camera = next((opened.home / "snapshots" / "parts" / "source" / "cctv__kamera").iterdir())
    camera.unlink()
    gaps = gap_of(opened)
    assert any("cuplikan v000002 source.samsat__pembayaran_pkb" in gap for gap in gaps), gaps
    assert any("bagian source/cctv__kamera" in gap for gap in gaps)
    assert all("samsat" in gap or "cctv" in gap for gap in gaps)


def test_rows_of_no_known_partition_are_counted(tmp_path: Path, base: Small) -> None:
    """A file whose rows have no date that can be read: they are in quarantine, and missed when they are gone."""
    write_office(tmp_path / "instansi")
    small = base.copy(tmp_path / "rumah")
    small.extra["SSP_CONNECTORS"] = str(tmp_path / "instansi")
    deliver(small, [*(f"2026-11-0{n},12.{n}0,{n}000" for n in range(1, 9)), "kemarin,12.10,5"])
    with small.open() as workspace:
        contract = workspace.registry.contract(DATASET)
        outcomes = pull(workspace, [contract], date(2026, 11, 1), date(2026, 11, 20))
        publish(workspace)
        assert sum(o.diterima for o in outcomes) == 8, outcomes
        assert recount(workspace, contract.id).all_gaps() == []
        held = workspace.lake.query("SELECT partisi FROM lake.quarantine.baris WHERE dataset = ?", [contract.id])
        assert held["partisi"].str.starts_with("?").to_list() == [True]
        change(workspace, f"DELETE FROM lake.quarantine.baris WHERE dataset = '{contract.id}'")
        expect(gap_of(workspace, contract.id), "1 baris tanpa partisi yang dikenal tidak ada di karantina")
