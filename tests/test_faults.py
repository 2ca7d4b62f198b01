"""The fault mode of the stand-ins: when a fault strikes, and that it is on the wire what its name says."""

import contextlib
import gzip
import random
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import requests

from connectors.fault_rows import BODY_FAULTS, NIK_LIKE, ROW_FAULTS
from connectors.fault_seed import SeededFaults
from connectors.fault_wire import FAULTS
from connectors.faults import FaultBook, FaultError
from connectors.http import HttpClient
from connectors.sandbox import World, build_app, in_thread
from tests.support.fault_office import BODY, ROW, TODAY, office


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with in_thread(build_app(World(today=TODAY), [("uji", office())])) as url:
        yield url


@pytest.fixture
def fault(host: str) -> Iterator[Callable[..., None]]:
    def put(name: str, match: str = "/uji/", **spec: Any) -> None:
        reply = requests.post(f"{host}/_gangguan", json={"cocok": match, "gangguan": name, **spec}, timeout=5)
        assert reply.status_code == 200, reply.text

    yield put
    requests.delete(f"{host}/_gangguan", timeout=5)


def get(url: str, **options: Any) -> requests.Response:
    return requests.get(url, timeout=5, **options)


# --- when a fault strikes ---------------------------------------------------------------------------------------------


def statuses(url: str, count: int) -> list[int]:
    return [get(url).status_code for _ in range(count)]


def test_a_fault_strikes_from_its_start_as_often_as_told(host: str, fault: Callable[..., None]) -> None:
    fault("5xx", match=r"/uji/daftar\?hal=2", mulai=2, kali=2)
    assert statuses(f"{host}/uji/daftar?hal=1", 3) == [200] * 3
    assert statuses(f"{host}/uji/daftar?hal=2", 5) == [200, 503, 503, 200, 200]
    state = get(f"{host}/_gangguan").json()["aturan"][0]
    assert (state["dilihat"], state["terjadi"]) == (5, 2)
    requests.delete(f"{host}/_gangguan", timeout=5)
    fault("5xx", kali=0, arg={"kode": 500})
    assert statuses(f"{host}/uji/daftar", 4) == [500] * 4
    requests.delete(f"{host}/_gangguan", timeout=5)
    assert statuses(f"{host}/uji/daftar", 1) == [200]


def test_a_fault_can_match_decoded_queries_and_forms(host: str, fault: Callable[..., None]) -> None:
    fault("5xx", match=r"tanggal=01/09/2025 - 02", kali=0)
    assert get(f"{host}/uji/daftar", params={"tanggal": "01/09/2025 - 02/09/2025"}).status_code == 503
    fault("5xx", match="/uji/daftar", isi=r"kode=1275\b", arg={"kode": 502})
    assert requests.post(f"{host}/uji/daftar", data={"kode": "1271"}, timeout=5).status_code == 200
    assert requests.post(f"{host}/uji/daftar", data={"kode": "1275"}, timeout=5).status_code == 502


def test_the_first_rule_that_is_due_strikes(host: str, fault: Callable[..., None]) -> None:
    fault("5xx", arg={"kode": 500})
    fault("5xx", kali=2, arg={"kode": 502})
    assert statuses(f"{host}/uji/daftar", 4) == [500, 502, 502, 200]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"gangguan": "tiada"}, "tidak dikenal"),
        ({"gangguan": "putus", "kalli": 3}, "kalli"),
        ({"gangguan": "putus", "kali": -1}, "kali"),
        ({"gangguan": "putus", "kali": "3"}, "kali"),
        ({"gangguan": "putus", "mulai": 0}, "mulai"),
        ({"gangguan": "putus", "arg": [1]}, "arg"),
        ({"gangguan": "putus", "cocok": "("}, "regex"),
        ([3], "objek JSON"),
    ],
)
def test_a_rule_that_is_wrong_is_refused(host: str, spec: Any, said: str) -> None:
    reply = requests.post(f"{host}/_gangguan", json=spec, timeout=5)
    assert reply.status_code == 400
    assert said in reply.json()["galat"]


def test_a_fault_that_cannot_be_made_is_loud(host: str, fault: Callable[..., None]) -> None:
    for name, arg, said in [
        ("bidang_hilang", {"bidang": "tiada"}, "bidang 'tiada' tidak ada"),
        ("kunci_null", {}, "memerlukan 'bidang'"),
        ("kunci_null", {"bidang": "id", "baris": 9}, "'baris' 9"),
        ("kunci_null", {"bidang": "id", "di": "data.lain"}, "'lain' tidak ada"),
        ("tanggal_depan", {"bidang": "nama"}, "bukan tanggal"),
        ("tipe_balik", {"bidang": "nama"}, "tidak dapat dibalik"),
        ("total_menyusut", {"total": "data.jumlah"}, "data.jumlah"),
    ]:
        fault(name, arg=arg)
        reply = get(f"{host}/uji/daftar")
        assert reply.status_code == 500
        assert said in reply.text
    assert len(get(f"{host}/_gangguan").json()["galat"]) == 7
    fault("kunci_null", match="/ulang", arg={"bidang": "id"})
    assert "daftar objek" in get(f"{host}/uji/ulang").text


def test_every_fault_is_documented() -> None:
    import connectors.faults

    for name in FAULTS:
        assert f"| {name} |" in (connectors.faults.__doc__ or "")
    with pytest.raises(FaultError):
        FaultBook().add({"gangguan": "tiada"})


def test_an_error_in_a_stand_in_is_a_500_and_the_shell_goes_on(host: str) -> None:
    assert get(f"{host}/uji/rusak").status_code == 500
    assert get(f"{host}/uji/daftar").status_code == 200


# --- faults by seed ---------------------------------------------------------------------------------------------------


def seeded(seed: int, count: int) -> list[int]:
    """Attempts that each of `count` requests took under faults of this seed."""
    app = build_app(World(today=TODAY), [("uji", office())], faults=FaultBook(SeededFaults(seed, rate=0.3)))
    with (
        in_thread(app) as url,
        HttpClient(f"{url}/uji", user_agent="uji", sleep=lambda seconds: None, rng=random.Random(1)) as client,
    ):
        answers = [client.request("GET", "/daftar", params={"hal": n}) for n in range(count)]
        again = [client.request("GET", "/ulang").body for _ in range(20)]
    assert all(answer.body == BODY.replace(b"14000.5", b"14000.50") for answer in answers)
    assert again == [b"{}"] * 20
    return [answer.attempts for answer in answers]


def test_seeded_faults_are_the_same_for_a_seed_and_one_retry_heals_each() -> None:
    first = seeded(1, 60)
    assert set(first) == {1, 2}
    assert first == seeded(1, 60)
    assert first != seeded(2, 60)


def of_any_kind(seed: int, count: int) -> dict[str, int]:
    """Faults that `count` requests met, each of which was to meet one, and how often each."""
    app = build_app(World(today=TODAY), [("uji", office())], faults=FaultBook(SeededFaults(seed, rate=1, every=True)))
    with in_thread(app) as url:
        for n in range(count):
            with contextlib.suppress(requests.RequestException), get(f"{url}/uji/daftar?hal={n}", stream=True) as reply:
                reply.raw.read(100)
            state = requests.delete(f"{url}/_gangguan", timeout=5).json()  # a fault that stays would meet the next ones
    assert state["benih"] == seed
    return dict(state["dari_benih"])


def test_a_seed_can_bring_every_fault_and_brings_the_same_ones_again() -> None:
    first = of_any_kind(1, 150)
    assert first.keys() == FAULTS.keys()
    assert of_any_kind(1, 40) == of_any_kind(1, 40) != of_any_kind(2, 40)


# --- what is sent -----------------------------------------------------------------------------------------------------


def test_wire_faults_are_real(host: str, fault: Callable[..., None]) -> None:
    url = f"{host}/uji/daftar"
    fault("429_detik", arg={"detik": 3})
    assert get(url).headers["Retry-After"] == "3"
    fault("429_tanggal", arg={"detik": 60})
    assert get(url).headers["Retry-After"].endswith("GMT")
    fault("putus")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(url)
    fault("gzip_terpotong")
    short = get(url, stream=True).raw.read(decode_content=False)
    with pytest.raises(EOFError):
        gzip.decompress(short)
    fault("panjang_salah")
    assert int(get(url).headers["Content-Length"]) < len(BODY)
    fault("tetes", arg={"jeda": 0})
    assert get(url).json() == orjson.loads(BODY)
    fault("xml")
    assert get(url).text.startswith("<?xml")
    fault("halaman_login")
    assert 'type="password"' in get(url).text
    fault("galat_200", arg={"isi": {"kd_status": "E"}})
    assert get(url).json() == {"kd_status": "E"}
    fault("kosong_200")
    empty = get(url)
    assert (empty.status_code, empty.content) == (200, b"")
    fault("alih_host", arg={"ke": "http://lain.invalid/"})
    assert get(url, allow_redirects=False).headers["Location"] == "http://lain.invalid/"


def test_the_server_survives_clients_that_leave_in_the_middle(host: str, fault: Callable[..., None]) -> None:
    for name in ("tetes", "terlalu_besar", "bom_gzip"):
        fault(name)
        with contextlib.closing(get(f"{host}/uji/daftar", stream=True)) as reply:
            reply.raw.read(10, decode_content=False)
    assert get(f"{host}/uji/daftar").json() == orjson.loads(BODY)


CONTENT = [
    ("bidang_hilang", {"bidang": "kode"}, {"kode": None}, {"kode": None}),
    ("bidang_hilang", {"bidang": "tagihan.pokok", "baris": 1}, {}, {"tagihan": {}}),
    ("bidang_baru", {}, {"kolom_baru": "isi baru"}, {"kolom_baru": "isi baru"}),
    ("bidang_baru", {"bidang": "nik", "nilai": 5, "baris": [1]}, {}, {"nik": 5}),
    ("bidang_baru_bersarang", {}, {"petugas": {"nama": "Contoh", "rincian": [{"nik": NIK_LIKE}]}}, {}),
    ("bidang_ganti_nama", {"bidang": "harga", "nilai": "price"}, {"harga": None, "price": "13,250"}, ...),
    ("bidang_balik_urut", {}, {}, {}),
    ("tipe_balik", {"bidang": "harga"}, {"harga": 13250}, {}),
    ("tipe_balik", {"bidang": "berat", "baris": "semua"}, {"berat": "12100"}, {"berat": "12100"}),
    ("tipe_balik", {"bidang": "kode", "ke": "objek"}, {"kode": {"nilai": "1275"}}, {}),
    ("kunci_null", {"bidang": "id", "baris": -1}, {}, {"id": None}),
    ("kode_sistem_lain", {"bidang": "kode", "di": "data.isi"}, {"kode": "1271"}, {}),
    ("kode_sistem_lain", {"bidang": "kode", "nilai": "12.71"}, {"kode": "12.71"}, {}),
    ("komoditas_asing", {"bidang": "nama", "di": ["data", "isi"]}, {"nama": "Kacang Koro Ungu Impor"}, {}),
    ("tanggal_depan", {"bidang": "tanggal"}, {"tanggal": "02/04/2024"}, {}),
    ("tanggal_depan", {"bidang": "tanggal", "hari": 1}, {"tanggal": "28/02/2023"}, {}),
    ("tanggal_tanpa_tahun", {"bidang": "tanggal"}, {"tanggal": "8 Agu"}, {}),
    ("angka_lokal_lain", {"bidang": "harga"}, {"harga": "13.250"}, {}),
    ("angka_lokal_lain", {"bidang": "tagihan.pokok"}, {"tagihan": {"pokok": "Rp 72,193.44"}}, {}),
    ("angka_lokal_lain", {"bidang": "berat"}, {"berat": "12.100"}, {}),
    ("angka_lokal_lain", {"bidang": "rata"}, {"rata": "14.000,50"}, {}),
]


@pytest.mark.parametrize(("name", "arg", "first", "second"), CONTENT)
def test_content_faults_change_what_they_say_and_nothing_else(
    host: str, fault: Callable[..., None], name: str, arg: dict[str, Any], first: dict[str, Any], second: Any
) -> None:
    fault(name, arg=arg)
    body = get(f"{host}/uji/daftar").content
    rows = orjson.loads(body)["data"]["isi"]
    for row, changes, before in zip(rows, (first, first if second is ... else second), (7, 8), strict=True):
        expected = {**ROW, "id": before, **changes}
        absent = {key for key, value in changes.items() if value is None and name != "kunci_null"}
        assert row == {key: value for key, value in expected.items() if key not in absent}
    if name == "bidang_balik_urut":
        assert list(rows[0]) == list(ROW)[::-1]
    if name not in ("tipe_balik", "angka_lokal_lain"):
        assert b"14000.50" in body, "numbers keep their text"


def test_every_row_fault_is_tried_here() -> None:
    assert {name for name, *_ in CONTENT} == set(ROW_FAULTS)
    assert set(BODY_FAULTS) == {"bom_depan", "cp1252"}


def test_bom_and_cp1252_are_bytes_on_the_wire(host: str, fault: Callable[..., None]) -> None:
    fault("bom_depan")
    assert get(f"{host}/uji/daftar").content.startswith(b"\xef\xbb\xbf{")
    fault("cp1252", arg={"bidang": "nama"})
    body = get(f"{host}/uji/daftar").content
    assert b"Beras Premium  \x96 caf\xe9" in body
    with pytest.raises(UnicodeDecodeError):
        body.decode()


def test_rows_in_a_compressed_log_can_be_changed(host: str, fault: Callable[..., None]) -> None:
    fault("kunci_null", arg={"bidang": "id_lokasi", "baris": 1})
    lines = gzip.decompress(get(f"{host}/uji/log.ndjson.gz").content).splitlines()
    assert [orjson.loads(line)["id_lokasi"] for line in lines] == [0, None, 2]
    fault("bom_depan")
    assert gzip.decompress(get(f"{host}/uji/log.ndjson.gz").content).startswith(b"\xef\xbb\xbf{")


def test_a_total_can_shrink_at_a_named_place(host: str, fault: Callable[..., None]) -> None:
    fault("total_menyusut", kali=2, arg={"total": "data.total", "nilai": 1})
    totals = [get(f"{host}/uji/daftar").json()["data"]["total"] for _ in range(3)]
    assert totals == [1, 0, 2]
