"""The page of a dataset and the pages of its versions.

Belongs here: gathering what `dataset.html`, `versi.html` and `ditarik.html` show. Does not belong here: where files
are written and which can be kept from the last release (`render.py`).
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ssp_pipeline.portal.site.catalogue import Entry
from ssp_pipeline.portal.site.charts import Chart, chart_of
from ssp_pipeline.portal.site.engine import Setting, SiteOptions
from ssp_pipeline.portal.site.marks import Tile, darkened
from ssp_pipeline.portal.site.rows import Answer, Rows, cell_sql, constants, preview_sql
from ssp_pipeline.portal.site.snippets import snippets
from ssp_pipeline.portal.site.text import LANGUAGES, Language, Words, words
from warehouse.opendata.manifest import Listed, Version, Withdrawn, resource_id

HISTORY = 20
"""Versions on a dataset's page; each older one keeps its own page."""

NARROW = "(max-width: 47.99rem)"
_DARK = "(prefers-color-scheme: dark)"
_CRITERIA = {
    "deskripsi": "Uraian cukup panjang",
    "berkas_terdokumentasi": "Semua kolom dijelaskan",
    "lisensi": "Lisensi disebut",
    "cakupan_waktu": "Cakupan waktu disebut",
    "cakupan_wilayah": "Cakupan wilayah disebut",
    "frekuensi_pembaruan": "Irama pembaruan dijanjikan",
    "tepat_waktu": "Diperbarui tepat waktu, diukur",
    "format_terbuka": "Ada format terbuka",
    "semua_berkas_tersedia": "Semua berkas dapat diunduh",
}
"""The nine criteria of the score, by their names in the manifest."""


@dataclass(frozen=True)
class Gathered:
    """What was asked of a version's rows: what all of them share, the preview, and a chart in each language."""

    entry: Entry
    constants: Mapping[str, Any]
    preview: Answer
    charts: Mapping[Language, Chart | None]

    def drawings(self) -> dict[str, dict[str, Any]]:
        """Specifications to draw, by a name that `files` knows them by."""
        name = self.entry.version.dataset
        return {
            f"{name}.{language}.{width}": spec
            for language, chart in self.charts.items()
            if chart
            for width, spec in chart.specs.items()
        }


@dataclass(frozen=True)
class _Cell:
    text: str
    numeric: bool
    sql: str | None


def gather(root: Path, entry: Entry, tiles: Mapping[str, Tile]) -> Gathered:
    """Ask the rows of a dataset's newest version for what its page shows."""
    with Rows(root, entry.version) as rows:
        charts = {language: chart_of(entry.version, rows, tiles, words(language)) for language in LANGUAGES}
        shared = constants(rows, entry.version)
        columns = _preview_columns(entry.version, shared)
        return Gathered(entry, shared, rows.ask(preview_sql(entry.version, columns)), charts)


def dataset_files(setting: Setting, gathered: Gathered, listed: Listed, drawn: Mapping[str, str]) -> dict[str, str]:
    """The files of a dataset's folder in one language, by name. `drawn` holds SVG by the names of `drawings`."""
    version, w = gathered.entry.version, setting.words
    path, chart = f"/dataset/{version.dataset}/", gathered.charts[setting.language]
    files: dict[str, str] = {}
    pictures: list[dict[str, str]] = []
    if chart:
        for width in ("sempit", "lebar"):
            svg = drawn[f"{version.dataset}.{setting.language}.{width}"]
            files |= {f"grafik-{width}.svg": svg, f"grafik-{width}-gelap.svg": darkened(svg)}
            pictures += _pictures(f"{setting.prefix}{path}", width, svg)
        files["grafik.json"] = json.dumps({**chart.specs, **chart.script}, ensure_ascii=False)
    shown = sorted(listed.riwayat, key=lambda line: -line.versi)
    numbers = _numbers(version)
    files["index.html"] = setting.page(
        "dataset.html",
        path,
        stand_in=version.stand_in,
        v=version,
        grafik=chart,
        gambar=pictures,
        grafik_json=f"{setting.prefix}{path}grafik.json",
        pratinjau=gathered.preview,
        tetap={n: w.value(v) for n, v in gathered.constants.items() if n not in gathered.preview.columns},
        tabel=_table(version, gathered.preview, w),
        kolom_angka=numbers,
        tipe_kolom=" ".join(f"{c.nama}:{c.tipe}" for c in version.kolom),
        urut=f"{version.kolom_periode} desc" if version.kolom_periode else "",
        sumber=resource_id(version.dataset, "csv"),
        cuplikan=snippets(version, setting.options.base_url, w),
        kriteria=[{"label": w.gettext(_CRITERIA.get(k, k)), "met": met} for k, met in version.mutu.kriteria.items()],
        riwayat=shown[:HISTORY],
        riwayat_lain=max(0, len(shown) - HISTORY),
        kutipan=citation(version, setting),
        jsonld=_jsonld(version, setting.options),
    )
    return files


def version_page(setting: Setting, version: Version) -> str:
    """The page of one standing version."""
    return setting.page(
        "versi.html",
        f"/dataset/{version.dataset}/v{version.versi}/",
        stand_in=version.stand_in,
        v=version,
        kutipan=citation(version, setting),
    )


def withdrawn_page(setting: Setting, withdrawn: Withdrawn) -> str:
    """The page of a withdrawn version, to be served with status 410."""
    path = f"/dataset/{withdrawn.dataset}/v{withdrawn.versi}/"
    return setting.page("ditarik.html", path, stand_in=False, w=withdrawn)


def citation(version: Version, setting: Setting) -> str:
    """How to cite a version: who, when, what, which version, where."""
    w = setting.words
    title = version.judul if setting.language == "id" else version.judul_en
    number = w.gettext("versi %(nomor)s") % {"nomor": version.versi}
    address = f"{setting.options.base_url}/dataset/{version.dataset}/v{version.versi}/"
    return f"{version.produsen} ({version.terbit.year}). {title}, {number}. Sidata. {address}"


def _preview_columns(version: Version, shared: Mapping[str, Any]) -> list[str]:
    """The period and the figures before what they are of, so that a phone shows them; nothing that all rows share.

    Codes come last where their names stand beside them.
    """
    shown = [c.nama for c in version.kolom if c.nama not in shared or c.kunci]
    first = [n for n in (version.kolom_periode, *_numbers(version)) if n in shown]
    rest = [n for n in shown if n not in first]
    return [*first, *sorted(rest, key=lambda name: _is_named(name, rest))]


def _is_named(column: str, others: Collection[str]) -> bool:
    """Whether another column has the name of what this one has the code of: `kode_x` or `x` beside `nama_x`."""
    bare = column.removeprefix("kode_")
    return f"nama_{bare}" in others or (bare != column and bare in others)


def _pictures(folder: str, width: str, svg: str) -> list[dict[str, str]]:
    """Dark before light, narrow before wide: a browser takes the first that fits."""
    found = re.search(r'width="([\d.]+)" height="([\d.]+)"', svg)
    across, down = (str(round(float(side))) for side in found.groups()) if found else ("700", "300")
    media = [NARROW] if width == "sempit" else []
    size = {"width": across, "height": down}
    return [
        {"path": f"{folder}grafik-{width}-gelap.svg", "media": " and ".join([*media, _DARK]), **size},
        {"path": f"{folder}grafik-{width}.svg", "media": " and ".join(media), **size},
    ]


def _numbers(version: Version) -> list[str]:
    """Columns whose values are figures, each with a query of its own; keys only look like figures."""
    return [c.nama for c in version.kolom if c.tipe in ("integer", "number") and not c.kunci]


def _table(version: Version, preview: Answer, w: Words) -> list[list[_Cell]]:
    numbers = set(_numbers(version))
    table = []
    for row in preview.records():
        cells = []
        for name, value in row.items():
            counted = name in numbers and value is not None
            plain = isinstance(value, int | float | Decimal) and not isinstance(value, bool) and name not in numbers
            shown = str(value) if plain else w.value(value)
            cells.append(_Cell(shown, name in numbers, cell_sql(version, name, row) if counted else None))
        table.append(cells)
    return table


def _jsonld(version: Version, options: SiteOptions) -> Markup | None:
    """schema.org's words as a data block; a `<` is escaped, so that no text can end the block."""
    if options.jsonld is None:
        return None
    text = json.dumps(options.jsonld(version, options.base_url), ensure_ascii=False, default=date.isoformat)
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - the escape above is what makes it safe here
