"""The lake and what is made of it: checks, commits, models, snapshots and releases.

Does not belong here: agencies' protocols, HTTP, Dagster, web pages.
"""
