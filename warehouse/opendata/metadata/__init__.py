"""Metadata of what is published, each in the form that its readers know: pure functions from manifests and contracts.

Belongs here: Frictionless, DCAT-AP, schema.org, the fields of Satu Data Indonesia, the dictionary, the quality score.
Does not belong here: writing files (`publish.py`), pages (the portal).
"""
