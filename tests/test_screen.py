"""What commands print in a pipe, a mail of cron and on narrow terminals: dataset, figures and reasons stand whole."""

import os
import pty
import re
import subprocess
import termios
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from ssp_pipeline.screen import blocks, fold, table
from tests.support.workspace import ROOT, SSP, Small
from warehouse.ops import Outcome

DATASET = "samsat.pembayaran_pkb"
DAY = "2026-11-18"
DETAIL = "samsat needs the secret SSP_SAMSAT_API_KEY: set SSP_SAMSAT_API_KEY, or SSP_SAMSAT_API_KEY_FILE to a file"


@pytest.fixture(scope="module")
def failed(small_warehouse: Small, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A warehouse where the newest attempt at one day has failed, and a later day was read well after it."""
    small = small_warehouse.copy(tmp_path_factory.mktemp("layar") / "rumah")
    now = datetime.now(UTC)
    with small.open() as workspace:
        kept = Outcome("r2", DATASET, "2026-11-19", "tidak_berubah", now, now + timedelta(seconds=1))
        lost = Outcome(
            "r2",
            DATASET,
            DAY,
            "gagal_tarik",
            now,
            now,
            alasan="rahasia_belum_diatur",
            rincian=f"{DETAIL}\n?token=abc&x",
        )
        workspace.lake.record([lost, kept])
    return small


def told(small: Small, *arguments: str, columns: int = 0) -> list[str]:
    """Lines of standard output: of a terminal that is so wide, or of a pipe."""
    environment = small.environment
    if not columns:
        done = subprocess.run([SSP, *arguments], env=environment, cwd=ROOT, capture_output=True, check=True, text=True)
        return done.stdout.splitlines()
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, columns))
    process = subprocess.Popen([SSP, *arguments], env=environment, cwd=ROOT, stdin=theirs, stdout=theirs)
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 4096):
            said += piece
    except OSError:  # how Linux says that nobody holds the other end any more
        pass
    os.close(ours)
    assert process.wait(60) == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", said.decode()).splitlines()


@pytest.mark.parametrize("columns", [0, 80, 100, 160])
def test_status_shows_every_dataset_its_dates_and_figures_and_why_it_failed(failed: Small, columns: int) -> None:
    lines = told(failed, "status", columns=columns)
    text = " ".join(" ".join(lines).split())
    rows = orjson.loads("".join(told(failed, "status", "--json")))
    assert len(rows) > 30
    names = ("dataset", "terbaru", "diharapkan", "ketepatan", "bermasalah", "karantina", "asal", "terakhir_berhasil")
    for row in rows:
        assert " ".join(str(row[k]) for k in (*names, "status") if row[k] != "") in text
    assert f"{DATASET} {DAY} gagal_tarik: rahasia_belum_diatur: {DETAIL} ?token=***&x" in lines
    [row] = [row for row in rows if row["gagal"]]
    assert (row["dataset"], row["gagal"], row["alasan"]) == (DATASET, f"{DAY} gagal_tarik", "rahasia_belum_diatur")
    assert (row["rincian"], row["bermasalah"]) == (f"{DETAIL} ?token=***&x", 1)
    assert not columns or all(len(line) <= columns for line in lines if DETAIL not in line)


@pytest.mark.parametrize("columns", [0, 80])
def test_the_quarantine_shows_names_reasons_and_rows_that_can_be_pasted(failed: Small, columns: int) -> None:
    listed = orjson.loads("".join(told(failed, "quarantine", "list", "--json")))
    text = " ".join(" ".join(told(failed, "quarantine", "list", columns=columns)).split())
    for row in listed:
        assert " ".join(map(str, row.values())) in text
    [row] = orjson.loads("".join(told(failed, "quarantine", "show", DATASET, "--limit", "1", "--json")))
    lines = told(failed, "quarantine", "show", DATASET, "--limit", "1", columns=columns)
    assert "".join(" ".join(lines).split()).count("".join(row["isi"].split())) == 1
    for name in ("partisi", "alasan", "muatan", "baris"):
        assert [line.split() for line in lines].count([name, str(row[name])]) == 1
    assert not columns or max(map(len, lines)) <= columns


@pytest.mark.parametrize("columns", [0, 80])
def test_verify_shows_every_count_whole(failed: Small, columns: int) -> None:
    lines = told(failed, "verify", "--dataset", DATASET, columns=columns)
    parts = orjson.loads("".join(told(failed, "verify", "--dataset", DATASET, "--json")))["partisi"]
    read, good = (str(sum(p[k] for p in parts)) for k in ("dibaca", "diterima"))
    assert f"{DATASET} {len(parts)} {read} {good} " in " ".join(" ".join(lines).split())


def test_nothing_is_lost_however_narrow_it_is() -> None:
    long = "sebab yang panjang, " * 12
    rows = [{"nama": "a" * 30, "jumlah": 1_234_567, "alasan": long}, {"nama": "b", "jumlah": None, "alasan": "\x1b[2J"}]
    for width in (20, 40, 80, 300, None):
        heads, lines = table(rows, width)
        shown = [*heads, *lines, *blocks(rows, max(width, 30) if width else None)]
        assert "".join("".join(shown).split()).count("".join(long.split())) == 2
        assert "\x1b" not in "".join(shown)
        assert any("1234567" in line for line in lines)
        assert width is None or max(map(len, [*heads, *lines])) <= width
    assert "".join(fold(long, 21)) == long
    assert max(map(len, fold("x" * 50, 20))) == 20


def test_a_table_is_one_line_a_row_where_there_is_room() -> None:
    assert table([{"nama": "a.b", "baris": 12}, {"nama": "c", "baris": 3}], None) == (
        ["nama  baris"],
        ["a.b      12", "c         3"],
    )
