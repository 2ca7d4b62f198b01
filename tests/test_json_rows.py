"""JSON rows become texts exactly as delivered; what is missing or bent is seen and not filled in."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.api import PayloadError
from connectors.contract import Contract
from connectors.read.columns import MISSING_MARK, SHAPE_MARK
from connectors.read.json_rows import read_json_rows, read_ndjson_rows
from tests.support.reading import column, make_contract, make_payload


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return make_contract(
        tmp_path_factory.mktemp("kontrak"),
        column("kode", key=True),
        column("harga", "decimal", wire="Harga (Rp)"),
        column("catatan", opsional=True),
        column("pasar", turunan=True),
    )


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return make_contract(
        tmp_path_factory.mktemp("kontrak"), column("kode", key=True), column("nilai"), baris={"di": []}
    )


def rows(contract: Contract, body: str) -> list[dict[str, Any]]:
    return read_json_rows(make_payload(body), contract).to_dicts()


def refusal(contract: Contract, body: str | bytes) -> PayloadError:
    with pytest.raises(PayloadError) as caught:
        read_json_rows(make_payload(body), contract)
    return caught.value


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ('"16,350"', "16,350"),
        ('" Cabai \\u00e9 "', " Cabai é "),
        ("14000.50", "14000.50"),
        ("14000.0", "14000.0"),
        ("0.1", "0.1"),
        ("1e5", "1e5"),
        ("12.10", "12.10"),
        ("9007199254740993", "9007199254740993"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("0.12345678901234567890123", "0.12345678901234567890123"),
        ("-7", "-7"),
        ("true", "true"),
        ("false", "false"),
        ("null", None),
        ('""', ""),
    ],
)
def test_scalars_keep_their_text(bare: Contract, literal: str, text: str | None) -> None:
    assert rows(bare, f'[{{"kode": "a", "nilai": {literal}}}]') == [{"kode": "a", "nilai": text}]
    mixed = rows(
        bare, f'[{{"kode": 1, "nilai": {literal}}}, {{"kode": "b", "nilai": "x"}}, {{"kode": true, "nilai": 2}}]'
    )
    assert mixed[0]["nilai"] == text
    assert [row["kode"] for row in mixed] == ["1", "b", "true"]


def test_rows_stand_where_the_contract_says_and_unknown_keys_are_left(contract: Contract) -> None:
    body = '{"status": true, "data": [{"lain": {"x": 1}, "Harga (Rp)": 5, "kode": "a", "catatan": null}]}'
    assert rows(contract, body) == [{"kode": "a", "Harga (Rp)": "5", "catatan": None}]


def test_a_nested_place_is_found(tmp_path: Path) -> None:
    nested = make_contract(tmp_path, column("kode", key=True), baris={"di": ["data", "data"]})
    assert rows(nested, '{"data": {"recordsTotal": 1, "data": [{"kode": "a"}]}}') == [{"kode": "a"}]
    error = refusal(nested, '{"data": {"recordsTotal": 1}}')
    assert "'data.data'" in str(error)
    assert error.code == "baris_tidak_ditemukan"


def test_no_rows_are_an_empty_frame_with_the_columns(contract: Contract) -> None:
    frame = read_json_rows(make_payload('{"data": []}'), contract)
    assert frame.schema == {"kode": pl.String, "Harga (Rp)": pl.String, "catatan": pl.String}
    assert frame.is_empty()


def test_an_absent_optional_key_is_null_and_no_fault(contract: Contract) -> None:
    frame = read_json_rows(make_payload('{"data": [{"kode": "a", "Harga (Rp)": 1}]}'), contract)
    assert frame.to_dicts() == [{"kode": "a", "Harga (Rp)": "1", "catatan": None}]


def test_a_key_missing_in_some_rows_marks_those_rows(contract: Contract) -> None:
    body = '{"data": [{"kode": "a", "Harga (Rp)": 1}, {"kode": "b"}, {"Harga (Rp)": null, "catatan": "x"}]}'
    frame = read_json_rows(make_payload(body), contract)
    assert frame["kode"].to_list() == ["a", "b", None]
    assert frame["catatan"].to_list() == [None, None, "x"]
    assert frame[MISSING_MARK].to_list() == [None, "Harga (Rp)", "kode"]


def test_a_renamed_key_blocks_the_payload_and_names_both_sides(contract: Contract) -> None:
    error = refusal(contract, '{"data": [{"kode": "a", "harga_baru": 1}]}')
    assert "bidang hilang: Harga (Rp) (bidang baru: harga_baru)" in str(error)
    assert error.code == "bidang_hilang"


def test_a_key_that_redaction_cut_is_named_as_new(contract: Contract) -> None:
    payload = make_payload('{"data": [{"kode": "a"}]}', unknown_fields=("harga_baru",))
    with pytest.raises(PayloadError, match="bidang baru: harga_baru"):
        read_json_rows(payload, contract)


def test_an_object_or_array_for_a_scalar_marks_the_row(bare: Contract) -> None:
    body = '[{"kode": "a", "nilai": {"x": 1.5}}, {"kode": [], "nilai": []}, {"kode": "c", "nilai": "y"}]'
    frame = read_json_rows(make_payload(body), bare)
    assert frame[SHAPE_MARK].to_list() == ["nilai", "kode, nilai", None]
    assert frame["nilai"].to_list() == [None, None, "y"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "muatan_bukan_json"),
        ("<html>Masuk</html>", "muatan_bukan_json"),
        ('{"data": [{"kode": "a", "Harga', "muatan_bukan_json"),
        (b'{"data": [{"kode": "\xff", "Harga (Rp)": 1}]}', "muatan_bukan_json"),
        ('{"pesan": "tidak ada"}', "baris_tidak_ditemukan"),
        ('{"data": null}', "baris_tidak_ditemukan"),
        ('{"data": {"kode": "a"}}', "baris_tidak_ditemukan"),
        ("[]", "baris_tidak_ditemukan"),
        ('{"data": [["a", 1]]}', "baris_bukan_objek"),
        ('{"data": [null]}', "baris_bukan_objek"),
    ],
)
def test_a_body_of_another_shape_is_refused_with_its_reason(contract: Contract, body: str | bytes, code: str) -> None:
    assert refusal(contract, body).code == code


def test_a_bare_array_is_read_and_other_json_in_its_place_refused(bare: Contract) -> None:
    assert rows(bare, '\ufeff \n[{"kode": "a", "nilai": 1}]') == [{"kode": "a", "nilai": "1"}]
    assert refusal(bare, '{"status": "error"}').code == "baris_tidak_ditemukan"
    assert refusal(bare, "<xml/>").code == "muatan_bukan_json"


def test_ndjson_lines_are_rows(bare: Contract) -> None:
    body = '{"kode": "a", "nilai": 1.50}\r\n\n{"kode": "b", "nilai": null}\n'
    frame = read_ndjson_rows(make_payload(body), bare)
    assert frame.to_dicts() == [{"kode": "a", "nilai": "1.50"}, {"kode": "b", "nilai": None}]
    assert read_ndjson_rows(make_payload(""), bare).columns == ["kode", "nilai"]


@pytest.mark.parametrize(
    "body", ['{"kode": "a", "nilai": 1}\n{"kode": "b", "ni', '{"kode":"a","nilai":1} {"kode":"b","nilai":1}']
)
def test_a_log_that_was_cut_off_is_refused(bare: Contract, body: str) -> None:
    with pytest.raises(PayloadError) as caught:
        read_ndjson_rows(make_payload(body), bare)
    assert caught.value.code == "muatan_bukan_json"


values = st.one_of(
    st.none(), st.booleans(), st.text(max_size=8), st.integers(), st.decimals(allow_nan=False, allow_infinity=False)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(values, max_size=12))
def test_every_scalar_survives_as_its_text(bare: Contract, column_values: list[Any]) -> None:
    def literal(value: Any) -> str:
        return f"{value}" if not isinstance(value, bool | str | None) else json.dumps(value)

    def text(value: Any) -> str | None:
        return value if isinstance(value, str | None) else json.dumps(value) if isinstance(value, bool) else f"{value}"

    items = ",".join(f'{{"nilai": {literal(v)}, "kode": "k"}}' for v in column_values)
    frame = read_json_rows(make_payload(f"[{items}]"), bare)
    assert frame["nilai"].to_list() == [text(v) for v in column_values]


plain_texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(["07:30", 'a":"b', "\\", "null"])
plain_rows = st.lists(
    st.fixed_dictionaries({"kode": plain_texts, "nilai": plain_texts | st.none() | st.integers(-(2**63), 2**63 - 1)}),
    min_size=1,
    max_size=4,
)


@given(plain_rows, st.booleans(), st.sampled_from(["", ', "kode": "dua kali"', ', "nilai": 1.50', ', "lain": 1']))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_large_body_reads_as_its_parts_do(bare: Contract, found: list[Any], escaped: bool, more: str) -> None:
    texts = [json.dumps(row, ensure_ascii=escaped) for row in found]
    texts.append(texts[0][:-1] + more + "}")
    many = texts * (20_000 // len(",".join(texts)) + 1)
    one_by_one = [row for text in texts for row in rows(bare, f"[{text}]")]
    assert rows(bare, f"[{','.join(many)}]") == one_by_one * (len(many) // len(texts))
