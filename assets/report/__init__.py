"""Charts and reports: what is drawn and set from the warehouse, each with its template or specification as a file.

Does not belong here: Dagster (`assets/give_out.py`, `assets/reports.py`), numbers that a model could give
(`connectors/*/models`).
"""
