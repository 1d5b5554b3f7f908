"""Prices: their venues, symbols and decimals. Nothing here knows the bus.

- ``venues``: the exchanges, and which of them a symbol belongs to;
- ``letters``: upper and lower case, of A to Z alone;
- ``pairs``: base and quote of symbols: other spellings of one, and those that a wrong name may have meant;
- ``doubts``: symbols that are probably slips, such as a base asset alone;
- ``symbols``: the symbols that a program serves, and the other names that may stand for them;
- ``instruments``: a symbol as the exchange lists it, with the scales of its prices and sizes;
- ``listed``: the same for other programs, with the rules for orders;
- ``stats``: the figures of 24 hours, as the exchange wrote them;
- ``tick``: one price update, and the one way from an exchange's decimal string to a scaled integer.
"""
