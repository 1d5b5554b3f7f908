"""What is known of each symbol: its newest price, and whether that is current."""

from collections.abc import Iterable

from msgspec import Struct

from deploy.watch.messages import Message, Snapshot, Update, Updates
from gateway.protocol.messages import Status, Subscribed, SymbolStatus, Unsubscribed
from market.prices.tick import Tick
from market.prices.venues import venue_of

LIVE = "live"
STALE = "stale"


class Row(Struct, frozen=True):
    """One symbol."""

    symbol: str
    tick: Tick | None
    """None before the first price."""
    state: str
    """``live``, ``stale``, ``halted``, ``delisted`` or ``unknown``; empty before the gateway has said anything."""
    reason: str
    """Why it is not live; if it is, empty, or what is unusual."""
    source: str = ""
    """Where prices of its venue come from, as ``binance-ws`` or ``simulated``; empty if that is not known."""


class Board:
    """All symbols that are watched, in the order in which the gateway named them."""

    def __init__(self) -> None:
        """Nothing is known."""
        self._ticks: dict[str, Tick | None] = {}
        self._states: dict[str, SymbolStatus] = {}
        self.feeds: dict[str, Status] = {}
        """Venue -> its newest state."""
        self.ahead_us = 0
        """How far the gateway's clock is ahead of ours, less what a message takes; 0 if it is not known."""
        self._lost = "not connected yet"

    def take(self, message: Message) -> list[str]:
        """Learn from ``message``; return the symbols whose rows changed."""
        match message:
            case Update() | Snapshot():
                return self._price((message,))
            case Updates(ticks=ticks):
                return self._price(ticks)
            case SymbolStatus():
                self._states[message.symbol] = message
                return self._held((message.symbol,))
            case Status():
                self.feeds[message.venue] = message
                return [symbol for symbol in self._ticks if venue_of(symbol) == message.venue]
            case Subscribed(symbols=symbols):
                for symbol in symbols:
                    self._ticks.setdefault(symbol, None)
            case Unsubscribed(symbols=symbols):
                for symbol in symbols:
                    self._ticks.pop(symbol, None)
        return []

    def connected(self, ahead_us: int = 0) -> None:
        """A connection begins: what was said of states on an earlier one holds no more."""
        self.ahead_us = ahead_us
        self._lost = ""
        self._states.clear()
        self.feeds.clear()

    def lost(self, reason: str) -> list[str]:
        """No connection: all prices may be old. Returns the symbols whose rows changed."""
        self._lost = reason
        return list(self._ticks)

    @property
    def symbols(self) -> list[str]:
        """All symbols."""
        return list(self._ticks)

    def rows(self, symbols: Iterable[str]) -> list[Row]:
        """The rows of these symbols."""
        return [self._row(symbol) for symbol in symbols if symbol in self._ticks]

    def _row(self, symbol: str) -> Row:
        tick = self._ticks[symbol]
        feed, told = self.feeds.get(venue_of(symbol)), self._states.get(symbol)
        source = "" if feed is None else feed.source
        if self._lost:
            return Row(symbol, tick, STALE, self._lost, source)
        # A venue that is stale makes every symbol of it stale, and says nothing of single ones meanwhile.
        if feed is not None and feed.feed != LIVE:
            return Row(symbol, tick, feed.feed, feed.reason, source)
        if told is not None:
            return Row(symbol, tick, told.state, told.reason, source)
        return Row(symbol, tick, "" if feed is None else LIVE, "", source)

    def _price(self, ticks: Iterable[Tick]) -> list[str]:
        changed = self._held(tick.symbol for tick in ticks)
        for tick in ticks:
            if tick.symbol in self._ticks:
                self._ticks[tick.symbol] = tick
        return changed

    def _held(self, symbols: Iterable[str]) -> list[str]:
        return [symbol for symbol in symbols if symbol in self._ticks]
