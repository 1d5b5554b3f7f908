"""One connection's protocol with ``/ws/trade``: last prices and volumes alone, without a number or a time.

So nobody can tell here that a price is late, or that one is missing. Its form is checked, and its symbol.
"""

from collections.abc import Callable

import msgspec
from msgspec import UNSET, Struct, UnsetType

from loadtest import _messages as messages
from loadtest._checks import TickError
from loadtest._findings import Findings
from loadtest._tally import Tally

_SUBSCRIBE, _UNSUBSCRIBE = 1, 2
"""The ids of our commands: only with one are they answered."""


class _Trade(Struct, frozen=True):
    symbol: str
    price: float
    volume: float | UnsetType = UNSET


_decode_trade = msgspec.json.Decoder(_Trade).decode


class TradeSession:
    """Subscribes to ``wanted`` symbols as soon as the connection is open; has what `ClientSession` has."""

    heartbeat_s = 60.0
    """There are no pings, and a gateway closes a connection whose prices are stale for ten seconds."""
    reconnect_after_s = None

    def __init__(
        self,
        *,
        tally: Tally,
        findings: Findings,
        send: Callable[[bytes], None],
        now_s: Callable[[], float],
        wanted: int,
        names: list[str] | None = None,
    ) -> None:
        """As `ClientSession`."""
        self.names = names
        self.welcomed = self.streaming = False
        self._tally, self._findings, self._send, self._now_s = tally, findings, send, now_s
        self._wanted = wanted
        self._asked: set[str] | None = None
        self._began_s = now_s()

    def opened(self) -> None:
        """The connection is open: there is no welcome to wait for."""
        self.welcomed = True
        self._findings.measured("connect", self._now_s() - self._began_s)
        self._began_s = self._now_s()
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
        if not self.streaming:
            self.streaming = True
            self._findings.measured("first tick", self._now_s() - self._began_s)
        if self._asked is not None and trade.symbol not in self._asked:
            self._note(TickError.UNASKED, payload)
        elif trade.price < 0:
            self._note(TickError.MALFORMED, payload)
        self._tally.untimed += 1

    def _answer(self, payload: bytes) -> None:
        try:
            message = messages.decode(payload)
        except messages.UNREADABLE as error:
            if messages.kind(payload):
                self._findings.failed("refused", f"a message that this client does not know: {error}"[:120])
            else:
                self._note(TickError.MALFORMED, payload)
            return
        match message:
            case messages.Subscribed():
                self._subscribed(message.symbols)
            case messages.Unsubscribed() if self.names is not None:
                self._asked = set(self.names)
            case messages.Error(code="expired"):
                pass  # the close frame behind it counts
            case messages.Error():
                self._findings.failed("refused", f"the gateway answered {message.code}")

    def _subscribed(self, symbols: list[str]) -> None:
        if self.names is None and len(symbols) < self._wanted:
            self._findings.fewer(len(symbols), self._wanted)
        self.names = symbols[: self._wanted]
        extra = symbols[self._wanted :]
        if extra:
            # They may still arrive until the gateway has confirmed.
            self._command("unsubscribe", extra, _UNSUBSCRIBE)
        else:
            self._asked = set(symbols)

    def _command(self, command: str, symbols: list[str], number: int) -> None:
        self._send(msgspec.json.encode({"type": command, "symbols": symbols, "id": number}))

    def _note(self, tick_error: TickError, payload: bytes) -> None:
        self._tally.faults[tick_error] += 1
        self._findings.noticed(tick_error, payload[:300].decode("utf-8", "replace"))
