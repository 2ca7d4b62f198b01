"""The Sidata portal: what serves the public root, and nothing else.

Belongs here: HTTP over a published release. Does not belong here: the lake, the archive, analysts' snapshots, making a
release. Of the warehouse only `warehouse.opendata.manifest` is imported, and import-linter holds that.
"""
