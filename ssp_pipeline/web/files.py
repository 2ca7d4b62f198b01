"""Files that pages load, named by what is in them, and the policy that the pages are written for.

Belongs here: addresses of static files and of Vega's bundle. Does not belong here: which files a site has, making the
bundle (`drawing.py`).
"""

import hashlib
import importlib.metadata
from pathlib import Path

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What the pages are written for: no inline script or style, nothing from another host, no `eval` (Vega runs its
expressions through its interpreter). Blocks of JSON-LD are data, not scripts, and pass."""

VEGA = "vega.js"
"""Name of the script that draws charts: Vega, Vega-Lite and Vega-Embed as vl-convert brings them."""


def fingerprint(name: str, content: bytes) -> str:
    """Address of a file. It changes with the content, so what is behind it can be kept for ever."""
    stem, _, ending = name.rpartition(".")
    return f"/aset/{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{ending}"


def fingerprints(folder: Path) -> dict[str, str]:
    """Address of each file of a folder and of Vega's bundle, by plain name."""
    found = {p.name: fingerprint(p.name, p.read_bytes()) for p in sorted(folder.iterdir())}
    version = importlib.metadata.version("vl-convert-python")
    return {**found, VEGA: fingerprint(VEGA, f"vl-convert-python {version}".encode())}
