"""What a venue must have for the poller."""

import random
from collections.abc import Callable, Mapping

from msgspec import Struct

from poller.network.endpoints import Endpoints
from poller.source import Source


class Opening(Struct, frozen=True):
    """The parts of a venue's source."""

    symbols: tuple[str, ...]
    rest: Endpoints
    streams: Endpoints
    now_us: Callable[[], int]
    """Wall time, microseconds since the Unix epoch."""
    rng: random.Random
    """For jitter."""
    all_figures: bool = False
    """Whether to receive all figures of 24 hours that the venue has, if that takes more bytes."""


class Venue(Struct, frozen=True, kw_only=True):
    """An exchange. `market.prices.venues` has its name too, because gateways must know each symbol's venue."""

    name: str
    """As in ``VENUE``, and in front of its symbols."""
    title: str
    """For people."""
    symbols: tuple[str, ...]
    """The default symbols."""
    rest_url: tuple[str, ...]
    """The URLs of its REST interface, without a path; ``<VENUE>_REST_URL`` overrides them."""
    ws_url: tuple[str, ...]
    """The URLs of its streams, without a path; ``<VENUE>_WS_URL`` overrides them."""
    ping: str
    """What REST is asked to see whether it is there: a path that answers 200."""
    clock: str
    """What REST is asked for its time: a path that answers with JSON, ``serverTime`` or ``epoch``."""
    stream: str
    """The path of a stream that opens before anything is subscribed."""
    feeds: Mapping[str, Callable[[Opening], Source]]
    """``FEED`` → its source; the first is what ``auto`` is. Each imports what it is made of when it is called."""
    replays: bool = False
    """Whether recordings of it can be replayed."""

    @property
    def rest_variable(self) -> str:
        """The variable with the URLs of REST."""
        return f"{self.name.upper()}_REST_URL"

    @property
    def ws_variable(self) -> str:
        """The variable with the URLs of the streams."""
        return f"{self.name.upper()}_WS_URL"
