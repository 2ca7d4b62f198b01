"""The reference lists hold what is known, and the dimensions on them say it in both code systems."""

import csv
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.support.acuan import load_references, memory_lake, reference_contracts
from warehouse.modelling import find_models, load_model, render

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "connectors" / "referensi"
MODELS = ROOT / "warehouse" / "models"


def rows_of(name: str) -> list[dict[str, str]]:
    with (FOLDER / "reference" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    """The reference tables as their contracts type them, in a database that stands for the lake."""
    con = memory_lake()
    load_references(con, "referensi")
    yield con
    con.close()


def build(con: duckdb.DuckDBPyConnection, table: str) -> list[dict[str, object]]:
    model = load_model(MODELS / f"{table}.sql")
    answer = con.execute(render(model, lambda _: None))
    names = [column[0] for column in answer.description or ()]
    assert set(names) == set(model.head.columns), "every column of the model is described"
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def test_every_reference_file_has_exactly_its_contract_columns_and_a_unique_key() -> None:
    assert {c.dataset for c in reference_contracts("referensi")} == {
        p.stem for p in (FOLDER / "reference").glob("*.csv")
    }
    for contract in reference_contracts("referensi"):
        rows = rows_of(contract.dataset)
        assert list(rows[0]) == [c.wire for c in contract.columns], contract.id
        keys = [tuple(row[k] for k in contract.primary_key) for row in rows]
        assert len(set(keys)) == len(keys), contract.id
        for column in contract.columns:
            assert not column.required or all(row[column.wire] for row in rows), f"{contract.id}.{column.name}"


def test_there_are_33_regions_whose_population_adds_up_to_that_of_the_province() -> None:
    rows = rows_of("wilayah")
    province = [r for r in rows if r["jenis"] == "provinsi"]
    regions = [r for r in rows if r["jenis"] != "provinsi"]
    assert [r["kode_bps"] for r in province] == ["12"]
    assert len(regions) == 33
    assert sum(r["jenis"] == "kota" for r in regions) == 8
    assert sum(int(r["penduduk"]) for r in regions) == 15_640_905 == int(province[0]["penduduk"])
    assert all(r["kode_bps"].startswith("12") and r["kode_kemendagri"].startswith("12.") for r in regions)


def test_20_of_33_codes_name_another_place_once_the_dot_is_lost() -> None:
    regions = [r for r in rows_of("wilayah") if r["jenis"] != "provinsi"]
    bps = {r["kode_bps"]: r["nama"] for r in regions}
    undotted = {r["kode_kemendagri"].replace(".", ""): r["nama"] for r in regions}
    other = {code for code, name in bps.items() if undotted.get(code) not in (None, name)}
    same = {code for code, name in bps.items() if undotted.get(code) == name}
    assert same == {"1203", "1214", *(str(n) for n in range(1217, 1226)), "1277", "1278"}
    assert len(regions) - len(same) == 20
    assert other == set(bps) - same, "each of the 20 codes exists in the other system too, for another place"
    assert (bps["1275"], undotted["1275"]) == ("Kota Medan", "Kota Binjai")


def test_a_name_or_alias_never_names_two_regions() -> None:
    seen: dict[str, str] = {}
    for row in rows_of("wilayah"):
        for name in {row["nama"], *row["alias"].split(";")}:
            assert seen.setdefault(name.casefold(), row["kode_bps"]) == row["kode_bps"], name


def test_the_12_dapil_cover_every_region_once_and_medan_twice() -> None:
    pairs = [(int(r["no_dapil"]), r["kode_bps"], r["cakupan"]) for r in rows_of("dapil")]
    assert {d for d, _, _ in pairs} == set(range(1, 13))
    regions = {r["kode_bps"] for r in rows_of("wilayah") if r["jenis"] != "provinsi"}
    whole = [code for _, code, scope in pairs if scope == "utuh"]
    split = [code for _, code, scope in pairs if scope == "sebagian"]
    assert sorted(whole) == sorted(regions - {"1275"})
    assert split == ["1275", "1275"]


def test_every_kecamatan_of_a_split_region_lies_in_one_of_its_dapil() -> None:
    split = {(r["kode_bps"], r["no_dapil"]) for r in rows_of("dapil") if r["cakupan"] == "sebagian"}
    rows = rows_of("kecamatan_dapil")
    assert {(r["kode_bps_kabkota"], r["no_dapil"]) for r in rows} == split
    assert [sum(r["no_dapil"] == d for r in rows) for d in ("1", "2")] == [11, 10]
    codes = {r["kode_bps"]: r["kode_kemendagri"] for r in rows_of("wilayah")}
    assert all(r["kode_kemendagri"].startswith(codes[r["kode_bps_kabkota"]] + ".") for r in rows)


def test_known_seats_fit_into_the_100_of_the_assembly() -> None:
    assert sum(int(r["kursi"]) for r in rows_of("kursi_partai")) == 100
    assert sum(int(r["kursi"]) for r in rows_of("kursi_dapil")) < 100


def test_holidays_are_only_those_with_a_fixed_date() -> None:
    days = [dt.date.fromisoformat(r["tanggal"]) for r in rows_of("hari_libur")]
    assert {(d.month, d.day) for d in days} == {(1, 1), (5, 1), (6, 1), (8, 17), (12, 25)}
    assert {d.year for d in days} == set(range(2017, 2036))


def test_dim_wilayah_gives_both_codes_and_a_dapil_only_where_the_region_decides_it(
    lake: duckdb.DuckDBPyConnection,
) -> None:
    rows = {r["kode_bps"]: r for r in build(lake, "core.dim_wilayah")}
    assert len(rows) == 34
    medan, binjai = rows["1275"], rows["1276"]
    assert (medan["kode_kemendagri"], medan["no_dapil"], medan["daftar_dapil"]) == ("12.71", None, [1, 2])
    assert "kecamatan" in str(medan["catatan_dapil"])
    assert (binjai["kode_kemendagri"], binjai["no_dapil"], binjai["catatan_dapil"]) == ("12.75", 12, None)
    assert rows["1222"]["alias"] == ["Labuhanbatu Selatan", "Labuhan Batu Selatan", "Labusel"]
    assert sum(r["no_dapil"] is None for r in rows.values()) == 2, "Medan and the province itself"


def test_dim_dapil_says_what_is_assumed_and_leaves_unknown_seats_empty(lake: duckdb.DuckDBPyConnection) -> None:
    rows = {r["no_dapil"]: r for r in build(lake, "core.dim_dapil")}
    assert len(rows) == 12
    assert (rows[1]["kursi"], rows[1]["penduduk"], len(rows[1]["daftar_kecamatan"])) == (10, None, 11)  # type: ignore[arg-type]
    assert (rows[3]["daftar_wilayah"], rows[3]["penduduk"]) == (["Kabupaten Deli Serdang"], 2_080_408)
    assert rows[4]["kursi"] is None
    assert {d for d, r in rows.items() if r["dasar"] == "asumsi"} == {4, 5, 7, 8, 9, 11, 12}


def test_dim_tanggal_is_a_whole_calendar_with_iso_weeks_and_indonesian_names(
    lake: duckdb.DuckDBPyConnection,
) -> None:
    rows = {r["tanggal"]: r for r in build(lake, "core.dim_tanggal")}
    first, last = dt.date(2017, 1, 1), dt.date(2035, 12, 31)
    assert (min(rows), max(rows), len(rows)) == (first, last, (last - first).days + 1)  # type: ignore[type-var]
    for day in (first, last, dt.date(2020, 12, 31), dt.date(2021, 1, 3), dt.date(2024, 2, 29)):
        year, week, weekday = day.isocalendar()
        row = rows[day]
        assert (row["tahun_pekan"], row["pekan"], row["hari_pekan"]) == (year, week, weekday)
    friday = rows[dt.date(2026, 11, 20)]
    assert (friday["nama_hari"], friday["nama_bulan"], friday["hari_kerja"]) == ("Jumat", "November", True)
    holiday = rows[dt.date(2026, 8, 17)]
    assert (holiday["libur"], holiday["hari_kerja"], holiday["nama_hari"]) == (True, False, "Senin")
    assert rows[dt.date(2026, 11, 21)]["hari_kerja"] is False


def test_dim_opd_keeps_sipd_codes_as_text(lake: duckdb.DuckDBPyConnection) -> None:
    rows = build(lake, "core.dim_opd")
    assert all(isinstance(r["kode_opd"], str) and len(r["kode_opd"]) == 22 for r in rows)
    assert all(str(r["kode_opd"]).startswith(str(r["kode_bidang_urusan"])) for r in rows)


def test_no_shared_model_names_a_province() -> None:
    ours = [m for m in find_models([ROOT / "connectors"], MODELS) if m.table.startswith("core.dim_")]
    assert {"core.dim_wilayah", "core.dim_dapil", "core.dim_tanggal", "core.dim_opd"} <= {m.table for m in ours}
    for table in ("core.dim_wilayah", "core.dim_dapil", "core.dim_opd"):
        sql = load_model(MODELS / f"{table}.sql").sql
        assert "'12" not in sql
        assert "medan" not in sql.casefold()
