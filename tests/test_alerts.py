"""Early warning: an alert starts once, changes, pauses and ends; a rule that fails ends nothing; files are checked."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.lake import open_lake
from warehouse import alerts
from warehouse.alert_rules import Rule, RuleError, find_rules
from warehouse.alerts import BROKEN, Event, Firing, current, judge, new_events, rehearse, step
from warehouse.lake import Lake

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 5, tzinfo=UTC)
OPD = "Dinas Komunikasi dan Informatika"
COLUMNS = {"kunci": "VARCHAR", "tanggal": "DATE", "harga": "DECIMAL(18,2)"}
SQL = """SELECT kunci, harga AS nilai, 50000 AS ambang, tanggal, 'tiruan' AS asal_data, 'uji.harga' AS dataset,
    CAST(tanggal AS VARCHAR) AS partisi FROM core.fct_uji WHERE harga > 50000 AND tanggal <= $hari
    QUALIFY row_number() OVER (PARTITION BY kunci ORDER BY tanggal DESC) = 1"""
SENTENCE = "{kunci} {nilai:rupiah} pada {tanggal:tanggal}, di atas {ambang:rupiah}."


def rule_file(folder: Path, calm: int = 0, agency: str = "uji", **change: Any) -> Path:
    """An agency's folder with one rule over `core.fct_uji`; `change` replaces keys of the rule."""
    import yaml

    place = folder / agency
    place.mkdir(parents=True, exist_ok=True)
    (place / "agency.yaml").write_text(f"{{kode: {agency}, nama: Kantor Uji, instansi: Kantor, opd: Biro Uji}}")
    rule = {"nama": "mahal", "judul": "Mahal", "tingkat": "waspada", "sql": SQL, "kalimat": SENTENCE,
            "sebab": "harga:{kunci}", "tenang_jam": calm} | change  # fmt: skip
    rule = {key: value for key, value in rule.items() if value is not None}
    (place / "aturan.yaml").write_text(yaml.safe_dump({"aturan": [rule]}))
    return folder


class Place:
    """A lake with `core.fct_uji`, and the rules of a temporary folder."""

    def __init__(self, home: Path):
        self.home = home
        self.lake: Lake = open_lake(home / "lake")
        self.lake.transaction(lambda tx: tx.create_table("core.fct_uji", COLUMNS, None))

    def rules(self, calm: int = 0, **change: Any) -> tuple[Rule, ...]:
        return find_rules([rule_file(self.home / "lain", calm, **change)], self.home)

    def put(self, *rows: tuple[str, date, int]) -> None:
        values = ", ".join(f"('{key}', DATE '{day}', {price})" for key, day, price in rows)
        self.lake.transaction(lambda tx: tx.con.execute("DELETE FROM lake.core.fct_uji"))
        if rows:
            self.lake.transaction(lambda tx: tx.con.execute(f"INSERT INTO lake.core.fct_uji VALUES {values}"))

    def judge(self, rules: tuple[Rule, ...], hours: float = 0, day: date = DAY) -> list[tuple[str, str]]:
        """Judge some hours after noon; gives what happened to which key."""
        done = judge(self.lake, rules, day, NOON + timedelta(hours=hours), f"uji-{hours}", OPD)
        return [(e.peristiwa, e.kunci) for e in done.events]


@pytest.fixture(scope="module")
def one_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("peringatan"))
    yield made
    made.lake.close()


@pytest.fixture
def place(one_place: Place) -> Place:
    """The one lake of these tests, with no rows and no alerts."""
    one_place.put()
    one_place.lake.transaction(lambda tx: tx.con.execute("DELETE FROM lake.ops.peringatan"))
    return one_place


def test_an_alert_starts_once_says_what_the_numbers_say_and_ends(place: Place) -> None:
    rules = place.rules()
    place.put(("Cabai", DAY, 60000), ("Beras", DAY, 14000))
    assert place.judge(rules) == [("mulai", "Cabai")]
    (alert,) = current(place.lake)
    assert alert.kalimat == "Cabai Rp60.000 pada Jumat, 20 November 2026, di atas Rp50.000."
    assert (alert.tingkat, alert.opd, alert.sebab) == ("waspada", "Biro Uji", "harga:Cabai")
    assert (alert.nilai, alert.ambang, alert.dataset, alert.partisi_data) == (60000, 50000, "uji.harga", "2026-11-20")
    assert place.judge(rules, 1) == []
    place.put()
    assert place.judge(rules, 2) == [("selesai", "Cabai")]
    assert current(place.lake) == []
    assert place.judge(rules, 3) == []


def test_other_figures_are_a_change_of_the_same_alert(place: Place) -> None:
    rules = place.rules()
    place.put(("Cabai", DAY, 60000))
    place.judge(rules)
    place.put(("Cabai", DAY, 61000))
    assert place.judge(rules, 1) == [("ubah", "Cabai")]
    (alert,) = current(place.lake)
    assert (alert.urutan, alert.nilai) == (2, 61000)


def test_an_alert_with_a_time_of_calm_pauses_before_it_ends_and_does_not_start_anew(place: Place) -> None:
    rules = place.rules(calm=24)
    place.put(("Cabai", DAY, 60000))
    place.judge(rules)
    place.put()
    assert place.judge(rules, 1) == [("reda", "Cabai")]
    assert place.judge(rules, 20) == []
    place.put(("Cabai", DAY, 60000))
    assert place.judge(rules, 21) == [("ubah", "Cabai")]
    place.put()
    assert place.judge(rules, 22) == [("reda", "Cabai")]
    assert place.judge(rules, 45) == []
    assert place.judge(rules, 46) == [("selesai", "Cabai")]
    assert len({e.nomor for e in new_events(place.lake, NOON - timedelta(days=1))}) == 1


def test_what_fires_again_after_its_end_is_a_new_alert(place: Place) -> None:
    rules = place.rules()
    for hours in (0, 2):
        place.put(("Cabai", DAY, 60000))
        assert place.judge(rules, hours) == [("mulai", "Cabai")]
        place.put()
        assert place.judge(rules, hours + 1) == [("selesai", "Cabai")]
    told = new_events(place.lake, NOON - timedelta(days=1))
    assert [(e.peristiwa, e.urutan) for e in told] == [("mulai", 1), ("selesai", 2)] * 2
    assert len({e.nomor for e in told}) == 2


def test_only_starts_and_ends_after_the_instant_are_told(place: Place) -> None:
    rules = place.rules()
    place.put(("Cabai", DAY, 60000))
    place.judge(rules)
    place.put(("Cabai", DAY, 61000), ("Beras", DAY, 51000))
    place.judge(rules, 1)
    assert [(e.peristiwa, e.kunci) for e in new_events(place.lake, NOON)] == [("mulai", "Beras")]


def test_a_rule_that_cannot_be_judged_ends_nothing_and_is_an_alert_itself_until_it_works(place: Place) -> None:
    good = place.rules()
    place.put(("Cabai", DAY, 60000))
    place.judge(good)
    place.put()
    broken = place.rules(sql=SQL.replace("harga AS nilai", "tidak_ada AS nilai"))
    assert place.judge(broken, 1) == [("mulai", "mahal")]
    held = {e.aturan: e for e in current(place.lake)}
    assert held.keys() == {"mahal", BROKEN}
    assert (held[BROKEN].tingkat, held[BROKEN].opd) == ("kritis", OPD)
    assert "tidak_ada" in held[BROKEN].kalimat
    assert place.judge(good, 2) == [("selesai", "mahal"), ("selesai", "Cabai")]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (SQL.replace("QUALIFY", "AND true --"), "Cabai ada dua kali"),
        (SQL.replace("SELECT kunci", "SELECT NULL AS kunci"), "kunci kosong"),
        (SQL.replace("tanggal, 'tiruan'", "tanggal, 'gawat' AS tingkat, 'tiruan'"), "tingkat gawat"),
        (SQL.replace("harga AS nilai", "kunci AS nilai"), "Cabai"),
        (SQL.replace("50000 AS ambang", "tanggal AS ambang"), "Cabai"),
    ],
)
def test_rows_that_no_alert_can_be_made_of_are_a_broken_rule(place: Place, sql: str, reason: str) -> None:
    place.put(("Cabai", DAY, 60000), ("Cabai", DAY - timedelta(days=1), 61000))
    rules = place.rules(sql=sql, kalimat="{kunci} {nilai:rupiah}")
    done = judge(place.lake, rules, DAY, NOON, "uji", OPD)
    assert reason in done.failed["mahal"]
    assert [e.aturan for e in done.events] == [BROKEN]


def test_the_alerts_of_a_rule_that_was_taken_away_end(place: Place) -> None:
    place.put(("Cabai", DAY, 60000))
    place.judge(place.rules())
    assert place.judge((), 1) == [("selesai", "Cabai")]


def test_a_row_may_bring_its_own_task_and_level(place: Place) -> None:
    place.put(("Cabai", DAY, 60000))
    place.judge(place.rules(sql=SQL.replace("tanggal, 'tiruan'", "tanggal, 'kritis' AS tingkat, 'X' AS opd, 'tiruan'")))
    (alert,) = current(place.lake)
    assert (alert.tingkat, alert.opd) == ("kritis", "X")


def test_a_partition_given_as_a_date_is_kept_as_its_key(place: Place) -> None:
    place.put(("Cabai", DAY, 60000))
    place.judge(place.rules(sql=SQL.replace("CAST(tanggal AS VARCHAR) AS partisi", "tanggal AS partisi")))
    assert [e.partisi_data for e in current(place.lake)] == [DAY.isoformat()]


def test_a_rehearsal_tells_what_past_days_would_have_said_and_keeps_nothing(place: Place) -> None:
    days = [DAY - timedelta(days=n) for n in range(4, -1, -1)]
    prices = [40000, 60000, 70000, 40000, 60000]
    place.put(*(("Cabai", day, price) for day, price in zip(days, prices, strict=True)))
    newest = SQL.replace("WHERE harga > 50000 AND", "WHERE").replace("QUALIFY", "QUALIFY harga > 50000 AND")
    events = rehearse(place.lake, place.rules(sql=newest), days)
    assert [(e.partisi[-2:], e.peristiwa) for e in events] == [
        ("17", "mulai"), ("18", "ubah"), ("19", "selesai"), ("20", "mulai"),
    ]  # fmt: skip
    assert new_events(place.lake, NOON - timedelta(days=99)) == []


def test_a_rule_without_a_day_is_not_rehearsed(place: Place) -> None:
    place.put(("Cabai", DAY, 60000))
    assert rehearse(place.lake, place.rules(sql=SQL.replace("AND tanggal <= $hari", "")), [DAY]) == []


def firing(key: str, value: float) -> Firing:
    return Firing(key, "waspada", "j", f"{key} {value}", "o", "s", value, 1.0, None, None, None)


Steps = list[tuple[int, dict[str, float]]]
STEPS = st.lists(
    st.tuples(st.integers(1, 30), st.dictionaries(st.sampled_from("ab"), st.sampled_from([2.0, 3.0]))), max_size=14
)


@settings(max_examples=200)
@given(steps=STEPS, calm=st.sampled_from([0, 10, 24]))
def test_whatever_comes_the_record_of_an_alert_is_a_whole_life(steps: Steps, calm: int) -> None:
    """Held for every sequence: numbered without gaps, begun once, ended at most once and last, one open life a key."""
    known: dict[str, Event] = {}
    record: list[Event] = []
    last_seen: dict[str, datetime] = {}
    now = NOON
    for hours, values in steps:
        now += timedelta(hours=hours)
        seen = {key: firing(key, value) for key, value in values.items()}
        last_seen |= dict.fromkeys(seen, now)
        events = list(step("r", known, seen, timedelta(hours=calm), DAY, now))
        record += events
        known = {k: e for k, e in (known | {e.kunci: e for e in events}).items() if e.open}
        assert list(step("r", known, seen, timedelta(hours=calm), DAY, now)) == []
        for key, shown in seen.items():
            assert known[key].peristiwa in ("mulai", "ubah")
            assert known[key].nilai == shown.nilai
        for key in known.keys() - seen.keys():
            assert calm
            assert known[key].peristiwa == "reda"
            assert now - known[key].waktu < timedelta(hours=calm)
            assert known[key].waktu > last_seen[key]
    for number in {e.nomor for e in record}:
        life = [e for e in record if e.nomor == number]
        assert [e.urutan for e in life] == list(range(1, len(life) + 1))
        assert [e.peristiwa == "mulai" for e in life] == [True] + [False] * (len(life) - 1)
        assert all(e.peristiwa != "selesai" for e in life[:-1])
        assert len({e.kunci for e in life}) == 1


def test_an_agency_brings_its_rules_in_its_folder_and_they_speak_for_its_opd(tmp_path: Path) -> None:
    rule_file(tmp_path, agency="satu")
    rule_file(tmp_path, agency="dua", nama="mahal_juga", opd="Dinas Lain")
    rules = {r.nama: r for r in find_rules([tmp_path], tmp_path)}
    assert {n: (r.opd, r.where) for n, r in rules.items()} == {
        "mahal": ("Biro Uji", "satu/aturan.yaml"),
        "mahal_juga": ("Dinas Lain", "dua/aturan.yaml"),
    }
    assert rules["mahal"].inputs == {"core.fct_uji"}
    assert rules["mahal"].dated


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tingkat": "gawat"}, "uji/aturan.yaml: mahal.tingkat: Input should be 'info', 'waspada' or 'kritis'"),
        ({"warna": "merah"}, "uji/aturan.yaml: mahal.warna: Extra inputs are not permitted"),
        ({"kalimat": None}, "uji/aturan.yaml: mahal.kalimat: Field required"),
        ({"tenang_jam": -1}, "mahal.tenang_jam: Input should be greater than or equal to 0"),
        ({"nama": "Mahal Sekali"}, "Mahal Sekali.nama: String should match pattern"),
        ({"sql": "SELEC 1"}, "mahal: sql:"),
        ({"sql": "DELETE FROM core.fct_uji"}, "mahal: sql: exactly one SELECT"),
        ({"sql": "SELECT 1; SELECT 2"}, "mahal: sql: exactly one SELECT"),
        ({"sql": "SELECT * FROM core.fct_uji"}, "mahal: sql: name the columns instead of *"),
        ({"sql": SQL.replace("FROM core.", "FROM rahasia.")}, "mahal: sql: unknown schema in rahasia.fct_uji"),
        ({"sql": SQL.replace("50000 AS ambang", "50000 AS batas")}, "mahal: sql: gives no column 'ambang'"),
        ({"kalimat": "{pasar} mahal"}, "mahal: kalimat: {pasar} is no column of the SELECT; there are: kunci,"),
        ({"kalimat": "{nilai:dolar}"}, "mahal: kalimat: {nilai:dolar} has an unknown form; there are: rupiah,"),
        ({"kalimat": "{nilai"}, "mahal: kalimat: expected '}'"),
        ({"sebab": "{kunci.__class__}"}, "mahal: sebab: {kunci.__class__} is no column"),
    ],
)
def test_a_faulty_rule_is_refused_with_file_key_and_reason(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(RuleError) as error:
        find_rules([rule_file(tmp_path, **change)], tmp_path)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda t: t + t, "stands twice"),
        (lambda t: "aturan: []", "aturan: List should have at least 1 item"),
        (lambda t: "aturan: [", "(file):"),
        (lambda t: t.replace("  nama: mahal\n", ""), "aturan[0].nama: Field required"),
    ],
)
def test_a_faulty_file_is_refused(tmp_path: Path, spoil: Callable[[str], str], said: str) -> None:
    path = rule_file(tmp_path) / "uji" / "aturan.yaml"
    path.write_text(spoil(path.read_text()))
    with pytest.raises(RuleError, match=r"uji/aturan\.yaml") as error:
        find_rules([tmp_path], tmp_path)
    assert said in str(error.value)


def test_all_faults_of_all_files_are_told_at_once_and_a_name_is_used_once(tmp_path: Path) -> None:
    rule_file(tmp_path, agency="a")
    rule_file(tmp_path, agency="b")
    rule_file(tmp_path, agency="c", nama="lain", kalimat="{x} {y}")
    with pytest.raises(RuleError) as error:
        find_rules([tmp_path], tmp_path)
    there = "there are: kunci, nilai, ambang, tanggal, asal_data, dataset, partisi"
    assert str(error.value).splitlines() == [
        "b/aturan.yaml: mahal: nama is also in a/aturan.yaml",
        *(f"c/aturan.yaml: lain: kalimat: {{{name}}} is no column of the SELECT; {there}" for name in "xy"),
    ]


def test_a_rule_without_anyone_whose_task_it_is_is_refused(tmp_path: Path) -> None:
    folder = rule_file(tmp_path)
    (folder / "uji" / "agency.yaml").write_text("{kode: uji, nama: Kantor Uji, instansi: Kantor}")
    with pytest.raises(RuleError, match="mahal: opd: empty"):
        find_rules([folder], tmp_path)


def test_an_interruption_while_the_record_is_written_leaves_no_half_of_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = place.rules()
    place.put(("Cabai", DAY, 60000), ("Beras", DAY, 51000))

    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(alerts.ops, "frame", dies)
        with pytest.raises(KeyboardInterrupt):
            place.judge(rules)
    assert current(place.lake) == []
    assert place.judge(rules, 1) == [("mulai", "Beras"), ("mulai", "Cabai")]
