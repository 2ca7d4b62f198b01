"""What machines read to follow the portal: Atom feeds, the sitemap, robots.txt.

Belongs here: these documents. Does not belong here: pages (`site`), security.txt (a file of the release).
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from ssp_pipeline.portal.packages import slug
from ssp_pipeline.portal.releases import Edition
from ssp_pipeline.portal.service import Service
from warehouse.opendata.manifest import Version, VersionLine, dataset_id

ATOM = "application/atom+xml; charset=utf-8"
XML = "application/xml; charset=utf-8"
_MOST_ENTRIES = 50


def _instant(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _entry(service: Service, version: Version, line: VersionLine) -> str:
    name = version.dataset
    address = service.url(f"/dataset/{name}/v{line.versi}/")
    title = f"{version.judul}, versi {line.versi}" + (" (ditarik)" if line.status == "ditarik" else "")
    summary = " ".join([line.alasan, *version.peringatan])
    return (
        f"<entry><id>urn:uuid:{dataset_id(f'{name}/v{line.versi}/{line.status}')}</id>"
        f'<title>{escape(title)}</title><link rel="alternate" href={quoteattr(address)}/>'
        f"<updated>{_instant(line.waktu)}</updated><summary>{escape(summary)}</summary>"
        f"<author><name>{escape(version.produsen)}</name></author></entry>"
    )


def _feed(service: Service, path: str, page: str, title: str, lines: Iterable[tuple[Version, VersionLine]]) -> bytes:
    newest = sorted(lines, key=lambda pair: (pair[1].waktu, pair[1].versi), reverse=True)[:_MOST_ENTRIES]
    updated = _instant(newest[0][1].waktu) if newest else "1970-01-01T00:00:00Z"
    address = service.url(path)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="id">'
        f"<id>{escape(address)}</id><title>{escape(title)}</title><updated>{updated}</updated>"
        f"<author><name>Sidata</name></author>"
        f'<link rel="self" href={quoteattr(address)}/><link rel="alternate" href={quoteattr(service.url(page))}/>'
        + "".join(_entry(service, version, line) for version, line in newest)
        + "</feed>\n"
    ).encode()


def all_versions(service: Service, edition: Edition) -> bytes:
    """The newest versions of all datasets."""
    lines = ((v, line) for name, v in edition.versions.items() for line in edition.listed[name].riwayat)
    return _feed(service, "/atom.xml", "/", "Sidata: versi terbaru", lines)


def versions_of(service: Service, edition: Edition, name: str) -> bytes:
    """The versions of one dataset. Raises Problem 404, 410."""
    version = edition.dataset(name)
    lines = ((version, line) for line in edition.listed[name].riwayat)
    return _feed(service, f"/dataset/{name}/atom.xml", f"/dataset/{name}/", f"Sidata: {version.judul}", lines)


def sitemap(service: Service, edition: Edition) -> bytes:
    """All pages that people read, with the day of their last change."""
    released = edition.release.terbit.date().isoformat() if edition.release else ""
    agencies = sorted({v.instansi for v in edition.versions.values()})
    topics = sorted({slug(t) for v in edition.versions.values() for t in v.topik})
    plain = ["/", "/dataset/", "/instansi/", "/topik/", "/api/", "/sql/", "/privasi/", "/tentang/", "/lapor/"]
    pages = [(p, released) for p in plain if released]
    pages += [(f"/instansi/{a}/", released) for a in agencies] + [(f"/topik/{t}/", released) for t in topics]
    pages += [(f"/dataset/{n}/", v.terbit.date().isoformat()) for n, v in sorted(edition.versions.items())]
    entries = (
        f"<url><loc>{escape(service.url(prefix + page))}</loc><lastmod>{changed}</lastmod></url>"
        for page, changed in pages
        for prefix in ("", "/en")
    )
    opening = '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    return ('<?xml version="1.0" encoding="utf-8"?>\n' + opening + "".join(entries) + "</urlset>\n").encode()


def robots(service: Service) -> bytes:
    """Everything may be read; data over the API is no page to index."""
    return (
        f"User-agent: *\nDisallow: /api/3/\nDisallow: /api/sql\nDisallow: /datastore/\nDisallow: /cari\n"
        f"Sitemap: {service.url('/sitemap.xml')}\n"
    ).encode()
