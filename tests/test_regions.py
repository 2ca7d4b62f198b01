"""Region codes are read in their system and agree with their names, or are refused."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.read.regions import CONFLICT, UNKNOWN_CODE, UNKNOWN_NAME, RegionTable, RegionTableError, normalise

CSV = """kode_bps,kode_kemendagri,nama,jenis,penduduk,alias
12,12,Provinsi Sumatera Utara,provinsi,1,Sumatera Utara;Sumut
1201,12.04,Kabupaten Nias,kabupaten,1,
1207,12.10,Kabupaten Labuhanbatu,kabupaten,1,
1222,12.22,Kabupaten Labuhanbatu Selatan,kabupaten,1,Labusel
1225,12.25,Kabupaten Nias Barat,kabupaten,1,
1271,12.73,Kota Sibolga,kota,1,
1275,12.71,Kota Medan,kota,1,
1276,12.75,Kota Binjai,kota,1,
1277,12.77,Kota Padangsidimpuan,kota,1,Padang Sidempuan;Padangsidempuan
3201,32.01,Kabupaten Bogor,kabupaten,1,
3271,32.71,Kota Bogor,kota,1,
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> RegionTable:
    path = tmp_path_factory.mktemp("acuan") / "wilayah.csv"
    path.write_text(CSV, encoding="utf-8")
    return RegionTable.from_csv(path)


def code_of(table: RegionTable, code: str, system: str, name: str | None = None) -> tuple[str | None, str | None]:
    names = pl.Series([name], dtype=pl.String) if name is not None else None
    codes, reasons = table.check(pl.Series([code]), names, system)  # type: ignore[arg-type]
    return codes[0], reasons[0]


def test_the_same_digits_name_another_place_in_the_other_system(table: RegionTable) -> None:
    assert code_of(table, "1275", "bps", "Kota Medan") == ("1275", None)
    assert code_of(table, "1275", "kemendagri", "Kota Binjai") == ("1276", None)
    assert code_of(table, "1271", "kemendagri", "Kota Medan") == ("1275", None)


def test_a_code_of_the_wrong_system_conflicts_with_its_name(table: RegionTable) -> None:
    assert code_of(table, "1271", "bps", "Kota Medan") == (None, CONFLICT)
    assert code_of(table, "12.75", "kemendagri", "MEDAN") == (None, CONFLICT)


def test_kemendagri_codes_are_read_with_and_without_their_dot_and_bps_codes_never_with_one(
    table: RegionTable,
) -> None:
    assert code_of(table, "12.10", "kemendagri") == ("1207", None)
    assert code_of(table, "1210", "kemendagri") == ("1207", None)
    assert code_of(table, "12.75", "bps") == (None, UNKNOWN_CODE)
    assert code_of(table, "12.1", "kemendagri") == (None, UNKNOWN_CODE)
    assert code_of(table, "9999", "bps") == (None, UNKNOWN_CODE)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Nias", "1201"),
        ("Kab. Nias", "1201"),
        ("KAB.NIAS", "1201"),
        ("kabupaten  nias barat", "1225"),
        ("Kota Nias", None),
        ("Labuhan Batu", "1207"),
        ("LABUHANBATU", "1207"),
        ("Labusel", "1222"),
        ("Kab. Labusel", "1222"),
        ("Kota Labusel", None),
        ("Kota\u00a0Medan\r", "1275"),
        ("Kotamadya Medan", "1275"),
        ("Kabupaten Medan", None),
        ("Medann", None),
        ("Padang-Sidempuan", "1277"),
        ("Sumut", "12"),
        ("Prov. Sumatera Utara", "12"),
        ("Bogor", None),
        ("Kab Bogor", "3201"),
        ("Kota Bogor", "3271"),
        ("Kotapinang", None),
        ("", None),
    ],
)
def test_names_match_exactly_after_normalisation_or_not_at_all(table: RegionTable, name: str, code: str | None) -> None:
    assert table.resolve_names(pl.Series([name]))[0] == code


def test_a_name_that_cannot_be_compared_is_no_agreement(table: RegionTable) -> None:
    assert code_of(table, "1275", "bps", "Medann") == (None, UNKNOWN_NAME)


def test_missing_codes_and_names_raise_no_complaint(table: RegionTable) -> None:
    codes = pl.Series("kode", ["1275", None, "1201"])
    names = pl.Series("nama", [None, "Kota Medan", "Nias"], dtype=pl.String)
    found, reasons = table.check(codes, names, "bps")
    assert found.to_list() == ["1275", None, "1201"]
    assert reasons.to_list() == [None, None, None]
    assert found.name == reasons.name == "kode"


def test_codes_are_spelled_in_their_system(table: RegionTable) -> None:
    codes = pl.Series(["1207", None, "1275", "12"])
    assert table.spell(codes, "kemendagri").to_list() == ["12.10", None, "12.71", "12"]
    assert table.spell(codes, "bps").to_list() == ["1207", None, "1275", "12"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["1201,12.04,Kabupaten Nias,", "1202,12.13,Kab. NIAS,"], "names both"),
        (["1201,12.04,Kabupaten Nias,Gunungsitoli", "1278,12.78,Kota Gunungsitoli,"], "alias 'Gunungsitoli'"),
        (["1201,12.04,Kabupaten Nias,", "1201,12.13,Kabupaten Toba,"], "twice"),
        (["1201,1204,Kabupaten Nias,"], "dotted"),
        (["12.04,12.04,Kabupaten Nias,"], "not a BPS code"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(tmp_path: Path, lines: list[str], message: str) -> None:
    path = tmp_path / "wilayah.csv"
    path.write_text("\n".join(["kode_bps,kode_kemendagri,nama,alias", *lines]), encoding="utf-8")
    with pytest.raises(RegionTableError, match=message):
        RegionTable.from_csv(path)


def test_a_table_without_its_columns_is_refused() -> None:
    with pytest.raises(RegionTableError, match="lacks kode_kemendagri, nama, alias"):
        RegionTable.from_frame(pl.DataFrame({"kode_bps": ["1201"]}))


@given(
    st.sampled_from(["Kota", "KAB.", "Kabupaten", "prov."]), st.from_regex(r"[a-z]{2,9}( [a-z]{2,9})?", fullmatch=True)
)
def test_case_and_blanks_carry_no_meaning_but_the_kind_does(kind: str, rest: str) -> None:
    name = f"{kind} {rest}"
    assert normalise(name) == normalise(f"  {name.upper().replace(' ', '   ')}\u00a0")
    assert normalise(f"Kota {rest}") != normalise(f"Kabupaten {rest}")
