"""`ssp doctor`: each thing that keeps an installation from working is a line that says what to do."""

from contextlib import closing
from datetime import date
from pathlib import Path

import click
import duckdb
import pytest

from ssp_pipeline import cli
from ssp_pipeline.app import lake_config
from ssp_pipeline.doctor import Finding, examine
from ssp_pipeline.settings import load_settings
from tests.support.lake import DAY, commit, price_contract
from tests.support.object_store import BUCKET, object_store
from warehouse import duck
from warehouse.lake import Lake

WORKING = ("provinsi", "ekstensi ducklake", "lake", "kontrak", "kunci induk", "folder data")


def look(tmp_path: Path, toml: str = "", **environment: str) -> dict[str, Finding]:
    file = tmp_path / "ssp.toml"
    file.write_text(toml, encoding="utf-8")
    given = {"SSP_CONFIG": str(file), "SSP_HOME": str(tmp_path / "var")} | environment
    return {f.subject: f for f in examine(load_settings(environment=given, today=date(2026, 11, 20)))}


def test_a_fresh_clone_is_in_order_and_looking_changes_nothing(tmp_path: Path) -> None:
    found = look(tmp_path)
    assert [f.text for f in found.values() if not f.ok] == []
    assert set(WORKING) <= found.keys()
    assert found["instansi pihps"].text == "tiruan"
    assert not (tmp_path / "var").exists()


def test_an_extension_of_duckdb_that_is_not_as_it_was_signed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = duck._extension
    changed = tmp_path / "ducklake.duckdb_extension"
    signed = Path(real("ducklake")).read_bytes()
    changed.write_bytes(signed[:-1] + bytes([signed[-1] ^ 1]))
    monkeypatch.setattr(duck, "_extension", lambda name: str(changed) if name == "ducklake" else real(name))
    found = look(tmp_path)
    assert not found["ekstensi ducklake"].ok
    assert "signature" in found["ekstensi ducklake"].text
    assert found["ekstensi sqlite_scanner"].ok
    with closing(duck.bare(extensions=["sqlite_scanner"])) as con, pytest.raises(duckdb.IOException, match="signature"):
        con.execute(f"LOAD {duck.literal(str(changed))}")


def test_an_agency_that_is_on_without_a_legal_basis_is_named(tmp_path: Path) -> None:
    found = look(tmp_path, "[instansi.pihps]\nlangsung = true\n")
    assert not found["instansi pihps"].ok
    assert "dasar_hukum" in found["instansi pihps"].text


def test_a_live_agency_shows_its_address_its_basis_and_the_secrets_that_are_not_set(tmp_path: Path) -> None:
    toml = '[instansi.samsat]\nlangsung = true\ndasar_hukum = "PKS 7/2026"\nurl = "https://samsat.example.invalid"\n'
    text = look(tmp_path, toml)["instansi samsat"].text
    assert "https://samsat.example.invalid" in text
    assert "PKS 7/2026" in text
    assert "SSP_SAMSAT_API_KEY" in text
    given = look(tmp_path, toml, SSP_SAMSAT_API_KEY="sangat-rahasia")["instansi samsat"].text
    assert "SSP_SAMSAT_API_KEY" not in given
    assert "sangat-rahasia" not in given


def test_an_agency_that_no_folder_knows_is_a_fault(tmp_path: Path) -> None:
    found = look(tmp_path, '[instansi.tidak_ada]\nurl = "https://example.invalid"\n')
    assert not found["ssp.toml"].ok
    assert "tidak_ada" in found["ssp.toml"].text


def test_what_lies_in_the_inbox_where_nobody_looks_is_named(tmp_path: Path) -> None:
    inbox = tmp_path / "var" / "inbox"
    (inbox / "tirtanadi" / "tiruan").mkdir(parents=True)
    assert "inbox" not in look(tmp_path)
    (inbox / "tirtanady").mkdir()
    found = look(tmp_path)["inbox"]
    assert not found.ok
    assert "tirtanady: tidak ada yang mengambil" in found.text
    assert "folder yang diambil: " in found.text
    assert "tirtanadi" in found.text.split("folder yang diambil: ")[1].split(", ")
    (inbox / "tirtanady").rmdir()
    (inbox / "Thumbs.db").touch()
    assert "inbox" not in look(tmp_path), "what Windows puts into a shared folder is nobody's delivery"
    (inbox / "laporan.xlsx").touch()
    assert "laporan.xlsx" in look(tmp_path)["inbox"].text


def test_settings_and_the_list_of_regions_must_name_one_province(tmp_path: Path) -> None:
    found = look(tmp_path, '[provinsi]\nkode_bps = "15"\nnama = "Jambi"\n')
    assert not found["provinsi"].ok


def test_a_misspelt_variable_is_found_and_its_value_is_not_shown(tmp_path: Path) -> None:
    found = look(tmp_path, SSP_SAMSAT_API_KY="sangat-rahasia", SSP_SAMSAT_API_KEY_FILE="x", SSP_TODAY="2026-11-20")
    assert not found["lingkungan"].ok
    assert found["lingkungan"].text.endswith("SSP_SAMSAT_API_KY")


def test_a_master_key_that_is_none_or_that_others_can_read_is_a_fault(tmp_path: Path) -> None:
    assert "64 hex" in look(tmp_path, SSP_MASTER_KEY="pendek")["kunci induk"].text
    key = tmp_path / "var" / "keys" / "induk.key"
    key.parent.mkdir(parents=True)
    key.write_bytes(bytes(32))
    key.chmod(0o644)
    found = look(tmp_path)["kunci induk"]
    assert not found.ok
    assert "chmod 600" in found.text


def test_a_catalogue_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    lake = tmp_path / "var" / "lake"
    lake.mkdir(parents=True)
    (lake / "catalog.sqlite").write_bytes(b"bukan basis data" * 100)
    found = look(tmp_path)["lake"]
    assert not found.ok
    assert "\n" not in found.text


def test_every_faulty_contract_of_a_further_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "lain" / "kantor"
    folder.mkdir(parents=True)
    (folder / "agency.yaml").write_text("kode: kantor\nnama: Kantor\ninstansi: Kantor\n")
    (folder / "data.odcs.yaml").write_text("apiVersion: v3.1.0\n")
    found = look(tmp_path, SSP_CONNECTORS=str(tmp_path / "lain"))["kontrak"]
    assert not found.ok
    assert "kantor/data.odcs.yaml" in found.text


def test_an_object_store_that_does_not_answer_is_a_fault_of_the_lake_and_one_line_of_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with object_store() as store:
        given = {
            "SSP_DATA_PATH": f"s3://{BUCKET}/data",
            "SSP_OBJECT_STORE_SECRET": store.secret,
            "SSP_CATALOG": f"sqlite:{tmp_path / 'katalog.sqlite'}",
        }
        contract = price_contract(tmp_path)
        settings = load_settings(environment=given | {"SSP_HOME": str(tmp_path / "var")}, today=date(2026, 11, 20))
        with closing(Lake(lake_config(settings))) as lake:
            commit(lake, contract, {DAY: [("x", 1)]})
        assert look(tmp_path, **given)["lake"].ok
        store.away = True
        found = look(tmp_path, **given)["lake"]
        for name, value in {**given, "SSP_HOME": str(tmp_path / "var")}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(click.ClickException, match=r"the lake's storage does not answer: .*HTTP 503"):
            cli.ssp(["status"], standalone_mode=False)
    assert not found.ok
    assert "HTTP 503" in found.text
