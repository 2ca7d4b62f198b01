"""A plain web server over a public folder, as any host of static files would be set up: no service of ours behind it.

Belongs here: which file an address is. Does not belong here: anything that needs a program to answer.
"""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ssp_pipeline.portal.site import CONTENT_SECURITY_POLICY, SITE
from warehouse.opendata.manifest import current


class _Handler(http.server.SimpleHTTPRequestHandler):
    root: Path

    def send_head(self):  # type: ignore[no-untyped-def]
        if self._file() is None:
            page = self.root / "rilis" / str(current(self.root)) / SITE / "galat" / "404.html"
            self.send_response(404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(page.stat().st_size))
            self.end_headers()
            return page.open("rb")
        return super().send_head()

    def translate_path(self, path: str) -> str:
        return str(self._file() or self.root / "nihil")

    def _file(self) -> Path | None:
        """A page of the current release, else a file of the public folder."""
        path = unquote(urlsplit(self.path).path)
        site = self.root / "rilis" / str(current(self.root)) / SITE
        for base in (site, self.root):
            found = base / path.lstrip("/")
            found = found / "index.html" if path.endswith("/") else found
            if found.is_file():
                return found
        return None

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serve(root: Path) -> Iterator[str]:
    """Serve the folder on loopback; gives the base URL."""
    handler = type("Handler", (_Handler,), {"root": root})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
