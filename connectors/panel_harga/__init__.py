"""Panel Harga of Badan Pangan Nasional: food prices by kab/kota, the province map, reference prices.

Does not belong here: the shared commodity vocabulary (`connectors/komoditas`).
"""
