"""Binance by its streams, with REST in their place while they are down."""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping

from msgspec import structs

from market.symbols import Scales
from poller.sources import Emit, LinkState, Update
from poller.sources.backoff import Backoff
from poller.sources.binance import Counters
from poller.sources.binance_api import Api
from poller.sources.binance_polling import Polling
from poller.sources.binance_shard import Shard
from poller.sources.binance_start import fetch_scales
from poller.sources.binance_stream import Stream
from poller.sources.binance_timing import RestTiming, StreamTiming
from poller.sources.endpoints import Endpoints
from poller.sources.handshake import stream_session
from poller.sources.link import Link
from poller.sources.pacing import RollingLimit


class BinanceWs:
    """A `poller.sources.Source` on the combined ``bookTicker`` and ``miniTicker`` streams.

    Streams send changes only, and replay nothing. So the quotes of a new connection's symbols are asked
    for once by REST, and an answer counts only where no stream told anything newer in the meantime.
    """

    def __init__(
        self,
        symbols: Iterable[str],
        rest_url: Endpoints | str,
        ws_url: Endpoints | str,
        *,
        now_us: Callable[[], int],
        rng: random.Random,
        timing: StreamTiming | None = None,
        rest_timing: RestTiming | None = None,
    ) -> None:
        """Listen to ``symbols``; the wall clock and the randomness of backoff and renewal come from outside."""
        self._symbols = tuple(symbols)
        self._streams = Endpoints.of("Binance's streams", ws_url)
        self._now_us = now_us
        self._rng = rng
        self._timing = timing or StreamTiming()
        self._rest_timing = rest_timing or RestTiming()
        self._counters = Counters()
        self._link = Link("binance-ws", now_us)
        self._emit: Emit = lambda _: None
        self._quote_heard: dict[str, int] = {}
        self._summary_heard: dict[str, int] = {}
        self._all_live = asyncio.Event()
        self._some_down = asyncio.Event()
        self._seeds: set[str] = set()
        self._seeds_wanted = asyncio.Event()
        self._api = Api(rest_url, self._rest_timing, self._counters, now_us)
        self._polling = Polling(
            self._api,
            self._uncovered,
            timing=self._rest_timing,
            counters=self._counters,
            now_us=now_us,
            rng=rng,
            changed=self._refresh,
        )
        attempts = RollingLimit(self._timing.connects_per_window, self._timing.connect_window_s)
        self._shards = [
            Shard(
                part,
                new_stream=self._new_stream,
                attempts=attempts,
                became_ready=self._seed,
                changed=self._refresh,
                timing=self._timing,
                counters=self._counters,
                rng=rng,
            )
            for part in _parts(self._symbols, self._timing.streams_per_connection // 2)
        ]

    @property
    def state(self) -> LinkState:
        """Up while prices of all symbols arrive, by the streams or by REST; the reason says what is unusual."""
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
                timing=self._rest_timing,
                backoff=Backoff(self._rest_timing.backoff_base_s, self._rest_timing.backoff_cap_s, self._rng),
                failing=lambda reason: self._link.set("binance-ws", "down", reason),
            )

    async def run(self, emit: Emit) -> None:
        """As `poller.sources.Source.run`."""
        self._emit = emit
        async with self._api, stream_session() as session, asyncio.TaskGroup() as group:
            self._refresh()
            for shard in self._shards:
                group.create_task(shard.run(session))
            group.create_task(self._fall_back())
            group.create_task(self._fetch_seeds())

    def _new_stream(self, symbols: tuple[str, ...]) -> Stream:
        return Stream(
            self._streams,
            symbols,
            emit=self._hear,
            changed=self._refresh,
            timing=self._timing,
            counters=self._counters,
            now_us=self._now_us,
            rng=self._rng,
        )

    def _hear(self, update: Update) -> None:
        heard = self._summary_heard if update.update_id is None else self._quote_heard
        heard[update.symbol] = self._counters.messages
        self._emit(update)

    def _begin(self) -> Emit:
        """Where a REST answer goes that is asked for now: not where a stream has told something since."""
        asked_at = self._counters.messages

        def emit(update: Update) -> None:
            heard = self._summary_heard if update.bid is None else self._quote_heard
            if heard.get(update.symbol, 0) <= asked_at:
                self._emit(update)

        return emit

    def _uncovered(self) -> tuple[str, ...]:
        """The symbols whose connection is not live; all of them in the moment before polling stops."""
        uncovered = tuple(symbol for shard in self._shards if not shard.live for symbol in shard.symbols)
        return uncovered or self._symbols

    async def _fall_back(self) -> None:
        """Poll while a connection has been away for longer than the grace."""
        while True:
            await self._some_down.wait()
            try:
                async with asyncio.timeout(self._timing.grace_s):
                    await self._all_live.wait()
            except TimeoutError:
                self._counters.fallbacks += 1
                await self._poll_until_live()

    async def _poll_until_live(self) -> None:
        async with asyncio.TaskGroup() as group:
            polling = group.create_task(self._polling.run(self._begin))
            await self._all_live.wait()
            polling.cancel()

    def _seed(self, shard: Shard) -> None:
        self._seeds.update(shard.symbols)
        self._seeds_wanted.set()

    async def _fetch_seeds(self) -> None:
        """Ask once for the quotes of each new connection's symbols: they may have changed unheard."""
        backoff = Backoff(self._rest_timing.backoff_base_s, self._rest_timing.backoff_cap_s, self._rng)
        while True:
            await self._seeds_wanted.wait()
            symbols = tuple(symbol for symbol in self._symbols if symbol in self._seeds)
            self._seeds_wanted.clear()
            fault = await self._polling.quotes(symbols, self._begin())
            if fault is None:
                self._seeds.difference_update(symbols)
                backoff.reset()
            else:
                await asyncio.sleep(backoff.next_s())
            if self._seeds:
                self._seeds_wanted.set()

    def _refresh(self) -> None:
        down = [shard for shard in self._shards if not shard.live]
        (self._some_down if down else self._all_live).set()
        (self._all_live if down else self._some_down).clear()
        if not down:
            silent = [symbol for shard in self._shards for symbol in shard.silent]
            self._link.set("binance-ws", "up", f"nothing heard of {', '.join(silent)}" if silent else "")
            return
        which = "stream" if len(self._shards) == 1 else f"{len(down)} of {len(self._shards)} streams"
        reason = f"{which} down: {down[0].reason}"
        if self._polling.ok:
            unusual = f"; {self._polling.reason}" if self._polling.reason else ""
            self._link.set("binance-rest", "up", f"{reason}{unusual}")
        else:
            missing = f"; REST: {self._polling.reason}" if self._polling.reason else ""
            self._link.set("binance-ws", "down", f"{reason}{missing}")


def _parts(symbols: tuple[str, ...], most: int) -> list[tuple[str, ...]]:
    return [symbols[start : start + most] for start in range(0, len(symbols), most)]
