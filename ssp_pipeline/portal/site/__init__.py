"""Pages of the Sidata portal: files made from a release, and the pages that answer one request.

Belongs here: everything that people see. Does not belong here: serving it, searching, the data API (the modules beside
this package). Of the warehouse only `warehouse.opendata.manifest` is known.
"""

from ssp_pipeline.portal.site.answers import problem_page, report_form, search_page
from ssp_pipeline.portal.site.engine import SiteOptions
from ssp_pipeline.portal.site.render import SITE, SiteError, render_site
from ssp_pipeline.web.files import CONTENT_SECURITY_POLICY

__all__ = [
    "CONTENT_SECURITY_POLICY",
    "SITE",
    "SiteError",
    "SiteOptions",
    "problem_page",
    "render_site",
    "report_form",
    "search_page",
]
