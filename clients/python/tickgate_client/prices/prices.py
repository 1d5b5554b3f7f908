"""Ticks and figures as they come: the newest of each symbol, and what goes into the inbox."""

from collections.abc import Iterable
from typing import Any, Final

from tickgate_client.connection.clock import GatewayClock
from tickgate_client.events import Stats
from tickgate_client.inbox import Inbox
from tickgate_client.prices.continuity import Continuity
from tickgate_client.prices.states import StateBoard
from tickgate_client.tick import Tick, tick_of

OTHER_GATEWAY_S: Final = 3.0
"""So long after a connect, an older tick than ours only says that this gateway reads a moment later than the last."""


class Prices:
    """What is known of each symbol."""

    def __init__(self, inbox: Inbox, board: StateBoard, clock: GatewayClock) -> None:
        """``inbox`` gets what the caller is told, ``board`` hears of each price, and ``clock`` tells how old it is."""
        self._clock = clock
        self._inbox = inbox
        self.board = board
        self.continuity = Continuity()
        self.newest: dict[str, Tick] = {}
        """Symbol → its newest tick."""
        self.newest_stats: dict[str, Stats] = {}
        self.every: set[str] = set()
        """Symbols of which every tick is wanted."""
        self._settled_at = 0.0

    def connected(self, now: float) -> None:
        """A connection begins."""
        self._settled_at = now + OTHER_GATEWAY_S

    def ticks(self, messages: Iterable[dict[str, Any]], now: float) -> None:
        """Take all ticks of a batch."""
        for message in messages:
            self.tick(message, now)

    def tick(self, message: dict[str, Any], now: float, *, snapshot: bool = False) -> None:
        """Take a tick."""
        tick = tick_of(message, snapshot=snapshot)
        symbol = tick.symbol
        if symbol in self.every:
            gap, is_news = self.continuity.take(tick)
            if gap is not None:
                self._inbox.tell(gap)
            if is_news:
                self.newest[symbol] = tick
                self._inbox.each(tick)
            if self.board.is_catching_up(symbol):
                self.board.caught_up(symbol, self._clock.age_s(tick.recv_us, now), now)
        elif now >= self._settled_at or not self._is_older(tick):
            self.newest[symbol] = tick
            self._inbox.newest(tick)
        self.board.priced(symbol)

    def gap(self, message: dict[str, Any]) -> None:
        """Take a `gap` of the gateway's."""
        self._inbox.tell(self.continuity.gap(message))

    def stats(self, message: dict[str, Any]) -> None:
        """Take the figures of 24 hours."""
        fields = {name: value for name, value in message.items() if name not in {"type", "symbol"}}
        stats = self.newest_stats[message["symbol"]] = Stats(message["symbol"], fields)
        self._inbox.tell(stats)

    def wanted(self, symbols: Iterable[str], *, every: bool) -> None:
        """The gateway sends these from now on: every tick, or the newest."""
        if every:
            self.every.update(symbols)
            return
        for symbol in self.every.intersection(symbols):
            self.every.discard(symbol)
            self.continuity.forget(symbol)

    def unwanted(self, symbols: Iterable[str]) -> None:
        """The gateway sends these no longer."""
        symbols = set(symbols)
        for symbol in symbols:
            self.every.discard(symbol)
            self.continuity.forget(symbol)
            self.newest.pop(symbol, None)
        self._inbox.forget(symbols)

    def _is_older(self, tick: Tick) -> bool:
        held = self.newest.get(tick.symbol)
        return held is not None and tick.seq <= held.seq and tick.recv_us <= held.recv_us
