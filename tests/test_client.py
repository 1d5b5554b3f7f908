"""The tests' own client, where it comes both ways: what differs between the ways is found."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import orjson
import pytest
from websockets.asyncio.server import ServerConnection, serve

from tests.client import BothWays, Message, connected

WELCOME = {"type": "welcome"}


def tick(seq: int, bid: int = 100, kind: str = "tick") -> Message:
    """Make a message with a price."""
    return {"type": kind, "symbol": "BTCUSDT", "seq": seq, "bid": bid}


def state(word: str) -> Message:
    """Make a message with a state."""
    return {"type": "symbol_status", "symbol": "BTCUSDT", "state": word}


@asynccontextmanager
async def both_ways(straight: list[Message], front: list[Message]) -> AsyncIterator[BothWays]:
    """Two servers, each of which says its messages when it is asked, and `subscribed` behind them."""
    async with AsyncExitStack() as exits:
        urls = []
        for messages in (front, straight):

            async def talk(socket: ServerConnection, messages: list[Message] = messages) -> None:
                await socket.send(orjson.dumps(WELCOME).decode())
                async for _ in socket:
                    for message in [*messages, {"type": "subscribed"}]:
                        await socket.send(orjson.dumps(message).decode())

            server = await exits.enter_async_context(serve(talk, "127.0.0.1", 0))
            _, port = next(iter(server.sockets)).getsockname()
            urls.append(f"ws://127.0.0.1:{port}")
        url = BothWays(urls[0])
        url.straight = urls[1]
        yield url


@pytest.mark.parametrize(
    ("straight", "front", "every_tick"),
    [
        ([tick(1), tick(2), tick(3)], [tick(1, kind="snapshot"), tick(2), tick(3)], True),
        ([tick(2), tick(3)], [tick(1), tick(2)], True),
        ([tick(1), tick(2), tick(3)], [tick(1), tick(3)], False),
        ([state("stale"), state("live")], [state("halted"), state("stale"), state("live")], True),
    ],
    ids=["a snapshot for a tick", "a moment earlier", "conflated otherwise", "a state of before"],
)
async def test_what_comes_of_the_moment_is_no_difference(
    straight: list[Message], front: list[Message], every_tick: bool
) -> None:
    """Who comes a moment later has a snapshot in place of a tick, and not the states of before."""
    async with both_ways(straight, front) as url, connected(url) as client:
        await client.subscribe("BTCUSDT", conflate=not every_tick)


@pytest.mark.parametrize(
    ("straight", "front"),
    [
        ([tick(1), tick(2)], [tick(1), tick(2, bid=101)]),
        ([tick(1), tick(2), tick(3)], [tick(1), tick(3)]),
        ([tick(1), tick(3)], [tick(1), tick(2), tick(3)]),
        ([state("stale"), state("live")], [state("live"), state("stale")]),
        ([state("stale")], [state("halted")]),
    ],
    ids=["another price", "a tick less", "a tick more", "another order", "another state"],
)
async def test_a_difference_between_the_ways_is_found(straight: list[Message], front: list[Message]) -> None:
    """A price, a tick or a state that only one of them had fails the test whose clients they are."""
    with pytest.raises(AssertionError):
        async with both_ways(straight, front) as url, connected(url) as client:
            await client.subscribe("BTCUSDT", conflate=False)


async def test_a_gap_counts_from_the_first_live_on() -> None:
    """What was held then must be followed by the next number; without any `live` every gap counts."""

    def status(feed: str) -> Message:
        return {"type": "status", "feed": feed}

    for messages, gaps in (
        ([status("stale"), tick(1), tick(4), status("live"), tick(5), tick(6)], []),
        ([status("stale"), tick(1), tick(4), status("live"), tick(6)], [("BTCUSDT", 4, 6)]),
        ([status("live"), tick(1), status("stale"), tick(3), status("live"), tick(4)], [("BTCUSDT", 1, 3)]),
        ([tick(1), tick(3)], [("BTCUSDT", 1, 3)]),
    ):
        async with both_ways(messages, messages) as url, connected(url.straight) as client:
            await client.subscribe("BTC")
            assert gaps == client.gaps()
