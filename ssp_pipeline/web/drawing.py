"""Running the process that draws (`draw.py`): nothing of this process's environment is in it.

Does not belong here: what is drawn, where it is kept.
"""

import functools
import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssp_pipeline.web.files import VEGA

log = logging.getLogger(__name__)

_DRAW = Path(__file__).with_name("draw.py")
_SECONDS = 300


class DrawError(RuntimeError):
    """The drawing process failed; the message is what it said last."""


def run_draw(job: Mapping[str, Any]) -> None:
    """Do a job (see `draw.py`). Raises DrawError."""
    done = subprocess.run(
        [sys.executable, "-I", str(_DRAW)],
        input=json.dumps(job).encode(),
        capture_output=True,
        env={"LANG": "C.UTF-8", "TZ": "UTC"},
        timeout=_SECONDS,
        check=False,
    )
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode:
        raise DrawError(said[-2000:] or f"the drawing process ended with {done.returncode}")
    if said:
        log.warning("%s", said)


@functools.cache
def vega_bundle() -> bytes:
    """The script that draws charts in a browser, made once a process. Raises DrawError."""
    with tempfile.TemporaryDirectory(prefix="ssp-vega-") as folder:
        run_draw({"folder": folder, "charts": {}, "bundle": VEGA})
        return (Path(folder) / VEGA).read_bytes()
