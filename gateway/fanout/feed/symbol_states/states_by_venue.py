"""The states of this gateway's symbols, venue by venue: each poller reports its own."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

from gateway.fanout.feed.symbol_states.states import SymbolStates
from gateway.metrics.counters import Counters
from gateway.protocol.forms import FramedStatus
from market.prices.symbols import Symbols
from market.prices.venues import venue_of
from market.wire.status import SymbolState


class StatesByVenue:
    """The `SymbolStates` of every venue that has symbols here."""

    def __init__(
        self,
        symbols: Symbols,
        states: dict[str, FramedStatus],
        publish: Callable[[Sequence[FramedStatus]], None],
        counters: Counters,
        *,
        now_us: Callable[[], int],
    ) -> None:
        """See `SymbolStates`; ``states`` has the symbols of all venues."""
        self._states = states
        self._publish = publish
        self._counters = counters
        self._now_us = now_us
        self._venues: dict[str, SymbolStates] = {}
        self.serve(symbols)

    def of(self, venue: str) -> SymbolStates:
        """The states of one venue."""
        return self._venues[venue]

    def serve(self, symbols: Symbols) -> None:
        """Hold the states of these symbols and of no others."""
        venues = venues_of(symbols)
        for venue in self._venues.keys() - venues:
            self._venues.pop(venue).serve(Symbols(()))
        for venue in venues:
            own = symbols.of_venue(venue)
            if venue in self._venues:
                self._venues[venue].serve(own)
            else:
                self._venues[venue] = SymbolStates(
                    own, self._states, self._publish, self._counters, now_us=self._now_us
                )

    def state_of(self, symbol: str) -> SymbolState:
        """The state of ``symbol``; live until another was reported."""
        status = self._states.get(symbol)
        return status.message.state if status is not None else "live"

    def reason_of(self, symbol: str) -> str:
        """Why ``symbol`` is not live, or what is unusual; empty if nothing is known."""
        status = self._states.get(symbol)
        return status.message.reason if status is not None else ""

    def counts(self) -> dict[str, int]:
        """The number of symbols in each state, for the venues whose states are held."""
        counts: Counter[str] = Counter()
        for states in self._venues.values():
            counts.update(states.counts())
        return counts

    def unreadable(self, symbols: Collection[str]) -> None:
        """The ticks of exactly these symbols cannot be read here."""
        for venue, states in self._venues.items():
            states.unreadable([symbol for symbol in symbols if venue_of(symbol) == venue])


def venues_of(symbols: Iterable[str]) -> tuple[str, ...]:
    """The venues of ``symbols``, each once, in their order."""
    return tuple(dict.fromkeys(map(venue_of, symbols)))
