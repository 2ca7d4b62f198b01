"""Delivery: who gets reports and early warnings, how a mail is made, and how it is sent.

Belongs here: recipients, mails, webhooks, and when a failed try is made again. Does not belong here: what was sent to
whom (`warehouse/outbox.py`), what a report says (`assets/report/`), Dagster.
"""
