"""The dead-man's switch: it notices silence, with the lake whole, locked, missing or broken, and tells it once."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from assets.delivery.recipients import REPORTS, load_recipients
from ssp_pipeline.sending import postal
from ssp_pipeline.settings import Settings, SettingsError, load_settings
from ssp_pipeline.watch import Seen, Trouble, look
from ssp_pipeline.watch_bell import Rung, ring
from tests.support.crash import ROOT, SSP
from tests.support.delivery import ONE, THREE, Office, message, small_lake
from tests.support.documents import blocks
from tests.support.mail_server import MailServer, mail_server
from warehouse import outbox
from warehouse.ops import Outcome

NOW = datetime.now(UTC).replace(microsecond=0)
LISTS = f'[peringatan]\nkritis = ["{ONE}", "{THREE}"]\n'
QUIET = "[jaga]\nlaporan_pukul = ''\ndisk_gib = 0\n"


class House:
    """A home with settings of its own; its lake holds one outcome of an hour ago."""

    def __init__(self, home: Path, toml: str = QUIET) -> None:
        self.home = home
        (home / "ssp.toml").write_text(toml)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("SSP_", "DAGSTER_"))} | {
            "SSP_CONFIG": str(home / "ssp.toml"), "SSP_HOME": str(home),
        }  # fmt: skip
        self.pulled(NOW - timedelta(hours=1))
        (home / "snapshots").mkdir()
        self.snapshot = home / "snapshots" / "latest.duckdb"
        self.snapshot.write_bytes(b"")

    @property
    def settings(self) -> Settings:
        return load_settings(environment=self.environment)

    def pulled(self, when: datetime) -> None:
        with closing(small_lake(self.home)) as lake:
            lake.record([Outcome("uji", "uji.harga", "2026-11-20", "diterima", when, when)])

    def look(self, now: datetime = NOW) -> dict[str, str]:
        return {t.kunci: t.kalimat for t in look(self.settings, now).troubles}

    def ring(self, *troubles: str, at: timedelta = timedelta(0), unknown: tuple[str, ...] = ()) -> Rung:
        seen = Seen([Trouble(name, f"{name} rusak.") for name in troubles], set(unknown))
        rung = ring(self.home / "jaga", seen, postal(self.settings), NOW + at)
        assert rung is not None
        return rung

    def mails(self) -> list[str]:
        """Subjects of what was written for the default recipient, oldest first."""
        files = sorted((self.home / "kotak_keluar" / "terkirim").glob("*.eml"))
        return [message_from_bytes(f.read_bytes(), policy=policy.default)["Subject"] for f in files]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_an_installation_that_works_is_left_alone(house: House) -> None:
    assert house.look() == {}


def test_silence_is_noticed_by_what_did_not_happen(house: House) -> None:
    found = house.look(NOW + timedelta(hours=60))
    assert set(found) == {"diam", "cuplikan"}
    assert "lebih dari 26 jam" in found["diam"]
    assert "lebih dari 50 jam" in found["cuplikan"]


def test_a_lake_that_another_process_writes_is_no_trouble(house: House) -> None:
    with closing(small_lake(house.home)) as lake, lake.writer_lock():
        lake.con.execute("BEGIN")
        lake.con.execute("CREATE TABLE lake.core.uji AS SELECT 1 AS a")
        assert house.look() == {}
        lake.con.execute("ROLLBACK")


@pytest.mark.parametrize("harm", ["hilang", "rusak", "kosong"])
def test_a_lake_that_is_missing_or_broken_is_told_and_stops_no_other_look(house: House, harm: str) -> None:
    catalogue = house.home / "lake" / "catalog.sqlite"
    for beside in ("-wal", "-shm"):
        Path(f"{catalogue}{beside}").unlink(missing_ok=True)
    if harm == "hilang":
        catalogue.unlink()
    else:
        catalogue.write_bytes(b"bukan basis data " * 500 if harm == "rusak" else b"")
    house.snapshot.unlink()
    assert set(house.look()) == {"lake", "cuplikan"}


def test_a_full_disk_a_missing_report_and_a_dead_daemon_are_noticed(tmp_path: Path) -> None:
    house = House(tmp_path, '[jaga]\nlaporan_pukul = "00.00"\ndisk_gib = 1e9\n')
    runs = tmp_path / "dagster" / "history" / "runs.db"
    runs.parent.mkdir(parents=True)
    with closing(sqlite3.connect(runs)) as con:
        con.execute("CREATE TABLE daemon_heartbeats (daemon_type TEXT, timestamp TEXT)")
        con.execute(
            "INSERT INTO daemon_heartbeats VALUES ('SENSOR', ?)", [f"{NOW - timedelta(hours=1):%Y-%m-%d %H:%M:%S}"]
        )
        con.commit()
    assert set(house.look()) == {"disk", "laporan:buat", "daemon"}
    with closing(sqlite3.connect(runs)) as con:
        con.execute("UPDATE daemon_heartbeats SET timestamp = ?", [f"{NOW:%Y-%m-%d %H:%M:%S}.123456"])
        con.commit()
    assert "daemon" not in house.look()


def test_a_report_that_was_made_and_reached_nobody_is_noticed_and_a_held_one_is_not(tmp_path: Path) -> None:
    house = House(tmp_path, '[jaga]\nlaporan_pukul = "00.00"\ndisk_gib = 0\n')
    day = (NOW + timedelta(hours=7)).date().isoformat()
    (tmp_path / "laporan" / "harian" / day / "v1").mkdir(parents=True)
    assert set(house.look()) == {"laporan:kirim"}
    office = Office(tmp_path)
    with closing(office.lake):
        office.queue(message(f"harian/{day}/v1", not_before=NOW - timedelta(hours=2)))
        assert set(house.look()) == {"laporan:kirim", "pengiriman"}
        outbox.cancel(office.lake, office.folder, f"harian/{day}/v1", "ditahan", "uji")
        assert house.look() == {}
        office.queue(message(f"harian/{day}/v1", not_before=NOW - timedelta(hours=2)))
        office.now = NOW
        office.deliver()
    assert house.look() == {}


def test_each_trouble_is_told_once_when_it_begins_and_once_when_it_is_over(house: House) -> None:
    assert house.ring("lake", "disk").began == ["lake rusak.", "disk rusak."]
    for minutes in (10, 20, 30):
        again = house.ring("lake", "disk", at=timedelta(minutes=minutes))
        assert (again.began, again.ended, len(again.open)) == ([], [], 2)
    assert house.ring("disk", at=timedelta(minutes=40)).ended == []
    assert house.ring("disk", at=timedelta(minutes=70)).ended == ["lake rusak."]
    assert house.mails() == ["[Kritis] Penjaga: lake rusak.", "[Selesai] Penjaga: lake rusak."]


def test_a_trouble_that_comes_and_goes_is_one_trouble(house: House) -> None:
    for minutes in range(0, 120, 20):
        house.ring(*(["disk"] if minutes % 40 == 0 else []), at=timedelta(minutes=minutes))
    assert len(house.mails()) == 1


def test_what_cannot_be_seen_is_not_taken_for_mended(house: House) -> None:
    house.ring("diam")
    for minutes in (10, 60, 600):
        assert house.ring(at=timedelta(minutes=minutes), unknown=("diam",)).ended == []


def test_a_state_that_was_damaged_tells_again_rather_than_never(house: House) -> None:
    house.ring("disk")
    (house.home / "jaga" / "keadaan.json").write_bytes(b'{"open": ')
    assert house.ring("disk", at=timedelta(minutes=10)).began == ["disk rusak."]
    assert len(house.mails()) == 2


def test_a_state_that_cannot_be_kept_stops_no_telling(house: House) -> None:
    (house.home / "jaga").write_text("sebuah berkas di tempat folder")
    rung = house.ring("disk")
    assert not rung.kept
    assert len(house.mails()) == 1


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server(MailServer()) as running:
        yield running


def by_mail(house: House, server: MailServer) -> House:
    (house.home / "penerima.toml").write_text(LISTS)
    (house.home / "ssp.toml").write_text(
        f'{QUIET}[kirim]\nhost = "127.0.0.1"\nport = {server.port}\ntls = "tanpa"\npengirim = "ssp@sumut.example"\n'
    )
    return house


def test_who_could_not_be_told_is_told_later_and_the_others_not_again(house: House, server: MailServer) -> None:
    server.replies = {THREE: ["451 later", "250 OK"]}
    by_mail(house, server)
    assert house.ring("disk").waiting == [f"{THREE}: RCPT: 451 later"]
    assert house.ring("disk", at=timedelta(minutes=10)).waiting == []
    house.ring("disk", at=timedelta(minutes=20))
    assert sorted(m.recipient for m in server.mails) == sorted([ONE, THREE])
    assert server.of(ONE)[0].parsed["Message-ID"] == server.of(THREE)[0].parsed["Message-ID"]


@pytest.mark.parametrize(("step", "copies"), [("watch.noted", 1), ("watch.sent", 2)])
def test_a_kill_tells_everybody_once_but_in_the_one_window(
    house: House, server: MailServer, step: str, copies: int
) -> None:
    by_mail(house, server)
    house.snapshot.unlink()
    command = [sys.executable, "-c", "from ssp_pipeline.cli import main; main()", "watch"]
    killed = subprocess.run(
        command, env=house.environment | {"SSP_CRASH_AT": step}, cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = subprocess.run(command, env=house.environment, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert again.returncode == 3, again.stderr
    assert len(server.of(THREE)) == 1
    assert len(server.of(ONE)) == copies
    assert len({m.content for m in server.of(ONE)}) == 1


def test_the_command_says_by_its_code_whether_all_is_well_and_is_silent_when_nothing_is_new(house: House) -> None:
    def run() -> tuple[int, str]:
        done = subprocess.run(
            [SSP, "watch"], env=house.environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout

    assert run() == (0, "")
    house.snapshot.unlink()
    code, said = run()
    assert code == 3
    assert said.startswith("mulai: Cuplikan analis tidak ada")
    assert run() == (3, "")


def test_a_mail_server_without_recipients_is_a_wrong_setting(house: House, server: MailServer) -> None:
    by_mail(house, server)
    (house.home / "penerima.toml").unlink()
    with pytest.raises(SettingsError, match="recipients"):
        postal(house.settings)
    (house.home / "penerima.toml").write_text(LISTS)
    (house.home / "ssp.toml").write_text('[kirim]\nhost = "mail.sumut.example"\n')
    with pytest.raises(SettingsError, match="pengirim"):
        postal(house.settings)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('[kirim]\nhost = "mail.example"\ntls = "tanpa"\n', "on this machine"),
        ('[kirim]\nwebhook = {pusat = "http://luar.example/x?token=rahasia"}\n', "webhook pusat must begin with https"),
        ('[kirim]\nwebhook = {"Pusat Data" = "https://a.example"}\n', "webhook"),
    ],
)
def test_nothing_is_sent_in_the_clear_by_setting(house: House, toml: str, said: str) -> None:
    (house.home / "ssp.toml").write_text(toml)
    with pytest.raises(SettingsError, match=said) as error:
        _ = house.settings
    assert "rahasia" not in str(error.value)


def test_the_files_that_the_guide_shows_are_taken(house: House) -> None:
    shown = {b.info: b.body for b in blocks(ROOT / "docs" / "delivery.md") if b.language == "toml"}
    (house.home / "penerima.toml").write_text(shown["penerima"])
    (house.home / "ssp.toml").write_text(shown["pengaturan"])
    made = postal(house.settings)
    assert made.server is not None
    assert set(made.hooks) == {"pusat"}
    lists = load_recipients(made.recipients)
    assert {kind: len(lists.of_report(kind)) for kind in REPORTS} == {"harian": 2, "mingguan": 1, "bulanan": 1}
    assert lists.of_alert("kritis")[-1] == "webhook:pusat"


def test_credentials_come_from_the_environment_or_a_file_and_are_in_no_repr(house: House, tmp_path: Path) -> None:
    (house.home / "penerima.toml").write_text(LISTS)
    (house.home / "ssp.toml").write_text(
        '[kirim]\nhost = "localhost"\npengirim = "ssp@sumut.example"\nwebhook = {pusat = ""}\n'
    )
    (tmp_path / "sandi").write_text("kata-sandi-rahasia\n")
    house.environment |= {
        "SSP_SMTP_USER": "ssp", "SSP_SMTP_PASSWORD_FILE": str(tmp_path / "sandi"),
        "SSP_WEBHOOK_PUSAT": "kunci-rahasia", "SSP_WEBHOOK_PUSAT_URL": "https://hook.example/rahasia",
    }  # fmt: skip
    made = postal(house.settings)
    assert made.server is not None
    assert made.server.password == "kata-sandi-rahasia"
    assert made.hooks["pusat"].url == "https://hook.example/rahasia"
    assert "rahasia" not in repr(made)
    del house.environment["SSP_SMTP_USER"]
    with pytest.raises(SettingsError, match="belong together"):
        postal(house.settings)
