"""The table that closes `ssp run`: every figure stands whole, on a narrow terminal and on a wide one."""

from datetime import UTC, datetime

import pytest

from connectors.registry import Registry
from ssp_pipeline.runner import DatasetResult, RunResult, report
from warehouse.ops import Outcome, Status

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


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
    report(run, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    figures = [line for line in lines if "1.234.567" in line]
    assert len(figures) == len(run.datasets)
    assert all("1.234.560" in line and line.rstrip().endswith("12,3") for line in figures)
    assert not any("…" in line for line in lines)
    (total,) = [line for line in lines if line.startswith("Jumlah")]
    assert f"{1_234_567 * len(run.datasets):,}".replace(",", ".") in total


def test_rows_of_stand_ins_are_said_to_be_such(capsys: pytest.CaptureFixture[str]) -> None:
    report(result("diterima"), as_json=False)
    assert "Asal data: tiruan" in capsys.readouterr().out
