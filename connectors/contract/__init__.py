"""One contract a dataset: an ODCS v3 file plus our strict extension, read into one immutable object.

Belongs here: what a contract may say and what it means. Does not belong here: reading data by it.
"""

from connectors.contract.agency import Agency, load_agency
from connectors.contract.load import ContractError, discover, load_contract
from connectors.contract.model import (
    Column,
    ColumnExtension,
    Contract,
    DatasetExtension,
    Expectation,
    RowRule,
)

__all__ = [
    "Agency",
    "Column",
    "ColumnExtension",
    "Contract",
    "ContractError",
    "DatasetExtension",
    "Expectation",
    "RowRule",
    "discover",
    "load_agency",
    "load_contract",
]
