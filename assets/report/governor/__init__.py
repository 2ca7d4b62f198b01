"""The scheduled reports to the governor: daily, weekly and monthly.

A report is made in four steps, each in a module of its own: rows of the dashboard views as they stood on the report's
date (`as_of.py`, `inputs.py`), sentences and tables by rules from these rows alone (`content.py` and the sections),
one PDF, mail and card from the content (`render.py`), and versions that are never written again, with their mail
(`desk.py`). Does not belong here: Dagster (`assets/reports.py`), delivery (`assets/delivery/`), numbers that a view
could give.
"""
