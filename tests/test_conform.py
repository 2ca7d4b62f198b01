"""Raw texts become typed rows or quarantine rows, all of them, and no private value is shown."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.api import PayloadError
from connectors.contract import Contract
from connectors.keys import keyed_hash
from connectors.read.columns import MISSING_MARK, SHAPE_MARK
from connectors.read.conform import Conformed, conform, conform_many, drop_identical
from connectors.read.json_rows import read_json_rows
from connectors.read.regions import RegionTable
from connectors.read.values import read_column
from tests.support.reading import column, make_contract, make_payload

KEY = b"k" * 32
TODAY = date(2026, 11, 21)
REGIONS = RegionTable.from_frame(
    pl.DataFrame(
        {
            "kode_bps": ["1271", "1275", "1276", "1207"],
            "kode_kemendagri": ["12.73", "12.71", "12.75", "12.10"],
            "nama": ["Kota Sibolga", "Kota Medan", "Kota Binjai", "Kabupaten Labuhanbatu"],
            "alias": ["", "", "", "Labuhan Batu"],
        }
    )
)


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return make_contract(
        tmp_path_factory.mktemp("kontrak"),
        column("tanggal", "date", wire="Tanggal", key=True, partisi=True, format=["%d/%m/%Y"], kosong=["1990-01-01"]),
        column("komoditas", key=True),
        column("harga", "decimal", lokal="ribuan_koma", kosong=["-", ""], nol_kosong=True),
        column("satuan", huruf="kecil", opsional=True),
        column("pasar", turunan=True),
    )


@pytest.fixture(scope="module")
def taxes(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return make_contract(
        tmp_path_factory.mktemp("kontrak"),
        column("nomor", key=True),
        column("nopol", wire="no_polisi", klas="private", acak="hmac", baku="nopol"),
        column("pemilik", klas="private"),
        column("pokok", "decimal", lokal="ribuan_titik", required=True),
    )


def frame(**columns: list[Any]) -> pl.DataFrame:
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def run(raw: pl.DataFrame, contract: Contract, regions: RegionTable | None = REGIONS) -> Conformed:
    payload = make_payload(b"isi", asal="tiruan")
    return conform(raw, contract, payload=payload, regions=regions, hash_key=KEY, today=TODAY)


def reasons(result: Conformed) -> dict[int, tuple[str, str]]:
    return {row["_baris"]: (row["kolom"], row["alasan"]) for row in result.rejected.to_dicts()}


def one_price(**values: str | None) -> pl.DataFrame:
    row: dict[str, str | None] = {"Tanggal": "20/11/2026", "komoditas": "Beras", "harga": "1,000", **values}
    return frame(**{name: [value] for name, value in row.items()})


def test_rows_come_typed_in_the_contracts_order_with_their_lineage(prices: Contract) -> None:
    raw = frame(
        lain=["x", "y"],
        harga=["16,350", "-"],
        komoditas=["Cabai Merah Keriting ", "Beras\u00a0  Super\r"],
        Tanggal=["20/11/2026", "19/11/2026"],
        satuan=["KG", None],
    )
    result = run(raw, prices)
    assert dict(result.rows.schema) == prices.schema()
    payload = make_payload(b"isi").sha256
    assert result.rows.rows() == [
        (date(2026, 11, 20), "Cabai Merah Keriting", Decimal("16350.00"), "kg", None, payload, 0, "tiruan"),
        (date(2026, 11, 19), "Beras Super", None, None, None, payload, 1, "tiruan"),
    ]
    assert result.rejected.is_empty()


@pytest.mark.parametrize(
    ("change", "kolom", "alasan"),
    [
        ({"harga": "16.350"}, "harga", "angka_tidak_terbaca"),
        ({"harga": "murah"}, "harga", "angka_tidak_terbaca"),
        ({"Tanggal": "30/02/2026"}, "tanggal", "tanggal_tidak_terbaca"),
        ({"Tanggal": "22/11/2026"}, "tanggal", "tanggal_di_masa_depan"),
        ({"Tanggal": None}, "tanggal", "kunci_kosong"),
        ({"Tanggal": "1990-01-01"}, "tanggal", "kunci_kosong"),
        ({"komoditas": " \u00a0"}, "komoditas", "kunci_kosong"),
        ({"komoditas": None, "harga": "x"}, "komoditas;harga", "kunci_kosong;angka_tidak_terbaca"),
    ],
)
def test_a_row_that_cannot_be_read_is_quarantined_with_its_reason(
    prices: Contract, change: dict[str, str | None], kolom: str, alasan: str
) -> None:
    result = run(one_price(**change), prices)
    assert reasons(result) == {0: (kolom, alasan)}
    assert result.rows.is_empty()
    shown = json.loads(result.rejected["isi"][0])
    assert {name: shown[name] for name in change} == change


def test_today_itself_is_not_the_future(prices: Contract) -> None:
    assert run(one_price(Tanggal="21/11/2026"), prices).rejected.is_empty()


@pytest.mark.parametrize("marker", ["-", "", " - ", "0", "0.00", None])
def test_declared_markers_and_zeros_are_missing(prices: Contract, marker: str | None) -> None:
    result = run(one_price(harga=marker), prices)
    assert result.rows["harga"].to_list() == [None]
    assert result.rejected.is_empty()


def test_an_undeclared_marker_is_no_number(tmp_path: Path) -> None:
    contract = make_contract(tmp_path, column("kode", key=True), column("nilai", "integer"))
    raw = frame(kode=["a", "b", "c"], nilai=["-", "", "0"])
    result = run(raw, contract)
    assert reasons(result) == {0: ("nilai", "angka_tidak_terbaca"), 1: ("nilai", "angka_tidak_terbaca")}
    assert result.rows["nilai"].to_list() == [0]


def test_required_columns_beside_the_key_have_their_own_reason(taxes: Contract) -> None:
    raw = frame(nomor=["1"], no_polisi=[None], pemilik=[None], pokok=[None])
    assert reasons(run(raw, taxes)) == {0: ("pokok", "kolom_wajib_kosong")}


def test_a_missing_column_blocks_the_payload_and_names_the_new_one(prices: Contract) -> None:
    raw = frame(Tanggal=["20/11/2026"], nama_komoditas=["Beras"], harga=["1"])
    with pytest.raises(PayloadError, match=r"bidang hilang: komoditas \(bidang baru: nama_komoditas\)") as caught:
        run(raw, prices)
    assert caught.value.code == "bidang_hilang"


def test_marks_of_the_reader_become_reasons_and_nothing_else_is_said_of_the_row(prices: Contract) -> None:
    raw = pl.concat([one_price(), one_price(komoditas=None), one_price(harga=None)]).with_columns(
        pl.Series(MISSING_MARK, [None, "komoditas", None]), pl.Series(SHAPE_MARK, [None, None, "harga"])
    )
    result = run(raw, prices)
    assert reasons(result) == {1: ("komoditas", "bidang_hilang"), 2: ("harga", "bentuk_salah")}
    assert result.rows.height == 1


def test_json_rows_and_conform_agree_on_marks(prices: Contract) -> None:
    body = json.dumps(
        {
            "data": [
                {"Tanggal": "20/11/2026", "komoditas": "Beras", "harga": "1,000"},
                {"Tanggal": "20/11/2026", "harga": "1,000"},
                {"Tanggal": "20/11/2026", "komoditas": {"nama": "Beras"}, "harga": 1000},
            ]
        }
    )
    result = run(read_json_rows(make_payload(body), prices), prices)
    assert reasons(result) == {1: ("komoditas", "bidang_hilang"), 2: ("komoditas", "bentuk_salah")}


def test_plates_are_brought_to_one_form_before_they_are_hashed(taxes: Contract) -> None:
    plates = ["BK 1234 AB", "BK1234AB", "BK-1234-AB", "bk 1234 ab "]
    raw = frame(nomor=list("abcd"), no_polisi=plates, pemilik=["N"] * 4, pokok=["Rp 72.193,44"] * 4)
    result = run(raw, taxes)
    expected = keyed_hash(KEY, pl.Series(["BK1234AB"]))[0]
    assert result.rows["nopol"].to_list() == [expected] * 4
    assert result.rows["pokok"].to_list() == [Decimal("72193.44")] * 4


def test_quarantine_shows_no_private_value(taxes: Contract) -> None:
    raw = frame(
        nomor=["1", "2", "3", "4"],
        no_polisi=["BK 99 SECRET", "BK 1234 AB", None, "BK 77 XY"],
        pemilik=["Budi Rahasia", "Siti Rahasia", None, "Tono Rahasia"],
        pokok=["1", "x", "y", "1"],
    ).with_columns(pl.Series(SHAPE_MARK, [None, None, None, "pokok"]))
    rejected = run(raw, taxes).rejected
    assert rejected["alasan"].to_list() == [
        "nopol_tidak_sah",
        "angka_tidak_terbaca",
        "angka_tidak_terbaca",
        "bentuk_salah",
    ]
    text = rejected.write_json()
    for secret in ("SECRET", "BK", "Rahasia"):
        assert secret not in text
    shown = [json.loads(row) for row in rejected["isi"]]
    assert shown[1]["no_polisi"] == keyed_hash(KEY, pl.Series(["BK1234AB"]))[0]
    assert shown[1]["pemilik"] == "***"
    assert shown[1]["pokok"] == "x"
    assert shown[2] == {"nomor": "3", "no_polisi": None, "pemilik": None, "pokok": "y"}
    assert shown[3]["nomor"] == shown[3]["pokok"] == "***", "cells have slipped: any of them may be personal"


@pytest.fixture(scope="module")
def regional(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return make_contract(
        tmp_path_factory.mktemp("kontrak"),
        column("kode", key=True, sistem_kode="kemendagri", nama_wilayah="nama"),
        column("nama"),
    )


def test_region_codes_are_spelled_officially_and_checked_against_the_name(regional: Contract) -> None:
    raw = frame(
        kode=["1271", "12.71", "12.10", "1275", "9999", "12.1"],
        nama=["Kota Medan", "MEDAN", "Kab. Labuhan Batu", "Kota Medan", "Medan", "Labuhanbatu"],
    )
    result = run(raw, regional)
    assert result.rows["kode"].to_list() == ["12.71", "12.71", "12.10"]
    assert reasons(result) == {
        3: ("kode", "kode_dan_nama_wilayah_tidak_cocok"),
        4: ("kode", "kode_wilayah_tidak_dikenal"),
        5: ("kode", "kode_wilayah_tidak_dikenal"),
    }
    assert result.rejected["rincian"][0] == "'1275' (Kota Medan)"


def test_without_a_region_table_codes_stay_as_delivered(regional: Contract) -> None:
    assert run(frame(kode=["9999"], nama=["x"]), regional, None).rows["kode"].to_list() == ["9999"]


def test_booleans_and_instants_are_typed(tmp_path: Path) -> None:
    contract = make_contract(
        tmp_path,
        column("kode", key=True),
        column("opsen", "boolean"),
        column("waktu", "timestamp", format=["%Y-%m-%d %H:%M"]),
        column("rasio", "number"),
    )
    raw = frame(kode=["a", "b"], opsen=["true", "mungkin"], waktu=["2026-11-20 07:30", None], rasio=["0.1", "1e-3"])
    result = run(raw, contract)
    assert result.rows.row(0)[:4] == ("a", True, datetime(2026, 11, 20, 0, 30, tzinfo=UTC), 0.1)
    assert reasons(result) == {1: ("opsen", "boolean_tidak_terbaca")}


def test_a_date_without_a_year_is_read_against_the_day_it_was_fetched(tmp_path: Path) -> None:
    contract = make_contract(
        tmp_path, column("kode", key=True), column("waktu", "timestamp", format=["tanggal_id_tanpa_tahun"])
    )
    raw = frame(kode=["a"], waktu=["31 Des, 08:45"])
    parts = [
        (make_payload("1", fetched_at=datetime(2025, 12, 31, 2, tzinfo=UTC)), raw),
        (make_payload("2", fetched_at=datetime(2026, 11, 21, 2, tzinfo=UTC)), raw),
        (make_payload("3", fetched_at=datetime(2026, 12, 30, 18, tzinfo=UTC)), raw),
    ]
    result = conform_many(parts, contract, regions=None, hash_key=KEY, today=date(2030, 1, 1))
    years = result.rows["waktu"].dt.year().to_list()
    assert years == [2025, 2025, 2026], "18.00 UTC on the 30th is the 31st in WIB"


def test_many_payloads_at_once_equal_one_by_one(prices: Contract) -> None:
    parts = [
        (make_payload(name), pl.concat([one_price(harga=a), one_price(harga=b)]))
        for name, a, b in [("satu", "1,000", "x"), ("dua", "y", "2,000")]
    ]
    parts.insert(1, (make_payload("kosong"), pl.DataFrame()))
    together = conform_many(parts, prices, regions=None, hash_key=KEY, today=TODAY)
    single = [conform(raw, prices, payload=p, regions=None, hash_key=KEY, today=TODAY) for p, raw in parts]
    assert together.rows.equals(pl.concat([s.rows for s in single]))
    assert together.rejected.equals(pl.concat([s.rejected for s in single]))
    assert together.rejected["_baris"].to_list() == [1, 0]


def test_no_rows_give_empty_frames_of_the_right_shape(prices: Contract) -> None:
    for raw in (pl.DataFrame(), frame(Tanggal=[], komoditas=[], harga=[])):
        result = run(raw, prices)
        assert dict(result.rows.schema) == prices.schema()
        assert result.rows.is_empty()
        assert result.rejected.is_empty()


def test_identical_repetitions_are_quarantined_and_the_first_stays(prices: Contract) -> None:
    raw = pl.concat([one_price(), one_price(komoditas="Beras "), one_price(harga="2,000"), one_price(komoditas="Gula")])
    rows, rejected = drop_identical(run(raw, prices).rows, prices)
    assert rows["_baris"].to_list() == [0, 2, 3], "rows with one key and other values are not this rule's to judge"
    assert rejected["_baris"].to_list() == [1]
    assert rejected["alasan"].to_list() == ["duplikat_identik"]
    assert rejected["kolom"].to_list() == ["tanggal;komoditas"]
    assert rejected["rincian"][0].startswith("sama dengan baris 0 muatan ")
    assert json.loads(rejected["isi"][0])["harga"] == "1000.00"


def test_repetitions_over_two_payloads_are_found_and_private_values_masked(taxes: Contract) -> None:
    raw = frame(nomor=["1"], no_polisi=["BK 1 A"], pemilik=["Budi Rahasia"], pokok=["1"])
    parts = [(make_payload("a"), raw), (make_payload("b"), raw)]
    both = conform_many(parts, taxes, regions=None, hash_key=KEY, today=TODAY).rows
    rows, rejected = drop_identical(both, taxes)
    assert rows["_payload"].to_list() == [parts[0][0].sha256]
    assert rejected["_payload"].to_list() == [parts[1][0].sha256]
    assert "Rahasia" not in rejected.write_json()


cells = st.one_of(
    st.none(), st.sampled_from(["1,000", "-", "x", "20/11/2026", "30/02/2026", "1/1/2030", " Beras ", "\u00a0"])
)


@given(st.lists(st.tuples(cells, cells, cells), max_size=25))
def test_accepted_and_rejected_rows_together_are_the_raw_rows(
    prices: Contract, table: list[tuple[str | None, ...]]
) -> None:
    raw = pl.DataFrame(table, schema=dict.fromkeys(["Tanggal", "komoditas", "harga"], pl.String), orient="row")
    result = run(raw, prices)
    accepted, rejected = result.rows["_baris"].to_list(), result.rejected["_baris"].to_list()
    assert sorted(accepted + rejected) == list(range(len(table)))
    again = run(raw, prices)
    assert again.rows.equals(result.rows)
    assert again.rejected.equals(result.rejected)


TEXTS = st.sampled_from(["14,000", " 14,000 ", "-", "", "0", "12 ribu", None, "2026-08-01", "1,000,000"])


@given(
    runs=st.lists(st.tuples(TEXTS, st.integers(1, 40)), max_size=6), name=st.sampled_from(["tanggal", "harga", "pasar"])
)
def test_texts_that_repeat_are_read_as_each_by_itself(
    prices: Contract, runs: list[tuple[str | None, int]], name: str
) -> None:
    texts = [text for text, count in runs for _ in range(count)]
    one = prices.column(name)
    read = read_column(pl.Series(texts, dtype=pl.String), one)
    alone = [read_column(pl.Series([text], dtype=pl.String), one) for text in texts]
    assert read.value.to_list() == [a.value[0] for a in alone]
    cleaned = [a.texts()[0] for a in alone]
    assert read.texts().to_list() == cleaned
    assert read.texts(pl.Series(range(len(texts)), dtype=pl.UInt32).reverse()).to_list() == cleaned[::-1]
    bad = [False] * len(texts) if read.bad is None else read.bad.fill_null(False).to_list()
    assert bad == [a.bad is not None and bool(a.bad[0]) for a in alone]
