"""What a venue brings to the poller."""

import random
from collections.abc import Callable, Mapping

from msgspec import Struct

from poller.network.endpoints import Endpoints
from poller.source import Source


class Opening(Struct, frozen=True):
    """What a venue's source is made of."""

    symbols: tuple[str, ...]
    rest: Endpoints
    streams: Endpoints
    now_us: Callable[[], int]
    """Wall time, microseconds since the Unix epoch."""
    rng: random.Random
    """For jitter."""


class Venue(Struct, frozen=True, kw_only=True):
    """An exchange. `market.prices.venues` has its name too: gateways know which symbols are whose."""

    name: str
    """As in ``VENUE``, and in front of its symbols."""
    title: str
    """For people."""
    symbols: tuple[str, ...]
    """Where nobody says whose prices are wanted."""
    rest_url: tuple[str, ...]
    """Where its REST interface is, without a path; ``<VENUE>_REST_URL`` says otherwise."""
    ws_url: tuple[str, ...]
    """Where its streams are; ``<VENUE>_WS_URL`` says otherwise."""
    ping: str
    """What REST is asked to see whether it is there: a path that answers 200."""
    clock: str
    """What REST is asked for its time: a path that answers with JSON, ``serverTime`` or ``epoch``."""
    stream: str
    """The path of a stream that opens before anything is subscribed."""
    feeds: Mapping[str, Callable[[Opening], Source]]
    """``FEED`` → its source; the first is what ``auto`` is. Each imports what it is made of when it is called."""
    replays: bool = False
    """Whether there are recordings that can be replayed."""

    @property
    def rest_variable(self) -> str:
        """The variable that says where REST is."""
        return f"{self.name.upper()}_REST_URL"

    @property
    def ws_variable(self) -> str:
        """The variable that says where the streams are."""
        return f"{self.name.upper()}_WS_URL"
