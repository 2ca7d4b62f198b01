"""The shell of the stand-ins: same seed, same bytes; every answer labelled; a process that ends with its starter."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.fault_seed import PASSING
from connectors.sandbox import CONNECTORS, World, build_app, discover, in_thread, main, running, write_inbox
from tests.support.fault_office import TODAY, office
from tests.support.waiting import until

AGENCY = """
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from connectors.sandbox import World
from .angka import SATUAN


def routes(world: World) -> list[Route]:
    async def harga(request: Request) -> Response:
        hari = request.query_params.get("hari", world.today.isoformat())
        return Response(f"{world.rng('uji', hari).randrange(10**9)} {SATUAN}")

    return [Route("/harga", harga)]


def files(world, start, end):
    yield f"laporan-{start:%Y%m}.csv", f"hari,nilai\\n{start},{world.rng(start).randrange(100)}\\n".encode()
"""


@pytest.fixture
def roots(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "instansi" / "dinas_uji"
    folder.mkdir(parents=True)
    (folder / "sandbox.py").write_text(AGENCY)
    (folder / "angka.py").write_text('SATUAN = "Rp/kg"\n')
    return [tmp_path / "instansi"]


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with in_thread(build_app(World(today=TODAY), [("uji", office())])) as url:
        yield url


@pytest.fixture
def fault(host: str) -> Iterator[Callable[..., None]]:
    def put(name: str, match: str = "/uji/", **spec: Any) -> None:
        reply = requests.post(f"{host}/_gangguan", json={"cocok": match, "gangguan": name, **spec}, timeout=5)
        assert reply.status_code == 200, reply.text

    yield put
    requests.delete(f"{host}/_gangguan", timeout=5)


def get(url: str, **options: Any) -> requests.Response:
    return requests.get(url, timeout=5, **options)


# --- world, label, discovery ------------------------------------------------------------------------------------------


def test_the_same_seed_and_key_give_the_same_values_for_ever() -> None:
    world = World(today=TODAY)
    assert world.rng("pihps", date(2026, 1, 2), 3).random() == world.rng("pihps", "2026-01-02", "3").random()
    assert world.rng("pihps", 1).randrange(10**9) == 121386370, "the seeding is part of what `--seed` promises"
    assert world.rng("pihps", 1).random() != world.rng("pihps", 2).random()
    assert world.rng("a").random() != World(today=TODAY, seed=2).rng("a").random()


def test_a_world_reads_reference_lists_and_names_one_that_is_missing() -> None:
    rows = World(today=TODAY).reference("referensi", "wilayah")
    assert {"1275", "1271"} <= {row["kode_bps"] for row in rows}
    with pytest.raises(FileNotFoundError, match=r"referensi/reference/tiada\.csv"):
        World(today=TODAY).reference("referensi", "tiada")


def test_every_answer_is_labelled_as_made_up_unless_it_is_a_replay(host: str, fault: Callable[..., None]) -> None:
    assert get(f"{host}/uji/daftar").headers["X-SSP-Asal"] == "tiruan"
    assert get(f"{host}/uji/ulang").headers["X-SSP-Asal"] == "ulangan"
    assert get(f"{host}/tiada").headers["X-SSP-Asal"] == "tiruan"
    for name in ("halaman_login", "429_detik", "panjang_salah"):
        fault(name)
        assert get(f"{host}/uji/daftar").headers["X-SSP-Asal"] == "tiruan"


def test_health_says_what_runs(host: str) -> None:
    said = get(f"{host}/_sehat").json()
    assert said == {
        "status": "sehat", "tiruan": True, "seed": 1, "today": "2026-11-20", "ulangan": False, "instansi": ["uji"],
    }  # fmt: skip


def test_an_agency_is_found_by_its_folder_alone(roots: list[Path]) -> None:
    assert [kode for kode, _ in discover(roots)] == ["dinas_uji"]
    built_in = dict(discover([CONNECTORS, *roots]))
    assert "dinas_uji" in built_in
    for folder in (".git", "_lama"):
        (roots[0] / folder).mkdir()
        (roots[0] / folder / "sandbox.py").write_text("raise RuntimeError")
    assert [kode for kode, _ in discover(roots)] == ["dinas_uji"]


def test_an_agency_twice_or_without_a_stand_in_is_an_error(roots: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"dinas_uji.*twice"):
        discover([*roots, *roots])
    empty = tmp_path / "lain" / "kosong"
    empty.mkdir(parents=True)
    (empty / "sandbox.py").write_text("x = 1\n")
    with pytest.raises(ValueError, match="neither routes"):
        discover([tmp_path / "lain"])


# --- the process ------------------------------------------------------------------------------------------------------


def test_stand_ins_run_as_a_process_with_the_same_bytes_each_time(roots: list[Path]) -> None:
    world = World(today=TODAY, seed=5)
    seen = []
    for _ in range(2):
        with running(world, roots) as url:
            assert get(f"{url}/_sehat").json()["seed"] == 5
            seen.append([get(f"{url}/dinas_uji/harga?hari={n}").text for n in range(3)])
        with pytest.raises(requests.ConnectionError):
            get(f"{url}/_sehat")
    assert seen[0] == seen[1]
    assert seen[0][0] == f"{world.rng('uji', 0).randrange(10**9)} Rp/kg"


def closed(url: str) -> bool:
    try:
        socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), 1).close()
    except OSError:
        return True
    return False


def test_stand_ins_end_when_their_parent_is_killed(roots: list[Path]) -> None:
    code = (
        "import sys, time; from datetime import date; from pathlib import Path;"
        "from connectors.sandbox import World, running\n"
        f"with running(World(today=date(2026, 11, 20)), [Path({str(roots[0])!r})]) as url:\n"
        "    print(url, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=CONNECTORS.parent, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert get(f"{url}/_sehat").ok
        os.kill(parent.pid, signal.SIGKILL)
    until(lambda: closed(url))


def test_stand_ins_end_after_their_lifetime(roots: list[Path]) -> None:
    with running(World(today=TODAY), roots, max_lifetime=0.3) as url:
        until(lambda: closed(url))


def test_a_stand_in_that_cannot_start_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "rusak"
    folder.mkdir()
    (folder / "sandbox.py").write_text("import modul_yang_tiada\n")
    with pytest.raises(RuntimeError, match="did not start"), running(World(today=TODAY), [tmp_path]):
        pass


def test_wrong_options_are_refused(capsys: pytest.CaptureFixture[str], roots: list[Path]) -> None:
    with pytest.raises(SystemExit):
        main(["--replay", "/tiada"])
    assert "is no folder" in capsys.readouterr().err
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="choose another --port"),
    ):
        main(["--port", str(taken.getsockname()[1]), "--root", str(roots[0])])


def test_the_command_serves_every_fault_by_seed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from ssp_pipeline.cli import main; main()", "sandbox", "--port", "0"]
    own = {**os.environ, "SSP_HOME": str(tmp_path)}
    refused = subprocess.run([*command, "--every-fault"], env=own, capture_output=True, text=True, check=False)
    assert (refused.returncode, "--every-fault needs --faults SEED" in refused.stderr) == (2, True)
    with subprocess.Popen(
        [*command, "--faults", "7", "--every-fault"], env=own, stdout=subprocess.PIPE, text=True
    ) as process:  # fmt: skip
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        for number in range(200):
            with suppress(requests.RequestException):
                get(f"{url}/tirtanadi/api/produksi?tanggal=2026-11-{number % 20 + 1:02}").close()
        state = get(f"{url}/_gangguan").json()
        process.terminate()
    assert state["benih"] == 7
    assert state["dari_benih"].keys() - {name for name, _ in PASSING}


def test_seeded_faults_run_in_the_process(roots: list[Path]) -> None:
    with running(World(today=TODAY), roots, faults=7) as url:
        assert get(f"{url}/_gangguan").json()["benih"] == 7


# --- inbox ------------------------------------------------------------------------------------------------------------


def test_inbox_files_appear_whole_and_unchanged_ones_are_left_alone(roots: list[Path], tmp_path: Path) -> None:
    inbox, world = tmp_path / "inbox", World(today=TODAY)
    start, end = date(2026, 10, 1), date(2026, 10, 31)
    path = inbox / "dinas_uji" / "tiruan" / "laporan-202610.csv"
    assert write_inbox(world, roots, inbox, start, end) == [path]
    assert path.read_text().startswith("hari,nilai\n2026-10-01,")
    before = path.stat().st_mtime_ns
    assert write_inbox(world, roots, inbox, start, end) == []
    assert path.stat().st_mtime_ns == before
    assert write_inbox(World(today=TODAY, seed=3), roots, inbox, start, end) == [path]
    assert [p.name for p in path.parent.iterdir()] == [path.name], "no temporary file stays"


@pytest.mark.parametrize("name", ["../luar.csv", "/etc/x", ".sembunyi", "", "a/b.csv"])
def test_an_inbox_name_that_leaves_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "instansi" / "nakal"
    folder.mkdir(parents=True)
    (folder / "sandbox.py").write_text(f"def files(world, start, end):\n    yield {name!r}, b'x'\n")
    with pytest.raises(ValueError, match="no plain file name"):
        write_inbox(World(today=TODAY), [tmp_path / "instansi"], tmp_path / "inbox", TODAY, TODAY)
