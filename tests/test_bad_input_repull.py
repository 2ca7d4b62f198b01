"""The same day pulled again: what wins, what stays, and that both payloads are kept. A contract that grows."""

import copy
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.registry import Registry
from connectors.sandbox import CONNECTORS
from ssp_pipeline.run_result import DatasetResult
from tests.support.bad_input import TODAY, Place, PutFault, answer_of, end_faults, held, keeps
from warehouse.checks import Checker

pytest_plugins = ["tests.support.bad_input_fixtures"]

DATASET = "tirtanadi.produksi_air"
ASKED = "/tirtanadi/api/produksi"


@keeps("muatan_sama")
def test_the_same_bytes_are_neither_read_nor_written(place: Place) -> None:
    day = next(place.days)
    first = place.one(DATASET, day)
    blobs, before = place.ws.archive.blob_count(), place.rows(DATASET, day)
    outcome = place.one(DATASET, day)
    held("muatan_sama", outcome)
    assert outcome.muatan == first.muatan
    assert place.ws.archive.blob_count() == blobs
    assert place.rows(DATASET, day).equals(before)


@keeps("tetap_kosong")
def test_the_newest_date_of_a_run_is_one_with_data_whether_it_brings_it_or_finds_it_unchanged(place: Place) -> None:
    prices = "pihps.harga_pangan_pasar"
    days = [date(2026, 11, n) for n in (13, 14, 15)]  # a Friday, and a weekend without prices
    first, again = (place.pull(prices, *days) for _ in range(2))
    for empty in again[1:]:
        held("tetap_kosong", empty)
    said = [DatasetResult(prices, outcomes).row() for outcomes in (first, again)]
    assert [row["putusan"] for row in said] == ["lulus", "tidak berubah"]
    assert [row["terbaru"] for row in said] == ["2026-11-13", "2026-11-13"]


@keeps("isi_sama")
def test_other_bytes_of_the_same_rows_are_kept_but_are_no_version(place: Place, fault: PutFault) -> None:
    day = next(place.days)
    first = place.one(DATASET, day)
    before = place.rows(DATASET, day)
    fault("bidang_balik_urut", ASKED)
    outcome = place.one(DATASET, day)
    held("isi_sama", outcome)
    assert outcome.muatan != first.muatan
    assert all(place.ws.archive.known(sha) for sha in first.muatan + outcome.muatan)
    assert place.rows(DATASET, day).equals(before)


@keeps("isi_berubah")
def test_other_rows_of_the_same_day_win_and_the_row_says_so(place: Place, fault: PutFault) -> None:
    day = next(place.days)
    first = place.one(DATASET, day)
    fault("kode_sistem_lain", ASKED, arg={"bidang": "kekeruhan", "nilai": 1.11})
    later = place.one(DATASET, day)
    held("isi_berubah", later)
    assert later.muatan != first.muatan
    assert all(place.ws.archive.known(sha) for sha in first.muatan + later.muatan), "both are kept"
    rows = place.rows(DATASET, day)
    assert set(rows["_payload"]) == set(later.muatan)
    assert "1.110" in rows["kekeruhan_ntu"].cast(str).to_list()


@keeps("baris_berkurang")
def test_a_later_pull_with_fewer_rows_does_not_win(place: Place, fault: PutFault) -> None:
    day = next(place.days)
    assert place.one(DATASET, day).diterima == 7
    before = place.rows(DATASET, day)
    less = answer_of(place.host, f"{ASKED}?tanggal={day}")
    less["data"].pop()
    fault("galat_200", ASKED, arg={"isi": less})
    outcome = place.one(DATASET, day)
    held("baris_berkurang", outcome)
    assert outcome.diterima == 6
    assert place.rows(DATASET, day).equals(before)
    assert len(place.bodies(DATASET)[0]) > 100, "what it brought is archived"


@keeps("cakupan_berkurang")
def test_a_later_pull_with_fewer_prices_does_not_win(place: Place, fault: PutFault) -> None:
    dataset, asked = "panel_harga.harga_pangan_kabkota", "/panel_harga/front/harga-pangan-informasi"
    assert place.one(dataset).status == "diterima"
    before = place.rows(dataset)
    city = "province_id=2&city_id=24&level_harga_id=3"
    fewer = answer_of(place.host, f"{asked}?{city}")
    sold = [row for row in fewer["data"] if row["today"] and row["yesterday"]]
    for row in sold[:3]:
        row["today"] = row["gap"] = row["gap_percentage"] = 0
    fault("galat_200", f"{asked}.*city_id=24&", arg={"isi": fewer})
    outcome = place.one(dataset)
    held("cakupan_berkurang", outcome, None)
    assert place.rows(dataset).equals(before)


@pytest.fixture
def grown(tmp_path: Path) -> Registry:
    """The agencies, of which one has a contract with a column more."""
    root = tmp_path / "instansi"
    shutil.copytree(CONNECTORS / "tirtanadi", root / "tirtanadi")
    path = root / "tirtanadi" / "produksi_air.odcs.yaml"
    document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    columns = document["schema"][0]["properties"]
    fresh = copy.deepcopy(next(c for c in columns if c["name"] == "ph"))
    fresh |= {"name": "tekanan_bar", "description": "Tekanan air keluar instalasi."}
    fresh["customProperties"] = [{"property": "opsional", "value": True}, {"property": "satuan", "value": "bar"}]
    columns.append(fresh)
    document["version"] = "1.1.0"
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    others = tmp_path / "lain"
    shutil.copytree(CONNECTORS / "referensi", others / "referensi")
    return Registry((root, others))


@keeps("kolom_kontrak_baru")
def test_a_column_that_a_contract_gets_is_empty_in_older_rows(
    tmp_path: Path, bad_host: str, bad_checker: Checker, fault: PutFault, grown: Registry
) -> None:
    home = tmp_path / "rumah"
    before = Place(home, bad_host, bad_checker)
    old, new = next(before.days), next(before.days)
    fault("bidang_baru", ASKED, kali=0, arg={"bidang": "tekanan_bar", "nilai": 2.5})
    assert "tekanan_bar" in before.one(DATASET, old).rincian
    before.close()
    after = Place(home, bad_host, bad_checker, registry=grown)
    outcome = after.one(DATASET, new)
    held("kolom_kontrak_baru", outcome)
    assert outcome.rincian == ""
    assert after.rows(DATASET, new)["tekanan_bar"].cast(str).unique().to_list() == ["2.50"]
    assert after.rows(DATASET, old)["tekanan_bar"].null_count() == 7
    assert after.verify(DATASET).all_gaps() == []
    # Pulled again under the new contract, the old day gets its values too.
    assert after.one(DATASET, old).alasan == "isi_berubah_versi_lama_diganti"
    assert after.rows(DATASET, old)["tekanan_bar"].null_count() == 0
    end_faults(bad_host)
    after.close()
    assert after.ws.today == TODAY
