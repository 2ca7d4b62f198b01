"""The HLS prober: each state against a real server, within hard deadlines."""

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import connectors.cctv.sandbox as stand_in
from connectors.cctv.cameras import CameraFileError, foreign_hosts, load_cameras
from connectors.cctv.hls import USER_AGENT, Camera, Eye, Limits, parse_playlist
from connectors.cctv.logbook import Logbook
from connectors.cctv.prober import Pace, Prober
from connectors.cctv.siaran_tiruan import playlist
from connectors.sandbox import World, build_app, in_thread
from tests.support.faulty_server import answer, own_certificate, raw_server
from tests.support.waiting import free_port

ROOT = Path(__file__).resolve().parents[1]
HOUR = datetime(2026, 11, 20, 3, tzinfo=UTC)
NAME = "L1RADENSALEHBALAIKOTA"
QUICK = Limits(deadline=2)
BRISK = Pace(every=300, spread=0, pause_min=1.05, pause_max=1.05, workers=20)


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    world = World(today=HOUR.date())
    with in_thread(build_app(world, [("cctv", stand_in)])) as url:
        yield f"{url}/cctv"


@pytest.fixture
def no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """`kamera.invalid` has no address, `kamera.lambat` one that never comes; nobody outside is asked."""
    real = socket.getaddrinfo

    def lookup(host: str, *args: Any, **kwargs: Any) -> Any:
        if host == "kamera.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if host == "kamera.lambat":
            time.sleep(3)
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def test_each_state_is_told_apart_on_a_real_server(base: str, tmp_path: Path, no_name: None) -> None:
    expected = {
        "up": "up",
        "master": "up",
        "moved": "up",
        "frozen": "frozen",
        "ended": "frozen",
        "playlist_only": "playlist_only",
        "empty": "playlist_only",
        "not_found": "http_error",
        "html": "http_error",
        "large": "http_error",
        "timeout": "timeout",
        "drip": "timeout",
    }
    urls = {mode: f"{base}/uji/{mode}/stream/{NAME}/stream.m3u8" for mode in expected}
    urls |= {
        "dns": "http://kamera.invalid/stream/L1/stream.m3u8",
        "dns_slow": "http://kamera.lambat/stream/L1/stream.m3u8",
        "refused": f"http://127.0.0.1:{free_port()}/stream/L1/stream.m3u8",
    }
    expected |= {"dns": "dns", "dns_slow": "dns", "refused": "http_error"}
    cameras = [Camera(n, (urls[mode],)) for n, mode in enumerate(expected, 1)]
    book = Logbook(tmp_path, HOUR)
    found = Prober(cameras, book, pace=BRISK, limits=QUICK).probe(int(HOUR.timestamp()))
    book.close()
    assert {mode: found[n].status for n, mode in enumerate(expected, 1)} == expected
    numbers = {mode: n for n, mode in enumerate(expected, 1)}
    assert found[numbers["not_found"]].http == 404
    assert found[numbers["html"]].http == 200
    assert found[numbers["up"]].http == 200
    assert found[numbers["up"]].seq is not None
    assert (found[numbers["dns"]].http, found[numbers["dns"]].latency_ms) == (None, None)


class Station:
    """A stream whose sequence the test sets; it notes what it was asked."""

    def __init__(self) -> None:
        self.seq = 100
        self.step = 0
        self.segment = "seg{}.ts"
        self.asked: list[Request] = []

    def app(self) -> Starlette:
        async def stream(request: Request) -> Response:
            self.asked.append(request)
            if request.url.path.endswith(".ts"):
                return Response(b"G" * 400_000)
            self.seq += self.step
            text = playlist(self.seq, count=3).replace("seg", self.segment.partition("{")[0])
            return Response(text, media_type="application/vnd.apple.mpegurl")

        return Starlette(routes=[Route("/{berkas:path}", stream)])

    def playlists(self) -> int:
        return sum(r.url.path.endswith(".m3u8") for r in self.asked)


def test_a_later_round_judges_by_the_round_before_and_asks_twice_only_when_it_must(tmp_path: Path) -> None:
    station = Station()
    with in_thread(station.app()) as url:
        book = Logbook(tmp_path, HOUR)
        prober = Prober(
            [Camera(7, (f"{url}/s/stream.m3u8",))],
            book,
            pace=Pace(every=300, spread=0, pause_min=0.01, pause_max=0.01),
        )
        slot = int(HOUR.timestamp())
        station.step = 1
        assert prober.probe(slot)[7].status == "up"
        assert station.playlists() == 2
        assert prober.probe(slot + 300)[7].status == "up"
        assert station.playlists() == 3
        station.step = 0
        assert prober.probe(slot + 600)[7].status == "frozen"
        assert station.playlists() == 4
        station.seq, station.step = 3, 1  # the encoder was started anew
        assert prober.probe(slot + 900)[7].status == "up"
        assert station.playlists() == 6
        book.close()


def test_requests_name_us_carry_the_host_as_referer_and_take_little_of_a_segment(tmp_path: Path) -> None:
    station = Station()
    with in_thread(station.app()) as url:
        look = Eye(Limits(segment_bytes=1000)).look(Camera(1, (f"{url}/s/stream.m3u8",)))
    assert look.status == "up"
    first, segment = (r.headers for r in station.asked)
    assert first["referer"] == f"{url}/"
    assert first["user-agent"] == USER_AGENT
    assert segment["range"] == "bytes=0-999"


def test_a_playlist_leads_to_another_host_only_when_that_is_allowed() -> None:
    station = Station()
    with in_thread(station.app()) as url:
        station.segment = f"{url.replace('127.0.0.1', 'localhost')}/x{{}}"
        camera = Camera(1, (f"{url}/s/stream.m3u8",))
        assert Eye(Limits()).look(camera).status == "playlist_only"
        assert len(station.asked) == 1
        assert Eye(Limits(hosts=frozenset({"localhost"}))).look(camera).status == "up"


def test_a_renamed_stream_is_found_under_its_other_name(base: str) -> None:
    camera = Camera(5, (f"{base}/stream/LAMA/stream.m3u8", f"{base}/stream/{NAME}/stream.m3u8"))
    look = Eye(Limits()).look(camera)
    assert (look.status, look.url) == ("up", camera.urls[1])


def test_tls_is_verified(tmp_path: Path) -> None:
    def stream(connection: socket.socket, head: bytes) -> None:
        body = b"G" * 100 if b".ts " in head else playlist(1).encode()
        connection.sendall(answer(body, f"Content-Length: {len(body)}"))

    server, certificate = own_certificate(tmp_path)
    with raw_server(stream, tls=server) as url:
        camera = Camera(1, (f"{url}/s/stream.m3u8",))
        distrusted = Eye(Limits()).look(camera)
        assert distrusted.status == "http_error"
        assert "certificate verify failed" in distrusted.reason
        assert Eye(Limits(), ssl.create_default_context(cafile=str(certificate))).look(camera).status == "up"


@pytest.mark.parametrize("cut", ["headers", "body"])
def test_a_connection_that_breaks_is_an_http_error(cut: str) -> None:
    def broken(connection: socket.socket, head: bytes) -> None:
        whole = answer(b"#EXTM3U\n", "Content-Length: 500")
        connection.sendall(whole[:12] if cut == "headers" else whole)

    with raw_server(broken) as url:
        assert Eye(QUICK).look(Camera(1, (f"{url}/s/stream.m3u8",))).status == "http_error"


def test_a_playlist_is_read_by_its_tags() -> None:
    media = parse_playlist("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:42\n#EXTINF:6,\na.ts\n\n")
    assert (media.seq, media.segments, media.hold, media.ended) == (42, ("a.ts",), 6.0, False)
    variants = "#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\nhigh.m3u8"
    master = parse_playlist(f"#EXTM3U\n{variants}")
    assert (master.variants, master.segments) == (("low.m3u8", "high.m3u8"), ())


def test_the_camera_file_gives_every_known_name_of_a_camera_and_refuses_what_it_cannot_use(tmp_path: Path) -> None:
    reference = ROOT / "connectors" / "cctv" / "reference" / "aliran_kamera.csv"
    cameras = load_cameras(reference, "https://atcsdishub.medan.go.id")
    assert len(cameras) == 75
    assert {c.id for c in cameras if len(c.urls) == 2} == {5, 7, 22, 24}
    assert foreign_hosts(cameras) == {"atcsdishub.medan.go.id"}
    assert foreign_hosts([Camera(1, ("http://127.0.0.1:9/x", "http://localhost/y"))]) == set()
    bad = {
        "a.csv": "id,url\nL1,http://x/y\n",
        "b.csv": "id,nama_aliran\n1,L1\n",
        "c.csv": "id,url\n1,file:///etc/passwd\n",
        "d.csv": "id,url\n",
        "e.json": '{"id": 1}',
        "f.json": "[1",
    }
    for name, text in bad.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(CameraFileError, match=name):
            load_cameras(tmp_path / name)
    with pytest.raises(CameraFileError, match="tak_ada"):
        load_cameras(tmp_path / "tak_ada.csv")
