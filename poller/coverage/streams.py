"""What a venue brings for a source on its streams."""

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
    """What is an exchange's own about its streams and what stands in for them."""

    source: str
    """The name of a source that listens to them, as ``binance-ws``."""
    stand_in: str
    """The name under which REST delivers in their place."""
    what: str
    """The streams, for people."""
    rest_url: Endpoints | str
    """Where its REST interface is."""

    @property
    def limits(self) -> StreamLimits:
        """What it allows."""

    @property
    def questions(self) -> Questions | None:
        """How REST is asked for prices; None where the streams' heartbeats tell what lives, and nothing stands in."""

    @property
    def rest_dialect(self) -> RestDialect:
        """What is its own in REST's answers."""

    def dialect(self) -> StreamDialect:
        """A new connection's."""

    def listing(
        self, client: RestClient, symbols: Iterable[str], timing: RestTiming, changed: Callable[[str, Instrument], None]
    ) -> Listing:
        """What it lists."""
