"""Prices as they come, and whether each is current.

``prices``      the newest of each symbol
``continuity``  of every tick: what came last, and where one is missing
``states``      whether the price of each symbol is current
"""
