"""Open data: what may leave the lake, and its immutable versions.

Belongs here: contracts of open datasets, the gate, versions with their files, the catalogue, metadata. Does not belong
here: finding personal data and small cells (`warehouse/privacy/`), serving (`ssp_pipeline/portal/`).
"""
