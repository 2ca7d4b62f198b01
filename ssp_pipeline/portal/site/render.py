"""The static pages of a release, and the pages that answer one request.

Belongs here: which files there are, and keeping those of unchanged datasets from the last release. Does not belong
here: what a page says (`dataset.py`, `catalogue.py`, `templates/`).

A dataset's folder is made from its newest manifest, its history and the templates; their digest is its key. Where the
last release has the same key, its files are linked instead of made again. Published manifests never change, so a
version's page needs no reading to be recognised.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from ssp_pipeline.portal.site.catalogue import Entry, entries, facets, values
from ssp_pipeline.portal.site.dataset import Gathered, dataset_files, gather, version_page, withdrawn_page
from ssp_pipeline.portal.site.engine import Setting, SiteOptions, assets, template_digest
from ssp_pipeline.portal.site.marks import Tile, tiles_of
from ssp_pipeline.portal.site.snippets import attach
from ssp_pipeline.portal.site.text import LANGUAGES
from ssp_pipeline.web.drawing import DrawError, run_draw
from ssp_pipeline.web.files import VEGA
from warehouse.opendata.manifest import AgencyLine, Listed, Release, current, read_version, read_withdrawn, resource_id

SITE = "situs"
KEYS_FILE = "halaman.json"
"""In the site's folder: the key of each folder made, and the assets of this release."""
NEWEST = 6
PROBLEMS = (404, 410, 429, 500)

_STATIC = Path(__file__).with_name("static")


class SiteError(RuntimeError):
    """The pages could not be made; the message says what the drawing process said."""


def render_site(root: Path, folder: Path, release: Release, options: SiteOptions) -> None:
    """Write all pages of a release into `situs/` of its `folder`, which becomes `rilis/<n>` below the public root.

    `/x/` is `situs/x/index.html`, `/en/x/` the same in English. Parts and manifests of the release must be on disk.
    Raises SiteError, FileNotFoundError.
    """
    _Site(root, folder / SITE, release, options).write()


@dataclass
class _Site:
    root: Path
    folder: Path
    release: Release
    options: SiteOptions
    keys: dict[str, str] = field(default_factory=dict)

    def write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        found = entries(self.root, self.release)
        stand_in = any(e.version.stand_in for e in found)
        last = _Last.of(self.root)
        tiles = tiles_of(self.release.kode_provinsi, self.options.tiles)
        base = self._key(template_digest(), self.options.base_url, self.options.contact, self.release.provinsi)
        settings = [Setting(self.options, lang, self.release.provinsi, stand_in) for lang in LANGUAGES]
        changed = self._datasets(found, tiles, base, last)
        drawn, bundle = self._draw(changed, last)
        listed = {d.dataset: d for d in self.release.dataset}
        for setting in settings:
            for gathered in changed:
                name = gathered.entry.version.dataset
                for file, text in dataset_files(setting, gathered, listed[name], drawn).items():
                    self._put(f"{setting.prefix}/dataset/{name}/{file}", text)
        self._versions(settings, base, last)
        for setting in settings:
            for path, text in _shared_pages(setting, found, self.release):
                self._put(f"{setting.prefix}{path}", text)
        self._put("/.well-known/security.txt", self._security())
        self._assets(bundle, last)
        self._put(f"/{KEYS_FILE}", json.dumps({"kunci": self.keys, "aset": sorted(assets().values())}))

    def _datasets(self, found: Sequence[Entry], tiles: Mapping[str, Tile], base: str, last: "_Last") -> list[Gathered]:
        """Link the folders that did not change; give what the others are made from."""
        listed = {d.dataset: d for d in self.release.dataset}
        changed = []
        for entry in found:
            version = entry.version
            described = self.options.jsonld(version, self.options.base_url) if self.options.jsonld else None
            key = self._key(
                base,
                version.model_dump_json(),
                listed[version.dataset].model_dump_json(),
                entry.agency,
                repr(tiles),
                json.dumps(described, default=str),
            )
            if not self._kept(f"dataset/{version.dataset}", key, last):
                changed.append(gather(self.root, entry, tiles))
        return changed

    def _versions(self, settings: Sequence[Setting], base: str, last: "_Last") -> None:
        for listed in self.release.dataset:
            if listed.versi is None:
                self._all_withdrawn(settings, listed)
            for line in listed.riwayat:
                unit = f"dataset/{listed.dataset}/v{line.versi}"
                if self._kept(unit, self._key(base, unit, line.status), last):
                    continue
                for setting in settings:
                    self._put(
                        f"{setting.prefix}/{unit}/index.html", self._version_page(setting, listed.dataset, line.versi)
                    )

    def _version_page(self, setting: Setting, dataset: str, number: int) -> str:
        gone = read_withdrawn(self.root, dataset, number)
        return (
            withdrawn_page(setting, gone) if gone else version_page(setting, read_version(self.root, dataset, number))
        )

    def _all_withdrawn(self, settings: Sequence[Setting], listed: Listed) -> None:
        newest = max(line.versi for line in listed.riwayat)
        gone = read_withdrawn(self.root, listed.dataset, newest)
        for setting in settings:
            path = f"/dataset/{listed.dataset}/"
            facts = {
                "nama": listed.dataset,
                "judul_v": gone.judul if gone else listed.dataset,
                "riwayat": listed.riwayat,
            }
            self._put(
                f"{setting.prefix}{path}index.html", setting.page("tanpa_versi.html", path, stand_in=False, **facts)
            )

    def _draw(self, changed: Sequence[Gathered], last: "_Last") -> tuple[dict[str, str], bytes | None]:
        """Draw all charts, and bundle Vega if the last release has not this bundle, in one process."""
        charts = {name: spec for gathered in changed for name, spec in gathered.drawings().items()}
        bundle = None if last.file(assets()[VEGA]) else VEGA
        if not charts and not bundle:
            return {}, None
        with tempfile.TemporaryDirectory(prefix="ssp-grafik-") as name:
            folder = Path(name)
            try:
                run_draw({"folder": name, "charts": charts, "bundle": bundle})
            except DrawError as error:
                raise SiteError(str(error)) from None
            drawn = {chart: (folder / chart).read_text(encoding="utf-8") for chart in charts}
            return drawn, (folder / VEGA).read_bytes() if bundle else None

    def _assets(self, bundle: bytes | None, last: "_Last") -> None:
        """Files of this release, and those of the last one, which pages that people have open still load."""
        for name, address in assets().items():
            body = bundle if name == VEGA else (_STATIC / name).read_bytes()
            kept = last.file(address)
            if body is None and kept:
                _link(kept, self.folder / address[1:])
            elif body is not None:
                _write(self.folder / address[1:], body)
        for address in last.assets:
            kept, target = last.file(address), self.folder / address[1:]
            if kept and not target.exists():
                _link(kept, target)

    def _kept(self, unit: str, key: str, last: "_Last") -> bool:
        """Link a folder of the last release if it was made from the same."""
        self.keys[unit] = key
        if last.keys.get(unit) != key or last.folder is None:
            return False
        for prefix in ("", *(f"{lang}/" for lang in LANGUAGES[1:])):
            for path in sorted((last.folder / prefix / unit).iterdir()):
                if path.is_file():
                    _link(path, self.folder / prefix / unit / path.name)
        return True

    def _security(self) -> str:
        contact = self.options.contact or f"{self.options.base_url}/lapor/"
        if "@" in contact and "://" not in contact:
            contact = f"mailto:{contact}"
        expires = (self.release.terbit + timedelta(days=365)).strftime("%Y-%m-%dT00:00:00Z")
        return (
            f"Contact: {contact}\nExpires: {expires}\nPreferred-Languages: id, en\n"
            f"Canonical: {self.options.base_url}/.well-known/security.txt\n"
        )

    def _put(self, path: str, text: str) -> None:
        _write(self.folder / path.lstrip("/"), text.encode())

    def _key(self, *parts: str) -> str:
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class _Last:
    """The pages of the release that stands now, if there are any."""

    folder: Path | None
    keys: Mapping[str, str]
    assets: Sequence[str]

    @classmethod
    def of(cls, root: Path) -> "_Last":
        number = current(root)
        folder = root / "rilis" / str(number) / SITE
        try:
            known = json.loads((folder / KEYS_FILE).read_bytes())
        except FileNotFoundError:
            return cls(None, {}, ())
        return cls(folder, known["kunci"], known["aset"])

    def file(self, address: str) -> Path | None:
        path = self.folder / address[1:] if self.folder else None
        return path if path and path.is_file() else None


def _shared_pages(setting: Setting, found: Sequence[Entry], release: Release) -> Iterator[tuple[str, str]]:
    """Pages that tell of many datasets, and those that tell of none, as path of the file and HTML."""
    w = setting.words
    groups = facets(found, w)
    by_kind = {g.kind: g.facets for g in groups}
    newest = sorted(found, key=lambda e: e.version.terbit, reverse=True)[:NEWEST]
    numbers = {
        "datasets": len(found),
        "rows": sum(e.version.baris for e in found),
        "agencies": len(by_kind["instansi"]),
    }

    def page(template: str, path: str, **facts: Any) -> tuple[str, str]:
        return f"{path}index.html", setting.page(template, path, **facts)

    yield page("beranda.html", "/", topik=by_kind["topik"], terbaru=newest, jumlah=numbers)
    whole = {"kepala": w.gettext("Semua dataset"), "langkah": [(None, w.gettext("Dataset"))]}
    yield page("daftar.html", "/dataset/", **whole, saringan=groups, daftar=found, semua=True)
    yield page("topik_semua.html", "/topik/", topik=by_kind["topik"])
    yield page("instansi_semua.html", "/instansi/", instansi=by_kind["instansi"])
    for group in groups:
        for facet in group.facets:
            having = [e for e in found if facet.value in values(e, facet.kind)]
            if group.kind == "instansi":
                yield page("instansi.html", facet.path, a=_agency(release, facet.value, having), daftar=having)
                continue
            yield page(
                "daftar.html",
                facet.path,
                kepala=f"{group.label}: {facet.label}",
                langkah=[("/dataset/", w.gettext("Dataset")), (None, facet.label)],
                saringan=groups,
                daftar=having,
                semua=False,
            )
    shown = sorted(found, key=lambda e: (e.version.grafik or {}).get("jenis") != "garis")
    first = shown[0].version.dataset if shown else ""
    base_url = setting.options.base_url
    example = f"SELECT *\nFROM {first}\nLIMIT 10" if first else "SELECT 1"
    yield page("sql.html", "/sql/", daftar=found, contoh=example)
    source = resource_id(first, "csv")
    yield page("api.html", "/api/", contoh=first, sumber=source, pasang=attach(first, base_url))
    yield page(
        "lapor.html", "/lapor/", daftar=found, isi={"dataset": "", "masalah": "", "surel": ""}, salah={}, nomor=None
    )
    yield page("privasi.html", "/privasi/")
    yield page("tentang.html", "/tentang/")
    yield page("cari.html", "/cari/", q="", total=0, daftar=[])
    for status in PROBLEMS:
        yield f"/galat/{status}.html", problem_text(setting, status, "")


def _agency(release: Release, code: str, having: Sequence[Entry]) -> AgencyLine:
    """The release's line of an agency; one whose folder is gone is known by what it published."""
    known = {a.kode: a for a in release.instansi}
    name = having[0].version.produsen
    return known.get(code) or AgencyLine(kode=code, nama=name, instansi=name)


def problem_text(setting: Setting, status: int, reason: str) -> str:
    return setting.page("galat.html", None, status=status, alasan=reason)


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def _link(source: Path, target: Path) -> None:
    """One file under two names; a copy where the file system has no links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
