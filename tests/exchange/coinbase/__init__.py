"""A local exchange that speaks Coinbase Exchange's ``/products`` and WebSocket, keeps its limits, and fails on command.

Written from the exchange's API documents and from recordings. Not of it: accounts, ``level2`` and ``full`` with their
keys, all channels but ``level2_batch``, ``ticker`` and ``heartbeat``.

It is for tests in the same process (``async with CoinbaseExchange(...)``) and by hand
(``python -m tests.exchange.coinbase``).
"""

from tests.exchange.coinbase.limits import CoinbaseLimits
from tests.exchange.coinbase.server import CoinbaseExchange

__all__ = ["CoinbaseExchange", "CoinbaseLimits"]
