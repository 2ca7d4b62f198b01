"""Drawing charts and setting pages, in a process of its own: `python -I child.py < job.json`.

Belongs here: the only imports of vl_convert and typst, which take some hundred MB that only the end of a process
gives back. Does not belong here: anything of this project; the job says it all, results are files in its folder.
"""

import json
import sys
from pathlib import Path
from typing import Any


def draw(job: dict[str, Any], folder: Path) -> None:
    """Draw a Vega-Lite specification as `bagan.svg` and `bagan.png`. Data come with it: no address may be read."""
    import vl_convert

    shared: dict[str, Any] = {"config": {"font": job["font"]}, "allowed_base_urls": []}
    if "svg" in job["formats"]:
        svg = vl_convert.vegalite_to_svg(job["spec"], **shared)
        (folder / "bagan.svg").write_text(svg, encoding="utf-8")
    if "png" in job["formats"]:
        (folder / "bagan.png").write_bytes(vl_convert.vegalite_to_png(job["spec"], scale=2, **shared))


def page(job: dict[str, Any], folder: Path) -> None:
    """Set the Typst file `utama.typ` of the folder as `halaman.pdf`, with the fonts that Typst itself holds."""
    import typst

    compiler = typst.Compiler(folder / "utama.typ", root=folder, ignore_system_fonts=True)
    pdf, warnings = compiler.compile_with_warnings(format="pdf", timestamp=job["timestamp"])
    if not isinstance(pdf, bytes):
        raise TypeError("a PDF is one file")
    (folder / "halaman.pdf").write_bytes(pdf)
    for warning in warnings:
        print(f"typst: {warning.message}", file=sys.stderr)


def pages(job: dict[str, Any], folder: Path) -> None:
    """Draw charts as `<name>.svg`, then set the folder's Typst files beside them, each as a PDF or as a picture of its
    only page."""
    import typst
    import vl_convert

    for name, spec in job["charts"].items():
        svg = vl_convert.vegalite_to_svg(spec, config={"font": job["font"]}, allowed_base_urls=[])
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
    for out in job["pages"]:
        compiler = typst.Compiler(folder / out["template"], root=folder, ignore_system_fonts=True)
        made, warnings = compiler.compile_with_warnings(
            format=out["format"], timestamp=job["timestamp"], ppi=out["ppi"]
        )
        if not isinstance(made, bytes):
            raise TypeError(f"{out['template']}: more than one picture")
        (folder / out["file"]).write_bytes(made)
        for warning in warnings:
            print(f"typst: {out['template']}: {warning.message}", file=sys.stderr)


def main() -> None:
    job = json.load(sys.stdin)
    {"bagan": draw, "halaman": page, "laporan": pages}[job["kind"]](job, Path(job["folder"]))


if __name__ == "__main__":
    main()
