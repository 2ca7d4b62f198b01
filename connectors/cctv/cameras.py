"""The prober's list of cameras: a CSV or JSON file of numbers and stream addresses.

Does not belong here: the list that is pulled into the warehouse (`connector.py`).
"""

import csv
import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from connectors.cctv.hls import Camera


class CameraFileError(ValueError):
    """The camera file cannot be used; the message says where and why."""


def load_cameras(path: Path, base: str = "") -> list[Camera]:
    """Read a CSV with a header, or a JSON array of objects, by number.

    A row has the number in `id` or `id_kamera`, and the address in `url`, or a stream name in `nama_aliran` that
    stands for <base>/stream/<nama_aliran>/stream.m3u8. Several rows of one number are addresses that are tried in
    their order. Raises CameraFileError.
    """
    found: dict[int, list[str]] = {}
    for where, row in _rows(path):
        number = str(row.get("id_kamera") or row.get("id") or "").strip()
        if not number.isdecimal() or int(number) == 0:
            raise CameraFileError(f"{where}: '{number}' is no camera number (1, 2, …)")
        url, name = str(row.get("url") or "").strip(), str(row.get("nama_aliran") or "").strip()
        if not url and name:
            if not base:
                raise CameraFileError(f"{where}: only a stream name is given, so --base is needed")
            url = f"{base.rstrip('/')}/stream/{name}/stream.m3u8"
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CameraFileError(f"{where}: '{url}' is no http(s) address")
        found.setdefault(int(number), []).append(url)
    if not found:
        raise CameraFileError(f"{path.name}: no camera in it")
    return [Camera(number, tuple(dict.fromkeys(urls))) for number, urls in sorted(found.items())]


def foreign_hosts(cameras: Iterable[Camera]) -> set[str]:
    """Hosts of the cameras that are not this machine's loopback."""
    hosts = {urlsplit(url).hostname or "" for camera in cameras for url in camera.urls}
    return {host for host in hosts if not _is_loopback(host)}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".json":
            items = json.loads(text)
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise CameraFileError(f"{path.name}: is not an array of objects")
            rows: Iterable[Mapping[str, Any]] = items
        else:
            rows = csv.DictReader(text.splitlines())
        yield from ((f"{path.name}, row {number}", row) for number, row in enumerate(rows, 1))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CameraFileError(f"{path.name}: {error}") from None
