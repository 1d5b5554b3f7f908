"""Dead peers are found, living ones stay; on a virtual clock."""

import asyncio
import itertools

from gateway.websocket.connection import Connection
from gateway.websocket.framing.frames import PONG
from gateway.websocket.keepalive import FIRST_S, Keepalive
from gateway.websocket.numbered_pings import ping
from tests.client_frames import client_frame
from tests.fakes import run_virtual
from tests.gateway.websocket.test_connection import Busy, Setup, StubbornTransport


def connection() -> tuple[Connection, StubbornTransport]:
    """Make a connection, and its transport."""
    setup = Setup()
    return setup.connection, setup.transport


def pong(number: int) -> bytes:
    """A client's answer to that ping, in one frame."""
    return client_frame(0x80 | PONG, ping(number)[2:])


async def run_for(keepalive: Keepalive, seconds: float) -> None:
    """Run the heartbeat for this long."""
    sweep = asyncio.create_task(keepalive.run())
    await asyncio.sleep(seconds)
    sweep.cancel()


def test_a_silent_peer_is_pinged_and_then_cut_off() -> None:
    """Within one and a half heartbeats a peer that answers nothing is gone, not before one ping."""

    async def main() -> None:
        silent, transport = connection()
        keepalive = Keepalive(20, lambda _: False, itertools.count(1).__next__)
        keepalive.add(silent)
        await run_for(keepalive, 9)
        assert [ping(1)] == transport.written
        await run_for(keepalive, 12)
        assert [ping(1), ping(2)] == transport.written
        assert not transport.aborted
        await run_for(keepalive, 10)
        assert transport.aborted

    run_virtual(main())


def test_a_peer_that_answers_lives_on() -> None:
    """Anything received counts as life, and the pings continue."""

    async def main() -> None:
        living, transport = connection()
        keepalive = Keepalive(20, lambda _: False, itertools.count(1).__next__)
        keepalive.add(living)
        for _ in range(10):
            await run_for(keepalive, 18)
            living.received = True
        assert not transport.aborted
        assert len(transport.written) >= 5

    run_virtual(main())


def test_a_laggard_is_left_to_its_own_timeout() -> None:
    """A slow client is not cut off for a ping that it cannot have read; after it caught up it is pinged again."""

    async def main() -> None:
        slow, transport = connection()
        lagging = {slow}
        keepalive = Keepalive(20, lagging.__contains__, itertools.count(1).__next__)
        keepalive.add(slow)
        await run_for(keepalive, 100)
        assert [] == transport.written
        lagging.clear()
        while not transport.written:
            keepalive.sweep_slice()
        assert [ping(1)] == transport.written
        assert not transport.aborted

    run_virtual(main())


def test_how_far_a_client_reads_is_asked_soon_and_then_once_per_heartbeat() -> None:
    """Also of one that sends something all the time: its own pings do not say what it has read."""

    async def main() -> None:
        busy, transport = connection()
        late: list[Connection] = []
        keepalive = Keepalive(20, lambda _: False, itertools.count(1).__next__, late.append)
        keepalive.add(busy)
        sweeping = asyncio.create_task(keepalive.run())
        await asyncio.sleep(FIRST_S - 0.5)
        assert [] == transport.written
        for number in range(1, 6):
            for _ in range(80):
                await asyncio.sleep(0.25)
                busy.received = True
                if busy.pinged:
                    busy.data_received(pong(busy.pinged))
            assert number <= len(transport.written) <= number + 1
        sweeping.cancel()
        assert ([], False) == (late, transport.aborted)

    run_virtual(main())


def test_a_late_answer_is_reported_once_and_before_it_comes() -> None:
    """A second after the ping, if nothing waits for us to be read, and it is no slow consumer already."""

    async def main() -> None:
        reader, transport = connection()
        late: list[Connection] = []
        lagging: set[Connection] = set()
        keepalive = Keepalive(20, lagging.__contains__, itertools.count(1).__next__, late.append, late_s=1.0)
        keepalive.add(reader)
        await run_for(keepalive, FIRST_S + 0.9)
        assert ([ping(1)], []) == (transport.written, late)
        await run_for(keepalive, 1)
        assert [reader] == late
        for _ in range(5):
            await run_for(keepalive, 2)
            reader.received = True
        assert [reader] == late
        reader.data_received(pong(1))
        lagging.add(reader)
        await run_for(keepalive, 60)
        assert [reader] == late

    run_virtual(main())


def test_many_late_answers_are_reported_a_few_at_a_time() -> None:
    """Each gets its newest prices at once, and the others must not wait for that."""

    async def main() -> None:
        late: list[Connection] = []
        keepalive = Keepalive(20, lambda _: False, itertools.count(1).__next__, late.append, late_s=1.0)
        for _ in range(40):
            keepalive.add(connection()[0])
        await run_for(keepalive, FIRST_S + 0.5)
        await asyncio.sleep(1)
        for count in (16, 32, 40, 40):
            keepalive.sweep_slice()
            assert count == len(late)

    run_virtual(main())


def test_who_was_taken_out_is_not_looked_at() -> None:
    """A connection that has gone is neither pinged nor kept."""

    async def main() -> None:
        gone, transport = connection()
        keepalive = Keepalive(20, lambda _: False, itertools.count(1).__next__)
        keepalive.add(gone)
        keepalive.remove(gone)
        await run_for(keepalive, 100)
        assert [] == transport.written

    run_virtual(main())


def test_the_work_is_spread() -> None:
    """The pings of a thousand connections that came evenly are spread over time."""

    async def main() -> None:
        keepalive = Keepalive(32, lambda _: False, itertools.count(1).__next__)
        transports = []
        for _ in range(64):
            one, transport = connection()
            keepalive.add(one)
            transports.append(transport)
            await run_for(keepalive, 0.5001)
        most = 0
        before = sum(len(transport.written) for transport in transports)
        for _ in range(32):
            keepalive.sweep_slice()
            after = sum(len(transport.written) for transport in transports)
            most = max(most, after - before)
            before = after
        assert 0 < most <= 3

    run_virtual(main())


def test_a_peer_whose_answer_waits_for_us_is_alive() -> None:
    """A peer whose answer waits to be read is not cut off for silence."""

    async def main() -> None:
        await asyncio.sleep(1)
        busy = Busy()
        [living], [transport] = busy.connections, busy.transports
        keepalive = Keepalive(20, lambda _: False, itertools.count(1).__next__)
        keepalive.add(living)
        busy.keep_busy()
        transport.receive(b"\x8a")
        for _ in range(200):
            keepalive.sweep_slice()
        assert ping(1) + ping(2) == transport.written
        assert not transport.aborted

    run_virtual(main())
