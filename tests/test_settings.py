"""Settings: what the file and the environment may say, and that every mistake is named before anything runs."""

from datetime import date
from pathlib import Path

import pytest

from ssp_pipeline.settings import ROOT, Settings, SettingsError, load_settings


def settings_of(tmp_path: Path, toml: str = "", **environment: str) -> Settings:
    file = tmp_path / "ssp.toml"
    file.write_text(toml, encoding="utf-8")
    return load_settings(environment={"SSP_CONFIG": str(file), "SSP_HOME": str(tmp_path / "var"), **environment})


def test_without_any_setting_all_data_lies_below_one_folder_of_the_repository() -> None:
    settings = load_settings(environment={})
    assert settings.home == ROOT / "var"
    for path in (settings.archive, settings.keys, settings.inbox, settings.snapshots, settings.dagster_home):
        assert path.parent == settings.home
    assert settings.catalog == f"sqlite:{settings.home / 'lake' / 'catalog.sqlite'}"
    assert settings.roots == (ROOT / "connectors",)


def test_a_home_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "berkas"
    file.write_text("")
    for home in (file, file / "rumah"):
        with pytest.raises(SettingsError, match=r"SSP_HOME .* no folder"):
            load_settings(environment={"SSP_HOME": str(home)})


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    toml = '[penyimpanan]\nkatalog = "sqlite:dari-berkas"\ndata = "dari-berkas"\n'
    assert settings_of(tmp_path, toml).catalog == "sqlite:dari-berkas"
    chosen = settings_of(tmp_path, toml, SSP_CATALOG="postgres:dbname=lake", SSP_DATA_PATH="s3://lake/data")
    assert (chosen.catalog, chosen.data_path) == ("postgres:dbname=lake", "s3://lake/data")


def test_the_command_line_goes_before_the_environment_and_a_fixed_day_is_known_as_such(tmp_path: Path) -> None:
    environment = {"SSP_CONFIG": str(ROOT / "ssp.toml"), "SSP_TODAY": "2026-11-20"}
    assert load_settings(environment=environment).today == date(2026, 11, 20)
    assert load_settings(environment=environment, today=date(2026, 1, 2)).today == date(2026, 1, 2)
    assert load_settings(environment=environment).today_fixed
    assert not settings_of(tmp_path).today_fixed


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("[http]\nbatas_baca = 3\n", "http.batas_baca"),
        ("[http]\nbatas_total_detik = 0\n", "http.batas_total_detik"),
        ("[http]\npercobaan = 0\n", "http.percobaan"),
        ('[penyimpanan]\nkatalog = "mysql:x"\n', "penyimpanan.katalog"),
        ('[penyimpanan]\nmemori = "banyak"\n', "penyimpanan.memori"),
        ('[provinsi]\nkode_bps = "1271"\n', "provinsi.kode_bps"),
        ("[instansi.pihps]\nlangsug = true\n", "instansi.pihps.langsug"),
        ("[http\n", "ssp.toml"),
    ],
)
def test_a_wrong_key_or_value_of_the_file_is_named(tmp_path: Path, toml: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named.replace(".", r"\.")):
        settings_of(tmp_path, toml)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SSP_TODAY", "20 November"),
        ("SSP_SEED", "satu"),
        ("SSP_CATALOG", "mysql:x"),
        ("SSP_CONNECTORS", "tidak/ada"),
        ("SSP_REPLAY", "tidak/ada"),
        ("SSP_CONFIG", "tidak/ada.toml"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        settings_of(tmp_path, **{variable: value})


def test_a_secret_comes_from_its_variable_or_from_a_file_and_is_in_no_representation(tmp_path: Path) -> None:
    file = tmp_path / "rahasia"
    file.write_text("dari-berkas\n")
    settings = settings_of(tmp_path, SSP_SAMSAT_API_KEY_FILE=str(file), SSP_MASTER_KEY="dari-lingkungan")
    assert settings.secret("SSP_SAMSAT_API_KEY") == "dari-berkas"
    assert settings.secret("SSP_MASTER_KEY") == "dari-lingkungan"
    assert settings.secret("SSP_EPOKIR_SANDI") is None
    assert "dari-" not in repr(settings)


def test_the_catalogue_with_its_password_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "katalog"
    file.write_text("postgres:dbname=lake password=rahasia\n")
    assert settings_of(tmp_path, SSP_CATALOG_FILE=str(file)).catalog == "postgres:dbname=lake password=rahasia"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe\x00"])
def test_a_secret_file_that_holds_no_secret_is_an_error_and_not_an_empty_secret(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "rahasia"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match="SSP_SAMSAT_API_KEY_FILE"):
        settings_of(tmp_path, SSP_SAMSAT_API_KEY_FILE=str(file)).secret("SSP_SAMSAT_API_KEY")


def test_a_live_host_is_off_until_its_legal_basis_is_written_down(tmp_path: Path) -> None:
    assert not settings_of(tmp_path).is_live("pihps")
    with pytest.raises(SettingsError, match="dasar_hukum"):
        settings_of(tmp_path, '[instansi.pihps]\nlangsung = true\ndasar_hukum = "  "\n').is_live("pihps")
    assert settings_of(tmp_path, '[instansi.pihps]\nlangsung = true\ndasar_hukum = "PKS 1/2026"\n').is_live("pihps")
