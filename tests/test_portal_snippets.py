"""The code that a dataset's page shows runs as it is shown, and gives the rows of the dataset."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from ssp_pipeline.portal.site import SITE, SiteOptions, render_site
from tests.support.open_release import CONTRACTS, PUBLISHER, publish_all, small_lake, write_contracts
from tests.support.portal import Served, running
from tests.support.waiting import until
from warehouse.opendata.manifest import read_version

DATASETS = ("harga_uji", "kamera_uji", "penerimaan_uji")


class _Code(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._open: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "code":
            self._open = dict(attrs).get("data-cuplikan")

    def handle_endtag(self, tag: str) -> None:
        if tag == "code":
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found[self._open] = self.found.get(self._open, "") + data


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A release whose pages and catalogue name the very server that they are served by."""
    folder = tmp_path_factory.mktemp("cuplikan")
    root = folder / "terbuka"
    root.mkdir()
    with running(root) as found, small_lake(200) as con:
        options = SiteOptions(found.url)
        publish_all(
            con,
            write_contracts(folder / "kontrak", CONTRACTS),
            root,
            publisher=replace(PUBLISHER, base_url=found.url),
            site=lambda public, making, release: render_site(public, making, release, options),
        )
        until(lambda: found.get("/status").json()["rilis"] == 1)
        yield found


def code(served: Served, dataset: str) -> dict[str, str]:
    """What stands on the dataset's page, by the kind of code."""
    parser = _Code()
    parser.feed((served.root / "rilis/1" / SITE / "dataset" / dataset / "index.html").read_text(encoding="utf-8"))
    return parser.found


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A DuckDB whose INSTALL finds the extensions of our wheels already there, so that nothing is fetched."""
    import importlib

    folder = tmp_path_factory.mktemp("ekstensi")
    with duckdb.connect(config={"extension_directory": str(folder)}) as con:
        for name in ("httpfs", "ducklake"):
            module = importlib.import_module(f"duckdb_extension_{name}")
            file = next(Path(str(module.__file__)).parent.rglob(f"{name}.duckdb_extension"))
            con.execute(f"INSTALL '{file}'")
    return {"extension_directory": str(folder)}


@pytest.mark.parametrize("dataset", DATASETS)
def test_curl_fetches_the_file_and_finds_its_sha256(served: Served, tmp_path: Path, dataset: str) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code(served, dataset)["curl"]],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(": OK\n")


@pytest.mark.parametrize("dataset", DATASETS)
def test_python_reads_every_row_with_the_declared_types(served: Served, dataset: str) -> None:
    told = "\nimport json\nprint(json.dumps([data.height, [str(t) for t in data.dtypes]]))"
    environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    done = subprocess.run(
        [sys.executable, "-c", code(served, dataset)["python"] + told],
        capture_output=True, text=True, timeout=60, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    height, types = json.loads(done.stdout.splitlines()[-1])
    version = read_version(served.root, dataset, 1)
    assert height == version.baris
    read = dict(zip((c.nama for c in version.kolom), types, strict=True))
    for column in version.kolom:
        if column.nama.startswith("kode_"):
            assert read[column.nama] == "String"
        if column.tipe == "date":
            assert read[column.nama] == "Date"
        if column.tipe == "datetime":
            assert read[column.nama].startswith("Datetime")
        if column.sql.startswith("DECIMAL"):
            assert read[column.nama].startswith("Decimal")


@pytest.mark.parametrize("dataset", DATASETS)
def test_duckdb_reads_the_file_with_the_declared_types(served: Served, offline: dict[str, str], dataset: str) -> None:
    version = read_version(served.root, dataset, 1)
    with duckdb.connect(config=offline) as con:
        done = con.execute(code(served, dataset)["duckdb"])
        assert [(d[0], str(d[1])) for d in done.description or ()] == [(c.nama, c.sql) for c in version.kolom]
        assert len(done.fetchall()) == 10


def test_one_attach_opens_every_dataset(served: Served, offline: dict[str, str]) -> None:
    with duckdb.connect(config=offline) as con:
        assert len(con.execute(code(served, "harga_uji")["attach"]).fetchall()) == 10
        for dataset in DATASETS:
            found = con.execute(f"SELECT count(*) FROM sidata.{dataset}").fetchone()
            assert found == (read_version(served.root, dataset, 1).baris,)


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_kind_of_code_declares_every_column(served: Served, dataset: str) -> None:
    shown = code(served, dataset)
    assert list(shown) == ["curl", "python", "r", "duckdb", "attach", "excel"]
    for column in read_version(served.root, dataset, 1).kolom:
        assert f'"{column.nama}": pl.' in shown["python"]
        assert f"{column.nama} = col_" in shown["r"]
        assert f"'{column.nama}': '{column.sql}'" in shown["duckdb"]
        assert f'{{"{column.nama}", ' in shown["excel"]
