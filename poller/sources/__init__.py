"""Where prices come from.

A source adapts one exchange, one transport: it speaks the exchange's language on one side and emits
`Update`s on the other. Everything behind it is the same for all.
"""

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from msgspec import Struct

from market.status import Source as SourceName
from market.symbols import Scales
from poller.errors import PollerError


class Update(Struct, frozen=True, kw_only=True, gc=False):
    """What an exchange said of one symbol, in its own decimal strings.

    A quote has all of bid, ask and their sizes, or none of them; a summary has last, volume or both.
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

    source: SourceName
    """Who really delivers now: under a fall-back it is ``binance-rest`` though ``binance-ws`` was asked for."""
    link: Literal["up", "down"]
    reason: str
    since_us: int


Emit = Callable[[Update], None]
"""Where a source puts its updates; it returns at once and never raises."""


class Source(Protocol):
    """An exchange, as the rest of the poller sees it."""

    @property
    def state(self) -> LinkState:
        """The state of the link to the exchange, now."""

    async def scales(self) -> Mapping[str, Scales]:
        """The scales of every symbol that this source was made for. Called once, before `run`.

        Waits, trying again, while the exchange cannot be reached.

        Raises:
            PollerError: a symbol that the exchange does not trade, or whose numbers would not fit 2^53 - 1.
        """

    async def run(self, emit: Emit) -> "Source | None":
        """Emit updates until cancelled. Returns early only when there is nothing left to come (a replay), or when
        another source takes over, which is then returned: it is to be run in place of this one, from its `scales` on.

        Faults of the exchange or the network never end it: they show in `state` and are recovered from.
        """


class UnknownSymbolError(PollerError):
    """The exchange does not trade what ``SYMBOLS`` names."""
