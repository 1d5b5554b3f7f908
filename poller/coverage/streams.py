"""The venue's part of a source on its streams."""

from collections.abc import Callable, Iterable
from typing import Protocol

from market.prices.instruments import Instrument
from poller.coverage.listing import Listing
from poller.network.endpoints import Endpoints
from poller.rest.client import RestClient, RestDialect
from poller.rest.polling import Questions
from poller.rest.timing import RestTiming
from poller.stream.dialect import StreamDialect
from poller.stream.limits import StreamLimits


class Streams(Protocol):
    """The exchange-specific part of streams and their stand-in."""

    source: str
    """The name of the source, such as ``binance-ws``."""
    stand_in: str
    """The source's name while REST replaces the streams."""
    what: str
    """The streams, for people."""
    rest_url: Endpoints | str
    """The REST interface."""

    @property
    def limits(self) -> StreamLimits:
        """The exchange's limits."""

    @property
    def questions(self) -> Questions | None:
        """How to request prices by REST; None if the streams send heartbeats and nothing stands in for them."""

    @property
    def rest_dialect(self) -> RestDialect:
        """The exchange-specific part of REST's answers."""

    def dialect(self) -> StreamDialect:
        """Return the dialect of a new connection."""

    def listing(
        self, client: RestClient, symbols: Iterable[str], timing: RestTiming, changed: Callable[[str, Instrument], None]
    ) -> Listing:
        """Return the exchange's listing."""
