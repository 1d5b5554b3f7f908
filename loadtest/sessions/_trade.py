"""One connection's protocol with ``/ws/trade``: last prices and volumes alone, without a number or a time.

So nobody can tell here that a price is late, or that one is missing. Its form is checked, and its symbol.
"""

import msgspec
from msgspec import UNSET, Struct, UnsetType

from loadtest.protocol import _messages as messages
from loadtest.sessions._checks import TickError
from loadtest.sessions._session import Session

_SUBSCRIBE, _UNSUBSCRIBE = 1, 2
"""The ids of our commands: only with one are they answered."""


class _Trade(Struct, frozen=True):
    symbol: str
    price: float
    volume: float | UnsetType = UNSET


_decode_trade = msgspec.json.Decoder(_Trade).decode


class TradeSession(Session):
    """Subscribes to ``wanted`` symbols as soon as the connection is open."""

    heartbeat_s = 60.0
    """There are no pings, and a gateway closes a connection whose prices are stale for ten seconds."""

    _asked: set[str] | None = None

    def opened(self) -> None:
        """The connection is open: there is no welcome to wait for."""
        self._connected()
        self._command("subscribe", self.names or ["*"], _SUBSCRIBE)

    def receive(self, payloads: list[bytes], now_us: int) -> None:
        """Take the text messages that arrived; when does not matter here."""
        del now_us
        for payload in payloads:
            try:
                trade = _decode_trade(payload)
            except messages.UNREADABLE:
                self._answer(payload)
            else:
                self._price(trade, payload)

    def _price(self, trade: _Trade, payload: bytes) -> None:
        self._first()
        if self._asked is not None and trade.symbol not in self._asked:
            self._note(TickError.UNASKED, payload)
        elif trade.price < 0:
            self._note(TickError.MALFORMED, payload)
        self._tally.untimed += 1

    def _answer(self, payload: bytes) -> None:
        try:
            self._answered(messages.decode(payload))
        except messages.UNREADABLE as error:
            if messages.kind(payload):
                self._unknown(error)
            else:
                self._note(TickError.MALFORMED, payload)

    def _held(self, symbols: set[str]) -> None:
        self._asked = symbols

    def _unsubscribe(self, symbols: list[str]) -> None:
        self._command("unsubscribe", symbols, _UNSUBSCRIBE)

    def _command(self, command: str, symbols: list[str], number: int) -> None:
        self._send(msgspec.json.encode({"type": command, "symbols": symbols, "id": number}))
