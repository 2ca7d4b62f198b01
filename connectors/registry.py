"""Finding agencies: every folder below the roots that has an `agency.yaml` is one. No list is kept by hand.

Belongs here: discovery and importing an agency's own code. Does not belong here: what that code does.
"""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType

from connectors.api import Feed
from connectors.contract import Agency, Contract, discover, load_agency

CONNECTORS = Path(__file__).resolve().parent


def import_part(folder: Path, part: str) -> ModuleType:
    """Import `<folder>/<part>.py` of an agency, wherever its root lies."""
    folder = folder.resolve()
    if folder.parent == CONNECTORS:
        return importlib.import_module(f"connectors.{folder.name}.{part}")
    # A package of its own name, so that modules of the folder can import each other relatively.
    package = f"_agency_{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
    if package not in sys.modules:
        spec = importlib.util.spec_from_loader(package, None, is_package=True)
        assert spec is not None
        spec.submodule_search_locations = [str(folder)]
        sys.modules[package] = importlib.util.module_from_spec(spec)
    return importlib.import_module(f"{package}.{part}")


class UnknownName(LookupError):
    """No agency or dataset has this name; the message lists those there are."""


class Registry:
    """All agencies below the roots (the built-in folder first), with their contracts and feeds.

    Raises ContractError or ValueError, with every fault of every file, when first asked.
    """

    def __init__(self, roots: Sequence[Path] = (CONNECTORS,)):
        self.roots = tuple(Path(r).resolve() for r in roots)

    @cached_property
    def agencies(self) -> dict[str, Agency]:
        found: dict[str, Agency] = {}
        for root in self.roots:
            for path in sorted(root.glob("*/agency.yaml")):
                agency = load_agency(path.parent)
                if agency.kode in found:
                    raise ValueError(f"agency '{agency.kode}' exists in two roots")
                found[agency.kode] = agency
        return found

    @cached_property
    def contracts(self) -> tuple[Contract, ...]:
        contracts = discover(self.roots)
        homeless = sorted({c.agency for c in contracts} - self.agencies.keys())
        if homeless:
            raise ValueError(f"contracts without an agency.yaml beside them: {', '.join(homeless)}")
        return contracts

    def contract(self, dataset: str) -> Contract:
        """By id (`agency.dataset`), table name or unambiguous dataset name. Raises UnknownName."""
        hits = [c for c in self.contracts if dataset in (c.id, c.table, c.dataset)]
        if len(hits) == 1:
            return hits[0]
        known = ", ".join(c.id for c in (hits or self.contracts))
        raise UnknownName(f"dataset '{dataset}' is {'ambiguous' if hits else 'unknown'}; there are: {known}")

    def select(self, agencies: Sequence[str], datasets: Sequence[str]) -> list[Contract]:
        """Contracts by agency and dataset names; all when neither is given. Raises UnknownName."""
        unknown = set(agencies) - self.agencies.keys()
        if unknown:
            raise UnknownName(f"unknown agency: {', '.join(sorted(unknown))}; there are: {', '.join(self.agencies)}")
        if not agencies and not datasets:
            return list(self.contracts)
        chosen = {self.contract(d).id for d in datasets}
        return [c for c in self.contracts if c.agency in agencies or c.id in chosen]

    def feed(self, contract: Contract) -> Feed:
        """How a dataset is pulled and read: the agency's code, or the general inbox or reference file."""
        if contract.ext.mode == "berkas":
            from connectors.inbox import inbox_feed

            return inbox_feed(contract)
        if contract.ext.mode == "acuan":
            from connectors.inbox import reference_feed

            return reference_feed(contract, contract.folder)
        feeds: dict[str, Feed] = import_part(contract.folder, "connector").FEEDS
        if contract.dataset not in feeds:
            raise UnknownName(f"{contract.agency}/connector.py: FEEDS has no '{contract.dataset}'")
        return feeds[contract.dataset]
