"""Templates, their words and the names of the files they load.

Belongs here: what the portal's templates know, and fingerprinted assets. Does not belong here: what goes into a page.
"""

import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment

from ssp_pipeline.portal.site.text import SOURCE, Language, Words, words
from ssp_pipeline.web import templates as web_templates
from ssp_pipeline.web import words as web_words
from ssp_pipeline.web.files import fingerprints
from warehouse.opendata.manifest import Version

_FOLDER = Path(__file__).parent
_FORMATS = {
    "parquet": "Parquet",
    "csv": "CSV",
    "csv-excel": "CSV untuk Excel",
    "xlsx": "Excel (XLSX)",
    "json": "JSON",
    "geojson": "GeoJSON",
}


@dataclass(frozen=True)
class SiteOptions:
    """What an installation says of its portal.

    `base_url` is where people reach it, without a slash at its end. `contact` is an e-mail address or a URL for
    security.txt. `tiles` is a CSV of regions that says where each one's tile lies (see `marks.tiles_of`); without it
    maps become bars. `jsonld` describes a version in schema.org's words; without it pages carry no such block.
    """

    base_url: str
    contact: str = ""
    tiles: Path | None = None
    jsonld: Callable[[Version, str], Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class Setting:
    """What all pages of one release and language share: the province's name and whether stand-in data is in it."""

    options: SiteOptions
    language: Language
    province: str = ""
    stand_in: bool = False

    @property
    def words(self) -> Words:
        return words(self.language)

    @property
    def prefix(self) -> str:
        """`/en` before the paths of the English pages, nothing before the Indonesian ones."""
        return "" if self.language == SOURCE else f"/{self.language}"

    def page(self, template: str, path: str | None, *, stand_in: bool | None = None, **facts: Any) -> str:
        """One page as HTML. `path` is its address without the language; None for a page that has no address."""
        w = self.words
        return (
            _environment(self.language)
            .get_template(template)
            .render(
                bahasa=self.language,
                jalur=path,
                url=lambda to: self.prefix + to,
                alamat=self.options.base_url,
                provinsi=self.province,
                tiruan=self.stand_in if stand_in is None else stand_in,
                kontak=self.options.contact,
                n_dataset=lambda n: w.ngettext("{n} dataset", "{n} dataset", n).format(n=w.number(n)),
                n_baris=lambda n: w.ngettext("{n} baris", "{n} baris", n).format(n=w.number(n)),
                **facts,
            )
        )


def topic_name(topic: str, w: Words) -> str:
    """A topic's code as people read it."""
    return w.gettext(topic.replace("_", " ").replace("-", " ").capitalize())


def format_name(format: str, w: Words) -> str:
    return w.gettext(_FORMATS.get(format, format))


def freshness_name(state: str, w: Words) -> str:
    """`sesuai`, `terlambat` or `tanpa-jadwal` in words."""
    match state:
        case "sesuai":
            return w.gettext("sesuai jadwal")
        case "terlambat":
            return w.gettext("terlambat")
        case _:
            return w.gettext("tanpa jadwal")


@functools.cache
def assets() -> dict[str, str]:
    """Address of each file that pages load, by its plain name. An address changes with what is behind it."""
    return fingerprints(_FOLDER / "static")


@functools.cache
def template_digest() -> str:
    """Changes with anything that pages are made with."""
    digest = hashlib.sha256()
    for path in sorted(p for p in _FOLDER.rglob("*") if p.is_file() and p.suffix in {".html", ".po", ".py", ".json"}):
        digest.update(path.relative_to(_FOLDER).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    for shared in (web_templates.__file__, web_words.__file__):
        digest.update(Path(shared).read_bytes())
    digest.update(repr(assets()).encode())
    return digest.hexdigest()


@functools.cache
def _environment(language: Language) -> Environment:
    w, env = words(language), web_templates.bare_environment(_FOLDER / "templates")
    env.install_gettext_callables(w.gettext, w.ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.globals.update(
        aset=lambda name: assets()[name],
        angka=w.number,
        persen=w.percent,
        hari=w.day,
        waktu=w.time,
        ukuran=w.size,
        topik_nama=lambda topic: topic_name(topic, w),
        nama_format=lambda format: format_name(format, w),
        kesegaran=lambda state: freshness_name(state, w),
    )
    return env
