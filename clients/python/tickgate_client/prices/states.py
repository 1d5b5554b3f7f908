"""Whether the price of each symbol is current, made of all that says something about it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from tickgate_client.events import State

SETTLED_S: Final = 0.75
"""After a resume without a price that is old: there are none any more."""
OLD_S: Final = 1.5
"""A price of a resume that is older belongs to what was missed."""
LONGEST_S: Final = 10.0
"""If prices are still old then, the poller's clock is behind the gateway's."""
STALE: Final = "stale"
LIVE: Final = "live"


class States(Mapping[str, State]):
    """Symbol → state, for everybody to read; it changes by itself."""

    def __init__(self) -> None:
        self._shown: dict[str, State] = {}

    def __getitem__(self, symbol: str) -> State:
        return self._shown[symbol]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._shown))

    def __len__(self) -> int:
        return len(self._shown)

    def __repr__(self) -> str:
        return f"States({self._shown!r})"


class StateBoard:
    """What was said of venues and symbols on this connection, and what follows for each symbol."""

    def __init__(self, tell: Callable[[State], None], now_us: Callable[[], int]) -> None:
        """``tell`` receives each change; ``now_us`` is our clock, for what nobody but we can know."""
        self._tell = tell
        self._now_us = now_us
        self.states = States()
        self._shown = self.states._shown
        self._venues: dict[str, dict[str, Any]] = {}
        self._told: dict[str, dict[str, Any]] = {}
        self._confirmed: dict[str, bool] = {}
        """Symbols that this connection holds → whether their price has come over it."""
        self._catching_up: set[str] = set()
        """Symbols of which old ticks come, or may come."""
        self._settled_at = self._settled_for_certain_at = 0.0
        self._lost = "not connected yet"
        self._quiet_until: float | None = None
        self._differing: set[str] = set()
        """In a quiet time: symbols whose state is another than what is shown."""

    def connected(self) -> None:
        """A connection begins: what was said on an earlier one holds no more."""
        self._lost = ""
        self._venues.clear()
        self._told.clear()
        self._confirmed.clear()
        self._catching_up.clear()

    def lost(self, reason: str) -> None:
        """Prices may be old, all of them."""
        self._lost = reason
        self._show(self._shown)

    def heard(self) -> None:
        """The gateway speaks again on the same connection."""
        if self._lost:
            self._lost = ""
            self._show(self._shown)

    def stay_quiet(self, until: float) -> None:
        """A connection gives way to the next one as planned: tell nobody, unless it takes too long."""
        self._quiet_until = until
        # Until the next connection has confirmed each of them.
        self._differing = set(self._shown)

    def look(self, now: float) -> None:
        """End a quiet time that is over, and what has settled."""
        if self._catching_up and now >= self._settled_at:
            settled, self._catching_up = self._catching_up, set()
            self._show(settled)
        if self._quiet_until is not None and now >= self._quiet_until:
            self._quiet_until = None
            self._differing.clear()
            self._show(self._shown)

    @property
    def due(self) -> float | None:
        """When to `look`."""
        if not self._catching_up:
            return self._quiet_until
        return self._settled_at if self._quiet_until is None else min(self._settled_at, self._quiet_until)

    def want(self, symbols: Iterable[str]) -> None:
        """Show these, from now on."""
        for symbol in symbols:
            if symbol not in self._shown:
                self._shown[symbol] = self._state_of(symbol)

    def forget(self, symbols: Iterable[str]) -> None:
        """Show these no more."""
        for symbol in symbols:
            self._shown.pop(symbol, None)
            self._differing.discard(symbol)
            self._confirmed.pop(symbol, None)
            self._catching_up.discard(symbol)

    def confirmed(self, symbols: Iterable[str]) -> None:
        """This connection holds ``symbols``; their snapshots follow."""
        symbols = list(symbols)
        for symbol in symbols:
            self._confirmed.setdefault(symbol, False)
        self.want(symbols)
        self._show(symbols)

    def resumed(self, symbols: Iterable[str], now: float) -> None:
        """This connection holds ``symbols``, and goes on where the last one was: first with what was missed."""
        symbols = list(symbols)
        if symbols:
            self._settled_at, self._settled_for_certain_at = now + SETTLED_S, now + LONGEST_S
        self._catching_up.update(symbols)
        self._confirmed.update(dict.fromkeys(symbols, True))
        self.want(symbols)
        self._show(symbols)

    def is_catching_up(self, symbol: str) -> bool:
        """Whether to call `caught_up` with each price of it."""
        return symbol in self._catching_up

    def caught_up(self, symbol: str, age_s: float, now: float) -> None:
        """A price of ``symbol`` has come that is so old."""
        if age_s > OLD_S:
            self._settled_at = min(now + SETTLED_S, self._settled_for_certain_at)
        else:
            self._catching_up.discard(symbol)
            self._show((symbol,))

    def holds(self, symbol: str) -> bool:
        """Whether this connection holds a symbol."""
        return symbol in self._confirmed

    def unknown(self, symbols: Iterable[str], reason: str) -> None:
        """The gateway does not serve these any more, or not to us."""
        for symbol in symbols:
            self.symbol({"symbol": symbol, "state": "unknown", "reason": reason, "since_us": self._now_us()})

    def priced(self, symbol: str) -> None:
        """A price of ``symbol`` has come. It is called for each tick."""
        if self._confirmed.get(symbol) is False:
            self._confirmed[symbol] = True
            self._show((symbol,))

    def venue(self, status: dict[str, Any]) -> None:
        """A `status` has come."""
        venue = str(status.get("venue", "binance"))
        self._venues[venue] = status
        self._show([symbol for symbol in self._shown if _venue_of(symbol) == venue])

    def symbol(self, status: dict[str, Any]) -> None:
        """A `symbol_status` has come."""
        symbol = str(status.get("symbol"))
        self._told[symbol] = status
        if symbol in self._shown:
            self._show((symbol,))

    def _show(self, symbols: Iterable[str]) -> None:
        # What is shown may not change while it is looped over, and a state that is told may lead to anything.
        symbols = tuple(symbols)
        for symbol in symbols:
            state = self._state_of(symbol)
            if state == self._shown[symbol]:
                self._differing.discard(symbol)
            elif self._quiet_until is not None:
                self._differing.add(symbol)
            else:
                self._shown[symbol] = state
                self._tell(state)
        if not self._differing:
            self._quiet_until = None

    def _state_of(self, symbol: str) -> State:
        venue = self._venues.get(_venue_of(symbol))
        source = "" if venue is None else str(venue.get("source", ""))
        priced = self._confirmed.get(symbol)
        told = self._told.get(symbol)
        if self._lost:
            return self._stale(symbol, self._lost)
        if priced is None:
            if told is not None:
                return State(symbol, *_of(told), source)
            return self._still_stale(symbol, "not subscribed on this connection yet", source)
        if venue is None:
            return self._stale(symbol, "the gateway has not said whether its venue is live", source)
        if venue.get("feed") != LIVE:
            return State(symbol, STALE, str(venue.get("reason", "")), int(venue.get("since_us", 0)), source)
        if told is not None and told.get("state") != LIVE:
            return State(symbol, *_of(told), source)
        if not priced:
            return self._still_stale(symbol, "no price yet", source)
        if symbol in self._catching_up:
            return self._still_stale(symbol, "catching up", source)
        if told is not None:
            return State(symbol, *_of(told), source)
        return State(symbol, LIVE, str(venue.get("reason", "")), int(venue.get("since_us", 0)), source)

    def _still_stale(self, symbol: str, reason: str, source: str) -> State:
        """On the way to a first price, nothing that is stale already is stale for another reason."""
        shown = self._shown.get(symbol)
        return self._stale(symbol, reason, source) if shown is None or shown.state != STALE else shown

    def _stale(self, symbol: str, reason: str, source: str = "") -> State:
        return State(symbol, STALE, reason, self._now_us(), source)


def _of(told: dict[str, Any]) -> tuple[str, str, int]:
    return str(told.get("state")), str(told.get("reason", "")), int(told.get("since_us", 0))


def _venue_of(symbol: str) -> str:
    """The venue of a full name. Names of ``binance`` have none in front."""
    venue, colon, _ = symbol.partition(":")
    return venue if colon else "binance"
