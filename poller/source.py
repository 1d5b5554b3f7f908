"""Where prices come from.

A source adapts one exchange, one transport: it speaks the exchange's language on one side and tells a `Listener`
on the other. Everything behind it is the same for all.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, Protocol

from msgspec import Struct

from market.instruments import Instrument
from poller.errors import PollerError


class Update(Struct, frozen=True, kw_only=True, gc=False):
    """What an exchange said of one symbol, in its own decimal strings.

    A quote has a bid or an ask; a side that is absent, empty or zero is one that the exchange has no price for.
    A summary has last, volume or both.
    """

    symbol: str
    recv_us: int
    """When the source had it in hand, microseconds since the Unix epoch."""
    update_id: int | None = None
    """The exchange's own counter for this symbol's quotes (Binance: ``u``); None where it gives none."""
    event_us: int | None = None
    """When the exchange says it happened, microseconds since the Unix epoch."""
    bid: str | None = None
    bid_size: str | None = None
    ask: str | None = None
    ask_size: str | None = None
    last: str | None = None
    volume: str | None = None


class LinkState(Struct, frozen=True):
    """What a source knows of its way to the exchange; it goes out with every beat."""

    source: str
    """Who really delivers now: under a fall-back it is ``binance-rest`` though ``binance-ws`` was asked for."""
    link: Literal["up", "down"]
    reason: str
    since_us: int


Verdict = Literal["news", "known", "unusable"]
"""What an update was worth: a tick came of it, nothing new was in it, or its quote makes no sense."""


class Listener(Protocol):
    """What a source tells the rest of the poller. Every call returns at once and never raises."""

    def update(self, update: Update) -> Verdict:
        """The exchange said something."""

    def unreadable(self, symbol: str | None, why: str) -> None:
        """The exchange said of ``symbol`` what cannot be read; None where not even the symbol can."""

    def listed(self, symbol: str, instrument: Instrument) -> None:
        """The exchange lists ``symbol`` otherwise than before."""

    def uncovered(self, symbol: str, reason: str, for_s: float = 0.0) -> None:
        """Nothing that the exchange says of ``symbol`` arrives, nor has for ``for_s`` seconds; of others it does."""

    def covered(self, symbol: str, note: str = "") -> None:
        """It does; ``note`` says what is unusual about it."""


class Deaf:
    """The `Listener` of a source that does not run: nothing is to be heard."""

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
        """What the exchange lists of the symbols that this source was made for. Called once, before `run`.

        Waits, trying again, while the exchange cannot be reached.

        Raises:
            PollerError: none of the symbols is listed.
        """

    async def run(self, listener: Listener) -> "Source | None":
        """Tell ``listener`` until cancelled.

        Returns early only when there is nothing left to come (a replay), or when another source takes over, which is
        then returned: it is run in place of this one, from `instruments` on. Faults of the exchange or the network
        never end it: they show in `state` and are recovered from.
        """

    def doubt(self, symbol: str) -> None:
        """Something that came of ``symbol`` does not fit its instrument: look it up again, at a bounded rate."""

    def serve(self, symbols: Iterable[str]) -> None:
        """Bring these symbols from now on: the listener is told what those that are new are listed as."""


class UnknownSymbolError(PollerError):
    """The exchange lists nothing of what ``SYMBOLS`` names."""
