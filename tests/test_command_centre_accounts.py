"""Local accounts: made on the command line, kept in a file that only its owner may read, refused when unsound."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ssp_pipeline.command_centre.accounts import Accounts, AccountsError
from ssp_pipeline.command_centre.service import Centre
from ssp_pipeline.doctor import examine
from ssp_pipeline.settings import ROOT, load_settings
from tests.support.command_centre import PASSWORD, Visitor, is_in, options, serving, trail, with_people

# --- accounts


def ssp(home: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith("SSP_")}
    return subprocess.run(
        [sys.executable, "-c", "from ssp_pipeline.cli import main; main()", *arguments], input=given, text=True,
        env=own | {"SSP_HOME": str(home)}, cwd=ROOT, capture_output=True, timeout=60, check=False,
    )  # fmt: skip


def test_accounts_are_made_listed_disabled_and_given_another_password_from_the_command_line(tmp_path: Path) -> None:
    assert "belum ada akun" in ssp(tmp_path, "user", "list").stdout
    assert not (tmp_path / "masuk").exists(), "no account is there by itself"
    done = ssp(tmp_path, "user", "add", "sari", "--role", "instansi", "--agency", "samsat", given=PASSWORD + "\n")
    assert done.returncode == 0, done.stderr
    assert ssp(tmp_path, "user", "disable", "sari").returncode == 0
    assert json.loads(ssp(tmp_path, "user", "list", "--json").stdout)[0] | {"dibuat": ""} == {
        "nama": "sari", "tampil": "", "peran": "instansi", "instansi": "samsat", "aktif": "tidak", "dibuat": "",
    }  # fmt: skip
    accounts = Accounts(tmp_path / "masuk" / "akun.json")
    assert accounts.check("sari", PASSWORD) is None
    assert ssp(tmp_path, "user", "enable", "sari").returncode == 0
    assert ssp(tmp_path, "user", "password", "sari", given="kata-sandi-lainnya\n").returncode == 0
    assert accounts.check("sari", PASSWORD) is None
    assert accounts.check("sari", "kata-sandi-lainnya")
    assert [line["objek"] for line in trail(tmp_path)] == [
        "dibuat",
        "dinonaktifkan",
        "diaktifkan",
        "kata sandi diganti",
    ]
    for path in (tmp_path / "masuk").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    wrong = ssp(tmp_path, "user", "add", "x", "--role", "instansi", "--agency", "tidak_ada", given=PASSWORD)
    assert wrong.returncode == 2
    assert "unknown agency" in wrong.stderr
    assert ssp(tmp_path, "user", "disable", "entah").returncode == 2


@pytest.mark.parametrize(
    ("name", "password", "roles", "agencies"),
    [
        ("Gubernur", PASSWORD, ["pimpinan"], []),
        ("../x", PASSWORD, ["pimpinan"], []),
        ("gubernur", "pendek", ["pimpinan"], []),
        ("gubernur", "x" * 300, ["pimpinan"], []),
        ("gubernur", "saya-gubernur-1", ["pimpinan"], []),
        ("gubernur", PASSWORD, [], []),
        ("gubernur", PASSWORD, ["raja"], []),
        ("gubernur", PASSWORD, ["instansi"], []),
        ("gubernur", PASSWORD, ["pimpinan"], ["samsat"]),
    ],
)
def test_accounts_that_make_no_sense_are_not_made(
    tmp_path: Path, name: str, password: str, roles: list[Any], agencies: list[str]
) -> None:
    accounts = Accounts(tmp_path / "akun.json")
    with pytest.raises(AccountsError):
        accounts.add(name, password, roles, agencies)
    assert not (tmp_path / "akun.json").exists()


def test_an_account_is_not_made_twice(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path / "akun.json")
    accounts.add("gubernur", PASSWORD, ["pimpinan"])
    with pytest.raises(AccountsError, match="already"):
        accounts.add("gubernur", PASSWORD, ["operator"])


def test_a_file_of_accounts_that_others_may_read_or_that_is_none_lets_nobody_in(tmp_path: Path) -> None:
    made = with_people(tmp_path, "gubernur")
    with serving(Centre(made)) as address, Visitor(address) as visitor:
        visitor.log_in("gubernur")
        made.accounts_file.chmod(0o644)
        assert not is_in(visitor)
        assert visitor.log_in("gubernur").status_code == 401
        made.accounts_file.chmod(0o600)
        made.accounts_file.write_text("{")
        assert not is_in(visitor)
    with pytest.raises(AccountsError, match="cannot be read"), serving(Centre(made)):
        pass
    started = ssp(tmp_path, "dashboard", "--port", "0")
    assert started.returncode == 2
    assert "akun.json cannot be read" in started.stderr


def test_settings_that_lack_something_for_the_way_in_are_refused(tmp_path: Path) -> None:
    (tmp_path / "ssp.toml").write_text('[pusat]\ncara = "oidc"\nalamat = "https://pusat.example"\n')
    own = os.environ | {"SSP_HOME": str(tmp_path), "SSP_CONFIG": str(tmp_path / "ssp.toml")}
    command = [sys.executable, "-c", "from ssp_pipeline.cli import main; main()", "dashboard", "--port", "0"]
    done = subprocess.run(command, env=own, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "pusat.oidc.penerbit is needed" in done.stderr


def test_with_no_account_nobody_gets_in(tmp_path: Path) -> None:
    with serving(Centre(options(tmp_path))) as address, Visitor(address) as visitor:
        assert visitor.log_in("admin", "admin").status_code == 401


def test_the_doctor_says_who_can_log_in(tmp_path: Path) -> None:
    def said(**more: str) -> tuple[bool, str]:
        found = examine(load_settings(environment={"SSP_HOME": str(tmp_path)} | more))
        return next((f.ok, f.text) for f in found if f.subject == "pusat komando")

    assert said() == (True, "belum ada akun; `ssp user add <nama> --role operator` membuat yang pertama")
    made = with_people(tmp_path, "gubernur", "dewi")
    Accounts(made.accounts_file).set_active("dewi", False)
    assert said() == (True, "1 akun dapat masuk")
    made.accounts_file.chmod(0o640)
    assert said() == (False, "akun.json may be read by others: chmod 600 it")
    (tmp_path / "ssp.toml").write_text('[pusat]\ncara = "proksi"\n')
    ok, text = said(SSP_CONFIG=str(tmp_path / "ssp.toml"))
    assert (ok, text[:31]) == (False, "pusat.kepala.asal is needed for")
    (tmp_path / "ssp.toml").write_text('[pusat]\ncara = "proksi"\n[pusat.kepala]\nasal = ["10.0.0.5", "nginx"]\n')
    ok, text = said(SSP_CONFIG=str(tmp_path / "ssp.toml"))
    assert not ok
    assert "'nginx' is no address" in text
