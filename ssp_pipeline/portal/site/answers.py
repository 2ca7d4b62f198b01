"""Pages that answer one request: found datasets, a problem, the form for reports.

Belongs here: what the service puts into the portal's templates. Does not belong here: pages that are files
(`render.py`), deciding what is found or wrong (the service does).
"""

from collections.abc import Mapping, Sequence

from ssp_pipeline.portal.site.catalogue import entry
from ssp_pipeline.portal.site.engine import Setting, SiteOptions
from ssp_pipeline.portal.site.text import Language
from warehouse.opendata.manifest import Release, Version


def search_page(
    options: SiteOptions,
    release: Release,
    query: str,
    found: Sequence[Version],
    total: int,
    *,
    language: Language = "id",
) -> str:
    """What a search found. `total` counts all hits, `found` are the ones shown, best first."""
    setting = _setting(options, release, language, found)
    return setting.page("cari.html", "/cari/", q=query, total=total, daftar=[entry(v, release) for v in found])


def problem_page(options: SiteOptions, status: int, *, language: Language = "id", reason: str = "") -> str:
    """The page of a failed request: 404, 410, 429, 500, or any other status in general words."""
    return Setting(options, language).page("galat.html", None, status=status, alasan=reason)


def report_form(
    options: SiteOptions,
    release: Release,
    datasets: Sequence[Version],
    *,
    language: Language = "id",
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    number: str | None = None,
) -> str:
    """The form for reports of data problems, or thanks where a report was taken under a number.

    Fields: dataset, masalah, surel, and `situs`, which people cannot see and must leave empty. `values` are kept in
    the form; `errors` say by field what is wrong.
    """
    given = {"dataset": "", "masalah": "", "surel": "", **(values or {})}
    listed = sorted((entry(v, release) for v in datasets), key=lambda e: e.version.judul)
    setting = _setting(options, release, language, datasets)
    return setting.page("lapor.html", "/lapor/", daftar=listed, isi=given, salah=errors or {}, nomor=number)


def _setting(options: SiteOptions, release: Release, language: Language, shown: Sequence[Version]) -> Setting:
    return Setting(options, language, release.provinsi, any(v.stand_in for v in shown))
