"""The table that closes `ssp run`: every figure stands whole, on a narrow terminal and on a wide one."""

from datetime import UTC, datetime

import pytest

from connectors.registry import Registry
from ssp_pipeline.closing import report
from ssp_pipeline.run_result import DatasetResult, RunResult
from warehouse.ops import Outcome, Status

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def result(status: Status) -> RunResult:
    def outcome(dataset: str, asal: str) -> Outcome:
        return Outcome(
            "r",
            dataset,
            "2026-11-20",
            status,
            NOW,
            NOW,
            ditarik=1_234_567,
            diterima=1_234_560,
            dikarantina=7,
            asal=asal,
        )

    datasets = [DatasetResult(c.id, [outcome(c.id, "tiruan")], 12.3) for c in Registry().contracts]
    return RunResult(datasets, snapshot="v000007", new_snapshot=True, new_blobs=2710, seconds=63.2)


@pytest.mark.parametrize("columns", [80, 100, 120, 200])
@pytest.mark.parametrize("status", ["diterima", "tidak_berubah", "gagal_tarik", "cakupan_kurang"])
def test_no_figure_is_cut_and_no_line_is_longer_than_the_terminal(
    columns: int, status: Status, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    run = result(status)
    report(run)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    figures = [line for line in lines if "1.234.567" in line]
    assert len(figures) == len(run.datasets)
    assert all("1.234.560" in line and line.rstrip().endswith("12,3") for line in figures)
    assert not any("…" in line for line in lines)
    (total,) = [line for line in lines if line.startswith("Jumlah")]
    assert f"{1_234_567 * len(run.datasets):,}".replace(",", ".") in total


def test_rows_of_stand_ins_are_said_to_be_such(capsys: pytest.CaptureFixture[str]) -> None:
    report(result("diterima"))
    assert "Asal data: tiruan" in capsys.readouterr().out


def failing(**more: object) -> RunResult:
    """One dataset as before, another of which all days failed for one reason."""
    days = [
        Outcome("r", "b.dua", f"2026-11-{n}", "gagal_tarik", NOW, NOW, alasan="kunci", rincian=f"[kunci] hari {n} [/x]")
        for n in (17, 18, 19)
    ]
    good = [Outcome("r", "a.satu", "2026-11-19", "tidak_berubah", NOW, NOW)]
    return RunResult([DatasetResult("a.satu", good), DatasetResult("b.dua", days)], **more)  # type: ignore[arg-type]


def test_what_failed_is_told_with_its_days_and_what_the_newest_of_them_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    report(failing(snapshot="v000003", new_snapshot=True, seconds=2))
    *_, reason, last = capsys.readouterr().out.splitlines()
    assert reason == "b.dua: 2026-11-17 … 2026-11-19 (3): kunci: hari 19 [/x]"
    assert last == (
        "Tidak ada versi data baru dan tidak ada muatan baru; 1 dataset gagal, versi sebelumnya tetap berlaku; "
        "cuplikan v000003 (baru). 2,0 detik."
    )


def test_all_is_the_same_is_said_only_of_a_run_that_went_well_and_made_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    same = "semua sama dengan sebelumnya"
    for run, expected in ((failing(), False), (RunResult(failing().datasets[:1]), True)):
        report(run)
        assert (same in capsys.readouterr().out) is expected
    report(RunResult(failing().datasets[:1], snapshot="v000003", new_snapshot=True))
    assert same not in capsys.readouterr().out
