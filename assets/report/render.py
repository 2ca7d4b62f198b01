"""Charts and pages as bytes, drawn in a child process that has no environment and reaches no network.

Belongs here: starting, bounding and reading that process. Does not belong here: the drawing (`child.py`).
"""

import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

Format = Literal["svg", "png"]

SCREEN_FONT = "Liberation Sans"
"""Inside vl_convert's wheel; a browser without it takes its own sans serif."""
PRINT_FONT = "Libertinus Serif"
"""Inside typst's wheel; a chart on a page has the page's font."""

_TIMEOUT = 120.0
_CHILD = Path(__file__).with_name("child.py")
# No proxy answers at this address: a template that asks for a package, or a chart for a file, fails at once.
_NOWHERE = "http://127.0.0.1:9"
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "HTTP_PROXY": _NOWHERE,
    "HTTPS_PROXY": _NOWHERE,
    "ALL_PROXY": _NOWHERE,
}

log = logging.getLogger(__name__)


class RenderError(RuntimeError):
    """A chart or page could not be made; the message is what the child said."""


def draw_chart(spec: Mapping[str, Any], formats: Sequence[Format], *, font: str = SCREEN_FONT) -> dict[Format, bytes]:
    """Draw a Vega-Lite specification that holds its data. Raises RenderError."""
    with tempfile.TemporaryDirectory(prefix="ssp-bagan-") as name:
        folder = Path(name)
        _run({"kind": "bagan", "spec": spec, "formats": list(formats), "font": font, "folder": name})
        return {f: (folder / f"bagan.{f}").read_bytes() for f in formats}


def set_page(template: Path, files: Mapping[str, bytes], made: datetime) -> bytes:
    """Set a Typst template as PDF. `files` lie beside it; `made` is the date that the PDF carries. Raises RenderError.

    The same template, files and date give the same bytes.
    """
    with tempfile.TemporaryDirectory(prefix="ssp-halaman-") as name:
        folder = Path(name)
        (folder / "utama.typ").write_bytes(template.read_bytes())
        for file, content in files.items():
            (folder / file).write_bytes(content)
        _run({"kind": "halaman", "timestamp": int(made.timestamp()), "folder": name})
        return (folder / "halaman.pdf").read_bytes()


@dataclass(frozen=True)
class Page:
    """One file that is set from a Typst template: `format` pdf, or png with `ppi` pixels per inch."""

    template: Path
    file: str
    format: Literal["pdf", "png"] = "pdf"
    ppi: float = 144.0


def set_pages(
    pages: Sequence[Page], charts: Mapping[str, Mapping[str, Any]], files: Mapping[str, bytes], made: datetime
) -> dict[str, bytes]:
    """Draw charts and set templates with them, all in one process. Gives the files by name. Raises RenderError.

    `charts`: specifications with their data, for the templates as `<name>.svg`; `files` and `made` as for `set_page`.
    """
    with tempfile.TemporaryDirectory(prefix="ssp-laporan-") as name:
        folder = Path(name)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        jobs = []
        for page in pages:
            (folder / page.template.name).write_bytes(page.template.read_bytes())
            jobs.append({"template": page.template.name, "file": page.file, "format": page.format, "ppi": page.ppi})
        stamp = int(made.timestamp())
        _run(
            {
                "kind": "laporan",
                "charts": charts,
                "font": PRINT_FONT,
                "pages": jobs,
                "timestamp": stamp,
                "folder": name,
            }
        )
        return {page.file: (folder / page.file).read_bytes() for page in pages}


def _run(job: Mapping[str, Any]) -> None:
    command = [sys.executable, "-I", str(_CHILD)]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(job).encode(),
            capture_output=True,
            env=_ENVIRONMENT,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RenderError(f"not drawn within {_TIMEOUT:.0f} s") from None
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode:
        raise RenderError(said[-2000:] or f"the drawing process ended with {done.returncode}")
    if said:
        log.warning("%s", said)
