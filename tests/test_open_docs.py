"""docs/open-data.md is true: its commands and its queries do what the page says."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import duckdb
import pytest

from tests.support import open_release
from tests.support.documents import ROOT, blocks, commands, runnable, shell
from tests.support.open_release import TODAY, office_in
from tests.support.range_server import serve
from tests.support.workspace import Small
from warehouse.duck import load_extension
from warehouse.opendata.manifest import read_withdrawn
from warehouse.opendata.publish import Status

PAGE = ROOT / "docs" / "open-data.md"
SHOWN = "harga_pangan_harian_kabkota"


def test_every_outcome_is_explained() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{status}` |" in text for status in (*get_args(Status), "gagal"))


def test_the_commands_of_the_page_work(tmp_path: Path) -> None:
    with office_in(tmp_path) as office:
        for _ in range(2):
            office.con.execute("UPDATE core.harga SET harga = harga + 1")
            office.publish()
            office.release()
    (tmp_path / "kontrak" / "pangan_uji" / "agency.yaml").write_text(
        "kode: pangan_uji\nnama: Kantor Pangan Uji\ninstansi: Dinas Pangan Uji\n"
    )
    home = {"SSP_HOME": str(tmp_path), "SSP_CONNECTORS": str(tmp_path / "kontrak"), "SSP_TODAY": TODAY.isoformat()}
    seen = []
    for command in (c for script in runnable(PAGE) for c in commands(script) if "ssp release" not in c):
        done = shell(command.replace(SHOWN, "harga_uji"), home)
        assert done.returncode == 0, done.stderr
        seen.append(command.split()[1])
    assert seen == ["approve", "waive", "withdraw"]
    assert read_withdrawn(tmp_path / "terbuka", "harga_uji", 2) is not None


def test_the_release_commands_of_the_page_work_on_a_warehouse(small_warehouse: Small, tmp_path: Path) -> None:
    place = small_warehouse.copy(tmp_path / "rumah")
    environment = {"SSP_HOME": str(place.home), "SSP_TODAY": place.environment["SSP_TODAY"]}
    for command in (c for script in runnable(PAGE) for c in commands(script) if "ssp release" in c):
        done = shell(command, environment)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        assert SHOWN in done.stdout


def test_the_queries_of_the_page_read_the_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (script,) = [b.body for b in blocks(PAGE) if (b.language, b.info) == ("sql", "run")]
    with office_in(tmp_path) as office, serve(office.root) as served, duckdb.connect() as con:
        monkeypatch.setattr(open_release, "PUBLISHER", replace(open_release.PUBLISHER, base_url=served.url))
        office.publish()
        office.release()
        for extension in ("ducklake", "httpfs"):  # which the page installs from the network
            load_extension(con, extension)
        answers = []
        for line in script.strip().splitlines()[1:]:
            asked = line.replace("http://127.0.0.1:8600", served.url).replace(SHOWN, "harga_uji")
            answers.append(con.execute(asked).fetchall())
        assert len(answers[1]) == 6
        assert answers[2] == [(60,)]
