"""Pages of the command centre: dashboards over the analysts' snapshot, the wall, the rows behind a number.

Belongs here: what people with a login see of the data. Does not belong here: who they are and what they may (modules
beside this package), payloads and quarantined rows (`doors.py`).
"""
