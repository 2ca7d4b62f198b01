"""Everything that reaches and reads the agencies: one folder an agency, and beside them what all share.

Belongs here: contracts, HTTP, the landing archive, Indonesian number/date/region reading, stand-ins.
Does not belong here: DuckDB, Dagster, web pages.
"""
