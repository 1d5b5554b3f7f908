"""An exchange by its streams; REST replaces them if they fail, for all symbols or for one."""

import asyncio
import random
from collections.abc import Callable, Collection, Iterable, Mapping

import aiohttp
from msgspec import structs

from market.prices.instruments import Instrument
from market.process.tasks import Group
from poller.coverage.cover import Cover
from poller.coverage.feed_link import FeedLink
from poller.coverage.heartbeats import Heartbeats
from poller.coverage.inquiry import Inquiry
from poller.coverage.streams import Streams
from poller.coverage.watch import NoStandIn, StandIn, Watch
from poller.network.backoff import Backoff
from poller.network.counters import Counters
from poller.network.endpoints import Endpoints
from poller.network.exchange_link import ExchangeLink
from poller.network.handshake import stream_session
from poller.network.pacing import RollingLimit
from poller.rest.client import RestClient
from poller.rest.polling import Polling, Questions
from poller.rest.timing import RestTiming
from poller.source import LinkState, Listener, NullListener, Update
from poller.stream.connection import Connection
from poller.stream.dialect import Alive, Unexpected
from poller.stream.peer import Peer
from poller.stream.shard import Shard
from poller.stream.timing import StreamTiming


class StreamSource:
    """A `poller.source.Source` on an exchange's streams.

    Streams send only changes, and many replay nothing. If the exchange has prices by REST, the prices of a new
    connection's symbols are requested once; an answer counts only if no stream brought a newer price meanwhile. REST
    also settles doubts about single symbols, and stands in for failed streams.
    """

    def __init__(
        self,
        symbols: Iterable[str],
        streams: Streams,
        endpoints: Endpoints | str,
        *,
        now_us: Callable[[], int],
        rng: random.Random,
        timing: StreamTiming | None = None,
        rest_timing: RestTiming | None = None,
    ) -> None:
        """Serve ``symbols``; ``now_us`` is the wall clock, ``rng`` the randomness of backoff and renewal."""
        symbols = tuple(symbols)
        timing, rest_timing = timing or StreamTiming(), rest_timing or RestTiming()
        self._own = streams
        self._limits = streams.limits
        self._endpoints = Endpoints.of(streams.what, endpoints)
        self._now_us = now_us
        self._rng = rng
        self._timing = timing
        self._rest_timing = rest_timing
        self._counters = Counters()
        self._link = ExchangeLink(streams.source, now_us)
        self._listener: Listener = NullListener()
        self._client = RestClient(streams.rest_url, streams.rest_dialect, rest_timing, self._counters, now_us)
        self._listing = streams.listing(self._client, symbols, rest_timing, self._listed)
        self._attempts = RollingLimit(self._limits.connects_per_window, self._limits.connect_window_s)
        self._peer = Peer()
        self._shards: list[Shard] = []
        for part in _parts(symbols, self._limits.symbols_per_connection):
            self._add_shard(part)
        self._polling: Polling | None = None
        self._stand_in: StandIn = NoStandIn()
        if streams.questions is None:
            self._watch: Watch = Heartbeats(
                self._limits.received_within_s,
                unusable_s=timing.doubts.unusable_s,
                grace_s=timing.grace_s,
                doubt=self._listing.doubt,
            )
        else:
            self._stand_in = self._polling = self._new_polling(streams.questions)
            self._watch = self._new_inquiry(self._polling, streams.questions)
        self._cover = Cover(
            self._stand_in,
            self._listing,
            self._shards,
            verdicts=self._watch.verdicts,
            listener=lambda: self._listener,
            timing=timing,
            trust_s=rest_timing.quiet_s,
            counters=self._counters,
        )
        self._feed_link = FeedLink(
            streams,
            self._link,
            self._shards,
            self._stand_in,
            cover=self._cover,
            watch=self._watch,
            is_traded=self._listing.is_traded,
            grace_s=timing.grace_s,
        )
        self._untraded: set[str] = set()
        self._tasks: dict[Shard, asyncio.Task[None]] = {}
        self._group: Group | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def state(self) -> LinkState:
        """Up while prices arrive, by streams or by REST; the reason says what is unusual."""
        return self._link.state

    @property
    def counters(self) -> dict[str, int]:
        """The counters, by the names of `poller.network.counters.Counters`."""
        return structs.asdict(self._counters)

    async def instruments(self) -> Mapping[str, Instrument]:
        """As `poller.source.Source.instruments`."""
        backoff = Backoff(self._rest_timing.backoff_base_s, self._rest_timing.backoff_cap_s, self._rng)
        async with self._client:
            found = await self._listing.first(backoff, lambda reason: self._link.set(self._own.source, "down", reason))
        self._untraded = {symbol for symbol in found if not self._listing.is_traded(symbol)}
        return found

    async def run(self, listener: Listener) -> None:
        """As `poller.source.Source.run`."""
        self._listener = listener
        async with self._client, stream_session() as session, Group() as group:
            self._group, self._session = group, session
            self._refresh()
            for shard in self._shards:
                self._start(shard)
            group.create_task(self._listing.run())
            group.create_task(self._watch.run())
            group.create_task(self._cover.run(self._watch.stand_in))
            group.create_task(self._review())

    async def _review(self) -> None:
        while True:
            await asyncio.sleep(self._timing.review_s)
            for shard in self._shards:
                if not shard.live:
                    self._watch.lost(shard.symbols, shard.lost_at)
            self._cover.review()
            self._refresh()

    def doubt(self, symbol: str) -> None:
        """As `poller.source.Source.doubt`."""
        self._listing.doubt(symbol)

    def serve(self, symbols: Iterable[str]) -> None:
        """As `poller.source.Source.serve`: new symbols go to shards with room."""
        wanted = dict.fromkeys(symbols)
        held = {symbol for shard in self._shards for symbol in shard.symbols}
        gone, new = held - wanted.keys(), tuple(symbol for symbol in wanted if symbol not in held)
        self._watch.forget(gone)
        self._untraded &= wanted.keys()
        self._listing.serve(wanted)
        for shard in self._shards:
            removed = tuple(symbol for symbol in shard.symbols if symbol in gone)
            room = self._limits.symbols_per_connection - len(shard.symbols) + len(removed)
            added, new = new[:room], new[room:]
            if added or removed:
                shard.serve(added, removed)
        for part in _parts(new, self._limits.symbols_per_connection):
            self._start(self._add_shard(part))
        for shard in [shard for shard in self._shards if not shard.symbols]:
            self._shards.remove(shard)
            if (task := self._tasks.pop(shard, None)) is not None:
                task.cancel()
        self._refresh()

    def _start(self, shard: Shard) -> None:
        if self._group is not None and self._session is not None:
            self._tasks[shard] = self._group.create_task(shard.run(self._session))

    def _add_shard(self, symbols: tuple[str, ...]) -> Shard:
        shard = Shard(
            symbols,
            new_connection=self._new_connection,
            attempts=self._attempts,
            became_ready=self._became_ready,
            changed=self._refresh,
            timing=self._timing,
            counters=self._counters,
            rng=self._rng,
        )
        self._shards.append(shard)
        return shard

    def _became_ready(self, shard: Shard) -> None:
        self._watch.watch(shard.symbols, shard.quoted)
        self._cover.review()

    def _asked(self) -> None:
        """REST was asked for the prices that new streams missed."""
        self._cover.review()
        self._refresh()

    def _new_polling(self, questions: Questions) -> Polling:
        return Polling(
            self._client,
            questions,
            lambda: self._cover.symbols(),
            timing=self._rest_timing,
            counters=self._counters,
            now_us=self._now_us,
            rng=self._rng,
            changed=self._refresh,
            answered=lambda found, missing: self._cover.answered(found, missing),
            refused=self._doubt_all,
        )

    def _new_inquiry(self, polling: Polling, questions: Questions) -> Inquiry:
        return Inquiry(
            polling,
            self._listing,
            report=lambda update: self._listener.update(update),
            timing=self._timing,
            rest_timing=self._rest_timing,
            counters=self._counters,
            rng=self._rng,
            summaries_at_once=questions.summaries_at_once,
            asked=self._asked,
        )

    def _new_connection(self, symbols: tuple[str, ...]) -> Connection:
        return Connection(
            self._endpoints,
            self._own.dialect(),
            self._limits,
            symbols,
            pass_on=self._received,
            changed=self._refresh,
            granted=self._watch.watch,
            refused=self._doubt_all,
            timing=self._timing,
            counters=self._counters,
            now_us=self._now_us,
            rng=self._rng,
            peer=self._peer,
        )

    def _received(self, received: Update | Alive | Unexpected) -> None:
        match received:
            case Update():
                self._watch.received(received, self._listener.update(received))
            case Alive():
                self._watch.alive(received.symbol)
            case Unexpected(symbol=None):
                self._listener.unreadable(None, "malformed")
                self._watch.unreadable(None)
            case Unexpected(symbol=symbol) if any(symbol in shard.symbols for shard in self._shards):
                self._listener.unreadable(symbol, "malformed")
                self._watch.unreadable(symbol)

    def _listed(self, symbol: str, instrument: Instrument) -> None:
        if self._polling is not None:
            self._polling.named_again()
        self._listener.listed(symbol, instrument)
        if instrument.status != "trading":
            self._untraded.add(symbol)
            self._watch.forget((symbol,))
        elif symbol in self._untraded:
            # The exchange may not have listed it when its streams were subscribed.
            self._untraded.discard(symbol)
            for shard in self._shards:
                if symbol in shard.symbols:
                    shard.subscribe_again((symbol,))

    def _doubt_all(self, symbols: Collection[str]) -> None:
        for symbol in symbols:
            self._listing.doubt(symbol)

    def _refresh(self) -> None:
        self._feed_link.refresh()


def _parts(symbols: tuple[str, ...], most: int) -> list[tuple[str, ...]]:
    return [symbols[start : start + most] for start in range(0, len(symbols), most)]
