"""Options of uvicorn that both servers have: one event loop, no log of requests, no word of what serves.

Does not belong here: what each server needs besides.
"""

from typing import Any

import uvicorn


def server_config(app: Any, host: str, port: int, **own: Any) -> uvicorn.Config:
    """The configuration of a server of `app`; `own` are its further options of uvicorn."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        lifespan="on",
        loop="uvloop",
        http="httptools",
        server_header=False,
        timeout_keep_alive=30,
        **own,
    )
