"""The documents are true: commands run, links lead somewhere, and every setting, code and status is explained."""

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import ssp_pipeline.cli
from connectors.registry import Registry
from ssp_pipeline.settings import VARIABLES, Config
from tests.support.documents import ROOT, blocks, commands, files, runnable, shell
from tests.support.workspace import Small
from warehouse.ops import Status

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
OPERATORS = ROOT / "docs" / "operators.md"
LIVE = [ROOT / "README.md", OPERATORS, ROOT / "docs" / "delivery.md"]
"""Documents whose commands work on a warehouse that is there."""

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of the settings file as a dotted path, with its default."""
    for name, field in model.model_fields.items():
        inner = [a for a in (field.annotation, *typing.get_args(field.annotation)) if isinstance(a, type)]
        nested = next((a for a in inner if issubclass(a, BaseModel)), None)
        if nested is None:
            yield prefix + name, field.get_default(call_default_factory=True)
        elif typing.get_origin(field.annotation) is dict:
            yield from keys_of(nested, f"{prefix}{name}.<kode>.")
        else:
            yield from keys_of(nested, f"{prefix}{name}.")


def table_rows(document: Path) -> dict[str, list[str]]:
    """Rows of all tables, by the plain text of their first cell."""
    lines = [line for line in text_of(document).splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row for row in cells}


@pytest.mark.parametrize(("key", "default"), list(keys_of(Config)))
def test_every_setting_is_documented_with_its_default(key: str, default: Any) -> None:
    row = table_rows(OPERATORS).get(key)
    assert row is not None, f"docs/operators.md does not explain {key}"
    shown = row[1].strip("`")
    assert shown == (str(default).lower() if isinstance(default, bool) else str(default)) or (
        not default and shown in ("empty", "none")
    )
    assert row[2]


def test_no_setting_is_documented_that_is_none() -> None:
    known = {key for key, _ in keys_of(Config)}
    shown = {key for key in table_rows(OPERATORS) if re.fullmatch(r"[a-z]+(\.[a-z_<>]+)+", key)}
    assert shown == known


def test_every_environment_variable_is_documented_and_none_that_nothing_reads() -> None:
    secrets = {name for agency in Registry().agencies.values() for name in agency.secrets}
    section = text_of(OPERATORS).split("## Environment variables")[1].split("\n## ")[0]
    shown = set(re.findall(r"`((?:SSP|DAGSTER)_[A-Z0-9_]+)`", section)) - {"SSP_"}
    assert shown == VARIABLES.keys() | secrets


def test_every_variable_that_the_code_names_is_known() -> None:
    known = VARIABLES.keys() | {name for agency in Registry().agencies.values() for name in agency.secrets}
    found = set()
    for folder in ("ssp_pipeline", "assets", "warehouse", "connectors"):
        for path in (ROOT / folder).rglob("*.py"):
            found |= set(re.findall(r'"(SSP_[A-Z0-9_]+)"', text_of(path)))
    assert found <= known


def test_every_exit_code_is_documented_where_the_command_says_it_too() -> None:
    said = ssp_pipeline.cli.__doc__ or ""
    codes = re.findall(r"\b(\d) [a-z]", said.split("Exit codes:")[1])
    assert codes == ["0", "1", "2", "3", "4", "5"]
    rows = table_rows(OPERATORS)
    assert all(rows[code][2] for code in [*codes, "130"])


@pytest.mark.parametrize("status", typing.get_args(Status))
def test_every_outcome_says_what_to_do(status: str) -> None:
    row = table_rows(OPERATORS).get(status)
    assert row is not None
    assert row[1]
    assert row[2]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings_that_exist(document: Path) -> None:
    broken = []
    for target in LINK.findall(text_of(document)):
        path, _, heading = target.partition("#")
        if "://" in target:
            continue
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (heading and heading not in anchors(file)):
            broken.append(target)
    assert broken == []


def anchors(document: Path) -> set[str]:
    """Names that a forge gives to the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", text_of(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def marked() -> list[Any]:
    """Commands of documents, one test each, those that stand in several once."""
    found = {c: document.name for document in LIVE for script in runnable(document) for c in commands(script)}
    return [pytest.param(command, id=f"{name}: {command[:60]}") for command, name in found.items()]


CHANGING = ("ssp maintain", "ssp forget", "ssp replay", "ssp deliver", "ssp report")


@pytest.mark.parametrize("command", marked())
def test_a_command_of_a_document_works(command: str, small_warehouse: Small, tmp_path: Path) -> None:
    place = small_warehouse.copy(tmp_path / "salinan") if command.startswith(CHANGING) else small_warehouse
    environment = {"SSP_HOME": str(place.home), "SSP_TODAY": place.environment["SSP_TODAY"]}
    done = shell(command, environment)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.strip() or command.startswith("ssp forget")


def test_the_make_targets_that_documents_name_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", text_of(ROOT / "Makefile"), re.MULTILINE))
    for document in DOCUMENTS:
        named = set(re.findall(r"`make ([a-z]+)`|^make ([a-z]+)", text_of(document), re.MULTILINE))
        assert {a or b for a, b in named} <= targets, document.name


def test_the_subcommands_and_options_that_documents_name_exist() -> None:
    wrong = []
    for document in DOCUMENTS:
        code = [b.body for b in blocks(document) if b.language in ("sh", "", "ini")]
        code += re.findall(r"`(ssp [^`\n]+)`", text_of(document))
        for call in re.findall(r"(?:^|[\s/])ssp ([a-z]+)([^\n#|&]*)", "\n".join(code)):
            command = ssp_pipeline.cli.ssp.get_command(None, call[0])  # type: ignore[arg-type]
            if command is None:
                wrong.append(f"{document.name}: ssp {call[0]}")
                continue
            parts = [command, *getattr(command, "commands", {}).values()]
            known = {option for part in parts for parameter in part.params for option in parameter.opts}
            outside_quotes = re.sub(r'"[^"]*"', "", call[1])
            wrong += [
                f"{document.name}: ssp {call[0]} {option}"
                for option in re.findall(r"(?<!\S)(--[a-z-]+)", outside_quotes)
                if option not in known | {"--help"}
            ]
    assert wrong == []


def test_diagrams_are_of_a_kind_that_forges_draw() -> None:
    pictures = [(d.name, b) for d in DOCUMENTS for b in blocks(d) if b.language == "mermaid"]
    assert {name for name, _ in pictures} >= {"README.md", "architecture.md"}
    for name, block in pictures:
        assert re.match(r"(flowchart (LR|TB)|sequenceDiagram)\n", block.body), name
        assert block.body.count("[") == block.body.count("]"), name
        assert block.body.count("subgraph") == len(re.findall(r"^ *end$", block.body, re.MULTILINE)), name


def test_shown_files_are_taken_by_the_test_that_builds_them() -> None:
    assert {Path(name).parts[0] for name in files(ROOT / "docs" / "adding-an-agency.md")} == {
        "kebersihan",
        "wisata",
        "inbox",
    }
