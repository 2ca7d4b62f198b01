"""Stand-in of ATCS Kota Medan and of the prober's log server.

    GET /welcome/getDataLokasi?idk=1&idl=           the camera list
    GET /log/YYYY/MM/DD/                            directory index as nginx writes it, and HH.ndjson.gz below it
    GET /stream/<nama_aliran>/stream.m3u8           live HLS; failing streams under /uji/<mode>/

Belongs here: routes, the camera list, directory indexes. Does not belong here: log lines (`log_tiruan.py`), streams
(`siaran_tiruan.py`). In replay mode the list is the real one, without the ids from 77 on, which are doubtful; logs
stay made up, for nobody has published any, and are labelled so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.cctv import siaran_tiruan
from connectors.cctv.log_tiruan import LogTiruan
from connectors.sandbox import LABEL, World

REPLAY_FILE = Path("cctv") / "cctv_medan_atcs.json"
FIRST_DOUBTFUL_ID = 77
FIRST_LOG_DAY = date(2020, 1, 1)
OPEN_HOUR = 7
"""UTC hour of the stand-in's today that is still being written."""
_DRIFTING = {
    "5": ("PANDU - PALAPINORANG - CIREBON", "PANDU-CIREBON"),
    "7": ("SMRAJA - AMALIUN", "SM.RAJA - AMALIUN / MESJID RAYA"),
    "22": ("SM.RAJA - AH NASUTION FLYOVER", "SIMPANG PMH"),
    "24": ("MT.HARYONO - SUTOMO (UNILAND)", "UNILAND"),
    "33": ("SM.RAJA - HM.JHONI",),
    "45": ("PERINTIS KEMERDEKAAN - SUTOMO NOUMENSEN",),
}
_MOVING = ("23", "65")

Entry = tuple[str, datetime, int | None]
"""One line of a directory index: name, time of change, size (None for a directory)."""


@dataclass(frozen=True)
class _Camera:
    id: str
    nama: str
    lintang: str
    bujur: str


def _cameras(world: World) -> tuple[list[_Camera], str]:
    """Cameras in the agency's order, and where they come from."""
    if world.replay is not None and (world.replay / REPLAY_FILE).is_file():
        items = orjson.loads((world.replay / REPLAY_FILE).read_bytes())
        real = [_Camera(str(i["id"]), i["name"], str(i["lat"]), str(i["lon"])) for i in items]
        return [c for c in real if int(c.id) < FIRST_DOUBTFUL_ID], "ulangan"
    rows = world.reference("cctv", "kamera_tiruan")
    return [_Camera(r["id_kamera"], r["nama_kamera"], r["lintang"], r["bujur"]) for r in rows], "tiruan"


def _drifted(world: World, camera: _Camera) -> dict[str, str]:
    """A camera as the agency would show it today: names and a few positions drift, blanks stay where they are."""
    day = world.today.toordinal()
    name, lat = camera.nama, camera.lintang
    if camera.id in _DRIFTING:
        rng = world.rng("cctv", "nama", camera.id, day // 10)
        name = rng.choice([name, name, *_DRIFTING[camera.id]])
    if camera.id in _MOVING and world.rng("cctv", "koordinat", camera.id, day // 30).random() < 0.5:
        lat = f"{float(lat) + 0.0004:.6f}"
    blanks = world.rng("cctv", "spasi", camera.id).choice(["", "", "", " ", "  ", "\r"])
    return {"id_lokasi": camera.id, "nama_lokasi": name + blanks, "lat_lokasi": lat, "lon_lokasi": camera.bujur}


def camera_list(world: World) -> tuple[bytes, str]:
    """Body of getDataLokasi on the stand-in's today, and its label."""
    cameras, label = _cameras(world)
    if label == "ulangan":
        rows = [
            {"id_lokasi": c.id, "nama_lokasi": c.nama, "lat_lokasi": c.lintang, "lon_lokasi": c.bujur} for c in cameras
        ]
    else:
        rows = [_drifted(world, c) for c in cameras]
        if world.today.toordinal() % 7 == 3:
            # Somebody at the office tries the form: no number, so it must end in quarantine.
            rows.append({"id_lokasi": "", "nama_lokasi": "TES KAMERA ", "lat_lokasi": "0", "lon_lokasi": "0"})
    return orjson.dumps(rows), label


def autoindex(path: str, entries: Sequence[Entry]) -> str:
    """A directory index as nginx writes it."""
    lines = ['<a href="../">../</a>']
    for name, changed, size in entries:
        shown = name if size is not None else f"{name}/"
        gap = " " * max(1, 51 - len(shown))
        amount = "-" if size is None else str(size)
        lines.append(f'<a href="{shown}">{shown}</a>{gap}{changed:%d-%b-%Y %H:%M}{amount:>20}')
    title = f"Index of {path}"
    body = "\r\n".join(lines)
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<h1>{title}</h1><hr><pre>{body}\r\n"
        "</pre><hr></body>\r\n</html>\r\n"
    )


class _LogTree:
    """The made-up log directory: the days from FIRST_LOG_DAY to the stand-in's today, in UTC."""

    def __init__(self, world: World):
        cameras, _ = _cameras(world)
        corridors: dict[str, list[int]] = {}
        for camera in cameras:
            corridors.setdefault(camera.nama.partition(" - ")[0], []).append(int(camera.id))
        self._log = LogTiruan(world, [int(c.id) for c in cameras], corridors)
        self._today = world.today

    def _hours(self, day: date) -> list[int]:
        return [h for h in self._log.hours(day) if day < self._today or h < OPEN_HOUR]

    def index(self, parts: list[str]) -> list[Entry] | None:
        """Entries of a directory; None when there is none."""
        if len(parts) == 3:
            day = _day(parts)
            if day is None or not FIRST_LOG_DAY <= day <= self._today:
                return None
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
            entries: list[Entry] = [
                (f"{h:02d}.ndjson.gz", midnight + timedelta(hours=h + 1), len(self._log.file(day, h) or b""))
                for h in self._hours(day)
            ]
            if day == self._today:
                entries.append((f"{OPEN_HOUR:02d}.ndjson.gz.part", midnight + timedelta(hours=OPEN_HOUR), 1_024))
            return entries
        names: dict[str, date] = {}
        for n in range((self._today - FIRST_LOG_DAY).days + 1):
            day = FIRST_LOG_DAY + timedelta(days=n)
            levels = f"{day:%Y/%m/%d}".split("/")
            if levels[: len(parts)] == parts:
                names[levels[len(parts)]] = day
        changed = {k: datetime(d.year, d.month, d.day, 17, tzinfo=UTC) for k, d in names.items()}
        return [(name, when, None) for name, when in sorted(changed.items())] or None

    def file(self, parts: list[str]) -> bytes | None:
        day, hour = _day(parts[:3]), parts[3].removesuffix(".ndjson.gz")
        if day is None or not FIRST_LOG_DAY <= day <= self._today or f"{hour}.ndjson.gz" != parts[3]:
            return None
        known = len(hour) == 2 and hour.isdecimal() and int(hour) in self._hours(day)
        return self._log.file(day, int(hour)) if known else None


def _day(parts: list[str]) -> date | None:
    try:
        return datetime.strptime("-".join(parts), "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None


def routes(world: World) -> list[Route]:
    """All routes of the stand-in."""
    body, label = camera_list(world)
    tree = _LogTree(world)

    async def lokasi(request: Request) -> Response:
        if request.query_params.get("idk") != "1":
            return Response(b"[]", media_type="application/json", headers={LABEL: label})
        return Response(body, media_type="application/json", headers={LABEL: label})

    async def log(request: Request) -> Response:
        path: str = request.path_params["jalur"]
        parts = [p for p in path.split("/") if p]
        if len(parts) <= 3 and (path.endswith("/") or not path):
            entries = tree.index(parts)
            return _not_found() if entries is None else HTMLResponse(autoindex(f"/log/{path}", entries))
        content = tree.file(parts) if len(parts) == 4 and not path.endswith("/") else None
        return _not_found() if content is None else Response(content, media_type="application/gzip")

    rng = world.rng("cctv", "aliran")
    streams: dict[str, list[str]] = {}
    for row in world.reference("cctv", "aliran_kamera"):
        streams.setdefault(row["id_kamera"], []).append(row["nama_aliran"])
    # Of the names that were ever seen for a camera one is in force.
    alive = {rng.choice(names) for _, names in sorted(streams.items())}
    return [
        Route("/welcome/getDataLokasi", lokasi),
        Route("/log/{jalur:path}", log),
        *siaran_tiruan.routes(alive),
    ]


def prober_routes(directory: Path) -> list[Route]:
    """The same /log over the directory of a real prober."""
    root = directory.resolve()

    async def log(request: Request) -> Response:
        path: str = request.path_params["jalur"]
        target = root.joinpath(*path.split("/")).resolve()
        if any(part.startswith(".") for part in path.split("/")) or not target.is_relative_to(root):
            return _not_found()
        if target.is_file():
            return FileResponse(target, media_type="application/gzip")
        if not target.is_dir() or not (path.endswith("/") or not path):
            return _not_found()
        entries: list[Entry] = []
        for item in sorted(target.iterdir()):
            if not item.name.startswith("."):
                stat = item.stat()
                changed = datetime.fromtimestamp(stat.st_mtime, UTC)
                entries.append((item.name, changed, None if item.is_dir() else stat.st_size))
        return HTMLResponse(autoindex(f"/log/{path}", entries))

    return [Route("/log/{jalur:path}", log)]


def _not_found() -> Response:
    return PlainTextResponse("404 Not Found", 404)
