"""What is promised of the landing archive: what was sealed is read back to the byte, and nothing else exists."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.api import Window
from connectors.archive import (
    Archive,
    ArchiveError,
    PayloadForgotten,
)
from connectors.keys import KeyStore
from tests.support.landing import DAY, MASTER, NOW, PRIVATE, TABLE, add, blob_of, bodies_of, files, open_archive, put

BODIES = [b'{"data":[1]}', b"", b"\x00\xff" * 500, b'{"data":[%s]}' % (b"7," * 30_000 + b"7")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "arsip"


@pytest.fixture
def archive(root: Path) -> Archive:
    return open_archive(root)


def test_what_was_sealed_is_read_back_by_another_process(archive: Archive, root: Path) -> None:
    sealed = put(archive, *BODIES)
    other = open_archive(root)
    assert other.tables() == [TABLE]
    assert other.pulls(TABLE) == [sealed]
    assert bodies_of(other, sealed) == BODIES
    assert (sealed.table, sealed.window, sealed.sealed_at) == (TABLE, Window(DAY, DAY), NOW)

    payload = other.payload(sealed.entries[0])
    assert payload.body == BODIES[0]
    assert payload.sha256 == sealed.entries[0].sha256
    assert (payload.slot, payload.asal, payload.status) == ("page=0", "tiruan", 200)
    assert payload.meta == {"pasar": "Pusat Pasar"}
    assert payload.request["params"] == {"page": 1}
    assert payload.headers == {"content-type": "application/json"}
    assert payload.fetched_at == NOW
    assert payload.unknown_fields == ("data.nik",)


def test_the_manifest_is_plain_lines_of_the_month(archive: Archive, root: Path) -> None:
    sealed = put(archive, BODIES[0])
    lines = (root / "manifest" / TABLE / "2026-11.jsonl").read_text().splitlines()
    first, last = (json.loads(line) for line in lines)
    assert first["jenis"] == "muatan"
    assert first["sha256"] == sealed.entries[0].sha256
    assert first["size"] == len(BODIES[0])
    assert first["stored_size"] == blob_of(root, first["sha256"]).stat().st_size
    assert (first["redaction_version"], first["redaction_list"], first["key_month"]) == (1, "0123456789ab", None)
    assert (last["jenis"], last["count"]) == ("akhir", 1)


@settings(max_examples=25)
@given(
    st.lists(st.binary(max_size=300), max_size=6),
    st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3),
    st.booleans(),
)
def test_any_bytes_and_any_text_survive(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[bytes], texts: dict[str, str], encrypted: bool
) -> None:
    archive = open_archive(tmp_path_factory.mktemp("a") / "arsip")
    with archive.begin(PRIVATE, "x", DAY, DAY, encrypted=encrypted, key_month="2026-11") as pull:
        for number, body in enumerate(bodies):
            add(pull, body, f"{number}\n\x00é", meta=texts, request={"params": texts})
        pull.seal()
    [sealed] = archive.pulls(PRIVATE)
    assert bodies_of(archive, sealed) == bodies
    assert all(e.meta == texts and e.request == {"params": texts} for e in sealed.entries)


def test_a_pull_that_is_not_sealed_leaves_nothing(archive: Archive, root: Path) -> None:
    put(archive, BODIES[0])
    before = files(root)
    with archive.begin(TABLE, "a", DAY, DAY) as pull:
        add(pull, b"half", "page=0")

    def cut_short() -> None:
        with archive.begin(TABLE, "b", DAY, DAY) as pull:
            add(pull, b"half", "page=0")
            raise RuntimeError("cut")

    with pytest.raises(RuntimeError, match="cut"):
        cut_short()
    assert files(root) == before


def test_a_pull_that_failed_leaves_its_reason_and_no_payload(archive: Archive, root: Path) -> None:
    with archive.begin(TABLE, "a", DAY, DAY) as pull:
        sha = add(pull, b"half", "page=0")
        pull.fail("HTTP 503 setelah 5 kali")
    put(archive, BODIES[0])
    assert not archive.known(sha)
    [failed] = open_archive(root).failed_pulls(TABLE)
    assert (failed.pull_id, failed.reason, failed.failed_at) == ("a", "HTTP 503 setelah 5 kali", NOW)
    assert len(archive.pulls(TABLE)) == 1


def test_an_empty_pull_counts_as_a_pull(archive: Archive) -> None:
    put(archive)
    assert [p.entries for p in archive.pulls(TABLE)] == [()]


def test_the_same_bytes_are_stored_once(archive: Archive, root: Path) -> None:
    put(archive, b"x", b"x", b"y")
    before = files(root / "blob")
    with archive.begin(TABLE, "again", DAY, DAY) as pull:
        add(pull, b"x", "1")
        add(pull, b"y", "2")
        assert pull.new_blobs == 0
        pull.seal()
    assert files(root / "blob") == before
    assert archive.blob_count() == 2
    assert [len(p.entries) for p in archive.pulls(TABLE)] == [3, 2]


def test_pulls_are_found_by_window_in_the_order_they_were_sealed(root: Path) -> None:
    now = [NOW]
    archive = open_archive(root, lambda: now[0])
    for days_later, window in [(0, 0), (40, 0), (41, -40), (80, 5)]:
        now[0] = NOW + timedelta(days=days_later)
        put(archive, b"%d" % days_later, start=DAY + timedelta(days=window))
    assert len(list((root / "manifest" / TABLE).iterdir())) > 1

    def found(start: int | None, end: int | None) -> list[bytes]:
        days = [None if n is None else DAY + timedelta(days=n) for n in (start, end)]
        return [bodies_of(archive, p)[0] for p in archive.pulls(TABLE, *days)]

    assert found(None, None) == [b"0", b"40", b"41", b"80"]
    assert found(0, 0) == [b"0", b"40"]
    assert found(-40, 0) == [b"0", b"40", b"41"]
    assert found(1, None) == [b"80"]
    assert found(None, -1) == [b"41"]
    assert found(1, 4) == []


def test_a_clock_set_back_does_not_reorder_pulls(root: Path) -> None:
    now = [NOW]
    archive = open_archive(root, lambda: now[0])
    put(archive, b"first")
    now[0] = NOW - timedelta(days=365)
    put(archive, b"second")
    assert [bodies_of(archive, p) for p in open_archive(root).pulls(TABLE)] == [[b"first"], [b"second"]]


def test_an_open_archive_sees_what_others_seal(archive: Archive, root: Path) -> None:
    other = open_archive(root)
    assert other.pulls(TABLE) == []
    for number in range(3):
        put(archive, b"%d" % number)
        assert len(other.pulls(TABLE)) == number + 1


# Encryption and forgetting


def test_an_encrypted_body_is_nowhere_in_the_clear(archive: Archive, root: Path) -> None:
    body = b'{"data":[{"nopol":"BK 1234 AB"}]}'
    sealed = put(archive, body, table=PRIVATE, encrypted=True, key_month="2026-11")
    assert all(b"BK 1234" not in content for content in files(root.parent).values())
    assert blob_of(root, sealed.entries[0].sha256).name.endswith(".zst.aes")
    assert bodies_of(open_archive(root), sealed) == [body]
    assert archive.known(sealed.entries[0].sha256)
    assert not archive.known("0" * 64)


def test_the_end_of_one_key_takes_only_its_own_payloads(archive: Archive, root: Path) -> None:
    old, new = (
        put(archive, b'{"data":[]}', b"%s" % month.encode(), table=PRIVATE, encrypted=True, key_month=month)
        for month in ("2020-01", "2020-02")
    )
    plain = put(archive, b'{"data":[]}')
    KeyStore(root.parent / "kunci", MASTER).forget(PRIVATE, "2020-01", "masa simpan habis")

    for entry in old.entries:
        with pytest.raises(PayloadForgotten, match="masa simpan habis"):
            archive.read(entry)
    assert bodies_of(archive, new) == [b'{"data":[]}', b"2020-02"]
    assert bodies_of(archive, plain) == [b'{"data":[]}']
    report = archive.verify()
    assert (report.sound, report.payloads, report.ok) == (True, 5, 3)
    assert [(g.slot, g.pull_id) for g in report.forgotten] == [("page=0", old.pull_id), ("page=1", old.pull_id)]


def test_a_forgotten_month_is_refused_before_anything_is_fetched(archive: Archive, root: Path) -> None:
    KeyStore(root.parent / "kunci", MASTER).forget(PRIVATE, "2020-01", "habis")
    with pytest.raises(PayloadForgotten, match="not taken in again"):
        archive.begin(PRIVATE, "a", DAY, DAY, encrypted=True, key_month="2020-01")
    with pytest.raises(ValueError, match="month"):
        archive.begin(PRIVATE, "a", DAY, DAY, encrypted=True)


@pytest.mark.parametrize("damaged", [False, True])
def test_a_lost_key_is_a_gap_and_not_forgotten(archive: Archive, root: Path, damaged: bool) -> None:
    put(archive, b"x", table=PRIVATE, encrypted=True, key_month="2026-11")
    key = root.parent / "kunci" / PRIVATE / "2026-11.key"
    key.write_bytes(b"damaged") if damaged else key.unlink()
    report = open_archive(root).verify()
    assert not report.sound
    assert [g.slot for g in report.corrupt] == ["page=0"]
    assert "backup" in report.corrupt[0].reason
    if damaged:
        with pytest.raises(ArchiveError, match="backup"):
            put(open_archive(root), b"y", table=PRIVATE, encrypted=True, key_month="2026-11")


# Use


def test_threads_may_add_to_one_pull(archive: Archive) -> None:
    with archive.begin(TABLE, "t", DAY, DAY) as pull:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: add(pull, b"body %d" % (n % 50), str(n)), range(200)))
        sealed = pull.seal()
    assert {e.slot: archive.read(e) for e in sealed.entries} == {str(n): b"body %d" % (n % 50) for n in range(200)}


def test_wrong_use_is_an_error(archive: Archive, root: Path) -> None:
    with archive.begin(TABLE, "a", DAY, DAY) as pull:
        add(pull, b"x", "1")
        with pytest.raises(ValueError, match="used twice"):
            add(pull, b"y", "1")
        with pytest.raises(ValueError, match="time zone"):
            add(pull, b"y", "2", fetched_at=datetime(2026, 11, 20))  # noqa: DTZ001
        with pytest.raises(TypeError):
            add(pull, b"y", "3", request={"x": object()})
        pull.seal()
        with pytest.raises(ArchiveError, match="already ended"):
            add(pull, b"z", "4")
        with pytest.raises(ArchiveError, match="already ended"):
            pull.seal()
    assert [e.slot for e in archive.pulls(TABLE)[0].entries] == ["1"]
    for name in ("../x", "", "a/b", "A"):
        with pytest.raises(ValueError, match="table"):
            archive.pulls(name)


def test_nothing_in_the_archive_is_open_to_others(archive: Archive, root: Path) -> None:
    put(archive, b"x")
    put(archive, b"x", table=PRIVATE, encrypted=True, key_month="2026-11")
    assert all(p.stat().st_mode & 0o077 == 0 for p in [root, *root.rglob("*")])
