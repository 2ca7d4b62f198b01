"""A portal that really serves, for tests over HTTP, and public folders made by hand for tests of its parts.

No lake, archive or snapshot is anywhere near:
the folder that is served holds a release and nothing else.
"""

import contextlib
import hashlib
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import requests
import uvicorn

from ssp_pipeline.portal.serve import config
from ssp_pipeline.portal.service import Options
from ssp_pipeline.portal.site.engine import SiteOptions
from ssp_pipeline.portal.site.render import render_site
from tests.support.waiting import until
from warehouse.opendata.manifest import (
    Column,
    File,
    Licence,
    Listed,
    Part,
    Quality,
    Release,
    Version,
    VersionLine,
    resource_id,
)

REGIONS = Path("connectors/referensi/reference/wilayah.csv")
START = datetime(2026, 11, 20, tzinfo=UTC)


@dataclass(frozen=True)
class Served:
    """A running portal. `get` and `post` go to it; `action` gives the result of one of CKAN's actions."""

    url: str
    root: Path
    reports: Path

    @cached_property
    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        return session

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.session.get(self.url + path, timeout=30, **more)

    def post(self, path: str, **more: Any) -> requests.Response:
        return self.session.post(self.url + path, timeout=30, **more)

    def action(self, name: str, /, **params: Any) -> Any:
        answer = self.post(f"/api/3/action/{name}", json=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]


@contextlib.contextmanager
def running(root: Path, *, proxies: Sequence[str] = (), **options: Any) -> Iterator[Served]:
    """Serve a public folder in a thread; limits are off unless they are given."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        url, reports = f"http://127.0.0.1:{port}", root.parent / "walidata" / "laporan"
        quiet = {
            "api_per_minute": 0, "sql_per_minute": 0, "reports_per_hour": 0, "watch_seconds": 0.05, "reports": reports,
        }  # fmt: skip
        chosen = Options(root=root, base_url=url, **(quiet | options))
        server = uvicorn.Server(config(chosen, "127.0.0.1", port, proxies=proxies))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        until(lambda: server.started or not thread.is_alive(), 20)
        assert server.started, "the portal does not start"
        try:
            yield Served(url, root, reports)
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


def site(root: Path, folder: Path, release: Release) -> None:
    """Pages of a release, for tests."""
    render_site(root, folder, release, SiteOptions(base_url="http://127.0.0.1:8600", tiles=REGIONS))


_TIPE = {
    "VARCHAR": "string",
    "BIGINT": "integer",
    "DOUBLE": "number",
    "DATE": "date",
    "TIMESTAMP": "datetime",
    "BOOLEAN": "boolean",
}


@dataclass
class Hand:
    """A public folder written by hand: rows as they are given, no checks, no pages."""

    root: Path
    number: int = 0
    history: dict[str, list[VersionLine]] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)

    def put(self, name: str, rows: pa.Table, sql: Mapping[str, str], **changes: Any) -> Version:
        """Write the next version of a dataset. `sql` has the type of each column."""
        number = len(self.history.get(name, ())) + 1
        part = self._part(rows)
        shown = File(
            id=resource_id(name, "parquet"), format="parquet", nama=f"{name}.parquet", path=part.path,
            mediatype="application/vnd.apache.parquet", sha256=part.sha256, bytes=part.bytes, baris=part.baris,
            per=START, versi=number,
        )  # fmt: skip
        columns = tuple(
            Column(nama=n, judul=n, keterangan=n, tipe=_TIPE.get(t, "number"), sql=t)  # type: ignore[arg-type]
            for n, t in sql.items()
        )
        given: dict[str, Any] = {
            "judul": name, "judul_en": name, "keterangan": "", "keterangan_en": "", "kata_kunci": ("uji",),
            "topik": ("uji",), "instansi": "kantor_uji",
        }  # fmt: skip
        version = Version(
            **(given | changes), dataset=name, versi=number, terbit=START + timedelta(minutes=number), alasan="uji",
            digest=part.sha256, batasan="", butiran="", metode="", catatan="", produsen="Kantor Uji", walidata="Uji",
            sumber=(), lisensi=Licence(id="CC0-1.0", judul="CC0", url="https://example.invalid/"),
            dasar_publikasi="uji", asal_data=("resmi",), kolom=columns, kunci=(columns[0].nama,), kolom_periode=None,
            kolom_wilayah=None, mulai=None, sampai=None, baris=rows.num_rows, irama="harian", jatuh_tempo=None,
            mutu=Quality(nilai=1.0, kriteria={}), bagian=(part,), berkas=(shown,),
        )  # fmt: skip
        folder = self.root / "dataset" / name / f"v{number}"
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(version.model_dump_json())
        line = VersionLine(versi=number, status="terbit", waktu=version.terbit, alasan="uji")
        self.history.setdefault(name, []).append(line)
        self.newest[name] = number
        return version

    def _part(self, rows: pa.Table) -> Part:
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink)
        body = sink.getvalue().to_pybytes()
        digest = hashlib.sha256(body).hexdigest()
        path = Path("bagian") / digest[:2] / f"{digest}.parquet"
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(body)
        return Part(rentang="semua", path=str(path), sha256=digest, bytes=len(body), baris=rows.num_rows, isi=digest)

    def release(self) -> int:
        """Publish what was put, and move the pointer."""
        self.number += 1
        listed = tuple(
            Listed(dataset=n, versi=self.newest[n], riwayat=tuple(lines)) for n, lines in sorted(self.history.items())
        )
        found = Release(
            nomor=self.number, terbit=START, provinsi="Sumatera Utara", kode_provinsi="12", dataset=listed,
            instansi=(), snapshot=self.number,
        )  # fmt: skip
        folder = self.root / "rilis" / str(self.number)
        folder.mkdir(parents=True)
        (folder / "rilis.json").write_text(found.model_dump_json())
        pointer = self.root / ".terkini"
        pointer.write_text(json.dumps({"rilis": self.number}))
        pointer.replace(self.root / "terkini.json")
        return self.number
