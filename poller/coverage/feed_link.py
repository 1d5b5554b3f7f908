"""The link to the exchange as a whole: up while prices arrive, by streams or by REST."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from poller.coverage.cover import Cover, some
from poller.coverage.staleness import UNPRICED
from poller.coverage.streams import Streams
from poller.coverage.watch import StandIn, Watch
from poller.network.exchange_link import ExchangeLink
from poller.stream.shard import Shard


class FeedLink:
    """Decides the state of an `ExchangeLink`; its reason says what is unusual.

    Streams that are connected are not enough after an interruption: the last price is from before it. The link is up
    again with the first price, but not before REST has answered, or failed: in an answer are the prices of all symbols
    that are quiet, and until then each of them would be called stale by itself.
    """

    def __init__(
        self,
        streams: Streams,
        link: ExchangeLink,
        shards: Sequence[Shard],
        stand_in: StandIn,
        *,
        cover: Cover,
        watch: Watch,
        is_traded: Callable[[str], bool],
        grace_s: float,
    ) -> None:
        """``watch`` knows of which symbols a price has come. One is waited for ``grace_s`` seconds."""
        self._own = streams
        self._link = link
        self._shards = shards
        self._stand_in = stand_in
        self._cover = cover
        self._watch = watch
        self._is_traded = is_traded
        self._grace_s = grace_s
        self._clock = asyncio.get_running_loop().time
        self._waits_until: float | None = None
        """While streams are new, and no price has come: until when the link is down for that."""

    def refresh(self) -> None:
        """Set the state that holds now."""
        source, stand_in = self._own.source, self._stand_in
        # A connection that is ready counts once its symbols are watched.
        live = [shard for shard in self._shards if shard.live and shard.lost_at is None]
        down = [shard for shard in self._shards if shard not in live]
        waits = self._waits(live)
        if not down:
            self._link.set(source, "down" if waits else "up", UNPRICED if waits else self._lacking())
            return
        which = "stream" if len(self._shards) == 1 else f"{len(down)} of {len(self._shards)} streams"
        reason = f"{which} down: {down[0].reason}"
        if stand_in.ok:
            unusual = f"; {stand_in.reason}" if stand_in.reason else ""
            self._link.set(self._own.stand_in, "up", f"{reason}{unusual}")
        else:
            missing = f"; REST: {stand_in.reason}" if stand_in.reason else ""
            self._link.set(source, "up" if live and not waits else "down", f"{reason}{missing}")

    def _waits(self, live: Iterable[Shard]) -> bool:
        """Whether the link was down, and no price has come yet by the ``live`` streams, or REST may still have more.

        Only for the grace: then each symbol's own state says that its price is not known, and none waits for ever
        where nothing is traded.
        """
        if (
            self._link.state.link == "up"
            or self._stand_in.ok
            or not (traded := [symbol for shard in live for symbol in shard.symbols if self._is_traded(symbol)])
            or not (self._watch.is_asking or self._watch.unpriced(traded))
        ):
            self._waits_until = None
            return False
        if self._waits_until is None:
            self._waits_until = self._clock() + self._grace_s
        return self._clock() < self._waits_until

    def _lacking(self) -> str:
        """What is unusual though every stream is live."""
        if not (lacking := self._cover.lacking):
            return ""
        if self._own.questions is None:
            return f"nothing comes of {some(lacking)}"
        fault = "" if self._stand_in.ok else f": {self._stand_in.reason or 'no answer yet'}"
        return f"REST stands in for {some(lacking)}{fault}"
