"""CCTV models against figures worked out by hand: what is unknown, what is down, and what changed on the list."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from tests.support.acuan import load_references, memory_lake
from warehouse.modelling import load_model, render

MODELS = Path(__file__).resolve().parents[1] / "connectors" / "cctv" / "models"
DAY = date(2026, 11, 20)
LOG: dict[str, Any] = {"tanggal": pl.Date, "waktu": pl.Datetime("us", "UTC"), "id_kamera": pl.Int64}
LIST: dict[str, Any] = {"tanggal_potret": pl.Date, "id_kamera": pl.Int64, "nama_kamera": pl.String}


@pytest.fixture
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    with memory_lake() as con:
        yield con


def source(con: duckdb.DuckDBPyConnection, logs: list[tuple[Any, ...]], cameras: list[tuple[Any, ...]]) -> None:
    """The source tables. A log row is (slot of the WIB day, id, status); a camera (date, id, name, latitude)."""
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) - timedelta(hours=7)
    rows = [(DAY, midnight + timedelta(minutes=5 * slot), number, status) for slot, number, status in logs]
    log = pl.DataFrame(rows, schema=LOG | {"status": pl.String}, orient="row").with_columns(
        latensi_ms=100 + pl.col("id_kamera")
    )
    listed = pl.DataFrame(cameras, schema=LIST | {"lintang": pl.Float64}, orient="row").with_columns(bujur=98.67)
    for name, frame in (("ketersediaan_cctv", log), ("kamera", listed)):
        con.register("baris", frame.with_columns(_asal=pl.lit("tiruan")).to_arrow())
        con.execute(f"CREATE TABLE source.cctv__{name} AS FROM baris")
        con.unregister("baris")


def build(con: duckdb.DuckDBPyConnection, table: str) -> list[dict[str, Any]]:
    con.execute(f"CREATE TABLE {table} AS {render(load_model(MODELS / f'{table}.sql'), lambda _: None)}")
    return con.execute(f"FROM {table} ORDER BY ALL").pl().to_dicts()


def test_a_missing_probe_is_unknown_and_never_down(lake: duckdb.DuckDBPyConnection) -> None:
    beats = [(slot, 0, "heartbeat") for slot in range(288) if not 12 <= slot < 30]
    one = [(slot, 1, "up") for slot, _, _ in beats if slot not in (3, 4)]
    two = [(slot, 2, "up" if slot % 2 else "timeout") for slot in range(6)]
    two += [
        (slot, 2, status) for slot, status in ((30, "frozen"), (31, "playlist_only"), (32, "http_error"), (33, "dns"))
    ]
    two += [(12, 2, "up")]  # killed after the probe, before the heartbeat
    source(lake, beats + one + two, [(DAY, 3, "TIDAK DIPERIKSA", 3.5), (DAY + timedelta(days=1), 4, "BESOK", 3.5)])
    hours = {(r["id_kamera"], r["jam"]): r for r in build(lake, "core.fct_ketersediaan_cctv")}
    assert set(hours) == {(number, hour) for number in (1, 2, 3) for hour in range(24)}

    def figures(number: int, hour: int) -> tuple[Any, ...]:
        row = hours[number, hour]
        return tuple(row[k] for k in ("probe_sah", "up", "unknown", "unknown_pemeriksa_mati", "uptime_persen"))

    assert figures(1, 0) == (10, 10, 2, 0, 100.0)
    assert figures(1, 1) == (0, 0, 12, 12, None), "the prober was down: not 0 %"
    assert figures(1, 2) == (6, 6, 6, 6, 100.0)
    assert figures(2, 0) == (6, 3, 6, 0, 50.0)
    assert figures(2, 1) == (1, 1, 11, 11, 100.0)
    assert figures(2, 2) == (4, 0, 8, 6, 0.0)
    assert figures(3, 5) == (0, 0, 12, 0, None), "listed, and the prober lived, but nobody looked"
    for status in ("frozen", "playlist_only", "http_error", "dns"):
        assert hours[2, 2][status] == 1
    assert all(r["probe_sah"] + r["unknown"] == 12 for r in hours.values())
    assert {r["asal_data"] for r in hours.values()} == {"tiruan"}
    days = {r["id_kamera"]: r for r in build(lake, "core.fct_ketersediaan_cctv_harian")}
    assert days[1]["probe_sah"] == 268
    assert days[1]["unknown"] == 20
    assert days[1]["unknown_pemeriksa_mati"] == 18
    assert days[1]["uptime_persen"] == 100.0
    assert days[1]["cakupan_persen"] == round(26800 / 288, 2)
    assert days[2]["uptime_persen"] == round(400 / 11, 2)
    assert days[2]["jam_unknown"] == 21
    assert (days[3]["uptime_persen"], days[3]["jam_unknown"]) == (None, 24)


def test_a_day_that_has_a_list_but_no_log_yet_has_no_facts(lake: duckdb.DuckDBPyConnection) -> None:
    source(lake, [], [(DAY, 1, "A", 3.5)])
    assert build(lake, "core.fct_ketersediaan_cctv") == []


def test_the_history_tells_new_renamed_moved_lost_and_found_again(lake: duckdb.DuckDBPyConnection) -> None:
    days = [DAY + timedelta(days=n) for n in (0, 1, 4, 5)]
    lists = [
        {1: ("A", 3.5), 2: ("B", 3.6)},
        {1: ("A", 3.5), 2: ("B BARU", 3.6)},
        {1: ("A", 3.5001), 3: ("C", 3.7)},
        {1: ("AA", 3.5), 2: ("B BARU", 3.6), 3: ("C", 3.7)},
    ]
    source(lake, [], [(d, n, *c) for d, found in zip(days, lists, strict=True) for n, c in found.items()])
    rows = build(lake, "core.riwayat_kamera")
    assert [(r["tanggal"], r["id_kamera"], r["perubahan"]) for r in rows] == [
        (days[0], 1, "baru"),
        (days[0], 2, "baru"),
        (days[1], 2, "nama"),
        (days[2], 1, "koordinat"),
        (days[2], 2, "hilang"),
        (days[2], 3, "baru"),
        (days[3], 1, "nama dan koordinat"),
        (days[3], 2, "baru"),
    ]
    renamed = rows[2]
    assert (renamed["nama_sebelum"], renamed["nama_sesudah"]) == ("B", "B BARU")
    assert rows[3]["tanggal_sebelum"] == days[1], "compared with the list before, however long ago"


def test_a_camera_is_one_row_with_its_newest_name_and_last_known_place(lake: duckdb.DuckDBPyConnection) -> None:
    later = DAY + timedelta(days=1)
    source(lake, [], [(DAY, 5, "PANDU - CIREBON", 3.58), (later, 5, "PANDU", None), (DAY, 7, "AMALIUN", 3.57)])
    load_references(lake, "cctv")
    rows = {r["id_kamera"]: r for r in build(lake, "core.dim_kamera")}
    assert set(rows) == {5, 7}
    pandu = rows[5]
    assert (pandu["nama_kamera"], pandu["lintang"], pandu["kode_bps"]) == ("PANDU", 3.58, "1275")
    assert (pandu["pertama_terlihat"], pandu["terakhir_terlihat"], pandu["terdaftar"]) == (DAY, later, True)
    assert pandu["url_hls"] == "https://atcsdishub.medan.go.id/stream/L5PANDUCIREBON/stream.m3u8"
    assert rows[7]["terdaftar"] is False
