"""A bus as poller and gateway use it: ticks and heartbeats in, and out."""

import asyncio
from collections.abc import Iterable, Sequence

from market.bus import Batch, Bus, BusDownError, BusSubscription, Message, Token, open_bus
from market.prices.tick import Tick
from market.prices.venues import DEFAULT_VENUE
from market.wire.codec import encode_heartbeat, encode_states, encode_tick
from market.wire.status import Heartbeat, States
from market.wire.topics import HEARTBEAT, heartbeat_topic, last_ticks, states_topic, tick_topic
from tests.market.bus.receivers import RecordingReceiver
from tests.market.samples import tick
from tests.waiting import HANGS_AFTER_S

SOON = 0.05
"""A time to live that a test waits for the end of."""
LATER = SOON + 0.005
"""One that ends surely after `SOON`, if it begins no earlier.

Not as long as that: servers count in whole milliseconds, and some end a value with its last one, others with the next.
"""


def batch_of(ticks: Sequence[Tick], heartbeat: Heartbeat | None = None, states: States | None = None) -> Batch:
    """What a poller older than batches publishes: each tick on its symbol's topic, and the heartbeat behind them."""
    venue = DEFAULT_VENUE if heartbeat is None else heartbeat.venue
    return Batch(
        updates=[(tick_topic(tick.symbol), encode_tick(tick)) for tick in ticks],
        values=() if states is None else ((states_topic(venue), encode_states(states)),),
        barrier=None if heartbeat is None else (heartbeat_topic(venue), encode_heartbeat(heartbeat)),
    )


async def publish(
    bus: Bus,
    ticks: Sequence[Tick] = (),
    heartbeat: Heartbeat | None = None,
    *,
    states: States | None = None,
    token: Token | None = None,
) -> None:
    """Publish as a poller older than batches does."""
    await bus.broker.publish(batch_of(ticks, heartbeat, states), token=token)


async def lead(bus: Bus, owner: str = "we", ttl_s: float = 30) -> Token | None:
    """Take or extend the lease ``test``."""
    return await bus.leadership.acquire("test", owner, ttl_s)


async def until_free(bus: Bus, owner: str = "we", ttl_s: float = 30, *, lease: str = "test") -> Token:
    """Try until ``owner`` has the lease."""
    async with asyncio.timeout(HANGS_AFTER_S):
        while (token := await bus.leadership.acquire(lease, owner, ttl_s)) is None:  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.002)
    return token


async def listen(bus: Bus, symbols: Iterable[str], receiver: RecordingReceiver) -> BusSubscription:
    """Have ``receiver`` record ``(symbol, payload)`` of the ticks of ``symbols``, and ``("heartbeat", payload)``."""
    names = {HEARTBEAT: "beat"} | {tick_topic(symbol): symbol for symbol in symbols}

    def receive(batch: Sequence[Message]) -> None:
        receiver.receive([(names[topic], payload) for topic, payload in batch])

    return await bus.broker.subscribe(names, receive)


async def outcome_of(what: Bus | str) -> str:
    """Empty where a bus, or the one of a URL, can be used with every kind of connection there is; else why not."""
    bus = open_bus(what) if isinstance(what, str) else what
    receiver = RecordingReceiver()
    try:
        link = await listen(bus, ["BTCUSDT"], receiver)
        try:
            await publish(bus, [tick()])
            await receiver.until_count(1)
        finally:
            link.close()
        assert list(await last_ticks(bus.last_values)) == ["BTCUSDT"]
    except BusDownError as error:
        return str(error)
    finally:
        if isinstance(what, str):
            await bus.aclose()
    return ""
