"""Everything that was on the bus, to hold what clients have against it."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis.asyncio import Redis

from market.prices.tick import Tick
from market.wire.codec import decode_tick
from tests.waiting import until

_MARK = "recorder.mark"


class Recorder:
    """Everything that the poller has published, as the bus sent it."""

    def __init__(self) -> None:
        self.published: dict[str, list[int]] = defaultdict(list)
        self._bus: Redis
        self._marks = 0

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        """Listen on the bus's own server; at the end everything is here that was published by then."""
        async with Redis(port=port) as self._bus, self._bus.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.psubscribe("tick.*", _MARK)
            task = asyncio.create_task(self._listen(channel))
            try:
                yield
                await self.catch_up()
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def catch_up(self) -> None:
        """Return once everything is here that is on the bus now: the bus keeps the order, so a mark comes last."""
        awaited = self._marks + 1
        await self._bus.publish(_MARK, b"")
        await until(lambda: self._marks >= awaited)

    async def _listen(self, channel: Any) -> None:
        async for message in channel.listen():
            if message["channel"] == _MARK.encode():
                self._marks += 1
            else:
                self.record(decode_tick(message["data"]))

    def record(self, tick: Tick) -> None:
        """Note that it was on the bus just now."""
        self.published[tick.symbol].append(tick.seq)


def assert_every_tick(name: str, seqs: Sequence[int], published: Sequence[int]) -> None:
    """Check that a client has every tick of a symbol from its first one on, once and in order.

    What it has from before the first one ``published`` is passed over: a snapshot may be older than the recording.
    """
    seqs = [seq for seq in seqs if seq >= published[0]]
    first = published.index(seqs[0])
    expected = list(published[first : first + len(seqs)])
    if expected != list(seqs):
        at = next(
            (at for at, pair in enumerate(zip(expected, seqs, strict=False)) if pair[0] != pair[1]), len(expected)
        )
        raise AssertionError(
            f"{name}: after {at} ticks it has {list(seqs[at : at + 5])} where the bus had {expected[at : at + 5]}; "
            f"it lacks {sorted(set(expected) - set(seqs))[:9]} of them"
        )
