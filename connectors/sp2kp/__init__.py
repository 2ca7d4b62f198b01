"""SP2KP of Kementerian Perdagangan: daily consumer prices by kab/kota.

Does not belong here: the shared commodity vocabulary (`connectors/komoditas`).
"""
