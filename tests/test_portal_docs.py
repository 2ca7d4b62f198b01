"""What docs/api.md shows works as shown, and what stands between the rooms holds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import ROOT, Block, blocks, commands, shell
from tests.support.portal import Served

pytest_plugins = ["tests.support.portal_fixtures"]

API = ROOT / "docs" / "api.md"
SHOWN = [b for b in blocks(API) if b.language in ("sh", "python") and b.info != "run"]


def on_this(served: Served, text: str) -> str:
    assert "127.0.0.1:8600" in text
    return text.replace("http://127.0.0.1:8600", served.url).replace("harga_pangan_harian_kabkota", "harga_uji")


@pytest.mark.parametrize("command", [c for b in SHOWN if b.language == "sh" for c in commands(b.body)])
def test_a_shown_command_works(served: Served, command: str, tmp_path: Path) -> None:
    done = shell(on_this(served, command), {"no_proxy": "*"}, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = [path.read_bytes() for path in tmp_path.iterdir()]
    assert done.stdout or (written and all(written))
    if done.stdout.startswith("{"):
        assert json.loads(done.stdout)


@pytest.mark.parametrize("block", [b for b in SHOWN if b.language == "python"])
def test_a_shown_program_works(served: Served, block: Block) -> None:
    done = subprocess.run(
        [sys.executable, "-c", on_this(served, block.body)],
        env=os.environ | {"no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:2] == ["530", "2"]


def test_the_portal_and_its_sql_process_load_nothing_that_reaches_behind_the_release() -> None:
    script = (
        "import sys, ssp_pipeline.portal.serve, ssp_pipeline.portal.sqlworker\n"
        "own = ('warehouse', 'assets', 'connectors', 'dagster', 'great_expectations', 'ssp_pipeline')\n"
        "print(*sorted(m for m in sys.modules if m.split('.')[0] in own))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    found = [m for m in done.stdout.split() if not m.startswith(("ssp_pipeline.portal", "ssp_pipeline.web"))]
    assert found == ["ssp_pipeline", "warehouse", "warehouse.opendata", "warehouse.opendata.manifest"]
