"""Where prices come from.

A source adapts one exchange: it speaks the exchange's protocol on one side and calls a `Listener` on the other.
Everything behind the listener is the same for all exchanges.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, Protocol

from msgspec import Struct

from market.prices.instruments import Instrument
from market.prices.stats import Stats


class Update(Struct, frozen=True, kw_only=True, gc=False):
    """An exchange's data of one symbol, in its own decimal strings.

    A quote has a bid or an ask. A side that is absent, empty or zero has no price.
    A summary has last, volume or both.
    """

    symbol: str
    recv_us: int
    """When the source received it, microseconds since the Unix epoch."""
    update_id: int | None = None
    """A number that grows with this symbol's quotes: the exchange's counter (Binance: ``u``), or its time if it has no
    counter (Coinbase). None if it has neither."""
    counted: bool = True
    """Whether ``update_id`` is the exchange's counter, which clients may know."""
    event_us: int | None = None
    """When the exchange says it happened, microseconds since the Unix epoch."""
    bid: str | None = None
    bid_size: str | None = None
    ask: str | None = None
    ask_size: str | None = None
    last: str | None = None
    volume: str | None = None
    stats: Stats | None = None
    """The figures of 24 hours, if this has them."""


Take = Callable[[Update], object]
"""Receives updates."""


class LinkState(Struct, frozen=True):
    """The state of a source's link to the exchange. Every heartbeat carries it."""

    source: str
    """The feed that delivers now: ``binance-rest`` while REST replaces the streams of ``binance-ws``."""
    link: Literal["up", "down"]
    reason: str
    since_us: int


Verdict = Literal["news", "known", "unusable"]
"""The result of an update: a tick; none because nothing is new; or none because its quote is unusable."""


class Listener(Protocol):
    """Receives a source's reports for the rest of the poller. Every call returns at once and never raises."""

    def update(self, update: Update) -> Verdict:
        """The exchange sent an update."""

    def unreadable(self, symbol: str | None, why: str) -> None:
        """The exchange sent something unreadable about ``symbol``; None if even the symbol is unreadable."""

    def listed(self, symbol: str, instrument: Instrument) -> None:
        """The listing of ``symbol`` has changed."""

    def uncovered(self, symbol: str, reason: str, for_s: float = 0.0) -> None:
        """Updates of ``symbol`` have not arrived for ``for_s`` seconds, while others do."""

    def covered(self, symbol: str, note: str = "") -> None:
        """Updates of ``symbol`` arrive; ``note`` says what is unusual about it."""


class NullListener:
    """The `Listener` of a source that does not run."""

    def update(self, update: Update) -> Verdict:  # noqa: ARG002 - as `Listener` has it
        """See `Listener.update`."""
        return "known"

    def unreadable(self, symbol: str | None, why: str) -> None:
        """See `Listener.unreadable`."""

    def listed(self, symbol: str, instrument: Instrument) -> None:
        """See `Listener.listed`."""

    def uncovered(self, symbol: str, reason: str, for_s: float = 0.0) -> None:
        """See `Listener.uncovered`."""

    def covered(self, symbol: str, note: str = "") -> None:
        """See `Listener.covered`."""


class Source(Protocol):
    """An exchange, as the rest of the poller sees it."""

    @property
    def state(self) -> LinkState:
        """The state of the link to the exchange, now."""

    async def instruments(self) -> Mapping[str, Instrument]:
        """The instruments of the symbols that this source was made for. Called once, before `run`.

        Waits, trying again, while the exchange cannot be reached.

        Raises:
            PollerError: none of the symbols is listed.
        """

    async def run(self, listener: Listener) -> "Source | None":
        """Report to ``listener`` until cancelled.

        It returns early in two cases: None at the end of a recording, or the source that takes over from this one. The
        caller then runs that source, beginning with `instruments`. Faults of the exchange or the network never end
        it: they show in `state`, and it recovers from them.
        """

    def doubt(self, symbol: str) -> None:
        """An update of ``symbol`` does not fit its instrument: read the listing again, at a bounded rate."""

    def serve(self, symbols: Iterable[str]) -> None:
        """Deliver these symbols from now on. The listener gets the instruments of the new ones."""
