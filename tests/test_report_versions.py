"""Versions of reports: made once, remade from what was kept, revised with what changed; notes, holding, delivery."""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from assets.report.governor import publication, staff
from assets.report.governor.desk import Desk, folder_of, make, make_again, period_day, remake, send
from assets.report.governor.explain import UnknownFigure, explain
from assets.report.governor.inputs import InputsDamaged, load
from assets.reports import make_report, partitions, report_assets, report_jobs, report_schedule
from assets.timeliness import WIB
from tests.support import pdf_text
from tests.support.reports import figures, office, open_desk, root_of
from tests.support.workspace import TODAY, Small
from warehouse import outbox, steps
from warehouse.modelling import find_models
from warehouse.versioned import newest

FILES = {"angka.json", "kartu.png", "laporan.pdf", "masukan.json", "surat.eml", "surat.html", "surat.txt"}
MORNING = datetime.combine(TODAY, time(6, 50), WIB)


@pytest.fixture(scope="module")
def small(small_warehouse: Small, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A warehouse of this file alone, with the day's report made once."""
    own = small_warehouse.copy(tmp_path_factory.mktemp("laporan") / "rumah")
    with open_desk(own) as desk:
        made = make(desk, "harian", TODAY)
    assert (made.version.name, made.new, made.queued) == ("v1", True, 1)
    return own


@pytest.fixture
def desk(small: Small) -> Iterator[Desk]:
    with open_desk(small) as opened:
        yield opened


def hashes(folder: Path) -> dict[str, str]:
    return {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in sorted(FILES)}


def state(desk: Desk) -> dict[str, str]:
    """The newest event of each mail, by its key."""
    found = outbox.states(desk.lake, desk.postal.folder)
    return dict(found.select("kunci", "peristiwa").iter_rows())


def correct(desk: Desk, day: str, rupiah: int) -> None:
    """A correction of Samsat's payments of a day, as the models would have it."""
    change = (
        f"UPDATE lake.core.fct_penerimaan_pkb SET nilai = nilai + {rupiah} "
        f"WHERE tanggal = DATE '{day}' AND jenis_pajak = 'PKB'"
    )
    desk.lake.transaction(lambda tx: tx.con.execute(change))


def test_the_same_date_and_data_give_the_same_bytes(small: Small, desk: Desk, tmp_path: Path) -> None:
    again = make(desk, "harian", TODAY)
    assert (again.version.name, again.new, again.queued) == ("v1", False, 0)
    elsewhere = replace(desk, home=tmp_path, postal=replace(desk.postal, folder=tmp_path / "kotak_keluar"))
    twin = make(elsewhere, "harian", TODAY)
    first = newest(root_of(small))
    assert first is not None
    assert hashes(twin.version.folder) == hashes(first.folder)
    assert {p.name for p in first.folder.iterdir()} == {*FILES, "versi.json"}


def test_a_report_keeps_its_rows_with_their_hashes_and_refuses_changed_ones(small: Small, tmp_path: Path) -> None:
    kept = (root_of(small) / "v1" / "masukan.json").read_bytes()
    document = json.loads(kept)
    assert all(len(t["sha256"]) == 64 for t in document["tabel"].values())
    assert load(kept).rows("pendapatan", jenis_pajak="PAD")
    column = [name for name, _ in document["tabel"]["pendapatan"]["kolom"]].index("nilai_hari")
    document["tabel"]["pendapatan"]["baris"][0][column] = "1.00"
    with pytest.raises(InputsDamaged, match="pendapatan"):
        load(json.dumps(document).encode())
    document["tabel"]["pendapatan"]["baris"][0][column] = "bukan angka"
    for damaged in (json.dumps(document).encode(), b"{}", b"[]"):
        with pytest.raises(InputsDamaged, match="cannot be read"):
            load(damaged)


def test_a_correction_makes_a_revision_that_says_what_changed_and_the_first_is_remade_after_it(
    small_warehouse: Small, tmp_path: Path
) -> None:
    small = small_warehouse.copy(tmp_path / "rumah")
    with open_desk(small) as desk:
        first = make(desk, "harian", TODAY).version
        kept = hashes(first.folder)
        was = {f["name"]: f["text"] for f in figures(first.folder)}["Penerimaan sehari PAD"]
        correct(desk, "2026-11-19", 1_000_000)
        second = make(desk, "harian", TODAY)
        assert (second.version.name, second.new, second.queued) == ("v2", True, 1)
        told = json.loads((second.version.folder / "perubahan.json").read_bytes())
        changed = {c["nama"]: (c["lama"], c["baru"]) for c in told["angka"]}
        now = {f["name"]: f["text"] for f in figures(second.version.folder)}["Penerimaan sehari PAD"]
        assert changed["Penerimaan sehari PAD"] == (was, now) != (was, was)
        assert "Produksi air 19 Nov 2026" not in changed
        text = pdf_text.text((second.version.folder / "laporan.pdf").read_bytes())
        assert "Revisiv2menggantikanv1." in text
        assert f"PenerimaansehariPAD:{was}menjadi{now}.".replace(" ", "") in text
        assert b"[Revisi 1]" in (second.version.folder / "surat.eml").read_bytes().replace(b"=5B", b"[")
        assert hashes(first.folder) == kept
        assert state(desk) == {"harian/2026-11-20/v1": "batal", "harian/2026-11-20/v2": "antre"}
        assert set(remake(first.folder, desk.registry).same.values()) == {True}
        assert set(remake(second.version.folder, desk.registry).same.values()) == {True}


def test_what_comes_after_the_date_changes_no_report_of_it(small_warehouse: Small, tmp_path: Path) -> None:
    small = small_warehouse.copy(tmp_path / "rumah")
    with open_desk(small) as desk:
        first = make(desk, "harian", TODAY).version
        later = (
            "INSERT INTO lake.core.fct_penerimaan_pkb BY NAME SELECT * REPLACE (DATE '2026-11-20' AS tanggal) "
            "FROM lake.core.fct_penerimaan_pkb WHERE tanggal = DATE '2026-11-19'"
        )
        desk.lake.transaction(lambda tx: tx.con.execute(later))
        again = make(desk, "harian", TODAY)
        assert (again.version.name, again.new) == (first.name, False)
        past = make(desk, "harian", TODAY - timedelta(days=1))
        (day,) = {f["origin"]["as_of"] for f in figures(past.version.folder) if f["name"] == "Penerimaan sehari PAD"}
        assert (day, past.queued) == ("2026-11-18", 0)


def test_a_release_of_open_data_that_came_since_makes_no_revision(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = pl.DataFrame(
        {
            "dataset": ["a"], "judul": ["A"], "produsen": ["Bapenda"], "versi": [1], "terbit": [TODAY],
            "sampai": [TODAY], "jatuh_tempo": [None], "mutu": [1.0], "asal_data": ["tiruan"], "rilis": [8],
        },
        schema=publication.published(tmp_path).schema,
    )  # fmt: skip
    with open_desk(small) as opened:
        desk = replace(opened, home=tmp_path, postal=replace(opened.postal, folder=tmp_path / "kotak_keluar"))
        first = make(desk, "mingguan", TODAY)
        monkeypatch.setattr(publication, "published", lambda _: release)
        again = make(desk, "mingguan", TODAY)
        later = make(desk, "mingguan", TODAY + timedelta(days=7))
    assert (first.new, again.new, again.version.name) == (True, False, "v1")
    names = [f["name"] for f in figures(later.version.folder)]
    assert "Dataset terbit" in names


def test_a_report_whose_mail_could_not_be_queued_is_queued_by_the_next_making(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    with open_desk(small) as opened:
        away = replace(opened.postal, folder=tmp_path / "kotak_keluar")
        desk = replace(opened, home=tmp_path, postal=away)
        day = TODAY + timedelta(days=1)
        with monkeypatch.context() as patch:
            patch.setattr(outbox, "queue", killed)
            with pytest.raises(KeyboardInterrupt):
                make(desk, "harian", day)
        again = make(desk, "harian", day)
    assert (again.version.name, again.new, again.queued) == ("v1", False, 1)


def test_a_note_is_printed_with_name_and_time_and_a_held_report_is_not_sent(
    small_warehouse: Small, tmp_path: Path
) -> None:
    small = small_warehouse.copy(tmp_path / "rumah")
    root = root_of(small)
    with open_desk(small) as desk:
        assert make_again(desk, "harian", TODAY) is None
        make(desk, "harian", TODAY)
        staff.say(root, TODAY, staff.Word(MORNING, "Rina Siregar", "tahan", "Angka Samsat diperiksa"))
        held = make_again(desk, "harian", TODAY)
        assert held is not None
        assert (held.version.name, held.new, held.queued, held.held_by) == ("v1", False, 0, "Rina Siregar")
        assert state(desk) == {"harian/2026-11-20/v1": "batal"}
        assert make(desk, "harian", TODAY).queued == 0
        staff.say(root, TODAY, staff.Word(MORNING, "Rina Siregar", "catatan", "Angka Samsat sudah benar."))
        staff.say(root, TODAY, staff.Word(MORNING, "Rina Siregar", "lepas", ""))
        noted = make_again(desk, "harian", TODAY)
        assert noted is not None
        assert (noted.version.name, noted.new, noted.queued) == ("v2", True, 1)
        assert state(desk) == {"harian/2026-11-20/v1": "batal", "harian/2026-11-20/v2": "antre"}
        said = "Catatan Rina Siregar, 20 Nov 2026 pukul 06.50 WIB: Angka Samsat sudah benar."
        assert said.replace(" ", "") in pdf_text.text((noted.version.folder / "laporan.pdf").read_bytes())
        assert said in (noted.version.folder / "surat.txt").read_text()
        assert "Catatan Rina Siregar ditambahkan." in (noted.version.folder / "surat.txt").read_text()


def test_who_holds_a_report_while_its_mail_is_being_queued_takes_it_back(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = outbox.queue

    def hold() -> None:
        with open_desk(small) as opened:
            other = replace(opened, home=tmp_path, postal=desk.postal)
            staff.say(folder_of(tmp_path, "harian", day), day, staff.Word(MORNING, "Rina", "tahan", "diperiksa"))
            send(other, "harian", day)

    def slow(*given: Any) -> int:
        holding.start()
        holding.join(0.5)
        return queue(*given)

    holding = threading.Thread(target=hold)
    day = TODAY + timedelta(days=2)
    with open_desk(small) as opened:
        desk = replace(opened, home=tmp_path, postal=replace(opened.postal, folder=tmp_path / "kotak_keluar"))
        with monkeypatch.context() as patch:
            patch.setattr(outbox, "queue", slow)
            make(desk, "harian", day)
        holding.join()
        assert state(desk)[f"harian/{day}/v1"] == "batal"


def test_a_report_that_was_held_and_released_is_queued_again_as_it_was(small_warehouse: Small, tmp_path: Path) -> None:
    small = small_warehouse.copy(tmp_path / "rumah")
    with open_desk(small) as desk:
        make(desk, "harian", TODAY)
        for deed in ("tahan", "lepas"):
            staff.say(root_of(small), TODAY, staff.Word(MORNING, "Rina", deed, "diperiksa"))
            make_again(desk, "harian", TODAY)
        assert state(desk) == {"harian/2026-11-20/v1": "antre"}
        waiting = outbox.waiting(desk.lake, desk.postal.folder, staff.goes_out(TODAY))
        assert [(e.kunci, e.penerima) for e in waiting] == [("harian/2026-11-20/v1", "gubernur@provinsi.invalid")]
        early = staff.goes_out(TODAY) - timedelta(seconds=1)
        assert outbox.waiting(desk.lake, desk.postal.folder, early) == []
        mail = outbox.body(desk.postal.folder, waiting[0].isi)
        assert mail == (root_of(small) / "v1" / "surat.eml").read_bytes()


@pytest.mark.parametrize(
    ("deed", "who", "text"), [("catatan", "", "x"), ("catatan", "Rina", " "), ("tahan", "Rina", "")]
)
def test_a_note_or_a_hold_needs_a_name_and_words(tmp_path: Path, deed: staff.Deed, who: str, text: str) -> None:
    with pytest.raises(ValueError, match="needs a name and words"):
        staff.say(tmp_path, TODAY, staff.Word(MORNING, who, deed, text))
    assert staff.said(tmp_path) == []


def test_a_note_is_no_report_of_its_own(tmp_path: Path) -> None:
    for word in (staff.Word(MORNING, "Rina", "catatan", "x" * 1001), staff.Word(MORNING, "x" * 1001, "tahan", "y")):
        with pytest.raises(ValueError, match="at most 1000 letters"):
            staff.say(tmp_path, TODAY, word)
    assert staff.said(tmp_path) == []


def test_nothing_is_noted_or_held_once_the_report_went_out_but_it_may_be_released(tmp_path: Path) -> None:
    late = datetime.combine(TODAY, time(6, 55), WIB)
    for deed in ("catatan", "tahan"):
        with pytest.raises(staff.TooLate):
            staff.say(tmp_path, TODAY, staff.Word(late, "Rina", deed, "terlambat"))
    staff.say(tmp_path, TODAY, staff.Word(MORNING, "Rina", "tahan", "diperiksa"))
    staff.say(tmp_path, TODAY, staff.Word(late, "Rina", "lepas", ""))
    assert staff.holder(staff.said(tmp_path)) is None


def test_a_torn_line_of_a_killed_writer_is_no_word(tmp_path: Path) -> None:
    staff.say(tmp_path, TODAY, staff.Word(MORNING, "Rina", "catatan", "satu"))
    with (tmp_path / "keputusan.jsonl").open("ab") as file:
        file.write(b'{"waktu": "2026-')
    assert [w.teks for w in staff.said(tmp_path)] == ["satu"]
    staff.say(tmp_path, TODAY, staff.Word(MORNING, "Rina", "catatan", "dua"))
    assert [w.teks for w in staff.said(tmp_path)] == ["satu", "dua"]


def test_behind_a_figure_are_its_kept_row_the_datasets_rows_and_the_archived_payloads(small: Small, desk: Desk) -> None:
    folder = root_of(small) / "v1"
    figure = next(f for f in figures(folder) if f["name"] == "Penerimaan sehari PAD")
    behind = explain(folder, figure["ref"], desk.lake, desk.registry.contracts, most=5)
    assert [str(r["nilai_hari"]) for r in behind.kept] == [str(float(figure["value"]))]
    (total,) = desk.lake.query(
        "SELECT count(*) AS n FROM lake.source.samsat__pembayaran_pkb WHERE tanggal = DATE '2026-11-19'"
    )["n"]
    assert (len(behind.rows), behind.total) == (5, total)
    assert not {"nopol_acak", "pemilik_acak"} & behind.rows[0].keys()
    archived = set(desk.lake.query("SELECT DISTINCT unnest(muatan) AS m FROM lake.ops.hasil")["m"])
    assert behind.payloads.keys() <= archived
    assert sum(behind.payloads.values()) == total
    one = next(f for f in figures(folder) if f["name"].startswith("Harga Cabai Merah Besar"))
    price = explain(folder, one["ref"], desk.lake, desk.registry.contracts)
    assert [r["harga"] for r in price.rows] == [float(one["value"])]
    with pytest.raises(UnknownFigure, match="there is no figure X9"):
        explain(folder, "X9", desk.lake, desk.registry.contracts)


def test_every_kind_of_figure_leads_to_rows(small: Small, desk: Desk) -> None:
    folder = root_of(small) / "v1"
    kinds = {(f["table"], f["column"], f["origin"]["dataset"]): f for f in figures(folder) if f["value"] != "0"}
    assert len(kinds) > 40
    without = []
    for figure in kinds.values():
        behind = explain(folder, figure["ref"], desk.lake, desk.registry.contracts, most=1)
        if not behind.kept or not behind.rows or not behind.payloads:
            without.append((figure["ref"], figure["table"], figure["origin"]["dataset"]))
    assert without == []


def test_a_report_that_cannot_be_made_is_noted_as_a_failed_step_until_it_can(
    small_warehouse: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = small_warehouse.copy(tmp_path / "rumah")
    folder_of(small.home, "harian", TODAY).parent.mkdir(parents=True)
    blocked = folder_of(small.home, "harian", TODAY)
    blocked.write_text("sebuah berkas, bukan folder")
    with small.open() as workspace:
        with pytest.raises(OSError, match="harian"):
            make_report(workspace, office(small), "harian", TODAY)
        assert steps.newest(workspace.lake)["reports__laporan_harian"].hasil == "gagal"
        blocked.unlink()
        make_report(workspace, office(small), "harian", TODAY)
        assert steps.newest(workspace.lake)["reports__laporan_harian"].hasil == "berhasil"


def test_dagster_makes_a_partition_and_schedules_it_before_seven(small_warehouse: Small, tmp_path: Path) -> None:
    small = small_warehouse.copy(tmp_path / "rumah")
    with small.open() as workspace:
        models = find_models(workspace.registry.roots, workspace.shared_models)
        made = report_assets(models, lambda: workspace, lambda: office(small))
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        done = dg.materialize(
            made[:1], instance=dg.DagsterInstance.ephemeral(), run_config=quiet, partition_key=TODAY.isoformat()
        )
        assert done.success
        (event,) = done.get_asset_materialization_events()
        metadata = event.step_materialization_data.materialization.metadata
        assert (metadata["versi"].value, metadata["surat_diantrekan"].value) == ("v1", 1)
    jobs = report_jobs(made)
    asked = {}
    for kind, job in jobs.items():
        schedule = report_schedule(kind, job)
        assert str(schedule.cron_schedule).startswith("45 6 ")
        assert schedule.execution_timezone == "Asia/Jakarta"
        # 06.45 WIB on 1 June 2026, a Monday.
        with dg.build_schedule_context(scheduled_execution_time=datetime(2026, 5, 31, 23, 45, tzinfo=UTC)) as context:
            requested = schedule(context)
        assert isinstance(requested, list)
        asked[kind] = [str(r.partition_key) for r in requested]
        assert set(asked[kind]) <= set(partitions(kind).get_partition_keys())
    assert asked == {
        "harian": ["2026-06-01", "2026-05-31", "2026-05-30", "2026-05-29"],
        "mingguan": ["2026-06-01", "2026-05-25"],
        "bulanan": ["2026-06-01", "2026-05-01"],
    }


def test_a_report_is_named_by_its_day_its_monday_or_the_first_of_its_month() -> None:
    day = date(2026, 11, 20)
    assert [period_day(k, day) for k in ("harian", "mingguan", "bulanan")] == [
        day, date(2026, 11, 16), date(2026, 11, 1),
    ]  # fmt: skip


def test_the_command_makes_notes_holds_explains_and_remakes(small: Small) -> None:
    made = small.ssp("report", "harian", "--json")
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert (told["laporan"], told["versi"], told["baru"]) == ("harian/2026-11-20", "v1", False)
    remade = small.ssp("report", "remake", "harian/2026-11-20/v1")
    assert (remade.returncode, "BERBEDA" in remade.stdout) == (0, False), remade.stderr
    shown = small.ssp("report", "explain", "harian/2026-11-20", "P1", "--rows", "3")
    assert "samsat.pembayaran_pkb" in shown.stdout, shown.stderr
    held = small.ssp("report", "hold", "harian/2026-11-20", "--oleh", "Rina", "--alasan", "diperiksa")
    assert "ditahan oleh Rina" in held.stdout, held.stderr
    released = small.ssp("report", "release", "harian/2026-11-20", "--oleh", "Rina")
    assert "1 surat diantrekan" in released.stdout, released.stderr
    refused = small.ssp("report", "explain", "harian/2026-11-20", "X1")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert "there is no figure X1" in refused.stderr
    for name, said in {
        "mingguan/2026-11-20": "no mingguan report is named 2026-11-20; that day's is mingguan/2026-11-16",
        "harian/2026-11-20/latest": "there is no such version of harian/2026-11-20; there are: v1",
        "tahunan/2026": "'tahunan/2026' is no report",
    }.items():
        refused = small.ssp("report", "remake", name)
        assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr
