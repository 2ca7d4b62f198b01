"""`ssp status|sql|verify|quarantine|replay|forget|maintain`, through the command's own entry point."""

import csv
import io
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import orjson
import pytest

from tests.support.commands import Ssp, answered, refused
from tests.support.kantor import DATASET, deliver, write_office
from tests.support.workspace import ROOT, SSP, Small, give_out, pull
from warehouse import snapshot

pytest_plugins = ["tests.support.command_fixtures"]

HEAVY = ("dagster", "polars", "duckdb", "pandas", "great_expectations", "openpyxl", "pydantic", "requests", "rich")


# --- the command itself


def test_help_loads_nothing_heavy_and_comes_at_once() -> None:
    code = (
        "import sys\nfrom ssp_pipeline.cli import ssp\n"
        "try:\n    ssp(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert "quarantine" in done.stdout
    assert done.stderr.strip() == "[]"
    began = time.monotonic()
    subprocess.run([SSP, "--help"], capture_output=True, check=True)
    # 0.05 s on an idle machine; the bound only finds a heavy import.
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("command", ["status", "verify", "quarantine list"])
def test_without_a_lake_it_says_how_to_make_one(ssp: Ssp, tmp_path: Path, command: str) -> None:
    refused(ssp(Small(tmp_path / "kosong"), *command.split()), "`ssp run` makes one")


def test_on_a_lake_that_was_moved_every_command_says_what_to_do(ssp: Ssp, tmp_path: Path) -> None:
    with Small(tmp_path / "lama").open() as workspace:
        workspace.lake.snapshot_id()
    moved = Small((tmp_path / "lama").rename(tmp_path / "baru"))
    for command in ("status", "maintain", "deliver", "report harian", "run", "replay --from 2026-11-18"):
        refused(ssp(moved, *command.split()), "ssp replay --rebuild")


def test_the_installed_command_answers(small_warehouse: Small) -> None:
    done = small_warehouse.ssp("sql", "SELECT count(*) AS n FROM core.dim_wilayah", "--format", "csv")
    assert (done.returncode, done.stdout, done.stderr) == (0, "n\n34\n", "")
    done = small_warehouse.ssp("sql", "SELECT nol FROM core.dim_wilayah")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


# --- sql

REGION = "SELECT kode_kemendagri, kode_bps, {} AS harga FROM core.dim_wilayah WHERE kode_bps = '1275'"


def test_codes_stay_text_and_money_exact_in_every_format(ssp: Ssp, small_warehouse: Small, tmp_path: Path) -> None:
    query = REGION.format("9007199254740993.10::DECIMAL(18,2)")
    code, out, _ = ssp(small_warehouse, "sql", query, "--format", "csv")
    assert (code, out) == (0, "kode_kemendagri,kode_bps,harga\n12.71,1275,9007199254740993.10\n")
    code, out, _ = ssp(small_warehouse, "sql", query, "--json")
    assert code == 0
    assert '{"kode_kemendagri":"12.71","kode_bps":"1275","harga":9007199254740993.10}' in out
    assert "│ 12.71" in ssp(small_warehouse, "sql", query)[1]
    query = REGION.format("12.10::DECIMAL(18,2)")
    for name in ("hasil.parquet", "hasil.xlsx", "hasil.csv", "hasil.json"):
        assert ssp(small_warehouse, "sql", query, "-o", str(tmp_path / name)) == (0, "", "")
    types = duckdb.sql(f"DESCRIBE FROM '{tmp_path / 'hasil.parquet'}'").fetchall()
    assert [t[1] for t in types] == ["VARCHAR", "VARCHAR", "DECIMAL(18,2)"]
    sheet = openpyxl.load_workbook(tmp_path / "hasil.xlsx").active
    assert sheet is not None
    assert [c.value for c in sheet[2]] == ["12.71", "1275", 12.1]
    assert [c.data_type for c in sheet[2]] == ["s", "s", "n"]
    assert len(list(tmp_path.glob("*"))) == 4


def test_what_is_no_number_is_empty_where_the_form_has_no_word_for_it(
    ssp: Ssp, small_warehouse: Small, tmp_path: Path
) -> None:
    query = "SELECT 'nan'::DOUBLE AS a, '-inf'::FLOAT AS b, 1.5::DOUBLE AS c, NULL::DOUBLE AS d, 'nan' AS e"
    code, out, _ = ssp(small_warehouse, "sql", query, "--json")
    assert (code, orjson.loads(out)) == (0, [{"a": None, "b": None, "c": 1.5, "d": None, "e": "nan"}])
    assert ssp(small_warehouse, "sql", query, "-o", str(tmp_path / "a.xlsx"))[0] == 0
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    assert sheet is not None
    assert [c.value for c in sheet[2]] == [None, None, 1.5, None, "nan"]
    assert ssp(small_warehouse, "sql", query, "--format", "csv")[1] == "a,b,c,d,e\nnan,-inf,1.5,,nan\n"


def test_a_worksheet_holds_dates_and_no_formula(ssp: Ssp, small_warehouse: Small, tmp_path: Path) -> None:
    query = (
        "SELECT '=1+1' AS rumus, DATE '2026-11-20' AS tanggal, TIMESTAMPTZ '2026-11-20 07:00:00+07' AS saat, [1] AS d"
    )
    assert ssp(small_warehouse, "sql", query, "-o", str(tmp_path / "a.xlsx"))[0] == 0
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    assert sheet is not None
    assert [str(c.value) for c in sheet[2]] == ["=1+1", "2026-11-20 00:00:00", "2026-11-20 00:00:00", "[1]"]
    assert sheet["A2"].data_type == "s"


def test_lists_and_structs_are_one_quoted_cell_each(ssp: Ssp, small_warehouse: Small) -> None:
    cells = "[1, 2] AS daftar, {'a': 'x, \"y\"', 'b': NULL} AS isi, masukan"
    query = f"SELECT {cells} FROM cuplikan.info WHERE tabel = 'dim_opd'"
    code, out, _ = ssp(small_warehouse, "sql", query, "--format", "csv")
    assert code == 0
    [row] = csv.DictReader(io.StringIO(out))
    assert row == {"daftar": "[1, 2]", "isi": "{'a': 'x, \"y\"', 'b': NULL}", "masukan": "[source.referensi__opd]"}


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_a_result_without_rows_is_a_result(ssp: Ssp, small_warehouse: Small, form: str) -> None:
    code, out, err = ssp(small_warehouse, "sql", "SELECT 1 AS a WHERE false", "--format", form)
    assert (code, err) == (0, "")
    assert out == "a\n" if form == "csv" else orjson.loads(out) == [] if form == "json" else "0 rows" in out


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT nol FROM core.dim_wilayah", 'column "nol" not found'),
        ("SELECT * FROM core.dim_wilaya", "dim_wilaya does not exist"),
        ("SELEC 1", "syntax error"),
        ("", "give a query"),
        ("SELECT 1; SELECT 2", "give one SELECT"),
        ("COPY (SELECT 1) TO '{home}/x.csv'", "give one SELECT"),
        ("COPY (SELECT 1) TO '{home}/snapshots/parts/x.parquet'", "give one SELECT"),
        ("EXPLAIN ANALYZE COPY (SELECT 1) TO '{home}/snapshots/parts/x.parquet'", "give one SELECT"),
        ("CREATE TABLE core.x AS SELECT 1", "give one SELECT"),
        ("ATTACH '{home}/lake/catalog.sqlite' AS l", "give one SELECT"),
        ("SET enable_external_access = true", "give one SELECT"),
        ("INSTALL httpfs", "give one SELECT"),
        ("SELECT * FROM read_text('/etc/hostname')", "file system operations are disabled"),
        ("SELECT * FROM read_text('{home}/keys/hash.key')", "file system operations are disabled"),
        ("SELECT * FROM read_text('{home}/snapshots/parts/../../keys/hash.key')", "disabled"),
        ("SELECT * FROM read_csv('https://example.invalid/x.csv')", "disabled"),
        ("FROM sqlite_scan('{home}/lake/catalog.sqlite', 'ducklake_table')", "sqlite_scan"),
        ("SELECT * FROM small_warehouse", "small_warehouse does not exist"),
        ("SELECT nopol_acak FROM source.samsat__pembayaran_pkb", 'column "nopol_acak" not found'),
    ],
)  # fmt: skip
def test_a_query_reads_the_snapshot_and_nothing_else(ssp: Ssp, small_warehouse: Small, query: str, said: str) -> None:
    before = set(small_warehouse.snapshots.rglob("*"))
    refused(ssp(small_warehouse, "sql", query.format(home=small_warehouse.home)), said)
    assert set(small_warehouse.snapshots.rglob("*")) == before


def test_what_cannot_be_written_is_said_in_a_line(ssp: Ssp, small_warehouse: Small, tmp_path: Path) -> None:
    refused(ssp(small_warehouse, "sql", "SELECT 1", "--format", "parquet"), "--output FILE")
    refused(ssp(small_warehouse, "sql", "SELECT 1", "-o", str(tmp_path / "hasil.docx")), "which format")
    refused(ssp(small_warehouse, "sql", "SELECT 1", "-o", str(tmp_path / "tak" / "ada.csv")), "ada.csv")
    refused(ssp(small_warehouse, "sql", "SELECT error('x')", "-o", str(tmp_path / "a.csv")), "x")
    assert list(tmp_path.glob("*.csv")) == []


def test_older_versions_stdin_and_whole_copies(ssp: Ssp, small_warehouse: Small, tmp_path: Path) -> None:
    query = "SELECT versi FROM cuplikan.versi"
    assert ssp(small_warehouse, "sql", "-", "--format", "csv", stdin=query)[1] == "versi\nv000001\n"
    assert ssp(small_warehouse, "sql", query, "--version", "v000001", "--format", "csv")[1] == "versi\nv000001\n"
    refused(ssp(small_warehouse, "sql", query, "--version", "v000099"), "there are: v000001")
    refused(ssp(Small(tmp_path / "kosong"), "sql", query), "`ssp run` makes one")
    target = tmp_path / "bawa.duckdb"
    assert ssp(small_warehouse, "sql", "--export", str(target))[0] == 0
    with duckdb.connect(str(target), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM core.dim_wilayah").fetchall() == [(34,)]
    refused(ssp(small_warehouse, "sql", "--export", str(target)), "exists")


# --- status, verify, quarantine


def test_status_holds_every_dataset_against_its_promise(ssp: Ssp, own: Small) -> None:
    rows = {row["dataset"]: row for row in answered(ssp(own, "status", "--json"))}
    prices = rows["pihps.harga_pangan_pasar"]
    assert (prices["terbaru"], prices["ketepatan"], prices["asal"]) == ("2026-11-19", "tepat", "tiruan")
    assert prices["alasan"] == ""
    assert rows["samsat.pembayaran_pkb"]["karantina"] > 0
    assert {row["bermasalah"] for row in rows.values()} == {0}
    with own.open() as workspace:
        workspace.lake.transaction(
            lambda tx: tx.con.execute(
                "INSERT INTO lake.ops.hasil SELECT * REPLACE ('gagal_tarik' AS status, 'batas_waktu' AS alasan, "
                "selesai + INTERVAL 1 HOUR AS selesai) FROM lake.ops.hasil "
                "WHERE dataset = 'pihps.harga_pangan_pasar' AND partisi = '2026-11-19'"
            )
        )
    code, out, _ = ssp(own, "status")
    assert code == 0
    line, why = [line for line in out.splitlines() if "pihps.harga_pangan_pasar" in line]
    assert why == "pihps.harga_pangan_pasar 2026-11-19 gagal_tarik: batas_waktu"
    assert "gagal_tarik" in line
    assert "cuplikan analis: v000001" in out
    later = Small(own.home, {"SSP_TODAY": "2026-12-20"})
    late = {row["dataset"] for row in answered(ssp(later, "status", "--json")) if row["ketepatan"] == "terlambat"}
    assert {"pihps.harga_pangan_pasar", "cctv.kamera", "tirtanadi.produksi_air"} <= late


def test_verify_ends_with_4_and_names_the_gap(ssp: Ssp, own: Small) -> None:
    code, out, _ = ssp(own, "verify", "--dataset", "pihps.harga_pangan_pasar", "--dataset", "kamera")
    assert code == 0
    assert "semua cocok" in out
    with own.open() as workspace:
        workspace.lake.transaction(
            lambda tx: tx.con.execute("UPDATE lake.source.pihps__harga_pangan_pasar SET harga = 1 WHERE _baris = 0")
        )
    code, out, _ = ssp(own, "verify", "--dataset", "harga_pangan_pasar")
    assert code == 4
    assert "celah: pihps.harga_pangan_pasar 2026-11-" in out
    code, out, _ = ssp(own, "verify", "--dataset", "harga_pangan_pasar", "--json")
    found = orjson.loads(out)
    assert (code, found["lengkap"]) == (4, False)
    assert any("jumlah harga" in gap for gap in found["celah"])
    refused(ssp(own, "verify", "--dataset", "tak_ada"), "unknown")


def test_quarantine_shows_the_rows_with_reasons_and_no_private_value(ssp: Ssp, small_warehouse: Small) -> None:
    listed = answered(ssp(small_warehouse, "quarantine", "list", "--json"))
    assert {row["asal"] for row in listed} == {"tiruan"}, "a row of a stand-in is named as such here too"
    with small_warehouse.open() as workspace:
        held = workspace.lake.query("SELECT count(*) AS n FROM lake.quarantine.baris")["n"][0]
    assert sum(row["baris"] for row in listed) == held > 0
    assert listed[0]["partisi"] >= listed[-1]["partisi"]
    only = answered(ssp(small_warehouse, "quarantine", "list", "--dataset", "samsat.pembayaran_pkb", "--json"))
    assert {row["dataset"] for row in only} == {"samsat.pembayaran_pkb"}
    day = only[0]["partisi"]
    shown = answered(
        ssp(
            small_warehouse, "quarantine", "show", "samsat.pembayaran_pkb", "--partition", day, "--limit", "3", "--json"
        )
    )
    assert 0 < len(shown) <= 3
    assert all(row["partisi"] == day and row["alasan"] and len(row["muatan"]) == 64 for row in shown)
    isi = orjson.loads(shown[0]["isi"])
    for name in ("pemilik", "no_rangka", "no_mesin", "alamat"):
        assert isi.get(name) in (None, "***")
    assert "samsat.pembayaran_pkb" in ssp(small_warehouse, "quarantine", "list")[1]
    refused(ssp(small_warehouse, "quarantine", "show", "tak_ada"), "unknown")


# --- replay, forget, maintain


@pytest.fixture
def office(own: Small, tmp_path: Path) -> tuple[Small, Path]:
    """An office whose contract is too strict: of its four rows one is in quarantine."""
    folder = tmp_path / "instansi"
    write_office(folder, 3500)
    small = Small(own.home, {"SSP_CONNECTORS": str(folder)})
    deliver(small, [f"2026-11-02,12.{n}0,{n}000" for n in range(1, 5)])
    with small.open() as workspace:
        days = small.settings.today.replace(day=1), small.settings.today
        pull(workspace, [workspace.registry.contract(DATASET)], *days)
        give_out(workspace)
    return small, folder


def test_quarantine_replay_takes_the_rows_in_once_the_contract_is_mended(ssp: Ssp, office: tuple[Small, Path]) -> None:
    small, folder = office
    [row] = answered(ssp(small, "quarantine", "show", "kantor.setoran", "--json"))
    assert (row["alasan"], orjson.loads(row["isi"])["nilai"]) == ("nilai_wajar", "4000.00")
    write_office(folder, 9000)
    code, out, _ = ssp(small, "quarantine", "replay", "kantor.setoran")
    assert (code, out) == (0, "kantor.setoran: 1 diterima\n")
    assert answered(ssp(small, "quarantine", "list", "--dataset", "kantor.setoran", "--json")) == []
    assert ssp(small, "quarantine", "replay", "kantor.setoran")[:2] == (0, "tidak ada baris di karantina\n")
    with small.open() as workspace:
        assert workspace.lake.query("SELECT sum(nilai) FROM lake.source.kantor__setoran").row(0) == (Decimal(10000),)
        give_out(workspace)
    assert ssp(small, "verify", "--dataset", "kantor.setoran")[0] == 0


def contents(small: Small) -> dict[str, list[tuple[Any, ...]]]:
    """Hash of every table that holds data, by SQL of its own on the Parquet files that the catalogue names."""
    found = {}
    with small.open() as workspace:
        for schema in ("source", "core"):
            for table in workspace.lake.tables(schema):
                sql = f"SELECT count(*), sum(hash(t))::VARCHAR AS h FROM lake.{schema}.{table} t"
                found[f"{schema}.{table}"] = workspace.lake.query(sql).rows()
        aside = "SELECT count(*), sum(hash(dataset, partisi, muatan, baris, kolom, alasan, isi))::VARCHAR AS h"
        found["quarantine"] = workspace.lake.query(f"{aside} FROM lake.quarantine.baris").rows()
    return found


def test_a_rebuild_over_damaged_files_makes_the_same_datasets_and_leaves_models_to_the_next_run(
    ssp: Ssp, own: Small
) -> None:
    """The drill shows that models and the snapshot come back the same too, and that `ssp verify` passes."""
    before = contents(own)
    for path in (own.home / "lake" / "data" / "source").rglob("*.parquet"):
        path.write_bytes(b"rusak")
    code, out, err = ssp(own, "replay", "--rebuild", "--yes")
    assert code == 0, (out, err)
    assert "pihps.harga_pangan_pasar: 3 diterima" in out
    after = contents(own)
    assert len(after) > 30
    assert after == {table: rows for table, rows in before.items() if not table.startswith("core.")}


def test_a_rebuild_asks_and_refuses_when_rows_would_be_lost(ssp: Ssp, own: Small) -> None:
    with own.open() as workspace:
        workspace.keys.forget("samsat__pembayaran_pkb", "2026-11", "uji")
    refused(ssp(own, "replay", "--rebuild", "--yes"), "--lose-unreadable")
    refused(ssp(own, "replay", "--rebuild", "--dataset", "cctv.kamera", "--yes"), "give no --from")
    elsewhere = Small(own.home, {"SSP_CATALOG": "postgres:host=nowhere.invalid"})
    refused(ssp(elsewhere, "replay", "--rebuild", "--yes"), "local files")
    code, _, _ = ssp(own, "replay", "--rebuild", "--lose-unreadable", stdin="n\n")
    assert code == 130
    assert ssp(own, "status")[0] == 0


def test_a_replay_of_a_window_changes_nothing_when_nothing_was_mended(ssp: Ssp, own: Small) -> None:
    before = contents(own)
    rows = answered(ssp(own, "replay", "--from", "2026-11-18", "--to", "2026-11-18", "--json"))
    done = {row["dataset"]: row["hasil"] for row in rows}
    assert done["samsat.pembayaran_pkb"] == {"tidak_berubah": 1}
    assert set().union(*done.values()) == {"tidak_berubah"}
    assert [row["bermasalah"] for row in rows if row["bermasalah"]] == []
    assert contents(own) == before


def test_forget_follows_the_keeping_period_and_verify_tells(ssp: Ssp, own: Small) -> None:
    assert answered(ssp(own, "forget", "--json")) == []
    later = ("--today", "2040-01-01")
    due = answered(ssp(own, "forget", *later, "--dry-run", "--json"))
    assert {row["hasil"] for row in due} == {"akan dimusnahkan"}
    assert "samsat.pembayaran_pkb" in {row["dataset"] for row in due}
    assert ssp(own, "verify", "--dataset", "samsat.pembayaran_pkb")[0] == 0
    done = answered(ssp(own, "forget", *later, "--json"))
    assert {row["hasil"] for row in done} == {"kunci dimusnahkan"}
    code, out, _ = ssp(own, "verify", "--dataset", "samsat.pembayaran_pkb")
    assert code == 0
    assert "(0 dimusnahkan" not in out
    early = ("forget", "--dataset", "samsat.pembayaran_pkb", "--month", "2026-11")
    refused(ssp(own, *early), "--reason")
    assert "sudah dimusnahkan" in ssp(own, *early, "--reason", "surat 1")[1]
    refused(ssp(own, "forget", "--dataset", "pihps.ref_pasar"), "no private column")
    for month in ("November", "2026-13"):
        refused(ssp(own, "forget", "--dataset", "samsat.pembayaran_pkb", "--month", month, "--reason", "x"), "'%Y-%m'")


def test_maintain_says_what_it_did_and_leaves_everything_in_place(ssp: Ssp, own: Small) -> None:
    before = contents(own)
    done = answered(ssp(own, "maintain", "--json"))
    assert done["orphans"] == done["cleaned"] == 0
    assert set(done) >= {"merged", "expired", "pinned", "pruned_snapshots"}
    assert contents(own) == before
    assert [p.stem for p in snapshot.versions(own.snapshots)] == ["v000001"]
    assert ssp(own, "verify")[0] == 0
    assert "merged: 0" in ssp(own, "maintain")[1]
