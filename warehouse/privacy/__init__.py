"""What a public table must not give away: personal identifiers and small cells.

Belongs here: recognising Indonesian identifiers, suppressing small cells with their complements, and an audit that
attacks the result as a reader could. Does not belong here: the decision to publish, waivers (`warehouse/opendata/`).
"""
