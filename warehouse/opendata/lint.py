"""Every fault of the open datasets' files at once, for `ssp contract lint`.

Belongs here: what can be told without a lake. Does not belong here: whether the SQL gives the contract's columns, which
the gate checks against the lake's tables.
"""

from collections.abc import Sequence
from pathlib import Path

from connectors.contract import ContractError
from connectors.contract.load import Problem
from warehouse.modelling import ModelError
from warehouse.opendata.contract import load_open_contract, open_contract_files
from warehouse.opendata.metadata import sdi
from warehouse.opendata.query import open_query


def lint_open(roots: Sequence[Path]) -> tuple[int, list[Problem]]:
    """Number of open contracts below the roots, and the faults of contracts and SQL."""
    files = open_contract_files(roots)
    problems: list[Problem] = []
    homes: dict[str, str] = {}
    for path in files:
        where = f"{path.parent.parent.name}/open_data/{path.name}"
        try:
            contract = load_open_contract(path)
        except ContractError as error:
            problems += error.problems
            continue
        if contract.name in homes:
            problems.append(Problem(where, "name", f"an open dataset of this name is in {homes[contract.name]} too"))
        homes[contract.name] = contract.agency
        problems += [Problem(where, f"customProperties.sdi.{name}", "no form has it") for name in sdi.unknown(contract)]
        try:
            open_query(contract)
        except ModelError as error:
            problems.append(Problem(where, "(sql)", str(error)))
    described = {path.with_name(path.name.removesuffix(".odcs.yaml") + ".sql") for path in files}
    lone = sorted(p for root in roots for p in root.glob("*/open_data/*.sql") if p not in described)
    problems += [
        Problem(f"{p.parent.parent.name}/open_data/{p.name}", "(file)", "no contract beside it: nobody publishes it")
        for p in lone
    ]
    return len(files), problems
