"""The states of symbols: live, stale, halted, delisted or unknown.

``states``           those of one venue's symbols, and which changes go to clients
``states_by_venue``  those of all venues
``states_reader``    reads the full set from the store
"""
