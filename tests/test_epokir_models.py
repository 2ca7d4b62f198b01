"""What the pokir models say of the stand-in's proposals: their place, newest state, history and funnel."""

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import orjson
import polars as pl
import pytest

from connectors.contract import load_contract
from connectors.epokir.catatan_tiruan import catatan
from connectors.epokir.connector import FEEDS
from connectors.read.conform import Conformed, conform
from connectors.read.regions import RegionTable
from connectors.sandbox import World
from tests.support.acuan import load_references, memory_lake
from tests.support.reading import make_payload
from warehouse.modelling import load_model, render

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "connectors" / "epokir"
CONTRACT = load_contract(FOLDER / "usulan_pokir.odcs.yaml")
TODAY = dt.date(2026, 11, 20)


def records(day: dt.date = TODAY) -> dict[int, dict[str, Any]]:
    return {row["id_usulan"]: row for row in map(orjson.loads, catatan(World(today=day), 2027))}


@pytest.fixture(scope="module")
def regions() -> RegionTable:
    return RegionTable.from_csv(ROOT / "connectors" / "referensi" / "reference" / "wilayah.csv")


def snapshot(day: dt.date, regions: RegionTable) -> Conformed:
    """The whole list of a day as the contract types it."""
    rows = b",".join(catatan(World(today=day), 2027))
    body = b'{"data":{"data":[' + rows + b"]}}"
    payload = make_payload(body, meta={"tanggal_potret": day.isoformat()}, asal="tiruan")
    raw = FEEDS["usulan_pokir"].read(payload, CONTRACT)
    return conform(raw, CONTRACT, payload=payload, regions=regions, hash_key=b"h" * 32, today=day)


def test_a_few_odd_records_are_set_aside_and_the_rest_obeys_the_rules(regions: RegionTable) -> None:
    found = snapshot(TODAY, regions)
    assert found.rejected["kolom"].to_list() == ["anggaran"] * 3
    con = duckdb.connect()
    con.register("usulan", found.rows)
    broken = {
        rule.nama: con.execute(f"SELECT count(*) FILTER (WHERE NOT ({rule.sql})) FROM usulan").fetchall()[0][0]
        for rule in CONTRACT.ext.aturan_baris
    }
    assert broken.pop("tanggal_usul_tidak_di_depan") == 2
    assert set(broken.values()) == {0}
    amounts = found.rows.select("anggaran").to_series()
    assert amounts.dtype == pl.Decimal(20, 2)
    assert found.rows["nama_skpd"].str.ends_with(" ").sum() == 0


Rows = list[dict[str, Any]]


class Lake:
    """The models of this agency over tables in memory, run as the builder renders them."""

    def __init__(self, regions: RegionTable) -> None:
        self.con = memory_lake()
        self.regions = regions
        load_references(self.con, "referensi")
        load_references(self.con, "epokir")

    def load(self, *days: dt.date, drop: Mapping[dt.date, list[int]] | None = None) -> None:
        """Snapshots of days; `drop` leaves proposals out of one."""
        frames = []
        for day in days:
            rows = snapshot(day, self.regions).rows
            frames.append(rows.filter(~pl.col("id_usulan").is_in((drop or {}).get(day, []))))
        frame = pl.concat(frames)
        self.con.register("frame", frame)
        self.con.execute(f"CREATE OR REPLACE TABLE source.{CONTRACT.table} AS SELECT * FROM frame")
        self.build("core.fct_potret_usulan_pokir")

    def build(self, table: str, days: list[dt.date] | None = None) -> Rows:
        """Make a model's table and give its rows; with `days`, only from input of those days."""
        model = load_model(FOLDER / "models" / f"{table}.sql")
        condition = f"tanggal IN ({', '.join(repr(d.isoformat()) for d in days)})" if days else None
        select = render(model, lambda t: condition if t == "core.fct_potret_usulan_pokir" else None)
        self.con.execute(f"CREATE OR REPLACE TABLE {table} AS {select}")
        answer = self.con.execute(f"SELECT * FROM {table} ORDER BY ALL")
        names = [column[0] for column in answer.description or ()]
        assert set(names) == set(model.head.columns), "every column of the model is described"
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def one(self, sql: str) -> Any:
        return self.con.execute(sql).fetchall()[0]


@pytest.fixture(scope="module")
def lake(regions: RegionTable) -> Iterator[Lake]:
    lake = Lake(regions)
    yield lake
    lake.con.close()


D0, D1, D2 = TODAY - dt.timedelta(days=20), TODAY - dt.timedelta(days=6), TODAY
FAR = TODAY - dt.timedelta(days=60)


def test_a_proposal_is_placed_in_its_dapil_and_medan_by_its_kecamatan(lake: Lake) -> None:
    lake.load(TODAY)
    assert lake.one("SELECT count(*), count(kode_bps) FROM core.fct_potret_usulan_pokir") == (1497, 1497)
    assert lake.one("SELECT count(DISTINCT no_dapil) FROM core.fct_potret_usulan_pokir") == (12,)
    elsewhere = "SELECT count(*) FROM core.fct_potret_usulan_pokir WHERE kode_bps <> '1275' AND no_dapil IS NULL"
    assert lake.one(elsewhere) == (0,)
    medan = "SELECT count(*) FILTER (WHERE (kecamatan IS NULL) <> (no_dapil IS NULL)), count(no_dapil) > 0"
    assert lake.one(f"{medan} FROM core.fct_potret_usulan_pokir WHERE kode_bps = '1275'") == (0, True)


def test_the_newest_state_is_that_of_the_last_snapshot(lake: Lake) -> None:
    lake.load(D1, D2)
    rows = lake.build("core.fct_usulan_pokir")
    assert len(rows) == 1497
    assert {r["tanggal"] for r in rows} == {D2}
    assert {r["asal_data"] for r in rows} == {"tiruan"}
    stage = {r["id_usulan"]: r["tahap"] for r in rows}
    accepted = {i for i, r in records().items() if r["id_sub_bl"] and i in stage}
    assert accepted == {i for i, s in stage.items() if s == "rkpd"}


def test_the_history_holds_just_what_changed_between_two_snapshots(lake: Lake) -> None:
    gone = min(records(D2))
    lake.load(D0, D1, D2, drop={D2: [gone]})
    rows = lake.build("core.fct_riwayat_usulan_pokir")
    at = {d: [r for r in rows if r["tanggal"] == d] for d in (D0, D1, D2)}
    assert {r["jenis_perubahan"] for r in at[D0]} == {"awal"}
    assert len(at[D0]) == lake.one(f"SELECT count(*) FROM core.fct_potret_usulan_pokir WHERE tanggal = '{D0}'")[0]
    lost = [r for r in at[D2] if r["jenis_perubahan"] == "hilang"]
    assert [r["id_usulan"] for r in lost] == [gone]
    assert lost[0]["tahap"] == lost[0]["tahap_sebelumnya"]
    before, now = records(D1), records(D2)
    kept = ("rekom_setwan_anggaran", "rekom_mitra_anggaran", "rekom_skpd_anggaran", "rekom_tapd_anggaran")
    seen = (*kept, "status_usul_teks", "kode_skpd", "id_sub_bl")
    readable = {r["id_usulan"] for r in lake.build("core.fct_usulan_pokir")} | {gone}
    changed = {i for i in before if any(before[i][k] != now[i][k] for k in seen)} & readable
    assert {r["id_usulan"] for r in at[D2] if r["jenis_perubahan"] == "berubah"} == changed - {gone}
    assert changed, "the stand-in must change within a week"
    assert all(r["bidang_berubah"] for r in at[D2] if r["jenis_perubahan"] == "berubah")
    assert all(r["tanggal_sebelumnya"] == D1 for r in at[D2])


def test_a_day_of_history_made_alone_equals_that_made_with_all_the_others(lake: Lake) -> None:
    lake.load(FAR, D0, D1, D2)
    everything = lake.build("core.fct_riwayat_usulan_pokir")
    for day in (D0, D1, D2):
        window = [d for d in (FAR, D0, D1, D2) if day - dt.timedelta(days=31) <= d <= day]
        alone = lake.build("core.fct_riwayat_usulan_pokir", window)
        assert [r for r in alone if r["tanggal"] == day] == [r for r in everything if r["tanggal"] == day]
    assert {r["jenis_perubahan"] for r in everything if r["tanggal"] == D0} == {"awal"}, "FAR is out of reach"


def test_the_funnel_narrows_from_stage_to_stage_and_agrees_with_the_proposals(lake: Lake) -> None:
    lake.load(TODAY)
    rows = lake.build("core.fct_corong_pokir")
    keys = [(r["no_dapil"], r["kode_opd"], r["urutan_tahap"]) for r in rows]
    assert len(set(keys)) == len(keys)
    count = [sum(r["jumlah_usulan"] for r in rows if r["urutan_tahap"] == n) for n in range(1, 7)]
    assert count == sorted(count, reverse=True)
    assert count[0] == 1497
    assert count[5] > 0
    value = [sum(r["nilai"] for r in rows if r["urutan_tahap"] == n) for n in range(1, 7)]
    assert value == sorted(value, reverse=True)
    totals = "sum(anggaran), sum(rekom_setwan), sum(rekom_tapd) FILTER (WHERE tahap = 'rkpd')"
    assert lake.one(f"SELECT {totals} FROM core.fct_potret_usulan_pokir") == (value[0], value[1], value[5])
    assert all(r["jumlah_ditolak"] == r["jumlah_dibatalkan"] == 0 for r in rows if r["tahap"] == "rkpd")
