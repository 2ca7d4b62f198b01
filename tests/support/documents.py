"""Fenced blocks of the project's documents, so that tests run what people read.

A block that opens with "```sh run" is run as it stands; one that opens with a language and a path is that file.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(?P<language>[a-z]*)(?: (?P<info>[^\n]*))?\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, what stands behind it on the opening line, and its text."""

    language: str
    info: str
    body: str


def blocks(document: Path) -> list[Block]:
    """Every fenced block of a Markdown file."""
    found = _BLOCK.finditer(document.read_text(encoding="utf-8"))
    return [Block(m["language"], m["info"] or "", m["body"]) for m in found]


def files(document: Path) -> dict[str, str]:
    """Files that the document shows whole, by their path."""
    return {b.info: b.body for b in blocks(document) if "/" in b.info}


def runnable(document: Path) -> list[str]:
    """Shell blocks that are marked to be run."""
    return [b.body for b in blocks(document) if b.language == "sh" and b.info == "run"]


def commands(script: str) -> list[str]:
    """Commands of a shell block, one a line, without their comments; a backslash joins lines."""
    lines = [re.sub(r"(^|\s+)#.*", "", line).strip() for line in script.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line]


def shell(script: str, environment: Mapping[str, str], *, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a script as a person would, with the project's own `ssp` first in the PATH and no setting but those given."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SSP_", "DAGSTER_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**kept, "PATH": path, **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
