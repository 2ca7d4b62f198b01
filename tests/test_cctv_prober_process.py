"""The prober as a process: a log that survives kills, and a supervisor that outlives its worker."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import connectors.cctv.sandbox as stand_in
from connectors.cctv.logbook import GzipFault, Logbook, LogbookBusy, gunzip, intact_length, pack
from connectors.cctv.supervisor import supervise
from connectors.sandbox import World, build_app, in_thread
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[1]
HOUR = datetime(2026, 11, 20, 3, tzinfo=UTC)
NAME = "L1RADENSALEHBALAIKOTA"


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    world = World(today=HOUR.date())
    with in_thread(build_app(world, [("cctv", stand_in)])) as url:
        yield f"{url}/cctv"


def log_lines(root: Path) -> list[dict[str, Any]]:
    files = sorted([*root.glob("*/*/*/*.gz"), *root.glob("*/*/*/*.part")])
    return [json.loads(line) for f in files for line in gunzip(f.read_bytes()).splitlines()]


def beats(root: Path) -> list[str]:
    """Slots of the finished rounds; a file that is being appended to is read up to its last whole round."""
    found = []
    for file in sorted([*root.glob("*/*/*/*.gz"), *root.glob("*/*/*/*.part")]):
        data = file.read_bytes()
        whole = data[: intact_length(data)]
        lines = [json.loads(line) for line in gunzip(whole).splitlines()] if whole else []
        found += [line["t"] for line in lines if line["status"] == "heartbeat"]
    return found


def test_a_torn_tail_costs_the_torn_round_wherever_it_is_cut(tmp_path: Path) -> None:
    rounds = [pack([f'{{"t":"{n}"}}'.encode() * 3]) for n in range(3)]
    whole = b"".join(rounds)
    two = len(rounds[0]) + len(rounds[1])
    for length in range(two, len(whole)):
        assert intact_length(whole[:length]) == two
    assert intact_length(whole) == len(whole)


def test_opening_a_log_cuts_the_torn_tail_and_closes_the_hours_that_are_over(tmp_path: Path) -> None:
    book = Logbook(tmp_path, HOUR)
    book.append(HOUR, [b'{"t":"2026-11-20T03:00:00Z","id":"0"}'])
    book.append(HOUR + timedelta(minutes=5), [b'{"t":"2026-11-20T03:05:00Z","id":"0"}'])
    book.close()
    part = tmp_path / "2026/11/20/03.ndjson.gz.part"
    part.write_bytes(part.read_bytes()[:-7])
    again = Logbook(tmp_path, HOUR + timedelta(minutes=10))
    assert again.repaired == 1
    assert again.last_slot() == HOUR
    again.append(HOUR + timedelta(minutes=10), [b'{"t":"2026-11-20T03:10:00Z","id":"0"}'])
    again.close_before(HOUR + timedelta(hours=1))
    again.close()
    assert not part.exists()
    final = part.with_name("03.ndjson.gz")
    assert [json.loads(x)["t"][14:16] for x in gunzip(final.read_bytes()).splitlines()] == ["00", "10"]
    assert final.stat().st_mode & 0o777 == 0o644


def test_a_closed_hour_is_never_changed_and_two_probers_never_share_a_log(tmp_path: Path) -> None:
    book = Logbook(tmp_path, HOUR)
    with pytest.raises(LogbookBusy):
        Logbook(tmp_path, HOUR)
    final = book.path(HOUR)
    final.parent.mkdir(parents=True)
    final.write_bytes(pack([b"selesai"]))
    book.append(HOUR, [b"asing"])
    book.close_before(HOUR + timedelta(hours=2))
    book.close()
    assert gunzip(final.read_bytes()) == b"selesai\n"
    kept = list(final.parent.glob("*.bentrok-*"))
    assert [gunzip(f.read_bytes()) for f in kept] == [b"asing\n"]


def test_unpacking_is_bounded_and_says_what_is_wrong() -> None:
    good = pack([b"satu"]) + pack([b"dua"])
    assert gunzip(good) == b"satu\ndua\n"
    bomb = pack([bytes(30_000_000)])
    cases = {
        "gzip_terpotong": [good[:-3], pack([b"x"])[:5], b""],
        "gzip_rusak": [b"<html>", good[:-8] + bytes(8), good + b"sampah"],
        "bom_dekompresi": [bomb, pack([b""]) * 5000],
    }
    for code, bodies in cases.items():
        for body in bodies:
            with pytest.raises(GzipFault) as caught:
                gunzip(body)
            assert caught.value.code == code
    with pytest.raises(GzipFault, match="more than 1000 bytes"):
        gunzip(pack([os.urandom(4000)]), max_bytes=1000)


RUNNER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from connectors.cctv.hls import Camera
from connectors.cctv.logbook import Logbook
from connectors.cctv.prober import Pace, Prober
url, out, business, wall = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
clock = lambda: business + (time.time() - wall) * 1200
cameras = [Camera(n, (url,)) for n in (1, 2, 3)]
book = Logbook(out, datetime.fromtimestamp(clock(), UTC))
Prober(cameras, book, pace=Pace(spread=0), clock=clock, tick=0.02).run()
"""


def test_sigkill_costs_a_round_at_most_and_the_gap_is_unknown_not_down(base: str, tmp_path: Path) -> None:
    """Five minutes pass in a quarter of a second, so that a killed prober leaves a gap of whole slots."""
    url, start, wall = f"{base}/uji/not_found/stream/{NAME}/stream.m3u8", HOUR.timestamp(), time.time()
    command = [sys.executable, "-c", RUNNER, url, str(tmp_path), str(start), str(wall)]

    def run_until(rounds: int) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, cwd=ROOT)
        until(lambda: len(beats(tmp_path)) >= rounds)
        return process

    first = run_until(3)
    seen = beats(tmp_path)
    first.kill()
    first.wait()
    survived = beats(tmp_path)
    assert survived[: len(seen)] == seen
    two_slots_on = datetime.fromisoformat(survived[-1]).timestamp() + 600
    until(lambda: start + (time.time() - wall) * 1200 > two_slots_on)
    second = run_until(len(survived) + 2)
    second.kill()
    second.wait()
    part = max(tmp_path.glob("*/*/*/*"))
    part.write_bytes(part.read_bytes() + pack([b'{"t":'])[:9])
    slots = beats(tmp_path)
    assert slots == sorted(set(slots)), "a slot is never written twice"
    gap = {
        s
        for s in (datetime.fromisoformat(slots[0]) + timedelta(minutes=5 * n) for n in range(200))
        if s < datetime.fromisoformat(slots[-1]) and f"{s:%Y-%m-%dT%H:%M:%SZ}" not in slots
    }
    assert gap
    now = datetime.fromtimestamp(start, UTC) + timedelta(days=1)
    book = Logbook(tmp_path, now)
    assert book.repaired == 1
    book.close()
    lines = log_lines(tmp_path)
    assert {line["status"] for line in lines} == {"http_error", "heartbeat"}
    hourly = hourly_facts(lines)
    total = {key: sum(row[key] for row in hourly) for key in ("http_error", "unknown", "probe_sah", "timeout")}
    assert total["http_error"] == total["probe_sah"] == 3 * len(slots)
    assert total["unknown"] == 3 * (288 - len(slots))
    assert total["timeout"] == 0
    silent = [row for row in hourly if row["probe_sah"] == 0]
    assert silent
    assert all(row["uptime_persen"] is None and row["unknown_pemeriksa_mati"] == 12 for row in silent)


def hourly_facts(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The hourly model over log lines."""
    import duckdb
    import polars as pl

    from warehouse.modelling import load_model, render

    log = pl.DataFrame(lines, schema={"t": pl.String, "id": pl.String, "status": pl.String, "latency_ms": pl.Int64})
    source = log.select(
        (pl.col("t").str.to_datetime("%Y-%m-%dT%H:%M:%SZ") + pl.duration(hours=7)).dt.date().alias("tanggal"),
        pl.col("t").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC", time_unit="us").alias("waktu"),
        pl.col("id").cast(pl.Int64).alias("id_kamera"),
        "status",
        pl.col("latency_ms").alias("latensi_ms"),
        pl.lit("tiruan").alias("_asal"),
    )
    with duckdb.connect() as con:
        con.execute("ATTACH ':memory:' AS lake; CREATE SCHEMA lake.source")
        con.register("baris", source)
        con.execute("CREATE TABLE lake.source.cctv__ketersediaan_cctv AS FROM baris")
        con.execute("CREATE TABLE lake.source.cctv__kamera (tanggal_potret DATE, id_kamera BIGINT)")
        model = load_model(ROOT / "connectors/cctv/models/core.fct_ketersediaan_cctv.sql")
        return con.execute(render(model, lambda _: None)).pl().to_dicts()


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_killed_worker_is_started_again_and_all_ends_on_sigterm(base: str, tmp_path: Path) -> None:
    cameras = tmp_path / "kamera.json"
    cameras.write_text(json.dumps([{"id": 1, "url": f"{base}/uji/not_found/stream/{NAME}/stream.m3u8"}]))
    out = tmp_path / "log"
    command = [sys.executable, "-m", "connectors.cctv.prober", "--cameras", str(cameras), "--out", str(out)]
    process = subprocess.Popen([*command, "--every", "1", "--spread", "0", "--supervise"], cwd=ROOT)
    try:
        until(lambda: len(beats(out)) >= 1)
        (worker,) = children(process.pid)
        os.kill(worker, signal.SIGKILL)
        before = len(beats(out))
        until(lambda: len(beats(out)) > before)
        (worker,) = children(process.pid)
        process.terminate()
        assert process.wait(15) == 0
        until(lambda: not alive(worker))
    finally:
        process.kill()
        process.wait()


def test_a_worker_ends_when_its_supervisor_was_killed(base: str, tmp_path: Path) -> None:
    cameras = tmp_path / "kamera.csv"
    cameras.write_text(f"id_kamera,nama_aliran\n1,{NAME}\n")
    command = [sys.executable, "-m", "connectors.cctv.prober", "--cameras", str(cameras), "--base", base]
    command += ["--out", str(tmp_path / "log"), "--every", "1", "--spread", "0", "--supervise"]
    process = subprocess.Popen(command, cwd=ROOT)
    until(lambda: bool(children(process.pid)) and (tmp_path / "log" / ".denyut").exists())
    (worker,) = children(process.pid)
    process.kill()
    process.wait()
    until(lambda: not alive(worker))


def test_a_worker_that_hangs_is_replaced_and_one_with_wrong_arguments_is_not(tmp_path: Path) -> None:
    starts = tmp_path / "mulai"
    hang = [sys.executable, "-c", f"open({str(starts)!r}, 'a').write('x'); import time; time.sleep(60)"]
    stop, result = threading.Event(), []
    thread = threading.Thread(
        target=lambda: result.append(
            supervise(hang, stop, pulse=tmp_path / "tak_ada", silence=0.3, first_pause=0.01),
        )
    )
    thread.start()
    until(lambda: starts.exists() and len(starts.read_text()) >= 2)
    stop.set()
    thread.join(10)
    assert result == [0]
    wrong = [sys.executable, "-c", "raise SystemExit(2)"]
    assert supervise(wrong, threading.Event(), pulse=tmp_path / "tak_ada", silence=9, final=(2,)) == 2


def test_one_round_by_hand_writes_a_line_a_camera_and_a_heartbeat(base: str, tmp_path: Path) -> None:
    cameras = tmp_path / "kamera.csv"
    cameras.write_text(f"id,url\n31,{base}/stream/{NAME}/stream.m3u8\n9,{base}/uji/frozen/stream/{NAME}/stream.m3u8\n")
    command = [sys.executable, "-m", "connectors.cctv.prober", "--cameras", str(cameras)]
    command += ["--out", str(tmp_path / "log")]
    subprocess.run([*command, "--spread", "0", "--once"], cwd=ROOT, check=True, timeout=30)
    lines = log_lines(tmp_path / "log")
    assert [(line["id"], line["status"]) for line in lines] == [("9", "frozen"), ("31", "up"), ("0", "heartbeat")]
    assert all(set(line) == {"t", "id", "status", "latency_ms", "http", "seq"} for line in lines)
    assert int(datetime.fromisoformat(lines[0]["t"]).timestamp()) % 300 == 0


def test_a_live_host_is_not_probed_without_a_legal_basis(tmp_path: Path) -> None:
    reference = ROOT / "connectors" / "cctv" / "reference" / "aliran_kamera.csv"
    command = [sys.executable, "-m", "connectors.cctv.prober", "--cameras", str(reference), "--out", str(tmp_path)]
    done = subprocess.run(
        [*command, "--base", "https://atcsdishub.medan.go.id", "--once"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "--dasar-hukum" in done.stderr
    assert not list(tmp_path.iterdir())
