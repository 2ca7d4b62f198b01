"""Any ASGI application on a port of loopback, or on a Unix socket."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn


@contextmanager
def running(app: Any, uds: Path | None = None) -> Iterator[str]:
    """Serve it in a thread for as long as the block lasts; gives its address."""
    with socket.socket(socket.AF_UNIX if uds else socket.AF_INET) as listening:
        listening.bind(str(uds) if uds else ("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="websockets-sansio"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"unix:{uds}" if uds else f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
