"""Drawing charts and bundling their scripts, in a process of its own: `python -I draw.py < job.json`.

Belongs here: the only import of vl_convert, whose memory only the end of a process gives back. Does not belong here:
anything of this project; the job says it all, results are files in its folder. The process has no environment, and
charts may read no address.

Job: {"folder": …, "charts": {name: Vega-Lite specification}, "bundle": name or null}.
"""

import json
import sys
from pathlib import Path
from typing import Any


def main(job: dict[str, Any]) -> None:
    import vl_convert

    folder = Path(job["folder"])
    for name, spec in job["charts"].items():
        (folder / name).write_text(vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]), encoding="utf-8")
    if job["bundle"]:
        script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
        (folder / job["bundle"]).write_text(script, encoding="utf-8")


if __name__ == "__main__":
    main(json.load(sys.stdin))
