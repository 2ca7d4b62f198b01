"""Commands run in this process, through the command's own entry point."""

import io
import os
import sys
from pathlib import Path

import pytest

from assets.workspace import Workspace
from ssp_pipeline import cli
from tests.support.commands import Said, Ssp
from tests.support.workspace import Small, shared_checker


@pytest.fixture
def ssp(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ssp:
    """Run the command in this process: (exit code, standard output, standard error)."""

    def run(small: Small, *arguments: str, stdin: str = "") -> Said:
        for name in [name for name in os.environ if name.startswith("SSP_")]:
            monkeypatch.delenv(name)
        for name, value in small.environment.items():
            if name.startswith("SSP_"):
                monkeypatch.setenv(name, value)
        monkeypatch.setattr(Workspace, "checker", property(lambda workspace: shared_checker()))
        monkeypatch.setenv("COLUMNS", "250")
        monkeypatch.setattr(sys, "argv", ["ssp", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return code, said.out, said.err

    return run


@pytest.fixture
def own(small_warehouse: Small, tmp_path: Path) -> Small:
    """A copy that a test may change."""
    return small_warehouse.copy(tmp_path / "rumah")
