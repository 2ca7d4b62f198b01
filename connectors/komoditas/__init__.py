"""The shared commodity vocabulary and the mapping of each price source onto it.

Belongs here: reference files and their contracts, and the made-up price paths that stand-ins share
(`tiruan.py`). Does not belong here: any source's protocol.
"""
