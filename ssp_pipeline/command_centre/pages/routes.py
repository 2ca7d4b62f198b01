"""Addresses of the pages."""

from starlette.routing import Route

from ssp_pipeline.command_centre.service import Centre


def routes(centre: Centre) -> list[Route]:
    """Routes of all pages. Each but `/aset/…` expects `request.state.user`."""
    return []
