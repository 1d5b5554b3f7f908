"""Binance by REST alone: the newest quotes each second."""

import random
from collections.abc import Callable, Iterable, Mapping

from msgspec import structs

from market.symbols import Scales
from poller.sources import Emit, LinkState
from poller.sources.backoff import Backoff
from poller.sources.binance import Counters
from poller.sources.binance_api import Api
from poller.sources.binance_polling import Polling
from poller.sources.binance_start import fetch_scales
from poller.sources.binance_timing import RestTiming
from poller.sources.endpoints import Endpoints
from poller.sources.link import Link


class BinanceRest:
    """A `poller.sources.Source` that asks ``bookTicker`` each second, and ``24hr`` as often as is cheap."""

    def __init__(
        self,
        symbols: Iterable[str],
        rest_url: Endpoints | str,
        *,
        now_us: Callable[[], int],
        rng: random.Random,
        timing: RestTiming | None = None,
    ) -> None:
        """Ask ``rest_url`` for ``symbols``; the wall clock and the randomness of backoff come from outside."""
        self._symbols = tuple(symbols)
        self._timing = timing or RestTiming()
        self._counters = Counters()
        self._api = Api(rest_url, self._timing, self._counters, now_us)
        self._link = Link("binance-rest", now_us)
        self._backoff = Backoff(self._timing.backoff_base_s, self._timing.backoff_cap_s, rng)
        self._polling = Polling(
            self._api,
            lambda: self._symbols,
            timing=self._timing,
            counters=self._counters,
            now_us=now_us,
            rng=rng,
            changed=self._refresh,
        )

    @property
    def state(self) -> LinkState:
        """Up while prices arrive; the reason names a ban, a fault, or a slowed pace."""
        return self._link.state

    @property
    def counters(self) -> dict[str, int]:
        """What was counted so far, by the names of `poller.sources.binance.Counters`."""
        return structs.asdict(self._counters)

    async def scales(self) -> Mapping[str, Scales]:
        """As `poller.sources.Source.scales`."""
        async with self._api:
            return await fetch_scales(
                self._api,
                self._symbols,
                timing=self._timing,
                backoff=self._backoff,
                failing=lambda reason: self._link.set("binance-rest", "down", reason),
            )

    async def run(self, emit: Emit) -> None:
        """As `poller.sources.Source.run`."""
        async with self._api:
            await self._polling.run(lambda: emit)

    def _refresh(self) -> None:
        self._link.set("binance-rest", "up" if self._polling.ok else "down", self._polling.reason)
