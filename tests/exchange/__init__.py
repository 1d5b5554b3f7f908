"""A local exchange that speaks Binance's REST and WebSocket, keeps its limits, and fails on command.

    server ──▶ rest ─┐
          └──▶ streams ─┴──▶ market (what is listed, and its prices) · limits (and who broke them) · faults

It is for tests in the same process (``async with Exchange(...)``) and by hand (``python -m tests.exchange``).
"""

from tests.exchange.faults import Canned, Faults
from tests.exchange.limits import Limits, Violation
from tests.exchange.market import Market
from tests.exchange.server import Exchange

__all__ = ["Canned", "Exchange", "Faults", "Limits", "Market", "Violation"]
