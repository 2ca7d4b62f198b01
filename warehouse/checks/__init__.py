"""The published quality contract of every dataset, evaluated: the only rooms' code that knows Great Expectations.

Belongs here: the suite made from a contract, the process that runs it, its verdicts. Does not belong here: what
becomes of a failed row or partition (`warehouse/stage.py`).
"""

from warehouse.checks.client import Checker, CheckFailure, Verdict
from warehouse.checks.suite import Check, partition_suite, row_suite

__all__ = ["Check", "CheckFailure", "Checker", "Verdict", "partition_suite", "row_suite"]
