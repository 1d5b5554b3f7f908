"""Binance by its streams, with REST in their place where they fail: of all symbols, or of one."""

import asyncio
import random
from collections.abc import Callable, Collection, Iterable, Mapping

import aiohttp
from msgspec import structs

from market.instruments import Instrument
from market.symbols import lower
from market.tasks import Group
from poller.network.backoff import Backoff
from poller.network.endpoints import Endpoints
from poller.network.handshake import stream_session
from poller.network.link import Link
from poller.network.pacing import RollingLimit
from poller.rest.client import Api
from poller.rest.polling import Polling
from poller.source import Deaf, LinkState, Listener, Update
from poller.stream.connection import Peer, Stream
from poller.stream.cover import Cover, some
from poller.stream.inquiry import Inquiry
from poller.stream.shard import Shard
from poller.stream.timing import RestTiming, StreamTiming
from poller.venues.binance.listing import Listing
from poller.venues.binance.messages import Counters, Unexpected


class BinanceWs:
    """A `poller.source.Source` on the combined ``bookTicker`` and ``miniTicker`` streams.

    Streams send changes only, and replay nothing. So the prices of a new connection's symbols are asked for once by
    REST, and an answer counts only where no stream told anything newer in the meantime. REST also settles doubts
    about single symbols, and stands in for those whose stream fails.
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
        symbols = tuple(symbols)
        self._streams = Endpoints.of("Binance's streams", ws_url)
        self._now_us = now_us
        self._rng = rng
        self._timing = timing or StreamTiming()
        self._rest_timing = rest_timing or RestTiming()
        self._counters = Counters()
        self._link = Link("binance-ws", now_us)
        self._listener: Listener = Deaf()
        self._api = Api(rest_url, self._rest_timing, self._counters, now_us)
        self._listing = Listing(self._api, symbols, timing=self._rest_timing, changed=self._listed)
        self._polling = Polling(
            self._api,
            lambda: self._cover.symbols(),
            timing=self._rest_timing,
            counters=self._counters,
            now_us=now_us,
            rng=rng,
            changed=self._refresh,
            answered=lambda found, missing: self._cover.answered(found, missing),
            refused=self._refused,
        )
        self._attempts = RollingLimit(self._timing.connects_per_window, self._timing.connect_window_s)
        self._peer = Peer()
        self._symbol_of: dict[str, str] = {}
        """By the name that the symbol has in its streams."""
        self._shards: list[Shard] = []
        for part in _parts(symbols, self._most_symbols):
            self._add_shard(part)
        self._inquiry = Inquiry(
            self._polling,
            self._listing,
            tell=lambda update: self._listener.update(update),
            timing=self._timing,
            rest_timing=self._rest_timing,
            counters=self._counters,
            rng=rng,
        )
        self._cover = Cover(
            self._polling,
            self._listing,
            self._shards,
            verdicts=self._inquiry.verdicts,
            listener=lambda: self._listener,
            timing=self._timing,
            trust_s=self._rest_timing.quiet_s,
            counters=self._counters,
        )
        self._untraded: set[str] = set()
        self._tasks: dict[Shard, asyncio.Task[None]] = {}
        self._group: Group | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def state(self) -> LinkState:
        """Up while prices arrive, by the streams or by REST; the reason says what is unusual."""
        return self._link.state

    @property
    def counters(self) -> dict[str, int]:
        """What was counted so far, by the names of `poller.venues.binance.messages.Counters`."""
        return structs.asdict(self._counters)

    async def instruments(self) -> Mapping[str, Instrument]:
        """As `poller.source.Source.instruments`."""
        backoff = Backoff(self._rest_timing.backoff_base_s, self._rest_timing.backoff_cap_s, self._rng)
        async with self._api:
            found = await self._listing.first(backoff, lambda reason: self._link.set("binance-ws", "down", reason))
        self._untraded = {symbol for symbol in found if not self._listing.is_traded(symbol)}
        return found

    async def run(self, listener: Listener) -> None:
        """As `poller.source.Source.run`."""
        self._listener = listener
        async with self._api, stream_session() as session, Group() as group:
            self._group, self._session = group, session
            self._refresh()
            for shard in self._shards:
                self._start(shard)
            group.create_task(self._listing.run())
            group.create_task(self._inquiry.run())
            group.create_task(self._cover.run(self._inquiry.stand_in))
            group.create_task(self._review())

    async def _review(self) -> None:
        while True:
            await asyncio.sleep(self._timing.review_s)
            for shard in self._shards:
                if not shard.live:
                    self._inquiry.lost(shard.symbols)
            self._cover.review()
            self._refresh()

    def doubt(self, symbol: str) -> None:
        """As `poller.source.Source.doubt`."""
        self._listing.doubt(symbol)

    def serve(self, symbols: Iterable[str]) -> None:
        """As `poller.source.Source.serve`: those that are new go where there is room."""
        wanted = dict.fromkeys(symbols)
        held = {symbol for shard in self._shards for symbol in shard.symbols}
        gone, new = held - wanted.keys(), tuple(symbol for symbol in wanted if symbol not in held)
        self._inquiry.forget(gone)
        for symbol in gone:
            self._symbol_of.pop(lower(symbol), None)
        self._untraded &= wanted.keys()
        self._listing.serve(wanted)
        for shard in self._shards:
            removed = tuple(symbol for symbol in shard.symbols if symbol in gone)
            room = self._most_symbols - len(shard.symbols) + len(removed)
            added, new = new[:room], new[room:]
            if added or removed:
                shard.serve(added, removed)
            self._name(added)
        for part in _parts(new, self._most_symbols):
            self._start(self._add_shard(part))
        for shard in [shard for shard in self._shards if not shard.symbols]:
            self._shards.remove(shard)
            if (task := self._tasks.pop(shard, None)) is not None:
                task.cancel()
        self._refresh()

    def _start(self, shard: Shard) -> None:
        if self._group is not None and self._session is not None:
            self._tasks[shard] = self._group.create_task(shard.run(self._session))

    @property
    def _most_symbols(self) -> int:
        return self._timing.streams_per_connection // 2

    def _add_shard(self, symbols: tuple[str, ...]) -> Shard:
        shard = Shard(
            symbols,
            new_stream=self._new_stream,
            attempts=self._attempts,
            became_ready=self._became_ready,
            changed=self._refresh,
            timing=self._timing,
            counters=self._counters,
            rng=self._rng,
        )
        self._shards.append(shard)
        self._name(symbols)
        return shard

    def _became_ready(self, shard: Shard) -> None:
        self._inquiry.watch(shard.symbols)
        self._cover.review()

    def _name(self, symbols: Iterable[str]) -> None:
        self._symbol_of.update((lower(symbol), symbol) for symbol in symbols)

    def _new_stream(self, symbols: tuple[str, ...]) -> Stream:
        return Stream(
            self._streams,
            symbols,
            hear=self._hear,
            changed=self._refresh,
            granted=self._inquiry.watch,
            timing=self._timing,
            counters=self._counters,
            now_us=self._now_us,
            rng=self._rng,
            peer=self._peer,
        )

    def _hear(self, heard: Update | Unexpected) -> None:
        if isinstance(heard, Update):
            self._inquiry.heard(heard, self._listener.update(heard))
        elif heard.stream is None:
            self._listener.unreadable(None, "malformed")
            self._inquiry.misheard(None)
        elif (symbol := self._symbol_of.get(heard.stream)) is not None:
            self._listener.unreadable(symbol, "malformed")
            self._inquiry.misheard(symbol)

    def _listed(self, symbol: str, instrument: Instrument) -> None:
        self._polling.named_again()
        self._listener.listed(symbol, instrument)
        if instrument.status != "trading":
            self._untraded.add(symbol)
            self._inquiry.forget((symbol,))
        elif symbol in self._untraded:
            # It may be one that the exchange did not list when its streams were subscribed.
            self._untraded.discard(symbol)
            for shard in self._shards:
                if symbol in shard.symbols:
                    shard.subscribe_again((symbol,))

    def _refused(self, symbols: Collection[str]) -> None:
        for symbol in symbols:
            self._listing.doubt(symbol)

    def _refresh(self) -> None:
        down = [shard for shard in self._shards if not shard.live]
        if not down:
            lacking = self._cover.lacking
            fault = "" if self._polling.ok else f": {self._polling.reason or 'no answer yet'}"
            self._link.set("binance-ws", "up", f"REST stands in for {some(lacking)}{fault}" if lacking else "")
            return
        which = "stream" if len(self._shards) == 1 else f"{len(down)} of {len(self._shards)} streams"
        reason = f"{which} down: {down[0].reason}"
        if self._polling.ok:
            unusual = f"; {self._polling.reason}" if self._polling.reason else ""
            self._link.set("binance-rest", "up", f"{reason}{unusual}")
        else:
            missing = f"; REST: {self._polling.reason}" if self._polling.reason else ""
            self._link.set("binance-ws", "down" if len(down) == len(self._shards) else "up", f"{reason}{missing}")


def _parts(symbols: tuple[str, ...], most: int) -> list[tuple[str, ...]]:
    return [symbols[start : start + most] for start in range(0, len(symbols), most)]
