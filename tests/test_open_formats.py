"""Every format holds the same rows: what is written comes back, types stay, and no text turns into a formula."""

import csv
import io
import json
import math
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.open_release import CONTRACTS as SMALL
from tests.support.open_release import TODAY, Office, office_in, write_contracts
from warehouse.duck import bare
from warehouse.opendata import files, formats
from warehouse.opendata.contract import OpenContract
from warehouse.opendata.formats_xlsx import write_xlsx

COLUMNS = {
    "kode": ("string", "VARCHAR"),
    "teks": ("string", "VARCHAR"),
    "uang": ("number", "DECIMAL(18,2)"),
    "ukur": ("number", "DOUBLE"),
    "banyak": ("integer", "BIGINT"),
    "benar": ("boolean", "BOOLEAN"),
    "waktu": ("timestamp", "TIMESTAMP WITH TIME ZONE"),
    "tanggal": ("date", "DATE"),
    "asal_data": ("string", "VARCHAR"),
}
LIVE = [
    "=1+1",
    "+62",
    "-5",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "'=1",
    "''=1",
    "|cmd",
    "＝1",
    "\xa0=1",
    "'",
    "''x",
]

Row = tuple[Any, ...]


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> OpenContract:
    """A contract with a column of every type."""
    document = json.loads(json.dumps(SMALL["harga_uji"]))
    settings = [e for e in document["customProperties"] if e["property"] not in ("grafik", "bagian")]
    document["customProperties"] = [*settings, {"property": "bagian", "value": "semua"}]
    document["schema"][0]["properties"] = [
        {
            "name": name,
            "logicalType": kind,
            "physicalType": physical,
            "description": f"Kolom {name}.",
            "classification": "public",
            **({"primaryKey": True, "required": True, "primaryKeyPosition": 1} if name == "kode" else {}),
            **({"partitioned": True} if name == "tanggal" else {}),
        }
        for name, (kind, physical) in COLUMNS.items()
    ]
    return write_contracts(tmp_path_factory.mktemp("kontrak"), {"harga_uji": document})["harga_uji"]


def texts() -> st.SearchStrategy[str | None]:
    plain = st.text(
        st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cs", "Cc"]), min_size=1
    )
    awkward = st.sampled_from([*LIVE, '"', ';,"\n', "a\r\nb", "0012", "12.71", "1e5", "TRUE", "2026-01-01", "ñ\u200b"])
    return st.none() | plain | awkward


SPAN = (datetime(1970, 1, 1), datetime(2200, 1, 1))  # noqa: DTZ001 - the strategy adds the zone

ROWS = st.lists(
    st.tuples(
        texts(),
        st.none() | st.decimals("-1e15", "1e15", places=2),
        st.none() | st.floats(allow_nan=False, allow_infinity=False, width=64),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.booleans(),
        st.none() | st.datetimes(*SPAN, timezones=st.just(UTC)),
        st.none() | st.dates(date(1970, 1, 1), date(2200, 1, 1)),
    ),
    min_size=1,
    max_size=20,
).map(lambda rows: [(f"{n:04d}", *row, "tiruan") for n, row in enumerate(rows)])


def parquet(rows: list[Row], folder: Path) -> Path:
    path = folder / "baris.parquet"
    con = bare()
    try:
        con.execute(f"CREATE TABLE t ({', '.join(f'{n} {t}' for n, (_, t) in COLUMNS.items())})")
        con.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(COLUMNS))})", rows)
        formats.write_parquet(con, "SELECT * FROM t ORDER BY kode", path)
    finally:
        con.close()
    return path


def unquote(text: str) -> str | None:
    """A text of a CSV as it was: one apostrophe less where a spreadsheet would run it otherwise."""
    pattern = formats.FORMULA.replace(r"\x{00A0}", "\xa0").replace(r"\x{FEFF}", "\ufeff")
    if not text:
        return None
    return text[1:] if text.startswith("'") and re.search(pattern, text) else text


def from_csv(body: bytes, *, excel: bool) -> list[Row]:
    assert body.startswith(b"\xef\xbb\xbf") == excel
    text = body.decode("utf-8-sig" if excel else "utf-8")
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=";" if excel else ","))
    assert rows[0] == list(COLUMNS)
    point = (lambda v: v.replace(",", ".")) if excel else (lambda v: v)

    def value(kind: str, physical: str, text: str) -> Any:
        if text == "":
            return None
        if kind == "string":
            return unquote(text)
        if kind == "number":
            return Decimal(point(text)) if physical != "DOUBLE" else float(point(text))
        if kind == "integer":
            return int(text)
        if kind == "boolean":
            return {"true": True, "false": False}[text]
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if kind == "timestamp" else date.fromisoformat(text)

    return [tuple(value(*COLUMNS[n], t) for n, t in zip(COLUMNS, row, strict=True)) for row in rows[1:]]


@given(rows=ROWS)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_both_csvs_hold_comes_back(contract: OpenContract, tmp_path: Path, rows: list[Row]) -> None:
    source = parquet(rows, tmp_path)
    for excel in (False, True):
        path = tmp_path / "keluar.csv"
        with bare() as con:
            formats.write_csv(con, [source], contract.public, path, excel=excel)
        body = path.read_bytes()
        assert from_csv(body, excel=excel) == rows
        if excel:
            assert body.count(b"\r\n") >= len(rows) + 1


@given(rows=ROWS)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_json_holds_comes_back(contract: OpenContract, tmp_path: Path, rows: list[Row]) -> None:
    path = tmp_path / "keluar.json"
    con = bare()
    try:
        formats.write_json(con, formats.read_parts([parquet(rows, tmp_path)]), contract.public, path)
    finally:
        con.close()
    found = json.loads(path.read_bytes(), parse_float=Decimal)
    assert all(list(record) == list(COLUMNS) for record in found)
    for record, row in zip(found, rows, strict=True):
        for (name, (kind, physical)), value in zip(COLUMNS.items(), row, strict=True):
            shown = record[name]
            if shown is not None and physical == "DOUBLE":
                shown = float(shown)
            if shown is not None and kind in ("timestamp", "date"):
                shown = (datetime if kind == "timestamp" else date).fromisoformat(shown)
            assert shown == value, name


@given(rows=ROWS)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_workbook_holds_comes_back_typed_and_codes_stay_text(
    contract: OpenContract, tmp_path: Path, rows: list[Row]
) -> None:
    path = tmp_path / "keluar.xlsx"
    con = bare()
    try:
        source = formats.read_parts([parquet(rows, tmp_path)])
        write_xlsx(con, source, contract, ["Judul", "Peringatan"], path, datetime(2026, 11, 20, tzinfo=UTC))
    finally:
        con.close()
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["data", "kamus"]
    found = list(book["data"].iter_rows())
    assert [c.value for c in found[0]] == list(COLUMNS)
    for cells, row in zip(found[1:], rows, strict=True):
        for cell, (kind, physical), value in zip(cells, COLUMNS.values(), row, strict=True):
            assert cell.data_type != "f"
            assert same_cell(cell.value, kind, physical, value), (kind, cell.value, value)
    words = [[c.value for c in row] for row in book["kamus"].iter_rows()]
    assert words[0][0] == "Judul"
    assert [w[0] for w in words[4:]] == list(COLUMNS)


def same_cell(found: Any, kind: str, physical: str, value: Any) -> bool:
    if value is None:
        return found is None
    if kind == "string":
        # A workbook writes a carriage return as _x000D_, which this reader gives back as it stands.
        return isinstance(found, str) and found.replace("_x000D_", "\r") == value
    if kind == "timestamp":
        return abs(found.replace(tzinfo=UTC) - value) < timedelta(milliseconds=1)
    if kind == "date":
        return found.date() == value
    if kind == "boolean":
        return found is value
    if isinstance(found, str):  # more digits than a spreadsheet keeps
        return found == str(value)
    return math.isclose(found, float(value), rel_tol=1e-15) if physical == "DOUBLE" else Decimal(repr(found)) == value


@pytest.mark.parametrize("text", LIVE)
def test_no_cell_of_any_sheet_is_run_as_a_formula(contract: OpenContract, tmp_path: Path, text: str) -> None:
    row = ("0001", text, None, None, None, None, None, None, "tiruan")
    source = parquet([row], tmp_path)
    for excel in (False, True):
        with bare() as con:
            formats.write_csv(con, [source], contract.public, tmp_path / "x.csv", excel=excel)
        body = (tmp_path / "x.csv").read_bytes().decode("utf-8-sig")
        shown = list(csv.reader(io.StringIO(body, newline=""), delimiter=";" if excel else ","))[1][1]
        assert shown == (f"'{text}" if re.search(r"[=+\-@＝|]", text) else text)
    with bare() as con:
        write_xlsx(con, formats.read_parts([source]), contract, [], tmp_path / "x.xlsx", datetime.now(UTC))
    with zipfile.ZipFile(tmp_path / "x.xlsx") as parts:
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_in(tmp_path) as office:
        yield office


def test_points_are_features_and_a_row_without_coordinates_has_no_geometry(office: Office) -> None:
    office.publish("kamera_uji")
    found = json.loads(office.file(1, "geojson", "kamera_uji").read_bytes())
    assert found["type"] == "FeatureCollection"
    assert len(found["features"]) == 24
    by_code = {f["properties"]["kode_kamera"]: f for f in found["features"]}
    assert by_code["CAM-001"]["geometry"] == {"type": "Point", "coordinates": [98.651, 3.551]}
    assert by_code["CAM-007"]["geometry"] is None
    assert by_code["CAM-001"]["properties"]["diperiksa"] == "2026-11-19T01:31:00.000000Z"


def test_a_dataset_without_coordinates_says_why_it_has_no_geojson(office: Office) -> None:
    office.publish()
    version = office.version(1)
    assert {f.format for f in version.berkas} == {"parquet", "csv", "csv-excel", "xlsx", "json"}
    assert [(m.format, m.alasan) for m in version.tanpa] == [("geojson", "Kumpulan data ini tidak memuat koordinat.")]


def test_a_table_too_long_for_one_sheet_is_split_by_its_parts_and_never_cut(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.con.execute("UPDATE core.harga SET tanggal = tanggal - INTERVAL 1 YEAR WHERE kode_kabupaten_kota < '1273'")
    monkeypatch.setattr(files, "MAX_ROWS", 45)
    office.publish()
    sheets = {f.bagian: f for f in office.version(1).berkas if f.format == "xlsx"}
    assert {span: f.baris for span, f in sheets.items()} == {"2025": 30, "2026": 30}
    assert len({f.id for f in sheets.values()}) == 2
    for file in sheets.values():
        book = openpyxl.load_workbook(office.root / file.path, read_only=True)
        assert sum(1 for _ in book["data"].iter_rows()) == 31


def test_a_part_too_long_for_one_sheet_leaves_the_format_out_with_a_word_about_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_ROWS", 45)
    office.publish()
    version = office.version(1)
    assert "xlsx" not in {f.format for f in version.berkas}
    (missing,) = [m for m in version.tanpa if m.format == "xlsx"]
    assert "2026 punya 60 baris" in missing.alasan


def test_a_text_too_long_for_a_cell_leaves_the_workbook_out(office: Office) -> None:
    office.con.execute("UPDATE core.harga SET satuan = repeat('x', 32768) WHERE kode_kabupaten_kota = '1271'")
    office.publish()
    (missing,) = [m for m in office.version(1).tanpa if m.format == "xlsx"]
    assert "kolom satuan" in missing.alasan


def test_all_files_of_a_version_hold_the_same_rows_in_the_order_of_the_key(office: Office) -> None:
    office.publish()
    rows = duckdb.sql(f"SELECT * FROM '{office.file(1, 'parquet')}'").fetchall()
    assert rows == sorted(rows, key=lambda r: (r[7], r[2], r[4]))
    keys = [(r[7].isoformat(), r[2], r[4]) for r in rows]
    plain = list(csv.DictReader(office.file(1, "csv").open(encoding="utf-8", newline="")))
    assert [(r["tanggal"], r["kode_kabupaten_kota"], r["komoditas"]) for r in plain] == keys
    listed = json.loads(office.file(1, "json").read_bytes())
    assert [(r["tanggal"], r["kode_kabupaten_kota"], r["komoditas"]) for r in listed] == keys
    sheet = openpyxl.load_workbook(office.file(1, "xlsx"), read_only=True)["data"]
    cells = list(sheet.iter_rows(min_row=2, values_only=True))
    assert [(c[7].date().isoformat(), c[2], c[4]) for c in cells] == keys
    assert {f.baris for f in office.version(1).berkas} == {60}
    assert office.version(1).sampai == TODAY
