"""What holds for the project as a whole: what lies in it, what it depends on, how it loads, what was promised."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.documents import ROOT
from tests.support.watched import watched_python

GRAPH = ROOT / "tests" / "golden_graph" / "asset_graph.json"
LOCKS = ["requirements.txt", "benchmarks/requirements.txt"]
COMMANDS = (
    *("run", "status", "sql", "verify", "quarantine", "replay", "forget", "maintain", "contract", "sandbox"),
    *("up", "doctor", "approve", "waive", "withdraw", "release", "portal"),
)

# Put together from parts, so that this file does not hold what it looks for.
FORBIDDEN = {
    "a package registry": re.compile(
        "|".join(
            (
                "py" + r"pi\.org",
                "python" + r"hosted\.org",
                "registry" + r"\.npmjs",
                "deb" + r"\.debian\.org",
                "proxy" + r"\.golang\.org",
                "(?<!emit-)index" + "-url",
            )
        )
    ),
    "a path of one machine": re.compile(
        "|".join("(?<![\\w.])" + p for p in ("/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/[a-z]", "/opt/" + "py"))
    ),
    "a private key": re.compile("-----BEGIN [A-Z ]*" + "PRIVATE KEY"),
    "a cloud or forge token": re.compile(r"\b(?:AK" + r"IA[0-9A-Z]{16}|gh[pousr]" + r"_[A-Za-z0-9]{30,})\b"),
    "a signed token": re.compile(r"\bey" + r"J[A-Za-z0-9_-]{8,}\.ey" + r"J[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{20,}"),
}


def tracked(*patterns: str) -> list[str]:
    """Files that git knows."""
    done = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


def locked(name: str) -> dict[str, str]:
    """Package → version of a lock."""
    lines = (ROOT / name).read_text().splitlines()
    pinned = [line.split(" ")[0].split(";")[0].split("==") for line in lines if line[:1].isalnum()]
    return {canonicalize_name(package.split("[")[0]): version for package, version in pinned}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_tracked_file_holds(what: str) -> None:
    found = []
    for name in tracked():
        text = (ROOT / name).read_bytes().decode("utf-8", "replace")
        found += [f"{name}: {match[0]}" for match in FORBIDDEN[what].finditer(text)]
    assert found == []


def test_the_patterns_find_what_they_are_for() -> None:
    examples = {
        "a package registry": "https://" + "py" + "pi.org/simple",
        "a path of one machine": '"/ho' + 'me/budi/data"',
        "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
        "a cloud or forge token": "AK" + "IA" + "A" * 16,
        "a signed token": ".".join(["ey" + "J" + "a" * 10, "ey" + "J" + "b" * 10, "c" * 30]),
    }
    assert {what for what, text in examples.items() if FORBIDDEN[what].search(text)} == set(FORBIDDEN)


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = [e for e in re.split(r"\n(?=\S)", text.strip()) if not e.startswith("#")]
    assert len(entries) > 5
    assert [e.split("\n")[0] for e in entries if "--hash=sha256:" not in e or "==" not in e] == []
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash)", text, re.MULTILINE)


def test_the_lock_has_every_dependency_in_a_version_that_is_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    versions = locked("requirements.txt")
    for text in [*project["dependencies"], *extras["dev"], *extras["postgres"]]:
        wanted = Requirement(text)
        version = versions.get(canonicalize_name(wanted.name))
        assert version is not None, f"{wanted.name} is not in requirements.txt: make lock"
        assert wanted.specifier.contains(version, prereleases=True), f"{text}, but {version} is locked: make lock"


def test_every_module_says_what_it_is() -> None:
    silent = []
    for name in tracked("*.py"):
        source = (ROOT / name).read_text(encoding="utf-8")
        if source.strip() and not ast.get_docstring(ast.parse(source)):
            silent.append(name)
    assert silent == []


def test_no_python_file_has_more_than_400_lines() -> None:
    lines = {name: len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in tracked("*.py")}
    assert {name: count for name, count in lines.items() if count > 400} == {}


def test_only_the_application_reads_the_environment() -> None:
    allowed = {"connectors/crashpoint.py"}
    readers = set()
    for name in tracked("connectors/*.py", "warehouse/*.py", "assets/*.py"):
        for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
            if (isinstance(node, ast.Attribute) and node.attr == "getenv") or (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and ast.unparse(node.func) == "os.environ.get"
            ):
                readers.add(name)
    assert readers <= allowed


def test_definitions_load_without_secret_network_or_heavy_import(tmp_path: Path) -> None:
    python = watched_python(tmp_path)
    script = (
        "import sys; import ssp_pipeline.definitions as d; d.defs.resolve_asset_graph(); "
        "print([m for m in ('great_expectations', 'pandas', 'openpyxl', 'typst', 'vl_convert') if m in sys.modules])"
    )
    done = python.run(["-c", script], {"SSP_HOME": str(tmp_path / "var")}, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert python.tried == []
    assert not (tmp_path / "var").exists()


def test_the_asset_graph_is_the_one_that_is_kept() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.graph"],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("SSP_")},
        capture_output=True,
        text=True,
        check=True,
    )
    found, kept = json.loads(done.stdout), json.loads(GRAPH.read_text())
    changed = sorted(key for key in found.keys() | kept.keys() if found.get(key) != kept.get(key))
    assert changed == [], "if this is meant: python -m tests.support.graph > tests/golden_graph/asset_graph.json"


def test_the_command_lists_every_command_and_imports_nothing_heavy_for_it() -> None:
    script = (
        "import sys\nfrom ssp_pipeline.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n"
        "    print('heavy:', [m for m in ('dagster', 'duckdb', 'polars', 'rich', 'pydantic') if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "heavy: []" in done.stdout
    for name in COMMANDS:
        assert re.search(rf"^  {name} +\S", done.stdout, re.MULTILINE), name


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_and_its_parts_explain_themselves(name: str) -> None:
    from ssp_pipeline.cli import ssp

    command = ssp.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    assert CliRunner().invoke(ssp, [name, "--help"]).exit_code == 0
    assert [part.name for part in [command, *getattr(command, "commands", {}).values()] if not part.help] == []


def test_telemetry_is_off() -> None:
    assert yaml.safe_load((ROOT / "dagster.yaml").read_text())["telemetry"] == {"enabled": False}
    sources = "".join(path.read_text() for path in sorted((ROOT / "warehouse" / "checks").glob("*.py")))
    assert re.search(r'"GX_ANALYTICS_ENABLED"\]?[:,]? ?=? ?"false"', sources, re.IGNORECASE)


def test_ci_has_no_list_of_checks_of_its_own_and_make_lists_its_targets() -> None:
    ci = ROOT / ".ci" / "run"
    assert os.access(ci, os.X_OK)
    assert ci.read_text().rstrip().endswith("make test")
    assert not re.search(r"ruff|mypy|pytest|lint", ci.read_text())
    listed = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert re.findall(r"^  make (\w+) +\S", listed, re.MULTILINE) == phony[1].split()


def imports(name: str) -> set[str]:
    """Modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_no_agency_and_no_shared_code_imports_an_agency() -> None:
    # Folders of lists alone (regions, goods) are no office: the others share what they say.
    agencies = {Path(name).parts[1] for name in tracked("connectors/*/connector.py")}
    assert len(agencies) > 5
    strangers = []
    for name in tracked("connectors/*.py", "warehouse/*.py", "assets/*.py", "ssp_pipeline/*.py"):
        own = Path(name).parts[1] if Path(name).parts[0] == "connectors" else ""
        used = {parts[1] for m in imports(name) if (parts := m.split("."))[0] == "connectors" and len(parts) > 1}
        strangers += [f"{name}: {agency}" for agency in sorted((used & agencies) - {own})]
    assert strangers == []


def test_one_folder_alone_knows_great_expectations() -> None:
    users = {
        str(Path(name).parent)
        for name in tracked("*.py")
        if not name.startswith("tests/") and any(m.split(".")[0] == "great_expectations" for m in imports(name))
    }
    assert users == {"warehouse/checks"}


@pytest.mark.parametrize("module", ["benchmarks", "tests.crash", "tests.drill"])
def test_what_is_run_by_hand_can_be_started(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout[:6]) == (0, "usage:"), done.stderr
