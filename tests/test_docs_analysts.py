"""What `docs/analysts.md` tells analysts to type works on a real snapshot, and what it says of the data is so."""

import re
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.support.documents import ROOT, blocks, commands, shell
from tests.support.workspace import Small, give_out
from warehouse.snapshot_query import opened, run

DOCUMENT = ROOT / "docs" / "analysts.md"
SHOWN = "var/snapshots"


def marked(language: str) -> list[str]:
    return [b.body for b in blocks(DOCUMENT) if b.language == language and b.info == "run"]


@pytest.fixture(scope="module")
def place(small_warehouse: Small, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A warehouse of two versions that differ in one price."""
    small = small_warehouse.copy(tmp_path_factory.mktemp("analis") / "var")
    with small.open() as workspace:
        workspace.lake.transaction(
            lambda tx: tx.con.execute(
                "UPDATE lake.core.fct_harga_pangan_pasar SET harga = harga + 1 "
                "WHERE tanggal = DATE '2026-11-19' AND kode_sumber = 'com_14' AND pasar = 'Pusat Pasar'"
            )
        )
        workspace.lake.transaction(
            lambda tx: tx.con.execute(
                "UPDATE lake.ops.versi_model SET digest_isi = 'lain' WHERE model = 'core.fct_harga_pangan_pasar'"
            )
        )
        assert give_out(workspace).version == "v000002"
    return small


@pytest.mark.parametrize("sql", marked("sql"), ids=lambda sql: " ".join(sql.split())[:50])
def test_a_query_of_the_document_gives_rows(sql: str, place: Small) -> None:
    with duckdb.connect(str(place.snapshots / "latest.duckdb"), read_only=True) as con:
        rows = con.execute(sql.replace(SHOWN, str(place.snapshots))).pl()
    assert rows.height > 0
    assert [name for name in rows.columns if rows[name].null_count() == rows.height] == []
    if "ATTACH" not in sql:
        with opened(place.snapshots / "latest.duckdb") as con:
            assert len(run(con, sql).fetchall()) == rows.height


def test_the_versions_differ_in_what_was_changed_and_nothing_else(place: Small) -> None:
    [sql] = [sql for sql in marked("sql") if "EXCEPT" in sql]
    with duckdb.connect(str(place.snapshots / "latest.duckdb"), read_only=True) as con:
        rows = con.execute(sql.replace(SHOWN, str(place.snapshots))).pl()
    assert sorted(rows["apa"]) == ["baru", "hilang"]
    assert set(rows["pasar"]) == {"Pusat Pasar"}


@pytest.mark.parametrize("code", marked("python"), ids=["duckdb", "polars"])
def test_a_python_snippet_of_the_document_runs(code: str, place: Small) -> None:
    names: dict[str, object] = {}
    exec(compile(code.replace(SHOWN, str(place.snapshots)), str(DOCUMENT), "exec"), names)
    frames = [value for value in names.values() if isinstance(value, pl.DataFrame)]
    assert all(frame.height for frame in frames)
    assert frames


@pytest.mark.parametrize("command", [c for script in marked("sh") for c in commands(script)])
def test_a_command_of_the_document_works(command: str, place: Small) -> None:
    done = shell(command, {"SSP_HOME": str(place.home)})
    assert (done.returncode, done.stderr) == (0, "")


def test_the_tables_that_the_document_names_are_those_of_the_snapshot(place: Small) -> None:
    with opened(place.snapshots / "latest.duckdb") as con:
        there = {t for (t,) in con.execute("SELECT tabel FROM cuplikan.info WHERE skema = 'core'").fetchall()}
        everywhere = there | {t for (t,) in con.execute("SELECT tabel FROM cuplikan.info").fetchall()}
    text = DOCUMENT.read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:fct|dim|riwayat)_[a-z_]+\b", text))
    assert named <= everywhere
    # Shared by no topic: what the two sources are united from, and the state of a region's average.
    assert there - named <= {
        "fct_harga_pangan_kabkota_panel", "fct_harga_pangan_kabkota_sp2kp", "fct_harga_pangan_provinsi_panel",
    }  # fmt: skip


def test_what_it_says_of_codes_and_classes_is_so(place: Small) -> None:
    with opened(place.snapshots / "latest.duckdb") as con:
        names = "SELECT nama FROM core.dim_wilayah WHERE {} = '{}'"
        assert con.execute(names.format("kode_kemendagri", "12.10")).fetchall() == [("Kabupaten Labuhanbatu",)]
        assert con.execute(names.format("kode_bps", "1275")).fetchall() == [("Kota Medan",)]
        assert con.execute(names.format("kode_kemendagri", "12.75")).fetchall() == [("Kota Binjai",)]
        classes = con.execute("SELECT DISTINCT klasifikasi FROM cuplikan.kolom ORDER BY 1").fetchall()
    assert classes == [("internal",), ("public",)]


def test_every_block_of_code_is_run_or_said_not_to_be(place: Small) -> None:
    left = [b for b in blocks(DOCUMENT) if b.info != "run"]
    assert [b.body.strip() for b in left] == ["ssp sql --export cuplikan-untuk-dibawa.duckdb"]
    assert Path(DOCUMENT).read_text(encoding="utf-8").count("**not run**") == 1
