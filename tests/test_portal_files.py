"""Files over HTTP: ranges, validators, compression, names, headers, permanent links, and what is withdrawn."""

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import duckdb_extension_httpfs
import pytest
import requests

from tests.support.open_release import Office, office_in
from tests.support.portal import Served, running, site
from tests.support.waiting import until
from warehouse.opendata.manifest import File, current, read_release, read_version, resource_id
from warehouse.opendata.withdraw import withdraw

pytest_plugins = ["tests.support.portal_fixtures"]


def newest(served: Served, form: str, name: str = "harga_uji") -> File:
    release = read_release(served.root, current(served.root) or 0)
    (number,) = [d.versi for d in release.dataset if d.dataset == name and d.versi]
    return next(f for f in read_version(served.root, name, number).berkas if f.format == form)


@pytest.mark.parametrize("form", ["parquet", "csv", "csv-excel", "xlsx", "json"])
def test_a_permanent_link_leads_to_the_newest_file_with_its_name_and_its_sha256(served: Served, form: str) -> None:
    file = newest(served, form)
    for address in (f"/r/{file.id}", f"/unduh/harga_uji/{form}"):
        answer = served.get(address)
        assert [r.status_code for r in answer.history] == [302]
        assert hashlib.sha256(answer.content).hexdigest() == file.sha256
        assert answer.headers["ETag"].strip('"').removesuffix("-gzip") == file.sha256
        assert f'filename="{file.nama}"' in answer.headers["Content-Disposition"]
        assert answer.headers["Content-Type"].split(";")[0] == file.mediatype.split(";")[0]
        assert "immutable" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("asked", "first", "stop"),
    [("bytes=0-9", 0, 10), ("bytes=10-", 10, None), ("bytes=-7", -7, None), ("bytes=5-999999999", 5, None)],
)
def test_a_range_gives_these_bytes(served: Served, asked: str, first: int, stop: int | None) -> None:
    file = newest(served, "parquet")
    whole = (served.root / file.path).read_bytes()
    answer = served.get(f"/{file.path}", headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, whole[first:stop])
    start = first % len(whole)
    assert answer.headers["Content-Range"] == f"bytes {start}-{start + len(answer.content) - 1}/{len(whole)}"


def test_several_ranges_come_in_parts(served: Served) -> None:
    file = newest(served, "csv")
    whole = (served.root / file.path).read_bytes()
    answer = served.get(f"/{file.path}", headers={"Range": "bytes=0-3, 10-14,-5"})
    assert answer.status_code == 206
    assert answer.headers["Content-Type"].startswith("multipart/byteranges")
    for piece in (whole[:4], whole[10:15], whole[-5:]):
        assert b"\r\n\r\n" + piece + b"\r\n--" in answer.content


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=-0", "bytes=" + ",".join(f"{n}-{n}" for n in range(40))])
def test_a_range_outside_the_file_or_of_too_many_pieces_is_a_416(served: Served, asked: str) -> None:
    file = newest(served, "csv")
    answer = served.get(f"/{file.path}", headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{file.bytes}"
    assert answer.json()["galat"]["kode"] == "rentang_salah"


@pytest.mark.parametrize("asked", ["lines=0-9", "bytes=9-3", "bytes=a-b", "bytes=", "bytes"])
def test_a_range_that_cannot_be_read_is_passed_over(served: Served, asked: str) -> None:
    file = newest(served, "csv")
    answer = served.get(f"/{file.path}", headers={"Range": asked, "Accept-Encoding": "identity"})
    assert (answer.status_code, len(answer.content)) == (200, file.bytes)


def test_what_a_client_has_is_not_sent_again(served: Served) -> None:
    file = newest(served, "csv")
    for tag in (f'"{file.sha256}"', f'W/"{file.sha256}"', f'"x", "{file.sha256}-gzip"', "*"):
        answer = served.get(f"/{file.path}", headers={"If-None-Match": tag})
        assert (answer.status_code, answer.content) == (304, b"")
        assert file.sha256 in answer.headers["ETag"]
    later = {"If-None-Match": '"x"', "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    answer = served.get(f"/{file.path}", headers=later)
    assert answer.status_code == 200
    stamp = answer.headers["Last-Modified"]
    assert served.get(f"/{file.path}", headers={"If-Modified-Since": stamp}).status_code == 304


def test_if_range_gives_a_range_of_this_content_only(served: Served) -> None:
    file = newest(served, "csv")
    same = served.get(f"/{file.path}", headers={"Range": "bytes=0-3", "If-Range": f'"{file.sha256}"'})
    other = served.get(
        f"/{file.path}", headers={"Range": "bytes=0-3", "If-Range": '"x"', "Accept-Encoding": "identity"}
    )
    assert (same.status_code, other.status_code, len(other.content)) == (206, 200, file.bytes)


def test_text_is_compressed_for_who_takes_it_and_parquet_never(served: Served) -> None:
    file = newest(served, "csv")
    packed = served.get(f"/{file.path}", headers={"Accept-Encoding": "gzip"}, stream=True)
    body = packed.raw.read(decode_content=False)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert len(body) < file.bytes / 2
    assert hashlib.sha256(gzip.decompress(body)).hexdigest() == file.sha256
    plain = served.get(f"/{file.path}", headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in plain.headers
    parquet = served.get(f"/{newest(served, 'parquet').path}", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in parquet.headers
    assert parquet.headers["Repr-Digest"].startswith("sha-256=:")


def test_head_has_the_headers_of_get_and_no_body(served: Served) -> None:
    for path in ("/", f"/{newest(served, 'parquet').path}", "/api/3/action/package_list", "/atom.xml"):
        plain = {"Accept-Encoding": "identity"}
        head, got = served.session.head(served.url + path, headers=plain), served.get(path, headers=plain)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Length"] == str(len(got.content))
        assert {k.lower() for k in head.headers} == {k.lower() for k in got.headers}


def test_every_answer_has_security_headers_and_may_be_read_by_other_pages(served: Served) -> None:
    for path in (
        "/",
        "/dataset/harga_uji/",
        "/api/3/action/package_list",
        "/tidak/ada",
        f"/{newest(served, 'csv').path}",
    ):
        headers = served.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Access-Control-Allow-Origin"] == "*"
    flight = served.session.options(served.url + "/api/3/action/datastore_search")
    assert flight.status_code == 204
    assert "POST" in flight.headers["Access-Control-Allow-Methods"]


def test_pages_are_asked_for_each_time_and_have_both_languages(served: Served) -> None:
    for path in ("/", "/en/", "/dataset/", "/dataset/harga_uji/", "/en/dataset/harga_uji/", "/dataset/harga_uji/v1/"):
        answer = served.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "must-revalidate" in answer.headers["Cache-Control"]
        assert served.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    moved = served.get("/dataset/harga_uji?a=1", allow_redirects=False)
    assert (moved.status_code, moved.headers["Location"]) == (308, "/dataset/harga_uji/?a=1")


@pytest.mark.parametrize(
    "path",
    [
        "/../walidata/keputusan.ndjson", "/bagian/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd", "/bagian/ab/..%2f..%2f..%2fterkini.json", "/rilis/1/situs/../../../terkini.json",
        "//etc/passwd", "/%00", "/a%5c..%5cb",
        "/terkini.json", "/dataset/harga_uji/v1/../../../terkini.json", "/bagian/", "/bagian", "/rilis/2", "/.terkini",
    ],
)  # fmt: skip
def test_nothing_but_published_files_can_be_reached(served: Served, path: str) -> None:
    request = requests.Request("GET", served.url)
    prepared = served.session.prepare_request(request)
    prepared.url = served.url + path
    answer = served.session.send(prepared, timeout=30, allow_redirects=False)
    assert answer.status_code in (400, 404), (path, answer.status_code, answer.text[:200])


def test_a_link_out_of_the_root_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "rahasia.csv"
    secret.write_text("rahasia")
    root = tmp_path / "terbuka"
    name = "a" * 64
    (root / "bagian" / "aa").mkdir(parents=True)
    (root / "bagian" / "aa" / f"{name}.csv").symlink_to(secret)
    with running(root) as served:
        assert served.get(f"/bagian/aa/{name}.csv").status_code == 404
        answer = served.get("/", headers={"Accept": "text/html"})
        assert answer.status_code == 503
        assert served.action("package_list") == []


def test_an_error_has_one_shape_for_programs_and_a_page_for_people(served: Served) -> None:
    told = served.get("/unduh/harga_uji/exe").json()["galat"]
    assert set(told) == {"status", "kode", "pesan", "rincian"}
    assert (told["status"], told["kode"]) == (404, "tidak_ditemukan")
    page = served.get("/tidak/ada", headers={"Accept": "text/html,*/*"})
    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert served.session.delete(served.url + "/").status_code == 405
    assert served.post("/dataset/").status_code == 405


def test_machines_find_feeds_the_sitemap_robots_and_security_txt(served: Served) -> None:
    for path in ("/atom.xml", "/dataset/harga_uji/atom.xml"):
        feed = served.get(path)
        assert feed.headers["Content-Type"].startswith("application/atom+xml")
        assert "harga_uji/v2/" in feed.text
    assert f"{served.url}/dataset/kamera_uji/" in served.get("/sitemap.xml").text
    assert "Sitemap:" in served.get("/robots.txt").text
    assert "Contact:" in served.get("/.well-known/security.txt").text
    assert served.get("/status").json()["rilis"] == 2


def test_every_address_of_the_sitemap_answers(served: Served) -> None:
    addresses = [part.split("</loc>")[0] for part in served.get("/sitemap.xml").text.split("<loc>")[1:]]
    assert len(addresses) > 20
    assert [a for a in addresses if served.get(urlsplit(a).path).status_code != 200] == []


def test_a_plain_duckdb_reads_a_part_of_a_file_over_http(served: Served) -> None:
    file = newest(served, "parquet")
    extension = next(Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension"))
    with duckdb.connect() as con:
        con.execute(f"LOAD '{extension}'")
        for address in (f"/{file.path}", f"/r/{file.id}"):
            found = con.execute(f"SELECT count(*) FROM read_parquet('{served.url}{address}')").fetchone()
            assert found == (file.baris,)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_in(tmp_path) as found:
        yield found


def test_a_withdrawn_version_is_a_410_with_its_reason_everywhere(office: Office) -> None:
    office.publish()
    office.release(site=site)
    old = office.version(1)
    with running(office.root) as served:
        assert served.action("datastore_search", resource_id="harga_uji", limit=1)["versi"] == 1
        withdraw(office.store, office.decisions, "harga_uji", 1, by="Walidata Uji", why="Memuat kesalahan.")
        office.release(site=site)
        until(lambda: served.get("/status").json()["rilis"] == 2)
        for path in (
            "/dataset/harga_uji/", "/dataset/harga_uji/v1/", "/dataset/harga_uji/v1/manifest.json",
            "/unduh/harga_uji/csv", f"/r/{resource_id('harga_uji', 'csv')}", "/api/3/action/package_show?id=harga_uji",
            "/api/3/action/datastore_search?resource_id=harga_uji", "/datastore/dump/harga_uji",
            "/dataset/harga_uji/atom.xml",
        ):  # fmt: skip
            answer = served.get(path)
            assert (answer.status_code, "Memuat kesalahan." in answer.text) == (410, True), path
        assert [p for f in old.berkas if served.get(p := f"/{f.path}").status_code == 200] == []
        assert served.action("package_list") == []
        assert "tabel_di_memori" in served.get("/status").json()
        assert served.get("/status").json()["tabel_di_memori"] == {}
