"""Fields of Satu Data Indonesia: what the shipped contracts answer, and what their authors still owe."""

import pytest

from tests.support.documents import ROOT
from warehouse.opendata.contract import OpenContract, find_open_contracts
from warehouse.opendata.metadata import sdi

CONTRACTS = find_open_contracts([ROOT / "connectors"])


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: c.name)
def test_every_open_column_has_its_variable_and_what_is_owed_is_what_is_empty(contract: OpenContract) -> None:
    found = sdi.fields(contract)
    assert [v["nama"] for v in found["ms_var"]] == [c.name for c in contract.public]
    assert all(tuple(v) == sdi.MS_VAR for v in found["ms_var"])
    assert all(v["konsep"] and v["definisi"] for v in found["ms_var"])
    empty = [f"keg.{n}" for n, f in found["ms_keg"].items() if not f["isi"]]
    empty += [f"ind.{n}" for n, f in found["ms_ind"].items() if not f["isi"]]
    empty += [f"var.{v['nama']}.{n}" for v in found["ms_var"] for n in sdi.MS_VAR if not v[n]]
    assert found["belum"] == empty
    assert {f["blok"][:2] for f in found["ms_keg"].values()} >= {"I.", "II", "IV", "V.", "VI"}
    assert sdi.unknown(contract) == []


def test_an_indicator_is_described_as_far_as_its_contract_does() -> None:
    [contract] = [c for c in CONTRACTS if c.name == "realisasi_target_pajak"]
    indicator = sdi.fields(contract)["ms_ind"]
    assert tuple(indicator) == tuple(sdi.MS_IND)
    assert all(field["isi"] for field in indicator.values())
    [directory] = [c for c in CONTRACTS if c.name == "direktori_kamera"]
    assert sdi.fields(directory)["ms_ind"] == {}
