"""Running the portal: one process, one event loop, uvicorn in front.

Belongs here: the server's options. Does not belong here: reading settings (`cli/portal.py`).
"""

from collections.abc import Sequence

import uvicorn

from ssp_pipeline.portal.app import Portal
from ssp_pipeline.portal.service import Options
from ssp_pipeline.web.server import server_config


def config(options: Options, host: str, port: int, *, proxies: Sequence[str] = ()) -> uvicorn.Config:
    """The server's configuration. Only from the addresses `proxies` a forwarded client address is believed."""
    return server_config(
        Portal(options),
        host,
        port,
        ws="none",
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        timeout_graceful_shutdown=10,
        backlog=1024,
    )


def serve(options: Options, host: str, port: int, *, proxies: Sequence[str] = ()) -> None:
    """Serve until a signal comes. Raises KeysError for a keys file that cannot be used."""
    uvicorn.Server(config(options, host, port, proxies=proxies)).run()
