"""Made-up HLS streams for the stand-in: a playlist that moves with the clock, its segments, and streams that fail.

    /stream/<nama_aliran>/stream.m3u8              moves on, one segment a second
    /uji/<mode>/stream/<nama_aliran>/stream.m3u8   in one of MODES

Belongs here: playlists and segments. Does not belong here: which names exist (`sandbox.py`). This is the one part
of a stand-in that follows the clock: a live stream is nothing without it, and nothing of it is ever kept.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

MODES = (
    "up",
    "master",
    "moved",
    "frozen",
    "playlist_only",
    "empty",
    "ended",
    "not_found",
    "html",
    "timeout",
    "drip",
    "large",
)
_WINDOW = 6
_SEGMENT = b"\x47\x40\x00\x10" + bytes(184)
"""One empty MPEG transport stream packet: its sync byte, header and 184 bytes."""
_M3U8 = "application/vnd.apple.mpegurl"


def playlist(sequence: int, *, segment: str = "seg", count: int = _WINDOW, ended: bool = False) -> str:
    """A media playlist of one-second segments that starts at `sequence`."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1", f"#EXT-X-MEDIA-SEQUENCE:{sequence}"]
    for number in range(sequence, sequence + count):
        lines += ["#EXTINF:1.000,", f"{segment}{number}.ts"]
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if ended else []), ""])


async def _drip() -> AsyncIterator[bytes]:
    for _ in range(600):
        yield b"#"
        await asyncio.sleep(0.05)


async def _answer(mode: str, file: str) -> Response:
    if file.endswith(".ts"):
        known = file.startswith("seg") and file[3:-3].isdecimal()
        return Response(_SEGMENT * 40, media_type="video/mp2t") if known else Response(status_code=404)
    now = int(time.time())
    match mode:
        case "master" if file == "stream.m3u8":
            text = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=1280x720\nchunklist_w1.m3u8\n"
        case "moved" if file == "stream.m3u8":
            return RedirectResponse("chunklist_w1.m3u8", 302)
        case "frozen":
            text = playlist(51_200)
        case "playlist_only":
            text = playlist(now, segment="hilang")
        case "empty":
            text = playlist(now, count=0)
        case "ended":
            text = playlist(now, ended=True)
        case "not_found":
            return PlainTextResponse("404 page not found", 404)
        case "html":
            return Response("<html><body>Silakan masuk</body></html>", media_type="text/html")
        case "timeout":
            await asyncio.sleep(8)
            return Response(status_code=504)
        case "drip":
            return StreamingResponse(_drip(), media_type=_M3U8)
        case "large":
            text = playlist(now) + "#" * 2_000_000
        case _:
            text = playlist(now)
    return Response(text, media_type=_M3U8, headers={"Cache-Control": "no-cache"})


def routes(names: Collection[str]) -> list[Route]:
    """Routes of the streams with these names; any other name is 404, as a stream that was renamed is."""

    async def stream(request: Request) -> Response:
        mode = request.path_params.get("mode", "up")
        if request.path_params["nama"] not in names or mode not in MODES:
            return PlainTextResponse("404 page not found", 404)
        return await _answer(mode, request.path_params["berkas"])

    return [Route("/stream/{nama}/{berkas}", stream), Route("/uji/{mode}/stream/{nama}/{berkas}", stream)]
