"""Telling of early warnings: each start, rise and end once, whatever runs in between, rolled up by cause, by level."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import orjson
import pytest
import yaml

from assets.deliver import deliver_asset, tell_and_deliver
from assets.delivery.post import deliver
from assets.delivery.recipients import DEFAULT_RECIPIENT, RecipientsError, load_recipients
from assets.delivery.telling import tell
from tests.support.delivery import Office
from warehouse import alerts, outbox
from warehouse.alert_rules import Rule, find_rules
from warehouse.lake import Lake, LakeWriteError

DAY = date(2026, 11, 21)
COLUMNS = {"kunci": "VARCHAR", "sebab": "VARCHAR", "tingkat": "VARCHAR", "asal": "VARCHAR"}
SQL = """SELECT kunci, 1 AS nilai, 0 AS ambang, sebab, tingkat, asal AS asal_data, NULL AS dataset, NULL AS partisi
    FROM core.fct_uji WHERE $hari IS NOT NULL"""
LISTS = """
[peringatan]
info = ["semua@sumut.example"]
waspada = ["opd@sumut.example"]
kritis = ["sekda@sumut.example", "webhook:pusat"]
"""


class Place(Office):
    """An office whose alerts are the rows of one table, judged and told as a run does."""

    def __init__(self, home: Path, title: str = "Harga naik") -> None:
        super().__init__(home)
        self.lake.transaction(lambda tx: tx.create_table("core.fct_uji", COLUMNS, None))
        folder = home / "aturan" / "uji"
        folder.mkdir(parents=True)
        (folder / "agency.yaml").write_text("{kode: uji, nama: Kantor Uji, instansi: Kantor, opd: Biro Uji}")
        rule = {"nama": "uji", "judul": title, "tingkat": "waspada", "sql": SQL, "sebab": "{sebab}",
                "kalimat": "{kunci} naik."}  # fmt: skip
        (folder / "aturan.yaml").write_text(yaml.safe_dump({"aturan": [rule]}))
        self.rules: tuple[Rule, ...] = find_rules([home / "aturan"], home)

    def wrong(self, *rows: tuple[str, str, str], origin: str = "resmi") -> "Place":
        """From now on this is wrong: (key, cause, level)."""
        self.lake.transaction(lambda tx: tx.con.execute("DELETE FROM lake.core.fct_uji"))
        for key, cause, level in rows:
            self.lake.query("INSERT INTO lake.core.fct_uji VALUES (?, ?, ?, ?)", [key, cause, level, origin])
        return self

    def run(self) -> int:
        """Judge and tell, an hour after the last time; gives how many messages are new."""
        self.later(hours=1)
        alerts.judge(self.lake, self.rules, DAY, self.now, "uji", "Biro")
        return tell(self.lake, self.postal, "uji", self.now)

    def told(self) -> list[tuple[str, str]]:
        """Recipient and subject of every message, in the order of queueing."""
        rows = outbox.states(self.lake, self.folder).sort("waktu", "kunci", "penerima")
        return [
            (row["penerima"], self.words(row["isi"]).splitlines()[0])
            for row in rows.iter_rows(named=True)
            if not row["penerima"].startswith("webhook:")
        ]

    def words(self, digest: str) -> str:
        mail = message_from_bytes(outbox.body(self.folder, digest), policy=policy.default)
        body = mail.get_body(("plain",))  # type: ignore[attr-defined]
        return f"{mail['Subject']}\n{body.get_content()}"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    made.postal.recipients.write_text(LISTS)
    with closing(made.lake):
        yield made


def test_the_same_alert_on_ten_runs_is_told_once_and_its_end_once(place: Place) -> None:
    place.wrong(("Cabai", "harga", "waspada"))
    assert [place.run() for _ in range(10)] == [1] + [0] * 9
    place.wrong()
    assert [place.run() for _ in range(10)] == [1] + [0] * 9
    assert place.told() == [
        ("opd@sumut.example", "[Waspada] Harga naik"),
        ("semua@sumut.example", "[Waspada] Harga naik"),
        ("opd@sumut.example", "[Selesai] Harga naik"),
        ("semua@sumut.example", "[Selesai] Harga naik"),
    ]


def test_another_life_of_the_same_alert_is_told_anew(place: Place) -> None:
    told = [place.wrong(*rows).run() for rows in ([("Cabai", "harga", "info")], [], [("Cabai", "harga", "info")])]
    assert told == [1, 1, 1]


def test_alerts_of_one_cause_are_one_message_and_those_of_others_are_others(place: Place) -> None:
    place.wrong(("Cabai", "harga", "waspada"), ("Beras", "harga", "info"), ("UPT Binjai", "pendapatan", "info"))
    assert place.run() == 2
    subjects = dict(place.told()[::-1])
    assert subjects["opd@sumut.example"] == "[Waspada] Harga naik (2)"
    assert [r for r, _ in place.told()].count("semua@sumut.example") == 2


def test_each_list_gets_its_level_and_graver_ones_and_webhooks_a_document(place: Place) -> None:
    place.wrong(("Cabai", "harga", "kritis"))
    assert place.run() == 2
    assert {r for r, _ in place.told()} == {"sekda@sumut.example", "opd@sumut.example", "semua@sumut.example"}
    rows = outbox.states(place.lake, place.folder)
    [digest] = rows.filter(rows["penerima"] == "webhook:pusat")["isi"]
    document = orjson.loads(outbox.body(place.folder, digest))
    assert document["tingkat"] == "kritis"
    assert document["peringatan"][0]["kalimat"] == "Cabai naik."
    assert document["text"].startswith("[Kritis] Harga naik\n")


def test_an_alert_that_becomes_graver_is_told_to_those_who_were_not_told_before(place: Place) -> None:
    place.wrong(("Cabai", "harga", "info")).run()
    assert {r for r, _ in place.told()} == {"semua@sumut.example"}
    assert place.wrong(("Cabai", "harga", "kritis")).run() == 2
    assert "sekda@sumut.example" in {r for r, _ in place.told()}
    assert place.wrong(("Cabai", "harga", "info")).run() == 0
    assert place.wrong(("Cabai", "harga", "kritis")).run() == 0
    place.wrong().run()
    assert ("sekda@sumut.example", "[Selesai] Harga naik") in place.told()


def test_a_message_says_whose_task_it_is_and_never_passes_made_up_data_for_an_agency_s(place: Place) -> None:
    place.wrong(("Cabai", "harga", "waspada"), origin="tiruan").run()
    [digest] = outbox.states(place.lake, place.folder)["isi"].unique()
    words = place.words(digest)
    assert "[data tiruan]" in words.splitlines()[0]
    assert "- Cabai naik. (data tiruan) Tugas: Biro Uji." in words


def test_a_title_of_several_lines_is_one_line_of_the_subject_and_adds_no_header(tmp_path: Path) -> None:
    place = Place(tmp_path, title="Harga naik\r\nBcc: luar@contoh.example\n")
    place.postal.recipients.write_text(LISTS)
    with closing(place.lake):
        assert place.wrong(("Cabai", "harga", "info")).run() == 1
        assert place.told() == [("semua@sumut.example", "[Info] Harga naik Bcc: luar@contoh.example")]
        [digest] = outbox.states(place.lake, place.folder)["isi"]
        assert message_from_bytes(outbox.body(place.folder, digest))["Bcc"] is None


def test_an_alert_that_came_and_went_unseen_is_told_by_its_end_unless_it_is_no_news(place: Place) -> None:
    place.wrong(("Cabai", "harga", "waspada"))
    alerts.judge(place.lake, place.rules, DAY, place.now, "uji", "Biro")
    place.wrong()
    alerts.judge(place.lake, place.rules, DAY, place.now + timedelta(minutes=1), "uji", "Biro")
    assert tell(place.lake, place.postal, "uji", place.now + timedelta(days=2)) == 0
    assert tell(place.lake, place.postal, "uji", place.now + timedelta(hours=2)) == 1


def test_nobody_on_the_lists_is_told_nothing_now_and_nothing_when_somebody_is_put_on_them(place: Place) -> None:
    place.postal.recipients.write_text("[peringatan]\ninfo = []\n")
    place.wrong(("Cabai", "harga", "kritis"))
    assert place.run() == 0
    place.postal.recipients.write_text(LISTS)
    assert place.run() == 0
    assert place.wrong(("Cabai", "harga", "kritis"), ("Beras", "harga", "info")).run() == 1


def test_a_new_process_and_an_outbox_that_was_emptied_tell_nothing_twice(place: Place, tmp_path: Path) -> None:
    place.wrong(("Cabai", "harga", "waspada")).run()
    assert deliver(place.lake, place.postal, "uji", lambda: place.now).counts == {"terkirim": 2}
    place.lake.close()
    other = Lake(place.lake.config)
    with closing(other):
        assert tell(other, place.postal, "lain", place.now + timedelta(hours=1)) == 0
        assert deliver(other, place.postal, "lain", lambda: place.now).counts == {}


def test_without_a_file_everything_is_for_one_address_that_no_mail_can_reach(tmp_path: Path) -> None:
    lists = load_recipients(tmp_path / "penerima.toml")
    assert lists.of_alert("info") == lists.of_alert("kritis") == lists.of_report("harian") == (DEFAULT_RECIPIENT,)
    assert DEFAULT_RECIPIENT.endswith(".invalid")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[laporan]\nharian = ['bukan alamat']", "laporan.harian: 'bukan alamat'"),
        ("[laporan]\nharian = ['a@b.id\\nBcc: x@y.id']", "laporan.harian"),
        ('[laporan]\nharian = ["a@b.id\\nBcc: x@y.id"]', "laporan.harian"),
        ("[laporan]\nharian = 'a@b.id'", "laporan.harian is a list"),
        ("[laporan]\nharian = ['webhook:pusat']", "laporan.harian: 'webhook:pusat' is no address"),
        ("[laporan]\ntahunan = []", "laporan.tahunan is none of"),
        ("[peringatan]\ngawat = []", "peringatan.gawat is none of"),
        ("[lain]\n", "unknown section: lain"),
        ("[laporan\n", "penerima.toml: "),
    ],
)
def test_a_faulty_list_is_named_and_nothing_is_guessed(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "penerima.toml"
    path.write_text(text)
    with pytest.raises(RecipientsError, match=said):
        load_recipients(path)


def run_asset(place: Place) -> dg.ExecuteInProcessResult:
    workspace = SimpleNamespace(lake=place.lake, run_id="uji")
    asset = deliver_asset([], lambda: workspace, lambda: place.postal)  # type: ignore[arg-type, return-value]
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    return dg.materialize([asset], raise_on_error=False, run_config=quiet)


def test_the_asset_tells_and_sends_and_runs_again_without_a_message(place: Place) -> None:
    place.wrong(("Cabai", "harga", "waspada"))
    alerts.judge(place.lake, place.rules, DAY, place.now, "uji", "Biro")
    for told, sent in ((1, {"terkirim": 2}), (0, {})):
        [event] = run_asset(place).get_asset_materialization_events()
        metadata = event.step_materialization_data.materialization.metadata
        assert (metadata["pesan_peringatan"].value, metadata["peristiwa"].value) == (told, sent)


def test_a_faulty_list_of_recipients_stops_no_report_and_fails_the_step(place: Place) -> None:
    place.queue()
    place.postal.recipients.write_text("[peringatan]\ngawat = []\n")
    assert not run_asset(place).success
    assert set(place.states().values()) == {"terkirim"}


def test_a_lake_that_cannot_be_written_keeps_no_report_from_being_sent(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise LakeWriteError("no space left")

    place.queue()
    place.wrong(("Cabai", "harga", "waspada"))
    alerts.judge(place.lake, place.rules, DAY, place.now, "uji", "Biro")
    workspace = SimpleNamespace(lake=place.lake, run_id="uji")
    with monkeypatch.context() as patch:
        patch.setattr("assets.delivery.telling.outbox.queue", full)
        done = tell_and_deliver(workspace, place.postal)  # type: ignore[arg-type]
    assert (done.told, done.untold, done.sent.counts) == (0, "no space left", {"terkirim": 3})


def test_times_of_events_are_kept_as_they_were(place: Place) -> None:
    place.wrong(("Cabai", "harga", "waspada")).run()
    rows = place.lake.query("SELECT waktu FROM lake.ops.peringatan_disampaikan")
    assert rows["waktu"][0] == datetime(2026, 11, 21, 1, tzinfo=UTC)
