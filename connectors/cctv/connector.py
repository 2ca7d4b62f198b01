"""Pulling the camera list and the prober's logs, and reading them.

Belongs here: which requests make a window, and the directory index. Does not belong here: unpacking and file names of
the log (`logbook.py`), measuring (`prober.py`), what a missing slot means (`models/`).

A business day is 24 UTC hour files. A file that is not there is a gap and stays one: no row is made up for it. A file
still being written carries another name (`.part`) and is not pulled.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import polars as pl

from connectors.api import Feed, Payload, PayloadError, PullContext
from connectors.cctv.logbook import SUFFIX, GzipFault, gunzip, utc_hours_of
from connectors.contract import Contract
from connectors.http_errors import (
    PermanentAnswer,
    RetryableAnswer,
    StatusError,
    UnusableAnswer,
    decoded_json,
    expect_json,
)
from connectors.read.json_rows import read_json_rows, read_ndjson_rows

_GZIP = b"\x1f\x8b"


class _Links(HTMLParser):
    """Names that a directory index links to, whichever server wrote it."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.title = ""
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_title = tag in ("title", "h1")
        href = dict(attrs).get("href") if tag == "a" else None
        if href:
            path = unquote(urlsplit(href).path)
            name = path.rstrip("/").rpartition("/")[2]
            self.names.append(f"{name}/" if path.endswith("/") else name)

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data


def index_names(body: bytes) -> set[str] | None:
    """Names in a directory index, a directory's with a slash; None when the page is no index.

    A login page with status 200 must never look like an empty day.
    """
    links = _Links()
    links.feed(body.decode("utf-8", errors="replace"))
    title = links.title.strip().lower()
    if not title.startswith(("index of", "directory listing", "listing of")):
        return None
    return set(links.names)


def _expect_index(body: bytes) -> None:
    if index_names(body) is None:
        raise RetryableAnswer("200, but no directory index", "halaman_html")


def _listing(ctx: PullContext, path: str) -> set[str] | None:
    """Names in a directory of the log server; None when it does not exist."""
    try:
        answer = ctx.http.request("GET", path, expect=_expect_index)
    except StatusError as error:
        if error.status == 404:
            return None
        raise
    return index_names(answer.body)


def _remote_hours(ctx: PullContext, root: str, day: date) -> set[str]:
    """File names of one UTC day. A day whose directory is missing is empty only if its parent agrees.

    Raises StatusError when the whole log is missing or a listed directory cannot be opened.
    """
    parts = f"{day:%Y/%m/%d}".split("/")
    for depth in range(3, -1, -1):
        path = "".join(f"{p}/" for p in [root, *parts[:depth]])
        names = _listing(ctx, path)
        if names is None:
            continue
        if depth < 3 and f"{parts[depth]}/" in names:
            raise StatusError(
                "http_4xx", "the directory is listed above, but cannot be opened", request=path, status=404
            )
        return names if depth == 3 else set()
    raise StatusError("http_4xx", "the log directory does not exist", request=f"{root}/", status=404)


def _check_gzip(body: bytes) -> None:
    """Refuse what does not unpack, as part of the request, so that a torn transfer is asked for again."""
    if not body.startswith(_GZIP):
        expect_json(body)
        return
    try:
        gunzip(body)
    except GzipFault as fault:
        kind = PermanentAnswer if fault.code == "bom_dekompresi" else RetryableAnswer
        raise kind(str(fault), fault.code) from None


def _unpacked(body: bytes) -> bytes:
    """The lines of a log file; a server that declared the compression has already had it undone by the client."""
    return gunzip(body) if body.startswith(_GZIP) else body


def _meta(day: date, hour: datetime) -> dict[str, str]:
    return {"tanggal": day.isoformat(), "berkas": f"{hour:%Y/%m/%d/%H}"}


def pull_logs(ctx: PullContext) -> Iterable[Payload]:
    """The hour files of each business day, from the log server or, with the param `folder_log`, from a directory."""
    folder = str(ctx.params.get("folder_log") or "")
    for day in ctx.window.days():
        yield from _local_day(ctx, Path(folder), day) if folder else _remote_day(ctx, day)


def _remote_day(ctx: PullContext, day: date) -> Iterator[Payload]:
    root = "/" + str(ctx.params.get("jalur_log", "/log")).strip("/")
    hours = utc_hours_of(day)
    listed = {d: _remote_hours(ctx, root, d) for d in sorted({h.date() for h in hours})}
    for hour in hours:
        name = f"{hour:%H}{SUFFIX}"
        if name in listed[hour.date()]:
            yield ctx.fetch(
                "GET",
                f"{root}/{hour:%Y/%m/%d}/{name}",
                slot=f"{hour:%Y-%m-%dT%H}",
                meta=_meta(day, hour),
                kind="ndjson",
                expect=_check_gzip,
                decode=_unpacked,
            )


def _local_day(ctx: PullContext, folder: Path, day: date) -> Iterator[Payload]:
    if not folder.is_dir():
        raise UnusableAnswer("jawaban_kosong", f"the prober's directory {folder} does not exist")
    for hour in utc_hours_of(day):
        path = folder / f"{hour:%Y/%m/%d/%H}{SUFFIX}"
        if path.is_file() and not path.is_symlink():
            try:
                body = gunzip(path.read_bytes())
            except GzipFault as fault:
                raise UnusableAnswer(fault.code, f"{path.name} of {hour:%Y-%m-%d}: {fault}") from None
            changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            slot = f"{hour:%Y-%m-%dT%H}"
            yield ctx.archive_file(body, slot=slot, meta=_meta(day, hour), asal="resmi", fetched_at=changed)


def read_logs(payload: Payload, contract: Contract) -> pl.DataFrame:
    """Lines of one hour file, with the business date of the day it was pulled for."""
    return _dated(read_ndjson_rows(payload, contract), payload, "tanggal")


def _expect_list(body: bytes) -> None:
    """Refuse an error inside a 200: the list of a day cannot be asked for later."""
    if not isinstance(decoded_json(body), list):
        raise RetryableAnswer("the answer is no list of cameras")


def pull_cameras(ctx: PullContext) -> Iterable[Payload]:
    """The list of now; its business date is the day of the pull."""
    yield ctx.fetch(
        "GET",
        "/welcome/getDataLokasi",
        slot="daftar",
        params={"idk": "1", "idl": ""},
        meta={"tanggal": ctx.today.isoformat()},
        expect=_expect_list,
    )


def read_cameras(payload: Payload, contract: Contract) -> pl.DataFrame:
    """The list with the date of its pull."""
    return _dated(read_json_rows(payload, contract), payload, "tanggal_potret")


def _dated(rows: pl.DataFrame, payload: Payload, column: str) -> pl.DataFrame:
    day = payload.meta.get("tanggal")
    if not day:
        raise PayloadError("the payload's meta has no 'tanggal'", "meta_kurang")
    return rows.with_columns(pl.lit(day).alias(column))


FEEDS = {
    "kamera": Feed(pull=pull_cameras, read=read_cameras),
    "ketersediaan_cctv": Feed(pull=pull_logs, read=read_logs),
}
