"""A client that only looks, at gateways that play a script."""

import asyncio
import time

from websockets.asyncio.server import ServerConnection

from deploy.chaos.observer import Observer, Sight, look
from tests.deploy.watch.gateways import Gateway, greet, say, tick
from tests.waiting import until

STALE = {"type": "status", "feed": "stale", "reason": "", "source": "", "since_us": 1, "venue": "binance"}


async def test_silence_counts_while_it_is_not_announced() -> None:
    """Prices that are called stale may be old; a lost connection is made again."""
    stale, leave = asyncio.Event(), asyncio.Event()

    async def play(socket: ServerConnection) -> None:
        await greet(socket, "BTCUSDT")
        await say(socket, tick("BTCUSDT", 100) | {"recv_us": time.time_ns() // 1000})
        await stale.wait()
        await say(socket, STALE)
        await leave.wait()

    async with Gateway(play).serving() as gateway:
        observer, sight = Observer(gateway.url, ["BTC"], None), Sight()
        tasks = [asyncio.create_task(observer.run())]
        await until(lambda: observer.is_live and observer.newest_us)
        tasks.append(asyncio.create_task(look([observer], sight)))
        await until(lambda: sight and sight[-1][1] > 0.15)
        assert observer.age_s > 0.15
        stale.set()
        await until(lambda: not observer.is_live)
        seen = len(sight)
        await until(lambda: len(sight) > seen + 1)
        assert (0.0, True) == (sight[-1][1], sight[-1][2] > 0.15)
        leave.set()
        await until(lambda: observer.connections == 2)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_late_prices_are_old_however_many_come() -> None:
    """Their age is that of the exchange's message, and not the time since they came."""

    async def play(socket: ServerConnection) -> None:
        await greet(socket, "BTCUSDT")
        while True:
            await say(socket, tick("BTCUSDT", 100) | {"recv_us": time.time_ns() // 1000 - 5_000_000})
            await asyncio.sleep(0.02)

    async with Gateway(play).serving() as gateway:
        observer = Observer(gateway.url, ["BTC"], None)
        running = asyncio.create_task(observer.run())
        await until(lambda: observer.is_live and observer.newest_us)
        assert observer.age_s >= 5
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_old_prices_count_from_the_first_moment_after_stale() -> None:
    """A gateway that calls prices live has current ones: nothing is forgiven."""
    again = asyncio.Event()

    async def play(socket: ServerConnection) -> None:
        await greet(socket, "BTCUSDT")
        await say(socket, tick("BTCUSDT", 100) | {"recv_us": time.time_ns() // 1000 - 9_000_000})
        await say(socket, STALE)
        await again.wait()
        await say(socket, STALE | {"feed": "live"})
        await socket.wait_closed()

    async with Gateway(play).serving() as gateway:
        observer = Observer(gateway.url, ["BTC"], None)
        running = asyncio.create_task(observer.run())
        await until(lambda: observer.newest_us and not observer.is_live)
        again.set()
        await until(lambda: observer.is_live)
        assert observer.age_s >= 9
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_gateway_that_will_not_serve_it_is_said() -> None:
    """Nothing can be looked at."""
    async with Gateway(401).serving() as gateway:
        observer = Observer(gateway.url, [], None)
        await observer.run()
    assert "does not take this token" in observer.problem
    assert not observer.is_live
