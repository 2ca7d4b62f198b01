"""Pokir proposals: SIPD's protocol with a token that expires in mid-pull, and what is kept of a record."""

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
import requests
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.api import MissingSecret, Payload, Window
from connectors.archive import Archive
from connectors.contract import load_agency, load_contract
from connectors.epokir import catatan_tiruan, sandbox
from connectors.epokir.connector import FEEDS
from connectors.http import HttpClient
from connectors.http_errors import PullError, StatusError
from connectors.keys import KeyStore
from connectors.paging import PagingRestart
from connectors.pull import LivePull
from connectors.redaction import allow_list
from connectors.sandbox import World, build_app, in_thread
from tests.support.reading import make_payload
from tests.support.shape import assert_same_shape

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "connectors" / "epokir"
GOLDEN = ROOT / "tests" / "golden" / "epokir" / "usulan_pokir"
CONTRACT = load_contract(FOLDER / "usulan_pokir.odcs.yaml")
TODAY = dt.date(2026, 11, 20)
LIST = "/epokir/api/pokir/usulan/listByTahun"


class Log:
    """Notes each answer of an app as (path, status), and the Content-Types that each path was asked with.

    `change` may alter the status of an answer.
    """

    def __init__(self, app: ASGIApp, change: Callable[[str, int], int] = lambda _, status: status) -> None:
        self.app, self.change = app, change
        self.answers: list[tuple[str, int]] = []
        self.kinds: dict[str, set[str]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = dict(scope["headers"]).get(b"content-type", b"").decode()
        self.kinds.setdefault(scope["path"], set()).add(kind.partition(";")[0])

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.answers.append((scope["path"], message["status"]))
                message["status"] = self.change(scope["path"], message["status"])
            await send(message)

        await self.app(scope, receive, noted)

    def count(self, path: str, status: int) -> int:
        return self.answers.count((path, status))


def stand_in(today: dt.date = TODAY, seed: int = 1) -> Log:
    return Log(build_app(World(today=today, seed=seed), [("epokir", sandbox)]))


@dataclass
class Puller:
    """Pulls through the real client and archive."""

    folder: Path
    secrets: Mapping[str, str] = field(default_factory=lambda: dict(sandbox.DEMO_SECRETS))
    params: Mapping[str, Any] = field(default_factory=dict)

    def pull(self, url: str, today: dt.date = TODAY) -> list[Payload]:
        archive = Archive(self.folder / "archive", KeyStore(self.folder / "keys", b"k" * 32))
        client = HttpClient(f"{url}/epokir", user_agent="uji", max_retries=0, secrets=self.secrets.values())
        with (
            client,
            archive.begin(CONTRACT.table, "uji", today, today, encrypted=True, key_month=f"{today:%Y-%m}") as pull,
        ):
            context = LivePull(
                contract=CONTRACT,
                window=Window(today, today),
                today=today,
                params={**load_agency(FOLDER).params, **self.params},
                inbox=self.folder,
                open_http=lambda: client,
                archive=pull,
                secrets=self.secrets.get,
            )
            payloads = list(FEEDS["usulan_pokir"].pull(context))
            pull.seal()
        return payloads


@pytest.fixture
def puller(tmp_path: Path) -> Puller:
    return Puller(tmp_path)


def ids_of(payloads: list[Payload]) -> list[int]:
    return [row["id_usulan"] for p in payloads for row in orjson.loads(p.body)["data"]["data"]]


def records(today: dt.date = TODAY, seed: int = 1) -> dict[int, dict[str, Any]]:
    rows = map(orjson.loads, catatan_tiruan.catatan(World(today=today, seed=seed), 2027))
    return {row["id_usulan"]: row for row in rows}


def test_a_pull_lives_through_expiring_tokens_and_brings_every_proposal_once(puller: Puller) -> None:
    app = stand_in()
    with in_thread(app) as url:
        payloads = puller.pull(url)
    assert app.count(LIST, 401) >= 1, "the token must expire within a full pull"
    assert app.count("/epokir/auth/auth/login", 200) == app.count(LIST, 401) + 1
    assert ids_of(payloads) == sorted(records())
    assert len(ids_of(payloads)) == 1500
    assert {p.asal for p in payloads} == {"tiruan"}


def test_the_list_is_asked_as_multipart_and_the_login_as_a_form(puller: Puller) -> None:
    app = stand_in()
    with in_thread(app) as url:
        first = puller.pull(url)[0]
    assert app.kinds[LIST] == {"multipart/form-data"}
    assert app.kinds["/epokir/auth/auth/login"] == {"application/x-www-form-urlencoded"}
    documented = orjson.loads((GOLDEN / "halaman" / "meta.json").read_bytes())["request"]["form"]
    assert first.request["form"] == {**documented, "length": "250"}


def test_the_stand_in_refuses_a_list_that_is_not_asked_as_multipart() -> None:
    fields = {"id_daerah": 12, "tahun": 2027, "start": 0, "length": 10}
    headers = {"X-Access-Token": sandbox._buat_token("2027", 12), "X-Api-Key": "kunci-tiruan"}
    with in_thread(stand_in()) as url:
        answers = [
            requests.post(f"{url}{LIST}", headers=headers, timeout=5, **body)
            for body in ({"data": fields}, {"json": fields})
        ]
        assert page_of(url).status_code == 200
    assert [answer.status_code for answer in answers] == [415, 415]


def test_expiry_changes_no_byte_of_what_is_kept(
    puller: Puller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with in_thread(stand_in()) as url:
        expiring = puller.pull(url)
        monkeypatch.setattr(sandbox, "PERMINTAAN_PER_TOKEN", 1000)
        lasting = Puller(tmp_path / "lain").pull(url)
    assert [(p.slot, p.sha256) for p in expiring] == [(p.slot, p.sha256) for p in lasting]


def test_an_expiry_that_comes_inside_200_is_understood_too(puller: Puller) -> None:
    app = stand_in()
    app.change = lambda path, status: 200 if path == LIST else status
    with in_thread(app) as url:
        payloads = puller.pull(url)
    assert app.count(LIST, 401) >= 1
    assert ids_of(payloads) == sorted(records())


def test_a_token_that_never_works_ends_in_one_clear_error(puller: Puller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "PERMINTAAN_PER_TOKEN", 0)
    app = stand_in()
    with in_thread(app) as url, pytest.raises(StatusError, match="SSP_EPOKIR_API_KEY") as caught:
        puller.pull(url)
    assert caught.value.status == 401
    assert app.count("/epokir/auth/auth/login", 200) == 1


def test_a_wrong_password_is_refused_without_showing_it(puller: Puller) -> None:
    puller.secrets = {**sandbox.DEMO_SECRETS, "SSP_EPOKIR_SANDI": "sandi-yang-salah"}
    with in_thread(stand_in()) as url, pytest.raises(PullError) as caught:
        puller.pull(url)
    assert caught.value.status == 401
    assert "sandi-yang-salah" not in str(caught.value)


def test_a_missing_secret_is_named(puller: Puller) -> None:
    puller.secrets = {"SSP_EPOKIR_PENGGUNA": "pengguna-tiruan"}
    with in_thread(stand_in()) as url, pytest.raises(MissingSecret, match="SSP_EPOKIR_SANDI"):
        puller.pull(url)


def test_a_user_without_a_role_in_the_province_is_told_so(puller: Puller) -> None:
    puller.params = {"id_daerah": 99}
    with in_thread(stand_in()) as url, pytest.raises(PullError, match="id_daerah 99") as caught:
        puller.pull(url)
    assert caught.value.reason_code == "peran_tidak_ada"


def test_a_list_that_changes_while_it_is_paged_is_not_kept(puller: Puller, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, asked = catatan_tiruan.catatan(World(today=TODAY), 2027), []

    def shrinking(world: World, tahun: int) -> tuple[bytes, ...]:
        asked.append(tahun)
        return whole if len(asked) < 3 else whole[1:]

    monkeypatch.setattr(sandbox, "catatan", shrinking)
    with in_thread(stand_in()) as url, pytest.raises(PagingRestart, match="shrank"):
        puller.pull(url)


def test_the_same_page_again_and_again_is_not_kept(puller: Puller, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sandbox._halaman
    monkeypatch.setattr(sandbox, "_halaman", lambda world, form: real(world, {**form, "start": "0"}))
    with in_thread(stand_in()) as url, pytest.raises(PagingRestart, match="same rows"):
        puller.pull(url)


def test_the_tokens_are_signed_and_a_forged_one_is_refused() -> None:
    with in_thread(stand_in()) as url:
        who = {"username": "pengguna-tiruan", "password": "sandi-tiruan", "tahun": "2027"}
        role = requests.post(f"{url}/epokir/auth/auth/pre-login", data=who, timeout=5).json()[0]
        tokens = requests.post(f"{url}/epokir/auth/auth/login", data={**who, **role}, timeout=5).json()
        assert set(tokens) == {"token", "refresh_token"}
        head, body, signature = tokens["token"].split(".")
        expected = hmac.new(b"tiruan", f"{head}.{body}".encode(), hashlib.sha256).digest()
        assert base64.urlsafe_b64decode(signature + "=") == expected
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        assert claims["exp"] > claims["iat"]
        forged = base64.urlsafe_b64encode(json.dumps({**claims, "exp": 9_999_999_999}).encode()).rstrip(b"=").decode()
        headers = {"X-Access-Token": f"{head}.{forged}.{signature}", "X-Api-Key": "kunci-tiruan"}
        answer = requests.post(f"{url}{LIST}", files={"tahun": (None, "2027")}, headers=headers, timeout=5)
    assert answer.status_code == 401
    assert answer.json()["status_code"] == 401


def page_of(url: str, **form: object) -> requests.Response:
    """A page asked for as a browser does, multipart."""
    token = sandbox._buat_token("2027", 12)
    fields = {"id_daerah": 12, "tahun": 2027, "draw": 1, "start": 0, "length": 500} | form
    return requests.post(
        f"{url}{LIST}",
        files={name: (None, str(value)) for name, value in fields.items()},
        headers={"X-Access-Token": token, "X-Api-Key": "kunci-tiruan"},
        timeout=5,
    )


def test_the_stand_in_speaks_in_the_shape_of_the_golden_answers() -> None:
    golden = [orjson.loads((GOLDEN / case / "payload.json").read_bytes()) for case in ("halaman", "baris_rusak")]
    rows = golden[0]["data"]["data"] + golden[1]["data"]["data"]
    union = orjson.dumps({**golden[0], "data": {**golden[0]["data"], "data": rows}})
    with in_thread(stand_in()) as url:
        for start in (0, 500, 1000):
            answer = page_of(url, start=start)
            assert answer.headers["X-SSP-Asal"] == "tiruan"
            assert_same_shape(union, answer.content)


def test_the_same_seed_gives_the_same_bytes_in_any_order_of_requests() -> None:
    with in_thread(stand_in()) as one, in_thread(stand_in()) as two, in_thread(stand_in(seed=2)) as other:
        forward = [page_of(one, start=s).content for s in (0, 500, 1000)]
        backward = [page_of(two, start=s).content for s in (1000, 500, 0)][::-1]
        assert forward == backward
        assert page_of(other).content != forward[0]


def test_datatables_searching_and_falling_order_work() -> None:
    with in_thread(stand_in()) as url:
        found = page_of(url, **{"search[value]": "irigasi"}).json()["data"]
        last = page_of(url, **{"order[0][dir]": "desc", "length": 1}).json()["data"]["data"]
    assert 0 < found["recordsFiltered"] < found["recordsTotal"] == 1500
    assert all("irigasi" in row["giat_teks"] for row in found["data"])
    assert [row["id_usulan"] for row in last] == [max(records())]


def test_proposals_come_from_all_members_and_regions() -> None:
    rows = records().values()
    assert len({row["id_pengusul"] for row in rows}) == 100
    assert len({row["id_kab_kota"] for row in rows}) == 33
    assert all("(Tiruan)" in row["pengusul"] for row in rows)


def test_proposals_only_move_forward_and_something_moves_in_every_week() -> None:
    stages = ("rekom_setwan_anggaran", "rekom_mitra_anggaran", "rekom_skpd_anggaran", "rekom_tapd_anggaran")
    before = records(dt.date(2026, 1, 2))
    for week in range(1, 46):
        now = records(dt.date(2026, 1, 2) + dt.timedelta(weeks=week))
        assert before.keys() <= now.keys()
        assert any(now[i] != row for i, row in before.items()) or len(now) > len(before)
        for i, row in before.items():
            reached = [row[s] for s in stages if row[s] is not None]
            assert [now[i][s] for s in stages][: len(reached)] == reached
            assert row["id_sub_bl"] in (0, now[i]["id_sub_bl"])
            assert int(row["is_tolak"]) <= int(now[i]["is_tolak"])
        before = now


def test_personal_fields_never_get_past_the_allow_list(puller: Puller) -> None:
    with in_thread(stand_in()) as url:
        assert {"nama_user", "nik", "no_hp"} <= page_of(url).json()["data"]["data"][0].keys()
        payloads = puller.pull(url)
    for payload in payloads:
        assert {"data.data.nama_user", "data.data.nik", "data.data.no_hp"} <= set(payload.unknown_fields)
        for trace in (b'"nik"', b'"129999', b"Operator Tiruan", b'"0800', b'"detail_latpeta"'):
            assert trace not in payload.body
        assert "token" not in str(payload.request).casefold()
    columns = {c.wire for c in CONTRACT.columns} | set(CONTRACT.ext.baris.bidang_lain)
    forbidden = ("nik", "nip", "npwp", "hp", "telp", "telepon", "email", "nama_user")
    assert not [c for c in columns if set(c.split("_")) & set(forbidden) or c in forbidden]


def test_free_text_is_private_and_its_payloads_are_kept_for_a_set_time() -> None:
    private = {c.name for c in CONTRACT.columns if c.classification == "private"}
    assert private == {"masalah", "alamat_teks", "lokus_usulan"}
    assert CONTRACT.column("pengusul").classification == "internal"
    assert CONTRACT.ext.retensi_bulan == 60


def read_golden(case: str) -> pl.DataFrame:
    meta = orjson.loads((GOLDEN / case / "meta.json").read_bytes())["meta"]
    body = allow_list(CONTRACT).cut((GOLDEN / case / "payload.json").read_bytes()).body
    return FEEDS["usulan_pokir"].read(make_payload(body, meta=meta), CONTRACT)


def test_reading_keeps_every_value_as_delivered_and_adds_the_day() -> None:
    frame = read_golden("halaman")
    assert set(frame.columns) >= {c.wire for c in CONTRACT.columns}
    assert set(frame.dtypes) == {pl.String}
    assert frame["anggaran"].to_list()[:3] == ["250000000", "175000000.00", "412500000.5"]
    assert frame["rekom_setwan_anggaran"].to_list()[:3] == [None, "175000000.0", "412500000.5"]
    assert set(frame["tanggal_potret"]) == {"2026-11-20"}
