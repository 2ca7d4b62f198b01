"""Five kinds of bad input at once through `ssp run`: it says which datasets, commits the others, the next one heals."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bad_input import MASTER_KEY, Place, end_faults, held, keeps, put_fault
from warehouse.checks import Checker

pytest_plugins = ["tests.support.bad_input_fixtures"]

DAY = "2026-11-18"
FAULTS = {
    "tirtanadi.produksi_air": ("5xx_tetap", DAY, "5xx", "/tirtanadi/api/produksi", {}),
    "samsat.pembayaran_pkb": ("halaman_kembar_tetap", DAY, "halaman_kembar", "/samsat/api/pembayaran", {}),
    "sp2kp.ref_kab_kota": ("halaman_login_tetap", "semua", "halaman_login", "/sp2kp/master/api/wilayah", {}),
    "cctv.kamera": ("bidang_ganti_nama", "2026-11-20", "bidang_ganti_nama", "getDataLokasi", {"bidang": "nama_lokasi"}),
    "tirtanadi.gangguan_air": (
        "tanggal_null_semua", DAY, "kunci_null", "/tirtanadi/api/gangguan", {"bidang": "tanggal", "baris": "semua"},
    ),
}  # fmt: skip
"""Dataset → row of the document, partition, fault, what it strikes, its arguments."""
UNTOUCHED = ("samsat.target_tahunan", "tirtanadi.ipa", "pihps.ref_komoditas")


def ssp(home: Path, host: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The real command in a process of its own; the stand-ins of this one answer it."""
    config = home.parent / "ssp.toml"
    config.write_text("[http]\npercobaan = 2\n", encoding="utf-8")
    own = {k: v for k, v in os.environ.items() if not k.startswith(("SSP_", "DAGSTER_", "COLUMNS"))}
    own |= {"SSP_HOME": str(home), "SSP_TODAY": "2026-11-20", "SSP_CONFIG": str(config), "SSP_SANDBOX_URL": host}
    own |= {"SSP_MASTER_KEY": MASTER_KEY.hex()}
    return subprocess.run(
        [sys.executable, "-c", "from ssp_pipeline.cli import main; main()", *arguments],
        env=own, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, bad_host: str, bad_checker: Checker) -> Iterator[Path]:
    yield tmp_path / "rumah"
    end_faults(bad_host)


def test_a_run_under_five_faults_says_which_and_the_next_one_heals(
    home: Path, bad_host: str, bad_checker: Checker
) -> None:
    for _, _, name, match, arg in FAULTS.values():
        put_fault(bad_host, name, match, kali=0, arg=arg)
    chosen = [part for dataset in (*FAULTS, *UNTOUCHED) for part in ("--dataset", dataset)]
    command = ("run", "--from", DAY, "--to", DAY, "--no-models", *chosen)
    run = ssp(home, bad_host, *command)
    assert run.returncode == 3, run.stderr
    place = Place(home, bad_host, bad_checker)
    for dataset, (promised, partition, *_) in FAULTS.items():
        outcome = place.ws.lake.newest_outcome(dataset, partition)
        assert outcome is not None
        [line] = [line for line in run.stdout.splitlines() if line.startswith(f"{dataset}: ")]
        assert f"{partition}: {outcome.alasan}" in line, "the table says which and why"
        held(promised, outcome, place.aside(outcome))
        assert place.ws.lake.states(dataset) == {}
    assert all(len(place.ws.lake.states(dataset)) == 1 for dataset in UNTOUCHED)
    place.close()
    end_faults(bad_host)
    healed = ssp(home, bad_host, *command, "--json")
    assert healed.returncode == 0, healed.stderr
    verdicts = {row["dataset"]: (row["putusan"], row["diterima"] > 0) for row in json.loads(healed.stdout)["dataset"]}
    assert verdicts == dict.fromkeys(FAULTS, ("lulus", True)) | dict.fromkeys(UNTOUCHED, ("tidak berubah", False))
    after = Place(home, bad_host, bad_checker)
    gaps = after.verify(*FAULTS, *UNTOUCHED).all_gaps()
    after.close()
    assert gaps == []


@keeps("kunci_bulan_dimusnahkan")
def test_a_month_whose_key_was_destroyed_is_not_taken_in_again_and_the_run_says_why(
    home: Path, bad_host: str, bad_checker: Checker
) -> None:
    dataset = "samsat.pembayaran_pkb"
    command = ("run", "--from", DAY, "--to", DAY, "--no-models", "--dataset", dataset)
    assert ssp(home, bad_host, *command).returncode == 0
    forgotten = ssp(home, bad_host, "forget", "--dataset", dataset, "--month", DAY[:7], "--reason", "surat 12/2026")
    assert forgotten.returncode == 0, forgotten.stderr
    again = ssp(home, bad_host, *command)
    assert again.returncode == 3, again.stderr
    assert f"{DAY}: masa_simpan_habis" in again.stdout
    place = Place(home, bad_host, bad_checker)
    outcome = place.ws.lake.newest_outcome(dataset, DAY)
    assert outcome is not None
    held("kunci_bulan_dimusnahkan", outcome)
    assert f"the key of samsat__pembayaran_pkb {DAY[:7]} was destroyed" in outcome.rincian
    assert "surat 12/2026" in outcome.rincian
    assert "on purpose" in outcome.rincian
    assert "nothing is to be done" in outcome.rincian
    assert len(place.pulls(dataset)) == 1, "nothing was fetched"
    assert place.rows(dataset).height > 0, "the rows of the lake stay"
    place.close()
