"""``FEED=auto``: the exchange if any of its URLs answers, else the simulator until one does."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import aiohttp
from msgspec import Struct

from market.prices.instruments import Instrument
from poller.log_events import SIMULATION_ENDED
from poller.network import reasons
from poller.network.endpoints import Endpoints
from poller.network.refusals import BANNED, obey
from poller.network.tasks import first_of
from poller.source import LinkState, Listener, Source

logger = logging.getLogger(__name__)

PROBE_TIMEOUT_S: Final = 5.0
"""Without internet, the first simulated price comes after at most this."""
LOOK_AGAIN_S: Final = 60.0
"""Between two probes of the exchange, while prices are simulated."""

_PAGE_BYTES: Final = 1 << 14


class ProbeResult(Struct, frozen=True):
    """The result of a probe of the exchange."""

    there: bool
    """Whether anything answered, even with a refusal: the exchange then sends prices, or the reason why not."""
    reason: str = ""
    """What is wrong; else empty."""


async def look(
    endpoints: Endpoints, now_us: Callable[[], int], within_s: float = PROBE_TIMEOUT_S, *, ping: str
) -> ProbeResult:
    """Probe each URL until one works, within ``within_s`` in all; send nothing during a ban.

    The probe is a ``GET`` of the path ``ping``, which answers 200.
    """
    if endpoints.ban.left_s():
        return ProbeResult(True, endpoints.ban.reason)
    each_s = within_s / len(endpoints.urls)
    refused = silent = ""
    for _ in endpoints.urls:
        url = endpoints.current
        try:
            async with (
                asyncio.timeout(each_s),
                aiohttp.ClientSession() as session,
                session.get(f"{url}{ping}", allow_redirects=False, **endpoints.options(url)) as response,
            ):
                status, headers = response.status, response.headers
                body = await response.content.read(_PAGE_BYTES)
        except TimeoutError:
            silent = silent or f"no answer within {each_s:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if reasons.nobody_there(error):
                silent = silent or reasons.of_error(error)
            else:
                refused = refused or reasons.of_error(error)
        else:
            if status == 200:
                endpoints.works(url)
                return ProbeResult(True)
            if status in BANNED:
                return ProbeResult(True, obey(endpoints.ban, status, headers, body, now_us()))
            refused = refused or reasons.of_answer(status, body)
        endpoints.failed(url)
    return ProbeResult(bool(refused), refused or silent)


class Auto:
    """Prices of the simulator while no URL of the exchange answers; `run` returns the exchange's source once one does.

    The two never mix: the caller starts again with the source that `run` returns.
    """

    def __init__(
        self,
        simulated: Source,
        exchange: Callable[[], Source],
        endpoints: Endpoints,
        now_us: Callable[[], int],
        again_s: float = LOOK_AGAIN_S,
        *,
        ping: str,
    ) -> None:
        """``exchange`` makes the source that takes over."""
        self._simulated = simulated
        self._exchange = exchange
        self._endpoints = endpoints
        self._now_us = now_us
        self._again_s = again_s
        self._ping = ping

    @property
    def state(self) -> LinkState:
        """The simulator's state; its reason says why prices are simulated."""
        return self._simulated.state

    async def instruments(self) -> Mapping[str, Instrument]:
        """See `poller.source.Source.instruments`."""
        return await self._simulated.instruments()

    async def run(self, listener: Listener) -> Source | None:
        """See `poller.source.Source.run`."""
        return await first_of(self._until_there(), self._simulated.run(listener))

    def doubt(self, symbol: str) -> None:
        """See `poller.source.Source.doubt`."""
        self._simulated.doubt(symbol)

    def serve(self, symbols: Iterable[str]) -> None:
        """See `poller.source.Source.serve`; the exchange's source gets the symbols when it takes over."""
        self._simulated.serve(symbols)

    async def _until_there(self) -> Source:
        while True:
            await asyncio.sleep(self._again_s)
            sight = await look(self._endpoints, self._now_us, ping=self._ping)
            if sight.there:
                but = f", though {sight.reason}" if sight.reason else ""
                logger.warning(SIMULATION_ENDED, self._endpoints.current, but)
                return self._exchange()
